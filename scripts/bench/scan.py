"""How fast the scanner looks through a venue: `python -m scripts.bench.scan`."""

import json
import resource
import time
from typing import Any

import click
import numpy as np
from strongroom.analysis.scan import (
    BookTable,
    NegativeRiskEvent,
    binary_candidates,
    event_candidates,
    scan,
)
from strongroom.chain.units import LOT, MICRO

BINARY, EVENTS, LEVELS = 10_000, 200, 5
CROSSED = 0.01  # of the markets: a set costs less than 1
CHEAP = 20  # one event in so many: all its YES together cost less than 1
SEED = 7


def synthetic_books(seed: int) -> tuple[BookTable, list[NegativeRiskEvent]]:
    """Return books of BINARY markets and EVENTS events of 3 to 50 outcomes, LEVELS deep.

    A market's YES and NO are quoted a tick or two around a price; a few are crossed.
    """
    chance = np.random.default_rng(seed)
    sizes = chance.integers(3, 51, EVENTS)
    count = BINARY + int(sizes.sum())
    middle = chance.integers(50, 950, count)  # thousandths
    start = BINARY
    events = []
    for number, size in enumerate(sizes):
        weights = chance.dirichlet(np.ones(size)) * (0.8 if number % CHEAP == 1 else 1.0)
        middle[start : start + size] = np.clip((weights * 1_000).astype(int), 3, 990)
        members = tuple(range(start, start + int(size)))
        events.append(
            NegativeRiskEvent(f"event {number}", members, "synthetic" if number % 2 else "")
        )
        start += int(size)
    half = chance.integers(1, 4, count)
    prices = np.zeros((count, 2, 2, LEVELS), dtype=np.int64)
    steps = np.arange(LEVELS)
    for outcome, price in ((0, middle), (1, 1_000 - middle)):
        prices[:, outcome, 0] = (price + half)[:, None] + steps
        prices[:, outcome, 1] = (price - half)[:, None] - steps
    crossed = chance.random(count) < CROSSED
    prices[crossed, 0, 0] -= 10
    prices = np.where((prices > 0) & (prices < 1_000), prices, 0) * (MICRO // 1_000)
    volumes = chance.integers(500, 100_000, prices.shape) * LOT
    books = BookTable(
        [f"m{i}" for i in range(count)],
        prices,
        np.where(prices > 0, volumes, 0),
        np.where(chance.random(count) < 0.5, 0.03, 0.0),
        np.ones(count, dtype=np.int64),
    )
    return books, events


def measure() -> dict[str, Any]:
    """Scan once to warm up, then the best of three."""
    books, events = synthetic_books(SEED)
    scan(books, events)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        findings = scan(books, events)
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    candidates = len(binary_candidates(books)) + len(event_candidates(books, events))
    filtering = time.perf_counter() - start
    return {
        "scan.seconds": round(min(times), 4),
        "scan.filter_seconds": round(filtering, 4),
        "scan.markets": len(books.names),
        "scan.candidates": candidates,
        "scan.findings": len(findings),
        "scan.peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


@click.command()
def cli() -> None:
    """Scan 10,000 binary markets and 200 events of 3 to 50 outcomes, five levels; print JSON.

    Example: python -m scripts.bench.scan
    """
    click.echo(json.dumps(measure()))


if __name__ == "__main__":
    cli()
