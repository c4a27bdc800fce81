"""Bad input and turned fault switches: a clear answer, nothing lost, the service alive."""

import json
import time
from dataclasses import replace

import httpx
import pytest
from py_clob_client_v2.clob_types import (
    OpenOrderParams,
    OrderArgsV2,
    OrderPayload,
    OrderType,
    RequestArgs,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.headers.headers import create_level_1_headers, create_level_2_headers
from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
from strongroom.devnet.clob import errors

from tests.e2e.clob_orders import PATIENCE_S, has, order, settled


@pytest.fixture
def send(server, traders):
    """Send a raw body to an endpoint, signed as the client signs; returns (status, error)."""

    def post(body, path="/order", method="POST", **changed):
        client = traders.alice.client
        request = RequestArgs(method=method, request_path=path, serialized_body=body)
        headers = create_level_2_headers(client.signer, client.creds, request)
        answer = httpx.request(
            method, server.url + path, content=body, headers=headers | changed, timeout=PATIENCE_S
        )
        error = answer.json().get("error") if answer.status_code != 200 else None
        return answer.status_code, error

    return post


@pytest.fixture
def payload(traders, listing):
    """The body of a good order of Alice, with changes."""

    def make(owner=None, order_type=OrderType.GTC, args=None, resign=False, **changed):
        client = traders.alice.client
        built = client.create_order(
            OrderArgsV2(
                **({"token_id": listing.token_ids[0], "price": 0.4, "size": 10, "side": "BUY"})
                | (args or {})
            )
        )
        if resign:
            built = replace(built, **changed)
            body = order_to_json_v2(built, owner or client.creds.api_key, order_type)
        else:
            body = order_to_json_v2(built, owner or client.creds.api_key, order_type)
            body["order"] |= changed
        return json.dumps(body, separators=(",", ":"))

    return make


def nothing_changed(traders, listing):
    book = traders.alice.client.get_order_book(listing.token_ids[0])
    orders = traders.alice.client.get_open_orders(OpenOrderParams(market=listing.condition_id))
    return book["bids"] == book["asks"] == orders == []


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"order":{}}',
        '{"orderID":' + "[" * 5_000,
        "\x00\xff",
        '{"order":null,"owner":"x","orderType":"GTC"}',
    ],
)
@pytest.mark.parametrize("path", ["/order", "/orders"])
def test_malformed_bodies(send, body, path, traders, listing):
    assert send(body, path) == (400, errors.BAD_PAYLOAD)
    assert nothing_changed(traders, listing)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"salt": "7"}, errors.BAD_PAYLOAD),
        ({"salt": -1}, errors.BAD_PAYLOAD),
        ({"maker": "0x12"}, errors.BAD_PAYLOAD),
        ({"makerAmount": "0"}, errors.BAD_PAYLOAD),
        ({"takerAmount": "-5"}, errors.BAD_PAYLOAD),
        ({"takerAmount": str(2**256)}, errors.BAD_PAYLOAD),
        ({"side": "HOLD"}, errors.BAD_PAYLOAD),
        ({"signatureType": 4}, errors.BAD_PAYLOAD),
        ({"metadata": "0x12"}, errors.BAD_PAYLOAD),
        ({"signature": "0xzz"}, errors.BAD_PAYLOAD),
        ({"more": 1}, errors.BAD_PAYLOAD),
        ({"tokenId": "12345"}, errors.BAD_TOKEN),
        ({"signature": "0x"}, errors.BAD_SIGNATURE),
        ({"signature": "0x" + "11" * 65}, errors.BAD_SIGNATURE),
        ({"salt": 1}, errors.BAD_SIGNATURE),
        ({"signatureType": 1}, errors.BAD_SIGNATURE),
        ({"signatureType": 3}, errors.BAD_SIGNATURE),
        ({"makerAmount": "4000001"}, "breaks minimum tick size rule"),
        ({"makerAmount": "10000000"}, "breaks minimum tick size rule"),
        ({"makerAmount": "1600000", "takerAmount": "4000000"}, "lower than the minimum: 5"),
        ({"timestamp": "1000"}, errors.BAD_TIMESTAMP),
        ({"expiration": "5"}, errors.BAD_EXPIRATION),
    ],
)
def test_bad_orders_are_refused_in_the_venues_words(
    send, payload, traders, listing, changed, error
):
    status, said = send(payload(**changed))
    assert status == 400
    assert error in said
    assert nothing_changed(traders, listing)


