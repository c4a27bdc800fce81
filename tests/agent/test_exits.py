"""Exits, budgets of packs, slices and orders that rest first: on markets made by hand, and in a
simulated vault's life."""

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

import pytest
from pydantic import TypeAdapter
from strongroom.analysis.fair_null import Event, Joint
from strongroom.analysis.verdict import VerdictWord, conclude
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.run import DecidedTrade, RunResult, assemble
from strongroom.backtest.stats import against, sales_by_rule
from strongroom.chain.ids import OrderHash, intent_key
from strongroom.chain.orders import NO, YES, Side
from strongroom.chain.units import BPS, DAY, MICRO
from strongroom.information.books import Book, Level, mirror
from strongroom.information.gamma import FeeSchedule
from strongroom.journal import Journal, OrderFill, OrderIntent
from strongroom.journal.states import IntentState
from strongroom.keeper.pack_sections import parameters_of, trading_of
from strongroom.keeper.paper import PaperBook, with_paper
from strongroom.keeper.past_trades import PastReader
from strongroom.keeper.supposed_fills import fills_of
from strongroom.settings import ConfigError
from strongroom.strategy.api import Leg, Proposal
from strongroom.strategy.decide import decide
from strongroom.strategy.exits import Exits, Trading
from strongroom.strategy.past import Past, Purchase, Traded, traded_of
from strongroom.strategy.recheck import recheck
from strongroom.strategy.record import decode, encode, record_json
from strongroom.strategy.view import View

from tests.agent.test_backtest import SMALL
from tests.agent.test_decide import (
    NAV,
    NOW,
    STATE,
    held,
    market,
    name_of,
    rules,
    run,
    view,
)
from tests.records import LEG, RECORD

ONE = market(1, fees=FeeSchedule())  # ends in 48 hours
TOKEN = ONE.token_ids[YES]
HOUR = DAY // 24
# 1,000 tokens bought for .55 each, at a claimed chance of .60, six hours ago
BOUGHT = Purchase("fair", 1_000 * MICRO, 550 * MICRO, 1_000 * MICRO, 0.60, NOW - 6 * HOUR)


@dataclass(frozen=True)
class FairPack:
    """Says what it is told to, and proposes what it is told to."""

    fair: float | None = None
    legs: tuple[Leg, ...] = ()
    name: str = "fair"

    def propose(self, seen, rooms):
        if self.legs:
            yield Proposal(self.name, self.legs, edge=0.02, chance=0.60, cost=0.55,
                           evidence=frozenset({"a"}))  # fmt: skip

    def chance(self, seen, which, outcome):
        return None if self.fair is None else self.fair if outcome == YES else 1 - self.fair


def bids(*levels, ask="0.52"):
    """A YES book of (price, tokens) bids and one ask."""
    return Book(
        tuple(Level(int(Decimal(price) * MICRO), size * MICRO) for price, size in levels),
        () if ask is None else (Level(int(Decimal(ask) * MICRO), 5_000 * MICRO),),
    )


def seen(book, purchase=BOUGHT, tokens=1_000, other=0, of=ONE, **changes):
    mine = held(550 * MICRO, {of.condition_id: (tokens * MICRO, other * MICRO)})
    state = replace(STATE, markets={name_of(of): mine}, total_exposure=550 * MICRO)
    past = Past({of.token_ids[YES]: purchase}, {name_of(of): (purchase.pack,)})
    return view((of, book), state=state, **{"past": past} | changes)


def sold(look, fair=None, trading=None, **rules):
    """Return what is sold, by the record; None: nothing."""
    how = trading or Trading(exits=Exits(**rules))
    found = run(look, FairPack(fair), trading={"fair": how})
    if not found.decisions:
        return None
    (decision,) = found.decisions
    (leg,) = decision.record.legs
    assert leg.side == Side.SELL and decision.record.pack == "fair"
    assert set(decision.record.budgets.values()) == {0}
    return decision.record.exit_rule, str(leg.price), leg.size // MICRO


BOOK = bids(("0.50", 400), ("0.49", 300), ("0.45", 900))


