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
from typing import Literal

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.auth import ApiKey
from strongroom.devnet.clob.book import BUY, YES, Match, OrderBook, RestingOrder
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.funds import EOA, POLY_1271, POLY_SAFE, Funds, asset_of
from strongroom.devnet.clob.market_data import MarketData
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import (
    LiveOrder,
    OrderSubmission,
    decimal,
    domain_separator,
    judge,
    order_hash,
)
from strongroom.devnet.clob.settlement import VenueChain, signer_of
from strongroom.devnet.clob.settler import Settler
from strongroom.devnet.clob.stream import Hub
from strongroom.devnet.clob.trades import MakerFill, Trade, groups

Admission = Literal["open", "known_wallets"]
HASH_WAIT_S = 2.0  # how long an answer waits for its settlements to be sent
HEARTBEAT_S = 10.0  # a key that has sent one heartbeat and misses the next loses its orders


class MatchingEngine:
    """All markets of the service."""

    def __init__(
        self,
        chain: VenueChain,
        listings: Iterable[Listing],
        admission: Admission = "open",
        clock: Callable[[], float] = time.time,
        confirmations: int = 0,
    ) -> None:
        self.chain = chain
        self.admission: Admission = admission
        self.clock = clock
        self.faults = Faults()
        self.data = MarketData(Hub(self.faults), listings, clock)
        self.funds = Funds(chain)
        self.settler = Settler(chain, self.funds, self.data, clock, confirmations)
        self.orders: dict[str, LiveOrder] = {}
        self.trades: dict[str, Trade] = {}
        self._open: dict[str, dict[str, LiveOrder]] = defaultdict(dict)  # API key -> its orders
        self._expiring: list[tuple[int, str]] = []  # when, order
        self._trades_of: dict[str, list[str]] = defaultdict(list)
        self._heartbeats: dict[str, tuple[str, float]] = {}

    def close(self, condition_id: str) -> None:
        """End a market's trading: its orders are taken out, and no more come in."""
        self.data.add(replace(self.data.listings[condition_id], closed=True))
        for orders in list(self._open.values()):
            for order in list(orders.values()):
                if order.listing.condition_id == condition_id:
                    self._end(order, "CANCELED")

    def use(self, faults: Faults) -> None:
        """Have other things go wrong from now on."""
        self.faults = self.settler.faults = faults
        self.data.hub.use(faults)

    # orders

    async def post(self, submission: OrderSubmission, key: ApiKey) -> JsonObject:
        """Take an order; match it, or let it rest.

        Raises:
            Refusal: with the venue's status and words.
        """
        self._check_mode(submission)
        order, digest = self._received(submission, key)
        await self._check_signature(order, digest, key)
        await self._see_funds(order)
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

    def open_orders(self, key: str, market: str = "", token: str = "") -> list[LiveOrder]:
        """Return a key's open orders, oldest first."""
        return [
            order
            for order in self._open[key].values()
            if market in ("", order.listing.condition_id) and token in ("", order.order.tokenId)
        ]

    def trades_of(self, key: str) -> list[Trade]:
        """Return the trades that a key took part in, oldest first."""
        return [self.trades[trade_id] for trade_id in self._trades_of[key]]

    def heartbeat(self, key: ApiKey, heartbeat_id: str) -> dict[str, str]:
        """Note that a key's owner is alive; each names the one before.

        Raises:
            Refusal: 400, another id is due; the body names it.
        """
        known = self._heartbeats.get(key.key)
        if known is not None and known[0] != heartbeat_id:
            raise Refusal(400, "Invalid Heartbeat ID", heartbeat_id=known[0])
        new = str(uuid.uuid4())
        self._heartbeats[key.key] = (new, self.clock() + HEARTBEAT_S)
        return {"heartbeat_id": new}

    # background

    async def watch_forever(self) -> None:
        """End orders whose time is over, and those of keys whose heartbeat has stopped."""
        while True:
            now = self.clock()
            self._end_expired(now)
            for key, (_, due) in list(self._heartbeats.items()):
                if due < now:
                    del self._heartbeats[key]
                    for order in list(self._open[key].values()):
                        self._end(order, "CANCELED")
            await asyncio.sleep(0.2)

    async def idle(self) -> None:
        """Wait until every trade has come to its end."""
        while not all(trade.is_over for trade in self.trades.values()):
            await asyncio.sleep(0.02)

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
                raise bad(errors.POST_ONLY)

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
        price, size = judge(submission, listing, self.clock())
        domain = domain_separator(listing.exchange, listing.exchange_version, self.chain.chain_id)
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

    async def _check_signature(self, order: LiveOrder, digest: bytes, key: ApiKey) -> None:
        signed = order.order
        maker, signer = signed.maker.lower(), signed.signer.lower()
        caller = key.address.lower()
        signature = bytes.fromhex(signed.signature[2:])
        strict = self.admission == "known_wallets"
        if order.submission.owner != key.key:
            raise bad(errors.FOREIGN_OWNER)
        if signed.signatureType == EOA and strict:
            raise bad(errors.FOREIGN_MAKER)
        if signed.signatureType in (EOA, POLY_SAFE):
            if signer != caller:
                raise bad(errors.FOREIGN_SIGNER)
            owner = signer if signed.signatureType == EOA else await self._owner(maker)
            if signed.signatureType == EOA and maker != signer:
                raise bad(errors.BAD_SIGNATURE)
            if owner != signer:
                raise bad(errors.FOREIGN_MAKER)
            if (signer_of(digest, signature) or "").lower() != signer:
                raise bad(errors.BAD_SIGNATURE)
        elif signed.signatureType == POLY_1271 and maker == signer:
            owner = await self._owner(maker)
            if owner is None and strict:
                raise bad(errors.FOREIGN_MAKER)
            if owner is not None and owner != caller:
                raise bad(errors.FOREIGN_SIGNER)
            if not await self.chain.is_signed_by_contract(signed.maker, digest, signature):
                raise bad(errors.BAD_SIGNATURE)
        else:
            raise bad(errors.BAD_SIGNATURE)

    async def _owner(self, wallet: str) -> str | None:
        owner = await self.chain.wallet_owner(wallet)
        return owner.lower() if owner else None

    async def _see_funds(self, order: LiveOrder) -> None:
        """Look at the chain for a maker that is no wallet of the venue: nobody updates for it."""
        signed, exchange = order.order, order.listing.exchange
        unknown = signed.signatureType == POLY_1271 and await self._owner(signed.maker) is None
        if unknown:
            await self.funds.look([(signed.maker.lower(), asset_of(order), exchange)])

    def _check_funds(self, order: LiveOrder, entry: RestingOrder, book: OrderBook) -> None:
        need = order.making(order.size)
        if order.order.side == BUY and book.crosses(entry):
            need += order.listing.taker_fee(order.size, order.price)
        if not self.funds.suffice(order, need):
            raise bad(errors.NO_FUNDS)

    def _enter(self, order: LiveOrder) -> list[Trade]:
        """Match an order and let the rest of it rest, all at once."""
        if order.id in self.orders:
            raise bad(errors.DUPLICATED)
        self._end_expired(self.clock())
        book, entry = self.data.books[order.listing.condition_id], order.entry()
        self._check_funds(order, entry, book)
        if order.submission.postOnly and book.crosses(entry):
            raise bad(errors.CROSSING)
        order_type = order.submission.orderType
        if order_type == "FOK" and book.depth(entry) < order.size:
            raise bad(errors.FOK_KILLED)
        if order_type == "FAK" and not book.crosses(entry):
            raise bad(errors.FAK_KILLED)

        self.orders[order.id] = order
        matches = book.take(entry)
        trades = [self._trade(order, group) for group in groups(matches)]
        if entry.size and order_type in ("GTC", "GTD"):
            book.rest(entry)
            self._open[order.owner][order.id] = order
            self.funds.reserve(order, order.making(entry.size))
            if order.expires_at:
                heapq.heappush(self._expiring, (order.expires_at, order.id))
            self.data.tell_order(order, "PLACEMENT")
            self.data.tell_level(order, entry)
        else:
            order.status = "MATCHED" if not entry.size else "CANCELED"
        if trades:
            self.data.tell_books(order.listing)
        return trades

    def _end_expired(self, now: float) -> None:
        while self._expiring and self._expiring[0][0] <= now:
            order = self.orders[heapq.heappop(self._expiring)[1]]
            if order.id in self._open[order.owner]:
                self._end(order, "EXPIRED")

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
        entry = order.entry()
        self.data.books[order.listing.condition_id].remove(order.id)
        del self._open[order.owner][order.id]
        self.funds.reserve(order, -order.making(entry.size))
        order.status = status
        self.data.tell_order(order, "CANCELLATION")
        self.data.tell_level(order, entry)


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
        "status": "matched" if trades else "live",
        "makingAmount": decimal(gives) if trades else "",
        "takingAmount": decimal(gets) if trades else "",
        "tradeIDs": [trade.id for trade in trades],
        "transactionsHashes": [trade.transaction for trade in trades if trade.transaction],
    }
