"""Who deploys the devnet's contracts: a key on anvil, which takes code at any address."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from strongroom.chain.accounts import MNEMONIC
from strongroom.chain.anvil import anvil
from strongroom.chain.artifacts import Artifact, artifact, vault_abi
from strongroom.chain.contracts import (
    Contract,
    ContractEvent,
    Contracts,
    Key,
    Receipt,
    Sender,
    test_keys,
)

ACCOUNTS = 20
GAS = 30_000_000


class Deployer(Protocol):
    """What deploying needs of a chain; the contract tests have one of their own."""

    @property
    def sender(self) -> Sender:
        """Who signs."""

    def deploy(self, kind: Artifact, *arguments: object, at: str = "") -> Contract:
        """Deploy a contract; `at` an address of choice, where the chain allows that."""

    def declare(self, kind: Artifact) -> str:
        """Deploy a contract's ERC-5202 blueprint; return its address."""

    def contract(self, address: str, kind: Artifact) -> Contract:
        """Return a contract that is there already."""

    def event(self, receipt: Receipt, contract: Contract, name: str) -> ContractEvent:
        """Return the one event of a name in a receipt."""

    def code(self, address: str) -> bytes:
        """Return the code at an address."""


@dataclass(frozen=True)
class AnvilDeployer(Key):
    """A key on an anvil."""

    chain: Contracts

    @property
    def sender(self) -> Sender:
        """Itself."""
        return self

    def deploy(self, kind: Artifact, *arguments: object, at: str = "") -> Contract:
        """Deploy a contract; at an address of choice its constructor is run there: its code for
        one transaction is the constructor, then what that returns."""
        if not at:
            return self.chain.deploy(self, kind, *arguments)
        self.chain.request("anvil_setCode", at, "0x" + kind.initcode(*arguments).hex())
        code = self.chain.call(at, b"", self.address, f"{kind.name}'s constructor")
        self.chain.send(self, at, gas=GAS, what=f"{kind.name}'s constructor")
        self.chain.request("anvil_setCode", at, "0x" + code.hex())
        return self.contract(at, kind)

    def declare(self, kind: Artifact) -> str:
        """Deploy a contract's ERC-5202 blueprint; return its address."""
        return self.chain.declare(self, kind)

    def contract(self, address: str, kind: Artifact) -> Contract:
        """Return a contract that is there already."""
        return self.chain.at(address, kind.abi)

    def event(self, receipt: Receipt, contract: Contract, name: str) -> ContractEvent:
        """Return the one event of a name in a receipt."""
        (event,) = receipt.events(contract, name)
        return event

    def code(self, address: str) -> bytes:
        """Return the code at an address."""
        return self.chain.code(address)


def vault_kind() -> Artifact:
    """Return the vault, with the ABI of all code that answers at its address."""
    return replace(artifact("Vault"), abi=vault_abi())


@contextmanager
def devnet_chain(chain_id: int, port: int = 0, timestamp: int | None = None) -> Iterator[Contracts]:
    """Run anvil, without step tracing, which makes settlements four times slower.

    Args:
        port: 0 takes a free one
        timestamp: of the first block, instead of now

    Raises:
        AnvilMissing: it is not installed or does not answer.
        PortTaken: something listens on the port.
    """
    options = ["--chain-id", str(chain_id), "--accounts", str(ACCOUNTS), "--mnemonic", MNEMONIC]
    if timestamp is not None:
        options += ["--timestamp", str(timestamp)]
    with anvil(*options, port=port) as url:
        yield Contracts(url)


def devnet_keys() -> list[Key]:
    """Return the keys that a devnet's chain funds, in their order."""
    return list(test_keys(MNEMONIC, ACCOUNTS))
