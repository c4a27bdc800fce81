"""Decisions and their tasks, as one transaction of the journal writes them."""

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection

from strongroom.chain.ids import DecisionId
from strongroom.journal.states import RevealState, TaskState
from strongroom.journal.tables import decisions, facts, tasks
from strongroom.strategy.record import DecisionRecord, encode

PAPER = "paper"  # the fact of what paper has
DECIDED = "decided "  # before a market's id: the fact of when it was last decided on

_KNOWN = select(decisions.c.id).where(decisions.c.id == bindparam("its_id"))
_NEW_DECISION, _NEW_TASK, _NEW_FACT = insert(decisions), insert(tasks), insert(facts)
_CLOSED_TASK = update(tasks).where(tasks.c.decision == bindparam("its_decision"))
_OLD_FACT = delete(facts).where(facts.c.name == bindparam("its_name"))


def keep_decision(connection: Connection, identity: DecisionId, record: DecisionRecord) -> bool:
    """Keep a decision; return whether it is new."""
    if connection.execute(_KNOWN, {"its_id": identity}).first() is not None:
        return False
    connection.execute(_NEW_DECISION, {"id": identity, "record": encode(record).decode()})
    return True


def open_task(
    connection: Connection, identity: DecisionId, record: DecisionRecord, at: int
) -> None:
    """Open a decision's task, from a moment on (timestamp); its markets were decided on then."""
    row = {"decision": identity, "time": at, "state": TaskState.OPEN, "reason": ""}
    connection.execute(_NEW_TASK, row | {"revealed": RevealState.NO})
    for leg in record.legs:
        _keep_fact(connection, f"{DECIDED}{leg.vault_market}", str(at))


def keep_supposed(
    connection: Connection,
    identity: DecisionId,
    record: DecisionRecord,
    at: int,
    why: str,
    left: str,
) -> None:
    """Keep a decision of paper as one that is over, and what it left; nothing where it is known."""
    if not keep_decision(connection, identity, record):
        return
    open_task(connection, identity, record, at)
    over = {"its_decision": identity, "state": TaskState.CLOSED, "reason": why}
    connection.execute(_CLOSED_TASK, over)
    _keep_fact(connection, PAPER, left)


def _keep_fact(connection: Connection, name: str, value: str) -> None:
    connection.execute(_OLD_FACT, {"its_name": name})
    connection.execute(_NEW_FACT, {"name": name, "value": value})
