"""The numbers behind the pictures of a report: where the profit came from, and whether what was
claimed came true."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from strongroom.backtest.run import RunResult
from strongroom.backtest.stats import Reliability, Summary
from strongroom.chain.units import MICRO

GROUPS, LEAST = 8, 20  # of claims; trades of a group
Z95 = 1.959964  # two-sided, 95 %


def sources_of(outcome: RunResult, summary: Summary, half_spread: int) -> list[tuple[str, float]]:
    """Return what became of the profit, units: before costs, each cost, what was left.

    Args:
        half_spread: that the fills assumed, 10**-6
    """
    crossed = sum((each.filled - each.made) * half_spread // MICRO for each in outcome.trades)
    spread = crossed / MICRO
    found = [("before costs", summary.profit + spread + summary.venue_fees)]
    if half_spread:
        found.append(("spread, as assumed", -spread))
    left = summary.profit - summary.vault_fees
    return [
        *found,
        ("venue's fees", -summary.venue_fees),
        ("vault's fees", -summary.vault_fees),
        ("left to depositors", left),
    ]


def claims_of(outcome: RunResult) -> list[Reliability]:
    """Return how often what was bought was paid, in groups of equal size by the chance that was
    claimed."""
    bought = [each for each in outcome.trades if each.side == "BUY" and each.filled]
    return grouped_evenly(sorted((each.chance, each.won) for each in bought))


def grouped_evenly(pairs: Sequence[tuple[float, float]]) -> list[Reliability]:
    """Return means of groups of pairs of chance and outcome, in order; at least LEAST a group,
    where there are so many."""
    groups = max(1, min(GROUPS, len(pairs) // LEAST))
    bounds = [len(pairs) * number // groups for number in range(groups + 1)]
    found = []
    for start, end in pairwise(bounds):
        if own := pairs[start:end]:
            chances, won = (sum(each) / len(own) for each in zip(*own, strict=True))
            found.append(Reliability(chances, won, len(own)))
    return found


def wilson(part: float, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a chance of which a part of so many independent draws was seen
    (Wilson 1927)."""
    square = Z95**2 / of
    middle = (part + square / 2) / (1 + square)
    half = Z95 / (1 + square) * sqrt(part * (1 - part) / of + square / (4 * of))
    return max(middle - half, 0.0), min(middle + half, 1.0)
