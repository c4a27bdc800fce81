"""Many backtests: all combinations of a sweep, in processes or on a Ray cluster.

Each result is a file of its own under the hash of what it was made from, so a sweep that was broken
off goes on where it stopped, and no engine can make a difference.
"""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import JsonValue, TypeAdapter, ValidationError

from strongroom.backtest.config import BacktestConfig, parse, varied
from strongroom.backtest.data import PriceHistory, load_history, read_hashes
from strongroom.backtest.judging import judged
from strongroom.backtest.made_by import made_by
from strongroom.backtest.quotes import Fills
from strongroom.backtest.run import simulate
from strongroom.backtest.stats import Summary
from strongroom.chain.ids import Json, canonical, keccak
from strongroom.errors import Defect
from strongroom.settings import ConfigError
from strongroom.workers import EngineName, WorkerDied, each_result

OnProgress = Callable[[int, int], None]
Changes = Mapping[str, JsonValue]  # "section.key" -> value


class BacktestFailed(Defect):
    """A backtest's process died; it says nothing of the strategy."""


@dataclass(frozen=True)
class Job:
    """One backtest of a sweep."""

    changes: Changes
    config: str  # JSON
    fills: Fills

    @property
    def key(self) -> str:
        """Hash of what the result follows from: parameters, data, and the code that plays them."""
        config = parse(json.loads(self.config))
        made_from: list[Json] = [
            self.config,
            self.fills,
            read_hashes(config),
            made_by(config.packs),
        ]
        return keccak(canonical(made_from)).hex()[:32]


@dataclass(frozen=True)
class _Ordered:
    """A job for another process, which may be on another machine.

    Attributes:
        key: that its result is kept under
    """

    job: Job
    key: str


@dataclass(frozen=True)
class Row:
    """The result of a job."""

    changes: Changes
    fills: Fills
    summary: Summary


@dataclass(frozen=True)
class _Finished:
    """What the file of a finished job holds."""

    summary: Summary


_FINISHED = TypeAdapter(_Finished)


def jobs_of(config: BacktestConfig, fills: Sequence[Fills] = ("pessimistic",)) -> list[Job]:
    """Return all combinations of a configuration's sweep."""
    names = sorted(config.sweep)
    found = []
    for values in itertools.product(*(config.sweep[name] for name in names)):
        changes = dict(zip(names, values, strict=True))
        text = varied(config, changes).model_dump_json(exclude={"sweep"})
        found += [Job(changes, text, each) for each in fills]
    return found


def run_jobs(
    jobs: Sequence[Job],
    folder: Path,
    engine: EngineName = "processes",
    workers: int | None = None,
    on_progress: OnProgress = lambda done, of: None,
    address: str | None = None,
    on_row: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Return a row for each job, in their order.

    Args:
        folder: finished results, one file each; they are not run again
        workers: processes, or Ray's CPUs on this machine
        on_progress: is called with the jobs done, and all of them
        address: of a Ray cluster; without it Ray starts on this machine
        on_row: is called with each result as soon as it is there

    Raises:
        BadInput: Ray is asked for and not installed; a worker has other code or data.
        BacktestFailed: a process died.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing, done = [], 0
    ordered = [_Ordered(job, job.key) for job in jobs]
    for each in ordered:
        if (folder / f"{each.key}.json").exists():
            on_row(_row(each, folder))
            done += 1
        else:
            missing.append(each)
    on_progress(done, len(jobs))
    for each, summary in each_result(_summary_of, missing, engine, workers, address):
        if isinstance(summary, WorkerDied):
            raise BacktestFailed(f"the process of a backtest died ({summary.why}): run it again")
        draft = folder / f".{each.key}"
        draft.write_bytes(_FINISHED.dump_json(_Finished(summary)))
        draft.replace(folder / f"{each.key}.json")
        on_row(_row(each, folder))
        done += 1
        on_progress(done, len(jobs))
    return [_row(each, folder) for each in ordered]


def _row(ordered: _Ordered, folder: Path) -> Row:
    job = ordered.job
    return Row(job.changes, job.fills, _finished(folder / f"{ordered.key}.json").summary)


def _finished(path: Path) -> _Finished:
    try:
        return _FINISHED.validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{path} is not a result of this version: remove it") from error


def run_one(config: str, fills: Fills) -> Summary:
    """Run one backtest; return its summary."""
    known, history = parse(json.loads(config)), _history(config)
    return judged(known, fills, history, simulate(known, fills, history))


@lru_cache(8)
def _history_of(key: str, config: str) -> PriceHistory:
    return load_history(parse(json.loads(config)))


def _history(config: str) -> PriceHistory:
    """Return the history, which a process loads once for all parameters."""
    data = json.loads(config)
    about = {name: data.get(name) for name in ("data", "quotes", "resolution", "run")}
    kept = {"name": "history", "packs": {}, **{k: v for k, v in about.items() if v is not None}}
    return _history_of(canonical(about).decode(), json.dumps(kept, sort_keys=True))


def _summary_of(ordered: _Ordered) -> Summary:
    job = ordered.job
    if job.key != ordered.key:
        raise ConfigError(
            "a worker has other code, libraries or data than this process: give all machines the "
            "same; what was edited meanwhile needs a new start"
        )
    return run_one(job.config, job.fills)


def order_of(summary: Summary) -> tuple[float, float]:
    """Return what results are put in order by: p of its test, then the return, best first."""
    return summary.conclusion.p_pass, -summary.return_on_stake
