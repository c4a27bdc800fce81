"""An audit that goes on from a checkpoint says what a whole one says: by the rules of the release
that runs, with the documents that are there now."""

import json
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from eth_utils.address import to_checksum_address
from strongroom.audit import checkpoint as checkpoints
from strongroom.audit.auditor import Audit
from strongroom.audit.checkpoint import (
    CheckpointError,
    DoubtfulCheckpoint,
    Progress,
    write_checkpoint,
)
from strongroom.audit.command import AuditOptions, CapChange, run_audit
from strongroom.audit.events import OperatorSet
from strongroom.audit.ledger import Ledger
from strongroom.audit.movements import NAMING, topic_of
from strongroom.audit.readers import vault_readers
from strongroom.audit.replay import Replayed
from strongroom.audit.showing import show
from strongroom.audit.verdict import DecidedAgain, WentOn, verdict_hash
from strongroom.chain.ids import keccak, to_hex
from strongroom.errors import BadInput
from strongroom.strategy.again import Again

from tests.agent.said_nodes import Telling
from tests.property.evidence_life import BUY, EvidenceLife
from tests.property.recorded import RecordingNode, _call
from tests.property.world import DEPOSIT, UNIT


@pytest.fixture
def life(tmp_path):
    (tmp_path / "evidence").mkdir()
    return EvidenceLife(tmp_path / "evidence")


@pytest.fixture
def kept(life, tmp_path):
    """The checkpoint of an audit without a difference."""
    assert life.audit(checkpoint=tmp_path / "kept").is_clean
    return tmp_path / "kept"


def test_a_document_that_has_vanished_since_is_a_difference(life, kept):
    """One is gone, the other is another one now. What comes back is no difference any more."""
    first, second = documents = sorted(life.folder.iterdir())
    texts = [path.read_bytes() for path in documents]
    first.unlink()
    second.write_bytes(b"{}")
    found, whole = life.audit(checkpoint=kept).verdict, life.audit().verdict
    assert found == whole and found.exit_code == 1
    told = {each.expected: each.what for each in found.differences}
    assert told == {first.stem: "evidence document", second.stem: "evidence document: its hash"}
    assert (found.checked.reports, found.checked.documents) == (2, 0)
    for path, text in zip(documents, texts, strict=True):
        path.write_bytes(text)
    assert life.audit(checkpoint=kept).is_clean


def test_a_document_that_was_missing_already_is_told_once(life, tmp_path):
    """A checkpoint that has differences is not gone on from."""
    next(life.folder.iterdir()).unlink()
    progress = tmp_path / "kept"
    for _ in range(2):
        found = life.audit(checkpoint=progress).verdict
        assert found.checked.reports == 2 and len(found.differences) == 1
        assert found.went_on is None


def test_what_another_release_has_let_pass_is_no_verdict(life, kept, monkeypatch):
    """A release that looks at more goes on from no block that an older one has passed."""
    monkeypatch.setattr(checkpoints, "release", lambda: "0.9.9 of another code")
    with pytest.raises(CheckpointError, match=r"another release \(0\.\d\.\d .*remove it, or name"):
        life.audit(checkpoint=kept)


@pytest.mark.parametrize("block", [0, -1, -(10**30)])
def test_a_checkpoint_in_front_of_the_chain_is_none(life, kept, block):
    found = json.loads(kept.read_text())
    found["progress"]["next_block"] = block
    kept.write_text(json.dumps(found))
    with pytest.raises(CheckpointError, match=f"goes on with block {block}: remove it"):
        life.audit(checkpoint=kept)


def test_a_verdict_says_where_it_went_on_and_whom_the_blocks_before_were_asked_of(life, kept):
    """Keys in URLs are nobody's business. A whole audit says nothing of the kind."""
    further = ("http://127.0.0.1:9999/KEY",)
    last, node = len(life.blocks) - 1, RecordingNode(life)
    found = life.audit(node, checkpoint=kept, further_rpcs=further).verdict
    assert found.went_on == WentOn(last + 1, ("http://127.0.0.1:8545",))
    assert "went_on" in found.document() and "went_on" not in life.audit().verdict.document()
    assert f"before {last + 1} as asked of http://127.0.0.1:8545" in found.went_on.words
    life.report()
    assert life.audit(checkpoint=kept, further_rpcs=further).is_clean
    found = life.audit(checkpoint=kept).verdict
    assert found.went_on.nodes == ("http://127.0.0.1:8545", "http://127.0.0.1:9999")


