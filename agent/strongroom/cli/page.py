"""`strongroom page`."""

from pathlib import Path

import click

from strongroom.cli.boundary import DIFFERS, Command
from strongroom.cli.options import ADDRESS, FOLDER, bar, evidence, payers, rpc, vault


@click.command("page", cls=Command)
@vault
@rpc
@evidence
@click.option(
    "--exchange",
    "exchanges",
    multiple=True,
    type=ADDRESS,
    help="Exchange; joins its fills to decisions.",
)
@payers
@click.option("--out", type=FOLDER, default=Path("build/page"), show_default=True)
def command(
    vault: str,
    rpc: str,
    evidence: tuple[str, ...],
    exchanges: tuple[str, ...],
    payers: tuple[str, ...],
    out: Path,
) -> None:
    """Audit a vault and write the result as a static site: an HTML file, its data as JSON, the
    evidence documents, and a CSV for each depositor. The site needs no server. Exit status 1 where
    the audit found a difference.

    Example: strongroom page --vault 0x... --evidence build/week/evidence
    """
    from strongroom.app.command import PageOptions, run_page, show
    from strongroom.audit.command import parse_payer

    known = dict(map(parse_payer, payers))
    with bar("blocks") as advance:
        result = run_page(PageOptions(vault, rpc, evidence, exchanges, out, advance, known))
    show(result)
    if not result.is_clean:
        raise SystemExit(DIFFERS)
