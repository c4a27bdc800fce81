"""Which package may know which: imports point downwards only, and nothing goes in a circle."""

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "agent" / "strongroom"
# From the ground floor up. A package may import those before it, never those after it.
FLOORS = (
    *("errors", "addresses", "foreign_text", "screen", "extras", "workers", "settings"),
    *("own_server", "app_server", "rate_limit", "chain"),
    *("annotated", "database", "information"),
    *("analysis", "strategy", "journal", "signing", "mandates", "proofs", "probe", "execution"),
    *("reporting", "cosigner", "payments"),
    *("keeper", "deployment", "depositor", "setup", "audit", "identity", "app", "serve"),
    *("data", "backtest"),
    *("devnet", "mcp_server", "cli"),
)


def modules():
    """Return module name -> file, for every module of the package."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = ("strongroom", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def imports(module):
    """Return the modules of ours that a module imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{each.name}" for each in node.names}
            found |= {each if each in MODULES else node.module for each in inside}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return {each for each in found if each in MODULES} - {module}


def room(module):
    """Return the package (or the module at the root) that a module belongs to."""
    return module.split(".")[1] if "." in module else ""


def rooms_of(package):
    """Return the rooms that a package imports from, its own left out."""
    inside = [each for each in MODULES if room(each) == package]
    return {room(other) for each in inside for other in imports(each)} - {package}


def test_every_package_has_its_floor():
    assert {room(each) for each in MODULES} - {""} <= set(FLOORS)


@pytest.mark.parametrize("package", FLOORS)
def test_imports_point_downwards(package):
    below = set(FLOORS[: FLOORS.index(package)])
    assert rooms_of(package) <= below


def test_no_module_needs_itself_in_a_circle():
    TopologicalSorter({each: imports(each) for each in MODULES}).prepare()


def test_the_audit_is_a_second_opinion():
    """It shares ABIs, hashes, units, processes, the way to a node and the way to a terminal; no
    arithmetic, no ledger."""
    below = {"addresses", "chain", "errors", "workers", "foreign_text", "screen"}
    assert rooms_of("audit") <= below


def test_the_cosigner_takes_nothing_from_what_it_watches():
    """What both sign over is below both; the co-signer imports nothing else of the keeper."""
    assert not rooms_of("cosigner") & {"execution", "reporting", "strategy", "analysis", "keeper"}


@pytest.mark.parametrize("package", [each for each in FLOORS if each not in ("devnet", "cli")])
def test_nobody_needs_the_devnet(package):
    assert "devnet" not in rooms_of(package)


ON_THE_WAY = ("signing", "journal", "strategy", "execution", "information", "reporting")
TYPED = dict.fromkeys(("strategy", "reporting", "analysis"), 0) | {
    "signing": 1, "journal": 1, "cosigner": 1, "keeper": 6, "information": 6, "execution": 6,
}  # fmt: skip


def lines_of(package, pattern):
    """Return the lines of a package that a pattern is found in, imports left out."""
    return [
        f"{name}: {line.strip()}"
        for name, path in MODULES.items()
        if room(name) == package
        for line in path.read_text().splitlines()
        if re.search(pattern, line) and not line.startswith(("from ", "import "))
    ]


@pytest.mark.parametrize("package", TYPED)
def test_any_stands_at_decoding_borders_alone(package):
    """From a market record to a signed order values have types; the number may only fall."""
    found = lines_of(package, r"\bAny\b")
    assert len(found) <= TYPED[package], found


def test_a_record_is_no_mapping_of_anything():
    """What is JSON is `JsonObject`; the rest has a type of its own."""
    assert not [
        each for room in FLOORS for each in lines_of(room, r"(dict|Mapping)\[str, object\]")
    ]


def test_rows_of_the_database_stay_in_the_journal():
    found = [each for package in FLOORS for each in lines_of(package, r"\bRow\[|\bRowMapping\b")]
    assert {each.split(":")[0] for each in found} == {"strongroom.journal.rows"}


def test_units_have_one_name():
    """What chain/units.py names is not written as a number elsewhere."""
    root = SOURCE.parents[1]
    files = [
        *SOURCE.rglob("*.py"),
        *(root / "scripts").rglob("*.py"),
        *(root / "bots").glob("*.py"),
    ]
    number = re.compile(r"10 ?\*\* ?(6|12|18|24)\b|\b86_?400\b|\b3_?600\b|2 ?\*\* ?256 ?- ?1")
    found = {path.relative_to(root).as_posix() for path in files if number.search(path.read_text())}
    assert found == {"agent/strongroom/chain/units.py"}


TWICE = {
    "Caps": "a ledger of its own each: the audit's and the simulated vault's share no code",
}


def test_a_class_name_stands_once():
    """A name means one thing in the whole package; a second use needs a reason in `TWICE`."""
    names = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert {name for name, count in names.items() if count > 1} == set(TWICE)


@pytest.mark.parametrize("package", ON_THE_WAY)
def test_ids_are_turned_into_bytes_and_back_in_one_place(package):
    assert not lines_of(package, r"bytes\.fromhex|\.hex\(\)")


def test_what_is_printed_with_rich_goes_through_one_screen():
    """Elsewhere a stranger's `[/]` would end a command, and his `[conceal]` hide what follows."""
    pattern = r"\bConsole\(|rich\.console|rich\.markup|from_markup|rich import print|markup=True"
    found = {
        name
        for name, path in MODULES.items()
        for line in path.read_text().splitlines()
        if re.search(pattern, line)
    }
    assert found == {"strongroom.screen"}
