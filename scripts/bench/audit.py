"""Audited events a second, and memory, on a vault's life of two lengths: books, conservation, cash,
income, values at each report, code and views."""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from strongroom.audit.auditor import Auditor, Scope
from strongroom.audit.node import Node

COUNTS = (10_000, 100_000)
BUFFER = 2**22  # bytes that are read ahead of a recording


def record(events: int, path: Path) -> Scope:
    """Let a vault live and audit it, in one process and in two; write what its node answered to
    each, a line a request, into a folder."""
    from tests.property.recorded import RecordingNode, SteadyLife

    class Recorder(RecordingNode):
        """Writes each response as it comes, also in a process that reads ahead."""

        def __init__(self, name: str) -> None:
            super().__init__(life)
            self._target = (path / name).open("wb", buffering=0)

        def _post(self, body: Sequence[Any]) -> bytes:
            found = super()._post(body)
            self.responses.clear()
            self._target.write(found + b"\n")
            return found

    life = SteadyLife()
    life.live(events)
    scope = Scope("", life.vault, life.born, len(life.blocks) - 1)
    audit = Auditor(scope, Recorder("one")).run()
    assert audit.verdict.is_clean, audit.verdict.differences[:4]
    both = Auditor(scope, Recorder("books"), ahead=Recorder("ahead")).run()
    assert both.verdict == audit.verdict
    return scope


class Replayed(Node):
    """A node that answers the same requests from a file, in their order. Where its lines end is
    looked up before: no node's client searches for that."""

    def __init__(self, path: Path) -> None:
        super().__init__("http://replayed")
        with path.open("rb", buffering=BUFFER) as lines:
            self._sizes = iter([len(line) for line in lines])
        self._file, self.requests = path.open("rb", buffering=0), 0

    def _post(self, body: Sequence[Any]) -> bytes:
        self.requests += 1
        return self._file.read(next(self._sizes, 0))


def measure(path: Path, scope: Scope) -> dict[str, Any]:
    """Audit what was recorded, in one process and in two; return the rates (by two: those of the
    process that has more to do), the requests and the peak memory of a process."""
    node = Replayed(path / "one")
    clocks = time.perf_counter(), time.process_time()
    audit = Auditor(scope, node).run()
    wall, cpu = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
    books, reader = Replayed(path / "books"), Replayed(path / "ahead")
    clocks = time.perf_counter(), time.process_time()
    both = Auditor(scope, books, ahead=reader).run()
    by_two, here = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
    ahead = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert audit.verdict.is_clean, audit.verdict.differences[:4]
    assert both.verdict == audit.verdict
    events = audit.ledger.events
    return {
        "events_per_s": round(events / wall),
        "events_per_cpu_s": round(events / cpu),
        "events_per_s_by_two": round(events / by_two),
        "events_per_cpu_s_by_two": round(events / max(here, ahead.ru_utime + ahead.ru_stime)),
        "requests": node.requests,
        "peak_mb": max(_peak_kb(), ahead.ru_maxrss) // 1_024,
    }


def _peak_kb() -> int:
    """Return the most memory that this program has had: what getrusage says counts the process that
    started it, too (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@click.command()
@click.option("--recorded", type=Path, help="Only audit this recording, here.")
@click.option("--vault")
@click.option("--blocks", type=int, nargs=2)
def cli(recorded: Path | None, vault: str, blocks: tuple[int, int]) -> None:
    """Audit lives of 10,000 and 100,000 events of the vault; print JSON. The node's answers come
    from files: what is measured begins with their bytes.

    Example: python -m scripts.bench.audit
    """
    if recorded is not None:
        click.echo(json.dumps(measure(recorded, Scope("", vault, *blocks))))
        return
    figures = {}
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            scope = record(count, path)
            blocks = scope.from_block, scope.to_block
            options = ["--recorded", path, "--vault", scope.vault, "--blocks", *map(str, blocks)]
            command = [sys.executable, "-m", "scripts.bench.audit", *options]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            for name, value in json.loads(done.stdout).items():
                figures[f"audit.{name}.{count}"] = value
    click.echo(json.dumps(figures))


if __name__ == "__main__":
    cli()
