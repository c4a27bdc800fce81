"""Decisions and their tasks, as one transaction of the journal writes them."""

from sqlalchemy import bindparam, delete, insert, select, update

from strongroom.chain.ids import DecisionId
from strongroom.journal.rows import DECIDED, Columns, decision_of
from strongroom.journal.states import RevealState, TaskState
from strongroom.journal.tables import decisions, facts, tasks
from strongroom.journal.writes import Writing
from strongroom.strategy.record import DecisionRecord, encode

PAPER = "paper"  # the fact of what paper has

_KNOWN = select(decisions.c.id).where(decisions.c.id == bindparam("its_id"))
_NEW_DECISION, _NEW_TASK, _NEW_FACT = insert(decisions), insert(tasks), insert(facts)
_CLOSED_TASK = update(tasks).where(tasks.c.decision == bindparam("its_decision"))
_OLD_FACT = delete(facts).where(facts.c.name == bindparam("its_name"))


def keep_decision(transaction: Writing, identity: DecisionId, record: DecisionRecord) -> bool:
    """Keep a decision; return whether it is new."""
    if transaction.first(_KNOWN, decision_of, its_id=identity) is not None:
        return False
    transaction.execute(_NEW_DECISION, {"id": identity, "record": encode(record).decode()})
    return True


def open_task(transaction: Writing, identity: DecisionId, record: DecisionRecord, at: int) -> None:
    """Open a decision's task, from a moment on (timestamp); its markets were decided on then."""
    row: Columns = {"decision": identity, "time": at, "state": TaskState.OPEN, "reason": ""}
    transaction.execute(_NEW_TASK, {**row, "revealed": RevealState.NO})
    for leg in record.legs:
        _keep_fact(transaction, f"{DECIDED}{leg.vault_market}", str(at))


def keep_supposed(
    transaction: Writing,
    identity: DecisionId,
    record: DecisionRecord,
    at: int,
    why: str,
    left: str,
) -> None:
    """Keep a decision of paper as one that is over, and what it left; nothing where it is known."""
    if not keep_decision(transaction, identity, record):
        return
    open_task(transaction, identity, record, at)
    over = {"its_decision": identity, "state": TaskState.CLOSED, "reason": why}
    transaction.execute(_CLOSED_TASK, over)
    _keep_fact(transaction, PAPER, left)


def _keep_fact(transaction: Writing, name: str, value: str) -> None:
    transaction.execute(_OLD_FACT, {"its_name": name})
    transaction.execute(_NEW_FACT, {"name": name, "value": value})
