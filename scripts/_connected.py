"""What `ape run` scripts share: --network becomes a node's URL, an error becomes one sentence."""

import getpass
import logging
from collections.abc import Callable
from typing import Any

import ape
import click
from ape.cli import ConnectedProviderCommand
from ape.exceptions import ApeException
from ape.logging import logger as ape_logger
from strongroom.cli.boundary import Command
from strongroom.errors import BadInput


class _ByApe(ConnectedProviderCommand):  # type: ignore[misc]
    def invoke(self, ctx: click.Context) -> Any:
        ape_logger.set_level(logging.ERROR)
        try:
            return super().invoke(ctx)
        except ApeException as error:
            first = str(error).splitlines()[0].rstrip(".")
            raise BadInput(f"--network: {first}: start the node or name another network") from error


class Connected(Command, _ByApe):
    """A command that ape connects as `--network` says, without words on standard output."""


def node_url() -> str:
    """Return the URL of the node that ape is connected to.

    Raises:
        BadInput: it has none.
    """
    provider = ape.networks.provider
    url = getattr(provider, "http_uri", None) or getattr(provider, "uri", None)
    if not url:
        raise BadInput("--network names no node: give one, e.g. --network http://127.0.0.1:8545")
    return str(url)


def depositor(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the depositors' options."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--dry-run", is_flag=True, help="Say what would happen; send nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--vault", required=True, help="Its address."),
        ACCOUNT,
    ):
        command = option(command)
    return command


ACCOUNT = click.option(
    "--account", required=True, help="A keystore file, an ape account, TEST::n on a test chain."
)


def common(vault: str, account: str, yes: bool, dry_run: bool, as_json: bool) -> dict[str, Any]:
    """Return what the options records of the depositors' commands have in common."""
    in_json = as_json and (yes or dry_run)  # the preview is said before a question, else in JSON
    return {
        "rpc": node_url(),
        "vault": vault,
        "account": account,
        "dry_run": dry_run,
        "say": lambda words: None if in_json else click.echo(words, err=as_json),
        "ask": lambda question: yes or click.confirm(question, err=True),
        "passphrase": lambda what: getpass.getpass(f"{what}: "),
    }


def show(outcome: Any, as_json: bool) -> None:
    """Print what a command did."""
    click.echo(outcome.as_json() if as_json else "\n".join(outcome.lines()))
