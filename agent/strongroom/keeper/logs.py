"""Logs: one JSON line an event, on standard error or in a file; nothing secret in them."""

import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

SECRET = ("key", "passphrase", "secret", "signature", "private")


def configure(target: Path | None) -> "structlog.typing.FilteringBoundLogger":
    """Return the logger of this process.

    Args:
        target: a file to append to; None: standard error
    """
    stream: TextIO = sys.stderr
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        stream = target.open("a", buffering=1)
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
