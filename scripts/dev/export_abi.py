"""Write the ABIs that the agent uses from the compiled contracts: `make abi`."""

import json
from pathlib import Path
from typing import Any

import click
from strongroom.chain.artifacts import MAKERS, TOKENS, artifact, gnosis, vault_abi

TARGET = Path(__file__).parents[2] / "agent" / "strongroom" / "chain" / "abi"
OWN = (
    "PolymarketAccount",
    "WalletAccount",
    "SafeAccount",
    "FpmmAccount",
    "PositionAccount",
    "DelegatedAccount",
    "WalletRegistry",
    "DepositWallet",
    "MandateBoard",
    "ProofGate",
    "PerformanceSplitter",
    "IdentityRegistry",
    "ReputationRegistry",
    "ValidationRegistry",
)
OLD = ("constant", "payable")  # what stateMutability says, in the words of Solidity 0.5


def abis() -> dict[str, list[dict[str, Any]]]:
    """Return name -> ABI, as the files in agent/strongroom/chain/abi must hold it."""
    found = {
        "Vault": vault_abi(),
        **{name: artifact(name).abi for name in (*OWN, "Exchange")},
        "FixedProductMarketMaker": gnosis(MAKERS, "FixedProductMarketMaker").abi,
        "ConditionalTokens": gnosis(TOKENS, "ConditionalTokens").abi,
        "Erc20": artifact("UsdcE").abi,
        "PaidToken": artifact("Usdc").abi,
        "PositionModule": artifact("BinaryModule").abi,
    }
    return {
        name: [{key: each[key] for key in each if key not in OLD} for each in abi]
        for name, abi in found.items()
    }


@click.command()
def cli() -> None:
    """Write agent/strongroom/chain/abi/*.json from the compiled contracts.

    Example: python -m scripts.dev.export_abi
    """
    for name, abi in abis().items():
        (TARGET / f"{name}.json").write_text(json.dumps(abi, indent=1) + "\n")
        click.echo(f"agent/strongroom/chain/abi/{name}.json: {len(abi)} entries")


if __name__ == "__main__":
    cli()
