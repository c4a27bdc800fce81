"""Audit a vault: `ape run audit --vault ADDRESS`."""

import json
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from strongroom.audit.audit import Auditor, CheckpointError, Verdict, Where, first_block
from strongroom.audit.ledger import Ledger, ReportLine
from strongroom.audit.logs import Event, Node, NodeAway
from strongroom.audit.permissions import Difference
from strongroom.audit.replay import Forks, forks
from strongroom.audit.verdict import attest
from strongroom.chain.anvil import AnvilMissing
from strongroom.chain.units import MICRO
from strongroom.settings import ConfigError, unlock

SHOWN = 20


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
    console = Console(width=110, highlight=False, quiet=as_json)
    started = time.monotonic()
    try:
        node = Node(rpc)
        first = from_block if from_block is not None else first_block(node, vault)
        last = to_block if to_block is not None else node.head()
        where = Where(rpc, vault, first, last, exchanges, evidence, checkpoint)
        seen = _Seen(deque(maxlen=None if replay < 0 else max(1, replay)))
        goes_on = checkpoint is not None and checkpoint.exists()
        with ExitStack() as stack, Progress(console=console, transient=True) as progress:
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                seen.reports, seen.fills = (
                    stack.enter_context((out / name).open("a" if goes_on else "w"))
                    for name in ("reports.jsonl", "fills.jsonl")
                )
            bar = progress.add_task("blocks", total=last - first + 1)
            auditor = Auditor(where, node, seen.reported, seen.heard)
            verdict = auditor.run(lambda done, of: progress.update(bar, completed=done, total=of))
        found = verdict.plain()
        again_at = [*(seen.blocks if replay else ()), *chosen]
        if again_at or bps is not None or cap is not None:
            with forks(rpc) as again:
                _replay(again, verdict, found, again_at)
                _what_if(again, verdict, found, at_block, seen, bps, cap)
        if keystore is not None:
            found["attestation"] = attest(found, unlock(keystore, "STRONGROOM_AUDITOR_PASSPHRASE"))
    except (NodeAway, AnvilMissing, CheckpointError, ConfigError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if out is not None:
        (out / "verdict.json").write_text(json.dumps(found, indent=1) + "\n")
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        _show(console, verdict, time.monotonic() - started)
        if "replayed" in found:
            words = sum(each["words"] for each in found["replayed"])
            console.print(
                f"executed again: {len(found['replayed'])} blocks, {words} storage words compared"
            )
        for name in ("what_if", "what_if_cap"):
            if name in found:
                console.print(f"{name.replace('_', ' ')}: {found[name]}")
    sys.stdout.flush()
    if not verdict.is_clean:
        sys.exit(1)


def _replay(again: Forks, verdict: Verdict, found: dict[str, Any], blocks: Sequence[int]) -> None:
    """Execute blocks again; what differs joins the verdict."""
    done = [again.replay(block, verdict.vault) for block in blocks]
    for each in done:
        for words in each.differences:
            verdict.differences.append(Difference(each.block, "", "replay", "the same", words))
    found |= verdict.plain()
    if done:
        found["replayed"] = [asdict(each) for each in done]


def _what_if(
    again: Forks,
    verdict: Verdict,
    found: dict[str, Any],
    at_block: int | None,
    seen: "_Seen",
    bps: int | None,
    cap: str | None,
) -> None:
    """Execute a report with other marks, a block under another cap."""
    roles = verdict.ledger.terms.roles
    if bps is not None and (at_block or seen.blocks):
        block = at_block or seen.blocks[-1]
        found["what_if"] = asdict(again.what_if(block, verdict.vault, roles["reporter"], bps))
    if cap is not None and (at_block or seen.budget):
        number, units = _cap(cap)
        block = at_block or seen.budget
        found["what_if_cap"] = asdict(
            again.what_if_cap(block, verdict.vault, roles["guardian"], number, units)
        )


def _cap(text: str) -> tuple[int, int]:
    number, _, units = text.partition(":")
    try:
        return int(number), int(Decimal(units) * MICRO)
    except (ValueError, ArithmeticError):
        raise ConfigError(f"{text!r}: give a class and a cap in units, e.g. 0:250.00") from None


@dataclass
class _Seen:
    """What is kept of an audit while it goes on: lines go to files, not to memory."""

    blocks: deque[int]  # of the last reports
    budget: int = 0  # block of the last allocation
    reports: TextIO | None = None
    fills: TextIO | None = None

    def reported(self, line: ReportLine, books: Ledger) -> None:
        self.blocks.append(line.block)
        if self.reports is not None:
            self.reports.write(json.dumps(asdict(line)) + "\n")

    def heard(self, time: int, event: Event) -> None:
        if event.name == "Allocated":
            self.budget = event.block
        elif event.name == "OrderFilled" and self.fills is not None:
            place = {"time": time, "block": event.block, "transaction": event.transaction}
            self.fills.write(json.dumps(place | dict(event.fields)) + "\n")


def _show(console: Console, verdict: Verdict, seconds: float) -> None:
    found = verdict.plain()
    table = Table(
        title=f"Audit of {verdict.vault}, blocks {verdict.from_block} to {verdict.to_block}"
    )
    table.add_column("what")
    table.add_column("", justify="right")
    for name, value in (found["checked"] | found["state"]).items():
        table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    for each in verdict.differences[:SHOWN]:
        console.print(
            f"block {each.block} {each.transaction}: {each.what}: expected {each.expected}, "
            f"found {each.found}"
        )
    if len(verdict.differences) > SHOWN:
        console.print(f"... and {len(verdict.differences) - SHOWN} more; --json has them all")
    console.print(f"{found['verdict']} ({seconds:.1f} s)")
