"""The lines that an audit writes while it runs: a line a report, a fill and an income."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, TextIO

from msgspec import to_builtins

from strongroom.audit.checkpoint import Progress
from strongroom.audit.events import AuditedEvent
from strongroom.audit.income import Income
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.readers import order_filled_reader
from strongroom.errors import BadInput


class AuditLines:
    """Writes an audit's lines while it runs: they go to files, not to memory."""

    def __init__(self, folder: Path | None, kept: Progress | None) -> None:
        """Take what is asked for; files are opened on entry.

        Args:
            folder: for reports.jsonl, fills.jsonl and income.jsonl
            kept: what the audit goes on from; None: it begins anew
        """
        self._folder, self._kept, self._files = folder, kept, ExitStack()
        self._reports: TextIO | None = None
        self._fills: TextIO | None = None
        self._income: TextIO | None = None

    def __enter__(self) -> AuditLines:
        """Open the files: anew, or to append where an audit goes on from a checkpoint. Each line is
        written at once: what a checkpoint has behind it is in the files.

        Raises:
            BadInput: the files do not have what the checkpoint has behind it.
        """
        folder = self._folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            if self._kept is not None:
                _check_lines(folder, self._kept)
            self._reports, self._fills, self._income = (
                self._files.enter_context(self._opened(folder / f"{name}.jsonl"))
                for name in ("reports", "fills", "income")
            )
        return self

    def _opened(self, path: Path) -> TextIO:
        """Open a file behind its last line that the checkpoint knows."""
        if self._kept is None:
            return path.open("w", buffering=1)
        path.touch()
        with path.open("r+b") as lines:
            end = sum(map(len, _lines_before(lines, self._kept.next_block)))
            lines.truncate(end)
        return path.open("a", buffering=1)

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        self._files.close()

    def on_report(self, report: BookedReport, ledger: Ledger) -> None:
        """Keep a report's line."""
        if self._reports is not None:
            self._reports.write(json.dumps(to_builtins(report)) + "\n")

    def on_income(self, income: Income) -> None:
        """Keep an income's line."""
        if self._income is not None:
            self._income.write(json.dumps(asdict(income)) + "\n")

    def on_event(self, time: int, event: AuditedEvent) -> None:
        """Keep a fill's line."""
        if event.name == "OrderFilled" and self._fills is not None:
            place = {"time": time, "block": event.block, "transaction": event.transaction}
            self._fills.write(json.dumps({**place, **order_filled_reader().plain(event)}) + "\n")


def _check_lines(folder: Path, kept: Progress) -> None:
    """Hold the lines of the blocks before against what the checkpoint has counted there.

    Raises:
        BadInput: some are missing, or are of another audit: half a record is a false one.
    """
    known = {"reports": kept.reports, "fills": kept.fills, "income": kept.incomes}
    for name, wanted in known.items():
        path = folder / f"{name}.jsonl"
        with path.open("rb") if path.exists() else BytesIO() as lines:
            found = sum(1 for _ in _lines_before(lines, kept.next_block))
        if found != wanted:
            raise BadInput(
                f"{path} has {found} lines of the blocks before {kept.next_block}, the checkpoint "
                f"counts {wanted}: name the folder that it was begun with, or another checkpoint"
            )


def _lines_before(lines: BinaryIO, block: int) -> Iterator[bytes]:
    """Yield the lines up to the first of a block, of a later one, or half a line."""
    for line in lines:
        try:
            if not line.endswith(b"\n") or json.loads(line)["block"] >= block:
                return
        except (ValueError, KeyError, TypeError):
            return
        yield line
