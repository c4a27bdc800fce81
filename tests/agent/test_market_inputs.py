"""Markets from Gamma: pages to their proven end, and what a record does not say (VENUE e2).

keeper.md K3 to K8 and K14 has the cases.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import product
from math import ceil

import httpx
import pytest
from strongroom.analysis.scan import BookTable
from strongroom.chain.units import MICRO
from strongroom.information.books import Book, Snapshot
from strongroom.information.gamma import (
    BadMarketRecord,
    FeeSchedule,
    GammaAway,
    GammaClient,
    OpenMarkets,
    parse_market,
)
from strongroom.information.sources import Sources

from tests.agent.test_information import RECORD

ALL = [RECORD | {"conditionId": f"0x{number:064x}"} for number in range(12_000)]


def gamma(answer, **more):
    return GammaClient("http://gamma.invalid", transport=httpx.MockTransport(answer), **more)


def by_keyset(request, cap=100):
    if request.url.path != "/markets/keyset":
        return httpx.Response(404)
    asked = request.url.params
    start = int(asked.get("after_cursor", 0))
    end = start + min(int(asked["limit"]), cap)
    more = {"next_cursor": str(end)} if end < len(ALL) else {}
    return httpx.Response(200, json={"markets": ALL[start:end], **more})


def by_offset(request, cap=500):
    if request.url.path != "/markets":
        return httpx.Response(404)
    asked = request.url.params
    start = int(asked["offset"])
    if start > 10_000:
        return httpx.Response(422)
    return httpx.Response(200, json=ALL[start : start + min(int(asked["limit"]), cap)])


@pytest.mark.parametrize("cap", [100, 37])
def test_a_listing_ends_where_the_service_says_so(cap):
    found = gamma(lambda request: by_keyset(request, cap)).open_markets()
    assert (len(found.markets), found.refused, found.gap) == (12_000, [], "")


def test_without_keysets_what_can_be_read_by_offset_is_kept_and_the_rest_named():
    found = gamma(by_offset).open_markets()
    assert len(found.markets) == 10_100
    assert found.gap == "Gamma: HTTP 422: 10100 markets were read, the rest is not known"


def test_a_listing_that_breaks_off_keeps_what_was_read():
    def answer(request):
        broken = request.url.params.get("after_cursor") == "300"
        return httpx.Response(500) if broken else by_keyset(request)

    found = gamma(answer).open_markets()
    assert len(found.markets) == 300 and "HTTP 500: 300 markets were read" in found.gap


def test_a_reading_has_a_budget_of_time():
    found = gamma(by_keyset, budget_s=0).open_markets()
    assert len(found.markets) == 100 and "not the end" in found.gap


def test_pages_that_go_round_in_a_circle_end():
    def answer(request):
        return httpx.Response(200, json={"markets": ALL[:2], "next_cursor": "x"})

    found = gamma(answer).open_markets()
    assert len(found.markets) == 2 and "circle" in found.gap


@pytest.mark.parametrize(
    "body", ["null", "7", "[]", '{"markets": null}', "", "[" * 100_000, '{"error": "x"}', "\x00"]
)
def test_an_answer_that_is_no_page_is_gamma_away(body):
    def answer(request):
        return httpx.Response(404 if request.url.path == "/markets" else 200, text=body)

    with pytest.raises(GammaAway, match="Gamma"):
        gamma(answer).open_markets()


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, {"conditionId": 7}])
def test_one_odd_record_of_a_page_costs_itself(odd):
    page = {"markets": [ALL[0], odd, ALL[1]]}
    found = gamma(lambda request: httpx.Response(200, json=page)).open_markets()
    assert len(found.markets) == 2 and len(found.refused) == 1


def test_what_was_not_read_again_stays_until_it_is_too_old():
    """A gap is no proof that a market has gone."""
    one, two = (parse_market(each) for each in ALL[:2])
    listings = [OpenMarkets([one, two], []), *[OpenMarkets([one], [], "a gap")] * 2]

    class Pages:
        def open_markets(self):
            return listings.pop(0)

    class NoBooks:
        def read(self, tokens, now):
            return Snapshot()

    sources = Sources(Pages(), NoBooks())
    looks = [sources.look(now, lambda market: True, []) for now in (1_000, 2_000, 5_000)]
    assert [len(look.markets) for look in looks] == [2, 2, 1]
    assert "a gap" in looks[1].problems and "a gap" in looks[2].problems


def test_what_is_held_outlives_its_record_to_be_marked_and_nothing_is_decided_on_it():
    """Gamma is away for hours, the books are there: the vault's position keeps its price."""
    one, two = (parse_market(each) for each in ALL[:2])
    listings = [OpenMarkets([one, two], [])]

    class Pages:
        def open_markets(self):
            if not listings:
                raise GammaAway("Gamma: HTTP 429")
            return listings.pop(0)

    class AllBooks:
        def read(self, tokens, now):
            return Snapshot({token: Book(seen_at=now) for token in tokens})

    sources, held = Sources(Pages(), AllBooks()), [one.condition_id]
    fresh, _, old = (sources.look(now, lambda market: True, held) for now in (0, 3_000, 9_000))
    assert [*fresh.markets] == [one.condition_id, two.condition_id]
    assert [*old.markets] == held and {*old.books} == {*one.token_ids}
    assert old.markets[one.condition_id].barred == (*one.barred, "its record is too old")
    assert "Gamma: HTTP 429" in old.problems


