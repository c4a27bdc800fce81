"""The journal: what it keeps, what it refuses, and that its steps are the machine's."""

import json
import sqlite3
from dataclasses import replace
from types import MappingProxyType

import pytest
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError
from strongroom.chain.calls import Call
from strongroom.chain.ids import decision_id, intent_key, transaction_key
from strongroom.chain.orders import MoveKind, OrderKind, Side
from strongroom.database import open_engine
from strongroom.journal import (
    Journal,
    JournalMismatch,
    OrderFill,
    OrderIntent,
    SafeTransaction,
    migrations,
)
from strongroom.journal.migrations import MIGRATIONS, Migration
from strongroom.journal.states import (
    OVER,
    STEPS,
    AnswerKind,
    IllegalStep,
    IntentState,
    TradeStatus,
    TransactionState,
    VenueWord,
    check_step,
    trade_status,
    venue_word,
)
from strongroom.journal.tables import NotRecorded
from strongroom.strategy.record import (
    BadRecord,
    DecidedMove,
    Opening,
    SizingNote,
    decode,
    encode,
)

from tests import old_journal
from tests.records import MARKET, RECORD

DECISION = "0x" + "01" * 32
KEY = intent_key(DECISION, 0, 0)
PLAN = OrderIntent(
    KEY, DECISION, "0xAcc", "0x" + "05" * 32, 77, Side.BUY, 333_333, 10_000_000, 1_700_000_000
)


@pytest.fixture
def journal(tmp_path):
    return Journal(f"sqlite:///{tmp_path / 'journal.db'}")


def signed(journal, key=KEY):
    journal.sign(key, "0x12", b"s", 9, 1)


def test_keys_differ_by_decision_leg_and_attempt():
    keys = {
        intent_key(d, leg, n)
        for d in (DECISION, "0x" + "02" * 32)
        for leg in (0, 1)
        for n in (0, 1)
    }
    assert len(keys) == 8


def test_an_intent_is_kept_through_a_restart(tmp_path):
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal(url)
    journal.decide(RECORD.id, RECORD)
    journal.plan(PLAN)
    signed(journal)
    again = Journal(url)
    again.decide(RECORD.id, replace(RECORD))
    assert again.record(RECORD.id) == RECORD
    (row,) = again.open()
    assert (row.state, row.order_hash, row.price) == (IntentState.SIGNED, "0x12", 333_333)
    again.plan(PLAN)  # the same one: nothing happens
    assert [state for state, *_ in again.story(KEY)] == ["PLANNED", "SIGNED"]
    with sqlite3.connect(tmp_path / "journal.db") as raw:
        assert raw.execute("pragma journal_mode").fetchone() == ("wal",)


def test_what_a_journal_does_not_have_is_named(journal):
    for get in (journal.get, journal.transactions.get, journal.record, journal.record_text):
        with pytest.raises(NotRecorded, match=r"this journal has no \w+ 0x77: is it another"):
            get("0x77")


def test_a_key_stands_for_one_order(journal):
    journal.plan(PLAN)
    with pytest.raises(JournalMismatch, match="another order"):
        journal.plan(replace(PLAN, price=333_334))


def test_an_illegal_step_changes_nothing(journal):
    journal.plan(PLAN)
    with pytest.raises(IllegalStep):
        journal.step(KEY, IntentState.ACKED)
    assert journal.get(KEY).state == IntentState.PLANNED
    assert len(journal.story(KEY)) == 1


def test_every_state_leads_to_its_end_and_closed_to_nothing():
    reached = {IntentState.PLANNED}
    while True:
        further = {to for state in reached for to in STEPS[state]} | reached
        if further == reached:
            break
        reached = further
    assert reached == set(IntentState)
    assert STEPS[IntentState.CLOSED] == frozenset()
    for state in set(IntentState) - {IntentState.CLOSED}:
        check_step(state, IntentState.CLOSED)
    # nothing is sent that was not signed, nothing acknowledged that was not sent
    assert [state for state in IntentState if IntentState.SENT in STEPS[state]] == [
        IntentState.SIGNED,
        IntentState.UNKNOWN,
    ]


def test_funds_are_reserved_from_the_signature_to_the_end(journal):
    journal.plan(PLAN)
    assert journal.reserved("0xAcc") == 0
    signed(journal)
    assert journal.reserved("0xAcc") == 3_333_330
    journal.step(KEY, IntentState.SENT)
    journal.step(KEY, IntentState.UNKNOWN, detail="no answer")
    assert journal.reserved("0xAcc") == 3_333_330
    journal.fill(KEY, [OrderFill("0xaa", 1, 1_000_000, 3_000_003, 0)], 3_000_001)
    assert journal.reserved("0xAcc") == 2_333_330  # what it may still give
    assert journal.reserved("0xOther") == 0
    journal.step(KEY, IntentState.CLOSED, detail="expired")
    assert journal.reserved("0xAcc") == 0
    assert journal.open() == []


