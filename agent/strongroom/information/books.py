"""Order books of outcome tokens in integers, and where they come from: snapshots by REST.

A book is a fact of a moment: it carries when it was seen, and whoever uses it says how old it may
be. `stream.py` keeps books between snapshots.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from strongroom.chain.ids import Json, TokenId
from strongroom.chain.outside import BadValue, is_tick, kept_text, number, whole
from strongroom.chain.times import is_ahead
from strongroom.chain.units import MICRO
from strongroom.errors import Away, BadInput
from strongroom.information.endpoint import Endpoint, Health

if TYPE_CHECKING:
    import httpx

MAX_TOKENS = 500  # of one question
MOST = MICRO * MICRO * MICRO  # micro-tokens of a level: more than there is money


_BY_PRICE = attrgetter("price")
BookEntry = Mapping[str, Any]  # a part of a book, as the venue has it


class BooksAway(Away):
    """The books cannot be had; the message says what came instead."""


class BadBook(BadInput):
    """What came is no book; the message says why."""


@dataclass(frozen=True, slots=True)
class Level:
    """A price (10**-6) and how much is there (micro-tokens)."""

    price: int
    size: int


@dataclass(frozen=True)
class Book:
    """One outcome token's book, best level first. No levels: the venue shows that there are none.

    Attributes:
        seen_at: when it was the venue's book for certain, timestamp
        hash: the venue's, of this state
        tick: of its prices; None: it does not say
        stamp: ms, by the venue's clock, of its last change; 0: it does not say
    """

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    seen_at: int = 0
    hash: str = ""
    tick: Decimal | None = None
    stamp: int = field(default=0, compare=False)

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
        if not self.bids or not self.asks:
            return None
        return (self.bids[0].price + self.asks[0].price) / 2 / MICRO


def parse_book(summary: BookEntry, seen_at: int) -> Book:
    """Read a book as `/book` and the market channel give it: prices and sizes as strings.

    Raises:
        BadBook: it is none, or of a time that has not come yet.
    """
    try:
        tick, stamp = summary.get("tick_size"), summary.get("timestamp")
        return Book(
            tuple(sorted(_levels(summary["bids"]), key=_BY_PRICE, reverse=True)),
            tuple(sorted(_levels(summary["asks"]), key=_BY_PRICE)),
            seen_at,
            kept_text(str(summary.get("hash") or "")),
            None if tick in (None, "") else parse_tick(tick),
            0 if stamp in (None, "") else parse_stamp(stamp, seen_at),
        )
    except BadBook:
        raise
    except (AttributeError, KeyError, TypeError, ArithmeticError, ValueError) as error:
        raise BadBook(f"no book: {error!r}") from error


def parse_stamp(value: object, now: int) -> int:
    """Read a time of the venue, ms; raises BadValue where it is none, BadBook where it has not come
    yet: all that follows would count as older."""
    stamp = whole(value)
    if is_ahead(stamp / 1000, now):
        raise BadBook("its time is in the future, or not in milliseconds")
    return stamp


def parse_tick(value: object) -> Decimal:
    """Read a tick size; raises BadBook where it is none."""
    try:
        tick = number(value)
        if is_tick(tick):
            return tick
    except BadValue:
        pass
    raise BadBook(f"tick {str(value)[:20]!r} is not between 0 and 1 in steps of 0.000001")


def parse_level(entry: BookEntry) -> Level:
    """Read a level's price and size, also of size 0; raises BadBook where it is none."""
    try:
        price, size = _price(str(entry["price"])), Decimal(str(entry["size"])) * MICRO
        if price and 0 <= size <= MOST:
            return Level(price, int(size))
    except (KeyError, TypeError, ArithmeticError):  # lacking, no number, or NaN
        pass
    raise BadBook(f"no level: {str(entry)[:60]}")


@lru_cache(16_384)  # a venue has at most 9,999 prices, and a tick reads tens of thousands of levels
def _price(text: str) -> int:
    """Return a price, 10**-6; 0: it is none."""
    price = Decimal(text)
    return int(price * MICRO) if 0 < price < 1 else 0


@dataclass(frozen=True)
class Snapshot:
    """What one question for books has brought: the rest is unknown, and why is named."""

    books: Mapping[TokenId, Book] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class BookReader:
    """Reads snapshots, many books a request."""

    def __init__(
        self,
        url: str,
        timeout_s: float = 10.0,
        transport: "httpx.BaseTransport | None" = None,
        budget_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the service.

        Args:
            budget_s: in which requests begin; tokens that are not asked for come first next time
        """
        self._endpoint = Endpoint("books", url, BooksAway, timeout_s, transport)
        self._budget, self._clock, self._first = budget_s, clock, 0

    @property
    def health(self) -> Health:
        """How the service is."""
        return self._endpoint.health

    def read(self, tokens: Sequence[TokenId], now: int) -> Snapshot:
        """Return the books of tokens that the venue knows: an entry that is none costs itself, a
        request without an answer costs its tokens.

        Raises:
            BooksAway: no request was answered.
        """
        books: dict[TokenId, Book] = {}
        problems: list[str] = []
        away: BooksAway | None = None
        parts = [tokens[at : at + MAX_TOKENS] for at in range(0, len(tokens), MAX_TOKENS)]
        parts = [*parts[self._first :], *parts[: self._first]]
        answered, start, first, self._first = 0, self._clock(), self._first, 0
        for place, part in enumerate(parts):
            if self._clock() - start > self._budget:
                self._first = (first + place) % len(parts)
                left = sum(map(len, parts[place:]))
                problems.append(f"books: {self._budget:g} s are over: {left} books are not known")
                break
            try:
                found = self._ask(part)
            except BooksAway as error:
                away = error
                problems.append(f"{error}: {len(part)} books are not known")
                continue
            answered += 1
            for entry in found:
                try:
                    books[token_of(entry)] = parse_book(entry, now)
                except BadBook as error:
                    problems.append(f"books: {error}")
        if away is not None and not answered:
            raise away
        return Snapshot(books, tuple(problems))

    def _ask(self, tokens: Sequence[TokenId]) -> list[BookEntry]:
        asked: Json = [{"token_id": str(token)} for token in tokens]
        found = self._endpoint.post("/books", asked)
        if not isinstance(found, list):
            raise BooksAway(f"books: the answer is {str(found)[:60]!r}, no list of books")
        return found


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


def _levels(entries: object) -> list[Level]:
    if not isinstance(entries, list):
        raise BadBook(f"no book: its levels are {str(entries)[:20]!r}")
    found = [level for level in map(parse_level, entries) if level.size]
    if len({level.price for level in found}) < len(found):
        raise BadBook("no book: it has a price twice")
    return found


def token_of(entry: BookEntry) -> TokenId:
    """Return whose book or change an entry is; raises BadBook where it does not say."""
    try:
        return TokenId(whole(entry["asset_id"], 256))
    except (KeyError, TypeError, BadValue) as error:
        raise BadBook(f"an entry without its token: {error!r}") from error