@pytest.mark.parametrize(
    ("rules", "fair", "expected"),
    [
        ({}, 0.10, None),  # none is on by default
        # paid .55, the bid is .50; the mid .51, so bids from .49 on
        ({"stop_price": 0.05}, None, ("price stop", "0.49", 700)),
        ({"stop_price": 0.0501}, None, None),
        ({"stop_price": 0.05, "max_cost": 0.01}, None, ("price stop", "0.5", 400)),
        ({"stop_price": 0.05, "max_cost": 0.06}, None, ("price stop", "0.45", 1_000)),
        # claimed .60
        ({"stop_chance": 0.1}, 0.49, ("chance stop", "0.49", 700)),
        ({"stop_chance": 0.1}, 0.51, None),
        ({"stop_chance": 0.1}, None, None),  # unknown is not low
        # what each level brings must be above fair value
        ({"edge": 0.0}, 0.47, ("edge gone", "0.49", 700)),
        ({"edge": 0.0}, 0.495, ("edge gone", "0.5", 400)),
        ({"edge": 0.0}, 0.50, None),
        ({"edge": 0.02}, 0.47, ("edge gone", "0.5", 400)),
        ({"edge": 0.0}, None, None),
        ({"held_s": 6 * HOUR}, None, ("held long enough", "0.49", 700)),
        ({"held_s": 6 * HOUR + 1}, None, None),
        ({"before_end_s": 48 * HOUR}, None, ("before the end", "0.49", 700)),
        ({"before_end_s": 48 * HOUR - 1}, None, None),
        # the first rule that holds is the one that is named
        ({"stop_price": 0.05, "held_s": 1, "edge": 0.0}, 0.40, ("held long enough", "0.49", 700)),
    ],
)
def test_each_rule_sells_from_its_number_on_and_not_before(rules, fair, expected):
    assert sold(seen(BOOK), fair, **rules) == expected


def test_the_fee_is_part_of_what_a_sale_brings():
    """.04 * .5 * .5 = .01 a token: .50 brings .49, which is not above .49."""
    taxed = replace(ONE, fees=FeeSchedule(Decimal("0.04"), Decimal(1)))
    look = seen(BOOK, of=taxed)
    assert sold(look, 0.4901, edge=0.0) is None
    assert sold(look, 0.4899, edge=0.0) == ("edge gone", "0.5", 400)


ALL = {"stop_price": 0.01, "held_s": 1, "before_end_s": 49 * HOUR}


@pytest.mark.parametrize(
    ("book", "change"),
    [
        (bids(ask="0.52"), {}),  # nobody bids
        (bids(("0.50", 400), ask=None), {}),  # nobody offers: the mid may be .75
        (bids(("0.40", 400)), {}),  # a bid far below the mid is no market
        (BOOK, {"tokens": 0}),  # the chain says that nothing is left
        (BOOK, {"other": 1_000}),  # complete sets, which merge
        (BOOK, {"purchase": replace(BOUGHT, pack="other")}),  # another pack's, without rules
        (BOOK, {"busy": frozenset({name_of(ONE)})}),
        (BOOK, {"decided": {name_of(ONE): NOW - 299}}),
        (BOOK, {"tokens": 4}),  # the venue takes no order below five tokens
    ],
)
def test_what_is_unknown_gone_or_under_way_is_not_sold(book, change):
    assert sold(seen(book, **change), 0.10, **ALL) is None


def test_where_nobody_offers_the_ask_counts_as_one():
    """A favourite that nobody sells any more: bid .97, so the mid is .985 at most."""
    sure = bids(("0.97", 400), ("0.96", 400), ask=None)
    assert sold(seen(sure), held_s=1) == ("held long enough", "0.97", 400)
    assert sold(seen(sure), held_s=1, max_cost=0.01) is None


def test_no_more_is_sold_than_was_bought_and_is_there():
    """A stranger's gift stays; of 300 beside 50 of the other side 250 are more than sets."""
    assert sold(seen(BOOK, tokens=5_000), None, held_s=1, max_cost=0.06)[2] == 1_000
    assert sold(seen(BOOK, tokens=300, other=50), None, held_s=1)[2] == 250


