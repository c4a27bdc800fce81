"""Statements whose text is made once and asked of SQLite itself: for a database in memory, what
SQLAlchemy does around each takes several times as long as the answer.

Types are converted as SQLAlchemy would: by the statement's own columns and parameters.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import cast

from sqlalchemy import Delete, Insert, Select, Table, Update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from strongroom.journal.rows import Columns, Made, Make, row_of

Rows = Select[tuple[str]]
Write = Insert | Update | Delete
Convert = Callable[[object], object]


class Prepared:
    """One statement of a database in memory."""

    def __init__(self, engine: Engine, chosen: Rows | Write, given: Iterable[str] = ()) -> None:
        """Make its text.

        Args:
            given: names of the values that are written
        """
        dialect = engine.dialect
        made = chosen.compile(
            dialect=dialect,
            column_keys=list(given) or None,
            compile_kwargs={"render_postcompile": True},
        )
        self._text, self._fixed = str(made), made.params
        self._order: list[tuple[str, Convert | None]] = [
            (name, made.binds[name].type.bind_processor(dialect) if name in made.binds else None)
            for name in made.positiontup or ()
        ]
        columns = list(chosen.selected_columns) if isinstance(chosen, Select) else []
        self._names = [str(column.key) for column in columns]
        self._converts: list[Convert | None] = [
            column.type.result_processor(dialect, None) for column in columns
        ]

    def ask(self, connection: sqlite3.Connection, make: Make[Made], of: Columns) -> list[Made]:
        """Return what is made of each row."""
        rows = connection.execute(self._text, self._given(of)).fetchall()
        return [make(row_of(self._names, self._converted(row))) for row in rows]

    def write(self, connection: sqlite3.Connection, rows: Sequence[Columns]) -> None:
        """Write rows, or change by each what it names.

        Raises:
            DBAPIError: as SQLAlchemy has it.
        """
        try:
            connection.executemany(self._text, [self._given(row) for row in rows])
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._text, None, error, sqlite3.Error) from error

    def _given(self, of: Columns) -> list[object]:
        values = self._fixed | dict(of)
        return [
            values[name] if convert is None else convert(values[name])
            for name, convert in self._order
        ]

    def _converted(self, row: Sequence[object]) -> Sequence[object]:
        if not any(self._converts):
            return row
        return [
            value if convert is None else convert(value)
            for convert, value in zip(self._converts, row, strict=True)
        ]


def table_of(write: Write) -> str:
    """Return the name of the table that a statement writes to."""
    return str(cast(Table, write.table).name)
