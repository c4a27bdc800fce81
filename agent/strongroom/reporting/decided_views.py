"""What decisions were made from: kept to itself until their records are revealed, then published
beside the evidence documents, each document under its hash.

A view goes out with the last of its decisions: it tells of the others, too. What no decision waits
for any more is deleted after a while: in mode `ask` some decisions never begin.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from strongroom.chain.document_size import LARGEST
from strongroom.chain.units import DAY
from strongroom.execution.interfaces import Listener
from strongroom.reporting.evidence import evidence_hash, store_evidence
from strongroom.strategy.record import DecisionRecord

KEPT_S = 90 * DAY


class DecidedViews:
    """A folder of documents that wait, and the one where they are published."""

    def __init__(
        self,
        folder: Path,
        evidence: Path,
        settings: bytes,
        on_event: Listener = lambda event, fields: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the folders; only this user may open the first one from now on.

        Args:
            settings: the document of what decides beside views, as it is now
            on_event: is called when a view cannot be written (`view_not_kept`)
            clock: of the files' times
        """
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder, self._evidence, self._settings = folder, evidence, settings
        self._on_event, self._clock = on_event, clock
        store_evidence(folder, settings)

    def keep(self, document: bytes) -> None:
        """Keep a view that something was decided on. One that cannot be written stays withheld."""
        self._store(self._folder, document)

    def _store(self, folder: Path, document: bytes) -> None:
        if len(document) > LARGEST:
            self._on_event("view_not_kept", {"why": f"it has more than {LARGEST} bytes"})
            return
        try:
            store_evidence(folder, document)
        except OSError as error:
            self._on_event("view_not_kept", {"why": str(error)[:200]})

    def publish(self, revealed: Sequence[DecisionRecord], later: Sequence[DecisionRecord]) -> None:
        """Publish what revealed decisions were made from; doing it twice is harmless.

        Args:
            later: decisions whose records are not revealed yet
        """
        settings = {each.grounds.settings for each in revealed if each.grounds is not None}
        views = {each.grounds.view for each in revealed if each.grounds is not None}
        waiting = {each.grounds.view for each in later if each.grounds is not None}
        for name in settings | (views - waiting):
            source = self._folder / f"{name}.json"
            if source.exists():
                self._store(self._evidence, source.read_bytes())
        needed = {each.grounds.settings for each in later if each.grounds is not None}
        self._delete(views - waiting, {evidence_hash(self._settings), *needed, *waiting})

    def _delete(self, published: Iterable[str], needed: Iterable[str]) -> None:
        """Delete what is published, and what is old and waited for by nobody."""
        old, needed = self._clock() - KEPT_S, set(needed)
        for path in self._folder.glob("0x*.json"):
            gone = path.stem in published or path.stat().st_mtime < old
            if gone and path.stem not in needed:
                path.unlink()
