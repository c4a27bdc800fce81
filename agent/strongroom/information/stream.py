"""The venue's market channel: keeps books in `KeptBooks`; any gap is found and healed.

What is unsound is read by REST; the same book again and again, or in vain, in growing pauses. A
frame that cannot be read, or is of a token that nobody asked for, is skipped, counted and told
once; a word of error, a connection that says nothing, not even to a ping, and one that answers
pings while the books change (VENUE e4) are made new, and so is a thread that has died. How fresh a
book is follows from the venue's times and from comparisons, never from a connection that seems to
live.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from strongroom.chain.ids import Json, TokenId, read_json
from strongroom.chain.jsonrpc import shown_url
from strongroom.information.books import (
    BadBook,
    BooksAway,
    Snapshot,
    parse_book,
    parse_stamp,
    parse_tick,
    token_of,
)
from strongroom.information.endpoint import Health
from strongroom.information.kept_books import KeptBooks

SHARD = 200  # tokens of a connection: the venue goes silent somewhere above
PING_S, SILENCE_S = 3.0, 8.0
BACK_OFF_S = (0.1, 0.5, 2.0, 5.0, 15.0, 30.0)
HEAL_S, LONGEST_S = 1.0, 60.0  # pauses between questions for the same book
UNSTEADY_S = 8.0  # a pause that only a book comes to which is never sound for long
MAX_FRAME = 16 * 2**20  # bytes: the first frame has all books of a shard


class ChannelAway(BooksAway):
    """The market channel takes no connection."""


def try_channel(url: str, timeout_s: float) -> bool:
    """Connect to a market channel once; return whether it answers a ping.

    Raises:
        ChannelAway: it takes no connection.
    """
    try:
        with connect(url, open_timeout=timeout_s, close_timeout=1, max_size=MAX_FRAME) as socket:
            socket.send("PING")
            with suppress(TimeoutError):
                socket.recv(timeout=timeout_s)
                return True
            return False
    except (OSError, WebSocketException) as error:
        shown = shown_url(url)
        why = str(error).replace(url, shown)
        raise ChannelAway(f"{shown} takes no connection: {why}") from error


class Books(Protocol):
    """Where snapshots come from."""

    def read(self, tokens: Sequence[TokenId], now: int) -> Snapshot:
        """Return the books that can be had; raises BooksAway."""


@dataclass(frozen=True)
class _Healing:
    """How a book that had to be read anew is asked for.

    Attributes:
        again: when it may be, by the stopwatch; sound for as long after that, it is well
        pause: after the next time
        had: whether the venue gave it
    """

    again: float
    pause: float
    had: bool

    def is_well(self, here: float) -> bool:
        """Whether what was the matter is long over."""
        return self.had and here > self.again + self.pause


@dataclass(eq=False)
class _Shard:
    """One connection's tokens and thread.

    Attributes:
        renew: its connection is to be made new
        heard: frames since the last comparison
        failures: connections in a row that brought nothing
    """

    tokens: tuple[TokenId, ...]
    thread: threading.Thread | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    renew: threading.Event = field(default_factory=threading.Event)
    heard: int = 0
    failures: int = 0
    followed: frozenset[TokenId] = field(init=False)

    def __post_init__(self) -> None:
        self.followed = frozenset(self.tokens)


class MarketStream:
    """Keeps `KeptBooks` for some tokens, in threads of its own: one for each 200 tokens."""

    def __init__(
        self,
        url: str,
        reader: Books,
        books: KeptBooks,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the channel's URL (ws://.../ws/market)."""
        self._url, self._reader, self._books = url, reader, books
        self._clock, self._stopwatch = clock, stopwatch
        self._shards: list[_Shard] = []
        self._healed: dict[TokenId, _Healing] = {}  # what had to be read anew of late
        self._healing = threading.Lock()  # looks heal, too, not only the threads
        self._news: deque[str] = deque(maxlen=100)
        self.skipped: Counter[str] = Counter()  # frames and messages, by reason
        self.reconnects = 0
        self.restarts = 0  # of threads that died

    # which tokens

    def follow(self, tokens: Sequence[TokenId]) -> None:
        """Follow these tokens from now on, and no others; replace what has died.

        A connection whose tokens are all wanted stays; small ones are put together.
        """
        wanted = dict.fromkeys(tokens)
        followed = {token for shard in self._shards for token in shard.tokens}
        new = [token for token in wanted if token not in followed]
        self._healed = {t: each for t, each in list(self._healed.items()) if t in wanted}
        gone = [s for s in self._shards if not all(token in wanted for token in s.tokens)]
        if new:
            gone += [s for s in self._shards if s not in gone and 2 * len(s.tokens) <= SHARD]
        self._end(gone)
        rest = [token for shard in gone for token in shard.tokens if token in wanted] + new
        for start in range(0, len(rest), SHARD):
            self._shards.append(_Shard(tuple(rest[start : start + SHARD])))
        for shard in self._shards:
            if shard.thread is not None and not shard.thread.is_alive():
                self.restarts += 1
                self._news.append(f"stream: a thread of {len(shard.tokens)} books died, begun anew")
                shard.thread = None
            if shard.thread is None:
                self._books.drop(shard.tokens)
                shard.thread = threading.Thread(target=self._run, args=(shard,), daemon=True)
                shard.thread.start()

    def stop(self) -> None:
        """End all connections."""
        self._end(list(self._shards))

    def _end(self, shards: Sequence[_Shard]) -> None:
        for shard in shards:
            shard.stopped.set()
        for shard in shards:
            if shard.thread is not None:
                shard.thread.join(timeout=SILENCE_S)
            self._books.drop(shard.tokens)
            self._shards.remove(shard)

    # how it is

    def news(self) -> list[str]:
        """Return what has gone wrong since the last call, each kind once."""
        found = []
        while self._news:
            found.append(self._news.popleft())
        return found

    @property
    def health(self) -> Health:
        """How the channel is; asked: connections made, failed: those that had to be made new."""
        dead, here = [s for s in self._shards if s.failures], self._stopwatch()
        wrong = f"{len(dead)} of {len(self._shards)} connections are down" if dead else ""
        odd = [e for e in list(self._healed.values()) if e.had and e.pause > UNSTEADY_S]
        if odd := [each for each in odd if not each.is_well(here)]:
            wrong = wrong or f"{len(odd)} books never fit what the channel tells of them"
        asked = len(self._shards) + self.reconnects
        return Health("stream", asked, self.reconnects + self.restarts, wrong)

    # one connection

    def _run(self, shard: _Shard) -> None:
        while not shard.stopped.is_set():
            try:
                with connect(
                    self._url, open_timeout=SILENCE_S, ping_interval=None, max_size=MAX_FRAME
                ) as socket:
                    names = [str(token) for token in shard.tokens]
                    socket.send(json.dumps({"assets_ids": names, "type": "market"}))
                    self._listen(socket, shard)
            except (OSError, WebSocketException, TimeoutError):
                pass  # made anew below
            self._books.drop(shard.tokens)
            if shard.stopped.is_set():
                return
            self.reconnects += 1
            shard.stopped.wait(BACK_OFF_S[min(shard.failures, len(BACK_OFF_S) - 1)])
            shard.failures += 1

    def _listen(self, socket: Connection, shard: _Shard) -> None:
        shard.renew.clear()
        last_message = pinged = time.monotonic()
        while not (shard.stopped.is_set() or shard.renew.is_set()):
            now = time.monotonic()
            if now - last_message > SILENCE_S:
                return
            if now - pinged > PING_S:
                socket.send("PING")
                pinged = now
            try:
                frame = socket.recv(timeout=PING_S / 4)
            except TimeoutError:
                pass
            else:
                last_message = time.monotonic()
                if frame != "PONG" and not self._take_frame(frame, shard):
                    return
            self.heal(shard.tokens, int(self._clock()))

    def _take_frame(self, frame: str | bytes, shard: _Shard) -> bool:
        """Take a frame; return whether the connection is still of use."""
        try:
            message = read_json(frame)
        except ValueError:
            self._skip("an empty frame" if not frame else f"the frame {str(frame[:40])!r}")
            return not frame.isupper()  # INVALID OPERATION: nothing will come any more
        shard.heard += 1
        shard.failures = 0
        self.take(message, int(self._clock()))
        return True

    def take(self, message: object, now: int) -> None:
        """Apply one message of the channel, or several in a list; what cannot be read is skipped,
        and the book that it is of is read anew."""
        for each in message if isinstance(message, list) else [message]:
            try:
                self._apply(each, now)
            except (KeyError, TypeError, ValueError, ArithmeticError) as error:
                kind = each.get("event_type") if isinstance(each, dict) else type(each).__name__
                self._skip(f"a message {str(kind)[:20]!r}: {str(error)[:60] or 'unreadable'}")
                for entry in _entries(each):
                    with suppress(BadBook):
                        self._books.distrust(token_of(entry))

    def _apply(self, message: object, now: int) -> None:
        if not isinstance(message, dict):
            raise BadBook("no object")
        kind = message.get("event_type")
        if kind == "book":
            token, stamp = token_of(message), parse_stamp(message["timestamp"], now)
            if not self._follows(token):
                raise BadBook("of a token that nobody asked for")
            self._books.snapshot(token, parse_book(message, now), stamp)
        elif kind == "price_change":
            stamp, unread = parse_stamp(message["timestamp"], now), None
            for entry in message["price_changes"]:
                try:
                    self._books.change(entry, stamp, now)
                except BadBook as error:
                    unread = error  # the others count
            if unread is not None:
                raise unread
        elif kind == "tick_size_change":
            self._books.tick(token_of(message), parse_tick(message["new_tick_size"]))

    def _follows(self, token: TokenId) -> bool:
        return any(token in shard.followed for shard in self._shards)

    def _skip(self, why: str) -> None:
        if why not in self.skipped and len(self.skipped) < 100:
            self._news.append(f"stream: skipped {why}")
        self.skipped[why if why in self.skipped or len(self.skipped) < 100 else "others"] += 1

    # against REST

    def heal(self, tokens: Sequence[TokenId], now: int) -> None:
        """Read anew what is unsound; the same again and again, or in vain, in growing pauses."""
        with self._healing:
            self._heal(tokens, now)

    def _heal(self, tokens: Sequence[TokenId], now: int) -> None:
        here = self._stopwatch()
        unsound = self._books.unsound(tokens)
        due = [t for t in unsound if t not in self._healed or self._healed[t].again <= here]
        if not due:
            return
        stamp = int(self._clock() * 1000)  # a change made while they are read is newer than that
        try:
            found = self._reader.read(due, now)
        except BooksAway as error:
            found = Snapshot(problems=(str(error),))
        for token, book in found.books.items():
            self._books.snapshot(token, book, book.stamp or stamp)
        before = {token: self._healed.get(token) for token in due}
        for token, last in before.items():
            pause = HEAL_S if last is None or last.is_well(here) else last.pause
            had = token in found.books
            self._healed[token] = _Healing(here + pause, min(2 * pause, LONGEST_S), had)
        missing = [token for token in due if token not in found.books]
        if first := [t for t in missing if (last := before[t]) is None or last.had]:
            why = found.problems[0] if found.problems else "the venue has none"
            self._news.append(f"stream: {len(first)} books cannot be had ({first[0]}: {why})")
        odd = [t for t in due if t in found.books and self._healed[t].pause == 2 * UNSTEADY_S]
        if odd:
            why = "what the channel tells of them never fits; they are read by REST, in pauses"
            self._news.append(f"stream: {len(odd)} books ({odd[0]}): {why}")

    def audit(self, now: int, since: int | None = None) -> int:
        """Read anew what is unsound and compare the others with snapshots; return how many differed
        and were replaced. A connection that has said nothing of what differed is made new.

        Args:
            since: only those of which the venue has told or shown nothing since; None: all

        Raises:
            BooksAway: the snapshots cannot be had.
        """
        tokens = [token for shard in self._shards for token in shard.tokens]
        for shard in self._shards:
            if shard.renew.is_set():  # its thread has not come to it yet
                self._books.drop(shard.tokens)
        self.heal(tokens, now)  # whoever looks waits for no thread
        if since is not None:
            tokens = self._books.unproven(tokens, since, now)
        if not tokens:
            return 0
        found = self._reader.read(tokens, now)
        differ = {t for t, book in found.books.items() if not self._books.compare(t, book)}
        for shard in self._shards:
            silent = differ.intersection(shard.tokens)
            if silent and not shard.heard:
                self._news.append(f"stream: frozen while {len(silent)} books changed, made new")
                shard.renew.set()
            shard.heard = 0
        return len(differ)


def _entries(message: object) -> list[dict[str, Json]]:
    """Return what in a message names a token."""
    if not isinstance(message, dict):
        return []
    changes = message.get("price_changes")
    parts = [message, *(changes if isinstance(changes, list) else [])]
    return [each for each in parts if isinstance(each, dict)]
