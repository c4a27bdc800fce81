"""How good a forecaster is, against the market that it had before its eyes.

A forecaster begins at size 0. It graduates when, over enough independent events, its Brier score is
better than the market's with confidence; events, not markets, are drawn again in the bootstrap,
since the markets of one event share their luck. One that is better than anything honest can be is
taken for a leak, and forecasts whose evidence is younger than their freeze do not count at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from strongroom.analysis.fair import CLIP, MOST
from strongroom.chain.ids import ConditionId
from strongroom.information.forecast import BadForecast

Array = npt.NDArray[np.float64]
_NO_MARKET = ConditionId("")


@dataclass(frozen=True)
class Forecast:
    """One frozen forecast and what came of it.

    Attributes:
        event: questions of one event resolve together
        chance: of YES; market: the market's mid at the freeze
        outcome: 1 YES, 0 NO, 0.5 void
        frozen_at, evidence_at: timestamps; evidence must not be younger than the freeze; None: the
            source does not say
        condition: of the market
        known_at: when the outcome was learnt, timestamp; None: nobody knows
    """

    event: str
    chance: float
    market: float
    outcome: float
    frozen_at: int = 0
    evidence_at: int | None = 0
    condition: ConditionId = _NO_MARKET
    known_at: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no probability.

        Raises:
            BadForecast: out of [0, 1], or not a number.
        """
        for name in ("chance", "market", "outcome"):
            value = getattr(self, name)
            if not 0 <= value <= 1:  # also false for NaN
                raise BadForecast(f"{name} {value} is not between 0 and 1")


@dataclass(frozen=True)
class ScoreCard:
    """A forecaster's score card."""

    forecasts: int
    events: int
    brier: float
    market_brier: float
    log_score: float  # mean of -log of the chance given to what happened
    advantage: float  # mean of market's Brier less forecaster's
    low: float  # confidence bounds of it
    high: float

    @property
    def skill(self) -> float:
        """1 - Brier / market's Brier; 0 where the market is perfect."""
        return 1 - self.brier / self.market_brier if self.market_brier > 0 else 0.0


@dataclass(frozen=True)
class Gate:
    """What a forecaster must show before its word moves money."""

    min_events: int = 100
    confidence: float = 0.95
    max_skill: float = 0.6  # more than this is a leak until somebody shows otherwise
    draws: int = 2_000
    seed: int = 0

    def judge(self, forecasts: Sequence[Forecast]) -> tuple[bool, str]:
        """Say whether a forecaster has graduated, and why (not), and what could not be checked."""
        passed, why = self._judged(forecasts)
        unknown = sum(each.evidence_at is None for each in forecasts)
        if unknown:
            why += f"; not checked: the age of the evidence of {unknown} of {len(forecasts)}"
        return passed, why

    def _judged(self, forecasts: Sequence[Forecast]) -> tuple[bool, str]:
        late = [
            each
            for each in forecasts
            if each.evidence_at is not None and each.evidence_at > each.frozen_at
        ]
        if late:
            return False, f"{len(late)} forecasts rest on evidence younger than their freeze"
        events = len({each.event for each in forecasts})
        if events < self.min_events:
            return False, f"{events} independent events, {self.min_events} are needed"
        record = score(forecasts, self.confidence, self.draws, self.seed)
        if record.skill > self.max_skill:
            return False, f"skill {record.skill:.2f} is too good to be true: look for a leak"
        if record.low <= 0:
            return False, (
                f"advantage over the market {record.advantage:.4f}, "
                f"not above 0 with confidence ({record.low:.4f} to {record.high:.4f})"
            )
        return True, f"better than the market by {record.low:.4f} to {record.high:.4f}"


def score(
    forecasts: Sequence[Forecast], confidence: float = 0.95, draws: int = 2_000, seed: int = 0
) -> ScoreCard:
    """Return the score card, with a bootstrap over events for the advantage.

    Raises:
        BadForecast: there is no forecast.
    """
    if not forecasts:
        raise BadForecast("no forecasts to score")
    chances = np.array([each.chance for each in forecasts])
    markets = np.array([each.market for each in forecasts])
    outcomes = np.array([each.outcome for each in forecasts])
    mine, theirs = (chances - outcomes) ** 2, (markets - outcomes) ** 2
    low, high = _bootstrap(
        theirs - mine, [each.event for each in forecasts], confidence, draws, seed
    )
    clipped = np.clip(chances, CLIP, MOST)
    logs = -(outcomes * np.log(clipped) + (1 - outcomes) * np.log(1 - clipped))
    return ScoreCard(
        forecasts=len(forecasts),
        events=len({each.event for each in forecasts}),
        brier=float(mine.mean()),
        market_brier=float(theirs.mean()),
        log_score=float(logs.mean()),
        advantage=float((theirs - mine).mean()),
        low=low,
        high=high,
    )


def reliability(forecasts: Sequence[Forecast], bins: int = 10) -> list[tuple[float, float, int]]:
    """Return (mean chance, share of YES, forecasts) of each bin that holds any."""
    chances = np.array([each.chance for each in forecasts])
    outcomes = np.array([each.outcome for each in forecasts])
    places = np.minimum((chances * bins).astype(int), bins - 1)
    return [
        (float(chances[mine].mean()), float(outcomes[mine].mean()), int(mine.sum()))
        for place in range(bins)
        if (mine := places == place).any()
    ]


def _bootstrap(
    values: Array, events: Sequence[str], confidence: float, draws: int, seed: int
) -> tuple[float, float]:
    """Return percentile bounds of the mean, drawing whole events."""
    names = {name: place for place, name in enumerate(dict.fromkeys(events))}
    places = np.array([names[event] for event in events])
    sums = np.bincount(places, weights=values)
    counts = np.bincount(places).astype(float)
    dice = np.random.default_rng(seed)
    picks = dice.integers(0, len(sums), (draws, len(sums)))
    means = sums[picks].sum(axis=1) / counts[picks].sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
