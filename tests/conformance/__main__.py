"""Play a folder of recorded vectors of the venue's real code against ours.

    python -m tests.conformance FOLDER          all files of the folder that are known
    python -m tests.conformance FOLDER --only exchange_v2_matches.json.gz

Exit 0: nothing differs. 1: something does, each difference on a line. 2: a file cannot be read, or
the folder holds no known file. The format is described in vectors/README.md.
"""

import sys
from pathlib import Path

import click

from tests.conformance.players import PLAYERS
from tests.conformance.report import play


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--only", multiple=True, help="Only this file of the folder.")
@click.option("--most", default=40, show_default=True, help="Show so many differences a file.")
def cli(folder: Path, only: tuple[str, ...], most: int) -> None:
    known = {name: player for name, player in PLAYERS.items() if (folder / name).exists()}
    if only:
        known = {name: player for name, player in known.items() if name in only}
    if not known:
        click.echo(f"{folder} holds none of: {', '.join(only or PLAYERS)}", err=True)
        sys.exit(2)
    wrong = 0
    for name, player in known.items():
        try:
            played = play(player, folder / name)
        except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
            click.echo(f"{name}: not in the format of these vectors: {error!r}", err=True)
            sys.exit(2)
        for difference in played.differences[:most]:
            click.echo(str(difference))
        wrong += len(played.differences)
        click.echo(f"{name}: {played.cases} cases, {len(played.differences)} differences")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    cli()
