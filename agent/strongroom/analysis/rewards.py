"""What a venue pays for resting orders: the share of a market's daily pool that they earn.

Polymarket's schedule as its public pages describe it (docs.polymarket.com, "Liquidity Rewards").
Each minute the orders of a maker within `max_spread` of the midpoint score

    ((max_spread - distance) / max_spread) ** 2 * size

a side: bids of YES and asks of NO, asks of YES and bids of NO. A maker's score is that of his
smaller side; at midpoints from .10 to .90 at least a third of the larger one. A minute's part of
the pool is shared by score. What the pages do not say is taken against us: see `others_at_most`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from strongroom.chain.units import MICRO
from strongroom.information.books import Book, Level

MINUTES = 1_440  # samples of a day
ONE_SIDED = 3  # a side alone scores a third
LOW, HIGH = MICRO // 10, MICRO * 9 // 10  # midpoints between which it scores at all
LEAST_PAID = MICRO  # micro-units an account and day; less is not paid


@dataclass(frozen=True)
class RewardTerms:
    """What a market pays.

    Attributes:
        daily: the pool of a day, micro-units
        max_spread: from the midpoint; an order there or beyond scores nothing, 10**-6
        min_size: of an order, micro-tokens; of a level that makes the midpoint, too
    """

    daily: int
    max_spread: int
    min_size: int


@dataclass(frozen=True)
class Resting:
    """What rests of one order: its price in terms of YES (10**-6), micro-tokens."""

    up: bool  # whether it buys YES or sells NO
    price: int
    size: int


Sides = tuple[int, int]  # scores of what bids for YES and of what offers it, times max_spread ** 2


def twice_midpoint(others: Book, ours: Iterable[Resting], least: int) -> int | None:
    """Return the best bid and ask that have the least size, added; None: a side has none.

    Args:
        ours: orders that are not in the book
    """
    sizes: dict[tuple[bool, int], int] = {}
    for up, side in ((True, others.bids), (False, others.asks)):
        for level in side:
            sizes[up, level.price] = level.size
    for each in ours:
        sizes[each.up, each.price] = sizes.get((each.up, each.price), 0) + each.size
    bids = [price for (up, price), size in sizes.items() if up and size >= least]
    asks = [price for (up, price), size in sizes.items() if not up and size >= least]
    return max(bids) + min(asks) if bids and asks else None


def sides(resting: Iterable[Resting], twice_mid: int, max_spread: int) -> Sides:
    """Return what orders score a side; distances are doubled, as the midpoint is."""
    found = [0, 0]
    for each in resting:
        closer = 2 * max_spread - abs(2 * each.price - twice_mid)
        if closer > 0:
            found[not each.up] += closer**2 * each.size
    return found[0], found[1]


def maker_score(scored: Sides, twice_mid: int) -> int:
    """Return `ONE_SIDED` times a maker's score."""
    whole = ONE_SIDED * min(scored)
    return max(whole, *scored) if 2 * LOW <= twice_mid <= 2 * HIGH else whole


def others_at_most(scored: Sides, twice_mid: int) -> int:
    """Return `ONE_SIDED` times the most that makers can score together, who share these sides: a
    book does not say whose its orders are.

    A maker with sides a <= b scores at most a + (b - a) / 3, and no split of the sides has more of
    the smaller ones than the smaller of both sums.
    """
    one, two = scored
    if not 2 * LOW <= twice_mid <= 2 * HIGH:
        return ONE_SIDED * min(scored)
    return (ONE_SIDED - 2) * min(scored) + one + two


def minute(terms: RewardTerms, others: Book, ours: Iterable[Resting]) -> int:
    """Return what orders earn in one minute, micro-units, down.

    Args:
        others: the book without them. All of it counts for the others, however small an order
    """
    known = list(ours)
    twice_mid = twice_midpoint(others, known, terms.min_size)
    if twice_mid is None:
        return 0
    large = [each for each in known if each.size >= terms.min_size]
    mine = maker_score(sides(large, twice_mid, terms.max_spread), twice_mid)
    rest = [*_resting(True, others.bids), *_resting(False, others.asks)]
    theirs = others_at_most(sides(rest, twice_mid, terms.max_spread), twice_mid)
    return terms.daily * mine // (MINUTES * (mine + theirs)) if mine else 0


def _resting(up: bool, levels: Iterable[Level]) -> list[Resting]:
    return [Resting(up, each.price, each.size) for each in levels]
