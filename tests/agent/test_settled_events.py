"""What a verdict is told of an event that was settled; numbers by hand."""

from types import SimpleNamespace

import pytest
from strongroom.analysis.fair_null import Joint
from strongroom.analysis.verdict import VerdictWord, conclude
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.run import Conversion, DecidedTrade, RunResult
from strongroom.backtest.settled_events import events_of
from strongroom.chain.units import HOUR, MICRO

from tests.samples import quoted


def bought(market, yes, cost, won, event="e", decision="d"):
    """100 tokens at a whole cost, of a NAV of 1,000."""
    return DecidedTrade(
        decision, "p", 1, event, market, "", yes, "BUY", "", 100 * MICRO, 100 * MICRO,
        cost * MICRO, 0, 0, 0.0, won, "",
    )  # fmt: skip


def told(*trades, joint=Joint.LADDER, markets=("low", "high"), conversions=()):
    names = {trade.event for trade in trades}
    return events_of(
        RunResult(
            "n", "realistic", 0, 9, 0,
            {name: EventShape(joint, markets, 5, 5) for name in names}, (0, 0, 0), False,
            wakes=[SimpleNamespace(time=0, nav_bid=1_000 * MICRO)],
            settled=[SimpleNamespace(event=name, rewards=0) for name in names],
            trades=list(trades), conversions=list(conversions),
        )
    )  # fmt: skip


@pytest.mark.parametrize(("second", "worst"), [("d", 0.0), ("later", 0.05)])
def test_a_set_of_one_decision_is_proved_and_one_of_two_has_a_first_leg(second, worst):
    """YES of the lower at .50, NO of the higher at .45: one pays in each state, both between. Who
    decides on the second when he has the first could have lost that one alone."""
    pair = bought("low", True, 50, 1.0), bought("high", False, 45, 1.0, decision=second)
    (event,) = told(*pair)
    assert (event.stake, event.profit) == pytest.approx((0.095, 0.105))
    assert (event.worst, event.proved) == (pytest.approx(worst), not worst)


def test_a_set_whose_second_leg_failed_is_its_first_leg():
    (event,) = told(bought("low", True, 50, 0.0))
    assert (event.profit, event.worst) == pytest.approx((-0.05, 0.05))


def test_sets_are_counted_apart_and_no_test_is_asked_about_them():
    """Twelve sure pairs say nothing about twelve even bets, of which five were won."""
    pairs = [
        each
        for n in range(12)
        for each in (bought("low", True, 45, 1.0, f"s{n}"), bought("high", False, 45, 1.0, f"s{n}"))
    ]
    bets = [bought("low", True, 50, float(n < 5), f"f{n}") for n in range(12)]
    both, sure = conclude(told(*pairs, *bets), 1), conclude(told(*pairs), 1)
    assert both.events == 12 and both.proved == (12, pytest.approx(12 * 0.11))
    assert both.value == pytest.approx(-1 / 6) and both.word != VerdictWord.PASSES
    assert (sure.word, sure.events, sure.proved[0]) == (VerdictWord.TOO_FEW, 0, 12)


def bid(market, yes, hours, won=0.0, **about):
    """A bid of .48 for 100 tokens."""
    return quoted("e", market, yes, 480_000, 100 * MICRO, hours, won, **about)


def test_what_is_filled_hours_later_has_not_covered_the_first():
    """All YES at hour 10, all NO at hour 20, in three markets: 144 could have been lost."""
    names = ("a", "b", "c")
    quotes = [bid(n, yes, [hour], 1.0 - yes) for n in names for yes, hour in ((1, 10), (0, 20))]
    (event,) = told(*quotes, joint=Joint.UNKNOWN, markets=names)
    assert (event.profit, event.worst) == pytest.approx((0.012, 0.144))


@pytest.mark.parametrize("made", ["in one market", "in parts"])
def test_what_rested_and_was_not_filled_was_at_risk(made):
    """YES is bid for in three markets. One is filled, or a third of each, then all is covered, and
    what is left of the bids is taken out: until then 144 could have been lost."""
    names = ("a", "b", "c")
    part = [bid(n, True, [1, 2, 3]) for n in names] if made == "in parts" else [
        bid("a", True, [1], rested=(0, 2 * HOUR)),
        *(bid(n, True, [], rested=(0, 2 * HOUR)) for n in "bc"),
    ]  # fmt: skip
    cover = [bid("a", False, [9], 1.0, rested=(8 * HOUR, 9 * HOUR))]
    (event,) = told(*part, *cover, joint=Joint.UNKNOWN, markets=names)
    assert event.worst == pytest.approx(0.144)


