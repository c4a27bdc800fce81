"""Prove integer properties of the sources: their annotated AST, read as formulas over integers.

Run by run.py with the prover's Python: `formulas.py FOLDER [WORD]`, where FOLDER holds the AST of
each module as Vyper writes it. Every path of a function is a list of conditions and its results.
A division introduces its quotient q by q*y <= x < q*y + y. Additions and products are unbounded
integers here; that none overflows or divides by zero in the stated ranges is a property of its own.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import z3

Node = dict[str, Any]
Value = Any  # a z3 integer or boolean, or a list of them
WORD = 2**256
CONSTANT = {"Int", "NameConstant", "True", "False"}


@dataclass
class Way:
    """One path through a function."""

    names: dict[str, Value]
    conditions: list[Any] = field(default_factory=list)
    safe: list[Any] = field(default_factory=list)  # what must hold lest it reverts
    result: Value = None
    ended: bool = False

    def split(self, condition: Any) -> "Way":
        """Return a copy on which a condition holds, too."""
        return Way(dict(self.names), [*self.conditions, condition], list(self.safe))


class Module:
    """The functions of one source file, and what their names stand for."""

    fresh = 0

    def __init__(self, folder: Path, name: str, known: dict[str, Value] | None = None) -> None:
        """Read a module; `known` says what words, fields and calls stand for, by their text."""
        self.folder = folder
        tree = json.loads((folder / f"{name}.json").read_text())["ast"]
        self.functions = {
            node["name"]: node for node in tree["body"] if node["ast_type"] == "FunctionDef"
        }
        self.known = dict(known or {})
        for node in tree["body"]:
            if node["ast_type"] == "VariableDecl" and node.get("is_constant"):
                self.known.setdefault(node["target"]["id"], node["value"])

    def ways(self, function: str, **arguments: Value) -> list[Way]:
        """Return all paths of a function."""
        node = self.functions[function]
        return self.run(node["body"], Way(dict(arguments)))

    def run(self, body: list[Node], way: Way) -> list[Way]:
        """Return all paths through statements."""
        ways = [way]
        for statement in body:
            ways = [
                after
                for before in ways
                for after in ([before] if before.ended else self.step(statement, before))
            ]
        return ways

    def step(self, node: Node, way: Way) -> list[Way]:
        """Return all paths through one statement."""
        kind = node["ast_type"]
        if kind in ("Expr", "Log", "Pass"):
            return [way]
        if kind in ("AnnAssign", "Assign"):
            self.assign(node["target"], self.value(node["value"], way), way)
            return [way]
        if kind == "AugAssign":
            self.assign(node["target"], self.binary(node, node["target"], node["value"], way), way)
            return [way]
        if kind == "Assert":
            way.conditions.append(self.value(node["test"], way))
            return [way]
        if kind == "Return":
            way.result, way.ended = self.value(node["value"], way), True
            return [way]
        if kind == "If":
            test = self.value(node["test"], way)
            inside, outside = way.split(test), way.split(z3.Not(test))
            return [*self.run(node["body"], inside), *self.run(node["orelse"], outside)]
        raise ValueError(f"statement {kind}, line {node['lineno']}")

    def assign(self, target: Node, value: Value, way: Way) -> None:
        """Give a name its value."""
        if target["ast_type"] == "Tuple":
            for each, part in zip(target["elements"], value, strict=True):
                self.assign(each, part, way)
        else:
            way.names[text(target)] = value

    def value(self, node: Node, way: Way) -> Value:
        """Return what an expression stands for."""
        said = text(node)
        if said in way.names:
            return way.names[said]
        if said in self.known:
            known = self.known[said]
            return self.value(known, way) if isinstance(known, dict) else known
        kind = node["ast_type"]
        if kind == "Int":
            return z3.IntVal(node["value"])
        if kind == "NameConstant":
            return z3.BoolVal(node["value"])
        if kind == "Tuple":
            return [self.value(each, way) for each in node["elements"]]
        if kind == "BinOp":
            return self.binary(node, node["left"], node["right"], way)
        if kind == "Compare":
            return self.compared(node, way)
        if kind == "BoolOp":
            parts = [self.value(each, way) for each in node["values"]]
            return (z3.And if node["op"]["ast_type"] == "And" else z3.Or)(*parts)
        if kind == "UnaryOp" and node["op"]["ast_type"] == "Not":
            return z3.Not(self.value(node["operand"], way))
        if kind == "IfExp":
            return z3.If(*(self.value(node[part], way) for part in ("test", "body", "orelse")))
        if kind == "Attribute" and text(node["value"]) == "units":
            return z3.IntVal(UNITS[node["attr"]])
        if kind == "Call":
            return self.called(node, way)
        raise ValueError(f"expression {said}, line {node.get('lineno')}")

    def called(self, node: Node, way: Way) -> Value:
        """Return what a call stands for: of min and max, or of a function of one path."""
        name = text(node["func"])
        arguments = [self.value(each, way) for each in node["args"]]
        if name in ("min", "max"):
            least = name == "min"
            chosen = self.new("least" if least else "most")
            for each in arguments:
                way.conditions.append(chosen <= each if least else chosen >= each)
            way.conditions.append(z3.Or(*(chosen == each for each in arguments)))
            return chosen
        function = self.functions[name.removeprefix("self.")]
        names = [each["arg"] for each in function["args"]["args"]]
        inner = Way(dict(zip(names, arguments, strict=True)))
        (ended,) = self.run(function["body"], inner)
        way.conditions += ended.conditions
        way.safe += ended.safe
        return ended.result

    def compared(self, node: Node, way: Way) -> Any:
        """Return a comparison."""
        left, right = self.value(node["left"], way), self.value(node["right"], way)
        return {
            "Eq": lambda: left == right,
            "NotEq": lambda: left != right,
            "Lt": lambda: left < right,
            "LtE": lambda: left <= right,
            "Gt": lambda: left > right,
            "GtE": lambda: left >= right,
        }[node["op"]["ast_type"]]()

    def binary(self, node: Node, first: Node, second: Node, way: Way) -> Any:
        """Return sum, difference, product, quotient, power or shift."""
        left, right = self.value(first, way), self.value(second, way)
        kind = node["op"]["ast_type"]
        if kind == "Add":
            result = left + right
        elif kind == "Sub":
            result = left - right
        elif kind == "Mult":
            result = left * right
        elif kind == "Pow":
            return z3.IntVal(number(left) ** number(right))
        elif kind == "LShift":
            return left * z3.IntVal(2 ** number(right))
        elif kind in ("FloorDiv", "RShift"):
            by = z3.IntVal(2 ** number(right)) if kind == "RShift" else right
            result = self.new("quotient")
            way.safe.append(by > 0)
            way.conditions += [by > 0, result * by <= left, left < result * by + by, result >= 0]
            return result
        else:
            raise ValueError(f"operator {kind}, line {node['lineno']}")
        way.safe.append(z3.And(result >= 0, result < WORD))
        return result

    def new(self, name: str) -> Any:
        """Return a number that no other has."""
        Module.fresh += 1
        return z3.Int(f"{name}_{Module.fresh}")


def number(value: Any) -> int:
    """Return a constant's value."""
    return z3.simplify(value).as_long()


