"""Numbers, times and text from outside, read in one place.

A number is finite and of a size that something can be reckoned with, a time is of this age, and
text can be written down: UTF-8 has no lone surrogates, PostgreSQL's text no NUL.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

from strongroom.chain.units import MICRO
from strongroom.errors import BadInput

KEPT_BITS = 63  # what a database's integer takes
_LONGEST = 80  # letters of a number: 2**256 has 78 digits
_FURTHEST = 30  # powers of ten that a number may be from 1
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_WHOLE = re.compile(r"\d+", re.ASCII)
_QUANTITY = re.compile(r"0x[0-9a-f]+", re.ASCII | re.IGNORECASE)
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_YEARS = range(1970, 3000)


class BadValue(BadInput):
    """What came is no number or no time that can be used; the message shows it."""


def number(value: object) -> Decimal:
    """Return a number, given as one or as text: 0, or between 10**-30 and 10**31 in size.

    Raises:
        BadValue: it is none, e.g. not finite.
    """
    text = str(value)  # a JSON float like 0.031 becomes the decimal that was written
    if len(text) <= _LONGEST and _NUMBER.fullmatch(text):
        found = Decimal(text)
        if not found or abs(found.adjusted()) <= _FURTHEST:
            return found
    raise BadValue(f"{text[:40]!r} is no number")


def whole(value: object, bits: int = KEPT_BITS) -> int:
    """Return a whole number from 0 on, given as one or as text; raises BadValue where it is none,
    or has more bits."""
    text = str(value)
    if len(text) <= _LONGEST and _WHOLE.fullmatch(text):
        return _bounded(int(text), bits)
    raise BadValue(f"{text[:40]!r} is no whole number")


def quantity(value: object, bits: int = KEPT_BITS) -> int:
    """Return a whole number as a node writes it, 0x...; raises BadValue where it is none, or has
    more bits."""
    if isinstance(value, str) and len(value) <= _LONGEST and _QUANTITY.fullmatch(value):
        return _bounded(int(value, 16), bits)
    raise BadValue(f"{str(value)[:40]!r} is no quantity")


def moment(value: object) -> datetime:
    """Return a time of ISO 8601, UTC; raises BadValue where it is none, or of another age."""
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone(UTC)
        if found.year in _YEARS:
            return found
    except (ValueError, OverflowError, OSError):  # OSError: a time without a zone, long ago
        pass
    raise BadValue(f"{str(value)[:40]!r} is no time")


def kept_text(text: str) -> str:
    """Return text as it can be written down everywhere: U+FFFD for what cannot."""
    return _UNKEPT.sub("\ufffd", text)


def is_tick(value: Decimal) -> bool:
    """Whether prices can have this step: a whole number of 10**-6 in (0, 1)."""
    return 0 < value < 1 and value * MICRO % 1 == 0


def _bounded(found: int, bits: int) -> int:
    if found >> bits:
        raise BadValue(f"{str(found)[:40]!r} has more than {bits} bits")
    return found
