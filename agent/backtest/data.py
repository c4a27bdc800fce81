"""Recorded history as the engine plays it: markets with ends and outcomes, prices in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

from agent.backtest.config import BacktestConfig
from agent.backtest.engine import Batch, Listed
from agent.config import ConfigError
from agent.ids import keccak
from agent.information.gamma import FeeSchedule, Market
from agent.units import MICRO

FOLDER = Path(__file__).parent.parent / "devnet" / "data"
LADDERS = "ladders_2025-11_2026-01"
ORACLE = "0x" + keccak(b"backtest oracle")[:20].hex()
BATCH = 65_536  # events at once


@dataclass(frozen=True)
class History:
    """Markets, and the file of their prices.

    Attributes:
        thresholds: of the markets' ladders, USD
        outcomes: 1 YES, 0 NO
        prices: (market number, ts, price) in the order of time; micro
    """

    markets: Sequence[Market]
    listed: Sequence[Listed]
    thresholds: Sequence[float]
    outcomes: Sequence[int]
    prices: pl.DataFrame

    @property
    def starts_at(self) -> int:
        """The time of the first price."""
        return int(self.prices["ts"][0])

    @property
    def ends_at(self) -> int:
        """When the last market has paid."""
        return max(each.pays_at for each in self.listed)

    def feed(self) -> Iterator[Batch]:
        """Return the prices, a part at a time."""
        for part in self.prices.iter_slices(BATCH):
            yield part["ts"].to_list(), part["market"].to_list(), part["price"].to_list()

    def relations(self) -> list[dict[str, Any]]:
        """Return what a reviewer may say of ladders: above the higher is above the lower."""
        found = []
        for low, high in self.rungs():
            members = [self.markets[high].name, self.markets[low].name]
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


def load_history(config: BacktestConfig) -> History:
    """Return the history that a configuration names. Markets without a known outcome are left out,
    as in the reference figures.

    Raises:
        ConfigError: nothing is left.
    """
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
    dice = Random(config.run.seed)
    fees = FeeSchedule(config.quotes.fee_rate, config.quotes.fee_exponent)
    markets, listed = [], []
    for row in chosen.iter_rows(named=True):
        market = _market(row, fees, config.quotes.tick)
        end = int(row["resolution_time"].timestamp())
        wait = config.resolution.delay_s
        if dice.random() < config.resolution.disputed:
            wait += config.resolution.dispute_delay_s
        payout = (1, 0) if row["outcome"] else (0, 1)
        tokens = (str(market.token_ids[0]), str(market.token_ids[1]))
        listed.append(Listed(tokens, end, end + wait, payout, fees, 5 * MICRO))
        markets.append(market)
    numbers = chosen.select("market_id", "resolution_time").with_row_index("market")
    prices = (
        ladder_prices()
        .drop_nulls("price")
        .join(numbers, on="market_id")
        .filter(pl.col("ts") < pl.col("resolution_time"))
        .filter(pl.col("ts") >= pl.col("resolution_time") - pl.duration(hours=data.last_h or 10**5))
        .select(
            (pl.col("ts").dt.epoch("s") + data.known_after_s).alias("ts"),
            pl.col("market").cast(pl.Int64),
            (pl.col("price") * MICRO).round().cast(pl.Int64).alias("price"),
        )
        .sort("ts", "market")
    )
    return History(
        markets, listed, chosen["threshold"].to_list(), chosen["outcome"].to_list(), prices
    )


def ladder_markets() -> pl.DataFrame:
    """Return the recorded ladders' markets (shared DATA.md has the columns)."""
    return pl.read_parquet(FOLDER / f"{LADDERS}_markets.parquet")


def ladder_prices() -> pl.DataFrame:
    """Return the recorded ladders' hourly last prices."""
    return pl.read_parquet(FOLDER / f"{LADDERS}_prices.parquet")


def data_hashes() -> dict[str, str]:
    """Return the files' SHA-256: what a result was made from."""
    return {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in sorted(FOLDER.glob(f"{LADDERS}_*.parquet"))
    }


def _market(row: dict[str, Any], fees: FeeSchedule, tick: Decimal) -> Market:
    return Market(
        question=row["market_question"],
        outcomes=("Yes", "No"),
        condition_id=bytes.fromhex(row["condition_id"].removeprefix("0x")),
        question_id=keccak(f"ladder {row['market_id']}".encode()),
        oracle=ORACLE,
        token_ids=(int(row["yes_token_id"]), int(row["no_token_id"])),
        best_bid=None,
        best_ask=None,
        tick=tick,
        min_size=Decimal(5),
        liquidity=Decimal(10**6),  # the assumed book says what there is
        end=row["resolution_time"].astimezone(UTC),
        closed=False,
        negative_risk=False,
        resolution_statuses=(),
        fees=fees,
        event=row["event_slug"],
        category="finance",
        volume=Decimal(10**6),
        rules=f"Resolves YES if {row['ticker']} closes above {row['threshold']:g} USD.",
    )