def test_an_order_of_somebody_else_is_refused(send, payload, traders, listing):
    bob = traders.bob.client
    assert send(payload(owner=bob.creds.api_key)) == (400, errors.FOREIGN_OWNER)
    theirs = bob.create_order(
        OrderArgsV2(token_id=listing.token_ids[0], price=0.4, size=10, side="BUY")
    )
    body = order_to_json_v2(theirs, traders.alice.client.creds.api_key, OrderType.GTC)
    assert send(json.dumps(body, separators=(",", ":"))) == (400, errors.FOREIGN_SIGNER)
    assert nothing_changed(traders, listing)


def test_a_replayed_order_is_refused_even_when_it_is_gone(send, payload, traders, listing):
    body = payload()
    assert send(body) == (200, None)
    assert send(body) == (400, errors.DUPLICATED)
    (placed,) = traders.alice.client.get_open_orders(OpenOrderParams(market=listing.condition_id))
    traders.alice.client.cancel_order(OrderPayload(orderID=placed["id"]))
    assert send(body) == (400, errors.DUPLICATED)


def test_more_than_is_there_is_refused(traders, listing):
    yes, _ = listing.token_ids
    with pytest.raises(PolyApiException, match=errors.NO_FUNDS):
        order(traders.alice, yes, "SELL", 0.4, 10)
    with pytest.raises(PolyApiException, match=errors.NO_FUNDS):
        order(traders.alice, yes, "BUY", 0.9, 2_000_000)
    assert nothing_changed(traders, listing)


@pytest.mark.parametrize("skew", [-3_600, 3_600])
def test_a_wrong_clock_is_refused(server, traders, skew):
    client = traders.alice.client
    request = RequestArgs(method="GET", request_path="/data/orders")
    now = int(time.time()) + skew
    headers = create_level_2_headers(client.signer, client.creds, request, timestamp=now)
    answer = httpx.get(f"{server.url}/data/orders", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, errors.UNAUTHORIZED)
    headers = create_level_1_headers(client.signer, timestamp=now)
    answer = httpx.get(f"{server.url}/auth/derive-api-key", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, errors.BAD_L1)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("POLY_SIGNATURE", "AAAA"),
        ("POLY_API_KEY", "nobody"),
        ("POLY_PASSPHRASE", "open"),
        ("POLY_ADDRESS", "0x" + "00" * 20),
        ("POLY_TIMESTAMP", "soon"),
    ],
)
def test_unsigned_requests_are_refused(send, payload, traders, listing, header, value):
    assert send(payload(), **{header: value}) == (401, errors.UNAUTHORIZED)
    assert nothing_changed(traders, listing)


def test_a_changed_body_is_no_longer_signed(server, traders, payload):
    client = traders.alice.client
    request = RequestArgs(method="POST", request_path="/order", serialized_body=payload())
    headers = create_level_2_headers(client.signer, client.creds, request)
    answer = httpx.post(f"{server.url}/order", content=payload(), headers=headers)
    assert answer.status_code == 401


