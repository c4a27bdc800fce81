"""Print how often a verdict passes without an edge, and with one: the error and the power of all
its rules together, as docs/backtesting.md has them.

    python -m scripts.dev.verdict_table --samples 500

Populations: one token an event (favourites of .95 to .99 and others), nine favourites on nested
thresholds (ladder), quoting with rare large losses (making), bids in ten markets of one event that
are filled one side first. `linked` adds a common factor of .3 to the events of a date. Beside it
stands the percentile bootstrap over events: that is no test here.
A second table has strategies that follow their results: judged as if they did not, and as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import click
import numpy as np
from strongroom.analysis.fair_null import Event
from strongroom.analysis.verdict import VerdictWord, conclude

from tests.samples import FOLLOWING, POPULATIONS

COUNTS = (10, 20, 60, 150)
EDGES = (0.0, 0.01, 0.02)
LARGE = 0.1  # of those that follow their results: smaller ones are not seen
ALLOWED = 4.0  # percent of samples without an edge


@dataclass
class Cell:
    """How many samples of one population, number of events and edge passed, and failed."""

    samples: int
    passes: int = 0
    fails: int = 0
    bootstrap: int = 0

    def percent(self, what: str) -> float:
        """Return a count as percent of the samples."""
        return 100 * int(getattr(self, what)) / self.samples


def bootstrap_passes(events: Sequence[Event], dice: np.random.Generator) -> bool:
    """Whether the percentile bootstrap's lower end is above 0."""
    pairs = np.array([(event.stake, event.profit) for event in events])
    drawn = pairs[dice.integers(0, len(pairs), (1_000, len(pairs)))].sum(axis=1)
    return bool(np.quantile(drawn[:, 1] / drawn[:, 0], 0.025) > 0)


def cell(name: str, count: int, edge: float, samples: int, seed: int) -> Cell:
    """Judge so many samples of so many events."""
    found, dice = Cell(samples), np.random.default_rng([seed, count, int(1_000 * edge)])
    for number in range(samples):
        events = POPULATIONS[name](count, dice, edge)
        word = conclude(events, number, details=False).word
        found.passes += word == VerdictWord.PASSES
        found.fails += word == VerdictWord.FAILS
        found.bootstrap += bootstrap_passes(events, dice)
    return found


def following(name: str, count: int, edge: float, samples: int, seed: int) -> tuple[Cell, Cell]:
    """Judge samples of who follows his results, with his bets as given, and as they are."""
    given, told = Cell(samples), Cell(samples)
    dice = np.random.default_rng([seed, count, int(1_000 * edge)])
    for number in range(samples):
        events = FOLLOWING[name](count, dice, edge)
        for found, adaptive in ((given, False), (told, True)):
            word = conclude(events, number, details=False, adaptive=adaptive).word
            found.passes += word == VerdictWord.PASSES
            found.fails += word == VerdictWord.FAILS
    return given, told


@click.command(help=__doc__)
@click.option("--samples", default=400, show_default=True, help="Of each cell.")
@click.option("--seed", default=21, show_default=True)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([*POPULATIONS, *FOLLOWING]),
    help="A row; may be repeated.",
)
def main(samples: int, seed: int, only: Sequence[str]) -> None:
    """Print the tables, a line a population."""
    chosen = only or (*POPULATIONS, *FOLLOWING)
    most = max(
        _of_populations([name for name in chosen if name in POPULATIONS], samples, seed),
        _of_following([name for name in chosen if name in FOLLOWING], samples, seed),
    )
    click.echo(f"\nfalse passes: at most {most:.1f} %, allowed {ALLOWED:g} %")


def _of_populations(names: Sequence[str], samples: int, seed: int) -> float:
    """Print the table of rules that do not look at their results; return the most false passes."""
    if names:
        _heads(samples, "no edge: passes", "fails", "bootstrap", "+1 %: passes", "bootstrap",
               "+2 %: passes", "bootstrap")  # fmt: skip
    most = 0.0
    for name in names:
        line = [name]
        for edge in EDGES:
            cells = [cell(name, count, edge, samples, seed) for count in COUNTS]
            shown = ("passes", "bootstrap") if edge else ("passes", "fails", "bootstrap")
            line += [_percents(cells, what) for what in shown]
            if not edge:
                most = max(most, *(each.percent("passes") for each in cells))
        click.echo(f"| {' | '.join(line)} |")
    return most


def _of_following(names: Sequence[str], samples: int, seed: int) -> float:
    """Print the table of those that follow their results; return the most false passes."""
    if names:
        _heads(samples, "no edge, bets as given: passes", "fails", "as they are: passes", "fails",
               "+10 %, as they are: passes")  # fmt: skip
    most = 0.0
    for name in names:
        pairs = [following(name, count, 0.0, samples, seed) for count in COUNTS]
        edged = [following(name, count, LARGE, samples, seed)[1] for count in COUNTS]
        given, told = zip(*pairs, strict=True)
        line = [_percents(each, what) for each in (given, told) for what in ("passes", "fails")]
        click.echo(f"| {' | '.join([name, *line, _percents(edged, 'passes')])} |")
        most = max(most, *(each.percent("passes") for each in told))
    return most


def _heads(samples: int, *heads: str) -> None:
    at = " / ".join(map(str, COUNTS))
    click.echo(f"| percent of {samples} samples a cell, at {at} events | {' | '.join(heads)} |")
    click.echo("|---" * (1 + len(heads)) + "|")


def _percents(cells: Sequence[Cell], what: str) -> str:
    return " / ".join(f"{each.percent(what):.1f}" for each in cells)


if __name__ == "__main__":
    main()
