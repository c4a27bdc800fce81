"""The official client's own calls, unmodified, one test an endpoint."""

import time
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from py_clob_client_v2.clob_types import (
    AssetType,
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgsV2,
    OpenOrderParams,
    OrderArgsV2,
    OrderMarketCancelParams,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
    TradeParams,
)
from py_clob_client_v2.exceptions import PolyApiException
from strongroom.devnet import polymarket
from strongroom.information.gamma import FeeSchedule

from tests.defaults import UNIT
from tests.e2e.clob_orders import PATIENCE_S, has, order, settled

# the service


def test_ok_version_and_time(traders):
    client = traders.alice.client
    assert client.get_ok() == "OK"
    assert client.get_version() == 2
    assert abs(client.get_server_time() - time.time()) < PATIENCE_S


def test_api_keys_are_derived_again_and_bound_to_their_owner(traders, connect):
    client = traders.alice.client
    assert client.derive_api_key() == client.creds
    with pytest.raises(PolyApiException) as refused:
        client.create_api_key()
    assert refused.value.status_code == 400
    second = client.create_api_key(nonce=7)
    assert second.api_key != client.creds.api_key
    assert set(client.get_api_keys()["apiKeys"]) >= {client.creds.api_key, second.api_key}
    assert traders.bob.client.creds.api_key not in client.get_api_keys()["apiKeys"]
    assert client.get_closed_only_mode() == {"closed_only": False}
    mine = client.creds
    client.set_api_creds(second)
    assert client.delete_api_key() == "OK"
    with pytest.raises(PolyApiException) as refused:
        client.get_open_orders()
    assert refused.value.status_code == 401
    client.set_api_creds(mine)


# markets


def test_markets_are_the_recorded_ones(traders, devnet, recorded):
    page = traders.alice.client.get_markets()
    assert page["next_cursor"] == "LTE="
    assert page["count"] == len(page["data"]) == len(recorded)
    assert [each["condition_id"] for each in page["data"]] == [
        market.condition_id for market in recorded
    ]
    assert traders.alice.client.get_sampling_markets() == page
    simple = traders.alice.client.get_simplified_markets()
    assert simple["data"][0]["tokens"][0]["token_id"] == str(recorded[0].token_ids[0])


def test_token_ids_are_the_real_ones_on_this_chain(venue, recorded):
    for market in (recorded[0], recorded[-1]):
        collateral = venue.wrapped if market.negative_risk else venue.usdc
        for index_set, token in enumerate(market.token_ids, start=1):
            collection = venue.ctf.getCollectionId(b"\0" * 32, market.condition_id, index_set)
            assert venue.ctf.getPositionId(collateral, collection) == token


def test_market_and_its_parameters(traders, listing, devnet):
    client = traders.alice.client
    yes, no = listing.token_ids
    shown = client.get_market(listing.condition_id)
    assert shown["question"] == listing.question
    assert [each["token_id"] for each in shown["tokens"]] == [yes, no]
    assert client.get_tick_size(yes) == str(float(listing.tick))
    assert client.get_neg_risk(yes) is False
    assert client.get_fee_rate_bps(yes) == 0
    event = next(each for each in devnet.listings if each.negative_risk)
    assert client.get_neg_risk(event.token_ids[0]) is True
    info = client.get_clob_market_info(listing.condition_id)
    assert (info["t"][1]["t"], info["nr"]) == (no, False)
    with pytest.raises(PolyApiException) as refused:
        client.get_market("0x" + "00" * 32)
    assert refused.value.status_code == 404


# books and prices


def test_book_shows_both_tokens_and_its_hash(traders, book):
    client = traders.alice.client
    shown = client.get_order_book(book.yes)
    assert shown["bids"] == [{"price": "0.4", "size": "100"}]
    assert shown["asks"] == [{"price": "0.45", "size": "80"}]
    assert shown["hash"] == client.get_order_book_hash(dict(shown))
    mirrored = client.get_order_book(book.no)
    assert mirrored["bids"] == [{"price": "0.55", "size": "80"}]
    assert mirrored["asks"] == [{"price": "0.6", "size": "100"}]
    both = client.get_order_books([BookParams(book.yes), BookParams(book.no)])
    assert [each["asset_id"] for each in both] == [book.yes, book.no]


