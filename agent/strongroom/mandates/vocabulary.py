"""The lines that a mandate may have. Each means a key of the co-signer's policy, or of the budget
by which a buyer of the vault's pays for data, and nothing else.

A line that stands in no table here is refused: what nobody knows permits nothing. Of a number there
is one line (and one more for each class, where classes may differ); of a list there is a line an
entry, or one that says "none". What a mandate does not name, it does not limit.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from strongroom.addresses import typed_address
from strongroom.chain.units import DAY, MICRO, format_units
from strongroom.errors import BadInput

EVERY_CLASS = -1  # as a line's class: the whole vault
NONE = "none"  # the unit of a list's only line that admits nothing
CLASS = "class"  # the unit of a line that admits a market class
MOST_CLASS = 31  # contracts/modules/classes.vy: 32 classes, from 0
MOST_MONEY = 10**9 * MICRO  # no vault is larger; a larger number is a slip
MOST_COUNT = 10_000
_PACK = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}", re.ASCII)
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class BadLine(BadInput):
    """A line is none that a mandate may have; the message says why and what to do."""


class Tighter(Enum):
    """Which of two numbers admits less."""

    SMALLER = "smaller"
    LARGER = "larger"


@dataclass(frozen=True)
class NumberLine:
    """A line whose number is a limit.

    Attributes:
        unit: of the number
        most: the largest number that may stand there
        tighter: which of two numbers admits less
        by_class: whether a class may have one of its own
        says: what it means, with {} for the number
    """

    unit: str
    most: int
    tighter: Tighter
    by_class: bool
    says: str

    @property
    def is_decimal(self) -> bool:
        """Whether people write it as a decimal number, a million times smaller."""
        return self.unit in (MONEY, PRICE)

    def words(self, number: int) -> str:
        """Return what the line says."""
        shown = format_units(number) if self.is_decimal else str(number)
        return self.says.format(shown.rstrip("0").rstrip(".") if self.is_decimal else shown)


@dataclass(frozen=True)
class ListLine:
    """A line that admits one entry of a list, or shuts one span of time.

    Attributes:
        check: raises BadInput where a text is no entry, or another spelling of one
        says: what an entry means, with {} for it
        admits: whether entries permit; else they forbid, and no "none" is needed
    """

    check: Callable[[str], None]
    says: str
    admits: bool = True


def _check_address(text: str) -> None:
    if typed_address(text) != text:
        raise BadLine(f"{text} has no checksum: write it as {typed_address(text)}")


def _check_pack(text: str) -> None:
    if not _PACK.fullmatch(text):
        raise BadLine(f"{text[:40]!r} is no pack's name: small letters, digits, and _ . -")


def _check_hours(text: str) -> None:
    if not _HOURS.fullmatch(text) or text[:5] == text[6:]:
        raise BadLine(f"{text[:40]!r} are no hours: write e.g. 22:00-06:30 (UTC)")


def _check_class(text: str) -> None:
    if text != CLASS:
        raise BadLine(f"the unit of a class that is admitted is {CLASS!r}, not {text[:40]!r}")


MONEY, PRICE = "micro-units", "micro-units a token"
SECONDS, ORDERS, TRANSACTIONS = "seconds", "orders", "transactions"
NUMBERS = {
    "orders.min_price": NumberLine(
        PRICE, MICRO, Tighter.LARGER, True, "no order at a price below {}"
    ),
    "orders.max_price": NumberLine(
        PRICE, MICRO, Tighter.SMALLER, True, "no order at a price above {}"
    ),
    "orders.max_order": NumberLine(
        MONEY, MOST_MONEY, Tighter.SMALLER, True, "no order of more than {} units"
    ),
    "orders.max_per_day": NumberLine(
        MONEY, MOST_MONEY, Tighter.SMALLER, False, "no more than {} units bought in a day"
    ),
    "orders.max_per_minute": NumberLine(
        ORDERS, MOST_COUNT, Tighter.SMALLER, False, "no more than {} orders in a minute"
    ),
    "orders.max_lifetime_s": NumberLine(
        SECONDS, DAY, Tighter.SMALLER, True, "no order that lives longer than {} seconds"
    ),
    "transactions.max_allocation": NumberLine(
        MONEY, MOST_MONEY, Tighter.SMALLER, False, "no more than {} units to a market at once"
    ),
    "transactions.max_allocation_per_day": NumberLine(
        MONEY, MOST_MONEY, Tighter.SMALLER, False, "no more than {} units to markets in a day"
    ),
    "transactions.max_per_minute": NumberLine(
        TRANSACTIONS, MOST_COUNT, Tighter.SMALLER, False, "no more than {} transactions in a minute"
    ),
    "data.max_payment": NumberLine(
        MONEY, MOST_MONEY, Tighter.SMALLER, False, "no payment for data of more than {} units"
    ),
    "data.max_per_day": NumberLine(
        MONEY, MOST_MONEY, Tighter.SMALLER, False, "no more than {} units paid for data in a day"
    ),
}
DATA = ("data.max_payment", "data.max_per_day")  # which a buyer keeps to, and no co-signer
LISTS = {
    "classes": ListLine(_check_class, "markets of class {}"),
    "orders.exchanges": ListLine(_check_address, "orders for the exchange {}"),
    "orders.packs": ListLine(_check_pack, "orders of the pack {}"),
    "wallets": ListLine(_check_address, "the venue's wallet {} for delegated accounts"),
    "quiet_hours": ListLine(
        _check_hours, "no orders and no allocations within {} UTC", admits=False
    ),
}
NAMES = (*NUMBERS, *LISTS)
