"""What the contract tests use of ape, on a bare EVM (revm), some thirty times as fast.

`install` puts it in ape's place before the tests are imported; as a pytest plugin it gives ape's
fixtures. It has no networks, no plugins and no explanation of reverts without a reason: whether it
tells good contracts from bad ones as ape does is seen by running the tests on both.
"""

import re
import sys
from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from types import ModuleType, SimpleNamespace
from typing import Any

import pyrevm
import pytest
from eth_abi import decode, encode
from eth_account import Account
from eth_utils import keccak, to_checksum_address
from ethpm_types import ContractType
from hexbytes import HexBytes
from strongroom.chain import artifacts

CHAIN_ID = 1337
GAS = 30_000_000
START = 1_700_000_000
# Code that returns the code at the address that it is called with: revm's own answer has a tail.
CODE_READER = bytes.fromhex("5f35803b805f5f843c5ff3")
READER, NOBODY = "0x" + "c0de" * 10, "0x" + "00" * 20
MNEMONIC = "test test test test test test test test test test test junk"


class Reverted(Exception):
    """A call reverted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.revert_message = reason


class Blocks:
    """The chain as tests look at it: what ape calls `chain`. A transaction is a block."""

    chain_id = CHAIN_ID

    def __init__(self) -> None:
        self.evm = pyrevm.EVM(
            spec_id="CANCUN",
            env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID, limit_contract_code_size=2**17)),
        )
        self.number, self.last, self.next = 1, START, START + 1
        self.evm.insert_account_info(READER, pyrevm.AccountInfo(code=CODE_READER))

    @property
    def pending_timestamp(self) -> int:
        return self.next

    @pending_timestamp.setter
    def pending_timestamp(self, moment: int) -> None:
        if moment < self.next:
            raise ValueError("time goes on")
        self.next = moment

    @property
    def blocks(self) -> Any:
        return SimpleNamespace(
            head=SimpleNamespace(timestamp=self.last, number=self.number), height=self.number
        )

    def mine(self, num_blocks: int = 1, timestamp: int | None = None) -> None:
        if timestamp is not None:
            self.pending_timestamp = timestamp
        self.number += num_blocks
        self.last = self.next + num_blocks - 1
        self.next = self.last + 1

    @contextmanager
    def isolate(self) -> Iterator[None]:
        point = self.evm.snapshot(), self.number, self.last, self.next
        yield
        self.evm.revert(point[0])
        self.number, self.last, self.next = point[1:]

    def run(self, sender: str, to: str, data: bytes, value: int = 0, gas: int = GAS) -> bytes:
        """Run a transaction in a block of its own; one that reverts makes none."""
        answer = self._call(sender, to, data, value, gas, self.number + 1, self.next)
        self.mine()
        return answer

    def look(self, sender: str, to: str, data: bytes, gas: int = GAS) -> bytes:
        """Run a call as of the last block; nothing of it stays."""
        point = self.evm.snapshot()
        try:
            return self._call(sender, to, data, 0, gas, self.number, self.last)
        finally:
            self.evm.revert(point)

    def _call(
        self,
        sender: str,
        to: str,
        data: bytes,
        value: int,
        gas: int,
        number: int,
        timestamp: int,
    ) -> bytes:
        self.evm.set_block_env(pyrevm.BlockEnv(number=number, timestamp=timestamp))
        try:
            return bytes(self.evm.message_call(sender, to, data, value=value, gas=gas))
        except RuntimeError as error:
            raise Reverted(_reason(error)) from None
        finally:
            self.evm.reset_transient_storage()

    def code(self, address: Any) -> HexBytes:
        address = getattr(address, "address", address)
        return HexBytes(self.look(NOBODY, READER, bytes(12) + bytes.fromhex(address[2:])))

    def create(self, sender: str, code: bytes) -> str:
        """Run creation code and return where the contract is."""
        self.evm.set_block_env(pyrevm.BlockEnv(number=self.number + 1, timestamp=self.next))
        try:
            address = self.evm.deploy(sender, code)
        except RuntimeError as error:
            raise Reverted(_reason(error)) from None
        finally:
            self.evm.reset_transient_storage()
        self.mine()
        return str(to_checksum_address(address))


def _reason(error: Exception) -> str:
    found = re.search(r"output: 0x08c379a0([0-9a-f]+)", str(error))
    return str(decode(["string"], bytes.fromhex(found[1]))[0]) if found else str(error)


chain = Blocks()


class reverts:  # noqa: N801 - ape's name
    """What stands inside must revert, for the reason if one is given."""

    def __init__(self, reason: str | re.Pattern[str] | None = None, **_: Any) -> None:
        self.reason = reason

    def __enter__(self) -> "reverts":
        return self

    def __exit__(self, _: Any, error: BaseException | None, __: Any) -> bool:
        assert error is not None, "did not revert"
        if not isinstance(error, Reverted):
            return False
        wanted, said = self.reason, str(error)
        found = wanted.search(said) if isinstance(wanted, re.Pattern) else wanted in (None, said)
        assert found, f"reverted for {said!r}, not {wanted!r}"
        return True


def plain(kind: str, value: Any) -> Any:
    """Return an argument as eth_abi takes it."""
    if kind.endswith("]"):
        return [plain(kind[: kind.rindex("[")], each) for each in value]
    if kind.startswith("("):
        return tuple(map(plain, _parts(kind), value))
    if kind == "address":
        return value if isinstance(value, str) else value.address
    if kind.startswith("bytes") and isinstance(value, str):
        return bytes.fromhex(value.removeprefix("0x"))
    return value


@cache
def _parts(kind: str) -> tuple[str, ...]:
    """Return the types inside a tuple's."""
    parts, depth, start = [], 0, 1
    for at, letter in enumerate(kind):
        depth += letter == "("
        depth -= letter == ")"
        if depth == (letter == ",") and letter in ",)":
            parts.append(kind[start:at])
            start = at + 1
    return tuple(parts)


