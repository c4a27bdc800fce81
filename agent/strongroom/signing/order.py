"""Orders in integers, in the official client's own types."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side as ClientSide
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2

from strongroom.chain.ids import DecisionId, IntentKey, TokenId, to_bytes
from strongroom.chain.order_amounts import UnknownTick, limit_amounts, market_amounts, step
from strongroom.chain.orders import OrderKind, Side
from strongroom.chain.units import MICRO, cost_micro, on_tick
from strongroom.errors import BadInput
from strongroom.signing.hashing import exchange_order_hash

# Order(...) fields in the order of the struct, without the signature.
ORDER_FIELDS = (
    "salt",
    "maker",
    "signer",
    "tokenId",
    "makerAmount",
    "takerAmount",
    "side",
    "signatureType",
    "timestamp",
    "metadata",
    "builder",
)


class BadOrder(BadInput):
    """The order cannot be placed as asked; the message says why."""


@dataclass(frozen=True)
class ExchangeDomain:
    """The EIP-712 domain of an exchange."""

    address: str
    version: str
    chain_id: int


def build_order(
    maker: str,
    token_id: TokenId,
    price: Decimal,
    tokens: int,
    tick: Decimal,
    decision: DecisionId,
    timestamp_ms: int,
    side: Side = Side.BUY,
    key: IntentKey | None = None,
    kind: OrderKind = OrderKind.GTC,
    signer: str = "",
) -> OrderV2:
    """Build an order for `tokens` micro-tokens at `price` with the market's account, or the wallet
    that trades for it, as maker.

    Salt and timestamp follow from the decision, so the same decision gives the same order hash:
    sending it twice cannot trade twice.

    Args:
        key: of the intent, where a decision has several orders (intent_key); else the decision
        signer: the key that the maker, a Safe, was made for; empty: the maker itself answers

    Raises:
        BadOrder: the price is off the tick, or the venue takes no order of this kind and size at
            it (order_amounts.py).
    """
    if not on_tick(price, tick):
        raise BadOrder(f"price {price} is not a multiple of the tick {tick}")
    lot = step(kind, side, int(price * MICRO))
    if tokens <= 0 or tokens % lot:
        raise BadOrder(f"size {tokens} is not a positive multiple of {lot} micro-tokens")
    salt = int((key or decision)[2:18], 16) % 2**53
    making, taking = _amounts(kind, side, price, tokens, tick)
    return OrderV2(
        salt=str(salt),
        maker=maker,
        signer=signer or maker,
        tokenId=_digits(token_id),
        makerAmount=str(making),
        takerAmount=str(taking),
        side=_SIDES[side],
        signatureType=SignatureTypeV2.POLY_GNOSIS_SAFE if signer else SignatureTypeV2.POLY_1271,
        timestamp=str(timestamp_ms),
        metadata=decision,
        builder=_NO_BUILDER,
    )


def _amounts(
    kind: OrderKind, side: Side, price: Decimal, tokens: int, tick: Decimal
) -> tuple[int, int]:
    """Return makerAmount and takerAmount, micro-units; the price between them is `price` itself."""
    cash = cost_micro(price, tokens)
    try:
        if kind.rests:
            return limit_amounts(side, price, tokens, tick)
        return market_amounts(side, price, cash if side == Side.BUY else tokens, tick)
    except UnknownTick as error:
        raise BadOrder(str(error)) from error


@lru_cache(4_096)  # a keeper's tokens; the text of so long a number takes a while
def _digits(token_id: TokenId) -> str:
    return str(token_id)


_SIDES = {Side.BUY: ClientSide.BUY, Side.SELL: ClientSide.SELL}
_NO_BUILDER = "0x" + "00" * 32


def order_hash(order: OrderV2, domain: ExchangeDomain) -> bytes:
    """Return the EIP-712 hash of the order, the same that the official client computes."""
    return exchange_order_hash(order, domain.address, domain.version, domain.chain_id)


def order_tuple(order: OrderV2) -> tuple[Any, ...]:
    """Return the order's fields as the contracts take them, without the signature."""
    return (
        int(order.salt),
        order.maker,
        order.signer,
        int(order.tokenId),
        int(order.makerAmount),
        int(order.takerAmount),
        int(order.side),
        int(order.signatureType),
        int(order.timestamp),
        to_bytes(order.metadata),
        to_bytes(order.builder),
    )
