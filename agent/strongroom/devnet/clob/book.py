"""The order book of one condition: price-time priority over both of its outcome tokens.

A BUY of NO at q stands beside a SELL of YES at 1 - q (filling both mints, or trades, the same),
so one book in YES prices holds all orders and shows itself for either token. Prices are integers
of 10**-6 (`MICRO` is 1), sizes micro-tokens.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from strongroom.chain.units import MICRO

BUY, SELL = "BUY", "SELL"
YES, NO = 0, 1


@dataclass
class RestingOrder:
    """What is left of an order in the book."""

    order_id: str
    side: str
    outcome: int
    price: int  # of its own token
    size: int

    @property
    def is_bid(self) -> bool:
        """Whether it wants YES to be dear: buys YES or sells NO."""
        return (self.side == BUY) == (self.outcome == YES)

    @property
    def yes_price(self) -> int:
        """The price in the book's own terms."""
        return self.price if self.outcome == YES else MICRO - self.price


@dataclass(frozen=True)
class Match:
    """A part of a resting order that an incoming one takes."""

    order_id: str
    yes_price: int
    size: int


@dataclass
class _Side:
    """One side: levels by rank (lower is better), each first come, first served."""

    levels: dict[int, deque[RestingOrder]] = field(default_factory=dict)
    ranks: list[int] = field(default_factory=list)

    def add(self, rank: int, entry: RestingOrder) -> None:
        if rank not in self.levels:
            self.levels[rank] = deque()
            insort(self.ranks, rank)
        self.levels[rank].append(entry)

    def remove(self, rank: int, entry: RestingOrder) -> None:
        level = self.levels[rank]
        level.remove(entry)
        if not level:
            del self.levels[rank]
            self.ranks.remove(rank)

    def best_first(self) -> Iterator[tuple[int, RestingOrder]]:
        for rank in self.ranks:
            for entry in self.levels[rank]:
                yield rank, entry


class OrderBook:
    """All resting orders of one condition."""

    def __init__(self) -> None:
        self._bids, self._asks = _Side(), _Side()
        self._entries: dict[str, RestingOrder] = {}

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._entries

    def rest(self, entry: RestingOrder) -> None:
        """Put an order into the book, behind those of its price."""
        self._entries[entry.order_id] = entry
        side, rank = self._place(entry)
        side.add(rank, entry)

    def remove(self, order_id: str) -> None:
        """Take an order out.

        Raises:
            KeyError: it is not in the book.
        """
        entry = self._entries.pop(order_id)
        side, rank = self._place(entry)
        side.remove(rank, entry)

    def crosses(self, entry: RestingOrder) -> bool:
        """Whether an incoming order would trade at once."""
        return any(True for _ in self._facing(entry))

    def depth(self, entry: RestingOrder) -> int:
        """Return how much of an incoming order could trade at once, at most its size."""
        left = entry.size
        for _, resting in self._facing(entry):
            left -= min(left, resting.size)
            if not left:
                break
        return entry.size - left

    def take(self, entry: RestingOrder) -> list[Match]:
        """Trade an incoming order against the book; what is left stands in `entry.size`."""
        matches = []
        for _, resting in list(self._facing(entry)):
            if not entry.size:
                break
            size = min(entry.size, resting.size)
            matches.append(Match(resting.order_id, resting.yes_price, size))
            entry.size -= size
            resting.size -= size
            if not resting.size:
                self.remove(resting.order_id)
        return matches

    def levels(self, outcome: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return bids and asks of a token as (price, size), each best first."""
        bids, asks = self._sizes(self._bids), self._sizes(self._asks)
        to_bids = [(MICRO - rank if outcome == YES else rank, size) for rank, size in bids]
        to_asks = [(rank if outcome == YES else MICRO - rank, size) for rank, size in asks]
        if outcome == YES:
            return to_bids, to_asks
        return to_asks, to_bids

    def level(self, is_bid: bool, yes_price: int) -> int:
        """Return the size at a price of one side."""
        side = self._bids if is_bid else self._asks
        rank = MICRO - yes_price if is_bid else yes_price
        return sum(each.size for each in side.levels.get(rank, ()))

    def _sizes(self, side: _Side) -> list[tuple[int, int]]:
        return [(rank, sum(each.size for each in side.levels[rank])) for rank in side.ranks]

    def _place(self, entry: RestingOrder) -> tuple[_Side, int]:
        if entry.is_bid:
            return self._bids, MICRO - entry.yes_price
        return self._asks, entry.yes_price

    def _facing(self, entry: RestingOrder) -> Iterator[tuple[int, RestingOrder]]:
        """Yield what the order would trade with, best first."""
        if entry.is_bid:
            side, limit = self._asks, entry.yes_price
        else:
            side, limit = self._bids, MICRO - entry.yes_price
        for rank, resting in side.best_first():
            if rank > limit:
                return
            yield rank, resting