def test_what_was_taken_out_before_is_not_at_risk_any_more():
    """Three bids one after the other, each for an hour; the last is filled."""
    bids = [
        bid("a", True, hours, 1.0, rested=(start * HOUR, (start + 1) * HOUR), decision=str(start))
        for start, hours in ((0, []), (1, []), (2, [2.5]))
    ]
    (event,) = told(*bids, markets=("a",))
    assert event.worst == pytest.approx(0.048)


def test_an_order_to_sell_that_rests_is_a_token_that_may_be_gone():
    """YES at .48 is held, and NO at .48, so 4 are sure; YES is offered at .60. Were it sold, and
    YES won, 36 are lost and the 4 besides what it cost: 96 for 60. NO of 0 pays 100 and 60."""
    held = [bid("a", yes, [1], float(yes), rested=None, decision="d") for yes in (True, False)]
    offer = quoted("e", "a", True, 600_000, 100 * MICRO, [], 1.0, (2 * HOUR, 3 * HOUR), "SELL")
    (event,) = told(*held, offer, markets=("a",))
    assert (event.profit, event.worst, event.best) == pytest.approx((0.004, 0.036, 0.064))


def test_what_was_sold_between_had_been_at_risk():
    """Bought for 48, sold for 48, bought again: never more than 48. Bought twice: 96."""
    sale = quoted("e", "a", True, 480_000, 100 * MICRO, [2], 1.0, None, "SELL", "sale")
    twice = [bid("a", True, [n], 1.0, rested=None, decision=str(n)) for n in (1, 3)]
    (apart,) = told(*twice, sale, markets=("a",))
    assert (apart.worst, apart.stake) == pytest.approx((0.048, 0.096))
    early = quoted("e", "a", True, 480_000, 100 * MICRO, [4], 1.0, None, "SELL", "sale")
    (both,) = told(*twice, early, markets=("a",))
    assert both.worst == pytest.approx(0.096)


@pytest.mark.parametrize(("hour", "worst"), [(2, 0.016), (4, 0.018)])
def test_a_set_that_is_converted_is_whole_then(hour, worst):
    """NO of three exclusive outcomes for 168: 200, but 150 in a void. Converted it is 200, and a
    bid of 48 can lose 16. Where that was sent before, what was held is looked at as it was."""
    names = ("a", "b", "c")
    legs = [quoted("e", n, False, 560_000, 100 * MICRO, [1], float(n != "a"), None, decision="d")
            for n in names]  # fmt: skip
    came = Conversion(hour * HOUR, "e", {"a": 0.0}, {"b": 0.0, "c": 0.0}, 100 * MICRO)
    bids = [bid("a", True, [], rested=(3 * HOUR, 4 * HOUR))]
    (event,) = told(
        *legs, *bids, joint=Joint.EXCLUSIVE, markets=names, conversions=[came]
    )  # fmt: skip
    assert event.profit == pytest.approx(0.032)
    assert event.worst == pytest.approx(worst)


@pytest.mark.parametrize(
    ("low", "high", "profit", "worst"),
    [(0.3, 0.9, -0.055, 0.055), (0.5, 1.0, -0.045, 0.045), (0.0, 1.0, -0.095, 0.095)],
)
def test_what_the_relation_does_not_know_and_came_is_a_state(low, high, profit, worst):
    """The lower pays .3 and the higher .9: 30 + 10 for 95. Or the lower is void alone while the
    higher is won. Or the relation was wrong. Nothing lost more than its worst state."""
    (event,) = told(bought("low", True, 50, low), bought("high", False, 45, 1 - high))
    assert (event.profit, event.worst) == pytest.approx((profit, worst))
    found = conclude([event], 1)
    assert found.word == VerdictWord.TOO_FEW and found.losing == 1 and found.proved[0] == 0


def test_a_part_that_is_paid_counts_as_it_is():
    """100 tokens at .20 of a market that pays .3: 30 for 20."""
    (event,) = told(bought("low", True, 20, 0.3), markets=("low",))
    assert (event.profit, event.worst, event.best) == pytest.approx((0.01, 0.02, 0.08))
