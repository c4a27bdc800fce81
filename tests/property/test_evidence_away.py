"""Whoever supplies evidence cannot stop an audit: what cannot be had is unknown, and what differs
is told beside it. So is what differs where something beside the audit fails."""

import json
import zlib
from contextlib import contextmanager
from decimal import Decimal

import pytest
from strongroom.audit.command import CapChange
from strongroom.audit.events import RoleSet
from strongroom.audit.node import NodeAway
from strongroom.audit.readers import vault_readers
from strongroom.chain import anvil
from strongroom.chain.anvil import AnvilMissing
from strongroom.chain.decision_records import MARK
from strongroom.chain.ids import canonical, keccak, to_hex
from strongroom.errors import Away, BadInput

from tests.agent.said_nodes import Telling
from tests.property.evidence_life import BUY, EvidenceLife
from tests.property.recorded import RecordingNode
from tests.property.world import HOUR, UNIT
from tests.shelf import shelf


@pytest.fixture
def life(tmp_path):
    (tmp_path / "evidence").mkdir()
    return EvidenceLife(tmp_path / "evidence")


@contextmanager
def away(*documents):
    """Nobody can read these meanwhile: a link to itself is no file, and not missing."""
    texts = {path: path.read_bytes() for path in documents}
    for path in texts:
        path.unlink()
        path.symlink_to(path)
    yield
    for path, text in texts.items():
        path.unlink()
        path.write_bytes(text)


def steal(life):
    """Let a market's wallet pay a thief; report. Return what an audit names."""
    market = life.open("m1")
    life.report({"m1": 50})
    life.world.pusd.transfer(life.world.who["thief"], 500 * UNIT, sender=market.wallet)
    life.mine()
    life.report({"m1": 50})
    found = life.told()
    assert [each[3] for each in found][:1] == [str(-500 * UNIT)]
    return found


def document_of(life, record):
    """The file that reveals a record."""
    (found,) = (
        p for p in life.folder.iterdir() if record in json.loads(p.read_bytes())["decisions"]
    )
    return found


def test_a_theft_is_told_beside_a_document_that_cannot_be_had(life):
    """A publisher's server said 503 for one document, and nobody heard of the theft."""
    told = steal(life)
    with away(sorted(life.folder.iterdir())[0]):
        found = life.audit()
        assert found.exit_code == 1 and life.told() == told
        (unknown,) = found.verdict.unknown
    assert unknown.startswith("whether 1 evidence document can be had: --evidence ")
    assert "cannot be read" in unknown and "audit again, or leave the place out" in unknown


def test_a_server_without_one_document_hides_no_theft(life, monkeypatch):
    """It may have a typing error; so nothing is missing either."""
    monkeypatch.setattr("strongroom.chain.places.PAUSE_S", 0.0)
    told = steal(life)
    with shelf() as server:
        for is_away in (False, True):
            server.is_away = is_away
            found = life.audit(evidence=(server.url,))
            assert found.exit_code == 1 and life.told(evidence=(server.url,)) == told
            (unknown,) = found.verdict.unknown
            assert unknown.startswith("whether 4 evidence documents can be had: --evidence http://")
            assert ("is the address right?" in unknown) is not is_away


def test_what_cannot_be_had_is_neither_there_nor_missing(life, tmp_path):
    document = next(life.folder.iterdir())
    with away(document):
        found = life.audit(out=tmp_path / "out")
    assert (found.exit_code, found.verdict.verdict) == (2, "cannot say")
    assert found.verdict.differences == () and found.verdict.checked.documents == 1
    written = json.loads((tmp_path / "out" / "verdict.json").read_text())
    assert written["unknown"] == list(found.verdict.unknown)
    (one,) = (e for e in found.verdict.evidence.reports if e.evidence == document.stem)
    assert one.private == one.public == ()


def test_what_could_not_be_had_is_asked_for_again(life, tmp_path):
    """By an audit that goes on: then it is there, missing, or still unknown."""
    documents, path = sorted(life.folder.iterdir()), tmp_path / "kept"
    with away(*documents):
        assert life.audit(checkpoint=path).exit_code == 2
    kept = path.read_bytes()
    with away(documents[0]):
        assert life.audit(checkpoint=path).exit_code == 2
    found = life.audit(checkpoint=path)
    assert found.is_clean and found.verdict.checked.documents == 2 and not found.is_anew
    assert found.verdict.went_on is not None
    path.write_bytes(kept)
    documents[0].unlink()
    assert life.audit(checkpoint=path).verdict == life.audit().verdict
    assert [each[1] for each in life.told()] == ["evidence document"]


