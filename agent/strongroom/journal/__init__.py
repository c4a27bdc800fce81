"""The durable record of decisions, orders, fills and Safe transactions."""

from strongroom.journal.journal import Fill, Journal, Plan
from strongroom.journal.tables import JournalMismatch
from strongroom.journal.transactions import Transactions

__all__ = ["Fill", "Journal", "JournalMismatch", "Plan", "Transactions"]
