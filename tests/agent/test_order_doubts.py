"""Orders of which it is not known whether they left, came, or were filled: unknown is no."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from strongroom.chain.calls import Head
from strongroom.chain.orders import OrderKind
from strongroom.execution.interfaces import VenueAnswer
from strongroom.execution.order_desk import AT_ONCE, LOOKS_BACK_S, Desk
from strongroom.journal.rows import OrderFill
from strongroom.journal.states import AnswerKind, IntentState, VenueWord
from strongroom.keeper.run import wind_up
from strongroom.signing.signers import NotSigned

from tests.agent.test_journal import KEY, PLAN
from tests.agent.test_order_desk import (
    MICRO,
    NOW,
    at_the_venue,
    forgotten,
    journal,
    silent,
    stands,
)

__all__ = ["journal"]
ENDED = VenueAnswer(AnswerKind.REFUSED)


def sent_twice(journal, no):
    """An order whose first sending had no answer, that the venue does not find, and refuses the
    second time; return as `at_the_venue`."""
    found = at_the_venue(journal, was_sent=False)
    desk, _, venue, _ = found
    answers = [VenueAnswer(AnswerKind.SILENT), VenueAnswer(no, VenueWord.REJECTED, "no")]
    venue.found, venue.look = venue.look, forgotten
    venue.place, venue.refresh_funds = lambda *_: answers.pop(0), lambda token=None: None
    for _ in range(4):
        desk.advance(KEY)
    assert answers == []  # and no third sending
    assert stands(journal) == (IntentState.UNKNOWN, 0)
    assert journal.get(KEY) in journal.open()
    return found


NO = pytest.mark.parametrize("no", [AnswerKind.REFUSED, AnswerKind.UNFUNDED])


@NO
def test_a_refusal_after_a_lost_answer_is_none(journal, no):
    """The first sending is matched all the same: its own funds are what the second one lacks."""
    desk, exchange, venue, told = sent_twice(journal, no)
    exchange.match(20 * MICRO, 40 * MICRO)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.UNKNOWN, 40 * MICRO)
    venue.look = venue.found
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)
    assert told == []


@NO
def test_what_is_not_found_after_a_lost_answer_is_over_with_its_time(journal, no):
    desk, exchange, venue, told = sent_twice(journal, no)
    asked = []
    venue.cancel = lambda name: asked.append(name) or VenueAnswer(AnswerKind.REFUSED)
    exchange.time = NOW + 300
    desk.advance(KEY)
    assert stands(journal) == (IntentState.UNKNOWN, 0)
    exchange.time = NOW + 301
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 0) and len(asked) == 1
    assert told == []


def test_the_time_ends_between_two_looks(journal):
    """Not known to the venue, and over a moment later: it was sent, so nothing says it was not."""
    desk, exchange, venue, _ = at_the_venue(journal, was_sent=False)
    venue.place = lambda *_: VenueAnswer(AnswerKind.SILENT)
    venue.look, venue.cancel = forgotten, lambda name: VenueAnswer(AnswerKind.SILENT)
    desk.advance(KEY)
    exchange.time = NOW + 301
    desk.advance(KEY)
    assert stands(journal) == (IntentState.UNKNOWN, 0)
    exchange.match(20 * MICRO, 40 * MICRO)
    venue.cancel = lambda name: VenueAnswer(AnswerKind.REFUSED)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)


# fills that the logs do not show


def test_an_order_is_not_over_while_the_exchange_knows_more_than_the_logs(journal):
    """It is filled in the last second of its time; the node's index of logs is late."""
    desk, exchange, venue, told = at_the_venue(journal, VenueWord.LIVE)
    venue.look, venue.trades, venue.cancel = silent, lambda *_: None, lambda name: ENDED
    exchange.match(50 * MICRO, 100 * MICRO)
    logs, exchange.logs = exchange.logs, lambda *_, **__: []
    exchange.time = NOW + 400
    for _ in range(3):
        desk.recover()
        assert stands(journal) == (IntentState.ACKED, 0) and journal.reserved(PLAN.account)
    name = journal.get(KEY).order_hash
    assert told == [("fills_unseen", {"order": name, "given": 50 * MICRO, "seen": 0})]
    exchange.logs = logs
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 100 * MICRO)


def test_a_node_that_is_behind_does_not_end_an_order(journal):
    """The time is of one node, the state of another one, ten seconds before the fill."""
    desk, exchange, venue, told = at_the_venue(journal, VenueWord.LIVE)
    venue.look, venue.trades, venue.cancel = silent, lambda *_: None, lambda name: ENDED
    exchange.time = NOW + 301
    asked, exchange.at_head = exchange.at_head, lambda asked: (Head(95, NOW + 291), [(False, 0)])
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    exchange.match(20 * MICRO, 40 * MICRO)
    exchange.at_head = asked
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)
    assert told == []


def closed_early(journal):
    """An order that the venue has called cancelled, and with it the desk; return desk, exchange,
    and what was told."""
    desk, exchange, _, told = at_the_venue(journal, VenueWord.CANCELLED)
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 0)
    return desk, exchange, told


