"""Transactions of the keeper's Safe in the journal: one row each, a step before what it allows."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection, Engine, Row

from strongroom.chain.calls import Call
from strongroom.journal.states import Sending, check_sending
from strongroom.journal.tables import JournalMismatch, steps, transactions

OVER = (Sending.DONE, Sending.DROPPED)


class Transactions:
    """The journal's second book."""

    def __init__(self, engine: Engine, written: Callable[[str], None]) -> None:
        self._engine, self._written = engine, written

    def plan(self, key: bytes, purpose: str, calls: Sequence[Call], time: int) -> None:
        """Keep a transaction; one that is known already stays as it is.

        Raises:
            JournalMismatch: the key stands for other calls.
        """
        text = json.dumps([[call.to, call.data] for call in calls])
        with self._engine.begin() as connection:
            known = connection.execute(
                select(transactions.c.calls).where(transactions.c.key == key)
            ).scalar_one_or_none()
            if known is not None:
                if known != text:
                    raise JournalMismatch(f"transaction {key.hex()} stands for other calls already")
                return
            count = connection.execute(select(func.count()).select_from(transactions)).scalar_one()
            row = {"key": key, "number": count, "purpose": purpose, "calls": text, "time": time}
            connection.execute(
                insert(transactions).values(**row, state=Sending.PLANNED, hashes="[]", reason="")
            )
            _note(connection, key, Sending.PLANNED, purpose)
        self._written("transaction planned")

    def step(self, key: bytes, to: Sending, detail: str = "", **columns: Any) -> None:
        """Take a transaction one step further.

        Raises:
            IllegalStep: the machine has no such step.
        """
        with self._engine.begin() as connection:
            mine = transactions.c.key == key
            row = connection.execute(select(transactions).where(mine)).one()
            check_sending(Sending(row.state), to)
            changes = {"state": to, "reason": detail} | columns
            connection.execute(update(transactions).where(mine).values(**changes))
            _note(connection, key, to, detail)
        self._written(f"transaction {to}")

    def find(self, key: bytes) -> Row[Any] | None:
        """Return one transaction, or None."""
        with self._engine.connect() as connection:
            return connection.execute(select(transactions).where(transactions.c.key == key)).first()

    def open(self) -> list[Row[Any]]:
        """Return the transactions that something may still come of, oldest first."""
        chosen = select(transactions).where(transactions.c.state.not_in(OVER))
        with self._engine.connect() as connection:
            return list(connection.execute(chosen.order_by(transactions.c.number)))

    def all(self) -> list[Row[Any]]:
        """Return every transaction, oldest first."""
        with self._engine.connect() as connection:
            return list(connection.execute(select(transactions).order_by(transactions.c.number)))


def calls_of(row: Row[Any]) -> list[Call]:
    """Return what a transaction does."""
    return [Call(to, data) for to, data in json.loads(row.calls)]


def hashes_of(row: Row[Any]) -> list[str]:
    """Return the hashes of the transactions that carried it."""
    return list(json.loads(row.hashes))


def _note(connection: Connection, key: bytes, state: Sending, detail: str) -> None:
    connection.execute(insert(steps).values(intent=key, state=state, venue="", detail=detail))
