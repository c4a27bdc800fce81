"""Plain studies of the recorded ladders: `ape run study`."""

import json

import click
from strongroom.backtest.command import (
    LadderOptions,
    ReferenceOptions,
    StudyResult,
    run_study,
    show_study,
)


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
    _print(run_study(ReferenceOptions(spread)), as_json)


@cli.command()
@click.option("--half-spread", default=0.01, show_default=True, help="Around each last price.")
@click.option("--fee-rate", default=0.04, show_default=True, help="Of the venue's taker fee.")
@click.option("--json", "as_json", is_flag=True)
def ladders(half_spread: float, fee_rate: float, as_json: bool) -> None:
    """Adjacent thresholds that contradict each other: how often, how long, and what trading them
    would leave."""
    _print(run_study(LadderOptions(half_spread, fee_rate)), as_json)


def _print(result: StudyResult, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.document(), indent=1))
    else:
        show_study(result)
