"""The matching engine: takes orders, matches them, has them settled on chain, and tells of it.

Everything that changes a book runs without awaiting, so it needs no lock; what asks the chain
(signatures, balances, settlement) stands before or after that.
"""

import asyncio
import hashlib
import heapq
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Literal

from strongroom.devnet.clob import errors
from strongroom.devnet.clob.auth import ApiKey
from strongroom.devnet.clob.book import BUY, ONE, YES, Book, Entry, Match
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import (
    LiveOrder,
    Submission,
    decimal,
    domain_separator,
    judge,
    order_hash,
)
from strongroom.devnet.clob.settlement import RpcError, Settlement, VenueChain, signer_of
from strongroom.devnet.clob.stream import Hub

Admission = Literal["open", "known_wallets"]
EOA, POLY_SAFE, POLY_1271 = 0, 2, 3
COLLATERAL = ""  # the asset that is no outcome token
MAX_MAKERS = 10  # of one call of the exchange
HASH_WAIT_S = 2.0  # how long an answer waits for its settlements to be sent
HEARTBEAT_S = 10.0  # a key that has sent one heartbeat and misses the next loses its orders
ATTEMPTS = 2  # to settle a trade


@dataclass
class Fill:
    """A maker's part of a trade."""

    order: LiveOrder
    size: int
    price: int  # of the maker's token


@dataclass
class Trade:
    """A taker against makers at one price: one settlement."""

    id: str
    taker: LiveOrder
    makers: Sequence[Fill]
    price: int  # of the taker's token
    size: int
    fee: int
    matched_at: int
    doomed: bool  # the fault switch has it revert
    status: str = "MATCHED"
    updated_at: int = 0
    transaction: str = ""
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    def parties(self) -> Iterator[LiveOrder]:
        """Yield the orders that take part."""
        yield self.taker
        for fill in self.makers:
            yield fill.order

    def makers_and_taker(self) -> set[str]:
        """Return the addresses that it moved funds of, in lower case."""
        return {order.order.maker.lower() for order in self.parties()}

    def seen_by(self, owner: str) -> dict[str, Any]:
        """Return it as `/data/trades` shows it to an API key."""
        order = self.taker.order
        return {
            "id": self.id,
            "taker_order_id": self.taker.id,
            "market": self.taker.listing.condition_id,
            "asset_id": order.tokenId,
            "side": order.side,
            "size": decimal(self.size),
            "fee_rate_bps": "0",
            "fee": decimal(self.fee),
            "price": decimal(self.price),
            "status": self.status,
            "match_time": str(self.matched_at),
            "last_update": str(self.updated_at or self.matched_at),
            "outcome": self.taker.listing.outcomes[self.taker.outcome],
            "bucket_index": 0,
            "owner": self.taker.owner,
            "maker_address": order.maker,
            "transaction_hash": self.transaction,
            "trader_side": "TAKER" if self.taker.owner == owner else "MAKER",
            "maker_orders": [
                {
                    "order_id": fill.order.id,
                    "owner": fill.order.owner,
                    "maker_address": fill.order.order.maker,
                    "matched_amount": decimal(fill.size),
                    "price": decimal(fill.price),
                    "fee_rate_bps": "0",
                    "asset_id": fill.order.order.tokenId,
                    "outcome": fill.order.listing.outcomes[fill.order.outcome],
                    "side": fill.order.order.side,
                }
                for fill in self.makers
            ],
        }


