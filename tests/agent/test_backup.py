"""Backups of a journal: what comes back is what was there, row by row as SQLite itself shows it,
and nothing that may have been done since is done twice."""

import math
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from strongroom.chain.calls import Call
from strongroom.chain.ids import intent_key, transaction_key
from strongroom.cli.main import command
from strongroom.journal import Journal, OrderFill
from strongroom.journal.backup import (
    BACKUP_OF,
    NEW,
    RESTORED,
    JournalOwner,
    NoBackup,
    back_up,
    restore,
)
from strongroom.journal.lock import alone
from strongroom.journal.migrations import VERSION
from strongroom.journal.states import ApprovalState, IntentState, TransactionState
from strongroom.keeper.metrics import Metrics
from strongroom.keeper.restoring import RestoreWait, relearn
from strongroom.reporting.evidence import evidence_document, store_evidence
from strongroom.settings import AlreadyRuns, ConfigError

from tests import old_journal
from tests.agent.test_configuration import TEXT
from tests.agent.test_journal import DECISION, KEY, PLAN
from tests.records import RECORD

SAFE = "0x" + "5a" * 20
OWNER = JournalOwner(137, "0x" + "1A" * 20, SAFE)
SAID = "vault 0x" + "1a" * 20 + ", keeper's Safe 0x" + "5a" * 20 + ", chain 137"
LARGE = 5 * 10**15


def url_of(path):
    return f"sqlite:///{path}"


def shown(path):
    """All rows of all tables of a file."""
    with closing(sqlite3.connect(path)) as file:
        names = [row[0] for row in file.execute(
            "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
        )]  # fmt: skip
        return {name: sorted(map(repr, file.execute(f"SELECT * FROM {name}"))) for name in names}


def lived(url):
    """A journal of a keeper that has traded; one order is filled, a transaction is done."""
    journal = Journal(url)
    journal.salt()
    journal.decide(DECISION, RECORD, 1_700_000_000)
    journal.plan(replace(PLAN, size=LARGE))
    journal.sign(KEY, "0xaa", b"\x01\x00\xff", 9, 3)
    for state in (IntentState.SENT, IntentState.ACKED):
        journal.step(KEY, state)
    journal.fill(KEY, [OrderFill("0xbb", 0, LARGE, LARGE, 7)], LARGE)
    journal.step(KEY, IntentState.CLOSED)
    journal.close_task(DECISION, "filled")
    key = transaction_key(b"one")
    journal.transactions.plan(key, "fund", [Call(SAFE, "0x")], 5, SAFE)
    signed = replace(journal.transactions.get(key), nonce=3, safe_hash="0xcc", block=8)
    for state in (TransactionState.SIGNED, TransactionState.MINED, TransactionState.DONE):
        journal.transactions.step(signed, state)
        signed = replace(signed, state=state)
    return journal


@pytest.fixture
def place(tmp_path):
    return tmp_path / "keeper.db"


def test_a_backup_is_the_journal_row_by_row_and_for_this_user_alone(place, tmp_path):
    journal = lived(url_of(place))  # open all the while
    target = tmp_path / "kept" / "one.db"
    rows = back_up(url_of(place), target, OWNER)
    journal.keep("day", "later")
    assert rows["intents"] == rows["fills"] == rows["transactions"] == 1 and rows["steps"] == 9
    with closing(sqlite3.connect(place)) as file:
        file.execute("DELETE FROM facts WHERE name='day'")
        file.commit()
    expected = shown(place)
    expected["facts"] = sorted([*expected["facts"], repr((BACKUP_OF, SAID))])
    assert shown(target) == expected
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [each.name for each in target.parent.iterdir()] == ["one.db"]  # it stands alone


def test_a_restore_brings_all_back_and_keeps_what_was_there(place, tmp_path):
    lived(url_of(place))
    back_up(url_of(place), tmp_path / "one.db", OWNER)
    Journal(url_of(place)).keep("last_loss_at", "9")
    before = shown(place)
    done = restore(url_of(place), tmp_path / "one.db", tmp_path / "before.db", OWNER)
    assert done.ended == () and done.before == tmp_path / "before.db"
    said = repr((BACKUP_OF, SAID))
    before["facts"] = sorted([*before["facts"], said])
    assert shown(tmp_path / "before.db") == before
    expected = shown(tmp_path / "one.db")
    expected["facts"].remove(said)
    expected["facts"] = sorted([*expected["facts"], repr((RESTORED, NEW))])
    assert shown(place) == expected
    assert Journal(url_of(place)).transactions.newest(SAFE).nonce == 3


