"""Recorded history as the engine plays it: markets with ends and outcomes, prices in order.

A history is a folder of imported data (docs/data.md). Its prices and books are read a part at a
time, so memory does not grow with them. A price is known from its time on, never before.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from math import erf, gcd, sqrt
from random import Random

import numpy as np
import polars as pl
from pydantic import JsonValue, TypeAdapter

from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.engine import MS, Batch, Listed
from strongroom.backtest.playback import Available, By, Played, Tape, tape_of, what_there_is
from strongroom.backtest.replayed_forecasts import replayed
from strongroom.backtest.reward_pools import Pools, pools_of
from strongroom.chain.ids import (
    ConditionId,
    Question,
    TokenId,
    condition_id,
    keccak,
    question_id,
    to_hex,
)
from strongroom.chain.order_amounts import DECIMALS
from strongroom.chain.position_ids import Module, fields_of, is_position
from strongroom.chain.units import HOUR, MICRO
from strongroom.data.folder import DataFolder, open_folder, packaged
from strongroom.data.schema import Table
from strongroom.foreign_text import plain
from strongroom.information.forecast import Forecaster
from strongroom.information.gamma import FeeSchedule, Market
from strongroom.settings import ConfigError

ORACLE = to_hex(keccak(b"backtest oracle")[:20])
READ = [each for each in Table if each != Table.OPERATIONS]


@dataclass(frozen=True)
class RecordedMarket:
    """A market of the schema with its outcome, as a row has it."""

    market: str
    venue_id: str
    event: str
    question: str
    yes_name: str
    no_name: str
    yes_token: str
    no_token: str
    ends_ms: int
    category: str
    rules: str
    ticker: str
    yes: int
    tick: int | None = None
    min_size: int | None = None
    fee_rate: int | None = None
    fee_exponent: int | None = None
    negative_risk: bool = False
    event_id: str | None = None
    threshold: int | None = None
    resolved_ms: int | None = None
    venue: str = ""


SETTLE_AT_ANY = frozenset(("kalshi",))  # venues: what a market pays may be any part of one
_RECORDED = TypeAdapter(list[RecordedMarket])


@dataclass(frozen=True)
class KnownRelation:
    """A relation as the bundle pack takes it, and since when somebody may know it.

    Attributes:
        since_ms: of its review; 0: it follows from the markets' own terms; None: nobody says
    """

    relation: JsonValue
    since_ms: int | None


@dataclass(frozen=True)
class PriceHistory:
    """Markets, and where their prices come from.

    Attributes:
        thresholds: of the markets' ladders, in units; 0: no ladder
        outcomes: what one YES pays: 1 YES, 0 NO, 0.5 void
        tape: the prices and books, in the order of time
        vouched: relations that the data has
        forecasts: return the sources of recorded forecasts, each at its beginning
        rewards: what resting orders are paid; of a market that is not there nobody knows
        as_played: change what else is read of the same data as this was changed: what is learned
        turned: events whose money comes home as if they had lost what they won, or the other way
        at_any: market -> its venue, where that may settle it at any value: no certificate holds
    """

    markets: Sequence[Market]
    listed: Sequence[Listed]
    thresholds: Sequence[float]
    outcomes: Sequence[float]
    tape: Tape
    vouched: Sequence[KnownRelation] = ()
    forecasts: Callable[[], Sequence[Forecaster]] = tuple
    rewards: Pools = field(default_factory=dict)
    _last: dict[int, dict[int, int]] = field(init=False, default_factory=dict)  # by hours
    as_played: Callable[["PriceHistory"], "PriceHistory"] = lambda other: other
    turned: frozenset[str] = frozenset()
    at_any: Mapping[str, str] = field(default_factory=dict)

    @property
    def books(self) -> bool:
        """Whether all that is played was quoted; otherwise quotes are assumed around prices."""
        return self.tape.quoted

    @cached_property
    def starts_at(self) -> int:
        """The first whole second at which a price is known.

        Raises:
            ConfigError: there is none.
        """
        first = next(self.feed(), None)
        if first is None:
            raise ConfigError("[data] no price is played: widen start, end, last_h or prices_from")
        return -(-first[0][0] // MS)

    @property
    def ends_at(self) -> int:
        """When the last market has paid."""
        return max(each.pays_at for each in self.listed)

    def feed(self, depth: int = MICRO) -> Iterator[Batch]:
        """Return the prices and books, a part at a time.

        Args:
            depth: that is assumed at a recorded quote whose size is unknown, micro-tokens
        """
        return self.tape.feed(depth)

    def last_prices(self, *hours: int) -> list[dict[int, int]]:
        """Return market number -> the last price of YES, or the middle of its book, so many hours
        before its announced end, for each number of hours; a market without one is left out, and
        one that was over by then: that it would be, nobody knew."""
        unread = [each for each in hours if each not in self._last]
        if unread:
            self._last.update(zip(unread, self._read_last(unread), strict=True))
        return [dict(self._last[each]) for each in hours]

    def _read_last(self, hours: Sequence[int]) -> list[dict[int, int]]:
        ends = pl.DataFrame(
            {
                "market": range(len(self.listed)),
                "ends": [each.end and round(MS * each.end.timestamp()) for each in self.markets],
                "over": [each.ends_ms for each in self.listed],
            },
            schema={"market": pl.Int64, "ends": pl.Int64, "over": pl.Int64},
        )
        found: list[dict[int, int]] = [{} for _ in hours]
        for frame in self.tape.middles():
            ended = frame.join(ends, on="market", maintain_order="left")
            for known, each in zip(found, hours, strict=True):
                moment = pl.col("ends") - each * HOUR * MS
                early = ended.filter((pl.col("ts") <= moment) & (moment <= pl.col("over")))
                last = early.group_by("market", maintain_order=True).agg(pl.col("price").last())
                known.update(last.iter_rows())
        return found

    def ladder_relations(self) -> list[KnownRelation]:
        """Return what ladders say: above the higher is above the lower."""
        found = []
        for low, high in self.rungs():
            members: list[JsonValue] = [
                self.markets[high].condition_id,
                self.markets[low].condition_id,
            ]
            reviewer = "ladder: same stock, same close, higher threshold"
            told: JsonValue = {"kind": "implies", "members": members, "reviewer": reviewer}
            found.append(KnownRelation(told, 0))
        return found

    def rungs(self) -> list[tuple[int, int]]:
        """Return the numbers of adjacent thresholds of one event: lower, higher."""
        order = sorted(
            (n for n in range(len(self.markets)) if self.thresholds[n]),
            key=lambda n: (self.markets[n].event, self.thresholds[n]),
        )
        return [
            (low, high)
            for low, high in pairwise(order)
            if self.markets[low].event == self.markets[high].event
            and self.thresholds[low] < self.thresholds[high]
        ]


def load_history(config: BacktestConfig) -> PriceHistory:
    """Return the history that a configuration names. Markets without a known outcome are left out,
    as in the reference figures.

    Raises:
        ConfigError: nothing is left.
        BadData: the folder cannot be read.
    """
    return _fair(config) if config.data.kind == "fair" else _recorded(config)


def folder_of(config: BacktestConfig) -> DataFolder:
    """Return the data that a configuration names; without a path the packaged ladders.

    Raises:
        BadData: there is none.
    """
    path = config.data.path
    return packaged() if path is None else open_folder(path)


def chosen_markets(config: BacktestConfig, folder: DataFolder) -> pl.DataFrame:
    """Return the markets of a folder that have an end and an outcome and fit the configuration, in
    the order of their ends.

    Raises:
        ConfigError: none does.
    """
    data = config.data
    outcomes = folder.outcomes().select("market", "yes", "resolved_ms")
    is_whole = ~pl.col("negative_risk") | pl.col("event_id").is_not_null()
    frame = folder.markets().drop_nulls("ends_ms").filter(is_whole)
    chosen = frame.join(outcomes, on="market", maintain_order="left")
    if data.start is not None:
        chosen = chosen.filter(pl.col("ends_ms") >= _ms(data.start))
    if data.end is not None:
        chosen = chosen.filter(pl.col("ends_ms") <= _ms(data.end))
    if data.tickers:
        chosen = chosen.filter(pl.col("ticker").is_in(list(data.tickers)))
    if chosen.is_empty():
        raise ConfigError(
            f"[data] {folder.path}: no market is left that has an end and an outcome: "
            "widen start, end or tickers, or import outcomes"
        )
    return chosen.sort("ends_ms", maintain_order=True)


def _recorded(config: BacktestConfig) -> PriceHistory:
    data, folder = config.data, folder_of(config)
    chosen = chosen_markets(config, folder)
    there = what_there_is(folder, chosen)
    chosen = chosen.filter(pl.col("market").is_in(list(there)))
    if chosen.is_empty():
        raise ConfigError(
            f"[data] {folder.path}: no price of a market with an outcome: import prices, books or "
            "trades"
        )
    chosen = _whole_events(chosen, folder)
    if chosen.is_empty():
        raise ConfigError(
            f"[data] {folder.path}: no negative-risk event is whole, and none of Protocol V2 is "
            "played: import all markets of an event, with prices and outcomes"
        )
    rows = _RECORDED.validate_python(chosen.to_dicts())
    _check_tokens(rows, folder)
    _check_ticks(rows, folder)
    markets = _in_events([_market(row, config) for row in rows])
    from_ms = 0 if data.prices_from is None else _ms(data.prices_from)

    def first_ms(row: RecordedMarket) -> int:
        return (
            from_ms if data.last_h is None else max(from_ms, row.ends_ms - data.last_h * HOUR * MS)
        )

    tape = tape_of(
        folder,
        [Played(_over_ms(row), first_ms(row), there[row.market]) for row in rows],
        data.known_after_s,
    )
    names = {row.market: market.condition_id for row, market in zip(rows, markets, strict=True)}
    return PriceHistory(
        markets,
        _listed(config, rows, markets, there),
        _thresholds(rows),
        [row.yes / MICRO for row in rows],
        tape,
        _vouched(folder, names),
        lambda: replayed(folder, names),
        pools_of(folder, list(names)),
        at_any={names[row.market]: row.venue for row in rows if row.venue in SETTLE_AT_ANY},
    )


def _check_tokens(rows: Sequence[RecordedMarket], folder: DataFolder) -> None:
    """Refuse a token that two markets have: what is traded of the one would be of the other."""
    market_of: dict[str, str] = {}
    for row in rows:
        for token in (row.yes_token, row.no_token):
            other = market_of.setdefault(token, row.market)
            if other != row.market:
                both = f"{plain(other)} and {plain(row.market)}"
                raise ConfigError(
                    f"[data] {folder.path}: markets {both} have one token, {plain(token)}: import "
                    "the right ones into a new folder"
                )


def _check_ticks(rows: Sequence[RecordedMarket], folder: DataFolder) -> None:
    """Refuse ticks that the venue does not have: it would refuse every order, too."""
    known = {int(each * MICRO) for each in DECIMALS}
    others = [row for row in rows if row.tick is not None and row.tick not in known]
    if others:
        row = others[0]
        ticks = ", ".join(map(str, DECIMALS))
        raise ConfigError(
            f"[data] {folder.path}: the venue takes no order in {len(others)} markets for their "
            f"tick, e.g. {plain(row.market)}: {(row.tick or 0) / MICRO:g}: give one of {ticks}, "
            "none where it is unknown, or leave them out"
        )


def _over_ms(row: RecordedMarket) -> int:
    """Return when a market's trading is over: a price after its resolution tells how it went."""
    return row.ends_ms if row.resolved_ms is None else min(row.ends_ms, row.resolved_ms)


