"""Reads of the journal that many ask for again, with nothing written since; and its transactions.

What was read from a database in memory is kept until something is written to one of its tables: no
other process can write there. What is read within a transaction is not kept, as that may be rolled
back. A file or a server is asked each time, as others write to it.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from sqlalchemy import Delete, Insert, Table, Update, event
from sqlalchemy.engine import Engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.sql.util import find_tables

from strongroom.database import is_in_memory
from strongroom.journal.prepared import Prepared, Rows, Write, table_of
from strongroom.journal.rows import Made, Make
from strongroom.journal.writes import ByEngine, InMemory, Writing

MOST_KEPT = 65_536  # answers


class KeptReads:
    """Answers statements that are made once (statements.py): they name what is kept."""

    def __init__(self, engine: Engine) -> None:
        """Take the database."""
        self._engine, self._keeps = engine, is_in_memory(engine.url)
        self._kept: dict[object, tuple[list[int], list[object]]] = {}
        self._tables: dict[Rows, list[str]] = {}
        self._writes = Counter[str]()  # by table
        self._is_writing = False  # what may still be rolled back
        self._prepared: dict[tuple[Rows | Write, tuple[str, ...]], Prepared] = {}
        self._held: PoolProxiedConnection | None = None  # the only one; others are the same
        if self._keeps:
            self._held = engine.raw_connection()
            event.listen(engine, "before_execute", self._see)
            for end in ("commit", "rollback"):
                event.listen(engine, end, self._end)

    def all(self, chosen: Rows, make: Make[Made], **of: str | int) -> list[Made]:
        """Return what is made of each row; nobody may change what is in the list."""
        if not self._keeps or self._is_writing:
            return self._read(chosen, make, of)
        key = chosen, make, tuple(of.items())
        if chosen not in self._tables:
            found = find_tables(chosen, include_joins=True, check_columns=True)
            self._tables[chosen] = sorted({str(cast(Table, each).name) for each in found})
        writes = [self._writes[name] for name in self._tables[chosen]]
        known = self._kept.get(key)
        if known is None or known[0] != writes:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            known = self._kept[key] = writes, list[object](self._read(chosen, make, of))
        return cast(list[Made], list(known[1]))

    def first(self, chosen: Rows, make: Make[Made], **of: str | int) -> Made | None:
        """Return what is made of the first row; None: there is none."""
        return next(iter(self.all(chosen, make, **of)), None)

    @contextmanager
    def begin(self) -> Iterator[Writing]:
        """Begin a transaction, and end it: all is written, or with an error nothing."""
        if self._held is None:
            with self._engine.begin() as connection:
                yield ByEngine(connection)
            return
        held = self._connection
        try:
            yield InMemory(held, self._prepare, self._write)
        except BaseException:
            held.rollback()
            raise
        else:
            held.commit()
        finally:
            self._is_writing = False

    def _read(self, chosen: Rows, make: Make[Made], of: dict[str, str | int]) -> list[Made]:
        if self._held is None:
            with self._engine.connect() as connection:
                return [make(row) for row in connection.execute(chosen, of).mappings()]
        return self._prepare(chosen).ask(self._connection, make, of)

    @property
    def _connection(self) -> sqlite3.Connection:
        assert self._held is not None
        return cast(sqlite3.Connection, self._held.driver_connection)

    def _prepare(self, statement: Rows | Write, given: tuple[str, ...] = ()) -> Prepared:
        """Return a statement made once for what is given."""
        known = self._prepared.get((statement, given))
        if known is None:
            known = Prepared(self._engine, statement, given)
            self._prepared[statement, given] = known
        return known

    def _write(self, table: str) -> None:
        self._writes[table] += 1
        self._is_writing = True

    def _see(self, connection: object, clause: object, *rest: object) -> None:
        if isinstance(clause, (Insert, Update, Delete)):
            self._write(table_of(clause))

    def _end(self, connection: object) -> None:
        self._is_writing = False
