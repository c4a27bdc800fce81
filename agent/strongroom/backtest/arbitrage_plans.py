"""Which sets of trades are arbitrage, of all markets of a data folder: by the market, by the
negative-risk event, and by relations that the data has and somebody vouches for. What the outcomes
contradict promises nothing.

What a set over several markets pays holds only where none of them is void, so voided ones have no
such plan. Every YES of an event pays only where one of its markets wins: its outcomes must say so,
or a relation that it is exhaustive. Every NO but one pays in any case, one winner at most.

An event of Protocol V2 always has an "Other" that may win: every YES pays where that is among them,
and then in any case. A conversion there gives YES of the others and no collateral (VENUE d3).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from strongroom.analysis.realised_arbitrage import (
    ArbitrageKind,
    ArbitragePlan,
    LegAction,
    leg_of,
)
from strongroom.chain.position_ids import Fields, Module, fields_of, is_position
from strongroom.chain.units import MICRO
from strongroom.data.folder import DataFolder
from strongroom.data.schema import Table

Conversion = tuple[str, str]  # event and index set, as the log has them


@dataclass(frozen=True)
class KnownMarkets:
    """Markets by their numbers, and what is known of them.

    Attributes:
        frame: number, market, yes_token, no_token, event_id of negative risk, question
        paid: what YES pays, 10**-6, by number
        void: numbers
        redeemed: numbers of which somebody was paid
    """

    frame: pl.DataFrame
    paid: Mapping[int, int]
    void: frozenset[int]
    redeemed: frozenset[int]

    @property
    def numbers(self) -> dict[str, int]:
        """Return market -> number."""
        return dict(self.frame.select("market", "number").iter_rows())

    def events(self) -> dict[str, list[tuple[int, int | None]]]:
        """Return negative-risk event -> number and question of each market."""
        found: dict[str, list[tuple[int, int | None]]] = {}
        rows = self.frame.drop_nulls("event_id").select("event_id", "number", "question")
        for event, number, question in rows.iter_rows():
            found.setdefault(event, []).append((number, question))
        return found

    def positions(self) -> dict[str, list[Fields]]:
        """Return negative-risk event of Protocol V2 -> what the ids of its markets' YES say."""
        found: dict[str, list[Fields]] = {}
        rows = self.frame.drop_nulls("event_id").select("event_id", "yes_token").iter_rows()
        for event, token in rows:
            position = int(token) if token.isdecimal() else 0
            if is_position(position) and fields_of(position).module == Module.NEGATIVE_RISK:
                found.setdefault(event, []).append(fields_of(position))
        return found


@dataclass(frozen=True)
class Plans:
    """All plans, in the order in which they take; and what could have none.

    Attributes:
        conversions: event and index set -> leg
        without: reason -> events, relations or conversions
    """

    found: Sequence[ArbitragePlan]
    conversions: Mapping[Conversion, int]
    without: Mapping[str, int]


def known_markets(folder: DataFolder) -> KnownMarkets:
    """Return a folder's markets and outcomes."""
    own = pl.col("negative_risk") & pl.col("event_id").is_not_null()
    last = pl.col("question_id").str.slice(-2).str.to_integer(base=16, strict=False)
    frame = (
        folder.markets()
        .with_row_index("number")
        .select(
            pl.col("number").cast(pl.Int64),
            pl.col("market").str.to_lowercase(),
            "yes_token",
            "no_token",
            pl.when(own).then(pl.col("event_id").str.to_lowercase()).alias("event_id"),
            last.alias("question"),
        )
    )
    numbers = frame.select("market", "number")
    outcomes = folder.outcomes().with_columns(pl.col("market").str.to_lowercase())
    told = outcomes.join(numbers, on="market")
    split = pl.col("void").fill_null(False) | ~pl.col("yes").is_in([0, MICRO])
    redeemed = folder.read(
        folder.table(Table.OPERATIONS)
        .filter(pl.col("kind") == "redeem")
        .select(pl.col("market").str.to_lowercase())
        .unique()
    ).join(numbers, on="market")
    return KnownMarkets(
        frame,
        dict(told.select("number", "yes").iter_rows()),
        frozenset(told.filter(split)["number"]),
        frozenset(redeemed["number"]),
    )


