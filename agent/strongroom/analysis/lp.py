"""Arbitrage as one linear programme: the most that a bundle earns in its worst state.

Every named kind (Dutch book, negative-risk sets, conversions, implications, ladders, bundles, two
venues, a known result) is the same programme with other states. HiGHS solves it; what it proposes
is rounded down to lots and counts only with an exact certificate (certify.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import highspy
import numpy as np
import numpy.typing as npt

from strongroom.analysis.bundle import Bundle, fee_of
from strongroom.chain.units import MICRO
from strongroom.errors import Differs

Solver: TypeAlias = highspy.Highs
Vector = npt.NDArray[np.float64]
EPSILON = 1e-9  # of turnover: of two plans that earn the same, the smaller
TOLERANCE = 1e-9
INFINITY = highspy.kHighsInf


class SolverFailed(Differs):
    """HiGHS found no optimum where one must exist; the message has its status."""


@dataclass(frozen=True)
class BundleLeg:
    """Trade `size` micro-tokens of a security at a level."""

    security: int
    buy: bool
    price: int
    size: int


@dataclass(frozen=True)
class BundlePlan:
    """What to do, in whole lots, and what the solver says of it."""

    legs: tuple[BundleLeg, ...]
    transforms: Mapping[int, int]  # transform -> micro-tokens
    bound: float  # the solver's own worst-state profit before rounding, units
    weights: tuple[float, ...]  # of the states: the measure that prices everything if bound is 0


@dataclass(frozen=True)
class _Columns:
    """Where the variables stand: legs, transforms, holdings, cash, guarantee, switches."""

    legs: list[tuple[int, bool, int, int]]  # security, buy, price, size
    switches: list[tuple[int, bool]]  # security, buy: 0 or at least the minimum
    transform: int
    holding: int
    cash: int

    @property
    def guarantee(self) -> int:
        """What every state leaves at least."""
        return self.cash + 1

    @property
    def switch(self) -> int:
        """The first switch; the variables before it are continuous."""
        return self.cash + 2

    @property
    def count(self) -> int:
        """How many there are."""
        return self.switch + len(self.switches)


_Row = tuple[float, float, list[tuple[int, float]]]  # lower, upper, (column, factor)


def make_solver() -> Solver:
    """Return a solver. One that has solved before solves the next small programme in half the
    time; it keeps nothing of the last one."""
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    return solver


def solve(bundle: Bundle, solver: Solver | None = None) -> BundlePlan:
    """Return the plan with the largest sure profit; an empty one when there is none.

    Minimum sizes are kept: where a leg comes out below its security's, it is either left out or
    raised, whichever earns more.

    Args:
        solver: as `make_solver` returns it; None: a new one

    Raises:
        SolverFailed: see the class.
    """
    minimums: set[tuple[int, bool]] = set()
    solver = solver or make_solver()
    while True:
        columns, model = _build(bundle, minimums)
        solver.passModel(model)
        solver.run()
        status = solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise SolverFailed(f"HiGHS: {solver.modelStatusToString(status)}")
        values = np.asarray(solver.getSolution().col_value)
        below = _below_minimum(bundle, columns, values) - minimums
        if not below:
            break
        minimums |= below
    duals = np.asarray(solver.getSolution().row_dual)
    states = len(bundle.states)
    weights = np.abs(duals[:states]) if len(duals) >= states and not minimums else np.zeros(states)
    return _plan(bundle, columns, values, tuple(float(weight) for weight in weights))


def _build(bundle: Bundle, minimums: set[tuple[int, bool]]) -> tuple[_Columns, highspy.HighsLp]:
    """Return the programme: variables, what they are worth, and what binds them."""
    legs = [
        (place, buy, level.price, level.size)
        for place, security in enumerate(bundle.securities)
        for buy, levels in ((True, security.asks), (False, security.bids))
        for level in levels
    ]
    holding = len(legs) + len(bundle.transforms)
    cash = holding + len(bundle.securities)
    columns = _Columns(legs, sorted(minimums), len(legs), holding, cash)
    rows = [
        *_guarantees(bundle, columns),
        *_balances(bundle, columns),
        *_money(bundle, columns),
        *_minimums(bundle, columns),
    ]
    return columns, _model(columns, *_bounds(columns), rows)


def _bounds(columns: _Columns) -> tuple[Vector, Vector, Vector]:
    """Return each variable's worth, lower and upper bound."""
    legs, cash, guarantee = columns.legs, columns.cash, columns.guarantee
    cost, upper = np.zeros(columns.count), np.full(columns.count, INFINITY)
    lower = np.zeros(columns.count)
    lower[cash], lower[guarantee] = -INFINITY, -INFINITY
    cost[guarantee] = 1.0
    cost[: len(legs)] = -EPSILON
    upper[: len(legs)] = [size / MICRO for *_, size in legs]
    upper[columns.switch :] = 1.0
    return cost, lower, upper


def _guarantees(bundle: Bundle, columns: _Columns) -> list[_Row]:
    """In each state: t - K - sum X h <= 0."""
    rows: list[_Row] = []
    for state in bundle.states:
        row = [(columns.guarantee, 1.0), (columns.cash, -1.0)]
        row += [(columns.holding + j, -pays / 2) for j, pays in enumerate(state) if pays]
        rows.append((-INFINITY, 0.0, row))
    return rows


