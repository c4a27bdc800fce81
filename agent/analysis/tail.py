"""Tail opportunities: a favourite near its end, bought below what favourites like it have won.

The edge is a lower confidence bound, not a hope: a favourite's chance is bounded from below by
the record of earlier favourites in the same price range (Wilson score interval), and a void that
pays one half is a state of every market.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt

from agent.information.gamma import NO, YES, Market


@dataclass(frozen=True)
class TailRecord:
    """How earlier favourites fared.

    The default is the reference of the recorded price ladders (shared DATA.md): of 840 favourites
    at 0.95 <= p < 0.99, three to ninety-six hours before resolution, 832 won.
    """

    low: Decimal = Decimal("0.95")
    high: Decimal = Decimal("0.99")
    earliest: timedelta = timedelta(hours=96)  # before the end
    latest: timedelta = timedelta(hours=3)
    wins: int = 832
    total: int = 840
    void: float = 0.001  # chance of a 50/50 resolution

    def chance(self, z: float = 1.645) -> float:
        """Return the lower bound of the chance to win at `z` standard deviations (one-sided)."""
        return wilson_lower(self.wins, self.total, z)


@dataclass(frozen=True)
class Opportunity:
    """Buy `outcome` of `market` at `price`; `edge` is its bounded profit a token, after fees."""

    market: Market
    outcome: int
    price: Decimal
    chance: float
    cost: float
    edge: float


def wilson_lower(wins: int, total: int, z: float) -> float:
    """Return the lower end of Wilson's score interval (Wilson 1927)."""
    if not 0 <= wins <= total or total == 0:
        raise ValueError(f"{wins} wins of {total} is no record")
    p = wins / total
    centre = p + z * z / (2 * total)
    spread = z * sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)


def find_tails(markets: Iterable[Market], record: TailRecord, now: datetime) -> list[Opportunity]:
    """Return the favourites in the record's price and time range with an edge, best first."""
    chance = record.chance()
    found = []
    for market in markets:
        if market.end is None or not record.latest <= market.end - now <= record.earliest:
            continue
        for outcome in (YES, NO):
            price = market.ask(outcome)
            if price is None or not record.low <= price < record.high:
                continue
            p = float(price)
            cost = p + float(market.fees.rate) * (p * (1 - p)) ** market.fees.exponent
            edge = (1 - record.void) * chance + record.void / 2 - cost
            if edge > 0:
                found.append(Opportunity(market, outcome, price, chance, cost, edge))
    return sorted(found, key=lambda o: (-o.edge, o.market.condition_id))
