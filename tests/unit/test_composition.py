"""How the vault is put together: one layout, no clashing selectors, every size below the limit."""

import json
import subprocess

import ape
import pytest
from eth_utils import keccak

SIZE_LIMIT = 24_576


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


def test_vault_and_desk_share_one_storage_layout():
    """The desk runs on the vault's storage: a slot that differs would be a corruption."""
    assert layout("Vault") == layout("VaultDesk")


def test_no_function_of_the_desk_is_hidden_by_the_vault(project):
    def selectors(contract):
        return {
            keccak(text=method.selector)[:4]: method.selector
            for method in contract.contract_type.methods
        }

    vault, desk = selectors(project.Vault), selectors(project.VaultDesk)
    assert {vault[key] for key in vault.keys() & desk.keys()} == {"asset()"}
    assert len({**vault, **desk}) == len(vault) + len(desk) - 1


@pytest.mark.parametrize(
    "name", ["Vault", "VaultDesk", "VaultFactory", "PolymarketAccount", "Exchange"]
)
def test_runtime_code_is_below_the_size_limit(project, name):
    code = project.get_contract(name).contract_type.runtime_bytecode.bytecode
    assert (len(code) - 2) // 2 < SIZE_LIMIT


def test_blueprint_fits(project):
    code = project.Vault.contract_type.deployment_bytecode.bytecode
    assert (len(code) - 2) // 2 + 3 < SIZE_LIMIT


def test_errors_of_the_desk_come_through_the_vault(vault, people):
    with ape.reverts("not the keeper"):
        vault.allocate(b"\1" * 32, 1, sender=people.mallory)


def test_calls_that_nobody_knows_revert(vault, people):
    with ape.reverts():
        people.alice.transfer(vault, 0, data=b"\xde\xad\xbe\xef")
    with ape.reverts():
        people.alice.transfer(vault, 1)


def test_desk_on_its_own_is_nobodys(factory, project, people):
    desk = project.VaultDesk.at(factory.DESK())
    with ape.reverts("ownable: caller is not the owner"):
        desk.pause(sender=people.owner)
    with ape.reverts("not the pending owner"):
        desk.acceptOwnership(sender=people.mallory)
    with ape.reverts("not the reporter"):
        desk.report([], b"\0" * 32, sender=people.mallory)
