"""`strongroom audit`."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strongroom.cli.boundary import Command
from strongroom.cli.options import (
    ADDRESS,
    BLOCK,
    FILE,
    FOLDER,
    as_json,
    bar,
    evidence,
    payers,
    print_json,
    rpcs,
)
from strongroom.errors import BadInput

if TYPE_CHECKING:
    from strongroom.audit.command import AuditOptions


@click.command("audit", cls=Command)
@click.option("--vault", type=ADDRESS, help="Address of the vault.")
@click.option("--factory", type=ADDRESS, help="Audit every vault of this factory, into --out.")
@click.option("--jobs", type=int, help="Vaults of a factory at once; by default one a CPU.")
@click.option("--ray", metavar="ADDRESS", help="Audit on this Ray cluster; local: on this machine.")
@rpcs
@click.option("--from-block", type=BLOCK, help="By default the vault's first.")
@click.option("--to-block", type=BLOCK, help="By default the newest.")
@evidence
@click.option(
    "--exchange",
    "exchanges",
    multiple=True,
    type=ADDRESS,
    help="Exchange that no account names, as of delegated ones; joins its fills to decisions.",
)
@payers
@click.option("--splitter", type=ADDRESS, help="Splitter of the fees: compute each payout anew.")
@click.option(
    "--proof-gate", "gates", multiple=True, type=ADDRESS,
    help="Gate of a class: hold what it let out against its rule.",
)  # fmt: skip
@click.option(
    "--proof-model", "models", multiple=True, type=FILE,
    help="ONNX file of a gate: make its forecasts again.",
)  # fmt: skip
@click.option("--decide", is_flag=True, help="Make revealed decisions again from published views.")
@click.option(
    "--views",
    multiple=True,
    metavar="PLACE",
    help="Of --decide: where views are, beside the places of --evidence.",
)
@click.option(
    "--decide-bound",
    "bounds",
    multiple=True,
    metavar="NAME=NUMBER",
    help="Of --decide: view_s, document_s, audit_s, document_views, audit_views or memory_gib.",
)
@click.option("--checkpoint", type=FILE, help="File to continue from and to write.")
@click.option("--out", type=FOLDER, help="Folder for verdict, reports, fills.")
@click.option("--attest", "keystore", type=FILE, help="Sign the verdict with this key.")
@click.option(
    "--replay",
    type=click.IntRange(-1),
    default=0,
    help="Execute the last N reports again; -1: all.",
)
@click.option(
    "--replay-block", "chosen", type=BLOCK, multiple=True, help="Execute this block again."
)
@click.option("--what-if", "bps", type=int, help="Execute a report with its marks moved by bps.")
@click.option("--what-if-cap", "cap", help="Execute a block under CLASS:CAP (units of the asset).")
@click.option(
    "--at-block", type=BLOCK, help="Of a what-if; by default the last report or allocation."
)
@as_json
def command(
    vault: str | None,
    factory: str | None,
    jobs: int | None,
    ray: str | None,
    rpcs: tuple[str, ...],
    from_block: int | None,
    to_block: int | None,
    evidence: tuple[str, ...],
    exchanges: tuple[str, ...],
    payers: tuple[str, ...],
    splitter: str | None,
    gates: tuple[str, ...],
    models: tuple[Path, ...],
    decide: bool,
    views: tuple[str, ...],
    bounds: tuple[str, ...],
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
    """Rebuild a vault from its logs with the auditor's own arithmetic and name every difference
    between chain and books. A factory's vaults are audited in one run, which goes on where it was
    broken off. Exit status 1 on any difference, 2 when nobody can say: a node or a file is
    missing, nodes differ, or a report is due. 3 when the audit itself fails.

    \b
    Examples:
      strongroom audit --vault 0x... --rpc http://127.0.0.1:8545
      strongroom audit --vault 0x... --evidence build/week/evidence --exchange 0xE111... --json
      strongroom audit --vault 0x... --evidence https://one.example/evidence --evidence all.car
      strongroom audit --vault 0x... --splitter 0x...
      strongroom audit --vault 0x... --proof-gate 0x... --proof-model model.onnx
      strongroom audit --vault 0x... --evidence build/week/evidence --decide
      strongroom audit --vault 0x... --evidence all.car --decide --decide-bound audit_s=7200
      strongroom audit --vault 0x... --checkpoint build/audit.state --attest auditor.json
      strongroom audit --vault 0x... --replay -1 --what-if -500
      strongroom audit --vault 0x... --rpc https://one.example --rpc https://other.example
      strongroom audit --vault 0x... --what-if-cap 0:250.00 --at-block 4711
      strongroom audit --factory 0x... --out build/audits --jobs 4
      strongroom audit --factory 0x... --out build/audits --evidence evidence/{vault} --decide
      strongroom audit --factory 0x... --out /shared/audits --ray 10.0.0.7:6379
    """
    from strongroom.audit.command import AuditOptions, parse_cap, parse_payers, run_audit
    from strongroom.audit.deciding_bounds import parse_bounds
    from strongroom.audit.showing import show
    from strongroom.chain.accounts import open_keystore
    from strongroom.chain.jsonrpc import JsonRpc
    from strongroom.proofs.recomputing import OnnxAgain
    from strongroom.strategy.deciding_process import DecidingProcess

    passphrase = "STRONGROOM_AUDITOR_PASSPHRASE"
    signer = open_keystore(keystore, passphrase, JsonRpc(rpcs[0])) if keystore else None
    change = parse_cap(cap) if cap else None
    options = AuditOptions(
        vault or "", rpcs[0], from_block, to_block, evidence, exchanges, checkpoint, out, signer,
        replay, chosen, bps, change, at_block, payers=parse_payers(payers),
        further_rpcs=rpcs[1:], views=views, ahead=factory is None,
        decide=DecidingProcess if decide else None,
        decide_bounds=parse_bounds(bounds), splitter=splitter or "",
        gates=gates, models=tuple(OnnxAgain(each.read_bytes()) for each in models),
    )  # fmt: skip
    if factory is not None and vault is None:
        _factory(factory, jobs, ray, options, as_json)
        return
    if vault is None or factory is not None:
        raise BadInput("name a --vault, or a --factory to audit all of its vaults")
    if jobs is not None or ray is not None:
        raise BadInput("--jobs and --ray are of a factory: name it with --factory")
    with bar("blocks", quiet=as_json) as advance:
        result = run_audit(replace(options, progress=advance))
    if as_json:
        print_json(result.document())
    else:
        show(result, time.time())
    if result.exit_code:
        raise SystemExit(result.exit_code)


def _factory(
    factory: str, jobs: int | None, ray: str | None, each: "AuditOptions", as_json: bool
) -> None:
    """Audit a factory's vaults; the exit status is the worst of all."""
    from strongroom.audit.factory import FactoryOptions, audit_factory, show_factory

    if each.out is None:
        raise BadInput("--factory: name a folder for the vaults' verdicts and checkpoints by --out")
    with bar("vaults", quiet=as_json) as advance:
        result = audit_factory(FactoryOptions(factory, each.out, each, jobs, ray, advance))
    if as_json:
        print_json(result.document())
    else:
        show_factory(result, time.time())
    if result.exit_code:
        raise SystemExit(result.exit_code)
