"""Realised arbitrage by wallet, out of public fills and token operations.

Fills are dealt out by wallet into parts on disk; each part is a task of its own, in a process here
or on Ray. So memory does not grow with the history, and neither the number of parts nor where they
run makes a difference to a result.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, fields, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import polars as pl

from strongroom.analysis.realised_arbitrage import (
    ArbitrageKind,
    ArbitragePlan,
    ArbitrageSet,
    LegAction,
    Parcel,
    leg_of,
    sets_of,
)
from strongroom.backtest.arbitrage_plans import known_markets, plans_of
from strongroom.backtest.arbitrage_rows import (
    TWICE,
    ArbitrageRules,
    Progress,
    WalletParts,
    rows_of,
)
from strongroom.chain.ids import JsonObject
from strongroom.chain.units import MICRO
from strongroom.data.folder import open_folder
from strongroom.data.schema import BadData, Table
from strongroom.errors import Defect
from strongroom.workers import EngineName, WorkerDied, each_result

PART = 200_000  # rows of a task
SHOWN = 20
READ = (Table.MARKETS, Table.TRADES, Table.OPERATIONS, Table.OUTCOMES, Table.RELATIONS)


@dataclass(frozen=True)
class ArbitrageTotal:
    """What came of one kind, or of one wallet.

    Attributes:
        sets: matches, each of parts of one fill a leg
        tokens: how many sets, 10**-6
        profit: of what is paid for certain: markets resolved, sets merged, or all in cash
        open: of sets whose markets are not resolved as far as the data says; micro-units
    """

    name: str
    wallets: int
    sets: int
    tokens: int
    profit: int
    open: int


@dataclass(frozen=True)
class ArbitrageStudy:
    """Everything found.

    Attributes:
        read: trades and operations
        left_out: reason -> rows
        without: reason -> events, relations and conversions without a plan
        kinds: in the order in which trades were matched
        wallets: by profit, the largest first
        data: file -> SHA-256
    """

    rules: ArbitrageRules
    read: int
    left_out: Mapping[str, int]
    without: Mapping[str, int]
    kinds: tuple[ArbitrageTotal, ...]
    wallets: tuple[ArbitrageTotal, ...]
    data: Mapping[str, str]

    @property
    def profit(self) -> int:
        """Return all profit of what is paid for certain, micro-units."""
        return sum(each.profit for each in self.kinds)

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        return asdict(self) | {"profit": self.profit}


@dataclass(frozen=True)
class _Part:
    """One task: a part of the wallets."""

    folder: Path
    number: int
    window: int


@dataclass(frozen=True)
class _Found:
    """What a part came to: rows of wallet, kind, settled, sets, tokens, profit."""

    rows: list[tuple[str, str, bool, int, int, int]]
    repeated: int


def arbitrage_study(
    path: Path,
    rules: ArbitrageRules,
    engine: EngineName = "processes",
    workers: int | None = None,
    address: str | None = None,
    out: Path | None = None,
    progress: Progress = lambda what, done, of: None,
    part_rows: int = PART,
) -> ArbitrageStudy:
    """Study a folder of imported data.

    Args:
        engine, workers, address: as strongroom.workers.each_result has them
        out: folder for sets.parquet and wallets.csv; on a cluster one that all machines share
        part_rows: fills of a task; no difference to the result

    Raises:
        BadData: the folder has no markets or no trades.
        BadInput: Ray is asked for and not there.
    """
    folder = open_folder(path)
    markets = known_markets(folder)
    if markets.frame.is_empty() or not folder.files(Table.TRADES):
        raise BadData(f"{path}: needs markets and trades: strongroom import gamma, import logs")
    plans = plans_of(folder, markets)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".arbitrage-", dir=out))
    try:
        _plan_table(plans.found).write_parquet(scratch / "plans.parquet")
        parts = WalletParts(scratch, rules, markets, plans, 1 + rows_of(folder) // part_rows)
        parts.deal(folder, progress)
        tasks = [_Part(scratch, number, rules.window) for number in range(parts.parts)]
        results: list[_Found] = []
        for task, found in each_result(_part_found, tasks, engine, workers, address):
            if isinstance(found, WorkerDied):
                raise Defect(f"the process of part {task.number} died ({found.why}): try again")
            results.append(found)
            progress("parts", len(results), len(tasks))
        if out is not None:
            _write_sets(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    left_out = parts.left_out
    if repeated := sum(each.repeated for each in results):
        left_out[TWICE] += repeated
    rows = [row for each in results for row in each.rows]
    study = ArbitrageStudy(
        rules,
        parts.read,
        dict(sorted(left_out.items())),
        dict(sorted(plans.without.items())),
        _totals(rows, 1, [kind.value for kind in ArbitrageKind]),
        _totals(rows, 0),
        folder.hashes(READ),
    )
    if out is not None:
        _wallet_table(study).write_csv(out / "wallets.csv")
    return study


def _plan_table(plans: Sequence[ArbitragePlan]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (n, p.kind.value, p.name, list(p.legs), list(p.extra), p.pays, p.settled)
            for n, p in enumerate(plans)
        ],
        schema={
            "plan": pl.Int64,
            "kind": pl.String,
            "name": pl.String,
            "legs": pl.List(pl.Int64),
            "extra": pl.List(pl.Int64),
            "pays": pl.Int64,
            "settled": pl.Boolean,
        },
        orient="row",
    )


def _part_found(task: _Part) -> _Found:
    """Match the trades of a part's wallets; write the sets beside it."""
    files = sorted(task.folder.glob(f"rows-{task.number}-*.parquet"))
    if not files:
        return _Found([], 0)
    rows = pl.concat([pl.read_parquet(each) for each in files])
    placed = pl.col("block").is_not_null() & pl.col("log").is_not_null()
    once = rows.filter(placed).unique(["wallet", "block", "log"], maintain_order=True)
    unplaced = rows.filter(~placed)
    repeated = len(rows) - len(once) - len(unplaced)
    rows = pl.concat([once, unplaced]).sort(
        "wallet", "clock", "log", nulls_last=True, maintain_order=True
    )
    found: list[tuple[str, ArbitrageSet]] = []
    for wallet, plans, own in _with_plans(task, rows):
        merges = [each for each in own if each.leg % len(LegAction) == LegAction.MERGE]
        made = list(sets_of(plans, own, task.window))
        found += [(wallet, each) for each in _merged(made, merges)]
    frame = _set_table(found)
    frame.write_parquet(task.folder / f"sets-{task.number:05d}.parquet")
    totals = frame.group_by("wallet", "kind", "settled").agg(
        pl.len().alias("sets"), pl.col("tokens").sum(), pl.col("profit").sum()
    )
    return _Found(totals.rows(), repeated)