def text(node: Node) -> str:
    """Return an expression as its source has it, near enough to be named by."""
    kind = node["ast_type"]
    if kind == "Name":
        return str(node["id"])
    if kind == "Attribute":
        return f"{text(node['value'])}.{node['attr']}"
    if kind == "Int":
        return str(node["value"])
    if kind == "Call":
        return f"{text(node['func'])}({', '.join(text(each) for each in node['args'])})"
    if kind == "Subscript":
        return f"{text(node['value'])}[{text(node['slice'])}]"
    if kind == "BinOp":
        return f"{text(node['left'])} {node['op']['ast_type']} {text(node['right'])}"
    return kind


UNITS = {
    "BPS": 10_000,
    "WAD": 10**18,
    "SHARE": 10**18,
    "PRICE": 10**36,
    "DAY": 86_400,
    **{f"U{bits}": 2**bits - 1 for bits in (40, 85, 96, 108, 112, 128, 160, 176)},
}


@dataclass(frozen=True)
class Claim:
    """A property of formulas: what is assumed, what must follow; and a wrong one that must not."""

    name: str
    build: Callable[[Path], tuple[list[list[Any]], list[Any], list[Any]]]
    # -> for each path its conditions and claim; claims that must be refuted in at least one path


def proved(conditions: list[Any], claim: Any) -> str:
    """Return whether a claim follows: proven, refuted or unknown."""
    solver = z3.SolverFor("QF_NIA")
    solver.set("timeout", 60_000)
    for each in conditions:
        solver.add(z3.simplify(each, som=True))
    solver.add(z3.simplify(z3.Not(claim), som=True))
    answer = solver.check()
    return {"unsat": "proven", "sat": "refuted"}.get(str(answer), "unknown")


# Fees: contracts/modules/fees.vy