def test_a_document_of_another_vault_is_named_once_it_can_be_had(life, tmp_path):
    """What it says is looked at then, as it would have been at first."""
    path = tmp_path / "kept"
    life.report(None, vault="0x" + "12" * 20)
    document = next(p for p in life.folder.iterdir() if b"0x1212" in p.read_bytes())
    with away(document):
        assert life.audit(checkpoint=path).exit_code == 2
    assert [each[1] for each in life.told(checkpoint=path)] == ["evidence document: vault"]


def test_what_was_there_and_cannot_be_had_now_has_not_vanished(life, tmp_path):
    path = tmp_path / "kept"
    assert life.audit(checkpoint=path).is_clean
    with away(*life.folder.iterdir()):
        found = life.audit(checkpoint=path)
    assert found.exit_code == 2 and found.verdict.differences == ()
    assert found.verdict.checked.documents == 0
    assert life.audit(checkpoint=path).is_clean


def test_a_fill_whose_decision_may_be_in_such_a_document_is_none_without(life, tmp_path):
    path = tmp_path / "kept"
    life.open("m1")
    record = life.record(life.leg("m1", BUY, "0.5", 100_000_000))
    life.trade("m1", BUY, 10_000_000, 20_000_000, record)
    life.report({"m1": 50}, record)
    life.report({"m1": 50})
    with away(document_of(life, record)):
        found = life.audit(checkpoint=path).verdict
        assert found.exit_code == 2 and "what decisions ordered 1 fill:" in found.unknown[0]
    found = life.audit(checkpoint=path).verdict
    assert found.is_clean and found.checked.fills_joined == 1


def test_a_late_record_may_have_been_withheld_in_such_a_document(life, tmp_path):
    """It says by when the record comes: without it, the record seemed late."""
    path = tmp_path / "kept"
    life.open("m1")
    by = life.world.now + 5 * HOUR
    grounds = dict.fromkeys(("view", "settings"), "0x" + "01" * 32) | {"reveal_by": by}
    record = life.record(life.leg("m1", BUY, "0.5", 100_000_000), grounds=grounds)
    life.trade("m1", BUY, 10_000_000, 20_000_000, record)
    life.report({"m1": 50}, withheld={to_hex(keccak(canonical(record))): by})
    for _ in range(2):
        life.report({"m1": 50})
    life.report({"m1": 50}, record)
    assert life.audit().is_clean
    stated = next(p for p in life.folder.iterdir() if b'"withheld":{"0x' in p.read_bytes())
    with away(stated):
        found = life.audit(checkpoint=path).verdict
        assert found.exit_code == 2 and "1 fill:" in found.unknown[0]
    assert life.audit(checkpoint=path).is_clean
    path.unlink()
    with away(stated):
        life.audit(checkpoint=path)
    stated.unlink()
    found = life.audit(checkpoint=path).verdict
    assert any("its decision's report" in each.what for each in found.differences)


# what fails beside an audit


def refuses(*given):
    raise Away("anvil does not answer")


def test_what_differs_is_told_where_a_replay_fails(life, tmp_path, monkeypatch):
    """Exit code 2 after the whole audit, and no verdict."""
    told = steal(life)
    monkeypatch.setattr("strongroom.audit.replay.forks", refuses)
    found = life.audit(replay=1, out=tmp_path)
    assert found.exit_code == 1 and life.told(replay=1) == told
    sentence = "what comes of blocks that are executed again: anvil does not answer"
    assert found.verdict.unknown == (sentence,)
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written["verdict"] == "differs" and written["unknown"] == [sentence]


def test_a_replay_that_fails_is_not_clean(life, monkeypatch):
    monkeypatch.setattr("strongroom.audit.replay.forks", refuses)
    found = life.audit(replay=1)
    assert (found.exit_code, found.verdict.verdict) == (2, "cannot say")


def test_without_anvil_nothing_is_audited_that_needs_it(life, tmp_path, monkeypatch):
    """It was looked for after hours."""
    monkeypatch.setattr(anvil.shutil, "which", lambda *given, **more: None)
    node = Telling(RecordingNode(life), lambda method, params, answer: answer)
    for asked in ({"replay": 1}, {"replay_blocks": (3,)}, {"what_if_bps": 5}):
        with pytest.raises(AnvilMissing):
            life.audit(node, **asked)
    assert "eth_getLogs" not in node.asked


