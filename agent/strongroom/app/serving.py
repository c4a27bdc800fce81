"""The app on this machine: its folder over HTTP, for this machine alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from strongroom.own_server import FOREIGN, LOOPBACK, SILENT_S, OwnServer, PortInUse, is_ours

HOST = LOOPBACK[0]


class _Files(SimpleHTTPRequestHandler):
    """Hands out files; the page is made anew at each start, so nothing is kept."""

    timeout = SILENT_S

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Find the file, or refuse a name that is not ours: a foreign page whose name leads here
        (DNS rebinding) would read the node's URL."""
        if is_ours(self.headers.get("Host", ""), HOST):
            return super().send_head()
        self.send_error(403, FOREIGN)
        return None

    def end_headers(self) -> None:
        """Add what a page with a wallet needs: no other page may frame it."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of requests."""


@contextmanager
def port_for(folder: Path, port: int) -> Iterator[OwnServer]:
    """Hold a port for a folder while the block runs: nothing is answered before `answering`.

    Args:
        port: 0 takes a free one

    Raises:
        PortInUse: see the class.
    """
    try:
        server = OwnServer((HOST, port), partial(_Files, directory=str(folder)))
    except OSError as error:
        raise PortInUse(f"port {port} is in use: name another one with --port") from error
    try:
        yield server
    finally:
        server.server_close()


@contextmanager
def answering(server: OwnServer) -> Iterator[str]:
    """Answer at a port while the block runs; yield its URL."""
    thread = Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
