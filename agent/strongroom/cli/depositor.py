"""`strongroom deposit, redeem, claim, cancel, position, statement, exit`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import (
    FILE,
    account,
    as_json,
    asked,
    dry_run,
    rpc,
    typed_passphrase,
    vault,
    yes,
)

if TYPE_CHECKING:
    from strongroom.depositor.options import CommandResult, PositionResult
    from strongroom.depositor.statement import StatementResult

OWN_ACCOUNT = "An address, a keystore file, or an account of ape."
AMOUNTS = {"ignore_unknown_options": True}  # -5 is an amount that is refused, no option


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (as_json, dry_run, yes, account, rpc, vault):
        command = option(command)
    return command


def _common(
    vault: str, rpc: str, account: str, yes: bool, dry_run: bool, as_json: bool
) -> dict[str, Any]:
    """Return what the options records have in common."""
    silent = as_json and (yes or dry_run)  # before a question the preview is printed, else in JSON
    return {
        "rpc": rpc,
        "vault": vault,
        "account": account,
        "dry_run": dry_run,
        "say": lambda words: None if silent else click.echo(words, err=as_json),
        "ask": asked(yes),
        "passphrase": typed_passphrase,
    }


def _show(outcome: "CommandResult | PositionResult | StatementResult", as_json: bool) -> None:
    click.echo(outcome.as_json() if as_json else "\n".join(outcome.lines()))


@click.command("deposit", cls=Command, context_settings=AMOUNTS)
@_options
@click.argument("amount")
def deposit(amount: str, **options: Any) -> None:
    """Request a deposit of AMOUNT of the vault's asset, or "all". The next report closes the
    request, one after it prices it; then `claim` takes the shares.

    Example: strongroom deposit 1000 --vault 0x... --account alice.json --dry-run
    """
    from strongroom.depositor.commands import run_deposit
    from strongroom.depositor.options import DepositOptions

    _show(run_deposit(DepositOptions(amount=amount, **_common(**options))), options["as_json"])


@click.command("redeem", cls=Command, context_settings=AMOUNTS)
@_options
@click.argument("shares")
def redeem(shares: str, **options: Any) -> None:
    """Request a redemption of SHARES, or "all". The next report closes the request, one after it
    prices it; then `claim` takes the assets.

    Example: strongroom redeem all --vault 0x... --account alice.json
    """
    from strongroom.depositor.commands import run_redeem
    from strongroom.depositor.options import RedeemOptions

    _show(run_redeem(RedeemOptions(shares=shares, **_common(**options))), options["as_json"])


@click.command("claim", cls=Command)
@_options
def claim(**options: Any) -> None:
    """Claim the shares and the assets that reports have settled for you.

    Example: strongroom claim --vault 0x... --account alice.json
    """
    from strongroom.depositor.commands import run_claim
    from strongroom.depositor.options import ClaimOptions

    _show(run_claim(ClaimOptions(**_common(**options))), options["as_json"])


@click.command("cancel", cls=Command)
@_options
@click.argument("side", type=click.Choice(["deposit", "redeem"]), required=False)
@click.option("--request", type=click.IntRange(1), help="Its id, as `position` shows it.")
def cancel(side: str | None, request: int | None, **options: Any) -> None:
    """Take back a request to deposit or to redeem: before a report has closed it, when it was
    handed back, and once a later report has left it over.

    Example: strongroom cancel deposit --vault 0x... --account alice.json
    """
    from strongroom.depositor.commands import run_cancel
    from strongroom.depositor.options import CancelOptions, RequestKind

    chosen = RequestKind(side) if side else None
    asked = CancelOptions(side=chosen, request=request, **_common(**options))
    _show(run_cancel(asked), options["as_json"])


@click.command("exit", cls=Command, context_settings=AMOUNTS)
@_options
@click.argument("shares", required=False)
@click.option("--request", type=click.IntRange(1), help="Leave with this waiting redemption.")
@click.option("--skip", multiple=True, metavar="MARKET", help="Give up your part of this market.")
def leave(shares: str | None, request: int | None, skip: tuple[str, ...], **options: Any) -> None:
    """Leave in kind with SHARES, or "all", or with a redemption that waits: take your part of idle
    assets and of each account's collateral and outcome tokens. Open at any time.

    \b
    Examples:
      strongroom exit all --vault 0x... --account alice.json
      strongroom exit --request 3 --skip 0x... --vault 0x... --account alice.json
    """
    from strongroom.depositor.commands import run_exit
    from strongroom.depositor.options import ExitOptions

    asked = ExitOptions(shares=shares, request=request, skip=skip, **_common(**options))
    _show(run_exit(asked), options["as_json"])


@click.command("position", cls=Command)
@as_json
@rpc
@click.option("--account", required=True, help=OWN_ACCOUNT)
@vault
def position(account: str, vault: str, rpc: str, as_json: bool) -> None:
    """Show what an account holds and can claim, how far each of its requests is, and what the
    vault's owner has announced.

    Example: strongroom position --vault 0x... --account 0x...
    """
    from strongroom.depositor.commands import run_position
    from strongroom.depositor.options import PositionOptions

    _show(run_position(PositionOptions(rpc=rpc, vault=vault, account=account)), as_json)


@click.command("statement", cls=Command)
@as_json
@click.option("--csv", type=FILE, help="Write the lots to this file, a line each.")
@rpc
@click.option("--account", required=True, help=OWN_ACCOUNT)
@vault
def statement(account: str, vault: str, rpc: str, csv: Path | None, as_json: bool) -> None:
    """Show an account's lots of shares: when they came, what they cost, what they brought. The
    oldest leaves first. It needs a node that shows the vault's whole history.

    Example: strongroom statement --vault 0x... --account 0x... --csv lots.csv
    """
    from strongroom.depositor.statement import StatementOptions, run_statement

    asked = StatementOptions(rpc=rpc, vault=vault, account=account, csv=csv)
    _show(run_statement(asked), as_json)
