"""Ask to deposit: `ape run deposit`."""

from typing import Any

import click
from strongroom.depositor.commands import run_deposit
from strongroom.depositor.options import DepositOptions

from scripts._connected import Connected, common, depositor, show


@click.command(cls=Connected, context_settings={"ignore_unknown_options": True})
@depositor
@click.argument("amount")
def cli(amount: str, **options: Any) -> None:
    """Ask to deposit AMOUNT of the asset, or "all". The next report prices it; then `claim`.

    Example: ape run deposit 1000 --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    show(run_deposit(DepositOptions(amount=amount, **common(**options))), options["as_json"])
