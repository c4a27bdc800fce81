"""The arbitrage engine: every named kind by hand, random bundles against a greedy walk, and what
must not be taken for arbitrage."""

from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom.analysis.bundle import (
    Security,
    conversions,
    fee_of,
    make_bundle,
    split_and_merge,
)
from strongroom.analysis.certify import NotCovered, certify
from strongroom.analysis.lp import BundleLeg, make_solver, solve
from strongroom.analysis.relations import (
    ANYTHING,
    HALF,
    Relation,
    TooManyStates,
    UnprovenRelation,
    Void,
    states,
)
from strongroom.errors import BadInput
from strongroom.information.books import Level
from strongroom.information.gamma import FeeSchedule

from tests.defaults import UNIT
from tests.seeds import dice

FEE = FeeSchedule(Decimal("0.05"), 1)


def levels(*ladder):
    """Levels from (price, size) in units."""
    return tuple(Level(round(price * UNIT), round(size * UNIT)) for price, size in ladder)


def asks(market, yes, *ladder, **more):
    return Security(market, yes, asks=levels(*ladder), **more)


def bids(market, yes, *ladder, **more):
    return Security(market, yes, bids=levels(*ladder), **more)


def proven(kind, *members):
    return Relation(kind, members, proof="test")


def profit(bundle):
    """The solver's bound, and the certificate of its plan; they must agree on whole lots."""
    plan = solve(bundle)
    certificate = certify(
        bundle.securities, bundle.states, bundle.transforms, plan.legs, plan.transforms
    )
    assert certificate.profit >= -len(plan.legs)  # each cost is rounded up by less than a unit
    assert certificate.profit <= plan.bound * UNIT + 1
    return plan.bound, certificate.profit / UNIT


def event(*prices, size=100, yes=True):
    """An exclusive event's asks, one a question."""
    sizes = size if isinstance(size, tuple) else (size,) * len(prices)
    names = [f"q{i}" for i in range(len(prices))]
    return names, [
        asks(name, yes, (price, each))
        for name, price, each in zip(names, prices, sizes, strict=True)
    ]


def dutch_book(fees=None):
    more = {"fees": fees} if fees else {}
    return make_bundle(
        [asks("m", True, (0.47, 100), (0.49, 200), **more), asks("m", False, (0.50, 150), **more)]
    )


def split_and_sell():
    pair = [bids("m", True, (0.53, 80)), bids("m", False, (0.50, 120))]
    return make_bundle(pair, transforms=split_and_merge(0, 1))


def yes_set(exhaustive):
    names, securities = event(0.20, 0.25, 0.30, 0.21, size=(50, 80, 40, 100))
    relations = [proven("exclusive", *names)]
    if exhaustive:
        relations.append(proven("exhaustive", *names))
    return make_bundle(securities, relations, ())


def no_set():
    names, securities = event(0.60, 0.65, 0.70, yes=False)
    return make_bundle(securities, [proven("exclusive", *names)], ())


def convert():
    names = ["q0", "q1", "q2", "q3"]
    securities = [Security("q0", True), asks("q0", False, (0.70, 60))]
    for name, price in zip(names[1:], (0.30, 0.25, 0.20), strict=True):
        securities += [bids(name, True, (price, 100)), Security(name, False)]
    relations = [proven("exclusive", *names), proven("exhaustive", *names)]
    pairs = [(2 * i, 2 * i + 1) for i in range(4)]
    return make_bundle(securities, relations, (), conversions(pairs))


def implication():
    pair = [asks("a", False, (0.54, 200)), asks("b", True, (0.40, 120))]
    return make_bundle(pair, [proven("implies", "a", "b")], ())


def ladder():
    pair = [asks("above 70", True, (0.62, 100)), asks("above 80", False, (0.35, 100))]
    return make_bundle(pair, [proven("implies", "above 80", "above 70")], ())


def bundle_of_three():
    """C = A or B, A and B exclusive."""
    securities = [
        asks("a", False, (0.62, 90)),
        asks("b", False, (0.70, 90)),
        asks("c", True, (0.60, 90)),
    ]
    relations = [
        proven("exclusive", "a", "b"),
        proven("implies", "a", "c"),
        proven("implies", "b", "c"),
    ]
    return make_bundle(securities, relations, ())


def two_venues(same):
    pair = [asks("here", True, (0.55, 300)), asks("there", False, (0.41, 250))]
    return make_bundle(pair, [proven("equal", "here", "there")] if same else [], ())


