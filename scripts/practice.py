"""A vault to practise on, kept running: `ape run practice`."""

import click
from strongroom.devnet.practice import PracticeOptions, run_practice


@click.command()
@click.option("--port", default=8545, show_default=True, help="Of the chain (JSON-RPC).")
@click.option("--seconds", type=int, help="End after so many, instead of at Ctrl-C.")
def cli(port: int, seconds: int | None) -> None:
    """Run a devnet with a vault on it, and write the files that its keeper and its co-signer need:
    recorded markets that end within days, quoted as they were recorded, and a depositor who waits.

    Moves no real money. The keeper's commands are printed.

    Example: ape run practice
    """
    run_practice(PracticeOptions(port=port, seconds=seconds), click.echo)
