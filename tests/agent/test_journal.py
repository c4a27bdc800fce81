"""The journal: what it keeps, what it refuses, and that its steps are the machine's."""

import sqlite3
from dataclasses import replace

import pytest
from strongroom.chain.ids import intent_key
from strongroom.journal import Fill, Journal, JournalMismatch, Plan
from strongroom.journal.states import (
    OVER,
    STEPS,
    IllegalStep,
    Intent,
    Venue,
    check_step,
    venue_word,
)

DECISION = b"\1" * 32
KEY = intent_key(DECISION, 0, 0)
PLAN = Plan(DECISION, "0xAcc", "77", "BUY", 333_333, 10_000_000, 1_700_000_000)


@pytest.fixture
def journal(tmp_path):
    return Journal(f"sqlite:///{tmp_path / 'journal.db'}")


def signed(journal, key=KEY):
    journal.step(key, Intent.SIGNED, order_hash="0x12", signature=b"s", expiry=9, block=1)


def test_keys_differ_by_decision_leg_and_attempt():
    keys = {
        intent_key(d, leg, n) for d in (b"\1" * 32, b"\2" * 32) for leg in (0, 1) for n in (0, 1)
    }
    assert len(keys) == 8


def test_an_intent_is_kept_through_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal(url)
    journal.decide(DECISION, {"why": "because", "edge": 1})
    journal.plan(KEY, PLAN)
    signed(journal)
    again = Journal(url)
    again.decide(DECISION, {"edge": 1, "why": "because"})
    (row,) = again.open()
    assert (row.state, row.order_hash, row.price) == (Intent.SIGNED, "0x12", 333_333)
    again.plan(KEY, PLAN)  # the same one: nothing happens
    assert [state for state, *_ in again.story(KEY)] == ["PLANNED", "SIGNED"]
    with sqlite3.connect(tmp_path / "journal.db") as raw:
        assert raw.execute("pragma journal_mode").fetchone() == ("wal",)


def test_a_key_stands_for_one_order(journal):
    journal.plan(KEY, PLAN)
    with pytest.raises(JournalMismatch, match="another order"):
        journal.plan(KEY, Plan(DECISION, "0xAcc", "77", "BUY", 333_334, 10_000_000, 1_700_000_000))


def test_an_illegal_step_changes_nothing(journal):
    journal.plan(KEY, PLAN)
    with pytest.raises(IllegalStep):
        journal.step(KEY, Intent.ACKED)
    assert journal.get(KEY).state == Intent.PLANNED
    assert len(journal.story(KEY)) == 1


def test_every_state_leads_to_its_end_and_closed_to_nothing():
    reached = {Intent.PLANNED}
    while True:
        further = {to for state in reached for to in STEPS[state]} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(Intent)
    assert STEPS[Intent.CLOSED] == frozenset()
    for state in set(Intent) - {Intent.CLOSED}:
        check_step(state, Intent.CLOSED)
    # nothing is sent that was not signed, nothing acknowledged that was not sent
    assert [state for state in Intent if Intent.SENT in STEPS[state]] == [
        Intent.SIGNED,
        Intent.UNKNOWN,
    ]


def test_funds_are_reserved_from_the_signature_to_the_end(journal):
    journal.plan(KEY, PLAN)
    assert journal.reserved("0xAcc") == 0
    signed(journal)
    assert journal.reserved("0xAcc") == 3_333_330
    journal.step(KEY, Intent.SENT)
    journal.step(KEY, Intent.UNKNOWN, detail="no answer")
    assert journal.reserved("0xAcc") == 3_333_330
    journal.fill(KEY, [Fill("0xaa", 1, 1_000_000, 3_000_003, 0)], 3_000_001)
    assert journal.reserved("0xAcc") == 2_333_331  # up: 6,999,999 at .333333
    assert journal.reserved("0xOther") == 0
    journal.step(KEY, Intent.CLOSED, detail="expired")
    assert journal.reserved("0xAcc") == 0
    assert journal.open() == []


def test_a_fill_counts_once(journal):
    journal.plan(KEY, PLAN)
    signed(journal)
    fill = Fill("0xaa", 1, 5, 10, 0)
    journal.fill(KEY, [fill], 10)
    journal.fill(KEY, [fill, Fill("0xaa", 2, 5, 10, 0)], 20)
    assert len(journal.fills_of(KEY)) == 2
    assert journal.get(KEY).filled == 20


def test_the_venues_word_is_noted_when_it_is_new(journal):
    journal.plan(KEY, PLAN)
    for word in (Venue.LIVE, Venue.LIVE, Venue.MATCHED):
        journal.hear(KEY, word)
    assert [venue for _, venue, _ in journal.story(KEY)] == ["NONE", "LIVE", "MATCHED"]
    assert venue_word("matched") in OVER
    assert venue_word("CANCELED") == Venue.CANCELLED
    assert venue_word("something new") == Venue.NONE


def test_another_versions_file_is_refused(tmp_path):
    path = tmp_path / "journal.db"
    Journal(f"sqlite:///{path}")
    with sqlite3.connect(path) as raw:
        raw.execute("pragma user_version=99")
    with pytest.raises(JournalMismatch, match="version 99"):
        Journal(f"sqlite:///{path}")


def test_an_older_versions_file_is_brought_up_to_date(tmp_path):
    """A file of version 1, with an intent in it: the new columns hold what they stood for."""
    path = tmp_path / "journal.db"
    Journal(f"sqlite:///{path}").plan(KEY, PLAN)
    with sqlite3.connect(path) as raw:
        for column in ("kind", "exchange", "condition", "maker"):
            raw.execute(f"ALTER TABLE intents DROP COLUMN {column}")
        raw.execute("pragma user_version=1")
    reopened = Journal(f"sqlite:///{path}")
    row = reopened.get(KEY)
    assert (row.kind, row.exchange, row.condition, row.maker) == ("GTC", "", "", "")
    reopened.plan(KEY, PLAN)  # the same as before
    other = intent_key(DECISION, 1, 0)
    reopened.plan(other, replace(PLAN, maker="0xWal"))
    assert reopened.get(other).maker == "0xWal"
