"""One keeper a journal: a lock that a dead process cannot hold."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError

from strongroom.database import APPLICATION, POSTGRES, open_engine, shown_database
from strongroom.journal.migrations import make_schema
from strongroom.settings import AlreadyRuns, holder_of, lock_of, only_one

KEY = 0x5354524F  # of PostgreSQL's advisory locks that are ours; the second key is the schema's
TAKE = text("SELECT pg_try_advisory_lock(:key, hashtext(current_schema()))")
HOLDER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE granted "
    "AND locktype = 'advisory' AND classid = :key "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND objid = hashtext(current_schema())::bit(32)::bigint::oid"
)
ALIVE = text("SELECT 1")
# a machine that is gone says no goodbye: the server asks after a session that says nothing, so that
# its lock ends within a minute
KEEPALIVE = (
    text("SET tcp_keepalives_idle = 30"),
    text("SET tcp_keepalives_interval = 10"),
    text("SET tcp_keepalives_count = 3"),
)

Check = Callable[[], None]


@contextmanager
def alone(url: str) -> Iterator[Check]:
    """Hold a journal's lock while the block runs: a file beside SQLite's, PostgreSQL's own there.
    A journal in memory needs none.

    Yields what makes sure that the lock is still held. PostgreSQL's ends with its session, a file
    may be removed: it is then taken again, or AlreadyRuns (another keeper has it), SQLAlchemyError
    (the server is away) or OSError is raised.

    Raises:
        AlreadyRuns: another keeper holds it.
        ConfigError: the database is away, or its driver is not installed.
    """
    engine = open_engine(url)
    place = make_url(url)
    try:
        if place.get_backend_name() == POSTGRES:
            lock = _SessionLock(engine, shown_database(url))
            try:
                lock.take()
                yield lock.check
            finally:
                lock.drop()
        elif place.database and place.database != ":memory:":
            file = lock_of(Path(place.database))
            with only_one(file, f"a keeper on the journal {place.database}") as check:
                yield check
        else:
            yield lambda: None
    finally:
        engine.dispose()


def holder(url: str) -> str | None:
    """Return who holds a journal's lock; None: no keeper runs on it. Asking takes no lock.

    Raises:
        ConfigError: the database is away, or its driver is not installed.
    """
    place = make_url(url)
    if place.get_backend_name() != POSTGRES:
        named = place.database
        return holder_of(lock_of(Path(named))) if named and named != ":memory:" else None
    engine = open_engine(url)
    try:
        with engine.connect() as session:
            return _holder(session)
    finally:
        engine.dispose()


def _holder(session: Connection) -> str | None:
    who = session.execute(HOLDER, {"key": KEY}).scalar()
    return None if who is None else str(who).removeprefix(APPLICATION)


class _SessionLock:
    """PostgreSQL's lock of a schema: it lives as long as one session does."""

    def __init__(self, engine: Engine, shown: str) -> None:
        self._engine, self._shown = engine, shown
        self._session: Connection | None = None

    def take(self) -> None:
        """Take it in a new session."""
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._session = engine.connect()
        for setting in KEEPALIVE:
            self._session.execute(setting)
        make_schema(self._session)
        if not self._session.execute(TAKE, {"key": KEY}).scalar():
            who = _holder(self._session) or "unknown"
            self.drop()
            raise AlreadyRuns(
                f"a keeper on the journal {self._shown} is already running, {who}: end it first"
            )

    def check(self) -> None:
        """Make sure that it is held; a session that has ended holds nothing."""
        try:
            if self._session is not None:
                self._session.execute(ALIVE)
                return
        except SQLAlchemyError:
            self.drop()
        self.take()

    def drop(self) -> None:
        """End the session."""
        if self._session is not None:
            with suppress(SQLAlchemyError):
                self._session.invalidate()
                self._session.close()
            self._session = None
