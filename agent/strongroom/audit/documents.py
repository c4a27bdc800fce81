"""Evidence documents: who they speak for, and the decisions that they reveal.

Their writer may be hostile: a document that cannot be read names no vault and explains no fill.
They are of a stated size (chain/document_size.py) and parsed in linear time, and one that is not
canonical JSON is none. Nor is one with more records than a report reveals
(chain/decision_records.py). What it says is kept in a temporary file, its names cut: memory does
not grow with what is written.
"""

import gc
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace

from strongroom.audit.availability import (
    EvidencePlaces,
    EvidenceState,
    ReportAvailability,
)
from strongroom.audit.events import Reported
from strongroom.chain.decision_records import MOST_RECORDS, records_in
from strongroom.chain.document_size import MOST_OF_DOCUMENT, size_of
from strongroom.chain.ids import Json, canonical, keccak, read_json, to_hex
from strongroom.chain.places import FoundDocument, Presence
from strongroom.chain.units import WAD
from strongroom.foreign_text import plain

AT_ONCE = 100  # transactions asked for
LATEST = 2**37  # timestamp of a date that can be
LONGEST = 120  # letters of a name that are kept; of no address or id
DIGITS = 78  # of a token's id
MOST_LEGS = 1_000  # of a record: all are read for each of its fills
MOST_NAMED = 1_000  # decisions that are revealed wrongly in one way; of others the number
DOCUMENT = "evidence document"
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
        reveal_by: timestamp by which it says that it is revealed; 0: the next report does
        vault: whose it is, in lower case; "": it does not say
    """

    time: int
    unwinds: bool
    at: int
    legs: tuple[RevealedLeg, ...] | None
    reveal_by: int = 0
    vault: str = ""


@dataclass(frozen=True)
class Withheld:
    """A decision of which a reported document says that its record comes later.

    Attributes:
        reveal_by: timestamp
        at: number of the report, from 1; of the first that says so
    """

    decision: str
    reveal_by: int
    at: int


@dataclass(frozen=True)
class Document:
    """What a document says.

    Attributes:
        vault: in lower case; empty where the document cannot be read
        decisions: id -> time, whether it unwinds, and its legs
        names: market -> what its questions are called, by the word of whoever wrote it
        withheld: id -> timestamp by which a report reveals it
    """

    vault: str = ""
    decisions: Mapping[bytes, RevealedDecision] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    withheld: Mapping[bytes, int] = field(default_factory=dict)


def read_document(text: bytes) -> Document:
    """Return what can be read of a document."""
    if not size_of(text).is_within(MOST_OF_DOCUMENT):
        return Document()
    with _uncollected():
        return _read_document(text)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector off: JSON refers to nothing in a circle, and half of a large
    document's time would go into going through it again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_document(text: bytes) -> Document:
    try:
        document = read_json(text)
        if not isinstance(document, dict) or canonical(document) != text:
            return Document()
        decisions: dict[bytes, RevealedDecision] = {}
        names: dict[str, str] = {}
        records, withheld = document["decisions"], document.get("withheld", {})
        if max(len(records), len(withheld)) > MOST_RECORDS:
            return Document()
        for record in records:
            decision = _decision(record)
            if decision is not None:
                decisions[keccak(canonical(record))] = decision
            for leg in record.get("legs", ()):
                names.setdefault(_name(leg["vault_market"]).lower(), _name(leg["question"]))
        vault = _name(document["vault"]).lower()
        return Document(vault, decisions, names, _withheld(withheld))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Document()


def _decision(record: Json) -> RevealedDecision | None:
    """Read a record; None where its time cannot be."""
    if not isinstance(record, Mapping):
        raise TypeError(record)
    time = record["time"]
    if not isinstance(time, int) or not 0 <= time < 2**63:
        return None
    return RevealedDecision(
        time,
        record.get("on_failure") == "unwind",
        0,
        _legs(record.get("legs")),
        _reveal_by(record.get("grounds")),
        _name(record.get("vault") or "").lower(),
    )


def read_records(records: Iterable[bytes]) -> dict[bytes, RevealedDecision]:
    """Return what can be read of records that a report's transaction carries, by id."""
    found = {}
    for text in records:
        try:
            decision = _decision(read_json(text))
        except (ValueError, KeyError, TypeError):
            continue
        if decision is not None:
            found[keccak(text)] = decision
    return found


def _withheld(found: object) -> dict[bytes, int]:
    """Read what is said to come later; raises where one entry is none."""
    if not isinstance(found, dict):
        raise TypeError(found)
    return {_identity(name): _date(by) for name, by in found.items()}


def _identity(name: str) -> bytes:
    identity = bytes.fromhex(name.removeprefix("0x"))
    if len(identity) != 32:
        raise ValueError(name)
    return identity


