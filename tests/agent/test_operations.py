"""Logs that keep secrets, metrics that a scraper reads, health with reasons, webhooks."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import httpx
import pytest
from strongroom.keeper.alerts import Alerts
from strongroom.keeper.logs import configure
from strongroom.keeper.metrics import Metrics, serve
from strongroom.keeper.tick import Tick


def keeper(reversals=(3, 20)):
    journal = SimpleNamespace(
        open=lambda: [1, 2], open_tasks=lambda: [1], reversals=lambda: reversals
    )
    return SimpleNamespace(journal=journal)


@pytest.fixture
def metrics():
    found = Metrics()
    server = serve(found, 0, 5.0)
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    server.shutdown()


def state(nav=5_000_000):
    return SimpleNamespace(nav=nav, idle=1_000_000, total_exposure=4_000_000)


def test_metrics_say_what_the_tick_came_to(metrics):
    metrics.observe(keeper(), Tick(1_700, {}, 2, state()), 0.5)
    text = httpx.get(f"{metrics.url}/metrics").text
    for line in (
        "strongroom_nav_assets 5.0",
        "strongroom_exposure_assets 4.0",
        "strongroom_open_orders 2.0",
        "strongroom_reversed_trades 3.0",
        "strongroom_ended_trades 20.0",
        "strongroom_decisions_total 2.0",
        "strongroom_last_tick_timestamp_seconds 1700.0",
    ):
        assert line in text.splitlines()


def test_health_names_what_stops_decisions_and_when_it_is_over(metrics):
    metrics.observe(keeper(), Tick(1, {"clock": "off by 300 s"}, 0, state()), 0.1)
    ill = httpx.get(f"{metrics.url}/health")
    assert (ill.status_code, ill.json()["reasons"]) == (503, {"clock": "off by 300 s"})
    assert 'strongroom_halted{what="clock"} 1.0' in httpx.get(f"{metrics.url}/metrics").text
    metrics.observe(keeper(), Tick(2, {}, 0, state()), 0.1)
    assert httpx.get(f"{metrics.url}/health").json() == {"well": True, "reasons": {}}
    assert 'strongroom_halted{what="clock"} 0.0' in httpx.get(f"{metrics.url}/metrics").text
    metrics.ticked_at -= 61  # twelve intervals of five seconds without a tick
    assert "no tick for" in httpx.get(f"{metrics.url}/health").json()["reasons"]["ticks"]


def test_logs_are_json_lines_without_secrets(tmp_path):
    log = configure(tmp_path / "deep" / "keeper.log")
    log.info("signed", order="0x12", signature="0xdeadbeef", owner_passphrase="open sesame")
    log.warning("halted", why="clock")
    first, second = (
        json.loads(line) for line in (tmp_path / "deep" / "keeper.log").read_text().splitlines()
    )
    assert (first["event"], first["order"]) == ("signed", "0x12")
    assert first["signature"] == first["owner_passphrase"] == "(withheld)"
    assert (second["level"], second["why"]) == ("warning", "clock")


def test_webhooks_get_what_a_person_should_know_and_a_dead_one_holds_nobody_up():
    heard = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    alerts = Alerts([f"http://127.0.0.1:{server.server_port}", "http://127.0.0.1:9"], "0xvault")
    start = time.monotonic()
    alerts("decided", {"question": "not worth it"})
    alerts("halted", {"what": "clock", "why": "off"})
    assert time.monotonic() - start < 1
    deadline = time.monotonic() + 5
    while not heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heard == [{"text": "Strongroom 0xvault: stopped deciding: clock: off"}]
    server.shutdown()
