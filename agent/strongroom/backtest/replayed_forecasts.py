"""Recorded forecasts, given again at the times at which they were given."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from strongroom.chain.ids import ConditionId
from strongroom.chain.units import MICRO
from strongroom.data.folder import DataFolder
from strongroom.data.schema import Table
from strongroom.information.forecast import Answers, Given
from strongroom.information.gamma import Market

MS = 1_000


@dataclass
class ReplayedForecasts:
    """A source of forecasts that a recording has; time must not go back.

    Attributes:
        names: market in the data -> condition id in the backtest
    """

    name: str
    folder: DataFolder
    names: Mapping[str, ConditionId]
    _latest: dict[ConditionId, Given] = field(default_factory=dict)
    _next: Given | None = None

    def __post_init__(self) -> None:
        """Begin before the first."""
        self._rest = self._recorded()

    def forecast(self, markets: Sequence[Market], now: int) -> Answers:
        """Return each market's newest forecast that had been given by then."""
        while self._next is None or self._next.frozen_at <= now:
            if self._next is not None:
                self._latest[self._next.market] = self._next
            self._next = next(self._rest, None)
            if self._next is None:
                break
        known = (self._latest.get(market.condition_id) for market in markets)
        return Answers(tuple(each for each in known if each is not None))

    def _recorded(self) -> Iterator[Given]:
        columns = ("market", "chance", "at_ms", "evidence_ms")
        for chunk in self.folder.chunks(Table.FORECASTS):
            mine = chunk.filter(pl.col("source") == self.name).select(columns)
            for market, chance, at, evidence in mine.iter_rows():
                if market in self.names:
                    known_at = -(-at // MS)  # never before its time
                    rests_on = None if evidence is None else min(-(-evidence // MS), known_at)
                    yield Given(self.name, self.names[market], chance / MICRO, known_at, rests_on)


def replayed(folder: DataFolder, names: Mapping[str, ConditionId]) -> list[ReplayedForecasts]:
    """Return the recorded sources, by name."""
    sources = folder.read(folder.table(Table.FORECASTS).select(pl.col("source").unique()))
    return [ReplayedForecasts(each, folder, names) for each in sorted(sources["source"])]
