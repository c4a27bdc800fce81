"""Backtests: `ape run backtest CONFIG`."""

import json
import shlex
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TaskID
from strongroom.backtest.command import BacktestOptions, run_backtest, show
from strongroom.backtest.sweep import EngineName, Split
from strongroom.errors import StrongroomError


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--sweep", is_flag=True, help="Run all combinations of [sweep] instead.")
@click.option(
    "--walk-forward",
    "walk",
    type=click.Choice(["time", "event"]),
    help="Choose from [sweep] on one part of the history, judge on the next.",
)
@click.option(
    "--engine",
    type=click.Choice(["processes", "ray"]),
    default="processes",
    show_default=True,
    help="Where a sweep runs; ray needs `pip install 'strongroom[ray]'`.",
)
@click.option("--ray-address", help="Of a Ray cluster; without it Ray starts here.")
@click.option("--workers", type=int, help="Processes; by default one a core.")
@click.option("--honesty", is_flag=True, help="Also check that no decision sees the future.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder; by default build/backtest/NAME."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def cli(
    config: Path,
    sweep: bool,
    walk: Split | None,
    engine: EngineName,
    ray_address: str | None,
    workers: int | None,
    honesty: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run the live keeper over recorded history and say what would have happened to the vault and
    its depositors, under three assumptions on fills. Needs no chain.

    \b
    Examples:
      ape run backtest docs/examples/backtest-tail.toml
      ape run backtest docs/examples/backtest-tail.toml --honesty --json
      ape run backtest docs/examples/backtest-sweep.toml --sweep --engine ray
      ape run backtest docs/examples/backtest-sweep.toml --walk-forward time
    """
    arguments = sys.argv[sys.argv.index("backtest") :] if "backtest" in sys.argv else ["backtest"]
    bars: dict[str, TaskID] = {}
    try:
        with Progress(console=Console(quiet=as_json), transient=True) as progress:

            def told(what: str, done: int, of: int) -> None:
                if what not in bars:
                    bars[what] = progress.add_task(what)
                progress.update(bars[what], completed=done, total=of)

            result = run_backtest(
                BacktestOptions(
                    config, sweep, walk, engine, ray_address, workers, honesty, out,
                    shlex.join(["ape", "run", *arguments]), told,
                )
            )  # fmt: skip
    except StrongroomError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(result.document(), indent=1))
    else:
        show(result)
