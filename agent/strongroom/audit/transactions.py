"""A transaction's events of a vault, and tables from event to handler."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar, cast

from msgspec import Struct

from strongroom.audit.events import AuditedEvent

_TRANSACTION = attrgetter("transaction")
E = TypeVar("E", bound=AuditedEvent)
B = TypeVar("B")


def on(
    kind: type[E], handler: Callable[[B, E], None]
) -> tuple[type[AuditedEvent], Callable[[B, AuditedEvent], None]]:
    """Return a line of a table from event to handler; it is called with events of its kind only."""
    return kind, cast("Callable[[B, AuditedEvent], None]", handler)


class Transaction(Struct, frozen=True, gc=False):
    """One transaction's events of the vault, and the time of its block."""

    time: int
    events: Sequence[AuditedEvent]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [each for each in self.events if isinstance(each, kind)]


class ByKind:
    """Events of some blocks by their kind."""

    def __init__(self, events: Iterable[AuditedEvent]) -> None:
        """Look at each once."""
        self._found: dict[type[AuditedEvent], list[Any]] = defaultdict(list)
        for each in events:
            self._found[type(each)].append(each)

    @classmethod
    def known(cls, found: Mapping[type[AuditedEvent], list[Any]]) -> "ByKind":
        """Take what is known by kind already."""
        new = cls(())
        new._found.update(found)
        return new

    def of(self, kind: type[E]) -> Sequence[E]:
        """Return the events of a kind, in order."""
        return self._found.get(kind, ())


def by_transaction(events: Iterable[AuditedEvent]) -> list[list[AuditedEvent]]:
    """Return events in groups of one transaction, in order."""
    return [list(group) for _, group in groupby(events, key=_TRANSACTION)]
