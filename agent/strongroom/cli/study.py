"""`strongroom study`: reference, ladders."""

import click

from strongroom.cli.boundary import Command, Group
from strongroom.cli.options import FRACTION, as_json, print_json


@click.group("study", cls=Group)
def command() -> None:
    """Study the recorded price ladders without vault and keeper.

    \b
    Examples:
      strongroom study reference
      strongroom study ladders --half-spread 0.005 --json
    """


@command.command(cls=Command)
@click.option(
    "--spread", type=FRACTION, default=0.01, show_default=True, help="Added to each last price."
)
@as_json
def reference(spread: float, as_json: bool) -> None:
    """Favourites at 0.95 to 0.99 in their last four days: how many, how many won, the return.

    Example: strongroom study reference --spread 0.02
    """
    from strongroom.backtest.command import ReferenceOptions, run_study, show_study

    result = run_study(ReferenceOptions(spread))
    print_json(result.document()) if as_json else show_study(result)


@command.command(cls=Command)
@click.option(
    "--half-spread", type=FRACTION, default=0.01, show_default=True, help="Around each last price."
)
@click.option(
    "--fee-rate", type=FRACTION, default=0.04, show_default=True, help="Of the venue's taker fee."
)
@as_json
def ladders(half_spread: float, fee_rate: float, as_json: bool) -> None:
    """Adjacent thresholds that contradict each other: how often, how long, and the profit of
    trading them.

    Example: strongroom study ladders --half-spread 0.005
    """
    from strongroom.backtest.command import LadderOptions, run_study, show_study

    result = run_study(LadderOptions(half_spread, fee_rate))
    print_json(result.document()) if as_json else show_study(result)