def test_a_verdict_is_the_same_however_the_vault_was_typed_and_names_its_block(life):
    typed = life.vault, to_checksum_address(life.vault)
    found = [run_audit(AuditOptions(each), RecordingNode(life)).verdict for each in typed]
    one, other = (verdict_hash(each.document()) for each in found)
    assert one == other and found[1].vault == life.vault
    assert found[0].block_hash == f"0x{len(life.blocks) - 1:064x}"


# a checkpoint is asked of the chain again

THIEF = "0x" + "12" * 20
FORGED = {
    "roles": lambda books: books["permissions"]["roles"].update(guardian="0x" + "12" * 20),
    "classes": lambda books: books["permissions"]["classes"].clear(),
    "keeper": lambda books: books["permissions"]["classes"]["0"].update(keeper="0x" + "12" * 20),
    "timeline": lambda books: books["permissions"]["timeline"].pop(),
    "a time": lambda books: books["permissions"]["timeline"][0].update(block=-2),
    "limits": lambda books: books["permissions"]["limits"].update({"8": 1}),
    "accounts": lambda books: books["accounts"].clear(),
    "closed": lambda books: books.update(closed=1),
    "holders": lambda books: books["holders"].popitem(),
    "operators": lambda books: books["operators"].update({f"{THIEF} {THIEF}": True}),
}


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A life with a market and a fill, and the checkpoint of its clean audit."""
    folder = tmp_path_factory.mktemp("traded")
    life = EvidenceLife(folder)
    life.open("m1")
    record = life.record(life.leg("m1", BUY, "0.5", 100_000_000))
    life.trade("m1", BUY, 10_000_000, 20_000_000, record)
    life.report({"m1": 50}, record)
    path = folder / "kept"
    assert life.audit(checkpoint=path).is_clean
    return life, json.loads(path.read_text())


def going_on(traded, tmp_path, change):
    """Audit on from a checkpoint with changed books."""
    life, kept = traded
    changed, path = json.loads(json.dumps(kept)), tmp_path / "kept"
    change(changed["progress"]["ledger"])
    path.write_text(json.dumps(changed))
    return life.audit(checkpoint=path)


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_checkpoint_is_refused(traded, tmp_path, name):
    """Nothing else differed: it was no difference, with a false verdict."""
    with pytest.raises(CheckpointError, match=r"that the logs up to block \d+ say.*remove it"):
        going_on(traded, tmp_path, FORGED[name])


@pytest.mark.parametrize("name", ["best", "open_epoch", "line", "queues"])
def test_a_damaged_checkpoint_is_the_operator_s_to_remove(traded, tmp_path, name):
    """It was a failure of the audit itself, to be reported."""
    with pytest.raises(CheckpointError, match="remove it"):
        going_on(traded, tmp_path, lambda books: books[name].clear())


def test_an_honest_checkpoint_is_none_of_these(traded, tmp_path):
    found = going_on(traded, tmp_path, lambda books: None).verdict
    assert replace(found, went_on=None) == traded[0].audit().verdict


def test_a_checkpoint_that_counts_in_other_decimals_is_refused(traded, tmp_path):
    with pytest.raises(CheckpointError, match="counts in 7 decimals, the asset has 6: remove it"):
        going_on(traded, tmp_path, lambda books: books.update(decimals=7))


# what differs after a checkpoint is looked for without it


def without_logs(life, topics):
    """A node that hides logs."""

    def told(method, params, answer):
        if method == "eth_getLogs":
            answer["result"] = [e for e in answer["result"] if e["topics"][0] not in topics]
        return answer

    return Telling(RecordingNode(life), told)


def test_who_was_appointed_behind_a_liar_s_back_acts_for_his_holder(life, kept, monkeypatch):
    """The first node hid the appointment; an honest vault was accused, with an honest node."""
    monkeypatch.setattr("strongroom.audit.auditor.wrong_books", lambda *given: "")
    (topic,) = (at for at, each in vault_readers().items() if each.record is OperatorSet)
    world, (alice, bob) = life.world, (life.world.who[name] for name in ("alice", "bob"))
    world.fund("alice", UNIT)
    to, data = _call(world.vault, "isOperator", alice, bob)
    life._states[to, data].append((0, life._ask(to, data)))
    world.vault.setOperator(bob, True, sender=alice)
    life._states[to, data].append((life.mine(), life._ask(to, data)))
    assert life.audit(without_logs(life, {topic}), checkpoint=kept).is_clean
    world.request(DEPOSIT, "alice", UNIT, by="bob")
    life.mine()
    found = life.audit(checkpoint=kept)
    assert (found.exit_code, found.is_anew, found.verdict.went_on) == (0, True, None)
    assert found.verdict == life.audit().verdict and not life.audit(checkpoint=kept).is_anew


def test_a_wallet_that_was_hidden_while_it_was_empty_is_its_account_s(life, tmp_path):
    """What went to it went without an explanation."""
    path, world = tmp_path / "kept", life.world
    market = world.open("m1", 0)
    life.mine()
    world.set_wallet("m1", "")
    life._wallets.append(market.wallet)
    life.mine()
    naming = {topic_of(each) for each in NAMING}
    assert life.audit(without_logs(life, naming), checkpoint=path).is_clean
    world.allocate("m1", 1_000 * UNIT)
    world.forward("m1", 1_000 * UNIT)
    life.mine()
    record = life.record(life.leg("m1", BUY, "0.5", 100_000_000))
    life.trade("m1", BUY, 10_000_000, 20_000_000, record)
    life.report({"m1": 50}, record)
    found = life.audit(checkpoint=path)
    assert found.is_anew and found.verdict == life.audit().verdict and found.is_clean


FILL = {
    "block": 2, "transaction": "0x" + "ab" * 32, "time": 1, "decision": "0x" + "77" * 32,
    "account": THIEF, "market": "", "exchange": "", "token": "1", "buys": True, "cash": 1,
    "tokens": 1, "fee": 0,
}  # fmt: skip
BELIEVED = {
    "fills": lambda kept: kept["unjoined"].append(FILL),
    "trades": lambda kept: kept.update(has_unexplained=True, traded=[]),
    "wallets": lambda kept: kept["wallets"].clear(),
    "what a decision bought": lambda kept: kept["filled"].clear(),
    "balances": lambda kept: kept["held"].clear(),
}


@pytest.mark.parametrize("name", BELIEVED)
def test_what_a_forged_checkpoint_invents_accuses_nobody(traded, tmp_path, name):
    """What nothing is held against early made an honest vault differ."""
    life, kept = traded
    changed, path = json.loads(json.dumps(kept)), tmp_path / "kept"
    BELIEVED[name](changed["progress"])
    path.write_text(json.dumps(changed))
    assert life.audit(checkpoint=path).verdict.differences == ()


def test_an_audit_that_begins_anew_writes_its_lines_anew(traded, tmp_path):
    """Once each; and the factory's table counts the vault as one that was looked at whole."""
    life, out, path = traded[0], tmp_path / "out", tmp_path / "kept"
    life.audit(checkpoint=path, out=out)
    whole = {name: (out / f"{name}.jsonl").read_text() for name in ("reports", "fills", "income")}
    changed = json.loads(path.read_text())
    BELIEVED["fills"](changed["progress"])
    path.write_text(json.dumps(changed))
    found = life.audit(checkpoint=path, out=out)
    assert found.is_anew and found.is_clean
    assert {name: (out / f"{name}.jsonl").read_text() for name in whole} == whole
    assert "went_on" not in json.loads((out / "verdict.json").read_text())


