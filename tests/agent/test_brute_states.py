"""Plans that are called sure, against all states and all plans written out one by one.

Nothing of what is judged is asked here: states, fees and payoffs are written from the rules. A void
is of each venue, or event, alone, and pays any price where the rules say no half.
"""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from strongroom.analysis.bundle import Security, make_bundle, split_and_merge
from strongroom.analysis.certify import NotCovered, certify
from strongroom.analysis.lp import solve
from strongroom.analysis.radar import (
    PairSide,
    RoundedFees,
    SettlementTerms,
    SpreadKind,
    spread_of,
)
from strongroom.analysis.relations import ANYTHING, HALF, Relation, Void
from strongroom.information.books import Book, Level, levels
from strongroom.information.gamma import FeeSchedule

from tests.defaults import UNIT
from tests.seeds import dice

CENT = UNIT // 100
GRID = [Fraction(each, 7) for each in range(8)]  # of what a void may pay, no half among it
PAYS = {"none": [], "half": [Fraction(1, 2)], "other": GRID, "unknown": GRID}
CASES = 40  # of each kind


def up(amount):
    return -((-amount) // 1)


def ours(size, price):
    """Our venue's published fee, up: 0.05 of size * p * (1 - p)."""
    return up(Fraction(5, 100) * size * Fraction(price, UNIT) * Fraction(UNIT - price, UNIT))


def kalshis(size, price):
    """Kalshi's: 0.07, cost and fee together up to the next cent."""
    cost = size * Fraction(price, UNIT)
    paid = up((cost + Fraction(7, 100) * cost * Fraction(UNIT - price, UNIT)) / CENT) * CENT
    return up(paid - cost)


def free(size, price):
    return 0


FEES = {
    ours: FeeSchedule(Decimal("0.05"), 1),
    kalshis: RoundedFees(Decimal("0.07"), CENT),
    free: FeeSchedule(),
}


def cost_of(legs, fee):
    """What (price, micro-tokens) cost together."""
    return sum(up(Fraction(price * size, UNIT)) + fee(size, price) for price, size in legs)


def plans_of(asks):
    """Every number of whole tokens of a side, the cheapest levels first: (tokens, legs)."""
    yield 0, ()
    taken, tokens = [], 0
    for price, lots in sorted(asks):
        for each in range(1, lots + 1):
            yield tokens + each, (*taken, (price, each * UNIT))
        taken.append((price, lots * UNIT))
        tokens += lots


def drawn_book(chance, middle):
    """Bids and asks of YES: (price, tokens)."""
    sides = []
    for sign in (-1, 1):
        prices = {round(100 * middle) + sign * chance.randint(1, 6) for _ in range(2)}
        sides.append([(max(1, min(99, each)) * CENT, chance.randint(1, 2)) for each in prices])
    return sides


def as_book(bids, asks):
    return Book(*(levels([(price, lots * UNIT) for price, lots in each]) for each in (bids, asks)))


def settled(terms):
    """What YES of either venue pays in every state, inverse already turned."""
    found = [(here, there) for here in (0, 1) for there in (0, 1) if here == there]
    if not terms.same:
        found += [(0, 1), (1, 0)]
    found += [(v, o) for v in PAYS[terms.here_void] for o in (0, 1)]
    found += [(o, v) for v in PAYS[terms.there_void] for o in (0, 1)]
    found += list(product(PAYS[terms.here_void], PAYS[terms.there_void]))
    return found


@pytest.mark.parametrize("kind", ["same", "apart", "inverse", "capital"])
def test_a_spread_is_sure_where_no_state_that_can_be_written_out_loses(kind):
    """Also: no plan of whole tokens is sure where the answer is that none is, but for cents that
    rounding takes; and neither venue's capital is passed."""
    chance, sure, missed = dice("spreads", kind), 0, []
    for number in range(CASES):
        names = ["none", "half", "other", "unknown"] if number % 2 else ["none", "half"]
        terms = SettlementTerms(
            kind != "apart", chance.choice(names), chance.choice(names), kind == "inverse"
        )
        middle = chance.uniform(0.15, 0.85)
        drawn = [drawn_book(chance, middle)]
        drawn.append(drawn_book(chance, middle + chance.uniform(-0.35, 0.35)))
        fees = chance.choice([ours, free]), chance.choice([kalshis, ours])
        capital = chance.randint(1, 3) if kind == "capital" else 100
        asks = []  # of YES and NO, here and there
        for bids, offers in drawn:
            asks += [offers, [(UNIT - price, lots) for price, lots in bids]]
        books = [as_book(*each) for each in drawn]
        if terms.inverse:  # the other venue asks the opposite question
            books[1] = Book(
                levels([(UNIT - price, lots * UNIT) for price, lots in asks[2]]),
                levels([(price, lots * UNIT) for price, lots in asks[3]]),
            )
        here, there = (
            PairSide(book, FEES[fee], 0, capital * UNIT)
            for book, fee in zip(books, fees, strict=True)
        )
        found = spread_of("x", here, there, terms)
        states = settled(terms)
        tokens, spent = [0, 0, 0, 0], [0, 0]
        for venue, outcome, price, size in found.legs:
            at = ("here", "there").index(venue)
            yes = (outcome == "YES") != (terms.inverse and at == 1)
            tokens[2 * at + (not yes)] += size
            spent[at] += cost_of([(price, size)], fees[at])
        worst = min(value(tokens, state) for state in states) - sum(spent)
        assert max(spent) <= capital * UNIT
        if found.kind == SpreadKind.SURE:
            sure += 1
            assert worst > 0 and worst >= found.worst - 4, (number, terms, found)
        elif found.kind == SpreadKind.CONDITIONAL:
            assert worst <= 0 and found.worst <= 0, (number, terms, found)
        if found.kind != SpreadKind.SURE:
            missed.append(best_plan(asks, fees, states, (capital * UNIT) - 8 * CENT))
    assert (sure >= 5) == (kind != "apart"), "who may be paid by neither is never sure"
    assert max(missed) <= 8 * CENT


def value(tokens, state):
    here, there = state
    pays = (here, 1 - here, there, 1 - there)
    return sum(size * Fraction(each) for size, each in zip(tokens, pays, strict=True))


def best_plan(asks, fees, states, capital):
    """The most that any plan of whole tokens earns in its worst state, fees up, for each venue."""
    best, corners = 0, {tuple(map(Fraction, state)) for state in states}
    sides = [
        [(count, cost_of(legs, fees[place // 2])) for count, legs in plans_of(each)]
        for place, each in enumerate(asks)
    ]
    for plan in product(*sides):
        costs = [cost for _, cost in plan]
        if max(costs[0] + costs[1], costs[2] + costs[3]) > capital:
            continue
        counts = [count * UNIT for count, _ in plan]
        if max(counts) and sum(costs) < max(counts[0], counts[1]) + max(counts[2], counts[3]):
            best = max(best, min(value(counts, state) for state in corners) - sum(costs))
    return best


KINDS = ("exclusive", "exhaustive", "implies", "equal")


def keeps(kind, values):
    """Whether settled outcomes keep a relation; those that are void say nothing (None)."""
    known = [each for each in values if each is not None]
    return {
        "exclusive": sum(known) <= 1,
        "exhaustive": len(known) < len(values) or sum(known) >= 1,
        "implies": not (values[0] == 1 and len(values) > 1 and values[1] == 0),
        "equal": len(set(known)) <= 1,
    }[kind]


def every_state(count, kind, members, voids):
    """What YES of each market pays in every state: voids of their own, each at every price."""
    for chosen in product((False, True), repeat=len(voids)):
        void = {m: pays for (group, pays), on in zip(voids, chosen, strict=True) if on
                for m in group}  # fmt: skip
        for outcome in product((0, 1), repeat=count):
            known = [None if m in void else outcome[m] for m in range(count)]
            if any(outcome[m] for m in void) or not keeps(kind, [known[m] for m in members]):
                continue  # of a void market one outcome is enough
            yield from product(*(void.get(m, [outcome[m]]) for m in range(count)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_is_sure_where_no_state_that_can_be_written_out_loses(kind):
    chance, sure, plain = dice("brute bundles", kind), 0, 0
    for number in range(CASES):
        count = 2 if kind == "implies" else chance.randint(2, 3)
        names, at_any = [f"m{m}" for m in range(count)], number % 3 == 0
        groups = [[m] for m in range(count)] if number % 2 else [list(range(count))]
        voids = [(group, GRID if at_any else [Fraction(1, 2)]) for group in groups]
        securities, fee = [], chance.choice([ours, free])
        middle = 1 / count if kind in ("exclusive", "exhaustive") else 0.5
        for name in names:
            for yes in (True, False):
                fair = round(100 * (middle if yes else 1 - middle))
                off = (-9, 3) if number % 4 else (-2, 9)
                prices = {max(2, min(98, fair + chance.randint(*off))) * CENT for _ in range(2)}
                offers = tuple(Level(each, chance.randint(1, 5) * UNIT) for each in sorted(prices))
                securities.append(Security(name, yes, asks=offers, fees=FEES[fee]))
        bundle = make_bundle(
            securities,
            [Relation(kind, tuple(names), reviewer="a")],
            [Void(tuple(names[m] for m in group), ANYTHING if at_any else HALF)
             for group, _ in voids],
            [move for m in range(count) for move in split_and_merge(2 * m, 2 * m + 1)],
        )  # fmt: skip
        plan = solve(bundle)
        try:
            certificate = certify(
                securities, bundle.states, bundle.transforms, plan.legs, plan.transforms
            )
        except NotCovered:
            continue
        held, cash = [0] * len(securities), 0
        for leg in plan.legs:
            held[leg.security] += leg.size
            cash -= cost_of([(leg.price, leg.size)], fee)
        for move, amount in plan.transforms.items():
            sign = -1 if move % 2 else 1  # split, merge, of each market in turn
            cash -= sign * amount
            for place in (move // 2 * 2, move // 2 * 2 + 1):
                held[place] += sign * amount
        assert min(held) >= 0
        worth = [
            sum(yes * pays + no * (1 - pays)
                for yes, no, pays in zip(held[::2], held[1::2], state, strict=True))
            for state in every_state(count, kind, range(count), voids)
        ]  # fmt: skip
        worst = cash + min(worth)
        assert abs(worst - certificate.profit) <= 2 * count, (number, worst, certificate.profit)
        sure += certificate.profit > 0
        plain += certificate.profit <= 0
    assert sure >= 5 and plain >= 5, (sure, plain)
