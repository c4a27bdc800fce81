"""One keeper a journal: a lock that a dead process cannot hold."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from strongroom.settings import AlreadyRuns, ConfigError, only_one

KEY = 0x5354524F4E47  # of PostgreSQL's advisory lock; any number that only we use


@contextmanager
def alone(url: str) -> Iterator[None]:
    """Hold a journal's lock while the block runs: a file beside SQLite's, PostgreSQL's own there.
    A journal in memory needs none.

    Raises:
        AlreadyRuns: another keeper holds it.
        ConfigError: the database server is away, or its driver is not installed.
    """
    place = make_url(url)
    if place.get_backend_name() != "sqlite":
        with _on_server(url):
            yield
    elif place.database:
        with only_one(Path(f"{place.database}.lock"), f"a keeper on the journal {place.database}"):
            yield
    else:
        yield


@contextmanager
def _on_server(url: str) -> Iterator[None]:
    where = make_url(url).render_as_string()  # without the password
    try:
        connection = create_engine(url, isolation_level="AUTOCOMMIT").connect()
    except ImportError as error:
        raise ConfigError(
            f"[journal] {where} needs a driver: pip install 'strongroom[postgres]'"
        ) from error
    except SQLAlchemyError as error:
        raise ConfigError(f"[journal] {where} does not answer: start the server") from error
    try:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": KEY}).scalar():
            raise AlreadyRuns(f"a keeper on the journal {where} runs already: end it first")
        yield
    finally:
        connection.close()
        connection.engine.dispose()