def test_a_true_difference_after_a_checkpoint_is_told_by_a_whole_audit(life, kept, capsys):
    market = life.open("m1")
    life.world.pusd.transfer(life.world.who["thief"], UNIT, sender=market.wallet)
    life.mine()
    found = life.audit(checkpoint=kept)
    assert (found.exit_code, found.verdict) == (1, life.audit().verdict)
    show(found, 0)
    assert "all was audited from the birth" in capsys.readouterr().out


@pytest.mark.parametrize(("unknown", "word"), [(0, "no difference"), (1, "cannot say")])
def test_what_differed_is_not_forgotten_where_less_is_seen_anew(
    life, kept, monkeypatch, unknown, word
):
    """Decided again within bounds, from the birth on, an audit may not come as far as it did."""
    verdict = replace(life.audit().verdict, decided=DecidedAgain(same=1, unknown=unknown))

    def audited(options, node, scope, passes=[True]):  # noqa: B006
        if passes.pop() if passes else False:
            raise DoubtfulCheckpoint("it may be wrong", "block 7: a decision made again")
        return Audit(verdict, Ledger(verdict.vault))

    monkeypatch.setattr("strongroom.audit.command._audited_once", audited)
    found = life.audit(checkpoint=kept).verdict
    assert found.verdict == word and not kept.exists()
    assert [each.endswith("block 7: a decision made again") for each in found.unknown] == [
        True for _ in range(unknown)
    ]