def test_a_journal_that_is_gone_comes_back(place, tmp_path):
    lived(url_of(place))
    back_up(url_of(place), tmp_path / "one.db", OWNER)
    for each in tmp_path.glob("keeper.db*"):
        each.unlink()
    done = restore(url_of(place), tmp_path / "one.db", tmp_path / "before.db", OWNER)
    assert done.before is None and Journal(url_of(place)).get(KEY).filled == LARGE


def test_what_was_under_way_is_ended_but_for_what_is_signed(place, tmp_path):
    journal = Journal(url_of(place))
    journal.decide(DECISION, RECORD, 1_700_000_000)
    journal.plan(PLAN)
    second = intent_key(DECISION, 0, 1)
    journal.plan(replace(PLAN, key=second))
    journal.sign(second, "0xaa", b"\x01", 9, 3)
    one, two = transaction_key(b"one"), transaction_key(b"two")
    for key in (one, two):
        journal.transactions.plan(key, "fund", [Call(SAFE, "0x")], 5, SAFE)
    signed = replace(journal.transactions.get(two), nonce=3, safe_hash="0xcc", block=8)
    journal.transactions.step(signed, TransactionState.SIGNED)
    held = replace(RECORD, time=RECORD.time + 1)
    journal.approvals.hold(held.id, held, 5, 6, ())
    journal.approvals.answer(held.id, ApprovalState.APPROVED, 5)
    back_up(url_of(place), tmp_path / "one.db", OWNER)
    done = restore(url_of(place), tmp_path / "one.db", tmp_path / "before.db", OWNER)
    assert len(done.ended) == 4
    found = Journal(url_of(place))
    assert found.open_tasks() == [] and found.approvals.waiting() == []
    assert [(each.key, each.state) for each in found.open()] == [(second, IntentState.SIGNED)]
    assert [each.key for each in found.transactions.open()] == [two]
    assert found.transactions.get(one).state == TransactionState.DROPPED


def test_nothing_is_decided_until_what_was_signed_since_is_over(place):
    journal = Journal(url_of(place))
    assert RestoreWait(journal).why(1_000, 600) == ""
    journal.keep(RESTORED, NEW)
    wait = RestoreWait(journal)
    assert "until 1970-01-01 00:26 UTC" in wait.why(1_000, 600)
    assert RestoreWait(Journal(url_of(place))).why(1_600, 600)  # a start in between changes nothing
    assert wait.why(1_601, 600) == "" and wait.why(1_602, 600) == ""
    assert RestoreWait(journal).why(1_603, 600) == ""


def evidence_of(folder, shown, withheld=()):
    """Write a document as a report does; return its hash."""
    document = evidence_document("0xvault", 5, [], [], shown, "a place", "test", withheld=withheld)
    return store_evidence(folder, document).stem


def test_what_reports_have_revealed_is_not_revealed_again(place, tmp_path):
    """Killed between a report and the note of it, or restored from before it."""
    journal = lived(url_of(place))
    private, lost = (replace(RECORD, time=RECORD.time + each) for each in (1, 2))
    for record in (RECORD, private):
        journal.decide(record.id, record, record.time)
        journal.close_task(record.id, "filled")
    names = [
        evidence_of(tmp_path, [RECORD]), evidence_of(tmp_path, [lost], [private]), "0x" + "77" * 32,
    ]  # fmt: skip
    torn = evidence_of(tmp_path, [private])
    (tmp_path / f"{torn}.json").write_text("{}")
    logs = [SimpleNamespace(args={"evidence": each}, block=8) for each in (*names, torn)]
    asked, told = [], []
    chain = SimpleNamespace(logs=lambda *given: asked.append(given) or logs)
    for _ in range(2):  # the second time nothing is new
        relearn(journal, chain, "0xvault", tmp_path, lambda *event: told.append(event))
    assert asked[0] == ("0xvault", "Vault", "Reported", 0)  # 64 blocks before the eighth
    waiting = {each.id: each.stated for each in journal.unrevealed()}
    assert RECORD.id not in waiting and lost.id not in waiting and waiting[private.id] is True
    assert journal.record(lost.id) == lost and journal.open_tasks() == []
    lacking = [("evidence_lacking", {"evidence": each, "block": 8}) for each in (names[2], torn)]
    assert told == lacking * 2


