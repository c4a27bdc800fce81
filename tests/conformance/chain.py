"""A chain of stand-ins to play vectors on: names for addresses, refusals and events by name."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from eth_utils import to_checksum_address
from strongroom.chain.artifacts import Artifact, artifact
from strongroom.chain.custom_errors import error_name

from tests.conformance.real import FOLDER, deploy_real_exchange
from tests.property.evm import Contract, Evm, Logs, Reverted

START = 1_700_000_000  # timestamp of the first block
OK = "ok"
NOBODY = "0x" + "00" * 20


@dataclass(frozen=True)
class Event:
    """One event, its arguments in the ABI's order.

    Addresses that have a name in the chain are that name, the others are checksummed text; 32
    bytes are 0x..., numbers are numbers.
    """

    emitter: str  # name or address
    name: str
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Wallets:
    """What addresses of wallets of types 1 and 2 follow from: factories, hashes of their code."""

    proxy_factory: str
    safe_factory: str
    proxy_code_hash: bytes
    safe_code_hash: bytes


class Chain:
    """Deploys stand-ins, knows who is who, and says what happened in the vectors' words.

    Attributes:
        evm: where it all runs
        names: of addresses, lower case
    """

    def __init__(self, timestamp: int = START, chain_id: int = 137) -> None:
        self.evm, self.chain_id = Evm(timestamp, chain_id), chain_id
        self.names: dict[str, str] = {}
        self._logs: dict[str, Logs] = {}

    def deploy(self, kind: str | Artifact, *args: Any, name: str = "") -> Contract:
        """Deploy one of our contracts by its name, or any artifact; its deployer is
        `evm.deployer` until the next one."""
        code = artifact(kind) if isinstance(kind, str) else kind
        return self.know(self.evm.deploy(code, *args), name)

    def exchange(
        self, ctf: str, inside: str, pusd: str, adapter: str, wallets: Wallets | None = None
    ) -> Contract:
        """Deploy exchange V2, called "ex"; its deployer is admin, operator and fee receiver. It is
        the venue's own where there is one (real.py).

        Args:
            inside: the collateral inside outcome tokens
        """
        if FOLDER:
            found = deploy_real_exchange(self.evm, ctf, inside, pusd, adapter)
            return self.know(found, "ex")
        factories = wallets or Wallets(NOBODY, NOBODY, bytes(32), bytes(32))
        tokens = (ctf, inside, pusd, adapter)
        return self.deploy("Exchange", *tokens, *astuple(factories), "2", name="ex")

    def pusd(self, usdc: str) -> Contract:
        """Deploy pUSD, backed by `usdc` in a vault of its own; its deployer is owner."""
        vault = self.deploy("CollateralVault")
        owner = self.evm.deployer
        pusd = self.deploy("PUsd", NOBODY, usdc, vault.address, name="pUSD")
        vault.approve(usdc, pusd.address, 2**256 - 1, sender=owner)
        self.call_it(vault.address, "cVault")
        return pusd

    def at(self, address: str, kind: str | Artifact, name: str = "") -> Contract:
        """Return the contract at `address`, its events readable."""
        code = artifact(kind) if isinstance(kind, str) else kind
        return self.know(self.evm.at(address, code.abi), name)

    def know(self, contract: Contract, name: str = "") -> Contract:
        """Make a contract's events readable, and give it a name if it is to have one."""
        if name:
            self.call_it(contract.address, name)
        self._logs[contract.address.lower()] = Logs(contract.address, contract.abis)
        return contract

    def call_it(self, address: str, name: str) -> None:
        """Give an address a name."""
        self.names[address.lower()] = name

    def name_of(self, address: str) -> str:
        """Return an address's name, or the checksummed address."""
        return self.names.get(address.lower()) or to_checksum_address(address)

    def outcome(self, call: Callable[[], Any]) -> str:
        """Return "ok", or the name of the error that a call of a contract ended with."""
        try:
            call()
        except Reverted as reverted:
            return refusal(reverted)
        return OK

    def events(
        self, logs: Sequence[Any] | None = None, of: Iterable[Contract] | None = None
    ) -> list[Event]:
        """Return the events of known contracts in `logs`, in order.

        Args:
            logs: those of the last transaction, if not given
            of: these contracts only
        """
        wanted = {each.address.lower() for each in of} if of is not None else set(self._logs)
        logs = self.evm.transactions[-1][1] if logs is None else logs
        found = []
        for log in logs:
            emitter = log.address.lower()
            if emitter in wanted and emitter in self._logs:
                (event,) = self._logs[emitter].read([log])
                name, values = event
                args = tuple(self._plain(values[each]) for each in self._logs[emitter].order(name))
                found.append(Event(self.name_of(emitter), name, args))
        return found

    def _plain(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
            return self.name_of(value)
        if isinstance(value, bytes):
            return "0x" + value.hex()
        if isinstance(value, list | tuple):
            return tuple(map(self._plain, value))
        return value


def refusal(reverted: Reverted) -> str:
    """Return a revert's error as the vectors write it; a halt is revm's words."""
    if not reverted.data and "Halt" in str(reverted):
        return str(reverted)
    return error_name(reverted.data)
