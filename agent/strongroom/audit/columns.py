"""Words of the ABI, read fast: of many logs or calls at once, a column a field, or of one, by hand.

What is read here is what the ABI's own decoder reads. Where a word may mean something else there,
or nothing, this way gives up, and whoever asked goes the other way, which names what is wrong.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar, cast

WORD = 64  # hex digits
SIZE = 32  # bytes of a word
PARTS = 4  # of a word, 64 bits each
BITS = 64
PART = 512  # logs, whose text fits into a processor's cache
Column = Sequence[Any]
T = TypeVar("T")


def batched(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield items in parts that are small enough to be looked at many times while they are at hand:
    faster than where each look goes through all items."""
    for start in range(0, len(items), PART):
        yield items[start : start + PART]


def number_in(text: str) -> int:
    """Return the number that hex text is; raises TypeError or ValueError."""
    return int(text, 16)


def _text_of(digits: slice) -> Callable[[str], object]:
    """Return what reads a word's text."""
    return lambda word: "0x" + word[digits]


NUMBERS = frozenset(("uint8", "uint256"))
_DIGITS = {"address": (24, WORD), "bytes4": (0, 8), "bytes32": (0, WORD)}  # of a word, of a text
AS_TEXT: dict[str, Callable[[str], object]] = {  # of a word's 64 digits
    "bool": lambda word: word[-1] == "1",
    **{type_: _text_of(slice(*digits)) for type_, digits in _DIGITS.items()},
}
WORD_TYPES = NUMBERS | AS_TEXT.keys()
_FLAGS = frozenset((f"{0:064x}", f"{1:064x}"))


