"""Compiled contracts: ABI and code, of our own and of those that the devnet runs beside them.

Our own are package data, written by `make setup` from what the compiler made. Others' come from the
packages that ship them: npm for Gnosis' contracts, PyPI for Safe's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from strongroom.chain.abi import Abi, AbiEntry
from strongroom.chain.codec import FunctionCodec
from strongroom.errors import BadInput

FOLDER = "artifacts"
NODE_MODULES = (Path("node_modules"), Path.home() / ".strongroom" / "node_modules")
TOKENS, MAKERS = "conditional-tokens-contracts", "conditional-tokens-market-makers"
_NPM = "npm install --prefix ~/.strongroom --no-fund --no-audit"
INSTALL = f"{_NPM} @foundry-rs/anvil@1.7.1 @gnosis.pm/{TOKENS}@1.0.3"
BRINGS = {TOKENS: INSTALL, MAKERS: f"{_NPM} @gnosis.pm/{MAKERS}@1.8.1"}
_BLUEPRINT = b"\xfe\x71\x00"  # ERC-5202
_RETURN_REST = bytes.fromhex("3d81600a3d39f3")  # with a PUSH2 of its length before: return it
# the code that answers at a vault's address
_VAULT = ("Vault", "VaultDesk", "VaultExits", "VaultGovernance")


class ArtifactMissing(BadInput):
    """A compiled contract is not there; the message says what brings it."""


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    Attributes:
        creation: the code that runs once, without arguments
        runtime: the code that stays, without immutables; empty where its package has none
        compiler: name, version and settings; empty where it is not ours
    """

    name: str
    abi: Abi
    creation: bytes
    runtime: bytes = b""
    compiler: Mapping[str, str] | None = None

    def initcode(self, *arguments: object) -> bytes:
        """Return creation code and arguments.

        Raises:
            BadArguments: the constructor takes others.
        """
        entry = next((each for each in self.abi if each["type"] == "constructor"), {"inputs": ()})
        return self.creation + FunctionCodec({**entry, "name": self.name}).encode(arguments)

    @property
    def blueprint_initcode(self) -> bytes:
        """The code whose run leaves this contract's ERC-5202 blueprint."""
        code = _BLUEPRINT + self.creation
        return b"\x61" + len(code).to_bytes(2, "big") + _RETURN_REST + code


@cache
def artifact(name: str) -> Artifact:
    """Return one of our contracts.

    Raises:
        ArtifactMissing: the package was not built whole.
    """
    source = files("strongroom.chain") / FOLDER / f"{name}.json"
    if not source.is_file():
        raise ArtifactMissing(
            f"the compiled contract {name} is not in this package: run `make setup` in the "
            "repository, or install the wheel"
        )
    found = json.loads(source.read_text())
    return Artifact(
        name,
        found["abi"],
        bytes.fromhex(found["creation"]),
        bytes.fromhex(found["runtime"]),
        found["compiler"],
    )


@cache
def vault_abi() -> tuple[AbiEntry, ...]:
    """Return a vault's ABI: the functions and events of all code that answers at its address."""
    merged: dict[str, AbiEntry] = {}
    for part in _VAULT:
        for entry in artifact(part).abi:
            if entry["type"] in ("function", "event"):
                inputs = ",".join(json.dumps(each) for each in entry["inputs"])
                merged.setdefault(f"{entry['type']} {entry['name']}({inputs})", entry)
    return tuple(merged.values())


@cache
def gnosis(package: str, name: str) -> Artifact:
    """Return a contract of npm's `@gnosis.pm`: TOKENS has ConditionalTokens, MAKERS the pools of
    Omen, which only markets at pools need.

    Raises:
        ArtifactMissing: the npm package is not installed.
    """
    inside = Path("@gnosis.pm") / package / "build" / "contracts" / f"{name}.json"
    for place in NODE_MODULES:
        if (place / inside).is_file():
            found = json.loads((place / inside).read_text())
            return Artifact(name, found["abi"], bytes.fromhex(found["bytecode"][2:]))
    raise ArtifactMissing(f"{name} is not installed: {BRINGS[package]}")


@cache
def safe(name: str) -> Artifact:
    """Return a part of Safe 1.4.1: "Safe", "ProxyFactory", "CompatibilityFallbackHandler" or
    "MultiSendCallOnly". The package's Safe is the one of layer 2 (SafeL2): it logs each transaction
    with all its fields."""
    source = files("safe_eth.eth.contracts.abis") / f"{name}_V1_4_1.json"
    found = json.loads(source.read_text())
    return Artifact(name, found["abi"], bytes.fromhex(found["bytecode"].removeprefix("0x")))