def test_prices_midpoints_and_spreads(traders, book):
    client = traders.alice.client
    assert client.get_price(book.yes, "BUY") == {"price": "0.4"}
    assert client.get_price(book.yes, "SELL") == {"price": "0.45"}
    asked = [BookParams(book.yes, "BUY"), BookParams(book.no, "SELL")]
    assert client.get_prices(asked) == {book.yes: {"BUY": "0.4"}, book.no: {"SELL": "0.6"}}
    assert client.get_midpoint(book.yes) == {"mid": "0.425"}
    assert client.get_midpoints([BookParams(book.no)]) == {book.no: "0.575"}
    assert client.get_spread(book.yes) == {"spread": "0.05"}
    assert client.get_spreads([BookParams(book.no)]) == {book.no: "0.05"}


def test_last_trade_price(traders, book):
    client = traders.alice.client
    assert client.get_last_trade_price(book.yes) == {"price": "0.5", "side": ""}
    order(traders.alice, book.yes, "BUY", 0.45, 10)
    assert client.get_last_trade_price(book.yes) == {"price": "0.45", "side": "BUY"}
    asked = [BookParams(book.yes)]
    assert client.get_last_trades_prices(asked) == [
        {"token_id": book.yes, "price": "0.45", "side": "BUY"}
    ]


# orders


def test_gtc_rests_and_is_cancelled(traders, book):
    client = traders.alice.client
    assert book.bid["status"] == "live"
    (open_order,) = client.get_open_orders(OpenOrderParams(market=book.listing.condition_id))
    assert (open_order["id"], open_order["price"]) == (book.bid["orderID"], "0.4")
    assert client.get_order(book.bid["orderID"])["original_size"] == "100"
    done = client.cancel_order(OrderPayload(orderID=book.bid["orderID"]))
    assert done == {"canceled": [book.bid["orderID"]], "not_canceled": {}}
    again = client.cancel_order(OrderPayload(orderID=book.bid["orderID"]))
    assert again["canceled"] == []
    assert "already canceled or matched" in again["not_canceled"][book.bid["orderID"]]
    assert client.get_order(book.bid["orderID"])["status"] == "CANCELED"
    assert client.get_order_book(book.yes)["bids"] == []


def test_orders_of_others_can_be_neither_seen_nor_cancelled(traders, book):
    client = traders.bob.client
    assert client.get_order(book.bid["orderID"]) is None
    assert client.cancel_order(OrderPayload(orderID=book.bid["orderID"]))["canceled"] == []
    assert client.get_order_book(book.yes)["bids"] == [{"price": "0.4", "size": "100"}]


def test_complementary_mint_and_merge_settle_on_chain(traders, listing, venue):
    """Alice and Bob mint, Alice sells her YES to Bob's bid, both ends merge: all sums are known."""
    alice, bob = traders.alice, traders.bob
    yes, no = listing.token_ids
    start = {
        "alice": venue.pusd.balanceOf(alice.account),
        "bob": venue.pusd.balanceOf(bob.account),
    }
    order(bob, no, "BUY", 0.60, 50)
    minted = order(alice, yes, "BUY", 0.45, 50)  # bids .45, gets .40: Bob pays .60 for NO
    assert (minted["makingAmount"], minted["takingAmount"]) == ("22.5", "50")
    assert settled(alice.client, minted["tradeIDs"][0])["status"] == "CONFIRMED"
    assert has(venue, alice.account, yes) == has(venue, bob.account, no) == 50 * UNIT
    assert venue.pusd.balanceOf(alice.account) == start["alice"] - 20 * UNIT
    assert venue.pusd.balanceOf(bob.account) == start["bob"] - 30 * UNIT

    for trader, token in ((alice, yes), (bob, no)):
        trader.client.update_balance_allowance(
            BalanceAllowanceParams(asset_type=AssetType.CONDITIONAL, token_id=token)
        )
    order(bob, yes, "BUY", 0.50, 20)
    sold = order(alice, yes, "SELL", 0.50, 20)
    settled(alice.client, sold["tradeIDs"][0])
    assert venue.pusd.balanceOf(alice.account) == start["alice"] - 10 * UNIT
    assert has(venue, bob.account, yes) == 20 * UNIT

    order(bob, no, "SELL", 0.45, 30)
    merged = order(alice, yes, "SELL", 0.55, 30)
    settled(alice.client, merged["tradeIDs"][0])
    assert venue.pusd.balanceOf(alice.account) == start["alice"] + UNIT * 13 // 2
    assert venue.pusd.balanceOf(bob.account) == start["bob"] - 40 * UNIT + UNIT * 27 // 2
    assert has(venue, alice.account, yes) == 0
    assert has(venue, bob.account, no) == 20 * UNIT


