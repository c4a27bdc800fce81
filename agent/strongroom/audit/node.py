"""Any node over HTTP: batches, retries, and logs in block ranges that shrink where it refuses."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import requests
from msgspec import UNSET, MsgspecError, Raw, Struct, UnsetType
from msgspec.json import Decoder
from urllib3.exceptions import HTTPError as Urllib3Error

from strongroom.audit.answers import (
    METHOD,
    AnsweredBlock,
    AnsweredTransaction,
    BadAnswer,
    Question,
    in_one_form,
)
from strongroom.audit.logs import AnsweredLog, Logs
from strongroom.chain.ending_heads import ending_session
from strongroom.chain.failures import CallReverted, NoVault
from strongroom.chain.ids import Json, JsonObject, read_json, to_bytes
from strongroom.chain.jsonrpc import WHOLE, reason, shown_url, whole_body
from strongroom.chain.refusals import Meaning, advice_for, failure_of, meaning_of
from strongroom.errors import Away

RANGE = 10_000  # blocks at most in a piece
FIRST = 100  # at first
MANY = 5_000  # logs, beyond which the next piece is smaller
TRIES = 5  # of a question to a node that is busy, or that answers what is none
CONNECTS, CONNECT_S = 3, 10.0  # tries of a node that is not there, and seconds for each
PAUSE_S = 0.5
BATCH = 100  # requests in one
BUSY = (429, 500, 502, 503, 504)
NO_ENTRY = (401, 403)
KEPT = 20_000  # headers
T = TypeVar("T")
MOST_SHARED = 200  # answers; one with code has 100 kB with its question
_BLOCK = "eth_getBlockByNumber"


class NodeAway(Away):
    """The node does not answer, or not as a node does; the message says what came."""


class NodeRefuses(NodeAway):
    """The node answers with an error: it cannot say. A call that reverts is none: it is an answer
    (`CallReverted`)."""


class AsksTooMuch(NodeRefuses):
    """The node does not answer so much at once, or not in time; less it may answer."""


_Field = str | bool | int | float | list[str] | None
_Result = str | bool | int | float | dict[str, _Field] | list[str | dict[str, _Field]] | None
_ANSWERS = Decoder(list[dict[str, _Result]])


class _Of(Struct, Generic[T], gc=False):
    """An answer with a result; `error` is there in an answer that needs a second look."""

    id: int
    result: T
    error: Raw | UnsetType = UNSET


_RESULTS: Mapping[str, Decoder[Sequence[_Of[Any]]]] = {  # of methods that are asked most
    "eth_getLogs": Decoder(list[_Of[list[AnsweredLog]]]),
    "eth_getTransactionByHash": Decoder(list[_Of[AnsweredTransaction | None]]),
    "eth_call": Decoder(list[_Of[str]]),
    _BLOCK: Decoder(list[_Of[AnsweredBlock | None]]),  # without transactions
}


class _Busy(Exception):
    """The node asks to be asked again."""


class Header(Struct, frozen=True, gc=False):
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
    _session: requests.Session = field(default_factory=ending_session)
    _number: int = 0
    _headers: dict[int, Header] = field(default_factory=dict)  # of the last logs
    _shared: dict[str, Any] = field(default_factory=dict)  # answers that are the same for many
    _reach: int = FIRST  # blocks that it answered for at once
    _most: int = BATCH  # questions that it takes at once

    def ask(self, method: str, *parameters: object) -> Any:
        """Return an answer in its one form; a node that is away or overloaded is asked again.

        Raises:
            NodeAway: it stays so, refuses, or answers what is none.
            CallReverted: the call was executed, and reverts.
        """
        return self.ask_all([(method, list(parameters))])[0]

    def ask_all(self, asked: Sequence[Question]) -> list[Any]:
        """Return many answers, in order, some at once; raises as `ask` does."""
        found = self.ask_each(asked)
        if CallReverted in map(type, found):
            raise next(each for each in found if isinstance(each, CallReverted))
        return found

    def ask_each(self, asked: Sequence[Question]) -> list[Any]:
        """Return many answers, in order; that of a call that reverts is a `CallReverted`.

        Raises:
            NodeAway: see `ask`.
        """
        found, start = list[Any](), 0
        while start < len(asked):
            some = asked[start : start + self._most]
            try:
                answers = self._batch(some)
            except AsksTooMuch:
                if len(some) == 1:
                    raise
                self._most = (len(some) + 1) // 2
                continue
            try:
                found += in_one_form(some, answers)
            except BadAnswer as error:
                raise NodeAway(
                    f"{shown_url(self.url)} gives no answer {error}: name another node"
                ) from error
            start += len(some)
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
        """Return what came, as it came: results, and `CallReverted`.

        Raises:
            NodeAway: see `ask`.
        """
        numbers = range(self._number + 1, self._number + 1 + len(asked))
        self._number += len(asked)
        body: list[JsonObject] = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            for number, (method, parameters) in zip(numbers, asked, strict=True)
        ]
        why, method, silent = "", asked[0][0], 0
        for attempt in range(TRIES):
            if attempt:
                self.pause(PAUSE_S * 2**attempt)
            try:
                text = self._post(body)
                found = _results(text, asked, numbers)
                if found is not None:
                    return found
                results = _by_number(_read_answers(text), numbers)
                bad = [each for each in results if "error" in each or "result" not in each]
                if not bad:
                    return [each["result"] for each in results]
                return [self._said(*each) for each in zip(asked, results, strict=True)]
            except _Busy as busy:
                why = str(busy)
            except requests.ConnectionError as error:
                why, silent = type(error).__name__, silent + 1
                if silent == CONNECTS:
                    break
            except (requests.Timeout, Urllib3Error) as error:
                why = type(error).__name__
                if method == "eth_getLogs":
                    raise AsksTooMuch(self._away(method, why)) from error
            except (requests.RequestException, ValueError, TypeError, KeyError) as error:
                why = type(error).__name__  # its words have the URL
        raise NodeAway(self._away(method, why))

    def _away(self, method: str, why: str) -> str:
        return (
            f"{shown_url(self.url)} does not answer {method} ({why}): start the node, "
            "or name another one"
        )

    def _said(self, question: Question, answer: Mapping[str, Any]) -> Any:
        """Return a result, or a call's revert.

        Raises:
            NodeRefuses: the node cannot say.
            _Busy: not now.
        """
        error, method = answer.get("error"), question[0]
        if error is None and "result" in answer:
            return answer["result"]
        failure = failure_of("no answer" if error is None else error)
        meaning = meaning_of(failure)
        if meaning is Meaning.REVERTED and method == "eth_call":
            return CallReverted(f"{method}({str(question[1])[:80]}): {reason(failure)[:200]}")
        if meaning is Meaning.BUSY:
            raise _Busy(f"asked too often: {reason(failure)[:200]}")
        kind = AsksTooMuch if meaning in (Meaning.TOO_MUCH, Meaning.LATE) else NodeRefuses
        raise kind(
            f"{shown_url(self.url)} refuses {method}: {reason(failure)[:200]}: "
            f"{advice_for(meaning)}"
        )

    def _post(self, body: Sequence[JsonObject]) -> bytes:
        """Return the response to a request.

        Raises:
            NodeAway: the node lets nobody in.
            _Busy, requests.RequestException, Urllib3Error: ask again.
        """
        limits = CONNECT_S, self.timeout_s
        with self._session.post(self.url, json=body, timeout=limits, stream=True) as response:
            if response.status_code in BUSY:
                raise _Busy(f"status {response.status_code}")
            if response.status_code in NO_ENTRY:
                raise NodeAway(
                    f"{shown_url(self.url)} refused {body[0]['method']} "
                    f"(HTTP {response.status_code}): check the key in the URL"
                )
            return whole_body(response, time.monotonic() + WHOLE * self.timeout_s)

    def head(self) -> int:
        """Return the newest block's number."""
        return int(self.ask("eth_blockNumber"), 16)

    def newest(self) -> int:
        """Return the block to audit to where nobody names one: the head.

        Raises:
            NodeAway: there is none that can be taken.
        """
        return self.head()

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
        known = {block: self._headers[block] for block in blocks if block in self._headers}
        known |= self.headers_now(asked)
        for block, header in known.items():
            before = known.get(block - 1)
            if before is not None and before.hash != header.parent:
                raise NodeAway(
                    f"{shown_url(self.url)}: block {block} is no child of block {block - 1}: "
                    "audit again, or name another node"
                )
        return known

    def headers_now(self, blocks: Sequence[int]) -> dict[int, Header]:
        """Return blocks' headers, asked now; raises as `headers` does."""
        found = self.ask_all([(_BLOCK, [hex(block), False]) for block in blocks])
        return {
            block: Header(each["hash"], each["parentHash"], int(each["timestamp"], 16))
            for block, each in zip(blocks, found, strict=True)
        }

    def logs(
        self,
        addresses: Sequence[str],
        first: int,
        last: int,
        topics: Sequence[Json] = (),
    ) -> Iterator[tuple[int, Logs]]:
        """Return (last block, raw logs) of pieces of a range, oldest first. A range that the node
        refuses, or that holds very many, is halved for the next; one that holds few is doubled.

        Raises:
            NodeAway: the node does not answer, or not even one block's logs can be had.
            BadLog: see `log_answers`.
        """
        step = self._reach
        while first <= last:
            end = min(last, first + step - 1)
            asked: dict[str, Json] = {"fromBlock": hex(first), "toBlock": hex(end)}
            asked["address"] = list(addresses)
            if topics:
                asked["topics"] = list(topics)
            try:
                found: Logs = self.ask("eth_getLogs", asked)
            except NodeRefuses:
                if step == 1:
                    raise
                step = self._reach = max(1, min(step, end - first + 1) // 2)
                continue
            self._check_blocks(found.hashes)
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

    def _check_blocks(self, hashes: Mapping[int, str]) -> None:
        """Refuse logs of another block than the header of their number.

        Args:
            hashes: block -> its hash, as logs have it

        Raises:
            NodeAway: see `headers`.
        """
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

    def data_of(self, transactions: Sequence[str]) -> list[bytes]:
        """Return transactions' data.

        Raises:
            NodeAway: the node does not know one.
        """
        asked: list[Question] = [("eth_getTransactionByHash", [each]) for each in transactions]
        found = []
        for name, answer in zip(transactions, self.ask_all(asked), strict=True):
            if answer is None:
                raise NodeAway(
                    f"{shown_url(self.url)} does not know transaction {name}: name another node"
                )
            found.append(to_bytes(answer.input))
        return found

    def first_block(self, contract: str) -> int:
        """Return the block in which a contract was deployed, by halving.

        Raises:
            NoVault: there is no contract at this address.
        """
        low, high = 0, self.head()
        if self.ask("eth_getCode", contract, hex(high)) == "0x":
            raise NoVault(f"there is no contract at {contract}: name the vault's address")
        while low < high:
            middle = (low + high) // 2
            if self.ask("eth_getCode", contract, hex(middle)) == "0x":
                low = middle + 1
            else:
                high = middle
        return low


def _results(text: bytes, asked: Sequence[Question], numbers: range) -> list[Any] | None:
    """Return the results of questions of one kind, in their order, where a response has one for
    each and their fields have their types; else None."""
    methods = set(map(METHOD, asked))
    decoder = _RESULTS.get(asked[0][0]) if len(methods) == 1 else None
    if methods == {_BLOCK} and any(parameters[1:] != [False] for _, parameters in asked):
        decoder = None
    if decoder is None or not text.isascii():  # what it does not read it does not look at
        return None
    try:
        found = decoder.decode(text)
    except (MsgspecError, RecursionError):
        return None
    if [each.id for each in found] != list(numbers):
        return None
    if [each.error for each in found].count(UNSET) < len(found):
        return None
    return [each.result for each in found]


def _read_answers(text: bytes) -> Any:
    """Return what a response holds; raises ValueError where it is no JSON. What most answers are is
    read by its shape, which is no deeper than it says; anything else as any JSON is."""
    try:
        return _ANSWERS.decode(text)
    except (MsgspecError, UnicodeDecodeError):
        return read_json(text)


def _by_number(found: Any, numbers: range) -> Sequence[Mapping[str, Any]]:
    """Return the answers to questions in their order, an empty one where there is none. An error of
    the whole request is each one's.

    Raises:
        TypeError, KeyError: there are no answers.
    """
    if isinstance(found, dict):
        if len(numbers) > 1 and found.get("error") is not None:
            return [found] * len(numbers)
        found = [found]
    ids = [each["id"] for each in found]
    if ids == list(numbers):
        return found  # type: ignore[no-any-return]
    answers = dict(zip(ids, found, strict=True))
    return [answers.get(each, {}) for each in numbers]
