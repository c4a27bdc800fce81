"""Any node over HTTP: batches, retries, and logs in block ranges that shrink where it refuses."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import requests

from strongroom.audit.events import RawLog
from strongroom.chain.failures import NoVault
from strongroom.chain.ids import Json, JsonObject, read_json
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

Question = tuple[str, list[Any]]  # a method of JSON-RPC and its parameters


class NodeAway(Away):
    """The node does not answer, or not as a node does; the message says what came."""


class NodeRefuses(NodeAway):
    """The node answers with an error, or a contract with what its ABI does not say."""


@dataclass
class Node:
    """A node over HTTP. What `ask` returns is JSON as it came: whoever asks knows its shape."""

    url: str
    timeout_s: float = 30.0
    pause: Callable[[float], None] = time.sleep
    _session: requests.Session = field(default_factory=requests.Session)
    _number: int = 0

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

    def _batch(self, asked: Sequence[Question]) -> list[Any]:
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
                if response.status_code in BUSY:
                    why = f"status {response.status_code}"
                    continue
                if response.status_code in NO_ENTRY:
                    raise NodeRefuses(
                        f"{shown_url(self.url)} refused {asked[0][0]} "
                        f"(HTTP {response.status_code}): check the key in the URL"
                    )
                found: Any = read_json(response.content)
                answers = {each["id"]: each for each in found}
            except (requests.RequestException, ValueError, TypeError, KeyError) as error:
                why = type(error).__name__  # its words have the URL
                continue
            results = [answers.get(request["id"], {}) for request in body]
            bad = next((each for each in results if "result" not in each), None)
            if bad is None:
                return [each["result"] for each in results]
            raise NodeRefuses(f"{asked[0][0]}: the node says {_words(bad)[:200]}")
        raise NodeAway(f"{shown_url(self.url)} does not answer {asked[0][0]}: {why}")

    def head(self) -> int:
        """Return the newest block's number."""
        with understood("number of a block"):
            return int(self.ask("eth_blockNumber"), 16)

    def times(self, blocks: Sequence[int]) -> dict[int, int]:
        """Return the timestamps of blocks.

        Raises:
            NodeAway: the node does not answer, or does not know one of them.
        """
        found = self.ask_all([("eth_getBlockByNumber", [hex(block), False]) for block in blocks])
        times = {}
        for block, each in zip(blocks, found, strict=True):
            if not isinstance(each, dict) or not isinstance(each.get("timestamp"), str):
                raise NodeAway(
                    f"{shown_url(self.url)} does not know block {block}: name another node"
                )
            times[block] = int(each["timestamp"], 16)
        return times

    def logs(
        self,
        addresses: Sequence[str],
        first: int,
        last: int,
        topics: Sequence[Json] = (),
    ) -> Iterator[tuple[int, list[RawLog]]]:
        """Return (last block, raw logs) of pieces of a range, oldest first. A range that the node
        refuses, or that holds very many, is halved for the next; else it is doubled.

        Raises:
            NodeAway: not even one block's logs can be had.
        """
        step = FIRST
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
                step = max(1, step // 2)
                continue
            if not isinstance(found, list):
                raise NodeAway(
                    f"{shown_url(self.url)} answers eth_getLogs without a list: name another node"
                )
            yield end, found
            first = end + 1
            step = max(1, step // 2) if len(found) > MANY else min(RANGE, step * 2)

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


def _words(answer: JsonObject) -> str:
    """Return a node's error as it words it."""
    error = answer.get("error", "nothing")
    return str(error.get("message", error)) if isinstance(error, dict) else str(error)
