"""Amounts of orders as the venue's service takes them: how many decimals, and which way to round.

The service refuses an order whose amounts have more decimals than its kind and tick allow
(VENUE e1). Tokens have two decimals. The cash of an order that may rest has three to six, by the
tick, so a price times a size always fits. An order that takes at once and never rests may give
whole cents, and get four decimals: there, few sizes fit a price exactly. `step` says which; sizes
are cut to it, so that rounding finds nothing to do and an order's price is the one that was asked.
Amounts here are micro-units.
"""

from decimal import Decimal
from math import gcd, lcm

from strongroom.chain.orders import OrderKind, Side
from strongroom.chain.units import LOT, MICRO
from strongroom.errors import BadInput

# tick -> decimals of what is reckoned from price and size (VENUE e1)
DECIMALS = {
    Decimal("0.1"): 3,
    Decimal("0.01"): 4,
    Decimal("0.005"): 5,
    Decimal("0.0025"): 6,
    Decimal("0.001"): 5,
    Decimal("0.0001"): 6,
}
_CENT = MICRO // 100
_TAKEN = MICRO // 10**4  # what an order that never rests may get has four decimals at every tick
_FINER = 10**4  # a product is first rounded up at so much finer a step, then down


class UnknownTick(BadInput):
    """The venue has no such tick; the message says which it has."""


def step(kind: OrderKind, side: Side, price: int) -> int:
    """Return what the size of an order must be a multiple of, micro-tokens.

    Args:
        price: 10**-6
    """
    if kind.rests or kind == OrderKind.POOL:
        return LOT
    grain = (_CENT if side == Side.BUY else _TAKEN) * MICRO  # of price times size
    return lcm(LOT, grain // gcd(grain, price))


def fitting(kind: OrderKind, side: Side, price: int, size: int) -> int:
    """Return the largest size that an order can have, at most `size`; micro-tokens.

    Args:
        price: 10**-6
    """
    return size - size % step(kind, side, price)


def limit_amounts(side: Side, price: Decimal, size: int, tick: Decimal) -> tuple[int, int]:
    """Return makerAmount and takerAmount of an order that may rest, micro-units.

    Args:
        size: tokens; what is finer than a hundredth is left out

    Raises:
        UnknownTick: see the class.
    """
    tokens = size - size % LOT
    above, below = price.as_integer_ratio()
    cash = _rounded(tokens * above, below, tick)
    return (cash, tokens) if side == Side.BUY else (tokens, cash)


def market_amounts(side: Side, price: Decimal, amount: int, tick: Decimal) -> tuple[int, int]:
    """Return makerAmount and takerAmount of an order that takes what is there, micro-units.

    What it gives has two decimals, what it gets is rounded down: a buyer's price is at `price` or
    a hair above, so that an ask at `price` is met.

    Args:
        price: the worst that is taken
        amount: cash of a BUY, tokens of a SELL; what is finer than a hundredth is left out

    Raises:
        UnknownTick: see the class.
    """
    given = amount - amount % LOT
    above, below = price.as_integer_ratio()
    if side == Side.BUY:
        above, below = below, above
    return given, _rounded(given * above, below, tick)


def _rounded(above: int, below: int, tick: Decimal) -> int:
    """Return the micro-units of a fraction with the tick's decimals: up at a far finer step, then
    down."""
    decimals = DECIMALS.get(tick)
    if decimals is None:
        known = ", ".join(map(str, DECIMALS))
        raise UnknownTick(f"the venue has no tick of {tick}: one of {known}")
    step: int = MICRO // 10**decimals
    finer = -(-above * _FINER // (below * step))
    return finer // _FINER * step
