"""The newest book of each token that a stream is told of: snapshot, then changes.

Each change names the best prices after it. When ours differ, or a message is older than the one
before, something was missed or came out of order: the book is unknown until it is read anew. The
venue tells one match in several messages of one hash and one time, all with the final best prices
(VENUE e4), so ours are held against them when such a burst is over; until then a book that does not
fit is not given out.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from strongroom.chain.ids import TokenId
from strongroom.chain.outside import BadValue, number
from strongroom.chain.times import is_ahead
from strongroom.chain.units import MICRO
from strongroom.information.books import BadBook, Book, BookEntry, Level, parse_level, token_of

BURST_S = 0.5  # after which a burst is over, though nothing has followed it

Told = tuple[str, Level, bool]  # hash, level, whether of bids


@dataclass
class _Kept:
    """A book and what it was made of.

    Attributes:
        base: ms, of the snapshot that it began with; what was told before is in it
        stamp: ms, of the last message
        burst: hash of the last message, and when the first of its burst came
        best: bid and ask that the burst ends with, 10**-6; None: not told
        told: what was told at `stamp`, so that a message which comes twice counts once
    """

    book: Book
    base: int
    stamp: int
    sound: bool = True
    burst: tuple[str, float] = ("", 0.0)
    best: tuple[int, int] | None = None
    told: set[Told] = field(default_factory=set)

    def is_ahead(self, now: int) -> bool:
        """Whether it is of a time that has not come yet: a clock was wrong when it came."""
        return is_ahead(self.book.seen_at, now) or is_ahead(self.stamp / 1000, now)

    @property
    def fits(self) -> bool:
        """Whether its best prices are those that the venue has told last."""
        ours = (self.book.bid or 0, self.book.ask or MICRO)
        return self.best is None or self.best == ours


class KeptBooks:
    """The newest book of each token, as far as it can be trusted. Safe between threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._kept: dict[TokenId, _Kept] = {}
        self.gaps = 0  # found so far

    def snapshot(self, token: TokenId, book: Book, stamp: int) -> None:
        """Take a whole book, unless a newer one is there.

        Args:
            stamp: ms, by the venue's clock
        """
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or not kept.sound or stamp >= kept.stamp:
                self._kept[token] = _Kept(book, stamp, stamp)

    def change(self, entry: BookEntry, stamp: int, seen_at: int) -> None:
        """Apply one changed level; a book that then disagrees with the venue is unsound.

        Raises:
            BadBook: it is no change; the book it is of is unsound, where it says which.
        """
        token = token_of(entry)
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or not kept.sound or stamp < kept.base:
                return  # not subscribed yet, waiting for a snapshot, or in the snapshot
            try:
                level, is_bid = parse_level(entry), _is_bid(entry)
                best, name = _best(entry), str(entry.get("hash") or "")
            except BadBook:
                self._distrust(kept)
                raise
            if stamp < kept.stamp:
                self._distrust(kept)
                return
            if stamp > kept.stamp:
                kept.told = set()
            if (name, level, is_bid) in kept.told:
                if level != _at(kept.book, level.price, is_bid):
                    self._distrust(kept)  # a repeat, or a change back: nobody can say
                return
            if stamp > kept.stamp or name != kept.burst[0]:
                if not kept.fits:  # at the end of the burst before
                    self._distrust(kept)
                    return
                kept.burst = (name, self._clock())
            kept.told.add((name, level, is_bid))
            kept.best, kept.stamp = best, stamp
            heard = _later(kept.book.seen_at, min(seen_at, stamp // 1000))  # by the venue's clock
            changed = _changed(kept.book, level, is_bid)
            kept.book = replace(changed, hash=name, seen_at=heard, stamp=stamp)

    def tick(self, token: TokenId, tick: Decimal) -> None:
        """Take a new tick size."""
        with self._lock:
            if token in self._kept:
                kept = self._kept[token]
                kept.book = replace(kept.book, tick=tick)

    def distrust(self, token: TokenId) -> None:
        """Something was told of a book that cannot be read: it is unknown now."""
        with self._lock:
            kept = self._kept.get(token)
            if kept is not None and kept.sound:
                self._distrust(kept)

    def drop(self, tokens: Iterable[TokenId]) -> None:
        """Forget the books of a connection that has gone."""
        with self._lock:
            for token in tokens:
                self._kept.pop(token, None)

    def get(self, token: TokenId) -> Book | None:
        """Return a book that can be trusted, or None."""
        with self._lock:
            kept = self._kept.get(token)
            return kept.book if kept is not None and kept.sound and kept.fits else None

    def unsound(self, tokens: Sequence[TokenId]) -> list[TokenId]:
        """Return the tokens whose book must be read anew."""
        over = self._clock() - BURST_S
        with self._lock:
            for token in tokens:
                kept = self._kept.get(token)
                if kept is not None and kept.sound and not kept.fits and kept.burst[1] < over:
                    self._distrust(kept)
            return [t for t in tokens if t not in self._kept or not self._kept[t].sound]

    def unproven(self, tokens: Sequence[TokenId], since: int, now: int) -> list[TokenId]:
        """Return those of which a book is trusted that the venue has neither told nor shown from a
        timestamp to now; what was seen later, a clock said that was wrong."""
        with self._lock:
            mine = ((token, self._kept.get(token)) for token in tokens)
            return [
                token
                for token, kept in mine
                if kept is not None
                and kept.sound
                and (kept.book.seen_at < since or kept.is_ahead(now))
            ]

    def compare(self, token: TokenId, theirs: Book) -> bool:
        """Say whether a snapshot has the same levels; where not, take it and count a gap. What is
        the same is as of the snapshot's time."""
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or not kept.sound:
                return True  # known to be wanting
            same = (kept.book.bids, kept.book.asks) == (theirs.bids, theirs.asks)
            if kept.is_ahead(theirs.seen_at):
                stamp = theirs.stamp or theirs.seen_at * 1000
            elif not kept.fits or (theirs.stamp and theirs.stamp < kept.stamp):
                return True  # amid a burst, or older than ours: says nothing
            elif same:
                tick = kept.book.tick if theirs.tick is None else theirs.tick
                seen_at = max(kept.book.seen_at, theirs.seen_at)
                kept.book = replace(kept.book, seen_at=seen_at, tick=tick)
                return True
            else:
                stamp = theirs.stamp or kept.stamp
            self.gaps += not same
            self._kept[token] = _Kept(theirs, stamp, stamp)
            return same

    def _distrust(self, kept: _Kept) -> None:
        kept.sound = False
        self.gaps += 1


def _later(before: int, moment: int) -> int:
    """Return the later of two moments; the second where a clock was wrong at the first."""
    return moment if is_ahead(before, moment) else max(before, moment)


def _changed(book: Book, level: Level, is_bid: bool) -> Book:
    side = book.bids if is_bid else book.asks
    levels = [each for each in side if each.price != level.price]
    if level.size:
        levels.append(level)
    levels.sort(key=lambda each: -each.price if is_bid else each.price)
    return replace(book, bids=tuple(levels)) if is_bid else replace(book, asks=tuple(levels))


def _at(book: Book, price: int, is_bid: bool) -> Level:
    """Return the level at a price; of size 0 where there is none."""
    side = book.bids if is_bid else book.asks
    return next((each for each in side if each.price == price), Level(price, 0))


def _is_bid(entry: BookEntry) -> bool:
    side = entry.get("side")
    if side not in ("BUY", "SELL"):
        raise BadBook(f"a change of side {str(side)[:20]!r}")
    return bool(side == "BUY")


def _best(entry: BookEntry) -> tuple[int, int] | None:
    """Return the best bid and ask that are told, 10**-6: 0 and 1 where there is none."""
    told = [entry.get(name) for name in ("best_bid", "best_ask")]
    if None in told or "" in told:
        return None
    try:
        bid, ask = (int(number(each) * MICRO) for each in told)
    except BadValue as error:
        raise BadBook(f"best prices {str(told)[:40]}") from error
    return bid, ask or MICRO
