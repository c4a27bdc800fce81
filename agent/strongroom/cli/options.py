"""Options that several commands share."""

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from strongroom.cli.boundary import was_stopped
from strongroom.errors import BadInput


class AddressText(click.ParamType):
    """An address as it is typed; whether something is there, the chain says."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it as it is."""
        from strongroom.addresses import typed_address

        try:
            typed_address(value)
        except BadInput as error:
            self.fail(str(error), param, ctx)
        return value


class Number(click.FloatRange):
    """A number within a range, which nan is not."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it."""
        found = float(super().convert(value, param, ctx))
        if not math.isfinite(found):
            self.fail(f"{value} is no number: give one such as 0.5", param, ctx)
        return found


F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
LOCAL_NODE = "http://127.0.0.1:8545"

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
dry_run = click.option("--dry-run", is_flag=True, help="Show what would happen; send nothing.")
yes = click.option("--yes", is_flag=True, help="Send without asking.")
ADDRESS = AddressText()
PORT = click.IntRange(0, 65_535)
BLOCK = click.IntRange(0)
FRACTION = Number(0, 1)

vault = click.option("--vault", required=True, type=ADDRESS, help="Address of the vault.")
rpc = click.option(
    "--rpc", default=LOCAL_NODE, show_default=True, envvar="STRONGROOM_RPC_URL",
    help="URL of a node (JSON-RPC).",
)  # fmt: skip

rpcs = click.option(
    "--rpc", "rpcs", multiple=True, default=(LOCAL_NODE,), show_default=True,
    envvar="STRONGROOM_RPC_URL", help="URL of a node; given several times, all must agree.",
)  # fmt: skip

data = click.option(
    "--data", type=FOLDER, metavar="FOLDER",
    help="Imported data (docs/data.md); otherwise the packaged ladders.",
)  # fmt: skip

evidence = click.option(
    "--evidence", multiple=True, metavar="PLACE",
    help="Folder, CAR file or URL with the evidence documents; several are asked each.",
)  # fmt: skip
payers = click.option(
    "--payer", "payers", multiple=True, metavar="KIND=ADDRESS",
    help="Who pays accounts beside trades: reward, rebate, return or gift.",
)  # fmt: skip

account = click.option(
    "--account",
    required=True,
    help="A keystore file, an account of ape, or TEST::n on a test chain.",
)


def workers_options(function: F) -> F:
    """Add where tasks run."""
    for option in (
        click.option("--workers", type=click.IntRange(1), help="Processes; by default one a core."),
        click.option(
            "--ray-address", help="Of a Ray cluster; without it Ray starts on this machine."
        ),
        click.option(
            "--engine", type=click.Choice(["processes", "ray"]), default="processes",
            show_default=True,
            help="Where tasks run; ray is an extra: `strongroom doctor` says how to install it.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def asked(yes: bool, so_far: str = "nothing was sent") -> Callable[[str], bool]:
    """Return the question before something is sent. An input that ends (Ctrl-D) is no yes, Ctrl-C
    ends the command as it does anywhere.

    Args:
        so_far: what is true where it gets no answer
    """

    def ask(question: str) -> bool:
        if yes:
            return True
        with unanswered(f"not confirmed: {so_far} (--yes does not ask)", so_far):
            return click.confirm(question, err=True)

    return ask


@contextmanager
def unanswered(ended: str, stopped: str) -> Iterator[None]:
    """Say of a question in the block that gets no answer what it was.

    Args:
        ended: where the input ends
        stopped: where Ctrl-C is pressed

    Raises:
        BadInput, KeyboardInterrupt: with those words.
    """
    try:
        yield
    except (click.Abort, EOFError, KeyboardInterrupt) as error:
        click.echo(err=True)  # what follows stands in a line of its own
        if was_stopped(error):
            raise KeyboardInterrupt(stopped) from error
        raise BadInput(ended) from error


def typed_passphrase(what: str) -> str:
    """Ask for a passphrase; it is not shown.

    Raises:
        BadInput: there is no terminal to ask at.
    """
    from getpass import getpass

    if not sys.stdin.isatty():
        raise BadInput(f"{what}: no terminal to ask at: set STRONGROOM_PASSPHRASE")
    with unanswered(f"{what}: none was typed", f"{what}: none was typed"):
        return getpass(f"{what}: ")


def print_json(found: Any) -> None:
    """Print data as JSON."""
    click.echo(json.dumps(found, indent=2))


@contextmanager
def bars(quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Show progress while the block runs; yield what takes the name, how many are done, of how
    many."""
    from rich.progress import Progress, TextColumn

    from strongroom.screen import Screen

    known: dict[str, Any] = {}
    screen = Screen(stderr=True)
    hidden = quiet or not screen.is_terminal
    columns = (TextColumn("{task.description}", markup=False), *Progress.get_default_columns()[1:])
    with Progress(*columns, console=screen, transient=True, disable=hidden) as progress:

        def advance(what: str, done: int, of: int) -> None:
            if what not in known:
                known[what] = progress.add_task(what)
            progress.update(known[what], completed=done, total=of)

        yield advance


@contextmanager
def bar(what: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Show one bar while the block runs; yield what takes how many are done, of how many."""
    with bars(quiet) as advance:
        yield lambda done, of: advance(what, done, of)
