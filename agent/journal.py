"""The durable record of decisions, intents and fills: SQLite in WAL, every commit on disk.

One row an intent, and an append-only row for each of its steps. A step is one transaction, written
before what it allows is done. The URL may be PostgreSQL's as well.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection, Engine, Row

from agent.execution.machine import RESERVING, Intent, Venue, check_step

VERSION = 1
_meta = MetaData()
decisions = Table(
    "decisions",
    _meta,
    Column("id", LargeBinary, primary_key=True),  # keccak of the record: an order's metadata
    Column("record", String, nullable=False),  # canonical JSON
)
intents = Table(
    "intents",
    _meta,
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
)
steps = Table(
    "steps",
    _meta,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("intent", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("venue", String, nullable=False),
    Column("detail", String, nullable=False),
)
fills = Table(
    "fills",
    _meta,
    Column("transaction", String, primary_key=True),
    Column("log_index", Integer, primary_key=True),
    Column("intent", LargeBinary, nullable=False),
    Column("making", Integer, nullable=False),
    Column("taking", Integer, nullable=False),
    Column("fee", Integer, nullable=False),
)


class JournalMismatch(RuntimeError):
    """The file is another version's, or an intent's key stands for something else already."""


@dataclass(frozen=True)
class Plan:
    """What an intent wants; amounts as in the table."""

    decision: bytes
    account: str
    token: str
    side: str
    price: int
    size: int
    time: int


@dataclass(frozen=True)
class Fill:
    """One `OrderFilled` of an intent's order."""

    transaction: str
    log_index: int
    making: int
    taking: int
    fee: int


class Journal:
    """Reads and writes the record; one process writes at a time."""

    def __init__(self, url: str, written: Callable[[str], None] = lambda what: None) -> None:
        """Open it, make the tables where they are missing.

        Args:
            url: SQLAlchemy's, e.g. sqlite:///build/keeper.db
            written: told after each commit; tests kill the process there

        Raises:
            JournalMismatch: it is another version's.
        """
        self._engine = create_engine(url)
        self._written = written
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _be_durable)
        _meta.create_all(self._engine)
        _check_version(self._engine)

    def decide(self, identity: bytes, record: Mapping[str, Any]) -> None:
        """Keep a decision; the same one twice is the same one."""
        text = json.dumps(record, sort_keys=True, separators=(",", ":"))
        with self._engine.begin() as connection:
            known = connection.execute(select(decisions).where(decisions.c.id == identity)).first()
            if known is None:
                connection.execute(insert(decisions).values(id=identity, record=text))
        self._written("decided")

    def plan(self, key: bytes, wanted: Plan) -> None:
        """Keep an intent; one that is known already stays as it is.

        Raises:
            JournalMismatch: the key stands for another order.
        """
        with self._engine.begin() as connection:
            known = connection.execute(select(intents).where(intents.c.key == key)).first()
            if known is not None:
                if any(getattr(known, name) != value for name, value in vars(wanted).items()):
                    raise JournalMismatch(f"intent {key.hex()} stands for another order already")
                return
            connection.execute(
                insert(intents).values(
                    key=key,
                    **vars(wanted),
                    state=Intent.PLANNED,
                    venue=Venue.NONE,
                    filled=0,
                    reason="",
                )
            )
            self._note(connection, key, Intent.PLANNED, Venue.NONE, "")
        self._written("planned")

    def step(
        self,
        key: bytes,
        to: Intent,
        venue: Venue | None = None,
        detail: str = "",
        **columns: Any,
    ) -> None:
        """Take an intent one step further, in one transaction.

        Raises:
            IllegalStep: the machine has no such step.
        """
        with self._engine.begin() as connection:
            row = connection.execute(select(intents).where(intents.c.key == key)).one()
            check_step(Intent(row.state), to)
            word = venue or Venue(row.venue)
            changes = {"state": to, "venue": word, "reason": detail} | columns
            connection.execute(update(intents).where(intents.c.key == key).values(**changes))
            self._note(connection, key, to, word, detail)
        self._written(str(to))

    def hear(self, key: bytes, venue: Venue, detail: str = "") -> None:
        """Keep the venue's newest word of an intent, if it is a new one."""
        with self._engine.begin() as connection:
            row = connection.execute(select(intents).where(intents.c.key == key)).one()
            if row.venue == venue:
                return
            connection.execute(update(intents).where(intents.c.key == key).values(venue=venue))
            self._note(connection, key, Intent(row.state), venue, detail)
        self._written(f"heard {venue}")

    def fill(self, key: bytes, found: list[Fill], filled: int) -> None:
        """Keep fills that the chain shows, each once, and what they sum to (micro-tokens)."""
        with self._engine.begin() as connection:
            for each in found:
                known = connection.execute(
                    select(fills).where(
                        fills.c.transaction == each.transaction,
                        fills.c.log_index == each.log_index,
                    )
                ).first()
                if known is None:
                    connection.execute(insert(fills).values(intent=key, **vars(each)))
            connection.execute(update(intents).where(intents.c.key == key).values(filled=filled))
        self._written("filled")

    def open(self) -> list[Row[Any]]:
        """Return the intents that something may still come of, in the order they were planned."""
        return [row for row in self.all() if row.state != Intent.CLOSED]

    def all(self) -> list[Row[Any]]:
        """Return every intent, in the order they were planned."""
        first = select(steps.c.intent, steps.c.number).where(steps.c.state == Intent.PLANNED)
        with self._engine.connect() as connection:
            order = {row.intent: row.number for row in connection.execute(first)}
            return sorted(connection.execute(select(intents)), key=lambda row: order[row.key])

    def get(self, key: bytes) -> Row[Any]:
        """Return one intent."""
        with self._engine.connect() as connection:
            return connection.execute(select(intents).where(intents.c.key == key)).one()

    def story(self, key: bytes) -> list[tuple[str, str, str]]:
        """Return an intent's steps: state, venue, detail."""
        chosen = select(steps).where(steps.c.intent == key).order_by(steps.c.number)
        with self._engine.connect() as connection:
            return [(row.state, row.venue, row.detail) for row in connection.execute(chosen)]

    def fills_of(self, key: bytes) -> list[Fill]:
        """Return an intent's fills."""
        chosen = select(fills).where(fills.c.intent == key)
        with self._engine.connect() as connection:
            return [
                Fill(row.transaction, row.log_index, row.making, row.taking, row.fee)
                for row in connection.execute(chosen)
            ]

    def reserved(self, account: str) -> int:
        """Return the collateral that an account's open BUYs may still take, micro-units, up."""
        total = 0
        for row in self.open():
            if row.account == account and row.side == "BUY" and row.state in RESERVING:
                total += -(-(row.size - row.filled) * row.price // 10**6)
        return total

    def _note(
        self, connection: Connection, key: bytes, state: Intent, venue: Venue, detail: str
    ) -> None:
        connection.execute(
            insert(steps).values(intent=key, state=state, venue=venue, detail=detail)
        )


def _be_durable(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _check_version(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        return
    with engine.begin() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found == 0:
            connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")
        elif found != VERSION:
            raise JournalMismatch(f"journal version {found}, this code writes {VERSION}")
