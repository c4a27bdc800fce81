"""Event rate and memory of whole backtests and of the bare engine, on synthetic prices, beside
public engines."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
from strongroom.backtest.command import BacktestOptions, SingleResult, run_backtest
from strongroom.backtest.engine import Batch, Engine, Listed, Order, Price, SimulatedFill
from strongroom.backtest.quotes import Quotes
from strongroom.chain.ids import TokenId
from strongroom.chain.orders import YES, OrderKind
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.data.importing import Intake, run_import
from strongroom.data.ordered import chunks_of
from strongroom.data.schema import Table
from strongroom.information.gamma import FeeSchedule

MARKETS = 100
EVERY = 100  # events an order
PEER_EVENTS = 1_000_000
PEER = Path(".venv-peer") / "bin" / "python"
FOLDER = Path("build") / "bench"
LENGTHS = (1_000_000, 10_000_000, 50_000_000)
PART = 500_000  # prices that are drawn at once
START_MS, SPAN_MS = 1_760_000_000_000, 30 * DAY * 1_000
WHOLE = f"""name = "whole"
fills = ["pessimistic"]
[vault.limits]
max_up_bps = 9000
max_down_bps = 9000
max_premium_bps = 9000
max_drawdown_bps = 9000
[forecast]
lag_s = {6 * HOUR}
[packs.informed]
margin = 0.02
weights = {{ lagged = 1.0 }}
[sizing]
rule = "flat"
flat = "50"
[limits]
category_bps = 9000
[run]
every_s = {HOUR}
"""


def synthetic(events: int) -> Path:
    """Write so many prices of a hundred markets, once; return the file."""
    path = FOLDER / f"prices-{events}.parquet"
    if not path.exists():
        dice = np.random.default_rng(1)
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(
            {
                "ts": 1_700_000_000 + np.arange(events),
                "market": dice.integers(0, MARKETS, events),
                "price": dice.integers(100, 900, events) * 1_000,
            }
        ).write_parquet(path, compression="zstd", row_group_size=65_536)
    return path


def feed(path: Path) -> Iterator[Batch]:
    """Yield the file's prices, a part at a time."""
    for part in chunks_of(path):
        yield part["ts"].to_list(), part["market"].to_list(), part["price"].to_list()


