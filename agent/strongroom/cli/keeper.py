"""`strongroom keeper`: start, start-all, ui, status, pending, approve, decline, explain, publish,
calibrate, fit."""

from dataclasses import asdict
from pathlib import Path

import click

from strongroom.cli.boundary import FAILED, Command, Group
from strongroom.cli.keeper_journal import backup, compare, restore
from strongroom.cli.options import (
    FILE,
    FOLDER,
    PORT,
    as_json,
    dry_run,
    print_json,
)

MODES = ("dry-run", "paper", "ask", "live")


@click.group("keeper", cls=Group)
def command() -> None:
    """Run a keeper, and show what it does.

    Example: strongroom keeper start keeper.toml --mode paper
    """


for journal_command in (backup, restore, compare):
    command.add_command(journal_command)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.option(
    "--mode",
    type=click.Choice(MODES),
    help="Instead of the file's. dry-run only decides, paper simulates fills, ask sends what a "
    "person approves, live sends.",
)
@click.option("--ticks", type=click.IntRange(1), help="Stop after this many ticks.")
def start(config: Path, mode: str | None, ticks: int | None) -> None:
    """Run the keeper of CONFIG (TOML) until Ctrl-C. Logs are JSON lines, printed unless the file
    names a log.

    Exit status 2: the configuration does not fit what is there, or a keeper of this journal runs
    already; nothing was sent.

    Example: strongroom keeper start keeper.toml --mode dry-run --ticks 1
    """
    from strongroom.keeper.configuration import in_mode, load
    from strongroom.keeper.run import apart, run

    found = in_mode(load(config), mode)
    log = apart(found).operations.log
    if log is not None:
        click.echo(f"the log is {log}")
    run(found, ticks)


@command.command("start-all", cls=Command)
@click.argument("folder", type=FOLDER)
@click.option("--mode", type=click.Choice(MODES[1:]), help="Of all, instead of each file's.")
@click.option(
    "--port", type=PORT, default=9099, show_default=True, help="Of one page with all their health."
)
def start_all(folder: Path, mode: str | None, port: int) -> None:
    """Run a keeper for each NAME/keeper.toml in FOLDER until Ctrl-C, each in a process of its own.

    One that ends is started again after 1 s, 5 s, 30 s, 2 and 5 minutes. The page at /health is 200
    while all are well; /targets tells Prometheus where each one's metrics are.

    Example: strongroom keeper start-all vaults --mode paper
    """
    from strongroom.keeper.many import run_many

    run_many(folder, mode, port, click.echo)


@command.command("ui", cls=Command)
@click.argument("config", type=FILE)
@click.option("--mode", type=click.Choice(MODES[1:]), help="Of the keeper, instead of the file's.")
@click.option("--port", type=PORT, default=8610, show_default=True, help="0 takes a free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="To listen at. Another one opens the cockpit to other machines, without encryption.",
)  # fmt: skip
@click.option("--name", "names", multiple=True, help="What browsers there call this machine.")
def ui(config: Path, mode: str | None, port: int, host: str, names: tuple[str, ...]) -> None:
    """Serve the cockpit of a keeper to this machine until Ctrl-C: what it sees, decides and why, by
    its journal, its metrics and its log. It works on a stopped keeper, too.

    The link has a token, which is printed once. Three buttons make the keeper safer: stop
    decisions, cancel what rests, ask the guardian to pause. None needs a key.

    \b
    Examples:
      strongroom keeper ui keeper.toml
      strongroom keeper ui keeper.toml --mode paper --port 8611
    """
    from strongroom.app.cockpit.command import run_cockpit
    from strongroom.app_server import ServedKeeper

    run_cockpit(ServedKeeper(config, mode, host, port, names), click.echo)


@command.command("try-notify", cls=Command)
@click.argument("config", type=FILE)
@click.option("--failed", metavar="WHAT", help="No trial: say that WHAT has failed, as a unit.")
def try_notify(config: Path, failed: str | None) -> None:
    """Send a message to each [[notify]] of CONFIG, and say which ones took it. Exit status 2: one
    did not.

    \b
    Examples:
      strongroom keeper try-notify keeper.toml
      strongroom keeper try-notify keeper.toml --failed strongroom-backup.service
    """
    from strongroom.foreign_text import plain
    from strongroom.keeper.channels import try_each
    from strongroom.keeper.configuration import load

    found = load(config)
    what = f"{failed} has failed" if failed else "a trial, nothing has happened"
    text = plain(f"Strongroom {found.vault}: {what}")
    results = try_each(found.notify, text)
    for name, why in results.items():
        click.echo(f"{name}: {why or 'taken'}")
    if any(results.values()):
        raise SystemExit(FAILED)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@as_json
