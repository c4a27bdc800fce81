"""What commands share that a chain is needed for: the connection; and the depositors' options,
the vault at an address, the question."""

import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand, account_option
from ape.logging import logger as ape_logger

from strongroom.deployment.compiled import vault_at
from strongroom.depositor.preview import Dealing, NotPossible, said


class Connected(ConnectedProviderCommand):  # type: ignore[misc]
    """A command that ape connects as `--network` says, without words on standard output."""

    def invoke(self, ctx: click.Context) -> Any:
        """Connect and run."""
        ape_logger.set_level(logging.ERROR)
        return super().invoke(ctx)


def depositor(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its usual options."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--dry-run", is_flag=True, help="Say what would happen; send nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--vault", "address", required=True, help="Its address."),
        account_option(),
    ):
        command = option(command)
    return command


def dealing_of(address: str, account: Any) -> tuple[Any, Dealing]:
    """Return a vault and its depositor's view."""
    vault = vault_at(address)
    return vault, Dealing(vault, account, ape.chain.blocks.head.timestamp)


def carry_out(
    preview: Callable[[], Sequence[str]],
    send: Callable[[], Any],
    dealing: Dealing,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Say what will happen, ask, send, say what is now."""
    try:
        words = preview()
    except NotPossible as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if not as_json:
        click.echo(said(words))
    sent = False
    if not dry_run and (yes or click.confirm("Send it?")):
        send()
        sent = True
    position = asdict(dealing.position())
    if as_json:
        click.echo(json.dumps({"preview": list(words), "sent": sent, "position": position}))
    elif sent:
        click.echo("Done.")
    else:
        click.echo("Nothing was sent.")
