"""Portfolio limits and sizing rules: the binding one is named, the numbers are by hand."""

from dataclasses import replace

import pytest
from strongroom.chain.units import FIRST_PRICE
from strongroom.errors import BadInput
from strongroom.strategy.portfolio import (
    Day,
    PortfolioLimits,
    Room,
    Stake,
    Staked,
    room,
    share_price,
)
from strongroom.strategy.sizing import bounded, fractional_kelly, unit

NAV = 100_000_000_000  # 100,000
NOW = 1_700_000_000
SHARES = 99_000 * 10**18  # so that a share is worth some 1.0101
FINE = Day(share_price(NAV, SHARES), share_price(NAV, SHARES))


def holding(event, category, thousands, *groups):
    return Stake(event, category, thousands * 10**9, frozenset(groups))


def ask(held, new, limits=None, day=FINE, now=NOW):
    return room(limits or PortfolioLimits(), NAV, Staked(held), new, day, now)


def test_an_event_gets_fifteen_percent_at_most():
    new = holding("cup", "sports", 0)
    assert ask([], new) == Room(15 * 10**9, "event cup")
    assert ask([holding("cup", "sports", 9)], new) == Room(6 * 10**9, "event cup")
    assert ask([holding("cup", "sports", 16)], new) == Room(0, "event cup")
    with pytest.raises(BadInput, match="event_bps"):
        PortfolioLimits(event_bps=1_501)
    with pytest.raises(BadInput, match="shares"):
        PortfolioLimits(total_bps=10_001)


def test_category_group_and_total_bind_in_turn():
    others = [holding(f"e{i}", "sports", 9) for i in range(3)]
    assert ask(others, holding("cup", "sports", 0)) == Room(3 * 10**9, "category sports")
    capped = PortfolioLimits(categories={"sports": 2_800})
    assert ask(others, holding("cup", "sports", 0), capped) == Room(10**9, "category sports")
    rates = [holding(f"e{i}", f"c{i}", 14, "rates") for i in range(2)]
    assert ask(rates, holding("fed", "x", 0, "rates")) == Room(2 * 10**9, "group rates")
    full = [holding(f"e{i}", f"c{i}", 15) for i in range(5)]
    assert ask(full, holding("new", "y", 0)) == Room(5 * 10**9, "total")


def test_a_bad_day_and_a_fresh_loss_stop_everything():
    new = holding("cup", "sports", 0)
    at_limit, beyond = Day(10**6, 970_000), Day(10**6, 969_999)
    assert ask([], new, day=at_limit).assets > 0
    assert ask([], new, day=beyond) == Room(0, "daily loss")
    fresh = replace(FINE, last_loss_at=NOW)
    assert ask([], new, day=fresh, now=NOW + 3_599) == Room(0, "cooldown")
    assert ask([], new, day=fresh, now=NOW + 3_600).assets > 0


def test_no_cooldown_is_none_also_for_a_loss_later_than_what_is_decided_on():
    """A settlement of the same tick is in a block behind the view's."""
    limits, later = PortfolioLimits(cooldown_s=0), Day(NAV, NAV, last_loss_at=NOW + 1)
    assert ask([], holding("cup", "sports", 0), limits, later).assets > 0


def test_what_comes_and_goes_with_its_shares_is_neither_loss_nor_profit():
    """Half of the shares leave with half of NAV: 50 % of NAV, 0 of a share. A loss of 4 % stops
    everything, also on a day on which deposits have doubled NAV."""
    assert share_price(0, 0) == FIRST_PRICE
    opening = share_price(NAV, SHARES)
    left, doubled = share_price(NAV // 2, SHARES // 2), share_price(2 * NAV, 2 * SHARES)
    assert left == pytest.approx(opening, rel=1e-9) == doubled
    new = holding("cup", "sports", 0)
    assert ask([], new, day=Day(opening, left)).assets > 0
    lost = share_price(2 * NAV * 96 // 100, 2 * SHARES)
    assert ask([], new, day=Day(opening, lost)) == Room(0, "daily loss")


def test_rules_say_what_they_want_and_rooms_bound_it():
    """p = .6 at .5125 of 100,000: Kelly .179487, a tenth 1,794.87."""
    assert fractional_kelly(0.6, 0.5125, NAV) == 1_794_871_794
    assert fractional_kelly(0.5, 0.5125, NAV) == 0
    for fraction in (0, 0.26, 1):
        with pytest.raises(BadInput, match="fraction"):
            fractional_kelly(0.6, 0.5125, NAV, fraction)
    assert unit(NAV) == 10**9
    assert unit(NAV, units=3) == 3 * 10**9
    chosen = bounded("unit", 3 * 10**9, {"cap": 2 * 10**9, "depth": 4 * 10**9})
    assert (chosen.assets, chosen.binding) == (2 * 10**9, "cap")
    assert bounded("unit", 10**9, {"cap": 2 * 10**9}).binding == "unit"
    assert bounded("unit", 10**9, {"cap": -5}).assets == 0