def measure(events: int) -> dict[str, Any]:
    """Play the file through the engine, an order every so many events: latency, ladder, fee, fill,
    position and cash; return events a second of the CPU's time, orders filled and peak memory."""
    path = synthetic(events)
    tokens = [(TokenId(2 * n), TokenId(2 * n + 1)) for n in range(MARKETS)]
    fees = FeeSchedule(rate=FeeSchedule().rate, exponent=1)
    listed = [Listed(pair, 2**60, 2**60, (1, 0), fees) for pair in tokens]
    cash, held, fills = [0], [0] * MARKETS, [0]

    def filled(fill: SimulatedFill) -> None:
        sign = 1 if fill.order.buys else -1
        held[fill.order.market] += sign * fill.tokens
        cash[0] -= sign * fill.cash + fill.fee
        fills[0] += 1

    engine = Engine(listed, Quotes(), feed(path), filled)
    seen = [0]

    def on_event(time: int, market: int, price: Price) -> None:
        seen[0] += 1
        if seen[0] % EVERY == 0:
            assert isinstance(price, int)
            buys = held[market] == 0
            limit = price + 50_000 if buys else price - 50_000
            size = 10 * MICRO if buys else held[market]
            name = str(seen[0])
            about = name, market, YES, buys, limit, size, OrderKind.FAK
            engine.send(Order(*about, time, time + 300))
            engine.orders.pop(name)  # the engine keeps what somebody may ask after; nobody does

    started = time.process_time()
    engine.run(on_event)
    seconds = time.process_time() - started
    assert engine.events == events and fills[0] >= events // EVERY - 1
    return {
        "events_per_s": events / seconds,
        "fills": fills[0],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


def history(events: int) -> Path:
    """Import so many prices of a hundred markets within 30 days, once; return the folder."""
    folder = FOLDER / f"history-{events}"
    ends = [START_MS + SPAN_MS - n * HOUR * 1_000 for n in range(MARKETS)]
    names = [f"m{n}" for n in range(MARKETS)]

    def take(intake: Intake) -> None:
        dice = np.random.default_rng(1)
        rows = {
            "market": names, "venue": "own", "venue_id": names, "event": names, "question": names,
            "yes_name": "Yes", "no_name": "No", "yes_token": [f"{n}:yes" for n in names],
            "no_token": [f"{n}:no" for n in names], "ends_ms": ends, "negative_risk": False,
            "category": "", "rules": "", "ticker": "",
        }  # fmt: skip
        intake.add(Table.MARKETS, pl.DataFrame(rows))
        yes = (dice.random(MARKETS) < 0.9) * MICRO
        results = {"market": names, "yes": yes.astype(np.int64), "source": "drawn"}
        intake.add(Table.OUTCOMES, pl.DataFrame(results))
        tokens = pl.Series(rows["yes_token"])
        for start in range(0, events, PART):
            places = np.arange(start, min(events, start + PART))
            prices = np.clip(0.9 + 0.05 * dice.standard_normal(len(places)), 0.01, 0.99)
            quotes = {
                "at_ms": START_MS + places * SPAN_MS // events,
                "token": tokens[places % MARKETS],
                "price": (prices * 1_000).astype(np.int64) * 1_000,
            }
            intake.add(Table.QUOTES, pl.DataFrame(quotes))

    run_import("bench", (), {"events": events}, folder, take)
    return folder


def measure_whole(events: int) -> dict[str, Any]:
    """Run a backtest over so many prices, decisions included; return prices a second of one core:
    of the CPU's time that it and the packs' process took, starting included; and peak memory."""
    data, config = history(events), FOLDER / "whole.toml"
    config.write_text(WHOLE)
    done = run_backtest(BacktestOptions(config, out=FOLDER / "whole", data=data))
    seconds = sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
    assert isinstance(done, SingleResult)
    played = done.result.summaries["pessimistic"].events_played
    return {
        "events_per_s": played / seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


def _apart(events: int, what: str = "--events") -> dict[str, Any]:
    """Measure in a process of its own, for the memory."""
    command = [sys.executable, "-m", "scripts.bench.backtest", what, str(events)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _peer(script: str) -> float:
    """Return the events a second of a public engine, on the first of the same prices."""
    about = [str(synthetic(10_000_000)), str(PEER_EVENTS), str(EVERY)]
    command = [str(PEER), f"scripts/bench/{script}", *about]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout.strip().splitlines()[-1])["events_per_s"])


@click.command()
@click.option("--events", type=int, help="Only measure the engine on this many, here.")
@click.option("--whole", type=int, help="Only measure a whole backtest on this many, here.")
@click.option("--import", "imports", type=int, help="Only import this many.")
def cli(events: int | None, whole: int | None, imports: int | None) -> None:
    """Measure whole backtests on one, ten and fifty million prices, the engine on ten million and
    two public engines on the first million of the same, with an order every hundred; print JSON.

    Example: python -m scripts.bench.backtest
    """
    if imports is not None:
        history(imports)
        click.echo("{}")
        return
    if whole is not None:
        click.echo(json.dumps(measure_whole(whole)))
        return
    if events is not None:
        click.echo(json.dumps(measure(events)))
        return
    synthetic(10_000_000)
    engine = _apart(10_000_000)["events_per_s"]
    figures: dict[str, float] = {"backtest.events_per_s": round(engine)}
    wholes = []
    for count in LENGTHS:
        _apart(count, "--import")
        found = _apart(count, "--whole")
        wholes.append(round(found["events_per_s"]))
        figures[f"backtest.peak_mb.{count}"] = found["peak_mb"]
        figures[f"backtest.whole_events_per_s.{count}"] = wholes[-1]
    figures["backtest.whole_events_per_s"] = min(wholes)  # long histories alone would flatter
    if PEER.exists():
        peer = _peer("peer.py")
        figures["backtest.peer_events_per_s"] = round(peer)
        figures["backtest.times_peer"] = round(engine / peer, 2)
        figures["backtest.peer_hft_events_per_s"] = round(_peer("peer_hft.py"))
    else:
        click.echo(f"{PEER} is not there: `make bench` sets the public engine up", err=True)
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    cli()
