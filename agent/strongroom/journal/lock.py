"""One keeper a journal: a lock that a dead process cannot hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url

from strongroom.journal.database import POSTGRES, open_engine, shown_journal
from strongroom.settings import AlreadyRuns, only_one

KEY = 0x5354524F  # of PostgreSQL's advisory locks that are ours; the second key is the schema's
TAKE = text("SELECT pg_try_advisory_lock(:key, hashtext(current_setting('search_path')))")
HOLDER = text(
    "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE granted "
    "AND locktype = 'advisory' AND classid = :key "
    "AND objid = hashtext(current_setting('search_path'))::bit(32)::bigint::oid"
)


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Hold a journal's lock while the block runs: a file beside SQLite's, PostgreSQL's own there.
    A journal in memory needs none.

    Raises:
        AlreadyRuns: another keeper holds it.
        ConfigError: the database is away, or its driver is not installed.
    """
    engine = open_engine(url)
    place = make_url(url)
    if place.get_backend_name() == POSTGRES:
        with engine.connect() as connection:
            if not connection.execute(TAKE, {"key": KEY}).scalar():
                who = connection.execute(HOLDER, {"key": KEY}).scalar() or "another process"
                raise AlreadyRuns(
                    f"a keeper on the journal {shown_journal(url)} runs already ({who}): end it "
                    "first"
                )
            connection.commit()  # the lock is the session's and stays
            yield
    elif place.database and place.database != ":memory:":
        with only_one(Path(f"{place.database}.lock"), f"a keeper on the journal {place.database}"):
            yield
    else:
        yield
    engine.dispose()
