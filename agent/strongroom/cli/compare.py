"""`strongroom compare`."""

from pathlib import Path

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FOLDER, as_json, print_json


@click.command("compare", cls=Command)
@click.argument("a", type=FOLDER)
@click.argument("b", type=FOLDER)
@click.option(
    "--out", type=FOLDER, default=Path("build/compare"), show_default=True, help="Of the page."
)
@as_json
def command(a: Path, b: Path, out: Path, as_json: bool) -> None:
    """Two backtests side by side: figures, NAV a share, drawdown, profit by event, and what they
    were told differently. A and B are folders that `strongroom backtest` has written.

    Example: strongroom compare build/backtest/tail build/backtest/tail-late
    """
    from strongroom.backtest.compare import compare, read_run, show_comparison, write_comparison

    first, second = read_run(a), read_run(b)
    found = compare(first, second)
    page = write_comparison(first, second, found, out)
    print_json(found.document()) if as_json else show_comparison(found, page)