def test_a_sale_of_no_is_judged_by_nos_book():
    token, book = ONE.token_ids[NO], bids(("0.50", 400), ("0.49", 300))
    mine = held(550 * MICRO, {ONE.condition_id: (0, 1_000 * MICRO)})
    state = replace(STATE, markets={name_of(ONE): mine})
    look = view((ONE, mirror(book)), state=state,
                past=Past({token: BOUGHT}, {name_of(ONE): ("fair",)}))  # fmt: skip
    assert sold(look, 0.53, edge=0.0) == ("edge gone", "0.49", 700)  # fair NO is .47


def test_sales_come_in_slices_and_stops_at_once():
    """1,000 bought, four slices of 250; the last takes what would be too little alone."""
    rules = Exits(held_s=1, max_cost=0.06)
    sliced = Trading(slices=4, gap_s=900, exits=rules)
    assert sold(seen(BOOK), trading=sliced)[2] == 250
    later = {"decided": {name_of(ONE): NOW - 900}}
    assert sold(seen(BOOK, tokens=750, **later), trading=sliced)[2] == 250
    assert sold(seen(BOOK, tokens=252, **later), trading=sliced)[2] == 252
    assert sold(seen(BOOK, decided={name_of(ONE): NOW - 899}), trading=sliced) is None
    stop = replace(sliced, exits=Exits(stop_price=0.01, max_cost=0.06))
    assert sold(seen(BOOK), trading=stop)[2] == 1_000


BUY = Leg(ONE, YES, Side.BUY, 550_000, 10_000 * MICRO)
MIDDLE = bids(("0.53", 400), ask="0.55")


def bought(look, how, name="fair", **changes):
    return run(look, FairPack(None, (BUY,), name), trading={name: how}, **changes)


def test_a_purchase_comes_in_slices():
    """Tier mid: 750 in three slices of 250, 600 s apart."""
    sliced = Trading(slices=3, gap_s=600)
    (first,) = bought(view((ONE, MIDDLE)), sliced).decisions
    assert 249 * MICRO < first.record.budgets[name_of(ONE)] <= 250 * MICRO
    waiting = bought(view((ONE, MIDDLE), decided={name_of(ONE): NOW - 599}), sliced)
    assert "next slice" in waiting.passed[0].why
    assert bought(view((ONE, MIDDLE), decided={name_of(ONE): NOW - 600}), sliced).decisions


def test_what_a_rule_has_sold_the_pack_does_not_buy_again_for_a_while():
    gone = replace(BOUGHT, tokens=0, cost=0, left_at=NOW - DAY + 1)
    how = Trading(exits=Exits(stop_price=0.1))
    look = seen(MIDDLE, purchase=gone, tokens=0)
    assert "sold it lately" in bought(look, how).passed[0].why
    assert bought(seen(MIDDLE, replace(gone, left_at=NOW - DAY), tokens=0), how).decisions
    assert bought(look, how, "another").decisions, "another pack has a mind of its own"


def test_a_sale_below_cost_by_a_rule_is_a_loss_that_others_rest_after():
    """The other market's purchase waits for the cooldown, as after a settlement at a loss."""
    look = view((ONE, MIDDLE), past=Past(lost_at=NOW - 60))
    assert "cooldown" in bought(look, Trading()).passed[0].why
    assert bought(view((ONE, MIDDLE), past=Past(lost_at=NOW - HOUR)), Trading()).decisions


def test_a_packs_budget_counts_all_markets_in_which_it_has_decided():
    """8 % of 100,000: one market has 5,000 and another, which it shares, 2,600: 400 are left. What
    it has decided in the round counts, and other packs have budgets of their own."""
    two, three = market(2), market(3)
    mine = held(5_000 * MICRO, {two.condition_id: (1, 0)})
    shared = held(2_600 * MICRO, {three.condition_id: (1, 0)})
    theirs = held(9_000 * MICRO, {market(4).condition_id: (1, 0)})
    state = replace(
        STATE,
        markets={name_of(two): mine, name_of(three): shared, name_of(market(4)): theirs},
    )
    past = Past({}, {name_of(two): ("fair",), name_of(three): ("fair", "other"),
                     name_of(market(4)): ("other",)})  # fmt: skip
    look, how = view((ONE, MIDDLE), state=state, past=past), Trading(budget_bps=800)
    (decision,) = bought(look, how).decisions
    assert decision.record.sizing.binding == "budget of fair"
    assert 399 * MICRO < decision.record.budgets[name_of(ONE)] <= 400 * MICRO
    five = market(5, fees=FeeSchedule())
    both = view((ONE, MIDDLE), (five, MIDDLE), state=state, past=past)
    pack = FairPack(None, (BUY,))
    again = FairPack(None, (replace(BUY, market=five),))
    found = run(both, pack, again, trading={"fair": how})
    assert len(found.decisions) == 1 and "budget of fair" in found.passed[0].why
    assert bought(look, Trading(budget_bps=800), "third").decisions[0].record.sizing.binding != (
        "budget of third"
    )


