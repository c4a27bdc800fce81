"""A keeper publishes, its own folder is lost, and a stranger audits with what is left."""

import json
import re
import shutil
import time
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from strongroom.audit.auditor import Auditor, Scope
from strongroom.chain.decision_records import MARK
from strongroom.chain.ids import keccak
from strongroom.chain.jsonrpc import JsonRpc
from strongroom.chain.places import CarPlace, FolderPlace, WebPlace
from strongroom.cli.main import command
from strongroom.devnet import polymarket
from strongroom.devnet.deployer import devnet_chain
from strongroom.journal.states import TransactionState
from strongroom.keeper import publishing
from strongroom.keeper.configuration import load
from strongroom.keeper.run import running

from tests.e2e.keeper_stage import SECTIONS, KeeperStage
from tests.shelf import shelf

TICKS = 14


@pytest.fixture(scope="module")
def server():
    with shelf() as found:
        yield found


@pytest.fixture(scope="module")
def world(tmp_path_factory, server):
    places = f'[{{ url = "{server.url}" }}, {{ car = "all.car" }}]'
    sections = SECTIONS.replace(
        "[operations]", f"[evidence]\nplaces = {places}\non_chain = true\n\n[operations]"
    )
    with devnet_chain(polymarket.CHAIN_ID) as chain:
        place = KeeperStage(tmp_path_factory.mktemp("places"), chain, 3, sections)
        place.invest()
        yield place
        place.stage.close()


@pytest.fixture(scope="module")
def told(world, server):
    """Let the keeper trade and report, refused once for its records; a place is away for a while.

    Returns:
        what it said
    """
    found = []
    server.is_away = True
    with quick(), running(load(world.folder / "keeper.toml")) as this:
        keeper = this.keeper
        reporter, listen = keeper.reporter, keeper.reporter._on_event
        reporter._on_event = lambda event, fields: (
            found.append((event, dict(fields))),
            listen(event, fields),
        )
        for _ in range(2):
            world.tick(keeper)
        for number in range(2):
            world.offer(number)
            for _ in range(TICKS):
                assert not world.tick(keeper).halts
                if not keeper.journal.unrevealed() and keeper.journal.decided_after(0)[number:]:
                    break
        refuse_records(world, keeper, found)
        for _ in range(100):  # the publisher's thread may be late
            assert not this.tick().halts
            (away,) = [each for each in keeper.health if each.name.startswith("evidence at http")]
            if away.asked:
                break
            time.sleep(0.3)
        assert "HTTP 503" in away.wrong and away.failed == away.asked >= 1
        for _ in range(100):
            if not publishing.publish_once(this.config, only_look=True).places[1].missing:
                break
            time.sleep(0.3)
    server.is_away = False
    return found


