"""A transaction of the journal: what it reads first, then writes; by SQLAlchemy, or where the
database is in memory by SQLite itself (prepared.py)."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy.engine import Connection

from strongroom.journal.prepared import Prepared, Rows, Write, table_of
from strongroom.journal.rows import Columns, Made, Make

Prepare = Callable[[Rows | Write, tuple[str, ...]], Prepared]


class Writing(Protocol):
    """What is written all or not at all."""

    def first(self, chosen: Rows, make: Make[Made], **of: str) -> Made | None:
        """Return what is made of the first row; None: there is none."""

    def execute(self, write: Write, values: Columns | Sequence[Columns]) -> object:
        """Write a row or several, or change by each what it names."""


class ByEngine:
    """One of any database."""

    def __init__(self, connection: Connection) -> None:
        """Take the connection, which has begun it."""
        self._connection = connection

    def first(self, chosen: Rows, make: Make[Made], **of: str) -> Made | None:
        """Return what is made of the first row; None: there is none."""
        row = self._connection.execute(chosen, of).mappings().first()
        return None if row is None else make(row)

    def execute(self, write: Write, values: Columns | Sequence[Columns]) -> object:
        """Write a row or several, or change by each what it names."""
        return self._connection.execute(write, values)


class InMemory:
    """One of a database in memory; SQLite begins it by itself at the first write."""

    def __init__(
        self, connection: sqlite3.Connection, prepare: Prepare, written: Callable[[str], None]
    ) -> None:
        """Take the connection, what makes statements once, and who hears which table is written
        to."""
        self._connection, self._prepare, self._written = connection, prepare, written

    def first(self, chosen: Rows, make: Make[Made], **of: str) -> Made | None:
        """Return what is made of the first row; None: there is none."""
        return next(iter(self._prepare(chosen, ()).ask(self._connection, make, of)), None)

    def execute(self, write: Write, values: Columns | Sequence[Columns]) -> object:
        """Write a row or several, or change by each what it names."""
        rows = values if isinstance(values, Sequence) else (values,)
        if rows:
            self._written(table_of(write))
            self._prepare(write, tuple(rows[0])).write(self._connection, rows)
        return None
