"""What the doctor says of forecasters: keys, files, services, record, and who heeds them."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from strongroom.setup import source_checks
from strongroom.setup.source_checks import forecaster_checks, unknown_sources

from tests.agent.test_configuration import TEXT
from tests.agent.test_start_checks import config_of

BUYER = (Path(__file__).parents[2] / "docs" / "examples" / "buyer.toml").read_text()
WEIGHS = "desk = 0.3"  # of the example
NOBODY = "http://127.0.0.1:9"
HEAD = "market,chance,evidence_at\n"
PAIRS = """
[venues.ours]
[venues.kalshi]
kind = "kalshi"
url = "{url}"
[[pairs]]
name = "one"
condition = "0x{condition}"
venue = "kalshi"
market = "ONE"
"""


@contextmanager
def service(answer=None, status=200):
    """Yield a service that answers every question so, and the methods and paths it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.command, self.path))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_POST = do_GET  # noqa: N815 - names of http.server

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", asked=asked)
    server.shutdown()
    server.server_close()


def said(folder, monkeypatch, section, *changes):
    """Return the state and words of each row about one forecaster, whose section this is."""
    start, end = TEXT.index("[[forecasters]]"), TEXT.index("# [[forecasters]]")
    one = (TEXT[start:end], f"[[forecasters]]\n{section}\n\n")
    config = config_of(folder, one, *changes)
    monkeypatch.setattr(
        source_checks, "Chain", lambda *_: SimpleNamespace(now=lambda: 1_800_000_000)
    )
    rows = [*forecaster_checks(config), *unknown_sources(config)]
    return [(each.what, each.state.value, each.found) for each in rows]


def csv(name="desk", more=""):
    return f'kind = "csv"\nname = "{name}"\npath = "{name}.csv"\n{more}'


def test_a_file_that_is_there_has_its_columns_and_one_that_is_not_is_wrong(tmp_path, monkeypatch):
    (row, _) = said(tmp_path, monkeypatch, csv())
    assert row[:2] == ("forecaster desk", "wrong") and "desk.csv" in row[2]
    (tmp_path / "desk.csv").write_text("market,evidence_at\n")
    (row, _) = said(tmp_path, monkeypatch, csv())
    assert row[1] == "wrong" and "lacks columns: chance" in row[2]
    (tmp_path / "desk.csv").write_text(HEAD)
    (row, heeded) = said(tmp_path, monkeypatch, csv())
    assert row[1:] == ("ok", f"{tmp_path / 'desk.csv'} can be read")
    assert heeded[1:] == ("note", "informed weighs it; record: no forecast of it has resolved yet")


def test_who_is_heeded_by_no_pack_and_what_is_no_forecaster_is_told(tmp_path, monkeypatch):
    """A name mistyped in one place moves nothing, and nothing else says so."""
    (tmp_path / "desk.csv").write_text(HEAD)
    rows = said(tmp_path, monkeypatch, csv(), (WEIGHS, "dask = 0.3"))
    assert rows[1][1:] == ("note", "no pack heeds it: it is recorded, and moves nothing")
    assert rows[2] == (
        "packs", "note", "[packs.informed.weights] dask is no forecaster of this file"
    )  # fmt: skip
    rows = said(tmp_path, monkeypatch, csv(), (WEIGHS, "desk = 0.0"))
    assert "no pack heeds it" in rows[1][2]


def test_a_signal_is_heeded_by_the_packs_that_listen(tmp_path, monkeypatch):
    (tmp_path / "desk.csv").write_text(HEAD)
    heard = csv(more="signal = true")
    nothing, listens = (WEIGHS, ""), ("sources = []", 'sources = ["desk"]')
    rows = said(tmp_path, monkeypatch, heard, nothing, listens)
    assert rows[1][1:] == ("ok", "a signal for signal")
    rows = said(tmp_path, monkeypatch, heard, nothing)
    assert "no pack heeds it" in rows[1][2]


MODEL = 'kind = "llm"\nname = "desk"\nurl = "{url}"\nmodel = "m"\nkey_env = "MODEL_KEY"\n'


def test_a_models_key_is_there_and_it_is_asked_nothing_that_costs(tmp_path, monkeypatch):
    monkeypatch.delenv("MODEL_KEY", raising=False)
    (row,) = said(tmp_path, monkeypatch, MODEL.format(url=NOBODY) + "enabled = false")
    assert row[1:] == ("note", "off: it is asked for nothing")
    (row, _) = said(tmp_path, monkeypatch, MODEL.format(url=NOBODY))
    assert row[1] == "wrong" and "set the variable that `key_env` names" in row[2]
    monkeypatch.setenv("MODEL_KEY", "hush")
    (row, _) = said(tmp_path, monkeypatch, MODEL.format(url=NOBODY))
    assert row[1] == "wrong" and NOBODY in row[2] and "hush" not in row[2]
    with service(status=405) as there:
        for path in ("/", "/v1/hush?key=hush"):  # a key may stand there
            (row, _) = said(tmp_path, monkeypatch, MODEL.format(url=there.url + path))
            assert row[1] == "ok" and there.url in row[2] and "hush" not in row[2]
        assert there.asked == [("HEAD", "/"), ("HEAD", "/v1/hush?key=hush")]
    for odd in (NOBODY + "/hush?key=hush", "http://me:hush@[::1/", "http://me:hush@a:99999999/"):
        (row, _) = said(tmp_path, monkeypatch, MODEL.format(url=odd))
        assert row[1] == "wrong" and "hush" not in row[2]


def test_of_what_is_paid_for_the_buyers_file_is_read_and_nothing_bought(tmp_path, monkeypatch):
    with service(status=402) as there:
        paid = f'kind = "paid"\nname = "desk"\nurl = "{there.url}"\npath = "buyer.toml"\n'
        (row,) = said(tmp_path, monkeypatch, paid)
        assert row[1:] == ("note", "off: it is asked for nothing")
        (row, _) = said(tmp_path, monkeypatch, paid + "enabled = true")
        assert row[1] == "wrong" and "buyer.toml" in row[2]
        (tmp_path / "buyer.toml").write_text(BUYER)
        monkeypatch.delenv("STRONGROOM_BUYER_PASSPHRASE", raising=False)
        rows = said(tmp_path, monkeypatch, paid + "enabled = true")
        assert [each[1] for each in rows] == ["wrong", "note", "ok", "note"]
        assert rows[0][2] == "does not exist" and "STRONGROOM_BUYER_PASSPHRASE" in rows[1][2]
        assert there.asked == [("HEAD", "/")]


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (500, "wrong")])
def test_each_venue_of_a_file_of_pairs_is_asked_once(tmp_path, monkeypatch, status, state):
    rules = {"market": {"rules_primary": "a", "rules_secondary": "b", "status": "active"}}
    with service(rules, status) as there:
        text = PAIRS.format(url=there.url, condition="12" * 32)
        (tmp_path / "pairs.toml").write_text(text)
        section = 'kind = "reference"\nname = "desk"\npath = "pairs.toml"\n'
        (row, _) = said(tmp_path, monkeypatch, section)
        assert row[1] == state and "alshi" in row[2]
        assert set(there.asked) == {("GET", "/markets/ONE")}
