"""Transactions of the keeper's and the reporter's Safe : one row each in the journal, a step
before what it allows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import func, insert, select, update
from sqlalchemy.engine import Connection, Engine

from strongroom.chain.calls import Call
from strongroom.chain.ids import TransactionKey
from strongroom.journal.rows import SafeTransaction, transaction_columns, transaction_of
from strongroom.journal.states import (
    TRANSACTION_OVER,
    TransactionState,
    check_transaction_step,
)
from strongroom.journal.tables import JournalMismatch, NotRecorded, steps, transactions


class TransactionBook:
    """The journal's second book."""

    def __init__(self, engine: Engine, written: Callable[[str], None]) -> None:
        self._engine, self._written = engine, written
        self.moves = 0  # steps since it was opened

    def plan(
        self,
        key: TransactionKey,
        purpose: str,
        calls: Sequence[Call],
        time: int,
        safe: str = "",
        nonce: int = -1,
        until: int | None = None,
    ) -> None:
        """Keep a transaction of a Safe; one that is known already stays as it is.

        Args:
            nonce: the only one that it may be signed for; -1: any
            until: the last moment at which it may be sent, timestamp; None: any

        Raises:
            JournalMismatch: the key stands for other calls, or for another Safe's.
        """
        with self._engine.begin() as connection:
            known = _find(connection, key)
            if known is not None:
                if (known.calls, known.safe) != (tuple(calls), safe):
                    raise JournalMismatch(f"transaction {key} stands for other calls already")
                return
            count = connection.execute(select(func.count()).select_from(transactions)).scalar_one()
            state, what = TransactionState.PLANNED, tuple(calls)
            planned = SafeTransaction(
                key, count, purpose, what, time, state, nonce, safe=safe, until=until
            )
            connection.execute(insert(transactions).values(**transaction_columns(planned)))
            _note(connection, key, TransactionState.PLANNED, purpose)
        self._written("transaction planned")

    def step(self, changed: SafeTransaction, to: TransactionState, detail: str = "") -> None:
        """Take a transaction one step further, and keep what has changed with it.

        Raises:
            IllegalStep: the machine has no such step.
        """
        with self._engine.begin() as connection:
            mine = transactions.c.key == changed.key
            now = connection.execute(select(transactions.c.state).where(mine)).scalar_one()
            check_transaction_step(TransactionState(now), to)
            columns = transaction_columns(replace(changed, state=to, reason=detail))
            connection.execute(update(transactions).where(mine).values(**columns))
            _note(connection, changed.key, to, detail)
        self.moves += 1
        self._written(f"transaction {to}")

    def find(self, key: TransactionKey) -> SafeTransaction | None:
        """Return one transaction, or None."""
        with self._engine.connect() as connection:
            return _find(connection, key)

    def get(self, key: TransactionKey) -> SafeTransaction:
        """Return one transaction.

        Raises:
            NotRecorded: there is none.
        """
        found = self.find(key)
        if found is None:
            raise NotRecorded(f"this journal has no transaction {key}: is it another keeper's?")
        return found

    def open(self, safe: str | None = None) -> list[SafeTransaction]:
        """Return the transactions that something may still come of, oldest first; of one Safe, or
        of all."""
        chosen = select(transactions).where(transactions.c.state.not_in(TRANSACTION_OVER))
        if safe is not None:
            chosen = chosen.where(transactions.c.safe == safe)
        with self._engine.connect() as connection:
            rows = connection.execute(chosen.order_by(transactions.c.number)).mappings()
            return [transaction_of(row) for row in rows]

    def newest(self, safe: str) -> SafeTransaction | None:
        """Return the executed transaction of a Safe that has the highest nonce, or None."""
        executed = transactions.c.state.in_((TransactionState.MINED, TransactionState.DONE))
        chosen = select(transactions).where(executed & (transactions.c.safe == safe))
        with self._engine.connect() as connection:
            rows = connection.execute(chosen.order_by(transactions.c.nonce.desc()).limit(1))
            row = rows.mappings().first()
            return None if row is None else transaction_of(row)

    def done(self, purpose: str) -> list[SafeTransaction]:
        """Return the transactions of a purpose that are done, oldest first."""
        mine = (transactions.c.purpose == purpose) & (transactions.c.state == TransactionState.DONE)
        with self._engine.connect() as connection:
            chosen = select(transactions).where(mine).order_by(transactions.c.number)
            return [transaction_of(row) for row in connection.execute(chosen).mappings()]

    def all(self) -> list[SafeTransaction]:
        """Return every transaction, oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(transactions).order_by(transactions.c.number))
            return [transaction_of(row) for row in rows.mappings()]


def _find(connection: Connection, key: TransactionKey) -> SafeTransaction | None:
    chosen = select(transactions).where(transactions.c.key == key)
    row = connection.execute(chosen).mappings().first()
    return None if row is None else transaction_of(row)


def _note(
    connection: Connection, key: TransactionKey, state: TransactionState, detail: str
) -> None:
    connection.execute(insert(steps).values(intent=key, state=state, venue="", detail=detail))
