"""The cockpit without a browser: who is let in, what is told of a keeper that lives, has ended or
is another one, and that a button does what it says and no more."""

import ast
import asyncio
import json
import re
import socket
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient
from strongroom.app.cockpit.acts import ACTS, NoSuchAct, NotSure, carry_out
from strongroom.app.cockpit.command import run_cockpit
from strongroom.app.cockpit.door import Door
from strongroom.app.cockpit.gauges import Numbers, scrape
from strongroom.app.cockpit.holdings import held_rows
from strongroom.app.cockpit.log_tail import MOST_BYTES, MOST_LINES, read_log
from strongroom.app.cockpit.looking import JournalAway, Looker
from strongroom.app.cockpit.service import _changes, create_app
from strongroom.app.cockpit.shown import cosigner_words, is_alive
from strongroom.app_server import OpenToOthers, ServedKeeper
from strongroom.chain.units import MICRO
from strongroom.execution.taken_out import is_taken_out, take_out
from strongroom.information.books import Book, Level
from strongroom.journal import Journal
from strongroom.journal.damage import JournalDamaged
from strongroom.journal.lock import alone
from strongroom.journal.migrations import VERSION
from strongroom.keeper.configuration import NotifySection, in_mode, load
from strongroom.keeper.halts import CURES
from strongroom.keeper.health import FACT as HEALTH
from strongroom.keeper.health import HealthKeeper
from strongroom.keeper.metrics import Metrics, serve
from strongroom.keeper.safety import NotStopped, pause_call
from strongroom.keeper.standing import FACT, Standing, StandingKeeper, kept_standing
from strongroom.keeper.status import NoJournal, open_journal, story
from strongroom.keeper.status import asked as pending
from strongroom.keeper.tick import Tick
from strongroom.own_server import PortInUse
from strongroom.reporting.explanation import NothingKnown
from strongroom.reporting.marks import Method
from strongroom.settings import ConfigError
from strongroom.strategy.api import make_pack
from strongroom.strategy.decide import decide
from strongroom.strategy.view import MarketState

from tests.agent.test_decide import CLASS, NOW, STATE, TAIL, rules, view
from tests.agent.test_operations import keeper as measured

EXAMPLE = Path("docs/examples/keeper.toml")
TOKEN = "t" * 43


@pytest.fixture
def config(tmp_path):
    found = load(EXAMPLE)
    operations = found.operations.model_copy(
        update={"mode": "live", "stop_file": tmp_path / "STOP", "log": None, "metrics_port": 0}
    )
    journal = f"sqlite:///{tmp_path / 'keeper.db'}"
    return found.model_copy(update={"operations": operations, "journal": journal, "notify": ()})


@pytest.fixture
def journal(config):
    return Journal(config.journal)


@pytest.fixture
def looker(config, journal):
    return Looker.of(config, None)


def decided(journal, number=0):
    """Keep a decision of the tail pack with its task; return it."""
    (found,) = decide(view(TAIL), [make_pack("tail", {})], rules(), f"salt {number}").decisions
    journal.decide(found.id, found.record, task_at=NOW)
    return found


# who is let in


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"host": "127.0.0.1:8610"}, None),
        ("/", {"host": "localhost:8610"}, None),
        ("/", {"host": "[::1]:8610"}, None),
        ("/", {"host": "desk.example:1"}, None),
        ("/", {}, 403),
        ("/", {"host": "evil.example"}, 403),
        ("/", {"host": "127.0.0.1.evil.example"}, 403),
        ("/", {"host": "evil.example#@127.0.0.1"}, 403),
        ("/", {"host": "127.0.0.1:8610", "origin": "http://127.0.0.1:8610"}, None),
        ("/", {"host": "127.0.0.1:8610", "origin": "http://127.0.0.1:3000"}, 403),
        ("/", {"host": "127.0.0.1:8610", "origin": "http://evil.example"}, 403),
        ("/", {"host": "127.0.0.1:8610", "origin": "null"}, 403),
        ("/api/now", {"host": "127.0.0.1:8610"}, 401),
        ("/api/now", {"host": "127.0.0.1", "authorization": "Bearer "}, 401),
        ("/api/now", {"host": "127.0.0.1", "authorization": f"Bearer {TOKEN}x"}, 401),
        ("/api/now", {"host": "127.0.0.1", "authorization": "Bearer \u00e9"}, 401),
        ("/api/now", {"host": "127.0.0.1", "authorization": f"Bearer {TOKEN}"}, None),
        ("/api/ask/stop", {"host": "evil.example", "authorization": f"Bearer {TOKEN}"}, 403),
        (
            "/api/now",
            {
                "host": "127.0.0.1",
                "authorization": f"Bearer {TOKEN}",
                "sec-fetch-site": "same-site",
            },
            403,
        ),
    ],
)
def test_the_door(path, headers, status):
    refused = Door.of(TOKEN, ["Desk.example"]).refusal(path, Headers(headers))
    assert (None if refused is None else refused[0]) == status


