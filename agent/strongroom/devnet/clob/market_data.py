"""What the service says of its markets and orders: books, last prices, and the messages of both
channels."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.book import YES, OrderBook, RestingOrder
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import LiveOrder, decimal
from strongroom.devnet.clob.stream import Hub
from strongroom.devnet.clob.trades import Trade


class MarketData:
    """All markets, their books, and who hears of them."""

    def __init__(self, hub: Hub, listings: Iterable[Listing], clock: Callable[[], float]) -> None:
        self.hub = hub
        self.listings: dict[str, Listing] = {}
        self.books: dict[str, OrderBook] = {}
        self._clock = clock
        self._tokens: dict[str, tuple[str, int]] = {}  # token -> market, outcome
        self._changed: dict[str, int] = {}  # market -> ms
        self._last: dict[str, tuple[int, str]] = {}  # token -> price, side of its last trade
        for listing in listings:
            self.add(listing)

    def add(self, listing: Listing) -> None:
        """Open a market for trading, or change what is listed of it."""
        known = self.listings.get(listing.condition_id)
        self.listings[listing.condition_id] = listing
        self.books.setdefault(listing.condition_id, OrderBook())
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

    def book_summary(self, token: str) -> JsonObject:
        """Return a token's book as `/book` shows it: best prices last, its hash inside."""
        listing, outcome = self.listing_of(token)
        bids, asks = self.books[listing.condition_id].levels(outcome)
        last = self._last.get(token)
        summary: JsonObject = {
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
        return {**summary, "hash": hashlib.sha1(text.encode()).hexdigest()}

    def best(self, token: str) -> tuple[int | None, int | None]:
        """Return a token's best bid and ask, 10**-6."""
        listing, outcome = self.listing_of(token)
        bids, asks = self.books[listing.condition_id].levels(outcome)
        return bids[0][0] if bids else None, asks[0][0] if asks else None

    def last_trade(self, token: str) -> tuple[int, str] | None:
        """Return price and side of a token's last trade."""
        self.listing_of(token)
        return self._last.get(token)

    # messages

    def tell_order(self, order: LiveOrder, kind: str) -> None:
        """Tell an order's owner what became of it."""
        message = {
            "event_type": "order",
            "type": kind,
            "timestamp": str(self._now_ms()),
            **order.as_open_order(),
        }
        self.hub.to_user(order.owner, order.listing.condition_id, message)

    def tell_trade(self, trade: Trade) -> None:
        """Tell those who take part in a trade how it stands."""
        for owner in {order.owner for order in trade.parties()}:
            message = {
                "event_type": "trade",
                "type": "TRADE",
                "timestamp": str(self._now_ms()),
                **trade.seen_by(owner),
            }
            self.hub.to_user(owner, trade.taker.listing.condition_id, message)

    def tell_last_price(self, trade: Trade) -> None:
        """Tell the price of a trade."""
        listing, side = trade.taker.listing, trade.taker.order.side
        self._changed[listing.condition_id] = self._now_ms()
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

    def tell_level(self, order: LiveOrder, entry: RestingOrder) -> None:
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
                    "price": decimal(
                        entry.yes_price if outcome == YES else MICRO - entry.yes_price
                    ),
                    "size": size,
                    "side": "BUY" if entry.is_bid == (outcome == YES) else "SELL",
                    "hash": self.book_summary(token)["hash"],
                    "best_bid": decimal(bid) if bid is not None else "0",
                    "best_ask": decimal(ask) if ask is not None else "1",
                }
            )
        message: JsonObject = {
            "event_type": "price_change",
            "market": listing.condition_id,
            "price_changes": changes,
            "timestamp": str(self._now_ms()),
        }
        self.hub.to_market(listing.token_ids, message)

    def tell_books(self, listing: Listing) -> None:
        """Tell both books of a market as they are."""
        for token in listing.token_ids:
            self.hub.to_token(token, {"event_type": "book", **self.book_summary(token)})

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _levels(levels: Sequence[tuple[int, int]]) -> list[dict[str, str]]:
    return [{"price": decimal(price), "size": decimal(size)} for price, size in reversed(levels)]
