"""JSON-RPC over HTTP: questions to a node, one or many in a request."""

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NotRequired, Protocol, TypedDict, cast
from urllib.parse import urlsplit

import requests
from requests.utils import get_netrc_auth
from urllib3.exceptions import HTTPError as Urllib3Error
from urllib3.util.retry import Retry

from strongroom.chain.custom_errors import error_name
from strongroom.chain.ending_heads import ending_session
from strongroom.chain.failures import CallReverted, ChainAway, NodeBusy
from strongroom.chain.ids import JsonObject, read_json
from strongroom.chain.outside import BadValue
from strongroom.chain.refusals import (
    HTTP_BUSY,
    HTTP_TOO_LARGE,
    Failure,
    Meaning,
    failure_of,
    meaning_of,
)
from strongroom.chain.whole_answers import MAX_BYTES
from strongroom.errors import StrongroomError
from strongroom.foreign_text import plain

LATEST = "latest"
PART, WHOLE = 2**16, 3  # bytes of an answer at a time; time-outs within which it is whole
# a connection is tried again twice; what has been asked is never asked again by itself
_CONNECTING = Retry(total=None, connect=2, read=0, status=0, other=0, backoff_factor=0.1)
_NO_ENTRY = (401, 403, HTTP_BUSY)  # HTTP's: no key, a wrong one, one that asks too often


class Log(TypedDict):
    """A log as a node has it."""

    address: str
    topics: Sequence[str]
    data: str
    blockNumber: str
    logIndex: str
    transactionHash: str
    removed: NotRequired[bool]  # its block was undone


class Answer(TypedDict, total=False):
    """A node's answer: one of both is there."""

    id: int
    result: Any
    error: Failure


Question = tuple[str, Sequence[object]]  # method, parameters