def known_result():
    securities = [asks("m", True, (0.97, 500), (0.985, 1_000), fees=FEE)]
    return make_bundle(securities, [proven("exhaustive", "m")], ())


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (dutch_book(), 3.5),  # 100 at 3 cents, 50 at 1 cent
        (dutch_book(FEE), 0.5045),  # 100 at 3 - 2.4955 cents; the second level no longer
        (split_and_sell(), 2.4),  # 80 at 3 cents
        (yes_set(exhaustive=True), 1.6),  # 40 sets at 96 cents
        (yes_set(exhaustive=False), 0.0),  # none of them may win
        (no_set(), 5.0),  # two of three NO pay whatever happens: 100 at 5 cents
        (convert(), 3.0),  # 60 NO become YES of three, sold for 75 cents
        (implication(), 7.2),  # 120 at 6 cents
        (ladder(), 3.0),  # 100 at 3 cents
        (bundle_of_three(), 7.2),  # 90 at 8 cents
        (two_venues(same=True), 10.0),  # 250 at 4 cents
        (two_venues(same=False), 0.0),  # their rules may differ
        (known_result(), 28.53375),
    ],
)
def test_every_kind_is_the_same_programme(made, expected):
    bound, certified = profit(made)
    assert bound == pytest.approx(expected, abs=1e-6)
    assert certified == pytest.approx(expected, abs=1e-4)


def test_a_plan_names_its_legs_and_the_states_that_bind_it():
    plan = solve(dutch_book())
    assert set(plan.legs) == {
        BundleLeg(0, True, 470_000, 100 * UNIT),
        BundleLeg(0, True, 490_000, 50 * UNIT),
        BundleLeg(1, True, 500_000, 150 * UNIT),
    }
    assert max(plan.weights) > 0
    none = solve(two_venues(same=False))
    assert (none.legs, none.transforms) == ((), {})
    # no arbitrage: the weights are a measure that prices everything within bid and ask
    assert sum(none.weights) == pytest.approx(1)
    bundle = two_venues(same=False)
    for place, price in ((0, 0.55), (1, 0.41)):
        worth = sum(
            weight * row[place] / 2 for weight, row in zip(none.weights, bundle.states, strict=True)
        )
        assert worth <= price + 1e-9


def test_budget_and_caps_bound_the_spending():
    pair = [asks("m", True, (0.40, 1_000)), asks("m", False, (0.50, 1_000))]
    assert profit(make_bundle(pair, budget=45 * UNIT))[0] == pytest.approx(5.0)
    assert profit(make_bundle(pair, caps={"m": 9 * UNIT}))[0] == pytest.approx(1.0)


def test_minimum_sizes_are_kept_or_the_leg_is_left():
    def pair(depth, minimum):
        return make_bundle(
            [
                asks("m", True, (0.40, depth), min_size=minimum * UNIT),
                asks("m", False, (0.50, 100), min_size=minimum * UNIT),
            ]
        )

    assert profit(pair(4, 5))[0] == pytest.approx(0)
    assert profit(pair(5, 5))[0] == pytest.approx(0.5)


def test_holdings_are_sold_where_that_is_better():
    held = Security("m", True, bids=levels((0.60, 100)), held=50 * UNIT)
    bundle = make_bundle([held, asks("m", False, (0.30, 20))], transforms=split_and_merge(0, 1))
    plan = solve(bundle)
    certificate = certify(
        bundle.securities, bundle.states, bundle.transforms, plan.legs, plan.transforms
    )
    # 20 NO bought for 6 make 20 sets; the other 30 YES bring 18: 32 whatever happens
    assert set(certificate.outcomes) == {32 * UNIT}
    assert certificate.profit == 32 * UNIT  # before, the worst was nothing
    assert plan.bound == pytest.approx(32)


# what is no arbitrage


def test_void_is_a_state():
    """YES and NO of one market pay 1 in every state; of two markets said to be equal they do not
    when one is void."""
    pair = [asks("here", True, (0.55, 300)), asks("there", False, (0.41, 250))]
    same = [proven("equal", "here", "there")]
    together = Void(("here", "there"))
    assert profit(make_bundle(pair, same, [together]))[0] == pytest.approx(10.0)
    assert profit(make_bundle(pair, same, [Void(("here",))]))[0] == pytest.approx(0)
    assert profit(make_bundle(pair, same))[0] == pytest.approx(0)  # nobody says: each by itself
    assert profit(make_bundle(dutch_book().securities))[0] == pytest.approx(3.5)


@pytest.mark.parametrize("relation", [proven("equal", "a", "b"), proven("implies", "a", "b")])
def test_a_plan_over_two_events_is_not_sure(relation):
    """NO a at .40 and YES b at .54, or the other way round for "equal": 100 of each cost 94 and pay
    100 where both settle. b alone void pays 50 where a is YES: 44 are lost."""
    pair = [asks("a", False, (0.40, 100)), asks("b", True, (0.54, 100))]
    plan = [BundleLeg(0, True, 400_000, 100 * UNIT), BundleLeg(1, True, 540_000, 100 * UNIT)]
    together, apart = (
        make_bundle(pair, [relation], voids)
        for voids in ([Void(("a", "b"))], [Void(("a",)), Void(("b",))])
    )
    assert certify(pair, together.states, (), plan, {}).profit == 6 * UNIT
    assert certify(pair, apart.states, (), plan, {}).profit == -44 * UNIT
    assert solve(together).legs and not solve(apart).legs