NAMES = "base assets supply virtual elapsed lifting mark management_bps performance_bps hurdle_bps"


def fee_ways(folder: Path, performing: bool) -> tuple[dict[str, Any], list[Way]]:
    """Return the numbers that `_due` is of, and its paths, in the ranges that are stated."""
    n = {name: z3.Int(name) for name in NAMES.split()}
    module = Module(
        folder,
        "fees",
        {
            "word BitAnd units.U176": n["mark"],
            "self._rates(word)": [n["management_bps"], n["performance_bps"], n["hurdle_bps"]],
        },
    )
    ways = module.ways(
        "_due",
        word=None,
        base=n["base"],
        assets=n["assets"],
        supply=n["supply"],
        virtual=n["virtual"],
        elapsed=n["elapsed"],
        lifting=n["lifting"],
        performing=z3.BoolVal(performing),
    )
    limits = [
        *(each >= 0 for each in n.values()),
        n["base"] < 2**108,
        n["assets"] < 2**108,
        n["supply"] < 2**112,
        n["virtual"] >= 1,
        n["virtual"] <= 10**18,
        n["elapsed"] <= 2**36,
        n["lifting"] <= 2**36,
        n["mark"] < 2**108,
        n["management_bps"] <= 500,
        n["performance_bps"] <= 5_000,
        n["hurdle_bps"] <= 10_000,
    ]
    for way in ways:
        way.conditions += limits
    return n, [way for way in ways if not z3.is_false(z3.simplify(z3.And(*way.conditions)))]


