"""What the sources of the product's contracts keep to: constants, packed words, short functions."""

import re
from collections import Counter
from pathlib import Path

import pytest
from vyper.ast import nodes, parse_to_ast

ROOT = Path("contracts")
SOURCES = [*ROOT.glob("*.vy"), *ROOT.glob("modules/*.vy"), *ROOT.glob("accounts/*.vy")]
CONSTANT = re.compile(r"^(\w+): (?:public\()?constant\(", re.M)
# Names that mean another thing in each module: none may be added that means the same.
APART = {"COUNT", "MAX_RETURN"}
LONGEST = 60  # lines of a function: a screen
# Module -> its variables that hold several fields in one word.
PACKED = {
    "status": {"word"},
    "limits": {"dealing_limits", "budget_limits"},
    "ledger": {"deposit_terms"},
    "requests": {"open", "queue", "closed", "places", "claims"},
    "classes": {"class_words", "class_caps"},
    "velocity": {"periods"},
    "markets": {"words", "ended", "remains"},
    "nav": {"books", "totals", "marks"},
    "fees": {"fee_word", "accrual", "recipients"},
    "account": {"state"},
    "position_ids": set(),  # the venue's own words: no storage of ours
}
BITS = (nodes.LShift, nodes.RShift, nodes.BitAnd, nodes.BitOr, nodes.BitXor, nodes.Invert)
WRITES = (nodes.Assign, nodes.AugAssign)


def parsed(path):
    return parse_to_ast(path.read_text(), module_path=str(path), resolved_path=str(path))


def packed_of_others(node, module):
    """Return the packed words of other modules that an expression reads."""
    found = [node, *node.get_descendants(nodes.Attribute)]
    return {
        f"{each.value.id}.{each.attr}"
        for each in found
        if isinstance(each, nodes.Attribute)
        and isinstance(each.value, nodes.Name)
        and each.value.id != module
        and each.attr in PACKED.get(each.value.id, ())
    }


def is_bitwise(node):
    operator = getattr(node, "op", None)
    return isinstance(operator, BITS)


def words_of_others(function, module):
    """Return the local names under which another module's packed words go in a function."""
    named = [(each.target, each.value) for each in function.get_descendants(nodes.AnnAssign)]
    named += [(each.target.target, each.iter) for each in function.get_descendants(nodes.For)]
    return {
        target.id
        for target, value in named
        if value is not None
        and packed_of_others(value, module)
        and not value.get_descendants(nodes.Call, include_self=True)
    }


def taken_apart_elsewhere(tree, module):
    """Return the places that shift, mask or write a word that another module declares."""
    found = []
    for function in tree.get_children(nodes.FunctionDef):
        words = words_of_others(function, module)
        for node in function.get_descendants(
            (nodes.BinOp, nodes.UnaryOp, nodes.AugAssign, nodes.Assign)
        ):
            if isinstance(node, WRITES) and packed_of_others(node.target, module):
                found.append(f"{function.name}: writes, line {node.lineno}")
            elif is_bitwise(node):
                names = {each.id for each in node.get_descendants(nodes.Name)}
                if module not in PACKED or names & words or packed_of_others(node, module):
                    found.append(f"{function.name}: shifts or masks, line {node.lineno}")
    return found


def test_each_constant_stands_once():
    found = Counter(name for path in SOURCES for name in CONSTANT.findall(path.read_text()))
    assert {name for name, times in found.items() if times > 1} <= APART


def test_widths_and_scales_are_written_in_units_alone():
    number = re.compile(r"2\*\*\d+ - 1|\b10_000\b|\b86_400\b|\b65_535\b|10\*\*18|10\*\*24")
    meant = {"fees.vy": ["10_000"], "nav.vy": ["2**86 - 1", "10_000"]}  # a cap; a width; gas
    for path in SOURCES:
        code = "\n".join(line.split("#")[0] for line in path.read_text().splitlines())
        code = re.sub(r'""".*?"""', "", code, flags=re.S)
        if path.name != "units.vy":
            assert number.findall(code) == meant.get(path.name, []), path


def test_packed_words_are_declared_where_the_list_says():
    for module, names in PACKED.items():
        source = (ROOT / "modules" / f"{module}.vy").read_text()
        assert {name for name in names if re.search(rf"^{name}: ", source, re.M)} == names


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_packed_word_is_taken_apart_and_written_by_its_module_alone(path):
    assert taken_apart_elsewhere(parsed(path), path.stem) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("Vault", "x: uint256 = status.word >> 160"),
        ("Vault", "x: uint256 = a & b"),
        ("Vault", "fees.recipients[0] = 1"),
        ("core", "limits.dealing_limits = 1"),
        ("nav", "status.word |= 1"),
        ("nav", "x: uint256 = markets.words[market] & 255"),
        ("fees", "for w: uint256 in markets.words:\n        x: uint256 = w >> 192"),
        ("nav", "w: uint256 = markets.words[market]\n    x: uint256 = 1 | (w >> 192)"),
    ],
)
def test_the_search_finds(module, line):
    tree = parse_to_ast(f"def f():\n    {line}\n", module_path="f", resolved_path="f")
    assert taken_apart_elsewhere(tree, module) != []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_functions_fit_a_screen(path):
    functions = parsed(path).get_children(nodes.FunctionDef)
    long = {each.name: each.end_lineno - each.lineno + 1 for each in functions}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


# Patterns of the five advisories of October 2026 on the compiler (CVE-2026-114114 to 114118).


@pytest.mark.parametrize("path", [*ROOT.rglob("*.vy"), *ROOT.rglob("*.vyi")], ids=lambda p: p.stem)
def test_sources_are_plain_ascii_with_plain_ends_of_lines(path):
    text = path.read_bytes()
    assert text.isascii()
    assert not set(text) & {0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85}


def dangerous(tree):
    """Return the lines that the compiler's advisories warn of."""
    found = []
    for choice in tree.get_descendants(nodes.IfExp):
        parts = (choice.body, choice.orelse)
        if any(isinstance(each, nodes.List) for each in parts):
            found.append((choice.lineno, "a choice between arrays"))
        for part in parts:
            for node in part.get_descendants(nodes.BinOp, include_self=True):
                if isinstance(node.op, nodes.BitOr):
                    found.append((choice.lineno, "`|` in a choice"))
    for call in tree.get_descendants(nodes.Call):
        name = getattr(call.func, "id", "")
        if name == "create_from_blueprint":
            found += [
                (call.lineno, each.arg) for each in call.keywords if each.arg == "code_offset"
            ]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_pattern_that_the_compiler_gets_wrong(path):
    assert dangerous(parsed(path)) == []


@pytest.mark.parametrize(
    "line",
    [
        "x: uint256 = (a or b) | 1 if c else 2",
        "x: uint256 = a | 1 if c else a",
        "x: uint256[2] = [1, 2] if c else [3, 4]",
        "x: address = create_from_blueprint(b, code_offset=2**256 - 1)",
    ],
)
def test_such_a_pattern_is_found(line):
    assert dangerous(parse_to_ast(f"def f():\n    {line}\n", module_path="f", resolved_path="f"))
