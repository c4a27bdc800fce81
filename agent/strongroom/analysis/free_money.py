"""What bets would have made of one unit, of which nothing was ever staked twice.

A product over bets takes each for a new one: bets that are won and lost together, or that a price
since then made likely, break it. Here a bet gets a share of the money that is free when it is made,
and nothing comes back before it is paid. Such a purse is a portfolio without debt: where each price
was fair by all that was known at the time, it is worth one unit on average at most, at any later
time, whatever hangs together (an e-value; Shafer 2021). Open bets count nothing: what is paid early
may be what won.
"""

from heapq import heappop, heappush

import numpy as np

from strongroom.analysis.fair_null import Array
from strongroom.errors import BadInput

SHARES = 0.5 ** (np.arange(1, 33) / 4)  # of free money, .84 to 1/256: for one bet, for many at once


class Purses:
    """A purse for each of SHARES; bets are told in the order in which they were made.

    Attributes:
        bets: that were made
    """

    def __init__(self) -> None:
        self.bets = 0
        self._free: Array = np.ones(len(SHARES))
        self._open: list[tuple[int, int, Array]] = []  # when it is paid, which, what it pays

    def bet(self, made_at: int, paid_at: int, result: float) -> None:
        """Stake a share of what is free on a bet.

        Args:
            made_at, paid_at: s; what is paid in that very second is not free yet
            result: by the stake, at least -1; not looked at before it is paid

        Raises:
            BadInput: more than the stake is lost.
        """
        if not result >= -1:  # also true of NaN
            raise BadInput("a bet loses its stake at most")
        self._pay(made_at - 1)
        stake = SHARES * self._free
        self._free = self._free - stake
        heappush(self._open, (paid_at, self.bets, stake * (1 + result)))
        self.bets += 1

    def log_wealth(self, now: int) -> float:
        """Return the logarithm of the mean of the purses' free money at a time, s; later bets are
        not told yet."""
        self._pay(now)
        return float(np.log(np.mean(self._free)))

    def _pay(self, until: int) -> None:
        while self._open and self._open[0][0] <= until:
            self._free = self._free + heappop(self._open)[2]
