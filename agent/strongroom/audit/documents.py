"""Evidence documents: who they speak for, and the decisions that they reveal.

Their writer may be hostile: a document that cannot be read names no vault and explains no fill.
Only regular files of a stated size are opened, they are parsed in linear time, and one that is not
canonical JSON is none.
"""

import json
import os
import re
import sqlite3
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from strongroom.chain.ids import canonical, keccak, read_json
from strongroom.chain.units import WAD

LARGEST = 16 * 2**20  # bytes of a document: reading one takes at most a second or two
LONGEST = 120  # letters of a market's name
DIGITS = 78  # of a token's id
_PRICE = re.compile(r"[01](\.[0-9]{1,18})?")


@dataclass(frozen=True)
class RevealedLeg:
    """One order of a decision: `size` micro-tokens at `price` (10**-18) or better.

    Attributes:
        market: of the vault
        exchange: in lower case
        rests: it only makes: no fee
    """

    market: str
    token: int
    buys: bool
    price: int
    size: int
    exchange: str
    rests: bool


@dataclass(frozen=True)
class RevealedDecision:
    """A decision that a reported document reveals.

    Attributes:
        unwinds: what was bought too much of may be sold again
        at: number of the report, from 1
        legs: None where the record has none that can be read
    """

    time: int
    unwinds: bool
    at: int
    legs: tuple[RevealedLeg, ...] | None


@dataclass(frozen=True)
class FoundDocument:
    """A document's bytes; without them, why."""

    text: bytes | None
    why: str = ""


@dataclass(frozen=True)
class Document:
    """What a document says.

    Attributes:
        vault: in lower case; empty where the document cannot be read
        decisions: id -> time, whether it unwinds, and its legs
        names: market -> what its questions are called, by the word of whoever wrote it
    """

    vault: str = ""
    decisions: Mapping[bytes, RevealedDecision] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def read_document(text: bytes) -> Document:
    """Return what can be read of a document."""
    try:
        document = read_json(text)
        if not isinstance(document, dict) or canonical(document) != text:
            return Document()
        decisions: dict[bytes, RevealedDecision] = {}
        names: dict[str, str] = {}
        for record in document["decisions"]:
            time = record["time"]
            if isinstance(time, int) and 0 <= time < 2**63:
                unwinds = record.get("on_failure") == "unwind"
                decisions[keccak(canonical(record))] = RevealedDecision(
                    time, unwinds, 0, _legs(record.get("legs"))
                )
            for leg in record.get("legs", ()):
                market, name = str(leg["vault_market"]).lower(), str(leg["question"])
                names.setdefault(market, name.encode(errors="replace").decode()[:LONGEST])
        return Document(str(document["vault"]).lower(), decisions, names)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Document()


def _legs(found: object) -> tuple[RevealedLeg, ...] | None:
    """Read a record's legs; None where one is none."""
    if not isinstance(found, list):
        return None
    try:
        return tuple(
            RevealedLeg(
                str(leg["vault_market"]).lower(),
                _whole(leg["token"]),
                {"BUY": True, "SELL": False}[leg["side"]],
                _price(leg["price"]),
                _whole(leg["size"]),
                str(leg["exchange"]).lower(),
                leg["kind"] == "POST",
            )
            for leg in found
        )
    except (ValueError, KeyError, TypeError):
        return None


def _whole(value: object) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > DIGITS:
        raise ValueError(text[:20])
    return int(text)


def _price(value: object) -> int:
    """Read a price in [0, 1] as 10**-18."""
    if not isinstance(value, str) or not _PRICE.fullmatch(value):
        raise ValueError(value)
    whole, _, part = value.partition(".")
    return int(whole) * WAD + int(part.ljust(18, "0"))


def find_document(folder: Path, name: str) -> FoundDocument:
    """Return the bytes of the document of a hash: of a regular file that is not too large."""
    try:
        # without waiting: a pipe that nobody writes to would hold the audit up
        handle = os.open(folder / f"{name}.json", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return FoundDocument(None, "missing")
    except OSError as error:
        return FoundDocument(None, f"missing: {error.strerror}")
    kind = os.fstat(handle)
    if not stat.S_ISREG(kind.st_mode):
        os.close(handle)
        return FoundDocument(None, "missing: no regular file")
    with os.fdopen(handle, "rb") as file:
        text = file.read(LARGEST + 1) if kind.st_size <= LARGEST else b""
    if max(kind.st_size, len(text)) > LARGEST:
        return FoundDocument(None, f"missing: more than {LARGEST} bytes")
    return FoundDocument(text)


class Revealed:
    """Decisions and names of many documents, in a temporary file: history is long."""

    def __init__(self, folder: Path, hashes: Iterable[str]) -> None:
        """Read the documents of a folder whose hashes were reported; others count for nothing."""
        self._kept = sqlite3.connect("")
        self._kept.execute("CREATE TABLE decision (id BLOB PRIMARY KEY, known TEXT)")
        self.twice: list[tuple[int, str]] = []  # report and decision that an earlier one revealed
        self._kept.execute("CREATE TABLE market (id TEXT PRIMARY KEY, name TEXT)")
        for number, line in enumerate(hashes, start=1):
            text = find_document(folder, line).text
            if text is not None and "0x" + keccak(text).hex() == line:
                found = read_document(text)
                for identity, decision in found.decisions.items():
                    self._keep(identity, replace(decision, at=number))
                insert = "INSERT OR IGNORE INTO market VALUES (?, ?)"
                self._kept.executemany(insert, found.names.items())

    def _keep(self, identity: bytes, decision: RevealedDecision) -> None:
        known = json.dumps(asdict(decision))
        insert = "INSERT OR IGNORE INTO decision VALUES (?, ?)"
        if not self._kept.execute(insert, (identity, known)).rowcount:
            self.twice.append((decision.at, "0x" + identity.hex()))

    def decision(self, decision: str) -> RevealedDecision | None:
        """Return what a decision said, or None where no document has it."""
        asked = (bytes.fromhex(decision[2:]),)
        row = self._kept.execute("SELECT known FROM decision WHERE id = ?", asked).fetchone()
        if row is None:
            return None
        known = json.loads(row[0])
        legs = known.pop("legs")
        told = None if legs is None else tuple(RevealedLeg(**leg) for leg in legs)
        return RevealedDecision(**known, legs=told)

    def name(self, market: str) -> str | None:
        """Return what a market is called, or None where no document has it."""
        asked = (market.lower(),)
        row = self._kept.execute("SELECT name FROM market WHERE id = ?", asked).fetchone()
        return None if row is None else str(row[0])