def test_other_machines_are_let_in_only_by_a_name(config, journal, tmp_path, monkeypatch):
    monkeypatch.setattr("strongroom.app.cockpit.command.load", lambda path: config)
    with pytest.raises(OpenToOthers, match="name with --name"):
        run_cockpit(ServedKeeper(tmp_path, host="0.0.0.0"), print)
    told = []
    serving = SimpleNamespace(run=lambda sockets: told.append(sockets[0].getsockname()))
    monkeypatch.setattr("strongroom.app.cockpit.command.app_server", lambda app, leave_s: serving)
    run_cockpit(ServedKeeper(tmp_path, host="0.0.0.0", port=0, names=("desk",)), told.append)
    link, whoever, others, (host, port) = told
    assert link.startswith(f"http://desk:{port}/#") and host == "0.0.0.0"
    assert "can stop it" in whoever and "not encrypted" in others
    told.clear()
    run_cockpit(ServedKeeper(tmp_path, port=0), told.append)
    assert told[0].startswith("http://127.0.0.1:") and len(told) == 3
    with socket.create_server(("127.0.0.1", 0)) as door, pytest.raises(PortInUse, match="--port"):
        run_cockpit(ServedKeeper(tmp_path, port=door.getsockname()[1]), print)


# how a keeper stands


def test_halts_are_kept_at_once_the_vault_when_it_changes_and_a_sign_of_life_each_minute(journal):
    now = [5_000]
    standing = StandingKeeper(journal, "live", lambda: now[0])
    standing.see(1_000, {}, STATE)
    first = Standing(1_000, 5_000, "live", {}, False, STATE, 1_000)
    assert kept_standing(journal) == first
    standing.see(1_059, {}, STATE)
    assert kept_standing(journal) == first
    other = view(TAIL).vault
    changed = type(other)(**vars(STATE) | {"nav": STATE.nav + 1})
    standing.see(1_009, {}, changed)
    assert kept_standing(journal) == first
    standing.see(1_010, {}, changed)
    assert kept_standing(journal).state == changed
    standing.see(1_011, {"stop": "a file"}, changed)
    assert kept_standing(journal).halts == {"stop": "a file"}
    standing.see(1_071, {"stop": "a file"}, changed)
    assert kept_standing(journal).at == 1_071
    now[0] = 6_000
    standing.end()
    last = kept_standing(journal)
    assert (last.ended, last.wrote_at, last.state) == (True, 6_000, changed)


def test_a_vault_that_cannot_be_read_stays_as_it_was_read_last_also_after_a_restart(journal):
    StandingKeeper(journal, "live", lambda: 1).see(1_000, {}, STATE)
    again = StandingKeeper(journal, "live", lambda: 2)
    again.see(2_000, {"chain": "away"}, None)
    found = kept_standing(journal)
    assert (found.at, found.seen_at, found.state, found.ended) == (2_000, 1_000, STATE, False)


def test_another_releases_words_are_not_known(journal):
    assert kept_standing(journal) is None
    journal.keep(FACT, '{"at": 1, "what": "else"}')
    assert kept_standing(journal) is None


