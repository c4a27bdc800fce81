"""A log as a node sends it, and the shape that it must have."""

from typing import NotRequired, TypedDict

from strongroom.errors import BadInput

TOPIC = 66  # letters of a word, with 0x
ADDRESS = 42  # letters of an address
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


def bad_log(log: RawLog, what: str) -> BadLog:
    """Return the error that names a log."""
    known = log if isinstance(log, dict) else {}
    place = ", ".join(f"{name} {known.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer is no log of {what} ({place}): ask another node")


def check_log(log: RawLog) -> tuple[int, int]:
    """Return where a log stands: block, and place in it. Refuse what has not the shape of a log;
    what its words mean is checked where they are read.

    Raises:
        BadLog: a field is missing, or of another type or length.
    """
    try:
        words = [*log["topics"], log["blockHash"], log["transactionHash"]]
        numbers = int(log["blockNumber"], 16), int(log["logIndex"], 16)
        is_shaped = (
            set(map(len, words)) == {TOPIC}
            and {word[:2] for word in words} == {"0x"}
            and 0 < len(log["topics"]) <= MOST_TOPICS
            and log["data"].startswith("0x")
            and len(log["address"]) == ADDRESS
            and min(numbers) >= 0
        )
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise bad_log(log, "any event") from error
    if not is_shaped:
        raise bad_log(log, "any event")
    return numbers


def misplaced(log: RawLog, why: str) -> BadLog:
    """Return the error that names a log which does not belong into an answer."""
    place = ", ".join(f"{name} {log.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer has a log ({place}) that does not belong there: {why}")
