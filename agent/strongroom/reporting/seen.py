"""The last books that were seen of what the vault holds, kept in the journal: unknown is not zero.

A position whose book is missing at the moment is marked from the last one, by its age. One that
was never seen has no mark at all, and a report that needs it waits. Only a book that the venue
itself shows to be empty is an empty one.
"""

from collections.abc import Mapping

from pydantic import TypeAdapter

from strongroom.chain.ids import ConditionId, TokenId
from strongroom.chain.rpc import Position
from strongroom.chain.times import is_ahead, is_over
from strongroom.chain.units import MICRO
from strongroom.errors import Refused
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.journal import Journal

KEEP_EVERY_S = 60  # in the journal: a restart knows no older state than that
LEAST = MICRO  # micro-tokens: anybody may send less, and no report waits for its book

Pair = tuple[Book | None, Book | None]  # books of YES and NO
NOTHING: Pair = (None, None)
_PAIR = TypeAdapter(Pair)


class Unseen(Refused):
    """A report waits for a book; the message says of which market."""


class SeenBooks:
    """The newest books by condition."""

    def __init__(self, journal: Journal, restarts: bool = True) -> None:
        """Go on with what the journal has.

        Args:
            restarts: whether a keeper may go on with the journal later, and must know them
        """
        self._journal, self._restarts = journal, restarts
        self._seen: dict[ConditionId, Pair] = {}
        self._kept_at: dict[ConditionId, int] = {}
        self._due: dict[str, str] = {}

    def see(self, market: Market, books: Mapping[TokenId, Book], now: int, held: bool) -> None:
        """Take a market's books, as far as they are newer; `keep` writes them down.

        Args:
            now: timestamp of the chain
            held: the vault has tokens of it: a restart must know its books, too
        """
        name = market.condition_id
        before, (yes_id, no_id) = self.of(name, now), market.token_ids
        yes = _newer(before[0], _believed(books.get(yes_id), now))
        no = _newer(before[1], _believed(books.get(no_id), now))
        self._seen[name] = yes, no
        if not self._restarts:
            return
        newest = max((each.seen_at for each in (yes, no) if each is not None), default=0)
        if held and is_over(self._kept_at.get(name, 0), KEEP_EVERY_S, newest):
            self._due[_fact(name)] = _PAIR.dump_json((yes, no)).decode()
            self._kept_at[name] = newest

    def keep(self) -> None:
        """Write down what a restart must know, all at once."""
        if self._due:
            self._journal.keep_all(self._due)
            self._due = {}

    def of(self, condition: ConditionId, now: int) -> Pair:
        """Return the newest books of YES and NO; None: never seen. One that was seen after now, as
        a clock said that was wrong, was seen nobody knows when: it is forgotten."""
        known = self._seen.get(condition)
        if known is None:
            known = kept_books(self._journal, condition)
        self._seen[condition] = _believed(known[0], now), _believed(known[1], now)
        return self._seen[condition]

    def lacks(self, condition: ConditionId, yes: int, no: int, now: int) -> bool:
        """Whether tokens are held of which no book was ever seen.

        Args:
            yes, no: micro-tokens; complete sets need no book
        """
        return abs(yes - no) >= LEAST and not any(self.of(condition, now))

    def check(self, positions: Mapping[ConditionId, Position], now: int) -> None:
        """Hold back what needs a book that was never seen.

        Raises:
            Unseen: see the class.
        """
        for condition, position in positions.items():
            if not position.resolved and self.lacks(condition, position.yes, position.no, now):
                raise unseen(condition)


def kept_books(journal: Journal, condition: ConditionId) -> Pair:
    """Return the books of YES and NO as a journal has them, at most a minute older than what its
    keeper knows."""
    kept = journal.fact(_fact(condition))
    return _PAIR.validate_json(kept) if kept else NOTHING


def unseen(condition: ConditionId) -> Unseen:
    """Return the refusal of what needs a condition's book."""
    return Unseen(
        f"no book of {condition} was ever seen, and the vault holds tokens of it: nothing is "
        "reported until the venue shows one; look whether the venue and its stream answer"
    )


def _believed(book: Book | None, now: int) -> Book | None:
    return None if book is None or is_ahead(book.seen_at, now) else book


def _newer(old: Book | None, new: Book | None) -> Book | None:
    return old if new is None or (old is not None and old.seen_at > new.seen_at) else new


def _fact(condition: ConditionId) -> str:
    return f"books of {condition}"
