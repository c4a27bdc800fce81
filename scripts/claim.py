"""Take what waits: `ape run claim`."""

from typing import Any

import click
from strongroom.depositor.commands import Connected, carry_out, dealing_of, depositor


@click.command(cls=Connected)
@depositor
def cli(account: Any, address: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Take the shares and the assets that reports have settled for you.

    Example: ape run claim --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    vault, dealing = dealing_of(address, account)

    def send() -> None:
        assets = vault.maxDeposit(account)
        if assets:
            vault.deposit(assets, account, sender=account)
        shares = vault.maxRedeem(account)
        if shares:
            vault.redeem(shares, account, account, sender=account)

    carry_out(dealing.preview_claim, send, dealing, dry_run, yes, as_json)
