"""Mode ask: nothing is sent without a person's yes, and not what no longer holds."""

import json
import re
import sqlite3
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from strongroom.chain.orders import NO, YES, Side
from strongroom.chain.units import MICRO
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level
from strongroom.information.forecast import Given
from strongroom.journal import Journal, SupposedFill
from strongroom.journal.approvals import NotWaiting
from strongroom.journal.states import APPROVAL_STEPS, ApprovalState, TaskState
from strongroom.keeper.approving import Approvals, score, unscored_conditions
from strongroom.keeper.status import answer, asked
from strongroom.keeper.supposed_fills import profit_of
from strongroom.reporting.explanation import NothingKnown, explain, find
from strongroom.strategy.api import Leg, Proposal, make_pack
from strongroom.strategy.decide import decide
from strongroom.strategy.exits import Exits, Trading
from strongroom.strategy.recheck import recheck

from tests.agent import test_exits as exits
from tests.agent.test_decide import (
    CLASS,
    NOW,
    ONE,
    STATE,
    TAIL,
    market,
    name_of,
    quote,
    rules,
    run,
    view,
)
from tests.records import RECORD

WITHIN, AGAIN = 600, 3_600
PACKS = [make_pack("tail", {})]


@pytest.fixture
def told():
    return []


@pytest.fixture
def approvals(tmp_path, told):
    journal = Journal(f"sqlite:///{tmp_path / 'keeper.db'}")
    return Approvals(journal, lambda event, fields: told.append((event, dict(fields))), lambda: NOW)


def hold(approvals, seen=None):
    """Decide on a favourite, and hold it."""
    seen = seen or view(TAIL)
    (decision,) = decide(seen, PACKS, rules(), "salt").decisions
    approvals.hold(decision, seen)
    return decision


def say(approvals, decision, yes=True, why=""):
    return answer(approvals.journal, decision.id, yes, NOW + 5, why)


def state_of(approvals, decision):
    return approvals.journal.approvals.find(decision.id).state


# asking and answering


def test_what_is_held_opens_no_task_and_keeps_its_market(approvals, told):
    decision = hold(approvals)
    journal = approvals.journal
    assert (journal.open_tasks(), journal.decided()) == ([], {})
    assert approvals.asked(NOW) == {name_of(ONE): ("",)}
    ((event, fields),) = told
    assert event == "asked" and fields["decision"] == decision.id
    assert fields["until"] == "2026-02-07 12:59:00 UTC" and "BUY" in fields["legs"]
    approvals.hold(decision, view(TAIL))  # the same again
    assert len(journal.approvals.all()) == 1


def test_without_an_answer_nothing_begins_and_it_expires(approvals, told):
    decision = hold(approvals)
    assert approvals.carry_out(view(TAIL), PACKS, rules()) == 0
    approvals.expire(NOW + WITHIN)
    assert state_of(approvals, decision) is ApprovalState.PENDING
    approvals.expire(NOW + WITHIN + 1)
    assert state_of(approvals, decision) is ApprovalState.EXPIRED
    assert told[-1][1]["why"] == "nobody answered"
    with pytest.raises(NotWaiting, match="is expired, so it cannot become approved"):
        say(approvals, decision)


def test_a_yes_after_its_time_is_none_though_no_tick_has_ended_it(approvals):
    decision = hold(approvals)
    with pytest.raises(NotWaiting, match="waited until 2026-02-07 12:59:00 UTC, so"):
        answer(approvals.journal, decision.id, True, NOW + WITHIN + 1)
    assert state_of(approvals, decision) is ApprovalState.PENDING
    answer(approvals.journal, decision.id, True, NOW + WITHIN)
    assert state_of(approvals, decision) is ApprovalState.APPROVED


