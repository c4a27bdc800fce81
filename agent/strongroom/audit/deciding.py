"""Decisions made again: each that a report reveals, from the published view and settings it names.

Deciding is the keeper's own code, run apart and handed in: the audit finds the documents, holds
them against their names, and counts. What cannot be known is counted and said, never a difference.
So is what would take more than the bounds that are set (deciding_bounds.py).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from strongroom.audit.checkpoint import OpenDecisions, Progress, ReportDocument
from strongroom.audit.deciding_bounds import Spending
from strongroom.audit.permissions import Difference
from strongroom.audit.verdict import DecidedAgain
from strongroom.chain.ids import Json, canonical, decision_of, read_json
from strongroom.chain.places import FoundDocument, Presence
from strongroom.foreign_text import plain

REASONS = 5  # that are told; of the others their number
MOST_REASONS = 20  # that are kept of a document, which gives some of their words
OTHER = "for other reasons"
OPEN = frozenset(("withheld", "unknown"))  # what another run may know
TOLD = 240  # letters of what documents say, in a difference and of a reason
MOST_DIFFERENT = 1_000  # that are named; all are counted: a document has room for very many
DECISION = "decision"  # that differs
_NAME = re.compile(r"0x[0-9a-f]{64}")
Named = tuple[str, str]  # a view and settings, by the hashes of their documents


class MadeAgain(Protocol):
    """What comes of a decision that is made again (strategy/again.py)."""

    @property
    def same(self) -> bool | None:
        """None: unknown, and `field` says why."""

    @property
    def field(self) -> str:
        """The first that differs."""

    @property
    def expected(self) -> str:
        """Decided again."""

    @property
    def found(self) -> str:
        """In the record."""


@dataclass(frozen=True)
class _Unknown:
    """What nobody here can decide, and why."""

    field: str
    expected: str = ""
    found: str = ""
    same: bool | None = None


class Decider(Protocol):
    """Decides on a view (strategy/deciding_process.py)."""

    def __call__(
        self, view: bytes, settings: bytes, records: Sequence[bytes], patience_s: float
    ) -> Sequence[MadeAgain] | None:
        """Return what comes of each record; None: that takes longer than it may."""


StartsDecider = Callable[[int], AbstractContextManager[Decider]]  # by bytes of memory
Find = Callable[[str], FoundDocument]


class DecisionsAgain:
    """Makes the decisions of evidence documents again, a document at a time."""

    def __init__(self, find: Find, decide: Decider, spending: Spending | None = None) -> None:
        """Take how a document is found by its hash, who decides on view and settings, and what may
        be spent on it; by default what the bounds' defaults are."""
        self._find, self._decide, self._spending = find, decide, spending or Spending()
        self._last: tuple[str, FoundDocument] | None = None  # settings: many views have the same

    def make(self, progress: Progress, report: ReportDocument, text: bytes) -> None:
        """Make the decisions of a report's document again; the progress keeps what comes of it."""
        these = OpenDecisions(report.block, report.transaction, report.evidence)
        self._make(progress, these, text)

    def make_open(self, progress: Progress, document: Find) -> None:
        """Make the decisions again of which an earlier run did not know all: a whole audit would
        know them now.

        Args:
            document: finds evidence documents; one that is gone is the audit's to name
        """
        before, progress.undecided = progress.undecided, []
        places, ledger = {(old.block, old.transaction) for old in before}, progress.ledger
        ledger.differences = [
            each
            for each in ledger.differences
            if (each.block, each.transaction) not in places or not each.what.startswith(DECISION)
        ]
        for old in before:
            text = document(old.evidence).text
            if text is None:
                progress.undecided.append(old)
            else:
                self._make(progress, OpenDecisions(old.block, old.transaction, old.evidence), text)

    def _make(self, progress: Progress, these: OpenDecisions, text: bytes) -> None:
        """Make the decisions of a document again, and keep what comes of them."""
        named: dict[Named, list[bytes]] = {}
        most = MOST_DIFFERENT - _counts(progress)["different"]
        for record in _records(text):
            grounds = _grounds(record)
            if grounds is None:
                _add(these.counts, "unnamed")
            else:
                named.setdefault(grounds, []).append(canonical(record))
        with self._spending.document():
            for names, texts in named.items():
                again = self._again(names, texts)
                if again is None:
                    _add(these.counts, "withheld", len(texts))
                    continue
                for one, made in zip(texts, again, strict=True):
                    difference = _kept(these, one, made, most)
                    if difference is not None:
                        progress.ledger.differences.append(difference)
        if OPEN.isdisjoint(these.counts):
            _add_all(progress.decided, these.counts)
        else:
            progress.undecided.append(these)

    def _again(self, names: Named, texts: Sequence[bytes]) -> Sequence[MadeAgain] | None:
        """Return what comes of each record that names a view and settings; None: one of these is
        not published. Other content under its name is none of the keeper's: whoever keeps a place
        can have put it there. Nor is silence."""
        self._spending.begin_view()
        left = self._spending.left
        if left.seconds <= 0:
            return [_Unknown(left.over)] * len(texts)
        looks = [self._find(names[0]), self._settings(names[1])]
        for name, each in zip(names, looks, strict=True):
            if each.presence is Presence.WRONG:
                return [_Unknown(f"other content under the name of document {name}")] * len(texts)
            if each.presence is Presence.UNKNOWN:
                return [_Unknown("a view or settings cannot be had now")] * len(texts)
        view, settings = (each.text for each in looks)
        if view is None or settings is None:
            return None
        left = self._spending.left
        again = self._decide(view, settings, texts, left.seconds) if left.seconds > 0 else None
        return [_Unknown(left.over)] * len(texts) if again is None else again

    def _settings(self, name: str) -> FoundDocument:
        if self._last is None or self._last[0] != name:
            self._last = name, self._find(name)
        return self._last[1]