def test_not_while_a_keeper_has_the_journal(place, tmp_path):
    lived(url_of(place))
    back_up(url_of(place), tmp_path / "one.db", OWNER)
    before = shown(place)
    with alone(url_of(place)), pytest.raises(AlreadyRuns):
        restore(url_of(place), tmp_path / "one.db", tmp_path / "before.db", OWNER)
    assert shown(place) == before and not (tmp_path / "before.db").exists()


def test_what_is_no_backup_of_this_keeper_changes_nothing(place, tmp_path):
    lived(url_of(place))
    before = shown(place)
    text, empty, whole = (tmp_path / name for name in ("text", "empty.db", "whole.db"))
    text.write_text("This is no database. " * 100)
    sqlite3.connect(empty).close()
    back_up(url_of(place), whole, OWNER)
    torn = tmp_path / "torn.db"
    data = bytearray(whole.read_bytes())
    data[4096:8192] = b"\xff" * 4096
    torn.write_bytes(data)
    paper = tmp_path / "keeper-paper.db"
    Journal(url_of(paper)).keep("day", "a supposed one")
    strange = tmp_path / "strange.db"  # this keeper's name, and another Safe's transactions
    other = JournalOwner(137, OWNER.vault, "0x" + "11" * 20)
    back_up(url_of(place), strange, other)
    another, facts_alone = tmp_path / "another.db", tmp_path / "facts.db"
    with closing(sqlite3.connect(another)) as file:
        file.executescript(f"CREATE TABLE things (name); PRAGMA user_version={VERSION}")
    with closing(sqlite3.connect(facts_alone)) as file:
        file.executescript(f"CREATE TABLE facts (name, value); PRAGMA user_version={VERSION}")
    nonsense = tmp_path / "nonsense.db"  # a whole database whose words are none of a journal's
    nonsense.write_bytes(whole.read_bytes())
    with closing(sqlite3.connect(nonsense)) as file, file:
        file.execute("UPDATE transactions SET calls='{', state='PLANNED'")
    for file, owner, told in (
        (text, OWNER, "cannot be read as a database"),
        (empty, OWNER, "is no journal"),
        (torn, OWNER, "damaged|cannot be read"),
        (tmp_path / "none.db", OWNER, "is no file"),
        (tmp_path, OWNER, "is no file"),
        (another, OWNER, "is no journal: name a file of"),
        (facts_alone, OWNER, "lacks approvals, decisions, "),
        (nonsense, OWNER, r"nonsense\.db is damaged \(.*take another backup"),
        (paper, OWNER, "does not say whose journal it is: name a file of"),
        (whole, replace(OWNER, vault="0x" + "2b" * 20), f"is of {SAID}; this file's are vault 0x2"),
        (whole, replace(OWNER, safe="0x" + "11" * 20), f"is of {SAID}"),
        (whole, replace(OWNER, chain_id=1), f"is of {SAID}"),
        (strange, other, "another vault's keeper"),
    ):
        with pytest.raises(NoBackup, match=told):
            restore(url_of(place), file, tmp_path / "before.db", owner)
    assert shown(place) == before
    assert not (tmp_path / "before.db").exists()
    with pytest.raises(NoBackup, match="is there already"):
        back_up(url_of(place), whole, OWNER)
    with pytest.raises(ConfigError, match="nothing to back up"):
        back_up(url_of(tmp_path / "nowhere.db"), tmp_path / "new.db", OWNER)
    with pytest.raises(ConfigError, match="is no journal: name a keeper's"):
        back_up(url_of(another), tmp_path / "new.db", OWNER)
    assert not [*tmp_path.glob("*.part*"), *tmp_path.glob("new.db")]


