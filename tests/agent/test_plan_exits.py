"""Plans of several legs leave together or not at all: by hand, and against every state's payoff."""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.run import assemble
from strongroom.backtest.stats import sales_by_rule
from strongroom.chain.orders import NO, YES, MoveKind, OrderKind, Side
from strongroom.chain.units import MICRO
from strongroom.execution.tasks import TaskRules, Tasks
from strongroom.information.books import Book, Level
from strongroom.information.gamma import FeeSchedule
from strongroom.journal import Journal
from strongroom.journal.states import IntentState
from strongroom.keeper.paper import PaperBook
from strongroom.keeper.supposed_fills import fills_of
from strongroom.strategy.decide import Decision
from strongroom.strategy.exits import Exits, Trading
from strongroom.strategy.past import Past, plan_terms, traded_of
from strongroom.strategy.record import DecidedMove
from strongroom.strategy.view import View

from tests.agent.test_backtest import SMALL
from tests.agent.test_decide import NOW, STATE, held, market, name_of, run, view
from tests.records import LEG, RECORD

# "above 70" and "above 80": YES of the lower and NO of the higher pay 1, 2 in between; .5 each
# where the event is void. Bought at .62 and .35 (AGENT.md 2.1): 100 pairs for 97, worst state 100.
LOW, HIGH = (replace(market(number, fees=FeeSchedule()), event="one") for number in (1, 2))
TOKENS = (LOW.token_ids[YES], HIGH.token_ids[NO])
LEGS = tuple(
    replace(LEG, vault_market=name_of(each), condition=each.condition_id, token=token,
            price=Decimal(price), kind=OrderKind.FAK)
    for each, token, price in ((LOW, TOKENS[0], "0.62"), (HIGH, TOKENS[1], "0.35"))
)  # fmt: skip
NUMBERS = {"profit": 3 * MICRO, "worst_outcome": 3 * MICRO, "locked": 97 * MICRO}
PLAN = replace(RECORD, pack="bundle", legs=LEGS, sure=True, chance="1.000000", numbers=NUMBERS)
PAYS = ((0, 1), (1, 1), (1, 0), (Fraction(1, 2), Fraction(1, 2)))  # of the two, by state


@dataclass(frozen=True)
class Quiet:
    name: str = "bundle"

    def propose(self, seen, rooms):
        return ()


def past_of(record=PLAN, low=(100, 62), high=(100, 35), **more):
    """What buying has come to: (tokens, cash) of each leg."""
    sums = {
        (token, Side.BUY): (tokens * MICRO, cash * MICRO)
        for token, (tokens, cash) in zip(TOKENS, (low, high), strict=True)
    }
    past = Past()
    for each in traded_of(record, sums | more.get("sums", {})):
        past = past.after(each)
    return past


def ladder(*levels):
    return tuple(Level(int(Decimal(price) * MICRO), size * MICRO) for price, size in levels)


def look(low, high, past=None, tokens=(100, 100), **changes):
    """A view with these bids for the two tokens."""
    pairs = ((LOW, YES, low, tokens[0]), (HIGH, NO, high, tokens[1]))
    books, markets = {}, {}
    for each, outcome, bids, many in pairs:
        books[each.token_ids[outcome]] = Book(bids, (), NOW)
        amounts = [0, 0]
        amounts[outcome] = many * MICRO
        markets[name_of(each)] = held(100 * MICRO, {each.condition_id: tuple(amounts)})
    seen = view((LOW, Book()), (HIGH, Book()), state=replace(STATE, markets=markets))
    return replace(seen, books=books, **{"past": past or past_of()} | changes)


def leaves(seen, **rules):
    """Return the legs of what is sold, as (outcome, price, tokens); None: nothing is."""
    found = run(seen, Quiet(), trading={"bundle": Trading(exits=Exits(**rules))}).decisions
    if not found:
        return None
    (decision,) = found
    record = decision.record
    assert record.pack == "bundle" and {leg.side for leg in record.legs} == {"SELL"}
    assert record.sold_of == PLAN.id
    return [(leg.outcome, str(leg.price), leg.size / MICRO) for leg in record.legs]


GOOD = ladder(("0.70", 60), ("0.67", 100)), ladder(("0.32", 500))


