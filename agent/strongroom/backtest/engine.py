"""The event engine: prices and trades come in the order of their times, orders meet the books of
their time.

Integers throughout, times in milliseconds. An order is matched when it has arrived, against what is
known then, never before; so does a cancel end it. What it takes is gone until the price changes; of
recorded books until that level does: the same level seen again is the same offer. A resting order
waits behind the size that stands at its price. What trades there moves it on: the recorded trades
where there are any, else what is assumed of a new price, or of size that goes. A trade is there
once for all orders, and so is what is taken for one, and an offer that crosses.
"""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from strongroom.backtest.quotes import QuotedBooks, Quotes
from strongroom.chain.ids import OrderHash, TokenId
from strongroom.chain.orders import NO, YES, OrderKind
from strongroom.chain.units import BPS, MICRO
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level, mirror
from strongroom.information.gamma import FeeSchedule

MS = 1_000  # in a second
UNSEEN = 2**62  # tokens before an order, where nobody knows how many


@dataclass(frozen=True, slots=True)
class Print:
    """A recorded trade.

    Attributes:
        price: of YES, 10**-6
        size: micro-tokens
        up: whether who took bought YES or sold NO
    """

    price: int
    size: int
    up: bool


Price = int | Book  # a last price of YES (10**-6), or its whole book
Event = Price | Print
Heard = Callable[[int, int, Event], None]
Batch = tuple[Sequence[int], Sequence[int], Sequence[Event]]  # times, market numbers, what was seen


class OutOfOrder(BadInput):
    """The events are not in the order of their times."""


@dataclass(frozen=True)
class Listed:
    """What the engine must know of a market.

    Attributes:
        ends_ms: nothing is matched from then on
        pays_at: timestamp of the payout, dispute delay included
        payout: of YES and NO over their sum
        traded: whether its trades are recorded: then they alone are trades
        best_only: whether its books show the best prices alone
    """

    token_ids: tuple[TokenId, TokenId]
    ends_ms: int
    pays_at: int
    payout: tuple[int, int]
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    traded: bool = False
    best_only: bool = False


@dataclass
class Order:
    """An order at the simulated venue; `up` where it buys YES or sells NO.

    Attributes:
        active_ms: when it has arrived
        ahead: what stands before it at its price
        printed: what traded at its price since the recorded level there changed
        cancelled_ms: when its cancel had arrived; 0: it has none
    """

    id: OrderHash
    market: int
    outcome: int
    buys: bool
    price: int  # limit, of its own outcome's token
    size: int
    kind: OrderKind
    active_ms: int
    expires_ms: int
    filled: int = 0
    state: str = "DELAYED"
    ahead: int = 0
    printed: int = 0
    cancelled_ms: int = 0

    @property
    def up(self) -> bool:
        """Whether it wants YES rather than NO."""
        return self.buys == (self.outcome == YES)

    @property
    def yes_price(self) -> int:
        """Its limit in terms of YES."""
        return self.price if self.outcome == YES else MICRO - self.price

    def rested(self, ends_ms: int) -> tuple[int, int] | None:
        """Return from when until when it stands in the book as far as it is not filled, ms; None:
        it never does.

        Args:
            ends_ms: of its market
        """
        until = min(self.cancelled_ms or self.expires_ms, ends_ms)
        stands = self.kind.rests and self.state != "REJECTED" and self.active_ms < until
        return (self.active_ms, until) if stands else None


@dataclass(frozen=True)
class SimulatedFill:
    """One fill: tokens and collateral, micro; cash without the fee, which is below 0 where a maker
    is paid a part of the taker's."""

    order: Order
    at_ms: int
    tokens: int
    cash: int
    fee: int
    maker: bool


OfferedAt = tuple[bool, int]  # whether to buyers of YES, and the price


class Taken(NamedTuple):
    """What our orders took of a level, and what stood there then."""

    size: int
    of: int


