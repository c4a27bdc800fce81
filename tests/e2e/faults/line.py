"""Lines between a keeper and what it asks: each passes on what is said, until a row breaks it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

NOT_PASSED_ON = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")


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

    def __init__(self, upstream: httpx.Client | None) -> None:
        self.url, self.change, self.bitten = "", None, 0
        self._upstream = upstream

    def say(self, asked: Asked, headers: Mapping[str, str]) -> Said:
        """Return what is said to a request; raises Cut."""

        def honest() -> Said:
            if self._upstream is None:
                return Said(status=404)
            kept = {k: v for k, v in headers.items() if k.lower() not in NOT_PASSED_ON}
            found = self._upstream.request(
                asked.method, asked.path, content=asked.body, headers=kept
            )
            told = {k: v for k, v in found.headers.items() if k.lower() in ("retry-after",)}
            told |= {k: v for k, v in found.headers.items() if k.lower().startswith("poly-")}
            return Said(found.content, found.status_code, told)

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


class Quiet(ThreadingHTTPServer):
    """A server that is silent about clients which hang up."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def line(url: str = "", socket: str = "", timeout: float = 60.0) -> Iterator[Line]:
    """Yield a line to a service: a URL, a Unix socket, or to nobody."""
    upstream = None
    if socket:
        transport = httpx.HTTPTransport(uds=socket)
        upstream = httpx.Client(base_url="http://socket", transport=transport, timeout=timeout)
    elif url:
        upstream = httpx.Client(base_url=url, timeout=timeout)
    found = Line(upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                said = found.say(Asked(self.command, self.path, body), self.headers)
            except (Cut, httpx.HTTPError):
                self.close_connection = True
                return
            with suppress(OSError):  # who has asked waits no more
                self.send_response(said.status)
                for name, value in {"Content-Type": "application/json", **said.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

        do_GET = do_POST = do_DELETE = do_PUT = _answer  # noqa: N815 - names of http.server

        def log_message(self, *arguments: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        if upstream is not None:
            upstream.close()


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
