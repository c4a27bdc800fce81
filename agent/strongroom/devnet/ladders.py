"""The recorded weekly stock-price ladders as markets of the devnet, with their hourly prices."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import TypedDict, cast

import polars as pl

from strongroom.chain.ids import JsonObject, keccak
from strongroom.devnet.contracts import Venue, condition_id
from strongroom.errors import BadInput
from strongroom.information.gamma import MarketRecord

DATA = Path(__file__).parent / "data"
NAME = "ladders_2025-11_2026-01"
FEES = {"rate": 0.04, "exponent": 1, "takerOnly": True}  # of this category since 2026


class _Row(TypedDict):
    """A market of the recorded file."""

    market_id: object
    event_slug: str
    market_question: str
    ticker: str
    threshold: float
    resolution_time: datetime
    outcome: object


@dataclass(frozen=True)
class Rung:
    """One market of a ladder: "above the threshold?"."""

    record: MarketRecord
    ticker: str
    threshold: float
    resolves_at: int  # timestamp
    yes: bool  # how it resolved
    times: Sequence[int]  # of the hourly prices, timestamps
    prices: Sequence[float]

    @property
    def name(self) -> str:
        """Its condition id."""
        return str(self.record["conditionId"])

    def price(self, now: int) -> float | None:
        """Return the last price that was known at a time."""
        place = bisect_right(self.times, now)
        return self.prices[place - 1] if place else None


def check_tickers(resolves_on: date, tickers: Sequence[str]) -> None:
    """Say which tickers have a recorded ladder, if one has none.

    Raises:
        BadInput: one has none that resolves on the day.
    """
    markets = pl.read_parquet(DATA / f"{NAME}_markets.parquet")
    on_day = markets.filter(pl.col("resolution_time").dt.date() == resolves_on)
    known = sorted(on_day["ticker"].unique())
    for each in tickers:
        if each not in known:
            raise BadInput(f"no ladder of {each!r} is recorded: choose from {', '.join(known)}")


def load_week(
    resolves_on: date, tickers: Sequence[str], oracle: str, venue: Venue, tick: str = "0.001"
) -> list[Rung]:
    """Return the ladders of some tickers that resolve on a day, lowest threshold first.

    The recorded oracle and question ids are not known, so these are the devnet's own.

    Args:
        oracle: address that resolves them here
        venue: the devnet's contracts; ConditionalTokens computes the token ids
    """
    markets = pl.read_parquet(DATA / f"{NAME}_markets.parquet").filter(
        (pl.col("resolution_time").dt.date() == resolves_on)
        & pl.col("ticker").is_in(list(tickers))
        & pl.col("outcome").is_not_null()
    )
    prices = pl.read_parquet(DATA / f"{NAME}_prices.parquet")
    rungs = []
    for row in markets.sort("ticker", "threshold").iter_rows(named=True):
        mine = prices.filter(pl.col("market_id") == row["market_id"]).sort("ts")
        question = keccak(f"ladder {row['market_id']}".encode())
        rungs.append(
            Rung(
                _record(cast(_Row, row), question, oracle, venue, tick),
                row["ticker"],
                float(row["threshold"]),
                int(row["resolution_time"].timestamp()),
                bool(row["outcome"]),
                [int(ts.timestamp()) for ts in mine["ts"]],
                mine["price"].to_list(),
            )
        )
    return rungs


def relations(rungs: Sequence[Rung]) -> list[JsonObject]:
    """Return what a reviewer may say of ladders: above the higher threshold is above the lower."""
    found: list[JsonObject] = []
    for low, high in pairwise(rungs):
        if low.ticker == high.ticker:
            found.append(
                {
                    "kind": "implies",
                    "members": [high.name, low.name],
                    "reviewer": "devnet: same stock, same close, higher threshold",
                }
            )
    return found


def _record(row: _Row, question: bytes, oracle: str, venue: Venue, tick: str) -> MarketRecord:
    condition = condition_id(oracle, question)
    tokens = []
    for index_set in (1, 2):
        collection = venue.ctf.getCollectionId(b"\0" * 32, condition, index_set)
        tokens.append(str(venue.ctf.getPositionId(venue.usdc, collection)))
    end = row["resolution_time"].astimezone(UTC)
    text = ", ".join(f'"{token}"' for token in tokens)
    return {
        "id": str(row["market_id"]),
        "slug": f"{row['event_slug']}-{row['threshold']:g}",
        "question": row["market_question"],
        "conditionId": "0x" + condition.hex(),
        "questionID": "0x" + question.hex(),
        "resolvedBy": oracle,
        "outcomes": '["Yes", "No"]',
        "clobTokenIds": f"[{text}]",
        "orderPriceMinTickSize": float(tick),
        "orderMinSize": 5,
        "liquidityNum": 10_000,
        "volumeNum": 10_000,
        "endDate": end.isoformat().replace("+00:00", "Z"),
        "closed": False,
        "negRisk": False,
        "umaResolutionStatuses": "[]",
        "category": "finance",
        "description": f"Resolves YES if {row['ticker']} closes above {row['threshold']:g} USD.",
        "feeSchedule": FEES,
        "events": [{"slug": row["event_slug"], "negRiskAugmented": False}],
    }
