"""A vectors' file, and what of it no player has looked at: no value is left out in silence."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
# words about a recording, none of which says what came out
SAYS = ("addresses", "comment", "date", "description", "directed", "forms", "gas", "gasPrice")
SAYS += ("group", "id", "keys", "note", "owner_1271", "seed", "source", "title")


class Unread(ValueError):
    """Something of a file has no player: the message names it."""


class Vectors:
    """A file's JSON, packed or not; remembers each place at which a value was taken.

    A place is a path without numbers and with `*` for each element of a list:
    `cases.*.action.do`.

    Attributes:
        found: the file's object
    """

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.taken: set[str] = set()
        given = json.loads(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
        if not isinstance(given, dict):
            raise Unread("the file holds no object")
        self.found: Json = _Object(given, "", self)
        self._all = set(_places(given, ""))

    def unread(self, left_out: tuple[str, ...]) -> list[str]:
        """Return the places that nobody took a value from, and empty lists of cases.

        Args:
            left_out: places that are not compared on purpose, with all below them
        """
        skipped = tuple(f"{each}." for each in left_out)
        found = []
        for place, empty in sorted(self._all):
            words = place.split(".")
            if words[0] in SAYS or words[-1] in SAYS or f"{place}.".startswith(skipped):
                continue
            if empty and (len(words) == 1 or words[-1] == "rows"):
                found.append(f"{place} is empty")
            elif not empty and place not in self.taken:
                found.append(f"{place} has no player")
        return found


def _places(given: Any, place: str) -> Iterator[tuple[str, bool]]:
    """Yield each place of a value, and of a list or object without any; whether it is one."""
    if isinstance(given, dict | list) and not given:
        yield place, True
    elif isinstance(given, dict):
        for key, value in given.items():
            yield from _places(value, f"{place}.{key}" if place else key)
    elif isinstance(given, list):
        for value in given:
            yield from _places(value, f"{place}.*")
    else:
        yield place, False


class _Object(dict[str, Any]):
    """An object of a file."""

    def __init__(self, given: Json, place: str, file: Vectors) -> None:
        super().__init__(
            {
                key: _wrapped(value, f"{place}.{key}" if place else key, file)
                for key, value in given.items()
            }
        )
        self._place, self._file = place, file

    def _take(self, key: str) -> None:
        if not isinstance(super().get(key), _Object | _List):
            self._file.taken.add(f"{self._place}.{key}" if self._place else key)

    def __getitem__(self, key: str) -> Any:
        self._take(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._take(key)
        return super().get(key, default)

    def __iter__(self) -> Iterator[str]:  # also makes dict(...) and ** go through __getitem__
        return super().__iter__()

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def values(self) -> Any:
        return [self[key] for key in self]

    def __or__(self, other: Any) -> Any:
        return dict(self.items()) | other

    def __eq__(self, other: object) -> bool:
        return dict(self.items()) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


class _List(list[Any]):
    """A list of a file; its elements are one place."""

    def __init__(self, given: list[Any], place: str, file: Vectors) -> None:
        super().__init__(_wrapped(each, f"{place}.*", file) for each in given)
        self._place, self._file = place, file

    def _take(self) -> None:
        self._file.taken |= {self._place, f"{self._place}.*"}

    def __iter__(self) -> Iterator[Any]:
        self._take()
        return super().__iter__()

    def __getitem__(self, at: Any) -> Any:
        self._take()
        return super().__getitem__(at)

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]


def _wrapped(given: Any, place: str, file: Vectors) -> Any:
    if isinstance(given, dict):
        return _Object(given, place, file)
    return _List(given, place, file) if isinstance(given, list) else given
