"""The league table: words where a record is too short, intervals that know the worst loss."""

import random

import pytest
from strongroom.app.league import ClassProfit, SettledStake, league

from tests.defaults import DAY, UNIT
from tests.page_data import write


def stakes(profits, class_id=0, stake=100 * UNIT):
    """Return settled markets, two a day, each of one stake."""
    return [
        SettledStake(f"market {class_id} {n}", class_id, n // 2 * DAY, stake, profit)
        for n, profit in enumerate(profits)
    ]


def table(found, profits):
    """Return the league where nothing was given and nothing is open."""
    return league(found, {number: ClassProfit(proven) for number, proven in profits.items()})


def test_strategies_stand_by_proven_profit_and_short_records_have_no_interval():
    few = stakes([5 * UNIT] * 9, class_id=1)
    first, second, third = table(few, {0: 0, 1: 45 * UNIT, 2: -UNIT})
    assert [first.class_id, second.class_id, third.class_id] == [1, 0, 2]
    assert (first.words, first.low, first.high) == ("too few events", None, None)
    assert (first.markets, first.losing, first.dates, first.staked) == (9, 0, 5, 900 * UNIT)
    assert first.value == pytest.approx(0.05)
    assert (second.words, second.value) == ("nothing was traded", None)


def test_thirty_small_wins_are_too_few():
    """All won at 3.5 %: a record that has not met its loss says nothing (103 would be needed)."""
    (row,) = table(stakes([35 * UNIT // 10] * 30), {0: 105 * UNIT})
    assert row.words != "passes"


def test_even_bets_that_win_often_pass_with_an_interval_around_the_truth():
    """Even money, 70 % won of 200: 40 % a stake."""
    chance = random.Random(1)
    won = [chance.random() < 0.7 for _ in range(200)]
    (row,) = table(stakes([100 * UNIT if each else -100 * UNIT for each in won]), {0: 0})
    assert row.words == "passes"
    assert 0 < row.low < 0.4 < row.high < 0.6


def test_where_a_market_brought_more_than_its_stake_the_upper_end_is_not_known():
    chance = random.Random(2)
    won = [chance.random() < 0.4 for _ in range(200)]
    (row,) = table(stakes([300 * UNIT if each else -100 * UNIT for each in won]), {0: 0})
    assert row.high is None
    assert row.low is not None and row.low < 0.6  # the truth


def test_a_market_that_is_opened_again_is_one_event():
    twice = [SettledStake("a", 0, DAY, 100, -100), SettledStake("a", 0, 2 * DAY, 50, 70)]
    (row,) = table(twice, {0: -30})
    assert (row.markets, row.losing, row.staked, row.value) == (1, 1, 150, pytest.approx(-0.2))


def test_gifts_and_open_losses_count_against_a_place():
    """45 of which 30 were given, 20 of which 4 stand open: 15 and 16 are left."""
    ranked = league([], {0: ClassProfit(45, gifts=30), 1: ClassProfit(20, below=4)})
    assert [(each.class_id, each.profit, each.gifts, each.below) for each in ranked] == [
        (1, 20, 0, 4), (0, 45, 30, 0),
    ]  # fmt: skip


def test_a_gift_that_was_lost_is_no_loss_of_the_stake():
    """100 of 100 lost, and the 50 that were given: the return is -100 %, the worst there is."""
    (row,) = table(stakes([-150 * UNIT]), {0: -100 * UNIT})
    assert row.value == pytest.approx(-1)


def test_the_page_says_too_few_in_words(tmp_path):
    _, text = write(tmp_path)
    part = text.split("<h2>League table</h2>")[1].split("<h2>")[0]
    assert "too few events" in part
    assert "not known" in part
    assert "-30.0 %" in part
