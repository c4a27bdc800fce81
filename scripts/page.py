"""The page a depositor opens: `ape run page --vault ADDRESS`."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from strongroom.app.command import PageOptions, run_page, show
from strongroom.errors import StrongroomError


@click.command()
@click.option("--vault", required=True, help="Its address.")
@click.option("--rpc", default="http://127.0.0.1:8545", show_default=True, help="A node.")
@click.option("--evidence", type=click.Path(path_type=Path), help="Folder of the documents.")
@click.option("--exchange", "exchanges", multiple=True, help="Joins its fills to decisions.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/page"))
def cli(vault: str, rpc: str, evidence: Path | None, exchanges: tuple[str, ...], out: Path) -> None:
    """Audit a vault and write what came of it as a static site: an HTML file, its data as JSON, the
    evidence documents, a CSV a depositor. Needs no server and asks nobody.

    Example: ape run page --vault 0x... --evidence build/week/evidence
    """
    try:
        with Progress(console=Console(), transient=True) as progress:
            bar = progress.add_task("blocks", total=None)

            def told(done: int, of: int) -> None:
                progress.update(bar, completed=done, total=of)

            result = run_page(PageOptions(vault, rpc, evidence, exchanges, out, told))
    except StrongroomError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    show(result)
