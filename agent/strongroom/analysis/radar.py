"""The same question at two venues: what buying here and selling there would earn, and when not.

Each venue has a void of its own, so a pair of tokens that pays 1 when both venues settle may pay
less when one of them voids alone. A plan is `sure` only where it earns in every state; where it
earns unless the venues settle apart, it is `conditional`, and says how rare that must be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from strongroom.analysis.bundle import FULL, Bundle, Security, VenueFees
from strongroom.analysis.certify import NotCovered, certify
from strongroom.analysis.lp import BundlePlan, solve
from strongroom.analysis.relations import ANYTHING, HALF, LOST, WON, Relation, Void, states
from strongroom.chain.units import MICRO
from strongroom.information.books import Book, mirror

HERE, THERE = "here", "there"
ROUNDING = MICRO // 100  # that a level's fee may be rounded up by: a cent
_PAYS = {"none": (), "half": HALF, "other": ANYTHING, "unknown": ANYTHING}


class SpreadKind(StrEnum):
    """What the spread between two venues is worth."""

    SURE = "sure"  # it earns in every state
    CONDITIONAL = "conditional"  # it earns unless the venues settle apart
    NONE = "none"  # it does not earn
    NOT_COUNTED = "not counted"  # something that it rests on is not known


@dataclass(frozen=True)
class RoundedFees:
    """A fee of rate * size * p * (1 - p), with fee and purchase together rounded up to `unit`.

    Kalshi: rate 0.07 times its series' multiplier, unit a cent (docs.kalshi.com, "Fee Rounding").

    Attributes:
        unit: micro-units
    """

    rate: Decimal
    unit: int = 1

    def of(self, price: float) -> float:
        """Return the fee of one token at a price in [0, 1], before rounding; units."""
        return float(self.rate) * price * (1 - price)

    def most(self, size: int, price: int) -> int:
        """Return the most that micro-tokens at a price (10**-6) are charged, micro-units."""
        cost = Fraction(size * price, MICRO)
        whole = cost + Fraction(self.rate) * cost * Fraction(MICRO - price, MICRO)
        paid = -(-whole // self.unit) * self.unit
        return int(-((cost - paid) // 1))  # up


@dataclass(frozen=True)
class PairSide:
    """A pair's market at one venue.

    Attributes:
        book: of YES
        fees: a taker's
        min_size: of an order, micro-contracts
        capital: what may be spent there, micro-units
    """

    book: Book
    fees: VenueFees
    min_size: int = 0
    capital: int = 0


@dataclass(frozen=True)
class SettlementTerms:
    """How two markets may settle.

    Attributes:
        same: alike, whenever neither voids
        here_void, there_void: what YES of a void market pays: `none`, `half`, `other`, `unknown`
        inverse: YES there is NO here
        lot: of both venues' orders, micro-contracts
    """

    same: bool
    here_void: str
    there_void: str
    inverse: bool = False
    lot: int = MICRO


@dataclass(frozen=True)
class Spread:
    """What a pair offers now; money in micro-units.

    Attributes:
        why: where the kind is `not counted`
        gap: of the dearer bid over the cheaper ask, 10**-6, before fees; None: a side is empty
        profit: what it earns where the venues settle alike
        worst: what it earns in the worst state; below 0: what is lost there
        spent: at each venue, fees included
        legs: venue, outcome, price (10**-6), micro-contracts
    """

    name: str
    kind: SpreadKind
    why: str = ""
    gap: int | None = None
    profit: int = 0
    worst: int = 0
    spent: Mapping[str, int] | None = None
    legs: tuple[tuple[str, str, int, int], ...] = ()

    @property
    def break_even(self) -> Fraction | None:
        """The chance of the worst state at which it earns nothing; None: it cannot lose."""
        if self.worst >= 0 or self.profit <= 0:
            return None
        return Fraction(self.profit, self.profit - self.worst)


def states_of(terms: SettlementTerms) -> list[tuple[int, int]]:
    """Return every (here, there) that YES of the pair can pay, in halves; those without a void and
    without a disagreement first."""
    pair = (HERE, THERE)
    same = [Relation("equal", pair, reviewer="the pair's record")] if terms.same else []
    voids = [
        Void((venue,), pays)
        for venue, how in zip(pair, (terms.here_void, terms.there_void), strict=True)
        if (pays := _PAYS[how])
    ]
    every = [(here, there) for here, there in states(pair, same, voids)]
    return list(dict.fromkeys([(WON, WON), (LOST, LOST), *every]))


def spread_of(name: str, here: PairSide, there: PairSide, terms: SettlementTerms) -> Spread:
    """Return what a pair offers at these books.

    A plan that is sure comes first; where there is none, the best that earns if both settle alike.
    """
    if terms.inverse:
        there = replace(there, book=mirror(there.book))
    securities = _securities(here, there, terms.lot)
    gap = _gap(here.book, there.book)
    states = states_of(terms)
    for kept in (states, states[:2]):
        bundle = Bundle(
            securities,
            tuple(_row(state) for state in kept),
            caps={HERE: _cap(here), THERE: _cap(there)},
            lot=terms.lot,
        )
        found = _judged(name, bundle, states, gap)
        if found is not None:
            return _as_said(found, terms)
    return Spread(name, SpreadKind.NONE, gap=gap)


def _as_said(spread: Spread, terms: SettlementTerms) -> Spread:
    """Return a spread's legs by the names that the other venue has."""
    if not terms.inverse:
        return spread
    other = {"YES": "NO", "NO": "YES"}
    legs = tuple(
        (venue, other[outcome] if venue == THERE else outcome, price, size)
        for venue, outcome, price, size in spread.legs
    )
    return replace(spread, legs=legs)


