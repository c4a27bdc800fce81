"""Compile mutants: all of a contract at once, or one alone.

`together` compiles a contract whose code does at each place what `block.prevrandao` says: as
written, or as the mutant of that number has it. Our contracts do not read it otherwise. So a mutant
costs no compiler run of its own; the code is larger and dearer than the contract's, so whatever
looks at sizes or gas needs `alone`.
"""

import dataclasses
import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vyper import ast as vy_ast
from vyper.builtins.functions import DISPATCH_TABLE
from vyper.codegen.expr import Expr
from vyper.codegen.ir_node import IRnode
from vyper.codegen.stmt import Stmt
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.phases import CompilerData
from vyper.compiler.settings import Settings, anchor_settings
from vyper.exceptions import VyperException, VyperInternalException

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
TRUE, UP = "True", "up"
OPERATORS = {
    "<=": vy_ast.LtE,
    "<": vy_ast.Lt,
    ">=": vy_ast.GtE,
    ">": vy_ast.Gt,
    "==": vy_ast.Eq,
    "!=": vy_ast.NotEq,
    "+": vy_ast.Add,
    "-": vy_ast.Sub,
    "*": vy_ast.Mult,
    "//": vy_ast.FloorDiv,
    "+=": vy_ast.Add,
    "-=": vy_ast.Sub,
    "and": vy_ast.And,
    "or": vy_ast.Or,
}
NODES = (
    *(vy_ast.BinOp, vy_ast.Compare, vy_ast.BoolOp, vy_ast.UnaryOp, vy_ast.Call),
    *(vy_ast.AugAssign, vy_ast.Assert),
)
Place = tuple[int, int]  # line, column


@dataclasses.dataclass(frozen=True)
class Change:
    """What a mutant does at a place: `old`, an operator, `min`, `max`, `not` or `assert`, becomes
    `new`: another one, nothing, TRUE, or UP (a quotient and one)."""

    module: str
    place: Place
    old: str
    new: str


@dataclasses.dataclass(frozen=True)
class Code:
    """Creation and runtime code of a contract, and the numbers of the changes that are in it."""

    creation: bytes
    runtime: bytes
    numbers: frozenset[int] = frozenset()


def alone(piece: str, module: str, text: str) -> Code | None:
    """Return a contract's code with another text of a module; None if it does not compile."""
    try:
        return _code(_compiler_of(piece, {(CONTRACTS / f"{module}.vy").resolve(): text}))
    except (VyperException, VyperInternalException):  # it panics where constants fold badly
        return None


def together(piece: str, changes: Mapping[int, Change]) -> Code:
    """Return a contract's code with all changes that it can have, by their numbers."""
    data = _compiler_of(piece, {})
    with anchor_settings(data.settings):
        alternatives = _found(data.global_ctx, changes)
    with _generating(alternatives) as placed:
        return dataclasses.replace(_code(data), numbers=frozenset(placed))


def _code(data: CompilerData) -> Code:
    gc.disable()  # which trees make no use of
    try:
        with anchor_settings(data.settings):
            return Code(data.bytecode, data.bytecode_runtime)
    finally:
        gc.enable()


def _compiler_of(piece: str, texts: Mapping[Path, str]) -> CompilerData:
    class Bundle(FilesystemInputBundle):
        def _load_from_path(self, resolved_path: Path, original_path: Path) -> Any:
            loaded = super()._load_from_path(resolved_path, original_path)
            text = texts.get(resolved_path)
            return loaded if text is None else dataclasses.replace(loaded, contents=text)

    packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
    bundle = Bundle([*packages, ROOT])
    file = bundle.load_file(Path("contracts") / f"{piece}.vy")
    return CompilerData(file, bundle, settings=Settings(evm_version="cancun"))


def bare(creation: bytes) -> bytes:
    """Return creation code without what it says of its sources."""
    return creation[: -int.from_bytes(creation[-2:], "big")]


def holders(pieces: tuple[str, ...]) -> dict[tuple[str, int], list[str]]:
    """Return the contracts whose code holds a line, by module and line."""
    found: dict[tuple[str, int], list[str]] = {}
    for piece in pieces:
        data = _compiler_of(piece, {})
        with anchor_settings(data.settings):
            for module, node in _functions(data.global_ctx, constructors=True):
                for line in range(node.lineno, node.end_lineno + 1):
                    if piece not in found.setdefault((module, line), []):
                        found[module, line].append(piece)
    return found


def _functions(contract: Any, constructors: bool) -> Iterator[tuple[str, Any]]:
    """Yield module and node of each function of ours that is in a contract's code; without those
    of constructors if told so."""
    roots = list(contract.exposed_functions)
    made = [contract.init_function] if contract.init_function else []
    made += [each for root in made for each in root.reachable_internal_functions]
    functions = {id(each): each for each in roots}
    for root in roots:
        functions |= {id(each): each for each in root.reachable_internal_functions}
    if constructors:
        functions |= {id(each): each for each in made}
    else:
        functions = {key: each for key, each in functions.items() if each not in made}
    for function in functions.values():
        path = Path(function.ast_def.module_node.resolved_path)
        if path.is_relative_to(CONTRACTS) and function.ast_def.lineno is not None:
            yield str(path.relative_to(CONTRACTS).with_suffix("")), function.ast_def


