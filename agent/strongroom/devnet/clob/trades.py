"""Trades: a taker against makers at one price, settled together."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from strongroom.chain.ids import JsonObject
from strongroom.devnet.clob.book import BUY, Match
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.orders import LiveOrder, decimal
from strongroom.devnet.clob.wording import trade_status

MAX_MAKERS = 10  # of one call of the exchange
OVER = ("CONFIRMED", "FAILED")


@dataclass
class MakerFill:
    """A maker's part of a trade."""

    order: LiveOrder
    size: int
    price: int  # of the maker's token


@dataclass
class Trade:
    """A taker against makers at one price: one settlement."""

    id: str
    taker: LiveOrder
    makers: Sequence[MakerFill]
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

    @property
    def is_over(self) -> bool:
        """Whether its settlement has come to its end."""
        return self.status in OVER

    @property
    def given(self) -> int:
        """What the taker may give for it, the fee on top of a BUY included."""
        fee = self.fee if self.taker.order.side == BUY else 0
        return self.taker.making(self.size) + fee

    def seen_by(self, owner: str, habits: Habits, rest: bool = True) -> JsonObject:
        """Return it as `/data/trades` shows it to an API key, or the user channel."""
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
            "status": trade_status(self.status, bool(self.transaction), habits, rest),
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


def groups(matches: Sequence[Match]) -> Iterator[Sequence[Match]]:
    """Cut matches into those of one price, as many as one settlement takes."""
    for _, group in groupby(matches, key=lambda match: match.yes_price):
        same = list(group)
        for start in range(0, len(same), MAX_MAKERS):
            yield same[start : start + MAX_MAKERS]
