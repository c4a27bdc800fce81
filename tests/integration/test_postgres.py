"""A journal in PostgreSQL does what one in a file does: a server of the test's own."""

import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from strongroom.chain.ids import intent_key
from strongroom.chain.orders import NO, Side
from strongroom.database import open_engine, paper_url
from strongroom.journal import Journal, JournalMismatch, OrderFill, SupposedFill
from strongroom.journal.approvals import NotWaiting
from strongroom.journal.backup import BACKUP_OF, JournalOwner, back_up, restore
from strongroom.journal.lock import _SessionLock, alone, holder
from strongroom.journal.states import ApprovalState, IntentState
from strongroom.journal.tables import META
from strongroom.settings import AlreadyRuns, ConfigError

from tests import old_journal
from tests.agent.test_journal import DECISION, KEY, PLAN
from tests.postgres_server import fresh_database, installed, postgres_server
from tests.records import RECORD

OWNER = JournalOwner(137, "0x" + "1" * 40, "0x" + "2" * 40)
LARGE = 5 * 10**15  # micro-tokens: more than 32 bits take

pytestmark = pytest.mark.skipif(not installed(), reason="no PostgreSQL here")


@pytest.fixture(scope="module")
def server():
    with postgres_server() as url:
        yield url


@pytest.fixture
def url(server):
    return fresh_database(server)


def test_it_keeps_what_a_file_keeps(url, tmp_path):
    """The same life in both: every row read back is the same, and amounts have 64 bits."""
    told = []
    for place in (url, f"sqlite:///{tmp_path / 'journal.db'}"):
        journal = Journal(place)
        journal.decide(DECISION, RECORD, 1_700_000_000)
        journal.plan(replace(PLAN, size=LARGE))
        second = intent_key(DECISION, 0, 1)
        journal.plan(replace(PLAN, key=second))
        journal.sign(KEY, "0xaa", b"\x01", 9, 3)
        journal.fill(KEY, [OrderFill("0xbb", 0, LARGE, LARGE, 7)], LARGE)
        journal.keep("day", "1")
        held = replace(RECORD, time=RECORD.time + 1)
        fills = (SupposedFill("0x01", "0x02", NO, Side.BUY, LARGE, LARGE),)
        journal.approvals.hold(held.id, held, 5, 6, fills)
        journal.approvals.answer(held.id, ApprovalState.DECLINED, 7, "no")
        with pytest.raises(NotWaiting, match="is declined"):
            journal.approvals.start(held.id, held, 8)
        assert journal.task(held.id) is None  # one transaction: the task was not opened either
        journal.approvals.score(held.id, -LARGE)
        again = Journal(place)
        told.append(
            [again.open(), again.all(), again.story(KEY), again.fills_of(KEY), again.fact("day"),
             again.open_tasks(), again.record(DECISION), again.reserved(PLAN.account),
             again.approvals.all(), again.approvals.unscored(), again.decided()]
        )  # fmt: skip
    assert told[0] == told[1]


def test_paper_has_a_schema_of_its_own(url):
    paper = paper_url(url)
    assert "sslmode=disable" in paper and "keeper:secret@" in paper
    Journal(paper).keep("who", "paper")
    Journal(url).keep("who", "live")
    assert (Journal(paper).fact("who"), Journal(url).fact("who")) == ("paper", "live")
    with alone(url), alone(paper):
        pass


def test_another_version_is_refused(url):
    Journal(url).keep("journal version", "99")
    with pytest.raises(JournalMismatch, match="journal version 99, this code writes"):
        Journal(url)


@pytest.mark.parametrize("version", [4, 5])
def test_an_older_journal_is_brought_up_and_keeps_what_it_has(url, version):
    old_journal.make(open_engine(url), version)
    with pytest.raises(JournalMismatch, match="`strongroom keeper start` brings it up"):
        Journal(url, upgrade=False)
    journal, fresh = Journal(url), paper_url(url)
    Journal(fresh)
    assert old_journal.shape(open_engine(url)) == old_journal.shape(open_engine(fresh))
    (intent,) = journal.open()
    assert (intent.order_hash, intent.filled, journal.fact("day")) == ("0x12", 5, "1700000000")
    assert journal.transactions.get("0x09").safe == ("0xSafe" if version == 5 else "")
    journal.plan(PLAN)
    assert len(Journal(url, upgrade=False).open()) == 2


def test_a_journal_whose_transactions_are_not_over_is_left_as_it_was(url):
    old_journal.make(open_engine(url), 4, "SENT")
    before = old_journal.shape(open_engine(url))
    with pytest.raises(JournalMismatch, match=r"under way: finish with the release that wrote it"):
        Journal(url)
    assert old_journal.shape(open_engine(url)) == before


def test_one_keeper_and_a_dead_one_holds_nothing(url):
    told = rf"postgresql://[^@]* is already running, pid {os.getpid()} on \S+: end it"
    assert holder(url) is None
    with alone(url), pytest.raises(AlreadyRuns, match=told), alone(url):
        pass
    with alone(url):
        assert holder(url).startswith(f"pid {os.getpid()} on ")
    assert holder(url) is None


HOLDER = """
import sys, time
from strongroom.journal.lock import _SessionLock, alone
from strongroom.journal.states import ApprovalState, IntentState
from strongroom.journal.tables import META
with alone(sys.argv[1]):
    print("holds", flush=True)
    time.sleep(60)
"""


