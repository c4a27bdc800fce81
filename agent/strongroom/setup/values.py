"""What typed answers stand for; each refuses, in one sentence, what it cannot read."""

from decimal import Decimal, InvalidOperation

from pydantic import TypeAdapter, ValidationError

from strongroom.chain.units import DECIMALS, MICRO
from strongroom.errors import BadInput, nearest
from strongroom.settings import Address, HttpUrl, StreamUrlOrNone
from strongroom.strategy.api import installed

_ADDRESS: TypeAdapter[str] = TypeAdapter(Address)
_HTTP: TypeAdapter[str] = TypeAdapter(HttpUrl)
_STREAM: TypeAdapter[str] = TypeAdapter(StreamUrlOrNone)
MOST = 10**30  # units
YES, NO = ("yes", "y"), ("no", "n")


def an_address(text: str) -> str:
    """Return an address with its checksum.

    Raises:
        BadInput: it is none, or mistyped.
    """
    return _read(_ADDRESS, text)


def http_url(text: str) -> str:
    """Return a URL that begins with http:// or https://.

    Raises:
        BadInput: it does not.
    """
    return _read(_HTTP, text)


def stream_url(text: str) -> str:
    """Return a URL that begins with ws:// or wss://, or nothing.

    Raises:
        BadInput: it does not.
    """
    return _read(_STREAM, text)


def some_words(text: str) -> str:
    """Return a text that is not empty.

    Raises:
        BadInput: it is.
    """
    if not text:
        raise BadInput("it is empty: type a word")
    return text


def positive(text: str) -> Decimal:
    """Return an amount, more than 0.

    Raises:
        BadInput: it is none.
    """
    if "," in text:  # 500,00 is five hundred to one reader, and fifty thousand to another
        raise BadInput(f"{text!r} is no amount: write it without a comma, such as 1_000.50")
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"{text!r} is no amount: give one such as 500") from error
    if not found.is_finite() or found <= 0:
        raise BadInput(f"{text!r} is no amount: give one of more than 0")
    if found > MOST:
        raise BadInput(f"{text!r} is more than there is of any asset: give a smaller one")
    if found * MICRO % 1:
        raise BadInput(f"{text!r} has too many decimals: give at most {DECIMALS}")
    return found


def at_least(value: Decimal, least: Decimal, what: str) -> Decimal:
    """Return an amount that is no less than another.

    Raises:
        BadInput: it is.
    """
    if value < least:
        raise BadInput(f"{value} is less than {what}, {least}")
    return value


def yes_or_no(text: str) -> bool:
    """Return whether the answer is yes.

    Raises:
        BadInput: it is neither.
    """
    if text.lower() not in (*YES, *NO):
        raise BadInput(f"{text!r} is neither yes nor no")
    return text.lower() in YES


def port_or_none(text: str) -> int | None:
    """Return a port; None where nothing was typed.

    Raises:
        BadInput: it is none.
    """
    if not text:
        return None
    if not text.isdecimal() or not 0 < int(text) < 1 << 16:
        raise BadInput(f"{text!r} is no port: give one from 1 to 65535")
    return int(text)


def pack_names(text: str) -> tuple[str, ...]:
    """Return names of installed packs.

    Raises:
        BadInput: one is not installed, or there is none.
    """
    known, named = installed(), listed(text)
    for each in named:
        if each not in known:
            words = nearest(each, known) or f": choose from {', '.join(sorted(known))}"
            raise BadInput(f"{each}: no such pack is installed{words}")
    if not named:
        raise BadInput(f"name one at least: {', '.join(sorted(known))}")
    return tuple(named)


def listed(text: str) -> list[str]:
    """Return what stands between commas."""
    return [each.strip() for each in text.split(",") if each.strip()]


def _read(kind: TypeAdapter[str], text: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        raise BadInput(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
