"""The durable record of decisions, orders, fills and Safe transactions."""

from agent.journal.journal import Fill, Journal, Plan
from agent.journal.tables import JournalMismatch
from agent.journal.transactions import Call, Transactions

__all__ = ["Call", "Fill", "Journal", "JournalMismatch", "Plan", "Transactions"]