def plans_of(folder: DataFolder, markets: KnownMarkets) -> Plans:
    """Return the plans of a folder's markets, events, relations and conversions."""
    without: dict[str, int] = {}
    relations = _relations(folder, markets, without)
    whole = {frozenset(members) for kind, members in relations if kind == "exhaustive"}
    conversions: dict[Conversion, int] = {}
    found = [
        *_conversions(folder, markets, conversions, without),
        *_in_one_market(markets),
        *_in_one_event(markets, whole, without),
        *_dependent(markets, relations),
    ]
    order = list(ArbitrageKind)
    return Plans(sorted(found, key=lambda each: order.index(each.kind)), conversions, without)


def _in_one_market(markets: KnownMarkets) -> Iterator[ArbitragePlan]:
    """A pair pays 1 in any state, void too."""
    for number, market in markets.frame.select("number", "market").iter_rows():
        settled = number in markets.paid or number in markets.redeemed
        buys = leg_of(number, LegAction.BUY_YES), leg_of(number, LegAction.BUY_NO)
        sells = leg_of(number, LegAction.SELL_YES), leg_of(number, LegAction.SELL_NO)
        split = leg_of(number, LegAction.SPLIT)
        yield ArbitragePlan(ArbitrageKind.BUY_BOTH, market, buys, 1, settled)
        yield ArbitragePlan(ArbitrageKind.SELL_BOTH, market, (split, *sells), 0, True)


def _in_one_event(
    markets: KnownMarkets, whole: set[frozenset[int]], without: dict[str, int]
) -> Iterator[ArbitragePlan]:
    """One member wins at most: every NO pays for all but one."""
    positions = markets.positions()
    for event, members in markets.events().items():
        numbers = [number for number, _ in members]
        if len(numbers) < 2:
            _count(without, "event: only one market is known")
            continue
        if markets.void & set(numbers):
            _count(without, "event: a market is void")
            continue
        if not _holds("exclusive", [markets.paid.get(number) for number in numbers]):
            _count(without, "event: more than one of its markets has won")
            continue
        settled = all(number in markets.paid for number in numbers)
        yes, no, sold, split = (
            [leg_of(number, action) for number in numbers]
            for action in (LegAction.BUY_YES, LegAction.BUY_NO, LegAction.SELL_YES, LegAction.SPLIT)
        )
        others = len(numbers) - 1
        yield ArbitragePlan(ArbitrageKind.BUY_EVERY_NO, event, tuple(no), others, settled)
        legs = tuple(leg for pair in zip(split, sold, strict=True) for leg in pair)
        yield ArbitragePlan(ArbitrageKind.SELL_EVERY_YES, event, legs, others, settled)
        won = sum(markets.paid.get(number, 0) for number in numbers) == MICRO and settled
        sure = _is_whole(positions[event]) if event in positions else won
        if sure or frozenset(numbers) in whole:
            yield ArbitragePlan(ArbitrageKind.BUY_EVERY_YES, event, tuple(yes), 1, settled)
        elif event in positions:
            _count(without, 'event of Protocol V2: its "Other" is not known')
        else:
            _count(without, "event: nothing says that one of its markets wins")


def _is_whole(positions: Sequence[Fields]) -> bool:
    """Whether all questions of an event of Protocol V2 are there, and its "Other"."""
    every = set(range(positions[0].arity + 1))
    return {each.index for each in positions} == every


