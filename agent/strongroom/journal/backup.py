"""Backups of a journal, and the way back.

A backup is a journal in a SQLite file of its own, whatever database the journal is in. It is made
while a keeper runs: a file by SQLite's online backup, a server's tables in one transaction that
sees one moment.

A backup says whose journal it is: chain, vault and keeper's Safe. It goes back to that keeper's
live journal alone. A journal that is no backup, such as paper's, does not say it, and goes nowhere.

The way back replaces all rows in one transaction. What the backup says is planned may have been
done since, so it is ended there and never done a second time. A fact lets the keeper wait until
nothing that was signed since can be filled any more.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, delete, func, insert, inspect, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from strongroom.chain.calls import first_line
from strongroom.database import SQLITE, open_engine, parsed, shown_database
from strongroom.errors import BadInput, Refused
from strongroom.journal.journal import Journal
from strongroom.journal.lock import alone
from strongroom.journal.migrations import (
    VERSION,
    VERSION_FACT,
    keep_version,
    prepare,
    version_of,
)
from strongroom.journal.states import ApprovalState, IntentState, TransactionState
from strongroom.journal.tables import META, JournalMismatch, facts
from strongroom.settings import ConfigError

RESTORED = "restored"  # fact; NEW, then until when the keeper waits, then empty
NEW = "new"
MOMENT = "%Y%m%dT%H%M%SZ"  # of a backup, in its name
BACKUP_OF = "backup of"  # fact of a backup, and of no journal: whose it is
WHY = "under way when the backup was made: the chain has what became of it"
MANY = 1_000  # rows at once
ANOTHER = "take another backup"
DAMAGED = "stop the keeper, and restore its newest backup that is whole"
OPENED = "run this as a user who may read and write it and its folder; it is not damaged"
MOVE = (
    "stop the keeper, move {name} away with the files that begin so ({name}-wal, {name}-shm), and "
    "restore again"
)
FROM_DISK = (  # SQLite's codes where what it writes is not taken
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
)
NUMBERED = ("tasks", "steps")  # whose numbers a server counts itself


class NoBackup(BadInput):
    """The file is no backup of this journal; the message says why."""


class NotWritten(Refused):
    """The disk does not take the backup, the copy of one, or the journal; the message says where
    it lies."""


@dataclass(frozen=True)
class JournalOwner:
    """The keeper whose live journal it is.

    Attributes:
        safe: the keeper's, an address
        reporter: the reporter's Safe, where the keeper signs for it; empty: it does not
    """

    chain_id: int
    vault: str
    safe: str
    reporter: str = ""

    @property
    def named(self) -> str:
        """What tells it from every other one, as a backup says it."""
        vault, safe = self.vault.lower(), self.safe.lower()
        return f"vault {vault}, keeper's Safe {safe}, chain {self.chain_id}"

    def file_name(self, moment: str) -> str:
        """Return the name of its backup of a moment, written as 20261126T210000Z."""
        return f"{self._prefix}{moment}.db"

    def backups(self, folder: Path) -> list[Path]:
        """Return its backups of a folder, the oldest first, as their names say."""
        form = re.compile(rf"{self._prefix}\d{{8}}T\d{{6}}Z\.db")
        return sorted(each for each in folder.iterdir() if form.fullmatch(each.name))

    def newest(self, folder: Path) -> int | None:
        """Return when the newest of them was made, as its name says; None: there is none, or the
        folder cannot be read."""
        try:
            found = self.backups(folder)
        except OSError:
            return None
        for each in reversed(found):
            with suppress(ValueError):  # no moment: somebody named it so
                made = datetime.strptime(each.stem.rpartition("-")[2], MOMENT)
                return int(made.replace(tzinfo=UTC).timestamp())
        return None

    @property
    def _prefix(self) -> str:
        return f"keeper-{self.vault[2:10]}-{self.safe[2:10]}-".lower()


@dataclass(frozen=True)
class Restored:
    """What a restore has done.

    Attributes:
        rows: by table
        ended: decisions, orders, transactions and questions that were under way in the backup
        before: a backup of the journal that was there; None: none was
    """

    rows: Mapping[str, int]
    ended: tuple[str, ...]
    before: Path | None


def back_up(url: str, target: Path, owner: JournalOwner) -> dict[str, int]:
    """Write a journal's backup, readable by this user alone; return its rows by table.

    Args:
        target: a file that is not there yet
        owner: of the journal; the backup says so

    Raises:
        ConfigError: there is no journal, or it is damaged.
        NoBackup: the target is there.
        NotWritten: the disk does not take it.
        JournalMismatch: another release wrote a server's journal.
    """
    return _back_up(url, target, owner, "free some of its disk, or name another folder with --to")


def _back_up(url: str, target: Path, owner: JournalOwner, cure: str) -> dict[str, int]:
    """Do what `back_up` does; `cure` is told where the disk does not take it."""
    if target.exists():
        raise NoBackup(f"{target} is there already: name another file")
    place, shown = parsed(url), shown_database(url)
    file = Path(place.database or "") if place.get_backend_name() == SQLITE else None
    if file is not None and not file.is_file():
        raise ConfigError(f"[journal] {file} does not exist: there is nothing to back up")
    with _part_of(target, cure) as part:
        if file is not None:
            _copy_file(file, part, f"[journal] {file}", DAMAGED)
        else:
            with _file_engine(part) as made:
                prepare(made)
                _copy_rows(open_engine(url), made)
                _stand_alone(made)
        _sign(part, owner, shown)
        rows = _counted(part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
    return rows


@contextmanager
def _part_of(target: Path, cure: str) -> Iterator[Path]:
    """Yield the file to write, which becomes the target once the block has ended well: nothing of
    it stays else.

    Raises:
        NotWritten: the disk does not take it.
    """
    part = target.with_name(f"{target.name}.part")
    with _written(target, cure):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            part.touch(mode=0o600)
            yield part
            part.rename(target)
        finally:
            for end in ("", "-journal", "-wal", "-shm"):
                part.with_name(part.name + end).unlink(missing_ok=True)


@contextmanager
def _readable(backup: Path) -> Iterator[None]:
    """Say of a backup with rows that a journal never has that it is damaged; raises NoBackup."""
    try:
        yield
    except NoBackup:
        raise
    except (ValueError, LookupError, TypeError, DBAPIError) as error:
        if _is_from_disk(error):
            raise
        raise NoBackup(f"{backup} is damaged ({first_line(error)}): {ANOTHER}") from error


def _is_from_disk(error: Exception) -> bool:
    """Whether SQLite could not write."""
    why = error.orig if isinstance(error, DBAPIError) else error
    return getattr(why, "sqlite_errorcode", 0) in FROM_DISK


def _is_damage(error: sqlite3.Error) -> bool:
    """Whether what SQLite read is no database, or no whole one."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def _written(target: Path | str, cure: str) -> Iterator[None]:
    """Say of what the disk does not take that it is the disk: the block writes there alone.

    Raises:
        NotWritten: see the class.
    """
    try:
        yield
    except OSError as error:
        raise NotWritten(f"{target} cannot be written ({error.strerror}): {cure}") from error
    except (sqlite3.Error, DBAPIError) as error:
        if not _is_from_disk(error):
            raise
        why = error.orig if isinstance(error, DBAPIError) else error
        raise NotWritten(f"{target} cannot be written ({why}): {cure}") from error


