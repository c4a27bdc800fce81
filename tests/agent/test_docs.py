"""The docs say what the code says."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from strongroom import strategy
from strongroom.cli.keeper import command as keeper

from scripts.dev.export_python import python_reference
from scripts.dev.export_reference import reference
from tests.agent.market_record import MARKET
from tests.defaults import LIMITS

CONTRACTS = [path for path in Path("contracts").rglob("*.vy") if "devnet" not in path.parts]


def test_every_reason_is_listed_once():
    reasons = {
        reason
        for path in CONTRACTS
        for reason in re.findall(r'(?:,|raise)\s+"([a-z][^"]*)"(?:  #.*)?\n', path.read_text())
    }
    text = Path("docs/errors.md").read_text()
    tables = [line for line in text.splitlines() if line.startswith("|")]
    listed = Counter(
        name for line in tables for name in re.findall("`([^`(]+)`", line.split("|")[1])
    )
    assert reasons == set(listed)
    assert {name for name, count in listed.items() if count > 1} == set()
    assert len(reasons) > 70


def test_limits_are_documented_in_their_order():
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", Path("docs/contracts/Vault.md").read_text(), re.M)
    assert [(int(number), name) for number, name in rows] == list(enumerate(LIMITS))
    source = Path("contracts/modules/limits.vy").read_text()
    constants = re.findall(r"^([A-Z_]+): constant\(uint256\) = (\d+)  # ", source, re.M)
    assert [(int(number), name.lower()) for name, number in constants] == list(enumerate(LIMITS))


def test_the_reference_says_what_the_sources_say():
    assert Path("docs/contracts/reference.md").read_text() == reference(), "run `make reference`"


def test_the_page_of_python_says_what_the_docstrings_say():
    text = Path("docs/python.md").read_text()
    assert text == python_reference(), "run `make reference`"
    said = set(re.findall(r"^(?:### |\| `)(\w+)", text, re.M))
    assert said >= set(strategy.__all__) | {"Away", "Refused", "BadInput", "Differs", "Defect"}


def test_the_page_of_the_packs_api_is_what_a_pack_can_import():
    text = Path("docs/packs-api.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert sorted(listed) == sorted(strategy.__all__)
    assert all(hasattr(strategy, name) for name in strategy.__all__)


def test_the_pages_example_is_a_pack():
    (code,) = re.findall(r"```python\n(.*?)```", Path("docs/packs-api.md").read_text(), re.S)
    names: dict[str, object] = {}
    exec(code, names)
    cheap = names["Cheap"]()
    assert isinstance(cheap, strategy.Pack)
    market = replace(MARKET, token_ids=(1, 2))
    book = strategy.Book(asks=(strategy.Level(90_000, 7 * strategy.MICRO),))
    view = SimpleNamespace(markets={market.condition_id: market}, book=lambda *_: book)
    (proposal,) = cheap.propose(view, lambda _: (0, ""))
    assert proposal.legs == (strategy.Leg(market, strategy.YES, strategy.Side.BUY, 90_000,
                                          7 * strategy.MICRO),)  # fmt: skip


def test_every_file_of_the_venues_services_is_in_the_tables():
    devnet = Path("agent/strongroom/devnet")
    folders = [devnet / "clob", devnet / "relayer"]
    found = [path for folder in folders for path in folder.rglob("*.py")]
    files = {str(path) for path in found if path.name != "__init__.py"}
    text = Path("docs/devnet.md").read_text()
    rows = re.findall(r"^\| `(agent/[^`]+/)` \| ([^|]+) \|", text, re.M)
    listed = Counter(place + name for place, names in rows for name in re.findall("`(.+?)`", names))
    assert set(listed) == files
    assert max(listed.values()) == 1


def test_every_fault_of_the_backtests_page_is_held_by_a_test():
    text = Path("docs/backtesting.md").read_text().split("## Faults that were found")[1]
    rows = [line.split(" | ") for line in text.splitlines() if re.match(r"\| \d", line)]
    assert list(dict.fromkeys(int(re.findall(r"\d+", row[0])[0]) for row in rows)) == [
        *range(1, 42)
    ]
    for *_, held in rows:
        tests = re.findall(r"`(test_\w+\.py)::(test_\w+)`", held)
        assert tests or held == "- |"  # the code is gone
        for file, name in tests:
            assert f"\ndef {name}(" in Path("tests/agent", file).read_text(), f"{file}::{name}"


def test_the_keepers_subcommands_are_all_named():
    (line,) = re.findall(r"^Its subcommands are (.*?)\. ", Path("docs/agent.md").read_text(), re.M)
    named = re.findall(r"`([\w-]+)`", line)
    assert set(named) == set(keeper.commands) and len(named) == len(set(named))
