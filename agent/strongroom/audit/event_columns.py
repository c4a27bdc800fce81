"""Events as columns: of each kind a column a field. So they are read, held against calls and sent
to another process, at a fraction of what a record each costs; whoever books them makes records."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import astuple

from strongroom.audit.columns import Column
from strongroom.audit.events import AuditedEvent
from strongroom.audit.transactions import ByKind

E = TypeVar("E", bound=AuditedEvent)


class EventColumns(Struct, frozen=True, gc=False):
    """Events of some blocks.

    Attributes:
        kinds: kind -> its columns, in the order of the record's fields
        order: for each event, in the order of logs, its kind's place in `kinds`
    """

    kinds: Mapping[type[AuditedEvent], Sequence[Column]]
    order: bytes

    @classmethod
    def of(cls, events: Sequence[AuditedEvent]) -> "EventColumns":
        """Return the columns of records."""
        kinds = ByKind(events)
        there = list(dict.fromkeys(map(type, events)))
        columns = {kind: columns_of(kinds.of(kind)) for kind in there}
        return cls(columns, bytes(there.index(type(each)) for each in events))

    @property
    def blocks(self) -> set[int]:
        """The blocks that have events."""
        return set(chain.from_iterable(block for block, *_ in self.kinds.values()))

    @property
    def transactions(self) -> dict[str, None]:
        """The transactions that have events, in order."""
        return dict.fromkeys(self._in_order([names for _, names, *_ in self.kinds.values()]))

    def column(self, kind: type[AuditedEvent], field: str) -> Column:
        """Return a field of all events of a kind."""
        columns = self.kinds.get(kind)
        return () if columns is None else columns[kind.__struct_fields__.index(field)]

    def of_kind(self, kind: type[E]) -> list[E]:
        """Return records of the events of a kind."""
        return list(map(kind, *self.kinds[kind])) if kind in self.kinds else []

    def made(self) -> tuple[list[AuditedEvent], ByKind]:
        """Return records of the events, in order and by their kind."""
        kinds = {kind: list(map(kind, *columns)) for kind, columns in self.kinds.items()}
        return list(self._in_order(list(kinds.values()))), ByKind.known(kinds)

    def _in_order(self, of_kinds: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """Yield what there is of each event, in order."""
        each = [iter(some) for some in of_kinds]
        return map(next, map(each.__getitem__, self.order))


def columns_of(events: Sequence[AuditedEvent]) -> Sequence[Column]:
    """Return the columns of records of one kind."""
    return list(zip(*map(astuple, events), strict=True))
