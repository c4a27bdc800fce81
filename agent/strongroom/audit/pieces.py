"""A vault's history in pieces of blocks: its events, and what can be said of them without books,
from what was called and from the asset's transfers; and what its accounts moved."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from strongroom.audit.call_checks import check_calls
from strongroom.audit.cash import check_cash
from strongroom.audit.events import AuditedEvent, MarketOpened, OperatorSet
from strongroom.audit.ledger import Ledger
from strongroom.audit.movements import MovementReader, Movements
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.audit.readers import read_logs, vault_readers
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import AccountsOfHolders

NO_WALLETS: Mapping[str, str] = MappingProxyType({})


class EventPiece(Struct, frozen=True):
    """Some blocks.

    Attributes:
        end: the last of them
        times: of the blocks with events
        differences: between events and calls, then between events and transfers of the asset
        calls: transactions that were compared
        movements: of accounts and wallets, where they are looked at
    """

    end: int
    times: Mapping[int, int]
    events: list[AuditedEvent]
    differences: list[Difference]
    calls: int
    movements: Movements


class PieceReader:
    """Reads pieces. It knows for itself who is appointed, and whose accounts and wallets are: it
    may be ahead of the books."""

    def __init__(
        self,
        node: Node,
        ledger: Ledger,
        movements: MovementReader | None = None,
        wallets: Mapping[str, str] = NO_WALLETS,
    ) -> None:
        """Take whom to ask, and the ledger before the first piece.

        Args:
            movements: reads what accounts moved; None: that, and the vault's cash, is not looked at
            wallets: wallet -> account, before the first piece
        """
        self._node, self._vault, self._movements = node, ledger.vault, movements
        self._operators, self._wallets = dict(ledger.operators), wallets
        self._owners = {each: (of.market, of.class_id) for each, of in ledger.accounts.items()}

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
            self._owners |= {
                each.account: (each.market, each.class_id) for each in kinds.of(MarketOpened)
            }
            movements = Movements({})
            if self._movements is not None:
                asset = self._movements.asset_at(last)
                holders = self._vault, {each: of[0] for each, of in self._owners.items()}
                found += check_cash(self._node, asset, holders, kinds, (start, end))
                movements = self._movements.read(dict(self._owners), self._wallets, start, end)
                self._wallets = AccountsOfHolders(self._wallets, movements).at_end
            yield EventPiece(end, times, events, found, calls, movements)
            start = end + 1
