"""The websocket channels: what a listener hears of books, orders and trades."""

from dataclasses import replace
from decimal import Decimal

import pytest
from py_clob_client_v2.clob_types import OrderPayload
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_socket

from tests.e2e.clob_orders import PATIENCE_S, order


def credentials(client):
    creds = client.creds
    return {
        "apiKey": creds.api_key,
        "secret": creds.api_secret,
        "passphrase": creds.api_passphrase,
    }


def test_market_channel_tells_books_changes_and_trades(traders, book, listen):
    ear = listen("market", assets_ids=[book.yes], type="market")
    snapshot = ear.hear("book")
    assert snapshot["bids"] == [{"price": "0.4", "size": "100"}]
    order(traders.alice, book.yes, "BUY", 0.41, 10)
    change = ear.hear("price_change")
    assert change["market"] == book.listing.condition_id
    yes, no = change["price_changes"]
    assert (yes["asset_id"], yes["side"], yes["price"], yes["size"]) == (
        book.yes,
        "BUY",
        "0.41",
        "10",
    )
    assert (yes["best_bid"], yes["best_ask"]) == ("0.41", "0.45")
    assert (no["side"], no["price"], no["best_ask"]) == ("SELL", "0.59", "0.59")
    assert yes["hash"] == traders.alice.client.get_order_book(book.yes)["hash"]
    order(traders.alice, book.yes, "BUY", 0.45, 30)
    last = ear.hear("last_trade_price")
    assert (last["price"], last["size"], last["side"]) == ("0.45", "30", "BUY")
    assert ear.hear("book")["asks"] == [{"price": "0.45", "size": "50"}]


def test_market_channel_tells_a_new_tick(server, listing, listen):
    ear = listen("market", assets_ids=list(listing.token_ids), type="market")
    ear.hear("book")
    server.engine.data.add(replace(listing, tick=Decimal("0.0001")))
    change = ear.hear("tick_size_change")
    assert (change["old_tick_size"], change["new_tick_size"]) == (str(listing.tick), "0.0001")
    assert change["asset_id"] == listing.token_ids[0]


def test_user_channel_follows_orders_and_trades_to_their_end(traders, listing, listen):
    yes, no = listing.token_ids
    ear = listen(
        "user",
        auth=credentials(traders.bob.client),
        markets=[listing.condition_id],
        type="user",
    )
    ear.is_heard()
    placed = order(traders.bob, no, "BUY", 0.6, 20)
    first = ear.hear("order")
    assert (first["type"], first["id"], first["status"]) == ("PLACEMENT", placed["orderID"], "LIVE")
    order(traders.alice, yes, "BUY", 0.4, 5)
    update = ear.hear("order")
    assert (update["type"], update["size_matched"]) == ("UPDATE", "5")
    statuses = [ear.hear("trade")["status"] for _ in range(3)]
    assert statuses == ["MATCHED", "MINED", "CONFIRMED"]
    traders.bob.client.cancel_order(OrderPayload(orderID=placed["orderID"]))
    last = ear.hear("order")
    assert (last["type"], last["status"]) == ("CANCELLATION", "CANCELED")


def test_user_channel_needs_credentials(listen, traders):
    wrong = credentials(traders.bob.client) | {"secret": "nonsense"}
    ear = listen("user", auth=wrong, markets=[], type="user")
    with pytest.raises(ConnectionClosed):
        ear.socket.recv(timeout=PATIENCE_S)


def test_pings_are_answered_and_nonsense_does_no_harm(listen, server):
    ear = listen("market", assets_ids=["nonsense"], type="market")
    ear.is_heard()
    with open_socket(f"{server.url.replace('http', 'ws')}/ws/market") as socket:
        socket.send("no json {")
        assert socket.recv(timeout=PATIENCE_S) == "INVALID OPERATION"
        socket.send('{"operation":"sing"}')
        assert socket.recv(timeout=PATIENCE_S) == "INVALID OPERATION"
        socket.send("PING")
        assert socket.recv(timeout=PATIENCE_S) == "PONG"


def test_faults_drop_duplicate_and_swap_messages(traders, listing, listen, faults):
    yes, _ = listing.token_ids
    ear = listen("market", assets_ids=[yes], type="market")
    ear.hear("book")
    faults(duplicate_messages=1)
    order(traders.alice, yes, "BUY", 0.2, 10)
    assert ear.hear("price_change") == ear.hear("price_change")
    faults(swap_messages=1)
    order(traders.alice, yes, "BUY", 0.21, 10)
    order(traders.alice, yes, "BUY", 0.22, 10)
    order(traders.alice, yes, "BUY", 0.23, 10)
    order(traders.alice, yes, "BUY", 0.24, 10)
    prices = [ear.hear("price_change")["price_changes"][0]["price"] for _ in range(4)]
    # the first was taken from the queue before the switch was turned
    assert sorted(prices) == ["0.21", "0.22", "0.23", "0.24"]
    assert prices != sorted(prices)
    faults(drop_sockets=1)
    order(traders.alice, yes, "BUY", 0.25, 10)
    with pytest.raises(ConnectionClosed):
        for _ in range(10):
            ear.socket.recv(timeout=PATIENCE_S)
