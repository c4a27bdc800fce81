"""The scanner: its filter misses nothing, its findings are certified, false arbitrage stays out."""

import json
from gzip import decompress
from pathlib import Path

import numpy as np
import pytest
from strongroom.analysis.scan import (
    ASK,
    BID,
    NO,
    YES,
    BookTable,
    NegativeRiskEvent,
    binary_candidates,
    event_bundle,
    event_candidates,
    judge,
    scan,
)

from tests.defaults import UNIT
from tests.seeds import dice

OPEN_PAGE = Path("agent/strongroom/devnet/data/gamma_markets_open_2026-02-13.json.gz")


def make_books(quotes, rate=0.0):
    """Books of one level from (ask_yes, ask_no, bid_yes, bid_no) in cents; None: no quote."""
    prices = np.zeros((len(quotes), 2, 2, 1), dtype=np.int64)
    for i, (ask_yes, ask_no, bid_yes, bid_no) in enumerate(quotes):
        for outcome, side, cents in (
            (YES, ASK, ask_yes),
            (NO, ASK, ask_no),
            (YES, BID, bid_yes),
            (NO, BID, bid_no),
        ):
            prices[i, outcome, side, 0] = round((cents or 0) * 10_000)
    count = len(quotes)
    return BookTable(
        [f"m{i}" for i in range(count)],
        prices,
        np.where(prices > 0, 100 * UNIT, 0),
        np.full(count, rate),
        np.ones(count, dtype=np.int64),
    )


def test_binary_candidates_by_hand():
    quotes = [
        (50, 51, 49, 50),  # neither
        (47, 52, 46, 51),  # a set costs .99
        (55, 55, 52, 49),  # a set brings 1.01
        (47, None, 46, None),  # one side only
        (50, 50, 50, 50),  # exactly 1
    ]
    assert list(binary_candidates(make_books(quotes))) == [1, 2]
    # the fee of .05 * .25 on each side eats a cent and more
    assert list(binary_candidates(make_books(quotes, rate=0.05))) == []


def test_findings_are_certified_and_sorted():
    found = scan(make_books([(47, 52, 46, 51), (55, 55, 52, 49), (40, 50, 39, 49)]))
    assert [(each.name, each.certificate.profit) for each in found] == [
        ("m2", 10 * UNIT),
        ("m0", UNIT),
        ("m1", UNIT),
    ]
    # minimum above what is there: nothing
    assert scan(make_books([(47, 52, 46, 51)]), min_size=101 * UNIT) == []


def test_event_candidates_by_hand():
    sets = make_books([(30, 72, 28, 60), (30, 72, 28, 60), (35, 68, 33, 55)])
    three = (0, 1, 2)
    assert event_candidates(sets, [NegativeRiskEvent("open", three)]) == []
    complete = NegativeRiskEvent("complete", three, "chain counts 3, not augmented")
    assert event_candidates(sets, [complete]) == [complete]
    (finding,) = scan(sets, [complete])
    assert finding.certificate.profit == 5 * UNIT
    # the same by splitting: NOs sold at .70, .70, .65 leave the YES set for .95
    split = make_books([(40, 72, 28, 70), (40, 72, 28, 70), (40, 68, 33, 65)])
    (finding,) = scan(split, [complete])
    assert finding.certificate.profit == 5 * UNIT
    # NOs at .60, .65, .70 pay two: no proof needed
    no_set = make_books([(45, 60, 30, 55), (40, 65, 30, 60), (35, 70, 25, 65)])
    (finding,) = scan(no_set, [NegativeRiskEvent("nos", three)])
    assert finding.certificate.profit == 5 * UNIT
    # NO at .70 converts into YES sold at .30 + .25 + .20
    convert = make_books([(40, 70, 10, 60), (35, 80, 30, 60), (30, 85, 25, 70), (25, 90, 20, 75)])
    (finding,) = scan(convert, [NegativeRiskEvent("convert", (0, 1, 2, 3))])
    assert finding.certificate.profit >= 5 * UNIT


@pytest.mark.parametrize("proof", ["", "proven"])
def test_the_filter_misses_nothing_that_the_solver_finds(proof):
    chance, found = dice("filter", proof), 0
    for _ in range(150):
        count = chance.randint(3, 6)
        quotes = []
        for _ in range(count):
            bid = chance.randint(2, 130 // count)
            ask = bid + chance.randint(1, 6)
            slip = chance.randint(-2, 3)
            quotes.append((ask, 100 - bid + slip, bid, 100 - ask + min(slip, 0)))
        books = make_books(quotes, rate=chance.choice([0, 0.03]))
        event = NegativeRiskEvent("e", tuple(range(count)), proof)
        earns = judge("e", event_bundle(books, event)) is not None
        alone = len(binary_candidates(books)) > 0
        flagged = bool(event_candidates(books, [event])) or alone
        assert flagged or not earns
        found += earns
    assert found > 20


def test_the_recorded_page_holds_no_arbitrage_of_incomplete_events():
    """The Democratic nominee's asks sum to .928: outcomes are missing from the page."""
    records = [
        each for each in json.loads(decompress(OPEN_PAGE.read_bytes())) if each.get("negRisk")
    ]
    quotes, names, events = [], [], {}
    for record in records:
        bid, ask = record.get("bestBid"), record.get("bestAsk")
        cents = [None if price in (None, 0, 1) else price * 100 for price in (ask, bid)]
        quotes.append(
            (
                cents[0],
                None if cents[1] is None else 100 - cents[1],
                cents[1],
                None if cents[0] is None else 100 - cents[0],
            )
        )
        events.setdefault(record["negRiskMarketID"], []).append(len(names))
        names.append(record["question"])
    books = make_books(quotes)
    sums = {
        event: sum(quotes[i][0] or 100 for i in members) / 100 for event, members in events.items()
    }
    nominee = next(event for event in events if event.startswith("0x2c3d7e0e"))
    assert round(sums[nominee], 3) == 0.928
    listed = [NegativeRiskEvent(event, tuple(members)) for event, members in events.items()]
    assert scan(books, listed) == []
    # who takes the page for complete finds a mirage
    fooled = [NegativeRiskEvent(each.name, each.markets, "the page") for each in listed]
    assert [each.name for each in scan(books, fooled)] == [nominee]
