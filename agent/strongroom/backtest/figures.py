"""The numbers behind the pictures of a report: where the profit came from, and whether what was
claimed came true."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

import numpy as np

from strongroom.analysis.fair_null import Event
from strongroom.app.chart import drawdowns
from strongroom.backtest.run import RunResult
from strongroom.backtest.stats import Reliability, Summary, prices_after_fees
from strongroom.chain.units import MICRO

GROUPS, LEAST = 8, 20  # of claims; trades of a group
Z95 = 1.959964  # two-sided, 95 %
LEAST_DATES, PERIODS = 26, 400  # of resolution; that are drawn from them


def sources_of(outcome: RunResult, summary: Summary, half_spread: int) -> list[tuple[str, float]]:
    """Return what became of the profit, units: before costs, each cost, what was left.

    Args:
        half_spread: that the fills assumed, 10**-6
    """
    crossed = sum((each.filled - each.made) * half_spread // MICRO for each in outcome.trades)
    spread = crossed / MICRO
    before = summary.profit + spread + summary.venue_fees - summary.rewards
    found = [("before costs", before)]
    if summary.rewards:
        found.append(("rewards", summary.rewards))
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


def drawdown_spread(
    outcome: RunResult, events: Sequence[Event], seed: int
) -> list[tuple[float, float, float]]:
    """Return time, low and high of the drawdown after fees, percent, in 95 % of periods that are
    drawn from the run's dates of resolution, all events of a date together. A loss that has not
    been seen is in none of them. Empty: there are too few dates.
    """
    profits: dict[str, float] = {}
    times: dict[str, int] = {}
    for each in events:
        profits[each.date] = profits.get(each.date, 0.0) + each.profit
        paid = outcome.shapes[each.name].paid_at
        times[each.date] = max(times.get(each.date, 0), paid)
    if len(profits) < LEAST_DATES:
        return []
    dates, dice = sorted(times), np.random.default_rng(seed)
    factors = np.array([max(1 + profits[date], 0.0) for date in dates])
    at = [outcome.starts_at, *(times[date] for date in dates)]
    falls = []
    for _ in range(PERIODS):
        drawn = factors[dice.integers(0, len(factors), len(factors))].cumprod()
        after = prices_after_fees(at, [1.0, *drawn.tolist()], outcome.rates)
        falls.append(drawdowns(after))
    low, high = np.quantile(falls, (0.025, 0.975), axis=0)
    return [(float(t), float(a), float(b)) for t, a, b in zip(at, low, high, strict=True)]