def status(config: Path, as_json: bool) -> None:
    """Show the vault, open tasks, orders and transactions, and how the sources are.

    Example: strongroom keeper status keeper.toml --json
    """
    from rich.table import Table

    from strongroom.chain.units import GWEI, format_units
    from strongroom.keeper.configuration import load
    from strongroom.keeper.status import read_status
    from strongroom.reporting.explanation import moment
    from strongroom.screen import Screen

    found = read_status(load(config))
    if as_json:
        print_json(asdict(found))
        return
    table = Table()
    table.add_column("what")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_row("vault", found.vault)
    for name in ("nav", "idle", "exposure", "owed"):
        table.add_row(name, format_units(getattr(found, name)))
    table.add_row("deals and allocates", "yes" if found.dealable else "no")
    table.add_row("open markets", str(len(found.markets)))
    table.add_row("wait for a yes", str(len(found.asked)))
    for name in ("open_tasks", "open_orders", "open_transactions"):
        table.add_row(name.replace("_", " "), str(len(getattr(found, name))))
    table.add_row("trades undone", f"{found.reversed_trades} of {found.ended_trades}")
    for name in ("least_tip", "least_base_fee"):
        table.add_row(f"{name.replace('_', ' ')} learnt", f"{getattr(found, name) / GWEI:g} gwei")
    Screen().print(table)
    if found.health is None:
        click.echo("sources: no keeper of this journal has said yet how they are")
        return
    click.echo(f"sources, as the keeper said at {moment(found.health.at)}:")
    for each in found.health.sources:
        how = each.wrong or "well"
        click.echo(f"  {each.name}: {how} ({each.asked} asked, {each.failed} failed)")


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.option("--all", "over", is_flag=True, help="Also those that have begun or ended.")
@as_json
def pending(config: Path, over: bool, as_json: bool) -> None:
    """Show the decisions that wait for a yes (mode ask), each with its explanation; with --all also
    what became of the others, and what those that did not begin would have earned.

    \b
    Examples:
      strongroom keeper pending keeper.toml
      strongroom keeper pending keeper.toml --all --json
    """
    from rich.table import Table

    from strongroom.chain.units import format_units
    from strongroom.keeper.configuration import load
    from strongroom.keeper.status import asked, open_journal, story
    from strongroom.reporting.explanation import moment
    from strongroom.screen import Screen

    journal = open_journal(load(config))
    found = asked(journal, over)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    if not over:
        texts = [story(journal, each.decision) for each in found]
        click.echo("\n\n".join(texts) or "no decision waits for a yes")
        return
    table = Table(title="Decisions that a person was asked about")
    for name in ("decision", "question", "state", "until", "why", "would have earned"):
        whole = name in ("decision", "state", "would have earned")
        table.add_column(name, no_wrap=whole, overflow="fold")
    for each in found:
        known = "unknown" if each.profit is None else format_units(each.profit)
        earned = "" if each.state == "STARTED" else known
        until = moment(each.expires)
        words = (each.decision[:10], each.question, each.state.lower(), until, each.reason)
        table.add_row(*words, earned)
    Screen().print(table)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.argument("name")
def approve(config: Path, name: str) -> None:
    """Say yes to a decision that waits (mode ask). NAME is the decision, or its beginning.

    The keeper looks at its reason, its prices and all limits again at its next tick. Where one no
    longer holds, it sends nothing and says why.

    Example: strongroom keeper approve keeper.toml 0x1a2b3c4d
    """
    decision = _answer(config, name, True)
    click.echo(f"approved {decision}: sent at the next tick, if prices and limits still allow it")


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.argument("name")
@click.option("--reason", default="", help="Is kept with it.")
def decline(config: Path, name: str, reason: str) -> None:
    """Say no to a decision that waits, or take a yes back before the keeper goes on. NAME is the
    decision, or its beginning.

    Example: strongroom keeper decline keeper.toml 0x1a2b3c4d --reason "the rules are unclear"
    """
    decision = _answer(config, name, False, reason)
    click.echo(f"declined {decision}: it is kept, and scored once its markets have resolved")