def test_every_halt_has_a_cure():
    """By name, wherever the keeper's code sets one."""
    found = set()
    for path in Path("agent/strongroom/keeper").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                place = node.targets[0]
                name = ast.unparse(place.value).rpartition(".")[2]
                if name in ("halts", "reasons") and isinstance(place.slice, ast.Constant):
                    found.add(place.slice.value)
    assert found | {"defect"} == set(CURES)
    assert len(found) > 10


# what is seen


def test_a_look_needs_no_keeper_and_asks_nobody(looker, journal, config):
    seen = looker.look()
    assert (seen.wrote_at, seen.runs, seen.halts, seen.cards) == (None, False, (), ())
    assert seen.numbers_why == "its file names no [operations.metrics_port]"
    decision = decided(journal)
    StandingKeeper(journal, "ask", lambda: NOW).see(NOW, {"odd": "something"}, STATE)
    journal.keep("share price of 2026-02-07", str(2 * 10**36))
    looker = Looker.of(config, "ask")
    seen = looker.look()
    assert (seen.mode, seen.wrote_at, seen.ended) == ("ask", NOW, False)
    (halt,) = seen.halts
    assert (halt.name, halt.why) == ("odd", "something") and "report it" in halt.cure
    (row,) = seen.decisions
    assert (row.id, row.stands, row.pack) == (decision.id, "under way", "tail")
    assert row.legs[0].startswith("BUY ") and row.question == decision.record.question
    assert looker.explain(decision.id[:12]).startswith(f"Decision {decision.id}")
    assert looker.older(row.number) == [] and len(looker.older(row.number + 1)) == 1


@pytest.mark.parametrize(
    ("before", "status"),
    [
        *[("1", 200), (str(2**63 - 1), 200), (str(2**63), 422), ("1" + "0" * 30, 422)],
        *[("1e30", 422), ("0", 422), ("-1", 422), ("x", 422), ("", 422)],
    ],
)
def test_older_decisions_are_asked_for_by_a_number_of_a_task(looker, journal, before, status):
    decided(journal)
    client = TestClient(create_app(looker, Door.of(TOKEN)), "http://127.0.0.1")
    asked = client.get("/api/decisions", params={"before": before},
                       headers={"Authorization": f"Bearer {TOKEN}"})  # fmt: skip
    assert asked.status_code == status


def test_a_journal_that_is_gone_or_another_one_is_noticed(looker, journal, config, tmp_path):
    decided(journal)
    clock = [0.0]
    looker.clock = lambda: clock[0]
    assert len(looker.look().decisions) == 1
    file = tmp_path / "keeper.db"
    for each in tmp_path.glob("keeper.db*"):
        each.rename(tmp_path / f"away-{each.name}")
    clock[0] += 10
    with pytest.raises(JournalAway, match="does not exist"):
        looker.look()
    assert not file.exists()  # a look makes none
    Journal(config.journal)
    assert looker.look().decisions == ()
    for each in tmp_path.glob("keeper.db*"):
        each.unlink()
    file.write_bytes(b"no database, and longer than its head" * 10)
    clock[0] += 10
    with pytest.raises(JournalAway, match="cannot be read"):
        looker.look()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE decisions SET record = '{'",
        "UPDATE decisions SET record = '[]'",
        "UPDATE tasks SET state = 'NOTHING'",
        f"INSERT INTO facts VALUES ('{HEALTH}', '{{\"at\": \"never\"}}')",
    ],
)
def test_a_journal_that_does_not_parse_is_a_sentence_until_it_does(
    looker, journal, tmp_path, damage
):
    """On the page (the stream) and in JSON; what comes back whole is shown again."""
    decided(journal)
    HealthKeeper(journal).see(NOW, [])
    clock = [0.0]
    looker.clock = lambda: clock[0]
    client = TestClient(create_app(looker, Door.of(TOKEN)), "http://127.0.0.1")

    def asked(path="/api/now", **options):
        clock[0] += 10
        found = client.get(path, headers={"Authorization": f"Bearer {TOKEN}"}, **options)
        return found.status_code, found.json()

    assert asked()[0] == 200
    with closing(sqlite3.connect(tmp_path / "keeper.db")) as file:
        before = list(file.iterdump())
        with file:
            file.execute("DELETE FROM facts")
            file.execute(damage)
    status, told = asked()
    assert status == 503 and "keeper restore" in told["error"], told
    for read in (story, pending):  # as `strongroom keeper explain` and `pending`
        with suppress(JournalDamaged, NothingKnown):
            read(Journal(looker.config.journal, upgrade=False))
    clock[0] += 10
    assert b"event: away" in asyncio.run(anext(_changes(looker)))
    assert asked("/api/explanation", params={"name": "ffffff"})[0] in (400, 503)
    for each in tmp_path.glob("keeper.db*"):
        each.unlink()
    with closing(sqlite3.connect(tmp_path / "keeper.db")) as file:
        file.executescript("\n".join(before) + f"PRAGMA user_version={VERSION};")
    status, told = asked()
    assert status == 200 and len(told["decisions"]) == 1


