"""Orders in integers, in the official client's own types."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2

from strongroom.chain.units import LOT, cost_micro, on_tick
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


class BadOrder(ValueError):
    """The order cannot be placed as asked; the message says why."""


@dataclass(frozen=True)
class ExchangeDomain:
    """The EIP-712 domain of an exchange."""

    address: str
    version: str
    chain_id: int


def build_order(
    maker: str,
    token_id: int,
    price: Decimal,
    tokens: int,
    tick: Decimal,
    decision: bytes,
    timestamp_ms: int,
    side: Side = Side.BUY,
    key: bytes | None = None,
) -> OrderV2:
    """Build an order for `tokens` micro-tokens at `price` with the market's account, or the wallet
    that trades for it, as maker.

    Salt and timestamp follow from the decision, so the same decision gives the same order hash:
    sending it twice cannot trade twice.

    Args:
        key: of the intent, where a decision has several orders (intent_key); else the decision

    Raises:
        BadOrder: the price is off the tick, or the size is no whole number of lots.
    """
    if not on_tick(price, tick):
        raise BadOrder(f"price {price} is no multiple of the tick {tick}")
    if tokens <= 0 or tokens % LOT:
        raise BadOrder(f"size {tokens} is no positive multiple of {LOT} micro-tokens")
    salt = int.from_bytes((key or decision)[:8], "big") % 2**53
    cash = cost_micro(price, tokens)
    making, taking = (cash, tokens) if side == Side.BUY else (tokens, cash)
    return OrderV2(
        salt=str(salt),
        maker=maker,
        signer=maker,
        tokenId=str(token_id),
        makerAmount=str(making),
        takerAmount=str(taking),
        side=side,
        signatureType=SignatureTypeV2.POLY_1271,
        timestamp=str(timestamp_ms),
        metadata="0x" + decision.hex(),
        builder="0x" + "00" * 32,
    )


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
        bytes.fromhex(order.metadata[2:]),
        bytes.fromhex(order.builder[2:]),
    )
