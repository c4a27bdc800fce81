"""The journal's statements, made once: making one takes longer than the database does with it."""

from sqlalchemy import bindparam, delete, func, insert, select, update

from strongroom.journal.rows import DECIDED
from strongroom.journal.states import OPEN_STATES, IntentState, RevealState, TaskState
from strongroom.journal.tables import (
    decisions,
    facts,
    fills,
    forecasts,
    intents,
    steps,
    tasks,
    trades,
)

INTENT = select(intents).where(intents.c.key == bindparam("its_key"))
NEW_INTENT, NEW_STEP = insert(intents), insert(steps)
CHANGED_INTENT = update(intents).where(intents.c.key == bindparam("its_key"))
RECORD = select(decisions.c.record).where(decisions.c.id == bindparam("its_id"))
PLANNED = (
    select(intents)
    .join(steps, (steps.c.intent == intents.c.key) & (steps.c.state == IntentState.PLANNED))
    .order_by(steps.c.number)
)
# Named one by one: for "all but CLOSED" SQLite reads every step there ever was.
OPEN_INTENTS = PLANNED.where(intents.c.state.in_(OPEN_STATES))
OF_DECISION = PLANNED.where(intents.c.decision == bindparam("its_decision"))
SIGNED_UNTIL = PLANNED.where(
    (intents.c.state == IntentState.CLOSED)
    & (intents.c.order_hash != "")
    & (intents.c.expiry >= bindparam("its_now"))
)
FILLS, NEW_FILL = select(fills).where(fills.c.intent == bindparam("its_key")), insert(fills)
OLD_FILLS = delete(fills).where(fills.c.intent == bindparam("its_key"))
FILL_AT = delete(fills).where(
    (fills.c.transaction == bindparam("its_transaction"))
    & (fills.c.log_index == bindparam("its_index"))
)
TRADES, NEW_TRADE = select(trades).where(trades.c.intent == bindparam("its_key")), insert(trades)
OLD_TRADE = delete(trades).where(
    (trades.c.id == bindparam("its_id")) & (trades.c.intent == bindparam("its_key"))
)
FACT = select(facts.c.value).where(facts.c.name == bindparam("its_name"))
OLD_FACT, NEW_FACT = delete(facts).where(facts.c.name == bindparam("its_name")), insert(facts)
OPEN_TASKS = select(tasks).where(tasks.c.state == TaskState.OPEN).order_by(tasks.c.number)
CHANGED_TASK = update(tasks).where(tasks.c.decision == bindparam("its_decision"))
UNREVEALED = (
    select(decisions.c.id, decisions.c.record, tasks.c.state, tasks.c.revealed)
    .join(tasks, tasks.c.decision == decisions.c.id)
    .where(tasks.c.revealed != RevealState.YES)
    .order_by(tasks.c.number)
)
LAST_DECIDED = select(facts).where(facts.c.name.startswith(DECIDED))
UNRESOLVED = select(forecasts.c.market).where(forecasts.c.outcome.is_(None)).distinct()
_LEARNT = func.min(forecasts.c.known_at).over(partition_by=forecasts.c.market)
RESOLVED = (
    select(forecasts, _LEARNT.label("learnt"))
    .where(forecasts.c.outcome.is_not(None))
    .order_by(forecasts.c.frozen_at)
)
