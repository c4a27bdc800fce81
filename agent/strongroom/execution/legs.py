"""The orders of a decision's leg: those that it is tried by, what sells it again, their sizes, and
where quotes stood."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from strongroom.chain.ids import TokenId
from strongroom.chain.order_amounts import fitting
from strongroom.chain.orders import OrderKind, Side
from strongroom.chain.units import BPS, LEAST_ORDER, LOT, MICRO
from strongroom.strategy.record import DecidedLeg, DecisionRecord

DUST = LOT  # matching cuts fills to whole cents: an order that lacks no more is filled (VENUE e1)
LEAST_SALE = 5 * MICRO  # micro-tokens: the venue takes no smaller order


def attempts_of(leg: DecidedLeg, attempts: int) -> Iterator[DecidedLeg]:
    """Yield a leg's orders, first to last, of its whole size: where it rests first, that one and
    then those that take the rest."""
    if leg.rest_at is not None:
        yield replace(leg, price=leg.rest_at, kind=OrderKind.POST)
    yield from [leg] * attempts


def is_order(leg: DecidedLeg, size: int) -> bool:
    """Whether the venue takes an order so small."""
    return size >= LEAST_SALE and leg.price * size >= LEAST_ORDER


def sized(leg: DecidedLeg, most: int) -> int:
    """Return the largest size that an order of a leg can have, micro-tokens."""
    return fitting(leg.kind, leg.side, int(leg.price * MICRO), max(0, most))


def gone(leg: DecidedLeg, filled: int, ratio: Decimal) -> Decimal:
    """Return how much of a leg has gone, of which `ratio` was asked for. Where dust is missing all
    has: the next leg must not lose a whole step of its size by it."""
    asked = sized(leg, int(leg.size * ratio))
    whole = filled and filled >= asked - DUST
    return min(ratio, Decimal(asked if whole else filled) / leg.size)


def sale_of(leg: DecidedLeg, excess: int, slippage_bps: int) -> DecidedLeg:
    """Return the order that sells what a purchase has too much of, at the lowest price at which
    that is done: on the tick, up."""
    least = leg.price * (BPS - slippage_bps) / BPS
    price = -(-least // leg.tick) * leg.tick
    back = replace(leg, side=Side.SELL, price=price, kind=OrderKind.FAK)
    return replace(back, size=sized(back, excess))


def stood(record: DecisionRecord) -> tuple[TokenId, float, float] | None:
    """Return the token, the mid and the tolerance that quotes were placed by, where a pack says."""
    found = [record.numbers.get(name) for name in ("token", "mid", "tolerance")]
    if not all(isinstance(each, str | int | float) for each in found):
        return None
    token, mid, tolerance = (str(each) for each in found)
    return TokenId(int(token)), float(mid), float(tolerance)
