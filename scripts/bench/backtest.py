"""Event rate and memory of the backtest engine on synthetic prices, beside a public engine."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
from strongroom.backtest.data import stream
from strongroom.backtest.engine import Engine, Listed, Order, Price, SimulatedFill
from strongroom.backtest.quotes import Quotes
from strongroom.chain.ids import TokenId
from strongroom.chain.orders import YES
from strongroom.chain.units import MICRO
from strongroom.information.gamma import FeeSchedule

MARKETS = 100
EVERY = 100  # events an order
PEER_EVENTS = 1_000_000
PEER = Path(".venv-peer") / "bin" / "python"
FOLDER = Path("build") / "bench"


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


def measure(events: int) -> dict[str, Any]:
    """Play the file through the engine, an order every so many events: latency, ladder, fee, fill,
    position and cash; return events a second, orders filled and peak memory."""
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

    engine = Engine(listed, Quotes(), stream(path), filled)
    seen = [0]

    def on_event(time: int, market: int, price: Price) -> None:
        seen[0] += 1
        if seen[0] % EVERY == 0:
            assert isinstance(price, int)
            buys = held[market] == 0
            limit = price + 50_000 if buys else price - 50_000
            size = 10 * MICRO if buys else held[market]
            name = str(seen[0])
            engine.send(Order(name, market, YES, buys, limit, size, "FAK", time, time + 300))
            engine.orders.pop(name)  # the engine keeps what somebody may ask after; nobody does

    started = time.perf_counter()
    engine.run(on_event)
    seconds = time.perf_counter() - started
    assert engine.events == events and fills[0] >= events // EVERY - 1
    return {
        "events_per_s": events / seconds,
        "fills": fills[0],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


def _apart(events: int) -> dict[str, Any]:
    """Measure in a process of its own, for the memory."""
    command = [sys.executable, "-m", "scripts.bench.backtest", "--events", str(events)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@click.command()
@click.option("--events", type=int, help="Only measure this many, here.")
def cli(events: int | None) -> None:
    """Measure the engine on ten million prices (memory on one million as well) and a public engine
    on one million quotes, both with an order every hundred events; print JSON.

    Example: python -m scripts.bench.backtest
    """
    if events is not None:
        click.echo(json.dumps(measure(events)))
        return
    for count in (1_000_000, 10_000_000):
        synthetic(count)
    small, large = _apart(1_000_000), _apart(10_000_000)
    figures = {
        "backtest.events_per_s": round(large["events_per_s"]),
        "backtest.peak_mb": large["peak_mb"],
        "backtest.peak_mb.1000000": small["peak_mb"],
    }
    if PEER.exists():
        command = [str(PEER), "scripts/bench/peer.py", str(PEER_EVENTS), str(EVERY)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        peer = json.loads(done.stdout.strip().splitlines()[-1])["events_per_s"]
        figures["backtest.peer_events_per_s"] = round(peer)
        figures["backtest.times_peer"] = round(large["events_per_s"] / peer, 2)
    else:
        click.echo(f"{PEER} is not there: `make bench` sets the public engine up", err=True)
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    cli()
