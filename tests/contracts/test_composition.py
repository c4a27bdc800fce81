"""How the vault is put together: one layout, no clashing selectors, every size below the limit."""

import json
import re
import subprocess
from pathlib import Path

import ape
import cbor2
import pytest
from eth_utils import keccak
from strongroom.chain.terms import TIMELOCKED

from tests.defaults import LIMITS

SIZE_LIMIT = 24_576
ACCOUNTS = (
    *("PolymarketAccount", "WalletAccount", "SafeAccount", "PositionAccount", "FpmmAccount"),
    *("DelegatedAccount", "WalletRegistry"),
)


def layout(name):
    command = [
        "vyper",
        "-f",
        "layout",
        "-p",
        ".",
        "--evm-version",
        "cancun",
        f"contracts/{name}.vy",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["storage_layout"]


def slots(variables):
    return [each["slot"] for each in variables.values()]


PARTS = ["Vault", "VaultDesk", "VaultExits", "VaultGovernance"]
AROUND = ("VaultFactory", "PerformanceSplitter")


@pytest.mark.parametrize("name", PARTS)
def test_each_part_of_a_vault_initialises_the_core_and_has_no_storage_of_its_own(name):
    """So the three layouts are equal by construction."""
    source = Path(f"contracts/{name}.vy").read_text()
    assert re.findall(r"^initializes: (.+)$", source, re.M) == ["core"]
    assert re.findall(r"(\w+)\.__init__\(", source) == ["core"]
    assert layout(name).keys() == {"core"}


def test_the_parts_of_a_vault_share_one_storage_layout():
    """They run on the vault's storage: a slot that differs would be a corruption."""
    first, *others = [layout(name) for name in PARTS]
    assert all(each == first for each in others)


def test_the_order_of_the_core_is_the_order_of_the_slots():
    modules = layout("Vault")["core"]
    first = {name: min(slots(variables)) for name, variables in modules.items()}
    source = Path("contracts/modules/core.vy").read_text()
    order = re.findall(r"^initializes: (\w+)", source, re.M)
    assert sorted(first, key=first.__getitem__) == order


def test_no_function_is_hidden_by_another_part(project):
    def selectors(contract):
        return {
            keccak(text=method.selector)[:4]: method.selector
            for method in contract.contract_type.methods
        }

    parts = [selectors(project.get_contract(name)) for name in PARTS]
    together = {}
    for part in parts:
        assert {part[key] for key in part.keys() & together.keys()} <= {"asset()"}
        together |= part
    assert len(together) == sum(len(part) for part in parts) - 3  # asset() is in all four


def test_timelocked_selectors_are_functions_that_accept_reaches(project):
    """A selector that nobody has would be a function that is not timelocked. `accept` runs the
    exits' code, and the governance's behind it."""
    parts = (project.VaultExits, project.VaultGovernance)
    known = {method.selector for part in parts for method in part.contract_type.methods}
    assert "accept(bytes)" in {m.selector for m in project.VaultExits.contract_type.methods}
    source = Path("contracts/modules/timelock.vy").read_text()
    named = set(re.findall(r'method_id\(\s*"([^"]+)",\s*output_type=bytes4', source))
    assert named <= known
    assert named == {*TIMELOCKED, "decreaseDelay(bytes4,uint256)"}


def deployed_size(project, name):
    """Return the bytes of a contract's code with its immutables, which the compiler's word at the
    end of the creation code counts apart: length, lengths of data, immutables, version."""
    kind = project.get_contract(name).contract_type
    creation = bytes.fromhex(kind.deployment_bytecode.bytecode.removeprefix("0x"))
    footer = int.from_bytes(creation[-2:], "big")
    _, length, _, immutables, _ = cbor2.loads(creation[-footer:])
    assert length == (len(kind.runtime_bytecode.bytecode) - 2) // 2
    return length + immutables


@pytest.mark.parametrize("name", [*PARTS, *AROUND, *ACCOUNTS, "Exchange"])
def test_deployed_code_is_within_the_size_limit(project, name):
    assert deployed_size(project, name) <= SIZE_LIMIT


def test_the_size_is_that_of_the_code_on_the_chain(project, vault, implementation):
    size, provider = deployed_size(project, "PolymarketAccount"), vault.provider
    assert len(provider.get_code(implementation.address)) == size
    assert len(provider.get_code(vault.address)) == deployed_size(project, "Vault")


def test_blueprint_fits(project):
    code = project.Vault.contract_type.deployment_bytecode.bytecode
    assert (len(code) - 2) // 2 + 3 < SIZE_LIMIT


def test_errors_of_the_desk_come_through_the_vault(vault, people):
    with ape.reverts("unknown market"):
        vault.allocate(b"\1" * 32, 1, sender=people.mallory)
    with ape.reverts("no such request"):
        vault.redeemRequestInKind(1, people.mallory, people.mallory, [], sender=people.mallory)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setLimit(0, 0, sender=people.mallory)


def test_calls_that_nobody_knows_revert(vault, people):
    with ape.reverts():
        people.alice.transfer(vault, 0, data=b"\xde\xad\xbe\xef")
    with ape.reverts():
        people.alice.transfer(vault, 1)


def test_answers_of_the_last_piece_come_through_whole(vault, people, fund, report):
    """Each piece passes on what the next returns: as many bytes as the longest answer has."""
    fund(vault, people.alice)
    for _ in range(16):
        vault.requestDeposit(1, people.alice, people.alice, sender=people.alice)
        report(vault)
    assert vault.liveEpochs(0, people.alice) == list(range(1, 17))


LONGEST = {"address[]": 130, "bytes32[]": 130, "uint256[]": 18, "tuple[]": 10, "tuple": 9}


@pytest.mark.parametrize(
    ("part", "behind"),
    [
        ("Vault", ("VaultDesk", "VaultExits", "VaultGovernance")),
        ("VaultDesk", ("VaultExits", "VaultGovernance")),
        ("VaultExits", ("VaultGovernance",)),
    ],
)
def test_no_answer_is_longer_than_what_is_passed_on(project, part, behind):
    source = Path(f"contracts/{part}.vy").read_text()
    (room,) = re.findall(r"^MAX_RETURN: constant\(uint256\) = (\d+)", source, re.M)
    for name in behind:
        for method in project.get_contract(name).contract_type.view_methods:
            words = sum(LONGEST.get(each.type, 1) for each in method.outputs)
            assert 32 * words <= int(room), (name, method.name)


def test_the_other_parts_on_their_own_are_nobodys(factory, project, people):
    desk = project.VaultDesk.at(factory.DESK())
    exits = project.VaultExits.at(desk.EXITS())
    for address in (desk.address, exits.address, exits.GOVERNANCE()):
        part = project.VaultGovernance.at(address)
        with ape.reverts("ownable: caller is not the owner"):
            part.pause(sender=people.owner)
        with ape.reverts("not the pending owner"):
            part.acceptOwnership(sender=people.mallory)
        terms = ("", "", *[people.mallory] * 4, *[0] * 6, list(LIMITS.values()))
        with ape.reverts("set up already"):
            part.setUp(terms, sender=people.mallory)
    with ape.reverts("not the reporter"):
        desk.report([], b"\0" * 32, sender=people.mallory)
    with ape.reverts("nothing to redeem"):
        exits.redeemInKind(0, people.mallory, [], sender=people.mallory)
    with ape.reverts("unknown market"):
        exits.closeMarket(b"\1" * 32, sender=people.mallory)