# where changes are


Alternatives = dict[int, list[tuple[int, Change]]]  # by the node's id


def _found(contract: Any, changes: Mapping[int, Change]) -> Alternatives:
    """Return the changes of each node."""
    by_module: dict[str, list[tuple[int, Change]]] = {}
    for number, change in changes.items():
        by_module.setdefault(change.module, []).append((number, change))
    found: Alternatives = {}
    for module, function in _functions(contract, constructors=False):
        nodes = function.get_descendants(NODES)
        for number, change in by_module.get(module, []):
            if function.lineno <= change.place[0] <= function.end_lineno:
                fitting = [node for node in nodes if _fits(node, change)]
                if fitting:
                    node = min(fitting, key=lambda each: _ends(each, change.place))
                    found.setdefault(id(node), []).append((number, change))
    return found


def _start(node: Any) -> Place:
    return node.lineno, node.col_offset


def _operands(node: Any) -> list[Any]:
    if isinstance(node, vy_ast.BoolOp):
        return list(node.values)
    if isinstance(node, vy_ast.AugAssign):
        return [node.target, node.value]
    return [node.left, node.right]


def _fits(node: Any, change: Change) -> bool:
    """Say whether a node may be the one of a change."""
    if change.new == TRUE:
        return isinstance(node, vy_ast.Assert) and _start(node) == change.place
    if change.old in ("min", "max"):
        return isinstance(node, vy_ast.Call) and _start(node) == change.place
    if change.old == "not":
        return isinstance(node, vy_ast.UnaryOp) and _start(node) == change.place
    if isinstance(node, vy_ast.UnaryOp | vy_ast.Call | vy_ast.Assert):
        return False
    if isinstance(node, vy_ast.AugAssign) != (change.old in ("+=", "-=")):
        return False
    if not isinstance(node.op, OPERATORS[change.old]):
        return False
    operands = _operands(node)
    return _start(operands[0]) < change.place < _start(operands[-1])


def _ends(node: Any, place: Place) -> Place:
    """Return where the operand behind a place starts: the smallest is the operator's own."""
    if not isinstance(node, vy_ast.UnaryOp | vy_ast.Call | vy_ast.Assert):
        return min(_start(each) for each in _operands(node) if _start(each) > place)
    return _start(node)


# code that does one or the other


@contextmanager
def _generating(alternatives: Alternatives) -> Iterator[set[int]]:
    """Let the compiler generate each node with its alternatives; gives the numbers that it did."""
    placed: set[int] = set()
    inside = False  # of an alternative, whose parts are as written
    plain = Expr.__init__, Stmt.__init__

    def generated(init: Callable[..., None], self: Any, node: Any, *arguments: Any) -> None:
        nonlocal inside
        init(self, node, *arguments)
        mine = alternatives.get(id(node), [])
        if inside or not mine or getattr(self, "expr", node) is not node:
            return
        as_written = self.ir_node
        for number, change in mine:
            inside = True
            try:
                other = _alternative(init, type(self), node, arguments, change)
            finally:
                inside = False
            kept = self.ir_node
            self.ir_node = IRnode.from_list(
                ["if", ["eq", ["prevrandao"], number], other, kept], typ=as_written.typ
            )
            for name in ("_writes", "annotation", "ast_source"):
                setattr(self.ir_node, name, getattr(as_written, name, None))
            placed.add(number)

    Expr.__init__ = lambda self, *a, **k: generated(plain[0], self, *a, *k.values())  # type: ignore[method-assign]
    Stmt.__init__ = lambda self, *a: generated(plain[1], self, *a)  # type: ignore[method-assign]
    try:
        yield placed
    finally:
        Expr.__init__, Stmt.__init__ = plain  # type: ignore[method-assign]


def _alternative(
    init: Callable[..., None], kind: Any, node: Any, arguments: tuple[Any, ...], change: Change
) -> Any:
    """Return what a node compiles to with a change."""

    def compiled(each: Any) -> Any:
        made = kind.__new__(kind)
        init(made, each, *arguments)
        return made.ir_node

    if change.new == TRUE:
        return ["seq"]
    if change.new == UP:
        quotient = compiled(node)
        one = IRnode.from_list(1, typ=quotient.typ)
        return Expr.handle_binop(vy_ast.Add(), quotient, one, arguments[0])
    if change.old == "not":
        return Expr.parse_value_expr(node.operand, arguments[0])
    if change.old in ("min", "max"):
        return DISPATCH_TABLE[change.new].build_IR(node, arguments[0])
    if isinstance(node, vy_ast.BoolOp):
        return _joined(node, arguments[0], change)
    written, node.op = node.op, OPERATORS[change.new]()
    try:
        return compiled(node)
    finally:
        node.op = written


def _joined(node: Any, context: Any, change: Change) -> Any:
    """Return conditions of which two are joined by the other word; `and` binds closer."""
    values = [Expr.parse_value_expr(each, context) for each in node.values]
    at = next(i for i, each in enumerate(node.values) if _start(each) > change.place)
    if change.old == "and":
        both = [Expr._logical_and(part) for part in (values[:at], values[at:])]
        return Expr._logical_or(both)
    pair = Expr._logical_and(values[at - 1 : at + 1])
    return Expr._logical_or([*values[: at - 1], pair, *values[at + 1 :]])