@pytest.mark.parametrize("after", [299, 301, 3_600])
def test_what_is_filled_after_its_end_is_found_however_late_one_looks(journal, after):
    """Its operator could match it until NOW + 300 (VENUE c)."""
    desk, exchange, told = closed_early(journal)
    exchange.match(20 * MICRO, 40 * MICRO)
    exchange.time = NOW + after
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)
    assert [what for what, _ in told] == ["late_fill"]
    desk.recover()
    assert len(told) == 1


def test_a_late_fill_without_a_log_is_looked_for_until_it_has_one(journal):
    desk, exchange, told = closed_early(journal)
    exchange.match(20 * MICRO, 40 * MICRO)
    logs, exchange.logs = exchange.logs, lambda *_, **__: []
    for seconds in (299, 400, 4_000):
        exchange.time = NOW + seconds
        desk.recover()
    exchange.logs = logs
    desk.recover()
    assert [what for what, _ in told] == ["fills_unseen", "late_fill"]
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)


def test_a_new_process_looks_back_a_day(journal):
    _, exchange, _ = closed_early(journal)
    exchange.match(20 * MICRO, 40 * MICRO)
    for after, found in ((300 + LOOKS_BACK_S + 1, 0), (300 + LOOKS_BACK_S, 40 * MICRO)):
        exchange.time = NOW + after
        Desk(journal, exchange, None, None, ()).recover()
        assert stands(journal) == (IntentState.CLOSED, found)


def test_many_closed_orders_are_asked_for_in_parts(journal):
    exchange, sizes = SimpleNamespace(now=lambda: NOW), []
    for number in range(2 * AT_ONCE + 1):
        key = "0x" + f"{number:064x}"
        journal.plan(replace(PLAN, key=key))
        journal.sign(key, key, b"s", NOW + 300, 1)
        journal.step(key, IntentState.CLOSED)

    def at_head(asked):
        sizes.append(len(asked))
        return Head(1, NOW), [(False, 0)] * len(asked)

    exchange.at_head = at_head
    Desk(journal, exchange, None, None, ()).recover()
    assert sizes == [AT_ONCE, AT_ONCE, 1]


# an end that was asked for


class Venue:
    """A service that is deaf, then hears."""

    trouble = ""

    def __init__(self):
        self.deaf, self.orders, self.heard = True, {}, []

    def _hear(self, what, answer):
        self.heard.append(what)
        return VenueAnswer(AnswerKind.SILENT) if self.deaf else answer()

    def place(self, order, signature, kind, expiry):
        def take():
            self.orders["it"] = VenueWord.LIVE
            return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.LIVE)

        return self._hear("POST", take)

    def look(self, name):
        word = self.orders.get("it")
        found = VenueAnswer(AnswerKind.ACCEPTED, word, matched=0) if word else ENDED
        return self._hear("look", lambda: found)

    def cancel(self, name):
        def end():
            if self.orders.get("it") != VenueWord.LIVE:
                return ENDED
            self.orders["it"] = VenueWord.CANCELLED
            return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)

        return self._hear("CANCEL", end)

    def trades(self, name, condition):
        return None if self.deaf else {}

    def refresh_funds(self, token=None):
        """Nothing is cached."""


def unanswered(journal, kind):
    """A desk whose order was sent and had no answer; return it with exchange and venue."""
    _, exchange, _, _ = at_the_venue(journal, was_sent=False)
    with journal._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE intents SET kind = ?", (str(kind),))
    venue = Venue()
    desk = Desk(journal, exchange, venue, None, ())
    desk.advance(KEY)
    assert stands(journal) == (IntentState.UNKNOWN, 0) and venue.heard == ["POST"]
    venue.heard.clear()
    return desk, exchange, venue


@pytest.mark.parametrize("kind", [OrderKind.POST, OrderKind.FAK])
def test_an_end_of_what_may_have_left_sends_nothing(journal, kind):
    """Ctrl-C after a lost answer; the next process does not send it either."""
    desk, exchange, venue = unanswered(journal, kind)
    venue.deaf = False
    keeper = SimpleNamespace(journal=journal, desk=desk, check_alone=lambda: None, on_event=print)
    wind_up(keeper)
    Desk(journal, exchange, venue, None, ()).recover()
    assert "POST" not in venue.heard and venue.orders == {}
    assert stands(journal) == (IntentState.UNKNOWN, 0)
    exchange.time = NOW + 301
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 0)


def test_what_comes_late_is_ended_then(journal):
    """The order was under way when its end was asked for."""
    desk, exchange, venue = unanswered(journal, OrderKind.POST)
    venue.deaf = False
    desk.cancel(KEY)
    venue.orders["it"] = VenueWord.LIVE
    Desk(journal, exchange, venue, None, ()).recover()
    assert venue.orders == {"it": VenueWord.CANCELLED}
    assert stands(journal) == (IntentState.CLOSED, 0)


