"""Rows in the order of their times without having all of them in memory: sorted runs on disk, and
a merge that holds one chunk of each."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl

from strongroom.data.parquet_shape import check_count
from strongroom.data.schema import GROUP, BadData, Table, read_again, two_outcomes, write_table

RUN = 1_000_000  # rows that are sorted in memory, and of a file
PLACES = ("message", "block", "log")  # of a row in its source; another source counts otherwise
Chunks = Iterator[pl.DataFrame]
Parts = Sequence[pl.DataFrame]  # a stream each


def chunks_of(path: Path) -> Chunks:
    """Yield a Parquet file's rows, a row group at a time.

    Raises:
        BadData: it is damaged.
    """
    with read_again(path):
        lazy = pl.scan_parquet(path)
        rows = lazy.select(pl.len()).collect().item()
    for start in range(0, rows, GROUP):
        with read_again(path):
            part = lazy.slice(start, GROUP).collect()
        check_count(path, start + len(part), min(rows, start + GROUP))
        yield part


def merged(streams: Sequence[Chunks], join: Callable[[Parts], pl.DataFrame] = pl.concat) -> Chunks:
    """Yield the rows of streams that are each in order, in one order; where times are equal, an
    earlier stream's rows come first. All rows of one time come in one part.

    Args:
        join: makes one of the streams' rows of the same times
    """
    if len(streams) == 1:
        yield from streams[0]
        return
    first = {number: _next(each) for number, each in enumerate(streams)}
    heads = {number: head for number, head in first.items() if head is not None}
    open_ = set(heads)
    while open_:
        bound = min(_last(heads[number]) for number in open_)  # later rows may have this time
        ready = []
        for number, head in heads.items():
            early = head["at_ms"].search_sorted(bound, side="left")
            ready.append(head[:early])
            heads[number] = head[early:]
        for number in [each for each in open_ if _last(heads[each]) == bound]:
            more = _next(streams[number])
            if more is None:
                open_.remove(number)
            else:
                heads[number] = pl.concat([heads[number], more])
        if any(len(each) for each in ready):
            yield in_order(join(ready))
    if heads:
        yield in_order(join(list(heads.values())))


def counted_once(parts: Parts) -> pl.DataFrame:
    """Join rows of the same times from several imports: what two of them bring counts once. It is
    the same row if all but its place says the same; a row that one import has twice counts twice.
    """
    rows = [part for part in parts if not part.is_empty()]
    if len(rows) < 2:
        return pl.concat(parts)
    same = [name for name in rows[0].columns if name not in PLACES]
    nth = pl.int_range(pl.len()).over(same).alias("_nth")
    numbered = pl.concat([part.with_columns(nth) for part in rows])
    return numbered.unique([*same, "_nth"], keep="first", maintain_order=True).drop("_nth")


def messages_once(parts: Parts) -> pl.DataFrame:
    """Join rows of books of the same times from several imports, message by message: one that two
    of them bring counts once, others stay whole, one after the other. Of one token and time the
    import that has most comes first: where it has all that the others have, its order stands. Each
    import has its own numbers, so these are new.
    """
    rows = [part for part in parts if not part.is_empty()]
    if len(rows) < 2:
        return pl.concat(parts)
    told = pl.concat([part.with_columns(pl.lit(n).alias("_of")) for n, part in enumerate(rows)])
    shared = pl.col("_of").n_unique().over("at_ms", "token") > 1
    alone, both = told.filter(~shared).drop("_of"), told.filter(shared)
    level = pl.concat_str("snapshot", "side", "price", "size", separator=" ", ignore_nulls=True)
    message = ["_of", "at_ms", "token", "message"]
    says = level.sort().str.join(",").alias("_says")
    numbered = (
        both.group_by(message, maintain_order=True)
        .agg(says)
        .with_columns(
            pl.int_range(pl.len()).over("_of", "at_ms", "token", "_says").alias("_nth"),
            (-pl.len().cast(pl.Int64)).over("_of", "at_ms", "token").alias("_fewer"),
        )
    )
    ordered = numbered.sort("at_ms", "token", "_fewer", "_of", "message")
    once = ordered.unique(["at_ms", "token", "_says", "_nth"], keep="first", maintain_order=True)
    number = pl.int_range(pl.len(), dtype=pl.Int64).over("at_ms", "token")
    new = once.select(*message, number.alias("_new"))
    kept = both.join(new, on=message, maintain_order="left").with_columns(message="_new")
    return pl.concat([alone, kept.select(alone.columns)])


def _last(head: pl.DataFrame) -> int:
    return int(head["at_ms"][-1])


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows by their times, those of books also by the numbers of their messages."""
    keys = [name for name in ("at_ms", "message") if name in frame.columns]
    return frame.sort(keys, maintain_order=True)


def _next(stream: Chunks) -> pl.DataFrame | None:
    return next((each for each in stream if not each.is_empty()), None)


class TableWriter:
    """Takes rows in any order and writes them in order, into files of bounded size."""

    def __init__(self, folder: Path, table: Table) -> None:
        """Take the folder of the files, and of the runs until they are merged."""
        self._folder, self._table = folder, table
        self._held: list[pl.DataFrame] = []
        self._rows = 0
        self._runs: list[Path] = []
        self._files = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows of the table."""
        self._held.append(frame)
        self._rows += len(frame)
        if self._table.timed and self._rows >= RUN:
            self._end_run()

    def finish(self) -> None:
        """Write what was taken; no file where nothing was.

        Raises:
            BadData: of one market there are two different outcomes.
        """
        if not self._table.timed:
            if self._rows:
                self._write_whole(pl.concat(self._held))
            return
        if not self._runs:
            if self._rows:
                self._write(self._sorted())
            return
        self._end_run()
        waiting: list[pl.DataFrame] = []
        for part in merged([chunks_of(run) for run in self._runs]):
            waiting.append(part)
            if sum(map(len, waiting)) >= RUN:
                self._write(pl.concat(waiting))
                waiting = []
        if waiting:
            self._write(pl.concat(waiting))
        for run in self._runs:
            run.unlink()

    def _write_whole(self, frame: pl.DataFrame) -> None:
        if self._table is Table.OUTCOMES:
            differing = two_outcomes(frame)
            if not differing.is_empty():
                raise BadData(
                    f"{len(differing)} markets have two different outcomes, e.g. {differing[0]}: "
                    "correct them"
                )
        self._write(frame)

    def _sorted(self) -> pl.DataFrame:
        return in_order(pl.concat(self._held))

    def _end_run(self) -> None:
        if not self._rows:
            return
        run = self._folder / f".run-{self._table}-{len(self._runs):05d}.parquet"
        write_table(run, self._table, self._sorted())
        self._runs.append(run)
        self._held, self._rows = [], 0

    def _write(self, frame: pl.DataFrame) -> None:
        name = f"{self._table}-{self._files:05d}.parquet"
        write_table(self._folder / name, self._table, frame)
        self._files += 1
