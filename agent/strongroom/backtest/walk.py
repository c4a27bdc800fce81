"""Walk-forward: parameters are chosen on one part of the history and judged on the next, again and
again; and one verdict on all that was judged.

A part in time is judged by decisions made after the last market of the earlier parts had paid:
before that nobody could have chosen by it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from strongroom.analysis.verdict import NO_TRIES, Conclusion, Tries, conclude
from strongroom.backtest.config import BacktestConfig, parse, varied
from strongroom.backtest.data import chosen_markets, folder_of, load_history
from strongroom.backtest.judging import DECIDES
from strongroom.backtest.quotes import Fills
from strongroom.backtest.replay import NOTHING, Replay, replayed
from strongroom.backtest.run import simulate
from strongroom.backtest.stats import Summary, told
from strongroom.backtest.sweep import Changes, Job, OnProgress, Row, jobs_of, order_of, run_jobs
from strongroom.settings import ConfigError

Split = Literal["time", "event"]
JUDGED: Fills = "pessimistic"


@dataclass(frozen=True)
class Fold:
    """One step of a walk: what was chosen on the one part, and what it did on the other.

    Attributes:
        at_choice: p of what was chosen, before tries count
        judged_as: the configuration that was judged, JSON
    """

    chosen_on: str
    judged_on: str
    chosen: Changes
    at_choice: float
    afterwards: Summary
    judged_as: str = field(default="", repr=False)


@dataclass(frozen=True)
class WholeWalk:
    """All parts that were judged, as one sample that no choice has seen.

    Attributes:
        staked, profit: units; of each part by the same deposits
        share_after_fees: of somebody who was in one part after the other, a fraction
        verdict: in words, with what it rests on
        replay: of all parts with other results; None: no word asked for it
    """

    staked: float
    profit: float
    share_after_fees: float
    conclusion: Conclusion
    verdict: str
    replay: Replay | None = None


@dataclass(frozen=True)
class Part:
    """Where parameters are chosen and where they are judged, in words and as changes."""

    chosen_on: str
    judged_on: str
    first: Changes
    second: Changes


def walk_forward(
    config: BacktestConfig,
    folder: Path,
    split: Split = "time",
    least: int = 3,
    workers: int | None = None,
    on_progress: OnProgress = lambda done, of: None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Fold]:
    """Choose the best parameters of the sweep on one part, judge them on the next.

    Args:
        split: "time": each week is judged by what was best in all weeks before it; "event": half of
            the tickers is judged by what was best on the other half, and the other way round
        least: weeks before the first one that is judged
        on_row: is called with the result of each set on each part

    Raises:
        ConfigError: there is nothing to vary, or too little history.
    """
    if not config.sweep:
        raise ConfigError("[sweep] is empty: name what is varied")
    parts = weeks_of(config, least) if split == "time" else _halves(config)
    folds = []
    for number, part in enumerate(parts):
        jobs = jobs_of(_with_sweep(config, part.first))
        rows = run_jobs(jobs, folder, workers=workers, on_row=on_row)
        best = min(rows, key=lambda row: (*order_of(row.summary), str(row.changes)))
        after = varied(_with_sweep(config, part.second), best.changes)
        job = Job(best.changes, after.model_dump_json(exclude={"sweep"}), JUDGED)
        (row,) = run_jobs([job], folder, workers=1, on_row=on_row)
        about = part.chosen_on, part.judged_on, best.changes
        folds.append(Fold(*about, best.summary.conclusion.p_pass, row.summary, job.config))
        on_progress(number + 1, len(parts))
    return folds


def whole_of(
    config: BacktestConfig,
    folds: Sequence[Fold],
    tries: Tries = NO_TRIES,
    on_progress: OnProgress = lambda done, of: None,
) -> WholeWalk:
    """Return all judged parts as one: their events under one verdict. Where that would pass or
    fail, each part is played once more with other results.

    Args:
        tries: what else was tried on the same data
        on_progress: is called with the parts that were played again, and all of them
    """
    events, share = [event for fold in folds for event in fold.afterwards.dated], 1.0
    found, replay = conclude(events, config.run.seed, tries), None
    if found.word in DECIDES:
        replay = _replayed(folds, on_progress)
        if replay.follows:
            found = conclude(events, config.run.seed, tries, adaptive=True)
    for fold in folds:
        share *= 1 + fold.afterwards.share_after_fees
    in_sample = [f.judged_on for f in folds if f.afterwards.verdict.startswith("in sample")]
    assumed = not load_history(config).books
    return WholeWalk(
        sum(fold.afterwards.staked for fold in folds),
        sum(fold.afterwards.profit for fold in folds),
        share - 1,
        found,
        told(found, JUDGED, assumed, in_sample),
        replay,
    )


def _replayed(folds: Sequence[Fold], on_progress: OnProgress) -> Replay:
    """Return how much of what was traded in all parts follows the results there."""
    found = NOTHING
    for number, fold in enumerate(folds):
        known = parse(json.loads(fold.judged_as))
        history = load_history(known)
        found += replayed(known, JUDGED, history, simulate(known, JUDGED, history))
        on_progress(number + 1, len(folds))
    return found


def _with_sweep(config: BacktestConfig, changes: Changes) -> BacktestConfig:
    return varied(config, changes).model_copy(update={"sweep": config.sweep})


def weeks_of(config: BacktestConfig, least: int) -> list[Part]:
    """Return each week in which markets end, from Monday on (UTC), after all that end before it.

    Raises:
        ConfigError: there are too few.
    """
    weeks = list(_ends_by_week(config))
    if len(weeks) <= least:
        raise ConfigError(f"[data] {len(weeks)} weeks: it needs at least {least + 1}")
    found = []
    for number in range(least, len(weeks)):
        first = _span(weeks[0][0], weeks[number - 1][-1])
        paid = datetime.fromtimestamp(load_history(varied(config, first)).ends_at, UTC)
        start = max([paid, *([config.data.prices_from] if config.data.prices_from else [])])
        ends = [each for each in weeks[number] if each > start]
        if not ends:
            continue  # paid too late to be known in that week
        second = {**_span(ends[0], ends[-1]), "data.prices_from": start.isoformat()}
        about = _days(weeks[0][0], weeks[number - 1][-1]), _days(ends[0], ends[-1])
        found.append(Part(*about, first, second))
    return found


def _ends_by_week(config: BacktestConfig) -> Iterator[list[datetime]]:
    """Yield the ends of markets, in order, a week at a time."""
    markets = chosen_markets(config, folder_of(config))
    week: list[datetime] = []
    for ends_ms in sorted(set(markets["ends_ms"])):
        end = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ends_ms)
        if week and end.isocalendar()[:2] != week[0].isocalendar()[:2]:
            yield week
            week = []
        week.append(end)
    yield week


def _span(first: datetime, last: datetime) -> Changes:
    return {"data.start": first.isoformat(), "data.end": last.isoformat()}


def _days(first: datetime, last: datetime) -> str:
    days = f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"
    return days[0] if days[0] == days[1] else f"{days[0]} to {days[1]}"


def _tickers(config: BacktestConfig) -> list[str]:
    found = chosen_markets(config, folder_of(config))["ticker"]
    return sorted(set(found.to_list()) - {""})


def _halves(config: BacktestConfig) -> list[Part]:
    tickers = list(config.data.tickers) or _tickers(config)
    if len(tickers) < 2:
        raise ConfigError("[data] one ticker cannot be split: name two or more")
    one: list[JsonValue] = list(tickers[::2])
    other: list[JsonValue] = list(tickers[1::2])
    return [
        Part(" ".join(map(str, a)), " ".join(map(str, b)), {"data.tickers": a}, {"data.tickers": b})
        for a, b in ((one, other), (other, one))
    ]
