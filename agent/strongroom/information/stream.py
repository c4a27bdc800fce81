"""Books kept by the venue's market channel: snapshot, then changes; any gap is found and healed.

Each change names the best prices after it. When ours differ, or a message is older than the one
before, something was missed or came out of order: the book is read anew by REST and until then not
given out. A connection that says nothing, not even to a ping, is taken for dead and made anew.
"""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from strongroom.chain.ids import TokenId
from strongroom.chain.units import MICRO
from strongroom.information.books import Book, BookEntry, BookReader, BooksAway, Level, parse_book

SHARD = 200  # tokens of a connection: the venue goes silent somewhere above
PING_S, SILENCE_S = 3.0, 8.0
BACK_OFF_S = (0.1, 0.5, 2.0, 5.0)


@dataclass
class _Kept:
    book: Book
    stamp: int  # ms, of the last message
    sound: bool = True


class KeptBooks:
    """The newest book of each token, as far as it can be trusted. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[TokenId, _Kept] = {}
        self.gaps = 0  # found so far

    def snapshot(self, token: TokenId, book: Book, stamp: int) -> None:
        """Take a whole book, unless a newer one is there."""
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or not kept.sound or stamp >= kept.stamp:
                self._kept[token] = _Kept(book, stamp)

    def change(self, entry: BookEntry, stamp: int, seen_at: int) -> None:
        """Apply one changed level; a book that then disagrees with the venue is unsound."""
        token = TokenId(int(entry["asset_id"]))
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or not kept.sound or kept.book.hash == entry.get("hash"):
                return  # not subscribed yet, waiting for a snapshot, or a message twice
            if stamp < kept.stamp:
                self._distrust(kept)
                return
            book = _changed(kept.book, entry)
            kept.book = replace(book, hash=str(entry.get("hash", "")), seen_at=seen_at)
            kept.stamp = stamp
            best_bid, best_ask = (_micro(entry.get(name)) for name in ("best_bid", "best_ask"))
            if (book.bid or 0) != best_bid or (book.ask or MICRO) != best_ask:
                self._distrust(kept)

    def tick(self, token: TokenId, tick: Decimal) -> None:
        """Take a new tick size."""
        with self._lock:
            if token in self._kept:
                kept = self._kept[token]
                kept.book = replace(kept.book, tick=tick)

    def drop(self, tokens: Sequence[TokenId]) -> None:
        """Trust no book of a connection that has gone."""
        with self._lock:
            for token in tokens:
                if token in self._kept:
                    self._kept[token].sound = False

    def touch(self, tokens: Sequence[TokenId], seen_at: int) -> None:
        """The connection lives: what has not changed is as of now."""
        with self._lock:
            for token in tokens:
                kept = self._kept.get(token)
                if kept is not None and kept.sound:
                    kept.book = replace(kept.book, seen_at=seen_at)

    def get(self, token: TokenId) -> Book | None:
        """Return a book that can be trusted, or None."""
        with self._lock:
            kept = self._kept.get(token)
            return kept.book if kept is not None and kept.sound else None

    def unsound(self, tokens: Sequence[TokenId]) -> list[TokenId]:
        """Return the tokens whose book must be read anew."""
        with self._lock:
            return [t for t in tokens if t not in self._kept or not self._kept[t].sound]

    def compare(self, token: TokenId, theirs: Book) -> bool:
        """Say whether a snapshot has the same levels; where not, take it and count a gap."""
        with self._lock:
            kept = self._kept.get(token)
            if kept is None or not kept.sound:
                return True  # known to be wanting
            if (kept.book.bids, kept.book.asks) == (theirs.bids, theirs.asks):
                return True
            if kept.book.hash == theirs.hash:
                return True
            self.gaps += 1
            kept.book = theirs
            return False

    def _distrust(self, kept: _Kept) -> None:
        kept.sound = False
        self.gaps += 1


class MarketStream:
    """Keeps `KeptBooks` for some tokens, in threads of its own: one for each 200 tokens."""

    def __init__(
        self, url: str, reader: BookReader, books: KeptBooks, clock: Callable[[], float] = time.time
    ) -> None:
        """Take the channel's URL (ws://.../ws/market)."""
        self._url, self._reader, self._books, self._clock = url, reader, books, clock
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tokens: tuple[TokenId, ...] = ()
        self.reconnects = 0

    def follow(self, tokens: Sequence[TokenId]) -> None:
        """Follow these tokens from now on, and no others."""
        wanted = tuple(dict.fromkeys(tokens))
        if wanted == self._tokens:
            return
        self.stop()
        self._stopped = threading.Event()
        self._tokens = wanted
        self._threads = [
            threading.Thread(
                target=self._run, args=(wanted[start : start + SHARD], self._stopped), daemon=True
            )
            for start in range(0, len(wanted), SHARD)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End all connections."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=SILENCE_S)
        self._threads = []

    def _run(self, tokens: tuple[TokenId, ...], stopped: threading.Event) -> None:
        failures = 0
        while not stopped.is_set():
            try:
                with connect(self._url, open_timeout=SILENCE_S, ping_interval=None) as socket:
                    socket.send(
                        json.dumps(
                            {"assets_ids": [str(token) for token in tokens], "type": "market"}
                        )
                    )
                    failures = 0
                    self._listen(socket, tokens, stopped)
            except (OSError, WebSocketException, TimeoutError):
                pass  # made anew below
            self._books.drop(tokens)
            if stopped.is_set():
                return
            self.reconnects += 1
            stopped.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
            failures += 1

    def _listen(
        self, socket: Connection, tokens: tuple[TokenId, ...], stopped: threading.Event
    ) -> None:
        last_message = pinged = time.monotonic()
        while not stopped.is_set():
            now = time.monotonic()
            if now - last_message > SILENCE_S:
                return
            if now - pinged > PING_S:
                socket.send("PING")
                pinged = now
            try:
                text = socket.recv(timeout=PING_S / 4)
            except TimeoutError:
                continue
            last_message, seen_at = time.monotonic(), int(self._clock())
            if text == "PONG":
                self._books.touch(tokens, seen_at)
            else:
                self.take(json.loads(text), seen_at)
            self.heal(tokens, seen_at)

    def take(self, message: Any, now: int) -> None:
        """Apply one message of the channel, or several in a list."""
        if isinstance(message, list):
            for each in message:
                self.take(each, now)
            return
        kind = message.get("event_type")
        if kind == "book":
            book = parse_book(message, now)
            self._books.snapshot(TokenId(int(message["asset_id"])), book, int(message["timestamp"]))
        elif kind == "price_change":
            for entry in message["price_changes"]:
                self._books.change(entry, int(message["timestamp"]), now)
        elif kind == "tick_size_change":
            self._books.tick(
                TokenId(int(message["asset_id"])), Decimal(str(message["new_tick_size"]))
            )

    def heal(self, tokens: Sequence[TokenId], now: int) -> None:
        """Read anew what is unsound; what cannot be read stays so."""
        wanting = self._books.unsound(tokens)
        if not wanting:
            return
        stamp = int(self._clock() * 1000)  # a change made while they are read is newer than that
        try:
            found = self._reader.read(wanting, now)
        except BooksAway:
            return
        for token, book in found.items():
            self._books.snapshot(token, book, stamp)

    def audit(self, now: int) -> int:
        """Compare every trusted book with a snapshot; return how many differed and were replaced.

        Raises:
            BooksAway: the snapshots cannot be had.
        """
        found = self._reader.read(self._tokens, now)
        return sum(not self._books.compare(token, book) for token, book in found.items())


def _changed(book: Book, entry: BookEntry) -> Book:
    price, size = _micro(entry["price"]), _micro(entry["size"])
    buys = entry["side"] == "BUY"
    side = book.bids if buys else book.asks
    kept = [level for level in side if level.price != price]
    if size:
        kept.append(Level(price, size))
    kept.sort(key=lambda level: -level.price if buys else level.price)
    return replace(book, bids=tuple(kept)) if buys else replace(book, asks=tuple(kept))


def _micro(text: object) -> int:
    return int(Decimal(str(text)) * MICRO)
