"""What the service says of its markets and orders: books, last prices, and the messages of both
channels."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import MICRO
from strongroom.devnet.clob import errors
from strongroom.devnet.clob.book import YES, OrderBook
from strongroom.devnet.clob.errors import Refusal, bad
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.orders import LiveOrder, decimal
from strongroom.devnet.clob.stream import Hub, Listener
from strongroom.devnet.clob.trades import Trade

Level = tuple[bool, int]  # whether bids for YES, and its YES price, 10**-6


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

    @property
    def habits(self) -> Habits:
        """How the service behaves."""
        return self.hub.habits

    def add(self, listing: Listing) -> None:
        """Open a market for trading, or change what is listed of it."""
        known = self.listings.get(listing.condition_id)
        if known is None:
            self._tell_new(listing)
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
            **order.as_open_order(self.habits, rest=False),
        }
        self.hub.to_user(order.owner, order.listing.condition_id, message)

    def tell_trade(self, trade: Trade) -> None:
        """Tell those who take part in a trade how it stands."""
        for owner in {order.owner for order in trade.parties()}:
            message = {
                "event_type": "trade",
                "type": "TRADE",
                "timestamp": str(self._now_ms()),
                **trade.seen_by(owner, self.habits, rest=False),
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

    def tell_levels(self, listing: Listing, levels: Iterable[Level]) -> None:
        """Tell levels that have changed, as both tokens' books show them.

        They are one event: all are told with the same time, hash and best prices, those after the
        last of them, in a message each (VENUE e4).
        """
        told = list(dict.fromkeys(levels))
        if not told:
            return
        self._changed[listing.condition_id] = self._now_ms()
        best = {token: self.best(token) for token in listing.token_ids}
        hashes = {token: self.book_summary(token)["hash"] for token in listing.token_ids}
        for is_bid, yes_price in told:
            size = decimal(self.books[listing.condition_id].level(is_bid, yes_price))
            changes: list[JsonObject] = []
            for outcome, token in enumerate(listing.token_ids):
                bid, ask = best[token]
                price = yes_price if outcome == YES else MICRO - yes_price
                changes.append(
                    {
                        "asset_id": token,
                        "price": decimal(price),
                        "size": size,
                        "side": "BUY" if is_bid == (outcome == YES) else "SELL",
                        "hash": hashes[token],
                        "best_bid": decimal(bid) if bid is not None else "0",
                        "best_ask": decimal(ask) if ask is not None else "1",
                    }
                )
            message: JsonObject = {
                "event_type": "price_change",
                "market": listing.condition_id,
                "price_changes": changes,
                "timestamp": str(self._changed[listing.condition_id]),
            }
            self.hub.to_market(listing.token_ids, message)
        self._tell_best(listing, best)

    def tell_books(self, listing: Listing) -> None:
        """Tell both books of a market as they are."""
        for token in listing.token_ids:
            self.hub.to_token(token, {"event_type": "book", **self.book_summary(token)})
        self._tell_best(listing, {token: self.best(token) for token in listing.token_ids})

    def show(self, listener: Listener, tokens: Iterable[str]) -> None:
        """Give a listener the books of what it has begun to listen to, in one frame."""
        books: list[JsonObject] = [
            {"event_type": "book", **self.book_summary(token)} for token in tokens if token in self
        ]
        if books:
            listener.queue.put_nowait(books)

    def tell_resolved(self, listing: Listing, winner: int) -> None:
        """Tell which outcome of a market has won."""
        message = self._about(listing, "market_resolved") | {
            "winning_asset_id": listing.token_ids[winner],
            "winning_outcome": listing.outcomes[winner],
        }
        self.hub.to_market(listing.token_ids, message, extra=True)

    def _tell_new(self, listing: Listing) -> None:
        message = self._about(listing, "new_market") | {
            "question": listing.question,
            "clob_token_ids": list(listing.token_ids),
            "outcomes": list(listing.outcomes),
            "condition_id": listing.condition_id,
            "active": True,
            "order_price_min_tick_size": str(listing.tick),
            "fees_enabled": listing.fees.rate > 0,
            "fee_schedule": listing.fee_schedule(),
            "taker_base_fee": "0",
        }
        self.hub.to_all(message)

    def _about(self, listing: Listing, kind: str) -> dict[str, Json]:
        return {
            "event_type": kind,
            "id": str(int(listing.condition_id[:10], 16)),
            "market": listing.condition_id,
            "asset_ids": list(listing.token_ids),
            "tags": [],
            "timestamp": str(self._now_ms()),
        }

    def _tell_best(
        self, listing: Listing, best: Mapping[str, tuple[int | None, int | None]]
    ) -> None:
        for token, (bid, ask) in best.items():
            lower, upper = bid or 0, MICRO if ask is None else ask
            message: JsonObject = {
                "event_type": "best_bid_ask",
                "market": listing.condition_id,
                "asset_id": token,
                "best_bid": decimal(lower),
                "best_ask": decimal(upper),
                "spread": decimal(upper - lower),
                "timestamp": str(self._now_ms()),
            }
            self.hub.to_token(token, message, extra=True)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _levels(levels: Sequence[tuple[int, int]]) -> list[dict[str, str]]:
    return [{"price": decimal(price), "size": decimal(size)} for price, size in reversed(levels)]
