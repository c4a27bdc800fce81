"""How much a Parquet file unfolds to: known before anything of it is unpacked.

A few kilobytes can hold a billion equal rows, or a text of a gigabyte. The footer says how many
rows there are, and how large they are. It may say less than the pages hold: a reader then leaves
out the rest without a word. So it is held against the header of each page. Both are Thrift in its
compact protocol (https://github.com/apache/parquet-format); what they say of this is read here.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeAlias

from strongroom.data.schema import BadData

MAGIC = b"PAR1"
MOST_FOOTER = 2**26  # bytes
MOST_HEADER = 2**20  # bytes; a page's smallest and largest text stand in it
FIRST_READ = 256  # bytes of a header
DEEPEST = 16  # structures and lists in each other; a footer has fewer
TEXT = 6  # kind of a column
CELL = 8  # bytes of a value in memory, where it is no text
MOST_AT_ONCE = 2**30  # bytes of a row group in memory
MOST_ROWS_A_BYTE = 50  # rows whose times alone differ take more
HOW = "write it anew in smaller row groups, e.g. of 100,000 rows"

_Value: TypeAlias = "int | bytes | list[_Value] | dict[int, _Value] | None"
_Fields: TypeAlias = dict[int, _Value]  # of a structure, by number


@dataclass(frozen=True)
class RowGroup:
    """What is unpacked at once: rows, columns, bytes without compression.

    Attributes:
        size: the larger of what the footer says and what the pages do
        texts: bytes of texts that stand in a dictionary, for each row anew, all as long as the mean
    """

    rows: int
    columns: int
    size: int
    texts: int

    @property
    def in_memory(self) -> int:
        """Bytes, about."""
        return max(self.size, self.texts, self.rows * self.columns * CELL)


@dataclass(frozen=True)
class ParquetShape:
    """A file's bytes and row groups."""

    size: int
    groups: tuple[RowGroup, ...]

    @property
    def rows(self) -> int:
        """All of them."""
        return sum(group.rows for group in self.groups)


def check_shape(path: Path) -> ParquetShape:
    """Return what a file unfolds to.

    Raises:
        BadData: it is no Parquet file, or more than may be unpacked.
    """
    found = shape_of(path)
    largest = max((group.in_memory for group in found.groups), default=0)
    if largest > MOST_AT_ONCE:
        raise BadData(
            f"{path}: a row group takes {largest / 2**30:.1f} GiB of memory, allowed 1: {HOW}"
        )
    if found.rows > MOST_ROWS_A_BYTE * found.size:
        raise BadData(
            f"{path}: {found.rows:,} rows in {found.size:,} bytes: hardly anything in it differs; "
            "is it damaged?"
        )
    return found


def check_count(path: Path, read: int, rows: int) -> None:
    """Refuse a file of which fewer rows came than it has: polars may leave out without a word what
    is damaged.

    Raises:
        BadData: they differ.
    """
    if read != rows:
        raise BadData(
            f"{path}: {read:,} of {rows:,} rows can be read: it is damaged: write it anew"
        )


def shape_of(path: Path) -> ParquetShape:
    """Return a file's row groups.

    Raises:
        BadData: it is no Parquet file, or its pages hold another number of rows than it says.
    """
    try:
        about = path.stat()
        return _shape_once(path, about.st_mtime_ns, about.st_size)
    except BadData:
        raise
    except (OSError, IndexError, ValueError) as error:
        raise BadData(f"{path}: is no Parquet file, or damaged: import it again") from error


@lru_cache(4_096)
def _shape_once(path: Path, changed: int, size: int) -> ParquetShape:
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        end = file.read(8)
        length = int.from_bytes(end[:4], "little")
        if end[4:] != MAGIC or length > min(MOST_FOOTER, size - 12):
            raise ValueError("no footer")
        file.seek(size - 8 - length)
        footer = _Compact(file.read(length)).structure()
        found = ParquetShape(
            size, tuple(_group(_fields(each), file) for each in _listed(footer.get(4)))
        )
        if _count(footer, 3) != found.rows:
            raise ValueError(f"{found.rows} rows in all row groups")
    return found


def _group(group: _Fields, file: BinaryIO) -> RowGroup:
    """Return a row group, each column held against its pages."""
    rows, chunks, unpacked, texts = _count(group, 3), _listed(group.get(1)), 0, 0
    for each in chunks:
        about = _fields(_fields(each).get(3))
        values = _count(about, 5)
        in_pages, size, text = _pages(about, file)
        if values != in_pages or (len(_listed(about.get(3))) == 1 and values != rows):
            raise BadData(
                f"{file.name}: a row group has {rows:,} rows by its footer, and a column of it "
                f"{in_pages:,} values in its pages: write it anew"
            )
        unpacked += size
        texts += values * text
    return RowGroup(rows, len(chunks), max(_count(group, 2), unpacked), texts)


def _pages(about: _Fields, file: BinaryIO) -> tuple[int, int, int]:
    """Return the values of a column's pages, their bytes without compression, and the mean length
    of a dictionary's texts."""
    data, dictionary = (_count({0: about.get(each, 0)}, 0) for each in (9, 11))
    if data and dictionary > data:
        raise ValueError("a dictionary after its data")
    start = dictionary or data  # without rows there may be no data
    at, end, values, size, text = start, start + _count(about, 7), 0, 0, 0
    while at < end:
        header, length = _header(file, at)
        at += length + _count(header, 3)
        size += _count(header, 2)
        page = header.get(5) or header.get(8)  # the two forms; otherwise it is a dictionary
        if page is not None:
            values += _count(_fields(page), 1)
        elif about.get(1) == TEXT:
            text = _count(header, 2) // max(1, _count(_fields(header.get(7)), 1))
    return values, size, text


def _header(file: BinaryIO, at: int) -> tuple[_Fields, int]:
    """Return a page's header, and its length."""
    most = FIRST_READ
    while True:
        file.seek(at)
        found = file.read(most)
        try:
            return (reader := _Compact(found)).structure(), reader.read
        except (IndexError, ValueError):
            if len(found) < most or most >= MOST_HEADER:
                raise
            most *= 16


def _fields(value: _Value) -> _Fields:
    if not isinstance(value, dict):
        raise ValueError("no structure")
    return value


def _listed(value: _Value) -> list[_Value]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _count(of: _Fields, field: int) -> int:
    value = of.get(field)
    if not isinstance(value, int) or value < 0:
        raise ValueError("no count")
    return value


class _Compact:
    """Values of Thrift's compact protocol, one after the other."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    @property
    def read(self) -> int:
        """Bytes that were read."""
        return self._at

    def structure(self, depth: int = 0) -> _Fields:
        """Return the fields of a structure, by number."""
        found: _Fields = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            found[field] = int(kind == 1) if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> _Value:
        if depth > DEEPEST:
            raise ValueError("too deep")
        if kind in (1, 2, 3):  # in a list a truth is a byte
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self._unsigned())
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._unsigned()
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind == 12:
            return self.structure(depth + 1)
        raise ValueError("no kind that a footer has")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _bytes(self, count: int) -> bytes:
        self._at += count
        if self._at > len(self._data):
            raise ValueError("cut off")
        return self._data[self._at - count : self._at]

    def _unsigned(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("no number")

    def _signed(self) -> int:
        found = self._unsigned()
        return (found >> 1) ^ -(found & 1)