def test_gtd_ends_at_its_time_and_needs_three_minutes(traders, listing):
    yes, _ = listing.token_ids
    with pytest.raises(PolyApiException, match="invalid expiration"):
        order(
            traders.alice,
            yes,
            "BUY",
            0.4,
            10,
            expiration=int(time.time()) + 170,
            order_type=OrderType.GTD,
        )
    placed = order(
        traders.alice,
        yes,
        "BUY",
        0.4,
        10,
        expiration=int(time.time()) + 180 + PATIENCE_S,
        order_type=OrderType.GTD,
    )
    assert placed["status"] == "live"
    shown = traders.alice.client.get_order(placed["orderID"])
    assert (shown["order_type"], shown["status"]) == ("GTD", "LIVE")
    with pytest.raises(PolyApiException, match="invalid expiration"):
        order(traders.alice, yes, "BUY", 0.4, 10, expiration=int(time.time()) + 180 + PATIENCE_S)


def test_fok_fills_whole_or_dies(traders, book):
    client = traders.alice.client

    def buy(amount, order_type):
        args = MarketOrderArgsV2(
            token_id=book.yes, amount=amount, side="BUY", price=0.45, order_type=order_type
        )
        return client.create_and_post_market_order(args, order_type=order_type)

    with pytest.raises(PolyApiException, match="FOK orders are fully filled or killed"):
        buy(45, OrderType.FOK)  # 100 tokens; 80 are there
    filled = buy(18, OrderType.FOK)
    assert (filled["status"], filled["takingAmount"]) == ("matched", "40")
    rest = buy(45, OrderType.FAK)
    assert rest["takingAmount"] == "40"
    with pytest.raises(PolyApiException, match="no orders found to match with FAK order"):
        buy(45, OrderType.FAK)


def test_post_only_never_takes(traders, book):
    with pytest.raises(PolyApiException, match="order crosses book"):
        order(traders.alice, book.yes, "BUY", 0.45, 10, post_only=True)
    placed = order(traders.alice, book.yes, "BUY", 0.44, 10, post_only=True)
    assert placed["status"] == "live"


def test_post_orders_answers_each(traders, listing):
    client = traders.alice.client
    yes, _ = listing.token_ids
    orders = [
        client.create_order(OrderArgsV2(token_id=yes, price=price, size=size, side="BUY"))
        for price, size in ((0.3, 10), (0.31, 10), (0.32, 2))
    ]
    answers = client.post_orders([PostOrdersV2Args(each, OrderType.GTC) for each in orders])
    assert [each["success"] for each in answers] == [True, True, False]
    assert "lower than the minimum: 5" in answers[2]["errorMsg"]
    ids = [each["orderID"] for each in answers[:2]]
    assert client.cancel_orders([*ids, "0x12"])["canceled"] == ids


def test_cancel_by_market_and_all(traders, listing, _unused):
    other = next(_unused)
    client = traders.alice.client
    client.cancel_all()
    first = [order(traders.alice, token, "BUY", 0.2, 10) for token in listing.token_ids]
    second = order(traders.alice, other.token_ids[0], "BUY", 0.2, 10)
    by_token = OrderMarketCancelParams(market=listing.condition_id, asset_id=listing.token_ids[1])
    assert client.cancel_market_orders(by_token)["canceled"] == [first[1]["orderID"]]
    by_market = OrderMarketCancelParams(market=listing.condition_id)
    assert client.cancel_market_orders(by_market)["canceled"] == [first[0]["orderID"]]
    assert client.cancel_all()["canceled"] == [second["orderID"]]
    assert client.get_open_orders() == []


def test_trades_name_both_sides(traders, book):
    taken = order(traders.alice, book.yes, "BUY", 0.45, 30)
    trade = settled(traders.alice.client, taken["tradeIDs"][0])
    assert taken["transactionsHashes"] == [trade["transaction_hash"]]
    assert (trade["trader_side"], trade["price"], trade["size"]) == ("TAKER", "0.45", "30")
    (maker,) = trade["maker_orders"]
    assert (maker["order_id"], maker["price"]) == (book.ask["orderID"], "0.55")
    seen = settled(traders.bob.client, trade["id"])
    assert seen["trader_side"] == "MAKER"
    by_market = TradeParams(market=book.listing.condition_id)
    assert [each["id"] for each in traders.bob.client.get_trades(by_market)] == [trade["id"]]


