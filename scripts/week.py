"""A simulated week on the devnet: `ape run week`."""

import json
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ape
import click
import matplotlib

matplotlib.use("Agg")

import matplotlib.dates as dates
import matplotlib.pyplot as plt
from ape.logging import logger as ape_logger
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from strongroom.app.history import History, page_data
from strongroom.app.page import write_page
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.contracts import Contracts
from strongroom.audit.node import Node
from strongroom.audit.replay import forks
from strongroom.chain.units import MICRO
from strongroom.chain.units import format_units as money
from strongroom.devnet import ledger, polymarket
from strongroom.devnet.ledger import ReportLine
from strongroom.devnet.local_chain import devnet_chain
from strongroom.devnet.week import Plan, Week, run_week

FOLDER = Path("build") / "week"


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
    ape_logger.set_level(logging.ERROR)
    console = Console(width=110, highlight=False, quiet=as_json)
    plan = Plan(tickers=tuple(tickers.split(",")), hours=hours)
    shutil.rmtree(FOLDER, ignore_errors=True)
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("the week", total=hours + 1)

        def emit(event: str, fields: Mapping[str, Any]) -> None:
            if event == "hour":
                progress.advance(bar)
            elif event == "halted":
                progress.console.print(f"no new decisions: {fields['why']}")

        with devnet_chain(polymarket.CHAIN_ID, timestamp=int(plan.start.timestamp()) - 600) as url:
            week = run_week(plan, FOLDER, url, emit)
            try:
                lines = ledger.reports(week.stage)
                found = _summary(week, lines)
                found["checks"] |= _audit(week, url)
            finally:
                week.stage.close()
    (FOLDER / "week.json").write_text(json.dumps(found, indent=1) + "\n")
    _plot(week, lines, FOLDER / "week.png")
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    console.print(_table(week, lines))
    for text, value in found["checks"].items():
        console.print(f"{text}: {value}")
    console.print(
        f"{time.monotonic() - started:.0f} s; everything in {FOLDER}/, week.png to look at"
    )


def _summary(week: Week, lines: Sequence[ReportLine]) -> dict[str, Any]:
    fills = ledger.fills(week.stage)
    records = ledger.revealed(week.stage.folder / "evidence", {line.evidence for line in lines})
    failed, ended = week.keeper.journal.reversals()
    told = week.events("reported")
    differing = [each for each in told if each["difference_bid"] or each["difference_ask"]]
    joined = len(fills) - len(ledger.unexplained(fills, records))
    packs: dict[str, int] = {}
    for task in week.keeper.journal.all_tasks():
        pack = week.keeper.journal.record(task.decision)["pack"]
        packs[pack] = packs.get(pack, 0) + 1
    return {
        "hours": [asdict(hour) for hour in week.hours],
        "reports": [asdict(line) for line in lines],
        "checks": {
            "reports whose NAV differs from the keeper's own": f"{len(differing)} of {len(told)}",
            "fills joined to a revealed decision": f"{joined} of {len(fills)}",
            "trades undone after they were matched": f"{failed} of {ended}",
            "decisions by pack": packs,
        },
    }


def _audit(week: Week, url: str) -> dict[str, str]:
    """Audit the vault, execute all its reports again on a fork, write its page."""
    vault, evidence, history = week.stage.vault.address, week.stage.folder / "evidence", History()
    exchanges = (week.stage.venue.exchange.address,)
    scope, node = Scope(url, vault, 0, ape.chain.blocks.height, exchanges, evidence), Node(url)
    auditor = Auditor(scope, node, history.on_report, history.on_event)
    audit, identity = auditor.run(), Contracts(node).identity(vault, scope.to_block)
    write_page(page_data(history, audit, identity, auditor.name), FOLDER / "page", evidence)
    verdict = audit.verdict
    with forks(url) as again:
        replayed = [again.replay(each.block, vault) for each in history.reports]
    differing = [each for each in replayed if each.differences]
    words = sum(each.words for each in replayed)
    return {
        "audit": f"{verdict.verdict} in {verdict.checked.events} events, "
        f"{verdict.checked.market_values} market values, "
        f"{verdict.checked.fills_joined} of {verdict.checked.fills} fills",
        "reports that a fork executes otherwise": f"{len(differing)} of {len(replayed)}, "
        f"{words} storage words compared",
    }


def _table(week: Week, lines: Sequence[ReportLine]) -> Table:
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
    exposure = {hour.time: hour.exposure for hour in week.hours}
    for line in lines:
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


def _plot(week: Week, lines: Sequence[ReportLine], target: Path) -> None:
    """Draw NAV a share, exposure against caps, and fees."""
    figure, (price, stake, fee) = plt.subplots(3, 1, figsize=(9, 9), sharex=True)
    moments = [datetime.fromtimestamp(line.time, UTC) for line in lines]
    hours = [datetime.fromtimestamp(hour.time, UTC) for hour in week.hours]
    price.step(moments, [line.share_price for line in lines], where="post", label="at the bid")
    price.step(
        moments,
        [line.nav_ask * ledger.PPS / line.supply if line.supply else 1 for line in lines],
        where="post",
        label="at the ask",
        linestyle="--",
    )
    price.set_ylabel("NAV a share (pUSD)")
    price.legend()
    stake.plot(hours, [hour.exposure / MICRO for hour in week.hours], label="all markets")
    largest = [max(hour.by_market.values(), default=0) / MICRO for hour in week.hours]
    stake.plot(hours, largest, label="largest market")
    navs = [hour.nav_bid / MICRO for hour in week.hours]
    stake.plot(hours, [0.9 * nav for nav in navs], ":", label="cap on all: 90 % of NAV")
    stake.plot(hours, [0.15 * nav for nav in navs], ":", label="cap a market: 15 % of NAV")
    stake.set_ylabel("exposure at cost (pUSD)")
    stake.legend()
    for name, label in (("management", "2 % a year"), ("performance", "20 % of new profit")):
        total, sums = 0, []
        for line in lines:
            total += getattr(line, name)
            sums.append(total / MICRO)
        fee.step(moments, sums, where="post", label=label)
    fee.set_ylabel("fees so far (pUSD)")
    fee.legend()
    locator = dates.AutoDateLocator(maxticks=8, tz=UTC)
    fee.xaxis.set_major_locator(locator)
    fee.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=UTC))
    for axis in (price, stake, fee):
        axis.grid(alpha=0.3)
    figure.suptitle("A simulated week: one vault, recorded prices")
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)