def restore(url: str, backup: Path, before: Path, owner: JournalOwner) -> Restored:
    """Let a journal be what a backup is, but for what was under way there.

    Args:
        before: where to keep the journal that is there
        owner: of the journal; a backup of another one's is refused

    Raises:
        AlreadyRuns: a keeper has the journal.
        NoBackup: the file is none, or another keeper's.
        ConfigError: the journal that is there is damaged.
        NotWritten: a disk does not take it.
    """
    if not backup.is_file():
        raise NoBackup(f"{backup} is no file: name one of `strongroom keeper backup`")
    _check_there(url)
    with TemporaryDirectory() as folder, alone(url):
        copy = Path(folder) / "journal.db"
        with _written(copy, "free some of its disk, or name another one with TMPDIR"):
            _copy_file(backup, copy, str(backup), ANOTHER)
            with _readable(backup):
                _check(copy, backup, owner)
                ended = _end_what_was_under_way(Journal(f"sqlite:///{copy}"))
        target = open_engine(url)
        kept = None
        if _version(target):
            _back_up(url, before, owner, "free some of its disk")
            kept = before
        cure = "free some of its disk and restore again; the journal is as it was"
        with _written(shown_database(url), cure):
            prepare(target)
            with _file_engine(copy) as source:
                rows = _copy_rows(source, target)
        target.dispose()
    return Restored(rows, tuple(ended), kept)