def radar(
    pairs: Sequence[tuple[str, str, PairSide, PairSide, SettlementTerms]],
    capital: Mapping[str, int],
) -> list[Spread]:
    """Return what pairs offer together: sure ones first, then by profit on what is spent; each
    takes what the better ones have left of each venue's capital.

    Args:
        pairs: name, venue, the two sides, terms
        capital: venue -> micro-units; `here` is our own
    """
    left = dict(capital)
    alone = {
        name: spread_of(name, _with(here, left[HERE]), _with(there, left[venue]), terms)
        for name, venue, here, there, terms in pairs
    }
    found = []
    for name, venue, here, there, terms in sorted(pairs, key=lambda each: _rank(alone[each[0]])):
        sides = _with(here, left[HERE]), _with(there, left[venue])
        spread = spread_of(name, *sides, terms)
        spent = spread.spent or {}
        left[HERE] -= spent.get(HERE, 0)
        left[venue] -= spent.get(THERE, 0)
        found.append(spread)
    return found


def _rank(spread: Spread) -> tuple[int, float]:
    order = (SpreadKind.SURE, SpreadKind.CONDITIONAL, SpreadKind.NONE, SpreadKind.NOT_COUNTED)
    spent = sum((spread.spent or {}).values())
    return order.index(spread.kind), -spread.profit / spent if spent else 0.0


def _with(side: PairSide, capital: int) -> PairSide:
    return replace(side, capital=capital)


def _cap(side: PairSide) -> int:
    """Return a side's capital without what rounding may add to the solver's costs."""
    levels = len(side.book.asks) + len(side.book.bids)
    return max(0, side.capital - levels * ROUNDING)


def _row(state: tuple[int, int]) -> tuple[int, ...]:
    here, there = state
    return here, FULL - here, there, FULL - there


def _securities(here: PairSide, there: PairSide, lot: int) -> tuple[Security, ...]:
    """Return YES and NO of both venues, to be bought: whole lots of each level."""
    found = []
    for market, side in ((HERE, here), (THERE, there)):
        for yes, book in ((True, side.book), (False, mirror(side.book))):
            asks = tuple(
                replace(each, size=each.size // lot * lot) for each in book.asks if each.size >= lot
            )
            found.append(Security(market, yes, asks, (), side.fees, side.min_size))
    return tuple(found)


def _gap(here: Book, there: Book) -> int | None:
    """Return how far the dearer venue's bid is above the other's ask."""
    gaps = [
        bid - ask
        for bid, ask in ((here.bid, there.ask), (there.bid, here.ask))
        if bid is not None and ask is not None
    ]
    return max(gaps) if gaps else None


def _judged(
    name: str, bundle: Bundle, states: Sequence[tuple[int, int]], gap: int | None
) -> Spread | None:
    """Solve, and certify in every state; None unless it earns where both settle alike."""
    plan = solve(bundle)
    if not plan.legs:
        return None
    try:
        rows = [_row(state) for state in states]
        certificate = certify(bundle.securities, rows, (), plan.legs, {})
    except NotCovered:
        return None  # rounding to lots took a leg below its minimum
    alike, worst = min(certificate.outcomes[:2]), min(certificate.outcomes)
    spent = _spent(bundle, plan)
    if alike <= 0:
        return None
    kind = SpreadKind.SURE if worst > 0 else SpreadKind.CONDITIONAL
    legs = tuple(
        (security.market, "YES" if security.yes else "NO", leg.price, leg.size)
        for leg in plan.legs
        for security in (bundle.securities[leg.security],)
    )
    return Spread(name, kind, "", gap, alike, worst, spent, legs)


def _spent(bundle: Bundle, plan: BundlePlan) -> dict[str, int]:
    """Return what a plan spends at each venue, rounded up, fees included."""
    spent = {HERE: 0, THERE: 0}
    for leg in plan.legs:
        security = bundle.securities[leg.security]
        cost = -(-leg.price * leg.size // MICRO)
        spent[security.market] += cost + security.fees.most(leg.size, leg.price)
    return spent
