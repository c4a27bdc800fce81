"""Statements whose text is made once and asked of SQLite itself: for a database in memory, what
SQLAlchemy does around each takes several times as long as the answer.

Types are converted as SQLAlchemy would: by the statement's own columns and parameters.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Select
from sqlalchemy.engine import Engine

from strongroom.journal.rows import Made, Make, row_of

Rows = Select[tuple[str]]
Convert = Callable[[object], object]


class Prepared:
    """One SELECT of a database in memory."""

    def __init__(self, engine: Engine, chosen: Rows) -> None:
        """Make its text."""
        dialect = engine.dialect
        made = chosen.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._text, self._fixed = str(made), made.params
        self._order: list[tuple[str, Convert | None]] = [
            (name, made.binds[name].type.bind_processor(dialect) if name in made.binds else None)
            for name in made.positiontup or ()
        ]
        self._names = chosen.selected_columns.keys()
        self._converts: list[Convert | None] = [
            column.type.result_processor(dialect, None) for column in chosen.selected_columns
        ]

    def ask(
        self, connection: sqlite3.Connection, make: Make[Made], of: Mapping[str, str | int]
    ) -> list[Made]:
        """Return what is made of each row."""
        values = self._fixed | of
        given = [
            values[name] if convert is None else convert(values[name])
            for name, convert in self._order
        ]
        rows = connection.execute(self._text, given).fetchall()
        return [make(row_of(self._names, self._converted(row))) for row in rows]

    def _converted(self, row: Sequence[object]) -> Sequence[object]:
        if not any(self._converts):
            return row
        return [
            value if convert is None else convert(value)
            for convert, value in zip(self._converts, row, strict=True)
        ]
