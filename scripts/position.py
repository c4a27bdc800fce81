"""What you have in a vault: `ape run position`."""

import json
from dataclasses import asdict
from typing import Any

import click
from ape.cli import account_option
from strongroom.chain.units import format_units as money
from strongroom.depositor.commands import Connected, dealing_of
from strongroom.depositor.preview import SHARE


@click.command(cls=Connected)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--vault", "address", required=True, help="Its address.")
@account_option()
def cli(account: Any, address: str, as_json: bool) -> None:
    """Show what you hold, what waits for a report, and what you can claim.

    Example: ape run position --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    vault, dealing = dealing_of(address, account)
    found = dealing.position()
    if as_json:
        click.echo(json.dumps(asdict(found)))
        return
    click.echo(
        f"shares                {found.shares / SHARE:,.6f}, {money(found.worth, 2)} at the bid"
    )
    click.echo(f"deposit that waits    {money(found.waiting_deposit, 2)}")
    click.echo(f"shares to claim       {found.claimable_shares / SHARE:,.6f}")
    click.echo(f"redemption that waits {found.waiting_redeem / SHARE:,.6f} shares")
    click.echo(f"assets to claim       {money(found.claimable_assets, 2)}")
    bid, ask = vault.navs()
    click.echo(f"the vault             {money(bid, 2)} at the bid, {money(ask, 2)} at the ask")
