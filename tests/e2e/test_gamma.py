"""Gamma's pages: caps, keysets, versions, fees that are not told; by HTTP and by the client."""

import json
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest
from polymarket import PublicClient
from strongroom.information.gamma import FeeSchedule, GammaClient, parse_markets

from tests.e2e.official import environment


@pytest.fixture(scope="module")
def gamma(server):
    with httpx.Client(base_url=f"{server.url}/gamma") as http:
        yield http


@pytest.fixture(scope="module")
def client(devnet, server, chain_url):
    with PublicClient(environment=environment(devnet, server, chain_url)) as public:
        yield public


@pytest.fixture
def trading(recorded, server):
    """Conditions of the markets whose trading no other test has ended."""
    listings = server.engine.data.listings
    conditions = {str(market.condition_id) for market in recorded}
    return {each for each in conditions if not listings[each].closed}


def pages(gamma, path, kind, limit):
    """Return all records by keyset, page by page."""
    cursor, found = None, []
    while True:
        asked = {"limit": limit} | ({"after_cursor": cursor} if cursor else {})
        answer = gamma.get(path, params=asked).raise_for_status().json()
        found.append(answer[kind])
        cursor = answer.get("next_cursor")
        if cursor is None:
            return found


def test_a_page_by_offset_is_cut_and_far_offsets_are_refused(gamma, habits, recorded):
    assert len(gamma.get("/markets", params={"limit": 500}).json()) == len(recorded) > 100
    habits(page_caps=True)
    for limit in (100, 500):
        assert len(gamma.get("/markets", params={"limit": limit}).json()) == 100
    assert gamma.get("/markets", params={"offset": 10_000}).json() == []
    assert gamma.get("/markets", params={"offset": 10_001}).status_code == 422


def test_keysets_give_each_record_once_however_long_the_page(gamma, recorded):
    conditions = [str(market.condition_id) for market in recorded]
    for limit, first in ((50, 50), (500, 100)):
        found = pages(gamma, "/markets/keyset", "markets", limit)
        assert len(found[0]) == first
        assert sorted(each["conditionId"] for page in found for each in page) == sorted(conditions)


def test_the_keeper_reads_all_pages(server, habits, trading):
    habits(page_caps=True)
    found = GammaClient(f"{server.url}/gamma").open_markets()
    assert found.gap == "" and found.refused == []
    assert {str(each.condition_id) for each in found.markets} == trading


def test_a_cursor_is_good_for_its_own_question(gamma):
    first = gamma.get("/markets/keyset", params={"limit": 5}).json()["next_cursor"]
    other = {"limit": 5, "closed": "false", "after_cursor": first}
    assert gamma.get("/markets/keyset", params=other).status_code == 422
    assert gamma.get("/markets/keyset", params={"after_cursor": "!"}).status_code == 422


def test_events_have_their_markets_in_them(gamma, recorded):
    found = [each for page in pages(gamma, "/events/keyset", "events", 100) for each in page]
    alone = 1  # one record was recorded without its event
    assert sum(len(each["markets"]) for each in found) == len(recorded) - alone
    largest = max(found, key=lambda each: len(each["markets"]))
    assert len(largest["markets"]) == 32
    (by_slug,) = gamma.get("/events", params={"slug": largest["slug"]}).json()
    assert by_slug["id"] == gamma.get(f"/events/{largest['id']}").json()["id"]
    assert gamma.get("/events/none").status_code == 404


def test_records_choose_their_ids_by_version_and_hold_nulls(gamma, recorded):
    records = [each for page in pages(gamma, "/markets/keyset", "markets", 100) for each in page]
    assert {each["version"] for each in records} == {"v1"}
    both = [each for each in records if each.get("positionIds")]
    assert 0 < len(both) < len(records)  # the old protocol's markets, with ids of the new one
    assert all(json.loads(each["clobTokenIds"]) for each in both)
    assert {each["profiles"] for each in records} == {None}
    markets, problems = parse_markets(records)
    assert (len(markets), problems) == (len(recorded), [])


def test_fees_that_are_not_told_are_unknown(gamma, habits, server, devnet):
    chosen = [each for each in devnet.listings if not each.negative_risk][-8:]
    for listing in chosen:
        server.engine.data.add(replace(listing, fees=FeeSchedule(Decimal("0.05"), 1)))
    asked = {"condition_ids": [each.condition_id for each in chosen]}
    told = gamma.get("/markets", params=asked).json()
    assert [each["feeSchedule"]["rate"] for each in told] == [0.05] * 8
    habits(hidden_fees=True)
    hidden = [
        each for each in gamma.get("/markets", params=asked).json() if not each["feeSchedule"]
    ]
    assert 0 < len(hidden) < 8
    assert all(each["feesEnabled"] and each["feeType"] for each in hidden)
    for listing in chosen:
        server.engine.data.add(listing)


def test_the_client_reads_markets_and_events(client, recorded, trading):
    found = [market for page in client.list_markets(page_size=50) for market in page.items]
    conditions = {str(market.condition_id) for market in recorded}
    assert {market.condition_id for market in found} == conditions
    market = recorded[0]
    (one,) = client.list_markets(condition_ids=[str(market.condition_id)]).first_page().items
    assert (one.version, one.outcomes.yes.token_id) == ("v1", str(market.token_ids[0]))
    assert one.trading.minimum_tick_size is None or one.trading.minimum_tick_size > 0
    assert client.get_market(id=one.id).condition_id == one.condition_id
    events = [event for page in client.list_events(page_size=50) for event in page.items]
    inside = [market.condition_id for event in events for market in event.markets]
    assert conditions >= set(inside) and len(inside) == len(set(inside))
    assert len(trading - set(inside)) <= 1  # one was recorded without its event
