"""Leave without keeper, reporter or price: `ape run exit_in_kind`."""

from typing import Any

import click
from strongroom.depositor.commands import run_exit
from strongroom.depositor.options import ExitOptions

from scripts._connected import Connected, common, depositor, show


@click.command(cls=Connected, context_settings={"ignore_unknown_options": True})
@depositor
@click.argument("shares")
def cli(shares: str, **options: Any) -> None:
    """Take your part of everything for SHARES ("all"): idle assets, each account's collateral and
    outcome tokens. Open in wind-down, and when your redemption request is overdue.

    Example: ape run exit_in_kind all --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    show(run_exit(ExitOptions(shares=shares, **common(**options))), options["as_json"])
