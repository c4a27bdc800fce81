"""Amounts as people type and read them; inside they are integers of base units."""

from decimal import Decimal, InvalidOperation, localcontext

from strongroom.chain.units import HOUR, MICRO, SHARE
from strongroom.depositor.words import say
from strongroom.errors import BadInput

MOST = 10**30  # units
DIGITS = 1_000  # in which an amount is scaled: exact for whatever is typed


class BadAmount(BadInput):
    """The text is not an amount; the message says how to write one."""


def to_assets(text: str, held: int) -> int:
    """Return an amount of the asset in micro-units, e.g. "1_000.50" -> 1000500000.

    Args:
        held: what "all" is, micro-units

    Raises:
        BadAmount: see the class.
    """
    return held if text == "all" else _scaled(text, MICRO)


def to_shares(text: str, held: int) -> int:
    """Return whole shares in base units; "all" is what is held, base units.

    Raises:
        BadAmount: see the class.
    """
    return held if text == "all" else _scaled(text, SHARE)


def money(micro: int) -> str:
    """Return micro-units with two decimals, or with as many as they need: "1,000.50"."""
    whole, rest = divmod(micro, MICRO)
    return f"{whole:,}.{f'{rest:06d}'.rstrip('0'):0<2}"


def shares_text(shares: int) -> str:
    """Return base units of shares as whole ones, six decimals, rounded down."""
    return f"{shares // SHARE:,}.{shares % SHARE // (SHARE // MICRO):06d}"


def shares_text_up(shares: int) -> str:
    """Return base units of shares as whole ones, six decimals, rounded up."""
    return shares_text(shares + SHARE // MICRO - 1)


def hours_text(seconds: int) -> str:
    """Return seconds as hours with one decimal: "1.5"."""
    tenths = (10 * seconds + HOUR // 2) // HOUR
    return f"{tenths // 10}.{tenths % 10}"


def _scaled(text: str, unit: int) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadAmount(say("no_number", text=repr(text))) from error
    if not value.is_finite():
        raise BadAmount(say("no_number", text=repr(text)))
    if value <= 0:
        raise BadAmount(say("not_above_0", text=text))
    if value > MOST:
        raise BadAmount(say("too_large", text=text))
    with localcontext(prec=DIGITS):
        scaled = value * unit
    if scaled != int(scaled):
        raise BadAmount(say("too_fine", text=text, decimals=len(str(unit)) - 1))
    return int(scaled)