def test_a_second_keeper_is_told_the_first_ones_pid_and_a_killed_one_holds_nothing(url):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holds\n"
    told = rf"is already running, pid {process.pid} on {socket.gethostname()}: end it first"
    with pytest.raises(AlreadyRuns, match=told), alone(url):
        pass
    process.kill()
    process.wait(10)
    deadline = time.monotonic() + 5  # the server hears of it at once, but not in no time
    while True:
        with suppress(AlreadyRuns), alone(url):
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_server_asks_after_a_session_that_says_nothing(url, monkeypatch):
    """Of a machine that lost its power: else its lock would be held for two hours."""
    seen, drop = [], _SessionLock.drop

    def look(self):
        if self._session is not None:
            names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
            seen.append([self._session.execute(text(f"SHOW {name}")).scalar() for name in names])
        drop(self)

    monkeypatch.setattr(_SessionLock, "drop", look)
    with alone(url):
        pass
    assert seen == [["30", "10", "3"]]


def test_two_ways_to_write_a_schema_are_one_journal(url):
    """The lock is the schema's, however the URL names it."""
    same = f"{url}&options=-csearch_path%3Dpublic"
    for first, second in ((url, same), (same, url)):
        with alone(first), pytest.raises(AlreadyRuns), alone(second):
            pass
    fresh = paper_url(url)
    with alone(fresh), pytest.raises(AlreadyRuns), alone(fresh):  # its schema is made by the lock
        pass


def end_sessions(url):
    """End all sessions but ours, as a restart of the server does."""
    engine = open_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                 "WHERE pid <> pg_backend_pid() AND datname = current_database()")
        )  # fmt: skip
    engine.dispose()


def test_a_lost_lock_is_taken_again_or_another_has_it(url):
    with alone(url) as check:
        check()
        end_sessions(url)
        check()
        with pytest.raises(AlreadyRuns), alone(url):
            pass
        end_sessions(url)
        with alone(url) as other:
            for _ in range(2):
                with pytest.raises(AlreadyRuns):
                    check()
            other()
        check()
        with pytest.raises(AlreadyRuns), alone(url):
            pass


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "postgresql://keeper:secret@127.0.0.1:1/x",
            r"postgresql://127.0.0.1:1/x cannot be opened: is the",
        ),
        ("sqlite:////nowhere/at/all.db", "cannot be opened: does its folder exist"),
        ("keeper.db", "'keeper.db' is not a database: use sqlite:///"),
    ],
)
def test_what_is_not_there_is_one_sentence(url, told):
    for open_ in (Journal, lambda place: alone(place).__enter__()):
        with pytest.raises(ConfigError, match=told) as refused:
            open_(url)
        assert len(str(refused.value).splitlines()) == 1 and "secret" not in str(refused.value)


def test_without_a_driver_the_extra_is_named(url, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install '\./.*whl\[postgres\]'"):
        open_engine(url)


def test_paper_beside_a_file():
    assert paper_url("sqlite:///a/keeper.db") == "sqlite:///a/keeper-paper.db"
    assert paper_url("sqlite:///a/keeper.db?timeout=9") == "sqlite:///a/keeper-paper.db?timeout=9"


def rows_of(url):
    """All rows of a journal's tables but its own version, by a plain connection."""
    engine = open_engine(url)
    names = [each.name for each in META.sorted_tables]
    with engine.connect() as connection:
        found = {
            name: sorted(
                str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {name}"))
            )
            for name in names
        }
    engine.dispose()
    found["facts"] = [each for each in found["facts"] if "journal version" not in each]
    return found


def test_a_backup_is_a_file_and_comes_back_to_either_database(url, tmp_path):
    """By way of a file and a second file; the server's own numbers go on after it."""
    journal = Journal(url)
    journal.decide(DECISION, RECORD, 1_700_000_000)
    journal.plan(replace(PLAN, size=LARGE))
    journal.sign(KEY, "0xaa", b"\x01\x00\xff", 9, 3)
    journal.close_task(DECISION, "filled")
    backup_file, other = tmp_path / "one.db", f"sqlite:///{tmp_path / 'other.db'}"
    with alone(url):  # a keeper runs
        back_up(url, backup_file, OWNER)
    kept = rows_of(f"sqlite:///{backup_file}")
    kept["facts"] = [each for each in kept["facts"] if BACKUP_OF not in each]
    assert kept == rows_of(url)
    restore(other, backup_file, tmp_path / "none.db", OWNER)
    expected = rows_of(url)
    expected["facts"] = sorted([*expected["facts"], "('restored', 'new')"])
    assert rows_of(other) == expected
    journal.keep("day", "lost")
    done = restore(url, backup_file, tmp_path / "before.db", OWNER)
    assert rows_of(url) == expected and Journal(f"sqlite:///{done.before}").fact("day") == "lost"
    again = Journal(url)  # knows its version
    held = replace(RECORD, time=RECORD.time + 1)
    again.decide(held.id, held, 1_700_000_001)  # a number that is free
    again.step(KEY, IntentState.SENT)
    assert [task.decision for task in again.open_tasks()] == [held.id]


def test_a_restore_that_breaks_off_changes_nothing(url, tmp_path):
    Journal(url).keep("who", "me")
    back_up(url, tmp_path / "one.db", OWNER)
    Journal(url).keep("who", "you")
    before = rows_of(url)
    with closing(sqlite3.connect(tmp_path / "one.db")) as file:  # a server takes no such number
        file.execute(
            "INSERT INTO tasks (decision, time, state, reason, revealed) "
            "VALUES ('0x01', 'soon', 'CLOSED', '', 0)"
        )
        file.commit()
    with pytest.raises(SQLAlchemyError):
        restore(url, tmp_path / "one.db", tmp_path / "before.db", OWNER)
    assert rows_of(url) == before