def test_an_order_that_rests_first_stands_above_the_bid_and_is_in_the_record():
    """Bid .53, ask .55, tick .001: at .531. With a spread of one tick at the bid. Never above the
    limit; where nobody bids it takes at once."""

    def first(book, limit=550_000):
        leg = replace(BUY, price=limit)
        found = run(view((ONE, book)), FairPack(None, (leg,)),
                    trading={"fair": Trading(passive_s=60)})  # fmt: skip
        record = found.decisions[0].record
        assert decode(encode(record).decode()) == record
        (leg,) = record.legs
        assert leg.price == Decimal(limit) / MICRO, "the limit stays"
        return leg.rest_at, leg.rest_s

    assert first(MIDDLE) == (Decimal("0.531"), 60)
    assert first(bids(("0.549", 400), ask="0.55")) == (Decimal("0.549"), 60)
    assert first(MIDDLE, 530_000) == (Decimal("0.53"), 60)
    assert first(bids(ask="0.55")) == (None, 0)
    plain = bought(view((ONE, MIDDLE)), Trading()).decisions[0].record
    assert "rest_at" not in record_json(plain)["legs"][0], "other records stay what they were"


# what decisions have come to


def test_purchases_by_hand():
    """100 for 55, 100 for 45: 200 at .50. Half sold for 40, below cost: 100 for 50 left."""
    of = {"pack": "a", "market": "m", "token": 7, "chance": 0.6}
    first = Traded(time=10, buys=True, tokens=100, cash=55, **of)
    second = Traded(time=20, buys=True, tokens=100, cash=45, **of | {"chance": 0.7, "pack": "b"})
    past = Past().after(first).after(second)
    assert past.purchases == {7: Purchase("a", 200, 100, 200, 0.7, 10)}
    assert past.packs == {"m": ("a", "b")} and past.purchases[7].paid == 500_000
    sale = Traded(time=30, buys=False, tokens=100, cash=40, rule="price stop", **of)
    sold_half = past.after(sale)
    assert sold_half.purchases[7] == Purchase("a", 100, 50, 200, 0.7, 10, 30)
    assert sold_half.lost_at == 30
    assert past.after(replace(sale, cash=50)).lost_at is None, "at cost: no loss"
    hedged = past.after(replace(sale, rule=""))
    assert hedged.lost_at is None and hedged.purchases[7].left_at is None
    gone = sold_half.after(replace(sale, time=40, tokens=500))
    assert gone.purchases[7].tokens == gone.purchases[7].cost == 0
    anew = gone.after(replace(first, time=50))
    assert anew.purchases[7] == Purchase("a", 100, 55, 100, 0.6, 50, 40)
    assert gone.after(replace(second, time=50)).purchases[7].left_at is None, "another pack's"
    for nothing in (replace(first, whole=True), replace(first, tokens=0), sale):
        assert Past().after(nothing) == Past({}, {"m": ("a",)})