class RpcNode(Protocol):
    """One node, or several as one (nodes.py)."""

    @property
    def url(self) -> str:
        """Of the node that is asked first."""

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask several methods at once; return the answers in order, errors among them; raises
        ChainAway."""

    def request(self, method: str, *parameters: object) -> Any:
        """Return the answer to one method; raises ChainAway, for an error too."""


class JsonRpc:
    """A node, by its URL."""

    def __init__(self, url: str, timeout_s: float = 30.0) -> None:
        """Take the URL; nothing is asked yet."""
        self.url, self._timeout = url, timeout_s
        self._session = ending_session(_CONNECTING)
        _settle_environment(self._session, url)
        self._prepared: requests.PreparedRequest | None = None  # without a body
        self._ids = itertools.count(1)
        self._most: int | None = None  # questions of one request; None: no limit is known

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
                raise ChainAway(f"{shown_url(self.url)}: {method}: {reason(answer['error'])}")
        return [answer["result"] for answer in answers]

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """Ask in one request; return the answers in the questions' order, errors among them.

        A node that takes fewer questions at once is asked in more requests, from then on too. One
        that leaves a question out has refused that one.

        Raises:
            NodeBusy: it is asked too often.
            ChainAway: it does not answer.
        """
        if not questions:
            return []
        most = self._most or len(questions)
        if len(questions) > most:
            parts = [questions[at : at + most] for at in range(0, len(questions), most)]
            return [answer for part in parts for answer in self.ask(part)]
        answers = self._ask(questions)
        if len(questions) > 1 and all(_is_too_much(answer) for answer in answers):
            self._most = (len(questions) + 1) // 2
            return self.ask(questions)
        return answers

    def _ask(self, questions: Sequence[Question]) -> list[Answer]:
        asked = [
            {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}
            for method, parameters in questions
        ]
        names = " ".join(dict.fromkeys(method for method, _ in questions))
        found = self._post(asked[0] if len(asked) == 1 else asked, names)
        if isinstance(found, dict) and found.get("error") is not None and "result" not in found:
            return [_answer(found) for _ in asked]  # one refusal of all
        answers = found if isinstance(found, list) else [found]
        by_id = {str(each.get("id")): each for each in answers if isinstance(each, dict)}
        kept = [_answer(by_id.get(str(each["id"]), {})) for each in asked]
        if not any("result" in each or "error" in each for each in kept):
            raise ChainAway(f"{shown_url(self.url)} answered {repr(found)[:100]} to {names}")
        left_out: Answer = {"error": {"code": 0, "message": "the node left the question out"}}
        return [each if "result" in each or "error" in each else left_out for each in kept]

    def _request(self, body: object) -> requests.PreparedRequest:
        """Return a request, prepared once but for its body: that takes a third of its time."""
        if self._prepared is None or self._session.cookies:
            asked = requests.Request("POST", self.url, {"Content-Type": "application/json"})
            self._prepared = self._session.prepare_request(asked)
        request, data = self._prepared.copy(), json.dumps(body, allow_nan=False).encode()
        request.headers["Content-Length"] = str(len(data))
        request.body = data
        return request

    def _post(self, body: object, names: str) -> object:
        node = shown_url(self.url)
        try:
            with self._session.send(
                self._request(body), timeout=self._timeout, stream=True
            ) as response:
                content = whole_body(response, time.monotonic() + WHOLE * self._timeout)
        except (requests.RequestException, Urllib3Error) as error:
            raise ChainAway(
                f"{node} does not answer ({names}, {type(error).__name__}): start the node, "
                "or name another one"
            ) from error
        if response.status_code in _NO_ENTRY:
            kind = NodeBusy if response.status_code == HTTP_BUSY else ChainAway
            raise kind(
                f"{node} refused {names} (HTTP {response.status_code}): check the key in the URL"
            )
        found: object = None
        try:
            found = read_json(content)
        except ValueError as error:
            if response.ok:
                raise ChainAway(
                    f"{node} does not answer {names} with JSON: check the URL, or name another node"
                ) from error
        if response.ok or (isinstance(found, dict) and isinstance(found.get("error"), dict)):
            return found  # some services refuse in JSON-RPC and in HTTP at once
        if response.status_code == HTTP_TOO_LARGE:
            return {"error": {"code": HTTP_TOO_LARGE, "message": "HTTP 413"}}
        raise ChainAway(
            f"{node} answers HTTP {response.status_code} to {names}: check the URL, or name "
            "another node"
        )


def _settle_environment(session: requests.Session, url: str) -> None:
    """Take proxy, certificates and entry from the environment now: the session would look there at
    each request, for half of the time that a request takes."""
    try:
        found = session.merge_environment_settings(url, {}, None, None, None)
    except ValueError:
        return  # it is no URL: the first request says so
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.auth = get_netrc_auth(url)
    session.trust_env = False


def whole_body(response: requests.Response, end: float) -> bytes:
    """Return an answer's body; one that comes a byte now and then does not keep us for ever.

    Args:
        end: by which it must be whole, `time.monotonic`

    Raises:
        requests.ReadTimeout: it is not, or too large.
        urllib3.exceptions.HTTPError: it breaks off.
    """
    body = bytearray()
    while part := response.raw.read1(PART, decode_content=True):
        body += part
        if len(body) > MAX_BYTES or time.monotonic() > end:
            raise requests.ReadTimeout("the answer does not end")
    return bytes(body)


def result_of(what: str, answer: Answer) -> Any:
    """Return what is in an answer to a call.

    Args:
        what: was asked, in words

    Raises:
        CallReverted: the call was executed, and reverts.
        NodeBusy, ChainAway: the node refuses for another reason; nothing is known of the call.
    """
    if "error" not in answer:
        return answer["result"]
    error = answer["error"]
    match meaning_of(error):
        case Meaning.REVERTED:
            raise CallReverted(reason(error))
        case Meaning.BUSY:
            raise NodeBusy(f"{what}: the node is asked too often: {reason(error)[:200]}")
        case _:
            raise ChainAway(f"{what}: {reason(error)[:200]}")


def reason(error: Failure) -> str:
    """Return why a call reverted, in one line: the contract's reason, else the node's words."""
    data = error.get("data")
    if isinstance(data, Mapping):
        data = data.get("data")
    if isinstance(data, str) and len(data) >= len("0x") + 8:
        try:
            found = error_name(bytes.fromhex(data.removeprefix("0x")))
        except ValueError:  # no hex digits: the node's words are left
            found = "0x"
        if not found.startswith("0x"):
            return plain(found)
    return plain(str(error.get("message", error)))


def shown_url(url: str) -> str:
    """Return a URL as messages may have it: scheme, host and port, without what opens the door."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        return "the URL (write http://host:port)"
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}" + (f":{port}" if port else "")


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Read a node's answer; what is not in it as it must be is `ChainAway`.

    Args:
        what: was asked for, in words
    """
    try:
        yield
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
        if isinstance(error, StrongroomError) and not isinstance(error, BadValue):
            raise
        raise ChainAway(
            f"the node's answer is no {what} ({type(error).__name__}): name another node"
        ) from error


def _is_too_much(answer: Answer) -> bool:
    return "error" in answer and meaning_of(answer["error"]) == Meaning.TOO_MUCH


def _answer(found: JsonObject) -> Answer:
    """Return an answer whose error, if it has one, is an object with words."""
    error = found.get("error")
    if error is None:
        return cast(Answer, {key: each for key, each in found.items() if key != "error"})
    return cast(Answer, {**found, "error": failure_of(error)})
