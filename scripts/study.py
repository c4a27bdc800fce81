"""Plain studies of the recorded ladders: `ape run study`."""

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.table import Table
from strongroom.backtest.data import data_hashes
from strongroom.backtest.studies import ladder_study, tail_reference


@click.group()
def cli() -> None:
    """Study the recorded price ladders, without vault or keeper.

    \b
    Examples:
      ape run study reference
      ape run study ladders --half-spread 0.005 --json
    """


@cli.command()
@click.option("--spread", default=0.01, show_default=True, help="Added to each last price.")
@click.option("--json", "as_json", is_flag=True)
def reference(spread: float, as_json: bool) -> None:
    """Favourites of .95 to .99 in their last four days: how many, won, return."""
    found = tail_reference(spread)
    if as_json:
        click.echo(json.dumps(asdict(found) | {"data": data_hashes()}, indent=1))
        return
    click.echo(
        f"{found.markets} markets, {found.won:.3%} won, mean return {found.mean_return:.3%} at the "
        f"last price, {found.mean_return_spread:.3%} at {spread:g} above it"
    )


@cli.command()
@click.option("--half-spread", default=0.01, show_default=True, help="Around each last price.")
@click.option("--fee-rate", default=0.04, show_default=True, help="Of the venue's taker fee.")
@click.option("--json", "as_json", is_flag=True)
def ladders(half_spread: float, fee_rate: float, as_json: bool) -> None:
    """Adjacent thresholds that contradict each other: how often, how long, and what trading them
    would leave."""
    study = ladder_study(half_spread, fee_rate)
    if as_json:
        click.echo(json.dumps(asdict(study) | {"data": data_hashes()}, indent=1))
        return
    table = Table(title=f"{study.pairs:,} pairs of adjacent thresholds at the same hour")
    for name in (
        *("dearer by more than", "pairs", "an hour later", "one unmoved 6 h"),
        *("after costs", "an hour later", "both moving", "mean left later"),
    ):
        table.add_column(name, justify="right")
    for line in study.lines:
        table.add_row(
            f"{line.cents:g} cents",
            f"{line.pairs:,}",
            f"{line.an_hour_later:,}",
            f"{line.unmoved:,}",
            f"{line.after_costs:,}",
            f"{line.after_costs_later:,}",
            f"{line.moving:,}",
            f"{line.mean:+.4f}",
        )
    console = Console(width=120, highlight=False)
    console.print(table)
    console.print(study.verdict)
