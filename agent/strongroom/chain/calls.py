"""Calls of contracts, their answers and their events, by the agent's ABIs; many reads a request.

On this side of the ABI a bytes32 is text, 0x... (ids.py), in arguments and answers alike (the
plain form of codec.py). What goes wrong on the way to the node is `ChainAway`, whichever library
says so.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from eth_utils.address import to_checksum_address

from strongroom.chain import abi
from strongroom.chain.codec import BadArguments, EventCodec, EventFields, FunctionCodec, Matching
from strongroom.chain.failures import CallReverted, ChainAway, NodeBusy
from strongroom.chain.ids import Json, to_bytes, to_hex
from strongroom.chain.jsonrpc import LATEST, Answer, Log, Question, RpcNode, result_of, understood
from strongroom.chain.outside import quantity
from strongroom.chain.refusals import Meaning, meaning_of

BATCH = 200  # calls of one request
REBUILD = "run `make setup` in the repository, or install the wheel again"
WIDEST = 10_000  # blocks of a search, once the node has refused one of any width
INDEXED = 3  # fields of an event at most, beside its name
PAUSES_S = (0.25, 1.0)  # before what a busy node refused is asked again
T = TypeVar("T")


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


class Ask(NamedTuple):
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


class LogReads(Protocol):
    """A chain whose events are read; whatever does not answer raises ChainAway."""

    def head(self) -> Head:
        """Return the newest block."""

    def logs(
        self,
        address: str,
        contract: str,
        event: str,
        from_block: int,
        to_block: int | None = None,
        matching: Matching | None = None,
    ) -> list[DecodedLog]:
        """Return a contract's events of one name, oldest first."""


@dataclass(frozen=True)
class Read(Generic[T]):
    """A question to a node, and how its answer is understood."""

    method: str
    parameters: tuple[Json, ...]
    understand: Callable[[Answer], T]


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
    return Call(_checksum(address), to_hex(data), function, arguments)


@lru_cache(4_096)  # the same few accounts are called again and again
def _checksum(address: str) -> str:
    return to_checksum_address(address)


