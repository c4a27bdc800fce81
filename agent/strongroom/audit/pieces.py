"""A vault's history in pieces of blocks: its events, and what can be said of them without books,
from what was called."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from strongroom.audit.call_checks import check_calls
from strongroom.audit.events import AuditedEvent, OperatorSet
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.audit.readers import read_logs, vault_readers
from strongroom.audit.transactions import ByKind


class EventPiece(Struct, frozen=True):
    """Some blocks.

    Attributes:
        end: the last of them
        times: of the blocks with events
        differences: between events and calls
        calls: transactions that were compared
    """

    end: int
    times: Mapping[int, int]
    events: list[AuditedEvent]
    differences: list[Difference]
    calls: int


class PieceReader:
    """Reads pieces. It knows for itself who is appointed: it may be ahead of the books."""

    def __init__(self, node: Node, ledger: Ledger) -> None:
        """Take whom to ask, and the ledger before the first piece."""
        self._node, self._vault = node, ledger.vault
        self._operators = dict(ledger.operators)

    def read(self, first: int, last: int) -> Iterator[EventPiece]:
        """Yield the pieces of some blocks, oldest first.

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        for end, logs in self._node.logs([self._vault], first, last):
            events = read_logs(logs, vault_readers())
            del logs  # many times as large
            kinds = ByKind(events)
            times = self._node.times(sorted({event.block for event in events}))
            found, calls = check_calls(self._node, self._vault, events, kinds, self._operators)
            for each in kinds.of(OperatorSet):
                self._operators[f"{each.controller} {each.operator}"] = each.approved
            yield EventPiece(end, times, events, found, calls)
