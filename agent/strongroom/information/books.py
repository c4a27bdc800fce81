"""Order books of outcome tokens in integers, and where they come from: snapshots by REST.

A book is a fact of a moment: it carries when it was seen, and whoever uses it says how old it may
be. `stream.py` keeps books between snapshots.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from strongroom.chain.ids import TokenId
from strongroom.chain.units import MICRO
from strongroom.errors import Away

MAX_TOKENS = 500  # of one question


BookEntry = Mapping[str, Any]  # a part of a book, as the venue has it


class BooksAway(Away):
    """The books cannot be had; the message says what came instead."""


@dataclass(frozen=True)
class Level:
    """A price (10**-6) and how much is there (micro-tokens)."""

    price: int
    size: int


@dataclass(frozen=True)
class Book:
    """One outcome token's book, best level first."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    seen_at: int = 0  # timestamp
    hash: str = ""  # the venue's, of this state
    tick: Decimal = Decimal("0.01")

    @property
    def bid(self) -> int | None:
        """The best bid's price, 10**-6."""
        return self.bids[0].price if self.bids else None

    @property
    def ask(self) -> int | None:
        """The best ask's price, 10**-6."""
        return self.asks[0].price if self.asks else None

    def mid(self) -> float | None:
        """The middle, as a chance; None where a side is empty."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2 / MICRO


def parse_book(summary: BookEntry, seen_at: int) -> Book:
    """Read a book as `/book` and the market channel give it: prices and sizes as strings.

    Raises:
        BooksAway: it is none.
    """
    try:
        bids = [_level(each) for each in summary["bids"]]
        asks = [_level(each) for each in summary["asks"]]
        tick = Decimal(str(summary.get("tick_size") or "0.01"))
    except (KeyError, TypeError, ArithmeticError, ValueError) as error:
        raise BooksAway(f"no book: {error!r}") from error
    return Book(
        tuple(sorted(bids, key=lambda level: -level.price)),
        tuple(sorted(asks, key=lambda level: level.price)),
        seen_at,
        str(summary.get("hash", "")),
        tick,
    )


class BookReader:
    """Reads snapshots, many books a request."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        transport = httpx.HTTPTransport(retries=2)
        self._http = httpx.Client(base_url=url, timeout=timeout_s, transport=transport)

    def read(self, tokens: Sequence[TokenId], now: int) -> dict[TokenId, Book]:
        """Return the books of tokens that the venue knows.

        Raises:
            BooksAway: see the class.
        """
        books: dict[TokenId, Book] = {}
        for start in range(0, len(tokens), MAX_TOKENS):
            asked = [{"token_id": str(token)} for token in tokens[start : start + MAX_TOKENS]]
            try:
                answer = self._http.post("/books", json=asked)
                answer.raise_for_status()
                found = answer.json()
            except (httpx.HTTPError, ValueError) as error:
                raise BooksAway(f"books: {error or type(error).__name__}") from error
            try:
                books |= {TokenId(int(each["asset_id"])): parse_book(each, now) for each in found}
            except (KeyError, TypeError, ValueError) as error:
                raise BooksAway(f"an answer with an entry that is no book: {error!r}") from error
        return books


def quoted(
    bid: Decimal | None, ask: Decimal | None, size: int, seen_at: int = 0
) -> tuple[Book, Book]:
    """Return the books of YES and NO that best quotes of YES stand for, with an assumed size.

    Args:
        size: micro-tokens at each quote; quotes say nothing of it
    """
    bids = (Level(int(bid * MICRO), size),) if bid else ()
    asks = (Level(int(ask * MICRO), size),) if ask and ask < 1 else ()
    return Book(bids, asks, seen_at), mirror(Book(bids, asks, seen_at))


def mirror(book: Book) -> Book:
    """Return the other token's book: a bid for one is an offer of the other."""
    return Book(
        tuple(Level(MICRO - each.price, each.size) for each in book.asks),
        tuple(Level(MICRO - each.price, each.size) for each in book.bids),
        book.seen_at,
        "",
        book.tick,
    )


def levels(pairs: Iterable[tuple[int, int]]) -> tuple[Level, ...]:
    """Return levels of (price, size) pairs."""
    return tuple(Level(price, size) for price, size in pairs)


def _level(entry: BookEntry) -> Level:
    return Level(int(Decimal(entry["price"]) * MICRO), int(Decimal(entry["size"]) * MICRO))
