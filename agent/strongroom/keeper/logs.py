"""Logs: one JSON line an event, on standard error or in a file; nothing secret in them.

A file that somebody moves away is opened anew, so a rotation by another program needs no signal;
and it rotates by itself when it gets too large.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from strongroom.chain.units import MICRO

SECRET = ("key", "passphrase", "secret", "signature", "private")
OLDER = 5  # files beside the one that is written


class RotatedFile:
    """A text file to append whole lines to.

    At `max_bytes` it becomes NAME.1, what was NAME.1 becomes NAME.2, and so on; `OLDER` of them
    stay.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        """Open it; its folder is made."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._most = path, max_bytes
        self._file = self._open()

    def write(self, text: str) -> int:
        """Write text as it is."""
        if not self._is_there():
            self._file.close()
            self._file = self._open()
        elif self._file.tell() + len(text) > self._most and self._file.tell():
            self._rotate()
        return self._file.write(text)

    def flush(self) -> None:
        """Hand it to the system."""
        self._file.flush()

    def _open(self) -> TextIO:
        return self._path.open("a", buffering=1)

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _rotate(self) -> None:
        self._file.close()
        for number in range(OLDER, 0, -1):
            before = self._numbered(number - 1) if number > 1 else self._path
            if before.exists():
                before.replace(self._numbered(number))
        self._file = self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def configure(target: Path | None, max_mb: int = 100) -> "structlog.typing.FilteringBoundLogger":
    """Return the logger of this process.

    Args:
        target: a file to append to; None: standard error
        max_mb: of the file, megabytes; then it rotates
    """
    stream: Any = sys.stderr if target is None else RotatedFile(target, max_mb * MICRO)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    return structlog.get_logger()  # type: ignore[no-any-return]


def redact(logger: object, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Take out what no log may hold, whatever it was called with."""
    for name in event:
        if any(word in name.lower() for word in SECRET):
            event[name] = "(withheld)"
    return event