def _whole_events(chosen: pl.DataFrame, folder: DataFolder) -> pl.DataFrame:
    """Leave out negative-risk events of which a market is not there: who converts gets its YES; and
    those of Protocol V2, of which the "Other" never is."""
    newer = [token for token in chosen["yes_token"] if _is_of_an_event(token)]
    chosen = chosen.filter(~pl.col("yes_token").is_in(newer))
    counts = folder.markets().group_by("event_id").agg(pl.len().alias("of"))
    is_whole = pl.col("event_id").is_null() | (pl.len().over("event_id") == pl.col("of"))
    return chosen.join(counts, on="event_id", how="left", maintain_order="left").filter(is_whole)


def _is_of_an_event(token: str) -> bool:
    """Whether a token is a position in a negative-risk event of Protocol V2."""
    position = int(token) if token.isdecimal() else 0
    return is_position(position) and fields_of(position).module == Module.NEGATIVE_RISK


def _in_events(markets: Sequence[Market]) -> list[Market]:
    """Return the markets; the questions of an event are numbered in the order of the data."""
    counts: dict[Question, int] = {}
    found = []
    for market in markets:
        event = market.event_id
        if event is not None:
            number = counts[event] = counts.get(event, -1) + 1
            market = replace(market, question_id=question_id(f"{event[:-2]}{number:02x}"))
        found.append(market)
    return found


