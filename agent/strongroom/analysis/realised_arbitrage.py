"""Arbitrage that one wallet has really made: sets of purchases, sales and splits that together pay
more than they cost, whatever happens.

A plan names the legs of one set and what the set pays at least. Only what stands on every leg is
matched, token by token, and no token twice. Legs of a set are at most a window apart (blocks, or
seconds). The cheapest parcels are matched first, so a set that pays is found as soon as its last
leg is there. Costs are rounded up and proceeds down, each to the micro-unit.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from fractions import Fraction
from heapq import heapify, heappop, heappush

CERTAIN = 1e-6  # a float sum of unit costs is nearer to the truth than this


class ArbitrageKind(StrEnum):
    """What a wallet did, in the order in which its trades are matched: first the most explicit."""

    CONVERT = "buy NO, convert"
    BUY_BOTH = "buy YES and NO"
    SELL_BOTH = "split, sell YES and NO"
    BUY_EVERY_YES = "buy every YES"
    BUY_EVERY_NO = "buy every NO"
    SELL_EVERY_YES = "split, sell every YES"
    DEPENDENT = "dependent markets"


class LegAction(IntEnum):
    """What is done in a market. Nothing is matched with a merge; it says that a set was paid."""

    BUY_YES = 0
    BUY_NO = 1
    SELL_YES = 2
    SELL_NO = 3
    SPLIT = 4
    MERGE = 5


def leg_of(market: int, action: LegAction) -> int:
    """Return the number of a leg: a market's number and what is done there."""
    return market * len(LegAction) + action


@dataclass(frozen=True)
class ArbitragePlan:
    """One kind of set.

    Attributes:
        name: of the market, event or relation
        legs: each is needed once
        extra: legs that add what they bring where they follow: sales of what a conversion gave
        pays: what a set pays at least, in whole tokens' worth
        settled: whether what it pays is known to be paid: markets resolved, or all in cash
    """

    kind: ArbitrageKind
    name: str
    legs: tuple[int, ...]
    pays: int
    settled: bool
    extra: tuple[int, ...] = ()


@dataclass
class Parcel:
    """A fill, a split or a conversion, of which parts are matched.

    Attributes:
        clock: its block, or its second
        tokens: micro-tokens
        cost: micro-units paid, fee included; below 0: received
        taken: micro-tokens that are matched
    """

    clock: int
    at_ms: int
    leg: int
    tokens: int
    cost: int
    taken: int = 0

    @property
    def left(self) -> int:
        """Return the tokens that are not matched."""
        return self.tokens - self.taken

    @property
    def key(self) -> int:
        """Return what it costs a token, scaled to tell parcels apart."""
        return (self.cost << 40) // self.tokens

    def take(self, tokens: int) -> int:
        """Match some tokens; return what they cost, rounded up over all parts together."""
        before = -(-self.cost * self.taken // self.tokens)
        self.taken += tokens
        return -(-self.cost * self.taken // self.tokens) - before


@dataclass(frozen=True)
class ArbitrageSet:
    """Matched sets of one plan.

    Attributes:
        first, last: clock of their legs
        at_ms: time of the last leg
        tokens: how many sets, 10**-6
        profit: micro-units
    """

    plan: ArbitragePlan
    first: int
    last: int
    at_ms: int
    tokens: int
    profit: int


def sets_of(
    plans: Sequence[ArbitragePlan], parcels: Sequence[Parcel], window: int
) -> Iterator[ArbitrageSet]:
    """Yield the sets that one wallet has made; what they matched is taken from the parcels.

    Args:
        plans: in the order in which they may take
        parcels: in the order of the chain
        window: how far apart the first and the last leg may be
    """
    by_leg: dict[int, list[tuple[int, Parcel]]] = {}
    for numbered in enumerate(parcels):
        by_leg.setdefault(numbered[1].leg, []).append(numbered)
    for plan in plans:
        if all(leg in by_leg for leg in plan.legs):
            match = _converted if plan.kind is ArbitrageKind.CONVERT else _matched
            yield from match(plan, by_leg, window)


Numbered = tuple[int, Parcel]
Waiting = tuple[int, int, Parcel]  # what a token costs, its number


def _matched(
    plan: ArbitragePlan, by_leg: Mapping[int, Sequence[Numbered]], window: int
) -> Iterator[ArbitrageSet]:
    """Match each parcel, as it comes, with the cheapest of every other leg."""
    waiting: dict[int, list[Waiting]] = {leg: [] for leg in plan.legs}
    arriving = sorted(
        (each for leg in plan.legs for each in by_leg[leg] if each[1].left), key=lambda e: e[0]
    )
    for number, parcel in arriving:
        while parcel.left:
            chosen = [parcel]
            for leg, heap in waiting.items():
                if leg == parcel.leg:
                    continue
                while heap and (not heap[0][2].left or parcel.clock - heap[0][2].clock > window):
                    heappop(heap)
                if not heap:
                    break
                chosen.append(heap[0][2])
            if len(chosen) < len(plan.legs) or not _pays(plan.pays, chosen):
                break
            yield _taken(plan, chosen)
        if parcel.left:
            heappush(waiting[parcel.leg], (parcel.key, number, parcel))


def _converted(
    plan: ArbitragePlan, by_leg: Mapping[int, Sequence[Numbered]], window: int
) -> Iterator[ArbitrageSet]:
    """Match each conversion with the cheapest NO before it, and the dearest sales after it of the
    YES that it gave. The conversion is the first leg of the plan."""
    conversion, *bought = plan.legs

    def near(leg: int, place: int, clock: int, after: bool) -> list[Waiting]:
        rows = by_leg.get(leg, ())
        start = bisect_left(rows, clock if after else clock - window, key=_clock)
        end = bisect_right(rows, clock + window if after else clock, key=_clock)
        found = [(each.key, n, each) for n, each in rows[start:end] if (n > place) == after]
        heapify(found)
        return found

    for place, converted in by_leg[conversion]:
        before = [near(leg, place, converted.clock, False) for leg in bought]
        after = [near(leg, place, converted.clock, True) for leg in plan.extra]
        while converted.left:
            needed, sold = map(_best, before), map(_best, after)
            known = [each for each in needed if each is not None]
            chosen = [converted, *known, *(each for each in sold if each is not None)]
            if len(known) < len(bought) or not _pays(plan.pays, chosen):
                break
            yield _taken(plan, chosen)


def _best(heap: list[Waiting]) -> Parcel | None:
    """Return the cheapest parcel of which something is left."""
    while heap and not heap[0][2].left:
        heappop(heap)
    return heap[0][2] if heap else None


def _clock(numbered: Numbered) -> int:
    return numbered[1].clock


def _pays(pays: int, chosen: Sequence[Parcel]) -> bool:
    """Return whether a set costs less than it pays, exactly."""
    rough = pays - sum(each.cost / each.tokens for each in chosen)
    if abs(rough) > CERTAIN:
        return rough > 0
    return sum((Fraction(each.cost, each.tokens) for each in chosen), Fraction()) < pays


def _taken(plan: ArbitragePlan, chosen: Sequence[Parcel]) -> ArbitrageSet:
    tokens = min(each.left for each in chosen)
    cost = sum(each.take(tokens) for each in chosen)
    last = max(chosen, key=lambda each: each.clock)
    first = min(each.clock for each in chosen)
    profit = plan.pays * tokens - cost
    return ArbitrageSet(plan, first, last.clock, last.at_ms, tokens, profit)
