"""`strongroom page` and `strongroom app`."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import ADDRESS, FOLDER, PORT, Number, bar, evidence, payers, rpcs, vault
from strongroom.errors import BadInput

exchanges = click.option(
    "--exchange",
    "exchanges",
    multiple=True,
    type=ADDRESS,
    help="Exchange that no account names, as of delegated ones; joins its fills to decisions.",
)


def _audited(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (payers, exchanges, evidence, rpcs, vault):
        command = option(command)
    return command


@click.command("page", cls=Command)
@_audited
@click.option("--out", type=FOLDER, default=Path("build/page"), show_default=True)
def command(
    vault: str,
    rpcs: tuple[str, ...],
    evidence: tuple[str, ...],
    exchanges: tuple[str, ...],
    payers: tuple[str, ...],
    out: Path,
) -> None:
    """Audit a vault and write the result as a static site: an HTML file, its data as JSON, the
    evidence documents, and a CSV for each depositor. The site needs no server. Exit status 1 where
    the audit found a difference, 2 where it cannot say.

    Example: strongroom page --vault 0x... --evidence build/week/evidence
    """
    from strongroom.app.command import PageOptions, run_page, show
    from strongroom.audit.command import parse_payers

    known = parse_payers(payers)
    with bar("blocks") as advance:
        options = PageOptions(
            vault, rpcs[0], evidence, exchanges, out, advance, known, rpcs[1:]
        )  # fmt: skip
        result = run_page(options)
    show(result, time.time())
    if result.exit_code:
        raise SystemExit(result.exit_code)


@click.command("app", cls=Command)
@_audited
@click.option("--out", type=FOLDER, default=Path("build/app"), show_default=True)
@click.option("--port", type=PORT, default=8600, show_default=True, help="0 takes a free one.")
@click.option("--static", is_flag=True, help="Write the files and end, for a host of yours.")
@click.option("--browser-rpc", metavar="URL", help="Node that the browser asks. "
              "[default: the first --rpc; with --static none: through the wallet]")  # fmt: skip
@click.option("--no-audit", is_flag=True, help="Do not audit first: no history, no verdict.")
@click.option("--seconds", type=Number(0), help="End after this time instead of at Ctrl-C.")
def app(
    vault: str,
    rpcs: tuple[str, ...],
    evidence: tuple[str, ...],
    exchanges: tuple[str, ...],
    payers: tuple[str, ...],
    out: Path,
    port: int,
    static: bool,
    browser_rpc: str | None,
    no_audit: bool,
    seconds: float | None,
) -> None:
    """Serve a vault's page with a wallet: what an audit found, how the vault is now, and buttons to
    deposit, redeem, claim, take back and leave. It is served to this machine alone. `--static`
    writes the same as files.

    \b
    Examples:
      strongroom app --vault 0x... --evidence build/week/evidence
      strongroom app --vault 0x... --static --out site
    """
    from strongroom.app.command import PageOptions, run_app, show
    from strongroom.app.serving import answering, port_for
    from strongroom.audit.command import parse_payers

    if browser_rpc:
        _check_node(browser_rpc)
    known = parse_payers(payers)
    asked = ("" if static else rpcs[0]) if browser_rpc is None else browser_rpc
    with ExitStack() as held:
        server = None if static else held.enter_context(port_for(out, port))
        with bar("blocks") as advance:
            options = PageOptions(
                vault, rpcs[0], evidence, exchanges, out, advance, known, rpcs[1:]
            )  # fmt: skip
            result = run_app(options, asked, not no_audit, keeps=static)
        show(result, time.time())
        if server is not None:
            url = held.enter_context(answering(server))
            click.echo(f"{url} until Ctrl-C")
            threading.Event().wait(seconds)
    if result.exit_code:
        raise SystemExit(result.exit_code)


def _check_node(url: str) -> None:
    """Refuse what no browser can ask; raises BadInput."""
    from strongroom.chain.jsonrpc import shown_url

    if not (url.startswith(("http://", "https://")) and shown_url(url).startswith("http")):
        raise BadInput("--browser-rpc must be http:// or https://, a host, and perhaps a port")
