"""What an evidence document may hold: counted before it is parsed, by no more than a pass each."""

import itertools
import json
from dataclasses import astuple, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strongroom.audit import documents
from strongroom.audit.documents import Document, read_document
from strongroom.chain.document_size import MOST_OF_DOCUMENT, DocumentSize, size_of
from strongroom.chain.ids import canonical
from strongroom.information.books import Book, Level
from strongroom.journal.rows import Unrevealed
from strongroom.reporting.evidence import Basis, evidence_document
from strongroom.reporting.marks import Mark
from strongroom.reporting.report import due_records
from strongroom.strategy.record import SizingNote, encode

from tests.records import RECORD

VAULT = "0x" + "ab" * 20
HEAD = b'{"decisions":[],"vault":"' + VAULT.encode() + b'","x":['
PARTS, NAMES, VALUES = 450_000, 400_000, 1_000_000

TEXTS = st.text(st.characters(blacklist_categories=("Cs",)), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=40
)


def there(value):
    """Count by walking: lists and objects, names, values besides the first of each."""
    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return (0, 0, 0)
    own = (1, len(value) if isinstance(value, dict) else 0, max(0, len(inner) - 1))
    return tuple(map(sum, zip(own, *map(there, inner), strict=True)))


@given(DOCUMENTS)
def test_nothing_holds_more_than_its_marks_say(value):
    counted = size_of(canonical(value))
    assert counted.size == len(canonical(value))
    found = there(value)
    assert all(one >= two for one, two in zip(astuple(counted)[1:], found, strict=True))


def test_marks_are_counted_as_they_stand():
    """By hand: a document of two lists and an object, with a comma inside of a text."""
    assert size_of(b'[{"a":[1,2],"b,":3}]') == DocumentSize(20, 3, 2, 3)


def filled(item, count):
    """Return a document with so many of the same."""
    return HEAD + b",".join([item] * count) + b"]}"


# Worst shapes of 16 MiB, seconds of CPU before there were bounds: what they are made of, and of
# what they have most. All of these were read.
WORST = {
    "lists in lists, 9.8 s": (b"[" * 190 + b"]" * 190, 190, PARTS),
    "objects in objects, 7.5 s": (b'{"":' * 190 + b"1" + b"}" * 190, 190, NAMES),
    "pairs of lists, 6.7 s": (b"[[]]", 2, PARTS),
    "lists, 3.2 s": (b"[]", 1, PARTS),
    "numbers, 1.7 s": (b"1.5", 1, VALUES),
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_shapes_are_read_up_to_the_bound_and_never_parsed_beyond(name, monkeypatch):
    item, each, most = WORST[name]
    assert read_document(filled(item, (most - 10) // each)).vault == VAULT
    monkeypatch.setattr(documents, "read_json", lambda text: pytest.fail("it is parsed"))
    assert read_document(filled(item, most // each + 1)) == Document()


def test_many_names_are_read_up_to_the_bound_and_never_parsed_beyond(monkeypatch):
    """1,700,000 names took 4.6 s: each is a text of its own, and they are sorted."""
    head = HEAD[:-1] + b"{"

    def named(count):
        return head + b",".join(b'"%07d":1' % n for n in range(count)) + b"}}"

    assert read_document(named(NAMES - 10)).vault == VAULT
    monkeypatch.setattr(documents, "read_json", lambda text: pytest.fail("it is parsed"))
    assert read_document(named(NAMES + 1)) == Document()


@pytest.mark.parametrize("field", ["vault_market", "question"])
@pytest.mark.parametrize("value", [[1.5] * 80, [[[]]], {"a": 1}])
def test_a_list_is_no_name(field, value):
    """Each was written out whole before it was cut: 2.6 s of 16 MiB."""
    leg = {"vault_market": "0x05", "question": "?"} | {field: value}
    text = canonical({"vault": VAULT, "decisions": [{"time": 1, "legs": [leg]}]})
    assert read_document(text) == Document()


def test_a_list_is_no_token():
    leg = {"vault_market": "0x05", "question": "?", "token": ["7"], "side": "BUY", "price": "0.5",
           "size": 10, "exchange": "0xee", "kind": "FAK"}  # fmt: skip
    text = canonical({"vault": VAULT, "decisions": [{"time": 1, "legs": [leg]}]})
    (decision,) = read_document(text).decisions.values()
    assert decision.legs is None


# honest documents

LIMITS = {f"limit of {n}": 10**28 for n in range(14)}
LARGE = replace(RECORD, sizing=SizingNote("tiers", "tier low", LIMITS), evidence=("record",))


def honest(conditions, levels, decisions):
    """Return a reporter's document."""
    side = tuple(Level(1_000 * n, 10**9 + n) for n in range(1, levels // 2 + 1))
    book = Book(side, side, 1_700_000_000)
    ids = ["0x" + f"{n:064x}" for n in range(conditions)]
    return evidence_document(
        VAULT, 1_700_000_000, [Mark(each, 0, each, 10**17, 10**18) for each in ids],
        [Basis(each, books=(book, book)) for each in ids], [LARGE] * decisions, "somewhere", "0.7",
    )  # fmt: skip


def test_a_document_holds_ten_times_what_the_largest_honest_one_does():
    """192 conditions are all that a vault can have open (contracts/modules/nav.vy)."""
    text = honest(192, 100, 300)
    found = json.loads(text)
    assert (len(found["quotes"]), len(found["quotes"][0]["books"][0]["bids"])) == (192, 50)
    ten = sum([size_of(text)] * 10, DocumentSize())
    assert ten.is_within(MOST_OF_DOCUMENT), ten
    assert read_document(text).vault == VAULT.lower()


def test_a_report_reveals_what_its_document_has_room_for():
    """Records as they are: 9,000 of them were written into a document that nobody could read."""
    waiting = [Unrevealed(f"{n:05}", LARGE, True, False) for n in range(9_000)]
    due, _ = due_records(waiting, 1_000)
    parts, names, values = there(json.loads(encode(LARGE)))
    room = min(8 * 2**20 // len(encode(LARGE)), *(
        most // 2 // each for most, each in
        zip((PARTS, NAMES, VALUES), (parts, names, values), strict=True)
    ))  # fmt: skip
    assert room < 9_000 and [each.id for each in due] == [f"{n:05}" for n in range(room)]
    text = evidence_document(
        VAULT, 1_700_000_000, [], [], [each.record for each in due], "somewhere", "0.7"
    )
    assert read_document(text).vault == VAULT


def test_a_record_that_fills_a_document_is_revealed_alone():
    long = replace(LARGE, question=":" * NAMES)
    waiting = [Unrevealed(f"{n}", record, True, False) for n, record in enumerate((long, LARGE))]
    due, _ = due_records(waiting, 1_000)
    assert [each.id for each in due] == ["0"]
    due, _ = due_records(list(itertools.chain(waiting[1:], waiting[:1])), 1_000)
    assert [each.id for each in due] == ["1"]
