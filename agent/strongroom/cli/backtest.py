"""`strongroom backtest`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FILE, FOLDER, as_json, bars, data, print_json, workers_options

if TYPE_CHECKING:
    from strongroom.backtest.walk import Split
    from strongroom.workers import EngineName


@click.command("backtest", cls=Command)
@click.argument("config", type=FILE)
@click.option("--sweep", is_flag=True, help="Run all combinations of [sweep] instead.")
@click.option(
    "--walk-forward",
    "walk",
    type=click.Choice(["time", "event"]),
    help="Choose from [sweep] on one part of the history, judge on the next.",
)
@workers_options
@click.option("--honesty", is_flag=True, help="Also check that no decision sees the future.")
@click.option("--out", type=FOLDER, help="By default build/backtest/NAME.")
@data
@as_json
def command(
    config: Path,
    sweep: bool,
    walk: "Split | None",
    engine: "EngineName",
    ray_address: str | None,
    workers: int | None,
    honesty: bool,
    out: Path | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Run the live keeper over recorded history and show what would have happened to the vault and
    its depositors, under three assumptions on fills. It needs no chain.

    \b
    Examples:
      strongroom backtest docs/examples/backtest-tail.toml
      strongroom backtest docs/examples/backtest-tail.toml --data history
      strongroom backtest docs/examples/backtest-tail.toml --honesty --json
      strongroom backtest docs/examples/backtest-sweep.toml --sweep --engine ray
      strongroom backtest docs/examples/backtest-sweep.toml --walk-forward time
    """
    from strongroom.backtest.command import BacktestOptions, run_backtest, show

    typed = sys.argv[sys.argv.index("backtest") :] if "backtest" in sys.argv else ["backtest"]
    with bars(quiet=as_json) as advance:
        result = run_backtest(
            BacktestOptions(
                config, sweep, walk, engine, ray_address, workers, honesty, out,
                shlex.join(["strongroom", *typed]), advance, data,
            )
        )  # fmt: skip
    if as_json:
        print_json(result.document())
    else:
        show(result)
