"""How the markets of each event hang together, and when it is resolved."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from strongroom.analysis.fair_null import Joint
from strongroom.backtest.data import PriceHistory


@dataclass(frozen=True)
class EventShape:
    """How an event's markets hang together.

    Attributes:
        markets: in the order of their thresholds, where they are a ladder's
        paid_at: when the last of them pays
    """

    joint: Joint
    markets: tuple[str, ...]
    paid_at: int

    @property
    def date(self) -> str:
        """The day on which it is resolved."""
        return f"{datetime.fromtimestamp(self.paid_at, UTC):%Y-%m-%d}"


def shapes_of(history: PriceHistory) -> dict[str, EventShape]:
    """Return event -> shape: ladders by their thresholds, outcomes of one negative-risk event, and
    markets of which nothing is known to hang together."""
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
        elif all(history.markets[n].negative_risk for n in members):
            joint = Joint.EXCLUSIVE
        else:
            joint = Joint.UNKNOWN
        names = tuple(history.markets[n].condition_id for n in members)
        found[event] = EventShape(joint, names, max(history.listed[n].pays_at for n in members))
    return found