def test_what_is_held_and_not_listed_any_more_is_named_and_marked():
    """A Gamma that lists nothing at all: what is held is there all the same."""
    one, two = (parse_market(each) for each in ALL[:2])
    listings = [OpenMarkets(found, []) for found in ([one, two], [], [one, two])]

    class Pages:
        def open_markets(self):
            return listings.pop(0)

    class AllBooks:
        def read(self, tokens, now):
            return Snapshot({token: Book(seen_at=now) for token in tokens})

    sources, held = Sources(Pages(), AllBooks()), [one.condition_id]
    _, gone, back = (sources.look(now, lambda market: True, held) for now in (0, 500, 1_000))
    assert [*gone.markets] == held and {*gone.books} == {*one.token_ids}
    assert gone.markets[one.condition_id].barred == (*one.barred, "it is not listed")
    assert gone.problems == ("Gamma: 1 markets that are held are not listed",)
    assert back.markets[one.condition_id].barred == one.barred and len(back.markets) == 2


SCHEDULE = RECORD["feeSchedule"]
TERMS = {
    "no schedule, and it has fees": (
        {"feesEnabled": True, "feeSchedule": None, "feeType": "crypto_fees"},
        "its fees are unknown: no feeSchedule",
    ),
    "no exponent": ({"feeSchedule": SCHEDULE | {"exponent": None}}, "unknown: no exponent"),
    "no rate": ({"feeSchedule": {"exponent": 1}}, "unknown: no rate"),
    "a rate below 0": ({"feeSchedule": SCHEDULE | {"rate": -1}}, "unknown: no rate"),
    "makers pay": ({"feeSchedule": SCHEDULE | {"takerOnly": False}}, "makers pay fees"),
    "a long delay": ({"secondsDelay": 120}, "takers wait more than 30 s"),
    "no tick": ({"orderPriceMinTickSize": None}, "its tick is unknown"),
    "a tick of 0": ({"orderPriceMinTickSize": 0}, "its tick is unknown"),
}


@pytest.mark.parametrize(("change", "words"), TERMS.values(), ids=TERMS)
def test_a_market_of_unknown_terms_is_known_and_barred_by_name(change, words):
    (why,) = parse_market(RECORD | change).barred
    assert words in why


def test_a_market_without_fees_is_free():
    for change in ({"feeSchedule": None}, {"feesEnabled": False, "feeSchedule": None}):
        market = parse_market(RECORD | change)
        assert market.fees == FeeSchedule() and market.barred == ()


def test_a_broken_exponent_is_no_whole_one():
    """100 tokens at .97, rate .025: 2.5 * sqrt(.97 * .03) = .426468..., by hand."""
    schedule = SCHEDULE | {"rate": 0.025, "exponent": 0.5}
    fees = parse_market(RECORD | {"feeSchedule": schedule}).fees
    assert fees.most(100 * MICRO, 970_000) == 426_469
    assert fees.of(0.97) * 100 == pytest.approx(0.4264680527, abs=1e-9)
    assert FeeSchedule(Decimal("0.04"), Decimal(1)).most(100 * MICRO, 500_000) == MICRO
    for rate, exponent, price in product(("0.0625", "0.04"), (0, 1, 2, 3), (1, 30_000, 999_999)):
        p = Fraction(price, MICRO)
        exact = 12_345_678 * Fraction(rate) * (p * (1 - p)) ** exponent
        most = FeeSchedule(Decimal(rate), Decimal(exponent)).most(12_345_678, price)
        assert most == ceil(exact)
    assert BookTable.__annotations__["exponents"] == BookTable.__annotations__["rates"]


@pytest.mark.parametrize(
    "change",
    [
        {"outcomes": '["A", "B", "C"]', "clobTokenIds": '["1", "2", "3"]'},
        {"feeSchedule": "high"},
        {"feeSchedule": {"rate": "high", "exponent": 1}},
        {"secondsDelay": "long"},
        {"events": 7},
        {"outcomes": "[" * 100_000},
    ],
)
def test_a_record_of_another_shape_is_refused_by_its_field(change):
    with pytest.raises(BadMarketRecord):
        parse_market(RECORD | change)


def test_an_order_has_the_tick_that_the_book_has():
    """The listing says .001; the book, told by the stream, .01: and one without any tick has it."""

    class Page:
        def open_markets(self):
            unknown = parse_market(RECORD | {"orderPriceMinTickSize": None})
            other = replace(unknown, condition_id="0x" + "02" * 32, token_ids=(33, 44))
            return OpenMarkets([parse_market(RECORD), other], [])

    class Shelf:
        def read(self, tokens, now):
            return Snapshot({t: Book(seen_at=now, tick=Decimal("0.01")) for t in tokens})

    look = Sources(Page(), Shelf()).look(1_000, lambda market: True, [])
    assert {market.tick for market in look.markets.values()} == {Decimal("0.01")}
    assert {market.barred for market in look.markets.values()} == {()}
    assert look.refused == {"barred: its tick is unknown": 1}
