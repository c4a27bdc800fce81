"""Fair value: the market's price, moved by forecasts as far as they have earned it.

    logit p = b_0 + b_m logit(m) + sum_i w_i (logit p_i - logit m)

The weights are the operator's; without any, the fair value is the market's own price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p

from strongroom.errors import Differs
from strongroom.information.forecast import BadForecast

CLIP = 1e-6  # the log score of certainty that fails is not infinite
MOST = 1 - CLIP
DIVERGENCE = 0.25  # from the market; beyond it a named reason is needed


class Diverges(Differs):
    """Fair value and market are so far apart that one of them misreads the question."""


@dataclass(frozen=True)
class ForecastPool:
    """The weights of a pool; the default is the market itself."""

    intercept: float = 0.0
    market: float = 1.0
    weights: tuple[float, ...] = ()

    def combine(self, market: float, forecasts: Sequence[float]) -> float:
        """Return the pooled probability.

        Raises:
            BadForecast: a probability out of [0, 1] or not a number, or not one a weight.
        """
        if len(forecasts) != len(self.weights):
            raise BadForecast(f"{len(forecasts)} forecasts for {len(self.weights)} weights")
        for value in (market, *forecasts):
            if not 0 <= value <= 1:
                raise BadForecast(f"{value} is not between 0 and 1")
        base = logit(market)
        moved = sum(
            [
                weight * (logit(forecast) - base)
                for weight, forecast in zip(self.weights, forecasts, strict=True)
            ]
        )
        return _chance(self.intercept + self.market * base + moved)


def logit(chance: float) -> float:
    """Return the log-odds, certainty clipped."""
    if chance < CLIP:
        chance = CLIP
    elif chance > MOST:
        chance = MOST
    return log(chance / (1 - chance))


def check_divergence(fair: float, market: float, reason: str = "") -> None:
    """Refuse a fair value far from the market without a named reason (rule text, primary source).

    Raises:
        Diverges: see the class.
    """
    if abs(fair - market) > DIVERGENCE and not reason:
        raise Diverges(f"fair {fair:.3f}, market {market:.3f}: name the reason or do not trade")


def _chance(odds: float) -> float:
    return exp(-log1p(exp(-odds))) if odds > -700 else 0.0
