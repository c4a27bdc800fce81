"""`strongroom mandate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.boundary import Group
from strongroom.cli.options import (
    ADDRESS,
    FILE,
    account,
    asked,
    dry_run,
    print_json,
    rpc,
    typed_passphrase,
    yes,
)

if TYPE_CHECKING:
    from strongroom.mandates.commands import OwnerOptions
    from strongroom.mandates.mandate import MandateLine

POLICY = click.option(
    "--policy", type=FILE, metavar="COSIGNER.TOML", help="The co-signer's file, as it is today."
)
OUT = click.option("--out", type=FILE, required=True, help="The file to write.")
ACCOUNTS = click.option(
    "--account", "accounts", multiple=True, required=True,
    help="The owner's keystore; of a Safe, one for each of its owners who is here.",
)  # fmt: skip


@click.group("mandate", cls=Group)
def command() -> None:
    """Say in a signed file what a vault's co-signer may admit.

    \b
    Examples:
      strongroom mandate draft "Small trades" --policy cosigner.toml --out draft.toml
      strongroom mandate sign draft.toml --account owner.json --out mandate.json
    """


@command.command("draft")
@click.argument("words")
@OUT
@POLICY
@click.option("--previous", type=FILE, help="The mandate that this one is to replace.")
@click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE",
    help="A line, e.g. orders.max_order=50, or orders.max_order@2=50 for class 2.",
)  # fmt: skip
@click.option("--model-url", help="Base URL of a language model, OpenAI's form; it proposes only.")
@click.option("--model", default="", help="The model's name there.")
@click.option("--days", type=click.IntRange(1, 366), default=30, show_default=True)
@rpc
def draft(
    words: str,
    out: Path,
    policy: Path | None,
    previous: Path | None,
    changes: tuple[str, ...],
    model_url: str | None,
    model: str,
    days: int,
    rpc: str,
) -> None:
    """Write a mandate from WORDS and a form, or from what a language model proposes; show what
    differs from today. Nothing is signed or sent. STRONGROOM_MODEL_KEY has the model's key.

    Example: strongroom mandate draft "Small trades" --policy cosigner.toml --out draft.toml
    """
    from strongroom.mandates.commands import DraftOptions, run_draft
    from strongroom.mandates.proposals import ModelAddress

    vault, today = _today(policy)
    run_draft(
        DraftOptions(
            words,
            out,
            rpc,
            click.echo,
            vault,
            today,
            previous,
            dict(_pair(each) for each in changes),
            ModelAddress(model_url, model) if model_url else None,
            days,
        )
    )


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise click.UsageError(f"--set {text}: write NAME=VALUE")
    return name.strip(), value


def _today(policy: Path | None) -> "tuple[str, tuple[MandateLine, ...]]":
    """Return the vault and the lines of a co-signer's file."""
    if policy is None:
        return "", ()
    from strongroom.cosigner.mandated import lines_of
    from strongroom.cosigner.service import load

    found = load(policy).policy
    return found.vault, lines_of(found)


@command.command("show")
@click.argument("file", type=FILE)
@click.option("--typed-data", is_flag=True, help="Print what a wallet signs (EIP-712), as JSON.")
def show(file: Path, typed_data: bool) -> None:
    """Show the mandate in FILE in words, its hash and who has signed it.

    Example: strongroom mandate show mandate.json
    """
    from strongroom.foreign_text import plain
    from strongroom.mandates.commands import shown
    from strongroom.mandates.digest import typed_data as as_typed
    from strongroom.mandates.signed import read_signed

    signed = read_signed(file)
    if typed_data:
        print_json(as_typed(signed.mandate))
    else:
        click.echo("\n".join(map(plain, shown(signed))))


