"""The end of the keeper's log file."""

import json
from dataclasses import dataclass
from pathlib import Path

from strongroom.chain.ids import Json

MOST_BYTES = 256 * 1_024  # that are read
MOST_LINES = 200
KNOWN = ("timestamp", "event", "level")


@dataclass(frozen=True)
class LogLine:
    """One event."""

    at: str
    event: str
    fields: str


@dataclass(frozen=True)
class LogTail:
    """The newest events, newest first.

    Attributes:
        why: there are none; empty: there are
    """

    lines: tuple[LogLine, ...] = ()
    why: str = ""


def read_log(path: Path | None) -> LogTail:
    """Return the end of a log; None: the keeper writes none."""
    if path is None:
        return LogTail(
            why="The keeper's file names no [operations.log]: its log is standard error."
        )
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - MOST_BYTES))
            text = file.read().decode(errors="replace")
    except OSError as error:
        return LogTail(why=f"{path} cannot be read ({error.strerror}).")
    # at "\n" alone: what else ends a line in a text, such as U+2028, may stand in strangers' words
    lines = text.removesuffix("\n").split("\n")
    lines = lines[1 if size > MOST_BYTES else 0 :]  # the first may be half a line
    found = tuple(_line(each) for each in reversed(lines[-MOST_LINES:]) if each.strip())
    return LogTail(found, "" if found else f"{path} is empty.")


def _line(text: str) -> LogLine:
    try:
        event = json.loads(text)
    except ValueError:
        return LogLine("", "", text)
    if not isinstance(event, dict):
        return LogLine("", "", text)
    rest = ", ".join(f"{name}: {_shown(each)}" for name, each in event.items() if name not in KNOWN)
    at = str(event.get("timestamp", ""))[:19].replace("T", " ")
    return LogLine(at, str(event.get("event", "")), rest)


def _shown(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
