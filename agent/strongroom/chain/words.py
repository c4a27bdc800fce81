"""Words in which a vault packs what it books and logs, taken apart (contracts/modules/nav.vy)."""

from typing import NamedTuple

_U64, _U85 = 2**64 - 1, 2**85 - 1


class BookWord(NamedTuple):
    """What a market is booked at, base units of the asset."""

    exposure: int
    bid: int
    ask: int


class MarkWord(NamedTuple):
    """Marks of YES of one condition, WAD, and the number of their report; 0: it has none."""

    bid: int
    ask: int
    report: int


def book_of(word: int) -> BookWord:
    """Return a word of `Reported.books`."""
    return BookWord(word & _U85, (word >> 85) & _U85, word >> 170)


def mark_of(word: int) -> MarkWord:
    """Return a word of `Reported.words`."""
    return MarkWord(word & _U64, (word >> 64) & _U64, word >> 128)
