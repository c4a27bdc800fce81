"""Take a request back: `ape run cancel`."""

from typing import Any

import click
from strongroom.depositor.commands import run_cancel
from strongroom.depositor.options import CancelOptions, Side

from scripts._connected import Connected, common, depositor, show


@click.command(cls=Connected)
@depositor
@click.argument("side", type=click.Choice([each.value for each in Side]), required=False)
def cli(side: str | None, **options: Any) -> None:
    """Take your request to deposit or to redeem back, before a report has priced it.

    Example: ape run cancel deposit --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    chosen = Side(side) if side else None
    show(run_cancel(CancelOptions(side=chosen, **common(**options))), options["as_json"])
