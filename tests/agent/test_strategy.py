"""Sizing: the smallest limit binds and is named."""

import pytest
from strongroom.errors import BadInput
from strongroom.strategy.sizing import DEFAULT_TIERS, Sizing, kelly_fraction

NAV = 1_000_000_000_000
BASE = {"edge": 0.02, "chance": 0.98, "cost": 0.95, "nav": NAV}


@pytest.mark.parametrize(
    ("change", "assets", "binding"),
    [
        ({}, 7_500_000_000, "tier mid"),  # 75 bps
        ({"edge": 0.005}, 2_500_000_000, "tier low"),  # 25 bps
        ({"edge": 0.0019}, 0, "no tier"),
        ({"edge": 0.05}, 7_500_000_000, "tier mid"),  # one kind of evidence is not enough
        ({"edge": 0.05, "evidence": 2}, 20_000_000_000, "tier high"),
        ({"lift": 1}, 20_000_000_000, "tier high"),  # a signal lifts by one
        ({"edge": 0.005, "lift": 2}, 7_500_000_000, "tier mid"),  # and by no more
        ({"edge": 0.0019, "lift": 1}, 0, "no tier"),  # and makes no trade
        # 1/4 of (.951 - .95) / .05 = .5 % of NAV
        ({"chance": 0.951}, 5_000_000_000, "quarter Kelly"),
        ({"chance": 0.94}, 0, "quarter Kelly"),
    ],
)
def test_the_smallest_limit_binds(change, assets, binding):
    limits = Sizing().limits(**(BASE | change))
    smallest = min(limits, key=limits.get)
    assert limits[smallest] == pytest.approx(assets, abs=2)
    assert smallest == binding


@pytest.mark.parametrize(
    ("settings", "assets"),
    [
        # (.98 - .95) / .05 = .6 of wealth, a tenth of it
        ({"rule": "kelly", "fraction": 0.1}, 60_000_000_000),
        ({"rule": "unit", "units": 2, "unit_bps": 50}, 10_000_000_000),
        ({"rule": "flat", "flat": 7_000_000}, 7_000_000),
        ({"rule": "inverted", "loss_budget": 3_000_000}, 3_000_000),
        ({"loss_budget": 1_000}, 1_000),  # bounds the other rules, too
    ],
)
def test_the_other_rules(settings, assets):
    assert min(Sizing(**settings).limits(**BASE).values()) == pytest.approx(assets, abs=2)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"rule": "flat"}, "needs `flat`"),
        ({"rule": "inverted"}, "needs `loss_budget`"),
        ({"fraction": 0.26}, "fraction"),
    ],
)
def test_a_rule_without_its_number_is_refused(settings, what):
    with pytest.raises(BadInput, match=what):
        Sizing(**settings)


def test_kelly_of_the_textbook():
    # p = .6 at .5 with a fee of 5 % * .25: c = .5125, f* = .0875 / .4875
    assert kelly_fraction(0.6, 0.5125) == pytest.approx(0.179487, abs=1e-6)
    assert kelly_fraction(0.5, 0.6) == 0
    for cost in (0.0, 1.0, 1.5):
        with pytest.raises(BadInput, match="no price"):
            kelly_fraction(0.9, cost)


def test_default_tiers_stay_below_the_contracts_event_cap():
    assert all(tier.cap_bps <= 200 for tier in DEFAULT_TIERS)
    edges = [tier.min_edge for tier in DEFAULT_TIERS]
    assert edges == sorted(edges, reverse=True)
