"""Answers that are no answer, from whatever is at an address: an error of ours by name, and the
process lives. A text of 100,000 brackets ends Python where `json.loads` reads it, and one that
comes a byte at a time keeps every time-out happy."""

import gzip
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import ApiCreds
from strongroom.audit.node import Node
from strongroom.chain.failures import ChainAway
from strongroom.chain.jsonrpc import JsonRpc
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.cosigner.client import CosignerClient
from strongroom.errors import Away, Refused
from strongroom.execution.venues.clob import MOST_PAGES, Clob
from strongroom.execution.venues.relayer import RelayerClient
from strongroom.journal.states import AnswerKind
from strongroom.signing.venue_requests import Credentials

DEEP = b"[" * 100_000
ANSWERS = [
    DEEP,
    b"",
    b"null",
    b"{}",
    b"[]",
    b'"text"',
    b"7",
    b"<html>",
    b"\xff\xfe",
    b'{"owner": 5}',
]


@pytest.fixture(params=[(status, body) for body in ANSWERS for status in (200, 403)], ids=repr)
def url(request):
    status, body = request.param

    class Odd(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_cosigner(url):
    client = CosignerClient(url, b"s" * 32)
    with pytest.raises((Away, Refused)):
        _ = client.address


def test_a_node_of_the_auditor(url):
    with pytest.raises(Away):
        Node(url, pause=lambda _: None).ask("eth_blockNumber")


def test_a_node_of_the_keeper(url):
    with pytest.raises((Away, Refused)):
        JsonRpc(url).request("eth_blockNumber")


def test_a_relayer(url):
    client = RelayerClient(url, Credentials("key", "c2VjcmV0", "word"), lambda: 1_700_000_000)
    with pytest.raises((Away, Refused)):
        client.look("7")


ORDER = "0x" + "12" * 32


def test_the_venue_behind_the_official_client(url):
    key = "0x" + "11" * 32
    venue = Clob(ClobClient(url, 137, key=key, creds=ApiCreds("a", "czNjcmV0", "c")))
    assert venue.look(ORDER).kind in (AnswerKind.SILENT, AnswerKind.REFUSED)
    assert venue.heartbeat().kind in (AnswerKind.SILENT, AnswerKind.ACCEPTED)
    assert venue.time() in (None, 7)
    venue.trades(ORDER, ORDER)
    venue.cancel(ORDER)


@pytest.fixture
def pages():
    """A service whose pages of trades have no end."""
    asked = []

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = b'{"data": [], "next_cursor": "MTAw"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_pages_without_end_are_no_answer(pages):
    url, asked = pages
    key = "0x" + "11" * 32
    venue = Clob(ClobClient(url, 137, key=key, creds=ApiCreds("a", "czNjcmV0", "c")))
    assert venue.trades(ORDER, ORDER) is None
    assert len(asked) == MOST_PAGES


class Slow(httpx.SyncByteStream):
    """A byte for each second of a clock, without end."""

    def __init__(self, clock):
        self.clock = clock

    def __iter__(self):
        while True:
            self.clock[0] += 1
            yield b" "


class Dripping(httpx.BaseTransport):
    """A service that never comes to the end."""

    def __init__(self, clock):
        self.clock = clock

    def handle_request(self, request):
        return httpx.Response(200, stream=Slow(self.clock))


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"max_s": 5.0}, "more than 5 s"),
        ({"max_s": 1e9, "max_bytes": 99}, "more than 99 bytes"),
    ],
)
def test_an_answer_that_does_not_end_is_none(limits, told):
    clock = [0.0]
    whole = WholeAnswers(Dripping(clock), stopwatch=lambda: clock[0], **limits)
    with httpx.Client(transport=whole) as http, pytest.raises(httpx.ReadError, match=told):
        http.get("http://there")


def test_a_compressed_answer_is_read_and_its_words_are_the_same():
    packed = gzip.compress(b'{"a": [1, 2]}')
    there = httpx.MockTransport(
        lambda request: httpx.Response(200, content=packed, headers={"Content-Encoding": "gzip"})
    )
    with httpx.Client(transport=WholeAnswers(there)) as http:
        assert http.get("http://there").json() == {"a": [1, 2]}


@pytest.fixture
def dripping():
    """A service that sends a byte now and then, and never comes to the end."""
    ended = threading.Event()

    class Drip(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Length", str(10**9))
            self.end_headers()
            with suppress(OSError):
                while not ended.wait(0.02):
                    self.wfile.write(b" ")

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    ended.set()
    server.shutdown()
    server.server_close()


def test_a_node_that_sends_a_byte_now_and_then_is_away(dripping):
    """No single read takes long, so that no time-out of the connection helps."""
    start = time.monotonic()
    with pytest.raises(ChainAway, match="does not answer"):
        JsonRpc(dripping, timeout_s=0.3).request("eth_blockNumber")
    assert time.monotonic() - start < 10


def test_a_cosigner_that_sends_a_byte_now_and_then_is_away(dripping):
    with pytest.raises(Away):
        _ = CosignerClient(dripping, b"s" * 32, timeout_s=0.3).address
