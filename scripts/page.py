"""The page a depositor opens: `ape run page --vault ADDRESS`."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from strongroom.app.page import write_page
from strongroom.audit.audit import Auditor, Where, first_block
from strongroom.audit.history import History, page_data
from strongroom.audit.logs import Node, NodeAway


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
    console = Console(width=110, highlight=False)
    history = History()
    try:
        node = Node(rpc)
        where = Where(rpc, vault, first_block(node, vault), node.head(), exchanges, evidence)
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task("blocks", total=None)
            auditor = Auditor(where, node, history.reported, history.heard)
            verdict = auditor.run(lambda done, of: progress.update(bar, completed=done, total=of))
    except NodeAway as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    page = write_page(page_data(history, verdict, auditor.name), out, evidence)
    console.print(f"{page}: {verdict.plain()['verdict']}, blocks to {verdict.to_block}")
