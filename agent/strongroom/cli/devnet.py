"""`strongroom demo, practice, faucet, devnet, week`: everything on a local chain."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FOLDER, PORT, Number, as_json, bar, print_json

if TYPE_CHECKING:
    from rich.table import Table

    from strongroom.chain.ids import JsonObject
    from strongroom.devnet.demo import Afterwards
    from strongroom.devnet.serve import Devnet
    from strongroom.devnet.week_results import WeekResult
    from strongroom.own_server import OwnServer

BUILD = Path("build")
HOUR_S = 15
chain_port = click.option(
    "--port", type=PORT, default=8545, show_default=True, help="Port of the chain."
)
habits_option = click.option(
    "--habits",
    type=click.Choice(["plain", "venue"]),
    default="plain",
    show_default=True,
    help="Of the services. plain: without those that clients stumble over; venue: all.",
)


@click.command("demo", cls=Command)
@click.option("--folder", type=FOLDER, default=BUILD / "demo", show_default=True, help="Emptied.")
@click.option("--app/--no-app", "app", default=None, help="At the end, serve the app over the "
              "demo's chain until Ctrl-C. [default: at a terminal]")  # fmt: skip
@click.option("--port", type=PORT, default=8600, show_default=True, help="Of the app.")
@as_json
def demo(folder: Path, app: bool | None, port: int, as_json: bool) -> None:
    """Run one complete vault life: deposits, trades, reports, fees, redemption; check that the
    accounts add up, and serve the app over its chain. It starts an anvil of its own and moves no
    real money.

    Example: strongroom demo --json
    """
    from rich.text import Text

    from strongroom.app.serving import port_for
    from strongroom.cli.demo_tables import closing_tables, describe
    from strongroom.devnet.demo import Afterwards, DemoOptions, Life, run_demo
    from strongroom.errors import Differs
    from strongroom.screen import Screen

    screen, started = Screen(quiet=as_json), time.monotonic()
    serves = app or (app is None and sys.stdin.isatty() and sys.stdout.isatty())

    def emit(event: str, fields: "JsonObject") -> None:
        if event == "step":
            seconds = time.monotonic() - started
            step = (f"\n{fields['text']}", "bold"), "  ", (f"{seconds:.0f} s", "dim")
            screen.print(Text.assemble(*step))
        elif line := describe(event, fields):
            screen.print(f"  {line}")

    def look(life: Life, place: Afterwards) -> None:
        if as_json:
            print_json(life.document())
        else:
            screen.print()
            for table in closing_tables(life):
                screen.print(table)
            screen.print(f"Which market wins is the demo's choice. Journal and evidence: {folder}/")
        if not life.adds_up or life.vault_balance != life.nav + life.pending + life.claimable:
            raise Differs("the accounts do not add up")
        screen.print(
            "in - out - losses + gains = NAV + pending + claimable: to the unit", style="bold"
        )
        if server is not None:
            _serve_app(place, folder / "app", server, lambda line: click.echo(line, err=as_json))

    with port_for(folder / "app", port) if serves else nullcontext() as server:
        run_demo(DemoOptions(folder), emit, look)


def _serve_app(
    place: "Afterwards", folder: Path, server: "OwnServer", say: Callable[[str], None]
) -> None:
    """Serve the app over the demo's chain, on which an hour passes every few seconds."""
    from strongroom.app.command import PageOptions, run_app
    from strongroom.app.serving import answering

    options = PageOptions(place.vault, place.rpc, evidence=(str(place.evidence),), out=folder)
    run_app(options, place.rpc, accounts=place.accounts)
    with answering(server) as url:
        say(f"The app over this chain: {url} (Bob and Alice are its wallets; an hour passes every "
            f"{HOUR_S} seconds; Ctrl-C ends it)")  # fmt: skip
        try:
            while True:
                time.sleep(HOUR_S)
                place.hour()
        except KeyboardInterrupt:
            say("ended")


@click.command("practice", cls=Command)
@chain_port
@click.option("--seconds", type=Number(0), help="End after this time instead of at Ctrl-C.")
@click.option(
    "--folder", type=FOLDER, default=BUILD / "practice", show_default=True, help="Emptied."
)
def practice(port: int, seconds: float | None, folder: Path) -> None:
    """Run a devnet with a vault on it, and write the files that its keeper and its co-signer need:
    recorded markets that end within days, with their recorded quotes, and a waiting deposit.
    It prints the commands to type next. It moves no real money.

    Example: strongroom practice
    """
    from strongroom.devnet.practice import PracticeOptions, run_practice

    run_practice(PracticeOptions(folder, port, seconds), click.echo)


@click.command("faucet", cls=Command)
@click.argument("address")
@click.option("--amount", type=click.IntRange(1), default=1_000, show_default=True, help="pUSD.")
@click.option("--folder", type=FOLDER, default=BUILD / "practice", show_default=True)
def faucet(address: str, amount: int, folder: Path) -> None:
    """Give ADDRESS pUSD and gas on a running practice vault.

    Example: strongroom faucet 0x... --amount 5000
    """
    from strongroom.chain.units import MICRO, format_units
    from strongroom.devnet.faucet import FaucetOptions, run_faucet

    held = run_faucet(FaucetOptions(address, amount * MICRO, folder))
    click.echo(f"{address} has {format_units(held, 2)} pUSD and gas")


