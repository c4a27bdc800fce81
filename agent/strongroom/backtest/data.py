"""Recorded history as the engine plays it: markets with ends and outcomes, prices in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise
from math import erf, sqrt
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
from pydantic import JsonValue, TypeAdapter

from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.engine import Batch, Listed
from strongroom.chain.ids import (
    ConditionId,
    TokenId,
    condition_id,
    keccak,
    question_id,
    to_hex,
)
from strongroom.chain.orders import YES
from strongroom.chain.units import HOUR, MICRO
from strongroom.information.gamma import FeeSchedule, Market
from strongroom.keeper.recording import replay
from strongroom.settings import ConfigError

RECORDED = files("strongroom") / "devnet" / "data"  # in a wheel as well
LADDERS = "ladders_2025-11_2026-01"
ORACLE = to_hex(keccak(b"backtest oracle")[:20])
VOID = 0.5
BATCH = 65_536  # events at once


@dataclass(frozen=True)
class LadderMarket:
    """What is read of a recorded market, by the names of its columns."""

    market_question: str
    condition_id: str
    market_id: int | str
    yes_token_id: int
    no_token_id: int
    resolution_time: datetime
    event_slug: str
    ticker: str
    threshold: float


_LADDER_MARKETS = TypeAdapter(list[LadderMarket])


@dataclass(frozen=True)
class PriceHistory:
    """Markets, and the file of their prices.

    Attributes:
        thresholds: of the markets' ladders, USD
        outcomes: 1 YES, 0 NO, 0.5 void
        prices: (market number, ts, price) in the order of time; micro
        books: recorded books of YES in the order of time, instead of prices
    """

    markets: Sequence[Market]
    listed: Sequence[Listed]
    thresholds: Sequence[float]
    outcomes: Sequence[float]
    prices: pl.DataFrame
    books: Sequence[Batch] = ()

    @property
    def starts_at(self) -> int:
        """The time of the first price."""
        return int(self.prices["ts"][0])

    @property
    def ends_at(self) -> int:
        """When the last market has paid."""
        return max(each.pays_at for each in self.listed)

    def feed(self) -> Iterator[Batch]:
        """Return the prices, or the books, a part at a time."""
        if self.books:
            yield from self.books
            return
        for part in self.prices.iter_slices(BATCH):
            yield part["ts"].to_list(), part["market"].to_list(), part["price"].to_list()

    def relations(self) -> list[JsonValue]:
        """Return what a reviewer may say of ladders: above the higher is above the lower."""
        found: list[JsonValue] = []
        for low, high in self.rungs():
            members: list[JsonValue] = [
                self.markets[high].condition_id,
                self.markets[low].condition_id,
            ]
            reviewer = "ladder: same stock, same close, higher threshold"
            found.append({"kind": "implies", "members": members, "reviewer": reviewer})
        return found

    def rungs(self) -> list[tuple[int, int]]:
        """Return the numbers of adjacent thresholds of one event: lower, higher."""
        order = sorted(
            range(len(self.markets)), key=lambda n: (self.markets[n].event, self.thresholds[n])
        )
        return [
            (low, high)
            for low, high in pairwise(order)
            if self.markets[low].event == self.markets[high].event
        ]


def load_history(config: BacktestConfig) -> PriceHistory:
    """Return the history that a configuration names. Markets without a known outcome are left out,
    as in the reference figures.

    Raises:
        ConfigError: nothing is left.
    """
    kinds = {"ladders": _ladders, "fair": _fair, "views": _views}
    return kinds[config.data.kind](config)


def _ladders(config: BacktestConfig) -> PriceHistory:
    data = config.data
    chosen = ladder_markets().filter(pl.col("outcome").is_not_null())
    if data.start is not None:
        chosen = chosen.filter(pl.col("resolution_time") >= data.start.astimezone(UTC))
    if data.end is not None:
        chosen = chosen.filter(pl.col("resolution_time") <= data.end.astimezone(UTC))
    if data.tickers:
        chosen = chosen.filter(pl.col("ticker").is_in(list(data.tickers)))
    chosen = chosen.sort("resolution_time", "event_id", "threshold")
    if chosen.is_empty():
        raise ConfigError("[data] no market is left: widen start, end or tickers")
    fees = FeeSchedule(config.quotes.fee_rate, Decimal(config.quotes.fee_exponent))
    rows = _LADDER_MARKETS.validate_python(chosen.to_dicts())
    markets = [_market(row, fees, config.quotes.tick) for row in rows]
    numbers = chosen.select("market_id", "resolution_time").with_row_index("market")
    earliest = pl.col("resolution_time") - pl.duration(hours=data.last_h or 10**5)
    prices = (
        ladder_prices()
        .drop_nulls("price")
        .join(numbers, on="market_id")
        .filter((pl.col("ts") < pl.col("resolution_time")) & (pl.col("ts") >= earliest))
        .select(
            (pl.col("ts").dt.epoch("s") + data.known_after_s).alias("ts"),
            pl.col("market").cast(pl.Int64),
            (pl.col("price") * MICRO).round().cast(pl.Int64).alias("price"),
        )
        .sort("ts", "market")
    )
    outcomes = chosen["outcome"].to_list()
    return PriceHistory(
        markets, _listed(config, markets, outcomes), chosen["threshold"].to_list(), outcomes, prices
    )


def _views(config: BacktestConfig) -> PriceHistory:
    """Recorded views: each market's book at each of them; fees, tick and end are the market's own.
    All binary markets are admitted, whatever their oracle; events of several outcomes are not."""
    folder, path = _recorded(config)
    known = _outcomes(path)
    markets: dict[ConditionId, Market] = {}
    batches: list[Batch] = []
    rows: list[tuple[int, int, int]] = []
    for view in replay(folder):
        times, numbers, books = [], [], []
        for name, market in view.markets.items():
            book = view.book(market, YES)
            if name not in known or book is None or market.end is None or market.negative_risk:
                continue
            markets.setdefault(name, replace(market, oracle=ORACLE, best_bid=None, best_ask=None))
            times.append(view.now)
            numbers.append(list(markets).index(name))
            books.append(book)
            if (mid := book.mid()) is not None:
                rows.append((view.now, numbers[-1], round(mid * MICRO)))
        if times:
            batches.append((times, numbers, books))
    if not rows:
        raise ConfigError(f"[data] {path} knows none of the recorded markets")
    chosen = list(markets.values())
    outcomes = [known[name] for name in markets]
    prices = pl.DataFrame(rows, schema=["ts", "market", "price"], orient="row")
    listed = _listed(config, chosen, outcomes)
    return PriceHistory(chosen, listed, [0.0] * len(chosen), outcomes, prices, batches)


def _outcomes(path: Path) -> dict[str, float]:
    """Return market -> 1 where it resolved YES, 0 where NO, 0.5 where it was void."""
    try:
        known = pl.read_csv(path).select("market", pl.col("yes").cast(pl.Float64))
    except pl.exceptions.PolarsError as error:
        words = str(error).partition("\n")[0]
        raise ConfigError(
            f"[data] {path}: {words}: it must be CSV with the columns market and yes (1, 0 or 0.5)"
        ) from error
    if not known["yes"].is_in([0.0, 0.5, 1.0]).all():
        raise ConfigError(f"[data] {path}: yes must be 1, 0, or 0.5 where the market was void")
    return dict(known.iter_rows())


def _fair(config: BacktestConfig) -> PriceHistory:
    """Draw markets whose price is the exact chance of their outcome: Phi(W_t / sqrt(T - t)) of a
    Brownian motion W that ends above 0 or not."""
    count, hours, dice = config.data.markets, 120, np.random.default_rng(config.run.seed)
    walk = dice.standard_normal((count, hours)).cumsum(axis=1) / np.sqrt(hours)
    left = np.sqrt(1 - np.arange(1, hours) / hours)
    chances = 0.5 + 0.5 * np.vectorize(erf)(walk[:, :-1] / left / sqrt(2))
    outcomes = (walk[:, -1] > 0).astype(int).tolist()
    start = 1_770_000_000 // HOUR * HOUR
    first = start + HOUR * dice.integers(0, 24 * 28, count)
    fees = FeeSchedule(config.quotes.fee_rate, Decimal(config.quotes.fee_exponent))
    markets = []
    for number in range(count):
        name = keccak(f"fair {config.run.seed} {number}".encode())
        end = datetime.fromtimestamp(int(first[number]) + hours * HOUR - 1, UTC)
        row = LadderMarket(
            market_question=f"Does walk {number} end above 0?",
            condition_id=to_hex(name),
            market_id=f"fair {number}",
            yes_token_id=2 * number + 2,
            no_token_id=2 * number + 3,
            resolution_time=end,
            event_slug=f"walk-{number}",
            ticker=f"walk {number}",
            threshold=0.0,
        )
        markets.append(_market(row, fees, config.quotes.tick))
    times = first[:, None] + HOUR * np.arange(hours - 1)
    prices = pl.DataFrame(
        {
            "ts": times.ravel(),
            "market": np.repeat(np.arange(count), hours - 1),
            "price": np.clip(chances.ravel() * MICRO, 1, MICRO - 1).round().astype(np.int64),
        }
    ).sort("ts", "market")
    return PriceHistory(
        markets, _listed(config, markets, outcomes), [0.0] * count, outcomes, prices
    )


def _listed(
    config: BacktestConfig, markets: Sequence[Market], outcomes: Sequence[float]
) -> list[Listed]:
    """Return the markets as the engine knows them; the seed says which are disputed."""
    dice, found = Random(config.run.seed), []
    for market, outcome in zip(markets, outcomes, strict=True):
        assert market.end is not None
        end, wait = int(market.end.timestamp()), config.resolution.delay_s
        if dice.random() < config.resolution.disputed:
            wait += config.resolution.dispute_delay_s
        payout = (1, 1) if outcome == VOID else (1, 0) if outcome else (0, 1)
        least = int(market.min_size * MICRO)
        found.append(Listed(market.token_ids, end, end + wait, payout, market.fees, least))
    return found


def stream(path: Path) -> Iterator[Batch]:
    """Return the prices of a Parquet file (ts, market, price), a part at a time: what is held in
    memory does not grow with the file."""
    lazy = pl.scan_parquet(path)
    rows = lazy.select(pl.len()).collect().item()
    for start in range(0, rows, BATCH):
        part = lazy.slice(start, BATCH).collect()
        yield part["ts"].to_list(), part["market"].to_list(), part["price"].to_list()


def ladder_markets() -> pl.DataFrame:
    """Return the recorded ladders' markets (devnet/data/PROVENANCE.md has the columns)."""
    return pl.read_parquet((RECORDED / f"{LADDERS}_markets.parquet").read_bytes())


