"""What packs know from earlier markets: counted as a backtest goes on, from what had been paid by
then; and which results know their own sample.

The tail pack's record is learned, unless the configuration gives it, and the bundle pack hears of
the data's relations when they are reviewed. What a configuration gives may have been counted on the
very data that is played, and so may a relation that was reviewed while it was played: then the
result is in sample. For what it gives, the file can say that it was counted before the first price
(`[counted]`).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from strongroom.analysis.tail import TailRecord
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import KnownRelation, PriceHistory, load_history
from strongroom.backtest.engine import MS
from strongroom.chain.ids import Json
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.keeper.pack_sections import parameters_of
from strongroom.settings import ConfigError
from strongroom.strategy.api import BadParameters, Pack, with_parameters
from strongroom.strategy.packs.bundle import Bundles
from strongroom.strategy.packs.tail import Tail

MILLISECOND = timedelta(milliseconds=1)
TAIL, RECORD = "tail", ("wins", "total")
BUNDLE, RELATIONS = "bundle", "relations"
# parameters of our packs that come from counting outcomes; of others' packs all may
COUNTED: Mapping[str, tuple[str, ...]] = {
    TAIL: RECORD,
    "informed": ("weights",),
    BUNDLE: (RELATIONS,),
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
class Reviews:
    """Relations that somebody vouches for, those that are known the longest first. Of one without a
    time nobody knows better."""

    of: Sequence[KnownRelation]

    def __post_init__(self) -> None:
        """Bring them in their order."""
        self.of = sorted(self.of, key=lambda each: each.since_ms or 0)
        self._since = [each.since_ms or 0 for each in self.of]

    def known(self, now: int) -> int:
        """Return how many are known by now."""
        return bisect_right(self._since, MS * now)


@dataclass
class Learning:
    """The learned parameters of a run; what is asked for is what has changed.

    Attributes:
        tail: record of the tail pack; None: it is given, or there is no such pack
        reviews: relations of the bundle pack; None: they are given, or there is no such pack
    """

    tail: LearnedRecord | None
    reviews: Reviews | None
    clock: Callable[[], int]
    _told: tuple[int, int] | None = None
    _related: int = 0

    def changes(self) -> Mapping[str, Mapping[str, Json] | None]:
        """Return the parameters that are new by now; None: nothing is known yet."""
        found = dict(self.counts())
        if self.reviews is not None:
            known = self.reviews.known(self.clock())
            if known != self._related:
                self._related = known
                found[BUNDLE] = {RELATIONS: [each.relation for each in self.reviews.of[:known]]}
        return found

    def counts(self) -> Mapping[str, Mapping[str, Json] | None]:
        """Return those of them that were counted on outcomes."""
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
    """Return what is learned in a run: a record from all markets of the data, those that ended
    earlier and those of other tickers too; relations when they are reviewed.

    Raises:
        ConfigError: a pack does not take its parameters.
    """
    packs = parameters_of(config.packs)
    reviews = _reviews(config, history)
    if reviews is not None:
        relations = [each.relation for each in reviews.of]
        _made(BUNDLE, Bundles, {**packs[BUNDLE], RELATIONS: relations})
    return Learning(_record(config, packs.get(TAIL), history), reviews, clock)


def _record(
    config: BacktestConfig, own: Mapping[str, Json] | None, history: PriceHistory
) -> LearnedRecord | None:
    if own is None or set(RECORD) & own.keys():
        return None
    pack = _made(TAIL, Tail, own)
    assert isinstance(pack, Tail)
    data = config.data
    whole = data.model_copy(update=ALL_BEFORE)
    if whole != data:
        history = history.as_played(load_history(config.model_copy(update={"data": whole})))
    return LearnedRecord(_paid(history, pack.record()))


def _reviews(config: BacktestConfig, history: PriceHistory) -> Reviews | None:
    """Return the data's relations, and those of ladders where the file wants them; None: the file
    gives its own, or nothing needs them."""
    own = parameters_of(config.packs).get(BUNDLE)
    if own is None:
        return None
    if RELATIONS in own:
        _check_certified(own[RELATIONS], history)
        return None
    ladders = history.ladder_relations() if config.ladder_relations else []
    known = [*ladders, *history.vouched]
    return Reviews([each for each in known if not _at_any(each.relation, history)])


def _check_certified(relations: Json, history: PriceHistory) -> None:
    """Refuse relations that make no certificate."""
    for each in relations if isinstance(relations, list) else ():
        if found := _at_any(each, history):
            name, venue = found[0], history.at_any[found[0]]
            raise ConfigError(
                f"[packs.bundle] relations: {venue} may settle market {name} at any value, so no "
                "set with it is sure: take it out"
            )


def _at_any(relation: Json, history: PriceHistory) -> list[str]:
    """Return the members of a relation that may settle at any value."""
    members = relation.get("members") if isinstance(relation, dict) else None
    listed = members if isinstance(members, list) else []
    return [each for each in listed if isinstance(each, str) and each in history.at_any]


def _made(name: str, kind: Callable[..., Pack], own: Mapping[str, Json]) -> Pack:
    try:
        return with_parameters(name, kind, own)
    except BadParameters as error:
        raise ConfigError(f"[packs] {error}") from error


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
    """Return the parameters that may have been found in what is played: pack and name. Of a
    relation that was reviewed before, or is reviewed after the last payout, nothing is."""
    if config.data.kind == "fair":
        return []
    found = [
        f"{pack} {name}"
        for pack, own in parameters_of(config.packs).items()
        for name in _counted(pack, own)
        if pack not in config.counted or config.counted[pack].timestamp() >= history.starts_at
    ]
    reviews = _reviews(config, history)
    if reviews is not None and any(_reviewed_within(each, history) for each in reviews.of):
        found.append(f"{BUNDLE} {RELATIONS}")
    return found


def _reviewed_within(relation: KnownRelation, history: PriceHistory) -> bool:
    since = relation.since_ms
    return since is None or MS * history.starts_at <= since <= MS * history.ends_at


def _counted(pack: str, own: Mapping[str, Json]) -> Iterator[str]:
    names = COUNTED.get(pack)
    yield from (name for name in own if names is None or name in names)
