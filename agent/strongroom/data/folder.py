"""A folder of recorded data: imports, a folder each, read together as the schema's tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from importlib.resources import files
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import JsonValue, TypeAdapter, ValidationError

from strongroom.data.ordered import Chunks, chunks_of, counted_once, merged, messages_once
from strongroom.data.parquet_shape import check_shape
from strongroom.data.schema import (
    GROUP,
    ONE_ROW,
    BadData,
    Table,
    check_file,
    read_again,
    schema_of,
    two_outcomes,
)

MANIFEST = "import.json"  # of each import; written last
FIRST_TOLD = ("ends_ms", "tick", "rules")  # they change as a market nears its result
Engine = Literal["auto", "streaming"]
PACKAGED = Path(str(files("strongroom"))) / "data" / "packaged"  # weekly stock ladders


@dataclass(frozen=True)
class Manifest:
    """What an import keeps of itself: what it read and how, and what became of the rows."""

    source: str
    schema: str
    inputs: Mapping[str, str]  # name -> SHA-256
    options: Mapping[str, JsonValue]
    read: int
    kept: Mapping[str, int]
    dropped: Mapping[str, int]
    repaired: Mapping[str, int]


_MANIFEST = TypeAdapter(Manifest)


@dataclass(frozen=True)
class DataFolder:
    """Opened data.

    Attributes:
        imports: their folders, by name
    """

    path: Path
    imports: tuple[Path, ...]

    def files(self, table: Table) -> list[Path]:
        """Return a table's files, import by import, in the order of time within one."""
        return [path for each in self.imports for path in sorted(each.glob(f"{table}-*.parquet"))]

    def table(self, table: Table) -> pl.LazyFrame:
        """Return a table; nothing is read yet (`read` does). Rows are in order within each import
        only; what several imports bring is there several times."""
        found = self.files(table)
        return pl.scan_parquet(found) if found else pl.LazyFrame(schema=schema_of(table))

    def read(self, rows: pl.LazyFrame, engine: Engine = "auto") -> pl.DataFrame:
        """Return rows that are made of these tables.

        Raises:
            BadData: a file is damaged.
        """
        try:
            with read_again(self.path):
                return rows.collect(engine=engine)
        except BadData:
            for path in (each for table in Table for each in self.files(table)):
                for _ in chunks_of(path):  # the damaged one raises with its own name
                    pass
            raise

    def chunks(self, table: Table) -> Chunks:
        """Yield a timed table's rows in the order of time: memory does not grow with them. What
        several imports bring counts once."""
        streams = []
        for each in self.imports:
            found = sorted(each.glob(f"{table}-*.parquet"))
            if found:
                streams.append(_one_after_another(found))
        if streams:
            yield from merged(streams, messages_once if table is Table.BOOKS else counted_once)

    def markets(self) -> pl.DataFrame:
        """Return the markets, one row each: of several descriptions the newest, with the end, tick
        and rules of the first. What was changed later nobody knew before."""
        key = ONE_ROW[Table.MARKETS]
        rows = self.table(Table.MARKETS).sort("seen_ms", nulls_last=False, maintain_order=True)
        rows = rows.with_columns(pl.col(*FIRST_TOLD).drop_nulls().first().over(key))
        return self.read(rows.unique(key, keep="last", maintain_order=True))

    def outcomes(self) -> pl.DataFrame:
        """Return the outcomes, one row a market: of several that agree one with its time.

        Raises:
            BadData: two imports say different things of one market.
        """
        rows = self.read(self.table(Table.OUTCOMES).sort("resolved_ms", nulls_last=True))
        differing = two_outcomes(rows)
        if not differing.is_empty():
            raise BadData(
                f"{self.path}: {len(differing)} markets have two different outcomes, e.g. "
                f"{differing[0]}: remove the import that is wrong"
            )
        return rows.unique("market", keep="first", maintain_order=True)

    def rewards(self) -> pl.DataFrame:
        """Return what resting orders are paid, a row a pool: of a market's descriptions the
        newest."""
        seen = pl.col("seen_ms").fill_null(-1)
        rows = self.table(Table.REWARDS).filter(seen == seen.max().over("market"))
        return self.read(rows.unique(["market", "pool"], keep="last", maintain_order=True))

    def hashes(self, tables: Iterable[Table]) -> dict[str, str]:
        """Return the SHA-256 of the tables' files, by import and name."""
        found = sorted(path for table in tables for path in self.files(table))
        return {f"{path.parent.name}/{path.name}": _hash(path) for path in found}


def open_folder(path: Path) -> DataFolder:
    """Return the data of a folder that `strongroom import` has written.

    Raises:
        BadData: there is none, or a file is not of this schema.
    """
    imports = tuple(sorted(each.parent for each in path.glob(f"*/{MANIFEST}")))
    if not imports:
        raise BadData(f"{path}: holds no imported data: run strongroom import SOURCE --to {path}")
    folder = DataFolder(path, imports)
    for table in Table:
        for file in folder.files(table):
            check_file(file, table)
            _check_rows(file, table)
    return folder


def _check_rows(file: Path, table: Table) -> None:
    """Refuse what no import writes, and what would not fit into memory."""
    shape = check_shape(file)
    if any(group.rows > GROUP for group in shape.groups):
        raise BadData(f"{file}: has row groups of more than {GROUP:,} rows: import it again")
    if not table.timed and shape.rows > shape.size:
        raise BadData(
            f"{file}: {shape.rows:,} rows in {shape.size:,} bytes: each row of {table} has a name "
            "of its own; is it damaged? import it again"
        )


def packaged() -> DataFolder:
    """Return the weekly stock ladders that come with the package (PROVENANCE.md beside them)."""
    return open_folder(PACKAGED)


def manifest(folder: Path) -> Manifest:
    """Return what an import has kept of itself.

    Raises:
        BadData: it cannot be read.
    """
    try:
        return _MANIFEST.validate_json((folder / MANIFEST).read_bytes())
    except (ValidationError, OSError) as error:
        raise BadData(
            f"{folder / MANIFEST}: cannot be read: remove the folder, import again"
        ) from error


def hash_of(path: Path) -> str:
    """Return a file's SHA-256."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@lru_cache(4_096)
def _hash_once(path: Path, changed: int, size: int) -> str:
    return hash_of(path)


def _hash(path: Path) -> str:
    about = path.stat()
    return _hash_once(path, about.st_mtime_ns, about.st_size)


def _one_after_another(paths: Iterable[Path]) -> Chunks:
    for path in paths:
        yield from chunks_of(path)