@pytest.mark.parametrize(
    ("low", "high", "rules", "expected"),
    [
        # .70 + .32 = 1.02 for 60, .67 + .32 = .99 for the rest; the second may sell .02 lower
        (*GOOD, {"edge": 0.0}, [("Yes", "0.7", 60), ("No", "0.3", 60)]),
        (*GOOD, {"edge": 0.0, "max_cost": 0.0}, [("Yes", "0.7", 60), ("No", "0.32", 60)]),
        (*GOOD, {"edge": 0.02}, None),  # more than the edge, not as much
        (*GOOD, {"edge": 0.019}, [("Yes", "0.7", 60), ("No", "0.3", 60)]),
        (*GOOD, {}, None),  # none is on by default
        # no other rule sells a leg of a plan
        (*GOOD, {"held_s": 0, "before_end_s": 10**9, "stop_price": 0.0}, None),
        # exactly what it pays in the worst state is not more
        (ladder(("0.68", 500)), ladder(("0.32", 500)), {"edge": 0.0}, None),
        # a leg that nobody bids for, or too little of, keeps the other
        (ladder(("0.99", 500)), (), {"edge": 0.0}, None),
        (ladder(("0.99", 500)), ladder(("0.32", 4)), {"edge": 0.0}, None),
        # the scarcest is sold first, and alone to the bid that was seen
        (ladder(("0.70", 500)), ladder(("0.32", 100)), {"edge": 0.0},
         [("No", "0.32", 100), ("Yes", "0.68", 100)]),
    ],
)  # fmt: skip
def test_a_plan_leaves_where_all_bids_pay_more_than_its_worst_state(low, high, rules, expected):
    assert leaves(look(low, high), **rules) == expected


def test_fees_are_part_of_what_a_plan_brings():
    """.04 * .7 * .3 = .0084 and .04 * .32 * .68 = .0087 a token: 1.02 brings 1.0029."""
    taxed = [replace(each, fees=FeeSchedule(Decimal("0.04"))) for each in (LOW, HIGH)]
    seen = replace(look(*GOOD), markets={each.condition_id: each for each in taxed})
    assert leaves(seen, edge=0.0028) and leaves(seen, edge=0.0030) is None


def test_what_is_not_seen_or_not_there_keeps_a_plan():
    assert leaves(replace(look(*GOOD), books={TOKENS[0]: Book(GOOD[0])}), edge=0.0) is None
    gone = {LOW.condition_id: LOW}
    assert leaves(replace(look(*GOOD), markets=gone), edge=0.0) is None
    assert leaves(look(*GOOD, tokens=(100, 0)), edge=0.0) is None
    assert leaves(look(*GOOD, tokens=(30, 100)), edge=0.0)[0][2] == 30
    assert leaves(look(*GOOD, busy=frozenset({name_of(HIGH)})), edge=0.0) is None


def test_what_a_plan_bought_too_much_of_is_loose_and_leaves_by_the_other_rules():
    """100 and 60: 60 pairs, whose worst state pays 60, and 40 YES alone that cost .62 each."""
    past = past_of(high=(60, 21))
    plan = past.plans[PLAN.id]
    assert plan.whole == Fraction(3, 5)
    ((token, loose),) = plan.loose()
    assert (token, loose.tokens, loose.cost) == (TOKENS[0], 40 * MICRO, int(24.8 * MICRO))
    low = ladder(("0.50", 500))
    seen = look(low, ladder(("0.49", 500)), past, (100, 60))
    assert leaves(seen, stop_price=0.12, max_cost=0.3) == [("Yes", "0.5", 40)]
    assert leaves(seen, stop_price=0.13, max_cost=0.3) is None
    whole = look(ladder(("0.70", 500)), GOOD[1], past, (100, 60))
    assert leaves(whole, edge=0.0) == [("Yes", "0.7", 60), ("No", "0.3", 60)]


def sale(*parts, rule="edge gone"):
    """A record that sells of the plan, and what each (place, tokens, cash) has come to."""
    legs = tuple(replace(LEGS[place], side=Side.SELL) for place, *_ in parts)
    record = replace(PLAN, legs=legs, time=PLAN.time + 9, numbers={"exit": rule, "plan": PLAN.id})
    sums = {(TOKENS[place], Side.SELL): (tokens * MICRO, cash * MICRO)
            for place, tokens, cash in parts}  # fmt: skip
    return list(traded_of(record, sums))


def test_what_has_left_is_no_longer_there():
    past = past_of()
    for each in sale((0, 60, 42), (1, 60, 19)):
        past = past.after(each)
    plan = past.plans[PLAN.id]
    assert plan.whole == Fraction(2, 5) and list(plan.loose()) == []
    assert plan.costs == {TOKENS[0]: int(24.8 * MICRO), TOKENS[1]: 14 * MICRO}
    assert past.lost_at is None and past.purchases == {}
    torn = past_of(high=(60, 21))
    for each in sale((0, 40, 20), rule="price stop"):
        torn = torn.after(each)
    assert torn.lost_at == PLAN.time + 9, "40 for 20 that cost 24.8"
    assert torn.plans[PLAN.id].whole == Fraction(3, 5) and not list(torn.plans[PLAN.id].loose())


