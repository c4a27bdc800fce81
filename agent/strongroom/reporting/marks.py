"""Marks: what a report says YES of a condition is worth, bid and ask; NO follows."""

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.analysis.pools import Pool
from strongroom.chain.ids import ConditionId, MarketId
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import BPS, HOUR, MICRO, WAD
from strongroom.information.books import Book


@dataclass(frozen=True)
class Mark:
    """Marks of YES of one condition of a vault's market, WAD. NO follows: its bid is 1 - ask, its
    ask 1 - bid.

    Attributes:
        place: of the condition in its market
    """

    market: MarketId
    place: int
    condition: ConditionId
    bid: int
    ask: int

    def as_tuple(self) -> tuple[MarketId, int, int, int]:
        """Return the struct as the contract takes it."""
        return self.market, self.place, self.bid, self.ask


Quote = tuple[int, int]  # bid and ask of YES, WAD
UNKNOWN: Quote = (0, WAD)  # what a condition without a mark counts at


@dataclass(frozen=True)
class Method:
    """How books become marks. Written down, since holders live by it (docs/agent.md).

    Attributes:
        reference_size: micro-tokens that a mark assumes sold into the bids and bought from the
            asks; where more is held, all that is held
        stale_s: a book older than this loses value
        haircut_bps: of the bid, and of what the ask lacks to 1, for each stale hour begun
    """

    reference_size: int = 100 * MICRO
    stale_s: int = 900
    haircut_bps: int = 500


def quote_from_books(
    books: tuple[Book | None, Book | None], held: int, now: int, method: Method
) -> Quote:
    """Return a condition's bid and ask of YES: what a token of the position would bring and cost.

    Selling YES and buying NO come to the same, so each book bounds both; the better one counts.
    What finds no bid is worth 0, what finds no ask costs 1: a missing quote makes no value up, it
    widens the spread. A stale book is cut, hour by hour. Bids round down, asks up; where the books
    contradict each other, the lower price is the bid and the higher the ask.

    Args:
        books: of YES and NO; None: there is none
        held: micro-tokens of the position, complete sets left out
        now: timestamp
    """
    quotes = []
    for book in books:
        bid, ask = _swept(book, max(held, method.reference_size))
        if book is not None:
            hours = -(-max(0, now - book.seen_at - method.stale_s) // HOUR)
            kept = BPS - min(BPS, hours * method.haircut_bps)
            bid = bid * kept // BPS
            ask = WAD - (WAD - ask) * kept // BPS
        quotes.append((bid, ask))
    bid = max(quotes[YES][0], WAD - quotes[NO][1])
    ask = min(quotes[YES][1], WAD - quotes[NO][0])
    return min(bid, ask), max(bid, ask)


def within_event(bids: Sequence[int], paid: int) -> list[int]:
    """Return the YES bids of one event's unresolved outcomes, which with what was paid sum to at
    most 1; all WAD.

    Args:
        paid: payouts of YES of the resolved ones, summed
    """
    total, room = sum(bids), max(0, WAD - paid)
    return [bid * room // total for bid in bids] if total > room else list(bids)


def _swept(book: Book | None, size: int) -> Quote:
    """Return what one token of `size` brings and costs, WAD."""
    if book is None:
        return UNKNOWN
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


def quote_from_pool(pool: Pool, yes: int, no: int) -> Quote:
    """Return a condition's bid and ask of YES from a fixed-product market maker.

    The bid is what selling the whole position brings for each token, the ask what buying as much
    costs: a pool pays less the more it takes. Complete sets are worth 1 without the pool, so a
    position is what is left of the larger side; of NO, its quotes are turned round. Where nothing
    is held, one token of YES is quoted.

    Args:
        yes: outcome tokens held, base units; likewise no
    """
    outcome = NO if no > yes else YES
    size = abs(yes - no) or MICRO
    bid = min(WAD, pool.proceeds(size, outcome) * WAD // size)
    ask = max(bid, min(WAD, -(-pool.cost(size, outcome) * WAD // size)))
    return (bid, ask) if outcome == YES else (WAD - ask, WAD - bid)
