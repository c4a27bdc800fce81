"""The matching engine: takes orders, matches them, and hands the trades to the settler.

Everything that changes a book runs without awaiting, so it needs no lock; what asks the chain
(signatures, balances) stands before that.
"""

import asyncio
import heapq
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.admission import Admission, OrderGate
from strongroom.devnet.clob.auth import ApiKey
from strongroom.devnet.clob.book import BUY, YES, Match, OrderBook
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.funds import POLY_1271, Funds, asset_of
from strongroom.devnet.clob.habits import DEFAULT, Habits
from strongroom.devnet.clob.heartbeats import Heartbeats
from strongroom.devnet.clob.incentives import Incentives
from strongroom.devnet.clob.market_data import Level, MarketData
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import (
    LiveOrder,
    OrderSubmission,
    decimal,
    domain_separator,
    judge,
    order_hash,
)
from strongroom.devnet.clob.rates import RateLimits
from strongroom.devnet.clob.sessions import SessionSigners
from strongroom.devnet.clob.settlement import VenueChain
from strongroom.devnet.clob.settler import Settler
from strongroom.devnet.clob.stream import Hub
from strongroom.devnet.clob.trades import MakerFill, Trade, groups

HASH_WAIT_S = 2.0  # how long an answer waits for its settlements to be sent
LOOK_S = 0.05  # between two looks at the clock, which may leap