def test_l1_needs_the_addresss_own_signature(server, traders):
    mine = create_level_1_headers(traders.alice.client.signer)
    for stolen in (
        mine | {"POLY_ADDRESS": traders.bob.account.address},
        mine | {"POLY_SIGNATURE": "0x12"},
        mine | {"POLY_NONCE": "1"},
        {},
    ):
        answer = httpx.post(f"{server.url}/auth/api-key", headers=stolen)
        assert (answer.status_code, answer.json()["error"]) == (401, errors.BAD_L1)


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/book?token_id=x", 400, errors.BAD_TOKEN),
        ("/book", 400, errors.BAD_TOKEN),
        ("/book?token_id=77", 404, errors.NO_BOOK),
        ("/price?token_id=77&side=BUY", 404, errors.NO_BOOK),
        ("/price?token_id=77&side=HOLD", 400, errors.BAD_SIDE),
        ("/markets?next_cursor=!", 400, "invalid next_cursor"),
        ("/markets?next_cursor=LTU=", 400, "invalid next_cursor"),
    ],
)
def test_bad_questions(server, path, status, error):
    answer = httpx.get(server.url + path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


# the fault switch


def test_modes_of_the_venue(traders, book, faults):
    def refused(status, error):
        with pytest.raises(PolyApiException) as refusal:
            order(traders.alice, book.yes, "BUY", 0.3, 10)
        assert refusal.value.status_code == status
        assert error in str(refusal.value)

    cancel = OrderPayload(orderID=book.bid["orderID"])
    faults(mode="restarting")
    refused(425, errors.RESTARTING)
    with pytest.raises(PolyApiException):
        traders.alice.client.cancel_order(cancel)
    faults(mode="disabled")
    refused(503, errors.DISABLED)
    with pytest.raises(PolyApiException):
        traders.alice.client.cancel_order(cancel)
    faults(mode="post_only")
    refused(503, errors.POST_ONLY)
    assert order(traders.alice, book.yes, "BUY", 0.3, 10, post_only=True)["status"] == "live"
    faults(mode="cancel_only")
    refused(503, errors.CANCEL_ONLY)
    assert traders.alice.client.cancel_order(cancel)["canceled"] == [book.bid["orderID"]]
    faults()
    assert order(traders.alice, book.yes, "BUY", 0.3, 10)["status"] == "live"


@pytest.mark.parametrize("status", [425, 429, 500, 502])
def test_the_next_requests_fail(traders, faults, status):
    faults(fail_status=status, fail_count=2)
    for _ in range(2):
        with pytest.raises(PolyApiException) as refusal:
            traders.alice.client.get_ok()
        assert refusal.value.status_code == status
    assert traders.alice.client.get_ok() == "OK"


def test_answers_are_late(traders, faults):
    faults(delay_ms=300)
    start = time.monotonic()
    traders.alice.client.get_ok()
    assert time.monotonic() - start >= 0.3


def test_a_lost_answer_leaves_the_order_standing(traders, listing, faults):
    faults(lose_answers=1)
    with pytest.raises(PolyApiException) as refusal:
        order(traders.alice, listing.token_ids[0], "BUY", 0.3, 10)
    assert refusal.value.status_code == 500
    assert (
        len(traders.alice.client.get_open_orders(OpenOrderParams(market=listing.condition_id))) == 1
    )


def test_a_settlement_that_reverts_moves_nothing(traders, book, faults, venue):
    faults(settlement_reverts=1)
    before = venue.pusd.balanceOf(traders.alice.account)
    taken = order(traders.alice, book.yes, "BUY", 0.45, 30)
    assert taken["status"] == "matched"
    trade = settled(traders.alice.client, taken["tradeIDs"][0])
    assert trade["status"] == "FAILED"
    assert venue.pusd.balanceOf(traders.alice.account) == before
    assert has(venue, traders.alice.account, book.yes) == 0
    faults()
    again = order(traders.alice, book.yes, "BUY", 0.45, 50)  # what was reserved is free again
    assert settled(traders.alice.client, again["tradeIDs"][0])["status"] == "CONFIRMED"


def test_a_late_settlement_is_followed_by_its_trade(traders, book, faults):
    faults(settlement_delay_ms=2_500)
    client = traders.alice.client
    args = OrderArgsV2(token_id=book.yes, price=0.45, size=10, side="BUY")
    taken = client.post_order(client.create_order(args), defer_exec=True)
    (trade,) = client.get_trades(TradeParams(id=taken["tradeIDs"][0]))
    assert (trade["status"], trade["transaction_hash"]) == ("MATCHED_NOT_BROADCASTED", "")
    assert settled(client, trade["id"])["status"] == "CONFIRMED"


def test_the_switch_itself_refuses_nonsense(server):
    for what in ({"mode": "party"}, {"delay_ms": -1}, {"unknown": 1}, [], None):
        answer = httpx.put(f"{server.url}/devnet/faults", json=what)
        assert answer.status_code == 400
    assert httpx.get(f"{server.url}/devnet/faults").json()["mode"] == "normal"