def test_an_augmented_event_is_not_exhaustive():
    """The recorded Democratic nominee rows: the asks sum to .928, outcomes are missing."""
    names, securities = event(*([0.029] * 32))
    exclusive = [proven("exclusive", *names)]
    assert profit(make_bundle(securities, exclusive, ()))[0] == pytest.approx(0)
    with_other = [*exclusive, proven("exhaustive", *names, "somebody else")]
    bundle = make_bundle([*securities, Security("somebody else", True)], with_other, ())
    assert profit(bundle)[0] == pytest.approx(0)
    exhaustive = [*exclusive, proven("exhaustive", *names)]
    assert profit(make_bundle(securities, exhaustive, ()))[0] == pytest.approx(
        100 * (1 - 32 * 0.029)
    )


def test_relations_need_somebody_to_vouch_for_them():
    with pytest.raises(UnprovenRelation):
        Relation("exhaustive", ("a", "b"))
    assert Relation("exhaustive", ("a", "b"), reviewer="Ada").reviewer == "Ada"
    with pytest.raises(BadInput, match="two members"):
        Relation("implies", ("a", "b", "c"), proof="x")


def test_states_of_relations():
    yes, no, void = 2, 0, 1
    exclusive = proven("exclusive", "a", "b")
    assert set(states(["a", "b"], [], ())) == {(yes, yes), (yes, no), (no, yes), (no, no)}
    assert set(states(["a", "b"], [exclusive], ())) == {(yes, no), (no, yes), (no, no)}
    both = [exclusive, proven("exhaustive", "a", "b")]
    assert set(states(["a", "b"], both, ())) == {(yes, no), (no, yes)}
    together = [Void(("a", "b"))]
    assert set(states(["a", "b"], both, together)) == {(yes, no), (no, yes), (void, void)}
    assert set(states(["a", "b"], [proven("implies", "a", "b")], ())) == {
        (yes, yes),
        (no, yes),
        (no, no),
    }
    equal = [proven("equal", "a", "b")]
    assert set(states(["a", "b"], equal, ())) == {(yes, yes), (no, no)}
    names = [f"m{i}" for i in range(42)]
    for many in ((), None):
        with pytest.raises(TooManyStates):
            states(names[:13], [], many)
    assert len(states(names, [proven("exclusive", *names)], ())) == 43


def test_a_market_that_settles_at_any_price_is_bound_by_no_relation():
    """The other one is still void at a half, or whole: both ends of the first beside each."""
    equal, voids = [proven("equal", "a", "b")], [Void(("a",), ANYTHING), Void(("b",))]
    assert set(states(["a", "b"], equal, voids)) == set(product((2, 0), (2, 1, 0)))


def keeps(relation, state):
    """Whether a whole state keeps a relation, by its definition in words."""
    values = [state[each] for each in relation.members]
    return {
        "exclusive": values.count(2) <= 1,
        "exhaustive": set(values) != {0},
        "implies": values[:2] != [2, 0],
        "equal": not {0, 2} <= set(values),
    }[relation.kind]


@st.composite
def related(draw):
    """Markets, relations between some of them, and groups that are void together."""
    names = ["a", "b", "c", "d", "e"][: draw(st.integers(2, 5))]
    some = st.lists(st.sampled_from(names), min_size=2, max_size=len(names), unique=True)
    pairs = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
    kinds = st.sampled_from(["exclusive", "exhaustive", "equal"])
    wide = st.builds(lambda kind, members: proven(kind, *members), kinds, some)
    narrow = pairs.map(lambda members: proven("implies", *members))
    relations = draw(st.lists(st.one_of(wide, narrow), max_size=4))
    group_of = {name: draw(st.sampled_from([None, 0, 1, 2])) for name in names}
    groups = [[each for each in names if group_of[each] == number] for number in range(3)]
    pays = st.sampled_from([HALF, ANYTHING])
    return names, relations, [Void(tuple(group), draw(pays)) for group in groups if group]