def _check_there(url: str) -> None:
    """Refuse to restore over a journal that could not be kept: it is moved away first.

    Raises:
        ConfigError: the file is there, and damaged or no database.
    """
    place = parsed(url)
    file = Path(place.database or "")
    if place.get_backend_name() != SQLITE or not file.is_file():
        return
    try:
        with closing(sqlite3.connect(file)) as reading:
            found = _faults(reading)
    except sqlite3.OperationalError:
        return  # it is in use, or not ours to read: whoever opens it says so
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found:
        raise ConfigError(f"[journal] {file} is damaged ({found}): {MOVE.format(name=file.name)}")


def _sign(part: Path, owner: JournalOwner, shown: str) -> None:
    """Let a backup say whose it is."""
    mine = {"name": BACKUP_OF, "value": owner.named}
    with _file_engine(part) as engine:
        if not _is_journal(engine):
            raise ConfigError(f"[journal] {shown} is no journal: name a keeper's")
        with engine.begin() as connection:
            connection.execute(delete(facts).where(facts.c.name == BACKUP_OF))
            connection.execute(insert(facts).values(mine))


def _check(copy: Path, named: Path, owner: JournalOwner) -> None:
    """Refuse what is no backup, or another keeper's; bring an older one up. What it says of its
    owner is taken out: a journal does not say it."""
    with _file_engine(copy) as engine:
        if not _is_journal(engine):
            raise NoBackup(f"{named} is no journal: name a file of `strongroom keeper backup`")
        try:
            prepare(engine)
        except JournalMismatch as error:
            raise NoBackup(f"{named}: {error}") from error
        if lacking := set(META.tables) - set(inspect(engine).get_table_names()):
            raise NoBackup(f"{named} lacks {', '.join(sorted(lacking))}: {ANOTHER}")
        mine = facts.c.name == BACKUP_OF
        with engine.begin() as connection:
            said = connection.execute(select(facts.c.value).where(mine)).scalar()
            connection.execute(delete(facts).where(mine))
    if said is None:
        raise NoBackup(
            f"{named} does not say whose journal it is: name a file of `strongroom keeper backup`"
        )
    if said != owner.named:
        raise NoBackup(f"{named} is of {said}; this file's are {owner.named}: name one of those")
    known = {each.safe for each in Journal(f"sqlite:///{copy}").transactions.all() if each.safe}
    if known and not {each.lower() for each in known} & {
        each.lower() for each in (owner.safe, owner.reporter)
    }:
        raise NoBackup(f"{named} is of Safe {', '.join(sorted(known))}, another vault's keeper")


