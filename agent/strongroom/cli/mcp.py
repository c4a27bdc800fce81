"""`strongroom mcp`: serve, pipe, token, tokens, revoke, log."""

import time
from pathlib import Path

import click

from strongroom.cli.boundary import Command, Group
from strongroom.cli.keeper import MODES
from strongroom.cli.options import FILE, PORT, as_json, print_json

mode_option = click.option(
    "--mode", type=click.Choice(MODES[1:]), help="Of the keeper, instead of the file's."
)


@click.group("mcp", cls=Group)
def command() -> None:
    """Serve a keeper's vault to programs that speak the Model Context Protocol, and keep their
    tokens. It reads only; it has no key.

    \b
    Examples:
      strongroom mcp token keeper.toml desk
      strongroom mcp serve keeper.toml
    """


def _check_installed() -> None:
    from strongroom.extras import check_extra

    check_extra("mcp")


@command.command("serve", cls=Command)
@click.argument("config", type=FILE)
@mode_option
@click.option("--port", type=PORT, default=8620, show_default=True, help="0 takes a free one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="To listen at. Another one opens the server to other machines, without encryption.",
)  # fmt: skip
@click.option("--name", "names", multiple=True, help="What clients there call this machine.")
def serve(config: Path, mode: str | None, port: int, host: str, names: tuple[str, ...]) -> None:
    """Serve the vault of the keeper of CONFIG over HTTP until Ctrl-C, to clients with a token of
    `strongroom mcp token`. It needs no key and no passphrase.

    \b
    Examples:
      strongroom mcp serve keeper.toml
      strongroom mcp serve keeper.toml --mode paper --port 8621
    """
    _check_installed()
    from strongroom.app_server import ServedKeeper
    from strongroom.mcp_server.serving import serve_http

    serve_http(ServedKeeper(config, mode, host, port, names), click.echo)


@command.command("pipe", cls=Command)
@click.argument("config", type=FILE)
@mode_option
def pipe(config: Path, mode: str | None) -> None:
    """Serve over standard input and output, to the program that starts this. Without a token in
    STRONGROOM_MCP_TOKEN it may read.

    Example: strongroom mcp pipe keeper.toml
    """
    _check_installed()
    from strongroom.app_server import ServedKeeper
    from strongroom.mcp_server.serving import serve_pipe

    serve_pipe(ServedKeeper(config, mode))


@command.command("token", cls=Command)
@click.argument("config", type=FILE)
@click.argument("client")
@click.option("--propose", is_flag=True, help="It may propose trades, too, within its limits.")
@click.option(
    "--days", type=click.IntRange(1, 366), default=30, show_default=True, help="That it counts."
)
def token(config: Path, client: str, propose: bool, days: int) -> None:
    """Make a token of CLIENT for the vault of CONFIG, and show it once: the file that
    [mcp.tokens] names has its hash alone.

    \b
    Examples:
      strongroom mcp token keeper.toml desk
      strongroom mcp token keeper.toml desk --propose --days 7
    """
    from strongroom.keeper.configuration import load
    from strongroom.mcp_server.tokens import ToolScope, audience_of, make_token

    found = load(config)
    audience = audience_of(found.chain.chain_id, found.vault)
    scopes = [ToolScope.PROPOSE] if propose else []
    made = make_token(found.mcp.tokens, client, audience, scopes, days, int(time.time()))
    click.echo(made)
    click.echo("Keep it: nothing shows it again. Whoever has it is this client.", err=True)


@command.command("tokens", cls=Command)
@click.argument("config", type=FILE)
@as_json
def tokens(config: Path, as_json: bool) -> None:
    """Show whose tokens there are, for what and how long; never a token.

    Example: strongroom mcp tokens keeper.toml
    """
    from strongroom.keeper.configuration import load
    from strongroom.mcp_server.tokens import read_tokens
    from strongroom.reporting.explanation import moment

    rows = [
        {"client": each.client, "number": each.number, "vault": each.audience,
         "scopes": [str(scope) for scope in each.scopes], "expires": each.expires}
        for each in read_tokens(load(config).mcp.tokens)
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    for each in read_tokens(load(config).mcp.tokens):
        state = "over since" if each.expires <= time.time() else "until"
        scopes = ", ".join(each.scopes)
        click.echo(f"{each.client} ({each.number}): {scopes}, {state} {moment(each.expires)}")
    if not rows:
        click.echo("no token yet: make one with `strongroom mcp token`")


@command.command("revoke", cls=Command)
@click.argument("config", type=FILE)
@click.argument("client")
def revoke(config: Path, client: str) -> None:
    """Take all tokens of CLIENT out, and back what waits of his proposals: the tokens count no
    more from the next request on.

    Example: strongroom mcp revoke keeper.toml desk
    """
    from strongroom.information.client_trades import TradeQueue
    from strongroom.keeper.configuration import load
    from strongroom.mcp_server.tokens import revoke as take_out

    found = load(config)
    count = take_out(found.mcp.tokens, client)
    click.echo(f"{count} token{'' if count == 1 else 's'} of {client} taken out")
    if found.proposals is not None:
        waited = TradeQueue(found.proposals.folder).take_back(client, int(time.time()))
        click.echo(f"{waited} proposal{'' if waited == 1 else 's'} taken back that waited")


@command.command("log", cls=Command)
@click.argument("config", type=FILE)
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="Calls.")
@as_json
def log(config: Path, last: int, as_json: bool) -> None:
    """Show who asked what and what came of it, and hold each line against the one before. Exit
    status 1: a line was changed or is missing.

    Example: strongroom mcp log keeper.toml --last 50
    """
    from strongroom.foreign_text import plain
    from strongroom.keeper.configuration import load
    from strongroom.mcp_server.call_log import read_calls
    from strongroom.reporting.explanation import moment

    found = list(read_calls(load(config).mcp.log))
    if as_json:
        print_json(found[-last:])
        return
    for each in found[-last:]:
        who = each["who"] or "nobody"
        words = f"{moment(int(str(each['at'])))} {who}: {each['what']} {each['given']}"
        click.echo(plain(f"{words}: {each['came']}"))
    click.echo(f"{len(found)} lines, each after the one before")
