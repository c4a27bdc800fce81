"""Audit a vault: `ape run audit --vault ADDRESS`."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from strongroom.audit.command import AuditOptions, parse_cap, run_audit, show
from strongroom.errors import StrongroomError
from strongroom.settings import unlock


@click.command()
@click.option("--vault", required=True, help="Its address.")
@click.option("--rpc", default="http://127.0.0.1:8545", show_default=True, help="Any archive node.")
@click.option("--from-block", type=int, help="By default the vault's first.")
@click.option("--to-block", type=int, help="By default the newest.")
@click.option("--evidence", type=click.Path(path_type=Path), help="Folder of the documents.")
@click.option("--exchange", "exchanges", multiple=True, help="Joins its fills to decisions.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="File to go on from.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for verdict, reports, fills.")
@click.option("--attest", "keystore", type=click.Path(path_type=Path), help="Sign with this key.")
@click.option("--replay", type=int, default=0, help="Execute so many last reports again; -1: all.")
@click.option("--replay-block", "chosen", type=int, multiple=True, help="Execute this block again.")
@click.option("--what-if", "bps", type=int, help="A report again, its marks moved by bps.")
@click.option("--what-if-cap", "cap", help="A block again, under CLASS:CAP (units of the asset).")
@click.option("--at-block", type=int, help="For what-if: by default the last report or budget.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def cli(
    vault: str,
    rpc: str,
    from_block: int | None,
    to_block: int | None,
    evidence: Path | None,
    exchanges: tuple[str, ...],
    checkpoint: Path | None,
    out: Path | None,
    keystore: Path | None,
    replay: int,
    chosen: tuple[int, ...],
    bps: int | None,
    cap: str | None,
    at_block: int | None,
    as_json: bool,
) -> None:
    """Rebuild a vault from its logs with the auditor's own arithmetic and say where chain and books
    part. Exit status 1 on any difference, 2 where the node or a file is missing.

    \b
    Examples:
      ape run audit --vault 0x... --rpc http://127.0.0.1:8545
      ape run audit --vault 0x... --evidence build/week/evidence --exchange 0xE111... --json
      ape run audit --vault 0x... --checkpoint build/audit.state --attest auditor.json
      ape run audit --vault 0x... --replay -1 --what-if -500
      ape run audit --vault 0x... --what-if-cap 0:250.00 --at-block 4711
    """
    try:
        signer = keystore and unlock(keystore, "STRONGROOM_AUDITOR_PASSPHRASE")
        with Progress(console=Console(quiet=as_json), transient=True) as progress:
            bar = progress.add_task("blocks", total=None)

            def told(done: int, of: int) -> None:
                progress.update(bar, completed=done, total=of)

            result = run_audit(
                AuditOptions(
                    vault, rpc, from_block, to_block, evidence, exchanges, checkpoint, out,
                    signer, replay, chosen, bps, parse_cap(cap) if cap else None, at_block, told,
                )
            )  # fmt: skip
    except StrongroomError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(result.document(), indent=1))
    else:
        show(result)
    sys.stdout.flush()
    if not result.is_clean:
        sys.exit(1)
