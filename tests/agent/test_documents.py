"""Evidence documents as a hostile reporter may write them."""

import gc
import sys
import time
import tracemalloc
import zlib
from dataclasses import replace

import pytest
from strongroom.audit.availability import EvidencePlaces, ReportAvailability
from strongroom.audit.documents import (
    Document,
    Revealed,
    RevealedDecision,
    read_document,
    read_records,
)
from strongroom.audit.events import Reported
from strongroom.chain.decision_records import MARK, MOST, SINK, is_records, records_call, records_in
from strongroom.chain.ids import canonical, keccak, to_bytes
from strongroom.chain.places import FolderPlace

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


def revealed(folder, hashes, carried=None):
    """Read the documents of reports.

    Args:
        carried: data of the reports' transactions
    """
    reports = [
        Reported(7 + number, f"0x{number}", number, "0xab", evidence, (), (), ())
        for number, evidence in enumerate(hashes)
    ]
    carried = carried or {}
    return Revealed(
        EvidencePlaces([FolderPlace(folder)]),
        reports,
        lambda names: [carried.get(name, b"") for name in names],
    )


def test_only_documents_that_were_reported_reveal_decisions(tmp_path):
    unreported = canonical({"vault": VAULT, "decisions": [{"time": 7}]})
    reported, claimed, missing = "0x" + keccak(GOOD).hex(), "0x" + "77" * 32, "0x" + "88" * 32
    (tmp_path / f"{reported}.json").write_bytes(GOOD)
    (tmp_path / f"{claimed}.json").write_bytes(unreported)
    (tmp_path / f"0x{keccak(unreported).hex()}.json").write_bytes(unreported)
    found = revealed(tmp_path, [reported, claimed, missing])
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


def test_a_document_that_is_not_canonical_is_none():
    """Two ways to write the same would let one hash say one thing and a reader see another."""
    assert read_document(GOOD.replace(b'":', b'": ')) == Document()
    twice = GOOD[:-1] + b',"vault":"0x00"}'
    assert read_document(twice) == Document()


# very much of anything


def tiny(count, first=0):
    """Return a document of very small records."""
    records = [{"n": number, "time": 1} for number in range(first, first + count)]
    return canonical({"vault": VAULT, "decisions": records})


def test_a_document_has_no_more_records_than_a_report_reveals():
    """Adversary's case: 161,000 records in 3.6 MiB took 10 s; each was hashed and kept."""
    assert len(read_document(tiny(10_000)).decisions) == 10_000
    assert read_document(tiny(10_001)) == Document()
    text = tiny(161_000)
    started = time.process_time()
    assert read_document(text) == Document()
    assert time.process_time() - started < 2


@pytest.mark.parametrize(("count", "there"), [(10_000, VAULT), (10_001, "")])
def test_a_document_withholds_no_more_than_that(count, there):
    withheld = {f"0x{number:064x}": 5 for number in range(count)}
    text = canonical({"vault": VAULT, "decisions": [], "withheld": withheld})
    assert read_document(text).vault == there


@pytest.mark.parametrize(("count", "there"), [(1_000, 1_000), (1_001, None)])
def test_a_record_with_too_many_legs_orders_nothing(count, there):
    """All are read again for each of its fills."""
    leg = {"vault_market": "0x05", "question": "?", "token": "7", "side": "BUY", "price": "0.5",
           "size": 10, "exchange": "0xee", "kind": "FAK"}  # fmt: skip
    text = canonical({"vault": VAULT, "decisions": [{"time": 1, "legs": [leg] * count}]})
    (decision,) = read_document(text).decisions.values()
    assert there == (None if decision.legs is None else len(decision.legs))


def test_names_of_any_length_are_cut():
    """Adversary's case: a vault's name of 8 MiB stood in each difference, whole."""
    long = "x" * 100_000
    leg = {"vault_market": long, "question": long, "token": "7", "side": "BUY", "price": "0.5",
           "size": 10, "exchange": long, "kind": "FAK"}  # fmt: skip
    record = {"time": 1, "legs": [leg], "vault": long}
    found = read_document(canonical({"vault": long, "decisions": [record]}))
    (decision,), cut = found.decisions.values(), "x" * 120
    assert (found.vault, decision.vault, found.names) == (cut, cut, {cut: cut})
    assert (decision.legs[0].market, decision.legs[0].exchange) == (cut, cut)


