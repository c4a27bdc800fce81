"""Leave without keeper, reporter or price: `ape run exit_in_kind`."""

import sys
from typing import Any

import click
from strongroom.depositor.commands import Connected, carry_out, dealing_of, depositor
from strongroom.depositor.preview import NotPossible, to_shares


@click.command(cls=Connected)
@depositor
@click.argument("shares")
def cli(shares: str, account: Any, address: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Take your part of everything for SHARES ("all"): idle assets, each account's collateral and
    outcome tokens. Open in wind-down, and when your redemption request is overdue.

    Example: ape run exit_in_kind all --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    vault, dealing = dealing_of(address, account)
    position = dealing.position()
    held = position.shares if vault.windingDown() else position.waiting_redeem
    try:
        amount = to_shares(shares, held)
    except NotPossible as error:
        click.echo(str(error), err=True)
        sys.exit(2)

    def send() -> None:
        vault.redeemInKind(amount, account, sender=account)

    carry_out(lambda: dealing.preview_exit(amount), send, dealing, dry_run, yes, as_json)
