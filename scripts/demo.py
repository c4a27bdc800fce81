"""One complete vault life on a local chain: `make demo`."""

import json
import time
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from strongroom.chain.units import format_units as money
from strongroom.devnet.demo import DemoOptions, Life, run_demo

WIDTH = 100


def _describe(event: str, fields: Mapping[str, Any]) -> str | None:
    """Return one line for an event, or None for those that tell a reader nothing."""
    who = str(fields.get("who", "")).capitalize()
    match event:
        case "deposit_requested":
            return f"{who} asks to deposit {money(fields['assets'], 2)} pUSD"
        case "shares_claimed":
            return f"{who} claims shares for {money(fields['assets'], 2)} pUSD"
        case "redemption_requested":
            return f"{who} asks to redeem all shares"
        case "assets_claimed":
            return f"{who} claims {money(fields['assets'])} pUSD"
        case "decided":
            return (
                f"decided: {'; '.join(fields['legs'])}: {fields['question']} "
                f"(size bound by {fields['binding']})"
            )
        case "task_closed":
            return f"carried out: {fields['why']}"
        case "reported":
            return (
                f"reported NAV {money(fields['nav_bid'])} to {money(fields['nav_ask'])}, "
                f"evidence {fields['evidence'][:10]}..."
            )
        case "halted":
            return f"no new decisions: {fields['why']}"
        case "resolved":
            word = "won" if fields["won"] else "lost"
            return f"{word}: {fields['question']} paid {fields['paid']}"
        case "settled":
            return f"redeemed, recalled {money(fields['recalled'])} pUSD and closed"
    return None


def _markets_table(life: Life) -> Table:
    table = Table(title="Markets (pUSD)", width=WIDTH)
    for name, justify in (
        ("market", "left"),
        ("bought", "left"),
        ("at", "right"),
        ("allocated", "right"),
        ("recalled", "right"),
        ("gain / loss", "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=name != "market")  # type: ignore[arg-type]
    for market in life.markets:
        table.add_row(
            market.question,
            market.outcome,
            market.price,
            money(market.allocated),
            money(market.recalled),
            money(market.profit),
        )
    return table


def _reports_table(life: Life) -> Table:
    table = Table(title="Reports (pUSD; NAV before fees and settlement)", width=WIDTH)
    for name in ("block", "NAV bid", "NAV ask", "management", "performance", "high-water mark"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in life.reports:
        table.add_row(
            str(line.block),
            money(line.nav_bid),
            money(line.nav_ask),
            money(line.management),
            money(line.performance),
            f"{line.high_water_mark / 10**18:.9f}",
        )
    return table


def _people_table(life: Life) -> Table:
    table = Table(title="Who put in what, who got what (pUSD)", width=WIDTH)
    for name in ("who", "put in", "got out", "holds", "gain / loss"):
        table.add_column(name, justify="left" if name == "who" else "right", no_wrap=True)
    for person in (*life.depositors, life.manager):
        table.add_row(
            person.name.capitalize() + (" (fee shares)" if person is life.manager else ""),
            money(person.put_in),
            money(person.got_out),
            money(person.value),
            money(person.got_out + person.value - person.put_in),
        )
    table.add_row("rounding, to all holders", "", "", money(life.rounding), "")
    table.add_section()
    table.add_row("sum", money(life.put_in), money(life.got_out), money(life.nav), "")
    return table


def _closing_table(life: Life) -> Table:
    table = Table(title="Does it add up? (pUSD)", width=WIDTH)
    table.add_column("line")
    table.add_column("amount", justify="right", no_wrap=True)
    fees = [sum(getattr(line, kind) for line in life.reports) for kind in FEES]
    for text, amount in (
        ("put in", life.put_in),
        ("- got out", -life.got_out),
        ("- losses at the venue", -life.losses),
        ("+ gains at the venue", life.gains),
    ):
        table.add_row(text, money(amount))
    table.add_section()
    left = life.put_in - life.got_out - life.losses + life.gains
    table.add_row("= must be there", money(left))
    table.add_row("NAV on chain", money(life.nav))
    table.add_row("+ pending deposits on chain", money(life.pending))
    table.add_row("+ claimable redemptions on chain", money(life.claimable))
    table.add_section()
    there = life.nav + life.pending + life.claimable
    table.add_row("difference", money(left - there))
    table.add_row("pUSD that the vault holds", money(life.vault_balance))
    table.add_row("management fees taken, as shares, inside NAV", money(fees[0]))
    table.add_row("performance fees taken, as shares, inside NAV", money(fees[1]))
    return table


FEES = ("management", "performance")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the closing accounts as JSON.")
def cli(as_json: bool) -> None:
    """Run one complete vault life: deposits, trades, reports, fees, redemption.

    Starts an anvil of its own; moves no real money.

    Example: ape run demo --json
    """
    console = Console(width=WIDTH, quiet=as_json, highlight=False)
    started = time.monotonic()

    def emit(event: str, fields: Mapping[str, Any]) -> None:
        if event == "step":
            console.print(
                f"\n[bold]{fields['text']}[/bold]  [dim]{time.monotonic() - started:.0f} s"
            )
        elif line := _describe(event, fields):
            console.print(f"  {line}", markup=False)

    options = DemoOptions()
    life = run_demo(options, emit)
    if as_json:
        click.echo(json.dumps(life.as_dict(), indent=2))
    else:
        console.print()
        for table in (
            _markets_table(life),
            _reports_table(life),
            _people_table(life),
            _closing_table(life),
        ):
            console.print(table)
        console.print(
            f"Which market wins is the demo's choice. Journal and evidence: {options.folder}/"
        )
    if not life.adds_up or life.vault_balance != life.nav + life.pending + life.claimable:
        raise click.ClickException("the accounts do not add up")
    console.print("[bold]in - out - losses + gains = NAV + pending + claimable: to the unit[/bold]")
