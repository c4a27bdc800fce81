"""Which package may know which: data flows one way, and the audit stays a second opinion."""

import ast
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[3] / "agent"
PACKAGES = sorted(path.parent.name for path in AGENT.glob("*/__init__.py"))


def imported(package):
    """Return the modules of `agent` that a package imports, itself left out."""
    found = set()
    for path in (AGENT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "agent":
                found |= {f"agent.{each.name}" for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif isinstance(node, ast.Import):
                found |= {each.name for each in node.names}
    own = f"agent.{package}"
    return {each for each in found if each.startswith("agent.") and not each.startswith(own)}


def test_the_audit_shares_nothing_but_abis_hashes_and_units():
    assert imported("audit") == {"agent.abi", "agent.anvil", "agent.ids", "agent.units"}


@pytest.mark.parametrize("package", [each for each in PACKAGES if each != "devnet"])
def test_nobody_needs_the_devnet(package):
    assert not {each for each in imported(package) if each.startswith("agent.devnet")}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [("information", "analysis"), ("information", "strategy"), ("information", "execution"),
     ("analysis", "strategy"), ("analysis", "execution"), ("strategy", "execution"),
     ("strategy", "reporting"), ("analysis", "reporting")],
)  # fmt: skip
def test_data_flows_one_way(earlier, later):
    """A layer never knows those after it."""
    assert not {each for each in imported(earlier) if each.startswith(f"agent.{later}")}
