"""The probe before it has a chain: what a service may answer, and which market it is shown."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from strongroom.chain.position_ids import binary_condition, position_of
from strongroom.errors import Refused
from strongroom.probe.place import find_market
from strongroom.probe.report import ProbeOutcome
from strongroom.probe.services import VenueServices

URL = "http://127.0.0.1:9"


def services(body):
    transport = httpx.MockTransport(lambda asked: httpx.Response(200, json=body))
    return VenueServices(URL, URL, 137, lambda: 7, httpx.Client(transport=transport))


def shown(token):
    tokens = [{"t": str(token), "o": "Yes"}, {"t": str(token + 1), "o": "No"}]
    return {"t": tokens, "mts": 0.01, "mos": 5, "nr": False}


def test_a_market_is_found_by_its_condition():
    found = find_market(services(shown(2**255 + 2**80)), "0x" + "ab" * 32)
    assert (found.token, found.size, found.cash) == (2**255 + 2**80, 5_000_000, 50_000)


def test_a_market_of_the_second_protocol_is_refused_by_name():
    """Its orders are another exchange's: the one that the probe signs for refuses all of them."""
    token = position_of(binary_condition(b"\x42"), 0)
    with pytest.raises(Refused, match="Protocol V2"):
        find_market(services(shown(token)), "0x" + "ab" * 32)


class Brackets(BaseHTTPRequestHandler):
    """Answers JSON that is deeper than anybody reads."""

    def do_GET(self):
        body = b"[" * 100_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Be quiet."""


def test_an_answer_that_nobody_can_read_is_none():
    server = HTTPServer(("127.0.0.1", 0), Brackets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        asked = VenueServices(url, url, 137, lambda: 7)
        assert asked.ask("GET", "/time").outcome() is ProbeOutcome.AWAY
    finally:
        server.shutdown()
        server.server_close()
