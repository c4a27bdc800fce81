"""Resolution / tail: a favourite near its end, bought below what favourites like it have won."""

from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pydantic.dataclasses import dataclass

from strongroom.analysis.screen import Criteria, screen
from strongroom.analysis.tail import TailRecord, find_tails
from strongroom.chain.orders import Side
from strongroom.chain.units import HOUR
from strongroom.strategy.api import PARAMETERS, Leg, Proposal, Rooms
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class Tail:
    """Parameters: the record that the chance is taken from, and what the screen admits.

    Attributes:
        low, high: prices of a favourite
        earliest_h, latest_h: hours before the end
        wins, total: how favourites like these fared; void: chance of a 50/50 resolution
        carry: what locked-up capital would earn elsewhere, a year
    """

    name: str = "tail"
    low: Decimal = Decimal("0.95")
    high: Decimal = Decimal("0.99")
    earliest_h: float = 96
    latest_h: float = 3
    wins: int = 832
    total: int = 840
    void: float = 0.001
    carry: float = 0.0
    max_spread: Decimal = Decimal("0.03")
    min_liquidity: Decimal = Decimal(1_000)
    min_volume: Decimal = Decimal(0)
    min_rules: int = 0
    negative_risk: bool = False
    categories: Sequence[str] = field(default_factory=tuple)
    refused_categories: Sequence[str] = field(default_factory=tuple)

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return the favourites with an edge, best first."""
        now = datetime.fromtimestamp(view.now, UTC)
        chosen = screen(view.markets.values(), self.criteria(), now).accepted
        return [
            Proposal(
                self.name,
                (Leg(each.market, each.outcome, Side.BUY, each.price, each.size),),
                edge=each.edge,
                chance=each.chance,
                cost=each.cost,
                evidence=frozenset({"record"}),
                numbers={
                    "record": f"{self.wins} of {self.total} favourites like this one won",
                    "hours_left": f"{(each.market.end - now).total_seconds() / HOUR:.1f}"
                    if each.market.end
                    else "",
                    "void": str(self.void),
                },
            )
            for each in find_tails(chosen, view.books, self.record(), now)
            if view.class_of(each.market) is not None
        ]

    def record(self) -> TailRecord:
        """Return the record that the parameters describe."""
        return TailRecord(
            low=Decimal(self.low),
            high=Decimal(self.high),
            earliest=timedelta(hours=self.earliest_h),
            latest=timedelta(hours=self.latest_h),
            wins=self.wins,
            total=self.total,
            void=self.void,
            carry=self.carry,
        )

    def criteria(self) -> Criteria:
        """Return the screen that the parameters describe."""
        return Criteria(
            max_spread=Decimal(self.max_spread),
            min_liquidity=Decimal(self.min_liquidity),
            min_volume=Decimal(self.min_volume),
            max_duration=timedelta(hours=self.earliest_h),
            min_rules=self.min_rules,
            negative_risk=self.negative_risk,
            categories=frozenset(self.categories),
            refused_categories=frozenset(self.refused_categories),
        )
