"""Play a folder of recorded vectors of the venue's real code against ours.

    python -m tests.conformance FOLDER          all files of the folder
    python -m tests.conformance FOLDER --only exchange_v2_matches.json.gz

Exit 0: all was compared and nothing differs. 1: something differs, each difference on a line. 2: a
file cannot be read or has no player, holds a section or a field that has none or a list without a
case, or there is no file at all. The format is described in vectors/README.md.
"""

import sys
from pathlib import Path

import click

from tests.conformance.players import player_of
from tests.conformance.report import play


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--only", multiple=True, help="Only this file of the folder.")
@click.option("--most", type=int, help="Show so many differences a file; all if not given.")
def cli(folder: Path, only: tuple[str, ...], most: int | None) -> None:
    paths = sorted(each for each in folder.iterdir() if each.name.endswith((".json", ".json.gz")))
    paths = [each for each in paths if not only or each.name in only]
    problems = [f"{name}: not in {folder}" for name in only if not (folder / name).is_file()]
    if not paths:
        problems.append(f"{folder} holds no vectors: nothing is compared")
    different = False
    for path in paths:
        wrong, unplayed = _file(path, most)
        different |= wrong
        problems += unplayed
    for each in problems:
        click.echo(each, err=True)
    sys.exit(1 if different else 2 if problems else 0)


def _file(path: Path, most: int | None) -> tuple[bool, list[str]]:
    """Play a file; return whether something differs, and what was not compared."""
    player = player_of(path.name)
    if player is None:
        return False, [f"{path.name}: no player for it, nothing of it is compared"]
    try:
        played = play(player, path)
    except Exception as error:  # of decoding and unpacking, too
        return False, [f"{path.name}: not in the format: {error!r}: it is not compared"]
    shown = played.differences[:most]
    for difference in shown:
        click.echo(f"{path.name} {difference}")
    count = len(played.differences)
    more = f", {count - len(shown)} more than shown" if count > len(shown) else ""
    click.echo(f"{path.name}: {played.cases} cases, {count} differences{more}")
    unread = [f"{path.name}: {each}: it is not compared" for each in played.unread]
    if not played.cases:
        unread.append(f"{path.name}: no case: nothing is compared")
    return bool(count), unread


if __name__ == "__main__":
    cli()
