"""The lines that an audit writes while it runs: a line a report, a fill and an income."""

from __future__ import annotations

import json
from collections import deque
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, TextIO

from msgspec import to_builtins

from strongroom.audit.checkpoint import next_block_of
from strongroom.audit.events import AuditedEvent
from strongroom.audit.income import Income
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.readers import order_filled_reader


class AuditLines:
    """Keeps a little of an audit while it runs: its lines go to files, not to memory."""

    def __init__(self, folder: Path | None, checkpoint: Path | None, replay: int) -> None:
        """Take what is asked for; files are opened on entry.

        Args:
            folder: for reports.jsonl, fills.jsonl and income.jsonl
            checkpoint: what the audit goes on from, if it is there
            replay: how many of the last reports' blocks are kept; -1: all
        """
        self.blocks: deque[int] = deque(maxlen=None if replay < 0 else replay or 1)
        self.allocated_at = 0  # block of the last allocation
        self._folder, self._checkpoint, self._files = folder, checkpoint, ExitStack()
        self._reports: TextIO | None = None
        self._fills: TextIO | None = None
        self._income: TextIO | None = None

    def __enter__(self) -> AuditLines:
        """Open the files: anew, or to append where an audit goes on from a checkpoint. Each line is
        written at once: what a checkpoint has behind it is in the files."""
        folder = self._folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._reports, self._fills, self._income = (
                self._files.enter_context(self._opened(folder / f"{name}.jsonl"))
                for name in ("reports", "fills", "income")
            )
        return self

    def _opened(self, path: Path) -> TextIO:
        """Open a file behind its last line that the checkpoint knows."""
        checkpoint = self._checkpoint
        if checkpoint is None or not checkpoint.exists():
            return path.open("w", buffering=1)
        path.touch()
        with path.open("r+b") as lines:
            end = _end_before(lines, next_block_of(checkpoint))
            lines.truncate(end)
        return path.open("a", buffering=1)

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._files.close()

    def on_report(self, report: BookedReport, ledger: Ledger) -> None:
        """Keep a report's line."""
        self.blocks.append(report.block)
        if self._reports is not None:
            self._reports.write(json.dumps(to_builtins(report)) + "\n")

    def on_income(self, income: Income) -> None:
        """Keep an income's line."""
        if self._income is not None:
            self._income.write(json.dumps(asdict(income)) + "\n")

    def on_event(self, time: int, event: AuditedEvent) -> None:
        """Keep a fill's line, and where the last budget was given."""
        if event.name == "Allocated":
            self.allocated_at = event.block
        elif event.name == "OrderFilled" and self._fills is not None:
            place = {"time": time, "block": event.block, "transaction": event.transaction}
            self._fills.write(json.dumps({**place, **order_filled_reader().plain(event)}) + "\n")


def _end_before(lines: BinaryIO, block: int) -> int:
    """Return where the first line of a block, of a later one, or of half a line begins."""
    end = 0
    for line in lines:
        try:
            if not line.endswith(b"\n") or json.loads(line)["block"] >= block:
                break
        except (ValueError, KeyError, TypeError):
            break
        end += len(line)
    return end
