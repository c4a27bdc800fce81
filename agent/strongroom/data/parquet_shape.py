"""How much a Parquet file unfolds to, by its footer: known before anything of it is unpacked.

A few kilobytes can hold a billion equal rows, or a text of a gigabyte. The footer is Thrift in its
compact protocol (https://github.com/apache/parquet-format); three of its numbers are read here. It
is believed: a footer that says less than the pages hold is not found out.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from strongroom.data.schema import BadData

MAGIC = b"PAR1"
MOST_FOOTER = 2**26  # bytes
DEEPEST = 16  # structures and lists in each other; a footer has fewer
CELL = 8  # bytes of a value in memory, where it is no text
MOST_AT_ONCE = 2**30  # bytes of a row group in memory
MOST_ROWS_A_BYTE = 50  # rows whose times alone differ take more
HOW = "write it anew in smaller row groups, e.g. of 100,000 rows"

_Value: TypeAlias = "int | bytes | list[_Value] | dict[int, _Value] | None"


@dataclass(frozen=True)
class RowGroup:
    """What is unpacked at once: rows, columns, bytes without compression."""

    rows: int
    columns: int
    size: int

    @property
    def in_memory(self) -> int:
        """Bytes, about."""
        return max(self.size, self.rows * self.columns * CELL)


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


def shape_of(path: Path) -> ParquetShape:
    """Return a file's row groups.

    Raises:
        BadData: it is no Parquet file.
    """
    try:
        about = path.stat()
        return _shape_once(path, about.st_mtime_ns, about.st_size)
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
    groups = []
    for each in _listed(footer.get(4)):
        if not isinstance(each, dict):
            raise ValueError("no row group")
        groups.append(RowGroup(_count(each, 3), len(_listed(each.get(1))), _count(each, 2)))
    return ParquetShape(size, tuple(groups))


def _listed(value: _Value) -> list[_Value]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _count(of: dict[int, _Value], field: int) -> int:
    value = of.get(field)
    if not isinstance(value, int) or value < 0:
        raise ValueError("no count")
    return value


class _Compact:
    """Values of Thrift's compact protocol, one after the other."""

    def __init__(self, data: bytes):
        self._data, self._at = data, 0

    def structure(self, depth: int = 0) -> dict[int, _Value]:
        """Return the fields of a structure, by number."""
        found: dict[int, _Value] = {}
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
