"""The server of ASGI applications over real sockets: nobody holds up anybody else."""

import json
import socket
import threading
import time
from contextlib import contextmanager, suppress

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from strongroom import app_server as served
from strongroom.app_server import MOST_BODY, app_server, opened

SILENT_S = 1.0  # in these tests
PATIENCE_S = 60


async def shown(request):
    body = await request.body()
    return JSONResponse({"bytes": len(body), "who": request.client.host})


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(served, "SILENT_S", SILENT_S)


@contextmanager
def serving(**how):
    running, door = (
        app_server(Starlette(routes=[Route("/", shown, methods=["GET", "POST"])]), 1, **how),
        opened("127.0.0.1", 0),
    )
    thread = threading.Thread(target=running.run, args=([door],), daemon=True)
    thread.start()
    try:
        yield door.getsockname()[1]
    finally:
        running.should_exit = True
        thread.join()
        door.close()


def said(port, *parts, pause=0.0):
    """Send parts, then listen until the other side ends; return all it said."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(pause)
        found = b""
        while more := line.recv(65_536):
            found += more
    return found


HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "parts", [(), (b"POST",), (HEAD,), (WHOLE, b"POST / HTTP/1.1\r\nHos")],
    ids=["silent", "half a line", "half a head", "half a second request"],
)  # fmt: skip
def test_half_a_request_is_ended(short, parts):
    with serving() as port:
        found = said(port, *parts)  # raises TimeoutError where nobody ends it
    assert found.count(b"HTTP/1.1 200") == (WHOLE in parts)


def test_a_body_that_does_not_end_is_refused_in_words(short):
    with serving() as port:
        found = said(port, HEAD + b"Content-Length: 9\r\n\r\n{")
    assert found.startswith(b"HTTP/1.1 408") and b"send it whole" in found


def test_a_body_that_drips_is_refused_though_it_is_never_silent(short):
    with serving() as port:
        line = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        line.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|pipe|ended"):
            for _ in range(600):
                line.sendall(b"x")
                time.sleep(0.1)
        line.close()


@pytest.mark.parametrize("how", ["told", "in pieces"])
def test_a_body_that_is_too_large_is_refused(how):
    with serving() as port:
        body = b"x" * (MOST_BODY + 1)
        if how == "in pieces":
            body = iter([body])
        answer = httpx.post(f"http://127.0.0.1:{port}/", content=body, timeout=PATIENCE_S)
        assert answer.status_code == 413
        kept = httpx.post(f"http://127.0.0.1:{port}/", content=b"x" * MOST_BODY)
        assert kept.json()["bytes"] == MOST_BODY


def test_whoever_sends_far_too_much_still_reads_why():
    """A connection that closes while more comes is reset, and its answer is lost."""
    with serving() as port:
        for _ in range(20):
            answer = httpx.post(f"http://127.0.0.1:{port}/", content=b"x" * 5_000_000,
                                timeout=PATIENCE_S)  # fmt: skip
            assert answer.status_code == 413 and "send less" in answer.text


def test_a_body_without_an_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(served, "FORGONE", 2**20)
    sent = [0]

    def endless():
        while True:
            sent[0] += 2**16
            yield b"x" * 2**16

    with serving() as port, suppress(httpx.TransportError):
        answer = httpx.post(f"http://127.0.0.1:{port}/", content=endless(), timeout=PATIENCE_S)
        assert answer.status_code == 413
    assert sent[0] < 2**26  # what lies in buffers on the way, too


def test_many_silent_ones_hold_up_nobody():
    with serving() as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S).status_code == 200
        for each in silent:
            each.close()


def test_more_than_it_can_hold_are_told_so(monkeypatch):
    monkeypatch.setattr(served, "MOST_CONNECTIONS", 5)
    with serving() as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(6)]
        time.sleep(0.5)
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S).status_code == 503
        for each in silent:
            each.close()


def test_whoever_connects_is_who_asks_unless_a_proxy_is_named():
    """A proxy on this machine that passes its caller's own header on would let everybody choose
    an address."""
    asked = {"X-Forwarded-For": "192.0.2.7"}
    with serving() as port:
        found = httpx.get(f"http://127.0.0.1:{port}/", headers=asked).json()
        assert found["who"] == "127.0.0.1"
    with serving(proxies=("127.0.0.1",)) as port:
        two = {"X-Forwarded-For": "203.0.113.9, 192.0.2.7"}  # the proxy added the second
        for headers in (asked, two):
            answer = httpx.get(f"http://127.0.0.1:{port}/", headers=headers)
            assert json.loads(answer.text)["who"] == "192.0.2.7"