def _thresholds(rows: Sequence[RecordedMarket]) -> list[float]:
    """Return the markets' thresholds; 0 where their event is no ladder."""
    events: dict[str, list[RecordedMarket]] = {}
    for row in rows:
        events.setdefault(row.event, []).append(row)
    ladders = {event for event, members in events.items() if _is_ladder(members)}
    return [
        row.threshold / MICRO if row.event in ladders and row.threshold is not None else 0.0
        for row in rows
    ]


def _is_ladder(members: Sequence[RecordedMarket]) -> bool:
    """Whether an event's markets are about one ticker and one end, each with a threshold of its
    own. Of others nobody knows that above the higher is above the lower."""
    about = {(each.ticker.strip().casefold(), each.ends_ms) for each in members}
    thresholds = {each.threshold for each in members} - {None}
    named = all(ticker for ticker, _ in about)
    return named and len(about) == 1 and len(thresholds) == len(members)


def _vouched(folder: DataFolder, names: Mapping[str, ConditionId]) -> list[KnownRelation]:
    """Return the data's relations of which all members are there. One that is proven, and that
    nobody had to review, was as true before."""
    found = []
    for each in folder.read(folder.table(Table.RELATIONS)).iter_rows(named=True):
        if all(name in names for name in each["members"]):
            members: list[JsonValue] = [names[name] for name in each["members"]]
            about = {name: each[name] for name in ("kind", "proof", "reviewer")}
            proven = each["proof"] and not each["reviewer"] and each["reviewed_ms"] is None
            since = 0 if proven else each["reviewed_ms"]
            found.append(KnownRelation({**about, "members": members}, since))
    return found


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
    rows = [
        RecordedMarket(
            market=to_hex(keccak(f"fair {config.run.seed} {number}".encode())),
            venue_id=f"fair {number}",
            event=f"walk-{number}",
            question=f"Does walk {number} end above 0?",
            yes_name="Yes",
            no_name="No",
            yes_token=str(2 * number + 2),
            no_token=str(2 * number + 3),
            ends_ms=(int(first[number]) + hours * HOUR - 1) * MS,
            category="drawn",
            rules="",
            ticker="",
            yes=MICRO * outcomes[number],
        )
        for number in range(count)
    ]
    times = first[:, None] + HOUR * np.arange(hours - 1)
    prices = pl.DataFrame(
        {
            "ts": MS * times.ravel(),
            "market": np.repeat(np.arange(count), hours - 1),
            "price": np.clip(chances.ravel() * MICRO, 1, MICRO - 1).round().astype(np.int64),
        }
    ).sort("ts", "market")
    markets = [_market(row, config) for row in rows]
    tape = Tape(prices=lambda: iter([prices]))
    return PriceHistory(
        markets,
        _listed(config, rows, markets, {}),
        [0.0] * count,
        outcomes,
        tape,
        rewards=dict.fromkeys(range(count), ()),
    )