def test_a_yes_whose_time_ends_during_a_tick_starts_nothing(approvals, told):
    """The tick began in time; looking at the markets took it a minute."""
    decision = hold(approvals)
    say(approvals, decision)
    began = replace(view(TAIL), now=NOW + WITHIN)
    late = replace(approvals, now=lambda: NOW + WITHIN + 1)
    assert late.carry_out(began, PACKS, rules()) == 0
    assert approvals.journal.open_tasks() == [] and told[-1][0] == "asked"
    late.expire(NOW + WITHIN + 1)
    assert state_of(approvals, decision) is ApprovalState.EXPIRED
    just = hold(approvals, replace(view(TAIL), now=NOW + 1))
    say(approvals, just)
    in_time = replace(approvals, now=lambda: NOW + 1 + WITHIN)
    assert in_time.carry_out(began, PACKS, rules()) == 1


def test_a_yes_opens_the_task_of_that_decision_at_that_moment(approvals, told):
    decision = hold(approvals)
    say(approvals, decision)
    later = replace(view(TAIL), now=NOW + 300)
    approvals = replace(approvals, now=lambda: NOW + 301)
    assert approvals.carry_out(later, PACKS, rules()) == 1
    (task,) = approvals.journal.open_tasks()
    assert (task.decision, task.time) == (decision.id, NOW + 301)
    assert approvals.journal.decided() == {name_of(ONE): NOW + 301}
    assert told[-1][0] == "approved" and state_of(approvals, decision) is ApprovalState.STARTED
    assert approvals.carry_out(later, PACKS, rules()) == 0  # once
    assert approvals.asked(NOW) == {}  # its task is what keeps the market now


def test_a_yes_can_be_taken_back_until_the_keeper_goes_on(approvals):
    first, second = hold(approvals), None
    say(approvals, first)
    say(approvals, first, yes=False, why="the rules are unclear")
    assert approvals.carry_out(view(TAIL), PACKS, rules()) == 0
    assert state_of(approvals, first) is ApprovalState.DECLINED
    second = hold(approvals, replace(view(TAIL), now=NOW + 1))
    say(approvals, second)
    assert approvals.carry_out(view(TAIL), PACKS, rules()) == 1
    with pytest.raises(NotWaiting, match="is started, so it cannot become declined"):
        say(approvals, second, yes=False)


def test_no_more_wait_at_once_than_a_round_may_have(approvals):
    pairs = [(market(number), quote("0.96", "0.97")) for number in range(1, 6)]
    seen, most, counts = view(*pairs), rules(max_decisions=2), []
    for _ in range(3):
        now = replace(seen, asked=approvals.asked(NOW))
        found = decide(now, PACKS, approvals.bounded(most), "salt").decisions
        for decision in found:
            approvals.hold(decision, now)
        counts.append(len(found))
        if len(counts) == 2:
            first, _ = approvals.journal.approvals.waiting()
            answer(approvals.journal, first.decision, False, NOW)
    assert counts == [2, 0, 1]


def test_a_no_is_not_asked_again_for_a_while(approvals):
    say(approvals, hold(approvals), yes=False)
    until = NOW + WITHIN + AGAIN
    assert approvals.asked(until) == {name_of(ONE): ("",)}
    assert approvals.asked(until + 1) == {}


STOPS = Trading(exits=Exits(stop_price=0.05, held_s=3_600, edge=0.0))


def leaving(approvals, **changes):
    """Return the exit rule by which a purchase of the market is to be sold now, "" for a further
    purchase, and hold it; held for six hours, bought at .55, the bid is .50."""
    look = replace(exits.seen(exits.BOOK), asked=approvals.asked(NOW))
    buy = Leg(exits.ONE, YES, Side.BUY, 520_000, 100 * MICRO)
    how = rules(trading={"fair": STOPS}, **changes)
    found = decide(look, [exits.FairPack(0.40, (buy,))], how, "salt")
    for decision in found.decisions:
        approvals.hold(decision, look)
    if not found.decisions:
        assert "a person was asked about this market lately" in [each.why for each in found.passed]
    return [each.record.exit_rule for each in found.decisions]


