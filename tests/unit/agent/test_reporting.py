"""Marks and evidence."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from eth_utils import keccak

from agent.reporting.evidence import evidence_document, evidence_hash, store_evidence
from agent.reporting.marks import Mark, mark_from_quotes
from agent.units import cost_micro, format_units, wad_down, wad_up
from tests.unit.agent.test_analysis import MARKET

ID = b"\5" * 32
WAD = 10**18


def test_marks_mirror_the_quotes():
    mark = mark_from_quotes(ID, MARKET)
    assert mark.as_tuple() == (ID, 2 * 10**16, 3 * 10**16, 97 * 10**16, 98 * 10**16)


def test_missing_quotes_widen_the_spread_and_never_make_value_up():
    assert mark_from_quotes(ID, None) == Mark(ID, 0, WAD, 0, WAD)
    no_bid = mark_from_quotes(ID, replace(MARKET, best_bid=None))
    assert (no_bid.bid_yes, no_bid.ask_no) == (0, WAD)
    no_ask = mark_from_quotes(ID, replace(MARKET, best_ask=None))
    assert (no_ask.ask_yes, no_ask.bid_no) == (WAD, 0)


def test_evidence_is_canonical_and_stored_under_its_hash(tmp_path):
    document = evidence_document(
        "0xvault", 123, [Mark(ID, 1, 2, 3, 4)], [{"q": "é"}], [], "page", "probity"
    )
    assert (
        document
        == json.dumps(
            json.loads(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    )
    path = store_evidence(tmp_path, document)
    assert path.name == f"0x{keccak(document).hex()}.json"
    assert evidence_hash(path.read_bytes()) == keccak(document)
    assert store_evidence(tmp_path, document) == path
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_rounding_at_the_border():
    price = Decimal(1) / 3
    assert wad_up(price) - wad_down(price) == 1
    assert cost_micro(Decimal("0.978"), 10_000) == 9_780
    with pytest.raises(ValueError, match="fraction"):
        cost_micro(Decimal("0.978"), 1)


@pytest.mark.parametrize(
    ("amount", "digits", "text"),
    [
        (1_234_500_000, 6, "1,234.500000"),
        (-1, 6, "-0.000001"),
        (20_000_000_000, 2, "20,000.00"),
        (0, 6, "0.000000"),
    ],
)
def test_amounts_read_well(amount, digits, text):
    assert format_units(amount, digits) == text
