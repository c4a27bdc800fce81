"""One import: rows of a source become a folder of the schema, at once or not at all.

The folder's name has the hash of what was read and how, so the same import again finds that it is
there. Every row that was read is kept, or counted under the reason why it was not.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from strongroom.chain.ids import Json, JsonObject, canonical, keccak
from strongroom.data.folder import MANIFEST, hash_of, manifest
from strongroom.data.ordered import TableWriter
from strongroom.data.schema import (
    COLUMNS,
    GROUP,
    MOST,
    VERSION,
    BadData,
    OtherType,
    Table,
    checked,
    schema_of,
)
from strongroom.settings import only_one

Progress = Callable[[str, int, int], None]
Levels = Sequence[tuple[int, int]]  # price and size
Row = Mapping[str, str | int | bool | list[str] | None]  # column -> value


class NothingToImport(BadData):
    """No row of a source could be kept; the message has the reasons."""


@dataclass
class Intake:
    """Where a source puts its rows, and counts what it could not use.

    Attributes:
        read: rows of the source
        dropped, repaired: reason -> rows of the source
        kept: table -> rows
        progress: is called with what is read, how much of it is done, and how much there is
    """

    folder: Path
    progress: Progress = lambda what, done, of: None
    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    repaired: Counter[str] = field(default_factory=Counter)
    kept: Counter[Table] = field(default_factory=Counter)
    _writers: dict[Table, TableWriter] = field(default_factory=dict)
    _rows: dict[Table, list[Row]] = field(default_factory=dict)

    def add(self, table: Table, rows: pl.DataFrame) -> None:
        """Keep rows of a table; columns that are not given are null.

        Raises:
            BadData: they are not the table's.
        """
        if rows.is_empty():
            return
        frame = checked(table, rows)
        if table not in self._writers:
            self._writers[table] = TableWriter(self.folder, table)
        self._writers[table].add(frame)
        self.kept[table] += len(frame)

    def put(self, table: Table, row: Row) -> None:
        """Keep one row of a table; columns that are not given are null. What is larger than any
        amount is unknown, or its row is dropped where it must be known; both are counted."""
        for each in row.values():
            if type(each) is int and (each > MOST or each < -MOST):
                self._put_huge(table, row)
                return
        self._keep_row(table, row)

    def _put_huge(self, table: Table, row: Row) -> None:
        huge = [name for name, each in row.items() if type(each) is int and abs(each) > MOST]
        for name in huge:
            if not COLUMNS[table][name].nullable:
                self.dropped[f"{table}: {name} cannot be that"] += 1
                return
        for name in huge:
            row = {**row, name: None}
            self.repaired[f"{table}: {name} cannot be that, taken for unknown"] += 1
        self._keep_row(table, row)

    def _keep_row(self, table: Table, row: Row) -> None:
        waiting = self._rows.setdefault(table, [])
        waiting.append(row)
        if len(waiting) >= GROUP:
            self._flush(table)

    def put_book(self, at_ms: int, token: str, message: int, bids: Levels, asks: Levels) -> None:
        """Keep a whole book: a row a level, or one row where it is empty. One whose bid is above
        its ask is dropped: what is free in it nobody gave away."""
        if bids and asks and max(bids)[0] > min(asks)[0]:
            self.dropped["book: bid above ask"] += 1
            return
        about: Row = {"at_ms": at_ms, "token": token, "message": message, "snapshot": True}
        if not bids and not asks:
            self.put(Table.BOOKS, about)
        for side, levels in (("bid", bids), ("ask", asks)):
            for price, size in levels:
                self.put(Table.BOOKS, {**about, "side": side, "price": price, "size": size})

    def _flush(self, table: Table) -> None:
        rows = self._rows.pop(table, [])
        if rows:
            self.add(table, pl.DataFrame(rows, schema=schema_of(table)))

    def keep(self, frame: pl.DataFrame, reasons: Mapping[str, pl.Expr]) -> pl.DataFrame:
        """Count rows as read; return those that no reason speaks against: each of the others is
        counted under the first that does."""
        self.read += len(frame)
        why = pl.lit(None, pl.String)
        for reason, speaks in reversed(list(reasons.items())):
            why = pl.when(speaks.fill_null(True)).then(pl.lit(reason)).otherwise(why)
        told = frame.with_columns(why.alias("_why"))
        for reason, count in told["_why"].drop_nulls().value_counts().iter_rows():
            self.dropped[reason] += count
        return told.filter(pl.col("_why").is_null()).drop("_why")

    def count_unread(self, what: str, given: pl.Series, found: pl.Series) -> None:
        """Count the values of a column in which something stands that could not be read."""
        stands = given.cast(pl.String).str.strip_chars().fill_null("") != ""
        if count := int((stands & found.is_null()).sum()):
            self.repaired[f"{what} cannot be read, taken for unknown"] += count

    def finish(self) -> None:
        """Write what is held."""
        for table in list(self._rows):
            self._flush(table)
        for writer in self._writers.values():
            writer.finish()


@dataclass(frozen=True)
class ImportResult:
    """What an import has read, kept and dropped.

    Attributes:
        folder: of the import
        before: whether it was there already
        inputs: name -> SHA-256
        dropped, repaired: reason -> rows of the source
        kept: table -> rows
    """

    source: str
    folder: Path
    before: bool
    inputs: Mapping[str, str]
    read: int
    kept: Mapping[str, int]
    dropped: Mapping[str, int]
    repaired: Mapping[str, int]

    def document(self) -> JsonObject:
        """Return it as JSON takes it."""
        return {
            "source": self.source,
            "folder": str(self.folder),
            "before": self.before,
            "inputs": dict(self.inputs),
            "read": self.read,
            "kept": dict(self.kept),
            "dropped": dict(self.dropped),
            "repaired": dict(self.repaired),
        }


def run_import(
    source: str,
    inputs: Sequence[Path],
    options: JsonObject,
    to: Path,
    take: Callable[[Intake], None],
    progress: Progress = lambda what, done, of: None,
) -> ImportResult:
    """Import a source into a data folder.

    Args:
        inputs: files that it reads; their hashes are kept
        options: what else decides what it reads; kept
        take: reads them into the intake

    Raises:
        BadData: an input cannot be read, or nothing in it could be kept; nothing is written.
        AlreadyRuns: another import writes into the folder.
    """
    hashes = _hashes(inputs, progress)
    about: JsonObject = {"source": source, "schema": VERSION, "inputs": hashes, "options": options}
    folder = to / f"{source}-{keccak(canonical(about)).hex()[:12]}"
    with only_one(to / ".lock", f"an import into {to}"):
        if folder.exists():
            return _result(folder, before=True)
        for dead in filter(_is_draft, to.iterdir()):  # of imports that were killed
            shutil.rmtree(dead)
        draft = to / f".{folder.name}"
        draft.mkdir()
        try:
            intake = Intake(draft, progress)
            try:
                take(intake)
            except (pl.exceptions.PolarsError, OtherType) as error:
                words = str(error).partition("\n")[0]
                raise BadData(
                    f"{source}: a column is of another type ({words}): see strongroom import "
                    f"{source} --help"
                ) from error
            intake.finish()
            if not sum(intake.kept.values()):
                raise NothingToImport(_nothing(source, intake))
            counts: dict[str, Json] = {
                "read": intake.read,
                "kept": {table.value: count for table, count in sorted(intake.kept.items())},
                "dropped": dict(sorted(intake.dropped.items())),
                "repaired": dict(sorted(intake.repaired.items())),
            }
            text = json.dumps({**about, **counts}, indent=1, sort_keys=True) + "\n"
            (draft / MANIFEST).write_text(text)
            draft.replace(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return _result(folder, before=False)


def _is_draft(path: Path) -> bool:
    return re.fullmatch(r"\.[a-z]+-[0-9a-f]{12}", path.name) is not None


def _hashes(inputs: Sequence[Path], progress: Progress) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for done, path in enumerate(inputs):
        progress("hashes of the input", done, len(inputs))
        try:
            found[str(path) if path.name in found else path.name] = hash_of(path)
        except OSError as error:
            raise BadData(f"{path}: cannot be read ({error.strerror}): name a file") from error
    progress("hashes of the input", len(inputs), len(inputs))
    return found


def _nothing(source: str, intake: Intake) -> str:
    why = ", ".join(f"{reason} {count:,}" for reason, count in intake.dropped.most_common(5))
    return f"{source}: none of {intake.read:,} rows could be kept ({why or 'there are none'})"


def _result(folder: Path, before: bool) -> ImportResult:
    kept = manifest(folder)
    return ImportResult(
        kept.source, folder, before, kept.inputs, kept.read, kept.kept, kept.dropped, kept.repaired
    )
