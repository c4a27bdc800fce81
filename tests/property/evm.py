"""A bare EVM (revm) for long random tests: the same bytecode, some thousand calls a second."""

import re
from functools import cache
from typing import Any

import pyrevm
from eth_abi import decode, encode
from eth_utils import keccak, to_checksum_address


class Reverted(Exception):
    """A call reverted; the message is the contract's reason, if it gave one."""


Method = tuple[bytes, list[str], list[str]]  # selector, types of inputs and outputs
_known: dict[int, tuple[Any, dict[tuple[str, int], Method]]] = {}  # by ABI, which it keeps alive


def _methods(abi: Any) -> dict[tuple[str, int], Method]:
    """Return an ABI's functions by name and number of arguments."""
    if id(abi) not in _known:
        _known[id(abi)] = (
            abi,
            {
                (entry.name, len(entry.inputs)): (
                    keccak(text=entry.selector)[:4],
                    [each.canonical_type for each in entry.inputs],
                    [each.canonical_type for each in entry.outputs],
                )
                for entry in abi
                if entry.type == "function"
            },
        )
    return _known[id(abi)][1]


def _values(types: list[str], answer: bytes) -> tuple[Any, ...]:
    """Decode an answer; plain numbers, which most are, ten times faster than others."""
    if len(answer) == 32 * len(types) and all(each == "uint256" for each in types):
        return tuple(
            int.from_bytes(answer[at : at + 32], "big") for at in range(0, len(answer), 32)
        )
    return decode(types, answer) if types else ()


@cache
def _address(name: str) -> str:
    return to_checksum_address(keccak(text=name)[-20:])


class Contract:
    """A deployed contract: attribute access gives its functions."""

    def __init__(self, evm: "Evm", address: str, abis: list[Any]) -> None:
        self._evm = evm
        self.address = address
        self.abis = abis
        self._methods: dict[tuple[str, int], Method] = {}
        for abi in abis:
            self._methods |= _methods(abi)

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, sender: str | None = None) -> Any:
            selector, inputs, outputs = self._methods[name, len(args)]
            data = selector + encode(inputs, args) if inputs else selector
            answer = self._evm.call(sender or self._evm.nobody, self.address, data, sender is None)
            values = _values(outputs, answer)
            return values[0] if len(values) == 1 else values

        return call


class Evm:
    """One chain, no blocks: time is set by hand."""

    def __init__(self, timestamp: int) -> None:
        self._evm = pyrevm.EVM(spec_id="CANCUN")
        self.nobody = self.address("nobody")
        self.transactions: list[tuple[int, list[Any]]] = []  # time, logs
        self._deployments = 0
        self.deployer = self.nobody
        self.time = timestamp
        self.wait(0)

    def address(self, name: str) -> str:
        """Return the address that goes by `name`."""
        return _address(name)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.time += seconds
        self._evm.set_block_env(pyrevm.BlockEnv(timestamp=self.time, number=1))

    def deploy(self, contract_type: Any, *args: Any, abis: list[Any] | None = None) -> Contract:
        """Deploy a compiled contract; its deployer is `evm.deployer` until the next one."""
        inputs = contract_type.constructor.inputs
        types = [entry.canonical_type for entry in inputs]
        code = bytes.fromhex(contract_type.deployment_bytecode.bytecode.removeprefix("0x"))
        self._deployments += 1
        self.deployer = self.address(f"deployer {self._deployments}")
        address = self._evm.deploy(self.deployer, code + encode(types, args))
        self.transactions.append((self.time, self._evm.result.logs))
        self._evm.reset_transient_storage()
        return self.at(address, contract_type, abis=abis)

    def at(self, address: str, contract_type: Any, abis: list[Any] | None = None) -> Contract:
        """Return the contract at `address`."""
        return Contract(self, to_checksum_address(address), abis or [contract_type.abi])

    def call(self, sender: str, to: str, data: bytes, static: bool = False) -> bytes:
        """Run one transaction (or a view)."""
        try:
            answer = self._evm.message_call(sender, to, data, is_static=static)
            if not static:
                self.transactions.append((self.time, self._evm.result.logs))
            return answer
        except RuntimeError as error:
            raise Reverted(_reason(error)) from None
        finally:
            self._evm.reset_transient_storage()

    @property
    def gas_used(self) -> int:
        """Gas of the last call, without what a transaction costs by itself."""
        return int(self._evm.result.gas_used)

    def set_code(self, address: str, code: bytes) -> None:
        """Give an address code, or take it away."""
        self._evm.insert_account_info(address, pyrevm.AccountInfo(code=code))

    def snapshot(self) -> Any:
        """Return a point to `revert` to."""
        return self._evm.snapshot()

    def revert(self, point: Any) -> None:
        """Undo everything since the snapshot."""
        self._evm.revert(point)


def _reason(error: Exception) -> str:
    """Return the reason string out of revm's message, or the message."""
    found = re.search(r"output: 0x08c379a0([0-9a-f]+)", str(error))
    return str(decode(["string"], bytes.fromhex(found[1]))[0]) if found else str(error)
