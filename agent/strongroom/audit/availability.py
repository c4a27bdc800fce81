"""Where reports' documents and decisions can be had now: each place is asked for each of them.

A stranger could get a document where a place answered this audit with the right bytes and anybody
can ask there: a web server all of whose addresses are global ones. A folder, a CAR file and a
server of this machine or its network do not count. A decision can be had with a document that
reveals it, or from its report's transaction, which every node has.
"""

import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.chain.places import DocumentPlace, FoundDocument, Presence, WebPlace

UNKNOWN = Presence.UNKNOWN


@dataclass(frozen=True)
class PlaceState:
    """What came of asking a place for all reports' documents.

    Attributes:
        public: whether a stranger can ask there
        why: the last one was not found
    """

    name: str
    public: bool
    found: int = 0
    missing: int = 0
    wrong: int = 0
    unknown: int = 0
    why: str = ""


@dataclass(frozen=True)
class ReportAvailability:
    """Where a report's document was found.

    Attributes:
        number: of the report, from 1
        evidence: hash of its document
        public: places where a stranger could get it now
        private: the others that have it
        decisions: how many the document reveals; where it is nowhere, the report's transaction
        on_chain: how many of these the report's transaction has, which every node gives
    """

    number: int
    block: int
    evidence: str
    public: tuple[str, ...]
    private: tuple[str, ...]
    decisions: int
    on_chain: int

    @property
    def public_decisions(self) -> int:
        """How many of the decisions a stranger could get now."""
        return self.decisions if self.public else self.on_chain


@dataclass(frozen=True)
class EvidenceState:
    """Where all of it is."""

    places: tuple[PlaceState, ...] = ()
    reports: tuple[ReportAvailability, ...] = ()

    @property
    def documents(self) -> int:
        """Of how many reports a place has the document now."""
        return sum(bool(each.public or each.private) for each in self.reports)

    @property
    def public_reports(self) -> int:
        """Of how many reports a stranger could get the document now."""
        return sum(bool(each.public) for each in self.reports)

    @property
    def decisions(self) -> int:
        """How many decisions are known."""
        return sum(each.decisions for each in self.reports)

    @property
    def public_decisions(self) -> int:
        """How many of them a stranger could get now."""
        return sum(each.public_decisions for each in self.reports)


@dataclass
class _Counts:
    """What came of asking one place."""

    place: DocumentPlace
    public: bool
    of: dict[Presence, int] = field(default_factory=dict)
    why: str = ""

    def count(self, found: FoundDocument) -> None:
        self.of[found.presence] = self.of.get(found.presence, 0) + 1
        if found.presence is not Presence.FOUND:
            self.why = found.why

    def state(self) -> PlaceState:
        found, missing, wrong, unknown = (self.of.get(each, 0) for each in Presence)
        return PlaceState(self.place.name, self.public, found, missing, wrong, unknown, self.why)


class EvidencePlaces:
    """Several places as one. What was found is kept in a temporary file: history is long."""

    def __init__(self, places: Sequence[DocumentPlace]) -> None:
        """Take the places; each is asked for every document once."""
        self._asked = [_Counts(each, each.is_public) for each in places]
        self._kept = sqlite3.connect("")
        self._kept.execute(
            "CREATE TABLE looked (digest TEXT PRIMARY KEY, text BLOB, presence TEXT, why TEXT, "
            "places TEXT)"
        )

    def find(self, digest: str) -> FoundDocument:
        """Return a document from the first place that has it; without one, why. Where a place does
        not answer, and no other has it, it is unknown: neither there nor missing."""
        chosen = "SELECT text, presence, why FROM looked WHERE digest = ?"
        row = self._kept.execute(chosen, (digest,)).fetchone()
        if row is not None:
            text = None if row[0] is None else zlib.decompress(row[0])
            return FoundDocument(Presence(row[1]), text, row[2])
        looks = [each.place.find(digest) for each in self._asked]
        for each, look in zip(self._asked, looks, strict=True):
            each.count(look)
        found = self._together(digest, looks)
        having = "".join("1" if each.text is not None else "0" for each in looks)
        packed = None if found.text is None else zlib.compress(found.text, 1)
        values = (digest, packed, found.presence, found.why, having)
        self._kept.execute("INSERT INTO looked VALUES (?, ?, ?, ?, ?)", values)
        return found

    def look(self, digest: str) -> FoundDocument:
        """Return a document as `find` does, and keep nothing: it is used once."""
        return self._together(digest, [each.place.find(digest) for each in self._asked])

    def where(self, digest: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the public and the other places that have a document, once it was asked for."""
        chosen = "SELECT places FROM looked WHERE digest = ?"
        (having,) = self._kept.execute(chosen, (digest,)).fetchone()
        places = [each for each, has in zip(self._asked, having, strict=True) if has == "1"]
        public = tuple(each.place.name for each in places if each.public)
        return public, tuple(each.place.name for each in places if not each.public)

    def why_unknown(self, digest: str) -> str:
        """Return why it is unknown whether a place has a document that was asked for; "": it is
        not."""
        chosen = "SELECT why FROM looked WHERE digest = ? AND presence = ?"
        row = self._kept.execute(chosen, (digest, UNKNOWN)).fetchone()
        return "" if row is None else str(row[0])

    def doubt_servers(self) -> None:
        """Take all documents that were asked for so far as unknown where a server has not one of
        them, and no other place has one either: an address with a typing error looks just so."""
        if any(each.of.get(Presence.FOUND) for each in self._asked):
            return
        for each in self._asked:
            if isinstance(each.place, WebPlace) and each.of.keys() - {Presence.UNKNOWN}:
                why = "other content" if Presence.WRONG in each.of else each.why
                told = (
                    f"--evidence {each.place.name}: it has none of the {sum(each.of.values())} "
                    f"documents ({why}), nor has another place: is the address right? If so, and "
                    "they are gone, name an empty folder instead"
                )
                self._kept.execute("UPDATE looked SET presence = ?, why = ?", (UNKNOWN, told))
                return

    def states(self) -> tuple[PlaceState, ...]:
        """Return what came of asking each place so far."""
        return tuple(each.state() for each in self._asked)

    def _together(self, digest: str, looks: Sequence[FoundDocument]) -> FoundDocument:
        for presence in (Presence.FOUND, Presence.UNKNOWN, Presence.WRONG):
            for each, look in zip(self._asked, looks, strict=True):
                if look.presence is presence is Presence.UNKNOWN:
                    return FoundDocument(
                        UNKNOWN,
                        why=f"--evidence {each.place.name}: {look.why}, and no other place has "
                        f"{digest}: audit again, or leave the place out",
                    )
                if look.presence is presence:
                    return look
        if len(looks) == 1:
            return looks[0]
        told = [f"{e.place.name}: {each.why}" for e, each in zip(self._asked, looks, strict=True)]
        return FoundDocument(Presence.MISSING, why="; ".join(told))
