"""Read a source's annotated AST as formulas over integers, by every path of a function.

A path is a list of conditions, its results and what it did: calls that stand alone, and those that
a reader has said what they stand for, are recorded, not followed. A division introduces its
quotient q by q*y <= x < q*y + y. Sums and products are unbounded integers here: where one would
overflow, or fall below 0, the code reverts, and `safe` says that it does not.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import z3

Node = dict[str, Any]
Value = Any  # a z3 integer or boolean, a list of them, or None: what no claim is of
WORD = 2**256


@dataclass
class Way:
    """One path through a function."""

    names: dict[str, Value]
    conditions: list[Any] = field(default_factory=list)
    safe: list[Any] = field(default_factory=list)  # what must hold lest it reverts
    done: list[tuple[str, list[Value]]] = field(default_factory=list)  # calls, in their order
    start: dict[str, Value] = field(default_factory=dict)  # names where the loop's body begins
    before: int = 0  # calls that were made by then
    result: Value = None
    ended: bool = False

    def split(self, condition: Any) -> "Way":
        """Return a copy on which a condition holds, too."""
        return Way(
            dict(self.names),
            [*self.conditions, condition],
            list(self.safe),
            list(self.done),
            self.start,
            self.before,
        )

    def calls(self, name: str) -> list[list[Value]]:
        """Return the arguments of each call of a name."""
        return [arguments for called, arguments in self.done if called == name]


class Unreadable(ValueError):
    """An expression that is no number, truth or list of them, and of which nothing is said."""


class Module:
    """The functions of one source file, and what their names stand for."""

    fresh = 0

    def __init__(self, folder: Path, name: str, known: dict[str, Value] | None = None) -> None:
        """Read a module; `known` says what words, fields and calls stand for, by their text."""
        self.folder = folder
        self.given = known or {}
        tree = json.loads((folder / f"{name}.json").read_text())["ast"]
        self.functions = {
            node["name"]: node for node in tree["body"] if node["ast_type"] == "FunctionDef"
        }
        self.known = dict(self.given)
        for node in tree["body"]:
            if node["ast_type"] == "VariableDecl" and node.get("is_constant"):
                self.known.setdefault(node["target"]["id"], node["value"])
        self.others: dict[str, Module] = {}

    def other(self, name: str, node: Node) -> "Module":
        """Return a module that this one imports."""
        if not (self.folder / f"{name}.json").exists():
            raise Unreadable(f"{name}.{node.get('attr')}, line {node.get('lineno')}")
        if name not in self.others:
            self.others[name] = Module(self.folder, name, self.given)
        return self.others[name]

    def ways(self, function: str, **arguments: Value) -> list[Way]:
        """Return all paths of a function; after a loop, what it assigns may be anything."""
        return self.run(self.functions[function]["body"], Way(dict(arguments)))

    def loop(self, function: str, which: int = 0, **arguments: Value) -> list[Way]:
        """Return all paths once through a function's loop, from whatever it has come to."""
        body = self.functions[function]["body"]
        place = [i for i, node in enumerate(body) if node["ast_type"] == "For"][which]
        ways = [way for way in self.run(body[:place], Way(dict(arguments))) if not way.ended]
        for way in ways:
            self.forget(body[place], way)
            way.start, way.before = dict(way.names), len(way.done)
        return [after for way in ways for after in self.run(body[place]["body"], way)]

    def forget(self, node: Node, way: Way) -> None:
        """Let what a loop assigns be anything."""
        for name in sorted(assigned(node["body"])):
            if isinstance(way.names.get(name), z3.ArithRef):
                way.names[name] = self.new(name)
                way.conditions.append(way.names[name] >= 0)
            elif isinstance(way.names.get(name), z3.BoolRef):
                way.names[name] = self.new(name, truth=True)

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
        if kind in ("Log", "Pass"):
            return [way]
        if kind == "Expr":
            if node["value"]["ast_type"] in ("Call", "ExtCall"):
                call = node["value"]
                call = call["value"] if call["ast_type"] == "ExtCall" else call
                said = [self.readable(each, way) for each in call["args"]]
                way.done.append((text(call["func"]), said))
            return [way]
        if kind in ("AnnAssign", "Assign"):
            self.assign(node["target"], self.readable(node["value"], way), way)
            return [way]
        if kind == "AugAssign":
            sum_ = {**node, "ast_type": "BinOp", "left": node["target"], "right": node["value"]}
            self.assign(node["target"], self.readable(sum_, way), way)
            return [way]
        if kind == "Assert":
            test = self.readable(node["test"], way)
            way.conditions += [] if test is None else [test]
            return [way]
        if kind in ("Continue", "Break"):
            way.ended = True
            return [way]
        if kind == "Return":
            way.result = self.value(node["value"], way) if node["value"] else None
            way.ended = True
            return [way]
        if kind == "For":
            if "Return" in kinds(node["body"]):
                raise ValueError(f"a loop that returns, line {node['lineno']}")
            self.forget(node, way)
            return [way]
        if kind == "If":
            test = self.readable(node["test"], way)
            test = self.new("test", truth=True) if test is None else test
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

    def readable(self, node: Node, way: Way) -> Value:
        """Return what an expression stands for, None if it is of nothing that is said."""
        try:
            return self.value(node, way)
        except Unreadable:
            return None

    def value(self, node: Node, way: Way) -> Value:
        """Return what an expression stands for."""
        said = text(node)
        if said in way.names:
            return way.names[said]
        if said in self.known and not callable(self.known[said]):
            known = self.known[said]
            return self.value(known, way) if isinstance(known, dict) else known
        kind = node["ast_type"]
        if kind == "Subscript":
            return self.value(node["value"], way)  # any of them
        if kind == "Int":
            return z3.IntVal(node["value"])
        if kind == "NameConstant":
            return z3.BoolVal(node["value"])
        if kind in ("Tuple", "List"):
            return [self.value(each, way) for each in node["elements"]]
        if kind == "BinOp":
            return self.binary(node, node["left"], node["right"], way)
        if kind == "Compare":
            return self.compared(node, way)
        if kind == "BoolOp":
            parts = [self.value(each, way) for each in node["values"]]
            return (z3.And if node["op"]["ast_type"] == "And" else z3.Or)(*parts)
        if kind == "UnaryOp":
            operand = self.value(node["operand"], way)
            return z3.Not(operand) if node["op"]["ast_type"] == "Not" else WORD - 1 - operand
        if kind == "IfExp":
            return z3.If(*(self.value(node[part], way) for part in ("test", "body", "orelse")))
        if kind == "Attribute" and node["value"]["ast_type"] == "Name":
            module = self.other(node["value"]["id"], node)
            return module.value({"ast_type": "Name", "id": node["attr"]}, Way({}))
        if kind in ("StaticCall", "ExtCall"):
            way.done.append((text(node["value"]["func"]), []))
            return self.called(node["value"], way)
        if kind == "Call":
            return self.called(node, way)
        raise Unreadable(f"expression {said}, line {node.get('lineno')}")

    def called(self, node: Node, way: Way) -> Value:
        """Return what a call stands for: of min and max, of what is known, or of a function."""
        name = text(node["func"])
        if name in self.known:
            arguments = [self.readable(each, way) for each in node["args"]]
            way.done.append((name, arguments))
            return self.known[name](*arguments)
        arguments = [self.value(each, way) for each in node["args"]]
        if name in ("min", "max"):
            least = name == "min"
            chosen = self.new("least" if least else "most")
            for each in arguments:
                way.conditions.append(chosen <= each if least else chosen >= each)
            way.conditions.append(z3.Or(*(chosen == each for each in arguments)))
            return chosen
        place, _, name = name.rpartition(".")
        module = self if place == "self" else self.other(place, node)
        if name not in module.functions:
            raise Unreadable(f"call of {name}, line {node.get('lineno')}")
        function = module.functions[name]
        names = [each["arg"] for each in function["args"]["args"]]
        names = names[: len(arguments)]  # those left out have a default
        ways = module.run(function["body"], Way(dict(zip(names, arguments, strict=True))))
        if any(each.done for each in ways):
            raise ValueError(f"{name} does something: say what it stands for")
        if len(ways) == 1:
            way.conditions += ways[0].conditions
            way.safe += ways[0].safe
            return ways[0].result
        result = self.new(name)
        way.conditions.append(
            z3.Or(*(z3.And(*each.conditions, *each.safe, result == each.result) for each in ways))
        )
        return result

    def compared(self, node: Node, way: Way) -> Any:
        """Return a comparison."""
        kind = node["op"]["ast_type"]
        if kind == "NotIn":
            return z3.Not(self.value({**node, "op": {"ast_type": "In"}}, way))
        left, right = self.value(node["left"], way), self.value(node["right"], way)
        if left is None or right is None or kind == "In":
            raise Unreadable(f"comparison, line {node['lineno']}")
        return {
            "Eq": lambda: left == right,
            "NotEq": lambda: left != right,
            "Lt": lambda: left < right,
            "LtE": lambda: left <= right,
            "Gt": lambda: left > right,
            "GtE": lambda: left >= right,
        }[kind]()

    def binary(self, node: Node, first: Node, second: Node, way: Way) -> Any:
        """Return sum, product, quotient, power, shift, or what of two words' bits is known."""
        left, right = self.value(first, way), self.value(second, way)
        if left is None or right is None:
            raise Unreadable(f"{text(node)}, line {node['lineno']}")
        kind = node["op"]["ast_type"]
        if kind == "Pow":
            return z3.IntVal(number(left) ** number(right))
        if kind in ("FloorDiv", "RShift"):
            by = z3.IntVal(2 ** number(right)) if kind == "RShift" else right
            result = self.new("quotient")
            way.safe.append(by > 0)
            way.conditions += [by > 0, result * by <= left, left < result * by + by, result >= 0]
            return result
        if kind == "LShift":  # bits may fall off
            whole, result = left * z3.IntVal(2 ** number(right)), self.new("shifted")
            way.conditions += [result >= 0, z3.Implies(whole < WORD, result == whole)]
            return result
        if kind in ("BitAnd", "BitOr"):
            result = self.new("bits")
            way.conditions += (
                [result >= left, result >= right, result <= left + right]
                if kind == "BitOr"
                else [result >= 0, result <= left, result <= right]
            )
            return result
        result = {
            "Add": lambda: left + right,
            "Sub": lambda: left - right,
            "Mult": lambda: left * right,
        }[kind]()
        way.safe.append(z3.And(result >= 0, result < WORD))
        return result

    def new(self, name: str, truth: bool = False) -> Any:
        """Return a number that no other has, or a truth."""
        Module.fresh += 1
        return (z3.Bool if truth else z3.Int)(f"{name}_{Module.fresh}")


def assigned(body: list[Node]) -> set[str]:
    """Return the names that statements assign."""
    names = set()
    for node in nodes(body):
        if node["ast_type"] in ("Assign", "AugAssign"):
            target = node["target"]
            targets = target["elements"] if target["ast_type"] == "Tuple" else [target]
            names |= {text(each) for each in targets}
    return names


def kinds(body: list[Node]) -> set[str]:
    """Return the kinds of all nodes of statements."""
    return {node["ast_type"] for node in nodes(body)}


def nodes(tree: Any) -> list[Node]:
    """Return all nodes of a tree."""
    if isinstance(tree, list):
        return [node for each in tree for node in nodes(each)]
    if not isinstance(tree, dict):
        return []
    own = [tree] if "ast_type" in tree else []
    return own + [
        node
        for key, each in tree.items()
        if key not in ("type", "variable_reads")
        for node in nodes(each)
    ]


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
    if kind in ("BinOp", "Compare"):
        return f"{text(node['left'])} {node['op']['ast_type']} {text(node['right'])}"
    return str(kind)