@dataclass
class Engine:
    """One simulated venue.

    Attributes:
        covers: how many of a fill's tokens the account can deliver or pay
        now: ms
        since: when each price was seen, ms
    """

    listed: Sequence[Listed]
    quotes: Quotes
    feed: Iterable[Batch]
    filled: Callable[[SimulatedFill], None] = lambda fill: None
    covers: Callable[[SimulatedFill], int] = lambda fill: fill.tokens
    now: int = 0
    events: int = 0
    price: list[Price | None] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    orders: dict[OrderHash, Order] = field(default_factory=dict)
    _waiting: list[tuple[int, int, Order, bool]] = field(default_factory=list)  # to be cancelled?
    _resting: dict[int, list[Order]] = field(default_factory=dict)
    _taken: dict[int, dict[OfferedAt, Taken]] = field(default_factory=dict)
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

    @property
    def pending(self) -> bool:
        """Whether an order or a cancel is on its way."""
        return bool(self._waiting)

    def rests(self) -> dict[int, list[Order]]:
        """Return the orders that rest now, by market."""
        found = {
            market: [
                order
                for order in orders
                if order.state == "LIVE"
                and self.now <= order.expires_ms
                and self.now < self.listed[market].ends_ms
            ]
            for market, orders in self._resting.items()
        }
        return {market: orders for market, orders in found.items() if orders}

    def advance(self, to: int) -> None:
        """Let everything happen up to a time (ms), it included.

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
            if new.__class__ is Print:
                if market in resting:
                    self._traded(market, new, time)
            else:
                old = price[market]
                price[market], since[market] = new, time
                if old != new:
                    if market in taken:
                        self._forget(market, new)
                    if market in resting:
                        self._moved(market, old, new, time)
            if on_event is not None:
                on_event(time, market, new)
        self.events += end - place
        self._place = end

    # books

    def book(self, market: int, outcome: int) -> Book | None:
        """Return the book of a token as it stands, without what our orders took; None: no price
        has been seen yet."""
        both = self.pair(market)
        return None if both is None else both[outcome]

    def pair(self, market: int) -> tuple[Book, Book] | None:
        """Return the books of a market's YES and NO, as `book` does one."""
        new = self.price[market]
        if new is None:
            return None
        pair = (new, mirror(new)) if isinstance(new, Book) else self._books.pair(new)
        gone = self._taken.get(market)
        if not gone:
            return pair
        yes = pair[YES]
        left = Book(_without(yes.bids, False, gone), _without(yes.asks, True, gone), tick=yes.tick)
        return left, mirror(left)

    # orders

    def send(self, order: Order) -> None:
        """Take an order; it is matched when its time has come."""
        self.orders[order.id] = order
        self._await(order.active_ms, order, cancels=False)

    def cancel(self, order: Order, at_ms: int) -> None:
        """End what is left of an order when its cancel has arrived."""
        self._await(at_ms, order, cancels=True)
        self._match_until(self.now)

    def _await(self, at_ms: int, order: Order, cancels: bool) -> None:
        self._sent += 1
        heapq.heappush(self._waiting, (at_ms, self._sent, order, cancels))

    def _match_until(self, to: int) -> None:
        while self._waiting and self._waiting[0][0] <= to:
            at_ms, _, order, cancels = heapq.heappop(self._waiting)
            if cancels and order.state in ("DELAYED", "LIVE"):
                order.state, order.cancelled_ms = "CANCELLED", at_ms
            elif order.state == "DELAYED":
                self._match(order, max(at_ms, self.now))

    def _match(self, order: Order, time: int) -> None:
        listed = self.listed[order.market]
        if time >= listed.ends_ms:
            order.state = "CANCELLED"
            return
        if order.kind.rests and time > order.expires_ms:
            order.state = "EXPIRED"  # on its way
            return
        yes = self.book(order.market, YES)
        found = self._reachable(order, yes) if yes is not None else []
        if order.kind == OrderKind.POST and found:
            order.state = "REJECTED"
            return
        parts = _parts(order, found)
        if order.kind == OrderKind.FOK and not self._whole(order, parts, time):
            order.state = "CANCELLED"
            return
        gone = self._taken.setdefault(order.market, {}) if found else {}
        for price, size in parts:
            if taken := self._fill(order, price, size, time, maker=False):
                self._take(gone, (order.up, price), taken, self.price[order.market])
            if order.state != "DELAYED":
                return
        if not order.kind.rests:
            order.state = "MATCHED" if order.filled else "CANCELLED"
        else:
            self._rest_at(order, yes)

    def _reachable(self, order: Order, yes: Book) -> list[tuple[int, int]]:
        """Return the levels that a taker may take, in terms of YES, best first."""
        limit = order.yes_price
        if order.up:
            return [(each.price, each.size) for each in yes.asks if each.price <= limit]
        return [(each.price, each.size) for each in yes.bids if each.price >= limit]

    def _whole(self, order: Order, parts: Sequence[tuple[int, int]], time: int) -> bool:
        """Whether parts of the book fill a whole order, and its account covers all of them."""
        if sum(size for _, size in parts) < order.size:
            return False
        fills = [self._priced(order, price, size, time, maker=False) for price, size in parts]
        cash, fee = sum(each.cash for each in fills), sum(each.fee for each in fills)
        whole = SimulatedFill(order, time, order.size, cash, fee, maker=False)
        return self.covers(whole) == order.size

    def _rest_at(self, order: Order, yes: Book | None) -> None:
        order.state = "LIVE"
        if yes is None or self._hides(order, yes):
            order.ahead = UNSEEN
        else:
            order.ahead = _size(yes, not order.up, order.yes_price)
        self._resting.setdefault(order.market, []).append(order)

    def _hides(self, order: Order, book: Book) -> bool:
        """Whether a book does not show an order's level: better prices stand before it."""
        best = book.bid if order.up else book.ask
        if not self.listed[order.market].best_only or best is None:
            return False
        return best > order.yes_price if order.up else best < order.yes_price

    def _take(
        self, gone: dict[OfferedAt, Taken], key: OfferedAt, size: int, shown: Price | None
    ) -> None:
        of = _size(shown, *key) if isinstance(shown, Book) else 0
        gone[key] = Taken(size + (gone[key].size if key in gone else 0), of)

    def _forget(self, market: int, new: Price) -> None:
        """Let what was taken be there again: of books only at levels that have changed. A level
        that best prices do not show has not."""
        gone, best_only = self._taken.pop(market), self.listed[market].best_only
        if not isinstance(new, Book):
            return
        kept = {}
        for (asks, price), taken in gone.items():
            best = new.ask if asks else new.bid
            hidden = best is not None and (best < price if asks else best > price)
            if (best_only and hidden) or _size(new, asks, price) == taken.of:
                kept[asks, price] = taken
        if kept:
            self._taken[market] = kept

    def _best_first(self, market: int, time: int) -> list[Order]:
        """Return the orders that rest in a market, the best first, then the oldest; end those whose
        time is over."""
        over = time >= self.listed[market].ends_ms
        for order in self._resting[market]:
            if order.state == "LIVE" and (over or time > order.expires_ms):
                order.state = "EXPIRED"
        live = [order for order in self._resting[market] if order.state == "LIVE"]
        return sorted(live, key=lambda o: -o.yes_price if o.up else o.yes_price)

    def _let_go(self, market: int) -> None:
        """Keep the orders that still rest."""
        live = [order for order in self._resting[market] if order.state == "LIVE"]
        if live:
            self._resting[market] = live
        else:
            del self._resting[market]

    def _traded(self, market: int, trade: Print, time: int) -> None:
        """Let a recorded trade meet the orders against which it could have been."""
        left = trade.size
        for order in self._best_first(market, time):
            if order.up == trade.up or not _reaches(order, trade.price):
                continue
            if trade.price == order.yes_price:
                order.printed += trade.size
            left -= self._pass(order, trade.price, left, time)
        self._let_go(market)

    def _moved(self, market: int, old: Price | None, new: Price, time: int) -> None:
        """Let a new price meet the orders that rest in its market."""
        left, traded = self.quotes.print_size, self.listed[market].traded
        at_level: dict[OfferedAt, int] = {}  # what is left of what traded there
        for order in self._best_first(market, time):
            if isinstance(new, Book):
                self._meet_book(order, old, new, time, at_level)
                continue
            is_beyond = _reaches(order, new) and new != order.yes_price
            if traded or not is_beyond:
                order.ahead -= order.ahead * self.quotes.cancelled_ahead // 100
            if _reaches(order, new) and not traded:
                left -= self._pass(order, new, left, time)
        self._let_go(market)

    def _pass(self, order: Order, price: int, left: int, time: int) -> int:
        """Give an order its part of what trades at its price or beyond, of which so much is left:
        first the queue ahead is served, which is through where the price is beyond. Return the
        part."""
        if price != order.yes_price:
            order.ahead = 0
        passed = min(order.ahead, left)
        order.ahead -= passed
        share = min(order.size - order.filled, left - passed)
        return self._fill(order, order.yes_price, share, time, maker=True) if share else 0

    def _meet_book(
        self, order: Order, old: Price | None, new: Book, time: int, at_level: dict[OfferedAt, int]
    ) -> None:
        """Offers that cross an order's price fill it, each once. Size that goes from its own level
        moves the queue: as cancelled where trades are recorded, else as traded as far as assumed,
        once for all orders there.
        """
        limit, gone = order.yes_price, self._taken.setdefault(order.market, {})
        for level in new.asks if order.up else new.bids:
            if level.price > limit if order.up else level.price < limit:
                break
            key = order.up, level.price
            there = level.size - gone[key].size if key in gone else level.size
            share = min(order.size - order.filled, there)
            if share > 0 and (taken := self._fill(order, limit, share, time, maker=True)):
                self._take(gone, key, taken, new)
            if order.state != "LIVE":
                break
        if not gone:
            del self._taken[order.market]
        if order.state != "LIVE" or not isinstance(old, Book) or self._hides(order, new):
            return
        left = _size(new, not order.up, limit)
        went = _size(old, not order.up, limit) - left
        if self.listed[order.market].traded:
            cancelled = max(went - order.printed, 0)
            order.printed = max(order.printed - went, 0) if went >= 0 else 0
            order.ahead -= min(order.ahead, cancelled * self.quotes.cancelled_ahead // 100)
        else:
            key = order.up, limit
            traded = at_level.get(key, max(went, 0) * self.quotes.traded_of_gone // 100)
            at_level[key] = traded - self._pass(order, limit, traded, time)
        order.ahead = min(order.ahead, left)  # no more than stands there

    def _fill(self, order: Order, yes_price: int, tokens: int, time: int, maker: bool) -> int:
        """Fill an order as far as its account covers it, and end what it does not; return the
        tokens."""
        fill = self._priced(order, yes_price, tokens, time, maker)
        covered = self.covers(fill)
        if covered < tokens:
            order.state, order.cancelled_ms = "CANCELLED", time
            if not covered:
                return 0
            fill = self._priced(order, yes_price, covered, time, maker)
        order.filled += covered
        if order.filled == order.size:
            order.state = "MATCHED"
        self.filled(fill)
        return covered

    def _priced(
        self, order: Order, yes_price: int, tokens: int, time: int, maker: bool
    ) -> SimulatedFill:
        price = yes_price if order.outcome == YES else MICRO - yes_price
        cash = -(-tokens * price // MICRO) if order.buys else tokens * price // MICRO
        fee = self.listed[order.market].fees.most(tokens, price)
        if maker:  # what the taker pays may be rounded down
            fee = -(max(fee - 1, 0) * self.quotes.rebate_bps // BPS)
        return SimulatedFill(order, time, tokens, cash, fee, maker)


def _parts(order: Order, levels: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return price and size of what an order takes of levels, best first."""
    left, found = order.size, []
    for price, size in levels:
        if left <= 0:
            break
        found.append((price, min(size, left)))
        left -= size
    return found


def _reaches(order: Order, price: int) -> bool:
    """Whether a price of YES is at an order's limit or beyond it."""
    return price <= order.yes_price if order.up else price >= order.yes_price


def _size(book: Book, asks: bool, price: int) -> int:
    side = book.asks if asks else book.bids
    return sum(each.size for each in side if each.price == price)


def _without(
    side: Sequence[Level], asks: bool, gone: Mapping[OfferedAt, Taken]
) -> tuple[Level, ...]:
    sizes = {price: taken.size for (of_asks, price), taken in gone.items() if of_asks == asks}
    left = (Level(each.price, each.size - sizes.get(each.price, 0)) for each in side)
    return tuple(each for each in left if each.size > 0)


def token_numbers(listed: Sequence[Listed]) -> dict[TokenId, tuple[int, int]]:
    """Return token id -> market number and outcome."""
    return {
        token: (number, outcome)
        for number, each in enumerate(listed)
        for outcome, token in zip((YES, NO), each.token_ids, strict=True)
    }
