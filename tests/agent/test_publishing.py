"""Evidence at several places: a folder, a web server that takes PUT, a CAR file; one is away."""

import hashlib
import os
import threading
from itertools import pairwise

import pytest
from strongroom.chain import places
from strongroom.chain.calls import make_call
from strongroom.chain.car import BadCar, blocks
from strongroom.chain.ids import keccak, transaction_key
from strongroom.chain.places import CarPlace, FolderPlace, WebPlace
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.keeper.configuration import StoreSection
from strongroom.keeper.publishing import PAUSES_S, PublishingLoop, lost_of
from strongroom.reporting.evidence import store_evidence
from strongroom.reporting.publishing import (
    CarStore,
    FolderStore,
    Publisher,
    WebStore,
    reported,
)

from tests.agent.test_car import DOCUMENTS, FILE, OTHER, VAULT
from tests.shelf import shelf

HASHES = tuple("0x" + keccak(each).hex() for each in DOCUMENTS)


@pytest.fixture
def server():
    with shelf() as found:
        yield found


@pytest.fixture
def publisher(tmp_path, server):
    own = tmp_path / "own"
    for each in DOCUMENTS:
        store_evidence(own, each)
    return Publisher(own, {
        "web": WebStore(server.url),
        "folder": FolderStore(tmp_path / "public"),
        "car": CarStore(tmp_path / "all.car", VAULT),
    })  # fmt: skip


def everywhere(publisher, hashes=HASHES):
    return {name: publisher.publish(name, hashes) for name in publisher.stores}


def test_each_place_has_each_document_as_an_auditor_looks_for_it(publisher, server, tmp_path):
    found = everywhere(publisher)
    assert [(each.there, each.published, each.missing, each.why) for each in found.values()] == [
        (0, 2, (), "")
    ] * 3
    readers = [
        WebPlace(server.url),
        FolderPlace(tmp_path / "public"),
        CarPlace(tmp_path / "all.car"),
    ]
    for each in readers:
        assert [each.find(digest).text for digest in HASHES] == list(DOCUMENTS)


def test_a_second_run_writes_nothing(publisher, server, tmp_path):
    everywhere(publisher)
    puts, car = len(server.puts), (tmp_path / "all.car").stat()
    again = everywhere(publisher)
    assert all((each.there, each.published, each.why) == (2, 0, "") for each in again.values())
    assert len(server.puts) == puts == 2
    assert (tmp_path / "all.car").stat().st_ino == car.st_ino


def test_only_a_look_writes_nothing_and_says_what_is_missing(publisher, server, tmp_path):
    publisher.publish("web", HASHES[:1])
    found = {name: publisher.publish(name, HASHES, only_look=True) for name in publisher.stores}
    assert [found[name].missing for name in found] == [HASHES[1:], HASHES, HASHES]
    assert len(server.puts) == 1 and not (tmp_path / "all.car").exists()


def test_a_place_that_is_away_costs_itself_alone(publisher, server):
    server.is_away = True
    found = everywhere(publisher)
    assert "HTTP 503" in found["web"].why
    assert (found["web"].missing, found["web"].unknown) == ((), HASHES), "no answer says nothing"
    assert found["folder"].published == found["car"].published == 2
    server.is_away = False
    assert publisher.publish("web", HASHES).published == 2


def test_a_key_is_sent_with_what_is_written_only(publisher, server):
    """A stranger has none: what only a key can read was not published."""
    server.token = "s3cret"
    assert "HTTP 403" in publisher.publish("web", HASHES).why
    publisher.stores["web"] = WebStore(server.url, "s3cret")
    assert publisher.publish("web", HASHES).published == 2
    assert {each for _, each in server.puts} == {None, "Bearer s3cret"}
    assert {each for _, each in server.gets} == {None}
    assert "s3cret" not in repr(publisher.stores["web"])


def test_a_server_that_keeps_nothing_is_named(publisher, server):
    server.forgets = True
    found = publisher.publish("web", HASHES)
    assert (found.published, found.missing) == (
        0,
        HASHES,
    ) and "does not give them back" in found.why