def _answer(config: Path, name: str, yes: bool, why: str = "") -> str:
    import time

    from strongroom.keeper.configuration import load
    from strongroom.keeper.status import answer, open_journal

    return answer(open_journal(load(config)), name, yes, int(time.time()), why)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.argument("name", default="")
def explain(config: Path, name: str) -> None:
    """Explain an order. NAME is a decision, an intent or an order hash, or its beginning; without
    NAME, the last decision.

    Example: strongroom keeper explain keeper.toml
    """
    from strongroom.keeper.configuration import load
    from strongroom.keeper.status import open_journal, story

    click.echo(story(open_journal(load(config)), name))


@command.command(cls=Command)
@click.argument("config", type=FILE)
@dry_run
@as_json
def publish(config: Path, dry_run: bool, as_json: bool) -> None:
    """Bring the evidence of all reports on chain to the places that [evidence] names, and say what
    is missing where. A place that has all is left as it is.

    Where decision records go on chain, it also says what those since the last report would cost.
    Exit status 2: a place still lacks a document.

    \b
    Examples:
      strongroom keeper publish keeper.toml
      strongroom keeper publish keeper.toml --dry-run --json
    """
    from strongroom.keeper.configuration import load
    from strongroom.keeper.publishing import publish_once, show
    from strongroom.screen import Screen

    found = publish_once(load(config), dry_run)
    if as_json:
        print_json(asdict(found))
    else:
        show(found, Screen())
    if not dry_run and not found.is_whole:
        raise SystemExit(FAILED)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@as_json
def calibrate(config: Path, as_json: bool) -> None:
    """Show each forecaster's record, and whether it has graduated.

    Example: strongroom keeper calibrate keeper.toml
    """
    from rich.table import Table

    from strongroom.keeper.configuration import load
    from strongroom.keeper.status import grade_forecasters
    from strongroom.screen import Screen

    found = grade_forecasters(load(config))
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table(title="Forecasters")
    for name in ("source", "events", "Brier", "market's", "log score", "graduated", "why"):
        table.add_column(name)
    for each in found:
        scores = (each.record.brier, each.record.market_brier, each.record.log_score)
        table.add_row(
            each.source,
            str(each.record.events),
            *(f"{value:.4f}" for value in scores),
            "yes" if each.graduated else "no",
            each.why,
        )
    Screen().print(table)


@command.command(cls=Command)
@click.argument("config", type=FILE)
@click.option(
    "--ridge",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How strongly the market's price is believed beforehand.",
)
@as_json
def fit(config: Path, ridge: float, as_json: bool) -> None:
    """Fit the weights of pack informed to what became of all forecasts, with walk-forward evidence:
    each forecast is judged by weights from outcomes that were known before it.

    The section to write into the file is printed only if the pool is better than the market there.

    Example: strongroom keeper fit keeper.toml --ridge 2
    """
    from rich.table import Table

    from strongroom.analysis.pool_fit import LEAST
    from strongroom.keeper.configuration import load
    from strongroom.keeper.status import fit_weights
    from strongroom.screen import Screen

    found = fit_weights(load(config), ridge)
    if as_json:
        print_json(asdict(found))
        return
    table = Table(title="Weights of the pool")
    for name in ("source", "weight", "least and most before"):
        table.add_column(name)
    for source, weight in found.weights.items():
        known = found.ranges.get(source)
        span = "never fitted before" if known is None else f"{known[0]:.3f} to {known[1]:.3f}"
        table.add_row(source, f"{weight:.3f}", span)
    Screen().print(table)
    click.echo(
        f"{found.rows} markets of {found.events} events; {found.late} late forecasts are left out"
    )
    if found.held_out is not None:
        card = found.held_out
        click.echo(
            f"later forecasts: {card.forecasts} of {card.events} events, Brier {card.brier:.4f}, "
            f"the market's {card.market_brier:.4f}"
        )
    click.echo(f"the pool: {found.why}")
    if not found.accepted:
        click.echo("Leave the weights as they are.")
        return
    click.echo("\n[packs.informed.weights]")
    for source, weight in found.weights.items():
        if weight >= LEAST:
            click.echo(f'"{source}" = {weight:.3f}')