def _shaped(entry: Any, value: Any) -> Any:
    """Return a decoded value as ape gives it."""
    kind = entry.canonical_type
    if kind.endswith("]"):
        inner = entry.model_copy(update={"type": entry.type[: entry.type.rindex("[")]})
        return [_shaped(inner, each) for each in value]
    if entry.components:
        values = [_shaped(part, each) for part, each in zip(entry.components, value, strict=True)]
        return _named([part.name for part in entry.components], values)
    if kind == "address":
        return to_checksum_address(value)
    return HexBytes(value) if kind.startswith("bytes") else value


def _named(names: Sequence[str | None], values: Sequence[Any]) -> Any:
    if all(names):
        return _shape(tuple(str(name) for name in names))(*values)
    return tuple(values)


@cache
def _shape(names: tuple[str, ...]) -> Any:
    return namedtuple("Values", names, rename=True)


class Receipt:
    """What a transaction left."""

    def __init__(self, to: str, answer: Any = None) -> None:
        self.contract_address = to
        self.timestamp, self.block_number = chain.last, chain.number
        self.return_value = answer
        self.gas_used = int(chain.evm.result.gas_used)
        self.logs = chain.evm.result.logs

    def decode_logs(self, event: "Event") -> list[Any]:
        return [event.read(log) for log in self.logs if event.fits(log)]

    @property
    def events(self) -> list[Any]:
        return self.logs


class Event:
    """An event of a contract."""

    def __init__(self, address: str, abi: Any) -> None:
        self._address, self.abi = address.lower(), abi
        self._topic = keccak(text=abi.selector)

    def fits(self, log: Any) -> bool:
        topics = log.data[0]
        return bool(topics) and bytes(topics[0]) == self._topic

    def read(self, log: Any) -> Any:
        topics, data = log.data
        rest = [each for each in self.abi.inputs if not each.indexed]
        values = decode([each.canonical_type for each in rest], bytes(data))
        found = {each.name: _shaped(each, value) for each, value in zip(rest, values, strict=True)}
        indexed = [each for each in self.abi.inputs if each.indexed]
        for each, topic in zip(indexed, topics[1:], strict=True):
            if each.canonical_type in ("string", "bytes"):
                found[each.name] = HexBytes(topic)
            else:
                found[each.name] = _shaped(each, decode([each.canonical_type], bytes(topic))[0])
        return SimpleNamespace(
            **found, event_arguments=found, contract_address=log.address, event_name=self.abi.name
        )