def test_who_looks_for_a_live_journal_is_told_of_papers_and_not_to_go_live(config, tmp_path):
    with pytest.raises(NoJournal) as told:
        open_journal(config)
    assert str(told.value).endswith("it does not exist yet: a keeper in mode live writes it")
    Journal(f"sqlite:///{tmp_path / 'keeper-paper.db'}")
    with pytest.raises(NoJournal, match="what paper did: strongroom keeper ui CONFIG --mode paper"):
        open_journal(config)


def test_a_dry_run_has_no_journal_and_paper_its_own(config, journal, tmp_path):
    with pytest.raises(ConfigError, match="a dry run keeps no journal"):
        Looker.of(in_mode(config, "dry-run"), None)
    with pytest.raises(ConfigError, match="--mode paper"):
        Looker.of(config, "paper")
    Journal(f"sqlite:///{tmp_path / 'keeper-paper.db'}")
    assert "has not said yet" in Looker.of(config, "paper").look().cosigner  # paper asks it, too


def standing(**changes):
    return replace(Standing(NOW, NOW, "live", {}, False, STATE, NOW), **changes)


SILENT, TALKS = Numbers(why="no port"), Numbers()


@pytest.mark.parametrize(
    ("stands", "numbers", "alive", "words"),
    [
        (standing(), TALKS, True, "It answers, and could sign"),
        (standing(), SILENT, True, "It answers, and could sign"),
        (None, TALKS, True, "Not known: the keeper has not said yet"),
        (standing(), SILENT, False, "Not known: the keeper does not run"),  # killed a second ago
        (standing(halts={"signers": "away"}), SILENT, False, "Not known: the keeper does not run"),
        (standing(ended=True), SILENT, False, "Not known: the keeper does not run"),
        (standing(), SILENT, None, "Not known: nor is whether the keeper runs"),
        (standing(wrote_at=NOW - 181), SILENT, True, "Not known: the keeper's ticks do not go on"),
        (standing(wrote_at=NOW - 181), TALKS, True, "It answers, and could sign"),
        (standing(), Numbers(reasons={"ticks": "no tick"}), True, "Not known: the keeper's ticks"),
        (standing(), Numbers(reasons={"signers": "away"}), True, "Nothing can be signed: away"),
        (standing(halts={"signers": "away"}), SILENT, True, "Nothing can be signed: away"),
        (standing(halts={"signers": "old"}), TALKS, True, "It answers, and could sign"),
        (standing(seen_at=NOW - 9), TALKS, True, "Not known: the chain did not answer"),
        (standing(state=None, seen_at=None), SILENT, True, "Not known: the chain did not answer"),
    ],
)
def test_the_cosigner_is_known_only_of_a_keeper_that_asks_it(config, stands, numbers, alive, words):
    assert config.cosigner is not None
    assert cosigner_words(config, stands, numbers, alive, NOW).startswith(words)
    paper = in_mode(config, "paper")  # it signs nothing, and asks all the same
    assert cosigner_words(paper, stands, numbers, alive, NOW).startswith(words)


def test_a_keeper_is_there_while_its_port_answers_or_its_journals_lock_is_held(config, journal):
    assert is_alive(config.journal, SILENT) is False
    assert is_alive(config.journal, TALKS) is True
    with alone(config.journal):
        assert is_alive(config.journal, SILENT) is True
    assert is_alive(config.journal, SILENT) is False
    assert is_alive("postgresql://keeper@127.0.0.1:9/keeper", SILENT) is None
    StandingKeeper(journal, "live", lambda: NOW).see(NOW, {}, STATE)
    seen = Looker(config, wall=lambda: NOW + 1).look()
    assert (seen.alive, seen.runs) == (False, False) and "does not run" in seen.cosigner


