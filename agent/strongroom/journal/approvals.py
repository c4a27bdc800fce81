"""Decisions that wait for a person's yes: asked, answered, begun or not, and scored.

Two processes write here: the keeper, and the command or page of who answers. So each step names the
states that it may follow, and the database lets one of two through.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Select, insert, select, update
from sqlalchemy.engine import Connection, Engine

from strongroom.chain.ids import DecisionId
from strongroom.errors import Refused
from strongroom.journal.decisions import keep_decision, open_task
from strongroom.journal.reads import KeptReads
from strongroom.journal.rows import AskedDecision, SupposedFill, approval_of, fills_json
from strongroom.journal.states import APPROVAL_STEPS, ApprovalState
from strongroom.journal.tables import approvals
from strongroom.journal.writes import ByEngine
from strongroom.strategy.record import DecisionRecord

_WAITING = (ApprovalState.PENDING, ApprovalState.APPROVED)
# made once: every tick asks
_ALL = select(approvals).order_by(approvals.c.time, approvals.c.decision)
_OPEN = _ALL.where(approvals.c.state.in_(_WAITING))
_UNSCORED = _ALL.where(
    approvals.c.state.not_in((*_WAITING, ApprovalState.STARTED))
    & approvals.c.fills.is_not(None)
    & approvals.c.profit.is_(None)
)


class NotWaiting(Refused):
    """The decision waits for no such step; the message says how it stands."""


class ApprovalBook:
    """The journal's third book."""

    def __init__(self, engine: Engine, reads: KeptReads, written: Callable[[str], None]) -> None:
        self._engine, self._reads, self._written = engine, reads, written

    # the keeper's

    def hold(
        self,
        identity: DecisionId,
        record: DecisionRecord,
        time: int,
        expires: int,
        fills: Sequence[SupposedFill] | None,
    ) -> None:
        """Keep a decision that waits for a yes; one that is known already stays as it is.

        Args:
            time, expires: timestamps of the chain
            fills: what it would be filled with now; None: nobody can say
        """
        with self._engine.begin() as connection:
            if keep_decision(ByEngine(connection), identity, record):
                row = {"decision": identity, "time": time, "expires": expires, "reason": ""}
                state, kept = ApprovalState.PENDING, fills_json(fills)
                connection.execute(insert(approvals).values(**row, state=state, fills=kept))
        self._written("asked")

    def start(self, identity: DecisionId, record: DecisionRecord, at: int) -> None:
        """Open the task of an approved decision, from a moment on (timestamp), in one step.

        Raises:
            NotWaiting: it is not approved (any more), or its time is over.
        """
        with self._engine.begin() as connection:
            _step(connection, identity, ApprovalState.STARTED, "", at)
            open_task(ByEngine(connection), identity, record, at)
        self._written("approval started")

    def end(self, identity: DecisionId, to: ApprovalState, why: str) -> None:
        """End what did not begin.

        Raises:
            NotWaiting: it has ended otherwise meanwhile.
        """
        with self._engine.begin() as connection:
            _step(connection, identity, to, why)
        self._written(f"approval {to}")

    def score(self, identity: DecisionId, profit: int) -> None:
        """Keep what it would have earned, micro-units."""
        with self._engine.begin() as connection:
            mine = update(approvals).where(approvals.c.decision == identity)
            connection.execute(mine.values(profit=profit))
        self._written("approval scored")

    # of who answers

    def answer(self, identity: DecisionId, to: ApprovalState, at: int, why: str = "") -> None:
        """Approve or decline; a yes can be taken back until the keeper goes on.

        Args:
            at: timestamp

        Raises:
            NotWaiting: it waits for no answer, or a yes comes when its time is over.
        """
        with self._engine.begin() as connection:
            in_time = at if to == ApprovalState.APPROVED else None
            _step(connection, identity, to, why, in_time, answered=at)
        self._written(f"approval {to}")

    # what there is

    def all(self) -> list[AskedDecision]:
        """Return every decision that was asked about, oldest first."""
        return self._read(_ALL)

    def waiting(self) -> list[AskedDecision]:
        """Return those that have no answer, or were approved and not begun; oldest first."""
        return self._reads.all(_OPEN, approval_of)

    def not_begun(self, since: int) -> list[AskedDecision]:
        """Return those that a person declined or left unanswered, asked since then (timestamp)."""
        ended = approvals.c.state.in_((ApprovalState.DECLINED, ApprovalState.EXPIRED))
        return self._read(_ALL.where(ended & (approvals.c.time >= since)))

    def unscored(self) -> list[AskedDecision]:
        """Return those that did not begin, of which it is not known what they would have earned."""
        return self._reads.all(_UNSCORED, approval_of)

    def find(self, identity: DecisionId) -> AskedDecision | None:
        """Return one, or None."""
        found = self._read(_ALL.where(approvals.c.decision == identity))
        return found[0] if found else None

    def _read(self, chosen: Select[tuple[str]]) -> list[AskedDecision]:
        with self._engine.connect() as connection:
            return [approval_of(row) for row in connection.execute(chosen).mappings()]


def _step(
    connection: Connection,
    identity: DecisionId,
    to: ApprovalState,
    why: str,
    at: int | None = None,
    **changes: int,
) -> None:
    """Take it to a state, if it stands where that may follow and still waits at a moment
    (timestamp; None: at any); raises NotWaiting."""
    before = [state for state, following in APPROVAL_STEPS.items() if to in following]
    mine = approvals.c.decision == identity
    fits = mine & approvals.c.state.in_(before)
    if at is not None:
        fits &= approvals.c.expires >= at
    chosen = update(approvals).where(fits).values(state=to, reason=why, **changes)
    if connection.execute(chosen).rowcount:
        return
    found = connection.execute(select(approvals.c.state, approvals.c.expires).where(mine)).first()
    if found is None:
        stands = "was never asked about"
    elif found.state in before:
        stands = f"waited until {datetime.fromtimestamp(found.expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
    else:
        stands = f"is {str(found.state).lower()}"
    raise NotWaiting(f"decision {identity[:10]} {stands}, so it cannot become {to.lower()}")
