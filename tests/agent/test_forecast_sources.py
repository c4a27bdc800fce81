"""Forecast plug-ins against a real HTTP server: what is no forecast is refused."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from strongroom.information.forecast import (
    BadForecast,
    CsvForecaster,
    ForecasterAway,
    Given,
    HttpForecaster,
    LlmForecaster,
)

from tests.agent.market_record import MARKET

NOW = 1_770_000_000


@pytest.fixture
def source():
    """A server that answers every POST with `answer`, and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers["Content-Length"])
            server.asked.append((dict(self.headers), json.loads(self.rfile.read(length))))
            body = json.dumps(server.answer).encode()
            self.send_response(server.status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answer, server.status = [], [], 200
    server.url = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize("chance", [1.2, -0.1, float("nan"), "often", None])
def test_what_is_no_probability_is_refused(chance, source, tmp_path):
    with pytest.raises(BadForecast):
        Given("any", MARKET.condition_id, chance, NOW, NOW)
    source.answer = [{"market": MARKET.condition_id, "chance": chance, "evidence_at": NOW}]
    with pytest.raises(BadForecast):
        HttpForecaster(source.url).forecast([MARKET], NOW)
    path = tmp_path / "forecasts.csv"
    path.write_text(f"market,chance,evidence_at\n{MARKET.condition_id},{chance},{NOW}\n")
    with pytest.raises(BadForecast):
        CsvForecaster(path).forecast([MARKET], NOW)


def test_http_asks_for_all_and_keeps_what_else_is_said(source):
    source.answer = [
        {"market": MARKET.condition_id, "chance": 0.3, "evidence_at": NOW - 5, "model": "m1"},
        {"market": "0xelse", "chance": 7, "evidence_at": 0},
    ]
    (given,) = HttpForecaster(source.url, "mine").forecast([MARKET], NOW)
    assert (given.chance, given.evidence_at, given.frozen_at) == (0.3, NOW - 5, NOW)
    assert given.detail == {"model": "m1"}
    ((_, asked),) = source.asked
    assert asked["questions"][0]["market"] == MARKET.condition_id


def test_a_source_that_is_away_or_talks_nonsense(source, tmp_path):
    source.status = 500
    with pytest.raises(ForecasterAway):
        HttpForecaster(source.url).forecast([MARKET], NOW)
    with pytest.raises(ForecasterAway):
        CsvForecaster(tmp_path / "none.csv").forecast([MARKET], NOW)
    source.status, source.answer = 200, {"sorry": 1}
    with pytest.raises(BadForecast, match="not a list"):
        HttpForecaster(source.url).forecast([MARKET], NOW)
    path = tmp_path / "odd.csv"
    path.write_text(f"market,chance\n{MARKET.condition_id},0.5\n")
    with pytest.raises(BadForecast):
        CsvForecaster(path).forecast([MARKET], NOW)


def test_of_several_rows_the_last_counts(tmp_path):
    path = tmp_path / "forecasts.csv"
    rows = "".join(f"{MARKET.condition_id},{chance},{NOW}\n" for chance in (0.1, 0.2, 0.3))
    path.write_text(f"market,chance,evidence_at\n{rows}0xelse,9,1\n")
    (given,) = CsvForecaster(path).forecast([MARKET], NOW)
    assert given.chance == 0.3


def test_a_language_model_is_off_by_default_and_leaves_its_record(source):
    text = json.dumps({"chance": 0.42, "why": "because"})
    source.answer = {
        "choices": [{"message": {"content": text}}],
        "usage": {"total_tokens": 500},
    }
    off = LlmForecaster(source.url, "a-model", "secret-key")
    assert off.forecast([MARKET], NOW) == [] and source.asked == []
    on = LlmForecaster(source.url, "a-model", "secret-key", True, dollars_per_million_tokens=4)
    (given,) = on.forecast([MARKET], NOW)
    assert given.chance == 0.42
    assert given.detail["dollars"] == "0.002000" and given.detail["tokens"] == 500
    assert MARKET.question in given.detail["prompt"] and given.detail["answer"] == text
    ((headers, _),) = source.asked
    assert headers["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in repr(on) + json.dumps(dict(given.detail))
    source.answer = {"choices": [{"message": {"content": "I think it is likely."}}]}
    with pytest.raises(BadForecast, match="does not answer as asked"):
        on.forecast([MARKET], NOW)