def test_an_end_that_nobody_heard_is_asked_for_again(journal):
    desk, exchange, venue = unanswered(journal, OrderKind.POST)
    venue.deaf = False
    desk.recover()
    assert venue.orders == {"it": VenueWord.LIVE}
    venue.deaf = True
    desk.cancel(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    venue.deaf = False
    Desk(journal, exchange, venue, None, ()).recover()
    assert venue.orders == {"it": VenueWord.CANCELLED}
    assert stands(journal) == (IntentState.CLOSED, 0)


def test_what_is_signed_and_not_sent_is_not_sent_after_its_end(journal):
    desk, _, _, _ = at_the_venue(journal, was_sent=False)
    desk.cancel(KEY)
    assert stands(journal) == (IntentState.CLOSED, 0)
    assert journal.get(KEY).reason == "cancelled before it was sent"


# what never left


def waits(journal):
    """An order that the venue asks to wait with; return desk, exchange, venue and its answers."""
    desk, exchange, venue, _ = at_the_venue(journal, was_sent=False)
    answers = [VenueAnswer(AnswerKind.UNSENT)]
    venue.refresh_funds = lambda token=None: None
    venue.place = lambda *_: answers.pop(0)
    venue.look = forgotten
    desk.advance(KEY)
    assert stands(journal) == (IntentState.UNKNOWN, 0)
    return desk, exchange, venue, answers


def test_a_refusal_of_what_never_left_before_is_one(journal):
    desk, _, _, answers = waits(journal)
    answers.append(VenueAnswer(AnswerKind.REFUSED, VenueWord.REJECTED, "no match"))
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 0)


def test_what_never_left_is_over_when_its_end_is_asked_for(journal):
    desk, _, _, _ = waits(journal)
    desk.cancel(KEY)
    assert stands(journal) == (IntentState.CLOSED, 0)


def test_waiting_after_a_lost_answer_takes_no_doubt_away(journal):
    desk, _, _, answers = waits(journal)
    answers += [VenueAnswer(AnswerKind.SILENT), VenueAnswer(AnswerKind.UNSENT)]
    answers.append(VenueAnswer(AnswerKind.REFUSED, VenueWord.REJECTED, "no match"))
    for _ in range(4):
        desk.advance(KEY)
    assert answers == [] and stands(journal) == (IntentState.UNKNOWN, 0)


def test_a_process_that_ends_while_it_sends_leaves_a_doubt(journal):
    """It had waited before; whether the second sending left, nobody knows."""
    desk, _, _, answers = waits(journal)
    journal.step(KEY, IntentState.SENT)
    answers.append(VenueAnswer(AnswerKind.REFUSED, VenueWord.REJECTED, "no match"))
    for _ in range(2):
        desk.advance(KEY)
    assert answers == [] and stands(journal) == (IntentState.UNKNOWN, 0)


def test_an_answer_is_that_of_the_order_that_was_found(journal):
    """Refused for want of funds the second time, and found then: it was not without funds."""
    desk, _, venue, _ = sent_twice(journal, AnswerKind.UNFUNDED)
    venue.look = venue.found
    desk.advance(KEY)
    assert journal.get(KEY).answer == AnswerKind.ACCEPTED


# nobody to ask


@pytest.mark.parametrize("after", [301, 600, 601])
def test_a_venue_that_is_gone_holds_an_order_for_as_long_again_at_most(journal, after):
    """What an account signed ends on the chain; the venue is asked to free the funds until then."""
    desk, exchange, venue, told = at_the_venue(journal, VenueWord.LIVE)
    venue.look = venue.cancel = silent
    venue.trades = lambda name, condition: None
    exchange.time = NOW + after
    desk.advance(KEY)
    ended = IntentState.CLOSED if after > 600 else IntentState.ACKED
    assert stands(journal) == (ended, 0) and told == []


def test_an_order_of_a_safe_whose_key_is_lost_ends_by_chain_and_time(journal):
    desk, exchange, venue, told = at_the_venue(journal, VenueWord.LIVE, signer="0x" + "77" * 20)
    desk._safes = SimpleNamespace(traded=lambda account, maker: None)
    assert desk.venues() == [venue]
    for after in (1, 301, 600):
        exchange.time = NOW + after
        with pytest.raises(NotSigned, match="whose key is not here"):
            desk.recover()
    exchange.match(20 * MICRO, 40 * MICRO)
    exchange.time = NOW + 601
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO) and told == []


def test_a_log_that_moves_to_anothers_place_is_no_defect(journal):
    """A reorganisation deeper than what was waited for: the second order's fill is where that of
    the first one was, which is closed."""
    other = replace(PLAN, key="0x" + "77" * 32)
    for plan in (PLAN, other):
        journal.plan(plan)
    there = OrderFill("0x01", 3, 50, 100, 0)
    journal.fill(KEY, [there], 100)
    journal.fill(other.key, [replace(there, making=20, taking=40)], 40)
    assert journal.fills_of(KEY) == [] and len(journal.fills_of(other.key)) == 1
