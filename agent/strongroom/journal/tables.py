"""The journal's tables, and how an older file becomes the newest version."""

from typing import Any

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, String, Table, event
from sqlalchemy.engine import Connection, Engine

VERSION = 3
META = MetaData()
facts = Table(  # single values: the salt of decisions, the day's opening NAV
    "facts",
    META,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
decisions = Table(
    "decisions",
    META,
    Column("id", LargeBinary, primary_key=True),  # keccak of the record: an order's metadata
    Column("record", String, nullable=False),  # canonical JSON
)
tasks = Table(  # decisions that are carried out
    "tasks",
    META,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("decision", LargeBinary, nullable=False, unique=True),
    Column("time", Integer, nullable=False),  # of the decision, timestamp
    Column("state", String, nullable=False),  # OPEN or CLOSED
    Column("reason", String, nullable=False),
    Column("revealed", Integer, nullable=False),  # 1: in the evidence of a report
)
intents = Table(
    "intents",
    META,
    Column("key", LargeBinary, primary_key=True),  # decision, leg, attempt
    Column("decision", LargeBinary, nullable=False),
    Column("account", String, nullable=False),
    Column("token", String, nullable=False),
    Column("side", String, nullable=False),
    Column("price", Integer, nullable=False),  # 10**-6
    Column("size", Integer, nullable=False),  # micro-tokens
    Column("time", Integer, nullable=False),  # of the decision, timestamp
    Column("state", String, nullable=False),
    Column("venue", String, nullable=False),
    Column("order_hash", String),  # 0x..., from SIGNED on
    Column("signature", LargeBinary),  # the envelope
    Column("expiry", Integer),  # of the envelope, timestamp
    Column("block", Integer),  # no fill can be older
    Column("filled", Integer, nullable=False),  # micro-tokens, by the chain's evidence
    Column("reason", String, nullable=False),
    Column("kind", String, nullable=False, server_default="GTC"),  # GTC, POST (only), FOK, FAK
    Column("exchange", String, nullable=False, server_default=""),  # address
    Column("condition", String, nullable=False, server_default=""),  # id, 0x...
    Column("maker", String, nullable=False, server_default=""),  # a wallet; empty: the account
)
steps = Table(  # of intents and transactions
    "steps",
    META,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("intent", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("venue", String, nullable=False),
    Column("detail", String, nullable=False),
)
fills = Table(
    "fills",
    META,
    Column("transaction", String, primary_key=True),
    Column("log_index", Integer, primary_key=True),
    Column("intent", LargeBinary, nullable=False),
    Column("making", Integer, nullable=False),
    Column("taking", Integer, nullable=False),
    Column("fee", Integer, nullable=False),
)
trades = Table(  # matches as the venue tells them; provisional until CONFIRMED or FAILED
    "trades",
    META,
    Column("id", String, primary_key=True),
    Column("intent", LargeBinary, primary_key=True),
    Column("status", String, nullable=False),
)
forecasts = Table(  # the first of each source on each market, and what came of it
    "forecasts",
    META,
    Column("source", String, primary_key=True),
    Column("market", String, primary_key=True),  # condition id, 0x...
    Column("event", String, nullable=False),
    Column("chance", Float, nullable=False),
    Column("mid", Float, nullable=False),  # the market's, at the freeze
    Column("frozen_at", Integer, nullable=False),
    Column("evidence_at", Integer, nullable=False),
    Column("detail", String, nullable=False),  # JSON
    Column("outcome", Float),  # 1 YES, 0 NO, 0.5 void; once known
)
transactions = Table(
    "transactions",
    META,
    Column("key", LargeBinary, primary_key=True),
    Column("number", Integer, nullable=False),  # in the order they were planned
    Column("purpose", String, nullable=False),
    Column("calls", String, nullable=False),  # JSON: [[to, data], ...]
    Column("time", Integer, nullable=False),  # planned, timestamp
    Column("state", String, nullable=False),
    Column("nonce", Integer),  # of the Safe
    Column("safe_hash", String),  # what the owners signed, 0x...
    Column("signatures", LargeBinary),
    Column("block", Integer),  # it cannot have been executed before
    Column("hashes", String, nullable=False),  # JSON: of the transactions that carried it
    Column("executor_nonce", Integer),
    Column("max_fee", Integer),  # wei a gas, of the last one sent
    Column("mined", Integer),  # block
    Column("reason", String, nullable=False),
)

MIGRATIONS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE intents ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'GTC'",
        "ALTER TABLE intents ADD COLUMN exchange VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE intents ADD COLUMN condition VARCHAR NOT NULL DEFAULT ''",
    ),
    2: ("ALTER TABLE intents ADD COLUMN maker VARCHAR NOT NULL DEFAULT ''",),
}


class JournalMismatch(RuntimeError):
    """The file is another version's, or a key stands for something else already."""


def prepare(engine: Engine) -> None:
    """Make the tables, or bring those of an older version up to date.

    Raises:
        JournalMismatch: a newer version wrote it.
    """
    sqlite = engine.dialect.name == "sqlite"
    if sqlite:
        event.listen(engine, "connect", be_durable)
    with engine.begin() as connection:
        if sqlite:
            _migrate(connection)
        META.create_all(connection)


def _migrate(connection: Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if found > VERSION:
        raise JournalMismatch(
            f"journal version {found}, this code writes {VERSION}: use a newer release"
        )
    for version in range(found or VERSION, VERSION):
        for statement in MIGRATIONS[version]:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def be_durable(connection: Any, _: object) -> None:
    """Let every commit of a new SQLite connection reach the disk."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