@pytest.mark.parametrize("harm", ["no database", "torn"])
def test_over_a_damaged_journal_the_cure_is_the_journals(place, tmp_path, harm):
    lived(url_of(place))
    whole = tmp_path / "whole.db"
    back_up(url_of(place), whole, OWNER)
    data = bytearray(whole.read_bytes())
    data[0 if harm == "no database" else 4096 : 8192] = b"\xff" * 4096
    for each in tmp_path.glob("keeper.db-*"):
        each.unlink()
    place.write_bytes(data)
    with pytest.raises(ConfigError, match=r"\[journal\] .*keeper\.db is damaged .*: stop the keep"):
        restore(url_of(place), whole, tmp_path / "before.db", OWNER)
    with pytest.raises(NoBackup, match=r"\[journal\] .*: stop the keeper, and restore its newest"):
        back_up(url_of(place), tmp_path / "new.db", OWNER)
    assert place.read_bytes() == data and not [*tmp_path.glob("*.part*")]
    place.rename(tmp_path / "moved.db")  # as the message says
    restore(url_of(place), whole, tmp_path / "before.db", OWNER)
    assert Journal(url_of(place)).task(DECISION) is not None


TRIES = """
import resource, sys
from strongroom.journal.backup import JournalOwner, back_up, restore
from pathlib import Path
act, url, file, other, most, *owner = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
owner = JournalOwner(int(owner[0]), *owner[1:])
if act == "back up":
    back_up(url, Path(file), owner)
else:
    restore(url, Path(file), Path(other), owner)
"""


def test_a_journal_that_cannot_be_opened_is_not_called_damaged(place, tmp_path, monkeypatch):
    """Whose file it is decides who backs it up: nobody restores over a whole journal."""

    def refused(*_):
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    place.write_bytes(b"")
    monkeypatch.setattr(sqlite3, "connect", refused)
    with pytest.raises(NoBackup, match=r"cannot be opened \(unable.*it is not damaged$"):
        back_up(url_of(place), tmp_path / "one.db", OWNER)


def test_a_disk_that_takes_no_more_is_named_and_nothing_half_written_stays(place, tmp_path):
    """A process that may write files of so many bytes only: the system refuses the rest. A journal
    is first larger than its backup: the copy of the backup fits, then the journal that is there
    does not."""
    whole, folder = tmp_path / "whole.db", tmp_path / "backups"
    lived(url_of(place))
    back_up(url_of(place), whole, OWNER)
    size = whole.stat().st_size
    Journal(url_of(place)).keep("large", "x" * 300_000)
    before = shown(place)

    def tried(act, file, most):
        done = subprocess.run(
            [sys.executable, "-c", TRIES, act, url_of(place), file, tmp_path / "before.db",
             str(most), "137", OWNER.vault, OWNER.safe],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode
        return done.stderr.strip().splitlines()[-1]

    said = tried("back up", folder / "new.db", 50_000)
    assert re.search(r"NotWritten: .*new\.db cannot be written \(.*name another folder with", said)
    said = tried("restore", whole, 50_000)
    assert re.search(r"NotWritten: .*/journal\.db cannot be .*another one with TMPDIR", said)
    said = tried("restore", whole, size + 50_000)
    assert re.search(r"NotWritten: .*before\.db cannot be .*: free some of its disk$", said)
    assert shown(place) == before and list(folder.iterdir()) == []
    assert not [*tmp_path.glob("*.part*"), *tmp_path.glob("before*")]


def test_a_backup_of_an_older_release_is_brought_up(place, tmp_path):
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(older)) as file:
        file.executescript(";".join(old_journal.statements(5, "sqlite")))
        file.execute("PRAGMA user_version=5")
    owner = replace(OWNER, safe="0xSafe")
    back_up(url_of(older), tmp_path / "kept.db", owner)  # nothing there is brought up
    with closing(sqlite3.connect(tmp_path / "kept.db")) as file:
        assert file.execute("PRAGMA user_version").fetchone() == (5,)
    restore(url_of(place), tmp_path / "kept.db", tmp_path / "before.db", owner)
    assert Journal(url_of(place)).fact(RESTORED) == NEW
    assert Journal(url_of(place)).fact("day") == "1700000000"
    with closing(sqlite3.connect(older)) as file:
        file.execute("PRAGMA user_version=99")
    with pytest.raises(NoBackup, match=r"older\.db: journal version 99, .*: use a newer release"):
        restore(url_of(place), older, tmp_path / "before.db", OWNER)


