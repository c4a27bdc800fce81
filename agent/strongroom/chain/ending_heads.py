"""Nodes whose answers begin in time: what ending_line.py is for httpx, for `requests`.

A time-out is of one read. Here the headers of an answer have, all together, the time that one read
may take; what comes after them, `jsonrpc.whole_body` bounds.
"""

import io
import socket
from http.client import HTTPResponse
from time import monotonic
from typing import Any

from requests import Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.retry import Retry


class EndingHeads(HTTPAdapter):
    """An adapter with that bound. A proxy that speaks SOCKS keeps its own connections."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pools of connections."""
        super().init_poolmanager(*arguments, **options)
        _with_bound(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> ProxyManager:
        """Return the pools of connections through a proxy."""
        found: ProxyManager = super().proxy_manager_for(proxy, **options)
        if type(found) is ProxyManager:
            _with_bound(found)
        return found


def ending_session(retries: Retry | int = 0) -> Session:
    """Return a session whose answers begin in time."""
    made = Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, EndingHeads(max_retries=retries))
    return made


class _Line(io.RawIOBase):
    """What a socket says: while headers are read, all reads together have one read's time."""

    def __init__(self, inner: io.RawIOBase, sock: socket.socket) -> None:
        self._inner, self._sock = inner, sock
        self._until: float | None = None
        self._timeout: float | None = None

    def begin(self) -> None:
        self._timeout = self._sock.gettimeout()
        self._until = None if self._timeout is None else monotonic() + self._timeout

    def end(self) -> None:
        self._until = None
        if self._sock.fileno() != -1:  # else it is closed
            self._sock.settimeout(self._timeout)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None:
            left = self._until - monotonic()
            if left <= 0:
                raise TimeoutError("the headers do not end")
            self._sock.settimeout(left)
        return self._inner.readinto(buffer)

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._line = _Line(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._line)

    def begin(self) -> None:
        self._line.begin()
        try:
            super().begin()
        finally:
            self._line.end()


class _Plain(HTTPConnection):
    response_class = _Answer


class _Secure(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


def _with_bound(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