def test_a_plan_counts_what_it_sold_again_and_merged():
    """150 YES and 150 NO of one market are merged: nothing is left. 100 NO alone: 50 are loose."""
    pair = tuple(replace(LEG, token=each, size=150 * MICRO) for each in (5, 6))
    move = DecidedMove(MoveKind.MERGE, LEG.vault_market, LEG.condition, 150 * MICRO)
    record = replace(PLAN, legs=pair, moves=(move,))

    def left(yes, no, sold=0):
        sums = {(5, Side.BUY): (yes, yes // 2), (6, Side.BUY): (no, no // 2),
                (6, Side.SELL): (sold, sold // 2)}  # fmt: skip
        past = Past()
        for each in traded_of(record, sums):
            past = past.after(each)
        plan = past.plans[record.id]
        assert plan.whole == 0
        return {token: each.tokens for token, each in plan.loose()}

    full, part = 150 * MICRO, 100 * MICRO
    assert left(full, full) == {} == left(0, 0)
    assert left(full, part) == {5: 50 * MICRO}
    assert left(part, full, 20 * MICRO) == {6: 30 * MICRO}


@pytest.mark.parametrize(
    "change",
    [
        {"sure": False},
        {"resting": True},
        {"numbers": {}},
        {"legs": (LEGS[0], replace(LEGS[1], side=Side.SELL))},
        {"moves": (DecidedMove(MoveKind.CONVERT, LEG.vault_market, LEG.condition, MICRO),)},
    ],
)
def test_what_is_no_plan_has_no_exit(change):
    past = past_of(replace(PLAN, **change))
    assert past.plans == {}
    assert leaves(look(*GOOD, past), edge=0.0, stop_price=0.0, max_cost=1.0) is None


def test_plans_of_several_markets_are_joined_and_recorded():
    whole = past_of()
    parts = [Past(), Past()]
    both = [(TOKENS[0], Side.BUY), (TOKENS[1], Side.BUY)]
    sums = dict(zip(both, ((100 * MICRO, 62 * MICRO), (100 * MICRO, 35 * MICRO)), strict=True))
    for place, each in enumerate(traded_of(PLAN, sums)):
        parts[place] = parts[place].after(each)
    assert parts[0].joined(parts[1]).plans == whole.plans
    alone = parts[0].plans[PLAN.id]  # the other market has settled
    assert alone.whole == 0 and dict(alone.loose())[TOKENS[0]].tokens == 100 * MICRO
    adapter = TypeAdapter(View)
    seen = replace(look(*GOOD), books={})
    assert adapter.validate_json(adapter.dump_json(seen)).past == whole


def test_paper_leaves_a_plan_too():
    """Bought by the books, and sold by them: two legs of one token share its levels."""
    asks = {TOKENS[0]: Book((), ladder(("0.60", 40), ("0.62", 100))),
            TOKENS[1]: Book((), ladder(("0.35", 500)))}  # fmt: skip
    twice = (replace(LEGS[0], price=Decimal("0.60"), size=40 * MICRO),
             replace(LEGS[0], size=60 * MICRO), LEGS[1])  # fmt: skip
    markets = {each.condition_id: each for each in (LOW, HIGH)}
    record = replace(PLAN, legs=twice)
    fills = fills_of(record, markets, asks)
    assert [(each.size // MICRO, each.cash) for each in fills] == [
        (40, 24 * MICRO), (60, int(37.2 * MICRO)), (100, 35 * MICRO),
    ]  # fmt: skip
    book = PaperBook().decided(record, fills, markets)
    plan = book.past.plans[record.id]
    assert plan.whole == 1 and plan.costs[TOKENS[0]] == int(61.2 * MICRO)


levels = st.lists(
    st.tuples(st.integers(1, 99), st.integers(1, 300)), max_size=4, unique_by=lambda each: each[0]
).map(lambda found: ladder(*((Decimal(p) / 100, n) for p, n in sorted(found, reverse=True))))


@settings(max_examples=150, deadline=None)
@given(levels, levels, st.integers(0, 120), st.integers(0, 120), st.sampled_from((0, 20, 50)))
def test_no_state_ends_worse_than_the_worst_one_that_was_held(low, high, first, second, rate):
    """By hand in each state: cash of the sale by the bids that were seen, and what is left."""
    past = past_of(low=(first, first // 2), high=(second, second // 3))
    fees = FeeSchedule(Decimal(rate) / 1000)
    both = {each.condition_id: replace(each, fees=fees) for each in (LOW, HIGH)}
    seen = replace(look(low, high, past, (first, second)), markets=both)
    found = run(seen, Quiet(), trading={"bundle": Trading(exits=Exits(edge=0.0))}).decisions
    pairs = min(first, second)
    for decision in found:
        legs = {leg.token: leg for leg in decision.record.legs}
        assert set(legs) == set(TOKENS), "together or not at all"
        cash, left = Fraction(0), []
        for token, have, bids in zip(TOKENS, (first, second), (low, high), strict=True):
            wanted = sold = legs[token].size
            assert sold <= pairs * MICRO
            for bid in bids:
                take = min(wanted, bid.size)
                price = Fraction(bid.price, MICRO)
                cash += take * (price - Fraction(rate, 1000) * price * (1 - price))
                wanted -= take
            assert wanted == 0
            left.append(have * MICRO - sold)
        worst = min(first * a + second * b for a, b in PAYS) * MICRO
        after = min(cash + left[0] * a + left[1] * b for a, b in PAYS)
        assert after > worst


# carried out


class FakeDesk:
    """Fills an order's given part at once; what it is not told of it fills whole."""

    def __init__(self, journal, parts):
        self.journal, self.parts, self.placed = journal, parts, []

    def place(self, wanted, tick):
        self.journal.plan(wanted)
        filled = int(wanted.size * self.parts.get(wanted.token, 1))
        self.journal.fill(wanted.key, [], filled)
        self.journal.step(wanted.key, IntentState.CLOSED)
        self.placed.append((wanted.token, wanted.size // MICRO))


@pytest.mark.parametrize(
    ("parts", "placed"),
    [
        ({}, [(TOKENS[0], 100), (TOKENS[1], 100)]),
        ({TOKENS[0]: Decimal("0.6")}, [(TOKENS[0], 100), (TOKENS[1], 60)]),
        ({TOKENS[0]: 0}, [(TOKENS[0], 100)]),  # nothing has left: nothing follows
    ],
)
def test_later_legs_sell_no_more_of_a_plan_than_earlier_ones(parts, placed):
    journal = Journal("sqlite://")
    desk = FakeDesk(journal, parts)
    vault = SimpleNamespace(
        chain=None,
        address=PLAN.vault,
        closed=lambda names: frozenset(),
        account_of=lambda name: "0xaa",
    )
    wallets = SimpleNamespace(
        hand=lambda record: [], prepare=lambda record: True, maker=lambda name, account: ("", "")
    )
    transactor = SimpleNamespace(state=lambda key: (None, ""))
    told = []
    tasks = Tasks(
        journal, transactor, desk, vault, wallets, TaskRules(), lambda token: None,
        lambda: PLAN.time + 1, lambda event, fields: told.append((event, fields["why"])),
    )  # fmt: skip
    record = replace(
        PLAN,
        legs=tuple(replace(each, side=Side.SELL) for each in LEGS),
        numbers={"exit": "edge gone", "plan": PLAN.id},
    )
    tasks.start(Decision(record.id, record))
    for _ in range(3):
        tasks.advance()
    assert desk.placed == placed
    assert [event for event, _ in told] == ["task_closed"]


# a vault's life: the keeper's own code on recorded prices


def test_plans_leave_in_a_backtest_with_statistics(tmp_path):
    """Rungs of ladders pay one a pair at least, whatever happens: what a pair brought is more, and
    what holding it would have paid is known from the recording's payouts."""
    config = parse(
        SMALL
        | {
            "ladder_relations": True,
            "people": [{"at_h": 0, "who": "alice", "deposit": "20000"}],
            "packs": {"bundle": {"min_profit": 50_000, "exits": {"edge": 0.0, "max_cost": 0.01}}},
        }
    )
    made = assemble(config, "realistic", load_history(config), tmp_path)
    outcome = made.run()
    assert outcome.halts == {}
    # a report between decision and budget may lower what the velocity admits
    assert all(each.endswith("velocity bps") for each in made.transactor.refused)
    sales = [each for each in outcome.trades if each.rule]
    by_decision = {each.decision: [] for each in sales}
    for each in sales:
        by_decision[each.decision].append(each)
    assert len(by_decision) > 3
    for decision, legs in by_decision.items():
        record = made.keeper.journal.record(decision)
        bought = made.keeper.journal.record(record.sold_of)
        assert bought.pack == record.pack == "bundle" and bought.time < record.time
        assert len(legs) == len(record.legs) > 1
        sizes = plan_terms(bought).sizes
        tokens = [leg.token for leg in record.legs]
        assert set(tokens) == {token for token, size in sizes.items() if size}
        parts = zip(legs, tokens, strict=True)
        assert len({Fraction(each.filled, sizes[token]) for each, token in parts}) == 1, "together"
        brought = sum(each.cash - each.fee for each in legs)
        assert brought > record.numbers["worst"]
        assert brought >= record.numbers["brings"]
    (found,) = sales_by_rule(outcome, 1)
    assert (found.rule, found.decisions) == ("edge gone", len(by_decision))
    held = sum(each.won * each.filled for each in sales) / MICRO
    assert found.held == pytest.approx(held) and found.gain == pytest.approx(found.received - held)