class Function:
    """A function of a contract, or several of one name."""

    def __init__(self, contract: "Contract", entries: list[Any]) -> None:
        self._contract, self._entries = contract, entries

    def _entry(self, arguments: Sequence[Any]) -> Any:
        fitting = [each for each in self._entries if len(each.inputs) == len(arguments)]
        assert fitting, f"{self._entries[0].name}: {len(arguments)} arguments"
        return fitting[0]

    def encode_input(self, *arguments: Any) -> HexBytes:
        entry = self._entry(arguments)
        kinds = [each.canonical_type for each in entry.inputs]
        values = [plain(kind, value) for kind, value in zip(kinds, arguments, strict=True)]
        return HexBytes(keccak(text=entry.selector)[:4] + encode(kinds, values))

    def _decoded(self, entry: Any, answer: bytes) -> Any:
        if not entry.outputs:
            return None
        values = decode([each.canonical_type for each in entry.outputs], answer)
        shaped = [_shaped(each, value) for each, value in zip(entry.outputs, values, strict=True)]
        return shaped[0] if len(shaped) == 1 else _named([e.name for e in entry.outputs], shaped)

    def call(self, *arguments: Any, sender: Any = None, gas: int = GAS, **_: Any) -> Any:
        frm = sender.address if sender is not None else NOBODY
        data = self.encode_input(*arguments)
        answer = chain.look(frm, self._contract.address, data, gas)
        return self._decoded(self._entry(arguments), answer)

    def estimate_gas_cost(self, *arguments: Any, sender: Any = None) -> int:
        self.call(*arguments, sender=sender)
        return 21_000 + int(chain.evm.result.gas_used)

    def __call__(
        self,
        *arguments: Any,
        sender: Any = None,
        value: int = 0,
        gas: int = GAS,
        gas_limit: int = 0,
        **_: Any,
    ) -> Any:
        entry = self._entry(arguments)
        if entry.stateMutability in ("view", "pure"):
            return self.call(*arguments, sender=sender, gas=gas_limit or gas)
        data, to = self.encode_input(*arguments), self._contract.address
        answer = chain.run(sender.address, to, data, value, gas_limit or gas)
        return Receipt(to, self._decoded(entry, answer) if answer else None)


class Contract:
    """A contract at an address."""

    def __init__(self, address: str, kind: ContractType) -> None:
        self.address, self.contract_type = to_checksum_address(address), kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        functions, events = _members(self.contract_type)
        if name in functions:
            return Function(self, functions[name])
        if name in events:
            return Event(self.address, events[name])
        raise AttributeError(name)

    def __eq__(self, other: object) -> bool:
        return self.address == (other if isinstance(other, str) else getattr(other, "address", ""))

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)

    def call_view_method(self, name: str, *arguments: Any) -> Any:
        return getattr(self, name)(*arguments)

    @property
    def code(self) -> HexBytes:
        return chain.code(self.address)


_known: dict[int, Any] = {}


def _members(kind: ContractType) -> Any:
    if id(kind) not in _known:
        functions: dict[str, list[Any]] = {}
        for entry in kind.abi:
            if entry.type == "function":
                functions.setdefault(entry.name, []).append(entry)
        events = {entry.name: entry for entry in kind.abi if entry.type == "event"}
        _known[id(kind)] = kind, (functions, events)
    return _known[id(kind)][1]