def test_another_vault_s_checkpoint_is_not_removed(traded, life, tmp_path):
    """It has differences; who mistypes a file keeps what is in it."""
    words = ("transaction", "what", "expected", "found")
    path, other = tmp_path / "kept", json.loads(json.dumps(traded[1]))
    other["progress"]["ledger"]["vault"] = "0x" + "12" * 20
    ledger = other["progress"]["ledger"]
    ledger["differences"] = [{"block": 1} | dict.fromkeys(words, "")]
    path.write_text(json.dumps(other))
    with pytest.raises(CheckpointError, match="name another file"):
        life.audit(checkpoint=path)
    assert json.loads(path.read_text()) == other


def test_checkpoints_with_one_stem_have_drafts_of_their_own(tmp_path, monkeypatch):
    drafts, replaces = [], Path.replace

    def seen(path, target):
        drafts.append(path.name)
        return replaces(path, target)

    monkeypatch.setattr(Path, "replace", seen)
    for name in ("vault.one", "vault.two"):
        write_checkpoint(tmp_path / name, Progress(Ledger("0x" + "12" * 20, 6), 5))
    assert len(set(drafts)) == 2 and all(each.startswith("vault.") for each in drafts)
    assert {each.name for each in tmp_path.iterdir()} == {"vault.one", "vault.two"}


# what is done beside the books


@contextmanager
def differing_forks(asked):
    """Forks on which each block differs."""

    class Forks:
        def replay(self, block, vault):
            asked.append(block)
            return Replayed(block, 1, 0, ("storage word 7: 1 is not 2",))

        def what_if(self, block, vault, reporter, bps):
            asked.append(block)

        def what_if_cap(self, block, vault, guardian, class_id, cap):
            asked.append(block)

    yield Forks()


def test_a_replay_that_goes_on_executes_what_a_whole_one_does(life, tmp_path, monkeypatch):
    """The second run executed nothing, and found no difference."""
    asked, path = [], tmp_path / "kept"
    monkeypatch.setattr("strongroom.audit.replay.forks", lambda *given: differing_forks(asked))
    life.open("m1")
    reports = [3, 4]
    reports.append(life.report({"m1": 50}))
    for _ in range(2):
        asked.clear()
        found = life.audit(checkpoint=path, replay=-1)
        assert (found.exit_code, asked) == (1, reports)
    asked.clear()
    life.audit(checkpoint=path, replay=2, what_if_bps=-500, what_if_cap=CapChange(0, Decimal(100)))
    assert asked == [*reports[-2:], reports[-1], reports[-1] - 1]


def test_views_that_are_published_later_are_looked_at(life, tmp_path):
    """A run that goes on found the old count for ever, where a whole one finds a difference."""
    texts = [b'{"view":1}', b'{"settings":1}']
    view, settings = (to_hex(keccak(each)) for each in texts)
    record = life.record() | {"grounds": {"view": view, "settings": settings}}
    life.report(None, record)
    missing = [Again(None, "pack tail is not installed", "", "")]

    @contextmanager
    def decider(memory):
        yield lambda view, settings, records, patience: list(answers)

    def audit(**more):
        return life.audit(decide=decider, **more).verdict

    path, views = tmp_path / "kept", tmp_path / "views"
    views.mkdir()
    answers = missing
    assert audit(checkpoint=path).decided.withheld == 1
    for name, text in zip((view, settings), texts, strict=True):
        (views / f"{name}.json").write_bytes(text)
    of_views = {"checkpoint": path, "views": (str(views),)}
    found = audit(**of_views).decided
    assert (found.withheld, found.unknown, found.total) == (0, 1, 1)
    answers = [Again(False, "legs.0.price", "0.5", "0.9")]
    found = audit(**of_views)
    assert (found.exit_code, found.decided.different, found.decided.total) == (1, 1, 1)
    assert found == audit(views=(str(views),))


def test_lines_that_do_not_reach_back_to_the_birth_are_refused(life, tmp_path):
    """Half of the prices were published as a track record of the whole."""
    path, out = tmp_path / "kept", tmp_path / "out"
    life.audit(checkpoint=path)
    with pytest.raises(BadInput, match="has 0 lines of the blocks before 6, the checkpoint counts"):
        life.audit(checkpoint=path, out=out)
    path.unlink()
    life.audit(checkpoint=path, out=out)
    life.report()
    life.audit(checkpoint=path, out=out)
    assert len((out / "reports.jsonl").read_text().splitlines()) == 3
    life.audit(out=tmp_path / "whole")
    for name in ("reports", "fills", "income"):
        one, whole = (folder / f"{name}.jsonl" for folder in (out, tmp_path / "whole"))
        assert one.read_text() == whole.read_text()
