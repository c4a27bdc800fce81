"""Markets as Polymarket's Gamma API describes them: live, page by page, or recorded.

A record's `version` says which of the venue's protocols it is of, and with it which fields hold its
ids; presence of a field says nothing (VENUE d5).
"""

import gzip
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal, localcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from strongroom.chain.ids import (
    ConditionId,
    Question,
    QuestionId,
    TokenId,
    condition_id,
    question_id,
    question_key,
    question_number,
    read_json,
)
from strongroom.chain.orders import NO, YES
from strongroom.chain.outside import BadValue, is_tick, moment, number, whole
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
from strongroom.information.endpoint import Endpoint, Health

if TYPE_CHECKING:
    import httpx

MarketRecord = Mapping[str, Any]  # of a market, as Gamma has it
Page = Sequence[Any]  # of records, as they come
T = TypeVar("T")
MOST_FEE = 10  # of rate and of exponent: what is beyond is none


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
    """Taker fee: size * rate * (p * (1 - p)) ** exponent, in collateral.

    Raises:
        BadInput: a term is no number from 0 to MOST_FEE: a power without a bound is never reckoned.
    """

    rate: Decimal = Decimal(0)
    exponent: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        for term in (self.rate, self.exponent):
            if not 0 <= term <= MOST_FEE:
                raise BadInput(
                    f"a fee of rate {self.rate}, exponent {self.exponent}: known are 0 to 10"
                )

    def most(self, size: int, price: int) -> int:
        """Return the most that `size` micro-tokens at `price` (10**-6) can be charged: rounded
        up, micro-units."""
        above, below = price * (MICRO - price), MICRO * MICRO  # of p * (1 - p)
        whole = int(self.exponent)
        if self.exponent == whole >= 0:
            rate, unit = self.rate.as_integer_ratio()
            return int(-(-size * rate * above**whole // (unit * below**whole)))
        with localcontext(prec=60):
            power = (Decimal(above) / Decimal(below)) ** self.exponent
            return int((size * self.rate * power).to_integral_value(ROUND_CEILING))

    def most_up_to(self, size: int, limit: int) -> int:
        """Return the most that a purchase at `limit` or better can be charged: the fee is highest
        at one half, so a better price may cost more of it."""
        return self.most(size, min(limit, MICRO // 2))

    def of(self, price: float) -> float:
        """Return the fee of one token at a price in [0, 1], in units; `most` is exact."""
        rate, exponent = self._terms
        return float(rate * (price * (1 - price)) ** exponent)

    @cached_property
    def _terms(self) -> tuple[float, float]:
        return float(self.rate), float(self.exponent)


UNKNOWN_FEES = FeeSchedule(Decimal(1), Decimal(0))  # a unit a token, so that no trade is worth it
NO_TICK = "its tick is unknown"
LONGEST_DELAY_S = 30  # that a taker's order may wait at the venue before it is matched


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
    barred: tuple[str, ...] = ()  # why no order is placed in it, though it is known

    def with_tick(self, tick: Decimal | None) -> "Market":
        """Return it with the tick that its book has, which is newer; None: the book has none."""
        if tick is None or (tick == self.tick and NO_TICK not in self.barred):
            return self
        rest = tuple(each for each in self.barred if each != NO_TICK)
        return replace(self, tick=tick, barred=rest)

    def barred_for(self, why: str) -> "Market":
        """Return it with one more reason to place no order in it."""
        return self if why in self.barred else replace(self, barred=(*self.barred, why))

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
    fees, barred = _fees(record)
    tick = _field(record, "orderPriceMinTickSize", _decimal, None)
    if tick is None or not is_tick(tick):
        tick, barred = Decimal("0.01"), (*barred, NO_TICK)
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
        tick=tick,
        min_size=_field(record, "orderMinSize", _size, None) or Decimal(5),
        liquidity=_field(record, "liquidityNum", _decimal, None) or Decimal(0),
        end=_field(record, "endDate", _time, None),
        closed=bool(record.get("closed")),
        negative_risk=ids.event_id is not None,
        resolution_statuses=_field(record, "umaResolutionStatuses", _words, ()),
        fees=fees,
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
        barred=barred,
    )


def _fees(record: MarketRecord) -> tuple[FeeSchedule, tuple[str, ...]]:
    """Return a record's fees, and what of its terms forbids an order: fees that it has and does not
    say are unknown, not 0 (VENUE e2)."""
    schedule: MarketRecord | None = _field(
        record, "feeSchedule", lambda each: None if each is None else dict(each), None
    )
    barred: tuple[str, ...] = ()
    delay = _field(record, "secondsDelay", _decimal, None)
    if delay is not None and delay > LONGEST_DELAY_S:
        barred = (f"takers wait more than {LONGEST_DELAY_S} s",)
    if schedule is None:
        enabled = record.get("feesEnabled")
        if enabled is False or not (enabled or record.get("feeType")):
            return FeeSchedule(), barred
        return UNKNOWN_FEES, (*barred, "its fees are unknown: no feeSchedule")
    if schedule.get("takerOnly") is False:
        barred = (*barred, "makers pay fees in it")
    for name in ("rate", "exponent"):
        value = _fee_term(record, name)
        if value is None or not 0 <= value <= MOST_FEE:
            return UNKNOWN_FEES, (*barred, f"its fees are unknown: no {name}")
    return FeeSchedule(number(schedule["rate"]), number(schedule["exponent"])), barred


def _fee_term(record: MarketRecord, name: str) -> Decimal | None:
    return _field(record, "feeSchedule", lambda each: _decimal(each.get(name)))


def _token_market(record: MarketRecord) -> _Ids:
    """Return the ids of a market of the first protocol."""
    tokens = _field(record, "clobTokenIds", lambda each: _pair(each, _token))
    if any(is_position(each) and each >> 248 in tuple(Module) for each in tokens):
        raise BadMarketRecord(record, "clobTokenIds", "are positions, but the version is v1")
    return _Ids(
        _field(record, "conditionId", condition_id),
        _field(record, "questionID", question_id),
        _field(record, "resolvedBy", _address),
        (TokenId(tokens[YES]), TokenId(tokens[NO])),
        _field(record, "negRiskMarketID", question_key) if record.get("negRisk") else None,
    )


def _position_market(record: MarketRecord) -> _Ids:
    """Return the ids of a market of the second protocol: all follow from the condition. Its
    question is its condition, its event's are what it has in common with the others."""
    condition = _field(record, "conditionId", position_condition)
    positions = position_of(condition, YES), position_of(condition, NO)
    if _field(record, "positionIds", lambda each: _pair(each, _token)) != positions:
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
        if not isinstance(record, Mapping):
            refused.append(BadMarketRecord({}, "record", f"is {str(record)[:40]!r}, no object"))
            continue
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


class OpenMarkets(NamedTuple):
    """What one reading of the open markets has brought.

    Attributes:
        gap: why it is not whole; "": the service itself said that it was the end
    """

    markets: list[Market]
    refused: list[BadMarketRecord]
    gap: str = ""


class GammaClient:
    """Reads all pages of Gamma's open markets."""

    def __init__(
        self,
        url: str,
        page: int = 100,
        timeout_s: float = 10.0,
        budget_s: float = 60.0,
        transport: "httpx.BaseTransport | None" = None,
    ) -> None:
        self._endpoint = Endpoint("Gamma", url, GammaAway, timeout_s, transport)
        self._page, self._budget = page, budget_s

    @property
    def health(self) -> Health:
        """How the service is."""
        return self._endpoint.health

    def open_markets(self) -> OpenMarkets:
        """Return the markets that are not closed; a market on several pages counts once.

        The end is what the service says it is, a page without a cursor or without records, never a
        page shorter than asked. Where the reading breaks off, what was read is kept.

        Raises:
            GammaAway: nothing was read.
        """
        records: dict[str, MarketRecord] = {}
        try:
            gap = self._read(records, self._after_cursor())
        except GammaAway:
            gap = self._read(records, self._by_offset())  # a service without keysets
        return OpenMarkets(*parse_markets(records.values()), gap)

    def market(self, condition: ConditionId) -> Market:
        """Return one market.

        Raises:
            GammaAway: it is not had.
            BadMarketRecord: its record is none.
        """
        found = self._endpoint.get("/markets", {"condition_ids": condition})
        records = found if isinstance(found, list) else []
        wanted = condition.lower()
        for each in records:
            if isinstance(each, dict) and str(each.get("conditionId")).lower() == wanted:
                return parse_market(each)
        raise GammaAway(f"Gamma knows no market {condition}: it answered {str(found)[:60]}")

    def _read(self, records: dict[str, MarketRecord], pages: Iterator[Page]) -> str:
        """Take pages until the end; return why it was not reached, or ""."""
        start = time.monotonic()
        try:
            for page in pages:
                for each in page:
                    named = isinstance(each, dict) and (each.get("conditionId") or each.get("id"))
                    records[str(named or f"record {len(records)}")] = each
                if time.monotonic() - start > self._budget:
                    return f"Gamma: {len(records)} markets in {self._budget:g} s, and not the end"
        except GammaAway as error:
            if not records:
                raise
            return f"{error}: {len(records)} markets were read, the rest is not known"
        return ""

    def _after_cursor(self) -> Iterator[Page]:
        cursor, seen = "", set[str]()
        while True:
            question: dict[str, str | int] = {"closed": "false", "limit": self._page}
            if cursor:
                question["after_cursor"] = cursor
            answer = self._endpoint.get("/markets/keyset", question)
            page = answer.get("markets") if isinstance(answer, dict) else None
            if not isinstance(answer, dict) or not isinstance(page, list):
                raise GammaAway(f"Gamma answered {str(answer)[:80]}, not a page of markets")
            yield page
            cursor = str(answer.get("next_cursor") or "")
            if not cursor or not page:
                return
            if cursor in seen:
                raise GammaAway("Gamma's pages go round in a circle")
            seen.add(cursor)

    def _by_offset(self) -> Iterator[Page]:
        offset = 0
        while True:
            question = {"closed": "false", "limit": str(self._page), "offset": str(offset)}
            page = self._endpoint.get("/markets", question)
            if not isinstance(page, list):
                raise GammaAway(f"Gamma answered {str(page)[:80]}, not a list of markets")
            if not page:
                return
            yield page
            offset += len(page)


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
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        why = f"is malformed: {type(error).__name__}: {error}"
        raise BadMarketRecord(record, name, why) from error


def _list(value: object) -> list[object]:
    found = read_json(value) if isinstance(value, str) else value
    if not isinstance(found, list):
        raise TypeError("it is no list")
    return found


def _pair(value: object, of: Callable[[str], T]) -> tuple[T, T]:
    yes, no = _list(value)
    return of(str(yes)), of(str(no))


def _address(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("0x[0-9a-fA-F]{40}", value):
        raise ValueError(f"{str(value)[:40]!r} is no address")
    return value


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, _list(value or "[]")))


def _token(text: str) -> int:
    return whole(text, 256)


def _decimal(value: object) -> Decimal | None:
    return None if value is None or value == "" else number(value)


def _size(value: object) -> Decimal | None:
    found = _decimal(value)
    if found is not None and found < 0:
        raise BadValue(f"{found} is no size")
    return found


def _time(value: object) -> datetime | None:
    return moment(value) if value else None
