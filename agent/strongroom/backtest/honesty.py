"""Does the simulation show the future? What packs see and decide before a moment must not change
when everything after that moment does. That they see nothing else, sealed.py looks after."""

from collections.abc import Callable
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
    outcomes turned round and paid at another time where nothing had been paid."""
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
    )


def check_honesty(
    config: BacktestConfig,
    history: PriceHistory,
    at: int,
    fills: Fills = "realistic",
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Honesty:
    """Run a configuration twice, the second time with another future, and compare.

    Args:
        at: timestamp
        on_progress: is called with the seconds that are played, and those of both runs

    Raises:
        ConfigError: the history is of recorded books.
    """

    if history.books:
        raise ConfigError("a look-ahead check changes last prices: it cannot check recorded books")

    def decided(known: PriceHistory, runs: int) -> list[tuple[int, DecisionId]]:
        found: list[tuple[int, DecisionId]] = []

        def on_view(view: View, round_: Round) -> None:
            found.extend((view.now, decision.id) for decision in round_.decisions)

        def played(now: int, end: int) -> None:
            length = end - known.starts_at
            on_progress(runs * length + now - known.starts_at, 2 * length)

        simulate(config, fills, known, played, on_view)
        return [each for each in found if each[0] <= at]

    first = decided(history, 0)
    second = decided(with_other_future(history, at, config.run.seed), 1)
    for one, other in zip(first, second, strict=False):
        if one != other:
            return Honesty(at, len(first), min(one[0], other[0]))
    if len(first) != len(second):
        longer = first if len(first) > len(second) else second
        return Honesty(at, len(first), longer[min(len(first), len(second))][0])
    return Honesty(at, len(first), None)
