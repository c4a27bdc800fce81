"""Amounts of orders as the venue's service takes them: how many decimals, and which way to round.

The service refuses an order whose amounts have more decimals than its tick allows (VENUE e1).
Amounts here are micro-units; tokens have two decimals, cash three to six, by the tick.
"""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from strongroom.chain.orders import Side
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
_FINER = 10**4  # a product is first rounded up at so much finer a step, then down


class UnknownTick(BadInput):
    """The venue has no such tick; the message says which it has."""


def limit_amounts(side: Side, price: Decimal, size: int, tick: Decimal) -> tuple[int, int]:
    """Return makerAmount and takerAmount of an order that may rest, micro-units.

    Args:
        size: tokens; what is finer than a hundredth is left out

    Raises:
        UnknownTick: see the class.
    """
    tokens = size - size % LOT
    cash = _rounded(Fraction(price) * tokens, tick)
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
    exact = given / Fraction(price) if side == Side.BUY else given * Fraction(price)
    return given, _rounded(exact, tick)


def spendable(
    amount: int,
    most: int,
    price: Decimal,
    rate: Decimal,
    exponent: int,
    builder_rate: Decimal = Decimal(0),
) -> int:
    """Return what a BUY may give so that it and the venue's fee together cost `most` at most.

    Args:
        amount: what it would give, micro-units
        most: micro-units
        rate: of the market's fee: shares * rate * (price * (1 - price)) ** exponent
        builder_rate: of what is given
    """
    odds = Fraction(price)
    fee = Fraction(rate) * (odds * (1 - odds)) ** exponent / odds + Fraction(builder_rate)
    return amount if amount * (1 + fee) < most else floor(most / (1 + fee))  # down: within `most`


def _rounded(exact: Fraction, tick: Decimal) -> int:
    """Return micro-units with the tick's decimals: up at a far finer step, then down."""
    if tick not in DECIMALS:
        known = ", ".join(map(str, DECIMALS))
        raise UnknownTick(f"the venue has no tick of {tick}: one of {known}")
    step = Fraction(MICRO, 10 ** DECIMALS[tick])
    finer = ceil(exact * _FINER / step)
    return int(finer // _FINER * step)
