"""The whole devnet, kept running: `make devnet`."""

from typing import Any

import click
from rich.console import Console
from rich.table import Table
from strongroom.devnet.serve import Devnet, DevnetOptions, run_devnet


@click.command()
@click.option("--port", default=8545, show_default=True, help="Of the chain (JSON-RPC).")
@click.option("--clob-port", default=8080, show_default=True, help="Of the CLOB service.")
@click.option("--markets", default=200, show_default=True, help="Recorded markets to re-create.")
@click.option(
    "--admission",
    type=click.Choice(["open", "known_wallets"]),
    default="open",
    show_default=True,
    help="open: any EIP-1271 maker; known_wallets: the venue's own wallets only.",
)
@click.option("--check", is_flag=True, help="Start, print, and stop again.")
def cli(port: int, clob_port: int, markets: int, admission: Any, check: bool) -> None:
    """Run anvil with the venue's contracts at its own addresses, recorded markets, funded
    accounts, a vault factory, and the CLOB service that the official client talks to.

    Moves no real money; the keys are anvil's public test keys. Ends with Ctrl-C.

    Example: ape run devnet --markets 50
    """

    def started(found: Devnet) -> None:
        console = Console(highlight=False)
        console.print(f"chain at {found.rpc}: {found.markets} recorded markets, with real ids")
        console.print(_table(found))
        console.print(f"CLOB service at {found.clob}; all of this in {found.file}")
        if not check:
            console.print("Ctrl-C ends it")

    options = DevnetOptions(
        port=port,
        clob_port=clob_port,
        markets=markets,
        admission=admission,
        seconds=0 if check else None,
    )
    run_devnet(options, started)


def _table(found: Devnet) -> Table:
    table = Table(title="Devnet")
    table.add_column("name")
    table.add_column("address", no_wrap=True)
    for group in (found.contracts, found.account_implementations):
        for name, address in group.items():
            table.add_row(name, address)
        table.add_section()
    for name, account in found.accounts.items():
        table.add_row(name, account.address)
    return table
