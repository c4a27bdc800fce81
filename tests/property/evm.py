"""A bare EVM (revm) for long random tests: the same bytecode, some thousand calls a second."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyrevm
from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address
from strongroom.chain.artifacts import Artifact
from strongroom.chain.custom_errors import error_name

GAS = 30_000_000  # of one transaction
WORDS = {
    "uint256",
    "bytes32",
    "address",
    "bool",
    "int256",
}  # types encoded by hand, which is faster


class Reverted(Exception):
    """A call reverted; the message is the contract's reason, if it gave one.

    Attributes:
        data: what came back: an error's selector and arguments, or nothing
    """

    def __init__(self, message: str, data: bytes = b"") -> None:
        super().__init__(message)
        self.data = data


@dataclass(frozen=True)
class Method:
    """A function: its selector, types of inputs and outputs."""

    selector: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass
class Point:
    """A state to go back to, as often as one likes."""

    checkpoint: Any
    time: int
    block: int
    transactions: int


def canonical(entry: Any) -> str:
    """Return the type of an ABI's parameter as signatures write it."""
    kind = entry["type"]
    if not kind.startswith("tuple"):
        return str(kind)
    return "(" + ",".join(map(canonical, entry["components"])) + ")" + kind.removeprefix("tuple")


def types(entries: Sequence[Any]) -> tuple[str, ...]:
    """Return the types of an ABI's parameters."""
    return tuple(map(canonical, entries))


def signature(entry: Any) -> str:
    """Return a function's or an event's signature."""
    return f"{entry['name']}({','.join(types(entry['inputs']))})"


_methods_of: dict[int, tuple[Any, dict[tuple[str, int], Method]]] = {}  # by ABI, which it keeps


def _methods(abi: Sequence[Any]) -> dict[tuple[str, int], Method]:
    """Return an ABI's functions by name and number of arguments."""
    if id(abi) not in _methods_of:
        found = {}
        for entry in abi:
            if entry["type"] == "function":
                found[entry["name"], len(entry["inputs"])] = Method(
                    keccak(text=signature(entry))[:4],
                    types(entry["inputs"]),
                    types(entry["outputs"]),
                )
        _methods_of[id(abi)] = abi, found
    return _methods_of[id(abi)][1]


def _encoded(kinds: tuple[str, ...], values: Sequence[Any]) -> bytes:
    """Encode arguments; words by hand."""
    if not all(kind in WORDS for kind in kinds):
        return encode(kinds, values)
    out = []
    for kind, value in zip(kinds, values, strict=True):
        if kind == "address":
            out.append(bytes(12) + bytes.fromhex(value[2:]))
        elif kind == "bytes32":
            assert len(value) == 32
            out.append(value)
        else:
            out.append(int(value).to_bytes(32, "big", signed=kind == "int256"))
    return b"".join(out)


def _word(kind: str, word: bytes) -> Any:
    if kind == "bytes32":
        return word
    if kind == "address":
        return "0x" + word[12:].hex()
    number = int.from_bytes(word, "big", signed=kind == "int256")
    return bool(number) if kind == "bool" else number


def _values(kinds: tuple[str, ...], answer: bytes) -> tuple[Any, ...]:
    """Decode an answer; words and lists of them by hand, which is ten times faster."""
    if all(kind in WORDS for kind in kinds):
        words = (answer[at : at + 32] for at in range(0, 32 * len(kinds), 32))
        return tuple(map(_word, kinds, words))
    if len(kinds) == 1 and kinds[0].removesuffix("[]") in WORDS:
        kind, count = kinds[0].removesuffix("[]"), int.from_bytes(answer[32:64], "big")
        return (tuple(_word(kind, answer[64 + 32 * i : 96 + 32 * i]) for i in range(count)),)
    return decode(kinds, answer)


@cache
def _address(name: str) -> str:
    return to_checksum_address(keccak(text=name)[-20:])


