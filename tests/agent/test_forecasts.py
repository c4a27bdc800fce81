"""Scores, the gate, and the pool: who graduates, and how far the fair value leaves the market."""

import random
from dataclasses import replace
from math import exp, log

import pytest
from strongroom.analysis.calibration import Forecast, Gate, reliability, score
from strongroom.analysis.fair import Diverges, ForecastPool, check_divergence, logit
from strongroom.information.forecast import BadForecast

EVENTS, PER_EVENT = 400, 3


def chance_of(odds):
    return 1 / (1 + exp(-odds))


def synthetic(kind, seed=0, noise=1.0, events=EVENTS):
    """Events whose truth the market sees through noise; the skilled see it through less.

    The markets of an event share their noise: 1,200 forecasts are not 1,200 independent ones.
    """
    dice, made = random.Random(f"{kind} {seed}"), []
    for number in range(events):
        shared, own = dice.gauss(0, noise), dice.gauss(0, noise / 3)
        for _ in range(PER_EVENT):
            truth = dice.gauss(0, 1.2)
            outcome = float(dice.random() < chance_of(truth))
            market = chance_of(truth + shared)
            chance = {
                "skilled": chance_of(truth + own),
                "copying": market,
                "noisy copy": chance_of(logit(market) + dice.gauss(0, 0.05)),
                "overconfident": chance_of(2.5 * logit(market)),
                "leaking": 0.97 if outcome else 0.03,
            }[kind]
            made.append(Forecast(f"event {number}", chance, market, outcome))
    return made


def test_scores_by_hand():
    """Two questions: .8 and .3 with YES and NO against .6 and .5."""
    record = score([Forecast("a", 0.8, 0.6, 1), Forecast("b", 0.3, 0.5, 0)])
    assert record.brier == pytest.approx((0.04 + 0.09) / 2)
    assert record.market_brier == pytest.approx((0.16 + 0.25) / 2)
    assert record.advantage == pytest.approx(0.14)
    assert record.skill == pytest.approx(1 - 0.065 / 0.205)
    assert record.log_score == pytest.approx(-(log(0.8) + log(0.7)) / 2)
    assert (record.forecasts, record.events) == (2, 2)


def test_reliability_counts_each_bin():
    made = [Forecast("a", 0.05, 0.5, 0), Forecast("b", 0.95, 0.5, 1), Forecast("c", 1.0, 0.5, 0)]
    assert reliability(made) == [(0.05, 0.0, 1), (pytest.approx(0.975), 0.5, 2)]


@pytest.mark.parametrize("value", [1.2, -0.1, float("nan"), float("inf")])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(BadForecast):
        Forecast("a", value, 0.5, 1)
    with pytest.raises(BadForecast):
        ForecastPool(weights=(0.5,)).combine(0.5, [value])
    with pytest.raises(BadForecast):
        score([])


@pytest.mark.parametrize("seed", range(5))
def test_the_gate_admits_the_skilled_and_nobody_else(seed):
    gate = Gate()
    admitted, reason = gate.judge(synthetic("skilled", seed))
    assert admitted, reason
    for kind, words in (
        ("copying", "not above 0"),
        ("noisy copy", "not above 0"),
        ("overconfident", "not above 0"),
        ("leaking", "look for a leak"),
    ):
        admitted, reason = gate.judge(synthetic(kind, seed))
        assert not admitted, kind
        assert words in reason


def test_the_gate_wants_events_and_old_evidence():
    few = synthetic("skilled", events=99)
    assert Gate().judge(few) == (False, "99 independent events, 100 are needed")
    late = [*synthetic("skilled"), Forecast("late", 0.9, 0.5, 1, frozen_at=10, evidence_at=11)]
    assert "younger than their freeze" in Gate().judge(late)[1]


def test_the_gate_says_what_it_could_not_check():
    made = [replace(each, evidence_at=None) for each in synthetic("skilled")]
    passed, why = Gate().judge(made)
    assert passed
    assert why.endswith(f"not checked: the age of the evidence of {len(made)} of {len(made)}")
    assert "not checked" in Gate().judge([*synthetic("copying"), made[0]])[1]


def test_events_are_drawn_not_markets():
    """Ten copies of every question are no more evidence than one."""
    once = synthetic("skilled", events=120)
    record, copied = score(once), score(once * 10)
    assert copied.low == pytest.approx(record.low, abs=1e-12)


def test_the_pool_is_the_market_until_a_forecaster_has_a_weight():
    assert ForecastPool().combine(0.37, []) == pytest.approx(0.37)
    # logit 0.5 = 0, logit 0.8 = ln 4: half of it is ln 2, a chance of two thirds
    assert ForecastPool(weights=(0.5,)).combine(0.5, [0.8]) == pytest.approx(2 / 3)


def test_divergence_needs_a_reason():
    check_divergence(0.60, 0.40)
    check_divergence(0.90, 0.40, reason="rule 3: the count ended on Friday")
    with pytest.raises(Diverges, match="name the reason"):
        check_divergence(0.90, 0.40)
