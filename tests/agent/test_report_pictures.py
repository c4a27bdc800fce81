"""The pictures of a backtest's page, and two runs side by side: every number has its place."""

import csv
import json
import re
from html import unescape
from statistics import NormalDist
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from strongroom.app.chart import Band, Series, bar_chart, line_chart
from strongroom.app.render import render
from strongroom.backtest.figures import drawdown_spread, grouped_evenly, wilson
from strongroom.cli.main import command

from tests.agent.test_verdict import quoted

SMALL = """
name = "NAME"
fills = ["realistic", "pessimistic"]
[data]
tickers = ["AAPL"]
last_h = 96
end = 2025-12-06T00:00:00Z
[packs.tail]
wins = 832
total = 840
latest_h = HOURS
[sizing]
rule = "tiers"
[limits]
category_bps = 9000
[run]
every_s = 21600
capacity = [10]
"""


def typed(*words):
    return CliRunner().invoke(command, [*map(str, words)])


def values_of(page, name):
    found = re.search(rf"id='{name}'.*?data-values='(.*?)'", page, re.S)
    return json.loads(unescape(found[1]))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs that differ in one setting."""
    folder = tmp_path_factory.mktemp("runs")
    for name, hours in (("early", 3), ("late", 40)):
        (folder / f"{name}.toml").write_text(
            SMALL.replace("NAME", name).replace("HOURS", str(hours))
        )
        done = typed("backtest", folder / f"{name}.toml", "--out", folder / name)
        assert done.exit_code == 0, done.output
    return folder


def test_another_folder_of_results_forgets_no_try(runs, tmp_path):
    """The same again is no new try; the other one counts, wherever it was written."""
    out = tmp_path / "far" / "away"
    assert typed("backtest", runs / "early.toml", "--out", out).exit_code == 0
    assert json.loads((out / "result.json").read_text())["tries_on_this_data"] == 2


def test_without_a_record_of_tries_nothing_runs(runs, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("STRONGROOM_TRIES", str(tmp_path / "file" / "tries"))
    done = typed("backtest", runs / "early.toml", "--out", tmp_path / "out")
    assert done.exit_code == 2 and "set STRONGROOM_TRIES to a folder" in done.output
    assert not (tmp_path / "out").exists()


def test_an_area_goes_along_its_upper_ends_and_back():
    """By hand: y from 0 to 4 over 182 units, upwards; x from 92 to 632."""
    line = Series("a", ((0.0, 2.0), (10.0, 2.0)))
    chart = line_chart("c", "C", [line], bands=[Band("range", ((0.0, 0.0, 4.0), (10.0, 1.0, 3.0)))])
    (area,) = chart.areas
    assert area.path == "M92.0,18.0L632.0,63.5L632.0,154.5L92.0,200.0z" and area.style == "band"
    assert chart.lines[0].points == "92.0,109.0 632.0,109.0"
    strokes = Band("ends", ((5.0, 0.0, 4.0),), whiskers=True)
    whiskers = line_chart("w", "W", [line], bands=[strokes])
    assert whiskers.areas[0].path == "M362.0,200.0V18.0"
    assert "strokes: ends" in whiskers.legend and json.loads(whiskers.values)["ends"] == [[5, 0, 4]]
    assert [(dot.x, dot.y) for dot in whiskers.dots] == [(92.0, 109.0), (632.0, 109.0)]
    assert '<path class="whiskers" d="M362.0,200.0V18.0">' in render("chart.svg", chart=whiskers)


def test_bars_say_their_whole_names():
    long = "a-name-that-is-longer-than-any-column"
    chart = bar_chart("b", "B", [(long, -5.0), ("won", 10.0)], "units")
    assert [text.text for text in chart.texts] == [long, "-5.00", "won", "+10.00"]
    widths = [float(re.search(r"h(-?[\d.]+)", mark.path)[1]) for mark in chart.marks]
    assert widths[1] == pytest.approx(-2 * widths[0], abs=0.1)


def test_an_interval_of_wilson_is_where_the_score_test_turns():
    """Its ends are the chances at which what was seen lies 1.96 standard errors away."""
    for part, of in ((0.97, 100), (0.5, 8), (1.0, 20), (0.0, 20)):
        low, high = wilson(part, of)
        z = NormalDist().inv_cdf(0.975)
        for end in {low, high} - {0.0, 1.0}:
            assert abs(part - end) / (end * (1 - end) / of) ** 0.5 == pytest.approx(z, abs=1e-5)
    assert wilson(1.0, 20)[1] == 1.0 and wilson(0.0, 20)[0] == 0.0


def test_claims_are_grouped_evenly():
    pairs = [(n / 100, n % 2) for n in range(100)]
    groups = grouped_evenly(pairs)
    assert [each.markets for each in groups] == [20] * 5
    assert groups[0].price == pytest.approx(0.095) and groups[0].won == 0.5
    assert grouped_evenly([]) == [] and len(grouped_evenly(pairs[:7])) == 1


def a_run(profits):
    """Events that pay one a day, by what they brought of NAV; without fees."""
    days = range(1, len(profits) + 1)
    events = [quoted(day, each, date=f"{day:02}") for day, each in zip(days, profits, strict=True)]
    shapes = {each.name: SimpleNamespace(paid_at=86_400 * int(each.date[1:])) for each in events}
    return SimpleNamespace(shapes=shapes, starts_at=0, rates=(0, 0, 0)), events


def test_the_spread_of_drawdowns_by_hand():
    """Where each date loses a hundredth every period is the same: 1 - .99 ** n after n dates. Where
    each gains there is no fall. Losses and gains in another order fall otherwise. Of 25 dates
    nothing is said."""
    found = drawdown_spread(*a_run([-0.01] * 26), 1)
    for day, (at, low, high) in enumerate(found):
        assert at == 86_400 * day
        assert low == high == pytest.approx(100 * (0.99**day - 1), abs=1e-3)
    assert {each[1:] for each in drawdown_spread(*a_run([0.01] * 26), 1)} == {(0.0, 0.0)}
    mixed = drawdown_spread(*a_run([-0.01, 0.01] * 20), 1)
    assert mixed[-1][1] < -3 < mixed[-1][2] <= 0
    assert drawdown_spread(*a_run([-0.01] * 25), 1) == []


def test_the_page_begins_with_the_verdict_and_its_profit_adds_up(runs):
    page = (runs / "early" / "report.html").read_text()
    found = json.loads((runs / "early" / "result.json").read_text())
    summary = found["summaries"]["realistic"]
    assert page.index(summary["verdict"]) < page.index("<svg") < page.index("All figures")
    assert f"{summary['share_after_fees']:+.2%}" in page
    sources = values_of(page, "sources")
    left = sources.pop("left to depositors")
    assert sum(sources.values()) == pytest.approx(left, abs=1e-6)
    assert left == pytest.approx(summary["profit"] - summary["vault_fees"], abs=1e-6)
    assert sources["venue's fees"] == pytest.approx(-summary["venue_fees"])
    assert "no range: too few events" in page and found["capacity"][0]["bounds"] is None


def test_two_runs_side_by_side(runs):
    out = runs / "compared"
    done = typed("compare", runs / "early", runs / "late", "--out", out, "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["names"] == ["early", "late"] and found["same_data"] and found["same_code"]
    assert found["settings"] == [["packs.tail.latest_h", "3", "40"]]
    assert found["fills"] == ["realistic", "pessimistic"], "in the order of the file"
    both = [json.loads((runs / each / "result.json").read_text()) for each in found["names"]]
    figures = {tuple(row[:2]): row[2:] for row in found["figures"]}
    for fills in found["fills"]:
        one, other = (each["summaries"][fills] for each in both)
        more = other["return_on_stake"] - one["return_on_stake"]
        assert figures[fills, "return on stake"] == [
            f"{one['return_on_stake']:+.2%}", f"{other['return_on_stake']:+.2%}", f"{more:+.2%}",
        ]  # fmt: skip
    profits = []
    for name in found["names"]:
        with (runs / name / "settled-realistic.csv").open() as file:
            profits.append(sum(int(r["got"]) - int(r["bought"]) for r in csv.DictReader(file)))
    total = sum(found["differences"].values())
    assert total == pytest.approx((profits[1] - profits[0]) / 10**6) and total != 0
    page = (out / "compare.html").read_text()
    assert "http" not in page and page.count("<svg") == 3 and "packs.tail.latest_h" in page
    drawn = values_of(page, "share")["late"]
    after = both[1]["summaries"]["realistic"]["share_after_fees"]
    assert drawn[-1] / drawn[0] - 1 == pytest.approx(after, abs=1e-12) and after != 0
    text = typed("compare", runs / "early", runs / "late", "--out", out).output
    assert "Whether that is chance is not tested here" in " ".join(text.split())


def test_what_is_no_run_is_refused(runs, tmp_path):
    done = typed("compare", runs / "early", tmp_path, "--out", tmp_path / "out")
    assert done.exit_code == 2 and "holds no result of strongroom backtest" in done.output
    (tmp_path / "result.json").write_text('{"schema": "other"}')
    assert typed("compare", tmp_path, runs / "early", "--out", tmp_path / "out").exit_code == 2


def test_the_range_of_a_share_ends_where_the_verdict_says(tmp_path):
    """Drawn markets, enough for a verdict: the drawn range begins in one point
    and ends at the interval of the share in result.json; capacity has the same."""
    (tmp_path / "fair.toml").write_text(
        """
