"""A database by its URL, for the journal and the co-signer: SQLite's file, or PostgreSQL's server.

Paper has its own journal: a file beside SQLite's, a schema of the same database on a server.
"""

import os
import socket
import sqlite3
from contextlib import suppress
from pathlib import Path

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    OperationalError,
    StatementError,
)

from strongroom.chain.jsonrpc import shown_url
from strongroom.extras import how_to_install
from strongroom.settings import ConfigError

SQLITE, POSTGRES, DRIVER = "sqlite", "postgresql", "postgresql+psycopg"
PAPER_SCHEMA = "keeper_paper"
CONNECT_S = 10
APPLICATION = "strongroom "  # before what a session calls itself: a process of a machine


def open_engine(url: str, what: str = "journal") -> Engine:
    """Return the database, which answers.

    Args:
        what: the setting that has the URL

    Raises:
        ConfigError: the URL is none, the driver is not installed, nothing answers, or a file of
            SQLite has several names.
    """
    place, shown = parsed(url, what), shown_database(url)
    on_server = place.get_backend_name() == POSTGRES
    file = Path(place.database or "")
    if not on_server and file.is_file() and (names := file.stat().st_nlink) > 1:
        why = f"has {names} names (hard links), and SQLite keeps a log beside each"
        raise ConfigError(f"[{what}] {shown} {why}: remove the others, or name a copy")
    try:
        engine = _on_server(place) if on_server else create_engine(place)
        with engine.connect() as connection:
            if place.get_backend_name() == SQLITE:
                connection.exec_driver_sql("PRAGMA schema_version")  # any file opens; see inside
    except ArgumentError as error:
        raise _no_database(shown, what) from error
    except ImportError as error:
        raise ConfigError(
            f"[{what}] {shown} needs a driver: {how_to_install('postgres')}"
        ) from error
    except OperationalError as error:
        advice = "is the server there?" if on_server else "does its folder exist?"
        raise ConfigError(f"[{what}] {shown} cannot be opened: {advice}") from error
    except DatabaseError as error:
        cure = "name another file, or restore a backup if it was one"
        raise ConfigError(f"[{what}] {shown} is no database: {cure}") from error
    return engine


def is_in_memory(place: URL) -> bool:
    """Whether a database ends with this process, which alone can write to it."""
    return place.get_backend_name() == SQLITE and place.database in (None, "", ":memory:")


def is_of_data(error: BaseException) -> bool:
    """Whether a database refuses what is to be written, and not to write."""
    bound = isinstance(error, StatementError) and not isinstance(error, DBAPIError)
    return bound or isinstance(error, (DataError, IntegrityError))


def keep_private_and_durable(engine: Engine) -> None:
    """Let nobody but this user read a SQLite file, and every commit reach the disk."""
    _make_private(engine)
    event.listen(engine, "connect", _be_durable)
    engine.dispose()  # connections that were opened before


def shown_database(url: str) -> str:
    """Return a URL as messages may have it: without who enters, and how."""
    place = parsed(url)
    return f"{shown_url(url)}/{place.database or ''}" if place.host else _bare(place)


def _bare(place: URL) -> str:
    return URL.create(place.drivername, database=place.database).render_as_string()


def paper_url(url: str) -> str:
    """Return the URL of the journal that paper writes, beside that of a live keeper."""
    place = parsed(url)
    if place.get_backend_name() == POSTGRES:
        known = place.query.get("options", "")
        options = f"{known} -csearch_path={PAPER_SCHEMA}".strip()
        place = place.update_query_dict({"options": options})
    elif place.database:
        name = place.database
        paper = name.removesuffix(".db") + "-paper.db" if name.endswith(".db") else f"{name}-paper"
        place = place.set(database=paper)
    return place.render_as_string(hide_password=False)


def parsed(url: str, what: str = "journal") -> URL:
    """Return a URL's parts.

    Raises:
        ConfigError: it is none.
    """
    try:
        place = make_url(url)
    except (ArgumentError, ValueError) as error:
        secret = any(mark in url for mark in "@?=")  # a password may stand anywhere in it
        raise _no_database("the text" if secret else repr(url), what) from error
    if (place.database or "").startswith("file:"):  # SQLite's own URI: its lock would be another
        raise _no_database(_bare(place), what)
    return place


def _no_database(shown: str, what: str) -> ConfigError:
    return ConfigError(
        f"[{what}] {shown} is not a database: use sqlite:///keeper.db or postgresql://..."
    )


def _on_server(place: URL) -> Engine:
    arguments = {"application_name": f"{APPLICATION}pid {os.getpid()} on {socket.gethostname()}"}
    if "connect_timeout" not in place.query:
        arguments["connect_timeout"] = str(CONNECT_S)
    return create_engine(place.set(drivername=DRIVER), connect_args=arguments, pool_pre_ping=True)


def _make_private(engine: Engine) -> None:
    name = engine.url.database
    if name and name != ":memory:":
        path = Path(name)
        path.touch(mode=0o600)  # the files beside it take its mode
        with suppress(PermissionError):  # it is another user's, who lets us write
            path.chmod(0o600)


def _be_durable(connection: sqlite3.Connection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