def ladder_prices() -> pl.DataFrame:
    """Return the recorded ladders' hourly last prices."""
    return pl.read_parquet((RECORDED / f"{LADDERS}_prices.parquet").read_bytes())


def read_hashes(config: BacktestConfig) -> dict[str, str]:
    """Return the SHA-256 of what a configuration's history is read from, by file; of drawn prices
    that of what they are drawn by.

    Raises:
        ConfigError: nothing is there.
    """
    data = config.data
    if data.kind == "fair":
        drawn = f"{data.markets} markets, seed {config.run.seed}"
        return {"fair": sha256(drawn.encode()).hexdigest()}
    if data.kind == "ladders":
        return data_hashes()
    folder, outcomes = _recorded(config)
    files_ = [*sorted(folder.glob("views-*.parquet")), outcomes]
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in files_}


def _recorded(config: BacktestConfig) -> tuple[Path, Path]:
    data = config.data
    if data.folder is None or data.outcomes is None:
        raise ConfigError("[data] views need `folder` and `outcomes`")
    if not list(data.folder.glob("views-*.parquet")) or not data.outcomes.exists():
        raise ConfigError(f"[data] no views in {data.folder}, or no {data.outcomes}")
    return data.folder, data.outcomes


def data_hashes() -> dict[str, str]:
    """Return the packaged ladders' SHA-256, by file."""
    names = (f"{LADDERS}_{what}.parquet" for what in ("markets", "prices"))
    return {name: sha256((RECORDED / name).read_bytes()).hexdigest() for name in names}


def _market(row: LadderMarket, fees: FeeSchedule, tick: Decimal) -> Market:
    return Market(
        question=row.market_question,
        outcomes=("Yes", "No"),
        condition_id=condition_id(row.condition_id),
        question_id=question_id(keccak(f"ladder {row.market_id}".encode())),
        oracle=ORACLE,
        token_ids=(TokenId(row.yes_token_id), TokenId(row.no_token_id)),
        best_bid=None,
        best_ask=None,
        tick=tick,
        min_size=Decimal(5),
        liquidity=Decimal(MICRO),  # the assumed book says what there is
        end=row.resolution_time.astimezone(UTC),
        closed=False,
        negative_risk=False,
        resolution_statuses=(),
        fees=fees,
        event=row.event_slug,
        category="finance",
        volume=Decimal(MICRO),
        rules=f"Resolves YES if {row.ticker} closes above {row.threshold:g} USD.",
    )
