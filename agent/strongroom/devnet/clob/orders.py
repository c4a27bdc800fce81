"""Orders as the service receives them: parsed, hashed, and judged by what needs no chain.

Sizes are whole hundredths of a token, as the official client rounds them; a marketable order that
comes in finer leaves the rest unfilled.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import DAY, LOT, MICRO
from strongroom.devnet.clob.amounts import check_precision
from strongroom.devnet.clob.book import BUY, RestingOrder
from strongroom.devnet.clob.errors import (
    BAD_EXPIRATION,
    BAD_PAYLOAD,
    BAD_TICK,
    BAD_TIMESTAMP,
    TOO_SMALL,
    Refusal,
    bad,
)
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.wording import order_status

OrderType = Literal["GTC", "GTD", "FOK", "FAK"]
LEAST_MARKETABLE = MICRO  # micro-units of a BUY: a dollar (VENUE e1)
MAX_CLOCK_SKEW_MS = 1_000 * DAY  # between an order's timestamp and the server's clock
_TYPEHASH = bytes.fromhex("bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589")
_STRUCT = ["bytes32", "uint256", "address", "address", "uint256", "uint256", "uint256", "uint8"]
_STRUCT += ["uint8", "uint256", "bytes32", "bytes32"]
_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)


# salt, maker, signer, token, making, taking, side, signature type, time, metadata, builder
OrderStruct = tuple[int, str, str, int, int, int, int, int, int, bytes, bytes]


class SignedOrder(BaseModel):
    """The `order` of a payload, as the official client serialises it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    salt: int = Field(ge=0, lt=2**256)
    maker: str
    signer: str
    tokenId: str  # noqa: N815
    makerAmount: str  # noqa: N815
    takerAmount: str  # noqa: N815
    side: Literal["BUY", "SELL"]
    expiration: str
    signatureType: int = Field(ge=0, le=3)  # noqa: N815
    timestamp: str
    metadata: str = Field(pattern="^0x[0-9a-fA-F]{64}$")
    builder: str = Field(pattern="^0x[0-9a-fA-F]{64}$")
    signature: str = Field(pattern="^0x([0-9a-fA-F]{2})*$", max_length=4_096)

    def struct(self) -> OrderStruct:
        """Return the fields as the exchange takes them, the signature left out."""
        return (
            self.salt,
            to_checksum_address(self.maker),
            to_checksum_address(self.signer),
            int(self.tokenId),
            int(self.makerAmount),
            int(self.takerAmount),
            int(self.side != BUY),
            self.signatureType,
            int(self.timestamp),
            bytes.fromhex(self.metadata[2:]),
            bytes.fromhex(self.builder[2:]),
        )


class OrderSubmission(BaseModel):
    """The body of `POST /order`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    order: SignedOrder
    owner: str
    orderType: OrderType  # noqa: N815
    deferExec: bool = False  # noqa: N815
    postOnly: bool = False  # noqa: N815


@dataclass
class LiveOrder:
    """An order that the service has taken."""

    id: str
    owner: str  # API key
    listing: Listing
    outcome: int
    submission: OrderSubmission
    price: int  # 10**-6
    size: int  # micro-tokens, whole lots
    created_at: int
    status: str = "LIVE"
    matched: int = 0
    trades: list[str] = field(default_factory=list)

    @property
    def order(self) -> SignedOrder:
        """The signed part."""
        return self.submission.order

    @property
    def expires_at(self) -> int:
        """When it ends, timestamp; 0: never."""
        return int(self.order.expiration)

    def entry(self) -> RestingOrder:
        """Return what is left of it for the book."""
        return RestingOrder(
            self.id, self.order.side, self.outcome, self.price, self.size - self.matched
        )

    def making(self, size: int) -> int:
        """Return what it gives for `size` micro-tokens, in its maker units, rounded down."""
        if self.order.side == BUY:
            return size * int(self.order.makerAmount) // int(self.order.takerAmount)
        return size

    def as_open_order(self, habits: Habits, rest: bool = True) -> JsonObject:
        """Return it as `/data/order` shows it, or the user channel."""
        return {
            "id": self.id,
            "status": order_status(self.status, habits, rest),
            "owner": self.owner,
            "maker_address": self.order.maker,
            "market": self.listing.condition_id,
            "asset_id": self.order.tokenId,
            "side": self.order.side,
            "original_size": decimal(self.size),
            "size_matched": decimal(self.matched),
            "price": decimal(self.price),
            "outcome": self.listing.outcomes[self.outcome],
            "expiration": self.order.expiration,
            "order_type": self.submission.orderType,
            "associate_trades": list(self.trades),
            "created_at": self.created_at,
        }


def decimal(micro: int) -> str:
    """Return micro-units as the service writes numbers: no trailing zeros, at least one digit."""
    return f"{Decimal(micro) / MICRO:f}"


def domain_separator(exchange: str, version: str, chain_id: int) -> bytes:
    """Return the EIP-712 domain of an exchange."""
    name, number = keccak(text="Polymarket CTF Exchange"), keccak(text=version)
    return keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_DOMAIN, name, number, chain_id, exchange],
        )
    )


def order_hash(order: SignedOrder, domain: bytes) -> bytes:
    """Return the EIP-712 hash of an order in an exchange's domain: its id at the venue."""
    return keccak(b"\x19\x01" + domain + keccak(encode(_STRUCT, (_TYPEHASH, *order.struct()))))


