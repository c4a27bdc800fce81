"""An ASGI application on a port of this machine. Nobody holds up anybody else: a connection that
asks nothing is closed, a request that does not end is refused, and an application gets it whole.

Who asks is who connects: a header says otherwise only where the operator has named who writes it.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from strongroom.errors import BadInput
from strongroom.own_server import LOOPBACK, SILENT_S, PortInUse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 64 * 1_024  # bytes of a request
FORGONE = 2**24  # bytes of a request that are read, and not kept, so that its sender reads why
MOST_CONNECTIONS = 256  # whoever comes then is told to come again
HELD_BACK = "Other machines reach this port, and the connection is not encrypted: who listens in "


class OpenToOthers(BadInput):
    """A server would be open to other machines, and nobody has said under which name."""


class Runs(Protocol):
    """A server that can be run."""

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal."""


@dataclass(frozen=True)
class ServedKeeper:
    """Which keeper is served, and where.

    Attributes:
        config: its file
        mode: instead of the file's
        names: under which other machines reach this one
    """

    config: Path
    mode: str | None = None
    host: str = LOOPBACK[0]
    port: int = 0
    names: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether this machine alone reaches it."""
        return self.host in LOOPBACK

    @contextmanager
    def open(self) -> Iterator[tuple[socket.socket, str]]:
        """Open the port; yield it and its URL, without a path.

        Raises:
            OpenToOthers, PortInUse: see the classes.
        """
        if not self.is_local and not self.names:
            raise OpenToOthers(
                f"--host {self.host} opens the server to other machines: name with --name what "
                "they call this one, or keep it here and use `ssh -L`"
            )
        try:
            door = opened(self.host, self.port)
        except OSError as error:
            raise PortInUse(
                f"{self.host} port {self.port} cannot be used ({error.strerror or error}): "
                "name another one with --port"
            ) from error
        with door:
            name = self.host if self.is_local else self.names[0]
            shown = f"[{name}]" if ":" in name else name
            yield door, f"http://{shown}:{door.getsockname()[1]}"

    def warning(self, has: str) -> str:
        """Return what is to be said of a port that others reach; empty: they do not.

        Args:
            has: what they get who listen in
        """
        if self.is_local:
            return ""
        return f"{HELD_BACK}has {has}. Put a server with TLS in front, or use `ssh -L`."


def opened(host: str, port: int) -> socket.socket:
    """Return a port that listens; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def app_server(
    app: "ASGIApp", leave_s: int, most_body: int = MOST_BODY, proxies: Sequence[str] = ()
) -> uvicorn.Server:
    """Return what serves an application.

    Args:
        leave_s: at the end, for requests that are under way
        most_body: bytes
        proxies: addresses whose X-Forwarded-For is believed
    """
    settings = uvicorn.Config(
        WholeRequests(app, most_body, SILENT_S),
        http=_SilentGo,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=leave_s,
    )
    return uvicorn.Server(settings)


class _SilentGo(H11Protocol):
    """Closes a connection on which no request has begun for a while: half a head is none."""

    _watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self.loop.call_later(SILENT_S, self._close_if_silent, self.cycle)

    def _close_if_silent(self, before: object) -> None:
        if self.cycle is before and not self.transport.is_closing():
            self.transport.close()


class WholeRequests:
    """An application whose requests are read before it sees them: bounded, in bytes and in time."""

    def __init__(self, app: "ASGIApp", most: int, silent_s: float) -> None:
        """Take the application.

        Args:
            most: bytes of a body
            silent_s: until its end
        """
        self._app, self._most, self._silent = app, most, silent_s

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Read a request's body, and hand both on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._silent):
                body = await self._read(receive)
        except TimeoutError:
            await _refuse(send, 408, b"the request does not end: send it whole\n")
            return
        except _TooLarge:
            await _refuse(send, 413, b"the request is too large: send less\n")
            return
        if body is None:
            return
        first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def whole() -> "Message":
            return first.pop() if first else await receive()

        await self._app(scope, whole, send)

    async def _read(self, receive: "Receive") -> bytes | None:
        """Return the body; None: who asked has gone; raises _TooLarge, at its end if that is near:
        whoever still sends when the connection closes does not read the answer."""
        parts, length, more = list[bytes](), 0, True
        while more and length <= FORGONE:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part, more = message.get("body", b""), message.get("more_body", False)
            length += len(part)
            if length <= self._most:
                parts.append(part)
        if length > self._most:
            raise _TooLarge
        return b"".join(parts)


class _TooLarge(Exception):
    """A body has too many bytes."""


async def _refuse(send: "Send", status: int, words: bytes) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(words)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": words})
