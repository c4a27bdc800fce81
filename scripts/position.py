"""What you have in a vault: `ape run position`."""

import click
from strongroom.depositor.commands import run_position
from strongroom.depositor.options import PositionOptions

from scripts._connected import Connected, node_url, show


@click.command(cls=Connected)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--vault", required=True, help="Its address.")
@click.option("--account", required=True, help="Whose: an address, a keystore or an ape account.")
def cli(account: str, vault: str, as_json: bool) -> None:
    """Show what you hold, what waits for a report, and what you can claim.

    Example: ape run position --vault 0x... --account alice --network http://127.0.0.1:8545
    """
    show(run_position(PositionOptions(rpc=node_url(), vault=vault, account=account)), as_json)