def parse(payload: object) -> OrderSubmission:
    """Read the body of an order.

    Raises:
        Refusal: 400, it is no order.
    """
    try:
        submission = OrderSubmission.model_validate(payload)
        order = submission.order
        if not (is_address(order.maker) and is_address(order.signer)):
            raise ValueError("no address")
        numbers = [order.tokenId, order.makerAmount, order.takerAmount, order.timestamp]
        if not all(
            text.isdecimal() and int(text) < 2**256 for text in (*numbers, order.expiration)
        ):
            raise ValueError("no number")
        if 0 in (int(order.makerAmount), int(order.takerAmount)):
            raise ValueError("an amount is 0")
    except (ValidationError, ValueError) as error:
        raise bad(BAD_PAYLOAD) from error
    return submission


def judge(
    submission: OrderSubmission, listing: Listing, now: float, habits: Habits
) -> tuple[int, int]:
    """Hold an order against its market's tick, sizes and the clock.

    Returns:
        Price (10**-6) and size (micro-tokens, whole lots).

    Raises:
        Refusal: 400 with the venue's words.
    """
    order = submission.order
    making, taking = int(order.makerAmount), int(order.takerAmount)
    cash, tokens = (making, taking) if order.side == BUY else (taking, making)
    resting = submission.orderType in ("GTC", "GTD")
    if habits.amount_precision and not resting:
        check_precision(order.side, making, taking, listing.tick)
    price = _price(cash, tokens, listing, exactly=resting)
    size = tokens // LOT * LOT
    minimum = int(listing.min_size * MICRO)
    if resting and (size < minimum or size != tokens):
        raise bad(TOO_SMALL.format(size=decimal(tokens), minimum=listing.min_size))
    if not resting and ((order.side == BUY and cash < LEAST_MARKETABLE) or size == 0):
        raise bad(TOO_SMALL.format(size=f"${decimal(cash)}", minimum="$1"))
    _check_time(submission, now, habits.gtd_least_s)
    return price, size


def _price(cash: int, tokens: int, listing: Listing, exactly: bool) -> int:
    """Return the price; of an order that never rests, the tick that its rounding stands for."""
    tick = listing.tick_micro
    price, rest = divmod(cash * MICRO, tokens)
    nearest = (price + tick // 2) // tick * tick
    off_tick = rest != 0 or price % tick != 0 if exactly else abs(price - nearest) > tick // 10
    if off_tick or not tick <= nearest <= MICRO - tick:
        shown = f"{Decimal(cash) / Decimal(tokens):.6g}"
        raise bad(BAD_TICK.format(price=shown, tick=listing.tick))
    return nearest


def _check_time(submission: OrderSubmission, now: float, least_s: int) -> None:
    expiration = int(submission.order.expiration)
    if submission.orderType == "GTD":
        if expiration < now + least_s:
            raise bad(BAD_EXPIRATION)
    elif expiration != 0:
        raise bad(BAD_EXPIRATION)
    if abs(int(submission.order.timestamp) - now * 1000) > MAX_CLOCK_SKEW_MS:
        raise Refusal(400, BAD_TIMESTAMP)
