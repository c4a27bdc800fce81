"""A small HTTP server of this machine: health, numbers, files. Nobody holds up anybody else.

Each connection has a thread, and one that says nothing is closed. A browser's foreign page whose
name leads here (DNS rebinding) has the foreign name, and is refused.
"""

import socket
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from urllib.parse import urlsplit

from strongroom.errors import BadInput

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::")  # hosts to listen at, not to ask
FOREIGN = "this server has another name: ask for it by its address"
SILENT_S = 10.0  # a scraper that is there has said what it wants long before


class PortInUse(BadInput):
    """Something listens on a port."""


def is_free(port: int) -> bool:
    """Whether nothing listens on a port of this machine now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK[0], port))
        except OSError:
            return False
    return True


def reached_at(host: str) -> str:
    """Return the host at which this machine reaches what listens at one."""
    return LOOPBACK[0] if host in ("", *EVERYWHERE) else host


class OwnPages(BaseHTTPRequestHandler):
    """The base of what answers; it logs nothing."""

    timeout = SILENT_S
    server: "OwnServer"

    def page(self) -> None:
        """Answer a GET that has a name of this server."""
        raise NotImplementedError

    def do_GET(self) -> None:
        """Answer, or refuse a name that is not ours."""
        if is_ours(self.headers.get("Host", ""), self.server.host):
            self.page()
            return
        self.answer(403, "text/plain; charset=utf-8", f"{FOREIGN}\n".encode())

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """Send an answer.

        Args:
            kind: its media type
        """
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of requests."""


class OwnServer(ThreadingHTTPServer):
    """Serves, a thread for each connection; a caller who goes away is no event."""

    daemon_threads = True
    block_on_close = False  # a silent connection holds up no end

    @property
    def host(self) -> str:
        """The address that it listens at."""
        return str(self.socket.getsockname()[0])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a connection that broke."""


def is_ours(asked: str, host: str) -> bool:
    """Whether a Host header is a name of what listens at an address."""
    try:
        name = urlsplit(f"//{asked}").hostname or ""
    except ValueError:
        return False
    return name in LOOPBACK or (host not in LOOPBACK and _is_local(name))


def _is_local(name: str) -> bool:
    """Whether a name can be no foreign page's: an address, a name without a dot (as containers have
    it), or this machine's own."""
    try:
        ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name in _own_names())
    return True


def _own_names() -> Iterable[str]:
    return (socket.gethostname().lower(), socket.getfqdn().lower())