def test_paper_keeps_purchases_too():
    look = view((ONE, MIDDLE))
    (decision,) = bought(look, Trading()).decisions
    fills = fills_of(decision.record, look.markets, look.books)
    book = PaperBook().decided(decision.record, fills, look.markets)
    bought_now = book.past.purchases[TOKEN]
    assert (bought_now.tokens, bought_now.cost) == (fills[0].size, fills[0].cash)
    vault = with_paper(STATE, book, {name_of(ONE): ONE.question_key})
    later = view((ONE, bids(("0.40", 9_000), ask="0.41")), state=vault, past=book.past)
    rule, price, tokens = sold(later, stop_price=0.15)
    assert (rule, price, tokens) == ("price stop", "0.4", bought_now.tokens // MICRO)


def test_the_journals_fills_count_with_their_fees_and_until_no_signature_is_left():
    """100 tokens for 50 and 1 of fee, 2 more for 1 once the task is over and the signature still
    counts; half of them sold for 27 less 2, a unit below cost."""
    journal, leg = Journal("sqlite://"), replace(LEG, token=TOKEN)
    record, market_name = replace(RECORD, pack="fair", legs=(leg,)), leg.vault_market

    def order(decision, number, side, **fill):
        wanted = OrderIntent(
            intent_key(decision.id, number, 0), decision.id, "0xaa", leg.condition, TOKEN, side,
            500_000, 100 * MICRO, decision.time,
        )  # fmt: skip
        journal.plan(wanted)
        name = OrderHash("0x" + f"{number}{side}".encode().hex().rjust(64, "0"))
        journal.sign(wanted.key, name, b"s", NOW + 60, 1)
        for state in (IntentState.SENT, IntentState.ACKED):
            journal.step(wanted.key, state)
        journal.fill(wanted.key, [OrderFill(name, 0, **fill)], 1)
        journal.step(wanted.key, IntentState.CLOSED)
        return wanted

    journal.decide(record.id, record, task_at=record.time)
    buy = order(record, 0, Side.BUY, making=50 * MICRO, taking=100 * MICRO, fee=MICRO)
    reader = PastReader(journal)
    held_now = reader.read([market_name], NOW).purchases[TOKEN]
    assert (held_now.tokens, held_now.cost) == (100 * MICRO, 51 * MICRO)
    journal.close_task(record.id, "over")
    assert reader.read([market_name], NOW).purchases[TOKEN] == held_now
    later = OrderFill("late", 0, MICRO, 2 * MICRO, 0)
    journal.fill(buy.key, [*journal.fills_of(buy.key), later], 102 * MICRO)
    held_now = reader.read([market_name], NOW).purchases[TOKEN]
    assert (held_now.tokens, held_now.cost) == (102 * MICRO, 52 * MICRO)
    sale = replace(record, time=record.time + 9, numbers={"exit": "price stop"},
                   legs=(replace(leg, side=Side.SELL),))  # fmt: skip
    journal.decide(sale.id, sale, task_at=sale.time)
    order(sale, 1, Side.SELL, making=51 * MICRO, taking=27 * MICRO, fee=2 * MICRO)
    past = reader.read([market_name], NOW)
    assert past.purchases[TOKEN].cost == 26 * MICRO and past.lost_at == sale.time, "25 for 26"
    assert past == PastReader(journal).read([market_name], NOW)
    assert reader.read(["0x99"], NOW) == Past()


def test_a_recorded_view_keeps_the_past():
    past = Past({TOKEN: BOUGHT}, {name_of(ONE): ("fair", "tail")}, NOW)
    adapter = TypeAdapter(View)
    look = replace(view(past=past), books={})
    assert adapter.validate_json(adapter.dump_json(look)).past == past


# the file


def test_sections_of_a_pack_are_told_apart_and_checked():
    sections = {
        "tail": {"low": "0.95", "trading": {"slices": 3}, "exits": {"stop_price": 0.1}},
        "dutch": {"min_profit": 1},
        "informed": {"name": "second", "exits": {"edge": 0}},
    }
    assert parameters_of(sections)["tail"] == {"low": "0.95"}
    found = trading_of(sections, 300)
    assert found == {
        "tail": Trading(slices=3, exits=Exits(stop_price=0.1)),
        "second": Trading(exits=Exits(edge=0.0)),
    }


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"exits": {"stop_prise": 0.1}}, r"\[packs\.tail\.exits\.stop_prise\].*stop_price"),
        ({"exits": {"stop_price": 1}}, r"\[packs\.tail\.exits\.stop_price\]"),
        ({"exits": 3}, r"\[packs\.tail\.exits\]"),
        ({"trading": {"slices": 0}}, r"\[packs\.tail\.trading\.slices\]"),
        ({"trading": {"budget_bps": 10_001}}, r"\[packs\.tail\.trading\.budget_bps\]"),
        ({"trading": {"passive_s": 151}}, r"\[packs\.tail\.trading\.passive_s\] at most half"),
    ],
)
def test_a_section_that_does_not_fit_is_named(section, message):
    with pytest.raises(ConfigError, match=message):
        trading_of({"tail": section}, 300)


