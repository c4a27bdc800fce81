"""Backtests as a command runs them: options in, a typed result out. Heavy imports (the engine,
numbers, tables) wait for use."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.backtest.garbage import seldom_collected
from strongroom.chain.ids import JsonObject
from strongroom.errors import BadInput

if TYPE_CHECKING:
    from rich.table import Table

    from strongroom.analysis.fair_null import Event
    from strongroom.backtest.config import BacktestConfig
    from strongroom.backtest.data import PriceHistory
    from strongroom.backtest.honesty import Honesty
    from strongroom.backtest.quotes import Fills
    from strongroom.backtest.report import Capacity, Result
    from strongroom.backtest.run import RunResult
    from strongroom.backtest.stats import Summary
    from strongroom.backtest.sweep import Row
    from strongroom.backtest.tries import Tried
    from strongroom.backtest.walk import Fold, Split, WholeWalk
    from strongroom.workers import EngineName

Progress = Callable[[str, int, int], None]

FOLDER = Path("build") / "backtest"
CHECKED_AT = (0.25, 0.5, 0.75)  # parts of the history at which a look-ahead is looked for
BEST = 10  # rows of a sweep that are shown


@dataclass(frozen=True)
class BacktestOptions:
    """What is run over recorded history.

    Attributes:
        config: the backtest's TOML file; paths in it are relative to its folder
        sweep: run all combinations of [sweep] instead
        walk_forward: choose from [sweep] on one part of the history, judge on the next
        engine: where a sweep runs
        ray_address: of a Ray cluster; without it Ray starts on this machine
        workers: processes; by default one a core
        honesty: also check that no decision sees the future
        out: folder of the results; by default build/backtest/NAME
        command: the command line, for the report's "to repeat it"
        progress: is called with what runs, how much of it is done, and how much there is
        data: folder of imported data instead of the file's
        record: folder of all tries; by default this account's, whatever `out` is
    """

    config: Path
    sweep: bool = False
    walk_forward: Split | None = None
    engine: EngineName = "processes"
    ray_address: str | None = None
    workers: int | None = None
    honesty: bool = False
    out: Path | None = None
    command: str = "strongroom backtest"
    progress: Progress = lambda what, done, of: None
    data: Path | None = None
    record: Path | None = None


@dataclass(frozen=True)
class SingleResult:
    """One configuration under its assumptions on fills."""

    result: Result
    page: Path
    seconds: float

    def document(self) -> JsonObject:
        """Return the result as JSON takes it."""
        return self.result.document()


@dataclass(frozen=True)
class SweepResult:
    """All combinations of a sweep."""

    rows: Sequence[Row]
    engine: EngineName
    folder: Path
    seconds: float

    def found(self) -> JsonObject:
        """Return what does not depend on where and how fast it ran."""
        return {"tries": len(self.rows), "rows": [asdict(row) for row in self.rows]}

    def document(self) -> JsonObject:
        """Return the result as JSON takes it."""
        found = _with_digest(self.found())
        return {**found, "seconds": self.seconds, "engine": self.engine}


@dataclass(frozen=True)
class WalkResult:
    """Parameters chosen on one part of the history and judged on another."""

    folds: Sequence[Fold]
    whole: WholeWalk
    folder: Path
    seconds: float

    def found(self) -> JsonObject:
        """Return what does not depend on where and how fast it ran."""
        folds = [asdict(replace(fold, judged_as="")) for fold in self.folds]
        return {"whole": asdict(self.whole), "folds": folds}

    def document(self) -> JsonObject:
        """Return the result as JSON takes it."""
        found = _with_digest(self.found())
        return {**found, "seconds": self.seconds, "engine": "processes"}


BacktestResult = SingleResult | SweepResult | WalkResult


def _with_digest(found: JsonObject) -> JsonObject:
    return {**found, "digest": _digest(found)}


def _digest(found: JsonObject) -> str:
    from strongroom.chain.ids import canonical, keccak

    return keccak(canonical(found)).hex()


def run_backtest(options: BacktestOptions) -> BacktestResult:
    """Run a backtest, its sweep or a walk; write the result into a folder.

    Raises:
        BadInput: the file cannot be used; the message says where.
    """
    with seldom_collected():
        return _run_backtest(options)


def _run_backtest(options: BacktestOptions) -> BacktestResult:
    from strongroom.backtest.config import DataSection, load
    from strongroom.backtest.tries import open_record

    _check(options)
    record = open_record(options.record)
    config = with_data(load(options.config), options.data)
    if options.data is not None:
        changed = {"kind": "recorded", "path": options.data, "markets": DataSection().markets}
        recorded = config.data.model_copy(update=changed)
        config = config.model_copy(update={"data": recorded})
    folder = options.out or FOLDER / config.name
    if options.sweep or options.walk_forward:
        return _many(options, config, folder, record)
    return _one(options, config, folder, record)


def with_data(config: BacktestConfig, data: Path | None) -> BacktestConfig:
    """Return the configuration with another folder of data, where one is given."""
    if data is None:
        return config
    recorded = config.data.model_copy(update={"kind": "recorded", "path": data})
    return config.model_copy(update={"data": recorded})


def _check(options: BacktestOptions) -> None:
    """Refuse options that would have no effect together."""
    many = options.sweep or options.walk_forward is not None
    for bad, words in (
        (options.sweep and options.walk_forward, "--sweep and --walk-forward: choose one"),
        (
            options.engine != "processes" and not options.sweep,
            f"--engine {options.engine} is of a sweep: add --sweep",
        ),
        (
            options.ray_address is not None and options.engine != "ray",
            "--ray-address is of ray: add --engine ray",
        ),
        (
            options.workers is not None and not many,
            "--workers is of a sweep: add --sweep or --walk-forward",
        ),
        (options.honesty and many, "--honesty checks one run: leave out the sweep"),
    ):
        if bad:
            raise BadInput(words)


def _one(
    options: BacktestOptions, config: BacktestConfig, folder: Path, record: Path
) -> SingleResult:
    from strongroom.analysis.verdict import conclude
    from strongroom.backtest.data import load_history
    from strongroom.backtest.judging import difference, judged
    from strongroom.backtest.report import Result, write_report
    from strongroom.backtest.settled_events import events_of
    from strongroom.backtest.stats import favourites, horizons, reliability
    from strongroom.backtest.tries import Tried

    started, history = time.monotonic(), load_history(config)
    if options.honesty and history.books:
        raise BadInput(
            "--honesty changes last prices: it cannot check recorded books; leave it out"
        )
    outcomes: dict[Fills, RunResult] = {}
    for fills in config.fills:
        outcomes[fills] = _simulated(options, config, history, fills, fills)
    quotes = {fills: config.quotes.quotes().under(fills) for fills in config.fills}
    seed, tried = config.run.seed, Tried(record, config)
    again = {fills: _on_time(options, history, f"{fills}, other results") for fills in outcomes}
    summaries = {
        fills: judged(
            config, fills, history, outcome, tried.others(fills, events_of(outcome)), again[fills]
        )
        for fills, outcome in outcomes.items()
    }
    for fills, summary in summaries.items():
        tried.keep(fills, summary.dated)
    ahead = horizons(history)  # first: it reads the hours of all others, too
    naive = {fills: favourites(history, each) for fills, each in quotes.items()}
    result = Result(
        config,
        options.command,
        outcomes,
        summaries,
        {fills: conclude(each, seed) for fills, each in naive.items()},
        {
            fills: difference(
                config, fills, history, outcomes[fills], summaries[fills], each, again[fills]
            )
            for fills, each in naive.items()
        },
        ahead,
        reliability(history),
        _capacities(options, config, history, summaries[config.fills[0]]),
        _look_ahead(options, config, history) if options.honesty else (),
        tried.count(config.fills[0], summaries[config.fills[0]].dated),
    )
    page = write_report(result, folder)[0]
    return SingleResult(result, page, time.monotonic() - started)


def _simulated(
    options: BacktestOptions,
    config: BacktestConfig,
    history: PriceHistory,
    fills: Fills,
    what: str,
) -> RunResult:
    from strongroom.backtest.run import simulate

    return simulate(config, fills, history, _on_time(options, history, what))


def _on_time(
    options: BacktestOptions, history: PriceHistory, what: str
) -> Callable[[int, int], None]:
    """Return what tells how much of a history is played."""

    def on_time(now: int, end: int) -> None:
        options.progress(what, now - history.starts_at, end - history.starts_at)

    return on_time


def _capacities(
    options: BacktestOptions, config: BacktestConfig, history: PriceHistory, known: Summary
) -> list[Capacity]:
    """Return what comes of more capital, everything else as it is."""
    from strongroom.backtest.report import Capacity
    from strongroom.backtest.stats import assumed_spread, summarise

    fills = config.fills[0]
    found: list[Capacity] = []
    for times in (1, *config.run.capacity) if config.run.capacity else ():
        people = tuple(
            each.model_copy(update={"deposit": each.deposit * times}) if each.deposit else each
            for each in config.people
        )
        summary = known
        if times != 1 or found:
            larger = config.model_copy(update={"people": people})
            outcome = _simulated(options, larger, history, fills, f"{times} times the deposits")
            half_spread = assumed_spread(config, fills, outcome.recorded)
            summary = summarise(outcome, config.run.seed, half_spread)
        capital = sum(float(each.deposit) for each in people if each.deposit)
        found.append(
            Capacity(
                capital, summary.return_on_stake, summary.share_after_fees, summary.share_bounds
            )
        )
    return found


def _look_ahead(
    options: BacktestOptions, config: BacktestConfig, history: PriceHistory
) -> list[Honesty]:
    from strongroom.backtest.honesty import check_honesty

    length = history.ends_at - history.starts_at
    moments = [int(history.starts_at + part * length) for part in CHECKED_AT]
    on_progress = partial(options.progress, "look-ahead")
    return check_honesty(config, history, moments, on_progress=on_progress)


def _many(
    options: BacktestOptions, config: BacktestConfig, folder: Path, record: Path
) -> SweepResult | WalkResult:
    from strongroom.backtest.config import varied
    from strongroom.backtest.sweep import jobs_of, run_jobs
    from strongroom.backtest.tries import Tried
    from strongroom.backtest.walk import JUDGED, walk_forward, whole_of

    if not config.sweep:
        raise BadInput('[sweep] is empty: name what is varied, e.g. "packs.tail.low" = [0.9, 0.95]')
    started, results = time.monotonic(), folder / "results"

    def on_progress(done: int, of: int) -> None:
        options.progress("backtests", done, of)

    if options.walk_forward:
        tried = Tried(record, config, options.walk_forward)
        folds = walk_forward(
            config, results, options.walk_forward, workers=options.workers,
            on_progress=on_progress, on_row=_choices(tried),
        )  # fmt: skip
        judged = tuple(event for fold in folds for event in fold.afterwards.dated)
        tried.keep(JUDGED, judged)
        again = partial(options.progress, "other results")
        whole = whole_of(config, folds, tried.others(JUDGED, judged), again)
        walk = WalkResult(folds, whole, results, time.monotonic() - started)
        _write(folder / "walk.json", walk.found())
        return walk
    jobs = jobs_of(config)

    def on_row(row: Row) -> None:
        tried = Tried(record, varied(config, row.changes))
        tried.keep(row.fills, row.summary.dated)

    rows = run_jobs(
        jobs, results, options.engine, options.workers, on_progress, options.ray_address, on_row
    )
    swept = SweepResult(rows, options.engine, results, time.monotonic() - started)
    _write(folder / "sweep.json", swept.found())
    return swept


def _choices(tried: Tried) -> Callable[[Row], None]:
    """Return what writes down each set from which a walk chooses, with its events of all parts."""
    from strongroom.backtest.config import varied

    known: dict[str, dict[str, Event]] = {}

    def on_row(row: Row) -> None:
        own = known.setdefault(json.dumps(row.changes, sort_keys=True), {})
        own.update((event.name, event) for event in row.summary.dated)
        tried.keep_choice(row.fills, varied(tried.config, row.changes), tuple(own.values()))

    return on_row


def _write(path: Path, found: JsonObject) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


def show(result: BacktestResult) -> None:
    """Print a result as text, as wide as the terminal."""
    from strongroom.screen import Screen

    console = Screen()
    if isinstance(result, SingleResult):
        console.print(_assumptions(result.result))
        for check in result.result.honesty:
            word = "honest" if check.changed is None else f"SEES THE FUTURE at {check.changed}"
            console.print(f"look-ahead check at {check.at}: {check.before} decisions, {word}")
        console.print(
            f"{result.seconds:.0f} s; {result.page} is the report. {result.result.limits}",
            soft_wrap=True,
        )
        return
    if isinstance(result, SweepResult):
        console.print(_best_rows(result.rows))
        how = f"{len(result.rows)} backtests by {result.engine}"
    else:
        console.print(_folds(result.folds))
        console.print(_whole(result.whole), soft_wrap=True)
        how = "walk"
    console.print(
        f"{how}: {result.seconds:.1f} s; finished runs in {result.folder} are not run again",
        soft_wrap=True,
    )
    console.print(f"result {_digest(result.found())[:16]}: the same for every engine")


def _assumptions(result: Result) -> Table:
    """Return the figures, a column an assumption on fills."""
    from rich import box
    from rich.table import Table

    from strongroom.backtest.report import lines_of

    table = Table(title=f"Backtest: {result.config.name}", box=box.SIMPLE)
    table.add_column("", no_wrap=True)
    for fills in result.summaries:
        table.add_column(fills, justify="right")
    for name, cells in lines_of(result):
        table.add_row(name, *cells)
    return table


def _best_rows(rows: Sequence[Row]) -> Table:
    from rich import box
    from rich.table import Table

    from strongroom.backtest.sweep import order_of

    best = sorted(rows, key=lambda row: order_of(row.summary))
    table = Table(
        title=f"The best {BEST} of {len(rows)}, by the verdict's test: selected, not proven",
        box=box.SIMPLE,
    )
    for name in ("changes", "markets", "return on stake", "verdict", "p", "a share after 2/20"):
        table.add_column(name, justify="left" if name == "changes" else "right", overflow="fold")
    for row in best[:BEST]:
        found = row.summary.conclusion
        table.add_row(
            ", ".join(f"{name}={value}" for name, value in row.changes.items()),
            str(row.summary.markets),
            f"{found.value:+.2%}",
            row.summary.verdict,
            f"{found.p_pass:.3f}",
            f"{row.summary.share_after_fees:+.3%}",
        )
    return table


def _whole(whole: WholeWalk) -> str:
    """Return the verdict on all that was judged, in words."""
    found = whole.conclusion
    ends = f", 95 % {found.bounds.low:+.2%} to {found.bounds.high:+.2%}" if found.bounds else ""
    return (
        f"All parts that were judged, as one: {whole.verdict}. {found.events} events on "
        f"{found.dates} dates, {found.losing} lost; {found.value:+.2%} on {whole.staked:,.0f} "
        f"staked{ends}; p {found.p_pass:.3f}, {found.tries} tries on this data; a share after 2/20 "
        f"{whole.share_after_fees:+.2%}"
    )


def _folds(folds: Sequence[Fold]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title="Chosen on one part, judged on the next (pessimistic)", box=box.SIMPLE)
    for name in ("chosen on", "judged on", "chosen", "p there", "return here", "markets"):
        table.add_column(
            name,
            justify="right" if name in ("p there", "return here") else "left",
            overflow="fold",
        )
    for fold in folds:
        table.add_row(
            fold.chosen_on,
            fold.judged_on,
            ", ".join(f"{name}={value}" for name, value in fold.chosen.items()),
            f"{fold.at_choice:.3f}",
            f"{fold.afterwards.return_on_stake:+.2%}",
            str(fold.afterwards.markets),
        )
    return table
