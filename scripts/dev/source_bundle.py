"""Sources for explorers: `make sources`."""

import json
import subprocess
from pathlib import Path
from typing import Any

import click
from strongroom.chain.artifacts import vault_abi

CONTRACTS = (
    *("Vault", "VaultDesk", "VaultGovernance", "VaultFactory", "PerformanceSplitter"),
    *("accounts/PolymarketAccount", "accounts/WalletAccount", "accounts/SafeAccount"),
    *("accounts/PositionAccount", "accounts/DelegatedAccount", "accounts/FpmmAccount"),
    *("accounts/WalletRegistry", "MandateBoard", "ProofGate"),
)
EVM = "cancun"  # as ape-config.yaml


def bundle_of(contract: str) -> dict[str, Any]:
    """Return a contract's sources as Vyper's standard JSON input."""
    source = f"contracts/{contract}.vy"
    command = ["vyper", "--evm-version", EVM, "-p", ".", "-f", "solc_json", source]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    bundle: dict[str, Any] = json.loads(done.stdout)
    bundle["settings"]["evmVersion"] = EVM
    bundle["settings"]["outputSelection"] = {source: ["evm.bytecode", "evm.deployedBytecode"]}
    return bundle


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/sources"))
def cli(out: Path) -> None:
    """Write each contract's sources as one file that explorers take: Vyper's standard JSON input,
    with every module, the settings and the compiler's version; and the vault's one ABI.

    Example: python -m scripts.dev.source_bundle --out build/sources
    """
    out.mkdir(parents=True, exist_ok=True)
    for each in CONTRACTS:
        bundle = bundle_of(each)
        target = out / f"{Path(each).name}.json"
        target.write_text(json.dumps(bundle, indent=1) + "\n")
        click.echo(f"{target}: {len(bundle['sources'])} sources")
    whole = out / "Vault.abi.json"  # of all code that answers at a vault's address
    whole.write_text(json.dumps(vault_abi(), indent=1) + "\n")
    click.echo(f"{whole}: {len(vault_abi())} entries")


if __name__ == "__main__":
    cli()
