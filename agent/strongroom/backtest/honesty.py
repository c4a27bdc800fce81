"""Does the simulation show the future? What packs see and decide before a moment must not change
when everything after that moment does. That they see nothing else, sealed.py looks after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import polars as pl

from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import PriceHistory
from strongroom.backtest.engine import MS
from strongroom.backtest.quotes import Fills
from strongroom.backtest.run import simulate
from strongroom.chain.ids import DecisionId
from strongroom.chain.units import DAY, MICRO
from strongroom.settings import ConfigError
from strongroom.strategy.decide import Round
from strongroom.strategy.view import View

Decided = tuple[int, DecisionId]  # when, and what


@dataclass(frozen=True)
class Honesty:
    """What changing the future after `at` did to the past.

    Attributes:
        before: decisions before `at`
        changed: time of the first decision before `at` that came out otherwise; None: honest
    """

    at: int
    before: int
    changed: int | None


def with_other_future(history: PriceHistory, at: int, seed: int) -> PriceHistory:
    """Return a history that is the same up to `at` and quite another after it: prices drawn anew,
    outcomes turned round and paid at another time where nothing had been paid. What is learned from
    markets that are not played has that future, too."""
    dice = Random(seed)
    drawn = (pl.struct("ts", "market").hash(seed) % 980 + 10).cast(pl.Int64) * (MICRO // 1_000)
    price = pl.when(pl.col("ts") > MS * at).then(drawn).otherwise("price").alias("price")
    return replace(
        history,
        tape=replace(history.tape, change=lambda frame: frame.with_columns(price)),
        listed=[
            replace(
                each,
                payout=(each.payout[1], each.payout[0]),
                pays_at=max(at + 1, -(-each.ends_ms // MS)) + dice.randrange(4 * DAY),
            )
            if each.pays_at > at
            else each
            for each in history.listed
        ],
        outcomes=[
            1 - outcome if each.pays_at > at else outcome
            for outcome, each in zip(history.outcomes, history.listed, strict=True)
        ],
        as_played=lambda other: with_other_future(other, at, seed),
    )


def check_honesty(
    config: BacktestConfig,
    history: PriceHistory,
    moments: Sequence[int],
    fills: Fills = "realistic",
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Honesty]:
    """Run a configuration as it was, and once more with another future after each moment; compare.

    Args:
        moments: timestamps
        on_progress: is called with the seconds that are played, and those of all runs

    Raises:
        ConfigError: the history is of recorded books.
    """
    if history.books:
        raise ConfigError("a look-ahead check changes last prices: it cannot check recorded books")

    def decided(known: PriceHistory, runs: int) -> list[Decided]:
        found: list[Decided] = []

        def on_view(view: View, round_: Round) -> None:
            found.extend((view.now, decision.id) for decision in round_.decisions)

        def played(now: int, end: int) -> None:
            length = end - known.starts_at
            on_progress(runs * length + now - known.starts_at, (1 + len(moments)) * length)

        simulate(config, fills, known, played, on_view)
        return found

    first, checks = decided(history, 0), []
    for number, at in enumerate(moments, 1):
        second = decided(with_other_future(history, at, config.run.seed), number)
        one, other = ([each for each in all_ if each[0] <= at] for all_ in (first, second))
        checks.append(Honesty(at, len(one), _first_change(one, other)))
    return checks


def _first_change(one: Sequence[Decided], other: Sequence[Decided]) -> int | None:
    """Return the time at which two runs first decide otherwise; None: never."""
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            return min(mine[0], theirs[0])
    both = min(len(one), len(other))
    return next((time for time, _ in (*one[both:], *other[both:])), None)
