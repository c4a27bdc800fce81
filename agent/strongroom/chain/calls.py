"""Many reads of contracts in one request: JSON-RPC batches of eth_call, decoded by our ABIs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import requests
from eth_abi.abi import decode, encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from strongroom.chain import abi
from strongroom.chain.ids import keccak

BATCH = 200  # calls of one request


@dataclass(frozen=True)
class Call:
    """One call of a transaction; several go out as one."""

    to: str
    data: str  # 0x...


class CallReverted(RuntimeError):
    """A read reverted; the message says which."""


@dataclass(frozen=True)
class Ask:
    """One read: a function of a contract that has one of the agent's ABIs."""

    address: str
    contract: str
    function: str
    arguments: tuple[Any, ...] = ()


@lru_cache(1_024)
def _function(contract: str, name: str, count: int) -> tuple[bytes, list[str], list[str]]:
    """Return selector, input types and output types."""
    for entry in abi.load(contract):
        if entry["type"] == "function" and entry["name"] == name and len(entry["inputs"]) == count:
            inputs = [collapse_if_tuple(each) for each in entry["inputs"]]
            outputs = [collapse_if_tuple(each) for each in entry["outputs"]]
            return keccak(f"{name}({','.join(inputs)})".encode())[:4], inputs, outputs
    raise KeyError(f"{contract} has no {name} of {count} arguments")


def call_data(contract: str, function: str, arguments: Sequence[Any]) -> bytes:
    """Return the data of a call."""
    selector, inputs, _ = _function(contract, function, len(arguments))
    return selector + encode(inputs, list(arguments))


def make_call(address: str, contract: str, function: str, *arguments: Any) -> Call:
    """Return a call to be sent."""
    data = call_data(contract, function, arguments)
    return Call(to_checksum_address(address), "0x" + data.hex())


class Reads:
    """A connection for reads."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url, self._timeout = url, timeout_s
        self._session = requests.Session()
        self._ids = itertools.count(1)

    def ask(self, asked: Sequence[Ask], block: str = "latest") -> list[Any]:
        """Return the answers in order: a value, or a tuple where a function returns several.

        Raises:
            CallReverted: one of them reverted.
            requests.RequestException: the node does not answer.
        """
        answers: list[Any] = []
        for start in range(0, len(asked), BATCH):
            answers += self._batch(asked[start : start + BATCH], block)
        return answers

    def rpc(self, method: str, *parameters: Any) -> Any:
        """Return the answer of any method.

        Raises:
            requests.RequestException: the node does not answer, or with an error.
        """
        body = self._request(method, parameters)
        response = self._session.post(self._url, json=body, timeout=self._timeout)
        response.raise_for_status()
        found = response.json()
        if not isinstance(found, dict) or "result" not in found:
            raise requests.RequestException(f"{method}: {str(found)[:200]}")
        return found["result"]

    def at_head(self, asked: Sequence[Ask]) -> tuple[dict[str, Any], list[Any]]:
        """Return the newest block and the answers of a few reads, in one request.

        Raises:
            CallReverted, requests.RequestException: as `ask`.
        """
        head = self._request("eth_getBlockByNumber", ["latest", False])
        calls = [self._call(each, "latest") for each in asked]
        answers = self._post([head, *calls])
        if "result" not in answers[0]:
            raise requests.RequestException(f"no newest block: {str(answers[0])[:100]}")
        return answers[0]["result"], [
            _decoded(ask, answer) for ask, answer in zip(asked, answers[1:], strict=True)
        ]

    def _batch(self, asked: Sequence[Ask], block: str) -> list[Any]:
        answers = self._post([self._call(each, block) for each in asked])
        return [_decoded(ask, answer) for ask, answer in zip(asked, answers, strict=True)]

    def _request(self, method: str, parameters: Sequence[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}

    def _call(self, ask: Ask, block: str) -> dict[str, Any]:
        data = call_data(ask.contract, ask.function, ask.arguments)
        return self._request("eth_call", [{"to": ask.address, "data": "0x" + data.hex()}, block])

    def _post(self, body: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send a batch; return its answers in order."""
        response = self._session.post(self._url, json=body, timeout=self._timeout)
        response.raise_for_status()
        found = response.json()
        if not isinstance(found, list):
            raise requests.RequestException(f"{self._url} answers no batch: {str(found)[:100]}")
        by_id = {answer["id"]: answer for answer in found}
        return [by_id[request["id"]] for request in body]


def _decoded(ask: Ask, answer: dict[str, Any]) -> Any:
    if "error" in answer:
        what = answer["error"].get("message", "")
        raise CallReverted(f"{ask.contract}.{ask.function} at {ask.address}: {what}")
    _, _, outputs = _function(ask.contract, ask.function, len(ask.arguments))
    values = decode(outputs, bytes.fromhex(answer["result"][2:]))
    return values[0] if len(values) == 1 else values