def written(folder, *texts):
    """Write documents; return their hashes."""
    names = ["0x" + keccak(text).hex() for text in texts]
    for name, text in zip(names, texts, strict=True):
        (folder / f"{name}.json").write_bytes(text)
    return names


def test_memory_does_not_grow_with_what_documents_reveal(tmp_path):
    """20 documents of 100 decisions: a line each, where each decision's id was kept."""
    names = written(tmp_path, *(tiny(100, 100 * number) for number in range(24)))
    revealed(tmp_path, names[:4])  # what is loaded once
    kept = []
    for count in (4, 24):
        tracemalloc.start()
        found = revealed(tmp_path, names[:count])
        gc.collect()
        kept.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert found.availability().decisions == 100 * count
    assert kept[1] - kept[0] < 20 * 2_000


def test_what_is_revealed_again_and_again_is_counted(tmp_path):
    texts = [canonical({"vault": VAULT, "n": n, "decisions": [{"time": k} for k in range(600)]})
             for n in range(3)]  # fmt: skip
    found = revealed(tmp_path, written(tmp_path, *texts))
    assert (len(found.twice), found.more_twice) == (1_000, 200)
    assert found.twice[-1][0] == 3


# records on chain


RECORDS = (canonical(RECORD), canonical({"time": 5}))
HASH = "0x" + keccak(GOOD).hex()


def test_records_come_back_however_they_are_wrapped():
    call = records_call(HASH, RECORDS)
    assert call.to == SINK and is_records(call)
    data = b"\x6a\x76\x12\x02" + bytes(100) + to_bytes(call.data) + bytes(65)
    assert records_in(data, HASH) == list(RECORDS)
    assert records_in(data, "0x" + "11" * 32) == [], "they are another report's"
    assert records_in(b"", HASH) == []


IN_FRONT = {
    "noise": [b"noise"], "nothing": [b""], "another list": [zlib.compress(b'[{"time":9}]')],
    "a list that never ends": [zlib.compress(b"[" * 2**20)] * 15, "very many": [b"x"] * 1_500,
}  # fmt: skip


@pytest.mark.parametrize("name", IN_FRONT)
def test_nobody_hides_records_by_what_he_puts_in_front_of_them(name):
    """A stranger may carry the Safe's signed report to the chain, inside a call of his own."""
    head, started = MARK + to_bytes(HASH), time.process_time()
    own = b"".join(head + len(each).to_bytes(4, "big") + each for each in IN_FRONT[name])
    found = records_in(own + to_bytes(records_call(HASH, RECORDS).data) + own, HASH)
    assert set(found) >= set(RECORDS) and len(found) <= len(RECORDS) + 1
    assert time.process_time() - started < 2


@pytest.mark.parametrize("found", [(True, False), (False, True), (False, False)])
def test_what_a_stranger_puts_into_a_transaction_reveals_nothing_twice(tmp_path, found):
    """Who carries a Safe's report to the chain may add records of an earlier one, or of a later."""
    texts = [canonical({"vault": VAULT, "n": n, "decisions": [RECORD]}) for n in range(2)]
    hashes = written(tmp_path, *texts)
    carried = {}
    for number, is_found in enumerate(found):
        if not is_found:
            (tmp_path / f"{hashes[number]}.json").unlink()
            call = records_call(hashes[number], [canonical(RECORD)])
            carried[f"0x{number}"] = to_bytes(call.data)
    told = revealed(tmp_path, hashes, carried)
    assert (told.twice, told.more_twice) == ([], 0)
    assert told.decision("0x" + IDENTITY.hex()).at == 1


def listed(plain):
    """A list of records as a transaction has it."""
    packed = zlib.compress(plain, 9)
    return MARK + to_bytes(HASH) + len(packed).to_bytes(4, "big") + packed


