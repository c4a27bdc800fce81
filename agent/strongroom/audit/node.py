"""Any node over HTTP: batches, retries, and logs in block ranges that shrink where it refuses."""

import json
import operator
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any

import requests
from msgspec import MsgspecError
from msgspec.json import Decoder

from strongroom.audit.columns import Remembered, number_in
from strongroom.audit.logs import MOST_TOPICS, TOPIC, RawLog, check_log, misplaced
from strongroom.chain.failures import NoVault
from strongroom.chain.ids import Json, JsonObject, read_json, to_bytes
from strongroom.chain.jsonrpc import shown_url, understood
from strongroom.errors import Away

RANGE = 10_000  # blocks at most in a piece
FIRST = 100  # at first
MANY = 5_000  # logs, beyond which the next piece is smaller
TRIES = 5
PAUSE_S = 0.5
BATCH = 100  # requests in one
BUSY = (429, 500, 502, 503, 504)
NO_ENTRY = (401, 403)
MOST_IN_BLOCK = 2**32  # logs
COUNTS = set(range(1, MOST_TOPICS + 1))  # of topics
KEPT = 20_000  # headers
MOST_SHARED = 200  # answers; one with code has 100 kB with its question

Question = tuple[str, list[Any]]  # a method of JSON-RPC and its parameters


class NodeAway(Away):
    """The node does not answer, or not as a node does; the message says what came."""


class NodeRefuses(NodeAway):
    """The node answers with an error, or a contract with what its ABI does not say."""


_Field = str | bool | int | float | list[str] | None
_Result = str | bool | int | float | dict[str, _Field] | list[str | dict[str, _Field]] | None
_ANSWERS = Decoder(list[dict[str, _Result]])


class _Busy(Exception):
    """The node asks to be asked again."""


@dataclass(frozen=True)
class Header:
    """What is taken of a block; hashes in lower case."""

    hash: str
    parent: str
    timestamp: int