def test_marks_stand_beside_books_and_what_is_not_known_is_no_number():
    """By hand: 100 YES, 40 NO are 40 sets and 60 YES; 100 tokens, the least that is asked about,
    bring (60 at 0.50 and 40 at 0.40) / 100 = 0.46."""
    one, two, three, four = ("0x" + f"{n:064x}" for n in range(4))
    held = {one: (100 * MICRO, 40 * MICRO), two: (10 * MICRO, 0), three: (0, 0), four: (5, 5)}
    market = MarketState(
        "0xaccount", 0, 0, 0, 0, held, "0xq", {one: (450_000, 550_000)}, frozenset({four})
    )
    bids = (Level(500_000, 60 * MICRO), Level(400_000, 60 * MICRO))
    book = Book(bids, (Level(600_000, 1_000 * MICRO),), seen_at=NOW - 10)
    books = {one: (book, None)}
    state = type(STATE)(**vars(STATE) | {"markets": {"0xm": market}, "classes": {0: CLASS}})
    first, second, last = held_rows(
        state, lambda name: books.get(name, (None, None)), str, Method(), NOW
    )
    assert (first.mark, first.book) == ("0.450000 to 0.550000", "0.460000 to 0.600000")
    assert (first.by_mark, first.by_book, first.differs) == ("67.00", "67.60", "0.60")
    assert (second.mark, second.book, second.by_mark) == (
        "no fresh one: 0 to 1",
        "never seen",
        "0.00",
    )
    assert (second.by_book, second.differs, second.seen_at) == ("none", "none", None)
    assert "resolved" in last.mark and last.by_mark == "none"


def test_numbers_are_taken_from_this_keeper_alone(config):
    metrics = Metrics()
    server = serve(metrics, 0, 5.0)
    operations = config.operations.model_copy(update={"metrics_port": server.server_port})
    ours = config.model_copy(update={"operations": operations})
    try:
        assert "is another keeper's (unknown)" in scrape(ours).why
        metrics.name("0x" + "1" * 40, "live")
        assert "in mode live)" in scrape(ours).why
    finally:
        server.shutdown()
        server.server_close()
    metrics = Metrics()
    metrics.name(config.vault, "ask")  # the journal of mode live is its own, too
    metrics.observe(measured(), Tick(1_700, {"stop": "a file"}), 0.25)
    server = serve(metrics, 0, 5.0)
    try:
        operations = config.operations.model_copy(update={"metrics_port": server.server_port})
        ours = config.model_copy(update={"operations": operations})
        found = scrape(ours)
        rows = dict(found.rows)
        assert (found.why, dict(found.reasons)) == ("", {"stop": "a file"})
        assert rows["last tick"] == "1970-01-01 00:28:20 UTC"
        assert rows["length of a tick, mean, seconds"] == "0.25"
        assert rows["vault paused"] == rows["last report"] == "unknown"
        paper = ours.model_copy(
            update={"operations": operations.model_copy(update={"mode": "paper"})}
        )
        assert "is another keeper's" in scrape(paper).why
    finally:
        server.shutdown()
        server.server_close()
    assert "does not answer" in scrape(ours).why


