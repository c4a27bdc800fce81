"""How sources and ticks are, kept in the journal, so that others can say it from outside."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from strongroom.chain.times import is_over
from strongroom.information.endpoint import Health
from strongroom.journal import Journal

FACT = "health of sources"
KEEP_EVERY_S = 60


@dataclass(frozen=True)
class SourcesHealth:
    """How the sources were at a moment (timestamp)."""

    at: int
    sources: tuple[Health, ...] = ()


_ADAPTER = TypeAdapter(SourcesHealth)


@dataclass
class HealthKeeper:
    """Keeps it now and then, and when a source begins or ends to be wrong."""

    journal: Journal
    last: SourcesHealth = field(default_factory=lambda: SourcesHealth(0))

    def see(self, now: int, sources: Sequence[Health]) -> None:
        """Take how the sources are at a moment."""
        found = SourcesHealth(now, tuple(sources))
        changed = _wrong(found) != _wrong(self.last)
        if changed or is_over(self.last.at, KEEP_EVERY_S, now):
            self.journal.keep(FACT, _ADAPTER.dump_json(found).decode())
            self.last = found


def kept_health(journal: Journal) -> SourcesHealth | None:
    """Return how the sources were when a keeper of the journal last said so; None: it never did."""
    text = journal.fact(FACT)
    return None if text is None else _ADAPTER.validate_json(text)


def _wrong(found: SourcesHealth) -> set[str]:
    return {each.name for each in found.sources if each.wrong}
