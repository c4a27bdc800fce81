"""A vault's history in pieces of blocks: its events, and what can be said of them without books,
from what was called and from the asset's transfers; and what its accounts moved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from strongroom.audit.call_checks import check_calls
from strongroom.audit.cash import check_cash
from strongroom.audit.event_columns import EventColumns
from strongroom.audit.events import AuditedEvent, MarketOpened, OperatorSet
from strongroom.audit.ledger import Ledger
from strongroom.audit.movements import MovementReader, Movements
from strongroom.audit.node import Node
from strongroom.audit.permissions import Difference
from strongroom.audit.readers import read_columns, vault_readers
from strongroom.audit.transactions import ByKind
from strongroom.audit.wallets import AccountsOfHolders

NO_WALLETS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class EventPiece:
    """Some blocks.

    Attributes:
        end: the last of them
        times: of the blocks with events
        columns: the events, as they were read
        differences: between events and calls, then between events and transfers of the asset
        calls: transactions that were compared
        movements: of accounts and wallets, where they are looked at
    """

    end: int
    times: Mapping[int, int]
    columns: EventColumns
    differences: list[Difference]
    calls: int
    movements: Movements

    @property
    def events(self) -> list[AuditedEvent]:
        """The events in order."""
        return self._made[0]

    @property
    def kinds(self) -> ByKind:
        """The same events by kind."""
        return self._made[1]

    @cached_property
    def _made(self) -> tuple[list[AuditedEvent], ByKind]:
        return self.columns.made()


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
            events = read_columns(logs, vault_readers())
            del logs  # many times as large
            times = self._node.times(sorted(events.blocks))
            found, calls = check_calls(self._node, self._vault, events, self._operators)
            for each in events.of_kind(OperatorSet):
                self._operators[f"{each.controller} {each.operator}"] = each.approved
            opened: dict[str, MarketOpened] = {}
            for it in events.of_kind(MarketOpened):
                if it.account not in self._owners:
                    opened.setdefault(it.account, it)
                self._owners[it.account] = (it.market, it.class_id)
            movements = Movements({})
            if self._movements is not None:
                asset = self._movements.asset_at(last)
                holders = self._vault, {each: of[0] for each, of in self._owners.items()}
                found += check_cash(self._node, asset, holders, events, (start, end))
                movements = self._movements.read(
                    dict(self._owners), self._wallets, start, end, list(opened.values())
                )
                self._wallets = AccountsOfHolders(self._wallets, movements).at_end
            yield EventPiece(end, times, events, found, calls, movements)
            start = end + 1
