"""An audit that goes on from a checkpoint says what a whole one says: by the rules of the release
that runs, with the documents that are there now."""

import json

import pytest
from strongroom.audit import checkpoint as checkpoints
from strongroom.audit.checkpoint import CheckpointError

from tests.property.evidence_life import EvidenceLife


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
    """By an audit that does not begin anew where its checkpoint has differences."""
    next(life.folder.iterdir()).unlink()
    progress = tmp_path / "kept"
    assert len(life.audit(checkpoint=progress).verdict.differences) == 1
    with pytest.MonkeyPatch.context() as here:
        here.setattr(checkpoints, "forget_differing", lambda path: None)
        again = life.audit(checkpoint=progress).verdict
        assert again.checked.reports == 2 and len(again.differences) == 1


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