class Remembered(dict[Any, Any]):
    """Values by the text that they are read from: most texts come many times."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        """Take how a text is read."""
        super().__init__()
        self._read = read

    def __missing__(self, text: Any) -> Any:
        found = self[text] = self._read(text)
        return found


def word_columns(types: Sequence[str], texts: Sequence[str], start: int) -> list[Column]:
    """Return a column for each type.

    Args:
        types: of one word each, see WORD_TYPES
        texts: hex, all of the same types; the words begin behind `start` letters

    Raises:
        TypeError, ValueError: a text is of another length, or no hex.
    """
    if not {start + WORD * len(types)}.issuperset(map(len, texts)):
        raise ValueError("of another length")
    data = bytes.fromhex("".join(map(itemgetter(slice(start, None)), texts)))
    if len(data) != SIZE * len(types) * len(texts):
        raise ValueError("no hex")  # blanks
    parts = array("Q", data)
    if sys.byteorder == "little":
        parts.byteswap()
    columns: list[Column] = []
    for place, type_ in enumerate(types):
        if type_ in NUMBERS:
            columns.append(_numbers(parts, place, len(types)))
            continue
        at = start + WORD * place
        if type_ == "bool":
            words = [text[at : at + WORD] for text in texts]
            if not _FLAGS.issuperset(words):
                raise ValueError("neither true nor false")
            columns.append(list(map(AS_TEXT[type_], words)))
        else:
            digits = slice(*(at + digit for digit in _DIGITS[type_]))
            text_of = Remembered("0x".__add__)  # one object for each: addresses come many times
            columns.append(list(map(text_of.__getitem__, map(itemgetter(digits), texts))))
    return columns


def _numbers(parts: "array[int]", place: int, width: int) -> Column:
    """Return the numbers in one place of rows that are so many words wide."""
    first, step = PARTS * place, PARTS * width
    top, high, middle, low = (parts[first + part :: step] for part in range(PARTS))
    if _is_empty(top) and _is_empty(high):
        if _is_empty(middle):
            return low.tolist()
        return [m << BITS | n for m, n in zip(middle, low, strict=True)]
    return [
        ((t << BITS | h) << BITS | m) << BITS | n
        for t, h, m, n in zip(top, high, middle, low, strict=True)
    ]


def _is_empty(parts: "array[int]") -> bool:
    return parts.tobytes() == bytes(len(parts) * parts.itemsize)


def have_columns(types: Sequence[str]) -> bool:
    """Whether `value_columns` knows all types."""
    return WORD_TYPES.issuperset(types) or _shapes(tuple(types)) is not None


def value_columns(types: Sequence[str], texts: Sequence[str], start: int) -> Sequence[Column]:
    """Return a column for each type; arrays of words or of rows of words are tuples.

    Args:
        texts: see `word_columns`

    Raises:
        TypeError, ValueError: see `word_columns`, or `canonical_values` does not read a text.
    """
    if WORD_TYPES.issuperset(types):
        return word_columns(types, texts, start)
    places, rows = defaultdict[int, list[int]](list), dict[int, Sequence[Any]]()
    for place, text in enumerate(texts):
        places[len(text)].append(place)
    for there in places.values():
        found = _rows_of_one_length(tuple(types), [texts[each] for each in there], start)
        rows |= zip(there, found, strict=True)
    of_all = [rows[each] for each in range(len(texts))]
    return list(map(list, zip(*of_all, strict=True)))


def _rows_of_one_length(
    types: tuple[str, ...], texts: Sequence[str], start: int
) -> Sequence[Sequence[Any]]:
    """Return the values of each text; raises as `value_columns` does."""
    try:
        return list(zip(*_columns_of_one_layout(types, texts, start), strict=True))
    except ValueError:
        found = [canonical_values(types, bytes.fromhex(text[start:])) for text in texts]
        if None in found:
            raise
        return cast("list[Sequence[Any]]", found)


def _columns_of_one_layout(
    types: tuple[str, ...], texts: Sequence[str], start: int
) -> Iterator[Column]:
    """Yield a column for each type of texts whose arrays are as long as those of the first one:
    each word has its place.

    Raises:
        ValueError: one is of another layout, or there are other types.
    """
    shapes = _shapes(types)
    if shapes is None:
        raise ValueError("of other types")
    arrays = list(_arrays(shapes, texts[0], start))
    words = [_NUMBER if row else members[0] for row, members in shapes]
    for (row, members), there in zip(shapes, arrays, strict=True):
        words += [_NUMBER, *members * (len(there) // len(members))] if row else []
    columns = word_columns(words, texts, start)
    for column, (row, members), there in zip(columns, shapes, arrays, strict=False):
        if not row:
            yield column
            continue
        before, width = there.start - 1, len(members)
        is_alike = {SIZE * before}.issuperset(column)
        if not is_alike or not {len(there) // width}.issuperset(columns[before]):
            raise ValueError("of another layout")
        cells: Sequence[Iterable[Any]] = columns[there.start : there.stop]
        if row == _ROW:
            cells = [
                zip(*cells[at : at + width], strict=True) for at in range(0, len(there), width)
            ]
        yield list(zip(*cells, strict=True)) if cells else [()] * len(texts)


def _arrays(shapes: Sequence[tuple[str, Sequence[str]]], text: str, start: int) -> Iterator[range]:
    """Yield for each type the words of its array, behind the word that has its length; none where
    it is a word itself. Raises ValueError where the text is too short."""
    end = len(shapes)
    for row, members in shapes:
        if not row:
            yield range(0)
            continue
        count = number_in(text[start + WORD * end : start + WORD * (end + 1)])
        if count > len(text):
            raise ValueError("too short")
        first = end + 1
        end = first + count * len(members)
        yield range(first, end)


# one by hand


def canonical_values(types: tuple[str, ...], data: bytes) -> tuple[Any, ...] | None:
    """Return values of words, and of arrays of words or of rows of words, that stand in canonical
    order without gaps; None where they do not, or there are other types. Words are lower-case hex.
    """
    readers, values, tail = _readers(types), list[Any](), SIZE * len(types)
    if readers is None:
        return None
    for place, (row, read) in enumerate(readers):
        word = data[SIZE * place : SIZE * (place + 1)]
        if not row:
            value = read[0](word)
        elif int.from_bytes(word) != tail:
            return None
        else:
            begin, size = tail + SIZE, SIZE * len(read)
            tail = begin + size * int.from_bytes(data[tail:begin])
            if tail > len(data):
                return None
            words = [data[at : at + SIZE] for at in range(begin, tail, SIZE)]
            value = tuple(
                read[0](words[at]) if row == _SINGLE
                else tuple(one(each) for one, each in zip(read, words[at:], strict=False))
                for at in range(0, len(words), len(read))
            )  # fmt: skip
        values.append(value)
    return tuple(values) if tail == len(data) else None


_SINGLE, _ROW = "single", "row"
_NUMBER = "uint256"  # of an array's words, and of bytes in front of it
_OF_BYTES: dict[str, Callable[[bytes], Any]] = {
    "uint256": int.from_bytes,
    "bytes32": lambda word: "0x" + word.hex(),
}


@cache
def _readers(types: tuple[str, ...]) -> list[tuple[str, list[Callable[[bytes], Any]]]] | None:
    """Return for each type whether it is an array, and how its words are read; None: see
    `_shapes`."""
    shapes = _shapes(types)
    if shapes is None:
        return None
    return [(row, [_OF_BYTES[each] for each in members]) for row, members in shapes]


@cache
def _shapes(types: tuple[str, ...]) -> list[tuple[str, list[str]]] | None:
    """Return for each type whether it is an array, of single words or of rows, and the types of
    these words; None where one is of other types."""
    found = []
    for type_ in types:
        inner = type_.removesuffix("[]")
        members = inner[1:-1].split(",") if inner.startswith("(") else [inner]
        if not _OF_BYTES.keys() >= set(members) or (inner == type_ and inner.startswith("(")):
            return None
        row = "" if inner == type_ else _ROW if inner.startswith("(") else _SINGLE
        found.append((row, members))
    return found
