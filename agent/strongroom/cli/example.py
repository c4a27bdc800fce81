"""`strongroom example`."""

from pathlib import Path

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FOLDER


@click.command("example", cls=Command)
@click.argument("folder", type=FOLDER)
def command(folder: Path) -> None:
    """Write a small ladder's files into FOLDER: markets.csv and prices.csv for `strongroom import
    prices`, and quick.toml for `strongroom backtest`. Replace them by your own.

    \b
    Examples:
      strongroom example own
      strongroom import prices own/markets.csv own/prices.csv --to history
      strongroom backtest own/quick.toml --data history
    """
    from strongroom.data.example_files import write_example

    for path in write_example(folder):
        click.echo(path)