name = "fair"
fills = ["pessimistic"]
[data]
kind = "fair"
markets = 24
[forecast]
lag_s = 21600
[vault.limits]
max_up_bps = 9000
max_down_bps = 9000
max_premium_bps = 9000
max_drawdown_bps = 9000
[packs.informed]
margin = 0.02
weights = { lagged = 1.0 }
[sizing]
rule = "flat"
flat = "50"
[limits]
category_bps = 9000
daily_loss_bps = 10000
cooldown_s = 0
[run]
every_s = 21600
capacity = [2]
"""
    )
    done = typed("backtest", tmp_path / "fair.toml", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    bounds = found["summaries"]["pessimistic"]["share_bounds"]
    drawn = values_of((tmp_path / "out" / "report.html").read_text(), "share")
    (name,) = (each for each in drawn if "does not refuse" in each)
    band, line = drawn[name], drawn["pessimistic, after 2/20"]
    start = line[0]
    assert band[0][1:] == [start, start]
    assert band[-1][1] / start - 1 == pytest.approx(bounds["low"], abs=1e-12)
    assert band[-1][2] / start - 1 == pytest.approx(bounds["high"], abs=1e-12)
    assert all(low <= high for _, low, high in band)
    assert bounds["low"] < found["summaries"]["pessimistic"]["share_after_fees"] < bounds["high"]
    ends = values_of((tmp_path / "out" / "report.html").read_text(), "capacity")
    assert ends["95 %, by the verdict's test"][0][1] == pytest.approx(100 * bounds["low"])