def test_a_fill_counts_once(journal):
    journal.plan(PLAN)
    signed(journal)
    fill = OrderFill("0xaa", 1, 5, 10, 0)
    journal.fill(KEY, [fill], 10)
    journal.fill(KEY, [fill, OrderFill("0xaa", 2, 5, 10, 0)], 20)
    assert len(journal.fills_of(KEY)) == 2
    assert journal.get(KEY).filled == 20


def test_the_venues_word_is_noted_when_it_is_new(journal):
    journal.plan(PLAN)
    for word in (VenueWord.LIVE, VenueWord.LIVE, VenueWord.MATCHED):
        journal.hear(KEY, word)
    assert [venue for _, venue, _ in journal.story(KEY)] == ["NONE", "LIVE", "MATCHED"]
    assert venue_word("matched") in OVER
    assert venue_word("CANCELED") == VenueWord.CANCELLED
    assert venue_word("something new") == VenueWord.NONE


@pytest.mark.parametrize(
    ("status", "word", "over"),
    [
        ("ORDER_STATUS_LIVE", VenueWord.LIVE, False),
        ("ORDER_STATUS_MATCHED", VenueWord.MATCHED, True),
        ("delayed", VenueWord.DELAYED, False),
        ("UNMATCHED", VenueWord.UNMATCHED, False),
        ("INVALID", VenueWord.REJECTED, True),
        ("ORDER_STATUS_CANCELED_MARKET_RESOLVED", VenueWord.CANCELLED, True),
        ("CANCELED_NOT_ENOUGH_BALANCE", VenueWord.CANCELLED, True),
        ("CANCELED_EXPIRED_ORDER", VenueWord.EXPIRED, True),
        ("CANCELED_order couldn't be fully filled. FOK orders are ...", VenueWord.CANCELLED, True),
        ("ORDER_STATUS_NEW_WORD", VenueWord.NONE, False),
    ],
)
def test_an_order_is_over_by_the_stem_of_its_status(status, word, over):
    """K17; VENUE e1, orders."""
    assert venue_word(status) == word
    assert (word in OVER) == over


def test_trades_are_read_with_the_prefix_of_rest():
    """VENUE e1, trades: CONFIRMED and FAILED alone are final."""
    assert trade_status("TRADE_STATUS_CONFIRMED") == TradeStatus.CONFIRMED
    for status in ("TRADE_STATUS_MATCHED_NOT_BROADCASTED", "TRADE_STATUS_MINED", "NEW"):
        assert not trade_status(status).ended


def test_what_is_closed_and_still_signed_is_found(journal):
    journal.plan(PLAN)
    signed(journal)
    expiry = journal.get(KEY).expiry
    assert journal.signed_until(expiry) == []  # still open
    journal.step(KEY, IntentState.CLOSED, detail="over")
    assert [each.key for each in journal.signed_until(expiry)] == [KEY]
    assert journal.signed_until(expiry + 1) == []


def test_what_every_tick_asks_reads_no_table_whole(tmp_path):
    """By SQLite's own plan: a journal grows for years, and a tick must not."""
    url, asked = f"sqlite:///{tmp_path / 'journal.db'}", []
    journal = Journal(url)
    listen(journal._engine, "before_cursor_execute", lambda *about: asked.append(about[2:4]))
    journal.open()
    journal.of_decision(DECISION)
    journal.open_tasks()
    journal.signed_until(1_700_000_000)
    journal.fills_of(KEY)
    journal.trades_of(KEY)
    assert len(asked) == 6
    with sqlite3.connect(tmp_path / "journal.db") as file:
        for statement, values in asked:
            steps = file.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            assert steps and not [each for *_, each in steps if each.startswith("SCAN")], statement


def test_another_versions_file_is_refused(tmp_path):
    path = tmp_path / "journal.db"
    Journal(f"sqlite:///{path}")
    with sqlite3.connect(path) as raw:
        raw.execute("pragma user_version=99")
    with pytest.raises(JournalMismatch, match=r"version 99.*newer release"):
        Journal(f"sqlite:///{path}")
    with sqlite3.connect(path) as raw:
        raw.execute("pragma user_version=3")
    with pytest.raises(JournalMismatch, match=r"version 3.*the release that wrote it"):
        Journal(f"sqlite:///{path}")


@pytest.mark.parametrize("version", [4, 5])
def test_an_older_file_is_brought_up_and_keeps_what_it_has(tmp_path, version):
    """Its tables are then those of a new one, and an order under way goes on."""
    old, new = (f"sqlite:///{tmp_path / name}.db" for name in ("old", "new"))
    old_journal.make(open_engine(old), version)
    with pytest.raises(JournalMismatch, match="`strongroom keeper start` brings it up"):
        Journal(old, upgrade=False)
    journal = Journal(old)
    Journal(new)
    assert old_journal.shape(open_engine(old)) == old_journal.shape(open_engine(new))
    (intent,) = journal.open()
    assert (intent.order_hash, intent.filled, journal.fact("day")) == ("0x12", 5, "1700000000")
    assert len(journal.story("0x01")) == 4 and journal.trades_of("0x01") == {"t1": "MATCHED"}
    kept = journal.transactions.get("0x09")
    assert kept.safe == ("0xSafe" if version == 5 else "")
    assert (kept.time, kept.until, kept.sent) == (5, 605, 0), "ten minutes, as all had"
    journal.step("0x01", IntentState.CLOSED)
    assert Journal(old, upgrade=False).open() == []


