"""Files of rows, a part at a time: CSV and JSON (also gzipped), Parquet; text into times and
amounts."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TextIO, cast

import polars as pl

from strongroom.chain.ids import Json, read_json
from strongroom.chain.units import DAY, MICRO
from strongroom.data.parquet_shape import check_count, check_shape
from strongroom.data.schema import GROUP, MOST, BadData, OtherType, read_whole
from strongroom.foreign_text import plain

MS = 1_000  # in a second
MILLISECONDS = 10**11  # from here on a number counts milliseconds; below, seconds
LAST_OF_DAY = DAY * MS - 1  # ms after its midnight
FIRST_MS, LAST_MS = 946_684_800_000, 10**14  # 2000-01-01 to 5138: 20260101 is no time, nor year 1
LONGEST_DATE = 10  # letters; with an hour it has more
MOST_TEXT = 2**28  # characters of JSON that are read at once
MOST_ROW = 2**20  # bytes of a zipped CSV: a few kilobytes can be one row that fills the memory
MOST_COLUMNS = 200  # of a CSV: a row of commas takes a byte a column in a file, and a hundred here
MOST_NAMES = 200  # letters of a file's columns that are told
TWICE = "_duplicated_0"  # to a name that stands there again polars adds this
GZIP = b"\x1f\x8b"
NO_CSV = {  # what a file begins with that is none, whatever its name says: what it is, what to do
    b"PK\x03\x04": ("a ZIP archive", "unpack it"),
    b"BZh": ("packed by bzip2", "unpack it, or pack it by gzip"),
    b"\xfd7zXZ": ("packed by xz", "unpack it, or pack it by gzip"),
    b"\x28\xb5\x2f\xfd": ("packed by zstd", "unpack it, or pack it by gzip"),
    b"x\x01": ("packed by zlib", "unpack it, or pack it by gzip"),
    b"x\x9c": ("packed by zlib", "unpack it, or pack it by gzip"),
    b"x\xda": ("packed by zlib", "unpack it, or pack it by gzip"),
    b"PAR1": ("Parquet", "name it .parquet"),
    b"ARROW1": ("Arrow", "write it as Parquet"),
    b"\xff\xfe": ("text in UTF-16", "write it in UTF-8"),
    b"\xfe\xff": ("text in UTF-16", "write it in UTF-8"),
}
TOO_LONG = f"more than {MOST_TEXT:,} characters in one record"
_DATES = datetime(1, 1, 1), datetime(9999, 12, 31)
_FORMAT = "%Y-%m-%dT%H:%M:%S%.f%z"


def batches(path: Path, columns: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """Yield a file's rows, a part at a time. CSV columns are text; an empty cell is null.

    Args:
        columns: that it must have

    Raises:
        BadData: it cannot be read, or lacks a column.
    """
    try:
        with read_whole(path):
            yield from _parts(path, columns)
    except (pl.exceptions.PolarsError, OSError, EOFError, zlib.error) as error:
        words = plain(str(error).partition("\n")[0])
        raise BadData(f"{path}: cannot be read: {words}: give CSV or Parquet") from error


def _parts(path: Path, columns: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    rows = None
    if path.suffix == ".parquet":
        rows = check_shape(path).rows
    else:
        check_text(path)
    lazy = scan(path)
    known = lazy.collect_schema().names()
    missing = [name for name in columns if name not in known]
    if missing:
        has = plain(", ".join(known)[:MOST_NAMES])
        raise BadData(f"{path}: lacks columns: {', '.join(missing)}: it has {has}")
    for name in known:
        if name.removesuffix(TWICE) in known and name.endswith(TWICE):
            raise BadData(f"{path}: has a column twice: {plain(name.removesuffix(TWICE))}")
    read = 0
    for part in lazy.collect_batches(chunk_size=GROUP, maintain_order=True):
        _check_times(part, path)
        read += len(part)
        yield part
    if rows is not None:
        check_count(path, read, rows)


def check_text(path: Path) -> None:
    """Refuse what is no CSV, whatever its name says, and a zipped one that has a row without an
    end: raises BadData, or what reading raises."""
    with path.open("rb") as file:
        head = file.readline(MOST_ROW)
    is_packed = head.startswith(GZIP)
    if is_packed:
        with gzip.open(path) as packed:
            head = packed.readline(MOST_ROW)
    for magic, (what, cure) in NO_CSV.items():
        if head.startswith(magic):
            raise BadData(f"{path}: is no CSV but {what}: {'unpack it' if is_packed else cure}")
    if (columns := head.count(b",") + 1) > MOST_COLUMNS:
        raise BadData(f"{path}: has {columns:,} columns, allowed {MOST_COLUMNS}: is it damaged?")
    if is_packed:
        _check_rows(path)


def _check_rows(path: Path) -> None:
    """Refuse a zipped CSV in which a part as long as a row may be has no end of one."""
    in_quotes = False
    with gzip.open(path) as packed:
        while part := packed.read(MOST_ROW):
            texts = part.split(b'"')
            if len(part) == MOST_ROW and not any(b"\n" in each for each in texts[in_quotes::2]):
                raise BadData(f"{path}: has a row of more than {MOST_ROW:,} bytes: is it damaged?")
            in_quotes ^= len(texts) % 2 == 0


def _check_times(part: pl.DataFrame, path: Path) -> None:
    """Refuse dates that polars can hold and not write: its words for them end the process."""
    for column in part.select(pl.col(pl.Datetime("ms"))):
        if not column.is_between(_DATES[0], _DATES[1]).fill_null(True).all():
            raise BadData(f"{path}: {column.name} has dates of no calendar: is it damaged?")


def scan(path: Path) -> pl.LazyFrame:
    """Return a file's rows; Parquet by its name, everything else is CSV."""
    if path.suffix == ".parquet":
        return pl.scan_parquet(path)
    return pl.scan_csv(path, infer_schema=False)


