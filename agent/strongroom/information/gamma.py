"""Markets as Polymarket's Gamma API describes them: live, page by page, or recorded."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx

from strongroom.chain.ids import (
    ConditionId,
    Question,
    QuestionId,
    TokenId,
    condition_id,
    question_id,
    question_key,
)
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.errors import Away, BadInput

MarketRecord = Mapping[str, Any]  # of a market, as Gamma has it


class BadMarketRecord(BadInput):
    """A record lacks what a market needs; the message names the field."""


@dataclass(frozen=True)
class FeeSchedule:
    """Taker fee: size * rate * (p * (1 - p)) ** exponent, in collateral."""

    rate: Decimal = Decimal(0)
    exponent: int = 1

    def most(self, size: int, price: int) -> int:
        """Return the most that `size` micro-tokens at `price` (10**-6) can be charged: rounded
        up, micro-units."""
        p = Fraction(price, MICRO)
        fee = size * Fraction(self.rate) * (p * (1 - p)) ** self.exponent
        return -(-fee.numerator // fee.denominator)

    def most_up_to(self, size: int, limit: int) -> int:
        """Return the most that a purchase at `limit` or better can be charged: the fee is highest
        at one half, so a better price may cost more of it."""
        return self.most(size, min(limit, MICRO // 2))


@dataclass(frozen=True)
class Market:
    """One binary market; prices are of its first outcome (YES)."""

    question: str
    outcomes: tuple[str, str]
    condition_id: ConditionId
    question_id: QuestionId
    oracle: str
    token_ids: tuple[TokenId, TokenId]
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
    event_id: Question | None = None  # of a negative-risk event; its questions number its last byte
    event: str = ""  # slug; of the market itself where it stands alone
    category: str = ""
    volume: Decimal = Decimal(0)
    rules: str = ""  # the text by which it resolves
    accepting: bool = True  # orders
    augmented: bool = False  # its event may still gain outcomes

    @property
    def question_key(self) -> Question:
        """What a vault's market on it is about: the condition, or the whole negative-risk event."""
        return self.event_id or Question(self.condition_id)

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


def parse_market(record: MarketRecord) -> Market:
    """Read one Gamma market record.

    `outcomes` and `clobTokenIds` are JSON strings inside the JSON; quotes may be missing.

    Raises:
        BadMarketRecord: a field that identifies the market is missing or malformed.
    """
    try:
        outcomes = json.loads(record["outcomes"])
        tokens = json.loads(record["clobTokenIds"])
        fee = record.get("feeSchedule") or {}
        event = (record.get("events") or [{}])[0]
        return Market(
            question=record["question"],
            outcomes=(outcomes[YES], outcomes[NO]),
            condition_id=condition_id(record["conditionId"]),
            question_id=question_id(record["questionID"]),
            oracle=record["resolvedBy"],
            token_ids=(TokenId(int(tokens[YES])), TokenId(int(tokens[NO]))),
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
            event_id=question_key(record["negRiskMarketID"]) if record.get("negRisk") else None,
            event=str(event.get("slug") or record.get("slug") or ""),
            category=str(
                record.get("category")
                or event.get("category")
                or str(record.get("feeType") or "").split("_")[0]
            ).lower(),
            volume=_decimal(record.get("volumeNum")) or Decimal(0),
            rules=str(record.get("description") or ""),
            accepting=record.get("acceptingOrders") is not False,
            augmented=bool(event.get("negRiskAugmented")),
        )
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation) as error:
        name = record.get("slug") or record.get("id")
        raise BadMarketRecord(f"market {name}: {type(error).__name__}: {error}") from error


def parse_markets(records: Iterable[MarketRecord]) -> tuple[list[Market], list[str]]:
    """Read market records.

    Returns:
        The markets, and a message for each record that could not be read.
    """
    markets, problems = [], []
    for record in records:
        try:
            markets.append(parse_market(record))
        except BadMarketRecord as problem:
            problems.append(str(problem))
    return markets, problems


def load_recorded(path: Path) -> tuple[list[Market], list[str]]:
    """Read a recorded, gzipped page of `/markets`; see parse_markets."""
    return parse_markets(json.loads(gzip.decompress(path.read_bytes())))


class GammaAway(Away):
    """Gamma does not answer, or not with markets; the message says what came."""


class GammaClient:
    """Reads all pages of Gamma's open markets."""

    def __init__(self, url: str, page: int = 500, timeout_s: float = 10.0) -> None:
        transport = httpx.HTTPTransport(retries=2)
        self._http = httpx.Client(base_url=url, timeout=timeout_s, transport=transport)
        self._page = page

    def open_markets(self) -> tuple[list[Market], list[str]]:
        """Return the markets that are not closed; see parse_markets.

        A market that moves to another page meanwhile is returned once.

        Raises:
            GammaAway: see the class.
        """
        records: dict[str, MarketRecord] = {}
        offset = 0
        while True:
            page = self._get({"closed": "false", "limit": self._page, "offset": offset})
            records |= {str(record.get("conditionId")): record for record in page}
            if len(page) < self._page:
                return parse_markets(records.values())
            offset += self._page

    def _get(self, question: Mapping[str, str | int]) -> list[MarketRecord]:
        try:
            answer = self._http.get("/markets", params=dict(question))
            answer.raise_for_status()
            page = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise GammaAway(f"Gamma: {error or type(error).__name__}") from error
        if not isinstance(page, list):
            raise GammaAway(f"Gamma answered {str(page)[:80]}, not a list of markets")
        return page


def shift(markets: Iterable[Market], by: timedelta) -> list[Market]:
    """Move end times, so that a page recorded in the past can be played now."""
    return [replace(m, end=m.end + by if m.end else None) for m in markets]


def _decimal(value: object) -> Decimal | None:
    # str() first: a JSON float like 0.031 becomes the decimal that was written
    return None if value is None or value == "" else Decimal(str(value))


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