class Reads:
    """A connection for reads. What a busy node refuses is asked again after a pause, alone."""

    def __init__(self, node: RpcNode, pause: Callable[[float], None] = time.sleep) -> None:
        self.node, self._pause = node, pause
        self._width: int | None = None  # blocks of a search for logs; None: no limit is known
        self._born: dict[str, int] = {}  # contract -> see `_first_block`

    def ask(self, asked: Sequence[Ask], block: str = LATEST) -> list[Any]:
        """Return the answers in order: a value, or a tuple where a function returns several.

        Raises:
            CallReverted: one of them reverted.
            ChainAway: see the class.
        """
        answers: list[Any] = []
        for start in range(0, len(asked), BATCH):
            part = asked[start : start + BATCH]
            found = self.answers([_question(each, block) for each in part])
            answers += [_decoded(ask, answer) for ask, answer in zip(part, found, strict=True)]
        return answers

    def rpc(self, method: str, *parameters: Json) -> Any:
        """Return the answer of any method.

        Raises:
            CallReverted: it is a call, and would revert.
            ChainAway: see the class.
        """
        return result_of(method, self.answer(method, *parameters))

    def answer(self, method: str, *parameters: Json) -> Answer:
        """Return what the node says to a method: a `result` or an `error`; raises ChainAway."""
        return self.answers([(method, parameters)])[0]

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """Return what the node says to several methods at once, errors among it; raises
        ChainAway."""
        found = self._heard(questions)
        for pause in PAUSES_S:
            left = [place for place, answer in enumerate(found) if _is_busy(answer)]
            if left:
                self._pause(pause)
                again = self._heard([questions[place] for place in left])
                for place, answer in zip(left, again, strict=True):
                    found[place] = answer
        return found

    def _heard(self, questions: Sequence[Question]) -> list[Answer]:
        for pause in PAUSES_S:
            try:
                return self.node.ask(questions)
            except NodeBusy:
                self._pause(pause)
        return self.node.ask(questions)

    def one(self, read: Read[T]) -> T:
        """Return what a read finds; raises what it does, and ChainAway."""
        return read.understand(self.answer(read.method, *read.parameters))

    def together(self) -> "Together":
        """Return a round of questions that leave in one request."""
        return Together(self)

    def at_head(self, asked: Sequence[Ask], block: str = LATEST) -> tuple[Head, list[Any]]:
        """Return the newest block and the answers of a few reads, as of a block, in one request.

        Raises:
            CallReverted, ChainAway: as `ask`.
        """
        together = self.together()
        newest = together.add(NEWEST)
        answers = [together.add(value_of(each, block)) for each in asked]
        return newest(), [answer() for answer in answers]

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
        asked: dict[str, Json] = {
            "address": to_checksum_address(address),
            "topics": known.topics(matching or {}),
        }
        found = self._raw_logs(asked, *blocks)
        with understood(f"list of {event} events"):
            return [_log(known, each) for each in found]

    def logs_naming(
        self, address: str, contract: str, events: Sequence[str], account: str, last: int
    ) -> list[tuple[str, DecodedLog]]:
        """Return a contract's events of some names that name an account in an indexed field, oldest
        first, each with its name, up to a block: a search for each field, not for each event.

        Raises:
            ChainAway: see the class.
        """
        codecs = [_event(contract, each) for each in events]
        known, place = {to_hex(each.topic): each for each in codecs}, to_checksum_address(address)
        found: dict[tuple[int, int], tuple[str, DecodedLog]] = {}
        for fields_before in range(INDEXED):
            topics: list[Json] = [list(known), *[None] * fields_before, topic_of(account)]
            for each in self._raw_logs({"address": place, "topics": topics}, 0, last):
                with understood("list of events"):
                    codec = known[each["topics"][0].lower()]
                log = _log(codec, each)
                found[log.block, log.index] = codec.name, log
        return [found[each] for each in sorted(found)]

    def raw_logs(
        self, address: str, topics: Sequence[str], blocks: tuple[int, int | None]
    ) -> list[Log]:
        """Return a contract's logs with any of some first topics, not decoded, oldest first.

        Args:
            blocks: the first and the last; None: the newest

        Raises:
            ChainAway: see the class.
        """
        first: list[Json] = list(topics)
        asked: dict[str, Json] = {"address": to_checksum_address(address), "topics": [first]}
        return self._raw_logs(asked, *blocks)

    def logs_at_head(
        self, address: str, contract: str, event: str, first: int, matching: Matching
    ) -> tuple[Head, list[DecodedLog]]:
        """Return the newest block and a contract's events of one name since a block, in one
        request if the node searches so many blocks.

        Raises:
            ChainAway: see the class.
        """
        known, place = _event(contract, event), to_checksum_address(address)
        asked: dict[str, Json] = {"address": place, "topics": known.topics(matching)}
        together = self.together()
        newest, logs = together.add(NEWEST), together.add(_search(asked, first, None))
        try:
            with understood(f"list of {event} events"):
                return newest(), [_log(known, each) for each in logs()]
        except _Refused:
            return newest(), self.logs(address, contract, event, (first, None), matching)

    def _raw_logs(self, asked: Mapping[str, Json], first: int, last: int | None) -> list[Log]:
        """Return logs of a range. Where the node refuses it, halves are asked for, and so on; the
        width that it took is kept, and doubled when it served. From block 0 on means: from the
        contract's first one."""
        if self._width is None:
            try:
                return self._logs_between(asked, first, last)
            except _Refused:
                self._width = WIDEST
        end = self._newest() if last is None else last
        first = first or self._first_block(str(asked["address"]), end)
        if first > end:
            raise ChainAway(f"eth_getLogs: the node does not have block {first} yet")
        found: list[Log] = []
        while first <= end:
            to = min(end, first + self._width - 1)
            try:
                found += self._logs_between(asked, first, to)
            except _Refused as error:
                if to == first:
                    raise ChainAway(str(error)) from error
                self._width = max(1, (to - first + 1) // 2)
                continue
            first, self._width = to + 1, min(WIDEST, 2 * self._width)
        return found

    def _first_block(self, address: str, end: int) -> int:
        """Return the first block in which a contract has code, by halving; 0 where the node does
        not keep the state of the block before it."""
        if address not in self._born:
            low, high, refused = 0, end, -1
            while low < high:
                middle = (low + high) // 2
                code = self.answer("eth_getCode", address, hex(middle)).get("result")
                if isinstance(code, str) and code != "0x":
                    high = middle
                else:
                    low, refused = middle + 1, refused if code == "0x" else middle
            self._born[address] = low if low - 1 > refused else 0
        return self._born[address]

    def _newest(self) -> int:
        with understood("number of a block"):
            return quantity(self.rpc("eth_blockNumber"))

    def _logs_between(self, asked: Mapping[str, Json], first: int, last: int | None) -> list[Log]:
        """Return logs of a range in one request.

        Raises:
            _Refused: the node answers, and does not want to search so many blocks.
            ChainAway: see the class.
        """
        return self.one(_search(asked, first, last))


class Together:
    """Questions that leave in one request, once the answer to one of them is wanted."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._questions: list[Question] = []
        self._answers: list[Answer] | None = None

    def add(self, read: Read[T]) -> Callable[[], T]:
        """Add a question; return what gives its answer, and raises what the read does."""
        place = len(self._questions)
        self._questions.append((read.method, read.parameters))
        return lambda: read.understand(self._answer(place))

    def _answer(self, place: int) -> Answer:
        if self._answers is None:
            self._answers = self._reads.answers(self._questions)
        return self._answers[place]


class _Refused(Exception):
    """A range that the node does not search."""


def _search(asked: Mapping[str, Json], first: int, last: int | None) -> Read[list[Log]]:
    """Return the read of the logs of a range; raises _Refused, see `_logs_between`."""
    to = LATEST if last is None else hex(last)

    def understand(answer: Answer) -> list[Log]:
        if "error" in answer and not _is_busy(answer):
            raise _Refused(f"eth_getLogs: {answer['error'].get('message', '')[:200]}")
        found: list[Log] = result_of("eth_getLogs", answer)
        with understood("list of logs"):
            places = {(each["blockNumber"], each["logIndex"]) for each in found}
            fit = all(_fits(each, asked, first, last) for each in found)
        if not fit or len(places) < len(found):
            raise ChainAway("the node's list of logs is not what was asked for: name another node")
        return found

    return Read("eth_getLogs", ({**asked, "fromBlock": hex(first), "toBlock": to},), understand)


def _fits(log: Log, asked: Mapping[str, Any], first: int, last: int | None) -> bool:
    """Whether a log is of what was asked for: there are nodes that leave a filter out."""
    topics, number = [each.lower() for each in log["topics"]], quantity(log["blockNumber"])
    return (
        log["address"].lower() == asked["address"].lower()
        and all(
            each is None or any(topics[place : place + 1] == [one.lower()] for one in _all(each))
            for place, each in enumerate(asked["topics"])
        )
        and first <= number
        and (last is None or number <= last)
        and not log.get("removed")
    )


def topic_of(address: str) -> str:
    """Return an address as an indexed field of a log has it."""
    return "0x" + address.removeprefix("0x").lower().rjust(64, "0")


def _all(topic: str | Sequence[str]) -> Sequence[str]:
    return [topic] if isinstance(topic, str) else topic


def _question(ask: Ask, block: str) -> tuple[str, tuple[Json, ...]]:
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
    return Head(quantity(block["number"]), quantity(block["timestamp"]))


NEWEST = Read(
    "eth_getBlockByNumber", (LATEST, False), lambda answer: head_of(result_of("block", answer))
)


def value_of(ask: Ask, block: str = LATEST) -> Read[Any]:
    """Return the read of a function's answer: a value, or a tuple where it returns several."""
    method, parameters = _question(ask, block)
    return Read(method, parameters, lambda answer: _decoded(ask, answer))


def first_line(error: BaseException) -> str:
    """Return an error in one line, at most 200 letters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _is_busy(answer: Answer) -> bool:
    return "error" in answer and meaning_of(answer["error"]) == Meaning.BUSY


def _decoded(ask: Ask, answer: Answer) -> Any:
    what = f"{ask.contract}.{ask.function} at {ask.address}"
    codec = _function(ask.contract, ask.function, len(ask.arguments))
    try:
        found = result_of(what, answer)
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
        found["transactionHash"],
        quantity(found["logIndex"]),
        quantity(found["blockNumber"]),
        args,
    )