def of_fees(performing: bool, claim: Callable[..., Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on numbers, results and way, for each path of `_due`."""

    def build(folder: Path) -> list[Any]:
        n, ways = fee_ways(folder, performing)
        return [(way.conditions, claim(n, *way.result, way)) for way in ways]

    return build


def average(n: dict[str, Any], rest: Any, way: Way) -> Any:
    """Return the price of one whole share when `rest` assets are left of it."""
    whole = n["supply"] + n["virtual"]
    return lambda price: z3.And(
        price * whole <= (rest + 1) * 10**18, (price + 1) * whole > (rest + 1) * 10**18
    )


YEAR_BPS = 10_000 * 365 * 86_400


def management_due(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that the management fee is at most its formula, on the smaller of two NAVs."""
    return z3.And(
        m * YEAR_BPS <= n["base"] * n["management_bps"] * n["elapsed"],
        m * YEAR_BPS <= n["assets"] * n["management_bps"] * n["elapsed"],
    )


def performance_due(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that the performance fee is at most its part of the profit above the mark."""
    profit = (n["assets"] + 1 - m) * 10**18 - n["mark"] * (n["supply"] + n["virtual"])
    return z3.Implies(
        f > 0, z3.And(profit > 0, f * 10_000 * 10**18 <= n["performance_bps"] * profit)
    )


def nothing_below(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that there is no performance fee while a share is worth at most the mark."""
    worth = (n["assets"] + 1 - m) * 10**18
    return z3.Implies(worth <= n["mark"] * (n["supply"] + n["virtual"]), f == 0)


def lower_bound(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that one share more would be worth more than the two fees."""
    return z3.Or(
        n["supply"] == 0,
        m + f > n["assets"],
        (shares + 1) * (n["assets"] + 1) > (m + f) * (n["supply"] + n["virtual"] + shares + 1),
    )


def mark_stays(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that the mark does not fall, and is the price after fees at least."""
    after = (n["supply"] + shares + n["virtual"]) * (mark + 1) > (n["assets"] + 1) * 10**18
    return z3.Or(n["supply"] == 0, z3.And(mark >= n["mark"], after))


def never_reverts(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that no sum or product overflows, nothing falls below 0, nothing is divided by 0."""
    return z3.And(*way.safe)


def in_kind(n: dict[str, Any], m: Any, f: Any, shares: Any, mark: Any, way: Way) -> Any:
    """Claim that no performance fee is taken and the mark only rises by the hurdle."""
    return z3.And(
        f == 0,
        z3.Or(n["supply"] == 0, mark >= n["mark"]),
        z3.Implies(z3.And(n["hurdle_bps"] == 0, n["supply"] > 0), mark == n["mark"]),
    )


# Prices: contracts/modules/nav.vy and contracts/VaultDesk.vy


def prices(folder: Path) -> tuple[dict[str, Any], Way]:
    """Return NAVs, supply and mark, and the prices that `_deal` publishes of them.

    After fees the mark is the price at the bid at least, which `mark_stays` proves.
    """
    n = {name: z3.Int(name) for name in ("nav_bid", "nav_ask", "supply", "virtual", "mark", "bps")}
    nav = Module(folder, "nav", {"ledger.VIRTUAL_SHARES": n["virtual"]})
    (bid,) = nav.ways("_price", assets=n["nav_bid"], supply=n["supply"])
    (dear,) = nav.ways("_price_up", assets=n["nav_ask"], supply=n["supply"])
    desk = Module(
        folder,
        "VaultDesk",
        {"fees._high_water_mark()": n["mark"], "fees._performance_bps()": n["bps"]},
    )
    way = Way({})
    way.conditions = [
        *(each >= 0 for each in n.values()),
        n["virtual"] >= 1,
        n["nav_ask"] >= n["nav_bid"],
        n["bps"] <= 5_000,
        (n["mark"] + 1) * (n["supply"] + n["virtual"]) > (n["nav_bid"] + 1) * 10**18,
        *bid.conditions,
        *dear.conditions,
    ]
    n["bid"], n["gross"] = bid.result, dear.result
    n["desk"] = desk
    return n, way


def of_prices(claim: Callable[..., Any]) -> Callable[[Path], list[Any]]:
    """Return a builder: a claim on the prices published, for each path of `_net`."""

    def build(folder: Path) -> list[Any]:
        n, way = prices(folder)
        nets = n["desk"].ways("_net", price=n["gross"], winding_down=z3.BoolVal(False))
        return [([*way.conditions, *net.conditions], claim(n, net.result)) for net in nets]

    return build


FEES = [
    (
        "FeeUpperBound: fee shares are worth at most the two fees",
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                shares * (n["assets"] + 1) <= (m + f) * (n["supply"] + n["virtual"] + shares)
            ),
        ),
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                shares * (n["assets"] + 1) <= (m + f - 1) * (n["supply"] + n["virtual"] + shares)
            ),
        ),
    ),
    (
        "FeeLowerBound: one share more would be worth more than the fees",
        of_fees(True, lower_bound),
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                shares * (n["assets"] + 1) > (m + f) * (n["supply"] + n["virtual"] + shares)
            ),
        ),
    ),
    (
        "ManagementFee: at most its rate on the smaller NAV",
        of_fees(True, management_due),
        of_fees(
            True,
            lambda n, m, f, shares, mark, way: (
                m * YEAR_BPS < n["base"] * n["management_bps"] * n["elapsed"]
            ),
        ),
    ),
    (
        "PerformanceFee: at most its rate on profit above the mark",
        of_fees(True, performance_due),
        of_fees(True, lambda n, m, f, shares, mark, way: f == 0),
    ),
    (
        "NoFeeBelowMark",
        of_fees(True, nothing_below),
        of_fees(True, lambda n, m, f, shares, mark, way: f == 0),
    ),
    (
        "MarkNeverFalls: and is at least the price after fees",
        of_fees(True, mark_stays),
        of_fees(True, lambda n, m, f, shares, mark, way: mark > n["mark"]),
    ),
    (
        "AccrueNeverReverts: assets < 2**108, shares < 2**112, mark < 2**108",
        of_fees(True, never_reverts),
        of_fees(True, lambda n, m, f, shares, mark, way: z3.And(*way.safe, shares < 2**112)),
    ),
    (
        "InKindTakesManagementOnly",
        of_fees(False, in_kind),
        of_fees(False, lambda n, m, f, shares, mark, way: m == 0),
    ),
    (
        "AskAtLeastBid: but for the fee on less than one unit of the mark, a millionth of a share",
        of_prices(lambda n, ask: (n["bid"] - ask) * 10_000 <= n["bps"] * 10**18),
        of_prices(lambda n, ask: ask >= n["bid"]),
    ),
]


def main() -> int:
    """Prove all claims whose name has a word in it; return 0 where all hold."""
    folder, word = Path(sys.argv[1]), sys.argv[2].lower() if len(sys.argv) > 2 else ""
    failed = 0
    for name, build, wrong in FEES:
        if word not in name.lower():
            continue
        began = time.monotonic()
        verdicts = [proved(conditions, claim) for conditions, claim in build(folder)]
        twins = [proved(conditions, claim) for conditions, claim in wrong(folder)]
        good = set(verdicts) == {"proven"} and "refuted" in twins
        failed += not good
        said = "proven" if good else f"NOT PROVEN: {verdicts}, wrong ones {twins}"
        seconds = time.monotonic() - began
        print(f"{name:88} {len(verdicts):3} paths {seconds:6.1f} s  {said}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
