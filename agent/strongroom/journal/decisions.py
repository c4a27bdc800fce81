"""Decisions and their tasks, as one transaction of the journal writes them."""

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from strongroom.chain.ids import DecisionId
from strongroom.journal.states import RevealState, TaskState
from strongroom.journal.tables import decisions, facts, tasks
from strongroom.strategy.record import DecisionRecord, encode

DECIDED = "decided "  # before a market's id: the fact of when it was last decided on


def keep_decision(connection: Connection, identity: DecisionId, record: DecisionRecord) -> bool:
    """Keep a decision; return whether it is new."""
    chosen = select(decisions.c.id).where(decisions.c.id == identity)
    if connection.execute(chosen).first() is not None:
        return False
    connection.execute(insert(decisions).values(id=identity, record=encode(record).decode()))
    return True


def open_task(
    connection: Connection, identity: DecisionId, record: DecisionRecord, at: int
) -> None:
    """Open a decision's task, from a moment on (timestamp); its markets were decided on then."""
    row = {"decision": identity, "time": at, "state": TaskState.OPEN}
    connection.execute(insert(tasks).values(**row, reason="", revealed=RevealState.NO))
    for leg in record.legs:
        name = f"{DECIDED}{leg.vault_market}"
        connection.execute(delete(facts).where(facts.c.name == name))
        connection.execute(insert(facts).values(name=name, value=str(at)))
