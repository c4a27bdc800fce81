"""Evidence documents as a hostile reporter may write them."""

import os
import sys
import time
from dataclasses import replace

import pytest
from strongroom.audit.documents import (
    Document,
    Revealed,
    RevealedDecision,
    find_document,
    read_document,
)
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


@pytest.mark.parametrize("text", [
    b'"' + b'\\"' * 500_000,
    b"[" * 1_000_000,
    b'{"a":' * 200_000,
    b'{"vault": "' + b"\\u0041" * 160_000,
    b"9" * 1_000_000,
    b'{"decisions":[' + b"{}," * 300_000,
])  # fmt: skip
def test_a_megabyte_of_anything_is_read_in_a_second(text):
    """Case A12: escaped quotes without an end took 15 s at 80 KB."""
    started = time.process_time()
    assert read_document(text) == Document()
    assert time.process_time() - started < 1


def test_only_a_regular_file_of_a_stated_size_is_opened(tmp_path):
    """Case A13. Whatever else stands under a document's name is as if there were none."""
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "device.json").symlink_to("/dev/zero")
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "nothing")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**30)
    (tmp_path / "good.json").write_bytes(GOOD)
    found = {name: find_document(tmp_path, name) for name in
             ("pipe", "folder", "device", "nowhere", "large", "none", "good")}  # fmt: skip
    assert found.pop("good").text == GOOD
    assert all(each.text is None and each.why.startswith("missing") for each in found.values())
    assert "no regular file" in found["pipe"].why and "more than" in found["large"].why


def test_a_document_that_is_not_canonical_is_none():
    """Two ways to write the same would let one hash say one thing and a reader see another."""
    assert read_document(GOOD.replace(b'":', b'": ')) == Document()
    twice = GOOD[:-1] + b',"vault":"0x00"}'
    assert read_document(twice) == Document()
