"""Marks and evidence."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from strongroom.analysis.pools import Pool
from strongroom.chain.orders import YES
from strongroom.chain.rpc import Position
from strongroom.chain.units import MICRO, cost_micro, format_units
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level
from strongroom.journal.rows import Unrevealed
from strongroom.reporting.evidence import (
    Basis,
    evidence_document,
    evidence_hash,
    store_evidence,
)
from strongroom.reporting.maker_payments import MakerPayment, PayerKind
from strongroom.reporting.marks import (
    UNKNOWN,
    Mark,
    Method,
    quote_from_books,
    quote_from_pool,
    within_event,
)
from strongroom.reporting.nav import nav_of, value_of
from strongroom.reporting.report import due_records
from strongroom.strategy.record import Grounds

from tests.defaults import WAD
from tests.records import RECORD

ID, CONDITION = "0x" + "05" * 32, "0x" + "06" * 32


METHOD = Method(reference_size=100 * MICRO, stale_s=900, haircut_bps=500)


def book(bids=(), asks=(), seen_at=0):
    """Levels as (cents, tokens)."""
    sides = (
        tuple(Level(cents * 10_000, tokens * MICRO) for cents, tokens in side)
        for side in (bids, asks)
    )
    return Book(*sides, seen_at)


def quote(yes, no, now=0, held=0):
    return quote_from_books((yes, no), held, now, METHOD)


def test_marks_are_the_depth_at_the_reference_size():
    """100 tokens: 60 at 40 and 40 at 30 bring .36; 50 at 45 and 50 at 55 cost .50."""
    yes = book([(40, 60), (30, 80)], [(45, 50), (55, 200)])
    assert quote(yes, None) == (36 * 10**16, 50 * 10**16)


def test_a_mark_is_of_all_that_is_held():
    """K2: 10,000 tokens; bids 100 at .90, 100 at .50, 100 at .10: they bring 150, not 9,000."""
    yes = book([(90, 100), (50, 100), (10, 100)], [(95, 100)])
    assert quote(yes, None, held=100 * MICRO)[0] == WAD * 90 // 100
    bid, ask = quote(yes, None, held=10_000 * MICRO)
    assert bid == WAD * 150 // 10_000
    assert 10_000 * bid == 150 * WAD
    # buying as many costs 95 for the first hundred, and 1 for each of the rest
    assert ask == WAD * (95 + 9_900) // 10_000


def test_both_books_bound_a_mark_and_the_better_one_counts():
    """Selling YES at .36 or buying NO at .60 and merging, .40; buying YES at .50, or selling NO
    at .48, .52."""
    yes = book([(40, 60), (30, 80)], [(45, 50), (55, 200)])
    assert quote(yes, book([(48, 100)], [(60, 100)])) == (40 * 10**16, 50 * 10**16)
    assert quote(yes, book([(55, 100)], [(70, 100)])) == (36 * 10**16, 45 * 10**16)
    assert quote(None, book([(55, 100)], [(70, 100)])) == (30 * 10**16, 45 * 10**16)


def test_missing_quotes_widen_the_spread_and_never_make_value_up():
    assert quote(None, None) == quote(book(), book()) == (0, WAD)
    # 30 of 100 find a bid of 40: .12; 30 an ask of 50, the rest costs 1: .85
    assert quote(book([(40, 30)], [(50, 30)]), None) == (12 * 10**16, 85 * 10**16)


def test_a_stale_book_is_cut_hour_by_hour():
    yes = book([(40, 100)], [(60, 100)])
    fresh, first, second = (quote(yes, None, now) for now in (900, 901, 901 + 3_600))
    assert fresh == (40 * 10**16, 60 * 10**16)
    assert first == (38 * 10**16, 62 * 10**16)
    assert second == (36 * 10**16, 64 * 10**16)
    assert quote(yes, None, 900 + 20 * 3_600) == (0, WAD)


def test_books_that_contradict_each_other_widen_the_spread():
    """YES is bid at .55, and NO at .48, which offers YES at .52."""
    crossed = quote(book([(55, 100)], [(56, 100)]), book([(48, 100)], [(49, 100)]))
    assert crossed == (52 * 10**16, 55 * 10**16)


def test_a_pools_mark_is_what_the_position_brings():
    """1,000 of each, no fee. 500 YES bring (2,500 - 4,250,000 ** .5) / 2 = 219.22, as many cost
    (4,250,000 ** .5 - 1,500) / 2 = 280.77. NO is quoted the other way round, and one token stands
    for what is not held."""
    pool = Pool((1_000 * MICRO, 1_000 * MICRO), 0)
    brings, costs = pool.proceeds(500 * MICRO, YES), pool.cost(500 * MICRO, YES)
    assert (brings // MICRO, costs // MICRO) == (219, 280)
    bid, ask = brings * WAD // (500 * MICRO), -(-costs * WAD // (500 * MICRO))
    assert quote_from_pool(pool, 500 * MICRO, 0) == (bid, ask)
    assert quote_from_pool(pool, 700 * MICRO, 200 * MICRO) == (bid, ask)  # complete sets apart
    assert quote_from_pool(pool, 0, 500 * MICRO) == (WAD - ask, WAD - bid)
    low, high = quote_from_pool(pool, 0, 0)
    assert WAD * 499 // 1_000 < low < WAD // 2 < high < WAD * 501 // 1_000


def test_bids_of_an_events_outcomes_never_exceed_one():
    sixty, thirty = 60 * 10**16, 30 * 10**16
    assert within_event([sixty, thirty], 0) == [sixty, thirty]
    assert within_event([sixty, sixty], 0) == [WAD // 2, WAD // 2]
    # a payout of .4 leaves room for .6
    assert within_event([sixty, thirty], 4 * 10**17) == [40 * 10**16, 20 * 10**16]
    assert within_event([sixty, thirty], WAD) == [0, 0]


@given(
    *([st.lists(st.tuples(st.integers(1, 99), st.integers(1, 500)), max_size=4)] * 4),
    st.integers(0, 10**6),
)
def test_marks_always_keep_the_contracts_bounds(yes_bids, yes_asks, no_bids, no_asks, now):
    sides = [sorted(side, reverse=number % 2 == 0) for number, side in
             enumerate((yes_bids, yes_asks, no_bids, no_asks))]  # fmt: skip
    bid, ask = quote(book(*sides[:2]), book(*sides[2:]), now)
    assert 0 <= bid <= ask <= WAD


def test_an_accounts_value_is_written_out_by_hand():
    """7 free; 10 YES and 4 NO at .5/.6: 4 sets, 6 YES; 1 YES and 6 NO at .7/.8: 1 set, 5 NO at
    .2/.3."""
    assert value_of(7, [Position(10, 4, 0, 0, 0)], [(5 * WAD // 10, 6 * WAD // 10)]) == (
        7 + 4 + 3, 7 + 4 + 4,
    )  # fmt: skip
    assert value_of(0, [Position(1, 6, 0, 0, 0)], [(7 * WAD // 10, 8 * WAD // 10)]) == (
        1 + 1, 1 + 2,
    )  # fmt: skip


def test_an_events_value_is_written_out_by_hand():
    """A payout of 1:3 on 8 YES and 5 NO: 2 and 3. The bids of the others may sum to 3/4: .5 does,
    .8 does not, and then counts 0; NO is worth 1 at the ask."""
    paid, held = Position(8, 5, 1, 3, 4), Position(10, 0, 0, 0, 0)
    assert value_of(0, [held, paid], [(WAD // 2, WAD), UNKNOWN]) == (5 + 5, 10 + 5)
    assert value_of(0, [held, paid], [(8 * WAD // 10, WAD), UNKNOWN]) == (0 + 5, 10 + 5)
    short = Position(0, 10, 0, 0, 0)
    assert value_of(0, [short, paid], [(8 * WAD // 10, 9 * WAD // 10), UNKNOWN]) == (1 + 5, 10 + 5)


def test_nav_counts_nothing_above_cost_at_the_bid_and_all_cost_at_the_ask():
    """Costs 10 and 20, worth 12 to 15 and 5 to 8: bid 10 + 5; ask the costs, 30, above 23."""
    assert nav_of(100, [(12, 15), (5, 8)], [10, 20]) == (115, 130)
    assert nav_of(100, [(12, 35), (5, 8)], [10, 20]) == (115, 143)


def test_evidence_is_canonical_and_stored_under_its_hash(tmp_path):
    document = evidence_document(
        "0xvault",
        123,
        [Mark(ID, 3, CONDITION, 1, 2)],
        [Basis(CONDITION, resolved=True)],
        [RECORD],
        "é",
        "strongroom",
        [MakerPayment(PayerKind.REBATE, "0xaccount", "0xwallet", "0xpayer", 7, 5, "0xhash")],
    )
    assert (
        document
        == json.dumps(
            json.loads(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
    )
    (mark,) = json.loads(document)["marks"]
    assert mark == {"market": ID, "place": 3, "condition": CONDITION, "bid": "1", "ask": "2"}
    (line,) = json.loads(document)["income"]
    assert (line["kind"], line["receiver"], line["amount"]) == ("rebate", "0xwallet", "7")
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


@pytest.mark.parametrize(
    ("decimals", "text"), [(0, "-1,234,567"), (2, "-12,345.67"), (12, "-0.000001")]
)
def test_amounts_of_other_assets_read_well(decimals, text):
    assert format_units(-1_234_567, 6, decimals) == text


def test_a_report_reveals_no_more_records_than_the_audit_reads_of_a_document():
    """10,000 at most, the oldest first; the others come with the next report. Of these records
    5,714 have half of a document's 400,000 names, 35 each."""
    private = replace(RECORD, grounds=Grounds("0x" + "01" * 32, "0x" + "02" * 32, 10**9))
    waiting = [
        Unrevealed(f"{number:05}", record, True, False)
        for number in range(10_002)
        for record in (RECORD, private)
    ]
    due, withheld = due_records(waiting, 1_000)
    assert (len(due), due[0].id, due[-1].id) == (5_714, "00000", "05713")
    assert (len(withheld), withheld[0].id, withheld[-1].id) == (10_000, "00000", "09999")