class Contract:
    """A deployed contract: attribute access gives its functions."""

    def __init__(self, evm: "Evm", address: str, *abis: Sequence[Any]) -> None:
        self._evm = evm
        self.address = address
        self.abis = abis
        self._methods: dict[tuple[str, int], Method] = {}
        for abi in abis:
            self._methods |= _methods(abi)

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, sender: str | None = None, **of_transaction: int) -> Any:
            method = self._methods[name, len(args)]
            data = method.selector + _encoded(method.inputs, args)
            answer = self._evm.call(
                sender or self._evm.nobody,
                self.address,
                data,
                static=sender is None,
                **of_transaction,
            )
            values = _values(method.outputs, answer)
            return values[0] if len(values) == 1 else values

        return call

    def method(self, name: str, arguments: int) -> Method:
        """Return a function by its name and number of arguments."""
        return self._methods[name, arguments]

    def data(self, name: str, *args: Any) -> bytes:
        """Return what a call would send."""
        method = self._methods[name, len(args)]
        return method.selector + _encoded(method.inputs, args)


class Evm:
    """One chain: time and block number are set by hand.

    Args:
        timestamp: of the first block
        chain_id: what CHAINID says

    Attributes:
        transactions: time and logs of each transaction, while `keeps_logs`
        calls: sender, receiver and data of each of them
        gas_used: of the last call, with the 21,000 of a transaction, without its bytes. Too low: to
            revm all calls are one transaction, so what an earlier one has touched is warm, and what
            it has written costs little to write again
    """

    def __init__(self, timestamp: int, chain_id: int = 1) -> None:
        config = pyrevm.CfgEnv(chain_id=chain_id)
        self._evm = pyrevm.EVM(spec_id="CANCUN", env=pyrevm.Env(cfg=config))
        self.nobody = self.address("nobody")
        self.transactions: list[tuple[int, list[Any]]] = []
        self.calls: list[tuple[str, str, bytes]] = []
        self.keeps_logs = True
        self._deployments = 0
        self.deployer = self.nobody
        self.time, self.block = timestamp, 1
        self.wait(0)

    def address(self, name: str) -> str:
        """Return the address that goes by `name`."""
        return _address(name)

    def wait(self, seconds: int, blocks: int = 0) -> None:
        """Let time and blocks pass."""
        self.time += seconds
        self.block += blocks
        self._evm.set_block_env(pyrevm.BlockEnv(timestamp=self.time, number=self.block))

    def deploy(self, kind: Artifact, *args: Any) -> Contract:
        """Deploy a compiled contract; its deployer is `evm.deployer` until the next one."""
        inputs = [each["inputs"] for each in kind.abi if each["type"] == "constructor"]
        code = kind.creation + (encode(types(inputs[0]), args) if inputs else b"")
        return self.at(self.create(code), kind.abi)

    def create(self, code: bytes) -> str:
        """Run creation code and return the new contract's address."""
        self._deployments += 1
        self.deployer = self.address(f"deployer {self._deployments}")
        address = self._evm.deploy(self.deployer, code)
        self.transactions.append((self.time, self._evm.result.logs))
        self.calls.append((self.deployer, "", b""))
        self._evm.reset_transient_storage()
        return to_checksum_address(address)

    def at(self, address: str, *abis: Sequence[Any]) -> Contract:
        """Return the contract at `address`."""
        return Contract(self, to_checksum_address(address), *abis)

    def call(
        self,
        sender: str,
        to: str,
        data: bytes,
        *,
        static: bool = False,
        gas: int = GAS,
        gas_price: int = 0,
        value: int = 0,
    ) -> bytes:
        """Run one transaction (or a view).

        Args:
            gas_price: wei; the sender must have what it comes to
            value: wei

        Raises:
            Reverted: with the contract's reason and the error's bytes.
        """
        try:
            answer = self._evm.message_call(
                sender, to, data, gas=gas, gas_price=gas_price, value=value, is_static=static
            )
            if not static and self.keeps_logs:
                self.transactions.append((self.time, self._evm.result.logs))
                self.calls.append((sender, to, data))
            return answer
        except RuntimeError as error:
            raise Reverted(*_reason(error)) from None
        finally:
            self._evm.reset_transient_storage()

    @property
    def gas_used(self) -> int:
        return int(self._evm.result.gas_used)

    def balance(self, address: str) -> int:
        """Return what an address has of native coin, wei."""
        return int(self._evm.get_balance(address))

    def set_balance(self, address: str, wei: int) -> None:
        """Give an address native coin."""
        self._evm.set_balance(address, wei)

    def code(self, address: str) -> bytes:
        """Return an address's code."""
        return bytes(self._evm.get_code(address) or b"")

    def set_code(self, address: str, code: bytes) -> None:
        """Give an address code, or take it away."""
        self._evm.insert_account_info(address, pyrevm.AccountInfo(code=code))

    def stored(self, address: str, slots: int) -> dict[int, int]:
        """Return what the first slots of an address hold, without those that are 0."""
        words = {slot: int(self._evm.storage(address, slot)) for slot in range(slots)}
        return {slot: word for slot, word in words.items() if word}

    def store(self, address: str, words: dict[int, int]) -> None:
        """Set slots of an address."""
        for slot, word in words.items():
            self._evm.insert_account_storage(address, slot, word)

    def snapshot(self) -> Point:
        """Return the present state, to `revert` to."""
        return Point(self._evm.snapshot(), self.time, self.block, len(self.transactions))

    def revert(self, point: Point) -> None:
        """Undo everything since the snapshot, time too; the point can be used again, those taken
        after it cannot."""
        self._evm.revert(point.checkpoint)
        point.checkpoint = self._evm.snapshot()
        del self.transactions[point.transactions :]
        del self.calls[point.transactions :]
        self.time, self.block = point.time, point.block
        self.wait(0)