def rows_of(path: Path) -> int:
    """Return how many rows a Parquet file has, 0 of a CSV: for progress.

    Raises:
        BadData: it is damaged.
    """
    if path.suffix != ".parquet":
        return 0
    return check_shape(path).rows


def time_ms(frame: pl.DataFrame, name: str) -> pl.Series:
    """Return a column of times in milliseconds of UTC; null: it is none.

    Times are dates, integers (seconds, or milliseconds from 10**11 on), or ISO 8601 text; text
    without a zone is UTC. A date alone is its last millisecond: nothing of that day was known, or
    over, before. What lies before 2000 is no time but another unit, or a blank.
    """
    column = frame[name]
    if column.dtype == pl.Date:
        return _inside(column.dt.epoch("ms") + LAST_OF_DAY)
    if column.dtype == pl.Datetime:
        return _inside(column.dt.epoch("ms"))
    if column.dtype == pl.String:
        numbers = column.cast(pl.Float64, strict=False)
        return _inside(_whole_ms(numbers).fill_null(_dates(column)))
    if column.dtype.is_temporal():  # of a day, or between two times
        return pl.Series(name, [None] * len(column), pl.Int64)
    return _inside(_whole_ms(column.cast(pl.Float64, strict=False)))


def _inside(times: pl.Series) -> pl.Series:
    ms = pl.col("ms")
    frame = pl.DataFrame({"ms": times})
    return frame.select(pl.when(ms.is_between(FIRST_MS, LAST_MS)).then(ms))["ms"]


def _whole_ms(numbers: pl.Series) -> pl.Series:
    counted = pl.when(pl.col("n") >= MILLISECONDS).then(pl.col("n")).otherwise(pl.col("n") * MS)
    frame = pl.DataFrame({"n": numbers}).select(counted.round().alias("ms"))
    return frame["ms"].cast(pl.Int64, strict=False)


def _dates(column: pl.Series) -> pl.Series:
    text = column.str.strip_chars().str.replace(" ", "T", literal=True).str.replace("Z$", "+00:00")
    frame = pl.DataFrame({"t": text}).with_columns(
        pl.when(pl.col("t").str.contains("T"))
        .then(pl.col("t"))
        .otherwise(pl.col("t") + "T23:59:59.999")
    )
    zoned = pl.col("t").str.contains(r"[+-]\d\d:?\d\d$")
    frame = frame.with_columns(
        pl.when(zoned).then(pl.col("t")).otherwise(pl.col("t") + "+00:00").alias("t")
    )
    return frame["t"].str.to_datetime(_FORMAT, strict=False).dt.epoch("ms")


