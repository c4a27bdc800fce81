"""Write the ABIs that the agent uses from the compiled contracts: `make abi`."""

import json
from pathlib import Path
from typing import Any

import ape
import click
from strongroom.chain.artifacts import gnosis
from strongroom.devnet.contracts import MAKERS, TOKENS

from tests.ape_devnet import container, vault_type

TARGET = Path(__file__).parents[2] / "agent" / "strongroom" / "chain" / "abi"


def abis() -> dict[str, list[dict[str, Any]]]:
    """Return name -> ABI, as the files in agent/strongroom/chain/abi must hold it."""
    project, pool = ape.project, gnosis(MAKERS, "FixedProductMarketMaker")
    types = {
        "Vault": vault_type(),
        "PolymarketAccount": project.PolymarketAccount.contract_type,
        "FpmmAccount": project.FpmmAccount.contract_type,
        "DelegatedAccount": project.DelegatedAccount.contract_type,
        "WalletRegistry": project.WalletRegistry.contract_type,
        "DepositWallet": project.DepositWallet.contract_type,
        "FixedProductMarketMaker": container(pool).contract_type,
        "Exchange": project.Exchange.contract_type,
        "ConditionalTokens": container(gnosis(TOKENS, "ConditionalTokens")).contract_type,
        "Erc20": project.UsdcE.contract_type,
    }
    return {
        name: [json.loads(entry.model_dump_json()) for entry in contract_type.abi]
        for name, contract_type in types.items()
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
