"""What packs know from earlier markets: counted as a backtest goes on, from what had been paid by
then; and which results know their own sample.

The tail pack's record is learned, unless the configuration gives it. What a configuration gives may
have been counted on the very data that is played: then the result is in sample, unless the file
says that it was counted before the first price (`[counted]`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from strongroom.analysis.tail import TailRecord
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import PriceHistory, load_history
from strongroom.chain.ids import Json
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.keeper.pack_sections import parameters_of
from strongroom.settings import ConfigError
from strongroom.strategy.api import BadParameters, with_parameters
from strongroom.strategy.packs.tail import Tail

MILLISECOND = timedelta(milliseconds=1)
TAIL, RECORD = "tail", ("wins", "total")
# parameters of our packs that come from counting outcomes; of others' packs all may
COUNTED: Mapping[str, tuple[str, ...]] = {
    TAIL: RECORD,
    "informed": ("weights",),
    "bundle": (),
    "dutch": (),
    "hedge": (),
    "maker": (),
    "signal": (),
}


# what of [data] leaves out earlier markets, those of other tickers, and their prices
ALL_BEFORE: Mapping[str, tuple[()] | None] = {
    "start": None, "tickers": (), "last_h": None, "prices_from": None,
}  # fmt: skip


@dataclass
class LearnedRecord:
    """How favourites fared, those whose payout is known by now.

    Attributes:
        paid: time of the payout and whether it was won, the last first
    """

    paid: list[tuple[int, bool]]
    wins: int = 0
    total: int = 0

    def at(self, now: int) -> "LearnedRecord":
        """Count what has been paid by now."""
        while self.paid and self.paid[-1][0] <= now:
            self.total += 1
            self.wins += self.paid.pop()[1]
        return self


@dataclass
class Learning:
    """The learned parameters of a run; what is asked for is what has changed.

    Attributes:
        tail: record of the tail pack; None: it is given, or there is no such pack
    """

    tail: LearnedRecord | None
    clock: Callable[[], int]
    _told: tuple[int, int] | None = None

    def changes(self) -> Mapping[str, Mapping[str, Json] | None]:
        """Return the parameters that are new by now; None: nothing is known yet."""
        if self.tail is None:
            return {}
        record = self.tail.at(self.clock())
        if self._told == (record.wins, record.total):
            return {}
        self._told = record.wins, record.total
        return {TAIL: {"wins": record.wins, "total": record.total} if record.total else None}

    def words(self) -> str:
        """Return how the parameters came about."""
        if self.tail is None:
            return ""
        return f"learned: {self.tail.wins} of {self.tail.total} at the end"


def learning_of(
    config: BacktestConfig, history: PriceHistory, clock: Callable[[], int]
) -> Learning:
    """Return what is learned in a run: from all markets of the data, those that ended earlier and
    those of other tickers too.

    Raises:
        ConfigError: the tail pack does not take its parameters.
    """
    own = parameters_of(config.packs).get(TAIL)
    if own is None or set(RECORD) & own.keys():
        return Learning(None, clock)
    try:
        pack = with_parameters(TAIL, Tail, own)
    except BadParameters as error:
        raise ConfigError(f"[packs] {error}") from error
    assert isinstance(pack, Tail)
    data = config.data
    whole = data.model_copy(update=ALL_BEFORE)
    if whole != data:
        history = history.as_played(load_history(config.model_copy(update={"data": whole})))
    return Learning(LearnedRecord(_paid(history, pack.record())), clock)


def _paid(history: PriceHistory, record: TailRecord) -> list[tuple[int, bool]]:
    """Return when each favourite paid and whether it won, the last first. A market is counted once,
    as `strongroom study reference` does: at the first price in the range of prices and hours."""
    favoured: dict[int, bool] = {}  # market -> YES
    ends = pl.DataFrame(
        {
            "market": range(len(history.markets)),
            "ends": [
                round(1_000 * each.end.timestamp()) if each.end else 0 for each in history.markets
            ],
        },
        schema={"market": pl.Int64, "ends": pl.Int64},
    )
    low, high = int(record.low * MICRO), int(record.high * MICRO)
    latest, earliest = (each // MILLISECOND for each in (record.latest, record.earliest))
    left, side = pl.col("ends") - pl.col("ts"), pl.max_horizontal("price", MICRO - pl.col("price"))
    for frame in history.tape.middles():
        found = (
            frame.join(ends, on="market", maintain_order="left")
            .filter(left.is_between(latest, earliest) & (side >= low) & (side < high))
            .unique("market", keep="first", maintain_order=True)
        )
        for market, price in found.select("market", "price").iter_rows():
            favoured.setdefault(market, 2 * price > MICRO)
    payouts = (
        (listed.pays_at, listed.payout[YES if yes else NO] == sum(listed.payout))
        for market, yes in favoured.items()
        for listed in (history.listed[market],)
    )
    return sorted(payouts, reverse=True)


def known_of_the_sample(config: BacktestConfig, history: PriceHistory) -> list[str]:
    """Return the given parameters that may have been counted on what is played: pack and name."""
    if config.data.kind == "fair":
        return []
    return [
        f"{pack} {name}"
        for pack, own in parameters_of(config.packs).items()
        for name in _counted(pack, own)
        if pack not in config.counted or config.counted[pack].timestamp() >= history.starts_at
    ]


def _counted(pack: str, own: Mapping[str, Json]) -> Iterator[str]:
    names = COUNTED.get(pack)
    yield from (name for name in own if names is None or name in names)
