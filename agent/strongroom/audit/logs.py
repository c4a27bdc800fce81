"""A log as a node sends it, and the shape that it must have."""

from collections.abc import Iterable, Mapping
from typing import NotRequired, TypedDict

from strongroom.errors import BadInput

TOPIC = 66  # letters of a word, with 0x
MOST_TOPICS = 4


class BadLog(BadInput):
    """What the node sent is no log of its event; the message says which log."""


class RawLog(TypedDict):
    """A log as JSON-RPC has it; all text is hex."""

    address: str
    topics: list[str]
    data: str
    blockNumber: str
    blockHash: str
    transactionHash: str
    logIndex: str
    removed: NotRequired[bool]


class Logs(list[RawLog]):
    """Logs in order, with the hashes of their blocks."""

    def __init__(self, logs: Iterable[RawLog], hashes: Mapping[str, str]) -> None:
        """Take both.

        Args:
            hashes: number of a block, as logs have it -> its hash
        """
        super().__init__(logs)
        self.hashes = hashes


def bad_log(log: RawLog, what: str) -> BadLog:
    """Return the error that names a log."""
    known = log if isinstance(log, dict) else {}
    place = ", ".join(f"{name} {known.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer is no log of {what} ({place}): ask another node")


def misplaced(log: RawLog, why: str) -> BadLog:
    """Return the error that names a log which does not belong into an answer."""
    place = ", ".join(f"{name} {log.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer has a log ({place}) that does not belong there: {why}")
