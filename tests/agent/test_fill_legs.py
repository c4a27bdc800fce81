"""Fills of a decision fit into its legs, or they do not: held against each set of fills in turn.

Fills fit exactly if no set of them is larger than all legs that any of the set can be of (Hall).
That is checked here set by set; the audit goes once through prices.
"""

import random
from dataclasses import replace
from itertools import combinations

import pytest
from strongroom.audit.checkpoint import AccountFill, Ordered
from strongroom.audit.documents import RevealedDecision, RevealedLeg
from strongroom.audit.legs import legs_for, take, wrong_price
from strongroom.chain.units import WAD

MARKET, OTHER, EXCHANGE = "0x05", "0x06", "0xee"
UNIT = 10**6
CENTS = (10, 30, 50, 70)


def leg(cents, size, rests=False, buys=False, market=MARKET):
    return RevealedLeg(market, 7, buys, cents * WAD // 100, size, EXCHANGE, rests)


def fill(cents, tokens, fee=0, buys=False, market=MARKET):
    """Of the tokens at a price of whole cents."""
    cash = cents * tokens // 100
    return AccountFill(1, "0xaa", 1, "0x11", "0xac", market, EXCHANGE, "7", buys, cash, tokens, fee)


def admits(each, one):
    """Whether a leg admits a fill, by the words of docs/audit.md."""
    price = one.cash * WAD / one.tokens
    at_price = price <= each.price if one.buys else price >= each.price
    return at_price and not (one.fee and each.rests)


def fit(legs, fills):
    """Hall's condition, set by set. Room and fills: cash of purchases, tokens of sales."""
    for count in range(1, len(fills) + 1):
        for some in combinations(fills, count):
            can = [each for each in legs if any(admits(each, one) for one in some)]
            room = sum(e.size * e.price // WAD + 1 if e.buys else e.size for e in can)
            if sum(one.cash if one.buys else one.tokens for one in some) > room:
                return False
    return True


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("buys", [True, False])
def test_fills_fit_where_no_set_of_them_is_too_large(seed, buys):
    dice = random.Random(f"{seed} {buys}")
    sized = [(dice.choice(CENTS), dice.randrange(1, 9) * UNIT) for _ in range(4)]
    legs = [leg(cents, size, dice.random() < 0.4, buys) for cents, size in sized]
    ordered, fills, ends = Ordered(0), [], []
    while len(fills) < 7:
        one = fill(dice.choice(CENTS), dice.randrange(1, 6) * UNIT, dice.randrange(2), buys)
        if not any(admits(each, one) for each in legs):
            continue
        fills.append(one)
        assert list(wrong_price(one, legs)) == []
        ends.append(take(one, legs, ordered) is None)
        assert ends[-1] == fit(legs, fills), (legs, fills)


def test_both_ends_come_up():
    """Else the test above could not fail."""
    found = set()
    for seed in range(60):
        dice = random.Random(f"{seed} True")
        sized = [(dice.choice(CENTS), dice.randrange(1, 9) * UNIT) for _ in range(4)]
        legs = [leg(cents, size, False, True) for cents, size in sized]
        fills = [fill(dice.choice(CENTS), dice.randrange(1, 6) * UNIT, 0, True) for _ in range(5)]
        found.add(fit(legs, fills))
    assert found == {True, False}


def test_a_fee_is_no_legs_that_rests():
    """10 rest at .70 and 10 take at .50, of sales. With a fee 10 may go, and 11 may not."""
    legs = [leg(70, 10 * UNIT, rests=True), leg(50, 10 * UNIT)]
    ordered = Ordered(0)
    assert take(fill(70, 10 * UNIT, fee=5), legs, ordered) is None
    found = take(fill(70, UNIT, fee=5), legs, ordered)
    assert found == ("size of all its fills with a fee", f"at most {10 * UNIT}", f"{11 * UNIT}")


@pytest.mark.parametrize(("changed", "what", "expected"), [
    ({"token": "8"}, "token", "7"),
    ({"buys": True}, "side", "SELL"),
    ({"market": "0x09"}, "market of the account", f"{MARKET} or {OTHER}"),
    ({"exchange": "0xef"}, "exchange", EXCHANGE),
])  # fmt: skip
def test_the_first_thing_that_no_leg_says_is_named(changed, what, expected):
    legs = (leg(50, UNIT), leg(50, UNIT, market=OTHER))
    decision = RevealedDecision(0, False, 1, legs)
    (name,) = changed
    one = replace(fill(50, UNIT), **changed)
    found = "BUY" if name == "buys" else changed[name]
    assert legs_for(one, decision, Ordered(0)) == ((), (what, expected, found))


def test_few_of_what_very_many_legs_say_are_told():
    legs = tuple(replace(leg(50, UNIT), token=10**77 + number) for number in range(1_000))
    _, (what, expected, _) = legs_for(
        fill(50, UNIT), RevealedDecision(0, False, 1, legs), Ordered(0)
    )
    assert what == "token" and expected.endswith(" or 997 more") and len(expected) < 300
