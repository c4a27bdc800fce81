"""Growth: how much of wealth to stake, by closed forms where there are any, else by cuts.

Fractions of Kelly are shrinkage of the estimate to the market (Baker and McHale 2013): a quarter is
the ceiling, a tenth the default; what applies them is sizing.py. Amounts here are floats in units
of collateral: what is staked is rounded down where it becomes an order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import highspy
import numpy as np

from strongroom.analysis.bundle import FULL, Bundle, fee_of
from strongroom.chain.units import MICRO
from strongroom.errors import BadInput

GAP = 1e-7  # of growth, between the cuts' bound and what is reached
MAX_ROUNDS = 60


class NoGrowth(BadInput):
    """Probabilities or wealth are not what they must be; the message says which."""


@dataclass(frozen=True)
class Stake:
    """What to buy for the most growth."""

    tokens: tuple[float, ...]  # of each security
    spent: float  # units, fees included
    growth: float  # expected log of wealth over the start
    gap: float  # the most that is still missing to the best growth


def binary_fraction(chance: float, cost: float) -> float:
    """Return the part of wealth to spend on a token of `cost` (fees included) that pays 1.

    Kelly 1956: (p - c) / (1 - c), at least 0.
    """
    if not 0 < cost < 1:
        raise NoGrowth(f"cost {cost} is no price")
    return max(0.0, (chance - cost) / (1 - cost))


def binary_ladder(
    chance: float, levels: Sequence[tuple[float, float]], wealth: float
) -> tuple[float, float]:
    """Walk a ladder of asks; return the tokens to buy and what they cost.

    A level (cost with fees, tokens) is taken while p (1 - c) / W_won > (1 - p) c / W_lost, the last
    one in part: there both sides are equal.
    """
    won = lost = wealth
    tokens = 0.0
    for cost, depth in levels:
        if chance * (1 - cost) * lost <= (1 - chance) * cost * won:
            break
        inner = (chance * (1 - cost) * lost - (1 - chance) * cost * won) / (cost * (1 - cost))
        size = min(depth, inner)
        tokens += size
        won += size * (1 - cost)
        lost -= size * cost
        if size < depth:
            break
    return tokens, wealth - lost


def exclusive_fractions(chances: Sequence[float], costs: Sequence[float]) -> list[float]:
    """Return the parts of wealth for exclusive, exhaustive outcomes at single prices.

    Smoczynski and Tomkins 2010: outcomes by chance / cost; the reserve is what the chosen leave,
    (1 - sum p) / (1 - sum c); each gets p - reserve * c, as long as that is more than nothing.
    """
    if abs(sum(chances) - 1) > 1e-9:
        raise NoGrowth(f"chances sum to {sum(chances)}, not to 1")
    order = sorted(range(len(costs)), key=lambda i: -chances[i] / costs[i])
    reserve, p_sum, c_sum = 1.0, 0.0, 0.0
    chosen: list[int] = []
    for i in order:
        if chances[i] <= reserve * costs[i]:
            break
        if c_sum + costs[i] >= 1:
            break  # the rest is a sure profit: arbitrage, not a stake
        chosen.append(i)
        p_sum, c_sum = p_sum + chances[i], c_sum + costs[i]
        reserve = (1 - p_sum) / (1 - c_sum)
    return [chances[i] - reserve * costs[i] if i in chosen else 0.0 for i in range(len(costs))]


def best_growth(bundle: Bundle, chances: Sequence[float], wealth: float) -> Stake:
    """Return the purchases with the largest expected log of wealth, over all states.

    Concave, so solved by tangent cuts (outer approximation): u_s <= log w + (W_s - w) / w at each
    wealth w seen so far, until the bound and what is reached are GAP apart.

    Args:
        chances: of the bundle's states, summing to 1
        wealth: units, beside what is held

    Raises:
        NoGrowth: chances or wealth are not what they must be, or the cuts do not close.
    """
    if len(chances) != len(bundle.states) or abs(sum(chances) - 1) > 1e-9:
        raise NoGrowth(
            f"{len(chances)} chances for {len(bundle.states)} states, sum {sum(chances)}"
        )
    if wealth <= 0:
        raise NoGrowth(f"wealth {wealth} is not positive")
    legs = [
        (place, level.price / MICRO + fee_of(security, level.price), level.size / MICRO)
        for place, security in enumerate(bundle.securities)
        for level in security.asks
    ]
    held = np.array([security.held / MICRO for security in bundle.securities])
    pays = np.array(bundle.states, dtype=float) / FULL
    gains = np.array([pays[:, place] - cost for place, cost, _ in legs]).T
    start = wealth + pays @ held
    solver, infinity = _growth_solver(legs, chances, wealth), highspy.kHighsInf
    count = len(legs)
    stakes = np.zeros(count)
    best = (-infinity, stakes)
    for _ in range(MAX_ROUNDS):
        after = start + (gains @ stakes if count else 0.0)
        if (after > 0).all():
            reached = float(np.dot(chances, np.log(after / wealth)))
            best = max(best, (reached, stakes), key=lambda pair: pair[0])
        for state, value in enumerate(np.maximum(after, wealth * 1e-9)):
            # u_s - gains . x / w <= log(w / wealth) + (start - w) / w
            columns = np.append(np.arange(count), count + state).astype(np.int32)
            values = np.append(-gains[state] / value, 1.0)
            right = log(value / wealth) + (start[state] - value) / value
            solver.addRow(-infinity, right, len(columns), columns, values)
        solver.run()
        if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise NoGrowth("HiGHS found no optimum: are there states without any wealth?")
        bound = solver.getInfo().objective_function_value
        if bound - best[0] <= GAP:
            break
        stakes = np.asarray(solver.getSolution().col_value)[:count]
    else:
        raise NoGrowth(f"the cuts did not close in {MAX_ROUNDS} rounds")
    growth, stakes = best
    tokens = [0.0] * len(bundle.securities)
    for (place, *_), size in zip(legs, stakes, strict=True):
        tokens[place] += float(size)
    spent = sum(cost * float(size) for (_, cost, _), size in zip(legs, stakes, strict=True))
    return Stake(tuple(tokens), spent, growth, max(0.0, bound - growth))


def _growth_solver(
    legs: Sequence[tuple[int, float, float]], chances: Sequence[float], wealth: float
) -> "highspy.Highs":
    """Return the programme before its first cut: spend at most all of wealth."""
    infinity = highspy.kHighsInf
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = len(legs) + len(chances), 1
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_ = np.concatenate([np.zeros(len(legs)), np.array(chances)])
    model.col_lower_ = np.concatenate([np.zeros(len(legs)), np.full(len(chances), -infinity)])
    sizes = np.array([size for *_, size in legs])
    model.col_upper_ = np.concatenate([sizes, np.full(len(chances), 50.0)])
    model.row_lower_, model.row_upper_ = np.array([-infinity]), np.array([wealth])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array([0, len(legs)])
    model.a_matrix_.index_ = np.arange(len(legs))
    model.a_matrix_.value_ = np.array([cost for _, cost, _ in legs])
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.passModel(model)
    return solver
