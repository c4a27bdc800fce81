"""Evidence at any number of places, so that it cannot vanish: each document under its hash.

Only documents of reports that are on chain are published: a document reveals decisions. What is
where is asked of the places themselves, so a run that was broken off goes on, and a second one
does nothing. A document that the own folder has lost comes back from any place that has it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from strongroom.chain.car import BadCar, blocks, content_id, header, root_of, section_head
from strongroom.chain.ending_line import EndingLine
from strongroom.chain.ids import keccak, to_bytes, to_hex
from strongroom.chain.places import (
    CarPlace,
    DocumentPlace,
    FolderPlace,
    FoundDocument,
    Presence,
    WebPlace,
    check_extent,
    url_of,
)
from strongroom.chain.whole_answers import WholeAnswers
from strongroom.errors import Away, StrongroomError
from strongroom.journal import Journal
from strongroom.reporting.evidence import store_evidence
from strongroom.reporting.report import PURPOSE
from strongroom.settings import lock_of, only_one

LEAF = len(content_id(bytes(32)))  # bytes of a document's id
AT_ONCE = 100  # documents in memory
ANSWER_BYTES = 2**16  # of an answer to a PUT
SHOWN, ENTERED = 0o644, 0o755  # modes of files and folders: a keeper's own umask shuts others out


class StoreAway(Away):
    """A place takes no document."""


class EvidenceStore(Protocol):
    """A place that documents are written to."""

    def reader(self) -> DocumentPlace | None:
        """Return how it is read, as an auditor reads it; None: there is nothing yet."""

    def put(self, documents: Sequence[bytes]) -> None:
        """Write documents; raises Away, BadInput, OSError."""


@dataclass(frozen=True)
class FolderStore:
    """A folder, e.g. one that a web server shows."""

    path: Path

    def reader(self) -> DocumentPlace:
        """Return the folder."""
        return FolderPlace(self.path)

    def put(self, documents: Sequence[bytes]) -> None:
        """Write a file each that everybody may read."""
        _make_shown(self.path)
        for each in documents:
            store_evidence(self.path, each, SHOWN)


@dataclass(frozen=True)
class WebStore:
    """A web server that takes PUT.

    Attributes:
        url: as an auditor names it
        token: sent as "Authorization: Bearer"; empty: none
        transport: instead of the network
    """

    url: str
    token: str = field(default="", repr=False)
    transport: httpx.BaseTransport | None = None

    def reader(self) -> DocumentPlace:
        """Return the server; it is asked without the token, as a stranger would ask."""
        return WebPlace(self.url, self.transport)

    def put(self, documents: Sequence[bytes]) -> None:
        """Put each where an auditor will look for it.

        Raises:
            StoreAway: the server does not take one.
        """
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        inner = self.transport or EndingLine()
        with httpx.Client(transport=WholeAnswers(inner, max_bytes=ANSWER_BYTES)) as client:
            for each in documents:
                target = url_of(self.url, to_hex(keccak(each)))
                try:
                    answer = client.put(target, content=each, headers=headers)
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise StoreAway(f"PUT: {type(error).__name__}") from error
                if not answer.is_success:
                    raise StoreAway(f"PUT: HTTP {answer.status_code}")


@dataclass(frozen=True)
class CarStore:
    """A CAR file for IPFS. Its root lists all documents, so it is written anew with each round.

    Attributes:
        vault: named in the root
    """

    path: Path
    vault: str

    def reader(self) -> DocumentPlace | None:
        """Return the file, once there is one."""
        return CarPlace(self.path) if self.path.exists() else None

    def put(self, documents: Sequence[bytes]) -> None:
        """Write a file with these documents beside those that it has.

        Raises:
            BadCar: somebody else has written the file, or no audit would read it any more.
            AlreadyRuns: another process writes it.
        """
        _make_shown(self.path.parent)
        with only_one(lock_of(self.path), f"a publisher to {self.path}"):
            known = self._leaves() if self.path.exists() else {}
            fresh = {keccak(each): each for each in documents}
            fresh = {digest: each for digest, each in fresh.items() if digest not in known}
            root, text = root_of({"vault": self.vault}, [*known, *fresh])
            self._check_extent([len(text), *(size for _, size in known.values())], fresh.values())
            draft = self.path.with_name(f"{self.path.name}.draft")
            with draft.open("wb") as file:
                file.write(header(root) + section_head(root, len(text)) + text)
                for digest, (offset, size) in known.items():
                    file.write(section_head(content_id(digest), size) + self._bytes(offset, size))
                for digest, each in fresh.items():
                    file.write(section_head(content_id(digest), len(each)) + each)
            draft.chmod(SHOWN)
            draft.replace(self.path)

    def _check_extent(self, known: Sequence[int], fresh: Collection[bytes]) -> None:
        """Refuse a file that no audit reads.

        Args:
            known: sizes of its root and of the documents that it has
            fresh: those that come

        Raises:
            BadCar: it would be so.
        """
        try:
            check_extent(len(known) + len(fresh), sum(known) + sum(map(len, fresh)))
        except BadCar as error:
            raise BadCar(
                f"{self.path} is full: with these documents {error}, and no audit reads it: "
                "keep it, and name a folder or a server in its place"
            ) from error

    def _leaves(self) -> dict[bytes, tuple[int, int]]:
        """Return where each document lies, by its hash; the first block is the root."""
        found: dict[bytes, tuple[int, int]] = {}
        with self.path.open("rb") as file:
            for number, block in enumerate(blocks(file)):
                file.seek(block.offset - LEAF)
                identity, digest = file.read(LEAF), keccak(file.read(block.size))
                if number and identity != content_id(digest):
                    raise BadCar(f"{self.path} has blocks of somebody else: name another file")
                if number:
                    found[digest] = (block.offset, block.size)
        return found

    def _bytes(self, offset: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)


@dataclass(frozen=True)
class StoreState:
    """What came of publishing to one place.

    Attributes:
        public: whether a stranger can ask there
        there: documents that it had already
        missing: hashes of those that it has not, afterwards
        unknown: hashes of those of which it does not say
        why: it has not all; empty: it has
    """

    place: str
    public: bool
    there: int = 0
    published: int = 0
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    why: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it has all."""
        return not self.missing and not self.unknown


