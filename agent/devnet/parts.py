"""The real contracts that the devnet runs, from the packages that ship their bytecode.

Sources: npm `@gnosis.pm/conditional-tokens-contracts` (ConditionalTokens) and PyPI `safe-eth-py`
(Safe 1.4.1 with its proxy factory and fallback handler).
"""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType

_CTF_ARTIFACT = (
    Path("node_modules") / "@gnosis.pm/conditional-tokens-contracts/build/contracts"
) / "ConditionalTokens.json"


def _container(name: str, artifact: dict[str, Any]) -> ContractContainer:
    return ContractContainer(
        ContractType.model_validate(
            {
                "contractName": name,
                "abi": artifact["abi"],
                "deploymentBytecode": {"bytecode": artifact["bytecode"]},
            }
        )
    )


@cache
def conditional_tokens() -> ContractContainer:
    """Return Gnosis ConditionalTokens 1.0.3.

    Raises:
        FileNotFoundError: the npm packages are not installed.
    """
    if not _CTF_ARTIFACT.exists():
        raise FileNotFoundError(f"{_CTF_ARTIFACT} is missing: run `make setup` in the repository")
    return _container("ConditionalTokens", json.loads(_CTF_ARTIFACT.read_text()))


@cache
def safe_part(name: str) -> ContractContainer:
    """Return a part of Safe 1.4.1: "Safe", "ProxyFactory" or "CompatibilityFallbackHandler"."""
    source = files("safe_eth.eth.contracts.abis") / f"{name}_V1_4_1.json"
    return _container(name, json.loads(source.read_text()))