@given(related())
def test_states_are_all_that_keep_every_relation(given):
    """Against every way to settle all markets: won, lost or void; a group is void as one."""
    names, relations, voids = given
    expected = set()
    for values in product((2, 0, 1), repeat=len(names)):
        state = dict(zip(names, values, strict=True))
        void = {each for each in names if state[each] == 1}
        if not void <= {each for group in voids for each in group.members}:
            continue
        if any(0 < len(void & set(group.members)) < len(group.members) for group in voids):
            continue
        if not all(keeps(each, state) for each in relations):
            continue
        pays = {each: group.pays for group in voids for each in group.members}
        expected |= set(
            product(*(pays[each] if each in void else (state[each],) for each in names))
        )
    found = states(names, relations, voids)
    assert set(found) == expected and len(found) == len(expected)


# the certificate


def test_the_certificate_refuses_what_is_not_covered():
    pair = [bids("m", True, (0.60, 100)), asks("m", False, (0.30, 20), min_size=5 * UNIT)]
    rows = make_bundle(pair).states
    with pytest.raises(NotCovered, match="holdings"):
        certify(pair, rows, (), [BundleLeg(0, False, 600_000, UNIT)], {})
    with pytest.raises(NotCovered, match="least order"):
        certify(pair, rows, (), [BundleLeg(1, True, 300_000, UNIT)], {})
    with pytest.raises(NotCovered):
        certify(pair, rows, split_and_merge(0, 1), [], {1: UNIT})


def test_the_certificate_rounds_against_the_plan():
    """One hundredth at 0.333333: cost .00333333 is 3,334 micro-units, the fee is rounded up too."""
    security = asks("m", True, (0.333333, 1), fees=FEE)
    (certificate,) = [
        certify([security], [(2,), (0,)], (), [BundleLeg(0, True, 333_333, 10_000)], {})
    ]
    fee = Fraction(10_000 * 5, 100) * Fraction(333_333 * 666_667, 10**12)
    assert certificate.cash == -(3_334 + -(-fee.numerator // fee.denominator))
    assert certificate.outcomes == (10_000 + certificate.cash, certificate.cash)


# random bundles against a walk that knows no linear programme


def greedy(ladders, pays, fees):
    """Buy one of each at its best price while that costs less than what is sure to come back."""
    books = [list(ladder) for ladder in ladders]
    earned = Fraction(0)
    while all(books):
        size = min(level.size for level, *_ in books)
        cost = sum(
            Fraction(level.price, UNIT)
            + Fraction(fees.rate)
            * (Fraction(level.price, UNIT) * (1 - Fraction(level.price, UNIT)))
            for level, *_ in books
        )
        if cost >= pays:
            break
        earned += size * (pays - cost)
        for book in books:
            rest = book[0].size - size
            book[:1] = [Level(book[0].price, rest)] if rest else []
    return earned / UNIT


def random_ladder(chance, around):
    price, made = max(1, around + chance.randint(-8, 8)), []
    for _ in range(chance.randint(1, 4)):
        if price >= 100:
            break
        made.append(Level(price * 10_000, chance.randint(1, 500) * 10_000))
        price += chance.randint(1, 4)
    return tuple(made)


@pytest.mark.parametrize("kind", ["binary", "yes set", "no set"])
def test_random_bundles_are_as_good_as_a_greedy_walk(kind):
    """3,400 bundles of each kind: the solver's bound is the exact optimum to a millionth."""
    chance, shared = dice("bundles", kind), make_solver()
    found = 0
    for number in range(3_400):
        fees = FeeSchedule(Decimal(chance.choice(["0", "0.03", "0.07"])), 1)
        count = 2 if kind == "binary" else chance.randint(3, 6)
        around = 100 * (count - 1) // count if kind == "no set" else 100 // count
        ladders = [random_ladder(chance, min(95, around)) for _ in range(count)]
        if kind == "binary":
            names, relations, pays = ["m", "m"], [], 1
            sides = [True, False]
        else:
            names = [f"q{i}" for i in range(count)]
            relations, pays = [proven("exclusive", *names)], count - 1
            sides = [False] * count
            if kind == "yes set":
                relations.append(proven("exhaustive", *names))
                pays, sides = 1, [True] * count
        securities = [
            Security(name, yes, asks=ladder, fees=fees)
            for name, yes, ladder in zip(names, sides, ladders, strict=True)
        ]
        bundle = make_bundle(securities, relations, ())
        bound, certified = profit(bundle)
        if number % 10 == 0:  # a solver keeps nothing of the programme before
            assert solve(bundle, shared) == solve(bundle)
        best = greedy(ladders, pays, fees)
        # a partial NO set may earn where the whole one does not, never the other way round
        if kind == "no set":
            assert bound >= best - Fraction(1, UNIT)
        else:
            assert abs(bound - best) <= 1e-6
        assert certified <= bound + 1e-6
        assert certified >= float(best) - 1e-4 * (1 + count)
        found += best > 0
    assert found > 300
    assert fee_of(Security("m", True, fees=FEE), 500_000) == pytest.approx(1 / 80)
