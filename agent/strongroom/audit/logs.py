"""Logs from any node, in pieces: block ranges that shrink where a node refuses them, retries, the
times of their blocks; and their decoding, word by word."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests
from eth_abi.abi import decode
from eth_utils.abi import collapse_if_tuple

from strongroom.chain import abi
from strongroom.chain.ids import keccak
from strongroom.errors import Away

RANGE = 10_000  # blocks at most in a piece
FIRST = 100  # at first
MANY = 5_000  # logs, beyond which the next piece is smaller
TRIES = 5
PAUSE_S = 0.5
BATCH = 100  # requests in one
WORD = 64  # hex digits


class NodeAway(Away):
    """The node does not answer, or not as a node does; the message says what came."""


@dataclass(frozen=True, slots=True)
class Event:
    """One decoded log."""

    name: str
    block: int
    transaction: str
    index: int
    address: str  # lower case
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """How an event's log is read."""

    name: str
    indexed: tuple[tuple[str, str], ...]
    plain: tuple[tuple[str, str], ...]

    @property
    def is_static(self) -> bool:
        """Whether every plain field is one word."""
        return all("[" not in each and each not in ("bytes", "string") for _, each in self.plain)


def kinds(*contracts: str) -> dict[str, Kind]:
    """Return topic -> kind of the events of some of the agent's ABIs."""
    found = {}
    for contract in contracts:
        for entry in abi.load(contract):
            if entry["type"] != "event":
                continue
            types = [(each, collapse_if_tuple(each)) for each in entry["inputs"]]
            signature = f"{entry['name']}({','.join(type_ for _, type_ in types)})"
            found["0x" + keccak(signature.encode()).hex()] = Kind(
                entry["name"],
                tuple((each["name"], type_) for each, type_ in types if each["indexed"]),
                tuple((each["name"], type_) for each, type_ in types if not each["indexed"]),
            )
    return found


def _word(text: str, type_: str) -> Any:
    if type_ == "address":
        return "0x" + text[24:]
    if type_.startswith("uint"):
        return int(text, 16)
    if type_ == "bool":
        return text[-1] == "1"
    if type_.startswith("int"):
        value = int(text, 16)
        return value - 2**256 if value >= 2**255 else value
    return "0x" + text  # bytes32 and the hash of a string; bytes4 is padded


def decode_log(log: Mapping[str, Any], known: Mapping[str, Kind]) -> Event | None:
    """Return a raw log's event, or None where it is none of the known ones."""
    kind = known.get(log["topics"][0])
    if kind is None:
        return None
    fields: dict[str, Any] = {
        name: _word(topic[2:], type_)
        for (name, type_), topic in zip(kind.indexed, log["topics"][1:], strict=True)
    }
    data = log["data"][2:]
    if kind.is_static:
        for place, (name, type_) in enumerate(kind.plain):
            fields[name] = _word(data[place * WORD : (place + 1) * WORD], type_)
    else:
        values = decode([type_ for _, type_ in kind.plain], bytes.fromhex(data))
        fields |= {name: value for (name, _), value in zip(kind.plain, values, strict=True)}
    return Event(
        kind.name,
        int(log["blockNumber"], 16),
        log["transactionHash"],
        int(log["logIndex"], 16),
        log["address"].lower(),
        fields,
    )


@dataclass
class Node:
    """A node over HTTP."""

    url: str
    timeout_s: float = 30.0
    pause: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=requests.Session)
    _number: int = 0

    def ask(self, method: str, *parameters: Any) -> Any:
        """Return an answer; a node that is away or overloaded is asked again.

        Raises:
            NodeAway: it stays so, or refuses.
        """
        return self.ask_all([(method, list(parameters))])[0]

    def ask_all(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """Return many answers, in order, some at once.

        Raises:
            NodeAway: see `ask`.
        """
        found: list[Any] = []
        for start in range(0, len(asked), BATCH):
            found += self._batch(asked[start : start + BATCH])
        return found

    def _batch(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        body = []
        for method, parameters in asked:
            self._number += 1
            body.append(
                {"jsonrpc": "2.0", "id": self._number, "method": method, "params": parameters}
            )
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self.pause(PAUSE_S * 2**attempt)
            try:
                response = self._session.post(self.url, json=body, timeout=self.timeout_s)
                if response.status_code in (429, 500, 502, 503, 504):
                    why = f"status {response.status_code}"
                    continue
                answers = {each["id"]: each for each in json.loads(response.content)}
            except (requests.RequestException, ValueError, TypeError, KeyError) as error:
                why = repr(error)
                continue
            results = [answers.get(request["id"], {}) for request in body]
            bad = next((each for each in results if "result" not in each), None)
            if bad is None:
                return [each["result"] for each in results]
            raise NodeAway(f"{asked[0][0]}: {str(bad.get('error', 'no answer'))[:200]}")
        raise NodeAway(f"{self.url} does not answer {asked[0][0]}: {why}")

    def head(self) -> int:
        """Return the newest block's number."""
        return int(self.ask("eth_blockNumber"), 16)

    def times(self, blocks: Sequence[int]) -> dict[int, int]:
        """Return the timestamps of blocks."""
        found = self.ask_all([("eth_getBlockByNumber", [hex(block), False]) for block in blocks])
        return {
            block: int(each["timestamp"], 16) for block, each in zip(blocks, found, strict=True)
        }

    def logs(
        self,
        addresses: Sequence[str],
        first: int,
        last: int,
        topics: Sequence[Any] = (),
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Return (last block, raw logs) of pieces of a range, oldest first. A range that the node
        refuses, or that holds very many, is halved for the next; else it is doubled.

        Raises:
            NodeAway: not even one block's logs can be had.
        """
        step = FIRST
        while first <= last:
            end = min(last, first + step - 1)
            asked: dict[str, Any] = {"fromBlock": hex(first), "toBlock": hex(end)}
            asked["address"] = list(addresses)
            if topics:
                asked["topics"] = list(topics)
            try:
                found = self.ask("eth_getLogs", asked)
            except NodeAway:
                if step == 1:
                    raise
                step = max(1, step // 2)
                continue
            yield end, found
            first = end + 1
            step = max(1, step // 2) if len(found) > MANY else min(RANGE, step * 2)