def test_price_then_time(traders, listing):
    yes, _ = listing.token_ids
    first = order(traders.bob, yes, "BUY", 0.30, 10)
    second = order(traders.bob, yes, "BUY", 0.30, 10)
    better = order(traders.bob, yes, "BUY", 0.31, 10)
    taken = order(traders.alice, listing.token_ids[1], "BUY", 0.70, 15)
    assert len(taken["tradeIDs"]) == 2  # one a price
    filled = {
        name: traders.bob.client.get_order(each["orderID"])["size_matched"]
        for name, each in (("better", better), ("first", first), ("second", second))
    }
    assert filled == {"better": "10", "first": "5", "second": "0"}


# balances


def test_balance_is_seen_after_its_update_only(connect, venue, deployer, accounts):
    account = accounts[13]
    client = connect(account)
    params = BalanceAllowanceParams(asset_type=AssetType.COLLATERAL)
    assert client.get_balance_allowance(params)["balance"] == "0"
    venue.fund(deployer, account, 70 * UNIT)
    venue.pusd.approve(venue.exchange, 60 * UNIT, sender=account)
    assert client.get_balance_allowance(params)["balance"] == "0"
    client.update_balance_allowance(params)
    seen = client.get_balance_allowance(params)
    assert seen["balance"] == str(70 * UNIT)
    assert seen["allowances"][polymarket.ADDRESSES["exchange"]] == str(60 * UNIT)


def test_reserved_funds_are_not_promised_twice(connect, venue, deployer, accounts, listing):
    account = accounts[12]
    venue.fund(deployer, account, 10 * UNIT)
    venue.pusd.approve(venue.exchange, 2**256 - 1, sender=account)
    poor = SimpleNamespace(account=account, client=connect(account))
    yes, _ = listing.token_ids
    first = order(poor, yes, "BUY", 0.5, 12)
    with pytest.raises(PolyApiException, match="not enough balance / allowance"):
        order(poor, yes, "BUY", 0.5, 9)
    poor.client.cancel_order(OrderPayload(orderID=first["orderID"]))
    assert order(poor, yes, "BUY", 0.5, 20)["status"] == "live"


def test_the_allowance_counts_as_the_balance_does(connect, venue, deployer, accounts, listing):
    account = accounts[16]
    venue.fund(deployer, account, 10 * UNIT)
    venue.pusd.approve(venue.exchange, 4 * UNIT, sender=account)
    wary = SimpleNamespace(account=account, client=connect(account))
    yes, _ = listing.token_ids
    with pytest.raises(PolyApiException, match="not enough balance / allowance"):
        order(wary, yes, "BUY", 0.5, 9)
    assert order(wary, yes, "BUY", 0.5, 8)["status"] == "live"


def test_fees_follow_the_schedule(traders, listing, server, venue, deployer):
    """Rate .05, exponent 1: 100 at .40 cost .05 * 100 * .4 * .6 = 1.2 on top."""
    with_fees = replace(listing, fees=FeeSchedule(Decimal("0.05"), 1))
    server.engine.data.add(with_fees)
    yes, no = listing.token_ids
    assert traders.alice.client.get_clob_market_info(listing.condition_id)["fd"]["r"] == 0.05
    order(traders.bob, no, "BUY", 0.60, 100)
    before = venue.pusd.balanceOf(traders.alice.account)
    fees = venue.pusd.balanceOf(deployer)
    taken = order(traders.alice, yes, "BUY", 0.40, 100)
    trade = settled(traders.alice.client, taken["tradeIDs"][0])
    assert (trade["status"], trade["fee"]) == ("CONFIRMED", "1.2")
    assert venue.pusd.balanceOf(traders.alice.account) == before - 41_200_000
    assert venue.pusd.balanceOf(deployer) == fees + 1_200_000


def test_heartbeats_that_stop_cancel_the_orders(connect, venue, deployer, accounts, listing):
    account = accounts[11]
    venue.fund(deployer, account, 100 * UNIT)
    venue.pusd.approve(venue.exchange, 2**256 - 1, sender=account)
    trader = SimpleNamespace(account=account, client=connect(account))
    placed = order(trader, listing.token_ids[0], "BUY", 0.3, 10)
    first = trader.client.post_heartbeat()["heartbeat_id"]
    second = trader.client.post_heartbeat(first)["heartbeat_id"]
    with pytest.raises(PolyApiException) as refused:
        trader.client.post_heartbeat(first)
    assert refused.value.status_code == 400
    assert second in str(refused.value)
    assert trader.client.get_order(placed["orderID"])["status"] == "LIVE"
    deadline = time.monotonic() + PATIENCE_S
    while trader.client.get_order(placed["orderID"])["status"] == "LIVE":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert trader.client.get_order(placed["orderID"])["status"] == "CANCELED"