def _date(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < LATEST:
        raise ValueError(value)
    return value


def _reveal_by(grounds: object) -> int:
    """Read the date of a record's grounds; 0 where it says none that can be."""
    try:
        return _date(grounds["reveal_by"]) if isinstance(grounds, dict) else 0
    except (ValueError, KeyError):
        return 0


def _legs(found: object) -> tuple[RevealedLeg, ...] | None:
    """Read a record's legs; None where one is none, or there are too many."""
    if not isinstance(found, list) or len(found) > MOST_LEGS:
        return None
    try:
        return tuple(
            RevealedLeg(
                _name(leg["vault_market"]).lower(),
                _whole(leg["token"]),
                {"BUY": True, "SELL": False}[leg["side"]],
                _price(leg["price"]),
                _whole(leg["size"]),
                _name(leg["exchange"]).lower(),
                leg["kind"] == "POST",
            )
            for leg in found
        )
    except (ValueError, KeyError, TypeError):
        return None


def _name(value: object) -> str:
    """Return a name, address or id of a document in one line, cut: its writer chooses how long it
    is, and what it would do where it is shown.

    Raises:
        TypeError: it is a list or an object, which has no name.
    """
    return plain(_scalar(value)[:LONGEST])


def _scalar(value: object) -> str:
    if isinstance(value, list | dict):
        raise TypeError(f"{type(value).__name__} for a name")
    return str(value)


def _whole(value: object) -> int:
    text = _scalar(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > DIGITS:
        raise ValueError(text[:20])
    return int(text)


def _price(value: object) -> int:
    """Read a price in [0, 1] as 10**-18."""
    if not isinstance(value, str) or not _PRICE.fullmatch(value):
        raise ValueError(value)
    whole, _, part = value.partition(".")
    return int(whole) * WAD + int(part.ljust(18, "0"))


def missing_words(found: FoundDocument) -> str:
    """Return what a difference says of a report's document that is not there."""
    return f"{DOCUMENT}: its hash" if found.presence is Presence.WRONG else DOCUMENT


class Revealed:
    """Decisions and names of many documents, in a temporary file: history is long.

    Attributes:
        away: numbers of the reports whose documents cannot be had now
        why_away: of the first of them; "": there is none
    """

    def __init__(
        self,
        places: EvidencePlaces,
        reports: Iterable[Reported],
        data_of: Callable[[Sequence[str]], Sequence[bytes]],
    ) -> None:
        """Read the documents of reports; others count for nothing.

        A report whose document is nowhere reveals what its transaction carries.

        Args:
            reports: oldest first
            data_of: gives transactions' data by their hashes

        """
        self._kept = sqlite3.connect("")
        self._kept.execute("CREATE TABLE decision (id BLOB PRIMARY KEY, known TEXT, stated INT)")
        self.twice: list[tuple[int, str]] = []  # report and decision that an earlier one revealed
        self.more_twice = 0  # beyond those that are named
        self._kept.execute("CREATE TABLE market (id TEXT PRIMARY KEY, name TEXT)")
        self._kept.execute("CREATE TABLE withheld (id BLOB PRIMARY KEY, reveal_by INT, at INT)")
        self._places, self._reports = places, list[ReportAvailability]()
        waiting: list[Reported] = []
        for report in reports:
            waiting.append(report)
            if len(waiting) == AT_ONCE:
                self._read(waiting, data_of)
                waiting = []
        self._read(waiting, data_of)
        places.doubt_servers()
        why = {each.number: places.why_unknown(each.evidence) for each in self._reports}
        self.away = [number for number, words in why.items() if words]
        self.why_away = next(filter(None, why.values()), "")

    def _read(
        self, reports: Sequence[Reported], data_of: Callable[[Sequence[str]], Sequence[bytes]]
    ) -> None:
        data = data_of([each.transaction for each in reports])
        for report, carried in zip(reports, data, strict=True):
            number, evidence = len(self._reports) + 1, report.evidence
            text = self._places.find(evidence).text
            found = Document() if text is None else read_document(text)
            on_chain = read_records(records_in(carried, evidence))
            decisions = on_chain if text is None else found.decisions
            for identity, decision in decisions.items():
                self._keep(identity, replace(decision, at=number), text is not None)
            insert = "INSERT OR IGNORE INTO market VALUES (?, ?)"
            self._kept.executemany(insert, found.names.items())
            insert = "INSERT OR IGNORE INTO withheld VALUES (?, ?, ?)"
            stated = ((each, by, number) for each, by in found.withheld.items())
            self._kept.executemany(insert, stated)
            public, private = self._places.where(evidence)
            there = sum(each in on_chain for each in decisions)
            where = (public, private)
            self._reports.append(
                ReportAvailability(number, report.block, evidence, *where, len(decisions), there)
            )

    def availability(self) -> EvidenceState:
        """Return where documents and decisions can be had now."""
        return EvidenceState(self._places.states(), tuple(self._reports))

    def _keep(self, identity: bytes, decision: RevealedDecision, is_stated: bool) -> None:
        """Keep what first reveals a decision. What documents state twice is noted; what stands in a
        transaction alone may be there by a stranger, who has carried it to the chain.

        Args:
            is_stated: by a report's document
        """
        known = json.dumps(asdict(decision))
        insert = "INSERT OR IGNORE INTO decision VALUES (?, ?, ?)"
        if self._kept.execute(insert, (identity, known, is_stated)).rowcount or not is_stated:
            return
        state = "UPDATE decision SET stated = 1 WHERE id = ? AND stated = 0"
        if self._kept.execute(state, (identity,)).rowcount:
            return
        if len(self.twice) < MOST_NAMED:
            self.twice.append((decision.at, to_hex(identity)))
        else:
            self.more_twice += 1

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

    def withheld(self, decision: str) -> Withheld | None:
        """Return what was first said of when a decision's record comes, or None."""
        asked, query = (bytes.fromhex(decision[2:]),), "SELECT * FROM withheld WHERE id = ?"
        row = self._kept.execute(query, asked).fetchone()
        return None if row is None else Withheld(decision, row[1], row[2])

    def all_withheld(self) -> Iterator[Withheld]:
        """Yield all of these, also where the record has come since."""
        for row in self._kept.execute("SELECT * FROM withheld ORDER BY at, id"):
            yield Withheld("0x" + row[0].hex(), row[1], row[2])

    def name(self, market: str) -> str | None:
        """Return what a market is called, or None where no document has it."""
        asked = (market.lower(),)
        row = self._kept.execute("SELECT name FROM market WHERE id = ?", asked).fetchone()
        return None if row is None else str(row[0])