def test_what_all_records_of_a_transaction_cost_is_bounded():
    """As much as a document's, 16 MiB: of 100 lists of a megabyte each most are not read."""
    one = listed(b'[{"a":[' + b"0," * 500_000 + b"0]}]")

    def cost(lists):
        started = time.process_time()
        assert len(records_in(one * lists, HASH)) == 1
        return time.process_time() - started

    assert cost(100) < 40 * max(cost(1) for _ in range(3))


def faulty(places, room=980_000):
    """Places at which records may begin, each of which unpacks to a megabyte and ends in a fault:
    the first stored block of each has all places behind it, and leads to what they share."""
    head, packer = MARK + to_bytes(HASH) + MOST.to_bytes(4, "big"), zlib.compressobj(9, 8, -15)
    rest = packer.compress(bytes(room)) + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07"
    found, each = b"", len(head) + 7
    for number in range(places):
        skipped = (places - 1 - number) * each
        lengths = skipped.to_bytes(2, "little") + (skipped ^ 0xFFFF).to_bytes(2, "little")
        found += head + b"\x78\x9c\x00" + lengths
    return found + rest


COSTLY = {
    "lists of lists": b"".join(
        listed(b"[[%d%s]]" % (number, b",[]" * 349_000)) for number in range(16)),
    "objects": b"".join(
        listed(b'[[%d%s]]' % (number, b',{"a":0}' * 130_000)) for number in range(16)),
    "faults after a megabyte": faulty(290) * 5,
    "places without anything": (MARK + to_bytes(HASH) + MOST.to_bytes(4, "big")) * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("name", COSTLY)
def test_records_cost_no_more_than_their_document_may(name):
    """Two seconds; some 20 kB of a transaction took 9 and 14."""
    started = time.process_time()
    read_records(records_in(COSTLY[name], HASH))
    assert time.process_time() - started < 2


def test_what_is_not_parsed_hides_no_records_behind_it():
    costly = COSTLY["lists of lists"][: 10 * len(listed(b"[[1%s]]" % (b",[]" * 349_000)))]
    assert records_in(costly + listed(b"[%s]" % RECORDS[0]), HASH) == [RECORDS[0]]


def test_records_that_are_too_large_stay_away():
    noise = [canonical({"x": keccak(bytes([n % 256, n // 256])).hex()}) for n in range(2_000)]
    assert records_call(HASH, noise) is None
    assert len(to_bytes(records_call(HASH, noise[:300]).data)) <= MOST


@pytest.mark.parametrize("packed", [
    b"", b"x" * 100, zlib.compress(b"{}"), zlib.compress(b"[ 1]"), zlib.compress(b"[1,"),
    zlib.compress(b"[" * 2**20), zlib.compress(bytes(2**26)), zlib.compress(b"[]")[:-3] + b"abc",
])  # fmt: skip
def test_a_hostile_reporter_writes_no_records(packed):
    started = time.process_time()
    data = MARK + to_bytes(HASH) + len(packed).to_bytes(4, "big") + packed
    assert records_in(data, HASH) == []
    assert records_in(MARK + to_bytes(HASH) + b"\xff" * 4 + packed, HASH) == []
    assert time.process_time() - started < 1


def test_what_a_document_would_reveal_its_transaction_may(tmp_path):
    """Where the document is found, it alone counts: a record beside it is not its own."""
    carried = {"0x0": to_bytes(records_call(HASH, RECORDS).data)}
    known, other = "0x" + IDENTITY.hex(), "0x" + keccak(RECORDS[1]).hex()
    found = revealed(tmp_path, [HASH], carried)
    assert found.decision(known) == replace(KNOWN, at=1)
    assert found.decision(other) == RevealedDecision(5, False, 1, None)
    (line,) = found.availability().reports
    assert line == ReportAvailability(1, 7, HASH, (), (), decisions=2, on_chain=2)
    (tmp_path / f"{HASH}.json").write_bytes(GOOD)
    found = revealed(tmp_path, [HASH], carried)
    assert found.decision(known) == replace(KNOWN, at=1) and found.decision(other) is None
    state = found.availability()
    (line,) = state.reports
    assert (line.public, line.private) == ((), (str(tmp_path),))
    assert (line.decisions, line.on_chain, line.public_decisions) == (1, 1, 1)
    assert (state.public_reports, state.decisions, state.public_decisions) == (0, 1, 1)