@command.command("diff")
@click.argument("file", type=FILE)
@click.option("--against", type=FILE, help="Another mandate.")
@POLICY
def diff(file: Path, against: Path | None, policy: Path | None) -> None:
    """Show in words what the mandate in FILE changes, against another one or a co-signer's policy.

    Example: strongroom mandate diff draft.toml --policy cosigner.toml
    """
    from strongroom.errors import BadInput
    from strongroom.mandates.drafting import difference, frame_difference
    from strongroom.mandates.signed import read_signed

    if (against is None) == (policy is None):
        raise BadInput("name what to compare with: --against or --policy")
    made, other = read_signed(file).mandate, read_signed(against).mandate if against else None
    found = list(difference(other.lines if other else _today(policy)[1], made.lines))
    found += frame_difference(other, made) if other else ()
    click.echo("\n".join(found or ["nothing differs"]))


def _owner(file: Path, rpc: str, accounts: tuple[str, ...], yes: bool = False) -> "OwnerOptions":
    from strongroom.mandates.commands import OwnerOptions

    return OwnerOptions(file, rpc, accounts, click.echo, asked(yes), typed_passphrase)


@command.command("sign")
@click.argument("file", type=FILE)
@OUT
@ACCOUNTS
@rpc
def sign(file: Path, out: Path, accounts: tuple[str, ...], rpc: str) -> None:
    """Sign the mandate in FILE as the vault's owner, or as one of the owners of its Safe: the
    others then sign the file that was written.

    Example: strongroom mandate sign draft.toml --account owner.json --out mandate.json
    """
    from strongroom.mandates.commands import run_sign

    run_sign(_owner(file, rpc, accounts), out)


@command.command("announce")
@click.argument("file", type=FILE)
@click.option("--board", type=ADDRESS, required=True, help="Address of the board.")
@dry_run
@yes
@click.option(
    "--account", "accounts", multiple=True,
    help="The owner's keystore; of a Safe, as many of its owners as must sign.",
)  # fmt: skip
@rpc
def announce(
    file: Path, board: str, dry_run: bool, yes: bool, accounts: tuple[str, ...], rpc: str
) -> None:
    """Announce the signed mandate in FILE on a board, as the vault's owner. With --dry-run the call
    is shown, for the app of a Safe.

    Example: strongroom mandate announce mandate.json --board 0x... --account owner.json
    """
    from strongroom.errors import BadInput
    from strongroom.mandates.commands import run_announce

    if not accounts and not dry_run:
        raise BadInput("name who sends it: --account, or --dry-run to see the call")
    run_announce(_owner(file, rpc, accounts, yes), board, dry_run)


@command.command("check")
@click.argument("file", type=FILE)
@click.option("--board", type=ADDRESS, help="Address of the board.")
@rpc
def check(file: Path, board: str | None, rpc: str) -> None:
    """Say whether the mandate in FILE counts now: signature, time, board, the vault's limits. Exit
    status 2 with the reason when it does not.

    Example: strongroom mandate check mandate.json --board 0x...
    """
    from strongroom.mandates.commands import run_check

    click.echo("\n".join(run_check(file, rpc, board or "")))


@command.command("board")
@account
@rpc
def board(account: str, rpc: str) -> None:
    """Deploy a board for announcements; one serves all vaults of a chain. Prints its address.

    Example: strongroom mandate board --account me.json
    """
    from strongroom.mandates.commands import run_board

    click.echo(run_board(rpc, account, typed_passphrase))


@command.command("export")
@click.argument("file", type=FILE)
@click.option("--ap2", type=click.Choice(["0.2", "0.1"]), required=True, help="AP2's version.")
@OUT
def export(file: Path, ap2: str, out: Path) -> None:
    """Write the mandate in FILE in AP2's form: informative, no credential; the file lists what
    does not map.

    Example: strongroom mandate export mandate.json --ap2 0.2 --out ap2.json
    """
    import json

    from strongroom.mandates.export import export as exported
    from strongroom.mandates.signed import read_signed

    found = exported(read_signed(file), ap2)
    out.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    count = len(found["does_not_map"])  # type: ignore[arg-type]
    click.echo(f"wrote {out}: informative, in the form of AP2 {ap2}; {count} things do not map")