@click.command("devnet", cls=Command)
@chain_port
@click.option(
    "--clob-port", type=PORT, default=8080, show_default=True, help="Port of the CLOB service."
)
@click.option(
    "--markets",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Recorded markets to re-create.",
)
@click.option(
    "--admission",
    type=click.Choice(["open", "known_wallets"]),
    default="open",
    show_default=True,
    help="open: any EIP-1271 maker; known_wallets: the venue's own wallets only.",
)
@habits_option
@click.option(
    "--facilitator-port", type=PORT, help="Also run a facilitator of x402 and a token for it."
)
@click.option("--check", is_flag=True, help="Start, print, and stop.")
@click.option("--folder", type=FOLDER, default=BUILD / "devnet", show_default=True, help="Emptied.")
def devnet(
    port: int,
    clob_port: int,
    markets: int,
    admission: Literal["open", "known_wallets"],
    habits: Literal["plain", "venue"],
    facilitator_port: int | None,
    check: bool,
    folder: Path,
) -> None:
    """Run anvil with the venue's contracts at its own addresses, recorded markets, funded
    accounts, a vault factory, and the CLOB service that the official client talks to, until Ctrl-C.

    Moves no real money; the keys are anvil's public test keys.

    \b
    Examples:
      strongroom devnet --markets 50
      strongroom devnet --facilitator-port 4020
    """
    from strongroom.devnet.clob.habits import DEFAULT, Habits
    from strongroom.devnet.serve import DevnetOptions, run_devnet
    from strongroom.screen import Screen

    named = [each for each in (port, clob_port, facilitator_port) if each]
    if len(named) > len(set(named)):
        raise click.UsageError("two ports are the same: name another for one of them")

    def started(found: "Devnet") -> None:
        screen = Screen()
        screen.print(f"chain at {found.rpc}: {found.markets} recorded markets, with real ids")
        screen.print(_addresses(found))
        screen.print(f"CLOB service at {found.clob}; all of this in {found.file}")
        if found.facilitator:
            screen.print(f"facilitator of x402 at {found.facilitator}; its token is paid_usdc")
        if not check:
            screen.print("Ctrl-C ends it")

    chosen = Habits.venue() if habits == "venue" else DEFAULT
    seconds = 0 if check else None
    options = DevnetOptions(
        folder, port, clob_port, markets, admission, chosen, seconds, facilitator_port
    )
    run_devnet(options, started)


@click.command("week", cls=Command)
@click.option(
    "--hours",
    type=click.IntRange(1, 122),
    default=122,
    show_default=True,
    help="Only the last hours of the week.",
)
@click.option("--tickers", default="AAPL,GOOGL,NVDA,TSLA", show_default=True, help="Ladders.")
@click.option("--folder", type=FOLDER, default=BUILD / "week", show_default=True, help="Emptied.")
@habits_option
@click.option("--rival", is_flag=True, help="Somebody undercuts, or buys, what the keeper decides.")
@as_json
def week(
    hours: int,
    tickers: str,
    folder: Path,
    habits: Literal["plain", "venue"],
    rival: bool,
    as_json: bool,
) -> None:
    """Run the keeper through a recorded week: real stock ladders of December 2025 with
    their hourly prices as a market maker's quotes, depositors who come and go, real outcomes.

    With the venue's habits and a rival its orders are put off, find better prices, end in part.

    Then the vault is audited, all its reports are executed again on a fork, and journal, evidence,
    snapshots, week.json, week.png and the vault's page are written. The whole week takes some eight
    minutes. Hourly last prices are no quotes: what is earned here proves that the machine works,
    not that a strategy does.

    Example: strongroom week --hours 30 --tickers AAPL
    """
    from strongroom.devnet.clob.habits import DEFAULT, Habits
    from strongroom.devnet.week import WeekOptions
    from strongroom.devnet.week_results import run_week
    from strongroom.screen import Screen

    started, done = time.monotonic(), 0
    with bar("hours", quiet=as_json) as advance:

        def emit(event: str, fields: "JsonObject") -> None:
            nonlocal done
            if event == "hour":
                done += 1
                advance(done, hours + 1)
            elif event == "halted" and not as_json:
                click.echo(f"no new decisions: {fields['why']}")

        chosen = Habits.venue() if habits == "venue" else DEFAULT
        names = tuple(tickers.split(","))
        options = WeekOptions(folder, tickers=names, hours=hours, habits=chosen, rival=rival)
        result = run_week(options, emit)
    if as_json:
        print_json(result.document())
        return
    Screen().print(_reports(result))
    for text, value in result.checks.items():
        click.echo(f"{text}: {value}")
    click.echo(f"{time.monotonic() - started:.0f} s; results are in {folder}/; open week.png")


def _addresses(found: "Devnet") -> "Table":
    from rich.table import Table

    table = Table(title="Devnet")
    table.add_column("name")
    table.add_column("address", no_wrap=True)
    for group in (found.contracts, found.account_implementations):
        for name, address in group.items():
            table.add_row(name, address)
        table.add_section()
    for name, account in found.accounts.items():
        table.add_row(name, account.address)
    return table


def _reports(result: "WeekResult") -> "Table":
    from rich.table import Table

    from strongroom.chain.units import format_units as money

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
