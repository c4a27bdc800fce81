"""Tail opportunities: a favourite near its end, bought below what favourites like it have won.

The edge is a lower confidence bound, not a hope: a favourite's chance is bounded from below by
the record of earlier favourites in the same price range (Wilson score interval), and a void that
pays one half is a state of every market.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt

from strongroom.chain.ids import TokenId
from strongroom.chain.orders import NO, YES, Outcome
from strongroom.chain.units import MICRO
from strongroom.errors import BadInput
from strongroom.information.books import Book
from strongroom.information.gamma import Market

YEAR_S = 31_556_952


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
    carry: float = 0.0  # what locked-up capital would earn elsewhere, a year
    settling: timedelta = timedelta(hours=2)  # from the end to the payout, undisputed

    def chance(self, z: float = 1.645) -> float:
        """Return the lower bound of the chance to win at `z` standard deviations (one-sided)."""
        return wilson_lower(self.wins, self.total, z)

    def worth(self) -> float:
        """Return what a token brings at least by the record: it wins, or a void pays half."""
        return (1 - self.void) * self.chance() + self.void / 2


@dataclass(frozen=True)
class Opportunity:
    """Buy `outcome` of `market` up to the limit `price` (10**-6).

    Attributes:
        chance: lower bound of winning
        cost: of a token at the limit, fees included
        edge: bounded profit a token at the limit, after fees, void and carry
        size: tokens on offer up to the limit, micro-tokens
    """

    market: Market
    outcome: Outcome
    price: int
    chance: float
    cost: float
    edge: float
    size: int


def wilson_lower(wins: int, total: int, z: float) -> float:
    """Return the lower end of Wilson's score interval (Wilson 1927)."""
    if not 0 <= wins <= total or total == 0:
        raise BadInput(f"{wins} wins of {total} is no record")
    p = wins / total
    centre = p + z * z / (2 * total)
    spread = z * sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)


def edge_at(price: int, market: Market, record: TailRecord, now: datetime) -> tuple[float, float]:
    """Return cost (fees included) and bounded profit of one token at `price` (10**-6).

    (1 - v) p + v / 2 - c (1 + rho T), v void, rho carry, T lock-up in years.
    """
    assert market.end is not None
    p = price / MICRO
    cost = p + market.fees.of(p)
    locked = (market.end - now + record.settling).total_seconds() / YEAR_S
    return cost, record.worth() - cost * (1 + record.carry * locked)


def find_tails(
    markets: Iterable[Market], books: Mapping[TokenId, Book], record: TailRecord, now: datetime
) -> list[Opportunity]:
    """Return the favourites in the record's price and time range with an edge, best first.

    Args:
        books: by token id; a market without is left out
    """
    chance = record.chance()
    low, high = int(record.low * MICRO), int(record.high * MICRO)
    found = []
    for market in markets:
        if market.end is None or not record.latest <= market.end - now <= record.earliest:
            continue
        for outcome in (YES, NO):
            book = books.get(market.token_ids[outcome])
            if book is None or book.ask is None or not low <= book.ask < high:
                continue
            limit, size = 0, 0
            for level in book.asks:
                if level.price >= high or edge_at(level.price, market, record, now)[1] <= 0:
                    break
                limit, size = level.price, size + level.size
            if limit:
                cost, edge = edge_at(limit, market, record, now)
                found.append(Opportunity(market, outcome, limit, chance, cost, edge, size))
    return sorted(found, key=lambda each: (-each.edge, each.market.condition_id))
