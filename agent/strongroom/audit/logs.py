"""A log as a node sends it, and the shape that it must have."""

from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict, overload

from msgspec import Struct

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


class AnsweredLog(Struct, gc=False, rename="camel"):
    """A log as an answer has it: its fields have their types, and nothing else is known of them."""

    address: str
    topics: list[str]
    data: str
    block_number: str
    block_hash: str
    transaction_hash: str
    log_index: str
    removed: bool | None = False


class Logs(Sequence[RawLog]):
    """Logs in their one form and in order, a column a field; one of them is a RawLog.

    Attributes:
        blocks, indexes: numbers of the blocks, and of the logs in them
        hashes: block -> its hash
    """

    def __init__(self, logs: Iterable[RawLog] = ()) -> None:
        """Take logs that are in their one form already."""
        self.addresses, self.topics, self.data = list[str](), list[list[str]](), list[str]()
        self.blocks, self.indexes, self.transactions = list[int](), list[int](), list[str]()
        self.hashes: dict[int, str] = {}
        for log in logs:
            self.addresses.append(log["address"])
            self.topics.append(log["topics"])
            self.data.append(log["data"])
            self.blocks.append(int(log["blockNumber"], 16))
            self.indexes.append(int(log["logIndex"], 16))
            self.transactions.append(log["transactionHash"])
            self.hashes[self.blocks[-1]] = log["blockHash"]

    def __len__(self) -> int:
        return len(self.blocks)

    @overload
    def __getitem__(self, place: int) -> RawLog: ...

    @overload
    def __getitem__(self, place: slice) -> list[RawLog]: ...

    def __getitem__(self, place: int | slice) -> RawLog | list[RawLog]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        block = self.blocks[place]
        return {
            "address": self.addresses[place],
            "topics": self.topics[place],
            "data": self.data[place],
            "blockNumber": hex(block),
            "blockHash": self.hashes[block],
            "transactionHash": self.transactions[place],
            "logIndex": hex(self.indexes[place]),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Logs) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # logs are added


def bad_log(log: RawLog, what: str) -> BadLog:
    """Return the error that names a log."""
    known = log if isinstance(log, dict) else {}
    place = ", ".join(f"{name} {known.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer is no log of {what} ({place}): ask another node")


def misplaced(log: RawLog, why: str) -> BadLog:
    """Return the error that names a log which does not belong into an answer."""
    place = ", ".join(f"{name} {log.get(name)!r}"[:80] for name in ("blockNumber", "logIndex"))
    return BadLog(f"the node's answer has a log ({place}) that does not belong there: {why}")
