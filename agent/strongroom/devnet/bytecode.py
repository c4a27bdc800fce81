"""The real contracts that the devnet runs, from the packages that ship their bytecode.

Sources: npm `@gnosis.pm/conditional-tokens-contracts` (ConditionalTokens) and
`@gnosis.pm/conditional-tokens-market-makers` (FixedProductMarketMaker and its factory), and PyPI
`safe-eth-py` (Safe 1.4.1 with its proxy factory and fallback handler).
"""

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ape.contracts import ContractContainer
from ethpm_types import ContractType

_GNOSIS = Path("node_modules") / "@gnosis.pm"


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


def _gnosis_part(package: str, name: str) -> ContractContainer:
    artifact = _GNOSIS / package / "build" / "contracts" / f"{name}.json"
    if not artifact.exists():
        raise FileNotFoundError(f"{artifact} is missing: run `make setup` in the repository")
    return _container(name, json.loads(artifact.read_text()))


@cache
def conditional_tokens() -> ContractContainer:
    """Return Gnosis ConditionalTokens 1.0.3.

    Raises:
        FileNotFoundError: the npm packages are not installed.
    """
    return _gnosis_part("conditional-tokens-contracts", "ConditionalTokens")


@cache
def market_maker_part(name: str) -> ContractContainer:
    """Return a part of Gnosis' market makers: "FPMMDeterministicFactory" or its pools' code,
    "FixedProductMarketMaker".

    Raises:
        FileNotFoundError: the npm packages are not installed.
    """
    return _gnosis_part("conditional-tokens-market-makers", name)


@cache
def safe_part(name: str) -> ContractContainer:
    """Return a part of Safe 1.4.1: "Safe", "ProxyFactory", "CompatibilityFallbackHandler" or
    "MultiSendCallOnly"."""
    source = files("safe_eth.eth.contracts.abis") / f"{name}_V1_4_1.json"
    return _container(name, json.loads(source.read_text()))