def test_a_file_whose_transactions_are_not_over_is_left_as_it_was(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old_journal.make(open_engine(url), 4, "SENT")
    before = old_journal.shape(open_engine(url))
    with pytest.raises(JournalMismatch, match=r"under way: finish with the release that wrote it"):
        Journal(url)
    assert old_journal.shape(open_engine(url)) == before


def test_a_step_that_fails_leaves_the_old_version_whole(tmp_path, monkeypatch):
    """As a crash in between would."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old_journal.make(open_engine(url), 4)
    before = old_journal.shape(open_engine(url))
    broken = MappingProxyType({**MIGRATIONS, 5: Migration(("CREATE TABLE new (x INTEGER)", "NO"))})
    with monkeypatch.context() as patch, pytest.raises(OperationalError):
        patch.setattr(migrations, "MIGRATIONS", broken)
        Journal(url)
    assert old_journal.shape(open_engine(url)) == before
    assert len(Journal(url).open()) == 1


def test_rows_come_back_as_they_were_planned_and_signed(journal):
    wanted = replace(PLAN, kind=OrderKind.FAK, exchange="0xEx", maker="0xWal", token=2**255)
    journal.plan(wanted)
    assert journal.get(KEY) == wanted
    signed(journal)
    journal.step(KEY, IntentState.SENT)
    journal.answered(
        KEY, IntentState.REFUSED, AnswerKind.UNFUNDED, VenueWord.REJECTED, "not enough balance"
    )
    assert journal.open() == [
        replace(
            wanted,
            state=IntentState.REFUSED,
            venue=VenueWord.REJECTED,
            answer=AnswerKind.UNFUNDED,
            order_hash="0x12",
            signature=b"s",
            expiry=9,
            block=1,
            reason="not enough balance",
        )
    ]


def test_transactions_come_back_with_their_calls(journal):
    key, book = transaction_key(b"one"), journal.transactions
    calls = [Call("0xAcc", "0x12"), Call("0xAcc", "0x34")]
    book.plan(key, "fund", calls, 5)
    book.plan(key, "fund", [replace(call, function="named") for call in calls], 6)  # the same
    with pytest.raises(JournalMismatch, match="other calls"):
        book.plan(key, "fund", calls[:1], 5)
    book.step(replace(book.get(key), nonce=3, signatures=b"s"), TransactionState.SIGNED)
    book.step(replace(book.get(key), hashes=("0xaa",), max_fee=9), TransactionState.SENT)
    assert book.open() == [
        SafeTransaction(
            key, 0, "fund", tuple(calls), 5, TransactionState.SENT, 3, "", b"s", 0, ("0xaa",),
            None, 9,
        )
    ]  # fmt: skip
    book.step(replace(book.get(key), mined=7), TransactionState.MINED)
    book.step(book.get(key), TransactionState.DONE)
    assert book.open() == [] and book.all()[0].mined == 7


def test_two_safes_have_each_their_own_transactions(journal):
    one, other, book = transaction_key(b"one"), transaction_key(b"two"), journal.transactions
    calls = [Call("0xAcc", "0x12")]
    book.plan(one, "fund", calls, 5, "0xKeeper")
    book.plan(other, "report", calls, 5, "0xReporter")
    assert [each.key for each in book.open("0xKeeper")] == [one]
    assert [each.key for each in book.open("0xReporter")] == [other]
    assert [each.key for each in book.open()] == [one, other] and not book.open("0xNobody")
    book.step(replace(book.get(other), nonce=3), TransactionState.SIGNED)
    assert book.get(other).safe == "0xReporter"
    with pytest.raises(JournalMismatch):
        book.plan(other, "report", calls, 5, "0xKeeper")


def test_a_record_is_read_as_it_was_written():
    move = DecidedMove(MoveKind.MERGE, MARKET, MARKET, 5)
    opening = Opening(MARKET, 2, "0x" + "06" * 32, 3, 1_800_000_000)
    numbers = {"profit": 5, "sources": ["a", "b"], "mid": "0.5", "share": 0.25, "deep": {"k": None}}
    full = replace(
        RECORD,
        moves=(move,),
        openings=(opening,),
        sizing=SizingNote("tiers", "idle", {"idle": 5, "tier mid": 9}),
        numbers=numbers,
    )
    text = encode(full).decode()
    assert decode(text) == full and decode(text).id == full.id
    assert full.id == decision_id(json.loads(text))
    found = json.loads(text)
    assert found["open"][0]["class"] == 2 and found["legs"][0]["token"] == "77"
    assert found["sizing"]["limits"] == {"idle": "5", "tier mid": "9"}
    with pytest.raises(BadRecord, match=r"legs\.0\.side"):
        decode(text.replace('"BUY"', '"BORROW"'))
