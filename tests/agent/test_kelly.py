"""Growth-optimal stakes: closed forms against the cuts, and numbers computed by hand."""

from decimal import Decimal
from math import log

import pytest
from strongroom.analysis.bundle import Security, make_bundle
from strongroom.analysis.relations import Relation
from strongroom.information.books import Level
from strongroom.information.gamma import FeeSchedule
from strongroom.strategy.kelly import (
    NoGrowth,
    best_growth,
    binary_fraction,
    binary_ladder,
    exclusive_fractions,
)

from tests.seeds import dice

UNIT = 10**6
DEEP = 10**6 * UNIT


def ask(market, price, size=DEEP, yes=True, fees=None):
    return Security(
        market,
        yes,
        asks=(Level(round(price * UNIT), size),),
        fees=fees or FeeSchedule(),
    )


def exclusive(count):
    names = tuple(f"q{i}" for i in range(count))
    return [Relation("exclusive", names, proof="t"), Relation("exhaustive", names, proof="t")]


def test_binary_fraction_with_the_fee():
    """p = .6, ask .50, rate .05: c = .5125, f = .0875 / .4875 = .179487."""
    assert binary_fraction(0.6, 0.5125) == pytest.approx(0.0875 / 0.4875)
    assert round(binary_fraction(0.6, 0.5125), 6) == 0.179487
    assert binary_fraction(0.5, 0.5125) == 0
    with pytest.raises(NoGrowth):
        binary_fraction(0.6, 1.0)


@pytest.mark.parametrize("seed", range(30))
def test_cuts_find_the_binary_closed_form(seed):
    chance = dice("binary", seed)
    p, price = chance.uniform(0.3, 0.9), chance.randint(10, 60) / 100
    fees = FeeSchedule(Decimal(chance.choice(["0", "0.05"])), 1)
    cost = price + float(fees.rate) * price * (1 - price)
    bundle = make_bundle([ask("m", price, fees=fees)])
    order = {row: i for i, row in enumerate(bundle.states)}
    chances = [0.0, 0.0]
    chances[order[(2,)]], chances[order[(0,)]] = p, 1 - p
    stake = best_growth(bundle, chances, 1_000.0)
    f = binary_fraction(p, cost)
    best = p * log(1 - f + f / cost) + (1 - p) * log(1 - f) if f else 0.0
    assert best - stake.growth <= 1e-6
    assert stake.growth <= best + 1e-9
    # growth is flat at its top: the stake itself is less sharp than the growth
    assert stake.spent == pytest.approx(1_000 * f, abs=2.0)


def test_a_ladder_is_walked_to_where_the_last_level_no_longer_pays():
    """p = .6: .50 x 100 whole; at .55 until p (1-c) W_lost = (1-p) c W_won."""
    tokens, spent = binary_ladder(0.6, [(0.50, 100), (0.55, 1_000), (0.62, 1_000)], 1_000)
    # after 100 at .50: won 1,050, lost 950; (.6 * .45 * 950 - .4 * .55 * 1,050) / (.55 * .45)
    second = (0.27 * 950 - 0.22 * 1_050) / 0.2475
    assert tokens == pytest.approx(100 + second)
    assert spent == pytest.approx(50 + 0.55 * second)
    assert binary_ladder(0.5, [(0.50, 100)], 1_000) == (0.0, 0.0)


@pytest.mark.parametrize("seed", range(20))
def test_the_ladder_is_the_cuts_optimum(seed):
    chance = dice("ladder", seed)
    p, price, rungs = chance.uniform(0.5, 0.9), chance.randint(20, 45), []
    for _ in range(3):
        rungs.append((price / 100, chance.randint(20, 300)))
        price += chance.randint(1, 10)
    levels = tuple(Level(round(c * UNIT), size * UNIT) for c, size in rungs)
    bundle = make_bundle([Security("m", True, asks=levels)])
    chances = [p if row == (2,) else 1 - p for row in bundle.states]
    stake = best_growth(bundle, chances, 1_000.0)
    tokens, spent = binary_ladder(p, rungs, 1_000.0)
    best = p * log((1_000 + tokens - spent) / 1_000) + (1 - p) * log((1_000 - spent) / 1_000)
    assert abs(best - stake.growth) <= 1e-6


def test_exclusive_outcomes_by_hand():
    """p = .5, .3, .2 at .4, .3, .35: the first alone: reserve (1 - .5) / (1 - .4) = .8333;
    the second's .3 > .8333 * .3 = .25 joins: reserve (1 - .8) / (1 - .7) = .6667; the third's .2
    < .6667 * .35 = .2333 stays out. Fractions .5 - .6667 * .4 = .2333 and .3 - .2 = .1."""
    assert exclusive_fractions([0.5, 0.3, 0.2], [0.4, 0.3, 0.35]) == pytest.approx(
        [0.7 / 3, 0.1, 0.0]
    )
    with pytest.raises(NoGrowth):
        exclusive_fractions([0.5, 0.3], [0.4, 0.3])


@pytest.mark.parametrize("seed", range(30))
def test_cuts_find_the_exclusive_closed_form(seed):
    chance = dice("exclusive", seed)
    count = chance.randint(3, 7)
    weights = [chance.uniform(0.2, 1) for _ in range(count)]
    chances = [weight / sum(weights) for weight in weights]
    costs = [min(0.95, round(p * chance.uniform(0.75, 1.4) + 0.01, 2)) for p in chances]
    if sum(costs) < 1.02:  # a sure profit has no bound but the depth
        costs = [round(c * 1.03 / sum(costs), 2) + 0.01 for c in costs]
    fractions = exclusive_fractions(chances, costs)
    bundle = make_bundle([ask(f"q{i}", cost) for i, cost in enumerate(costs)], exclusive(count))
    by_state = [chances[row.index(2)] for row in bundle.states]
    stake = best_growth(bundle, by_state, 1_000.0)
    kept = 1 - sum(fractions)
    best = sum(
        p * log(kept + fraction / cost)
        for p, fraction, cost in zip(chances, fractions, costs, strict=True)
    )
    assert abs(best - stake.growth) <= 1e-6


def test_holdings_count_and_bad_input_is_refused():
    held = Security("m", True, asks=(Level(500_000, DEEP),), held=500 * UNIT)
    bundle = make_bundle([held])
    chances = [0.55 if row == (2,) else 0.45 for row in bundle.states]
    without = best_growth(make_bundle([ask("m", 0.5)]), chances, 1_000.0)
    assert without.spent == pytest.approx(100, abs=2)  # (.55 - .5) / .5 of wealth
    assert best_growth(bundle, chances, 1_000.0).spent == pytest.approx(0, abs=1)
    for bad in ([0.5], [0.7, 0.7]):
        with pytest.raises(NoGrowth):
            best_growth(bundle, bad, 1_000.0)
    with pytest.raises(NoGrowth):
        best_growth(bundle, chances, 0.0)