@dataclass
class Publisher:
    """Brings documents to places.

    Attributes:
        own: the keeper's folder
        stores: by name
    """

    own: Path
    stores: dict[str, EvidenceStore]

    def publish(self, name: str, hashes: Sequence[str], only_look: bool = False) -> StoreState:
        """Bring to a place what it lacks. Never raises for what the place does.

        Args:
            hashes: of the documents of reports that are on chain
            only_look: write nothing
        """
        store, lacking, there, public = self.stores[name], None, 0, False
        try:
            reader = store.reader()
            public = reader is not None and reader.is_public
            lacking = _lacking(reader, hashes)
            there, known = len(hashes) - len(lacking), 0
            for start in range(0, 0 if only_look else len(lacking), AT_ONCE):
                documents = map(self.document, lacking[start : start + AT_ONCE])
                found = [each for each in documents if each is not None]
                if found:
                    store.put(found)
                known += len(found)
            lacking = _lacking(store.reader(), lacking) if known else lacking
            published = len(hashes) - there - len(lacking)
            why = "" if only_look or not lacking else _why(known, published)
            return StoreState(name, public, there, published, tuple(lacking), why=why)
        except (StrongroomError, OSError) as error:
            why = str(error)
            if lacking is None:
                return StoreState(name, public, unknown=tuple(hashes), why=why)
            return StoreState(name, public, there, 0, tuple(lacking), why=why)

    def may_have(self, digest: str) -> bool:
        """Whether the own folder has a document, or does not say."""
        presence = FolderPlace(self.own).find(digest).presence
        return presence in (Presence.FOUND, Presence.UNKNOWN)

    def document(self, digest: str) -> bytes | None:
        """Return a document from the own folder, or from any place that has it."""
        found = FolderPlace(self.own).find(digest)
        for store in self.stores.values():
            if found.text is not None:
                return found.text
            found = _asked(store, digest)
            if found.text is not None:
                store_evidence(self.own, found.text)
        return found.text


def _make_shown(folder: Path) -> None:
    """Make a folder that everybody may enter, and those above it that are not there either."""
    if not folder.exists():
        _make_shown(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(ENTERED)


def _asked(store: EvidenceStore, digest: str) -> FoundDocument:
    try:
        reader = store.reader()
    except (StrongroomError, OSError):
        reader = None
    return FoundDocument(Presence.UNKNOWN) if reader is None else reader.find(digest)


def _lacking(reader: DocumentPlace | None, hashes: Sequence[str]) -> list[str]:
    """Return what a place has not.

    Raises:
        StoreAway: it does not say.
    """
    if reader is None:
        return list(hashes)
    lacking = []
    for each in hashes:
        found = reader.find(each)
        if found.presence is Presence.UNKNOWN:
            raise StoreAway(found.why)
        if found.presence is not Presence.FOUND:
            lacking.append(each)
    return lacking


def _why(known: int, published: int) -> str:
    if published < known:
        return "it took documents and does not give them back: look whether strangers may read it"
    return "no place has them, the own folder neither"


def reported(journal: Journal) -> list[str]:
    """Return the evidence hashes of the reports that are on chain, oldest first."""
    done = journal.transactions.done(PURPOSE)
    return [to_hex(to_bytes(each.calls[0].data)[36:68]) for each in done]  # the second argument


def decided_from(journal: Journal, folder: Path) -> list[str]:
    """Return the hashes of the views and settings that revealed decisions name, as far as the
    folder has them: a view may still wait for other decisions."""
    return [name for name in journal.revealed_grounds() if (folder / f"{name}.json").exists()]