class Engine:
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
        self.hub = Hub(self.faults)
        self.listings: dict[str, Listing] = {}
        self.books: dict[str, Book] = {}
        self.orders: dict[str, LiveOrder] = {}
        self.trades: dict[str, Trade] = {}
        self._tokens: dict[str, tuple[str, int]] = {}  # token -> market, outcome
        self._confirmations = confirmations
        self._open: dict[str, dict[str, LiveOrder]] = defaultdict(dict)  # API key -> its orders
        self._expiring: list[tuple[int, str]] = []  # when, order
        self._trades_of: dict[str, list[str]] = defaultdict(list)
        self._seen: dict[tuple[str, str, str], tuple[int, int]] = {}  # maker, asset, exchange
        self._reserved: dict[tuple[str, str], int] = defaultdict(int)  # maker, asset
        self._changed: dict[str, int] = {}  # market -> ms
        self._last: dict[str, tuple[int, str]] = {}  # token -> price, side of its last trade
        self._heartbeats: dict[str, tuple[str, float]] = {}
        self._unsettled: asyncio.Queue[Trade] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        for listing in listings:
            self.add(listing)

    def add(self, listing: Listing) -> None:
        """Open a market for trading, or change what is listed of it."""
        known = self.listings.get(listing.condition_id)
        self.listings[listing.condition_id] = listing
        self.books.setdefault(listing.condition_id, Book())
        self._changed.setdefault(listing.condition_id, self._now_ms())
        for outcome, token in enumerate(listing.token_ids):
            self._tokens[token] = (listing.condition_id, outcome)
        if known is not None and known.tick != listing.tick:
            for token in listing.token_ids:
                message = {
                    "event_type": "tick_size_change",
                    "asset_id": token,
                    "market": listing.condition_id,
                    "old_tick_size": str(known.tick),
                    "new_tick_size": str(listing.tick),
                    "timestamp": str(self._now_ms()),
                }
                self.hub.to_token(token, message)

    def close(self, condition_id: str) -> None:
        """End a market's trading: its orders are taken out, and no more come in."""
        self.add(replace(self.listings[condition_id], closed=True))
        for orders in list(self._open.values()):
            for order in list(orders.values()):
                if order.listing.condition_id == condition_id:
                    self._end(order, "CANCELED")

    def use(self, faults: Faults) -> None:
        """Have other things go wrong from now on."""
        self.faults = faults
        self.hub.use(faults)

    def __contains__(self, token: str) -> bool:
        """Whether a token is traded here."""
        return token in self._tokens

    def listing_of(self, token: str) -> tuple[Listing, int]:
        """Return a token's market and outcome.

        Raises:
            Refusal: 400, no token id; 404, none of this service.
        """
        if not token.isdecimal():
            raise bad(errors.BAD_TOKEN)
        if token not in self._tokens:
            raise Refusal(404, errors.NO_BOOK)
        market, outcome = self._tokens[token]
        return self.listings[market], outcome

    # orders

    async def post(self, submission: Submission, key: ApiKey) -> dict[str, Any]:
        """Take an order; match it, or let it rest.

        Raises:
            Refusal: with the venue's status and words.
        """
        self._check_mode(submission)
        try:
            listing, outcome = self.listing_of(submission.order.tokenId)
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
        await self._check_signature(order, digest, key)
        await self._see_funds(order)
        trades = self._enter(order)
        if trades and not submission.deferExec:
            waiting = asyncio.gather(*(trade.sent.wait() for trade in trades))
            with suppress(TimeoutError):  # then the client follows the trades by their ids
                await asyncio.wait_for(waiting, HASH_WAIT_S)
        making = sum(order.making(trade.size) for trade in trades)
        taking = sum(trade.size * trade.price // ONE for trade in trades)
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

    def cancel(self, ids: Iterable[str], key: ApiKey) -> dict[str, Any]:
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

    # funds

    async def maker_of(self, address: str, signature_type: int) -> str:
        """Return whose funds an EOA trades: its own, or those of its Safe or deposit wallet."""
        if signature_type == EOA:
            return address.lower()
        wallet = await self.chain.wallet_of(address, safe=signature_type == POLY_SAFE)
        return (wallet or address).lower()

    async def update_funds(self, maker: str, asset: str, exchanges: Iterable[str]) -> None:
        """Read a maker's balance and allowances of an asset from the chain."""
        await self._look([(maker, asset, exchange) for exchange in exchanges])

    async def _look(self, asked: Sequence[tuple[str, str, str]]) -> None:
        self._seen |= zip(asked, await self.chain.funds(asked), strict=True)

    def funds(self, maker: str, asset: str, exchanges: Iterable[str]) -> dict[str, Any]:
        """Return what the service believes a maker to have: 0 before the first update."""
        seen = {
            exchange: self._seen.get((maker, asset, exchange), (0, 0)) for exchange in exchanges
        }
        balance = max((balance for balance, _ in seen.values()), default=0)
        return {
            "balance": str(balance),
            "allowances": {exchange: str(allowance) for exchange, (_, allowance) in seen.items()},
        }

    # market data

    def book_summary(self, token: str) -> dict[str, Any]:
        """Return a token's book as `/book` shows it: best prices last, its hash inside."""
        listing, outcome = self.listing_of(token)
        bids, asks = self.books[listing.condition_id].levels(outcome)
        last = self._last.get(token)
        summary: dict[str, Any] = {
            "market": listing.condition_id,
            "asset_id": token,
            "timestamp": str(self._changed[listing.condition_id]),
            "hash": "",
            "bids": _levels(bids),
            "asks": _levels(asks),
            "min_order_size": str(listing.min_size),
            "tick_size": str(listing.tick),
            "neg_risk": listing.negative_risk,
            "last_trade_price": decimal(last[0]) if last else "",
        }
        text = json.dumps(summary, separators=(",", ":"), ensure_ascii=False)
        summary["hash"] = hashlib.sha1(text.encode()).hexdigest()
        return summary

    def best(self, token: str) -> tuple[int | None, int | None]:
        """Return a token's best bid and ask, 10**-6."""
        listing, outcome = self.listing_of(token)
        bids, asks = self.books[listing.condition_id].levels(outcome)
        return bids[0][0] if bids else None, asks[0][0] if asks else None

    def last_trade(self, token: str) -> tuple[int, str] | None:
        """Return price and side of a token's last trade."""
        self.listing_of(token)
        return self._last.get(token)

    # background

    async def settle_forever(self) -> None:
        """Send settlements one behind the other; follow each to its end in a task of its own."""
        while True:
            trade = await self._unsettled.get()
            if self.faults.settlement_delay_ms:
                await asyncio.sleep(self.faults.settlement_delay_ms / 1000)
            await self._settle(trade)

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
        while any(trade.status not in ("CONFIRMED", "FAILED") for trade in self.trades.values()):
            await asyncio.sleep(0.02)

    # inside

    def _check_mode(self, submission: Submission) -> None:
        match self.faults.mode:
            case "restarting":
                raise Refusal(425, errors.RESTARTING)
            case "disabled":
                raise Refusal(503, errors.DISABLED)
            case "cancel_only":
                raise Refusal(503, errors.CANCEL_ONLY)
            case "post_only" if not submission.postOnly:
                raise bad(errors.POST_ONLY)

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
            await self.update_funds(signed.maker.lower(), _asset(order), [exchange])

    def _check_funds(self, order: LiveOrder, entry: Entry, book: Book) -> None:
        maker, asset = order.order.maker.lower(), _asset(order)
        need = order.making(order.size)
        if order.order.side == BUY and book.crosses(entry):
            need += order.listing.taker_fee(order.size, order.price)
        balance, allowance = self._seen.get((maker, asset, order.listing.exchange), (0, 0))
        if min(balance, allowance) < need + self._reserved[maker, asset]:
            raise bad(errors.NO_FUNDS)

    def _enter(self, order: LiveOrder) -> list[Trade]:
        """Match an order and let the rest of it rest, all at once."""
        if order.id in self.orders:
            raise bad(errors.DUPLICATED)
        self._end_expired(self.clock())
        book, entry = self.books[order.listing.condition_id], order.entry()
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
        trades = [self._trade(order, group) for group in _groups(matches)]
        if entry.size and order_type in ("GTC", "GTD"):
            book.rest(entry)
            self._open[order.owner][order.id] = order
            self._reserve(order, order.making(entry.size))
            if order.expires_at:
                heapq.heappush(self._expiring, (order.expires_at, order.id))
            self._tell_order(order, "PLACEMENT")
            self._tell_level(order, entry)
        else:
            order.status = "MATCHED" if not entry.size else "CANCELED"
        if trades:
            for token in order.listing.token_ids:
                self.hub.to_token(token, {"event_type": "book"} | self.book_summary(token))
        return trades

    def _end_expired(self, now: float) -> None:
        while self._expiring and self._expiring[0][0] <= now:
            order = self.orders[heapq.heappop(self._expiring)[1]]
            if order.id in self._open[order.owner]:
                self._end(order, "EXPIRED")

    def _trade(self, taker: LiveOrder, matches: Sequence[Match]) -> Trade:
        size = sum(match.size for match in matches)
        price = matches[0].yes_price if taker.outcome == YES else ONE - matches[0].yes_price
        fills = []
        for match in matches:
            maker = self.orders[match.order_id]
            fills.append(Fill(maker, match.size, maker.price))
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
        self._reserve(taker, _given(trade))
        self.trades[trade.id] = trade
        for owner in {order.owner for order in trade.parties()}:
            self._trades_of[owner].append(trade.id)
        for order in trade.parties():
            order.trades.append(trade.id)
            self._tell_order(order, "UPDATE")
        self._tell_trade(trade)
        self._changed[taker.listing.condition_id] = self._now_ms()
        self._tell_last_price(trade)
        self._unsettled.put_nowait(trade)
        return trade

    def _end(self, order: LiveOrder, status: str) -> None:
        entry = order.entry()
        self.books[order.listing.condition_id].remove(order.id)
        del self._open[order.owner][order.id]
        self._reserve(order, -order.making(entry.size))
        order.status = status
        self._tell_order(order, "CANCELLATION")
        self._tell_level(order, entry)

    def _reserve(self, order: LiveOrder, amount: int) -> None:
        """Keep what an order may give from being promised twice, until it is given or free."""
        self._reserved[order.order.maker.lower(), _asset(order)] += amount

    async def _settle(self, trade: Trade) -> None:
        taker = trade.taker
        settlement = Settlement(
            exchange=taker.listing.exchange,
            condition_id=taker.listing.condition_id,
            taker=_signed(taker),
            makers=[_signed(fill.order) for fill in trade.makers],
            taker_fill=taker.making(trade.size),
            maker_fills=[fill.order.making(fill.size) for fill in trade.makers],
            taker_fee=trade.fee,
        )
        try:
            trade.transaction = await self.chain.send(settlement, trade.doomed)
        except RpcError:
            trade.sent.set()
            await self._finish(trade, "FAILED")
            return
        trade.sent.set()
        task = asyncio.create_task(self._follow(trade, settlement))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, trade: Trade, settlement: Settlement) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            succeeded, block = await self.chain.wait(trade.transaction)
            if succeeded:
                self._set_status(trade, "MINED")
                while not await self._is_deep(block + self._confirmations):
                    await asyncio.sleep(0.05)
                await self._finish(trade, "CONFIRMED")
                return
            if attempt < ATTEMPTS:
                self._set_status(trade, "RETRYING")
                try:
                    trade.transaction = await self.chain.send(settlement, trade.doomed)
                except RpcError:
                    break
        await self._finish(trade, "FAILED")

    async def _finish(self, trade: Trade, status: str) -> None:
        """Read again what the parties have, then say how it ended."""
        known = {
            (order.order.maker.lower(), asset, order.listing.exchange)
            for order in trade.parties()
            for asset in (COLLATERAL, order.order.tokenId)
        }
        with suppress(RpcError):  # then what was seen last stands until the next look
            await self._look([each for each in known if each in self._seen])
        self._reserve(trade.taker, -_given(trade))
        for fill in trade.makers:
            self._reserve(fill.order, -fill.order.making(fill.size))
        self._set_status(trade, status)

    async def _is_deep(self, block: int) -> bool:
        try:
            return await self.chain.block_number() >= block
        except RpcError:
            return False

    def _set_status(self, trade: Trade, status: str) -> None:
        trade.status = status
        trade.updated_at = int(self.clock())
        self._tell_trade(trade)

    # telling

    def _tell_order(self, order: LiveOrder, kind: str) -> None:
        message = {
            "event_type": "order",
            "type": kind,
            "timestamp": str(self._now_ms()),
        } | order.as_open_order()
        self.hub.to_user(order.owner, order.listing.condition_id, message)

    def _tell_trade(self, trade: Trade) -> None:
        for owner in {order.owner for order in trade.parties()}:
            message = {
                "event_type": "trade",
                "type": "TRADE",
                "timestamp": str(self._now_ms()),
            } | trade.seen_by(owner)
            self.hub.to_user(owner, trade.taker.listing.condition_id, message)

    def _tell_last_price(self, trade: Trade) -> None:
        listing, side = trade.taker.listing, trade.taker.order.side
        token = trade.taker.order.tokenId
        self._last[token] = (trade.price, side)
        message = {
            "event_type": "last_trade_price",
            "market": listing.condition_id,
            "asset_id": token,
            "price": decimal(trade.price),
            "size": decimal(trade.size),
            "side": side,
            "fee_rate_bps": "0",
            "timestamp": str(self._now_ms()),
        }
        self.hub.to_token(token, message)

    def _tell_level(self, order: LiveOrder, entry: Entry) -> None:
        """Tell the level that has changed, as both tokens' books show it."""
        listing = order.listing
        self._changed[listing.condition_id] = self._now_ms()
        size = decimal(self.books[listing.condition_id].level(entry))
        changes = []
        for outcome, token in enumerate(listing.token_ids):
            bid, ask = self.best(token)
            changes.append(
                {
                    "asset_id": token,
                    "price": decimal(entry.yes_price if outcome == YES else ONE - entry.yes_price),
                    "size": size,
                    "side": "BUY" if entry.is_bid == (outcome == YES) else "SELL",
                    "hash": self.book_summary(token)["hash"],
                    "best_bid": decimal(bid) if bid is not None else "0",
                    "best_ask": decimal(ask) if ask is not None else "1",
                }
            )
        message = {
            "event_type": "price_change",
            "market": listing.condition_id,
            "price_changes": changes,
            "timestamp": str(self._now_ms()),
        }
        self.hub.to_market(listing.token_ids, message)

    def _now_ms(self) -> int:
        return int(self.clock() * 1000)


def _asset(order: LiveOrder) -> str:
    """Return what an order pays with."""
    return COLLATERAL if order.order.side == BUY else order.order.tokenId


def _given(trade: Trade) -> int:
    """Return what the taker may give for a trade, the fee on top of a BUY included."""
    fee = trade.fee if trade.taker.order.side == BUY else 0
    return trade.taker.making(trade.size) + fee


def _signed(order: LiveOrder) -> tuple[Any, ...]:
    return (*order.order.struct(), bytes.fromhex(order.order.signature[2:]))


def _groups(matches: Sequence[Match]) -> Iterator[Sequence[Match]]:
    """Cut matches into those of one price, as many as one settlement takes."""
    for _, group in groupby(matches, key=lambda match: match.yes_price):
        same = list(group)
        for start in range(0, len(same), MAX_MAKERS):
            yield same[start : start + MAX_MAKERS]


def _levels(levels: Sequence[tuple[int, int]]) -> list[dict[str, str]]:
    return [{"price": decimal(price), "size": decimal(size)} for price, size in reversed(levels)]
