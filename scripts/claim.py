"""Take what was settled: `ape run claim`."""

from typing import Any

import click
from strongroom.depositor.commands import run_claim
from strongroom.depositor.options import ClaimOptions

from scripts._connected import Connected, common, depositor, show


@click.command(cls=Connected)
@depositor
def cli(**options: Any) -> None:
    """Take the shares and the assets that reports have settled for you.

    Example: ape run claim --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    show(run_claim(ClaimOptions(**common(**options))), options["as_json"])