# a vault's life


LIFE = SMALL | {
    "packs": {
        "tail": {
            "wins": 832,
            "total": 840,
            "trading": {"budget_bps": 1_500, "slices": 2, "gap_s": 3 * HOUR, "passive_s": 100},
            "exits": {"stop_price": 0.05, "before_end_s": 12 * HOUR, "max_cost": 0.05},
        }
    },
}


@pytest.fixture(scope="module")
def life(tmp_path_factory):
    """A run, and at each view what decisions have come to against what accounts hold."""
    config = parse(LIFE)
    history = load_history(config)
    checked = []

    def look(each, found):
        held_now = {}
        for account in made.world.accounts.values():
            for outcome in (YES, NO):
                held = account.held(account.numbers[0], outcome)
                held_now[account.market.token_ids[outcome]] = held
        paid = {}
        for account in made.world.accounts.values():
            spent, got = account.paid, account.got
            for token in account.market.token_ids:
                paid[token] = spent if got == 0 else None
        for token, purchase in each.past.purchases.items():
            assert purchase.tokens == held_now[token]
            assert paid[token] in (None, purchase.cost), "fees included"
        checked.append((each.past, each.now, set(each.vault.markets), each.day))
        again = PastReader(made.keeper.journal).read(each.vault.markets, each.now)
        assert again == each.past, "another reader, after a restart"
        staked = each.staked_by("tail")
        assert staked == sum(state.exposure for state in each.vault.markets.values())
        assert staked <= each.vault.nav * 1_500 // BPS + 2

    folder = tmp_path_factory.mktemp("life")
    made = assemble(config, "realistic", history, folder, on_view=look)
    return made, made.run(), checked


def test_what_decisions_have_come_to_is_what_accounts_hold(life):
    """The journal's sums against the balances, at every view; budgets hold."""
    _, outcome, checked = life
    assert outcome.halts == {} and outcome.refused == 0
    assert sum(bool(past.purchases) for past, *_ in checked) > 20


