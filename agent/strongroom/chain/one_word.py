"""ABI values of one word each, as eth_abi reads and writes them, in a tenth of the time; and lists
of rows of such words, e.g. a report's marks, as it writes them.

Most of what a keeper asks a vault is numbers, flags and ids. What is not exactly that is None here,
and eth_abi's to judge: another type of several words, a word with bits too many, data that are too
short.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from strongroom.chain.ids import to_bytes, to_hex

WORD = 32  # bytes
_Write = Callable[[object], bytes]


class _NotPlain(Exception):
    """A word that eth_abi is to judge."""


class WordTypes:
    """A list of ABI types."""

    def __init__(self, types: Sequence[str]) -> None:
        readers, writers = [_reader(each) for each in types], [_writer(each) for each in types]
        self._rows = {place: rows for place, each in enumerate(types) if (rows := _row(each))}
        for place in self._rows:
            writers[place] = _write_nothing
        self._readers = [each for each in readers if each is not None]
        self._writers = [each for each in writers if each is not None]
        self._reads = len(self._readers) == len(types)
        self._writes = len(self._writers) == len(types)
        self._ends = [WORD * place for place in range(len(types) + 1)]

    def read(self, data: bytes) -> tuple[Any, ...] | None:
        """Return the values that data begin with; None: eth_abi is to read them."""
        if not self._reads or len(data) < self._ends[-1]:
            return None
        try:
            return tuple(
                [
                    read(data[start : start + WORD])
                    for start, read in zip(self._ends, self._readers, strict=False)
                ]
            )
        except _NotPlain:
            return None

    def write(self, values: Sequence[object]) -> bytes | None:
        """Return the encoding of as many values; None: eth_abi is to write them."""
        if not self._writes:
            return None
        try:
            pairs = zip(self._writers, values, strict=True)
            if not self._rows:
                return b"".join([write(value) for write, value in pairs])
            heads, tails, end = list[bytes](), list[bytes](), WORD * len(values)
            for place, (write, value) in enumerate(pairs):
                if place in self._rows:
                    heads.append(_write_number(256, end))
                    tails.append(_write_rows(self._rows[place], value))
                    end += len(tails[-1])
                else:
                    heads.append(write(value))
            return b"".join([*heads, *tails])
        except _NotPlain:
            return None


def _reader(kind: str) -> Callable[[bytes], Any] | None:
    bits = _bits(kind)
    if bits:
        return partial(_read_number, bits)
    return {"address": _read_address, "bool": _read_flag, "bytes32": to_hex}.get(kind)


def _writer(kind: str) -> _Write | None:
    """Return what writes a type; not an address, whose checksum eth_abi checks."""
    bits = _bits(kind)
    if bits:
        return partial(_write_number, bits)
    return _write_id if kind == "bytes32" else None


def _row(kind: str) -> list[_Write] | None:
    """Return what writes a row of a list of rows of words; None: the type is another."""
    if not (kind.startswith("(") and kind.endswith(")[]")):
        return None
    writers = [_writer(each) for each in kind[1:-3].split(",")]
    return None if None in writers else [each for each in writers if each is not None]


def _write_rows(row: list[_Write], value: object) -> bytes:
    if not isinstance(value, (list, tuple)):
        raise _NotPlain
    words = [_write_number(256, len(value))]
    for each in value:
        if not isinstance(each, (list, tuple)) or len(each) != len(row):
            raise _NotPlain
        words += [write(part) for write, part in zip(row, each, strict=True)]
    return b"".join(words)


def _write_nothing(value: object) -> bytes:
    return b""


def _bits(kind: str) -> int:
    """Return the bits of an unsigned integer; 0: it is none."""
    size = kind.removeprefix("uint")
    return int(size) if kind.startswith("uint") and size.isdigit() else 0


def _read_number(bits: int, word: bytes) -> int:
    value = int.from_bytes(word, "big")
    if value >> bits:
        raise _NotPlain
    return value


def _read_address(word: bytes) -> str:
    if any(word[:12]):
        raise _NotPlain
    return to_hex(word[12:])


def _read_flag(word: bytes) -> bool:
    return bool(_read_number(1, word))


def _write_number(bits: int, value: object) -> bytes:
    if type(value) is not int or value < 0 or value >> bits:
        raise _NotPlain
    return value.to_bytes(WORD, "big")


def _write_id(value: object) -> bytes:
    if not isinstance(value, str):
        raise _NotPlain
    try:
        data = to_bytes(value)
    except ValueError:
        raise _NotPlain from None
    if len(data) != WORD:
        raise _NotPlain
    return data
