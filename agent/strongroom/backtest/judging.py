"""The verdict on a run, by the test that fits how it bets: where it would pass or fail, whether it
follows its own results is looked at first (replay.py), which takes as long as the run did."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from strongroom.analysis.fair_null import Event
from strongroom.analysis.verdict import NO_TRIES, Conclusion, Tries, VerdictWord
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import PriceHistory
from strongroom.backtest.quotes import Fills
from strongroom.backtest.replay import replayed
from strongroom.backtest.run import RunResult
from strongroom.backtest.stats import Summary, against, assumed_spread, summarise

DECIDES = (VerdictWord.PASSES, VerdictWord.FAILS)  # words that ask for a replay

OnTime = Callable[[int, int], None]


def judged(
    config: BacktestConfig,
    fills: Fills,
    history: PriceHistory,
    first: RunResult,
    tries: Tries = NO_TRIES,
    on_time: OnTime = lambda now, end: None,
) -> Summary:
    """Return an outcome in numbers, with its verdict. Where that would be "passes" or "fails", the
    configuration is played once more with other results; if it follows these, what decides is the
    wealth of who follows.

    Args:
        first: how it was played on this history
        tries: what else was tried on the same data
        on_time: is called with the time that is played again, and the last
    """
    about = config.run.seed, assumed_spread(config, fills, first.recorded), tries
    found = summarise(first, *about)
    if found.conclusion.word not in DECIDES:
        return found
    replay = replayed(config, fills, history, first, on_time)
    if not replay.follows:
        return replace(found, replay=replay)
    return summarise(first, *about, replay)


def difference(
    config: BacktestConfig,
    fills: Fills,
    history: PriceHistory,
    first: RunResult,
    found: Summary,
    naive: Sequence[Event],
    on_time: OnTime = lambda now, end: None,
) -> Conclusion:
    """Return the verdict on what was earned beyond a benchmark, by the same rule.

    Args:
        found: what was judged of the outcome
        naive: the benchmark's events
    """
    replay = found.replay
    about = found.dated, naive, config.run.seed
    told = against(*about, replay is not None and replay.follows)
    if told.word not in DECIDES or replay is not None:
        return told
    follows = replayed(config, fills, history, first, on_time).follows
    return against(*about, follows) if follows else told