def _kept(these: OpenDecisions, text: bytes, made: MadeAgain, most: int) -> Difference | None:
    """Count what came of a record of a document; return what differs.

    Args:
        most: how many of the document's are named
    """
    if made.same is None:
        _add(these.counts, "unknown")
        why = plain(made.field[:TOLD])
        is_kept = why in these.why or len(these.why) < MOST_REASONS
        _add(these.why, why if is_kept else OTHER)
        return None
    _add(these.counts, "same" if made.same else "different")
    if made.same or these.counts["different"] > most:
        return None
    field, *values = (plain(each[:TOLD]) for each in (made.field, made.expected, made.found))
    what = f"{DECISION} {decision_of(text)} made again: {field}"
    return Difference(these.block, these.transaction, what, *values)


def decided_again(progress: Progress) -> DecidedAgain:
    """Return how many were the same, and of the others why they are not."""
    why = Counter[str]()
    for each in progress.undecided:
        why.update(each.why)
    told = [f"{count} {words}" for words, count in why.most_common(REASONS)]
    if len(why) > REASONS:
        told.append(f"{len(why) - REASONS} more reasons")
    return DecidedAgain(**_counts(progress), why=tuple(told))


def _counts(progress: Progress) -> Counter[str]:
    """Return what came of all decisions -> how many."""
    counts = Counter(progress.decided)
    for each in progress.undecided:
        counts.update(each.counts)
    return counts


def _add(counts: dict[str, int], name: str, number: int = 1) -> None:
    counts[name] = counts.get(name, 0) + number


def _add_all(counts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, number in more.items():
        _add(counts, name, number)


def _records(text: bytes) -> Iterator[Mapping[str, Json]]:
    """Yield the records of a document that can be read; those of one that cannot are none."""
    try:
        document = read_json(text)
    except ValueError:
        return
    found = document.get("decisions") if isinstance(document, Mapping) else None
    for record in found if isinstance(found, list) else ():
        if isinstance(record, Mapping):
            yield record


def _grounds(record: Mapping[str, Json]) -> Named | None:
    """Return what a record names; None where it names nothing that can be a document."""
    grounds = record.get("grounds")
    if not isinstance(grounds, Mapping):
        return None
    view, settings = grounds.get("view"), grounds.get("settings")
    if not isinstance(view, str) or not isinstance(settings, str):
        return None
    return (view, settings) if _NAME.fullmatch(view) and _NAME.fullmatch(settings) else None