def _with_plans(
    task: _Part, rows: pl.DataFrame
) -> Iterator[tuple[str, list[ArbitragePlan], list[Parcel]]]:
    """Yield each wallet that stands on every leg of a plan, with these plans and its parcels."""
    plans = pl.scan_parquet(task.folder / "plans.parquet")
    legs = plans.select("plan", pl.col("legs").list.len().alias("of"), pl.col("legs").alias("leg"))
    held = rows.select("wallet", "leg").unique().lazy()
    whole = (
        legs.explode("leg")
        .join(held, on="leg")
        .group_by("wallet", "plan")
        .agg(pl.len().alias("held"), pl.col("of").first())
        .filter(pl.col("held") == pl.col("of"))
        .select("wallet", "plan")
        .sort("wallet", "plan")
        .collect()
    )
    used = plans.join(whole.lazy().select("plan").unique(), on="plan", how="semi").collect()
    known = {
        number: ArbitragePlan(ArbitrageKind(kind), name, tuple(needs), pays, settled, tuple(extra))
        for number, kind, name, needs, extra, pays, settled in used.iter_rows()
    }
    chosen: dict[str, list[ArbitragePlan]] = {}
    for wallet, number in whole.iter_rows():
        chosen.setdefault(wallet, []).append(known[number])
    needed = whole.join(_legs_used(used), on="plan").select("wallet", "leg").unique()
    own = rows.join(needed, on=["wallet", "leg"], how="semi", maintain_order="left")
    columns = ("wallet", "clock", "at_ms", "leg", "tokens", "cost")
    for wallet, mine in groupby(own.select(columns).iter_rows(), key=itemgetter(0)):
        yield wallet, chosen[wallet], [Parcel(*row[1:]) for row in mine]


def _legs_used(plans: pl.DataFrame) -> pl.DataFrame:
    """Return plan and leg of all that matching a plan needs: merges of its market too."""
    merge = pl.col("legs").list.first() // len(LegAction) * len(LegAction) + LegAction.MERGE
    pair = pl.col("kind") == ArbitrageKind.BUY_BOTH.value
    legs = pl.concat_list("legs", "extra", pl.when(pair).then(pl.concat_list(merge)))
    every = pl.when(pair).then(legs).otherwise(pl.concat_list("legs", "extra"))
    return plans.select("plan", every.alias("leg")).explode("leg")


