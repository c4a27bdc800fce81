"""What the desk makes of an order's fills, told as the real exchange tells them (VENUE c)."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from strongroom.chain.calls import DecodedLog, Head
from strongroom.chain.orders import OrderKind, Side
from strongroom.execution.interfaces import VenueAnswer, VenueTrade
from strongroom.execution.order_desk import Desk
from strongroom.journal import Journal
from strongroom.journal.states import AnswerKind, IntentState, TradeStatus, VenueWord

from tests.agent.test_journal import KEY, PLAN, RECORD

NOW, MICRO = 1_700_000_000, 10**6


def confirmed(*sizes):
    """Trades that have come to the chain, as the venue tells them."""
    return {str(n): VenueTrade(TradeStatus.CONFIRMED, size) for n, size in enumerate(sizes)}


def says(*trades):
    return lambda name, condition: {str(n): VenueTrade(*each) for n, each in enumerate(trades)}


class Exchange:
    """An exchange that has seen one order: what each match gave and got, and what is left open."""

    def __init__(self, whole):
        self.whole, self.matches, self.blocks, self.time = whole, [], 100, NOW

    def match(self, making, taking):
        self.matches.append((making, taking))

    def head(self):
        return Head(self.blocks, self.time)

    def now(self, depth=0):
        return self.time

    def logs(self, *_, **__):
        return [
            DecodedLog(f"0x{place}", place, self.blocks,
                       {"makerAmountFilled": making, "takerAmountFilled": taking, "fee": 0})
            for place, (making, taking) in enumerate(self.matches)
        ]  # fmt: skip

    def at_head(self, asked):
        assert all(each.function == "getOrderStatus" for each in asked)
        left = self.whole - sum(making for making, _ in self.matches)
        status = (left == 0, left) if self.matches else (False, 0)
        return self.head(), [status for _ in asked]


@pytest.fixture
def journal(tmp_path):
    found = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    found.decide(RECORD.id, RECORD)
    return found


def at_the_venue(journal, said=VenueWord.MATCHED, was_sent=True, **changes):
    """An order that the venue has, or that is signed; return desk, exchange, and what was told."""
    plan = replace(PLAN, price=500_000, size=100 * MICRO, kind=OrderKind.FAK, **changes)
    journal.plan(plan)
    journal.sign(KEY, "0x" + "12" * 32, b"s", NOW + 300, 1)
    if was_sent:
        journal.step(KEY, IntentState.SENT)
        journal.answered(KEY, IntentState.ACKED, AnswerKind.ACCEPTED, VenueWord.LIVE, "")
    told = []
    exchange = Exchange(plan.cash if plan.side == Side.BUY else plan.size)

    def seen():
        return [taking if plan.side == Side.BUY else making for making, taking in exchange.matches]

    venue = SimpleNamespace(
        word=said,
        matched=lambda: sum(seen()),
        look=lambda name: VenueAnswer(AnswerKind.ACCEPTED, venue.word, "new word", venue.matched()),
        trades=lambda name, condition: confirmed(*seen()),
    )
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
    desk, _, _, _ = at_the_venue(journal, VenueWord.UNMATCHED)
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


# An order is not over before the chain shows what the venue has matched. The venue matches first,
# lists the trade then, and sends it to the chain last; only CONFIRMED and FAILED are the end of a
# trade (VENUE e1).


def stands(journal):
    return journal.get(KEY).state, journal.get(KEY).filled


@pytest.mark.parametrize(
    ("word", "matched"),
    [(VenueWord.MATCHED, 0), (VenueWord.MATCHED, 60 * MICRO), (VenueWord.CANCELLED, 60 * MICRO)],
)
def test_a_match_that_has_no_trade_and_no_block_yet_keeps_the_order_open(journal, word, matched):
    desk, exchange, venue, told = at_the_venue(journal, word)
    venue.trades, venue.matched = says(), lambda: matched
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    exchange.match(30 * MICRO, 60 * MICRO)
    venue.trades = says((TradeStatus.CONFIRMED, 60 * MICRO))
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 60 * MICRO)
    assert told == []


def test_of_two_confirmed_trades_both_fills_are_waited_for(journal):
    desk, exchange, venue, told = at_the_venue(journal)
    both = (TradeStatus.CONFIRMED, 40 * MICRO), (TradeStatus.CONFIRMED, 41 * MICRO)
    venue.trades, venue.matched = says(*both), lambda: 0  # an old answer is of no use
    exchange.match(20 * MICRO, 40 * MICRO)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 40 * MICRO)
    exchange.match(20 * MICRO, 41 * MICRO)
    desk.recover()
    assert stands(journal) == (IntentState.CLOSED, 81 * MICRO)
    assert told == []


def test_what_failed_on_its_way_to_the_chain_is_not_waited_for(journal):
    desk, exchange, venue, _ = at_the_venue(journal)
    venue.trades = says((TradeStatus.CONFIRMED, 40 * MICRO), (TradeStatus.FAILED, 60 * MICRO))
    venue.matched = lambda: 100 * MICRO
    exchange.match(20 * MICRO, 40 * MICRO)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)


def test_beside_what_failed_the_rest_is_waited_for(journal):
    """60 of 100 failed, and nothing is told of the other 40 yet: a retry of 100 would be too much.
    Whether the venue takes the 60 off what it has matched is not known; both are covered."""
    desk, exchange, venue, _ = at_the_venue(journal)
    failed = (TradeStatus.FAILED, 60 * MICRO)
    venue.trades, venue.matched = says(failed), lambda: 100 * MICRO
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    venue.trades = says(failed, (TradeStatus.CONFIRMED, 40 * MICRO))
    venue.matched = lambda: 40 * MICRO
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    exchange.match(20 * MICRO, 40 * MICRO)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)


def test_an_order_that_nothing_was_matched_of_is_over_at_once(journal):
    desk, _, _, _ = at_the_venue(journal, VenueWord.CANCELLED)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 0)


def test_a_venue_that_takes_back_what_it_said_is_believed_upward_only(journal):
    desk, exchange, venue, _ = at_the_venue(journal, VenueWord.CANCELLED)
    venue.trades, venue.matched = says(), lambda: 60 * MICRO
    desk.advance(KEY)
    venue.matched = lambda: 0
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    exchange.match(30 * MICRO, 60 * MICRO)
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 60 * MICRO)


def silent(name):
    return VenueAnswer(AnswerKind.SILENT)


def forgotten(name):
    return VenueAnswer(AnswerKind.REFUSED)


def unsaid(name):
    return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)


@pytest.mark.parametrize("look", [silent, forgotten, unsaid])
def test_what_the_venue_does_not_say_is_not_zero(journal, look):
    """The order rested and nothing was matched of it; it is cancelled, and what was matched until
    then is not said. It is over when no later block can have a fill, and that was looked at."""
    desk, exchange, venue, told = at_the_venue(journal, VenueWord.LIVE)
    desk.advance(KEY)
    venue.look, venue.trades = look, says()
    venue.cancel = lambda name: VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)
    desk.cancel(KEY)
    assert stands(journal) == (IntentState.ACKED, 0)
    exchange.match(20 * MICRO, 40 * MICRO)
    exchange.time = NOW + 300
    desk.advance(KEY)
    assert stands(journal) == (IntentState.ACKED, 40 * MICRO)
    exchange.time = NOW + 301
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)
    assert told == []


def test_a_fill_between_the_look_and_the_end_of_its_time_counts(journal):
    """The last block that can have one comes between the fills that were read and the time."""
    desk, exchange, venue, told = at_the_venue(journal, VenueWord.LIVE)
    venue.cancel = lambda name: VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)

    def now(depth=0):
        if not exchange.matches:
            exchange.match(20 * MICRO, 40 * MICRO)
        return NOW + 301

    exchange.now, exchange.time = now, NOW + 301
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)
    assert told == []


def test_what_a_key_signed_may_come_to_the_chain_after_its_time(journal):
    """Signature type 0 and 2 have no time at the exchange (VENUE c); the service matched it in
    time. An account's own signature ends on the chain, so a match that is late comes to nothing."""
    for keyed in (False, True):
        if keyed:
            journal = Journal("sqlite://")
            journal.decide(RECORD.id, RECORD)
        desk, exchange, venue, told = at_the_venue(journal)
        desk._wallets = SimpleNamespace(
            of=lambda maker, venue=venue, keyed=keyed: (
                SimpleNamespace(venue=venue) if keyed else None
            )
        )
        venue.trades, venue.matched = says((TradeStatus.MATCHED, 40 * MICRO)), lambda: 40 * MICRO
        exchange.time = NOW + 301
        desk.advance(KEY)
        assert stands(journal) == (IntentState.ACKED if keyed else IntentState.CLOSED, 0)
    exchange.match(20 * MICRO, 40 * MICRO)
    venue.trades = says((TradeStatus.CONFIRMED, 40 * MICRO))
    desk.advance(KEY)
    assert stands(journal) == (IntentState.CLOSED, 40 * MICRO)
    assert told == []


def test_what_a_key_signed_is_not_waited_for_without_end(journal):
    desk, exchange, venue, _ = at_the_venue(journal)
    desk._wallets = SimpleNamespace(of=lambda maker: SimpleNamespace(venue=venue))
    venue.trades = lambda name, condition: None
    for after, state in (
        (301, IntentState.ACKED),
        (600, IntentState.ACKED),
        (601, IntentState.CLOSED),
    ):
        exchange.time = NOW + after
        desk.advance(KEY)
        assert journal.get(KEY).state == state
