"""Hex text of a node in its one form: a quantity without zeros in front, data of whole bytes,
digits in lower case. Text that says the same becomes the same text, or it is refused: what is
compared, believed and looked up is one and the same.
"""

import re
from collections.abc import Sequence
from typing import Any

from strongroom.errors import BadInput

ADDRESS, WORD = 20, 32  # bytes
QUANTITY_BITS = 63
SHOWN = 40  # letters of what is none
_HEX = re.compile(r"0x[0-9a-fA-F]*")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DIGITS = b"0123456789abcdef"
_ODD = (1).__and__


class BadHex(BadInput):
    """What came is no hex text of its kind; the message shows it."""


def data_text(value: object, size: int | None = None) -> str:
    """Return data in their one form.

    Args:
        size: bytes; None: any number of them

    Raises:
        BadHex: it is none, or of another size.
    """
    if isinstance(value, str) and _HEX.fullmatch(value):
        fits = len(value) % 2 == 0 if size is None else len(value) == 2 + 2 * size
        if fits:
            return value.lower()
    what = "no data" if size is None else f"not {size} bytes"
    raise BadHex(f"{str(value)[:SHOWN]!r} is {what}")


def quantity_text(value: object) -> str:
    """Return a quantity of at most 63 bits in its one form; raises BadHex where it is none."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        number = int(value, 16)
        if not number >> QUANTITY_BITS:
            return hex(number)
    raise BadHex(f"{str(value)[:SHOWN]!r} is no quantity")


def plain_quantity(text: str) -> int:
    """Return the number of a quantity that is in its one form; raises TypeError or ValueError where
    it is not."""
    number = int(text, 16)
    if hex(number) != text or number < 0:
        raise ValueError("in another form")
    return number


def are_plain(texts: Sequence[Any]) -> bool:
    """Whether all are data in their one form, looked at all at once."""
    if not texts:
        return True
    try:
        text = " ".join(texts)
        others = text.encode().translate(None, _DIGITS)
    except (TypeError, UnicodeEncodeError):
        return False
    return (
        others == b"x" + b" x" * (len(texts) - 1)  # one in each text
        and text.startswith("0x")
        and text.count(" 0x") == len(texts) - 1
        and not any(map(_ODD, map(len, texts)))
    )
