"""anvil, as a process of our own: a chain that starts empty, or as a fork of another."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from strongroom.errors import Away

START_S = 20.0


class AnvilMissing(Away):
    """anvil is not installed, or did not start; the message says what to do."""


@contextmanager
def anvil(*options: str, port: int = 0) -> Iterator[str]:
    """Run anvil; yield its URL.

    Args:
        options: of anvil's command line
        port: 0 takes a free one

    Raises:
        AnvilMissing: it is not installed or does not answer.
    """
    binary = shutil.which("anvil") or shutil.which("anvil", path=str(Path("node_modules/.bin")))
    if binary is None:
        raise AnvilMissing("anvil is not installed: run `make setup` in the repository")
    chosen = port or _free_port()
    url = f"http://127.0.0.1:{chosen}"
    command = [binary, "--silent", "--port", str(chosen), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    request = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.post(url, json=request).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AnvilMissing(f"anvil does not answer at {url}: is the port taken, the forked node there?")