def _reason(error: Exception) -> tuple[str, bytes]:
    """Return an error's string or name, or revm's message, and the error's bytes."""
    found = re.search(r"output: 0x([0-9a-f]*)", str(error))
    data = bytes.fromhex(found[1]) if found else b""
    name = error_name(data)
    return str(error) if not data or name.startswith("0x") else name, data


_events_of: dict[int, tuple[Any, dict[bytes, Any]]] = {}  # by ABI, which it keeps


def _events(abi: Sequence[Any]) -> dict[bytes, Any]:
    """Return an ABI's events by topic: name, what is indexed, what is not, the types of that,
    and the order of all."""
    if id(abi) not in _events_of:
        found = {}
        for entry in abi:
            if entry["type"] == "event":
                indexed = [each for each in entry["inputs"] if each["indexed"]]
                rest = [each for each in entry["inputs"] if not each["indexed"]]
                topic = keccak(text=signature(entry))
                order = [each["name"] for each in entry["inputs"]]
                found[topic] = entry["name"], indexed, rest, types(rest), order
        _events_of[id(abi)] = abi, found
    return _events_of[id(abi)][1]


class Logs:
    """Decodes the logs of one contract by its ABIs."""

    def __init__(self, address: str, abis: Sequence[Sequence[Any]]) -> None:
        self._address = address.lower()
        self._events: dict[bytes, Any] = {}
        for abi in abis:
            self._events |= _events(abi)

    def order(self, name: str) -> list[str]:
        """Return the names of an event's arguments as its ABI orders them."""
        return next(order for found, _, _, _, order in self._events.values() if found == name)

    def read(self, logs: Sequence[Any]) -> list[tuple[str, dict[str, Any]]]:
        """Return name and arguments of each of the contract's events."""
        found = []
        for log in logs:
            if log.address.lower() != self._address:
                continue
            topics, data = log.data
            name, indexed, rest, kinds, _ = self._events[bytes(topics[0])]
            values = {
                each["name"]: _values((each["type"],), bytes(topic))[0]
                for each, topic in zip(indexed, topics[1:], strict=True)
                if each["type"] != "string"
            }
            values |= dict(zip([each["name"] for each in rest], _values(kinds, data), strict=True))
            found.append((name, values))
        return found
