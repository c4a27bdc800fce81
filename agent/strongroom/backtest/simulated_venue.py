"""The venue's services over the event engine: orders in, books and market lists out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side as ClientSide

from strongroom.backtest.engine import MS, Order, Price, token_numbers
from strongroom.backtest.sealed import made_of
from strongroom.backtest.simulated_chain import CHAIN_ID, EXCHANGE, SAFE, World
from strongroom.chain.ids import ConditionId, OrderHash, TokenId, to_hex
from strongroom.chain.orders import YES, OrderKind
from strongroom.chain.units import MICRO
from strongroom.execution.interfaces import VenueAnswer, VenueTrade
from strongroom.information.books import Book
from strongroom.information.forecast import BadForecast, Forecaster, ForecasterAway, Given
from strongroom.information.gamma import Market
from strongroom.information.sources import Look
from strongroom.journal.states import AnswerKind, TradeStatus, VenueWord
from strongroom.signing.order import ExchangeDomain, order_hash
from strongroom.signing.signers import OrderRequest, SafeAddress, TransactionRequest

DOMAIN = ExchangeDomain(EXCHANGE, "2", CHAIN_ID)
NEVER_MS = 2**62  # when an order without a time of its own ends
MOST_QUOTED = 16_384  # markets with their quotes that are kept for the same quotes


class Unsigned:
    """Signers of orders that nobody checks."""

    safe = SafeAddress(SAFE, CHAIN_ID)

    def check(self) -> None:
        """They are always there."""

    def sign_order(self, request: OrderRequest) -> bytes:
        """Return bytes of a signature's length."""
        return bytes(65)

    def sign_transaction(self, request: TransactionRequest) -> bytes:
        """Return bytes of a signature's length."""
        return bytes(65)

    def witness(self, digest: bytes) -> bytes:
        """Return bytes of a signature's length."""
        return bytes(65)


class SimulatedVenue:
    """The order service."""

    def __init__(self, world: World) -> None:
        """Take the world; nothing is connected."""
        self._world, self.trouble = world, ""
        self._tokens = token_numbers(world.engine.listed)

    def place(
        self,
        order: OrderV2,
        signature: bytes,
        kind: OrderKind = OrderKind.GTC,
        expiry: int = 0,
    ) -> VenueAnswer:
        """Take an order; it is matched after the latency."""
        world, key = self._world, OrderHash(to_hex(order_hash(order, DOMAIN)))
        if key in world.engine.orders:
            return VenueAnswer(AnswerKind.ACCEPTED, detail="the venue had it already")
        number, outcome = self._tokens[TokenId(int(order.tokenId))]
        buys = order.side == ClientSide.BUY
        making, taking = int(order.makerAmount), int(order.takerAmount)
        cash, tokens = (making, taking) if buys else (taking, making)
        world.makers[key] = world.names[number]
        world.engine.send(
            Order(
                key,
                number,
                outcome,
                buys,
                cash * MICRO // tokens,
                tokens,
                kind,
                MS * world.now + world.engine.quotes.insert_ms,
                MS * expiry if expiry else NEVER_MS,
            )
        )
        return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.DELAYED)

    def look(self, order_hash: OrderHash) -> VenueAnswer:
        """Return how far an order is."""
        order = self._world.engine.orders.get(order_hash)
        if order is None:
            return VenueAnswer(AnswerKind.REFUSED, detail="the venue does not know the order")
        return VenueAnswer(AnswerKind.ACCEPTED, VenueWord(order.state), matched=order.filled)

    def cancel(self, order_hash: OrderHash) -> VenueAnswer:
        """End an order. Until the cancel has arrived nobody answers, and it may be filled."""
        engine = self._world.engine
        order = engine.orders.get(order_hash)
        if order is None or order.state not in ("DELAYED", "LIVE"):
            return VenueAnswer(AnswerKind.REFUSED, detail="over")
        engine.cancel(order, MS * self._world.now + engine.quotes.cancel_ms)
        if order.state == "CANCELLED":
            return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)
        return VenueAnswer(AnswerKind.SILENT, detail="on its way")

    def trades(
        self, order_hash: OrderHash, condition: ConditionId
    ) -> Mapping[str, VenueTrade] | None:
        """Return an order's trades; all settle."""
        fills = self._world.fills.get(order_hash, ())
        return {
            f"{order_hash}-{number}": VenueTrade(TradeStatus.CONFIRMED, fill.tokens)
            for number, fill in enumerate(fills)
        }

    def heartbeat(self) -> VenueAnswer:
        """Hear that the keeper lives."""
        return VenueAnswer(AnswerKind.ACCEPTED)

    def time(self) -> int | None:
        """Return the time."""
        return self._world.now

    def refresh_funds(self, token: TokenId | None = None) -> None:
        """Nothing is cached."""


