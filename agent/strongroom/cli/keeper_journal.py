"""`strongroom keeper backup, restore, compare`: the journal's copies, and the journal beside the
chain."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import BLOCK, FILE, FOLDER, as_json, print_json


@click.command("backup", cls=Command)
@click.argument("config", type=FILE)
@click.option("--to", type=FOLDER, help="Folder of backups; default: [operations] backups.")
@click.option(
    "--keep",
    type=click.IntRange(1),
    help="So many of this keeper's stay there; its older ones are deleted.",
)
def backup(config: Path, to: Path | None, keep: int | None) -> None:
    """Write a backup of the journal, while the keeper runs: one file, whatever the database.

    It holds what decisions are made from and the salt of unpublished ones: keep it private. Its
    name has the first digits of vault and Safe, so that keepers may share a folder.

    \b
    Examples:
      strongroom keeper backup keeper.toml --to backups
      strongroom keeper backup keeper.toml --to /mnt/backups --keep 30
    """
    from strongroom.journal.backup import back_up
    from strongroom.keeper.configuration import load
    from strongroom.keeper.restoring import owner_of

    found = load(config)
    owner = owner_of(found)
    folder = found.operations.backups if to is None else to
    file = folder / owner.file_name(_now())
    rows = back_up(found.journal, file, owner)
    click.echo(f"wrote {file}: {_told(rows)}")
    if keep is None:
        return
    others = [each for each in owner.backups(folder) if each != file]
    for old in others[: max(0, len(others) - keep + 1)]:
        old.unlink()
        click.echo(f"deleted {old}")


@click.command("restore", cls=Command)
@click.argument("config", type=FILE)
@click.argument("backup", type=FILE)
def restore(config: Path, backup: Path) -> None:
    """Put BACKUP in the place of the journal. No keeper may run on it; what is there is backed up
    beside CONFIG first.

    What was under way in the backup is ended, since it may have been done later. The keeper then
    decides nothing until every order that was signed since has expired. `strongroom keeper
    compare` says what the chain has beyond the backup.

    BACKUP must be of CONFIG's vault, Safe and chain; it says so itself.

    \b
    Example:
      strongroom keeper restore keeper.toml \\
        backups/keeper-5fbdb231-9fe46736-20261126T210000Z.db
    """
    from strongroom.journal.backup import restore as bring_back
    from strongroom.keeper.configuration import load
    from strongroom.keeper.restoring import owner_of

    found = load(config)
    kept = config.parent / f"before-restore-{_now()}.db"
    done = bring_back(found.journal, backup, kept, owner_of(found))
    click.echo(f"restored {backup}: {_told(done.rows)}")
    if done.before is not None:
        click.echo(f"the journal that was there: {done.before}")
    for each in done.ended:
        click.echo(f"ended: {each}")
    click.echo("start the keeper, then: strongroom keeper compare")


@click.command("compare", cls=Command)
@click.argument("config", type=FILE)
@click.option("--since", type=BLOCK, help="First block; default: the first the journal knows.")
@as_json
def compare(config: Path, since: int | None, as_json: bool) -> None:
    """Compare the journal with the chain: every transaction of the keeper's Safes, every fill of
    its accounts' orders. Names what one has and the other lacks; exit status 1 if there is any.

    After a restore the journal lacks what was signed after the backup. Positions are read from the
    chain at each tick, so nothing is lost but the reason of those trades.

    Example: strongroom keeper compare keeper.toml --since 68000000
    """
    from strongroom.chain.units import MICRO
    from strongroom.errors import Differs
    from strongroom.keeper.comparing import compare as side_by_side
    from strongroom.keeper.configuration import load

    found = side_by_side(load(config), since)
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(
            f"blocks {found.since} to {found.until}: {found.executions} transactions and "
            f"{found.fills} fills are in both"
        )
        for sent in found.lacks_executions:
            click.echo(
                f"not in the journal: transaction {sent.transaction} of Safe {sent.safe}, "
                f"block {sent.block}"
            )
        for fill in found.lacks_fills:
            click.echo(
                f"not in the journal: {fill.tokens / MICRO:g} tokens of order {fill.order}, "
                f"decision {fill.decision}, transaction {fill.transaction}, block {fill.block}"
            )
        for words in found.not_on_chain:
            click.echo(f"not on the chain: {words}")
    if not found.is_equal:
        raise Differs("journal and chain differ: each difference is named above")


def _now() -> str:
    from datetime import UTC, datetime

    from strongroom.journal.backup import MOMENT

    return f"{datetime.now(UTC):{MOMENT}}"


def _told(rows: Mapping[str, int]) -> str:
    names = ("decisions", "intents", "transactions", "fills")
    return ", ".join(f"{rows.get(each, 0)} {each}" for each in names)
