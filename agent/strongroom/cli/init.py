"""`strongroom init`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FILE, FOLDER, unanswered

OPTIONS = (  # name, what it is; in the order in which it is asked
    ("rpc", "URL of a node (JSON-RPC)."),
    ("vault", "Address of the vault; `new`: it is to be deployed."),
    ("safe", "The keeper's Safe, where the vault has several keepers."),
    ("exchanges", "Those that you expect the vault's accounts to trade at."),
    ("multi-send", "MultiSendCallOnly, if it is not at its usual address."),
    ("clob-url", "Of the venue's CLOB; default: the chain's public venue."),
    ("gamma-url", "Of the venue's list of markets."),
    ("stream-url", "Of its market channel; without it books are polled."),
    ("packs", "What decides, with commas between."),
    ("max-order", "Most that the co-signer signs for in an order, units."),
    ("max-per-day", "Most that it signs for in a day, units."),
    ("max-allocation", "Most that it lets go to one market at once, units."),
    ("tcp", "Port of a co-signer of another user."),
    ("asset", "New vault: its stablecoin."),
    ("name", "New vault: name of the share."),
    ("symbol", "New vault: symbol of the share."),
    ("owner", "New vault: its owner."),
    ("guardian", "New vault: who may pause and revoke."),
    ("keeper", "New vault: the Safe that trades."),
    ("reporter", "New vault: the Safe that reports."),
    ("fee-recipient", "New vault: who gets the fees; default: the owner."),
    ("exchange", "New vault: where it trades; with commas, a strategy for each."),
    ("oracle", "New vault: who resolves its markets; one, or one an exchange."),
    ("negative-risk", "New vault: whether it trades events of exclusive outcomes; likewise."),
    ("total-cap", "New vault: most at risk in all, units, or none."),
    ("velocity", "New vault: most that may go out in a day, units, or none."),
    ("market-cap", "New vault: most in one market, units, or none."),
)  # fmt: skip


def _with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, words in reversed(OPTIONS):
        variable = "STRONGROOM_RPC_URL" if name == "rpc" else None
        command = click.option(f"--{name}", help=words, envvar=variable)(command)
    return command


@click.command("init", cls=Command)
@click.argument("folder", type=FOLDER, default=Path())
@click.option("--answers", type=FILE, help="File with answers, TOML: names as in the options.")
@_with_options
def command(folder: Path, answers: Path | None, **given: str | None) -> None:
    """Ask, check each answer against the node, and write annotated files into FOLDER: for a vault
    on chain its plan as it is, keeper.toml and cosigner.toml; for a new one its plan.

    Nothing is overwritten, and nothing is sent. What an option or the file of answers has is not
    asked; without a terminal the rest takes its default.

    \b
    Examples:
      strongroom init
      strongroom init keeper --vault 0x... --rpc $POLYGON_RPC_URL --packs tail,dutch
      strongroom init plan --vault new --answers answers.toml
    """
    from strongroom.setup.answers import Interview, read_answers
    from strongroom.setup.wizard import QUESTIONS, run_init

    known = read_answers(answers, QUESTIONS) if answers is not None else {}
    known |= {name: value for name, value in given.items() if value is not None}
    asks = _typed if sys.stdin.isatty() else None
    written = run_init(folder, Interview(known, asks, click.echo))
    for file in written.files:
        click.echo(f"wrote {file}")
    for number, words in enumerate(written.left, 1):
        click.echo(f"{number}. {words}")


def _typed(words: str, default: str) -> str:
    shown, nothing = bool(default), "nothing was written"
    with unanswered(f"no answer was typed: {nothing} (each answer is an option, too)", nothing):
        return str(click.prompt(words, default=default, show_default=shown))
