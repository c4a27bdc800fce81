"""A SQLite file of payments: private, every commit on the disk, one writer at a time."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from strongroom.settings import ConfigError

BUSY_S = 30.0  # another process writes
Value = str | int | bytes | None


class LedgerFile:
    """One file; safe between threads and processes."""

    def __init__(self, path: Path, schema: str, what: str) -> None:
        """Open it, and make its tables where they are not there.

        Args:
            what: the setting that names it

        Raises:
            ConfigError: it is no such file, or its folder is not there.
        """
        self._lock = threading.RLock()
        try:
            path.touch(mode=0o600)
            path.chmod(0o600)
            self._file = sqlite3.connect(
                path, BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._file.row_factory = sqlite3.Row
            self._file.execute("PRAGMA journal_mode=WAL")
            self._file.execute("PRAGMA synchronous=FULL")
            self._file.executescript(schema)
        except OSError as error:
            raise ConfigError(f"[{what}] {path}: {error.strerror}: name another file") from error
        except sqlite3.DatabaseError as error:
            raise ConfigError(f"[{what}] {path}: {error}: name another file") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let nobody else write while the block runs; an error undoes what the block wrote."""
        with self._lock:
            self._file.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._file.execute("ROLLBACK")
                raise
            self._file.execute("COMMIT")

    def rows(self, statement: str, *values: Value) -> Sequence[sqlite3.Row]:
        """Return what a question finds."""
        with self._lock:
            return self._file.execute(statement, values).fetchall()

    def change(self, statement: str, *values: Value) -> int:
        """Write; return how many rows it changed."""
        with self._lock:
            return self._file.execute(statement, values).rowcount

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
