"""Evidence documents as a hostile reporter may write them."""

import sys
from dataclasses import replace

import pytest
from strongroom.audit.documents import Document, Revealed, RevealedDecision, read_document
from strongroom.chain.ids import canonical, keccak

VAULT = "0x" + "ab" * 20
RECORD = {"time": 1_700_000_000, "why": "a [ in 'a' text"}
IDENTITY = keccak(b'{"time":1700000000,"why":"a [ in \'a\' text"}')
KNOWN = RevealedDecision(1_700_000_000, False, 0, None)
GOOD = canonical({"vault": VAULT, "decisions": [RECORD]})


@pytest.fixture
def deep_recursion():
    """As some libraries set it: the parser's own guard is then too late."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    yield
    sys.setrecursionlimit(before)


HOSTILE = {
    "empty": b"",
    "a list": b"[]",
    "cut off": b"{",
    "a record without a time": b'{"vault": "0xab", "decisions": [{}]}',
    "no text": b"\xff",
    "no records": b'{"decisions": 5}',
    "legs that are none": b'{"vault": "0xab", "decisions": [{"time": 1, "legs": [5]}]}',
    "records that are text": b'{"vault": "0xab", "decisions": "abc"}',
    "deep": b"[" * 100_000,
    "deep behind a text": rb'{"vault": "]]]]]]\"]]]", "decisions": ' + b"[" * 100_000,
    "a number of very many digits": b'{"vault": ' + b"9" * 10_000 + b', "decisions": []}',
    "half a character": rb'{"vault": "0xab", "decisions": [{"time": 1, "x": "\ud800"}]}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_names_nobody(name, deep_recursion):
    assert read_document(HOSTILE[name]) == Document()


def test_a_record_counts_by_its_hash_and_only_with_a_time_that_can_be():
    assert read_document(GOOD) == Document(VAULT, {IDENTITY: KNOWN})
    shouted = canonical({"vault": "0x" + "AB" * 20, "decisions": []})
    assert read_document(shouted) == Document(VAULT)
    odd = canonical({"vault": VAULT, "decisions": [{"time": 2**70}, {"time": -1}, {"time": 1.5}]})
    assert read_document(odd) == Document(VAULT)


def test_only_documents_that_were_reported_reveal_decisions(tmp_path):
    unreported = canonical({"vault": VAULT, "decisions": [{"time": 7}]})
    reported, claimed, missing = "0x" + keccak(GOOD).hex(), "0x" + "77" * 32, "0x" + "88" * 32
    (tmp_path / f"{reported}.json").write_bytes(GOOD)
    (tmp_path / f"{claimed}.json").write_bytes(unreported)
    (tmp_path / f"0x{keccak(unreported).hex()}.json").write_bytes(unreported)
    found = Revealed(tmp_path, [reported, claimed, missing])
    assert found.decision("0x" + IDENTITY.hex()) == replace(KNOWN, at=1)
    assert found.decision("0x" + keccak(b'{"time":7}').hex()) is None


def test_markets_are_called_what_a_leg_asks():
    leg = {"vault_market": "0xAB", "question": "<b>" + "x" * 500}
    text = canonical({"vault": VAULT, "decisions": [{"time": 1, "legs": [leg, leg]}]})
    assert read_document(text).names == {"0xab": "<b>" + "x" * 117}