class SimulatedSources:
    """What can be known at a moment, and nothing more."""

    def __init__(self, world: World, stale_s: int, forecasters: Sequence[Forecaster] = ()) -> None:
        """Take the world.

        Args:
            stale_s: a market whose last price is older has no book
        """
        self._world, self._stale, self._ask = world, stale_s, forecasters
        self._shown: dict[int, tuple[tuple[Price, bool], Market]] = {}
        self._unpaid = list(range(len(world.markets)))
        # prices come again, and a market that is the same object is sent to the packs once
        self._quoted = lru_cache(MOST_QUOTED)(self._quote)

    def look(
        self, now: int, admits: Callable[[Market], bool], always: Iterable[ConditionId]
    ) -> Look:
        """Return the markets that trade or are held, with their books as they stand."""
        engine, held = self._world.engine, set(always)
        markets: dict[ConditionId, Market] = {}
        books: dict[TokenId, Book] = {}
        self._unpaid = [n for n in self._unpaid if now < engine.listed[n].pays_at]
        for number in self._unpaid:
            price, listed = engine.price[number], engine.listed[number]
            if price is None:
                continue
            market = self._world.markets[number]
            is_over = MS * now >= listed.ends_ms
            if is_over and market.condition_id not in held:
                continue
            shown = self._market(number, price, closed=is_over)
            if market.condition_id not in held and not admits(shown):
                continue
            markets[market.condition_id] = shown
            if MS * now - engine.since[number] > MS * self._stale:
                continue
            pair = engine.pair(number)
            assert pair is not None
            for token, book in zip(listed.token_ids, pair, strict=True):
                seen = {**vars(book), "seen_at": now, "tick": market.tick}
                books[token] = made_of(Book, seen)
        return Look(now, markets, books, self._hear(list(markets.values()), now))

    def _market(self, number: int, price: Price, closed: bool) -> Market:
        known = self._shown.get(number)
        if known is None or known[0] != (price, closed):
            book = self._world.engine.book(number, YES)
            assert book is not None
            quoted = self._quoted(number, book.bid, book.ask, closed)
            known = self._shown[number] = ((price, closed), quoted)
        return known[1]

    def _quote(self, number: int, bid: int | None, ask: int | None, closed: bool) -> Market:
        market = self._world.markets[number]
        quoted = {"best_bid": _decimal(bid), "best_ask": _decimal(ask), "closed": closed}
        return made_of(Market, {**vars(market), **quoted})

    def _hear(self, markets: Sequence[Market], now: int) -> Mapping[ConditionId, Sequence[Given]]:
        found: dict[ConditionId, list[Given]] = {}
        for source in self._ask:
            try:
                for given in source.forecast(markets, now).given:
                    found.setdefault(given.market, []).append(given)
            except (BadForecast, ForecasterAway):
                continue
        return found

    def close(self) -> None:
        """Nothing is open."""


def _decimal(price: int | None) -> Decimal | None:
    return None if price is None else Decimal(price) / MICRO