def _end_what_was_under_way(journal: Journal) -> list[str]:
    """End what may have been done since; return what it was. What is signed stays: its hash is
    known, so doing it again is doing the same."""
    ended = []
    for task in journal.open_tasks():
        journal.close_task(task.decision, WHY)
        ended.append(f"decision {task.decision}")
    for intent in journal.open():
        if intent.state == IntentState.PLANNED:
            journal.step(intent.key, IntentState.CLOSED, detail=WHY)
            ended.append(f"order {intent.key} of decision {intent.decision}")
    for each in journal.transactions.open():
        if each.state == TransactionState.PLANNED:
            journal.transactions.step(each, TransactionState.DROPPED, WHY)
            ended.append(f"transaction {each.purpose!r}")
    for asked in journal.approvals.waiting():
        journal.approvals.end(asked.decision, ApprovalState.EXPIRED, WHY)
        ended.append(f"question about decision {asked.decision}")
    journal.keep(RESTORED, NEW)
    return ended


def _copy_file(source: Path, target: Path, named: str, cure: str) -> None:
    """Copy a database that may be in use, as of one moment, into a file that stands alone.

    Args:
        named: the source, in messages
        cure: where it is damaged

    Raises:
        NoBackup: the source is damaged, or no database.
        sqlite3.Error: the disk does not take the target.
    """
    target.touch(mode=0o600)
    try:
        with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as into:
            reading.backup(into)
            into.execute("PRAGMA journal_mode=DELETE")
            found = _faults(into)
    except sqlite3.DatabaseError as error:
        if _is_from_disk(error):
            raise
        if not _is_damage(error):
            raise NoBackup(f"{named} cannot be opened ({error}): {OPENED}") from error
        raise NoBackup(f"{named} cannot be read as a database ({error}): {cure}") from error
    if found:
        raise NoBackup(f"{named} is damaged ({found}): {cure}")


def _faults(file: sqlite3.Connection) -> str:
    """Return the first fault that SQLite finds in a file; empty: it is whole."""
    found = str(file.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return "" if found == "ok" else " ".join(found.split())


def _stand_alone(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")


@contextmanager
def _file_engine(path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()


def _version(engine: Engine) -> int:
    with engine.connect() as connection:
        return version_of(connection)


def _is_journal(engine: Engine) -> bool:
    """Whether a file has a journal's version and tables: any program may count a file's version."""
    return bool(_version(engine)) and inspect(engine).has_table(facts.name)


def _copy_rows(source: Engine, target: Engine) -> dict[str, int]:
    """Replace all rows of the target, in one transaction; return how many, by table.

    Raises:
        JournalMismatch: the source is another version's.
    """
    at_once = {} if source.dialect.name == SQLITE else {"isolation_level": "REPEATABLE READ"}
    reading = source.connect().execution_options(**at_once)
    rows = {}
    with reading, target.begin() as writing:
        found = version_of(reading)
        if found != VERSION:
            raise JournalMismatch(
                f"journal version {found}, this code writes {VERSION}: back it up with the release "
                "that wrote it"
            )
        for table in META.sorted_tables:
            writing.execute(delete(table))
            rows[table.name] = 0
            chosen = select(table)
            if table is facts:  # the version is the database's own
                chosen = chosen.where(facts.c.name != VERSION_FACT)
            for part in reading.execute(chosen).mappings().partitions(MANY):
                writing.execute(insert(table), [dict(row) for row in part])
                rows[table.name] += len(part)
        keep_version(writing)
        _count_on(writing)
    source.dispose()
    return rows


def _count_on(connection: Connection) -> None:
    """Let a server give its next numbers after those that came with the rows."""
    if connection.dialect.name == SQLITE:
        return
    for name in NUMBERED:
        highest = select(func.max(META.tables[name].c.number)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(text(f"'{name}'"), text("'number'"))
        connection.execute(select(func.setval(sequence, func.coalesce(highest, 0) + 1, False)))


def _counted(file: Path) -> dict[str, int]:
    with _file_engine(file) as engine, engine.connect() as connection:
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        there = set(names.scalars())
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in META.sorted_tables
            if table.name in there
        }
