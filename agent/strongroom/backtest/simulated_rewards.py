"""Rewards for resting orders, as each market's pools say: looked at each minute, paid once a day.

Only recorded books of all levels say what others rest; elsewhere nothing is earned. The venue looks
at a random moment of each minute; here it is the minute's end.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.analysis.rewards import LEAST_PAID, Resting, minute
from strongroom.backtest.engine import MS, Engine, Order
from strongroom.backtest.reward_pools import Pools
from strongroom.chain.ids import MarketId, OrderHash
from strongroom.chain.units import DAY
from strongroom.information.books import Book

MINUTE_MS = 60 * MS


@dataclass
class SimulatedRewards:
    """What the accounts' orders have earned and did not get yet; micro-units by UTC day."""

    pools: Pools
    earned: dict[tuple[int, MarketId], int] = field(default_factory=dict)

    def watch(self, engine: Engine, to_ms: int, owners: Mapping[OrderHash, MarketId]) -> None:
        """Let time pass, looking at what rests at the end of each minute.

        Args:
            owners: order -> the market whose account made it
        """
        at = (engine.now // MINUTE_MS + 1) * MINUTE_MS
        while at <= to_ms and (engine.pending or engine.rests()):
            engine.advance(at)
            for number, orders in engine.rests().items():
                self._look(engine, number, orders, owners)
            at += MINUTE_MS

    def due(self, now: int) -> dict[MarketId, int]:
        """Return what is paid at a time (timestamp): of the days that are over, unless it is too
        little. It is not returned again."""
        found: dict[MarketId, int] = {}
        for day, market in sorted(self.earned):
            if (day + 1) * DAY <= now:
                amount = self.earned.pop((day, market))
                if amount >= LEAST_PAID:
                    found[market] = found.get(market, 0) + amount
        return found

    def _look(
        self,
        engine: Engine,
        number: int,
        orders: list[Order],
        owners: Mapping[OrderHash, MarketId],
    ) -> None:
        book = engine.price[number]
        if not isinstance(book, Book) or engine.listed[number].best_only:
            return
        ours = [Resting(each.up, each.yes_price, each.size - each.filled) for each in orders]
        last = engine.now - 1  # the minute that ends at midnight is of the day before
        pools = self.pools.get(number, ())
        amount = sum(minute(each.terms, book, ours) for each in pools if each.pays_at(last))
        if amount:
            key = last // (MS * DAY), owners[orders[0].id]
            self.earned[key] = self.earned.get(key, 0) + amount