@dataclass
class Node:
    """A node over HTTP. What `ask` returns is JSON as it came: whoever asks knows its shape."""

    url: str
    timeout_s: float = 30.0
    pause: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=requests.Session)
    _number: int = 0
    _headers: dict[int, Header] = field(default_factory=dict)  # of the last logs
    _shared: dict[str, Any] = field(default_factory=dict)  # answers that are the same for many
    _reach: int = FIRST  # blocks that it answered for at once

    def ask(self, method: str, *parameters: object) -> Any:
        """Return an answer; a node that is away or overloaded is asked again.

        Raises:
            NodeAway: it stays so, or refuses.
        """
        return self.ask_all([(method, list(parameters))])[0]

    def ask_all(self, asked: Sequence[Question]) -> list[Any]:
        """Return many answers, in order, some at once.

        Raises:
            NodeAway: see `ask`.
        """
        found: list[Any] = []
        for start in range(0, len(asked), BATCH):
            found += self._batch(asked[start : start + BATCH])
        return found

    def ask_shared(self, asked: Sequence[Question]) -> list[Any]:
        """Return many answers as `ask_all` does, of which those that were given to the same
        questions before are kept: what many vaults of a factory have in common is asked once.

        Raises:
            NodeAway: see `ask`.
        """
        names = [f"{method} {json.dumps(parameters)}" for method, parameters in asked]
        found = {each: self._shared[each] for each in names if each in self._shared}
        new = [place for place, each in enumerate(names) if each not in found]
        answers = self.ask_all([asked[place] for place in new])
        made = {names[place]: answer for place, answer in zip(new, answers, strict=True)}
        if len(self._shared) + len(made) > MOST_SHARED:
            self._shared = {}
        self._shared |= made
        found |= made
        return [found[each] for each in names]

    def _batch(self, asked: Sequence[Question]) -> list[Any]:
        numbers = range(self._number + 1, self._number + 1 + len(asked))
        self._number += len(asked)
        body: list[JsonObject] = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            for number, (method, parameters) in zip(numbers, asked, strict=True)
        ]
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self.pause(PAUSE_S * 2**attempt)
            try:
                found = _read_answers(self._post(body))
                ids = [each["id"] for each in found]
                answers = None if ids == list(numbers) else dict(zip(ids, found, strict=True))
            except _Busy as busy:
                why = str(busy)
                continue
            except (requests.RequestException, ValueError, TypeError, KeyError) as error:
                why = type(error).__name__  # its words have the URL
                continue
            results = found if answers is None else [answers.get(each, {}) for each in numbers]
            bad = [each for each in results if "result" not in each]
            if not bad:
                return [each["result"] for each in results]
            raise NodeRefuses(f"{asked[0][0]}: the node says {_words(bad[0])[:200]}")
        raise NodeAway(f"{shown_url(self.url)} does not answer {asked[0][0]}: {why}")

    def _post(self, body: Sequence[JsonObject]) -> bytes:
        """Return the response to a request.

        Raises:
            NodeRefuses: the node lets nobody in.
            _Busy, requests.RequestException: ask again.
        """
        response = self._session.post(self.url, json=body, timeout=self.timeout_s)
        if response.status_code in BUSY:
            raise _Busy(f"status {response.status_code}")
        if response.status_code in NO_ENTRY:
            raise NodeRefuses(
                f"{shown_url(self.url)} refused {body[0]['method']} "
                f"(HTTP {response.status_code}): check the key in the URL"
            )
        return response.content

    def head(self) -> int:
        """Return the newest block's number."""
        with understood("number of a block"):
            return int(self.ask("eth_blockNumber"), 16)

    def times(self, blocks: Sequence[int]) -> dict[int, int]:
        """Return the timestamps of blocks; raises as `headers` does."""
        found = self.headers(blocks)
        return {block: found[block].timestamp for block in blocks}

    def headers(self, blocks: Sequence[int]) -> dict[int, Header]:
        """Return blocks' headers; of neighbours among them the links are checked.

        Raises:
            NodeAway: the node does not answer, does not know one of them, or they do not hang
                together.
        """
        asked = [block for block in blocks if block not in self._headers]
        found = self.ask_all([("eth_getBlockByNumber", [hex(block), False]) for block in asked])
        known = {block: self._headers[block] for block in blocks if block in self._headers}
        for block, each in zip(asked, found, strict=True):
            known[block] = self._header(block, each)
        for block, header in known.items():
            before = known.get(block - 1)
            if before is not None and before.hash != header.parent:
                raise NodeAway(
                    f"{shown_url(self.url)}: block {block} is no child of block {block - 1}: "
                    "audit again, or name another node"
                )
        return known

    def _header(self, block: int, answer: object) -> Header:
        fields = [answer.get(name) for name in _OF_HEADER] if isinstance(answer, dict) else []
        if not fields or not all(isinstance(each, str) for each in fields):
            raise NodeAway(f"{shown_url(self.url)} does not know block {block}: name another node")
        number, digest, parent, timestamp = map(str, fields)
        try:
            if int(number, 16) != block:
                raise NodeAway(
                    f"{shown_url(self.url)} gives block {int(number, 16)} for block {block}: "
                    "name another node"
                )
            return Header(digest.lower(), parent.lower(), int(timestamp, 16))
        except ValueError as error:
            raise NodeAway(
                f"{shown_url(self.url)} does not know block {block}: name another node"
            ) from error

    def logs(
        self,
        addresses: Sequence[str],
        first: int,
        last: int,
        topics: Sequence[Json] = (),
    ) -> Iterator[tuple[int, list[RawLog]]]:
        """Return (last block, raw logs) of pieces of a range, oldest first. A range that the node
        refuses, or that holds very many, is halved for the next; one that holds few is doubled.

        Raises:
            NodeAway: not even one block's logs can be had.
        """
        step = self._reach
        while first <= last:
            end = min(last, first + step - 1)
            asked: dict[str, Json] = {"fromBlock": hex(first), "toBlock": hex(end)}
            asked["address"] = list(addresses)
            if topics:
                asked["topics"] = list(topics)
            try:
                found = self.ask("eth_getLogs", asked)
            except NodeAway:
                if step == 1:
                    raise
                step = self._reach = max(1, min(step, end - first + 1) // 2)
                continue
            if not isinstance(found, list):
                raise NodeAway(
                    f"{shown_url(self.url)} answers eth_getLogs without a list: name another node"
                )
            self._check(found, {each.lower() for each in addresses}, (first, end))
            if end - first + 1 == step:
                self._reach = max(self._reach, min(RANGE, step * 2))
            first = end + 1
            if len(found) > MANY:
                step = max(1, step // 2)
            elif 2 * len(found) <= MANY:
                step = min(RANGE, step * 2)
            only = [found]
            del found  # else it would be kept while the next piece is asked for
            yield end, only.pop()

    def _check(self, logs: Sequence[RawLog], addresses: set[str], blocks: tuple[int, int]) -> None:
        """Refuse logs that were not asked for, were removed, are not in order, or are of another
        block than the header of their number.

        Raises:
            BadLog: one is so, or is no log.
            NodeAway: see `headers`.
        """
        hashes = _at_once(logs, addresses, blocks)
        if hashes is None:
            hashes = self._one_by_one(logs, addresses, blocks)
        headers = self.headers(list(hashes))
        if len(self._headers) + len(headers) > KEPT:
            self._headers = {}
        self._headers |= headers
        for block, digest in hashes.items():
            if headers[block].hash != digest:
                raise NodeAway(
                    f"{shown_url(self.url)}: the logs of block {block} are of another block than "
                    "its header: it was reorganised, or the node is wrong; audit again"
                )

    def _one_by_one(
        self, logs: Sequence[RawLog], addresses: set[str], blocks: tuple[int, int]
    ) -> dict[int, str]:
        """Return the hash of each block of some logs; name the first log that is not as it must be.

        Raises:
            BadLog: one is not.
        """
        last, hashes = (-1, -1), dict[int, str]()
        for log in logs:
            place = check_log(log)
            address, digest = log["address"].lower(), log["blockHash"].lower()
            if log.get("removed", False):
                raise misplaced(log, "it was removed by a reorganisation")
            if address not in addresses:
                raise misplaced(log, f"{address} was not asked for")
            if not blocks[0] <= place[0] <= blocks[1]:
                raise misplaced(log, f"blocks {blocks[0]} to {blocks[1]} were asked for")
            if place <= last:
                raise misplaced(log, "it is not after the log before it")
            if hashes.setdefault(place[0], digest) != digest:
                raise misplaced(log, "the block has two hashes")
            last = place
        return hashes

    def data_of(self, transactions: Sequence[str]) -> list[bytes]:
        """Return transactions' data.

        Raises:
            NodeAway: the node does not know one.
        """
        asked: list[Question] = [("eth_getTransactionByHash", [each]) for each in transactions]
        found = []
        for name, answer in zip(transactions, self.ask_all(asked), strict=True):
            text = answer.get("input") if isinstance(answer, dict) else None
            if not isinstance(text, str):
                raise NodeAway(
                    f"{shown_url(self.url)} does not know transaction {name}: name another node"
                )
            with understood("transaction"):
                found.append(to_bytes(text))
        return found

    def first_block(self, contract: str) -> int:
        """Return the block in which a contract was deployed, by halving.

        Raises:
            NoVault: there is no contract at this address.
        """
        low, high = 0, self.head()
        if self.ask("eth_getCode", contract, hex(high)) in ("0x", None):
            raise NoVault(f"there is no contract at {contract}: name the vault's address")
        while low < high:
            middle = (low + high) // 2
            if self.ask("eth_getCode", contract, hex(middle)) in ("0x", None):
                low = middle + 1
            else:
                high = middle
        return low


def _read_answers(text: bytes) -> Any:
    """Return what a response holds; raises ValueError where it is no JSON. What most answers are is
    read by its shape, which is no deeper than it says; anything else as any JSON is."""
    try:
        return _ANSWERS.decode(text)
    except (MsgspecError, UnicodeDecodeError):
        return read_json(text)


def _at_once(
    logs: Sequence[RawLog], addresses: set[str], blocks: tuple[int, int]
) -> dict[int, str] | None:
    """Return what `Node._one_by_one` does, where all logs are as they must be; None where one is
    not, or may not be."""
    numbers, starts = Remembered(number_in), Remembered(_start_of)
    try:
        topics = [log["topics"] for log in logs]
        digests = [log["blockHash"] for log in logs]
        written = [log["blockNumber"] for log in logs]
        indexes = list(map(numbers.__getitem__, [log["logIndex"] for log in logs]))
        places = list(map(operator.add, map(starts.__getitem__, written), indexes))
        last = dict(zip(written, digests, strict=True))
        hashes = {numbers[block]: digest.lower() for block, digest in last.items()}
        words = [*chain.from_iterable(topics), *(log["transactionHash"] for log in logs)]
        words += last.values()
        found, text = sorted(hashes), "".join(words)
        is_right = (
            {TOPIC}.issuperset(map(len, words))
            and text[::TOPIC] == "0" * len(words)
            and text[1::TOPIC] == "x" * len(words)
            and {*map(type, topics)} <= {list}
            and COUNTS.issuperset(map(len, topics))
            and {"0x"}.issuperset([log["data"][:2] for log in logs])
            and addresses.issuperset(map(str.lower, {log["address"] for log in logs}))
            and not any(log.get("removed", False) for log in logs)
            and all(map(operator.lt, places, islice(places, 1, None)))
            and 0 <= min(indexes, default=0) <= max(indexes, default=0) < MOST_IN_BLOCK
            and (not found or blocks[0] <= found[0] <= found[-1] <= blocks[1])
            and len(hashes) == len(last)
            and list(map(last.__getitem__, written)) == digests
        )
    except (TypeError, ValueError, KeyError, AttributeError):
        return None
    return {block: hashes[block] for block in found} if is_right else None


def _start_of(block: str) -> int:
    """Return the place in front of a block's first log."""
    return number_in(block) * MOST_IN_BLOCK


_OF_HEADER = ("number", "hash", "parentHash", "timestamp")


def _words(answer: JsonObject) -> str:
    """Return a node's error as it words it."""
    error = answer.get("error", "nothing")
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
