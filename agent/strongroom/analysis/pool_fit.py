"""Weights of the log-odds pool, fitted to what became of forecasts, with evidence of later ones.

    minimise  sum_rows v (cross-entropy of outcome and pool) + ridge / 2 sum_i w_i^2,   w_i >= 0

The pool is `fair.ForecastPool`: the market's price, moved by w_i of each source's distance from it.
A row is a market with all that was forecast of it; the rows of one event share a weight v of 1,
since they share their luck. The ridge pulls to w = 0, the market itself: with few events a source
moves little, whatever it says. At 1 it counts as much as believing beforehand that weights lie
within 1 of 0.

The evidence is walk-forward: rows are put in the order of their forecasts and cut into folds. Each
fold is forecast by the weights of rows whose outcome was known before its first forecast was made,
of other events. What the journal does not know the time of is in no such training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
import numpy.typing as npt

from strongroom.analysis.calibration import Forecast, Gate, ScoreCard, score
from strongroom.analysis.fair import ForecastPool, logit
from strongroom.chain.ids import ConditionId

Array = npt.NDArray[np.float64]
MOST = 5.0  # of a weight
LEAST = 0.01  # of a weight: below it a source says nothing
FOLDS = 10
LEAST_EVENTS = 30  # to train on; with fewer a fold is not forecast
ROUNDS, HALVINGS, CLOSE = 200, 50, 1e-9


@dataclass(frozen=True)
class PoolRow:
    """A market, what its sources said of it, and what came of it.

    Attributes:
        market: its mid, when the last of them was frozen
        chances: of YES, by source
        outcome: 1 YES, 0 NO, 0.5 void
        frozen_at: of the last of them, timestamp
        known_at: when the outcome was learnt, timestamp; None: the journal does not say
        evidence_at: of the youngest evidence, timestamp; None: a source does not say
    """

    event: str
    market: float
    chances: Mapping[str, float]
    outcome: float
    frozen_at: int
    known_at: int | None
    evidence_at: int | None


@dataclass(frozen=True)
class PoolFit:
    """Fitted weights, and how the pool did on rows that it was not fitted to.

    Attributes:
        weights: of all rows, by source
        ranges: the least and the most that each weight was in the folds
        rows, events, late: late ones rest on evidence younger than their freeze, and were left out
        held_out: the pool's forecasts of later rows against the market; None: there are none
        accepted: whether the pool is better than the market there, with confidence
    """

    weights: Mapping[str, float]
    ranges: Mapping[str, tuple[float, float]]
    rows: int
    events: int
    late: int
    held_out: ScoreCard | None
    accepted: bool
    why: str


@dataclass(frozen=True)
class WalkForward:
    """What folds were forecast, and by which weights."""

    forecasts: tuple[Forecast, ...] = ()
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def rows_of(records: Mapping[str, Sequence[Forecast]]) -> tuple[list[PoolRow], int]:
    """Return sources' forecasts by market, oldest first, and how many rest on evidence younger than
    their freeze: those are left out."""
    by_market: dict[ConditionId, dict[str, Forecast]] = {}
    late = 0
    for source, forecasts in records.items():
        for each in forecasts:
            if each.evidence_at is not None and each.evidence_at > each.frozen_at:
                late += 1
                continue
            by_market.setdefault(each.condition, {})[source] = each
    rows = []
    for said in by_market.values():
        last = max(said.values(), key=lambda each: each.frozen_at)
        chances = {source: each.chance for source, each in sorted(said.items())}
        rows.append(
            PoolRow(
                last.event,
                last.market,
                chances,
                last.outcome,
                last.frozen_at,
                _latest([each.known_at for each in said.values()]),
                _latest([each.evidence_at for each in said.values()]),
            )
        )
    return sorted(rows, key=lambda row: (row.frozen_at, row.event)), late


def fit(
    records: Mapping[str, Sequence[Forecast]], ridge: float = 1.0, gate: Gate | None = None
) -> PoolFit:
    """Return weights for the sources, and what they are worth.

    Args:
        ridge: how strongly the market is believed beforehand; more than 0
        gate: what the pool must show on later rows
    """
    rows, late = rows_of(records)
    sources = sorted({source for row in rows for source in row.chances})
    walked = walk_forward(rows, ridge)
    held_out, accepted, why = None, False, "nothing could be forecast by earlier outcomes alone"
    if walked.forecasts:
        held_out = score(walked.forecasts)
        accepted, why = (gate or Gate()).judge(walked.forecasts)
    return PoolFit(
        dict(zip(sources, fitted(rows, sources, ridge).tolist(), strict=True)),
        walked.ranges,
        len(rows),
        len({row.event for row in rows}),
        late,
        held_out,
        accepted,
        why,
    )


def walk_forward(rows: Sequence[PoolRow], ridge: float, folds: int = FOLDS) -> WalkForward:
    """Return each fold's forecasts by the weights of what was known before it.

    Args:
        rows: oldest first
    """
    made: list[Forecast] = []
    ranges: dict[str, tuple[float, float]] = {}
    for places in np.array_split(np.arange(len(rows)), folds):
        fold = [rows[place] for place in places]
        if not fold:
            continue
        start, events = fold[0].frozen_at, {row.event for row in fold}
        known = [
            row
            for row in rows
            if row.known_at is not None and row.known_at <= start and row.event not in events
        ]
        if len({row.event for row in known}) < LEAST_EVENTS:
            continue
        sources = sorted({source for row in known for source in row.chances})
        weights = dict(zip(sources, fitted(known, sources, ridge).tolist(), strict=True))
        for source, weight in weights.items():
            low, high = ranges.get(source, (inf, 0.0))
            ranges[source] = (min(low, weight), max(high, weight))
        made += [_forecast(row, weights) for row in fold if set(weights) & set(row.chances)]
    return WalkForward(tuple(made), ranges)


def fitted(rows: Sequence[PoolRow], sources: Sequence[str], ridge: float) -> Array:
    """Return the weights of sources that fit rows best.

    Each weight in turn is put where the slope of the loss along it is 0, by halving; the loss is
    convex, so the turns come to its one minimum.
    """
    base = np.array([logit(row.market) for row in rows])
    moves = np.array(
        [
            [logit(row.chances[s]) - at if s in row.chances else 0.0 for s in sources]
            for row, at in zip(rows, base, strict=True)
        ]
    ).reshape(len(rows), len(sources))
    outcomes = np.array([row.outcome for row in rows])
    shares = _shares(rows)
    weights = np.zeros(len(sources))
    odds = base.copy()
    for _ in range(ROUNDS):
        before = weights.copy()
        for place in range(len(sources)):
            move = moves[:, place]
            rest = odds - weights[place] * move
            weights[place] = _best(rest, move, outcomes, shares, ridge)
            odds = rest + weights[place] * move
        if np.abs(weights - before).max(initial=0.0) < CLOSE:
            break
    return weights


def _best(rest: Array, move: Array, outcomes: Array, shares: Array, ridge: float) -> float:
    """Return where along one weight, from 0 to MOST, the loss is least."""

    def slope(weight: float) -> float:
        chances = 0.5 * (1 + np.tanh((rest + weight * move) / 2))
        return float((shares * (chances - outcomes) * move).sum() + ridge * weight)

    if slope(0.0) >= 0:
        return 0.0
    low, high = 0.0, MOST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return (low + high) / 2


def _latest(times: Sequence[int | None]) -> int | None:
    """Return the last of some times; None: one of them is unknown."""
    known = [each for each in times if each is not None]
    return max(known) if len(known) == len(times) else None


def _shares(rows: Sequence[PoolRow]) -> Array:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.event] = counts.get(row.event, 0) + 1
    return np.array([1 / counts[row.event] for row in rows])


def _forecast(row: PoolRow, weights: Mapping[str, float]) -> Forecast:
    """Return the pool's forecast of a row, as the pack would make it."""
    said = {source: chance for source, chance in row.chances.items() if weights.get(source, 0) > 0}
    pool = ForecastPool(weights=tuple(weights[source] for source in said))
    chance = pool.combine(row.market, list(said.values()))
    return Forecast(row.event, chance, row.market, row.outcome, row.frozen_at, row.evidence_at)
