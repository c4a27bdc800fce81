"""A vault's history in pieces of blocks: its events, and what can be said of them without books,
from what was called and from the asset's transfers."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from strongroom.audit.call_checks import check_calls
from strongroom.audit.cash import check_cash
from strongroom.audit.events import AuditedEvent, MarketOpened, OperatorSet
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
        differences: between events and calls, then between events and transfers of the asset
        calls: transactions that were compared
    """

    end: int
    times: Mapping[int, int]
    events: list[AuditedEvent]
    differences: list[Difference]
    calls: int


class PieceReader:
    """Reads pieces. It knows for itself who is appointed, and whose accounts are: it may be ahead
    of the books."""

    def __init__(self, node: Node, ledger: Ledger, asset: str = "") -> None:
        """Take whom to ask, and the ledger before the first piece.

        Args:
            asset: whose transfers are looked at, in lower case; "": they are not
        """
        self._node, self._vault, self._asset = node, ledger.vault, asset
        self._operators = dict(ledger.operators)
        self._accounts = {account: of.market for account, of in ledger.accounts.items()}

    def read(self, first: int, last: int) -> Iterator[EventPiece]:
        """Yield the pieces of some blocks, oldest first.

        Raises:
            NodeAway, BadLog: see Auditor.run.
        """
        start = first
        for end, logs in self._node.logs([self._vault], first, last):
            events = read_logs(logs, vault_readers())
            del logs  # many times as large
            kinds = ByKind(events)
            times = self._node.times(sorted({event.block for event in events}))
            found, calls = check_calls(self._node, self._vault, events, kinds, self._operators)
            for each in kinds.of(OperatorSet):
                self._operators[f"{each.controller} {each.operator}"] = each.approved
            self._accounts |= {each.account: each.market for each in kinds.of(MarketOpened)}
            if self._asset:
                holders = self._vault, self._accounts
                found += check_cash(self._node, self._asset, holders, kinds, (start, end))
            yield EventPiece(end, times, events, found, calls)
            start = end + 1
