"""The same question at two venues: numbers by hand, and answers that are none."""

import json
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import httpx
import pytest
from strongroom.analysis.radar import (
    HERE,
    THERE,
    PairSide,
    RoundedFees,
    SettlementTerms,
    SpreadKind,
    radar,
    spread_of,
    states_of,
)
from strongroom.backtest.venue_spreads import spread_study
from strongroom.chain.units import MICRO
from strongroom.information.books import BadBook, Book, BookReader, levels
from strongroom.information.gamma import FeeSchedule, GammaClient
from strongroom.information.pairs import load_pairs, rules_hash
from strongroom.information.recorded_books import BadRecording, RecordedBook
from strongroom.information.reference import (
    Kalshi,
    Limitless,
    ReferenceAway,
    kalshi_book,
    limitless_book,
)
from strongroom.information.reference_forecasts import ReferenceForecaster
from strongroom.keeper.radar import OurVenue, judge_pairs, look_at, radar_document
from strongroom.settings import ConfigError

from tests.agent.market_record import MARKET

FREE = FeeSchedule()
KALSHI = RoundedFees(Decimal("0.07"), MICRO // 100)
RECORD = {  # what Gamma says of MARKET
    "question": MARKET.question,
    "outcomes": ["Yes", "No"],
    "conditionId": MARKET.condition_id,
    "questionID": MARKET.question_id,
    "resolvedBy": MARKET.oracle,
    "clobTokenIds": ["1", "2"],
    "orderPriceMinTickSize": 0.001,
    "orderMinSize": 5,
    "endDate": "2026-02-09T12:49:00Z",
    "description": MARKET.rules,
}
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "radar"


def book(bid, ask, size):
    return Book(
        levels([(round(bid * MICRO), size * MICRO)]), levels([(round(ask * MICRO), size * MICRO)])
    )


def side(bid, ask, size=300, fees=FREE, capital=10_000):
    return PairSide(book(bid, ask, size), fees, 0, capital * MICRO)


# fees, by the venue's published formula


@pytest.mark.parametrize(
    ("contracts", "price", "cents"),
    [
        (1, "0.50", 2),  # 1.75 cents
        (100, "0.50", 175),
        (100, "0.05", 34),  # 33.25 cents
        (100, "0.25", 132),  # 131.25
        (10, "0.50", 18),  # 17.5
        (3, "0.05", 1),
    ],
)
def test_kalshis_fee_is_rounded_up_to_a_cent(contracts, price, cents):
    """Q28: public tables of the fee at 1 and 100 contracts, and 10 at 50 cents: 18 cents."""
    price = int(Decimal(price) * MICRO)
    assert KALSHI.most(contracts * MICRO, price) == cents * MICRO // 100


def test_a_price_of_part_of_a_cent_is_rounded_with_its_fee():
    """One contract at 0.055: 5.5 cents and 0.364 of fee are paid as 6 cents."""
    assert KALSHI.most(MICRO, 55_000) == 5_000


# what a pair is worth

ALIKE = SettlementTerms(same=True, here_void="none", there_void="none", lot=MICRO // 100)


def test_a_sure_spread_earns_what_the_two_tokens_leave():
    """YES here at .55, NO there at .41 for 250: 250 x (1 - .96) = 10."""
    found = spread_of("x", side(0.53, 0.55, 300), side(0.59, 0.61, 250), ALIKE)
    assert (found.kind, found.profit, found.worst) == (SpreadKind.SURE, 10 * MICRO, 10 * MICRO)
    assert set(found.legs) == {
        (HERE, "YES", 550_000, 250 * MICRO),
        (THERE, "NO", 410_000, 250 * MICRO),
    }
    assert found.gap == 40_000 and found.break_even is None


def test_fees_are_in_the_profit():
    """NO there: 250 x .41 = 102.50, fee .07 x 250 x .41 x .59 = 4.233 -> 4.24; 10 - 4.24."""
    found = spread_of("x", side(0.53, 0.55, 300), side(0.59, 0.61, 250, KALSHI), ALIKE)
    assert found.profit == 5_760_000
    assert found.spent == {HERE: 137_500_000, THERE: 106_740_000}


def test_a_void_of_one_venue_alone_takes_the_sure_profit():
    """Q28: ours pays half when void: YES here and NO there may then pay 1/2 + 0."""
    terms = SettlementTerms(same=True, here_void="half", there_void="none")
    found = spread_of("x", side(0.53, 0.55, 300), side(0.59, 0.61, 250), terms)
    assert found.kind is SpreadKind.CONDITIONAL
    assert found.profit == 10 * MICRO
    assert found.worst == 250 * MICRO // 2 - 240 * MICRO  # -115
    assert found.break_even == Fraction(10, 125)


def test_a_wide_spread_survives_both_voids_at_half():
    """YES here at .30 and NO there at .15: half here and the loss there still pay .5 > .45."""
    terms = SettlementTerms(same=True, here_void="half", there_void="half")
    found = spread_of("x", side(0.28, 0.30, 100), side(0.85, 0.87, 100), terms)
    assert found.kind is SpreadKind.SURE
    assert found.worst == 100 * MICRO // 2 - 45 * MICRO
    assert found.profit == 55 * MICRO


@pytest.mark.parametrize("terms", [
    SettlementTerms(same=False, here_void="none", there_void="none"),
    SettlementTerms(same=True, here_void="none", there_void="other"),
    SettlementTerms(same=True, here_void="unknown", there_void="none"),
])  # fmt: skip
def test_where_the_venues_may_settle_apart_everything_may_be_lost(terms):
    found = spread_of("x", side(0.53, 0.55, 300), side(0.59, 0.61, 250), terms)
    assert found.kind is SpreadKind.CONDITIONAL
    assert found.worst == -240 * MICRO


def test_states_of_separate_voids():
    """In halves: alike; ours void with each of theirs; theirs void with each of ours; both."""
    assert set(states_of(SettlementTerms(True, "half", "half"))) == {
        (2, 2), (0, 0), (1, 2), (1, 0), (2, 1), (0, 1), (1, 1),
    }  # fmt: skip


def test_the_other_venues_question_may_be_the_opposite():
    """Their YES is our NO: their YES at .41 is the second leg."""
    terms = SettlementTerms(True, "none", "none", inverse=True)
    found = spread_of("x", side(0.53, 0.55, 300), side(0.39, 0.41, 250), terms)
    assert found.profit == 10 * MICRO
    assert (THERE, "YES", 410_000, 250 * MICRO) in found.legs


def test_no_spread_is_none():
    found = spread_of("x", side(0.53, 0.55), side(0.54, 0.56), ALIKE)
    assert (found.kind, found.legs, found.gap) == (SpreadKind.NONE, (), -10_000)


def test_an_empty_side_has_no_gap():
    empty = PairSide(Book(), FREE, 0, 10**9)
    assert spread_of("x", empty, side(0.5, 0.6), ALIKE).gap is None


def test_capital_of_each_venue_binds_over_all_pairs():
    """Q28: 100 at our venue in all: the better pair takes what it can use, the other the rest."""
    pairs = [
        ("poor", "kalshi", side(0.53, 0.55, 300), side(0.57, 0.59, 250), ALIKE),
        ("good", "kalshi", side(0.18, 0.20, 300), side(0.30, 0.32, 300), ALIKE),
    ]
    found = radar(pairs, {HERE: 100 * MICRO, "kalshi": 10_000 * MICRO})
    assert [each.name for each in found] == ["good", "poor"]
    spent = [each.spent[HERE] for each in found]
    assert spent[0] == 60 * MICRO  # 300 x .20
    assert sum(spent) <= 100 * MICRO
    assert sum(spent) > 99 * MICRO


# what other venues answer
# Built to the documented formats; there is no recording of the two APIs.

KALSHI_BOOK = {
    "orderbook_fp": {
        "yes_dollars": [["0.1400", "25.00"], ["0.1500", "100.00"]],
        "no_dollars": [["0.8300", "40.00"], ["0.8200", "10.00"]],
    }
}


def test_kalshis_asks_are_the_bids_for_no():
    found = kalshi_book(KALSHI_BOOK, 7)
    assert found.bids == levels([(150_000, 100 * MICRO), (140_000, 25 * MICRO)])
    assert found.asks == levels([(170_000, 40 * MICRO), (180_000, 10 * MICRO)])
    assert found.seen_at == 7


def test_kalshis_older_answer_is_in_cents():
    found = kalshi_book({"orderbook": {"yes": [[15, 100]], "no": [[83, 40]]}}, 0)
    assert (found.bid, found.ask) == (150_000, 170_000)


def test_limitless_sizes_are_micro_tokens():
    answer = {
        "bids": [{"price": 0.12, "size": 1_127_723_183, "side": "BUY"}],
        "asks": [{"price": 0.17, "size": 100_000_000, "side": "SELL"}],
    }
    found = limitless_book(answer, 0)
    assert found.bids == levels([(120_000, 1_127_723_183)])
    assert found.asks == levels([(170_000, 100 * MICRO)])


@pytest.mark.parametrize("answer", [
    None, [], "x", {}, {"orderbook": None}, {"orderbook_fp": {}},
    {"orderbook_fp": {"yes_dollars": None, "no_dollars": []}},
    {"orderbook_fp": {"yes_dollars": [["0.5"]], "no_dollars": []}},
    {"orderbook_fp": {"yes_dollars": [["x", "1"]], "no_dollars": []}},
    {"orderbook_fp": {"yes_dollars": [["NaN", "1"]], "no_dollars": []}},
    {"orderbook_fp": {"yes_dollars": [["0.5", "-1"]], "no_dollars": []}},
    {"orderbook_fp": {"yes_dollars": [["0.6", "1"]], "no_dollars": [["0.5", "1"]]}},
    {"orderbook": {"yes": [[100, 1]], "no": []}},
])  # fmt: skip
def test_what_is_no_book_is_refused(answer):
    with pytest.raises(BadBook):
        kalshi_book(answer, 0)


@pytest.mark.parametrize("answer", [
    None, {}, {"bids": [], "asks": None}, {"bids": [{"price": 0.5}], "asks": []},
    {"bids": [{"price": 0.5, "size": 1.5}], "asks": []}, {"bids": ["x"], "asks": []},
])  # fmt: skip
def test_what_is_no_limitless_book_is_refused(answer):
    with pytest.raises(BadBook):
        limitless_book(answer, 0)


def test_an_empty_book_is_one():
    assert kalshi_book({"orderbook_fp": {"yes_dollars": [], "no_dollars": []}}, 0) == Book()


# pairs

THEIR_RULES = {"rules_primary": "If Luka wins, YES.", "rules_secondary": "No void."}
THEIR_TEXT = "If Luka wins, YES.\nNo void."
FILE = """
[venues.ours]
url = "http://clob"
gamma_url = "http://gamma"
capital = "1000"
lot = "0.01"

[venues.kalshi]
kind = "kalshi"
url = "http://kalshi/trade-api/v2"
fee_rate = "0.07"
fee_rounding = "0.01"
lot = "1"
capital = "1000"

[[pairs]]
name = "luka"
condition = "{condition}"
venue = "kalshi"
market = "KXNBAMVP-26-LDON"
"""
RECORDED = """
[pairs.adjudication]
reviewer = "A. Person"
reviewed = {day}
same = true
differences = ["Kalshi closes a day later"]
our_void = "half"
their_void = "none"
our_rules = "{ours}"
their_rules = "{theirs}"
"""


@pytest.fixture
def pairs_at(tmp_path):
    def write(adjudicated=True, **changes):
        text = FILE.format(condition=MARKET.condition_id)
        if adjudicated:
            terms = {
                "day": date(2026, 11, 1),
                "ours": rules_hash(MARKET.rules),
                "theirs": rules_hash(THEIR_TEXT),
            }
            text += RECORDED.format(**(terms | changes))
        path = tmp_path / "pairs.toml"
        path.write_text(text)
        return load_pairs(path)

    return write


def kalshi(books=KALSHI_BOOK, rules=THEIR_RULES, status="active"):
    def answer(request):
        if request.url.path.endswith("/orderbook"):
            return httpx.Response(200, json=books)
        return httpx.Response(200, json={"market": rules | {"status": status}})

    return Kalshi("http://kalshi/trade-api/v2", httpx.MockTransport(answer))


def our_venue(bid="0.05", ask="0.06", record=RECORD):
    def answer(request):
        if request.url.path == "/markets":
            return httpx.Response(200, json=[record])
        tokens = json.loads(request.content)
        found = {
            "asset_id": tokens[0]["token_id"],
            "bids": [{"price": bid, "size": "50"}],
            "asks": [{"price": ask, "size": "50"}],
        }
        return httpx.Response(200, json=[found])

    transport = httpx.MockTransport(answer)
    return OurVenue(
        GammaClient("http://gamma", transport=transport),
        BookReader("http://clob", transport=transport),
    )


def judged(pairs, ours=None, theirs=None):
    seen = look_at(pairs, ours or our_venue(), {"kalshi": theirs or kalshi()}, 5)
    (found,) = judge_pairs(pairs, seen)
    return found


def test_a_pair_that_was_compared_counts(pairs_at):
    found = judged(pairs_at())
    assert found.kind in (SpreadKind.CONDITIONAL, SpreadKind.SURE)
    assert found.gap == 150_000 - 60_000
    assert {leg[0] for leg in found.legs} == {HERE, THERE}
    assert all(size % MICRO == 0 for *_, size in found.legs)  # whole contracts there
    assert json.dumps(radar_document([found]))


def test_a_pair_that_nobody_compared_does_not_count(pairs_at):
    found = judged(pairs_at(adjudicated=False))
    assert found.kind is SpreadKind.NOT_COUNTED
    assert "no adjudication record" in found.why
    assert found.gap == 90_000  # it is shown all the same
    assert found.legs == ()


def test_a_changed_rule_text_ends_the_record(pairs_at):
    found = judged(pairs_at(), theirs=kalshi(rules=THEIR_RULES | {"rules_secondary": "Void: half"}))
    assert found.kind is SpreadKind.NOT_COUNTED
    assert "kalshi's rules have changed since 2026-11-01" in found.why
    record = RECORD | {"description": "Other rules."}
    assert "our venue's rules have changed" in judged(pairs_at(), our_venue(record=record)).why


def test_a_pair_that_has_ended_does_not_count(pairs_at):
    pairs = pairs_at()
    for ends, counts in ((date(1970, 1, 1), True), (date(1969, 12, 31), False)):
        (pair,) = pairs.pairs
        ended = pairs.model_copy(update={"pairs": (pair.model_copy(update={"ends": ends}),)})
        found = judged(ended)
        assert (found.kind is not SpreadKind.NOT_COUNTED) == counts
        assert found.why == ("" if counts else "the pair ended on 1969-12-31")


def test_blanks_and_line_ends_do_not_change_a_text():
    assert rules_hash("a  b\r\nc ") == rules_hash("a b\nc")
    assert rules_hash("a b") != rules_hash("ab")


def test_what_is_not_known_does_not_count(pairs_at):
    assert "no market" in judged(pairs_at(), theirs=kalshi(rules={"rules_primary": None})).why or (
        "rules are not known" in judged(pairs_at(), theirs=kalshi(rules={})).why
    )
    assert "no book" in judged(pairs_at(), theirs=kalshi(books={"orderbook": None})).why
    assert "takes no orders" in judged(pairs_at(), theirs=kalshi(status="closed")).why
    pairs = pairs_at()
    free = pairs.venues["kalshi"].model_copy(update={"fee_rate": None})
    unknown = pairs.model_copy(update={"venues": {**pairs.venues, "kalshi": free}})
    assert "fees of kalshi are not known" in judged(unknown).why


@pytest.mark.parametrize(("change", "words"), [
    ({"ours": "12"}, "SHA-256"),
    ({"day": "2026-13-01"}, "TOML"),
])  # fmt: skip
def test_a_file_that_does_not_fit_names_the_place(pairs_at, change, words):
    with pytest.raises(ConfigError, match=words):
        pairs_at(**change)


# as forecasts


def test_a_reference_price_is_a_forecast_like_any_other(pairs_at):
    source = ReferenceForecaster(pairs_at(), {"kalshi": kalshi()})
    answers = source.forecast([MARKET], 9)
    (given,) = answers.given
    assert given.chance == pytest.approx(0.16)  # between .15 and .17
    assert (given.frozen_at, given.evidence_at, answers.problems) == (9, 9, ())
    assert given.detail["market"] == "KXNBAMVP-26-LDON"
    assert (source.health.name, source.health.asked, source.health.wrong) == ("reference", 2, "")


@pytest.mark.parametrize(("change", "words"), [
    ({"same": False}, "luka: its record says that the two may settle differently"),
    ({"our_void": "unknown"}, "luka: nobody knows what a void market pays here"),
    ({"their_void": "unknown"}, "luka: nobody knows what a void market pays at kalshi"),
])  # fmt: skip
def test_the_price_of_what_settles_otherwise_is_no_forecast(pairs_at, change, words):
    """The radar counts the states in which the two settle apart; a forecast has no such states."""
    pairs = pairs_at()
    (pair,) = pairs.pairs
    record = pair.adjudication.model_copy(update=change)
    pairs = pairs.model_copy(update={"pairs": (pair.model_copy(update={"adjudication": record}),)})
    answers = ReferenceForecaster(pairs, {"kalshi": kalshi()}).forecast([MARKET], 9)
    assert answers.given == () and answers.problems == (f"reference: {words}",)
    assert judged(pairs).kind is not SpreadKind.NOT_COUNTED


def test_an_ended_pair_gives_no_forecast(pairs_at):
    pairs = pairs_at()
    (pair,) = pairs.pairs
    ended = pair.model_copy(update={"ends": date(2020, 1, 1)})
    pairs = pairs.model_copy(update={"pairs": (ended,)})
    now = 1_790_000_000
    answers = ReferenceForecaster(pairs, {"kalshi": kalshi()}).forecast([MARKET], now)
    assert answers.given == ()
    assert answers.problems == ("reference: luka: the pair ended on 2020-01-01",)


@pytest.mark.parametrize("books", [
    {"orderbook": {"yes": [], "no": [[83, 1]]}},
    {"orderbook": {"yes": [[15, 1]], "no": [[60, 1]]}},
])  # fmt: skip
def test_a_book_without_a_price_gives_no_forecast(pairs_at, books):
    answers = ReferenceForecaster(pairs_at(), {"kalshi": kalshi(books)}).forecast([MARKET], 9)
    assert answers.given == () and len(answers.problems) == 1


def test_a_round_ends_in_time_and_what_was_left_out_comes_first(pairs_at):
    """A venue that needs 25 s a request: two requests a pair, 60 s a round."""
    (pair,), said = pairs_at().pairs, []
    pairs = pairs_at().model_copy(
        update={"pairs": tuple(pair.model_copy(update={"name": name}) for name in "abc")}
    )
    source = ReferenceForecaster(pairs, {"kalshi": kalshi()})
    source.clock = lambda: 25.0 * source.health.asked
    for _ in range(2):
        answers = source.forecast([MARKET], 9)
        said.append((len(answers.given), *answers.problems))
        assert source._first == len(said) * 2 % 3
    assert (
        said
        == [
            (2, "reference: 1 pairs were not asked about: 60 s are over"),
        ]
        * 2
    )


def test_a_pair_that_nobody_compared_gives_no_forecast(pairs_at):
    source = ReferenceForecaster(pairs_at(adjudicated=False), {"kalshi": kalshi()})
    answers = source.forecast([MARKET], 9)
    assert answers.given == () and "nobody has compared" in answers.problems[0]


def test_a_venue_that_is_away_is_named():
    away = Limitless("http://x", httpx.MockTransport(lambda _: httpx.Response(503)))
    with pytest.raises(ReferenceAway, match="HTTP 503"):
        away.book("x", 0)
    assert away.health.failed == 1


# recordings


def recording(tmp_path, *rows, sizes="absolute"):
    path = tmp_path / "book.csv"
    head = "timestamp,event_type,price,side,size,best_bid,best_ask"
    path.write_text("\n".join([head, *rows, ""]))
    return RecordedBook(path, sizes)


def test_dirt_is_repaired_or_dropped_and_counted(tmp_path):
    book = recording(
        tmp_path,
        ",book,0.15,BUY,10,0.15,0.18",
        "2026-01-01T00:00:00Z,price_change,0.18,SELL,7,0.15,0.18",
        "2026-01-01T00:00:10Z,price_change,0.16,BUY,5,0.16,0.17999999999999999",
        "2026-01-01T00:00:05Z,price_change,0.16,BUY,4,0.16,0.18",
        "2026-01-01T00:00:20Z,price_change,0.16,BUY,4,,0.18",
        "2026-01-01T00:00:21Z,price_change,0.16,BUY,4,0.19,0.18",
        "2026-01-01T00:00:22Z,price_change,oops,BUY,4,0.16,0.18",
        "1767225623,last_trade_price,0.16,BUY,4,0.16,0.18",
    )
    first, second, third = list(book)
    assert (first.bid, first.bid_size, first.ask_size) == (150_000, 10 * MICRO, 7 * MICRO)
    assert (second.bid_size, second.ask, second.ask_size) == (5 * MICRO, 180_000, 7 * MICRO)
    assert third.at == second.at
    assert dict(book.counts) == {
        "rows": 8,
        "repaired: no time": 1,
        "no quote: before the first time": 1,
        "repaired: time before the last": 1,
        "no quote: best prices missing": 1,
        "no quote: bid not below ask": 1,
        "dropped: not a row": 1,
        "skipped: a trade": 1,
    }


def test_changes_add_up_and_an_untold_level_stays_unknown(tmp_path):
    book = recording(
        tmp_path,
        "2026-01-01T00:00:00Z,book,0.15,BUY,10,0.15,0.18",
        "2026-01-01T00:00:01Z,price_change,0.15,BUY,-4,0.15,0.18",
        "2026-01-01T00:00:02Z,price_change,0.18,SELL,-4,0.15,0.18",
        "2026-01-01T00:00:03Z,price_change,0.15,BUY,-9,0.15,0.18",
        sizes="change",
    )
    assert [quote.bid_size for quote in book] == [10 * MICRO, 6 * MICRO, 6 * MICRO, 0]
    assert all(quote.ask_size is None for quote in book)
    assert book.counts["repaired: size below 0"] == 1


def test_what_is_no_recording_is_refused(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(BadRecording, match="lacks columns"):
        list(RecordedBook(path, "change"))
    with pytest.raises(BadRecording, match="cannot be read"):
        list(RecordedBook(tmp_path / "none.csv", "change"))


def test_two_recordings_by_hand(tmp_path):
    """100 s apart: ours .15/.18; theirs .20/.21 from second 10 to 40, then .18/.19. YES here at
    .18 and NO there at .80: 2 cents before, fees 0 and 7 % of .16 = 1.12 cents: 0.88 left."""
    ours = recording(
        tmp_path,
        "2026-01-01T00:00:00Z,book,0.18,SELL,7,0.15,0.18",
        "2026-01-01T00:01:40Z,price_change,0.18,SELL,7,0.15,0.18",
    ).path
    theirs = ours.with_name("theirs.csv")
    theirs.write_text(
        "timestamp,event_type,price,side,size,best_bid,best_ask\n"
        "2026-01-01T00:00:10Z,book,0.2,BUY,7,0.2,0.21\n"
        "2026-01-01T00:00:40Z,price_change,0.18,BUY,1,0.18,0.19\n"
    )
    found = spread_study(ours, theirs)
    assert (found.seconds, found.crossed, found.crossed_after_fees) == (90, 30, 30)
    assert (found.episodes, found.longest, found.known, found.best) == (1, 30, 30, 8_800)


def test_real_recordings_of_two_venues():
    """Rows as the files have them (README of the data: 3,905 and 1,463)."""
    ours = EXAMPLES / "polymarket_nba_mvp_luka_yes.csv.gz"
    found = spread_study(ours, EXAMPLES / "kalshi_nba_mvp_luka.csv.gz")
    assert (found.read["ours"]["rows"], found.read["theirs"]["rows"]) == (3_905, 1_463)
    assert found.read["theirs"]["repaired: no time"] == 106
    assert 0 < found.crossed_after_fees < found.crossed < found.seconds
