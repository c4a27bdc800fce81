"""Of many orders and tasks under way, one that fails stops no other; who is away stops all."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError
from strongroom.chain.calls import DecodedLog
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.orders import OrderKind
from strongroom.execution.interfaces import VenueAnswer
from strongroom.execution.one_by_one import one_by_one
from strongroom.execution.order_desk import Desk
from strongroom.execution.tasks import Tasks
from strongroom.journal import Journal
from strongroom.journal.states import AnswerKind, IntentState, VenueWord
from strongroom.signing.signers import CosignerAway, CosignerRefused, NotSigned

from tests.agent.test_journal import PLAN, RECORD
from tests.agent.test_operations import failing
from tests.agent.test_order_desk import MICRO, NOW, Exchange


def walk(*errors, own=()):
    """Run parts that end so, None: well; return which were run, and what was raised."""
    ran = []

    def part(number, error):
        ran.append(number)
        if error is not None:
            raise error

    try:
        one_by_one((partial(part, *each) for each in enumerate(errors)), own)
    except Exception as error:
        return ran, error
    return ran, None


def _unbound(statement, parameters, error):
    return StatementError("cannot be bound", statement, parameters, error)


OWN = [ValueError("odd"), CallReverted("no account"), CosignerRefused("no"), KeyError("x")]
OWN += [kind("s", {}, ValueError("no")) for kind in (IntegrityError, DataError, _unbound)]
OTHERS = [ChainAway("gone"), CosignerAway("silent"), OperationalError("s", {}, Exception("gone"))]


@pytest.mark.parametrize("error", OWN)
def test_what_is_an_items_own_stops_no_other(error):
    assert walk(None, error, None, ValueError("second"), None) == ([0, 1, 2, 3, 4], error)


@pytest.mark.parametrize("error", [*OTHERS, MemoryError()])
def test_who_is_away_is_so_for_the_others_too(error):
    assert walk(ValueError("odd"), error, None) == ([0, 1], error)


def test_a_missing_signature_may_be_an_items_own():
    error = CosignerAway("silent")
    assert walk(error, None, own=(NotSigned,)) == ([0, 1], error)
    assert walk(None, None) == ([0, 1], None)


def test_an_order_that_the_program_fails_at_leaves_the_others_followed(tmp_path):
    """Three orders, filled whole by the chain; the venue's answer about the second ends badly."""
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    journal.decide(RECORD.id, RECORD)
    keys, names = [], ["0x" + f"{number}" * 64 for number in range(1, 4)]
    for number, name in enumerate(names):
        plan = replace(PLAN, key=f"{PLAN.key[:-1]}{number}", price=500_000, size=100 * MICRO,
                       kind=OrderKind.FAK)  # fmt: skip
        journal.plan(plan)
        journal.sign(plan.key, name, b"s", NOW + 300, 1)
        journal.step(plan.key, IntentState.SENT)
        journal.answered(plan.key, IntentState.ACKED, AnswerKind.ACCEPTED, VenueWord.LIVE, "")
        keys.append(plan.key)
    exchange = Exchange(50 * MICRO)
    exchange.logs = lambda *_, matching: [
        DecodedLog(matching["orderHash"], 0, 100, {"makerAmountFilled": 50 * MICRO,
                   "takerAmountFilled": 100 * MICRO, "fee": 0})
    ]  # fmt: skip

    def look(name):
        if name == names[1]:
            raise ZeroDivisionError("at the second")
        return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.MATCHED)

    venue = SimpleNamespace(look=look, trades=lambda name, condition: {})
    desk = Desk(journal, exchange, venue, None, ())
    looked_back = []
    desk._look_back = lambda: looked_back.append(1)
    with pytest.raises(ZeroDivisionError):
        desk.recover()
    states = [journal.get(key).state for key in keys]
    assert states == [IntentState.CLOSED, IntentState.ACKED, IntentState.CLOSED]
    assert looked_back == [1]


def test_a_task_that_fails_leaves_the_others_going():
    advanced = []
    tasks = Tasks.__new__(Tasks)
    tasks._journal = SimpleNamespace(open_tasks=lambda: [1, 2, 3])

    def advance(task, may_place):
        advanced.append(task)
        failing(
            CallReverted("market has no account: it was closed meanwhile")
        )() if task == 2 else 0

    tasks._advance = advance
    with pytest.raises(CallReverted):
        tasks.advance()
    assert advanced == [1, 2, 3]