@pytest.mark.parametrize("yes", [True, False, None])
def test_a_purchase_that_waits_or_had_a_no_leaves_exits_askable(approvals, yes):
    bought = hold(approvals)
    if yes is not None:
        say(approvals, bought, yes)
    assert leaving(approvals) == ["held long enough"]
    # each rule is asked once, and a no to one is none to a stop
    answer(approvals.journal, approvals.journal.approvals.waiting()[-1].decision, False, NOW)
    assert leaving(approvals) == ["price stop"]
    assert leaving(approvals) == ["edge gone"]
    assert leaving(approvals) == []
    assert set(approvals.asked(NOW)[name_of(ONE)]) == {
        "", "held long enough", "price stop", "edge gone"
    }  # fmt: skip


def test_those_that_wait_hold_up_no_exit(approvals):
    hold(approvals)
    bounded = approvals.bounded(rules(max_decisions=1))
    assert bounded.max_decisions == 0
    assert leaving(approvals, max_decisions=0) == ["held long enough"]


def test_a_purchase_that_calls_itself_an_exit_is_none():
    buy, sell = (Leg(ONE, YES, side, 500_000, MICRO) for side in (Side.BUY, Side.SELL))
    numbers = {"exit": "price stop"}
    assert Proposal("own", (sell,), numbers=numbers).exit_rule == "price stop"
    assert Proposal("own", (buy,), numbers=numbers).exit_rule == ""
    assert Proposal("own", (sell, buy), numbers=numbers).exit_rule == ""


def test_a_purchase_and_an_exit_that_both_had_a_yes_do_not_both_begin(approvals, told):
    """The one that was asked first begins; the other is asked anew where it still holds."""
    look = exits.seen(exits.BOOK)
    buy = Leg(exits.ONE, YES, Side.BUY, 520_000, 100 * MICRO)
    packs, how = [exits.FairPack(0.40, (buy,))], rules(trading={"fair": STOPS})
    (bought,) = decide(look, packs, rules(), "salt").decisions
    approvals.hold(bought, look)
    assert leaving(approvals) == ["held long enough"]
    for each in approvals.journal.approvals.waiting():
        answer(approvals.journal, each.decision, True, NOW)
    assert approvals.carry_out(look, packs, how) == 1
    states = [each.state for each in approvals.journal.approvals.all()]
    assert sorted(states) == [ApprovalState.STALE, ApprovalState.STARTED]


def test_an_answer_that_comes_too_late_for_a_halt_expires(approvals, told):
    decision = hold(approvals)
    say(approvals, decision)
    approvals.expire(NOW + WITHIN + 1)
    assert approvals.carry_out(view(TAIL), PACKS, rules()) == 0
    assert state_of(approvals, decision) is ApprovalState.EXPIRED
    assert told[-1][1]["why"] == "approved, and not started in time"


def test_in_another_mode_nothing_waits(approvals, told):
    decision = hold(approvals)
    say(approvals, decision)
    approvals.withdraw()
    assert state_of(approvals, decision) is ApprovalState.EXPIRED
    assert "another mode" in told[-1][1]["why"]


def test_two_processes_answer_and_start_and_one_is_let_through(approvals, tmp_path):
    """The command has its own connection; a start between its look and its write wins."""
    decision = hold(approvals)
    other = Journal(f"sqlite:///{tmp_path / 'keeper.db'}", upgrade=False)
    answer(other, decision.id, True, NOW)
    assert approvals.carry_out(view(TAIL), PACKS, rules()) == 1
    with pytest.raises(NotWaiting, match="is started"):
        answer(other, decision.id, False, NOW)
    assert len(approvals.journal.open_tasks()) == 1


class Killed(Exception):
    """The process ends here."""


def live(url, bomb_at):
    """Ask, answer and begin; after one of the writes the process ends, and comes again."""
    left = [bomb_at]

    def written(what):
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    while True:
        approvals = Approvals(Journal(url, written), lambda event, fields: None, lambda: NOW)
        book = approvals.journal.approvals
        try:
            if not book.all():
                hold(approvals)
            (each,) = book.all()
            if each.state is ApprovalState.PENDING:
                book.answer(each.decision, ApprovalState.APPROVED, NOW)
            approvals.carry_out(view(TAIL), PACKS, rules())
            return approvals.journal, left[0]
        except Killed:
            continue