def _merged(made: Sequence[ArbitrageSet], merges: Sequence[Parcel]) -> Iterator[ArbitrageSet]:
    """Yield the sets; a pair of a market that is not resolved is paid where it was merged later."""
    for each in made:
        if each.plan.kind is ArbitrageKind.BUY_BOTH and not each.plan.settled:
            leg = leg_of(each.plan.legs[0] // len(LegAction), LegAction.MERGE)
            later = [m for m in merges if m.leg == leg and m.clock >= each.last and m.left]
            needed = each.tokens
            if sum(merge.left for merge in later) >= needed:
                for merge in later:
                    part = min(needed, merge.left)
                    merge.taken += part
                    needed -= part
                each = replace(each, plan=replace(each.plan, settled=True))
        yield each


def _set_table(found: Sequence[tuple[str, ArbitrageSet]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            (wallet, each.plan.kind.value, each.plan.name, each.first, each.last, each.at_ms,
             each.tokens, each.profit, each.plan.settled)
            for wallet, each in found
        ],
        schema={
            "wallet": pl.String, "kind": pl.String, "name": pl.String, "first": pl.Int64,
            "last": pl.Int64, "at_ms": pl.Int64, "tokens": pl.Int64, "profit": pl.Int64,
            "settled": pl.Boolean,
        },
        orient="row",
    )  # fmt: skip


def _write_sets(scratch: Path, out: Path) -> None:
    found = pl.scan_parquet(scratch / "sets-*.parquet")
    found.sort("wallet", "last", "first", "kind", "name").sink_parquet(out / "sets.parquet")


def _totals(
    rows: Sequence[tuple[str, str, bool, int, int, int]], by: int, order: Sequence[str] = ()
) -> tuple[ArbitrageTotal, ...]:
    """Return totals by a column; in an order, or by profit."""
    frame = pl.DataFrame(
        rows,
        schema={
            "wallet": pl.String, "kind": pl.String, "settled": pl.Boolean,
            "sets": pl.Int64, "tokens": pl.Int64, "profit": pl.Int64,
        },
        orient="row",
    )  # fmt: skip
    name = frame.columns[by]
    found = frame.group_by(pl.col(name).alias("name")).agg(
        pl.col("wallet").n_unique(),
        pl.col("sets").sum(),
        pl.col("tokens").sum(),
        pl.col("profit").filter("settled").sum(),
        pl.col("profit").filter(~pl.col("settled")).sum().alias("open"),
    )
    totals = [ArbitrageTotal(*row) for row in found.iter_rows()]
    if order:
        return tuple(sorted(totals, key=lambda each: order.index(each.name)))
    return tuple(sorted(totals, key=lambda each: (-each.profit, -each.open, each.name)))


def _wallet_table(study: ArbitrageStudy) -> pl.DataFrame:
    columns = ("wallet", *(each.name for each in fields(ArbitrageTotal)[2:]))
    rows = [(each.name, *astuple(each)[2:]) for each in study.wallets]
    return pl.DataFrame(rows, schema=list(columns), orient="row")


def show_arbitrage(study: ArbitrageStudy) -> None:
    """Print the study as text."""
    from rich import box
    from rich.table import Table as Printed

    from strongroom.screen import Screen

    screen = Screen()
    for title, rows in (
        ("Realised arbitrage, by what was done", study.kinds),
        (f"Wallets by profit, {SHOWN} of {len(study.wallets):,} at most", study.wallets[:SHOWN]),
    ):
        table = Printed(box=box.SIMPLE, title=title)
        for head in ("", "wallets", "sets", "tokens", "profit", "open"):
            table.add_column(head, justify="right" if head else "left", overflow="fold")
        for each in rows:
            units = (f"{amount / MICRO:,.2f}" for amount in (each.tokens, each.profit, each.open))
            table.add_row(each.name, f"{each.wallets:,}", f"{each.sets:,}", *units)
        screen.print(table)
    unit = "seconds" if study.rules.by_time else "blocks"
    screen.print(
        f"Profit {study.profit / MICRO:,.2f}; open: sets whose markets are not known to be "
        f"resolved. {study.read:,} rows, legs within {study.rules.window:,} {unit}."
    )
    for reason, count in (*study.left_out.items(), *study.without.items()):
        screen.print(f"left out: {reason}: {count:,}")
