"""A line to a service whose answers begin in time.

A client's time-out is of one read. A service that sends a letter of its headers now and then, or
one "100 Continue" after another, keeps it happy for ever. Here the headers have, all together, the
time that one read may take. What comes after them, `WholeAnswers` bounds.
"""

import threading
import time
from collections.abc import Callable, Iterable
from ssl import SSLContext
from typing import Any

import httpcore
import httpx


class EndingLine(httpx.HTTPTransport):
    """A transport of httpx, with that bound; safe between threads."""

    def __init__(
        self,
        *,
        backend: httpcore.NetworkBackend | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        """Take what httpx.HTTPTransport takes.

        Args:
            backend: what opens connections; None: sockets
        """
        super().__init__(**options)
        self._heads = _Heads(stopwatch)
        # httpx hands no backend on
        self._pool._network_backend = _Backend(backend or httpcore.SyncBackend(), self._heads)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask; raises httpx.ReadTimeout where the headers do not end in time."""
        self._heads.begin()
        try:
            return super().handle_request(request)
        finally:
            self._heads.end()


class _Heads(threading.local):
    """How long a thread waits still for the headers that it reads."""

    def __init__(self, stopwatch: Callable[[], float]) -> None:
        self._stopwatch, self._reads = stopwatch, False
        self._until: float | None = None

    def begin(self) -> None:
        """From here on headers are read."""
        self._reads, self._until = True, None

    def end(self) -> None:
        """They are there."""
        self._reads = False

    def left(self, timeout: float | None) -> float | None:
        """Return what of a time-out is left for a read; the first one starts it."""
        if not self._reads or timeout is None:
            return timeout
        now = self._stopwatch()
        if self._until is None:
            self._until = now + timeout
        if now >= self._until:
            raise httpcore.ReadTimeout("the headers do not end")
        return min(timeout, self._until - now)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, heads: _Heads) -> None:
        self._inner, self._heads = inner, heads

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._heads.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout), self._heads)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend, heads: _Heads) -> None:
        self._inner, self._heads = inner, heads

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = self._inner.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(found, self._heads)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        found = self._inner.connect_unix_socket(path, timeout, socket_options)
        return _Stream(found, self._heads)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)