def test_a_kill_after_any_write_loses_and_doubles_nothing(tmp_path):
    for bomb_at in range(1, 6):
        journal, left = live(f"sqlite:///{tmp_path / f'{bomb_at}.db'}", bomb_at)
        (each,), (task,) = journal.approvals.all(), journal.all_tasks()
        assert each.state is ApprovalState.STARTED and task.decision == each.decision
    assert left > 0  # beyond the last write


def test_each_state_has_its_steps_and_no_other(approvals):
    for before in ApprovalState:
        for to in ApprovalState:
            decision = hold(approvals, replace(view(TAIL), now=NOW + len(approvals.asked(0))))
            with sqlite3.connect(approvals.journal._engine.url.database) as raw:
                raw.execute("UPDATE approvals SET state = ?", (before,))
            if to in APPROVAL_STEPS[before]:
                approvals.journal.approvals.end(decision.id, to, "")
            else:
                with pytest.raises(NotWaiting):
                    approvals.journal.approvals.end(decision.id, to, "")
    with pytest.raises(NotWaiting, match="was never asked about"):
        approvals.journal.approvals.answer("0x" + "99" * 32, ApprovalState.APPROVED, 1)


# what no longer holds


def book_of(*asks):
    return Book((Level(950_000, MICRO),), tuple(Level(p, s * MICRO) for p, s in asks), NOW)


def gone(yes):
    return view((ONE, yes))


STALE = {
    "the price has run away": (gone(quote("0.97", "0.975")), "offers 0 at 0.97"),
    "no favourite any more": (gone(quote("0.98", "0.995")), "pack tail no longer proposes it"),
    "little is left": (gone(book_of((970_000, 4))), "offers 4 at 0.97 or better now, 5 are needed"),
    "its book is not seen": (replace(view(TAIL), books={}), "book of .* is not seen now"),
    "its market is not seen": (replace(view(TAIL), markets={}), "is not seen now"),
    "its market is barred": (
        view((replace(ONE, barred=("its fees are unknown: no rate",)), TAIL[1])),
        "its fees are unknown: no rate",
    ),
    "the vault is stopped": (
        view(TAIL, state=replace(STATE, dealable=False)), "needs .*, not admitted leaves 0",
    ),
    "the class is full": (
        view(TAIL, state=replace(STATE, classes={0: replace(CLASS, class_cap=MICRO)})),
        "needs .*, class cap leaves 1000000",
    ),
    "the idle assets are gone": (view(TAIL, state=replace(STATE, idle=5)), "idle leaves 5"),
    "something else goes on there": (view(TAIL, busy=frozenset({name_of(ONE)})), "task is open"),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "why"), STALE.values(), ids=STALE)
def test_what_no_longer_holds_is_not_sent(seen, why, approvals, told):
    decision = hold(approvals)
    say(approvals, decision)
    assert approvals.carry_out(seen, PACKS, rules()) == 0
    assert approvals.journal.open_tasks() == []
    found = approvals.journal.approvals.find(decision.id)
    assert found.state is ApprovalState.STALE
    assert told[-1] == ("not_begun", {"decision": decision.id, "state": "STALE",
                                      "why": found.reason})  # fmt: skip
    assert re.search(why, found.reason), found.reason
    assert approvals.asked(NOW) == {}  # a fresh one may be asked about at once


def test_a_better_price_and_a_smaller_offer_are_no_reason_to_ask_again(approvals):
    decision = hold(approvals)
    record = decision.record
    for yes in (quote("0.95", "0.96"), book_of((970_000, 50)), book_of((960_000, 9), (970_000, 9))):
        assert recheck(gone(yes), PACKS, rules(), [record]) == [""]


