"""Calls of contracts, their answers and their events, by the agent's ABIs; many reads a request.

On this side of the ABI a bytes32 is text, 0x... (ids.py), in arguments and answers alike (the
plain form of codec.py). What goes wrong on the way to the node is `ChainAway`, whichever library
says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from eth_utils.address import to_checksum_address

from strongroom.chain import abi
from strongroom.chain.codec import BadArguments, EventCodec, EventFields, FunctionCodec, Matching
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.ids import Json, to_bytes, to_hex
from strongroom.chain.jsonrpc import LATEST, Answer, JsonRpc, Log, Question, reason, understood

BATCH = 200  # calls of one request
REBUILD = "run `make setup` in the repository, or install the wheel again"
REVERTED = 3  # JSON-RPC's code of a call that reverts


@dataclass(frozen=True)
class Call:
    """One call of a transaction; several go out as one.

    `function` and `arguments` are what the data were made from, where that is known: they say the
    same to whoever does not want to decode them, and do not count when calls are compared.
    """

    to: str
    data: str  # 0x...
    function: str = field(default="", compare=False)
    arguments: tuple[Any, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Ask:
    """One read: a function of a contract that has one of the agent's ABIs."""

    address: str
    contract: str
    function: str
    arguments: tuple[object, ...] = ()


@dataclass(frozen=True)
class DecodedLog:
    """One event of a contract."""

    transaction: str  # hash, 0x...
    index: int
    block: int
    args: EventFields


class Head(NamedTuple):
    """The newest block."""

    number: int
    timestamp: int


@lru_cache(1_024)
def _function(contract: str, name: str, count: int) -> FunctionCodec:
    for entry in abi.load(contract):
        if entry["type"] == "function" and entry["name"] == name and len(entry["inputs"]) == count:
            return FunctionCodec(entry)
    raise BadArguments(f"{contract} has no {name} of {count} arguments: {REBUILD}")


@lru_cache(64)
def _event(contract: str, name: str) -> EventCodec:
    for entry in abi.load(contract):
        if entry["type"] == "event" and entry["name"] == name:
            return EventCodec(entry)
    raise BadArguments(f"{contract} has no event {name}: {REBUILD}")


def call_data(contract: str, function: str, arguments: Sequence[object]) -> bytes:
    """Return the data of a call; raises BadArguments."""
    codec = _function(contract, function, len(arguments))
    return codec.selector + codec.encode(arguments)


def make_call(address: str, contract: str, function: str, *arguments: object) -> Call:
    """Return a call to be sent."""
    data = call_data(contract, function, arguments)
    return Call(to_checksum_address(address), to_hex(data), function, arguments)


class Reads:
    """A connection for reads."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.node = JsonRpc(url, timeout_s)

    def ask(self, asked: Sequence[Ask], block: str = LATEST) -> list[Any]:
        """Return the answers in order: a value, or a tuple where a function returns several.

        Raises:
            CallReverted: one of them reverted.
            ChainAway: see the class.
        """
        answers: list[Any] = []
        for start in range(0, len(asked), BATCH):
            part = asked[start : start + BATCH]
            found = self.node.ask([_question(each, block) for each in part])
            answers += [_decoded(ask, answer) for ask, answer in zip(part, found, strict=True)]
        return answers

    def rpc(self, method: str, *parameters: Json) -> Any:
        """Return the answer of any method.

        Raises:
            CallReverted: it is a call, and would revert.
            ChainAway: see the class.
        """
        return _result(method, self.answer(method, *parameters))

    def answer(self, method: str, *parameters: Json) -> Answer:
        """Return what the node says to a method: a `result` or an `error`; raises ChainAway."""
        return self.node.ask([(method, parameters)])[0]

    def at_head(self, asked: Sequence[Ask]) -> tuple[Head, list[Any]]:
        """Return the newest block and the answers of a few reads, in one request.

        Raises:
            CallReverted, ChainAway: as `ask`.
        """
        head: Question = ("eth_getBlockByNumber", (LATEST, False))
        first, *others = self.node.ask([head, *(_question(each, LATEST) for each in asked)])
        answers = [_decoded(ask, answer) for ask, answer in zip(asked, others, strict=True)]
        return head_of(_result("newest block", first)), answers

    def logs(
        self,
        address: str,
        contract: str,
        event: str,
        blocks: tuple[int, int | None],
        matching: Matching | None = None,
    ) -> list[DecodedLog]:
        """Return a contract's events of one name, oldest first.

        Args:
            blocks: the first and the last; None: the newest
            matching: values of indexed arguments

        Raises:
            ChainAway: see the class.
        """
        known = _event(contract, event)
        first, last = blocks
        asked: dict[str, Json] = {
            "address": to_checksum_address(address),
            "topics": known.topics(matching or {}),
            "fromBlock": hex(first),
            "toBlock": LATEST if last is None else hex(last),
        }
        found = self.rpc("eth_getLogs", asked)
        with understood(f"list of {event} events"):
            return [_log(known, each) for each in found]


def _question(ask: Ask, block: str) -> Question:
    data = to_hex(call_data(ask.contract, ask.function, ask.arguments))
    return "eth_call", ({"to": ask.address, "data": data}, block)


@understood("block")
def head_of(block: Mapping[str, str] | None) -> Head:
    """Return a block's number and timestamp, as JSON-RPC has them.

    Raises:
        ChainAway: the node does not have it.
    """
    if block is None:
        raise ChainAway("the node does not have the block that was asked for")
    return Head(int(block["number"], 16), int(block["timestamp"], 16))


def first_line(error: BaseException) -> str:
    """Return an error in one line, at most 200 letters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _result(what: str, answer: Answer) -> Any:
    if "error" not in answer:
        return answer["result"]
    error = answer["error"]
    if error.get("code") == REVERTED or "revert" in error.get("message", "").lower():
        raise CallReverted(reason(error))
    raise ChainAway(f"{what}: {reason(error)[:200]}")


def _decoded(ask: Ask, answer: Answer) -> Any:
    what = f"{ask.contract}.{ask.function} at {ask.address}"
    codec = _function(ask.contract, ask.function, len(ask.arguments))
    try:
        found = _result(what, answer)
        with understood(what):
            data = to_bytes(found)
        values = codec.values(data) if data or not codec.outputs else None
    except CallReverted as error:
        raise CallReverted(f"{what}: {error}") from error
    except BadArguments as error:
        raise CallReverted(f"{what}: the answer is none of this function ({error})") from error
    if values is None:
        raise CallReverted(f"{what}: no such function there")
    return values[0] if len(values) == 1 else values


def _log(event: EventCodec, found: Log) -> DecodedLog:
    topics = [to_bytes(each) for each in found["topics"]]
    try:
        args = event.values(topics, to_bytes(found["data"]))
    except BadArguments as error:
        raise ChainAway(f"the node's answer is no list of {event.name} events: {error}") from error
    return DecodedLog(
        found["transactionHash"], int(found["logIndex"], 16), int(found["blockNumber"], 16), args
    )
