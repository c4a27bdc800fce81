"""Habits of the venue, each switched on at the service and met with the official client."""

import json
import time
from dataclasses import replace

import httpx
import pytest
from py_clob_client_v2.clob_types import (
    OrderArgsV2,
    OrderPayload,
    OrderType,
    RequestArgs,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.headers.headers import create_level_2_headers
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.rates import RateLimits

from tests.e2e.clob_orders import PATIENCE_S, order, settled

DELAY_S = 3  # in which another order can be cancelled on a busy machine, too


def wait_for_delayed(server):
    """Wait until the orders that were put off have had their turn."""
    deadline = time.monotonic() + PATIENCE_S
    while server.engine._later:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_switch_knows_its_habits(server, habits):
    habits(bursts=True, tier="gold")
    shown = httpx.get(f"{server.url}/devnet/habits").json()
    assert (shown["bursts"], shown["tier"]) == (True, "gold")
    assert Habits.model_validate(shown).gtd_least_s == 180
    for nonsense in ({"tier": "wood"}, {"unknown": 1}, []):
        answer = httpx.put(f"{server.url}/devnet/habits", json=nonsense)
        assert answer.status_code == 400
    everything = Habits.venue().model_dump(mode="json")
    httpx.put(f"{server.url}/devnet/habits", json=everything).raise_for_status()


def test_marketable_orders_are_delayed_and_then_matched(traders, book, habits):
    habits(taker_delay_s=DELAY_S)
    client = traders.alice.client
    taken = order(traders.alice, book.yes, "BUY", 0.45, 30)
    assert (taken["status"], taken["tradeIDs"], taken["makingAmount"]) == ("delayed", [], "")
    assert client.get_order(taken["orderID"])["status"] == "DELAYED"
    assert client.get_order_book(book.yes)["asks"] == [{"price": "0.45", "size": "80"}]
    deadline = time.monotonic() + PATIENCE_S
    while client.get_order(taken["orderID"])["status"] == "DELAYED":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = client.get_order(taken["orderID"])
    assert (done["status"], done["size_matched"]) == ("MATCHED", "30")
    assert settled(client, done["associate_trades"][0])["status"] == "CONFIRMED"


def test_a_delayed_order_that_finds_nothing_is_unmatched(server, traders, book, habits):
    habits(taker_delay_s=DELAY_S)
    client = traders.alice.client
    args = OrderArgsV2(token_id=book.yes, price=0.45, size=30, side="BUY")
    taken = client.post_order(client.create_order(args), OrderType.FAK)
    assert taken["status"] == "delayed"
    traders.bob.client.cancel_order(OrderPayload(orderID=book.ask["orderID"]))
    wait_for_delayed(server)
    shown = client.get_order(taken["orderID"])
    assert (shown["status"], shown["size_matched"]) == ("UNMATCHED", "0")
    again = order(traders.alice, book.yes, "BUY", 0.40, 10)  # what was reserved is free
    assert again["status"] == "live"


def test_an_order_that_could_not_be_delayed_is_unmatched_and_placed(server, traders, book, faults):
    faults(delay_failures=1)
    taken = order(traders.alice, book.yes, "BUY", 0.45, 30)
    assert (taken["success"], taken["status"]) == (True, "unmatched")
    wait_for_delayed(server)
    assert traders.alice.client.get_order(taken["orderID"])["size_matched"] == "30"


def test_delayed_orders_can_be_cancelled(server, traders, book, habits):
    habits(taker_delay_s=DELAY_S)
    client = traders.alice.client
    taken = order(traders.alice, book.yes, "BUY", 0.45, 30)
    assert client.cancel_order(OrderPayload(orderID=taken["orderID"]))["canceled"]
    wait_for_delayed(server)
    assert client.get_order(taken["orderID"])["size_matched"] == "0"


def test_rest_statuses_have_prefixes_and_orders_end_for_a_reason(
    traders,
    book,
    habits,
    server,
    listen,
):
    habits(status_prefixes=True, end_reasons=True)
    client = traders.alice.client
    assert client.get_order(book.bid["orderID"])["status"] == "ORDER_STATUS_LIVE"
    taken = order(traders.alice, book.yes, "BUY", 0.45, 30)
    (trade,) = client.get_trades(TradeParams(id=taken["tradeIDs"][0]))
    assert trade["status"].startswith("TRADE_STATUS_")
    ear = listen("market", assets_ids=[book.yes], type="market", custom_feature_enabled=True)
    ear.hear("book")
    path = f"{server.url}/devnet/resolve/{book.listing.condition_id}/1"
    httpx.post(path).raise_for_status()
    shown = client.get_order(book.bid["orderID"])
    assert shown["status"] == "ORDER_STATUS_CANCELED_MARKET_RESOLVED"
    told = ear.hear("market_resolved")
    assert (told["winning_asset_id"], told["winning_outcome"]) == (
        book.no,
        book.listing.outcomes[1],
    )
    assert told["asset_ids"] == [book.yes, book.no]


def test_too_fine_amounts_are_refused(traders, book, habits):
    habits(amount_precision=True)
    client = traders.alice.client
    fine = OrderArgsV2(token_id=book.yes, price=0.45, size=30.03, side="BUY")
    # 30.03 at 0.45 are 13.5135 pUSD: four decimals; as a resting order that is well
    with pytest.raises(PolyApiException, match="invalid amounts") as refused:
        client.post_order(client.create_order(fine), OrderType.FAK)
    assert refused.value.status_code == 400
    whole = OrderArgsV2(token_id=book.yes, price=0.45, size=30, side="BUY")
    assert client.post_order(client.create_order(whole), OrderType.FAK)["status"] == "matched"


def test_answers_say_what_is_left_of_the_rate_limit(server, traders, listing, habits):
    client = traders.bob.client

    def cancel():
        request = RequestArgs(method="DELETE", request_path="/cancel-all")
        headers = create_level_2_headers(client.signer, client.creds, request)
        return httpx.request("DELETE", f"{server.url}/cancel-all", headers=headers)

    cancel()  # whatever is open
    server.engine.rates = RateLimits(time.time)  # full
    assert cancel().headers["Poly-RateLimit-Remaining"] == "119"
    assert cancel().headers["Poly-RateLimit-Tier"] == "standard"
    order(traders.bob, listing.token_ids[0], "BUY", 0.2, 10)
    left = int(cancel().headers["Poly-RateLimit-Remaining"])
    assert left <= 118  # one for the request, one for the order
    body = json.dumps(["0x" + f"{number:064x}" for number in range(1_000)])  # of 15 s
    statuses = []
    for _ in range(3):
        request = RequestArgs(method="DELETE", request_path="/orders", serialized_body=body)
        headers = create_level_2_headers(client.signer, client.creds, request)
        answer = httpx.request("DELETE", f"{server.url}/orders", content=body, headers=headers)
        statuses.append(answer.status_code)
    assert statuses == [200, 429, 429]  # the first may owe
    assert int(answer.headers["Retry-After"]) >= 2
    assert int(answer.headers["Poly-RateLimit-Remaining"]) < 0
    server.engine.rates = RateLimits(time.time)


def test_one_match_is_a_burst_of_changes_under_one_hash(
    traders,
    listing,
    habits,
    listen,
):
    yes, no = listing.token_ids
    for price in (0.60, 0.59, 0.58):  # YES is offered at .40, .41, .42
        order(traders.bob, no, "BUY", price, 10)
    habits(bursts=True)
    ear = listen("market", assets_ids=[yes], type="market")
    ear.hear("book")
    order(traders.alice, yes, "BUY", 0.42, 30)
    told = [ear.hear("price_change") for _ in range(3)]
    changes = [message["price_changes"][0] for message in told]
    assert [(each["price"], each["size"], each["side"]) for each in changes] == [
        ("0.4", "0", "SELL"),
        ("0.41", "0", "SELL"),
        ("0.42", "0", "SELL"),
    ]
    assert len({each["hash"] for each in changes}) == 1
    assert len({message["timestamp"] for message in told}) == 1
    assert {(each["best_bid"], each["best_ask"]) for each in changes} == {("0", "1")}


def test_empty_frames_and_unknown_events_come_between(
    traders,
    listing,
    habits,
    listen,
):
    habits(empty_frames=1, unknown_events=1)
    yes, _ = listing.token_ids
    ear = listen("market", assets_ids=[yes], type="market")
    frames = [ear.socket.recv(timeout=PATIENCE_S) for _ in range(3)]
    assert frames[0] == ""
    assert json.loads(frames[1])["event_type"] not in ("book", "price_change")
    assert [each["event_type"] for each in json.loads(frames[2])] == ["book"]


def test_a_frozen_socket_answers_pings_and_tells_nothing(
    traders,
    listing,
    faults,
    listen,
):
    yes, _ = listing.token_ids
    ear = listen("market", assets_ids=[yes], type="market")
    ear.hear("book")
    faults(freeze_sockets=1)
    order(traders.alice, yes, "BUY", 0.2, 10)
    order(traders.alice, yes, "BUY", 0.21, 10)
    ear.socket.send("PING")
    assert ear.socket.recv(timeout=PATIENCE_S) == "PONG"
    with pytest.raises(TimeoutError):
        ear.socket.recv(timeout=1)


def test_subscriptions_grow_and_shrink_and_the_flag_tells_more(
    traders,
    listing,
    listen,
    server,
):
    yes, no = listing.token_ids
    ear = listen("market", assets_ids=[], type="market")
    ear.socket.send(json.dumps({"operation": "subscribe", "assets_ids": [yes],
                                "custom_feature_enabled": True}))  # fmt: skip
    assert ear.hear("book")["asset_id"] == yes
    order(traders.alice, yes, "BUY", 0.2, 10)
    best = ear.hear("best_bid_ask")
    assert (best["best_bid"], best["best_ask"], best["spread"]) == ("0.2", "1", "0.8")
    new = replace(listing, condition_id="0x" + "77" * 32, token_ids=("771", "772"))
    server.engine.data.add(new)
    told = ear.hear("new_market")
    assert told["clob_token_ids"] == told["asset_ids"] == ["771", "772"]
    assert (told["order_price_min_tick_size"], told["outcomes"]) == (
        str(listing.tick),
        list(listing.outcomes),
    )
    del server.engine.data.listings[new.condition_id]
    ear.socket.send(json.dumps({"operation": "unsubscribe", "assets_ids": [yes]}))
    ear.is_heard()
    order(traders.alice, no, "BUY", 0.2, 10)
    with pytest.raises(TimeoutError):
        ear.socket.recv(timeout=1)
