"""HTTP answers that are whole or none: they end, in bytes and in time, and their JSON can be read.

A service that sends a byte now and then keeps a client's time-outs happy for ever, a compressed
answer may be larger than memory, and a text of 100,000 brackets ends a process that reads it with
Python's own JSON. Behind this transport all of these are `httpx.ReadError`.
"""

import json
import time
from collections.abc import Callable

import httpx

from strongroom.chain.ids import read_json
from strongroom.chain.outside import kept_text

MAX_BYTES = 64 * 2**20  # decompressed: all order books of 500 tokens are some MiB
MAX_S = 30.0  # from an answer's first byte to its last
_LEFT_OUT = ("content-encoding", "content-length", "transfer-encoding")


class WholeAnswers(httpx.BaseTransport):
    """Another transport, whose answers are read before they are given out."""

    def __init__(
        self,
        inner: httpx.BaseTransport,
        max_s: float = MAX_S,
        max_bytes: int = MAX_BYTES,
        stopwatch: Callable[[], float] = time.monotonic,
        reads: bool = True,
    ) -> None:
        """Take the transport that asks.

        Args:
            reads: whether JSON is tried here; False: who asked reads it by `read_json`
        """
        self._inner, self._max_s, self._max_bytes = inner, max_s, max_bytes
        self._stopwatch, self._reads = stopwatch, reads

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask, and read the answer.

        Raises:
            httpx.ReadError: it does not end, or is JSON that nobody can read.
        """
        answer = self._inner.handle_request(request)
        answer.request = request
        try:
            body = self._read(answer, request)
        finally:
            answer.close()
        if self._reads:
            _check(body, request)
        headers = [each for each in answer.headers.multi_items() if each[0] not in _LEFT_OUT]
        return httpx.Response(answer.status_code, headers=headers, content=body)

    def _read(self, answer: httpx.Response, request: httpx.Request) -> bytes:
        parts, length, end = list[bytes](), 0, self._stopwatch() + self._max_s
        for part in answer.iter_bytes():
            parts.append(part)
            length += len(part)
            if length > self._max_bytes:
                why = f"an answer of more than {self._max_bytes} bytes"
                raise httpx.ReadError(why, request=request)
            if self._stopwatch() > end:
                why = f"an answer that takes more than {self._max_s:g} s"
                raise httpx.ReadError(why, request=request)
        return b"".join(parts)

    def close(self) -> None:
        """End its connections."""
        self._inner.close()


def _check(body: bytes, request: httpx.Request) -> None:
    """Refuse what Python's own JSON would read and `read_json` does not: it takes a mark of the
    byte order, UTF-16 and UTF-32, and half a character in a text."""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
    except UnicodeDecodeError:
        return  # no JSON for anybody
    if not text.lstrip(" \t\r\n").startswith(("[", "{", '"')):
        return
    try:
        read_json(text)
    except ValueError as error:
        why = f"the answer is no JSON: {kept_text(text[:60])!r}"
        raise httpx.ReadError(why, request=request) from error
