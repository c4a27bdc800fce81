"""How the markets of each event hang together, and when it is decided and paid."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from strongroom.analysis.fair_null import Joint
from strongroom.backtest.data import PriceHistory
from strongroom.backtest.engine import MS

ROUNDING = 1e-6  # outcomes are known to it


@dataclass(frozen=True)
class EventShape:
    """How an event's markets hang together.

    Attributes:
        markets: in the order of their thresholds, where they are a ladder's
        paid_at: when the last of them pays
        over_at: when trading in the last of them is over
    """

    joint: Joint
    markets: tuple[str, ...]
    paid_at: int
    over_at: int

    @property
    def date(self) -> str:
        """The day on which it is decided: a payout that waits for a dispute is no other news."""
        return f"{datetime.fromtimestamp(self.over_at, UTC):%Y-%m-%d}"


def shapes_of(history: PriceHistory) -> dict[str, EventShape]:
    """Return event -> shape: ladders by their thresholds, outcomes of one negative-risk event, and
    markets of which nothing is known to hang together, or whose outcomes say that they do not."""
    found = {}
    order = sorted(
        range(len(history.markets)),
        key=lambda n: (history.markets[n].event, history.thresholds[n]),
    )
    for event, numbers in groupby(order, key=lambda n: history.markets[n].event):
        members = list(numbers)
        thresholds = {history.thresholds[n] for n in members}
        if len(members) == 1 or len(thresholds) == len(members):
            joint = Joint.LADDER  # a market alone is a ladder of one rung
        elif len({history.markets[n].event_id for n in members} - {None}) == 1 and all(
            history.markets[n].negative_risk for n in members
        ):
            joint = Joint.EXCLUSIVE
        else:
            joint = Joint.UNKNOWN
        if _contradicts(joint, [history.outcomes[n] for n in members]):
            joint = Joint.UNKNOWN
        names = tuple(history.markets[n].condition_id for n in members)
        listed = [history.listed[n] for n in members]
        paid_at = max(each.pays_at for each in listed)
        over_ms = max(each.ends_ms for each in listed)
        found[event] = EventShape(joint, names, paid_at, over_ms // MS)
    return found


def _contradicts(joint: Joint, paid: list[float]) -> bool:
    """Whether what YES of each market paid cannot be so: of a ladder the higher at most what the
    lower did, of exclusive outcomes one in all."""
    if joint is Joint.LADDER:
        return paid != sorted(paid, reverse=True)
    return joint is Joint.EXCLUSIVE and sum(paid) > 1 + ROUNDING
