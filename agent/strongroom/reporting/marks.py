"""Marks: what a report says one outcome token is worth, bid and ask."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from strongroom.analysis.pools import Pool
from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import BPS, HOUR, MICRO, WAD
from strongroom.information.books import Book


@dataclass(frozen=True)
class Mark:
    """One condition's marks, WAD; the fields of the contract's struct."""

    market: ConditionId
    bid_yes: int
    ask_yes: int
    bid_no: int
    ask_no: int

    def as_tuple(self) -> tuple[ConditionId, int, int, int, int]:
        """Return the struct as the contract takes it."""
        return self.market, self.bid_yes, self.ask_yes, self.bid_no, self.ask_no


def resolved_mark(market: ConditionId) -> Mark:
    """Return a resolved condition's marks: the contract takes the payout instead."""
    return Mark(market, 0, 0, 0, 0)


@dataclass(frozen=True)
class Method:
    """How books become marks. Written down, since holders live by it (docs/agent.md).

    Attributes:
        reference_size: micro-tokens that a mark assumes sold into the bids and bought from the asks
        stale_s: a book older than this loses value
        haircut_bps: of the bid, and of what the ask lacks to 1, for each stale hour begun
    """

    reference_size: int = 100 * MICRO
    stale_s: int = 900
    haircut_bps: int = 500


def mark_from_books(
    condition: ConditionId,
    books: tuple[Book | None, Book | None],
    now: int,
    method: Method,
) -> Mark:
    """Return a condition's marks: what the reference size would bring, or cost, token by token.

    What finds no bid is worth 0, what finds no ask costs 1: a missing quote makes no value up, it
    widens the spread. A stale book is cut, hour by hour. Bids round down, asks up; the bids of both
    outcomes together never exceed 1.

    Args:
        books: of YES and NO; None: there is none
        now: timestamp
    """
    bids, asks = [], []
    for book in books:
        bid, ask = _swept(book, method.reference_size)
        if book is not None:
            hours = -(-max(0, now - book.seen_at - method.stale_s) // HOUR)
            kept = BPS - min(BPS, hours * method.haircut_bps)
            bid = bid * kept // BPS
            ask = WAD - (WAD - ask) * kept // BPS
        bids.append(bid)
        asks.append(max(ask, bid))
    excess = max(0, sum(bids) - WAD)
    cut = -(-excess // 2)
    bids = [max(0, bid - cut) for bid in bids]
    return Mark(condition, bids[YES], asks[YES], bids[NO], asks[NO])


def within_event(marks: Sequence[Mark]) -> list[Mark]:
    """Return the marks of one event's outcomes with YES bids that sum to at most 1."""
    total = sum(mark.bid_yes for mark in marks)
    if total <= WAD:
        return list(marks)
    return [replace(mark, bid_yes=mark.bid_yes * WAD // total) for mark in marks]


def _swept(book: Book | None, size: int) -> tuple[int, int]:
    """Return what one token of `size` brings and costs, WAD."""
    if book is None:
        return 0, WAD
    left, proceeds = size, 0
    for level in book.bids:
        take = min(left, level.size)
        proceeds += take * level.price
        left -= take
    bid = proceeds * (WAD // MICRO) // size
    left, cost = size, 0
    for level in book.asks:
        take = min(left, level.size)
        cost += take * level.price
        left -= take
    cost += left * MICRO
    return bid, min(WAD, -(-cost * (WAD // MICRO) // size))


def mark_from_pool(market: ConditionId, pool: Pool, yes: int, no: int) -> Mark:
    """Return a condition's marks from a fixed-product market maker.

    The bid is what selling the whole position brings for each token, the ask what buying as much
    costs: a pool pays less the more it takes. An outcome that is not held is quoted for one token.
    Complete sets are worth 1 without the pool, so a position is what is left of the larger side.

    Args:
        yes: outcome tokens held, base units; likewise no
    """
    pairs = min(yes, no)
    bids, asks = [], []
    for outcome, held in ((YES, yes - pairs), (NO, no - pairs)):
        size = held or MICRO
        bids.append(pool.proceeds(size, outcome) * WAD // size)
        asks.append(min(WAD, -(-pool.cost(size, outcome) * WAD // size)))
    return Mark(market, bids[YES], asks[YES], bids[NO], asks[NO])
