"""Print how often a verdict passes without an edge, and with one: the error and the power of all
its rules together.

    python -m scripts.dev.verdict_table --samples 400

Populations: favourites of .95 to .99 one an event (tail), nine of them on nested thresholds
(ladder), quoting with rare large losses (making). `linked` adds a common factor of .3 to the
events of a date. Beside it stands the percentile bootstrap over events, which is no test here.
"""

import click
import numpy as np
from strongroom.analysis.verdict import VerdictWord, conclude

from tests.samples import POPULATIONS

COUNTS = (10, 20, 60, 150)
EDGES = (0.0, 0.01, 0.02)


def bootstrap_passes(events, dice) -> bool:
    """Whether the percentile bootstrap's lower end is above 0."""
    pairs = np.array([(event.stake, event.profit) for event in events])
    drawn = pairs[dice.integers(0, len(pairs), (1_000, len(pairs)))].sum(axis=1)
    return bool(np.quantile(drawn[:, 1] / drawn[:, 0], 0.025) > 0)


@click.command(help=__doc__)
@click.option("--samples", default=400, show_default=True, help="Of each cell.")
@click.option("--seed", default=21, show_default=True)
def main(samples: int, seed: int) -> None:
    click.echo(f"percent that pass, {samples} samples a cell, at {COUNTS} events")
    for name, draw in POPULATIONS.items():
        for edge in EDGES:
            cells, old = [], []
            for count in COUNTS:
                dice = np.random.default_rng([seed, count, int(1_000 * edge)])
                passed = bootstrapped = 0
                for number in range(samples):
                    events = draw(count, dice, edge)
                    word = conclude(events, number, details=False).word
                    passed += word == VerdictWord.PASSES
                    bootstrapped += bootstrap_passes(events, dice) if not edge else 0
                cells.append(f"{100 * passed / samples:5.1f}")
                old.append(f"{100 * bootstrapped / samples:5.1f}")
            beside = f"   bootstrap {' '.join(old)}" if not edge else ""
            click.echo(f"{name:14} edge {edge:.0%}  {' '.join(cells)}{beside}")


if __name__ == "__main__":
    main()
