"""Forecast plug-ins against a real HTTP server: what is no forecast is refused."""

import json
import threading
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from strongroom.information.forecast import (
    Answers,
    BadForecast,
    CsvForecaster,
    ForecasterAway,
    Given,
    HttpForecaster,
    LlmForecaster,
    said_in,
)
from strongroom.information.sources import Sources

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


@pytest.mark.parametrize("chance", [1.2, -0.1, float("nan"), "often", None, True])
def test_what_is_no_probability_is_refused_and_named(chance, source, tmp_path):
    with pytest.raises(BadForecast):
        Given("any", MARKET.condition_id, chance, NOW, NOW)
    source.answer = [{"market": MARKET.condition_id, "chance": chance, "evidence_at": NOW}]
    path = tmp_path / "forecasts.csv"
    path.write_text(f"market,chance,evidence_at\n{MARKET.condition_id},{chance},{NOW}\n")
    for each in (HttpForecaster(source.url), CsvForecaster(path)):
        found = each.forecast([MARKET], NOW)
        assert found.given == () and len(found.problems) == 1


def test_http_asks_for_all_and_keeps_what_else_is_said(source):
    source.answer = [
        {"market": MARKET.condition_id, "chance": 0.3, "evidence_at": NOW - 5, "model": "m1"},
        {"market": "0xelse", "chance": 7, "evidence_at": 0},
    ]
    (given,) = HttpForecaster(source.url, "mine").forecast([MARKET], NOW).given
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
    found = CsvForecaster(path).forecast([MARKET], NOW)
    assert [given.chance for given in found.given] == [0.3]
    assert found.problems == ("csv: 1 rows are of no market that is watched",)


