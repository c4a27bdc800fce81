"""The recorded weekly stock-price ladders as markets of the devnet, with their hourly prices."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise

import polars as pl
from pydantic import TypeAdapter

from strongroom.chain.ids import JsonObject, keccak
from strongroom.chain.units import MICRO
from strongroom.data.folder import packaged
from strongroom.data.schema import Table
from strongroom.devnet.contracts import Venue, condition_id
from strongroom.errors import BadInput
from strongroom.information.gamma import MarketRecord

FEES = {"rate": 0.04, "exponent": 1, "takerOnly": True}  # of this category since 2026


@dataclass(frozen=True)
class _Row:
    """A market of the recorded data, with its outcome."""

    venue_id: str
    event: str
    question: str
    ticker: str
    threshold: int
    ends_ms: int
    yes: int
    yes_token: str
    rules: str


_ROWS = TypeAdapter(list[_Row])


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
    on_day = packaged().markets().filter(_ends_on(resolves_on))
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
    folder = packaged()
    markets = folder.markets().filter(_ends_on(resolves_on), pl.col("ticker").is_in(list(tickers)))
    settled = markets.join(folder.outcomes().select("market", "yes"), on="market")
    prices = folder.read(folder.table(Table.QUOTES))
    rungs = []
    for row in _ROWS.validate_python(settled.sort("ticker", "threshold").to_dicts()):
        mine = prices.filter(pl.col("token") == row.yes_token).sort("at_ms")
        question = keccak(f"ladder {row.venue_id}".encode())
        rungs.append(
            Rung(
                _record(row, question, oracle, venue, tick),
                row.ticker,
                row.threshold / MICRO,
                row.ends_ms // 1_000,
                bool(row.yes),
                [each // 1_000 for each in mine["at_ms"]],
                [each / MICRO for each in mine["price"]],
            )
        )
    return rungs


def _ends_on(day: date) -> pl.Expr:
    return pl.from_epoch("ends_ms", "ms").dt.date() == day


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
    end = datetime.fromtimestamp(row.ends_ms // 1_000, UTC)
    threshold = row.threshold / MICRO
    text = ", ".join(f'"{token}"' for token in tokens)
    return {
        "id": row.venue_id,
        "slug": f"{row.event}-{threshold:g}",
        "question": row.question,
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
        "description": row.rules,
        "feeSchedule": FEES,
        "events": [{"slug": row.event, "negRiskAugmented": False}],
    }
