"""Reads of the journal: kept in memory until something is written, asked each time elsewhere."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from sqlalchemy.exc import IntegrityError
from strongroom.information.forecast import Given
from strongroom.journal import Journal, OrderFill, statements
from strongroom.journal.states import ApprovalState, IntentState, TradeStatus, VenueWord

from tests.agent.test_journal import DECISION, KEY, PLAN
from tests.records import RECORD

FILL = OrderFill("0x" + "0a" * 32, 3, 2_000_000, 5_000_000, 7)
GIVEN = Given("weather", "0x" + "05" * 32, 0.25, 1_700_000_000, 1_699_999_000)


def lived(journal: Journal, ask: Callable[[Journal], object]) -> list[object]:
    """Return what is answered before and after each of the things that a journal may be told."""
    steps = (
        lambda: journal.keep("a", "1"),
        lambda: journal.keep("a", "2"),
        lambda: journal.decide(RECORD.id, RECORD, task_at=5),
        lambda: journal.decide(DECISION, replace(RECORD, nav=1)),
        lambda: journal.plan(PLAN),
        lambda: journal.sign(KEY, "0x12", b"s", 9, 1),
        lambda: journal.step(KEY, IntentState.SENT),
        lambda: journal.hear(KEY, VenueWord.LIVE),
        lambda: journal.fill(KEY, [FILL], 5_000_000),
        lambda: journal.trade(KEY, {"t": TradeStatus.MATCHED}),
        lambda: journal.trade(KEY, {"t": TradeStatus.CONFIRMED}),
        lambda: journal.fill(KEY, [], 0),
        lambda: journal.forecast(GIVEN, "an event", 0.5),
        lambda: journal.resolve(GIVEN.market, 1.0, 1_700_000_500),
        lambda: journal.approvals.hold("0x" + "02" * 32, replace(RECORD, nav=2), 7, 8, ()),
        lambda: journal.approvals.end("0x" + "02" * 32, ApprovalState.DECLINED, "no"),
        lambda: journal.approvals.score("0x" + "02" * 32, 1),
        lambda: journal.close_task(RECORD.id, "over"),
        lambda: journal.reveal([], [RECORD.id]),
        lambda: journal.reveal([RECORD.id], []),
        lambda: journal.step(KEY, IntentState.CLOSED),
    )  # fmt: skip
    found = [ask(journal)]
    for step in steps:
        step()
        found += [ask(journal), ask(journal)]
    return found


def all_of(journal: Journal) -> object:
    known = journal.find(KEY) is not None
    return (
        journal.fact("a"),
        journal.open_tasks(),
        journal.unrevealed(),
        journal.decided(),
        journal.unresolved(),
        journal.resolved_forecasts(),
        journal.trades_of(KEY),
        journal.open(),
        journal.all(),
        journal.of_decision(DECISION),
        journal.signed_until(9),
        journal.find(KEY),
        journal.fills_of(KEY),
        journal.approvals.waiting(),
        journal.approvals.unscored(),
        journal.record_text(DECISION) if known else "",
        journal.record(DECISION) if known else None,
        journal.reservations(),
    )


def test_a_journal_in_memory_answers_as_one_on_disk_after_every_step(tmp_path):
    in_memory = lived(Journal("sqlite://"), all_of)
    assert in_memory == lived(Journal(f"sqlite:///{tmp_path / 'journal.db'}"), all_of)
    changes = sum(a != b for a, b in pairwise(in_memory))
    assert changes == 20, "each step shows, but the record of what is not planned yet"


def test_what_was_read_in_memory_is_not_asked_again_until_something_is_written():
    journal, asked = Journal("sqlite://"), []
    database = journal._engine.raw_connection().driver_connection
    database.set_trace_callback(asked.append)  # SQLite itself tells what it is asked
    journal.decide(RECORD.id, RECORD, task_at=5)
    asked.clear()
    for _ in range(3):
        journal.open_tasks()
        journal.open()
    assert len(asked) == 2
    journal.keep("a", "1")
    asked.clear()
    journal.open_tasks()
    assert not asked, "facts are in another table"
    journal.close_task(RECORD.id, "over")
    asked.clear()
    assert journal.open_tasks() == [] and len(asked) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{}/journal.db"])
def test_what_the_venue_says_again_is_not_written_again(tmp_path, url):
    wrote = []
    journal = Journal(url.format(tmp_path), written=wrote.append)
    journal.plan(PLAN)
    wrote.clear()
    seen = {"t": TradeStatus.MATCHED, "u": TradeStatus.MATCHED}
    journal.trade(KEY, seen)
    journal.trade(KEY, seen)
    journal.trade(KEY, {})
    assert wrote == ["trades"] and journal.trades_of(KEY) == seen
    journal.trade(KEY, {"u": TradeStatus.CONFIRMED})
    assert wrote == ["trades"] * 2
    assert journal.trades_of(KEY) == seen | {"u": TradeStatus.CONFIRMED}
    assert journal.trades_of("another") == {}, "an id is an intent's own"


def test_who_changes_an_answer_changes_no_later_one():
    journal = Journal("sqlite://")
    journal.decide(RECORD.id, RECORD, task_at=5)
    journal.open_tasks().clear()
    assert [each.decision for each in journal.open_tasks()] == [RECORD.id]


@pytest.mark.parametrize("was", [None, "1"])
def test_what_was_read_within_a_transaction_that_is_rolled_back_is_forgotten(was):
    journal = Journal("sqlite://")
    if was is not None:
        journal.keep("a", was)
    assert journal.fact("a") == was
    with pytest.raises(ZeroDivisionError), journal._engine.begin() as connection:
        connection.execute(statements.OLD_FACT, {"its_name": "a"})
        connection.execute(statements.NEW_FACT, {"name": "a", "value": "2"})
        assert journal.fact("a") == journal.fact("a") == "2", "memory has one connection"
        _ = 1 / 0
    assert journal.fact("a") == was
    journal.keep("a", "3")
    assert journal.fact("a") == "3"


@pytest.mark.parametrize("other", ["fact", "task"])
def test_what_another_process_writes_to_a_file_is_seen(tmp_path, other):
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    mine, theirs = Journal(url), Journal(url)
    assert mine.fact("a") is None and not mine.open_tasks()
    if other == "fact":
        theirs.keep("a", "1")
        assert mine.fact("a") == "1"
    else:
        theirs.decide(RECORD.id, RECORD, task_at=5)
        assert len(mine.open_tasks()) == 1


@pytest.mark.parametrize("place", ["sqlite://", "sqlite:///{}/a.db"])
def test_what_the_database_refuses_is_told_alike_and_undoes_what_came_before(tmp_path, place):
    journal = Journal(place.format(tmp_path))
    journal.plan(PLAN)
    with pytest.raises(IntegrityError):
        journal.fill(KEY, [FILL, FILL], 5_000_000)
    assert journal.fills_of(KEY) == [] and journal.get(KEY).filled == 0
    journal.fill(KEY, [FILL], 5_000_000)
    assert journal.fills_of(KEY) == [FILL] and journal.get(KEY).filled == 5_000_000
