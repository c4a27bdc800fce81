"""The devnet's contracts on whatever chain ape is connected to: deployed by one of ape's accounts,
so that the contract tests have ape's own contracts, events and reverts."""

import re
from functools import cache
from typing import Any

import ape
from ape.contracts import ContractContainer
from eth_utils import keccak
from ethpm_types import ContractType
from strongroom.chain.artifacts import Artifact

from tests.conformance.real import replaced


class ApeDeployer:
    """A Deployer (strongroom.devnet.deployer) by an account of ape's."""

    def __init__(self, account):
        self.sender = account

    @property
    def address(self):
        return self.sender.address

    def deploy(self, kind, *arguments, at=""):
        assert not at, "only anvil takes code at an address of choice"
        kind, arguments = replaced(self, kind, arguments)
        return self.sender.deploy(container(kind), *(plain(each) for each in arguments))

    def declare(self, kind):
        return self.sender.declare(container(kind)).contract_address

    def contract(self, address, kind):
        return container(kind).at(address, fetch_from_explorer=False)

    def event(self, receipt, contract, name):
        (event,) = receipt.decode_logs(getattr(contract, name))
        return event

    def code(self, address):
        return bytes(ape.networks.provider.get_code(address))


def refused(name: str) -> Any:
    """Expect a revert with the venue's error of that name, of four bytes and no arguments."""
    return ape.reverts(re.compile("0x" + keccak(text=f"{name}()")[:4].hex()))


def container(kind: Artifact) -> ContractContainer:
    """Return ape's container: of the project where the contract is ours, so that its reverts are
    explained by its source."""
    if kind.name == "Vault":
        return ContractContainer(vault_type())
    if kind.name in ape.project.contracts:
        return ape.project.get_contract(kind.name)
    return _foreign(kind.name, kind)


@cache
def vault_type() -> ContractType:
    """Return a vault's contract type: the functions and events of its four parts."""
    merged = ape.project.Vault.contract_type.model_copy(deep=True)
    known = {entry.selector for entry in merged.abi if hasattr(entry, "selector")}
    for part in (ape.project.VaultDesk, ape.project.VaultExits, ape.project.VaultGovernance):
        for entry in part.contract_type.abi:
            if entry.type in ("function", "event") and entry.selector not in known:
                merged.abi.append(entry)
                known.add(entry.selector)
    return merged


def plain(argument):
    """Return an argument as ape takes it."""
    return argument.sender if isinstance(argument, ApeDeployer) else argument


_CONTAINERS = {}


def _foreign(name: str, kind: Artifact) -> ContractContainer:
    if name not in _CONTAINERS:
        described = {
            "contractName": name,
            "abi": list(kind.abi),
            "deploymentBytecode": {"bytecode": "0x" + kind.creation.hex()},
        }
        _CONTAINERS[name] = ContractContainer(ContractType.model_validate(described))
    return _CONTAINERS[name]