def test_a_language_model_is_off_by_default_and_leaves_its_record(source):
    text = json.dumps({"chance": 0.42, "why": "because"})
    source.answer = {
        "choices": [{"message": {"content": text}}],
        "usage": {"total_tokens": 500},
    }
    off = LlmForecaster(source.url, "a-model", "secret-key")
    assert off.forecast([MARKET], NOW) == Answers() and source.asked == []
    on = LlmForecaster(source.url, "a-model", "secret-key", True, dollars_per_million_tokens=4)
    found = on.forecast([MARKET], NOW)
    (given,) = found.given
    assert given.chance == 0.42 and found.dollars == Decimal("0.002")
    assert given.evidence_at is None  # it does not say: unknown, not the time of the answer
    assert given.detail["dollars"] == "0.002000" and given.detail["tokens"] == 500
    assert MARKET.question in given.detail["prompt"] and given.detail["answer"] == text
    ((headers, _),) = source.asked
    assert headers["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in repr(on) + json.dumps(dict(given.detail))
    source.answer = {"choices": [{"message": {"content": "I think it is likely."}}]}
    found = on.forecast([MARKET], NOW)
    assert found.given == () and "does not answer as asked" in found.problems[-1]


GOOD = {"chance": 0.4, "evidence_at": NOW - 5}
TIMES = {
    "ISO without a zone": ("2026-01-01T00:00:00", "no timestamp"),
    "a day": ("2026-01-01", "no timestamp"),
    "no day": ("2026-02-30T00:00:00Z", "no timestamp"),
    "milliseconds": (NOW * 1000, "no timestamp"),
    "zero": (0, "no timestamp"),
    "a flag": (True, "no timestamp"),
    "not a number": (float("nan"), "no timestamp"),
    "an object": ({}, "no timestamp"),
}


def markets(count):
    return [replace(MARKET, condition_id=f"0x{number:064x}") for number in range(count)]


@pytest.mark.parametrize(("time", "words"), TIMES.values(), ids=TIMES)
def test_one_bad_time_of_two_costs_itself(time, words, source):
    good, bad = markets(2)
    source.answer = [
        {"market": bad.condition_id, "chance": 0.4, "evidence_at": time},
        {"market": good.condition_id.upper().replace("0X", "0x"), **GOOD},
    ]
    found = HttpForecaster(source.url).forecast([good, bad], NOW)
    assert [each.market for each in found.given] == [good.condition_id]
    (problem,) = found.problems
    assert words in problem and "answer 0" in problem


@pytest.mark.parametrize("item", [None, 7, "x", [], {}, {"market": None}, {"market": {}}])
def test_an_item_of_another_shape_costs_itself(item, source):
    source.answer = [item, {"market": MARKET.condition_id, **GOOD}]
    found = HttpForecaster(source.url).forecast([MARKET], NOW)
    assert len(found.given) == 1
    source.answer = item
    with pytest.raises(BadForecast if item != [] else AssertionError):
        assert HttpForecaster(source.url).forecast([MARKET], NOW).given


def test_a_time_that_the_source_does_not_know_is_unknown(source):
    source.answer = [{"market": MARKET.condition_id, "chance": 0.4, "evidence_at": None}]
    (given,) = HttpForecaster(source.url).forecast([MARKET], NOW).given
    assert given.evidence_at is None


def test_a_file_as_programs_write_it(tmp_path):
    """A byte-order mark, a time with a fraction, ids in upper case, an empty and a half row."""
    one, two, three = (each.condition_id for each in markets(3))
    path = tmp_path / "forecasts.csv"
    path.write_text(
        "\ufeffMarket, chance ,evidence_at\n"
        f"0x{one[2:].upper()},0.25,1700000000.0\n"
        ",,\n"
        f"{two},0.5\n"
        f"{three},0.75,1700000001\n"
        "0xelse,9,1\n"
    )
    found = CsvForecaster(path).forecast(markets(3), NOW)
    assert [(each.market, each.chance, each.evidence_at) for each in found.given] == [
        (one, 0.25, 1_700_000_000),
        (three, 0.75, 1_700_000_001),
    ]
    assert found.problems == (
        "csv: line 3: names no market",
        "csv: line 4: lacks evidence_at",
        "csv: 1 rows are of no market that is watched",
    )


NAMED = {
    "a percentage": {"market": "M", "chance": "40%", "evidence_at": NOW - 5},
    "other names": {"conditionId": "M", "p_yes": "0.4", "p_no": 0.6, "Newest evidence": NOW - 5},
    "an ISO time": {"condition-id": "M", "probability": 0.4, "evidence_at": "2026-02-02T02:39:55Z"},
    "of another zone": {
        "market": "M", "prob": 0.4, "evidence_at": "2026-02-02T03:39:54.5+01:00",
    },
    "twice the same": {"market": "M", "chance": 0.4, "p": 0.4, "evidence_at": NOW - 5},
}  # fmt: skip


@pytest.mark.parametrize("item", NAMED.values(), ids=NAMED)
def test_common_names_and_forms_are_read(item, source):
    """NOW is 2026-02-02T02:40:00Z; a part of a second counts as the next one."""
    said = {name: MARKET.condition_id if each == "M" else each for name, each in item.items()}
    for source.answer in ([said], {"forecasts": [said]}):
        (given,) = HttpForecaster(source.url).forecast([MARKET], NOW).given
        assert (given.chance, given.evidence_at) == (0.4, NOW - 5)


ODD = ("[" * 9_000, '{"a":' * 1_600, "{" * 9_999, "}" * 9_999, '"{' * 400)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_an_answer_of_any_depth_is_none(odd):
    with pytest.raises(BadForecast, match="does not answer as asked"):
        said_in(odd)
    assert said_in(odd + " " * 10_000 + SAID)["chance"] == 0.4


def test_who_says_two_things_is_not_read(source):
    source.answer = [{"market": MARKET.condition_id, **GOOD, "probability": 0.6}]
    found = HttpForecaster(source.url).forecast([MARKET], NOW)
    assert found.given == () and "says chance twice: 0.4 and 0.6" in found.problems[0]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_file_between_whose_columns_stands_something_else(mark, tmp_path):
    path, one = tmp_path / "forecasts.csv", MARKET.condition_id
    comma = "," if mark == ";" else "."
    rows = (("condition_id", "probability", "evidence_at"), (one, f"0{comma}4", f"{NOW}{comma}0"))
    path.write_text("\ufeff" + "".join(mark.join(row) + "\r\n" for row in rows))
    (given,) = CsvForecaster(path).forecast([MARKET], NOW).given
    assert (given.chance, given.evidence_at) == (0.4, NOW)


def test_a_file_of_any_bytes_ends_nothing(tmp_path):
    path = tmp_path / "forecasts.csv"
    head, row = b"market,chance,evidence_at\n", f"{MARKET.condition_id},0.5,{NOW}\n".encode()
    for odd in (b"\xff\xfe,\x80,1\n", b'"' + b"x" * 200_000 + b"\n", b"\x00,1,2\n"):
        path.write_bytes(head + row + odd)
        assert len(CsvForecaster(path).forecast([MARKET], NOW).given) == 1
    path.write_bytes(b"")
    with pytest.raises(BadForecast, match="lacks columns"):
        CsvForecaster(path).forecast([MARKET], NOW)


def chat(content, tokens=500):
    return {"choices": [{"message": {"content": content}}], "usage": {"total_tokens": tokens}}


SAID = json.dumps(GOOD)
SPOKEN = {
    "bare": SAID,
    "in a fence": f"```json\n{SAID}\n```",
    "in a fence without a name": f"```\n{SAID}\n```",
    "after thoughts": f'<think>{{"chance": 0.9}} or less?</think>\n{SAID}',
    "amid words": f"Here it is: {SAID}. Good luck!",
    "nested": f'So: {{"why": {{"a": [1, {{}}]}}, {SAID[1:]}.',
    "beside another": f'{{"why": "b"}} {{ {SAID}',
    "with its percentage": SAID.replace("0.4", '"40%"'),
    "in parts": [{"type": "text", "text": SAID[:9]}, {"type": "text", "text": SAID[9:]}],
}


@pytest.mark.parametrize("content", SPOKEN.values(), ids=SPOKEN)
def test_the_json_in_a_models_answer_is_read(content, source):
    source.answer = chat(content)
    (given,) = LlmForecaster(source.url, "m", "k", True).forecast([MARKET], NOW).given
    assert (given.chance, given.evidence_at) == (0.4, NOW - 5)


UNSPOKEN = {
    "words": chat("likely"),
    "two that differ": chat('{"chance": 0.1} or {"chance": 0.9}'),
    "no chance": chat('{"why": "because"}'),
    "deep": chat("[" * 100_000),
    "null": chat(None),
    "no choices": {"choices": []},
    "choices null": {"choices": None},
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("answer", UNSPOKEN.values(), ids=UNSPOKEN)
def test_an_answer_without_a_forecast_is_a_problem(answer, source):
    source.answer = answer
    found = LlmForecaster(source.url, "m", "k", True).forecast([MARKET], NOW)
    assert found.given == () and "does not answer as asked" in found.problems[-1]


def test_of_five_answers_the_four_good_ones_are_kept_and_all_are_paid_for(source, monkeypatch):
    model = LlmForecaster(source.url, "m", "k", True, dollars_per_million_tokens=4)
    said = iter([chat(SAID), chat(SAID), chat("I refuse"), chat(SAID), chat(SAID)])
    monkeypatch.setattr(model, "_ask", lambda prompt: next(said))
    found = model.forecast(markets(5), NOW)
    assert len(found.given) == 4 and len(found.problems) == 1
    assert found.dollars == 5 * Decimal("0.002")


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": None}, "many"])
def test_a_cost_that_is_not_told_is_unknown(usage, source):
    source.answer = chat(SAID) | {"usage": usage}
    found = LlmForecaster(source.url, "m", "k", True).forecast([MARKET], NOW)
    assert found.given[0].detail["dollars"] is None
    assert found.problems == ("llm: an answer does not say its tokens: cost unknown",)


def test_a_round_ends_in_time_and_the_next_begins_with_the_rest(source, monkeypatch):
    now = [0.0]
    model = LlmForecaster(source.url, "m", "k", True, budget_s=10, clock=lambda: now[0])
    asked = []

    def answer(prompt):
        now[0] += 4
        asked.append(prompt)
        return chat(SAID)

    monkeypatch.setattr(model, "_ask", answer)
    first = model.forecast(markets(5), NOW)
    assert len(first.given) == 3
    assert first.problems == ("llm: 2 markets were not asked about: 10 s are over",)
    second = model.forecast(markets(5), NOW + 900)
    assert [each.market for each in second.given[:2]] == [
        each.condition_id for each in markets(5)[3:]
    ]


def test_a_model_that_does_not_answer_is_left_alone(source):
    source.status = 500
    found = LlmForecaster(source.url, "m", "k", True).forecast(markets(9), NOW)
    assert len(source.asked) == 2
    assert found.problems[-1] == "llm: 7 markets were not asked about: it does not answer"


def test_a_plug_in_that_fails_costs_itself():
    """In any way: what others have said stays."""

    class Broken:
        name = "broken"

        def forecast(self, markets, now):
            raise ZeroDivisionError("of the plug-in")

    class Good:
        name = "good"

        def forecast(self, markets, now):
            return Answers((Given("good", MARKET.condition_id, 0.4, now, None),))

    sources = Sources(None, None, forecasters=[Broken(), Good()])
    problems = []
    sources._refresh_forecasts(NOW, [MARKET], problems)
    assert [each.source for each in sources._forecasts[MARKET.condition_id]] == ["good"]
    assert problems == ["broken fails: ZeroDivisionError('of the plug-in')"]
