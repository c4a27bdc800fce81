"""What a verdict is told of an event that was settled; numbers by hand."""

from types import SimpleNamespace

import pytest
from strongroom.analysis.fair_null import Joint
from strongroom.analysis.verdict import VerdictWord, conclude
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.run import DecidedTrade, RunResult
from strongroom.backtest.settled_events import events_of
from strongroom.chain.units import MICRO


def bought(market, yes, cost, won, event="e"):
    """100 tokens at a whole cost, of a NAV of 1,000."""
    return DecidedTrade(
        "d", "p", 1, event, market, "", yes, "BUY", "", 100 * MICRO, 100 * MICRO, cost * MICRO, 0,
        0, 0.0, won, "",
    )  # fmt: skip


def told(*trades, joint=Joint.LADDER, markets=("low", "high")):
    names = {trade.event for trade in trades}
    return events_of(
        RunResult(
            "n", "realistic", 0, 9, 0,
            {name: EventShape(joint, markets, 5, 5) for name in names}, (0, 0, 0), False,
            wakes=[SimpleNamespace(time=0, nav_bid=1_000 * MICRO)],
            settled=[SimpleNamespace(event=name, rewards=0) for name in names],
            trades=list(trades),
        )
    )  # fmt: skip


def test_a_pair_of_nested_thresholds_can_lose_its_first_leg_alone():
    """YES of the lower at .50, NO of the higher at .45: one pays in each state, both between. Until
    the second was there, the first could be lost."""
    (event,) = told(bought("low", True, 50, 1.0), bought("high", False, 45, 1.0))
    assert (event.stake, event.profit, event.best) == pytest.approx((0.095, 0.105, 0.105))
    assert event.worst == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("low", "high", "profit", "worst"),
    [(0.3, 0.9, -0.055, 0.055), (0.5, 1.0, -0.045, 0.05), (0.0, 1.0, -0.095, 0.095)],
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