@contextmanager
def quick():
    """The publisher looks twice a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "EVERY_S", 0.5)
        yield


def refuse_records(world, keeper, found):
    """A third decision, whose report a node refuses as long as records are with it."""
    reporter = keeper.reporter
    sender, refused = reporter._transactor, []

    class Refusing:
        def run(self, key, purpose, calls, now, until):
            if len(calls) == 1:
                return sender.run(key, purpose, calls, now, until)
            refused.append(key)
            return self.state(key)

        def state(self, key):
            dropped = TransactionState.DROPPED, "it needs too much gas"
            return dropped if key in refused else sender.state(key)

        def __getattr__(self, name):
            return getattr(sender, name)

    reporter._transactor = Refusing()
    world.offer(2)
    for _ in range(TICKS):
        assert not world.tick(keeper).halts
        if any(event == "records_left_out" for event, _ in found):
            break
    world.tick(keeper)
    reporter._transactor = sender
    assert len(refused) == 1


def typed(world, *words):
    done = CliRunner().invoke(command, list(words), catch_exceptions=False)
    return done.exit_code, done.stdout


def published(world, *more):
    code, text = typed(
        world, "keeper", "publish", str(world.folder / "keeper.toml"), "--json", *more
    )
    return code, json.loads(text)


def audited(world, *places):
    stage = world.stage
    scope = Scope(
        stage.chain.url, stage.vault.address, 0, stage.chain.height(),
        (stage.venue.exchange.address,), places,
    )  # fmt: skip
    return Auditor(scope).run().verdict


def test_what_is_missing_is_said_then_brought_then_nothing_is_left_to_do(world, told, server):
    reports = {fields["evidence"] for event, fields in told if event == "reported"}
    assert len(reports) >= 4
    code, before = published(world, "--dry-run")
    web, car = before["places"]
    assert code == 0 and before["documents"] == len(reports) and set(web["missing"]) == reports
    assert not car["missing"] and not web["public"] and not before["lost"]
    assert server.kept == {}
    code, after = published(world)
    web, car = after["places"]
    assert (code, web["published"], web["missing"], car["there"]) == (
        0,
        len(reports),
        [],
        len(reports),
    )
    for path, text in server.kept.items():
        assert path == f"/evidence/0x{keccak(text).hex()}.json"
    puts = len(server.puts)
    code, text = typed(world, "keeper", "publish", str(world.folder / "keeper.toml"))
    assert code == 0 and len(server.puts) == puts and "on chain, with the next report: 0" in text
    server.is_away = True
    code, away = published(world)
    server.is_away = False
    assert code == 2 and "HTTP 503" in away["places"][0]["why"] and not away["places"][1]["missing"]


def test_a_reports_transaction_leads_to_its_decisions(world, told):
    """The records are in the node's own answer; one report went without them."""
    node = JsonRpc(world.stage.chain.url)
    events = world.stage.vault.events("Reported")
    inputs = [
        node.request("eth_getTransactionByHash", each.transaction_hash)["input"] for each in events
    ]
    with_records = [text for text in inputs if MARK.hex() in text]
    assert 1 <= len(with_records) <= 2
    (left,) = [fields for event, fields in told if event == "records_left_out"]
    assert left["decisions"] == 1 and "refused" in left["why"]


def test_a_stranger_audits_with_what_is_left(world, told, tmp_path):
    """The keeper's folder is gone: the server has all, the chain has two decisions of three."""
    lost = tmp_path / "evidence"
    shutil.copytree(world.folder / "evidence", lost)
    url = load(world.folder / "keeper.toml").evidence.places[0].url
    seen = WebPlace(url, resolve=lambda host: ["8.8.8.8"])
    verdict = audited(world, seen, CarPlace(world.folder / "all.car"), FolderPlace(tmp_path / "no"))
    assert verdict.differences == () and verdict.checked.fills_joined == verdict.checked.fills == 3
    state = verdict.evidence
    reports = len(state.reports)
    assert [(e.public, e.found, e.missing) for e in state.places] == [
        (True, reports, 0), (False, reports, 0), (False, 0, reports)
    ]  # fmt: skip
    assert state.public_reports == reports == verdict.checked.documents
    assert state.public_decisions == state.decisions == 3
    assert sum(each.on_chain for each in state.reports) == 2


def test_decisions_outlive_every_document(world, told, tmp_path):
    """No place has a document any more: each is a difference, and two fills are explained."""
    verdict = audited(world, FolderPlace(tmp_path))
    missing = [each for each in verdict.differences if each.what == "evidence document"]
    assert len(missing) == verdict.checked.reports and verdict.checked.fills_joined == 2
    (other,) = [each for each in verdict.differences if each.what != "evidence document"]
    assert "no revealed record" in other.what
    assert (verdict.evidence.public_reports, verdict.evidence.public_decisions) == (0, 2)


def test_the_command_says_who_could_get_what(world, told, server):
    stage = world.stage
    options = ["--vault", stage.vault.address, "--rpc", stage.chain.url, "--exchange",
               stage.venue.exchange.address]  # fmt: skip
    code, text = typed(world, "audit", *options, "--evidence", server.url, "--evidence",
                       str(world.folder / "all.car"))  # fmt: skip
    assert code == 0, text
    reports = stage.vault.events("Reported")
    assert f"evidence, private: {server.url}: {len(reports)} found\n" in text
    assert f"report 1, block {reports[0].block_number}: only {server.url}, " in text
    assert re.search(rf"public documents\W+0 of {len(reports)}\W+public decisions\W+2 of 3\W", text)
    server.is_away = True
    code, text = typed(world, "audit", *options, "--evidence", server.url)
    server.is_away = False
    assert code == 2
