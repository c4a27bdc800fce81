"""An audit as a command runs it: one record of options in, one typed result out.

What is heavy (the ABI decoder, HTTP, tables) is imported where it is used, so that a command line
which only prints its help does not wait for it.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from strongroom.chain.units import MICRO
from strongroom.errors import BadInput

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from strongroom.audit.audit import Verdict
    from strongroom.audit.ledger import Ledger, ReportLine
    from strongroom.audit.logs import Event
    from strongroom.audit.permissions import Difference
    from strongroom.audit.replay import Forks, Replayed, WhatIf, WhatIfCap

SHOWN = 20  # differences
RPC = "http://127.0.0.1:8545"


@dataclass(frozen=True)
class CapChange:
    """Another market cap of a class, in base units of the asset."""

    class_id: int
    market_cap: int


def parse_cap(text: str) -> CapChange:
    """Return the cap that a command line names as CLASS:UNITS.

    Raises:
        BadInput: it does not read so.
    """
    number, _, units = text.partition(":")
    try:
        return CapChange(int(number), int(Decimal(units) * MICRO))
    except (ValueError, InvalidOperation):
        raise BadInput(f"{text!r}: give a class and a cap in units, e.g. 0:250.00") from None


@dataclass(frozen=True)
class AuditOptions:
    """What is audited, and what is done besides.

    Attributes:
        vault: its address
        rpc: URL of any archive node
        from_block: by default the block in which the vault was deployed
        to_block: by default the newest
        evidence: folder of the evidence documents; None: they are not looked at
        exchanges: whose fills are joined to decisions
        checkpoint: file to go on from, and to keep the progress in
        out: folder for verdict.json, reports.jsonl and fills.jsonl
        signer: signs the verdict
        replay: how many of the last reports are executed again on a fork; -1: all
        replay_blocks: blocks that are executed again as well
        what_if_bps: execute a report again with its marks moved by so much
        what_if_cap: execute a block again under another cap
        at_block: of the two; by default the last report, the last allocation
        progress: is called with the blocks done, and all of them
    """

    vault: str
    rpc: str = RPC
    from_block: int | None = None
    to_block: int | None = None
    evidence: Path | None = None
    exchanges: tuple[str, ...] = ()
    checkpoint: Path | None = None
    out: Path | None = None
    signer: LocalAccount | None = None
    replay: int = 0
    replay_blocks: tuple[int, ...] = ()
    what_if_bps: int | None = None
    what_if_cap: CapChange | None = None
    at_block: int | None = None
    progress: Callable[[int, int], None] = lambda done, of: None


@dataclass(frozen=True)
class AuditResult:
    """What an audit came to; blocks that were executed again differ inside the verdict as well."""

    verdict: Verdict
    seconds: float
    replayed: tuple[Replayed, ...] = ()
    what_if: WhatIf | None = None
    what_if_cap: WhatIfCap | None = None
    attestation: dict[str, str] | None = None

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return self.verdict.is_clean

    def document(self) -> dict[str, object]:
        """Return the verdict as JSON takes it (docs/schemas/audit-1.json)."""
        found: dict[str, object] = dict(self.verdict.plain())
        if self.replayed:
            found["replayed"] = [asdict(each) for each in self.replayed]
        if self.what_if is not None:
            found["what_if"] = asdict(self.what_if)
        if self.what_if_cap is not None:
            found["what_if_cap"] = asdict(self.what_if_cap)
        if self.attestation is not None:
            found["attestation"] = self.attestation
        return found


def run_audit(options: AuditOptions) -> AuditResult:
    """Audit a vault; write verdict, reports and fills where a folder is named.

    Raises:
        Away: the node, or anvil for what is executed again, does not answer.
        BadInput: there is no vault at the address, or a checkpoint does not fit.
    """
    from strongroom.audit.audit import Auditor, Where, first_block
    from strongroom.audit.logs import Node

    started = time.monotonic()
    node = Node(options.rpc)
    first = options.from_block
    if first is None:
        first = first_block(node, options.vault)
    last = options.to_block if options.to_block is not None else node.head()
    where = Where(
        options.rpc, options.vault, first, last, options.exchanges, options.evidence,
        options.checkpoint,
    )  # fmt: skip
    with _Recorder(options) as seen:
        verdict = Auditor(where, node, seen.reported, seen.heard).run(options.progress)
    result = _executed_again(options, verdict, seen)
    if options.signer is not None:
        from strongroom.audit.verdict import attest

        result = replace(result, attestation=attest(result.document(), options.signer))
    result = replace(result, seconds=time.monotonic() - started)
    if options.out is not None:
        text = json.dumps(result.document(), indent=1)
        (options.out / "verdict.json").write_text(text + "\n")
    return result


class _Recorder:
    """Keeps a little of an audit while it runs: its lines go to files, not to memory."""

    def __init__(self, options: AuditOptions) -> None:
        """Take what is asked for; files are opened on entry."""
        self.blocks: deque[int] = deque(maxlen=None if options.replay < 0 else options.replay or 1)
        self.budget = 0  # block of the last allocation
        self._options, self._files = options, ExitStack()
        self._reports: TextIO | None = None
        self._fills: TextIO | None = None

    def __enter__(self) -> _Recorder:
        """Open the files: anew, or to append where a checkpoint is gone on from."""
        folder, checkpoint = self._options.out, self._options.checkpoint
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            goes_on = checkpoint is not None and checkpoint.exists()
            mode: Literal["a", "w"] = "a" if goes_on else "w"
            self._reports = self._files.enter_context((folder / "reports.jsonl").open(mode))
            self._fills = self._files.enter_context((folder / "fills.jsonl").open(mode))
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._files.close()

    def reported(self, line: ReportLine, books: Ledger) -> None:
        """Keep a report's line."""
        self.blocks.append(line.block)
        if self._reports is not None:
            self._reports.write(json.dumps(asdict(line)) + "\n")

    def heard(self, time: int, event: Event) -> None:
        """Keep a fill's line, and where the last budget was given."""
        if event.name == "Allocated":
            self.budget = event.block
        elif event.name == "OrderFilled" and self._fills is not None:
            place = {"time": time, "block": event.block, "transaction": event.transaction}
            self._fills.write(json.dumps(place | dict(event.fields)) + "\n")


