"""Ask to redeem: `ape run redeem`."""

import sys
from typing import Any

import click
from strongroom.depositor.commands import Connected, carry_out, dealing_of, depositor
from strongroom.depositor.preview import NotPossible, to_shares


@click.command(cls=Connected)
@depositor
@click.argument("shares")
def cli(shares: str, account: Any, address: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Ask to redeem SHARES, or "all". The next report prices them; `claim` takes the assets.

    Example: ape run redeem all --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    vault, dealing = dealing_of(address, account)
    try:
        amount = to_shares(shares, vault.balanceOf(account))
    except NotPossible as error:
        click.echo(str(error), err=True)
        sys.exit(2)

    def send() -> None:
        vault.requestRedeem(amount, account, account, sender=account)

    carry_out(lambda: dealing.preview_redeem(amount), send, dealing, dry_run, yes, as_json)
