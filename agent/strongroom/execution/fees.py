"""What our transactions pay a gas: what the chain shows, and at least what nodes have asked for.

Some chains have a least tip that no block shows (25 gwei on Polygon, while the tips of empty blocks
are 0). It is in the configuration, or is learnt from the first refusal; what was learnt is in the
journal for a day.
"""

from dataclasses import dataclass
from typing import Protocol

from strongroom.chain.failures import FeeTooLow
from strongroom.chain.units import DAY, GWEI
from strongroom.execution.interfaces import Listener

LEAST_TIP, LEAST_BASE = "least tip", "least base fee"  # facts of the journal: wei, and when
STEP = 4  # times as much is offered where a refusal names no figure
REMEMBERED_S = DAY


@dataclass(frozen=True)
class FeeRules:
    """Bounds of what is paid, wei a gas; what would cost more waits."""

    least_tip: int = 0
    most: int = 10_000 * GWEI


@dataclass(frozen=True)
class Offer:
    """A transaction's tip, and the most that it pays with it; wei a gas."""

    tip: int
    fee: int


DEFAULT_RULES = FeeRules()


class Facts(Protocol):
    """Single values that outlive the process, as journal.Journal keeps them."""

    def fact(self, name: str) -> str | None:
        """Return a value."""

    def keep(self, name: str, value: str) -> None:
        """Keep a value."""


class FeeChain(Protocol):
    """What the chain says of fees; raises ChainAway."""

    def suggested_tip(self) -> int:
        """Return the tip that the node suggests; 0: none."""

    def now(self) -> int:
        """Return the newest block's timestamp."""


class FeeOffers:
    """Says what to offer, and learns from refusals."""

    def __init__(
        self,
        facts: Facts,
        chain: FeeChain,
        rules: FeeRules = DEFAULT_RULES,
        on_event: Listener = lambda event, fields: None,
    ) -> None:
        """Take the parts; `on_event` is called when a floor is learnt."""
        self._facts, self._chain, self.rules, self._on_event = facts, chain, rules, on_event

    def offer(self, shown: tuple[int, int], now: int) -> Offer:
        """Return what to pay.

        Args:
            shown: by the chain: the last block's middle tip, and a fee with room; wei a gas
            now: the newest block's timestamp
        """
        tip, fee = shown
        room = fee - tip
        tip = max(tip, self.rules.least_tip, self.learnt(LEAST_TIP, now))
        return Offer(tip, max(room, 2 * self.learnt(LEAST_BASE, now)) + tip)

    def learn(self, refused: FeeTooLow, offered: Offer) -> bool:
        """Keep what a refusal asks for; return whether the next offer is higher."""
        now = self._chain.now()
        tip, base = refused.tip, refused.base
        if tip is None and base is None:
            tip = max(STEP * offered.tip, GWEI, self._chain.suggested_tip())
        learnt = False
        for name, least, had in (
            (LEAST_TIP, tip, offered.tip),
            (LEAST_BASE, base, (offered.fee - offered.tip) // 2),
        ):
            if least is not None and had < least <= self.rules.most:
                self._facts.keep(name, f"{least} {now}")
                self._on_event("fee_floor", {"what": name, "wei": least, "why": str(refused)})
                learnt = True
        return learnt

    def learnt(self, name: str, now: int) -> int:
        """Return a floor that was learnt within a day, wei; 0: none."""
        return learnt_floor(self._facts, name, now)


def learnt_floor(facts: Facts, name: str, now: int) -> int:
    """Return a floor that the journal has, wei; 0: none, or an old one."""
    wei, _, at = (facts.fact(name) or "0 0").partition(" ")
    return int(wei) if now - int(at) <= REMEMBERED_S else 0
