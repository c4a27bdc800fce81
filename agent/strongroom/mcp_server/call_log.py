"""Who asked what, and what came of it: a file of JSON lines, each of which holds the hash of the
one before. A line that is changed, or taken out of the middle, breaks the chain."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from strongroom.chain.ids import JsonObject, canonical
from strongroom.errors import Differs
from strongroom.settings import ConfigError

OLDER = 5  # files that stay when the newest is full
LONGEST = 300  # letters of arguments that are kept; their hash is of all
FIRST = "0" * 64  # what the first line has for the one before


class BrokenChain(Differs):
    """A line does not hold the hash of the one before; the message says which."""


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
            with self.path.with_name(f"{self.path.name}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._append(line)
        except OSError as error:
            raise ConfigError(
                f"[mcp.log] {self.path}: {error.strerror}: no call is answered that is not written"
            ) from error

    def _append(self, line: CallLine) -> None:
        before = _last_hash(self.path)
        if self.path.exists() and self.path.stat().st_size >= self.most:
            self._rotate()
        text = canonical({**asdict(line), "before": before})
        self.path.touch(mode=0o600)
        with self.path.open("ab") as file:
            file.write(text + b"\n")

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
    places = [_older(path, number) for number in range(OLDER, 0, -1)]
    found = [each for each in (*places, path) if each.exists()]
    if not found:
        raise ConfigError(f"[mcp.log] {path}: no call was logged yet")
    before: str | None = None
    for place in found:
        for number, raw in enumerate(place.read_bytes().splitlines(), 1):
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
            before = hashlib.sha256(raw).hexdigest()
            yield line


def _older(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


def _last_hash(path: Path) -> str:
    """Return the hash of the newest line."""
    for place in (path, _older(path, 1)):
        try:
            with place.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - 16_384))
                lines = file.read().splitlines()
        except FileNotFoundError:
            continue
        if lines:
            return hashlib.sha256(lines[-1]).hexdigest()
    return FIRST
