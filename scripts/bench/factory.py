"""Audits of every vault of a factory: seconds and CPU a vault, and the memory of a process over
time. The run is killed half-way, and the same command goes on."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

LOOK_S = 0.5  # between two looks at the processes
TICKS = os.sysconf("SC_CLK_TCK")  # of CPU time, a second
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1_024
PARTS = 4  # of the run, each with its peak


@dataclass(frozen=True)
class Look:
    """What the processes of a run have.

    Attributes:
        seconds: since the first run began
        done: vaults
        largest_kb: memory of the largest process that audits
    """

    seconds: float
    done: int
    largest_kb: int


@dataclass(frozen=True)
class Process:
    """A process as Linux shows it."""

    parent: int
    cpu_s: float
    kb: int


def processes() -> dict[int, Process]:
    """Return all that are running, by their ids."""
    found = {}
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        cpu = sum(map(int, fields[11:13])) / TICKS
        found[int(each.parent.name)] = Process(int(fields[1]), cpu, int(fields[21]) * PAGE_KB)
    return found


def under(root: int) -> dict[int, Process]:
    """Return a process and all that it started."""
    every, ours = processes(), {root}
    while more := {each for each, it in every.items() if it.parent in ours} - ours:
        ours |= more
    return {each: every[each] for each in ours if each in every}


@contextmanager
def served(events: int, vaults: int) -> Iterator[tuple[str, str, int]]:
    """Serve a factory's vaults; yield the node's URL, the factory and the server's process."""
    command = [sys.executable, "-m", "tests.recorded_server", "--events", str(events)]
    server = subprocess.Popen(
        [*command, "--vaults", str(vaults)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        found = json.loads(server.stdout.readline())
        yield found["url"], found["factory"], server.pid
    finally:
        server.terminate()
        server.wait()


class Run:
    """Runs the command, and looks at its processes until it ends or is killed."""

    def __init__(self, command: list[str], out: Path) -> None:
        """Take the command line, and the folder of the vaults."""
        self.looks: list[Look] = []
        self.cpu_s = 0.0  # of all processes of all runs
        self._command, self._out, self._began = command, out, time.monotonic()

    @property
    def done(self) -> int:
        """How many vaults are done."""
        return sum(1 for _ in self._out.glob("*/done.json"))

    def go(self, ends: Callable[[], bool] = lambda: False) -> str:
        """Run until the command ends, or kill it; return what it printed."""
        with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as errors:
            run = subprocess.Popen(self._command, stdout=printed, stderr=errors)
            used = dict[int, float]()
            while run.poll() is None:
                if ends():
                    run.kill()
                    run.wait()
                    break
                ours = under(run.pid)
                used |= {each: it.cpu_s for each, it in ours.items()}
                largest = max((it.kb for it in ours.values()), default=0)
                self.looks.append(Look(time.monotonic() - self._began, self.done, largest))
                time.sleep(LOOK_S)
            self.cpu_s += sum(used.values())
            errors.seek(0)
            if run.returncode not in (0, -signal.SIGKILL):
                raise click.ClickException(errors.read())
            printed.seek(0)
            return printed.read()


def measure(vaults: int, events: int, jobs: int, looks: Path | None) -> dict[str, float]:
    """Audit a factory, killed half-way and gone on with; return the figures.

    Raises:
        click.ClickException: vaults that lived the same life have not the same verdict.
    """
    with tempfile.TemporaryDirectory() as folder, served(events, vaults) as (url, factory, server):
        out = Path(folder)
        command = [sys.executable, "-m", "strongroom.cli", "audit", "--json", "--rpc", url]
        command += ["--factory", factory, "--out", str(out), "--jobs", str(jobs)]
        before, began = processes()[server].cpu_s, time.monotonic()
        run = Run(command, out)
        run.go(lambda: run.done >= vaults // 2)
        killed_at = run.done
        result = json.loads(run.go())
        wall, served_s = time.monotonic() - began, processes()[server].cpu_s - before
        if looks is not None:
            rows = [f"{it.seconds:.1f},{it.done},{it.largest_kb}\n" for it in run.looks]
            looks.write_text("seconds,done,largest_kb\n" + "".join(rows))
        kinds = {_what_was_found(out / each["vault"]) for each in result["vaults"]}
        if len(kinds) != 1 or len(result["vaults"]) != vaults or result["exit_code"]:
            raise click.ClickException(f"{len(kinds)} results of {vaults} vaults with one life")
    peaks = [
        max(each.largest_kb for each in run.looks if each.done * PARTS // vaults in (part, PARTS))
        for part in range(PARTS)
    ]
    return {
        f"factory.vaults.{events}": vaults,
        "factory.killed_at": killed_at,
        "factory.s_per_vault": round(wall / vaults, 3),
        "factory.cpu_s_per_vault": round(run.cpu_s / vaults, 3),
        "factory.node_cpu_s_per_vault": round(served_s / vaults, 3),
    } | {f"factory.peak_mb.part{part}": kb // 1_024 for part, kb in enumerate(peaks, 1)}


def _what_was_found(folder: Path) -> str:
    """Return the hash of a vault's state, differences and lines of reports, addresses left out."""
    from tests.recorded_server import COPY

    found = json.loads((folder / "verdict.json").read_text())
    text = json.dumps([found["state"], found["differences"], found["checked"]])
    text = COPY.sub(r"\1", text + (folder / "reports.jsonl").read_text())
    return hashlib.sha256(text.encode()).hexdigest()


@click.command()
@click.option("--vaults", default=12, show_default=True)
@click.option("--events", default=10_000, show_default=True, help="Of each vault.")
@click.option("--jobs", default=2, show_default=True, help="Processes that audit.")
@click.option("--looks", type=Path, help="Write memory over time as CSV.")
def cli(vaults: int, events: int, jobs: int, looks: Path | None) -> None:
    """Audit vaults of a factory; print JSON. The node is a process of its own, which shares the
    machine; its CPU time is told apart.

    Example: python -m scripts.bench.factory --vaults 1000 --looks /tmp/memory.csv
    """
    click.echo(json.dumps(measure(vaults, events, jobs, looks)))


if __name__ == "__main__":
    cli()
