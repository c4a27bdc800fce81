"""The event engine: prices come in the order of their times, orders meet the books of their time.

Integers throughout. An order sent at t is matched at t + latency against what is known then, never
before. What it takes is gone until the price changes; of recorded books until that level does: the
same level seen again is the same offer. A resting order waits behind the size that stands at its
price. It moves on when a price is printed there or beyond, or recorded size goes from there; a
print, and an offer that crosses, is there once for all orders.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from strongroom.backtest.quotes import QuotedBooks, Quotes
from strongroom.chain.ids import OrderHash, TokenId
from strongroom.chain.orders import NO, YES, OrderKind
from strongroom.chain.units import MICRO
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level, mirror
from strongroom.information.gamma import FeeSchedule

Price = int | Book  # a last price of YES (10**-6), or its whole book
Heard = Callable[[int, int, Price], None]
Batch = tuple[Sequence[int], Sequence[int], Sequence[Price]]  # times, market numbers, prices


class OutOfOrder(BadInput):
    """The events are not in the order of their times."""


@dataclass(frozen=True)
class Listed:
    """What the engine must know of a market; times are timestamps."""

    token_ids: tuple[TokenId, TokenId]
    ends_at: int
    pays_at: int  # dispute delay included
    payout: tuple[int, int]  # of YES and NO over their sum
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    min_size: int = 0  # micro-tokens


@dataclass
class Order:
    """An order at the simulated venue; `up` where it buys YES or sells NO."""

    id: OrderHash
    market: int
    outcome: int
    buys: bool
    price: int  # limit, of its own outcome's token
    size: int
    kind: OrderKind
    active_at: int
    expires: int
    filled: int = 0
    state: str = "DELAYED"
    ahead: int = 0

    @property
    def up(self) -> bool:
        """Whether it wants YES rather than NO."""
        return self.buys == (self.outcome == YES)

    @property
    def yes_price(self) -> int:
        """Its limit in terms of YES."""
        return self.price if self.outcome == YES else MICRO - self.price


@dataclass(frozen=True)
class SimulatedFill:
    """One fill: tokens and collateral, micro; cash without the fee."""

    order: Order
    time: int
    tokens: int
    cash: int
    fee: int
    maker: bool


@dataclass
class Engine:
    """One simulated venue."""

    listed: Sequence[Listed]
    quotes: Quotes
    feed: Iterable[Batch]
    filled: Callable[[SimulatedFill], None] = lambda fill: None
    now: int = 0
    events: int = 0
    price: list[Price | None] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    orders: dict[OrderHash, Order] = field(default_factory=dict)
    _waiting: list[tuple[int, int, Order]] = field(default_factory=list)
    _resting: dict[int, list[Order]] = field(default_factory=dict)
    _taken: dict[int, dict[tuple[bool, int], int]] = field(default_factory=dict)
    _sent: int = 0

    def __post_init__(self) -> None:
        """Begin before the first event."""
        self.price = [None] * len(self.listed)
        self.since = [0] * len(self.listed)
        self._books = QuotedBooks(self.quotes)
        self._rest: Iterator[Batch] = iter(self.feed)
        self._batch: Batch = ((), (), ())
        self._place = 0

    # time

    def advance(self, to: int) -> None:
        """Let everything happen up to a time, it included.

        Raises:
            OutOfOrder: an event is older than the one before.
        """
        while self._load() and self._batch[0][self._place] <= to:
            self._play(bisect_right(self._batch[0], to, self._place))
        if self._waiting:
            self._match_until(to)
        self.now = max(self.now, to)

    def run(self, on_event: Heard) -> None:
        """Play the whole feed; `on_event` hears of each event: time, market number, price.

        Raises:
            OutOfOrder: an event is older than the one before.
        """
        while self._load():
            self._play(len(self._batch[0]), on_event)

    def _load(self) -> bool:
        """Have an event at hand; return whether there is one."""
        while self._place == len(self._batch[0]):
            following = next(self._rest, None)
            if following is None:
                return False
            self._batch, self._place = following, 0
        return True

    def _play(self, end: int, on_event: Heard | None = None) -> None:
        """Play the batch's events up to a place in it."""
        price, since, waiting, resting = self.price, self.since, self._waiting, self._resting
        taken, place = self._taken, self._place
        for time, market, new in zip(*(each[place:end] for each in self._batch), strict=True):
            if time < self.now:
                raise OutOfOrder(f"an event at {time} after {self.now}")
            if waiting and waiting[0][0] < time:
                self._match_until(time - 1)
            self.now = time
            old = price[market]
            price[market], since[market] = new, time
            if old != new:
                if market in taken:
                    self._forget(market, old, new)
                if market in resting:
                    self._printed(market, old, new, time)
            if on_event is not None:
                on_event(time, market, new)
        self.events += end - place
        self._place = end

    # books

    def book(self, market: int, outcome: int) -> Book | None:
        """Return the book of a token as it stands, without what our orders took; None: no price
        has been seen yet."""
        new = self.price[market]
        if new is None:
            return None
        pair = (new, mirror(new)) if isinstance(new, Book) else self._books.pair(new)
        gone = self._taken.get(market)
        if not gone:
            return pair[outcome]
        yes = pair[YES]
        left = Book(_without(yes.bids, False, gone), _without(yes.asks, True, gone), tick=yes.tick)
        return left if outcome == YES else mirror(left)

    # orders

    def send(self, order: Order) -> None:
        """Take an order; it is matched when its time has come."""
        self._sent += 1
        self.orders[order.id] = order
        heapq.heappush(self._waiting, (order.active_at, self._sent, order))

    def cancel(self, order: Order) -> None:
        """End what is left of an order."""
        if order.state in ("DELAYED", "LIVE"):
            order.state = "CANCELLED"

    def _match_until(self, to: int) -> None:
        while self._waiting and self._waiting[0][0] <= to:
            active_at, _, order = heapq.heappop(self._waiting)
            if order.state == "DELAYED":
                self._match(order, max(active_at, self.now))

    def _match(self, order: Order, time: int) -> None:
        listed = self.listed[order.market]
        if time >= listed.ends_at:
            order.state = "CANCELLED"
            return
        yes = self.book(order.market, YES)
        found = self._reachable(order, yes) if yes is not None else []
        if order.kind == OrderKind.POST and found:
            order.state = "REJECTED"
            return
        offered = sum(size for _, size in found)
        if order.kind == OrderKind.FOK and offered < order.size:
            order.state = "CANCELLED"
            return
        gone = self._taken.setdefault(order.market, {}) if found else {}
        for price, size in found:
            take = min(size, order.size - order.filled)
            if take <= 0:
                break
            gone[order.up, price] = gone.get((order.up, price), 0) + take
            self._fill(order, price, take, time, maker=False)
        if order.filled == order.size:
            order.state = "MATCHED"
        elif not order.kind.rests:
            order.state = "MATCHED" if order.filled else "CANCELLED"
        else:
            self._rest_at(order, yes)

    def _reachable(self, order: Order, yes: Book) -> list[tuple[int, int]]:
        """Return the levels that a taker may take, in terms of YES, best first."""
        limit = order.yes_price
        if order.up:
            return [(each.price, each.size) for each in yes.asks if each.price <= limit]
        return [(each.price, each.size) for each in yes.bids if each.price >= limit]

    def _rest_at(self, order: Order, yes: Book | None) -> None:
        order.state = "LIVE"
        if yes is not None:
            side = yes.bids if order.up else yes.asks
            order.ahead = sum(each.size for each in side if each.price == order.yes_price)
        self._resting.setdefault(order.market, []).append(order)

    def _forget(self, market: int, old: Price | None, new: Price) -> None:
        """Let what was taken be there again: of books only at levels that have changed."""
        gone = self._taken.pop(market)
        if not isinstance(old, Book) or not isinstance(new, Book):
            return
        kept = {
            (asks, price): size
            for (asks, price), size in gone.items()
            if _size(new, asks, price) == _size(old, asks, price)
        }
        if kept:
            self._taken[market] = kept

    def _printed(self, market: int, old: Price | None, new: Price, time: int) -> None:
        """Let a new price meet the orders that rest in its market: the best first, then the
        oldest; what one of them gets is gone for the others."""
        left, live = [], self._resting[market]
        printed = [self.quotes.print_size]
        for order in sorted(live, key=lambda o: -o.yes_price if o.up else o.yes_price):
            if order.state != "LIVE":
                continue
            if time > order.expires or time >= self.listed[market].ends_at:
                order.state = "EXPIRED"
                continue
            if isinstance(new, Book):
                self._meet_book(order, old, new, time)
            else:
                self._meet_print(order, new, printed, time)
            if order.filled == order.size:
                order.state = "MATCHED"
            else:
                left.append(order)
        if left:
            self._resting[market] = [order for order in live if order in left]
        else:
            del self._resting[market]

    def _meet_print(self, order: Order, new: int, printed: list[int], time: int) -> None:
        """A last price at or beyond an order's: what is printed, less the queue ahead."""
        limit = order.yes_price
        beyond = new < limit if order.up else new > limit
        if beyond:
            order.ahead = 0
        else:
            order.ahead -= order.ahead * self.quotes.cancelled_ahead // 100
            if new != limit:
                return
        passed = min(order.ahead, printed[0])
        order.ahead -= passed
        share = min(order.size - order.filled, printed[0] - passed)
        if share:
            printed[0] -= share
            self._fill(order, limit, share, time, maker=True)

    def _meet_book(self, order: Order, old: Price | None, new: Book, time: int) -> None:
        """Offers that cross an order's price fill it, each once; so does size that goes from its
        own level, as far as it is taken for traded, once the queue ahead has gone."""
        limit, gone = order.yes_price, self._taken.setdefault(order.market, {})
        for level in new.asks if order.up else new.bids:
            if level.price > limit if order.up else level.price < limit:
                break
            key = order.up, level.price
            share = min(order.size - order.filled, level.size - gone.get(key, 0))
            if share > 0:
                gone[key] = gone.get(key, 0) + share
                self._fill(order, limit, share, time, maker=True)
        if not gone:
            del self._taken[order.market]
        if not isinstance(old, Book):
            return
        went = _size(old, not order.up, limit) - _size(new, not order.up, limit)
        traded = max(went, 0) * self.quotes.traded_of_gone // 100
        share = min(order.size - order.filled, max(traded - order.ahead, 0))
        order.ahead = max(order.ahead - traded, 0)
        if share:
            self._fill(order, limit, share, time, maker=True)

    def _fill(self, order: Order, yes_price: int, tokens: int, time: int, maker: bool) -> None:
        price = yes_price if order.outcome == YES else MICRO - yes_price
        cash = -(-tokens * price // MICRO) if order.buys else tokens * price // MICRO
        fee = 0 if maker else self.listed[order.market].fees.most(tokens, price)
        order.filled += tokens
        self.filled(SimulatedFill(order, time, tokens, cash, fee, maker))


def _size(book: Book, asks: bool, price: int) -> int:
    side = book.asks if asks else book.bids
    return sum(each.size for each in side if each.price == price)


def _without(
    side: Sequence[Level], asks: bool, gone: Mapping[tuple[bool, int], int]
) -> tuple[Level, ...]:
    left = (Level(each.price, each.size - gone.get((asks, each.price), 0)) for each in side)
    return tuple(each for each in left if each.size > 0)


def token_numbers(listed: Sequence[Listed]) -> dict[TokenId, tuple[int, int]]:
    """Return token id -> market number and outcome."""
    return {
        token: (number, outcome)
        for number, each in enumerate(listed)
        for outcome, token in zip((YES, NO), each.token_ids, strict=True)
    }