def _listed(
    config: BacktestConfig,
    rows: Sequence[RecordedMarket],
    markets: Sequence[Market],
    there: Mapping[str, Available],
) -> list[Listed]:
    """Return the markets as the engine knows them. Where the time of resolution is not known, the
    configuration's delay is assumed, and the seed says which are disputed."""
    dice, found = Random(config.run.seed), []
    for row, market in zip(rows, markets, strict=True):
        wait = config.resolution.delay_s
        if dice.random() < config.resolution.disputed:
            wait += config.resolution.dispute_delay_s
        pays_at = -(-row.ends_ms // MS) + wait
        if row.resolved_ms is not None:
            pays_at = -(-row.resolved_ms // MS)
        common = gcd(row.yes, MICRO)
        payout = (row.yes // common, (MICRO - row.yes) // common)
        known = there.get(row.market)
        how = (known.traded, known.by == By.QUOTES) if known else ()
        found.append(Listed(market.token_ids, _over_ms(row), pays_at, payout, market.fees, *how))
    return found


def read_hashes(config: BacktestConfig) -> dict[str, str]:
    """Return the SHA-256 of what a configuration's history is read from, by import and file; of
    drawn prices that of what they are drawn by.

    Raises:
        BadData: nothing is there.
    """
    data = config.data
    if data.kind == "fair":
        drawn = f"{data.markets} markets, seed {config.run.seed}"
        return {"fair": sha256(drawn.encode()).hexdigest()}
    return folder_of(config).hashes(READ)


def _market(row: RecordedMarket, config: BacktestConfig) -> Market:
    """Return a market as the keeper sees it; what is unknown of its terms is assumed."""
    quotes = config.quotes
    rate, exponent = quotes.fee_rate, Decimal(quotes.fee_exponent)
    if row.fee_rate is not None:
        rate = Decimal(row.fee_rate) / MICRO
    if row.fee_exponent is not None:
        exponent = Decimal(row.fee_exponent) / MICRO
    return Market(
        question=row.question,
        outcomes=(row.yes_name, row.no_name),
        condition_id=_condition(row.market),
        question_id=question_id(keccak(f"ladder {row.venue_id or row.market}".encode())),
        oracle=ORACLE,
        token_ids=(_token(row.yes_token), _token(row.no_token)),
        best_bid=None,
        best_ask=None,
        tick=quotes.tick if row.tick is None else Decimal(row.tick) / MICRO,
        min_size=Decimal(5) if row.min_size is None else Decimal(row.min_size) / MICRO,
        liquidity=Decimal(MICRO),  # the book says what there is
        end=datetime.fromtimestamp(row.ends_ms / MS, UTC),
        closed=False,
        negative_risk=row.negative_risk,
        resolution_statuses=(),
        fees=FeeSchedule(rate, exponent),
        event_id=_event(row),
        event=row.event,
        category=row.category,
        volume=Decimal(MICRO),
        rules=row.rules,
    )


def _event(row: RecordedMarket) -> Question | None:
    """Return the id of a market's negative-risk event; its questions number the last byte."""
    if row.event_id is None or not row.negative_risk:
        return None
    word = row.event_id if _is_word(row.event_id) else to_hex(keccak(row.event_id.encode()))
    return Question(f"{word[:-2]}00")


def _condition(name: str) -> ConditionId:
    """Return a market's condition id; of another venue's market one that stands for it."""
    return condition_id(name if _is_word(name) else to_hex(keccak(f"market {name}".encode())))


def _is_word(name: str) -> bool:
    return len(name) == 66 and name.startswith("0x")


def _token(name: str) -> TokenId:
    """Return a token's id; of another venue's token one that stands for it."""
    if name.isdecimal():
        return TokenId(int(name))
    return TokenId(int.from_bytes(keccak(f"token {name}".encode())))


def _ms(time: datetime) -> int:
    return int(time.astimezone(UTC).timestamp() * MS)
