"""`strongroom gates`."""

from pathlib import Path

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import FILE, FOLDER, as_json, print_json


@click.command("gates", cls=Command)
@click.argument("file", type=FILE)
@click.option(
    "--page", type=FOLDER, default=Path("build/page"), show_default=True,
    help="What `strongroom page` has written.",
)  # fmt: skip
@as_json
def command(file: Path, page: Path, as_json: bool) -> None:
    """Say for each class of FILE which stage it has earned by its audited record, what the next one
    asks for, and which call of the owner's would raise its caps. It sends nothing: the owner
    submits the call, and makes it after the timelock.

    \b
    Examples:
      strongroom page --vault 0x... --out build/page
      strongroom gates gates.toml --page build/page
    """
    from strongroom.app.gates import document, read_gates, standings

    found = standings(read_gates(file), page, file.parent)
    if as_json:
        print_json(document(found))
        return
    for each in found:
        click.echo(f"class {each.class_id}: {each.stage or 'paper'}")
        for words in each.lacks:
            click.echo(f"  the next stage asks for {words}")
        if each.call:
            click.echo(f"  to raise its caps: submit({each.call}), then accept after the timelock")
