"""Decisions, intents and fills: SQLite in WAL, every commit on disk.

One row an intent, and an append-only row for each of its steps. A step is one transaction, written
before what it allows is done. The URL may be PostgreSQL's as well.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, delete, insert, select, update
from sqlalchemy.engine import Connection, Row

from strongroom.analysis.calibration import Forecast
from strongroom.chain.ids import canonical
from strongroom.information.forecast import Given
from strongroom.journal.states import RESERVING, Intent, Venue, check_step
from strongroom.journal.tables import (
    JournalMismatch,
    decisions,
    facts,
    fills,
    forecasts,
    intents,
    prepare,
    steps,
    tasks,
    trades,
)
from strongroom.journal.transactions import Transactions

OPEN, CLOSED = "OPEN", "CLOSED"  # of a task
# Asked several times a tick, so made once.
_PLANNED = (
    select(intents)
    .join(steps, (steps.c.intent == intents.c.key) & (steps.c.state == Intent.PLANNED))
    .order_by(steps.c.number)
)
_OPEN_INTENTS = _PLANNED.where(intents.c.state != Intent.CLOSED)
_OPEN_TASKS = select(tasks).where(tasks.c.state == OPEN).order_by(tasks.c.number)


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
    kind: str = "GTC"
    exchange: str = ""
    condition: str = ""
    maker: str = ""


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
        prepare(self._engine)
        self.transactions = Transactions(self._engine, written)

    # facts

    def fact(self, name: str) -> str | None:
        """Return a kept value, or None."""
        chosen = select(facts.c.value).where(facts.c.name == name)
        with self._engine.connect() as connection:
            return connection.execute(chosen).scalar_one_or_none()

    def keep(self, name: str, value: str) -> None:
        """Keep a value under a name, instead of what was there."""
        with self._engine.begin() as connection:
            connection.execute(delete(facts).where(facts.c.name == name))
            connection.execute(insert(facts).values(name=name, value=value))

    def salt(self) -> str:
        """Return the secret that makes decision records unguessable until they are revealed."""
        known = self.fact("salt")
        if known is None:
            known = secrets.token_hex(32)
            self.keep("salt", known)
        return known

    # decisions

    def decide(
        self, identity: bytes, record: Mapping[str, Any], task_at: int | None = None
    ) -> None:
        """Keep a decision; the same one twice is the same one.

        Args:
            task_at: timestamp, where the decision is to be carried out: opens its task
        """
        text = canonical(record).decode()
        with self._engine.begin() as connection:
            known = connection.execute(select(decisions).where(decisions.c.id == identity)).first()
            if known is None:
                connection.execute(insert(decisions).values(id=identity, record=text))
                if task_at is not None:
                    row = {"decision": identity, "time": task_at, "state": OPEN}
                    connection.execute(insert(tasks).values(**row, reason="", revealed=0))
                    for leg in record["legs"]:
                        name = f"decided {leg['vault_market']}"
                        connection.execute(delete(facts).where(facts.c.name == name))
                        connection.execute(insert(facts).values(name=name, value=str(task_at)))
        self._written("decided")

    def record(self, identity: bytes) -> dict[str, Any]:
        """Return a decision's record.

        Raises:
            KeyError: there is none.
        """
        chosen = select(decisions.c.record).where(decisions.c.id == identity)
        with self._engine.connect() as connection:
            text = connection.execute(chosen).scalar_one_or_none()
        if text is None:
            raise KeyError(f"no decision 0x{identity.hex()}")
        return json.loads(text)  # type: ignore[no-any-return]

    def open_tasks(self) -> list[Row[Any]]:
        """Return the decisions that are being carried out, oldest first."""
        with self._engine.connect() as connection:
            return list(connection.execute(_OPEN_TASKS))

    def task(self, decision: bytes) -> Row[Any] | None:
        """Return a decision's task."""
        with self._engine.connect() as connection:
            return connection.execute(select(tasks).where(tasks.c.decision == decision)).first()

    def all_tasks(self) -> list[Row[Any]]:
        """Return every task, oldest first."""
        with self._engine.connect() as connection:
            return list(connection.execute(select(tasks).order_by(tasks.c.number)))

    def close_task(self, decision: bytes, why: str) -> None:
        """End a task."""
        with self._engine.begin() as connection:
            connection.execute(
                update(tasks).where(tasks.c.decision == decision).values(state=CLOSED, reason=why)
            )
        self._written("task closed")

    def decided(self) -> dict[str, int]:
        """Return when a market of the vault was last decided on, by market."""
        prefix = "decided "
        chosen = select(facts).where(facts.c.name.startswith(prefix))
        with self._engine.connect() as connection:
            rows = connection.execute(chosen)
            return {row.name.removeprefix(prefix): int(row.value) for row in rows}

    def unrevealed(self) -> list[tuple[bytes, dict[str, Any]]]:
        """Return the decisions of closed tasks that no report's evidence has shown yet."""
        chosen = (
            select(decisions.c.id, decisions.c.record)
            .join(tasks, tasks.c.decision == decisions.c.id)
            .where(tasks.c.state == CLOSED, tasks.c.revealed == 0)
            .order_by(tasks.c.number)
        )
        with self._engine.connect() as connection:
            return [(row.id, json.loads(row.record)) for row in connection.execute(chosen)]

    def reveal(self, shown: list[bytes]) -> None:
        """Mark decisions as shown."""
        with self._engine.begin() as connection:
            connection.execute(update(tasks).where(tasks.c.decision.in_(shown)).values(revealed=1))
        self._written("revealed")

    # forecasts

    def forecast(self, given: Given, event: str, mid: float) -> None:
        """Keep a source's first forecast of a market, beside what the market said then."""
        mine = (forecasts.c.source == given.source) & (forecasts.c.market == given.market)
        with self._engine.begin() as connection:
            if connection.execute(select(forecasts.c.source).where(mine)).first() is None:
                row = vars(given) | {"detail": canonical(dict(given.detail)).decode()}
                connection.execute(insert(forecasts).values(**row, event=event, mid=mid))

    def resolve(self, market: str, outcome: float) -> None:
        """Keep what came of a market: 1 YES, 0 NO, 0.5 void."""
        with self._engine.begin() as connection:
            connection.execute(
                update(forecasts).where(forecasts.c.market == market).values(outcome=outcome)
            )

    def resolved_forecasts(self) -> dict[str, list[Forecast]]:
        """Return the forecasts of which the outcome is known, by source."""
        chosen = select(forecasts).where(forecasts.c.outcome.is_not(None))
        found: dict[str, list[Forecast]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(chosen.order_by(forecasts.c.frozen_at)):
                found.setdefault(row.source, []).append(
                    Forecast(
                        row.event, row.chance, row.mid, row.outcome, row.frozen_at, row.evidence_at
                    )
                )
        return found

    # intents

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
        """Keep the fills that the chain shows now, and what they sum to (micro-tokens).

        What it showed before and shows no more was in a block that is no longer part of it.
        """
        with self._engine.begin() as connection:
            connection.execute(delete(fills).where(fills.c.intent == key))
            if found:
                rows = [{"intent": key} | vars(each) for each in found]
                connection.execute(insert(fills), rows)
            connection.execute(update(intents).where(intents.c.key == key).values(filled=filled))
        self._written("filled")

    def trade(self, key: bytes, seen: Mapping[str, str]) -> None:
        """Keep the newest status of an intent's trades at the venue: id -> status."""
        with self._engine.begin() as connection:
            for name, status in seen.items():
                mine = (trades.c.id == name) & (trades.c.intent == key)
                connection.execute(delete(trades).where(mine))
                connection.execute(insert(trades).values(id=name, intent=key, status=status))
        self._written("trades")

    def trades_of(self, key: bytes) -> dict[str, str]:
        """Return the trades of an intent: id -> the venue's last word."""
        chosen = select(trades).where(trades.c.intent == key)
        with self._engine.connect() as connection:
            return {row.id: row.status for row in connection.execute(chosen)}

    def reversals(self) -> tuple[int, int]:
        """Return how many trades were undone after they were matched, and how many ended."""
        with self._engine.connect() as connection:
            ended = [row.status for row in connection.execute(select(trades))]
        failed = ended.count("FAILED")
        return failed, failed + ended.count("CONFIRMED")

    def open(self) -> list[Row[Any]]:
        """Return the intents that something may still come of, in the order they were planned."""
        with self._engine.connect() as connection:
            return list(connection.execute(_OPEN_INTENTS))

    def all(self) -> list[Row[Any]]:
        """Return every intent, in the order they were planned."""
        with self._engine.connect() as connection:
            return list(connection.execute(_PLANNED))

    def of_decision(self, decision: bytes) -> list[Row[Any]]:
        """Return a decision's intents, in the order they were planned."""
        with self._engine.connect() as connection:
            return list(connection.execute(_PLANNED.where(intents.c.decision == decision)))

    def find(self, key: bytes) -> Row[Any] | None:
        """Return one intent, or None."""
        with self._engine.connect() as connection:
            return connection.execute(select(intents).where(intents.c.key == key)).first()

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