def _dependent(
    markets: KnownMarkets, relations: Sequence[tuple[str, tuple[int, ...]]]
) -> Iterator[ArbitragePlan]:
    """What a relation promises is bought: NO of all but one, a YES of all, what is implied."""
    names = dict(markets.frame.select("number", "market").iter_rows())
    for kind, members in relations:
        name = " ".join([kind, *(names[number] for number in members)])
        settled = all(number in markets.paid for number in members)
        pairs: list[tuple[list[int], int]] = []
        if kind == "exclusive":
            pairs = [([leg_of(each, LegAction.BUY_NO) for each in members], len(members) - 1)]
        elif kind == "exhaustive":
            pairs = [([leg_of(each, LegAction.BUY_YES) for each in members], 1)]
        else:
            first, second = members
            ways = [(first, second)] if kind == "implies" else [(first, second), (second, first)]
            pairs = [
                ([leg_of(one, LegAction.BUY_NO), leg_of(other, LegAction.BUY_YES)], 1)
                for one, other in ways
            ]
        for legs, pays in pairs:
            yield ArbitragePlan(ArbitrageKind.DEPENDENT, name, tuple(legs), pays, settled)


def _relations(
    folder: DataFolder, markets: KnownMarkets, without: dict[str, int]
) -> list[tuple[str, tuple[int, ...]]]:
    """Return the data's relations, members by number, each once."""
    numbers = markets.numbers
    found: dict[tuple[str, tuple[int, ...]], None] = {}
    rows = folder.read(folder.table(Table.RELATIONS).select("kind", "members", "proof", "reviewer"))
    for kind, words, proof, reviewer in rows.iter_rows():
        members = tuple(numbers.get(word.lower(), -1) for word in words)
        pair = kind in ("implies", "equal")
        if -1 in members or len(set(members)) < 2 or (pair and len(members) != 2):
            _count(without, "relation: its markets are not known")
        elif markets.void & set(members):
            _count(without, "relation: a market is void")
        elif not (proof or reviewer):
            _count(without, "relation: neither proven nor reviewed")
        elif not _holds(kind, [markets.paid.get(each) for each in members]):
            _count(without, "relation: the outcomes contradict it")
        else:
            found[kind, members if pair else tuple(sorted(set(members)))] = None
    return list(found)


def _holds(kind: str, paid: Sequence[int | None]) -> bool:
    """Whether a relation may be true by what YES of its members paid; None: not yet."""
    known = [each for each in paid if each is not None]
    if kind == "exclusive":
        return sum(known) <= MICRO
    if len(known) < len(paid):
        return True
    if kind == "exhaustive":
        return sum(known) >= MICRO
    first, second = known
    return first <= second if kind == "implies" else first == second


def _conversions(
    folder: DataFolder,
    markets: KnownMarkets,
    legs: dict[Conversion, int],
    without: dict[str, int],
) -> list[ArbitragePlan]:
    """A conversion of NO pays for all but one at once, and gives YES of the other questions."""
    events, newer, plans = markets.events(), markets.positions(), []
    done = folder.read(
        folder.table(Table.OPERATIONS)
        .filter((pl.col("kind") == "convert") & pl.col("sets").is_not_null())
        .select(pl.col("market").str.to_lowercase(), "sets")
        .unique()
        .sort("market", "sets")
    )
    for event, sets in done.iter_rows():
        if event in newer:
            _count(without, "conversion of Protocol V2: it gives no collateral")
            continue
        members = {question: number for number, question in events.get(event, ())}
        asked = [bit for bit in range(256) if int(sets) >> bit & 1]
        if not asked or None in members or not set(asked) <= set(members):
            _count(without, "conversion: its questions are not known")
            continue
        leg = leg_of(len(markets.frame) + len(legs), LegAction.BUY_YES)
        legs[event, sets] = leg
        bought = [leg_of(members[each], LegAction.BUY_NO) for each in asked]
        sold = [leg_of(n, LegAction.SELL_YES) for each, n in members.items() if each not in asked]
        kind, pays = ArbitrageKind.CONVERT, len(asked) - 1
        plans.append(ArbitragePlan(kind, event, (leg, *bought), pays, True, tuple(sold)))
    return plans


def _count(counts: dict[str, int], reason: str) -> None:
    counts[reason] = counts.get(reason, 0) + 1
