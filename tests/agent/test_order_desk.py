"""What the desk makes of an order's fills, told as the real exchange tells them (VENUE c)."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from strongroom.chain.calls import DecodedLog, Head
from strongroom.chain.orders import OrderKind, Side
from strongroom.execution.interfaces import VenueAnswer
from strongroom.execution.order_desk import Desk
from strongroom.journal import Journal
from strongroom.journal.states import AnswerKind, IntentState, TradeStatus, VenueWord

from tests.agent.test_journal import KEY, PLAN, RECORD

NOW, MICRO = 1_700_000_000, 10**6


class Exchange:
    """An exchange that has seen one order: what each match gave and got, and what is left open."""

    def __init__(self, whole):
        self.whole, self.matches, self.blocks = whole, [], 100

    def match(self, making, taking):
        self.matches.append((making, taking))

    def head(self):
        return Head(self.blocks, NOW)

    def now(self, depth=0):
        return NOW

    def logs(self, *_, **__):
        return [
            DecodedLog(f"0x{place}", place, self.blocks,
                       {"makerAmountFilled": making, "takerAmountFilled": taking, "fee": 0})
            for place, (making, taking) in enumerate(self.matches)
        ]  # fmt: skip

    def ask(self, asked):
        assert all(each.function == "getOrderStatus" for each in asked)
        left = self.whole - sum(making for making, _ in self.matches)
        untouched = (False, 0)
        return [(left == 0, left) if self.matches else untouched for _ in asked]


@pytest.fixture
def journal(tmp_path):
    found = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    found.decide(RECORD.id, RECORD)
    return found


def at_the_venue(journal, said=VenueWord.MATCHED, **changes):
    """An order that the venue has; return desk, exchange, and what was told."""
    plan = replace(PLAN, price=500_000, size=100 * MICRO, kind=OrderKind.FAK, **changes)
    journal.plan(plan)
    journal.sign(KEY, "0x" + "12" * 32, b"s", NOW + 300, 1)
    journal.step(KEY, IntentState.SENT)
    journal.answered(KEY, IntentState.ACKED, AnswerKind.ACCEPTED, VenueWord.LIVE, "")
    told = []
    venue = SimpleNamespace(
        word=said,
        look=lambda name: VenueAnswer(AnswerKind.ACCEPTED, venue.word, "new word"),
        trades=lambda name, condition: {"1": TradeStatus.CONFIRMED},
    )
    exchange = Exchange(plan.cash if plan.side == Side.BUY else plan.size)
    desk = Desk(
        journal, exchange, venue, None, (), on_event=lambda what, about: told.append((what, about))
    )
    return desk, exchange, venue, told


def test_a_better_price_fills_the_whole_of_it_for_less(journal):
    """K16: BUY 100 at .50 meets one ask of 100 at .40: 40 paid, 100 received, 10 stay open."""
    desk, exchange, _, told = at_the_venue(journal)
    exchange.match(40 * MICRO, 100 * MICRO)
    desk.advance(KEY)
    intent = journal.get(KEY)
    assert (intent.state, intent.reason, intent.filled) == (
        IntentState.CLOSED,
        "filled",
        100 * MICRO,
    )
    (fill,) = journal.fills_of(KEY)
    assert (fill.making, fill.taking) == (40 * MICRO, 100 * MICRO)
    assert told == []
    # the 10 that stayed open buy 20 more at .50: 120 in all, and somebody hears of it
    desk.recover()
    assert told == []
    exchange.match(10 * MICRO, 20 * MICRO)
    desk.recover()
    ((what, about),) = told
    assert what == "late_fill"
    assert (about["before"], about["filled"], about["size"]) == (
        100 * MICRO, 120 * MICRO, 100 * MICRO)  # fmt: skip
    assert journal.get(KEY).filled == 120 * MICRO
    desk.recover()
    assert len(told) == 1


def test_more_than_was_asked_for_is_told(journal):
    desk, exchange, _, told = at_the_venue(journal)
    exchange.match(40 * MICRO, 100 * MICRO)
    exchange.match(10 * MICRO, 20 * MICRO)
    desk.advance(KEY)
    assert [(what, about["filled"]) for what, about in told] == [("overfilled", 120 * MICRO)]


def test_what_matching_rounds_away_keeps_no_order_open(journal):
    """K18: up to a hundredth of a token short (VENUE e1, fill drift)."""
    desk, exchange, _, _ = at_the_venue(journal, VenueWord.LIVE)
    exchange.match(49_994_990, 99_990_000)
    desk.advance(KEY)
    assert journal.get(KEY).reason == "filled"


def test_a_cent_more_is_missing(journal):
    desk, exchange, _, _ = at_the_venue(journal, VenueWord.LIVE)
    exchange.match(49_990_000, 99_980_000)
    desk.advance(KEY)
    assert journal.get(KEY).state == IntentState.ACKED
    assert journal.reserved("0xAcc") == 10_000


def test_of_a_sale_what_was_given_counts(journal):
    desk, exchange, _, _ = at_the_venue(journal, VenueWord.CANCELLED, side=Side.SELL)
    exchange.match(60 * MICRO, 33 * MICRO)  # at .55 instead of .50
    desk.advance(KEY)
    intent = journal.get(KEY)
    assert (intent.filled, intent.reason) == (60 * MICRO, "over at the venue: CANCELLED")


def test_a_delayed_order_that_found_nothing_is_over_at_the_second_look(journal):
    """VENUE e1: `unmatched` : the delay failed, or it found nothing."""
    desk, _, venue, _ = at_the_venue(journal, VenueWord.UNMATCHED)
    venue.trades = lambda name, condition: {}
    desk.advance(KEY)
    assert journal.get(KEY).state == IntentState.ACKED
    desk.advance(KEY)
    assert journal.get(KEY).reason == "over at the venue: UNMATCHED"


def test_a_word_that_nobody_knows_is_told_once(journal):
    desk, _, _, told = at_the_venue(journal, VenueWord.NONE)
    desk.advance(KEY)
    desk.advance(KEY)
    assert [what for what, _ in told] == ["unknown_word"]
    assert journal.get(KEY).state == IntentState.ACKED
