"""Lines between a keeper and what it asks: each passes on what is said, until a row breaks it."""

import json
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import responses
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import BinaryIO
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

NOT_PASSED_ON = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")
TIMEOUT_S = 60.0


class Cut(Exception):
    """The line breaks instead of an answer."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str  # with its query
    body: bytes = b""

    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Said:
    """One answer."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self):
        return json.loads(self.body)

    @classmethod
    def of(cls, value: object, status: int = 200) -> "Said":
        return cls(json.dumps(value).encode(), status)


Ask = Callable[[], Said]
Change = Callable[[Asked, Ask], Said | None]  # None: it has nothing to do with this request


class Line:
    """One service's other URL.

    Attributes:
        change: what is said in place of the service, or None where it does not concern a request
        bitten: how many requests were answered otherwise
    """

    def __init__(self) -> None:
        self.url, self.change, self.bitten = "", None, 0

    def say(self, asked: Asked, honest: Ask) -> Said:
        """Return what is said to a request.

        Raises:
            Cut: nothing is.
        """
        change = self.change
        if change is None:
            return honest()
        try:
            said = change(asked, honest)
        except Cut:
            self.bitten += 1
            raise
        if said is None:
            return honest()
        self.bitten += 1
        return said


# HTTP by hand: libraries would take most of a soak's time.


@dataclass(frozen=True)
class Message:
    """A request or an answer as it came; names of headers in small letters."""

    first: str
    headers: Mapping[str, str]
    body: bytes


def read_message(file: BinaryIO) -> Message | None:
    """Return what comes next on a connection; None: it was closed."""
    first = file.readline().decode("latin-1").strip()
    if not first:
        return None
    headers = {}
    while text := file.readline().decode("latin-1").strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    assert "transfer-encoding" not in headers, f"{first}: its length is not told"
    return Message(first, headers, file.read(int(headers.get("content-length", 0))))


def written(first: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a message's bytes."""
    lines = [first, *(f"{k}: {v}" for k, v in headers.items()), f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Upstream:
    """A connection to a service, made anew where the service has ended it.

    Args:
        address: host and port, the path of a Unix socket, or None: nobody is there
    """

    def __init__(self, address: tuple[str, int] | str | None) -> None:
        self._address, self._socket, self._file = address, None, None

    def ask(self, asked: Asked, headers: Mapping[str, str]) -> Said:
        """Return the service's own answer; raises OSError, also where there is none."""
        if self._address is None:
            return Said(status=404)
        kept = {k: v for k, v in headers.items() if k not in NOT_PASSED_ON} | {"host": "service"}
        if self._socket is None or select.select([self._socket], [], [], 0)[0]:
            self.close()
            self._open(self._address)
        try:
            self._socket.sendall(written(f"{asked.method} {asked.path} HTTP/1.1", kept, asked.body))
            found = read_message(self._file)
            if found is None:
                raise ConnectionResetError("no answer")
        except OSError:
            self.close()
            raise
        told = {
            k: v for k, v in found.headers.items() if k == "retry-after" or k.startswith("poly-")
        }
        return Said(found.body, int(found.first.split()[1]), told)

    def _open(self, address: tuple[str, int] | str) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family)
        self._socket.settimeout(TIMEOUT_S)
        try:
            self._socket.connect(address)
        except OSError:
            self.close()
            raise
        self._file = self._socket.makefile("rb")

    def close(self) -> None:
        """End it."""
        for each in (self._file, self._socket):
            if each is not None:
                each.close()
        self._socket = self._file = None


class Quiet(ThreadingTCPServer):
    """A server that is silent about clients which hang up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def line(url: str = "", path: str = "") -> Iterator[Line]:
    """Yield a line to a service: a URL, a Unix socket, or to nobody."""
    found, there = Line(), urlsplit(url)
    address = path or ((str(there.hostname), int(there.port)) if url else None)

    class Handler(StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            upstream = Upstream(address)
            try:
                while (came := read_message(self.rfile)) is not None:
                    method, target, _ = came.first.split()
                    asked = Asked(method, target, came.body)
                    said = found.say(asked, lambda: upstream.ask(asked, came.headers))  # noqa: B023
                    told = {"content-type": "application/json", **lowered(said.headers)}
                    status = f"HTTP/1.1 {said.status} {responses.get(said.status, '')}"
                    self.wfile.write(written(status, told, said.body))
            except (Cut, OSError):
                pass  # the line breaks, or who has asked waits no more
            finally:
                upstream.close()

    with Quiet(("127.0.0.1", 0), Handler) as server:
        found.url = "http://{}:{}".format(*server.server_address)
        threading.Thread(target=server.serve_forever, args=(0.5,), daemon=True).start()
        yield found
        server.shutdown()


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@dataclass
class Channel:
    """The market channel's other URL.

    Attributes:
        before: frames that are sent before each of the service's
    """

    url: str = ""
    before: Callable[[str], list[str]] = lambda frame: []
    bitten: int = 0


@contextmanager
def channel(url: str) -> Iterator[Channel]:
    """Yield a channel whose frames can be added to."""
    found = Channel()

    def pump(here: ServerConnection) -> None:
        with suppress(OSError, WebSocketException), connect(url, max_size=None) as there:

            def down() -> None:
                with suppress(OSError, WebSocketException):
                    for frame in there:
                        for extra in found.before(frame):
                            found.bitten += 1
                            here.send(extra)
                        here.send(frame)
                here.close()

            threading.Thread(target=down, daemon=True).start()
            for frame in here:
                there.send(frame)

    with serve(pump, "127.0.0.1", 0, ping_interval=None) as server:
        found.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws/market"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()
