"""Recorded forecasts: given again at their times, to the packs that know their source."""

import json
import random
import shutil
from functools import partial

import pytest
from click.testing import CliRunner
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.run import simulate
from strongroom.chain.units import HOUR
from strongroom.cli.main import command
from strongroom.data.importing import run_import
from strongroom.data.schema import BadData, Table
from strongroom.data.sources.keeper_views import files_of_views, take_views
from strongroom.keeper.recording import Recorder

from tests.agent.test_playback import T, market, outcome, played, quote

START = T // 1_000


def forecasts(folder, text):
    """Import forecasts; return the counts."""
    path = folder / "forecasts.csv"
    path.write_text(text)
    typed = ["import", "forecasts", path, "--source", "model", "--to", folder / "to", "--json"]
    done = CliRunner().invoke(command, list(map(str, typed)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_forecasts_come_at_their_times_and_never_before(tmp_path):
    tables = {
        Table.MARKETS: [market("m"), market("n")],
        Table.OUTCOMES: [outcome("m"), outcome("n")],
        Table.QUOTES: [quote(0, "m:yes", price=500_000), quote(0, "n:yes", price=500_000)],
    }
    played(tmp_path / "to", tables)
    rows = [
        f"m,0.6,{T + 10_500},{T},", f"m,0.7,{T + 20_000},,", f"n,0.2,{T + 20_000},,other",
        f"zz,0.1,{T},,", "m,0.5,soon,,", f"m,1.5,{T},,", f",0.5,{T},,", f"m,0.5,{T},{T + 1},",
        f"m,0.5,{T},yesterday,",
    ]  # fmt: skip
    found = forecasts(tmp_path, "\n".join(["market,chance,at,evidence_at,source", *rows]))
    assert found["read"] == 9 and found["kept"] == {"forecasts": 4}
    assert found["dropped"] == {
        "forecast: no time": 1, "forecast: no chance between 0 and 1": 1, "forecast: no market": 1,
        "forecast: rests on what came later": 1, "forecast: evidence_at is no time": 1,
    }  # fmt: skip
    data = {"path": str(tmp_path / "to")}
    history = load_history(parse({"name": "x", "packs": {}, "data": data}))
    model, other = history.forecasts()
    assert (model.name, other.name) == ("model", "other")
    m, n = history.markets if history.markets[0].question == "m?" else history.markets[::-1]

    def given(source, now):
        found = source.forecast([m, n], now).given
        return [(each.market, each.chance, each.frozen_at, each.evidence_at) for each in found]

    assert given(model, START + 10) == []  # 10.5 s are not over
    assert given(model, START + 11) == [(m.condition_id, 0.6, START + 11, START)]
    assert given(model, START + 19) == [(m.condition_id, 0.6, START + 11, START)]
    assert given(model, START + 20) == [(m.condition_id, 0.7, START + 20, None)]
    assert given(other, START + 99) == [(n.condition_id, 0.2, START + 20, None)]
    assert given(history.forecasts()[0], START) == []  # each run begins anew


CONFIG = {
    "name": "informed",
    "packs": {"informed": {"margin": 0.01, "weights": {"model": 1.0}}},
    "people": [{"at_h": 0, "who": "alice", "deposit": "20000"}],
    "vault": {"limits": {"max_up_bps": 9_000, "max_down_bps": 9_000, "max_premium_bps": 9_000}},
    "sizing": {"rule": "flat", "flat": "50"},
    "limits": {"category_bps": 9_000},
    "run": {"every_s": HOUR},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A market at 0.60 for two days; after 20 hours a model says 0.68. What the pack did, and the
    views in which it did it."""
    folder = tmp_path_factory.mktemp("forecasts")
    end = T + 48 * HOUR * 1_000
    tables = {
        Table.MARKETS: [market("m", ends_ms=end, fee_rate=0, tick=10_000)],
        Table.OUTCOMES: [outcome("m")],
        Table.QUOTES: [quote(n * HOUR * 1_000, "m:yes", price=600_000) for n in range(47)],
    }
    played(folder / "to", tables)
    forecasts(folder, f"market,chance,at\nm,0.68,{T + 20 * HOUR * 1_000}\n")
    config = parse({**CONFIG, "data": {"path": str(folder / "to")}})
    recorder = Recorder(folder / "views", "salt")
    return folder, simulate(config, "realistic", on_view=recorder.see)


def test_a_pack_trades_on_a_recorded_forecast(recorded):
    _, outcome_ = recorded
    trades = [each for each in outcome_.trades if each.filled]
    assert trades and all(each.pack == "informed" and each.outcome == "Yes" for each in trades)
    assert min(each.time for each in trades) >= START + 20 * HOUR
    assert min(each.time for each in trades) < START + 22 * HOUR


def test_a_keepers_recording_gives_the_same_decisions_again(recorded, tmp_path):
    """Markets, books and forecasts out of its views, in another backtest."""
    folder, before = recorded
    views = folder / "views"
    to = tmp_path / "again"
    found = run_import("keeper", files_of_views(views), {}, to, lambda i: take_views(i, views))
    assert found.kept["forecasts"] == 1 and found.kept["markets"] >= 1
    name = load_history(parse({**CONFIG, "data": {"path": str(folder / "to")}})).markets[0]
    path = tmp_path / "outcomes.csv"
    path.write_text(f"market,yes\n{name.condition_id},1\n")
    typed = ["import", "outcomes", str(path), "--to", str(to)]
    assert CliRunner().invoke(command, typed).exit_code == 0
    after = simulate(parse({**CONFIG, "data": {"path": str(to)}}), "realistic")

    def decided(result):
        return [(t.market, t.outcome, t.side, t.price, t.size, t.chance) for t in result.trades]

    assert decided(after) == decided(before) != []


def test_of_a_damaged_recording_nothing_is_believed(recorded, tmp_path):
    """Files cut off, hit, and not there; the whole one beside them is read."""
    chance, views = random.Random(4), recorded[0] / "views"
    refused = 0
    for number in range(24):
        copy = tmp_path / f"views-{number}"
        shutil.copytree(views, copy)
        hit = chance.choice(sorted(copy.glob("*.parquet")))
        bad = bytearray(hit.read_bytes())
        if number % 3 == 0:
            bad = bad[: chance.randrange(len(bad))]
        for _ in range(4 if bad and number else 0):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        hit.unlink()
        if number % 6 != 5:
            hit.write_bytes(bad)
        to = tmp_path / f"to-{number}"
        try:
            run_import("keeper", files_of_views(copy), {}, to, partial(take_views, folder=copy))
        except BadData:
            refused += 1
            assert not list(to.glob("keeper-*"))
    assert refused >= 15
    whole = run_import(
        "keeper", files_of_views(views), {}, tmp_path / "to", partial(take_views, folder=views)
    )
    assert whole.kept["markets"] >= 1
