"""How a keeper stands, kept in its journal: what it last read of the vault, and what stops it. So
others see it without its metrics, and after its end."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from strongroom.chain.times import is_over
from strongroom.journal import Journal
from strongroom.strategy.view import VaultState

FACT = "standing of the keeper"
AGAIN_S = 60  # what has not changed is said again, as a sign of life
CHANGED_S = 10  # what has changed is kept no more often


@dataclass(frozen=True)
class Standing:
    """A keeper after a tick.

    Attributes:
        at: of the tick, timestamp by the chain; where that does not answer, by this machine
        wrote_at: timestamp by this machine
        mode: ask, live or paper
        halts: what stops decisions, and why
        ended: it has ended since, in order
        state: of the vault; None: the chain did not say
        seen_at: of the tick that read the vault, timestamp; None: none did
    """

    at: int
    wrote_at: int
    mode: str
    halts: Mapping[str, str] = field(default_factory=dict)
    ended: bool = False
    state: VaultState | None = None
    seen_at: int | None = None


_ADAPTER = TypeAdapter(Standing)


def opening_fact(now: int) -> str:
    """Return under which name the journal has what a share was worth when a moment's day (UTC)
    began."""
    return f"share price of {datetime.fromtimestamp(now, UTC):%Y-%m-%d}"


@dataclass
class StandingKeeper:
    """Keeps it: halts at once, the vault when it has changed, all of it once a minute."""

    journal: Journal
    mode: str
    clock: Callable[[], float] = time.time
    last: Standing | None = None

    def see(self, at: int, halts: Mapping[str, str], state: VaultState | None) -> None:
        """Take what a tick has seen. A vault that could not be read stays as it was read last."""
        seen_at: int | None = at
        if state is None:
            before = self.last or kept_standing(self.journal)
            state, seen_at = (None, None) if before is None else (before.state, before.seen_at)
        found = Standing(at, int(self.clock()), self.mode, dict(halts), False, state, seen_at)
        if self._is_due(found):
            self._keep(found)

    def end(self) -> None:
        """Take that the keeper ends in order."""
        if self.last is not None:
            self._keep(replace(self.last, wrote_at=int(self.clock()), ended=True))

    def _is_due(self, found: Standing) -> bool:
        last = self.last
        if last is None or last.halts.keys() != found.halts.keys():
            return True
        return is_over(last.at, CHANGED_S if last.state != found.state else AGAIN_S, found.at)

    def _keep(self, found: Standing) -> None:
        self.journal.keep(FACT, _ADAPTER.dump_json(found).decode())
        self.last = found


def kept_standing(journal: Journal) -> Standing | None:
    """Return how a journal's keeper stood when it last said so; None: it never did, or another
    release has, whose words are not these."""
    text = journal.fact(FACT)
    if text is None:
        return None
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError:
        return None
