"""Odds by betting: whether events with a known worst loss had an edge, at any sample size.

Every event is a bet at the terms that were open: `x` is its profit by its worst possible loss, so
that -1 is all that could be lost. Whoever bets the share l on each has prod(1 + l x) in the end;
the mean over l is wealth that is 1 or less on average where there is no edge. (Shafer 2021;
Waudby-Smith, Ramdas 2024.)
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from strongroom.errors import BadInput

CELLS = 30  # at least, of (0, 1); bets are at their midpoints


def log_wealth(outcomes: Sequence[float] | npt.NDArray[np.float64], against: bool = False) -> float:
    """Return the logarithm of the mean wealth of betting on events, or against them.

    Args:
        outcomes: (n,), each at least -1 (against: at most 1), of bets made before it was known

    Raises:
        BadInput: an outcome is beyond that, or no number.
    """
    x = np.asarray(outcomes, dtype=np.float64) * (-1 if against else 1)
    if x.size and not np.all(x >= -1):  # also false for NaN
        raise BadInput("an outcome is beyond its worst loss")
    cells = max(CELLS, int(np.ceil(4 * np.sqrt(x.size))))
    shares = (np.arange(cells) + 0.5) / cells
    logs = np.log1p(shares[:, None] * x[None, :]).sum(axis=1)
    top = float(logs.max())
    return top + float(np.log(np.mean(np.exp(logs - top))))


def log_odds(outcomes: Sequence[float] | npt.NDArray[np.float64]) -> float:
    """Return the logarithm of the odds of an edge against its mirror; outcomes in [-1, 1]."""
    return log_wealth(outcomes) - log_wealth(outcomes, against=True)


def chosen(log_values: Sequence[float], rate: float) -> list[int]:
    """Return which hypotheses are kept where at most `rate` of those kept are false on average.

    Holds whatever the dependence between them (e-BH; Wang, Ramdas 2022).

    Args:
        log_values: logarithm of each one's wealth under "no edge"
    """
    order = sorted(range(len(log_values)), key=lambda each: -log_values[each])
    kept = 0
    for rank, each in enumerate(order, start=1):
        if log_values[each] >= np.log(len(log_values) / (rate * rank)):
            kept = rank
    return order[:kept]
