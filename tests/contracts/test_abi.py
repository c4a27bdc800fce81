"""The ABI reads as one: its names keep one rule, and one file has all of a vault's address."""

import json
import re
from pathlib import Path

import pytest

from scripts.dev.export_abi import TARGET, abis

CAMEL_CASE = re.compile(r"[a-z]+([A-Z][a-z0-9]+)*\d?")
SNAKE_CASE = re.compile(r"[a-z]+(_[a-z0-9]+)+")
UPPER_CASE = re.compile(r"[A-Z]+(_[A-Z0-9]+)*")
STANDARD = {
    "DOMAIN_SEPARATOR": "ERC-2612",
    "eip712Domain": "EIP-5267",
    "onERC1155Received": "ERC-1155",
    "onERC1155BatchReceived": "ERC-1155",
}
VARIABLE = re.compile(r"^(\w+): public\((constant|immutable)?", re.M)
CONTRACTS = [
    *("Vault", "VaultDesk", "VaultExits", "VaultGovernance", "VaultFactory"),
    "PerformanceSplitter",
    *("PolymarketAccount", "WalletAccount", "SafeAccount", "PositionAccount", "FpmmAccount"),
    *("DelegatedAccount", "WalletRegistry", "MandateBoard", "ProofGate"),
]


def variables():
    """Return name -> "storage" or "fixed" (constants, immutables) of all public variables."""
    sources = [path.read_text() for path in Path("contracts").rglob("*.vy")]
    return {
        name: "fixed" if kind else "storage"
        for source in sources
        for name, kind in VARIABLE.findall(source)
    }


def breaks_the_rule(name, public):
    if name in STANDARD:
        return False
    if SNAKE_CASE.fullmatch(name):
        return public.get(name) != "storage"
    if UPPER_CASE.fullmatch(name):
        return public.get(name) != "fixed"
    return CAMEL_CASE.fullmatch(name) is None


@pytest.mark.parametrize("contract", CONTRACTS)
def test_functions_are_camel_case_but_for_getters_of_storage(project, contract):
    public = variables()
    named = {method.name for method in project.get_contract(contract).contract_type.methods}
    assert [name for name in sorted(named) if breaks_the_rule(name, public)] == []


@pytest.mark.parametrize("name", ["fee_rates", "FEE_RATES", "feerates_", "FeeRates", "fee_Rates"])
def test_the_rule_refuses_other_names(name):
    assert breaks_the_rule(name, variables())


@pytest.mark.parametrize("name", ["feeRates", "total_idle", "DESK", "asset", "DOMAIN_SEPARATOR"])
def test_the_rule_admits_ours(name):
    assert not breaks_the_rule(name, variables())


def test_exported_abis_are_those_of_the_contracts():
    for name, abi in abis().items():
        stored = json.loads((TARGET / f"{name}.json").read_text())
        assert stored == abi, f"{name}: run `make abi`"


def signatures(entries):
    """Return kind and signature of functions and events, from an ABI's JSON."""
    return {
        (each["type"], each["name"], tuple(kind["type"] for kind in each["inputs"]))
        for each in entries
        if each["type"] in ("function", "event")
    }


def test_the_abi_of_a_vault_has_all_that_its_four_pieces_have(project):
    """What explorers and programs need is one file, whichever piece of code answers."""
    whole = json.loads((TARGET / "Vault.json").read_text())
    parts = set()
    for name in ("Vault", "VaultDesk", "VaultExits", "VaultGovernance"):
        entries = project.get_contract(name).contract_type.abi
        parts |= signatures(json.loads(each.model_dump_json()) for each in entries)
    assert signatures(whole) == parts
    assert {"report", "submit", "requestDeposit", "redeemInKind"} <= {each[1] for each in parts}
    assert len(signatures(whole)) == len(whole)  # each once, and nothing else
