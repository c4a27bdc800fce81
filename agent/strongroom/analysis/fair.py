"""Fair value: the market's price, moved by forecasts as far as they have earned it.

    logit p = b_0 + b_m logit(m) + sum_i w_i (logit p_i - logit m)

fitted with a ridge towards b_0 = 0, b_m = 1, w = 0: with little data, or no skill, the fair value
is the market's own price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p

import numpy as np

from strongroom.analysis.calibration import Array, logit
from strongroom.errors import Differs
from strongroom.information.forecast import BadForecast

MAX_STEPS = 50
STEP = 1e-10
DIVERGENCE = 0.25  # from the market; beyond it a named reason is needed


class Diverges(Differs):
    """Fair value and market are so far apart that one of them misreads the question."""


@dataclass(frozen=True)
class ForecastPool:
    """The weights of a fitted pool; the default is the market itself."""

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
            weight * (logit(forecast) - base)
            for weight, forecast in zip(self.weights, forecasts, strict=True)
        )
        return _chance(self.intercept + self.market * base + moved)


def fit(
    markets: Sequence[float],
    forecasts: Sequence[Sequence[float]],
    outcomes: Sequence[float],
    ridge: float = 10.0,
) -> ForecastPool:
    """Fit a pool on resolved questions by penalised maximum likelihood (Newton's method).

    Args:
        forecasts: a row a question, a column a forecaster
        ridge: of the squared distance to the market itself; as many resolved questions as this
            number, of even odds, weigh a quarter of it

    Raises:
        BadForecast: nothing to fit on, or rows of different length.
    """
    if not markets or len({len(row) for row in forecasts}) != 1:
        raise BadForecast("no resolved questions, or rows of different length")
    base = np.array([logit(market) for market in markets])
    columns = [np.ones(len(base)), base]
    for number in range(len(forecasts[0])):
        columns.append(np.array([logit(row[number]) for row in forecasts]) - base)
    design, results = np.array(columns).T, np.array(outcomes)
    prior = np.zeros(design.shape[1])
    prior[1] = 1.0
    weights = prior.copy()
    for _ in range(MAX_STEPS):
        chances = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (results - chances) - ridge * (weights - prior)
        bend = (design * (chances * (1 - chances))[:, None]).T @ design
        step: Array = np.linalg.solve(bend + ridge * np.eye(len(weights)), slope)
        weights = weights + step
        if float(np.abs(step).max()) < STEP:
            break
    return ForecastPool(
        float(weights[0]), float(weights[1]), tuple(float(each) for each in weights[2:])
    )


def check_divergence(fair: float, market: float, reason: str = "") -> None:
    """Refuse a fair value far from the market without a named reason (rule text, primary source).

    Raises:
        Diverges: see the class.
    """
    if abs(fair - market) > DIVERGENCE and not reason:
        raise Diverges(f"fair {fair:.3f}, market {market:.3f}: name the reason or do not trade")


def _chance(odds: float) -> float:
    return exp(-log1p(exp(-odds))) if odds > -700 else 0.0
