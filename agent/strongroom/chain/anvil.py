"""anvil, as a process of our own: a chain that starts empty, or as a fork of another."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx

from strongroom.chain.artifacts import INSTALL, NODE_MODULES
from strongroom.errors import Away, Refused

HOST = "127.0.0.1"
START_S = 120.0  # a first start, from a slow disk, on a busy machine
END_S = 60.0  # of a long chain
PORTS_TRIED = 3  # where the caller named none: another process may be quicker


class AnvilMissing(Away):
    """anvil is not installed, or did not start; the message says what to do."""


class PortTaken(Refused):
    """Somebody listens on the port already; the message says who."""


@contextmanager
def anvil(*options: str, port: int = 0) -> Iterator[str]:
    """Run anvil; yield its URL. It ends with the block, and so do the old states it keeps on disk.

    Args:
        options: of anvil's command line
        port: 0 takes a free one

    Raises:
        AnvilMissing: it is not installed or does not answer.
        PortTaken: something listens on the port.
    """
    with tempfile.TemporaryDirectory(prefix="anvil-", ignore_cleanup_errors=True) as states:
        command = [find_anvil(), "--silent", "--cache-path", states, *options]
        process, url = _start(command, port) if port else _start_anywhere(command)
        try:
            yield url
        finally:
            _end(process, url)


def _start_anywhere(command: list[str]) -> "tuple[subprocess.Popen[bytes], str]":
    """Start on a free port; on another one if that port was taken meanwhile."""
    for _ in range(PORTS_TRIED - 1):
        with suppress(AnvilMissing, PortTaken):
            return _start(command, free_port())
    return _start(command, free_port())


def _start(command: list[str], port: int) -> "tuple[subprocess.Popen[bytes], str]":
    """Start on a port; return the process and its URL once it answers."""
    check_port(port, "port")
    url = f"http://{HOST}:{port}"
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url, process)
    except BaseException:
        _end(process, url)
        raise
    return process, url


def _end(process: "subprocess.Popen[bytes]", url: str) -> None:
    process.terminate()
    process.wait(timeout=END_S)
    _wait_until_free(int(url.rpartition(":")[2]))  # npm's program is a shell, and ends before anvil


def find_anvil() -> str:
    """Return the program: of npm's packages here or in ~/.strongroom, else of PATH.

    Raises:
        AnvilMissing: it is in none of them.
    """
    places = [str(place / ".bin") for place in NODE_MODULES]
    found = shutil.which("anvil", path=os.pathsep.join(places)) or shutil.which("anvil")
    if found is None:
        raise AnvilMissing(f"anvil is not installed: {INSTALL}")
    return found


def check_port(port: int, option: str) -> None:
    """Say who listens on a port of this machine, if somebody does.

    Args:
        option: by which the caller names another port

    Raises:
        PortTaken: somebody does.
    """
    if _is_free(port):
        return
    who = _listener(f"http://{HOST}:{port}")
    raise PortTaken(f"port {port} is taken by {who}: end it, or name another port (--{option})")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _wait_until_free(port: int) -> None:
    deadline = time.monotonic() + END_S
    while not _is_free(port) and time.monotonic() < deadline:
        time.sleep(0.01)


def _listener(url: str) -> str:
    """Return what listens at a URL, in words."""
    try:
        answer = _ask(url, "eth_chainId").json()
        client = _ask(url, "web3_clientVersion").json()
        return f"a chain (id {int(answer['result'], 16)}, {client['result']})"
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return "another service"


def free_port() -> int:
    """Return a port of this machine on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _ask(url: str, method: str) -> httpx.Response:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": []}
    return httpx.post(url, json=request, timeout=5).raise_for_status()


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _ask(url, "eth_chainId")
            return
        except httpx.HTTPError:
            time.sleep(0.05)
    raise AnvilMissing(f"anvil does not answer at {url}: is the port taken, the forked node there?")
