"""A vault's books, and those of a contract beside it, kept in the one order of their logs.

The vault's logs are booked once more, and each event of the other contract is held against the
books as they stand at its place, in the midst of a transaction too.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from strongroom.audit.bookkeeper import Bookkeeper
from strongroom.audit.events import AuditedEvent
from strongroom.audit.ledger import Ledger
from strongroom.audit.node import Node
from strongroom.audit.pieces import PieceReader
from strongroom.audit.readers import Readers, read_logs
from strongroom.audit.transactions import Transaction, by_transaction


class BooksBeside(Protocol):
    """Books of a contract beside a vault.

    Attributes:
        ledger: the vault's books, which are as far as the event that is booked next
        address: the contract's, in lower case
    """

    @property
    def ledger(self) -> Ledger: ...
    @property
    def address(self) -> str: ...

    def book(self, event: AuditedEvent, time: int) -> None:
        """Book an event of the contract, at the time of its block."""

    def meet(self, event: AuditedEvent) -> None:
        """See an event of the vault before it is booked."""

    def end(self) -> None:
        """Note what is left over at the end of some blocks."""


class BothBooks:
    """Books a vault and a contract beside it."""

    def __init__(self, books: BooksBeside) -> None:
        """Take the contract's books, with the vault's ledger in them."""
        self._books, self._waiting = books, deque[tuple[AuditedEvent, int]]()
        self._keeper = Bookkeeper(books.ledger, self._up_to)

    def expect(self, events: Iterable[tuple[AuditedEvent, int]]) -> None:
        """Take events of the contract with their times, oldest first."""
        self._waiting.extend(events)

    def book(self, transactions: Iterable[Transaction]) -> None:
        """Book the vault's transactions, and what of the contract came before their ends."""
        for each in transactions:
            self._keeper.book(each)
            self._keeper.replaced()

    def end(self) -> None:
        """Book what of the contract came after the vault's last event of some blocks."""
        while self._waiting:
            self._books.book(*self._waiting.popleft())
        self._books.end()

    def _up_to(self, event: AuditedEvent) -> None:
        while self._waiting and _place(self._waiting[0][0]) < _place(event):
            self._books.book(*self._waiting.popleft())
        self._books.meet(event)


def book_both(node: Node, books: BooksBeside, readers: Readers, first: int, last: int) -> None:
    """Book the logs of a vault and of a contract beside it.

    Args:
        readers: of the contract's events

    Raises:
        NodeAway: the node does not answer.
        BadLog: the node sends what is no log.
    """
    both, start = BothBooks(books), first
    for piece in PieceReader(node, books.ledger).read(first, last):
        both.expect(_events(node, books.address, readers, (start, piece.end)))
        groups = by_transaction(piece.events)
        both.book(Transaction(piece.times[group[0].block], group) for group in groups)
        both.end()
        books.ledger.differences.clear()  # the audit of the vault names them
        start = piece.end + 1


def _place(event: AuditedEvent) -> tuple[int, int]:
    return event.block, event.index


def _events(
    node: Node, address: str, readers: Readers, blocks: tuple[int, int]
) -> Iterator[tuple[AuditedEvent, int]]:
    """Yield a contract's events of some blocks with their times."""
    for _, logs in node.logs([address], *blocks):
        events = read_logs(logs, readers)
        times = node.times(sorted({each.block for each in events}))
        for each in events:
            yield each, times[each.block]
