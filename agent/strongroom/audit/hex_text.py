"""Hex text of a node in its one form: a quantity without zeros in front, data of whole bytes,
digits in lower case. Text that says the same becomes the same text, or it is refused: what is
compared, believed and looked up is one and the same.
"""

import re
from collections.abc import Sequence
from itertools import repeat
from typing import Any

from strongroom.errors import BadInput

ADDRESS, WORD = 20, 32  # bytes
QUANTITY_BITS = 63
SHOWN = 40  # letters of what is none
_HEX = re.compile(r"0x[0-9a-fA-F]*")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DIGITS = b"0123456789abcdef"


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
    try:
        return (
            not any(length & 1 for length in set(map(len, texts)))
            and all(map(str.startswith, texts, repeat("0x")))
            and _are_of_digits(" ".join(texts), len(texts))
        )
    except (TypeError, UnicodeEncodeError):
        return False


def are_of_size(texts: Sequence[Any], size: int) -> bool:
    """Whether all are data of so many bytes in their one form, looked at all at once."""
    count, length = len(texts), 2 + 2 * size
    try:
        text = " ".join(texts)
        return not texts or (
            len(text) == (length + 1) * count - 1
            and text[length :: length + 1] == " " * (count - 1)
            and text[:: length + 1] == "0" * count
            and text[1 :: length + 1] == "x" * count
            and _are_of_digits(text, count)
        )
    except (TypeError, UnicodeEncodeError):
        return False


def _are_of_digits(text: str, count: int) -> bool:
    """Whether each of so many texts, with a blank between them, has an x and digits."""
    others = b"x" + b" x" * (count - 1) if count else b""
    return text.encode().translate(None, _DIGITS) == others
