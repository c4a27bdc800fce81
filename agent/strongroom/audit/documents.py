"""Evidence documents: who they speak for, and the decisions that they reveal.

Their writer may be hostile: a document that cannot be read names no vault and explains no fill.
"""

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from strongroom.chain.ids import canonical, keccak

DEEPEST = 100  # nested brackets; ours have five
LONGEST = 120  # letters of a market's name
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKETS = re.compile(rb"[\[\]{}]")


@dataclass(frozen=True)
class Document:
    """What a document says.

    Attributes:
        vault: in lower case; empty where the document cannot be read
        decisions: id -> time
        names: market -> what its questions are called, by the word of whoever wrote it
    """

    vault: str = ""
    decisions: Mapping[bytes, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def read_document(text: bytes) -> Document:
    """Return what can be read of a document."""
    try:
        if _depth(text) > DEEPEST:
            return Document()
        document = json.loads(text)
        decisions: dict[bytes, int] = {}
        names: dict[str, str] = {}
        for record in document["decisions"]:
            time = record["time"]
            if isinstance(time, int) and 0 <= time < 2**63:
                decisions[keccak(canonical(record))] = time
            for leg in record.get("legs", ()):
                market, name = str(leg["vault_market"]).lower(), str(leg["question"])
                names.setdefault(market, name.encode(errors="replace").decode()[:LONGEST])
        return Document(str(document["vault"]).lower(), decisions, names)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Document()


def _depth(text: bytes) -> int:
    """Return how deep brackets nest: the parser recurses, and a deep one would end the process."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", text)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


class Revealed:
    """Decisions and names of many documents, in a temporary file: history is long."""

    def __init__(self, folder: Path, hashes: Iterable[str]) -> None:
        """Read the documents of a folder whose hashes were reported; others count for nothing."""
        self._kept = sqlite3.connect("")
        self._kept.execute("CREATE TABLE decision (id BLOB PRIMARY KEY, time INTEGER)")
        self._kept.execute("CREATE TABLE market (id TEXT PRIMARY KEY, name TEXT)")
        for line in hashes:
            path = folder / f"{line}.json"
            text = path.read_bytes() if path.exists() else b""
            if "0x" + keccak(text).hex() == line:
                found = read_document(text)
                insert = "INSERT OR IGNORE INTO {} VALUES (?, ?)"
                self._kept.executemany(insert.format("decision"), found.decisions.items())
                self._kept.executemany(insert.format("market"), found.names.items())

    def time(self, decision: str) -> int | None:
        """Return when a decision was made by its own word, or None where no document has it."""
        asked = (bytes.fromhex(decision[2:]),)
        row = self._kept.execute("SELECT time FROM decision WHERE id = ?", asked).fetchone()
        return None if row is None else int(row[0])

    def name(self, market: str) -> str | None:
        """Return what a market is called, or None where no document has it."""
        asked = (market.lower(),)
        row = self._kept.execute("SELECT name FROM market WHERE id = ?", asked).fetchone()
        return None if row is None else str(row[0])