def _executed_again(options: AuditOptions, verdict: Verdict, seen: _Recorder) -> AuditResult:
    """Execute again on a fork what is asked for; what differs joins the verdict."""
    blocks = [*(seen.blocks if options.replay else ()), *options.replay_blocks]
    report_at = options.at_block or (seen.blocks[-1] if seen.blocks else 0)
    budget_at = options.at_block or seen.budget
    wants_report = options.what_if_bps is not None and report_at > 0
    wants_cap = options.what_if_cap is not None and budget_at > 0
    if not (blocks or wants_report or wants_cap):
        return AuditResult(verdict, 0.0)

    from strongroom.audit.replay import forks

    with forks(options.rpc) as again:
        replayed = tuple(again.replay(block, verdict.vault) for block in blocks)
        verdict.differences.extend(_differences(replayed))
        return AuditResult(
            verdict,
            0.0,
            replayed,
            _what_if(again, verdict, options, report_at) if wants_report else None,
            _what_if_cap(again, verdict, options, budget_at) if wants_cap else None,
        )


def _differences(replayed: tuple[Replayed, ...]) -> list[Difference]:
    from strongroom.audit.permissions import Difference

    return [
        Difference(each.block, "", "replay", "the same", words)
        for each in replayed
        for words in each.differences
    ]


def _what_if(again: Forks, verdict: Verdict, options: AuditOptions, block: int) -> WhatIf:
    assert options.what_if_bps is not None
    reporter = verdict.ledger.terms.roles["reporter"]
    return again.what_if(block, verdict.vault, reporter, options.what_if_bps)


def _what_if_cap(again: Forks, verdict: Verdict, options: AuditOptions, block: int) -> WhatIfCap:
    assert options.what_if_cap is not None
    guardian, change = verdict.ledger.terms.roles["guardian"], options.what_if_cap
    return again.what_if_cap(block, verdict.vault, guardian, change.class_id, change.market_cap)


def show(result: AuditResult) -> None:
    """Print a result as text, as wide as the terminal."""
    from rich.console import Console
    from rich.table import Table

    console, verdict = Console(highlight=False), result.verdict
    found = verdict.plain()
    console.print(f"Vault {verdict.vault}, blocks {verdict.from_block} to {verdict.to_block}")
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    for name, value in (found["checked"] | found["state"]).items():
        if isinstance(value, dict):
            for part, text in value.items():
                table.add_row(f"{name.removesuffix('s')}: {part}", str(text))
        else:
            table.add_row(name.replace("_", " "), str(value))
    console.print(table)
    for each in verdict.differences[:SHOWN]:
        console.print(
            f"block {each.block} {each.transaction}: {each.what}: expected {each.expected}, "
            f"found {each.found}",
            soft_wrap=True,
        )
    if len(verdict.differences) > SHOWN:
        console.print(f"... and {len(verdict.differences) - SHOWN} more; --json has them all")
    if result.replayed:
        words = sum(each.words for each in result.replayed)
        console.print(
            f"executed again: {len(result.replayed)} blocks, {words} storage words compared"
        )
    if result.what_if is not None:
        for name, number in asdict(result.what_if).items():
            console.print(f"what if: {name.replace('_', ' ')}: {number}")
    if result.what_if_cap is not None:
        for name, number in asdict(result.what_if_cap).items():
            console.print(f"what if, under another cap: {name.replace('_', ' ')}: {number}")
    console.print(f"{found['verdict']} ({result.seconds:.1f} s)")
