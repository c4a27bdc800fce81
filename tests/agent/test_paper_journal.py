"""Paper's journal: a kill at any statement leaves a decision and what it filled, or neither; backup
and restore of the live journal beside it leave it alone."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
from sqlalchemy import event
from strongroom.chain.ids import decision_id
from strongroom.chain.orders import YES, Side
from strongroom.journal import Journal, SupposedFill
from strongroom.journal.backup import back_up, restore
from strongroom.journal.states import TaskState
from strongroom.keeper import paper
from strongroom.keeper.paper import PaperKeeper, kept_paper

from tests.agent.test_backup import OWNER, lived, shown, url_of
from tests.agent.test_operations import quiet_keeper
from tests.records import LEG, RECORD

FILL = SupposedFill(LEG.vault_market, LEG.condition, YES, Side.BUY, 10_000_000, 4_000_000)
MARKETS = {LEG.condition: SimpleNamespace(token_ids=(LEG.token, "2"))}
LOOK = SimpleNamespace(markets=MARKETS, books={})


class Killed(BaseException):
    """As by kill -9: nothing after it runs."""


def decision(number):
    return SimpleNamespace(id=decision_id({"number": number}), record=RECORD)


@pytest.fixture
def keeper(monkeypatch, tmp_path):
    """A paper keeper with a journal, each of whose decisions fills the same."""
    monkeypatch.setattr(paper, "fills_of", lambda *_: [FILL])
    found = quiet_keeper(PaperKeeper, [], [])
    found.on_event = lambda *_: None
    found.journal = Journal(url_of(tmp_path / "keeper-paper.db"))
    return found


def carry_out(keeper, number):
    book = kept_paper(keeper.journal)
    return keeper._carry_out(decision(number), LOOK, book, 1_700_000_000)


def has(journal):
    """Return the tokens on paper, and the tasks with their states."""
    held = kept_paper(journal).held.get(LEG.vault_market, {})
    tokens = held.get(LEG.condition, (0, 0))[YES]
    return tokens, [each.state for each in journal.all_tasks()]


@pytest.mark.parametrize("place", range(12))
def test_a_kill_leaves_a_decision_with_its_fills_or_neither(keeper, tmp_path, place):
    carry_out(keeper, 1)
    assert has(keeper.journal) == (10_000_000, [TaskState.CLOSED])
    statements = []

    def kill(*_):
        statements.append(1)
        if len(statements) > place:
            raise Killed

    event.listen(keeper.journal._engine, "before_cursor_execute", kill)
    with suppress(Killed):
        carry_out(keeper, 2)
    event.remove(keeper.journal._engine, "before_cursor_execute", kill)
    tokens, tasks = has(Journal(url_of(tmp_path / "keeper-paper.db")))
    assert tokens == 10_000_000 * len(tasks)
    assert set(tasks) == {TaskState.CLOSED} and len(tasks) in (1, 2)
    carry_out(keeper, 2)  # again, as the same decision: it is there once
    assert has(keeper.journal) == (20_000_000, [TaskState.CLOSED] * 2)


def test_a_restore_of_the_live_journal_leaves_papers_decisions_as_they_are(keeper, tmp_path):
    """Those after the backup, too: none is gone, and none is carried out again."""
    live, backup = tmp_path / "keeper.db", tmp_path / "backups" / "one.db"
    lived(url_of(live))
    carry_out(keeper, 1)
    back_up(url_of(live), backup, OWNER)
    carry_out(keeper, 2)
    before = shown(tmp_path / "keeper-paper.db")
    restore(url_of(live), backup, tmp_path / "before.db", OWNER)
    assert shown(tmp_path / "keeper-paper.db") == before
    assert has(Journal(url_of(tmp_path / "keeper-paper.db")))[0] == 20_000_000
    assert len(Journal(url_of(live)).all_tasks()) == 1
