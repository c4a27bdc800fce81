"""Ask to deposit: `ape run deposit`."""

import sys
from typing import Any

import ape
import click
from strongroom.depositor.commands import Connected, carry_out, dealing_of, depositor
from strongroom.depositor.preview import NotPossible, to_micro


@click.command(cls=Connected)
@depositor
@click.argument("amount")
def cli(amount: str, account: Any, address: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Ask to deposit AMOUNT of the vault's asset; the next report prices it, then `claim` shares.

    Example: ape run deposit 1000 --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    vault, dealing = dealing_of(address, account)
    try:
        assets = to_micro(amount)
    except NotPossible as error:
        click.echo(str(error), err=True)
        sys.exit(2)

    def send() -> None:
        asset = ape.Contract(vault.asset(), contract_type=ape.project.UsdcE.contract_type)
        if asset.allowance(account, vault) < assets:
            asset.approve(vault, assets, sender=account)
        vault.requestDeposit(assets, account, account, sender=account)

    carry_out(lambda: dealing.preview_deposit(assets), send, dealing, dry_run, yes, as_json)
