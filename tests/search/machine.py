"""A bare EVM (revm) for searches: compiled contracts, calls made of plain words, cheap undoing.

Some ten thousand calls a second: no blocks, no logs, no ABI library in the way. Whoever has no code
may call as anybody.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pyrevm
from eth_abi import encode
from eth_utils import keccak, to_checksum_address

ROOT = Path(__file__).parents[2]
COMPILED = ROOT / ".build" / "__local__.json"
GAS = 30_000_000  # of one transaction
TOKENS = Path("node_modules/@gnosis.pm/conditional-tokens-contracts/build/contracts")


class Refused(Exception):
    """A call reverted."""


@cache
def compiled(file: Path) -> dict[str, Any]:
    """Return the contracts that ape has compiled into `file`, and ConditionalTokens."""
    contracts = json.loads(file.read_text())["contractTypes"]
    tokens = json.loads((ROOT / TOKENS / "ConditionalTokens.json").read_text())
    contracts["ConditionalTokens"] = {
        "abi": tokens["abi"],
        "deploymentBytecode": {"bytecode": tokens["bytecode"]},
    }
    return contracts


@cache
def selector(signature: str) -> bytes:
    """Return the four bytes that name a function."""
    return keccak(text=signature)[:4]


@cache
def address(name: str) -> str:
    """Return the address that goes by `name`."""
    return to_checksum_address(keccak(text=name)[-20:])


@cache
def _padded(account: str) -> bytes:
    return bytes(12) + bytes.fromhex(account[2:])


def words(values: tuple[Any, ...]) -> bytes:
    """Encode static values: numbers, addresses (text) and bytes of any whole number of words."""
    parts = []
    for value in values:
        if isinstance(value, int):
            parts.append((value & (2**256 - 1)).to_bytes(32, "big"))
        else:
            parts.append(_padded(value) if isinstance(value, str) else value)
    return b"".join(parts)


def _canonical(entry: dict[str, Any]) -> str:
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    inner = ",".join(map(_canonical, entry["components"]))
    return f"({inner}){entry['type'].removeprefix('tuple')}"


class Machine:
    """One chain; time is set by hand."""

    def __init__(self, timestamp: int, contracts: dict[str, Any]) -> None:
        self._evm = pyrevm.EVM(spec_id="CANCUN")
        self._contracts = contracts
        self._deployments = 0
        self.deployer = ""
        self.at(timestamp)

    def at(self, timestamp: int) -> None:
        """Let it be that time."""
        self.time = timestamp
        self._evm.set_block_env(pyrevm.BlockEnv(timestamp=timestamp, number=1))

    def deploy(self, name: str, *arguments: Any) -> str:
        """Deploy a compiled contract and return its address; `deployer` is who did it."""
        found = self._contracts[name]
        inputs = next((e["inputs"] for e in found["abi"] if e["type"] == "constructor"), [])
        code = bytes.fromhex(found["deploymentBytecode"]["bytecode"].removeprefix("0x"))
        self._deployments += 1
        self.deployer = address(f"deployer {self._deployments}")
        made = self._evm.deploy(
            self.deployer, code + encode([_canonical(each) for each in inputs], arguments)
        )
        self._evm.reset_transient_storage()
        return to_checksum_address(made)

    def call(self, sender: str, to: str, signature: str, *values: Any, gas_price: int = 0) -> bytes:
        """Make a call.

        Args:
            gas_price: wei; the sender must be rich

        Raises:
            Refused: it reverted; nothing has changed.
        """
        try:
            data = selector(signature) + words(values)
            return self._evm.message_call(sender, to, data, gas=GAS, gas_price=gas_price)
        except RuntimeError as error:
            raise Refused(error) from None
        finally:
            self._evm.reset_transient_storage()

    def read(self, to: str, signature: str, *values: Any) -> int:
        """Return the first word of a view's answer."""
        data = selector(signature) + words(values)
        answer = self._evm.message_call(to_read, to, data, is_static=True)
        return int.from_bytes(answer[:32], "big")

    def read_all(self, to: str, signature: str, *values: Any) -> tuple[int, ...]:
        """Return a view's answer as words."""
        data = selector(signature) + words(values)
        answer = self._evm.message_call(to_read, to, data, is_static=True)
        return tuple(
            int.from_bytes(answer[place : place + 32], "big") for place in range(0, len(answer), 32)
        )

    def enrich(self, account: str) -> None:
        """Give an address native coin, so that it can pay for gas."""
        self._evm.set_balance(account, 10**27)

    def set_code(self, account: str, code: bytes) -> None:
        """Give an address code, or take it away."""
        self._evm.insert_account_info(account, pyrevm.AccountInfo(code=code))

    def snapshot(self) -> Any:
        """Return a point to `undo` to."""
        return self._evm.snapshot()

    def undo(self, point: Any) -> None:
        """Undo everything since the snapshot."""
        self._evm.revert(point)


to_read = address("nobody")


def reason(refused: Refused) -> str:
    """Return what a contract said when it refused."""
    text = str(refused)
    place = text.find("0x08c379a0")
    if place < 0:
        return text
    data = bytes.fromhex(text[place + 10 :].split("}")[0].split(",")[0].strip())
    size = int.from_bytes(data[32:64], "big")
    return data[64 : 64 + size].decode()
