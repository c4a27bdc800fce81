"""JSON-RPC over HTTP: questions to a node, one or many in a request."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from strongroom.chain.codec import FunctionCodec
from strongroom.chain.failures import ChainAway

LATEST = "latest"
# a connection is tried again twice; what has been asked is never asked again by itself
_CONNECTING = Retry(total=None, connect=2, read=0, status=0, other=0, backoff_factor=0.1)
_ERROR = bytes.fromhex("08c379a0")  # Error(string)


class Log(TypedDict):
    """A log as a node has it."""

    address: str
    topics: Sequence[str]
    data: str
    blockNumber: str
    logIndex: str
    transactionHash: str


class Failure(TypedDict, total=False):
    """A node's error."""

    code: int
    message: str
    data: object


class Answer(TypedDict, total=False):
    """A node's answer: one of both is there."""

    id: int
    result: Any
    error: Failure


Question = tuple[str, Sequence[object]]  # method, parameters


class JsonRpc:
    """A node, by its URL."""

    def __init__(self, url: str, timeout_s: float = 30.0) -> None:
        """Take the URL; nothing is asked yet."""
        self.url, self._timeout = url, timeout_s
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=_CONNECTING))
        self._ids = itertools.count(1)

    def request(self, method: str, *parameters: object) -> Any:
        """Return the node's answer to any method.

        Raises:
            ChainAway: the node does not answer, or with an error.
        """
        return self.request_all([(method, parameters)])[0]

    def request_all(self, questions: Sequence[Question]) -> list[Any]:
        """Return the node's answers to several methods, asked at once.

        Raises:
            ChainAway: the node does not answer, or to one of them with an error.
        """
        return self.results(questions, self.ask(questions))

    def results(self, questions: Sequence[Question], answers: Sequence[Answer]) -> list[Any]:
        """Return what is in answers that must not be errors.

        Raises:
            ChainAway: one is an error.
        """
        for (method, _), answer in zip(questions, answers, strict=True):
            if "error" in answer:
                raise ChainAway(f"{self.url}: {method}: {reason(answer['error'])}")
        return [answer["result"] for answer in answers]

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask in one request; return the answers in the questions' order, errors among them.

        Raises:
            ChainAway: the node does not answer.
        """
        asked = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}
            for method, parameters in questions
        ]
        names = " ".join(dict.fromkeys(method for method, _ in questions))
        if not asked:
            return []
        found = self._post(asked[0] if len(asked) == 1 else asked, names)
        answers = found if isinstance(found, list) else [found]
        by_id = {each.get("id"): each for each in answers if isinstance(each, dict)}
        kept = [by_id.get(each["id"]) for each in asked]
        if not all(each is not None and ("result" in each or "error" in each) for each in kept):
            raise ChainAway(f"{self.url} answered {str(found)[:100]} to {names}")
        return cast(list[Answer], kept)

    def _post(self, body: object, names: str) -> object:
        try:
            response = self._session.post(self.url, json=body, timeout=self._timeout)
            response.raise_for_status()
            found: object = response.json()
        except requests.RequestException as error:
            raise ChainAway(
                f"{self.url} does not answer ({names}, {type(error).__name__}): start the node, "
                "or name another one"
            ) from error
        return found


def reason(error: Mapping[str, object]) -> str:
    """Return why a call reverted: the contract's reason, else the node's words."""
    data = error.get("data")
    if isinstance(data, Mapping):
        data = data.get("data")
    if isinstance(data, str) and data.startswith("0x" + _ERROR.hex()):
        from_abi = FunctionCodec({"outputs": [{"type": "string"}]})
        return str(from_abi.decode(bytes.fromhex(data[10:])))
    return str(error.get("message", error))
