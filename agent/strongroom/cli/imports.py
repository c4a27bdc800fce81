"""`strongroom import`: recorded data of many sources into one folder of one schema."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.chain.ids import JsonObject
from strongroom.cli.boundary import Command, Group
from strongroom.cli.options import FILE, FOLDER, as_json, bars, print_json

if TYPE_CHECKING:
    from strongroom.data.importing import ImportResult, Intake

to = click.option(
    "--to", required=True, type=FOLDER, help="Data folder; each import is a folder in it."
)


@click.group("import", cls=Group)
def command() -> None:
    """Bring recorded data into one folder: for backtests and studies.

    Every row that is not kept is counted under its reason. The same import again changes nothing.

    \b
    Examples:
      strongroom import prices markets.csv prices.csv --to history
      strongroom import gamma page-1.json page-2.json --to history
    """


@command.command(cls=Command)
@click.argument("markets", type=FILE)
@click.argument("prices", type=FILE)
@click.option(
    "--outcomes-from", default="file", show_default=True,
    help="Where the outcomes come from; kept with each.",
)  # fmt: skip
@to
@as_json
def prices(markets: Path, prices: Path, outcomes_from: str, to: Path, as_json: bool) -> None:
    """Own markets and their prices, e.g. ladders of thresholds; CSV or Parquet.

    MARKETS has market, event, question, ends_at; and where known outcome (1, 0, or 0.5 for a
    void), resolved_at, condition_id, yes_token, no_token, ticker, threshold, tick, min_size,
    fee_rate. PRICES has market, at, and price (the last of YES) or bid, ask, bid_size, ask_size.

    Example: strongroom import prices docs/examples/own/markets.csv docs/examples/own/prices.csv
    --to history
    """
    from strongroom.data.sources.prices import take_prices

    _run(
        "prices",
        (markets, prices),
        {"outcomes_from": outcomes_from},
        lambda intake: take_prices(intake, markets, prices, outcomes_from),
        to,
        as_json,
    )


@command.command(cls=Command)
@click.argument("outcomes", type=FILE)
@click.option("--outcomes-from", default="file", show_default=True, help="Kept with each.")
@to
@as_json
def outcomes(outcomes: Path, outcomes_from: str, to: Path, as_json: bool) -> None:
    """How markets were resolved; CSV or Parquet.

    OUTCOMES has market and yes: 1, 0, or 0.5 where it was void; and where known resolved_at, void
    and disputed.

    Example: strongroom import outcomes outcomes.csv --to history
    """
    from strongroom.data.sources.outcomes import take_outcomes

    _run(
        "outcomes",
        (outcomes,),
        {"outcomes_from": outcomes_from},
        lambda intake: take_outcomes(intake, outcomes, outcomes_from),
        to,
        as_json,
    )


@command.command(cls=Command)
@click.argument("views", type=FOLDER)
@to
@as_json
def keeper(views: Path, to: Path, as_json: bool) -> None:
    """What a keeper has recorded: markets, books and forecasts.

    VIEWS is the folder of `record` in the keeper's file. Outcomes come from elsewhere.

    Example: strongroom import keeper views --to history
    """
    from strongroom.data.sources.keeper_views import files_of_views, take_views

    _run("keeper", files_of_views(views), {}, lambda intake: take_views(intake, views), to, as_json)


def _run(
    source: str,
    inputs: Sequence[Path],
    options: JsonObject,
    take: Callable[["Intake"], None],
    to: Path,
    as_json: bool,
) -> None:
    from strongroom.data.importing import run_import

    with bars(quiet=as_json) as advance:
        result = run_import(source, inputs, options, to, take, advance)
    print_json(result.document()) if as_json else _show(result)


def _show(result: "ImportResult") -> None:
    """Print what was read, kept and dropped."""
    word = "it was there already" if result.before else "written"
    click.echo(f"{result.folder}: {word}")
    click.echo(f"{result.read:>12,}  rows read")
    for title, counts in (
        ("kept", result.kept),
        ("repaired", result.repaired),
        ("dropped", result.dropped),
    ):
        for name, count in counts.items():
            click.echo(f"{count:>12,}  {title}: {name}")
