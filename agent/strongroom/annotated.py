"""TOML with a word on each key: the first file of somebody who has never seen one."""

from collections.abc import Iterator, Mapping, Sequence

import tomli_w

from strongroom.chain.ids import Json, JsonObject
from strongroom.foreign_text import plain

COLUMN = 36  # where the words on a key begin, if the key is not longer


def annotated(document: JsonObject, notes: Mapping[str, str], first: Sequence[str] = ()) -> str:
    """Return a document as TOML with comments.

    Args:
        notes: by the key's place, e.g. "chain.rpc_url"; entries of a list have their list's place
        first: lines of the comment at the top
    """
    head = [f"# {plain(line)}" for line in first] + ([""] if first else [])
    return "\n".join([*head, *_table(document, "", notes)]).rstrip("\n") + "\n"


def _table(table: JsonObject, place: str, notes: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a table: its own keys, then the tables inside."""
    inside: list[tuple[str, str, Sequence[JsonObject]]] = []
    for key, value in table.items():
        name = f"{place}{key}"
        if isinstance(value, Mapping):
            inside.append((f"[{_path(name)}]", name, [value]))
        elif tables := _tables_in(value):
            inside.append((f"[[{_path(name)}]]", name, tables))
        else:
            yield _noted(f"{_key(key)} = {_value(value)}", notes.get(name))
    for head, name, tables in inside:
        for each in tables:
            yield ""
            yield _noted(head, notes.get(name))
            yield from _table(each, f"{name}.", notes)


def _noted(line: str, words: str | None) -> str:
    return f"{line:{COLUMN - 2}}  # {words}" if words else line


def _tables_in(value: Json) -> Sequence[JsonObject]:
    """Return the tables of a list of nothing else; empty where it is none."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return ()
    tables = [each for each in value if isinstance(each, Mapping)]
    return tables if len(tables) == len(value) else ()


def _path(place: str) -> str:
    return ".".join(_key(each) for each in place.split("."))


def _key(key: str) -> str:
    return tomli_w.dumps({key: 0}).removesuffix(" = 0\n")


def _value(value: Json) -> str:
    """Return a value in one line."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(_value(each) for each in value)}]"
    return tomli_w.dumps({"k": value}).removeprefix("k = ").removesuffix("\n")
