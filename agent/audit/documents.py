"""Evidence documents: who they speak for, and the decisions that they reveal.

Their writer may be hostile: a document that cannot be read names no vault and explains no fill.
"""

import json
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from agent.ids import canonical, keccak

DEEPEST = 100  # nested brackets; ours have five
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")


def read_document(text: bytes) -> tuple[str, dict[bytes, int]]:
    """Return the vault that a document names, in lower case, and its decisions: id -> time."""
    try:
        if _depth(text) > DEEPEST:
            return "", {}
        document, found = json.loads(text), {}
        for record in document["decisions"]:
            time = record["time"]
            if isinstance(time, int) and 0 <= time < 2**63:
                found[keccak(canonical(record))] = time
        return str(document["vault"]).lower(), found
    except (ValueError, KeyError, TypeError):
        return "", {}


def _depth(text: bytes) -> int:
    """Return how deep brackets nest: the parser recurses, and a deep one would end the process."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class Revealed:
    """The decisions of many documents, in a temporary file: history is long."""

    def __init__(self, folder: Path, hashes: Iterable[str]) -> None:
        """Read the documents of a folder whose hashes were reported; others count for nothing."""
        self._kept = sqlite3.connect("")
        self._kept.execute("CREATE TABLE decision (id BLOB PRIMARY KEY, time INTEGER)")
        for line in hashes:
            path = folder / f"{line}.json"
            text = path.read_bytes() if path.exists() else b""
            if "0x" + keccak(text).hex() == line:
                rows = read_document(text)[1].items()
                self._kept.executemany("INSERT OR IGNORE INTO decision VALUES (?, ?)", rows)

    def time(self, decision: str) -> int | None:
        """Return when a decision was made by its own word, or None where no document has it."""
        asked = (bytes.fromhex(decision[2:]),)
        row = self._kept.execute("SELECT time FROM decision WHERE id = ?", asked).fetchone()
        return None if row is None else int(row[0])
