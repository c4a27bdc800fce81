"""Markets as Polymarket's Gamma API describes them: live, page by page, or recorded.

A record's `version` says which of the venue's protocols it is of, and with it which fields hold its
ids; presence of a field says nothing (VENUE d5).
"""

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import httpx

from strongroom.chain.ids import (
    ConditionId,
    Question,
    QuestionId,
    TokenId,
    condition_id,
    question_id,
    question_key,
    question_number,
)
from strongroom.chain.orders import NO, YES
from strongroom.chain.position_ids import (
    Module,
    event_with,
    fields_of,
    is_position,
    position_condition,
    position_of,
)
from strongroom.chain.protocols import Protocol, UnknownProtocol, protocol_of
from strongroom.chain.units import MICRO
from strongroom.errors import Away, BadInput

MarketRecord = Mapping[str, Any]  # of a market, as Gamma has it
T = TypeVar("T")


class BadMarketRecord(BadInput):
    """A record is of no market that is known here; the message names the field.

    Attributes:
        reason: the field, or the version that is unknown; by which refused records are counted
    """

    def __init__(self, record: MarketRecord, reason: str, why: object) -> None:
        super().__init__(f"market {record.get('slug') or record.get('id')}: {reason} {why}")
        self.reason = reason


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
    protocol: Protocol = Protocol.V1  # which contracts hold its tokens

    @property
    def module(self) -> Module | None:
        """Which module of Protocol V2 the market is of; None: of none, as all of V1."""
        if self.protocol is Protocol.V1:
            return None
        return Module(fields_of(self.token_ids[YES]).module)

    @property
    def number(self) -> int:
        """Its place in its event."""
        if self.protocol is Protocol.V1:
            return question_number(self.question_id)
        return fields_of(self.token_ids[YES]).index

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


@dataclass(frozen=True)
class _Ids:
    """What identifies a market and says where it is resolved."""

    condition_id: ConditionId
    question_id: QuestionId
    oracle: str
    token_ids: tuple[TokenId, TokenId]
    event_id: Question | None


def parse_market(record: MarketRecord) -> Market:
    """Read one Gamma market record.

    Lists are JSON or JSON text inside the JSON; quotes may be missing. A record without `version`
    is older than the field: of the first protocol.

    Raises:
        BadMarketRecord: a field that identifies the market is missing or malformed, or its version
            is unknown.
    """
    try:
        protocol = protocol_of(record.get("version", Protocol.V1))
    except UnknownProtocol as error:
        reason = f"version {str(record['version'])[:16]}"
        raise BadMarketRecord(record, reason, f"is unknown: {error}") from error
    ids = _POSITIONS_OR_TOKENS[protocol](record)
    fee: MarketRecord = _field(record, "feeSchedule", lambda each: dict(each or {}), {})
    event: MarketRecord = _field(record, "events", lambda each: dict((each or [{}])[0]), {})
    return Market(
        question=_field(record, "question", str),
        outcomes=_field(record, "outcomes", lambda each: _pair(each, str)),
        condition_id=ids.condition_id,
        question_id=ids.question_id,
        oracle=ids.oracle,
        token_ids=ids.token_ids,
        best_bid=_field(record, "bestBid", _decimal, None),
        best_ask=_field(record, "bestAsk", _decimal, None),
        tick=_field(record, "orderPriceMinTickSize", _decimal, None) or Decimal("0.01"),
        min_size=_field(record, "orderMinSize", _decimal, None) or Decimal(5),
        liquidity=_field(record, "liquidityNum", _decimal, None) or Decimal(0),
        end=_field(record, "endDate", _time, None),
        closed=bool(record.get("closed")),
        negative_risk=ids.event_id is not None,
        resolution_statuses=_field(record, "umaResolutionStatuses", _words, ()),
        fees=FeeSchedule(
            rate=_field(fee, "rate", _decimal, None) or Decimal(0),
            exponent=_field(fee, "exponent", int, 1),
        ),
        event_id=ids.event_id,
        event=str(event.get("slug") or record.get("slug") or ""),
        category=str(
            record.get("category")
            or event.get("category")
            or str(record.get("feeType") or "").split("_")[0]
        ).lower(),
        volume=_field(record, "volumeNum", _decimal, None) or Decimal(0),
        rules=str(record.get("description") or ""),
        accepting=record.get("acceptingOrders") is not False,
        augmented=bool(event.get("negRiskAugmented")),
        protocol=protocol,
    )


def _token_market(record: MarketRecord) -> _Ids:
    """Return the ids of a market of the first protocol."""
    tokens = _field(record, "clobTokenIds", lambda each: _pair(each, int))
    if any(is_position(each) and each >> 248 in tuple(Module) for each in tokens):
        raise BadMarketRecord(record, "clobTokenIds", "are positions, but the version is v1")
    return _Ids(
        _field(record, "conditionId", condition_id),
        _field(record, "questionID", question_id),
        _field(record, "resolvedBy", str),
        (TokenId(tokens[YES]), TokenId(tokens[NO])),
        _field(record, "negRiskMarketID", question_key) if record.get("negRisk") else None,
    )


def _position_market(record: MarketRecord) -> _Ids:
    """Return the ids of a market of the second protocol: all follow from the condition. Its
    question is its condition, its event's are what it has in common with the others."""
    condition = _field(record, "conditionId", position_condition)
    positions = position_of(condition, YES), position_of(condition, NO)
    if _field(record, "positionIds", lambda each: _pair(each, int)) != positions:
        raise BadMarketRecord(record, "positionIds", f"are not those of the condition {condition}")
    event = None
    if fields_of(positions[YES]).module == Module.NEGATIVE_RISK:
        event = question_key(event_with(condition) + "000000")
    word = condition + "00"
    return _Ids(condition_id(word), question_id(word), "", positions, event)


_POSITIONS_OR_TOKENS: Mapping[Protocol, Callable[[MarketRecord], _Ids]] = {
    Protocol.V1: _token_market,
    Protocol.V2: _position_market,
}


def parse_markets(
    records: Iterable[MarketRecord],
) -> tuple[list[Market], list[BadMarketRecord]]:
    """Read market records.

    Returns:
        The markets, and an error for each record that was refused.
    """
    markets, refused = [], []
    for record in records:
        try:
            markets.append(parse_market(record))
        except BadMarketRecord as problem:
            refused.append(problem)
    return markets, refused


def load_recorded(path: Path) -> tuple[list[Market], list[BadMarketRecord]]:
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

    def open_markets(self) -> tuple[list[Market], list[BadMarketRecord]]:
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


_REQUIRED: Any = object()


def _field(record: MarketRecord, name: str, read: Callable[[Any], T], missing: T = _REQUIRED) -> T:
    """Return a field as `read` has it, or `missing` where the record lacks it.

    Raises:
        BadMarketRecord: it is malformed; or it is not there and has to be.
    """
    if name not in record:
        if missing is _REQUIRED:
            raise BadMarketRecord(record, name, "is missing")
        return missing
    try:
        return read(record[name])
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation, BadInput) as error:
        why = f"is malformed: {type(error).__name__}: {error}"
        raise BadMarketRecord(record, name, why) from error


def _list(value: object) -> list[object]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise TypeError("it is no list")
    return found


def _pair(value: object, of: Callable[[str], T]) -> tuple[T, T]:
    yes, no = _list(value)
    return of(str(yes)), of(str(no))


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, _list(value or "[]")))


def _decimal(value: object) -> Decimal | None:
    # str() first: a JSON float like 0.031 becomes the decimal that was written
    return None if value is None or value == "" else Decimal(str(value))


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