def test_a_chance_that_has_fallen_below_the_cost_ends_it(approvals):
    seen = view((ONE, quote("0.49", "0.50")), forecasts=given(0.8))
    pack = [make_pack("informed", {"weights": {"able": 0.5}, "margin": 0.0})]
    (decision,) = decide(seen, pack, rules(), "salt").decisions
    assert recheck(seen, pack, rules(), [decision.record]) == [""]
    # the price has come down with the chance: .45 is worth buying, but not at .50
    fallen = view((ONE, quote("0.44", "0.45")), forecasts=given(0.46))
    assert pack[0].propose(fallen, lambda market: (MICRO, "x"))
    (why,) = recheck(fallen, pack, rules(), [decision.record])
    assert why.startswith("its chance is 0.45") and "no edge is left" in why
    (why,) = recheck(view((ONE, quote("0.49", "0.50"))), pack, rules(), [decision.record])
    assert why == "pack informed no longer proposes it"  # its source has gone
    assert recheck(seen, PACKS, rules(), [decision.record]) == [why]  # or the pack has


def given(chance):
    return {ONE.condition_id: [Given("able", ONE.condition_id, chance, NOW, NOW)]}


def test_legs_that_hang_together_must_all_be_had_whole():
    """A complete set for .97: of one leg a token less is there."""
    yes, no = (Book(asks=(Level(price, 100 * MICRO),), seen_at=NOW) for price in (470_000, 500_000))
    seen = replace(view((ONE, yes)), books={ONE.token_ids[YES]: yes, ONE.token_ids[NO]: no})
    pack = [make_pack("dutch", {})]
    (decision,) = decide(seen, pack, rules(), "salt").decisions
    assert [leg.size for leg in decision.record.legs] == [100 * MICRO] * 2
    assert recheck(seen, pack, rules(), [decision.record]) == [""]
    less = replace(no, asks=(Level(500_000, 99 * MICRO),))
    short = replace(seen, books=dict(seen.books) | {ONE.token_ids[NO]: less})
    (why,) = recheck(short, pack, rules(), [decision.record])
    assert why == "the book offers 99 at 0.5 or better now, 100 are needed"


def test_two_that_were_approved_share_the_limits():
    pairs = [(market(number), quote("0.96", "0.97")) for number in (1, 2)]
    seen = view(*pairs)
    records = [each.record for each in run(seen, "tail").decisions]
    assert recheck(seen, PACKS, rules(), records) == ["", ""]
    enough = max(sum(each.budgets.values()) for each in records)
    tight = replace(seen, vault=replace(STATE, idle=enough + 1))
    first, second = recheck(tight, PACKS, rules(), records)
    assert (first, "idle leaves" in second) == ("", True)


def test_a_sale_by_a_rule_is_asked_about_like_a_purchase():
    """Fair value is .40 and .50 is bid: half an hour later the bid or the reason may be gone."""
    how = rules(trading={"fair": Trading(exits=Exits(edge=0.05))})
    asked_on = exits.seen(exits.BOOK)
    (decision,) = decide(asked_on, [exits.FairPack(0.40)], how, "salt").decisions
    assert decision.record.legs[0].side is Side.SELL
    assert recheck(asked_on, [exits.FairPack(0.40)], how, [decision.record]) == [""]
    (why,) = recheck(asked_on, [exits.FairPack(0.60)], how, [decision.record])
    assert why == "pack fair no longer proposes it"
    lower = exits.seen(exits.bids(("0.48", 900)))
    (why,) = recheck(lower, [exits.FairPack(0.40)], how, [decision.record])
    assert why == "the book offers 0 at 0.49 or better now, 5 are needed"
    less = exits.seen(exits.bids(("0.49", 6)))  # of 700: what is there is sold
    assert recheck(less, [exits.FairPack(0.40)], how, [decision.record]) == [""]


def test_quotes_stand_only_where_they_were_decided():
    pack = [make_pack("maker", {"markets": [ONE.condition_id]})]
    seen = view((ONE, quote("0.49", "0.52")))
    (decision,) = decide(seen, pack, rules(), "salt").decisions
    assert recheck(seen, pack, rules(), [decision.record]) == [""]
    (why,) = recheck(view((ONE, quote("0.51", "0.54"))), pack, rules(), [decision.record])
    assert why == "its quotes would stand elsewhere now"


# what it would have earned