class Container:
    """A kind of contract."""

    def __init__(self, contract_type: ContractType) -> None:
        self.contract_type = contract_type

    def at(self, address: Any, **_: Any) -> Contract:
        return Contract(getattr(address, "address", address), self.contract_type)


class Person:
    """An account with a key."""

    def __init__(self, number: int) -> None:
        Account.enable_unaudited_hdwallet_features()
        self._key = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}")
        self.address = self._key.address
        self.private_key = "0x" + self._key.key.hex().removeprefix("0x")
        chain.evm.set_balance(self.address, 2**80)

    def _creation(self, container: Container, arguments: Sequence[Any]) -> bytes:
        kind = container.contract_type
        code = bytes(HexBytes(kind.deployment_bytecode.bytecode))
        inputs = kind.constructor.inputs if arguments else []
        kinds = [each.canonical_type for each in inputs]
        values = [plain(kind, value) for kind, value in zip(kinds, arguments, strict=True)]
        return code + encode(kinds, values)

    def deploy(self, container: Container, *arguments: Any, **_: Any) -> Contract:
        address = chain.create(self.address, self._creation(container, arguments))
        return container.at(address)

    def declare(self, container: Container) -> Receipt:
        code = bytes(HexBytes(container.contract_type.deployment_bytecode.bytecode))
        blueprint = artifacts.Artifact("blueprint", [], code).blueprint_initcode
        return Receipt(chain.create(self.address, blueprint))

    def transfer(self, to: Any, value: int, data: bytes = b"") -> Receipt:
        address = getattr(to, "address", to)
        chain.run(self.address, address, data, value)
        return Receipt(address)

    def __eq__(self, other: object) -> bool:
        return self.address == (other if isinstance(other, str) else getattr(other, "address", ""))

    def __hash__(self) -> int:
        return hash(self.address)

    def __str__(self) -> str:
        return str(self.address)


class Project:
    """Our compiled contracts."""

    def get_contract(self, name: str) -> Container:
        return Container(kind_of(artifacts.artifact(name)))

    @property
    def contracts(self) -> set[str]:
        return {path.stem for path in (artifacts.files("strongroom.chain") / "artifacts").iterdir()}  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Container:
        return self.get_contract(name)


_kinds: dict[str, ContractType] = {}


def kind_of(artifact: artifacts.Artifact) -> ContractType:
    if artifact.name not in _kinds:
        described = {
            "contractName": artifact.name,
            "abi": list(artifact.abi),
            "deploymentBytecode": {"bytecode": "0x" + artifact.creation.hex()},
            "runtimeBytecode": {"bytecode": "0x" + artifact.runtime.hex()},
        }
        _kinds[artifact.name] = ContractType.model_validate(described)
    return _kinds[artifact.name]


def forget() -> None:
    """Read compiled contracts anew."""
    _kinds.clear()


people = [Person(number) for number in range(20)]


def install() -> None:
    """Stand in for ape: before anything imports it."""
    ape, contracts = ModuleType("ape"), ModuleType("ape.contracts")
    contracts.ContractContainer = Container  # type: ignore[attr-defined]
    provider = SimpleNamespace(get_code=chain.code)
    parts = {
        "reverts": reverts,
        "project": Project(),
        "accounts": SimpleNamespace(test_accounts=people),
        "networks": SimpleNamespace(provider=provider),
        "exceptions": SimpleNamespace(ContractLogicError=Reverted, ApeException=Reverted),
        "contracts": contracts,
        "chain": chain,
        "api": SimpleNamespace(ReceiptAPI=Receipt),
    }
    vars(ape).update(parts)
    sys.modules |= {"ape": ape, "ape.contracts": contracts}


@pytest.fixture(scope="session", name="accounts")
def _accounts() -> list[Person]:
    return people


@pytest.fixture(scope="session", name="chain")
def _chain() -> Blocks:
    return chain


@pytest.fixture(scope="session", name="project")
def _project() -> Project:
    return Project()


@pytest.fixture(autouse=True)
def _isolation() -> Iterator[None]:
    with chain.isolate():
        yield