def micro(frame: pl.DataFrame, name: str) -> pl.Series:
    """Return a column of amounts in units as integers of 10**-6, the nearest; null: it is none."""
    if frame[name].dtype.is_nested():
        raise OtherType(f"{name} has lists or structures, no numbers")
    units = frame[name].cast(pl.Float64, strict=False)
    return (units * MICRO).round().cast(pl.Int64, strict=False)


def cash_of(size: str = "size", price: str = "price") -> pl.Expr:
    """Return what so many micro-tokens cost at a price, micro-units, to the nearest: without the
    product, which has more than 64 bits from some 9 million tokens on."""
    whole, rest = pl.col(size) // MICRO, pl.col(size) % MICRO
    return whole * pl.col(price) + (rest * pl.col(price) / MICRO).round().cast(pl.Int64)


def text(frame: pl.DataFrame, name: str, otherwise: str | pl.Series = "") -> pl.Series:
    """Return a column as text; what is missing is `otherwise`."""
    if name not in frame.columns:
        if isinstance(otherwise, str):
            return pl.Series(name, [otherwise] * len(frame), pl.String)
        return otherwise
    return frame[name].cast(pl.String).fill_null(otherwise)


def json_records(path: Path, inside: Sequence[str] = ()) -> Iterator[Json]:
    """Yield the records of a JSON file, also gzipped: those of a list, of a list under one of the
    keys of an object, or one a line; a line that is no JSON is None.

    Raises:
        BadData: it cannot be read, or is no JSON.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(
            path, "rt", encoding="utf-8-sig"
        ) as opened:
            file = cast(TextIO, opened)
            first = _line(file)
            second = _line(file)
            whole = _json_or_none(first)
            if second.strip() and whole is not None:  # a record a line
                yield from _unpacked(whole, inside)
                for line in chain([second], iter(lambda: _line(file), "")):
                    if line.strip():
                        yield from _unpacked(_json_or_none(line), inside)
                return
            rest = file.read(MOST_TEXT)
            if len(rest) == MOST_TEXT:
                raise ValueError(TOO_LONG)
            yield from _unpacked(read_json(first + second + rest), inside)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise BadData(f"{path}: cannot be read: {error}: give JSON, or JSON lines") from error


def _line(file: TextIO) -> str:
    """Return the next line; a few kilobytes of a zipped file can be one that fills the memory."""
    line = file.readline(MOST_TEXT)
    if len(line) == MOST_TEXT:
        raise ValueError(TOO_LONG)
    return line


def _json_or_none(line: str) -> Json:
    try:
        return read_json(line)
    except ValueError:
        return None


def _unpacked(found: Json, inside: Sequence[str]) -> Iterator[Json]:
    if isinstance(found, dict):
        listed = next((found[key] for key in inside if isinstance(found.get(key), list)), [found])
        found = listed
    yield from found if isinstance(found, list) else [found]


def ms_of(value: Json, is_from: bool = False) -> int | None:
    """Return a time in milliseconds, as `time_ms` reads it; None: it is none.

    Args:
        is_from: whether a date alone is its first millisecond
    """
    if isinstance(value, bool) or value in (None, ""):
        return None
    try:
        number = float(str(value))
        found = number if number >= MILLISECONDS else number * MS
    except ValueError:
        text = str(value).strip()
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            return None
        found = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * MS
        if len(text) <= LONGEST_DATE and not is_from:
            found += LAST_OF_DAY
    return round(found) if FIRST_MS <= found <= LAST_MS else None


def micro_of(value: Json) -> int | None:
    """Return an amount in units as an integer of 10**-6, the nearest; None: it is none, or larger
    than any."""
    try:
        units = Decimal(str(value)) * MICRO
        return round(units) if units.is_finite() and abs(units) <= MOST else None
    except ArithmeticError:
        return None