def _balances(bundle: Bundle, columns: _Columns) -> list[_Row]:
    """Of each security: h = h0 + buys - sells + what transforms bring."""
    balances = [[(columns.holding + j, 1.0)] for j in range(len(bundle.securities))]
    for i, (place, buy, *_) in enumerate(columns.legs):
        balances[place].append((i, -1.0 if buy else 1.0))
    for k, transform in enumerate(bundle.transforms):
        for place, change in transform.changes.items():
            balances[place].append((columns.transform + k, -float(change)))
    return [
        (security.held / MICRO, security.held / MICRO, row)
        for security, row in zip(bundle.securities, balances, strict=True)
    ]


def _money(bundle: Bundle, columns: _Columns) -> list[_Row]:
    """The cash that legs and transforms leave, the budget, and each market's cap."""
    legs, cash = columns.legs, columns.cash
    flows = [_flow(bundle, leg) for leg in legs]
    row = [(cash, 1.0)] + [(i, -flow) for i, flow in enumerate(flows)]
    row += [(columns.transform + k, -float(each.cash)) for k, each in enumerate(bundle.transforms)]
    rows: list[_Row] = [(0.0, 0.0, row), (-bundle.budget / MICRO, INFINITY, [(cash, 1.0)])]
    for market, cap in bundle.caps.items():
        spent = [
            (i, -flow)
            for i, ((place, buy, *_), flow) in enumerate(zip(legs, flows, strict=True))
            if buy and bundle.securities[place].market == market
        ]
        if spent:
            rows.append((-INFINITY, cap / MICRO, spent))
    return rows


def _minimums(bundle: Bundle, columns: _Columns) -> list[_Row]:
    """What came out below its security's minimum: 0, or at least the minimum."""
    rows: list[_Row] = []
    for number, (place, buy) in enumerate(columns.switches):
        mine = [(i, 1.0) for i, leg in enumerate(columns.legs) if leg[:2] == (place, buy)]
        most = sum(columns.legs[i][3] for i, _ in mine) / MICRO
        switch = columns.switch + number
        least = bundle.securities[place].min_size / MICRO
        rows.append((0.0, INFINITY, [*mine, (switch, -least)]))
        rows.append((-INFINITY, 0.0, [*mine, (switch, -most)]))
    return rows


def _model(
    columns: _Columns, cost: Vector, lower: Vector, upper: Vector, rows: list[_Row]
) -> highspy.HighsLp:
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns.count, len(rows)
    model.sense_ = highspy.ObjSense.kMaximize
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
    model.row_lower_ = np.array([row[0] for row in rows])
    model.row_upper_ = np.array([row[1] for row in rows])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.cumsum([0] + [len(row[2]) for row in rows])
    model.a_matrix_.index_ = np.array([column for row in rows for column, _ in row[2]])
    model.a_matrix_.value_ = np.array([value for row in rows for _, value in row[2]])
    if columns.switches:
        kinds = [highspy.HighsVarType.kContinuous] * columns.switch
        kinds += [highspy.HighsVarType.kInteger] * len(columns.switches)
        model.integrality_ = kinds
    return model


def _flow(bundle: Bundle, leg: tuple[int, bool, int, int]) -> float:
    """Return the cash that one token of a leg brings, fees included."""
    place, buy, price, _ = leg
    fee = fee_of(bundle.securities[place], price)
    return -(price / MICRO + fee) if buy else price / MICRO - fee


def _below_minimum(bundle: Bundle, columns: _Columns, values: Vector) -> set[tuple[int, bool]]:
    totals: dict[tuple[int, bool], float] = {}
    for (place, buy, *_), value in zip(columns.legs, values, strict=False):
        totals[place, buy] = totals.get((place, buy), 0.0) + float(value)
    return {
        key
        for key, total in totals.items()
        if TOLERANCE < total < bundle.securities[key[0]].min_size / MICRO - TOLERANCE
    }


def _plan(
    bundle: Bundle, columns: _Columns, values: Vector, weights: tuple[float, ...]
) -> BundlePlan:
    """Round down to lots; what then lacks a holding is sold or transformed less."""
    bound = float(values[columns.guarantee])
    sizes = [_lots(value, bundle.lot) for value in values[: len(columns.legs)]]
    amounts = [
        _lots(value, bundle.lot)
        for value in values[columns.transform : columns.transform + len(bundle.transforms)]
    ]
    held = [security.held for security in bundle.securities]
    for (place, buy, *_), size in zip(columns.legs, sizes, strict=True):
        held[place] += size if buy else -size
    for transform, amount in zip(bundle.transforms, amounts, strict=True):
        for place, change in transform.changes.items():
            held[place] += change * amount
    for i, (place, buy, *_) in enumerate(columns.legs):
        if held[place] < 0 and not buy:
            less = min(-held[place], sizes[i])
            sizes[i] -= less
            held[place] += less
    if min(held, default=0) < 0:
        return BundlePlan((), {}, bound, weights)
    legs = [
        BundleLeg(place, buy, price, size)
        for (place, buy, price, _), size in zip(columns.legs, sizes, strict=True)
        if size
    ]
    return BundlePlan(
        tuple(legs), {k: amount for k, amount in enumerate(amounts) if amount}, bound, weights
    )


def _lots(value: float, lot: int) -> int:
    """Return a size in micro-tokens, whole lots; the solver's last digits do not cost a lot."""
    return int(value * MICRO / lot + 1e-6) * lot