class MatchingEngine:
    """All markets of the service."""

    def __init__(
        self,
        chain: VenueChain,
        chain_id: int,
        listings: Iterable[Listing],
        admission: Admission = "open",
        clock: Callable[[], float] = time.time,
        confirmations: int = 0,
        habits: Habits = DEFAULT,
    ) -> None:
        self.chain, self.chain_id = chain, chain_id
        self.clock = clock
        self.faults, self.habits = Faults(), habits
        self.data = MarketData(Hub(self.faults, self.habits), listings, clock)
        # what clients are held to by this machine's clock, as their requests are
        self.sessions, self.rates = SessionSigners(time.time), RateLimits(time.time)
        self.gate = OrderGate(chain, self.sessions, admission, lambda: self.habits)
        self.heartbeats = Heartbeats(clock)
        self.funds = Funds(chain, self.sessions)
        self.settler = Settler(chain, self.funds, self.data, clock, confirmations)
        self.incentives = Incentives()
        self.orders: dict[str, LiveOrder] = {}
        self.trades: dict[str, Trade] = {}
        self._open: dict[str, dict[str, LiveOrder]] = defaultdict(dict)  # API key -> its orders
        self._expiring: list[tuple[int, str]] = []  # when, order
        self._trades_of: dict[str, list[str]] = defaultdict(list)
        self._later: set[asyncio.Task[None]] = set()

    def close(self, condition_id: str, winner: int | None = None) -> None:
        """End a market's trading: its orders are taken out, and no more come in.

        Args:
            winner: the outcome that it was resolved to; None: that is not known yet
        """
        listing = replace(self.data.listings[condition_id], closed=True)
        self.data.add(listing)
        for orders in list(self._open.values()):
            for order in list(orders.values()):
                if order.listing.condition_id == condition_id:
                    self._end(order, "CANCELED_MARKET_RESOLVED")
        if winner is not None:
            self.data.tell_resolved(listing, winner)

    def use(self, faults: Faults) -> None:
        """Have other things go wrong from now on."""
        self.faults = self.settler.faults = self.data.hub.faults = faults

    def behave(self, habits: Habits) -> None:
        """Have other habits from now on."""
        self.habits = self.data.hub.habits = habits

    # orders

    async def post(self, submission: OrderSubmission, key: ApiKey) -> JsonObject:
        """Take an order; match it, or let it rest.

        Raises:
            Refusal: with the venue's status and words.
        """
        self._check_mode(submission)
        order, digest = self._received(submission, key)
        await self.gate.check(order, digest, key)
        await self._see_funds(order)
        self._check(order)
        if self._is_marketable(order):
            if self.faults.spend("delay_failures"):
                return self._put_off(order, "UNMATCHED", 0)
            if self.habits.taker_delay_s:
                return self._put_off(order, "DELAYED", self.habits.taker_delay_s)
        trades = self._enter(order)
        if trades and not submission.deferExec:
            waiting = asyncio.gather(*(trade.sent.wait() for trade in trades))
            with suppress(TimeoutError):  # then the client follows the trades by their ids
                await asyncio.wait_for(waiting, HASH_WAIT_S)
        return _accepted(order, trades)

    def cancel(self, ids: Iterable[str], key: ApiKey) -> JsonObject:
        """Cancel a key's orders; those that are not open are named with a reason.

        Raises:
            Refusal: 503, trading is disabled altogether.
        """
        if self.faults.mode == "disabled":
            raise Refusal(503, errors.DISABLED)
        if self.faults.mode == "restarting":
            raise Refusal(425, errors.RESTARTING)
        done, not_done = [], {}
        for order_id in ids:
            order = self._open[key.key].get(order_id)
            if order is None:
                not_done[order_id] = errors.GONE
            else:
                self._end(order, "CANCELED")
                done.append(order_id)
        return {"canceled": done, "not_canceled": not_done}

    def cancel_all(self, key: str) -> None:
        """End all orders of an API key."""
        for order in list(self._open[key].values()):
            self._end(order, "CANCELED")

    def cancel_of(self, wallet: str, keys: Iterable[str]) -> None:
        """End what API keys have open for a wallet: those of a session key that ends."""
        for key in keys:
            for order in list(self._open[key].values()):
                if order.order.maker.lower() == wallet.lower():
                    self._end(order, "CANCELED")

    def open_orders(self, key: str, market: str = "", token: str = "") -> list[LiveOrder]:
        """Return a key's open orders, oldest first."""
        return [
            order
            for order in self._open[key].values()
            if market in ("", order.listing.condition_id) and token in ("", order.order.tokenId)
        ]

    def look_at_resting(self) -> None:
        """Reward what rests now."""
        resting = [each for orders in self._open.values() for each in orders.values()]
        self.incentives.look(resting, self.clock())

    def trades_of(self, key: str) -> list[Trade]:
        """Return the trades that a key took part in, oldest first."""
        return [self.trades[trade_id] for trade_id in self._trades_of[key]]

    # background

    async def watch_forever(self) -> None:
        """End orders whose time is over, and those of keys whose heartbeat has stopped."""
        while True:
            self._end_expired(self.clock())
            for key in self.heartbeats.fallen_silent():
                self.cancel_all(key)
            await asyncio.sleep(0.2)

    @property
    def is_idle(self) -> bool:
        """Whether no order is put off and every trade has come to its end."""
        return not self._later and all(trade.is_over for trade in list(self.trades.values()))

    # inside

    def _check_mode(self, submission: OrderSubmission) -> None:
        match self.faults.mode:
            case "restarting":
                raise Refusal(425, errors.RESTARTING)
            case "disabled":
                raise Refusal(503, errors.DISABLED)
            case "cancel_only":
                raise Refusal(503, errors.CANCEL_ONLY)
            case "post_only" if not submission.postOnly:
                raise Refusal(503, errors.POST_ONLY, code="post_only_mode")  # VENUE e1

    def _received(self, submission: OrderSubmission, key: ApiKey) -> tuple[LiveOrder, bytes]:
        """Return the order of a submission, and its hash.

        Raises:
            Refusal: 400, its market or its numbers do not fit.
        """
        try:
            listing, outcome = self.data.listing_of(submission.order.tokenId)
        except Refusal as refusal:
            raise bad(errors.BAD_TOKEN) from refusal
        if listing.closed or not listing.accepting:
            raise bad(errors.NOT_READY)
        price, size = judge(submission, listing, self.clock(), self.habits)
        domain = domain_separator(listing.exchange, listing.exchange_version, self.chain_id)
        digest = order_hash(submission.order, domain)
        order = LiveOrder(
            id="0x" + digest.hex(),
            owner=key.key,
            listing=listing,
            outcome=outcome,
            submission=submission,
            price=price,
            size=size,
            created_at=int(self.clock()),
        )
        return order, digest

    async def _see_funds(self, order: LiveOrder) -> None:
        """Look at the chain for a maker that no API key is the owner of: nobody updates for it."""
        signed, exchange = order.order, order.listing.exchange
        if signed.signatureType == POLY_1271 and await self.gate.has_no_key(signed.maker):
            await self.funds.look([(signed.maker.lower(), asset_of(order), exchange)])

    def _check(self, order: LiveOrder) -> None:
        """Hold an order against what is there: the same one, its maker's funds, the book.

        Raises:
            Refusal: 400 with the venue's words.
        """
        if order.id in self.orders:
            raise bad(errors.DUPLICATED)
        self._end_expired(self.clock())
        need = order.making(order.size)
        if order.order.side == BUY and self._book(order).crosses(order.entry()):
            need += order.listing.taker_fee(order.size, order.price)
        if not self.funds.suffice(order, need):
            raise bad(errors.NO_FUNDS)
        if order.submission.postOnly and self._book(order).crosses(order.entry()):
            raise bad(errors.CROSSING)
        if why := self._unfillable(order):
            raise bad(why)

    def _unfillable(self, order: LiveOrder) -> str:
        """Say why an order that does not rest can get nothing; empty: it can, or it rests."""
        book, entry = self._book(order), order.entry()
        match order.submission.orderType:
            case "FOK" if book.depth(entry) < order.size:
                return errors.FOK_KILLED
            case "FAK" if not book.crosses(entry):
                return errors.FAK_KILLED
        return ""

    def _is_marketable(self, order: LiveOrder) -> bool:
        return self._book(order).crosses(order.entry())

    def _book(self, order: LiveOrder) -> OrderBook:
        return self.data.books[order.listing.condition_id]

    def _put_off(self, order: LiveOrder, status: str, seconds: float) -> JsonObject:
        """Take a marketable order now and match it later: others may go before it (VENUE e1)."""
        order.status = status
        self.orders[order.id] = self._open[order.owner][order.id] = order
        self.funds.reserve(order, order.making(order.size))
        self.data.tell_order(order, "PLACEMENT")
        task = asyncio.create_task(self._enter_later(order, seconds))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return _accepted(order, [])

    async def _enter_later(self, order: LiveOrder, seconds: float) -> None:
        due = self.clock() + seconds  # by the devnet's time, which orders expire by, too
        await asyncio.sleep(0)
        while (left := due - self.clock()) > 0:
            await asyncio.sleep(min(left, LOOK_S))
        if self._open[order.owner].pop(order.id, None) is None:
            return  # cancelled meanwhile
        self.funds.reserve(order, -order.making(order.size))
        if self._unfillable(order):
            order.status = "UNMATCHED"
            self.data.tell_order(order, "UPDATE")
            return
        order.status = "LIVE"
        self._enter(order)

    def _enter(self, order: LiveOrder) -> list[Trade]:
        """Match an order and let the rest of it rest, all at once."""
        book, entry = self._book(order), order.entry()
        self.orders[order.id] = order
        matches = book.take(entry)
        trades = [self._trade(order, group) for group in groups(matches)]
        taken = [(not entry.is_bid, match.yes_price) for match in matches]
        rest: list[Level] = []
        if entry.size and order.submission.orderType in ("GTC", "GTD"):
            book.rest(entry)
            self._open[order.owner][order.id] = order
            self.funds.reserve(order, order.making(entry.size))
            if order.expires_at:
                heapq.heappush(self._expiring, (order.expires_at, order.id))
            self.data.tell_order(order, "PLACEMENT")
            rest.append((entry.is_bid, entry.yes_price))
        else:
            order.status = "MATCHED" if not entry.size else "CANCELED"
        self._tell_changes(order.listing, taken, rest)
        return trades

    def _tell_changes(
        self, listing: Listing, taken: Sequence[Level], rest: Sequence[Level]
    ) -> None:
        """Tell what a new order has changed in its market's books: by whole books where it was
        matched, or by a burst of changes (VENUE e4)."""
        if self.habits.bursts:
            self.data.tell_levels(listing, [*taken, *rest])
            return
        self.data.tell_levels(listing, rest)
        if taken:
            self.data.tell_books(listing)

    def _end_expired(self, now: float) -> None:
        while self._expiring and self._expiring[0][0] <= now:
            order = self.orders[heapq.heappop(self._expiring)[1]]
            if order.id in self._open[order.owner]:
                self._end(order, "CANCELED_EXPIRED_ORDER")

    def _trade(self, taker: LiveOrder, matches: Sequence[Match]) -> Trade:
        size = sum(match.size for match in matches)
        price = matches[0].yes_price if taker.outcome == YES else MICRO - matches[0].yes_price
        fills = []
        for match in matches:
            maker = self.orders[match.order_id]
            fills.append(MakerFill(maker, match.size, maker.price))
            maker.matched += match.size
            if maker.matched == maker.size:
                maker.status = "MATCHED"
                del self._open[maker.owner][maker.id]
        taker.matched += size
        trade = Trade(
            id=str(uuid.uuid4()),
            taker=taker,
            makers=fills,
            price=price,
            size=size,
            fee=taker.listing.taker_fee(size, price),
            matched_at=int(self.clock()),
            doomed=self.faults.happens(self.faults.settlement_reverts),
        )
        self.funds.reserve(taker, trade.given)
        self.trades[trade.id] = trade
        for owner in {order.owner for order in trade.parties()}:
            self._trades_of[owner].append(trade.id)
        for order in trade.parties():
            order.trades.append(trade.id)
            self.data.tell_order(order, "UPDATE")
        self.data.tell_trade(trade)
        self.data.tell_last_price(trade)
        self.settler.add(trade)
        return trade

    def _end(self, order: LiveOrder, status: str) -> None:
        entry, book = order.entry(), self._book(order)
        del self._open[order.owner][order.id]
        self.funds.reserve(order, -order.making(entry.size))
        order.status = status
        self.data.tell_order(order, "CANCELLATION")
        if order.id in book:  # it was not put off
            book.remove(order.id)
            self.data.tell_levels(order.listing, [(entry.is_bid, entry.yes_price)])


def _accepted(order: LiveOrder, trades: Sequence[Trade]) -> JsonObject:
    """Return the answer to an order that was taken."""
    making = sum(order.making(trade.size) for trade in trades)
    taking = sum(trade.size * trade.price // MICRO for trade in trades)
    tokens = sum(trade.size for trade in trades)
    gives, gets = (making, tokens) if order.order.side == BUY else (tokens, taking)
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order.id,
        "status": "matched" if trades else order.status.lower(),
        "makingAmount": decimal(gives) if trades else "",
        "takingAmount": decimal(gets) if trades else "",
        "tradeIDs": [trade.id for trade in trades],
        "transactionsHashes": [trade.transaction for trade in trades if trade.transaction],
    }
