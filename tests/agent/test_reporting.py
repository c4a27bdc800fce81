"""Marks and evidence."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from strongroom.chain.rpc import Position
from strongroom.chain.units import MICRO, cost_micro, format_units
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level
from strongroom.reporting.evidence import (
    Basis,
    evidence_document,
    evidence_hash,
    store_evidence,
)
from strongroom.reporting.marks import Mark, Method, mark_from_books, resolved_mark, within_event
from strongroom.reporting.nav import value_of

from tests.defaults import WAD
from tests.records import RECORD

ID = "0x" + "05" * 32


METHOD = Method(reference_size=100 * MICRO, stale_s=900, haircut_bps=500)


def book(bids=(), asks=(), seen_at=0):
    """Levels as (cents, tokens)."""
    sides = (
        tuple(Level(cents * 10_000, tokens * MICRO) for cents, tokens in side)
        for side in (bids, asks)
    )
    return Book(*sides, seen_at)


def marks(yes, no, now=0):
    return mark_from_books(ID, (yes, no), now, METHOD)


def test_marks_are_the_depth_at_the_reference_size():
    """100 tokens: 60 at 40 and 40 at 30 bring .36; 50 at 45 and 50 at 55 cost .50."""
    yes = book([(40, 60), (30, 80)], [(45, 50), (55, 200)])
    no = book([(55, 100)], [(60, 100)])
    mark = marks(yes, no)
    assert mark.as_tuple() == (ID, 36 * 10**16, 50 * 10**16, 55 * 10**16, 60 * 10**16)


def test_missing_quotes_widen_the_spread_and_never_make_value_up():
    assert marks(None, None) == Mark(ID, 0, WAD, 0, WAD)
    assert marks(book(), book()) == Mark(ID, 0, WAD, 0, WAD)
    # 30 of 100 find a bid of 40: .12; 30 an ask of 50, the rest costs 1: .85
    thin = marks(book([(40, 30)], [(50, 30)]), None)
    assert (thin.bid_yes, thin.ask_yes) == (12 * 10**16, 85 * 10**16)


def test_a_stale_book_is_cut_hour_by_hour():
    yes = book([(40, 100)], [(60, 100)])
    fresh, first, second = (marks(yes, None, now) for now in (900, 901, 901 + 3_600))
    assert (fresh.bid_yes, fresh.ask_yes) == (40 * 10**16, 60 * 10**16)
    assert (first.bid_yes, first.ask_yes) == (38 * 10**16, 62 * 10**16)
    assert (second.bid_yes, second.ask_yes) == (36 * 10**16, 64 * 10**16)
    late = marks(yes, None, 900 + 20 * 3_600)
    assert (late.bid_yes, late.ask_yes) == (0, WAD)


def test_bids_of_both_outcomes_never_exceed_one():
    mark = marks(book([(55, 100)], [(56, 100)]), book([(48, 100)], [(49, 100)]))
    assert mark.bid_yes + mark.bid_no == WAD
    assert (mark.bid_yes, mark.bid_no) == (535 * 10**15, 465 * 10**15)


def test_bids_of_an_events_outcomes_never_exceed_one():
    one = Mark(ID, 60 * 10**16, WAD, 0, WAD)
    two = replace(one, bid_yes=30 * 10**16)
    assert within_event([one, two]) == [one, two]
    cut = within_event([one, replace(two, bid_yes=60 * 10**16)])
    assert [mark.bid_yes for mark in cut] == [WAD // 2, WAD // 2]


@given(
    *([st.lists(st.tuples(st.integers(1, 99), st.integers(1, 500)), max_size=4)] * 4),
    st.integers(0, 10**6),
)
def test_marks_always_keep_the_contracts_bounds(yes_bids, yes_asks, no_bids, no_asks, now):
    sides = [sorted(side, reverse=number % 2 == 0) for number, side in
             enumerate((yes_bids, yes_asks, no_bids, no_asks))]  # fmt: skip
    mark = marks(book(*sides[:2]), book(*sides[2:]), now)
    assert 0 <= mark.bid_yes <= mark.ask_yes <= WAD
    assert 0 <= mark.bid_no <= mark.ask_no <= WAD
    assert mark.bid_yes + mark.bid_no <= WAD


def test_an_accounts_value_is_written_out_by_hand():
    """7 free; 10 YES and 4 NO at .5/.6 and .3/.4: 4 sets, 6 YES; a payout of 1:3 on 8 YES."""
    held = [Position(10, 4, 0, 0, 0), Position(8, 5, 1, 3, 4)]
    marks = [Mark(ID, WAD // 2, 6 * WAD // 10, 3 * WAD // 10, 4 * WAD // 10), resolved_mark(ID)]
    # the payout: 8 / 4 = 2, 5 * 3 / 4 = 3
    assert value_of(7, held, marks) == (7 + 4 + 3 + 5, 7 + 4 + 4 + 5)


def test_evidence_is_canonical_and_stored_under_its_hash(tmp_path):
    document = evidence_document(
        "0xvault",
        123,
        [Mark(ID, 1, 2, 3, 4)],
        [Basis(ID, resolved=True)],
        [RECORD],
        "é",
        "strongroom",
    )
    assert (
        document
        == json.dumps(
            json.loads(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    )
    path = store_evidence(tmp_path, document)
    assert path.name == f"0x{keccak(document).hex()}.json"
    assert evidence_hash(path.read_bytes()) == path.stem
    assert store_evidence(tmp_path, document) == path
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_rounding_at_the_border():
    assert cost_micro(Decimal("0.978"), 10_000) == 9_780
    with pytest.raises(BadInput, match="fraction"):
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