def test_what_was_declined_is_scored_by_hand_when_all_has_resolved(approvals):
    """773 at .97 for 749.81: they win 773, or lose it all, or half."""
    for number, (paid, profit) in enumerate(
        ((1, 23_190_000), (0, -749_810_000), (Fraction(1, 2), -363_310_000))
    ):
        decision = hold(approvals, replace(view(TAIL), now=NOW + number))
        say(approvals, decision, yes=False)
        assert unscored_conditions(approvals.journal) == {ONE.condition_id}
        score(approvals.journal, {})
        assert approvals.journal.approvals.find(decision.id).profit is None
        score(approvals.journal, {ONE.condition_id: Fraction(paid)})
        assert approvals.journal.approvals.find(decision.id).profit == profit
    assert unscored_conditions(approvals.journal) == set()


def test_a_score_rounds_against_us_and_knows_no_half_of_it():
    third = Fraction(1, 3)
    fill = SupposedFill("m", "a", YES, Side.BUY, 10, 3)
    assert profit_of([fill], {"a": third}) == 0  # 3.33 less 3
    assert profit_of([replace(fill, outcome=NO)], {"a": third}) == 3  # 6.67 less 3
    assert profit_of([replace(fill, side=Side.SELL)], {"a": third}) == -1  # 3 less 3.33
    other = replace(fill, condition="b")
    assert profit_of([fill, other], {"a": third}) is None
    assert profit_of([], {}) == 0  # nothing was to be had


def test_quotes_are_not_scored_and_what_began_neither(approvals):
    seen = view((ONE, quote("0.49", "0.52")))
    pack = [make_pack("maker", {"markets": [ONE.condition_id]})]
    (decision,) = decide(seen, pack, rules(), "salt").decisions
    approvals.hold(decision, seen)
    say(approvals, decision, yes=False)
    begun = hold(approvals)
    say(approvals, begun)
    approvals.carry_out(view(TAIL), PACKS, rules())
    assert unscored_conditions(approvals.journal) == set()
    assert "nobody can say: it rests" in explain(approvals.journal, decision.id)


# what a person sees


def test_the_explanation_says_how_it_stands(approvals):
    decision = hold(approvals)
    journal = approvals.journal
    text = explain(journal, find(journal, decision.id[:10]))
    assert "chance at least" in text
    assert "it waits for a yes until 2026-02-07 12:59:00 UTC" in text
    say(approvals, decision)
    assert "approved; it starts at the next tick" in explain(journal, decision.id)
    say(approvals, decision, yes=False, why="no")
    assert "declined: no; what it would have earned is not known" in explain(journal, decision.id)
    score(journal, {ONE.condition_id: Fraction(1)})
    assert "it would have earned 23.190000" in explain(journal, decision.id)
    (row,) = asked(journal, over=True)
    assert (row.state, row.profit, row.rests, asked(journal)) == ("DECLINED", 23_190_000, False, [])
    with pytest.raises(NothingKnown, match=f"the last decisions are {decision.id[:10]}"):
        answer(journal, "0x123456", True, 1)
    with pytest.raises(BadInput, match="too short"):
        answer(journal, "0x12", True, 1)


def test_fills_come_back_as_they_were_kept(tmp_path):
    url = f"sqlite:///{tmp_path / 'keeper.db'}"
    fills = (SupposedFill("0x01", "0x02", NO, Side.SELL, 2**62, 3),)
    Journal(url).approvals.hold(RECORD.id, RECORD, 5, 6, fills)
    (found,) = Journal(url).approvals.waiting()
    assert (found.fills, found.time, found.expires, found.answered) == (fills, 5, 6, None)
    with sqlite3.connect(tmp_path / "keeper.db") as raw:
        ((text,),) = raw.execute("SELECT fills FROM approvals")
    assert json.loads(text)[0]["size"] == 2**62
    assert Journal(url).record(RECORD.id) == RECORD
    assert Journal(url).task(RECORD.id) is None
    Journal(url).approvals.answer(RECORD.id, ApprovalState.APPROVED, 6)
    Journal(url).approvals.start(RECORD.id, RECORD, 6)
    assert Journal(url).task(RECORD.id).state is TaskState.OPEN
    assert Decimal(str(RECORD.legs[0].price)) == Decimal("0.50")
