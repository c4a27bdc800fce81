"""Run a keeper: `ape run keeper start keeper.toml`; look at it: status, explain, calibrate."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from strongroom.analysis.calibration import Gate, score
from strongroom.chain.rpc import CHAIN_AWAY, Chain
from strongroom.chain.units import format_units as money
from strongroom.execution.vault_reader import VaultReader
from strongroom.journal import Journal
from strongroom.keeper.configuration import Config, load
from strongroom.keeper.run import run
from strongroom.reporting.explanation import NothingKnown, explain, find
from strongroom.settings import ConfigError

BAD_CONFIG = 2  # exit code
FILE = click.Path(dir_okay=False, path_type=Path)


def _load(path: Path) -> Config:
    try:
        return load(path)
    except ConfigError as error:
        raise _refusal(error) from error


def _refusal(error: Exception) -> click.ClickException:
    refusal = click.ClickException(str(error))
    refusal.exit_code = BAD_CONFIG
    return refusal


@click.group()
def cli() -> None:
    """Run a keeper, and look at what it does.

    Example: ape run keeper start keeper.toml --mode paper
    """


@cli.command()
@click.argument("config", type=FILE)
@click.option(
    "--mode",
    type=click.Choice(["dry-run", "paper", "live"]),
    help="Instead of the file's. dry-run decides and forgets, paper thinks fills, live sends.",
)
@click.option("--ticks", type=int, help="Stop after so many.")
def start(config: Path, mode: str | None, ticks: int | None) -> None:
    """Run the keeper of CONFIG (TOML) until Ctrl-C. Logs are JSON lines.

    Exit code 2: the configuration does not fit what is there; nothing was sent.

    Example: ape run keeper start keeper.toml --mode dry-run --ticks 1
    """
    settings = _load(config)
    if mode is not None:
        operations = settings.operations.model_copy(update={"mode": mode})
        settings = settings.model_copy(update={"operations": operations})
    try:
        run(settings, ticks)
    except ConfigError as error:
        raise _refusal(error) from error


@cli.command()
@click.argument("config", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(config: Path, as_json: bool) -> None:
    """Show the vault, and what is under way.

    Example: ape run keeper status keeper.toml --json
    """
    settings = _load(config)
    journal = Journal(settings.journal)
    try:
        chain = Chain(settings.chain.rpc_url, settings.chain.timeout_s)
        state = VaultReader(chain, settings.vault).read({})
    except CHAIN_AWAY as error:
        raise _refusal(ConfigError(f"[chain.rpc_url] {settings.chain.rpc_url} is away")) from error
    failed, ended = journal.reversals()
    found = {
        "vault": settings.vault,
        "nav": state.nav,
        "idle": state.idle,
        "exposure": state.total_exposure,
        "owed": state.owed,
        "dealable": state.dealable,
        "markets": {
            name: {"exposure": each.exposure, "collateral": each.collateral}
            for name, each in state.markets.items()
        },
        "open_tasks": [
            {
                "decision": "0x" + task.decision.hex(),
                "question": journal.record(task.decision)["question"],
            }
            for task in journal.open_tasks()
        ],
        "open_orders": [
            {"order": row.order_hash, "state": row.state, "venue": row.venue}
            for row in journal.open()
        ],
        "open_transactions": [
            {"purpose": row.purpose, "state": row.state} for row in journal.transactions.open()
        ],
        "reversed_trades": failed,
        "ended_trades": ended,
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    table = Table(title=f"Vault {settings.vault}")
    table.add_column("what")
    table.add_column("value", justify="right")
    for name in ("nav", "idle", "exposure", "owed"):
        table.add_row(name, money(int(found[name])))  # type: ignore[call-overload]
    table.add_row("deals and allocates", "yes" if state.dealable else "no")
    table.add_row("open markets", str(len(state.markets)))
    for name in ("open_tasks", "open_orders", "open_transactions"):
        table.add_row(name.replace("_", " "), str(len(found[name])))  # type: ignore[arg-type]
    table.add_row("trades undone", f"{failed} of {ended}")
    Console(highlight=False).print(table)


@cli.command("explain")
@click.argument("config", type=FILE)
@click.argument("name")
def explain_(config: Path, name: str) -> None:
    """Say why an order was made: NAME is a decision, an intent or an order hash, or its beginning.

    Example: ape run keeper explain keeper.toml 0x30f54bad
    """
    journal = Journal(_load(config).journal)
    try:
        click.echo(explain(journal, find(journal, name)))
    except NothingKnown as error:
        raise click.ClickException(str(error)) from error


@cli.command()
@click.argument("config", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def calibrate(config: Path, as_json: bool) -> None:
    """Show each forecaster's record, and whether its word may move money.

    Example: ape run keeper calibrate keeper.toml
    """
    journal = Journal(_load(config).journal)
    rows = []
    for source, forecasts in journal.resolved_forecasts().items():
        record, (passed, why) = score(forecasts), Gate().judge(forecasts)
        rows.append({"source": source, "graduated": passed, "why": why, **vars(record)})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table(title="Forecasters")
    for name in ("source", "events", "Brier", "market's", "log score", "graduated", "why"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            str(row["source"]),
            str(row["events"]),
            f"{row['brier']:.4f}",
            f"{row['market_brier']:.4f}",
            f"{row['log_score']:.4f}",
            "yes" if row["graduated"] else "no",
            str(row["why"]),
        )
    Console(highlight=False).print(table)