def test_lost_is_what_every_place_says_it_has_not(publisher, server):
    """As long as one does not say, nothing is known of it."""
    everywhere(publisher, HASHES[:1])
    for each in HASHES:
        (publisher.own / f"{each}.json").unlink()
    states = [publisher.publish(name, HASHES, only_look=True) for name in publisher.stores]
    assert list(lost_of(publisher, HASHES, states)) == [HASHES[1]]
    assert publisher.may_have(HASHES[0]), "it came back"
    server.is_away = True
    states = [publisher.publish(name, HASHES, only_look=True) for name in publisher.stores]
    assert list(lost_of(publisher, HASHES, states)) == []


def test_a_file_that_cannot_be_read_is_not_lost(publisher):
    """No handle is left, or it is another user's: it is there all the same."""
    for each in HASHES:
        (publisher.own / f"{each}.json").unlink()
    (publisher.own / f"{HASHES[0]}.json").symlink_to(f"{HASHES[0]}.json")
    states = [publisher.publish(name, HASHES, only_look=True) for name in publisher.stores]
    assert list(lost_of(publisher, HASHES, states)) == [HASHES[1]]


def test_everybody_may_read_what_is_published(publisher, tmp_path):
    """The keeper's unit has UMask=0077: what it keeps is its own, what it publishes is not."""
    before = os.umask(0o077)
    try:
        stores = {
            "folder": FolderStore(tmp_path / "shown" / "evidence"),
            "car": CarStore(tmp_path / "cars" / "all.car", VAULT),
        }
        both = Publisher(publisher.own, stores)
        assert all(both.publish(name, HASHES).is_whole for name in stores)
        store_evidence(tmp_path / "private", DOCUMENTS[0])
    finally:
        os.umask(before)
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777
             for each in ("shown", "cars", "private") for path in (tmp_path / each).rglob("*")
             if not path.name.endswith(".lock")}  # fmt: skip
    assert modes == {"shown/evidence": 0o755, "cars/all.car": 0o644} | {
        f"shown/evidence/{each}.json": 0o644 for each in HASHES
    } | {f"private/{HASHES[0]}.json": 0o600}
    assert {(tmp_path / each).stat().st_mode & 0o777 for each in ("shown", "cars")} == {0o755}


def test_what_the_own_folder_lost_comes_back(publisher):
    everywhere(publisher, HASHES[:1])
    (publisher.own / f"{HASHES[0]}.json").unlink()
    (publisher.own / f"{HASHES[1]}.json").unlink()
    found = publisher.publish("folder", HASHES)
    assert (found.there, found.missing) == (1, HASHES[1:]) and "own folder neither" in found.why
    assert publisher.document(HASHES[0]) == DOCUMENTS[0]
    assert (publisher.own / f"{HASHES[0]}.json").read_bytes() == DOCUMENTS[0]


# the CAR file


def test_a_car_grows_and_its_root_lists_all(publisher, tmp_path):
    """Written in two rounds, it is the file that the reference library writes at once."""
    for count in (1, 2):
        assert publisher.publish("car", HASHES[:count]).why == ""
    text = (tmp_path / "all.car").read_bytes()
    assert hashlib.sha256(text).hexdigest() == FILE


def test_a_file_of_somebody_else_is_left_alone(publisher, tmp_path):
    path = tmp_path / "all.car"
    path.write_bytes(OTHER)
    fresh = b"third"
    found = publisher.publish("car", [store_evidence(publisher.own, fresh).stem])
    assert "somebody else" in found.why and path.read_bytes() == OTHER
    path.write_bytes(b"no car")
    assert "CAR of version 1" in publisher.publish("car", HASHES).why
    assert path.read_bytes() == b"no car"


