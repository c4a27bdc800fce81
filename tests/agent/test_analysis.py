"""Screening and tail opportunities on markets made by hand and on the recorded page."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from strongroom.analysis.screen import Criteria, screen
from strongroom.analysis.tail import TailRecord, find_tails, wilson_lower
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level, quoted
from strongroom.information.gamma import FeeSchedule, load_recorded

from tests.agent.market_record import MARKET, NOW


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"closed": True}, "closed"),
        ({"negative_risk": True}, "negative_risk"),
        ({"best_bid": None}, "one_sided"),
        ({"best_bid": Decimal(0)}, "empty_book"),
        ({"best_ask": Decimal(1)}, "empty_book"),
        ({"best_ask": Decimal("0.02")}, "empty_book"),
        ({"resolution_statuses": ("proposed",)}, "in_resolution"),
        ({"end": None}, "no_end"),
        ({"end": NOW}, "ended"),
        ({"end": NOW + timedelta(days=22)}, "too_long"),
        ({"best_ask": Decimal("0.0501")}, "wide"),
        ({"liquidity": Decimal(999)}, "thin"),
        ({"accepting": False}, "closed"),
        ({"question": "Will he tweet about it?"}, "insider"),
        ({"category": "gossip"}, "category"),
        ({"rules": "see above"}, "unclear"),
        ({"volume": Decimal(9)}, "unused"),
    ],
)
def test_each_rule_rejects_for_its_own_reason(change, code):
    strict = Criteria(
        min_rules=12, min_volume=Decimal(10), refused_categories=frozenset({"gossip"})
    )
    screened = screen([replace(MARKET, **change), MARKET], strict, NOW)
    assert screened.accepted == (MARKET,)
    (rejection,) = screened.rejections
    assert rejection.code == code
    assert rejection.why, "every rejection says why, with the numbers"


def test_every_market_of_the_page_passes_or_has_a_reason():
    markets, _ = load_recorded(
        Path("agent/strongroom/devnet/data/gamma_markets_mixed_2026-01.json.gz")
    )
    screened = screen(markets, Criteria(), NOW)
    assert len(screened.accepted) + len(screened.rejections) == len(markets)
    assert [each.code for each in screened.rejections].count("closed") == 253
    assert not any(market.negative_risk for market in screened.accepted)


def test_wilson_bound_against_its_published_values():
    # 81 of 263 at 95 %: 0.2553 (Newcombe 1998, table I, method 3); 0 of 20: 0; 29 of 29: 0.8830
    assert wilson_lower(81, 263, 1.96) == pytest.approx(0.2553, abs=5e-5)
    assert wilson_lower(0, 20, 1.96) == pytest.approx(0.0, abs=1e-12)
    assert wilson_lower(29, 29, 1.96) == pytest.approx(0.8830, abs=5e-5)
    with pytest.raises(BadInput, match="no record"):
        wilson_lower(2, 1, 1.0)


def tails(markets, record):
    """The opportunities at the markets' own quotes, 100 tokens each."""
    books = {}
    for market in markets:
        pair = quoted(market.best_bid, market.best_ask, 100 * MICRO)
        books |= dict(zip(market.token_ids, pair, strict=True))
    return find_tails(markets, books, record, NOW)


def test_favourite_is_found_on_its_side_with_a_bounded_edge():
    (found,) = tails([MARKET], TailRecord(wins=832, total=840, void=0.002))
    assert (found.outcome, found.price, found.size) == (NO, 980_000, 100 * MICRO)
    # .998 * .98318 + .001 - .98
    assert found.edge == pytest.approx(0.998 * 0.983177 + 0.001 - 0.98, abs=1e-6)
    mirrored = replace(MARKET, best_bid=Decimal("0.97"), best_ask=Decimal("0.98"))
    assert tails([mirrored], TailRecord())[0].outcome == YES


@pytest.mark.parametrize(
    "change",
    [
        {"best_bid": Decimal("0.01")},  # .99: outside the record's prices
        {"best_bid": Decimal("0.051")},  # .949: likewise
        {"end": NOW + timedelta(hours=97)},
        {"end": NOW + timedelta(hours=2)},
        {"best_bid": Decimal("0.0165")},  # .9835: dearer than the bounded chance
        {"fees": FeeSchedule(rate=Decimal("0.2"))},  # the fee eats the edge
    ],
)
def test_no_edge_no_opportunity(change):
    assert tails([replace(MARKET, **change)], TailRecord()) == []


def test_opportunities_come_best_first():
    prices = [Decimal(price) for price in ("0.03", "0.045", "0.02")]
    markets = [
        replace(
            MARKET,
            best_bid=price,
            condition_id="0x" + f"{i:02x}" * 32,
            token_ids=(2 * i, 2 * i + 1),
        )
        for i, price in enumerate(prices)
    ]
    found = tails(markets, TailRecord())
    assert [o.price for o in found] == [955_000, 970_000, 980_000]


def test_a_tail_takes_the_levels_that_still_have_an_edge():
    asks = (
        Level(960_000, 10 * MICRO),
        Level(975_000, 20 * MICRO),
        Level(981_000, 40 * MICRO),
        Level(985_000, 80 * MICRO),  # dearer than the bounded chance, .98318
    )
    (found,) = find_tails([MARKET], {2: Book(asks=asks)}, TailRecord(void=0), NOW)
    assert (found.price, found.size) == (981_000, 70 * MICRO)
    assert found.edge == pytest.approx(0.983177 - 0.981, abs=1e-6)


def test_locked_up_capital_costs_the_carry():
    """Two days and two hours at 10 % a year on .98: .98 * .1 * 50 / 8766 hours."""
    (plain,) = tails([MARKET], TailRecord(void=0))
    (dear,) = tails([MARKET], TailRecord(void=0, carry=0.1))
    assert plain.edge - dear.edge == pytest.approx(0.98 * 0.1 * 50 / 8_765.82, rel=1e-4)
