"""What could be traded at: the assumptions that turn a last price into a book, in one place.

A last price is no quote. Around it a book is assumed: a stated half-spread, levels of a stated
depth one impact apart. Recorded books need no such thing and are taken as they are.
"""

from dataclasses import dataclass, replace
from typing import Literal

from strongroom.chain.units import MICRO
from strongroom.information.books import Book, Level, mirror

Fills = Literal["pessimistic", "realistic", "optimistic"]


@dataclass(frozen=True)
class Quotes:
    """The market model; prices in 10**-6, sizes in micro-tokens, times in milliseconds.

    Attributes:
        half_spread: from the last price to the best quote, at least
        depth: of each level
        levels: on each side
        impact: from level to level
        tick: of the venue
        feed_ms: from what happens at the venue to the keeper's knowing it
        insert_ms: from sending an order to its match
        cancel_ms: from asking for an order's end to its end
        print_size: what is assumed to have traded at each new last price, for all orders together;
            where trades are recorded they count instead
        cancelled_ahead: part of the queue before a resting order that cancels at each new price,
            in percent; of what cancels at a recorded level the part that stood before the order
        traded_of_gone: part of the size that goes from a recorded level that is taken for traded,
            and not for cancelled, in percent; where trades are recorded they say it
        rebate_bps: part of the taker's fee that the maker is paid
    """

    half_spread: int = MICRO // 100
    depth: int = 200 * MICRO
    levels: int = 5
    impact: int = 5_000
    tick: int = 1_000
    feed_ms: int = 0
    insert_ms: int = 2_000
    cancel_ms: int = 500
    print_size: int = 100 * MICRO
    cancelled_ahead: int = 50
    traded_of_gone: int = 50
    rebate_bps: int = 0

    def under(self, fills: Fills) -> "Quotes":
        """Return the model under one of the three assumptions on fills.

        Pessimistic: half as much spread again, half the depth, five times the latencies, nobody
        ahead in the queue cancels, nothing that goes from a level was traded, no rebate.
        Optimistic: the last price itself, four times the depth, no latency, all ahead cancel, all
        that goes was traded. A strategy passes on the pessimistic alone.
        """
        if fills == "pessimistic":
            return replace(
                self,
                half_spread=self.half_spread * 3 // 2,
                depth=self.depth // 2,
                feed_ms=5 * self.feed_ms,
                insert_ms=5 * self.insert_ms,
                cancel_ms=5 * self.cancel_ms,
                cancelled_ahead=0,
                traded_of_gone=0,
                rebate_bps=0,
            )
        if fills == "optimistic":
            return replace(
                self,
                half_spread=0,
                depth=4 * self.depth,
                feed_ms=0,
                insert_ms=0,
                cancel_ms=0,
                cancelled_ahead=100,
                traded_of_gone=100,
            )
        return self

    def book(self, price: int) -> Book:
        """Return the book of YES around a last price: bids rounded down to the tick, asks up."""
        bids, asks = [], []
        for level in range(self.levels):
            away = self.half_spread + level * self.impact
            bid = (price - away) // self.tick * self.tick
            ask = -(-(price + away) // self.tick) * self.tick
            if bid > 0:
                bids.append(Level(bid, self.depth))
            if ask < MICRO:
                asks.append(Level(ask, self.depth))
        return Book(tuple(bids), tuple(asks))


class QuotedBooks:
    """The books of last prices, each made once; there are at most as many as prices."""

    def __init__(self, quotes: Quotes) -> None:
        self._quotes = quotes
        self._made: dict[int, tuple[Book, Book]] = {}

    def pair(self, price: int) -> tuple[Book, Book]:
        """Return the books of YES and NO around a last price of YES."""
        found = self._made.get(price)
        if found is None:
            yes = self._quotes.book(price)
            found = self._made[price] = (yes, mirror(yes))
        return found
