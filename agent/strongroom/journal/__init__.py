"""The keeper's record: decisions, orders, transactions, fills."""

from strongroom.journal.journal import Journal
from strongroom.journal.rows import OrderFill, OrderIntent, SafeTransaction, SupposedFill, Task
from strongroom.journal.tables import JournalMismatch

__all__ = [
    "Journal",
    "JournalMismatch",
    "OrderFill",
    "OrderIntent",
    "SafeTransaction",
    "SupposedFill",
    "Task",
]
