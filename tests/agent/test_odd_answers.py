"""Answers that are no answer, from whatever is at an address: an error of ours by name, and the
process lives. A text of 100,000 brackets ends Python where `json.loads` reads it."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from strongroom.audit.node import Node
from strongroom.chain.jsonrpc import JsonRpc
from strongroom.cosigner.client import CosignerClient
from strongroom.errors import Away, Refused
from strongroom.execution.venues.relayer import RelayerClient
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
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

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