@pytest.mark.parametrize("bound", ["MOST_BLOCKS", "MOST_BYTES"])
def test_no_file_is_written_that_no_audit_reads(publisher, tmp_path, monkeypatch, bound):
    """As many blocks and bytes as the reader takes are written, and none more."""
    path, most = tmp_path / "all.car", {"MOST_BLOCKS": 2, "MOST_BYTES": 0}
    assert publisher.publish("car", HASHES[:1]).is_whole
    most["MOST_BYTES"] = sum(each.size for each in blocks(path.open("rb")))
    before = path.read_bytes()
    monkeypatch.setattr(places, bound, most[bound])
    assert CarPlace(path).find(HASHES[0]).text == DOCUMENTS[0]
    found = publisher.publish("car", HASHES)
    assert (found.there, found.missing) == (1, HASHES[1:]) and path.read_bytes() == before
    assert "is full" in found.why and "name a folder or a server" in found.why
    monkeypatch.setattr(places, bound, most[bound] - 1)
    with pytest.raises(BadCar, match=r"all\.car: it.* ha(s|ve) more than .*: name another file"):
        CarPlace(path)


# beside a keeper


def test_a_loop_waits_longer_for_a_place_that_stays_away(publisher, server):
    now = [0.0]
    loop = PublishingLoop(publisher, lambda: HASHES, 30, clock=lambda: now[0])
    server.is_away = True
    times, asked = [], 0
    while now[0] < 6_000:
        loop.go_round()
        (health,) = [each for each in loop.health if each.name == "evidence at web"]
        if health.asked > asked:
            times.append(now[0])
            asked = health.asked
        now[0] += 10
    assert [later - one for one, later in pairwise(times)] == list(PAUSES_S)
    assert health.failed == health.asked and "HTTP 503; asked again in" in health.wrong
    others = [each for each in loop.health if each.name != "evidence at web"]
    assert [(each.asked, each.failed, each.wrong) for each in others] == [(1, 0, "")] * 2
    server.is_away, now[0] = False, 20_000.0
    loop.go_round()
    assert not any(each.wrong for each in loop.health) and len(server.kept) == 2


def test_a_loop_asks_a_whole_place_once_a_day(publisher, server):
    now = [0.0]
    loop = PublishingLoop(publisher, lambda: HASHES, 30, clock=lambda: now[0])
    for now[0] in range(0, 3 * 86_400, 3_600):
        loop.go_round()
    assert len(server.gets) == 2 * 2 + 2 * 2, "before and after the PUTs, then on two more days"
    server.kept.clear()
    now[0] += 86_400
    loop.go_round()
    assert len(server.kept) == 2, "what vanished is put again"


def test_a_thread_ends_when_it_is_told_to(publisher, server):
    loop = PublishingLoop(publisher, lambda: HASHES, every_s=0.01)
    loop.start()
    (thread,) = [each for each in threading.enumerate() if each.name == "publishing"]
    loop.close()
    thread.join(60)
    assert not thread.is_alive()


def test_only_reports_that_are_on_chain_are_published(tmp_path):
    """A document reveals decisions: not before its report is final."""
    journal, hashes = Journal(f"sqlite:///{tmp_path}/keeper.db"), [*HASHES, "0x" + "33" * 32]
    ends = (TransactionState.DONE, TransactionState.DROPPED, None)
    for evidence, end in zip(hashes, ends, strict=True):
        call = make_call(
            "0x" + "11" * 20, "Vault", "report", [("0x" + "22" * 32, 0, 1, 2)], evidence
        )
        key = transaction_key(evidence.encode())
        journal.transactions.plan(key, "report", [call], 7, "0xsafe")
        planned = journal.transactions.get(key)
        if end is TransactionState.DONE:
            for each in (TransactionState.SIGNED, TransactionState.SENT, TransactionState.MINED):
                journal.transactions.step(planned, each)
        if end is not None:
            journal.transactions.step(planned, end)
    assert reported(journal) == [HASHES[0]]


@pytest.mark.parametrize("section", [
    {}, {"folder": "a", "car": "b"}, {"url": "https://one.example", "folder": "a"},
    {"url": "ftp://one.example"}, {"folder": "a", "token_env": "X"},
])  # fmt: skip
def test_a_place_is_one_thing(section):
    with pytest.raises(ValueError, match=r"name one|must begin|goes with"):
        StoreSection.model_validate(section)
