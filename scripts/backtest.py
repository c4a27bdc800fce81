"""Backtests: `ape run backtest CONFIG`."""

import json
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from strongroom.backtest.config import BacktestConfig, load, varied
from strongroom.backtest.data import data_hashes, load_history
from strongroom.backtest.honesty import check_honesty
from strongroom.backtest.report import Result, lines_of, write_report
from strongroom.backtest.run import simulate
from strongroom.backtest.stats import Summary, favourite, horizons, reliability, summarise
from strongroom.backtest.sweep import jobs_of, run_jobs, walk_forward
from strongroom.chain.ids import canonical, keccak
from strongroom.settings import ConfigError

FOLDER = Path("build") / "backtest"


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--sweep", is_flag=True, help="Run all combinations of [sweep] instead.")
@click.option(
    "--walk-forward",
    "walk",
    type=click.Choice(["time", "event"]),
    help="Choose from [sweep] on one part of the history, judge on the next.",
)
@click.option(
    "--engine",
    type=click.Choice(["processes", "ray"]),
    default="processes",
    show_default=True,
    help="Where a sweep runs; ray needs `pip install 'strongroom[ray]'`.",
)
@click.option("--ray-address", help="Of a Ray cluster; without it Ray starts here.")
@click.option("--workers", type=int, help="Processes; by default one a core.")
@click.option("--honesty", is_flag=True, help="Also check that no decision sees the future.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder; by default build/backtest/NAME."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def cli(
    config: Path,
    sweep: bool,
    walk: str | None,
    engine: str,
    ray_address: str | None,
    workers: int | None,
    honesty: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run the live keeper over recorded history and say what would have happened to the vault and
    its depositors, under three assumptions on fills. Needs no chain.

    \b
    Examples:
      ape run backtest docs/examples/backtest-tail.toml
      ape run backtest docs/examples/backtest-tail.toml --honesty --json
      ape run backtest docs/examples/backtest-sweep.toml --sweep --engine ray
      ape run backtest docs/examples/backtest-sweep.toml --walk-forward time
    """
    console = Console(width=120, highlight=False, quiet=as_json)
    try:
        chosen = load(config)
        folder = out or FOLDER / chosen.name
        if sweep or walk:
            found = _many(chosen, folder, walk, engine, ray_address, workers, console)
        else:
            found = _one(chosen, folder, honesty, console)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if as_json:
        click.echo(json.dumps(found, indent=1))


def _one(config: BacktestConfig, folder: Path, honesty: bool, console: Console) -> dict[str, Any]:
    started = time.monotonic()
    history = load_history(config)
    outcomes, summaries, naive = {}, {}, {}
    with Progress(console=console, transient=True) as progress:
        for fills in config.fills:
            bar = progress.add_task(fills, total=history.ends_at - history.starts_at)

            def told(now: int, end: int, bar: Any = bar) -> None:
                progress.update(bar, completed=now - history.starts_at)

            outcomes[fills] = simulate(config, fills, history, told)
            quotes = config.quotes.quotes().under(fills)
            summaries[fills] = summarise(outcomes[fills], config.run.seed, quotes.half_spread)
            naive[fills] = favourite(history, quotes, config.run.seed)
        capacity = []
        if config.run.capacity:
            capacity.append(_capacity(config, 1, summaries[config.fills[0]]))
        for times in config.run.capacity:
            capacity.append(_capacity(config, times))
        checks = []
        if honesty:
            for part in (0.25, 0.5, 0.75):
                at = int(history.starts_at + part * (history.ends_at - history.starts_at))
                checks.append(asdict(check_honesty(config, history, at)))
    result = Result(
        config,
        shlex.join(["ape", "run", *sys.argv[sys.argv.index("backtest") :]])
        if "backtest" in sys.argv
        else "ape run backtest",
        outcomes,
        summaries,
        naive,
        horizons(history),
        reliability(history),
        capacity,
        checks,
        _count(folder.parent, config),
    )
    page, data, *_ = write_report(result, folder)
    table = Table(title=f"Backtest: {config.name}")
    table.add_column("")
    for fills in summaries:
        table.add_column(fills, justify="right")
    for name, cells in lines_of(result):
        table.add_row(name, *cells)
    console.print(table)
    for check in checks:
        word = "honest" if check["changed"] is None else f"SAW THE FUTURE at {check['changed']}"
        console.print(f"look-ahead check at {check['at']}: {check['before']} decisions, {word}")
    console.print(
        f"{time.monotonic() - started:.0f} s; {page} to look at. Last prices are no quotes."
    )
    return json.loads(data.read_text())  # type: ignore[no-any-return]


def _capacity(config: BacktestConfig, times: int, known: Summary | None = None) -> dict[str, float]:
    """Return what comes of more capital, everything else as it is."""
    people = [
        each.model_copy(update={"deposit": each.deposit * times}) if each.deposit else each
        for each in config.people
    ]
    larger = config.model_copy(update={"people": tuple(people)})
    half_spread = config.quotes.quotes().under(config.fills[0]).half_spread
    found = known or summarise(simulate(larger, config.fills[0]), config.run.seed, half_spread)
    capital = sum(float(each.deposit) for each in people if each.deposit)
    return {
        "capital": capital,
        "return_on_stake": found.return_on_stake.mean,
        "share": found.share_after_fees,
    }


def _count(folder: Path, config: BacktestConfig) -> int:
    """Keep which backtests were tried on this data; return how many different ones."""
    path = folder / "tries.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    data = keccak(canonical(data_hashes())).hex()[:16]
    mine = keccak(canonical(config.model_dump(mode="json"))).hex()[:16]
    tries = set(known.get(data, [])) | {mine}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known | {data: sorted(tries)}, indent=1) + "\n")
    return len(tries)


def _many(
    config: BacktestConfig,
    folder: Path,
    walk: str | None,
    engine: str,
    address: str | None,
    workers: int | None,
    console: Console,
) -> dict[str, Any]:
    if not config.sweep:
        raise ConfigError(
            '[sweep] is empty: name what is varied, e.g. "packs.tail.low" = [0.9, 0.95]'
        )
    started = time.monotonic()
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("backtests", total=None)

        def told(done: int, of: int) -> None:
            progress.update(bar, completed=done, total=of)

        if walk:
            folds = walk_forward(
                config,
                folder / "results",
                walk,
                workers=workers,
                told=told,  # type: ignore[arg-type]
            )
            found: dict[str, Any] = {"folds": [asdict(fold) for fold in folds]}
        else:
            jobs = jobs_of(config)
            for job in jobs:
                _count(folder.parent, varied(config, job.changes))
            rows = run_jobs(
                jobs,
                folder / "results",
                engine,
                workers,
                told,
                address,  # type: ignore[arg-type]
            )
            found = {"tries": len(jobs), "rows": rows}
    table = _folds(found["folds"]) if walk else _rows(found["rows"])
    console.print(table)
    seconds = time.monotonic() - started
    how = "walk" if walk else f"{found['tries']} backtests by {engine}"
    console.print(
        f"{how}: {seconds:.1f} s; finished ones are in {folder}/results and not run again"
    )
    digest = keccak(canonical(found)).hex()
    console.print(f"result {digest[:16]}: the same whatever the engine")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ("walk.json" if walk else "sweep.json")).write_text(
        json.dumps(found, indent=1) + "\n"
    )
    return found | {"seconds": seconds, "engine": engine, "digest": digest}


def _rows(rows: list[dict[str, Any]]) -> Table:
    best = sorted(rows, key=lambda row: -row["summary"]["return_on_stake"]["low"])
    table = Table(title=f"The best 10 of {len(rows)}, by the lower bound: chosen, not proven")
    for name in ("changes", "markets", "return on stake", "low", "high", "a share after 2/20"):
        table.add_column(name, justify="left" if name == "changes" else "right")
    for row in best[:10]:
        summary, interval = row["summary"], row["summary"]["return_on_stake"]
        table.add_row(
            ", ".join(f"{name}={value}" for name, value in row["changes"].items()),
            str(summary["markets"]),
            *(f"{interval[name]:+.2%}" for name in ("mean", "low", "high")),
            f"{summary['share_after_fees']:+.3%}",
        )
    return table


def _folds(folds: list[dict[str, Any]]) -> Table:
    table = Table(title="Chosen on one part, judged on the next (pessimistic)")
    for name in ("chosen on", "judged on", "chosen", "low there", "return here", "markets"):
        table.add_column(name, justify="right" if name in ("low there", "return here") else "left")
    for fold in folds:
        after = fold["afterwards"]
        table.add_row(
            fold["chosen_on"],
            fold["judged_on"],
            ", ".join(f"{name}={value}" for name, value in fold["chosen"].items()),
            f"{fold['at_choice']:+.2%}",
            f"{after['return_on_stake']['mean']:+.2%}",
            str(after["markets"]),
        )
    return table
