"""What `make bench` says of whole backtests: all of the work counts, and each figure has a name."""

import csv
import json
import os
from pathlib import Path

from click.testing import CliRunner
from strongroom.chain.units import HOUR, MICRO

from scripts.bench import backtest as bench

DOCS = Path(__file__).parents[2] / "docs" / "backtesting.md"
NAMES = ("backtest.events_per_s", "backtest.whole_events_per_s", "backtest.peak_mb")


def spent():
    """Return the CPU's seconds of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def test_a_whole_backtest_counts_its_decisions_and_the_packs_process(tmp_path, monkeypatch):
    """Q23: a day of five markets. The rate is events by all the CPU's time since this process
    began, that of its children too: as the system tells it, not the bench."""
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    monkeypatch.setattr(bench, "MARKETS", 5)
    monkeypatch.setattr(bench, "SPAN_MS", 24 * HOUR * 1_000)
    children = sum(os.times()[2:4])
    found, after = bench.measure_whole(5_000), spent()
    assert sum(os.times()[2:4]) > children, "packs decide in a process of their own"
    played = 5_000 - sum(5_000 * n // 24 // 5 for n in range(5))  # a market ends an hour earlier
    assert 0.99 * played < found["events_per_s"] * after < 1.05 * played
    with (tmp_path / "whole" / "trades-pessimistic.csv").open() as file:
        assert len(list(csv.DictReader(file))) > 0


def test_the_engine_alone_fills_an_order_every_hundred_prices(tmp_path, monkeypatch):
    """It once ended at the first order."""
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    assert bench.measure(2_000)["fills"] in (19, 20)


def test_the_whole_is_told_beside_the_engine_for_every_length(monkeypatch):
    """Q23: the engine alone was once told as the speed of a backtest."""

    def apart(events, what="--events"):
        return {"events_per_s": events / MICRO, "peak_mb": 3}

    monkeypatch.setattr(bench, "_apart", apart)
    monkeypatch.setattr(bench, "synthetic", lambda events: Path())
    monkeypatch.setattr(bench, "PEER", Path("none"))
    done = CliRunner().invoke(bench.cli, [])
    figures = json.loads(done.stdout.splitlines()[-1])
    wholes = {f"{name}.{n}" for name in NAMES[1:] for n in (10**6, 10**7, 5 * 10**7)}
    assert set(figures) == {*NAMES[:2], *wholes}
    assert figures[NAMES[1]] == 1, "the slowest of them is the headline"
    text = DOCS.read_text()
    assert all(f"`{name}`" in text for name in NAMES)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for what in ("whole backtest, 1 million", "whole backtest, 10 million", "the bare engine"):
        assert any(line.startswith(f"| {what}") for line in rows), what
