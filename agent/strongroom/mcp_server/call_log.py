"""Who asked what, and what came of it: a file of JSON lines, each of which holds the hash of the
one before. A line that is changed, or taken out of the middle, breaks the chain. The hash of the
last one stands in the file of the lock, so that an end that was cut off is missed, too."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from strongroom.chain.ids import JsonObject, canonical
from strongroom.errors import Differs
from strongroom.settings import ConfigError

OLDER = 5  # files that stay when the newest is full
LONGEST = 300  # letters of arguments that are kept; their hash is of all
FIRST = "0" * 64  # what the first line has for the one before
MOST_LINE = 64 * 1_024  # bytes; what is kept of a call is far shorter
STEP = 4_096  # bytes that are looked through at once


class BrokenChain(Differs):
    """A line does not hold the hash of the one before, or the last ones are gone; the message says
    which."""


@dataclass(frozen=True)
class CallLine:
    """One call.

    Attributes:
        at: timestamp by this machine's clock
        who: the client; empty: nobody whose token is known
        token: the beginning of its hash
        what: method, and the tool or resource
        given: arguments as canonical JSON, cut
        digest: SHA-256 of all of them
        came: done, refused with the reason, or failed
    """

    at: int
    who: str
    token: str
    what: str
    given: str
    digest: str
    came: str


def call_line(
    at: int, who: str, token: str, what: str, arguments: JsonObject, came: str
) -> CallLine:
    """Return a line of the log."""
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"), default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return CallLine(at, who, token, what, text[:LONGEST], digest, came)


@dataclass(frozen=True)
class CallLog:
    """The file. Several servers may write it.

    Attributes:
        most: bytes of a file, before the next one begins
    """

    path: Path
    most: int

    def write(self, line: CallLine) -> None:
        """Append a line, on disk.

        Raises:
            ConfigError: it cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(_lock(self.path), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                os.pwrite(lock, self._append(line).encode(), 0)
            finally:
                os.close(lock)
        except OSError as error:
            raise ConfigError(
                f"[mcp.log] {self.path}: {error.strerror}: no call is answered that is not written"
            ) from error

    def _append(self, line: CallLine) -> str:
        """Write a line; return its hash."""
        last, head = _last_line(self.path), _head(self.path)
        before = _hash(last) if not head or _ends(last, head) else head
        if self.path.exists() and self.path.stat().st_size >= self.most:
            self._rotate()
        text = canonical({**asdict(line), "before": before})
        self.path.touch(mode=0o600)
        with self.path.open("r+b") as file:
            file.seek(_whole(self.path))
            file.truncate()  # half a line: its call was never answered
            file.write(text + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return _hash(text)

    def _rotate(self) -> None:
        places = [self.path, *(_older(self.path, number) for number in range(1, OLDER + 1))]
        for number in range(OLDER, 0, -1):
            if places[number - 1].exists():
                places[number - 1].replace(places[number])


def read_calls(path: Path) -> Iterator[JsonObject]:
    """Yield the lines of a log, oldest first, and hold each against the one before.

    Raises:
        BrokenChain: see the class.
        ConfigError: there is no log.
    """
    places = [*(_older(path, number) for number in range(OLDER, 0, -1)), path]
    texts, head = _as_it_stands(path, places)
    if not texts and not head:
        raise ConfigError(f"[mcp.log] {path}: no call was logged yet")
    before = None if places[0] in texts else FIRST  # the oldest file goes when there are too many
    last = b""
    for place, text in texts.items():
        for number, raw in enumerate(text.splitlines(), 1):
            try:
                line = json.loads(raw)
                chained = line["before"]
            except (ValueError, KeyError, TypeError) as error:
                raise BrokenChain(f"{place} line {number} is no line of this log") from error
            if before is not None and chained != before:
                raise BrokenChain(
                    f"{place} line {number} does not follow the line before: one was changed, or "
                    "is missing"
                )
            before, last = _hash(raw), raw
            yield line
    if head and not _ends(last, head):
        raise BrokenChain(f"{path}: the last lines are missing, or were changed")


def _as_it_stands(path: Path, places: Sequence[Path]) -> tuple[dict[Path, bytes], str]:
    """Return what the log's files hold, and its head: of one moment."""
    while True:
        with ExitStack() as stack:
            if is_locked := _lock(path).exists():  # nobody writes, or puts files aside, meanwhile
                fcntl.flock(stack.enter_context(_lock(path).open("rb")), fcntl.LOCK_SH)
            texts = {each: each.read_bytes()[: _whole(each)] for each in places if each.exists()}
            head = _head(path)
            if is_locked or not _lock(path).exists():  # else somebody began to write meanwhile
                return texts, head


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _head(path: Path) -> str:
    """Return the hash of the line that was written last; empty: none is known."""
    try:
        return _lock(path).read_text()
    except FileNotFoundError:
        return ""


def _ends(last: bytes, head: str) -> bool:
    """Whether a line is the one that was written last: also where whoever wrote it was killed
    before he could say so."""
    return head == _hash(last) or head == _before(last)


def _before(line: bytes) -> str:
    try:
        return str(json.loads(line)["before"])
    except (ValueError, KeyError, TypeError):
        return ""


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest() if line else FIRST


def _whole(path: Path) -> int:
    """Return how many bytes of a file are whole lines."""
    with path.open("rb") as file:
        left = file.seek(0, os.SEEK_END)
        while left:
            start = max(0, left - STEP)
            file.seek(start)
            found = file.read(left - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            left = start
    return 0


def _last_line(path: Path) -> bytes:
    """Return the newest whole line; empty: there is none."""
    for place in (path, _older(path, 1)):
        try:
            with place.open("rb") as file:
                size = _whole(place)
                file.seek(max(0, size - MOST_LINE))
                lines = file.read(min(size, MOST_LINE)).splitlines()
        except FileNotFoundError:
            continue
        if lines:
            return lines[-1]
    return b""
