"""Nodes that say of a vault's recorded life (tests/property/recorded.py) what a test likes."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from strongroom.audit.node import Node

from tests.property.recorded import RecordingNode, SteadyLife

EVENTS = 300


@cache
def steady_life() -> SteadyLife:
    """Return a life that nobody changes any more."""
    found = SteadyLife()
    found.live(EVENTS)
    return found


class Said(Node):
    """A node that says of a chain what it likes.

    Args:
        change: method and answer -> answer, each an object with "result" or "error"
    """

    def __init__(self, honest: RecordingNode, change: Callable[[str, Any], Any]) -> None:
        super().__init__("http://liar", pause=lambda seconds: None)
        self._honest, self._change = honest, change

    def _post(self, body: Any) -> bytes:
        found = []
        for asked in body:
            text = b"{" + self._honest.answered(asked["method"], asked["params"]) + b"}"
            answer = self._change(asked["method"], json.loads(text))
            found.append({"jsonrpc": "2.0", "id": asked["id"]} | answer)
        return json.dumps(found).encode()


def as_it_is(method, answer):
    return answer


class Telling(Said):
    """Says of each question, with its parameters, what it likes."""

    def __init__(self, honest, change):
        super().__init__(honest, as_it_is)
        self.asked, self._tells = [], change

    def _post(self, body):
        found = []
        for each in body:
            text = b"{" + self._honest.answered(each["method"], each["params"]) + b"}"
            self.asked.append(each["method"])
            answer = self._tells(each["method"], each["params"], json.loads(text))
            found.append({"jsonrpc": "2.0", "id": each["id"]} | answer)
        return json.dumps(found).encode()
