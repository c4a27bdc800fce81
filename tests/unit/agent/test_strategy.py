"""Sizing: the smallest limit binds and is named."""

import pytest

from agent.strategy.sizing import DEFAULT_TIERS, kelly_fraction, size

NAV = 1_000_000_000_000
BASE = {"edge": 0.02, "chance": 0.98, "cost": 0.95, "nav": NAV, "room": NAV, "depth": NAV}


@pytest.mark.parametrize(
    ("change", "assets", "tier", "binding"),
    [
        ({}, 7_500_000_000, "mid", "tier"),  # 75 bps
        ({"edge": 0.005}, 2_500_000_000, "low", "tier"),  # 25 bps
        ({"edge": 0.0019}, 0, "none", "edge"),
        ({"room": 7_000_000_000}, 7_000_000_000, "mid", "room"),
        ({"room": -5}, 0, "mid", "room"),
        ({"depth": 6_000_000_000}, 6_000_000_000, "mid", "depth"),
        # 1/4 of (.951 - .95) / .05 = .5 % of NAV
        ({"chance": 0.951}, 5_000_000_000, "mid", "kelly"),
        ({"chance": 0.94}, 0, "mid", "kelly"),
    ],
)
def test_the_smallest_limit_binds(change, assets, tier, binding):
    chosen = size(**(BASE | change))
    assert chosen.assets == pytest.approx(assets, abs=2)
    assert (chosen.tier, chosen.binding) == (tier, binding)


def test_kelly_of_the_textbook():
    # p = .6 at .5 with a fee of 5 % * .25: c = .5125, f* = .0875 / .4875
    assert kelly_fraction(0.6, 0.5125) == pytest.approx(0.179487, abs=1e-6)
    assert kelly_fraction(0.5, 0.6) == 0
    for cost in (0.0, 1.0, 1.5):
        with pytest.raises(ValueError, match="no price"):
            kelly_fraction(0.9, cost)


def test_default_tiers_stay_below_the_contracts_event_cap():
    assert all(tier.cap_bps <= 200 for tier in DEFAULT_TIERS)
    edges = [tier.min_edge for tier in DEFAULT_TIERS]
    assert edges == sorted(edges, reverse=True)
