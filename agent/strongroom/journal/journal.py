"""Decisions, intents and fills: SQLite in WAL, every commit on disk.

One row an intent, and an append-only row for each of its steps. A step is one transaction, written
before what it allows is done. The URL may be PostgreSQL's as well.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlalchemy import func, insert, select, update

from strongroom.analysis.calibration import Forecast
from strongroom.chain.ids import ConditionId, DecisionId, IntentKey, MarketId, OrderHash, canonical
from strongroom.chain.orders import Side
from strongroom.database import open_engine
from strongroom.information.forecast import Given
from strongroom.journal import statements
from strongroom.journal.approvals import ApprovalBook
from strongroom.journal.decisions import keep_decision, keep_supposed, open_task
from strongroom.journal.migrations import prepare
from strongroom.journal.reads import KeptReads
from strongroom.journal.rows import (
    Columns,
    Made,
    Make,
    OrderFill,
    OrderIntent,
    Task,
    Unrevealed,
    fill_of,
    forecast_of,
    intent_columns,
    intent_of,
    last_decided_of,
    market_of_forecast,
    record_of,
    record_text_of,
    task_of,
    trade_of,
    unrevealed_of,
    value_of,
)
from strongroom.journal.states import (
    RESERVING,
    AnswerKind,
    IntentState,
    RevealState,
    TaskState,
    TradeStatus,
    VenueWord,
    check_step,
)
from strongroom.journal.tables import (
    JournalMismatch,
    NotRecorded,
    decisions,
    forecasts,
    steps,
    tasks,
    trades,
)
from strongroom.journal.transactions import TransactionBook
from strongroom.journal.writes import Writing
from strongroom.strategy.record import DecisionRecord, decode


class Journal:
    """Reads and writes the record; one process writes at a time."""

    def __init__(
        self,
        url: str,
        written: Callable[[str], None] = lambda what: None,
        upgrade: bool = True,
    ) -> None:
        """Open it, make the tables where they are missing, bring an older one to this version.

        Args:
            url: SQLAlchemy's, e.g. sqlite:///build/keeper.db
            written: is called after each commit; tests kill the process there
            upgrade: whether an older one may be changed: not while a keeper may be using it

        Raises:
            JournalMismatch: it is another version's, and cannot or may not be brought up.
            ConfigError: the database is away, or its driver is not installed.
        """
        self._engine = open_engine(url)
        self._written = written
        self.moves = 0  # steps of orders since it was opened
        prepare(self._engine, upgrade)
        self._reads = KeptReads(self._engine)
        self.transactions = TransactionBook(self._engine, written)
        self.approvals = ApprovalBook(self._engine, self._reads, written)

    # facts

    def fact(self, name: str) -> str | None:
        """Return a kept value, or None."""
        return self._reads.first(statements.FACT, value_of, its_name=name)

    def keep(self, name: str, value: str) -> None:
        """Keep a value under a name, instead of what was there."""
        self.keep_all({name: value})

    def keep_all(self, values: Mapping[str, str]) -> None:
        """Keep values under names, all or none."""
        with self._reads.begin() as transaction:
            transaction.execute(statements.OLD_FACT, [{"its_name": name} for name in values])
            transaction.execute(
                statements.NEW_FACT, [{"name": n, "value": v} for n, v in values.items()]
            )

    def salt(self) -> str:
        """Return the secret that makes decision records unguessable until they are revealed."""
        known = self.fact("salt")
        if known is None:
            known = secrets.token_hex(32)
            self.keep("salt", known)
        return known

    # decisions

    def decide(
        self, identity: DecisionId, record: DecisionRecord, task_at: int | None = None
    ) -> None:
        """Keep a decision; the same one twice is the same one.

        Args:
            task_at: timestamp, where the decision is to be carried out: opens its task
        """
        with self._reads.begin() as transaction:
            if keep_decision(transaction, identity, record) and task_at is not None:
                open_task(transaction, identity, record, task_at)
        self._written("decided")

    def suppose(
        self, identity: DecisionId, record: DecisionRecord, at: int, why: str, left: str
    ) -> None:
        """Keep a decision that was carried out on paper with what it left: both, or neither; the
        same one twice is the same one.

        Args:
            at: timestamp
            why: what came of it
            left: the value of the fact PAPER
        """
        with self._reads.begin() as transaction:
            keep_supposed(transaction, identity, record, at, why, left)
        self._written("supposed")

    def record(self, identity: DecisionId) -> DecisionRecord:
        """Return a decision's record.

        Raises:
            NotRecorded: there is none.
        """
        return self._recorded(identity, record_of)

    def record_text(self, identity: DecisionId) -> str:
        """Return a decision's record as canonical JSON: what its id is the hash of.

        Raises:
            NotRecorded: there is none.
        """
        return self._recorded(identity, record_text_of)

    def _recorded(self, identity: DecisionId, make: Make[Made]) -> Made:
        found = self._reads.first(statements.RECORD, make, its_id=identity)
        if found is None:
            raise NotRecorded(f"this journal has no decision {identity}: is it another keeper's?")
        return found

    def open_tasks(self) -> list[Task]:
        """Return the decisions that are being carried out, oldest first."""
        return self._reads.all(statements.OPEN_TASKS, task_of)

    def decided_after(self, number: int) -> list[tuple[int, DecisionRecord]]:
        """Return the number and the record of each task after one, oldest first."""
        chosen = (
            select(tasks.c.number, decisions.c.record)
            .join(decisions, tasks.c.decision == decisions.c.id)
            .where(tasks.c.number > number)
            .order_by(tasks.c.number)
        )
        with self._engine.connect() as connection:
            return [(row.number, decode(row.record)) for row in connection.execute(chosen)]

    def task(self, decision: DecisionId) -> Task | None:
        """Return a decision's task."""
        chosen = select(tasks).where(tasks.c.decision == decision)
        with self._engine.connect() as connection:
            row = connection.execute(chosen).mappings().first()
        return None if row is None else task_of(row)

    def all_tasks(self) -> list[Task]:
        """Return every task, oldest first."""
        chosen = select(tasks).order_by(tasks.c.number)
        with self._engine.connect() as connection:
            return [task_of(row) for row in connection.execute(chosen).mappings()]

    def newest_tasks(self, most: int, before: int | None = None) -> list[Task]:
        """Return the newest tasks, newest first; at most so many, of those before a number."""
        chosen = select(tasks).order_by(tasks.c.number.desc()).limit(most)
        if before is not None:
            chosen = chosen.where(tasks.c.number < before)
        with self._engine.connect() as connection:
            return [task_of(row) for row in connection.execute(chosen).mappings()]

    def close_task(self, decision: DecisionId, why: str) -> None:
        """End a task."""
        with self._reads.begin() as transaction:
            changes = {"its_decision": decision, "state": TaskState.CLOSED, "reason": why}
            transaction.execute(statements.CHANGED_TASK, changes)
        self._written("task closed")

    def decided(self) -> dict[MarketId, int]:
        """Return when a market of the vault was last decided on, by market."""
        return dict(self._reads.all(statements.LAST_DECIDED, last_decided_of))

    def unrevealed(self) -> list[Unrevealed]:
        """Return the decisions that no report's evidence has shown yet, oldest first."""
        return self._reads.all(statements.UNREVEALED, unrevealed_of)

    def revealed_grounds(self) -> list[str]:
        """Return the names of the documents that revealed decisions were made from."""
        mine = decisions.c.record.contains('"grounds":')
        chosen = (
            select(decisions.c.record)
            .join(tasks, tasks.c.decision == decisions.c.id)
            .where(tasks.c.revealed == RevealState.YES, mine)
            .order_by(tasks.c.number)
        )
        found: dict[str, None] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(chosen):
                grounds = decode(row.record).grounds
                if grounds is not None:
                    found |= {grounds.settings: None, grounds.view: None}
        return list(found)

    def reveal(self, shown: list[DecisionId], stated: list[DecisionId]) -> None:
        """Mark decisions as shown, others as stated to be withheld."""
        told = [(name, RevealState.YES) for name in shown]
        told += [(name, RevealState.STATED) for name in stated]
        with self._reads.begin() as transaction:
            for name, what in told:
                changes: Columns = {"its_decision": name, "revealed": what}
                transaction.execute(statements.CHANGED_TASK, changes)
        self._written("revealed")

    # forecasts

    def forecast(self, given: Given, event: str, mid: float) -> None:
        """Keep a source's first forecast of a market of which no outcome is known, beside the
        market's price then."""
        over = (forecasts.c.source == given.source) | forecasts.c.outcome.is_not(None)
        mine = (forecasts.c.market == given.market) & over
        with self._engine.begin() as connection:
            if connection.execute(select(forecasts.c.source).where(mine)).first() is None:
                row = vars(given) | {"detail": canonical(dict(given.detail)).decode()}
                connection.execute(insert(forecasts).values(**row, event=event, mid=mid))

    def resolve(self, market: ConditionId, outcome: float, at: int) -> None:
        """Keep what came of a market: 1 YES, 0 NO, 0.5 void; and when that was first learnt.

        Args:
            at: timestamp
        """
        first = func.coalesce(forecasts.c.known_at, at)
        mine = update(forecasts).where(forecasts.c.market == market)
        with self._engine.begin() as connection:
            connection.execute(mine.values(outcome=outcome, known_at=first))

    def unresolved(self) -> list[ConditionId]:
        """Return the markets that were forecast and of which no outcome is known."""
        return self._reads.all(statements.UNRESOLVED, market_of_forecast)

    def resolved_forecasts(self) -> dict[str, list[Forecast]]:
        """Return the forecasts of which the outcome is known and was not when they were made, by
        source."""
        found: dict[str, list[Forecast]] = {}
        for source, learnt, said in self._reads.all(statements.RESOLVED, forecast_of):
            if learnt is None or said.frozen_at < learnt:
                found.setdefault(source, []).append(said)
        return found

    # intents

    def plan(self, wanted: OrderIntent) -> OrderIntent:
        """Keep an intent; one that is known already stays as it is. Return it as it is kept.

        Raises:
            JournalMismatch: the key stands for another order.
        """
        with self._reads.begin() as transaction:
            known = _find(transaction, wanted.key)
            if known is not None:
                if not known.wants_the_same(wanted):
                    raise JournalMismatch(f"intent {wanted.key} already names another order")
                return known
            transaction.execute(statements.NEW_INTENT, intent_columns(wanted))
            _note(transaction, wanted.key, IntentState.PLANNED, VenueWord.NONE, "")
        self._moved("planned")
        return wanted

    def traded(self, over: OrderIntent, found: list[OrderFill]) -> None:
        """Keep a trade that a transaction has made, as an intent that is over; once."""
        with self._reads.begin() as transaction:
            if _find(transaction, over.key) is not None:
                return
            filled = sum(each.tokens(over.side) for each in found)
            closed = replace(over, state=IntentState.CLOSED, filled=filled)
            transaction.execute(statements.NEW_INTENT, intent_columns(closed))
            for state in (IntentState.PLANNED, IntentState.CLOSED):
                _note(transaction, over.key, state, VenueWord.NONE, "")
            rows = [{"intent": over.key} | vars(each) for each in found]
            transaction.execute(statements.NEW_FILL, rows)
        self._moved("traded")

    def sign(
        self, key: IntentKey, order_hash: OrderHash, signature: bytes, expiry: int, block: int
    ) -> None:
        """Keep an intent's order, signed: hash, envelope, its expiry, the newest block by then.

        Raises:
            IllegalStep: it was signed before.
        """
        columns: Columns = {
            "order_hash": order_hash,
            "signature": signature,
            "expiry": expiry,
            "block": block,
        }
        self._step(key, IntentState.SIGNED, None, "", columns)

    def step(
        self, key: IntentKey, to: IntentState, venue: VenueWord | None = None, detail: str = ""
    ) -> None:
        """Take an intent one step further, in one transaction.

        Raises:
            IllegalStep: the machine has no such step.
        """
        self._step(key, to, venue, detail, {})

    def answered(
        self, key: IntentKey, to: IntentState, answer: AnswerKind, venue: VenueWord, detail: str
    ) -> None:
        """Keep the venue's answer to an order that was sent to it; raises IllegalStep."""
        self._step(key, to, venue, detail, {"answer": answer})

    def unwanted(self, key: IntentKey) -> None:
        """Keep that an order is to end, and is not sent again."""
        with self._reads.begin() as transaction:
            known = _get(transaction, key)
            if known.answer == AnswerKind.UNWANTED:
                return
            changes = {"its_key": key, "answer": AnswerKind.UNWANTED}
            transaction.execute(statements.CHANGED_INTENT, changes)
            _note(transaction, key, known.state, known.venue, "is to end")
        self._moved("is to end")

    def _step(
        self,
        key: IntentKey,
        to: IntentState,
        venue: VenueWord | None,
        detail: str,
        columns: Columns,
    ) -> None:
        with self._reads.begin() as transaction:
            known = _get(transaction, key)
            check_step(known.state, to)
            word = venue or known.venue
            changes = {"state": to, "venue": word, "reason": detail, **columns}
            transaction.execute(statements.CHANGED_INTENT, {"its_key": key, **changes})
            _note(transaction, key, to, word, detail)
        self._moved(str(to))

    def hear(self, key: IntentKey, venue: VenueWord, detail: str = "") -> None:
        """Keep the venue's newest word of an intent, if it is a new one."""
        with self._reads.begin() as transaction:
            known = _get(transaction, key)
            if known.venue == venue:
                return
            transaction.execute(statements.CHANGED_INTENT, {"its_key": key, "venue": venue})
            _note(transaction, key, known.state, venue, detail)
        self._moved(f"the venue says {venue}")

    def fill(self, key: IntentKey, found: list[OrderFill], filled: int) -> None:
        """Keep the fills that the chain shows now, and what they sum to (micro-tokens).

        What it showed before and shows no more was in a block that is no longer part of it.
        """
        with self._reads.begin() as transaction:
            transaction.execute(statements.OLD_FILLS, {"its_key": key})
            if found:
                # another intent's log there was of a block that is undone
                places: list[Columns] = [
                    {"its_transaction": each.transaction, "its_index": each.log_index}
                    for each in found
                ]
                transaction.execute(statements.FILL_AT, places)
                rows = [{"intent": key} | vars(each) for each in found]
                transaction.execute(statements.NEW_FILL, rows)
            transaction.execute(statements.CHANGED_INTENT, {"its_key": key, "filled": filled})
        self._moved("filled")

    def trade(self, key: IntentKey, seen: Mapping[str, TradeStatus]) -> None:
        """Keep the newest status of an intent's trades at the venue: id -> status."""
        known = self.trades_of(key)
        new = {name: status for name, status in seen.items() if known.get(name) != status}
        if not new:
            return
        gone = [{"its_id": name, "its_key": key} for name in new]
        rows = [{"id": name, "intent": key, "status": status} for name, status in new.items()]
        with self._reads.begin() as transaction:
            transaction.execute(statements.OLD_TRADE, gone)
            transaction.execute(statements.NEW_TRADE, rows)
        self._written("trades")

    def trades_of(self, key: IntentKey) -> dict[str, TradeStatus]:
        """Return the trades of an intent: id -> the venue's last word."""
        return dict(self._reads.all(statements.TRADES, trade_of, its_key=key))

    def reversals(self) -> tuple[int, int]:
        """Return how many trades were undone after they were matched, and how many ended."""
        with self._engine.connect() as connection:
            ended = [row.status for row in connection.execute(select(trades))]
        failed = ended.count(TradeStatus.FAILED)
        return failed, failed + ended.count(TradeStatus.CONFIRMED)

    def open(self) -> list[OrderIntent]:
        """Return the intents that something may still come of, in the order they were planned."""
        return self._reads.all(statements.OPEN_INTENTS, intent_of)

    def all(self) -> list[OrderIntent]:
        """Return every intent, in the order they were planned."""
        return self._reads.all(statements.PLANNED, intent_of)

    def of_decision(self, decision: DecisionId) -> list[OrderIntent]:
        """Return a decision's intents, in the order they were planned."""
        return self._reads.all(statements.OF_DECISION, intent_of, its_decision=decision)

    def find(self, key: IntentKey) -> OrderIntent | None:
        """Return one intent, or None."""
        return self._reads.first(statements.INTENT, intent_of, its_key=key)

    def get(self, key: IntentKey) -> OrderIntent:
        """Return one intent.

        Raises:
            NotRecorded: there is none.
        """
        return _known(self.find(key), key)

    def story(self, key: IntentKey) -> list[tuple[str, str, str]]:
        """Return an intent's steps: state, venue, detail."""
        chosen = select(steps).where(steps.c.intent == key).order_by(steps.c.number)
        with self._engine.connect() as connection:
            return [(row.state, row.venue, row.detail) for row in connection.execute(chosen)]

    def fills_of(self, key: IntentKey) -> list[OrderFill]:
        """Return an intent's fills."""
        return self._reads.all(statements.FILLS, fill_of, its_key=key)

    def reserved(self, account: str) -> int:
        """Return the collateral that an account's open BUYs may still take, micro-units, up."""
        return self.reservations().get(account, 0)

    def reservations(self) -> dict[str, int]:
        """Return what open BUYs may still take, by account; micro-units, up."""
        found: dict[str, int] = {}
        for intent in self.open():
            if intent.side == Side.BUY and intent.state in RESERVING:
                paid = sum(fill.making for fill in self.fills_of(intent.key))
                cash = max(0, intent.cash - paid)
                found[intent.account] = found.get(intent.account, 0) + cash
        return found

    def signed_until(self, now: int) -> list[OrderIntent]:
        """Return the closed intents whose signature still counts."""
        return self._reads.all(statements.SIGNED_UNTIL, intent_of, its_now=now)

    def _moved(self, what: str) -> None:
        self.moves += 1
        self._written(what)


def _find(transaction: Writing, key: IntentKey) -> OrderIntent | None:
    return transaction.first(statements.INTENT, intent_of, its_key=key)


def _get(transaction: Writing, key: IntentKey) -> OrderIntent:
    return _known(_find(transaction, key), key)


def _known(found: OrderIntent | None, key: IntentKey) -> OrderIntent:
    if found is None:
        raise NotRecorded(f"this journal has no intent {key}: is it another keeper's?")
    return found


def _note(
    transaction: Writing, key: IntentKey, state: IntentState, venue: VenueWord, detail: str
) -> None:
    row = {"intent": key, "state": state, "venue": venue, "detail": detail}
    transaction.execute(statements.NEW_STEP, row)