def test_the_end_of_a_log(tmp_path):
    path = tmp_path / "keeper.log"
    assert "names no [operations.log]" in read_log(None).why
    assert "cannot be read" in read_log(path).why
    path.write_text("")
    assert "is empty" in read_log(path).why
    lines = [
        json.dumps({"event": "decided", "legs": ["<b>x</b>", 1], "level": "info",
                    "timestamp": "2026-02-07T12:00:00.123Z"}),
        "Traceback of another program", "[1]", "",
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    odd, other, first = read_log(path).lines
    assert (first.at, first.event) == ("2026-02-07 12:00:00", "decided")
    assert first.fields == 'legs: ["<b>x</b>", 1]'
    assert (odd.fields, other.fields) == ("[1]", "Traceback of another program")
    path.write_text("x" * MOST_BYTES + "\n" + "\n".join(str(n) for n in range(MOST_LINES + 9)))
    found = read_log(path).lines
    assert len(found) == MOST_LINES and found[0].fields == str(MOST_LINES + 8)


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_a_strangers_words_forge_no_line_of_the_log(tmp_path, mark):
    """Other programs write their text as it is."""
    path = tmp_path / "keeper.log"
    forged = json.dumps({"event": "goes_on", "timestamp": "2026-02-07T12:00:00.123Z"})
    path.write_text(f"Will it?{mark}{forged}\n", newline="")
    (line,) = read_log(path).lines
    assert line.event == "" and line.fields.startswith("Will it?")


# what can be asked


def test_nothing_is_done_without_a_second_yes(looker, journal, config):
    decided(journal)
    for act in ACTS:
        with pytest.raises(NotSure):
            carry_out(looker, act.name, False)
    with pytest.raises(NoSuchAct, match="stop, take-out, pause"):
        carry_out(looker, "go-on", True)
    assert not config.operations.stop_file.exists()
    assert not is_taken_out(journal, journal.open_tasks()[0])


def test_stop_makes_the_stop_file(looker, config):
    words = carry_out(looker, "stop", True)
    assert str(config.operations.stop_file) in words
    carry_out(looker, "stop", True)
    assert config.operations.stop_file.read_text() == "asked by the cockpit\n" * 2


def test_what_is_under_way_is_taken_out_and_nothing_later(looker, journal):
    assert "nothing to cancel" in carry_out(looker, "take-out", True)
    first = decided(journal)
    (task,) = journal.open_tasks()
    assert not is_taken_out(journal, task)
    assert "What 1 decision under way" in carry_out(looker, "take-out", True)
    second = decided(journal, 1)
    found = {each.decision: is_taken_out(journal, each) for each in journal.open_tasks()}
    assert found == {first.id: True, second.id: False}
    journal.close_task(first.id, "over")
    assert take_out(journal) == 1 and is_taken_out(journal, journal.task(second.id))
    rows = {each.id: each.stands for each in Looker.look(looker).decisions}
    assert rows == {first.id: "over: over", second.id: "under way, taken out"}


def test_a_guardian_that_nobody_can_reach_is_said(looker, config):
    with pytest.raises(ConfigError, match="nobody would be told"):
        carry_out(looker, "pause", True, "odd marks")
    call = pause_call(config)
    assert call.data == "0x8456cb59"  # keccak of pause()
    assert "Reason: odd marks." in call.words("odd marks") and "Reason" not in call.words("")


def test_a_stop_that_cannot_be_written_is_a_sentence_and_is_told(looker, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    target = tmp_path / "file" / "STOP"
    operations = looker.config.operations.model_copy(update={"stop_file": target})
    alone = looker.config.model_copy(update={"operations": operations, "notify": ()})
    monkeypatch.setattr(looker, "config", alone)
    with pytest.raises(NotStopped, match=r"cannot be written \(File exists\).*goes on"):
        carry_out(looker, "stop", True)
    hook = NotifySection(kind="webhook", name="pager", url="http://127.0.0.1:9")
    noted = alone.model_copy(update={"notify": (hook,)})
    monkeypatch.setattr(looker, "config", noted)
    with pytest.raises(NotStopped, match=r"goes on.*Nobody took the message\. Not taken by pager"):
        carry_out(looker, "stop", True)
    told = []
    monkeypatch.setattr(
        "strongroom.app.cockpit.acts.try_each",
        lambda sections, text: told.append((sections, text)) or {"pager": ""},
    )
    with pytest.raises(NotStopped, match=r"Taken by pager\."):
        carry_out(looker, "stop", True)
    ((sections, text),) = told
    assert sections == (hook,) and "does not stop, asked by the cockpit" in text


def test_the_docs_have_the_cures():
    text = Path("docs/cockpit.md").read_text()
    rows = re.findall(r"^\| `([a-z]+)` \| (.+) \|$", text.partition("## Halts")[2], re.M)
    assert dict(rows) == CURES