@pytest.mark.parametrize("option", ["splitter", "gates"])
def test_a_mistyped_contract_is_refused_before_the_audit(life, option):
    node = Telling(RecordingNode(life), lambda method, params, answer: answer)
    nothing, foreign = "0x" + "12" * 20, life.world.pusd.address
    for address, words in ((nothing, "there is no contract"), (foreign, "the vault does not use")):
        with pytest.raises(BadInput, match=words):
            life.audit(node, **{option: address if option == "splitter" else (address,)})
    assert "eth_getLogs" not in node.asked


@pytest.mark.parametrize(
    "asked", [{"what_if_bps": -5}, {"what_if_cap": CapChange(0, Decimal(100))}]
)
def test_a_node_that_hides_who_may_act_is_named(life, asked):
    """The auditor failed by a KeyError (exit code 3)."""
    (topic,) = (at for at, each in vault_readers().items() if each.record is RoleSet)
    life.open("m1")

    def told(method, params, answer):
        if method == "eth_getLogs":
            answer["result"] = [e for e in answer["result"] if e["topics"][0] != topic]
        return answer

    found = life.audit(Telling(RecordingNode(life), told), **asked)
    assert found.exit_code == 1 and "name nobody who may do it" in found.verdict.unknown[0]


def test_a_cap_that_does_not_fit_is_refused_before_the_audit(life):
    node = Telling(RecordingNode(life), lambda method, params, answer: answer)
    with pytest.raises(BadInput, match="no amount of an asset with 6 decimals"):
        life.audit(node, what_if_cap=CapChange(0, Decimal("0.0000001")))
    assert "eth_getLogs" not in node.asked


def test_a_refused_run_leaves_no_verdict_of_another(life, tmp_path):
    """It said "no difference", of other blocks."""

    def told(method, params, answer):
        if method == "eth_call":
            return {"error": {"code": -32000, "message": "missing trie node"}}
        return answer

    life.audit(out=tmp_path)
    assert (tmp_path / "verdict.json").exists()
    life.report()
    with pytest.raises(NodeAway):
        life.audit(Telling(RecordingNode(life), told), out=tmp_path)
    assert not (tmp_path / "verdict.json").exists()


def carried(life, record):
    """Report; the document says nothing of a record that the report's transaction carries. Return
    the document."""
    before = set(life.folder.iterdir())
    life.world.wait(HOUR)
    life.send_report({"m1": 50})
    (document,) = set(life.folder.iterdir()) - before
    sender, receiver, data = life.world.evm.calls[-1]
    packed = zlib.compress(canonical(record))
    size = len(packed).to_bytes(4, "big")
    data += MARK + bytes.fromhex(document.stem[2:]) + size + packed
    life.world.evm.calls[-1] = sender, receiver, data
    life.mine()
    return document


@pytest.mark.parametrize("later", [(), ("record",)], ids=["never", "late"])
def test_what_a_transaction_alone_carries_waits_for_its_document(life, tmp_path, later):
    """It was taken for revealed in time while the document was away, and never looked at again."""
    life.open("m1")
    record = life.record(life.leg("m1", BUY, "0.5", 100_000_000))
    life.trade("m1", BUY, 10_000_000, 20_000_000, record)
    document = carried(life, [record])
    for _ in range(3):
        life.report({"m1": 50})
    life.report({"m1": 50}, *[record for _ in later])
    with away(document):
        assert life.audit(checkpoint=tmp_path / "kept").exit_code == 2
    whole = life.told()
    assert len(whole) == 1 and life.audit(checkpoint=tmp_path / "kept").exit_code == 1
    life.report({"m1": 50})
    assert life.told(checkpoint=tmp_path / "kept") == life.told() == whole


def test_no_document_that_is_away_excuses_a_public_record_that_came_late(life):
    life.open("m1")
    record = life.record(life.leg("m1", BUY, "0.5", 100_000_000))
    life.trade("m1", BUY, 10_000_000, 20_000_000, record)
    before = set(life.folder.iterdir())
    for records in ((), (), (), (record,)):
        life.report({"m1": 50}, *records)
    whole = life.told()
    assert len(whole) == 1
    late = document_of(life, record)
    for document in sorted(set(life.folder.iterdir()) - {late} | before):
        with away(document):
            assert life.told() == whole
