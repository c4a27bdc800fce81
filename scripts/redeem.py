"""Ask to redeem: `ape run redeem`."""

from typing import Any

import click
from strongroom.depositor.commands import run_redeem
from strongroom.depositor.options import RedeemOptions

from scripts._connected import Connected, common, depositor, show


@click.command(cls=Connected, context_settings={"ignore_unknown_options": True})
@depositor
@click.argument("shares")
def cli(shares: str, **options: Any) -> None:
    """Ask to redeem SHARES, or "all". The next report prices them; `claim` takes the assets.

    Example: ape run redeem all --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    show(run_redeem(RedeemOptions(shares=shares, **common(**options))), options["as_json"])