def test_a_redemption_of_half_of_everything_is_no_loss_of_the_day(life):
    """NAV falls by a third when alice's half is paid; a share stays what it is."""
    _, outcome, checked = life
    navs = [wake.nav_bid for wake in outcome.wakes]
    assert any(after < before * 3 // 4 for before, after in pairwise(navs))
    assert all(day.price > day.opening * 97 // 100 for *_, day in checked)


def test_orders_rest_first_and_take_the_rest(life):
    """Each purchase's first order is a post-only one below its limit; what it does not get within
    its time the next one takes, together never more than was decided."""
    made, _, _ = life
    journal, followed = made.keeper.journal, 0
    for task in journal.all_tasks():
        record, intents = journal.record(task.decision), journal.of_decision(task.decision)
        (leg,) = record.legs
        if leg.side == Side.SELL or leg.rest_at is None:
            continue
        first, *others = intents
        assert (first.kind, first.price) == ("POST", int(leg.rest_at * MICRO))
        assert first.price <= leg.price * MICRO
        assert sum(each.filled for each in intents) <= leg.size
        assert all((each.kind, each.price) == ("FAK", leg.price * MICRO) for each in others)
        assert first.filled or others
        followed += bool(others and others[0].filled)
        assert task.state == "CLOSED"
    assert followed > 5


def test_exits_are_in_the_journal_and_in_the_statistics(life):
    """What the stop sold, by the fills of the engine and the payouts of the recording."""
    _, outcome, _ = life
    sales = [each for each in outcome.trades if each.rule and each.filled]
    assert {each.rule for each in sales} == {"price stop", "before the end"}
    for each in sales:
        assert each.side == "SELL" and each.pack == "tail"
    found = {each.rule: each for each in sales_by_rule(outcome, 1)}
    for rule, each in found.items():
        mine = [trade for trade in sales if trade.rule == rule]
        gain = sum(trade.cash - trade.fee - trade.filled * trade.won for trade in mine)
        assert each.gain == pytest.approx(gain / MICRO)
        assert each.decisions == len(mine)
    last = outcome.wakes[-1]
    assert last.exposure == 0


def test_the_same_life_comes_to_the_same_decisions(life, tmp_path):
    made, _, _ = life
    again = assemble(parse(LIFE), "realistic", made.history, tmp_path)
    again.run()
    ids = [task.decision for task in made.keeper.journal.all_tasks()]
    assert ids == [task.decision for task in again.keeper.journal.all_tasks()] and len(ids) > 20


def test_sales_by_hand():
    """40 tokens sold for 20 less .40 of fees; they paid nothing: +19.60. 10 sold for 5, which paid
    10: -5."""
    sale = DecidedTrade("d", "tail", 0, "e", "m", "Yes", True, "SELL", "0.5", 50, 40 * MICRO,
                        20 * MICRO, 400_000, 0, 0.6, 0.0, "price stop")  # fmt: skip
    other = replace(sale, decision="f", event="g", filled=10 * MICRO, cash=5 * MICRO, fee=0)
    other = replace(other, won=1.0)
    nothing = replace(sale, filled=0, rule="edge gone")
    outcome = RunResult(
        *("x", "realistic", 0, 1, 0),
        {event: EventShape(Joint.LADDER, ("m",), 1, 1) for event in "eg"},
        (0, 0, 0),
        False,
        trades=[sale, other, nothing],
    )
    (found,) = sales_by_rule(outcome, 1)
    assert (found.rule, found.decisions, found.tokens) == ("price stop", 2, 50.0)
    assert found.received == pytest.approx(24.6) and found.held == pytest.approx(10)
    assert found.gain == pytest.approx(14.6)
    assert found.against_holding.word == VerdictWord.TOO_FEW


def test_a_strategy_less_the_favourites_for_the_same_money():
    """10 staked earn 2; the favourites of the event earn .1 on .5, so 2 on 10. Where they buy
    nothing the benchmark is cash. What may be lost of the one and gained of the other adds up."""
    own = [Event("a", "d", 10.0, 2.0, 10.0, 2.0), Event("b", "d", 10.0, 1.0, 10.0, 3.0)]
    found = against(own, [Event("a", "d", 0.5, 0.1, 0.5, 0.1), Event("c", "d", 1, 1, 1, 1)], 1)
    assert (found.word, found.events) == (VerdictWord.TOO_FEW, 2)
    assert found.value == pytest.approx(1 / 20) and found.worst == pytest.approx((10 + 2) / 20)
    many = [Event(str(n), f"d{n}", 1.0, 1.0, 1.0, 1.0) for n in range(40)]
    assert conclude(many, 1).word == VerdictWord.PASSES
    level = against(many, many, 1)
    assert (level.value, level.word) == (0, VerdictWord.UNKNOWN)


def test_a_sale_that_a_person_approved_is_looked_at_again():
    """In mode ask: it stands as long as the rule holds and the book takes it."""
    rules_now = rules(trading={"fair": Trading(exits=Exits(stop_price=0.05))})
    (decision,) = decide(seen(BOOK), [FairPack()], rules_now, "salt").decisions

    def stands(look):
        (why,) = recheck(look, [FairPack()], rules_now, [decision.record])
        return why

    assert stands(seen(BOOK)) == ""
    assert "no longer proposes" in stands(seen(bids(("0.54", 900), ask="0.56")))
    assert "the book offers 0" in stands(seen(bids(("0.40", 900), ask="0.41")))


def test_legs_that_hang_together_are_no_purchase():
    look = view((ONE, MIDDLE))
    (decision,) = bought(look, Trading()).decisions
    (leg,) = decision.record.legs
    both = replace(decision.record, legs=(leg, replace(leg, token=99)))
    sums = {(leg.token, leg.side): (5, 3)}
    assert [each.whole for each in traded_of(both, sums)] == [True, True]
    assert [each.whole for each in traded_of(decision.record, sums)] == [False]
    assert STATE.nav == NAV
