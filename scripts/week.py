"""A simulated week on the devnet: `ape run week`."""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from strongroom.chain.units import format_units as money
from strongroom.devnet.week import WeekOptions
from strongroom.devnet.week_results import WeekResult, run_week


@click.command()
@click.option("--hours", default=122, show_default=True, help="Of the week, its last ones.")
@click.option("--tickers", default="AAPL,GOOGL,NVDA,TSLA", show_default=True, help="Ladders.")
@click.option("--json", "as_json", is_flag=True, help="Print the week as JSON.")
def cli(hours: int, tickers: str, as_json: bool) -> None:
    """Run the keeper by itself through a recorded week: real stock ladders of December 2025 with
    their hourly prices as a market maker's quotes, depositors who come and go, real outcomes.

    Then audits the vault, executes all its reports again on a fork, and writes journal, evidence,
    snapshots, week.json, week.png and the vault's page to build/week. Takes some eight minutes for
    the whole week. Hourly last prices are no quotes: what is earned here proves that
    the machine works, not that a strategy does.

    Example: ape run week --hours 30 --tickers AAPL
    """
    console = Console(width=110, highlight=False, quiet=as_json)
    options = WeekOptions(tickers=tuple(tickers.split(",")), hours=hours)
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("the week", total=hours + 1)

        def emit(event: str, fields: Mapping[str, Any]) -> None:
            if event == "hour":
                progress.advance(bar)
            elif event == "halted":
                progress.console.print(f"no new decisions: {fields['why']}")

        result = run_week(options, emit)
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=1))
        return
    console.print(_table(result))
    for text, value in result.checks.items():
        console.print(f"{text}: {value}")
    console.print(
        f"{time.monotonic() - started:.0f} s; everything in {options.folder}/, week.png to look at"
    )


def _table(result: WeekResult) -> Table:
    table = Table(title="Reports (pUSD; NAV before fees and settlement)")
    for name in (
        "time (UTC)",
        "NAV bid",
        "NAV ask",
        "a share",
        "exposure",
        "fees 2 %",
        "fees 20 %",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    exposure = {hour.time: hour.exposure for hour in result.hours}
    for line in result.reports:
        hour = max((t for t in exposure if t <= line.time), default=None)
        table.add_row(
            f"{datetime.fromtimestamp(line.time, UTC):%a %d %b %H:%M}",
            money(line.nav_bid, 2),
            money(line.nav_ask, 2),
            f"{line.share_price:.6f}",
            money(exposure[hour], 2) if hour is not None else "",
            money(line.management, 4),
            money(line.performance, 4),
        )
    return table
