"""Markets as Polymarket's Gamma API describes them, from recorded answers."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

YES, NO = 0, 1


class BadMarketRecord(ValueError):
    """A record lacks what a market needs; the message names the field."""


@dataclass(frozen=True)
class FeeSchedule:
    """Taker fee: size * rate * (p * (1 - p)) ** exponent, in collateral."""

    rate: Decimal = Decimal(0)
    exponent: int = 1


@dataclass(frozen=True)
class Market:
    """One binary market; prices are of its first outcome (YES)."""

    question: str
    outcomes: tuple[str, str]
    condition_id: bytes
    question_id: bytes
    oracle: str
    token_ids: tuple[int, int]
    best_bid: Decimal | None
    best_ask: Decimal | None
    tick: Decimal
    min_size: Decimal
    liquidity: Decimal
    end: datetime | None
    closed: bool
    negative_risk: bool
    resolution_statuses: tuple[str, ...]
    fees: FeeSchedule
    event_id: bytes | None = None  # of a negative-risk event; its questions number its last byte

    def ask(self, outcome: int) -> Decimal | None:
        """Return what one token of `outcome` costs: a NO is bought where a YES is bid."""
        if outcome == YES:
            return self.best_ask
        return None if self.best_bid is None else 1 - self.best_bid

    def bid(self, outcome: int) -> Decimal | None:
        """Return what one token of `outcome` brings."""
        if outcome == YES:
            return self.best_bid
        return None if self.best_ask is None else 1 - self.best_ask


def parse_market(record: Mapping[str, Any]) -> Market:
    """Read one Gamma market record.

    `outcomes` and `clobTokenIds` are JSON strings inside the JSON; quotes may be missing.

    Raises:
        BadMarketRecord: a field that identifies the market is missing or malformed.
    """
    try:
        outcomes = json.loads(record["outcomes"])
        tokens = json.loads(record["clobTokenIds"])
        fee = record.get("feeSchedule") or {}
        return Market(
            question=record["question"],
            outcomes=(outcomes[YES], outcomes[NO]),
            condition_id=_bytes32(record["conditionId"]),
            question_id=_bytes32(record["questionID"]),
            oracle=record["resolvedBy"],
            token_ids=(int(tokens[YES]), int(tokens[NO])),
            best_bid=_decimal(record.get("bestBid")),
            best_ask=_decimal(record.get("bestAsk")),
            tick=_decimal(record.get("orderPriceMinTickSize")) or Decimal("0.01"),
            min_size=_decimal(record.get("orderMinSize")) or Decimal(5),
            liquidity=_decimal(record.get("liquidityNum")) or Decimal(0),
            end=_time(record.get("endDate")),
            closed=bool(record.get("closed")),
            negative_risk=bool(record.get("negRisk")),
            resolution_statuses=tuple(json.loads(record.get("umaResolutionStatuses") or "[]")),
            fees=FeeSchedule(
                rate=_decimal(fee.get("rate")) or Decimal(0), exponent=int(fee.get("exponent", 1))
            ),
            event_id=_bytes32(record["negRiskMarketID"]) if record.get("negRisk") else None,
        )
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation) as error:
        name = record.get("slug") or record.get("id")
        raise BadMarketRecord(f"market {name}: {type(error).__name__}: {error}") from error


def load_recorded(path: Path) -> tuple[list[Market], list[str]]:
    """Read a recorded, gzipped page of `/markets`.

    Returns:
        The markets, and a message for each record that could not be read.
    """
    markets, problems = [], []
    for record in json.loads(gzip.decompress(path.read_bytes())):
        try:
            markets.append(parse_market(record))
        except BadMarketRecord as problem:
            problems.append(str(problem))
    return markets, problems


def shift(markets: Iterable[Market], by: timedelta) -> list[Market]:
    """Move end times, so that a page recorded in the past can be played now."""
    return [replace(m, end=m.end + by if m.end else None) for m in markets]


def _bytes32(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no hex string")
    value = bytes.fromhex(text.removeprefix("0x"))
    if len(value) != 32:
        raise ValueError(f"{text} is not 32 bytes")
    return value


def _decimal(value: object) -> Decimal | None:
    # str() first: a JSON float like 0.031 becomes the decimal that was written
    return None if value is None or value == "" else Decimal(str(value))


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