def backed_up(config, to, *more):
    done = CliRunner().invoke(command, ["keeper", "backup", str(config), "--to", str(to), *more])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_command_keeps_so_many_of_its_own_and_deletes_nothing_else(tmp_path, monkeypatch):
    """Two keepers of different vaults in one folder; a clock that was put back; the journals' own
    folder."""
    days = iter((21, 22, 23, 20, 24, 25, 26, 27, 28))
    monkeypatch.setattr("strongroom.cli.keeper_journal._now", lambda: f"202611{next(days)}T210000Z")
    kept, configs = tmp_path / "kept", []
    for name, digit in (("a", "a"), ("b", "b")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "keeper.toml").write_text(TEXT.replace("0x" + "0" * 39 + "1", "0x" + digit * 40))
        configs.append(folder / "keeper.toml")
        Journal(url_of(folder / "keeper.db")).keep("day", name)
        Journal(url_of(folder / "keeper-paper.db")).keep("day", "paper")
    a, b = configs
    backed_up(a, kept, "--keep", "1")
    for _ in range(2):
        backed_up(b, kept, "--keep", "2")
    assert "deleted" in backed_up(b, kept, "--keep", "2")  # of the 20th: the 22nd goes, not it
    names = {each.name for each in kept.iterdir()}
    of_a = "keeper-aaaaaaaa-00000000-20261121T210000Z.db"
    assert names == {of_a, *(f"keeper-bbbbbbbb-00000000-202611{n}T210000Z.db" for n in (20, 23))}

    beside = a.parent
    assert "deleted" not in backed_up(a, beside, "--keep", "1")
    assert {"keeper.db", "keeper-paper.db", of_a.replace("21T", "24T")} <= {
        each.name for each in beside.iterdir()
    }
    for wrong in (kept / of_a, beside / "keeper-paper.db", b.parent / "keeper-paper.db"):
        done = CliRunner().invoke(command, ["keeper", "restore", str(b), str(wrong)])
        assert done.exit_code == 2 and "name" in done.output, done.output
    assert Journal(url_of(b.parent / "keeper.db")).fact("day") == "b"
    done = CliRunner().invoke(command, ["keeper", "restore", str(a), str(kept / of_a)])
    assert done.exit_code == 0, done.output


def test_the_newest_backup_is_known_by_its_name_and_shown_as_a_number(tmp_path):
    assert OWNER.newest(tmp_path / "none") is OWNER.newest(tmp_path) is None
    metrics = Metrics()
    metrics.watch_backups(lambda: OWNER.newest(tmp_path))
    name = "strongroom_last_backup_timestamp_seconds"
    assert math.isnan(metrics.registry.get_sample_value(name))
    other = replace(OWNER, vault="0x" + "2b" * 20)
    for owner, moment in (
        (OWNER, "20261126T210000Z"), (OWNER, "20261126T220000Z"), (other, "20261127T000000Z"),
        (OWNER, "20269999T999999Z"),  # named by a person
    ):  # fmt: skip
        (tmp_path / owner.file_name(moment)).touch()
    assert OWNER.newest(tmp_path) == 1_795_730_400  # date -u -d "2026-11-26 22:00" +%s
    assert metrics.registry.get_sample_value(name) == 1_795_730_400


def test_a_backup_goes_to_the_files_own_folder(tmp_path, monkeypatch):
    (tmp_path / "keeper.toml").write_text(TEXT)
    lived(url_of(tmp_path / "keeper.db"))
    monkeypatch.chdir("/")
    done = CliRunner().invoke(command, ["keeper", "backup", str(tmp_path / "keeper.toml")])
    assert done.exit_code == 0, done.output
    (made,) = (tmp_path / "backups").iterdir()
    assert done.output.startswith(f"wrote {made}")
