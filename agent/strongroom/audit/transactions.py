"""A transaction's events of a vault, and tables from event to handler."""

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import TypeVar, cast

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
    events: tuple[AuditedEvent, ...]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of a kind."""
        return [each for each in self.events if isinstance(each, kind)]


def by_transaction(events: Iterable[AuditedEvent]) -> list[list[AuditedEvent]]:
    """Return events in groups of one transaction, in order."""
    return [list(group) for _, group in groupby(events, key=_TRANSACTION)]
