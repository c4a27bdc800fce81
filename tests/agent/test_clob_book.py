"""The book by itself, and a service whose chain is away."""

import asyncio

import pytest
from strongroom.chain.units import MICRO
from strongroom.devnet.clob.book import BUY, NO, SELL, YES, OrderBook, RestingOrder
from strongroom.devnet.clob.node import RpcError, VenueNode

CENT = MICRO // 100


def entry(order_id, side, outcome, cents, size):
    return RestingOrder(order_id, side, outcome, cents * CENT, size)


@pytest.fixture
def book():
    """Asks for YES: 10 at .55 (a SELL), 20 at .55 (a BUY of NO at .45), 5 at .60."""
    made = OrderBook()
    made.rest(entry("sell", SELL, YES, 55, 10))
    made.rest(entry("buy no", BUY, NO, 45, 20))
    made.rest(entry("dear", SELL, YES, 60, 5))
    return made


def test_both_tokens_show_one_book(book):
    assert book.levels(YES) == ([], [(55 * CENT, 30), (60 * CENT, 5)])
    assert book.levels(NO) == ([(45 * CENT, 30), (40 * CENT, 5)], [])


def test_best_price_first_and_in_order_of_arrival(book):
    taker = entry("taker", BUY, YES, 58, 25)
    assert book.depth(taker) == 25
    taken = [(match.order_id, match.yes_price, match.size) for match in book.take(taker)]
    assert taken == [("sell", 55 * CENT, 10), ("buy no", 55 * CENT, 15)]
    assert taker.size == 0
    assert "sell" not in book
    assert book.levels(YES)[1] == [(55 * CENT, 5), (60 * CENT, 5)]


def test_what_does_not_cross_does_not_trade(book):
    low = entry("low", BUY, YES, 54, 25)
    assert (book.crosses(low), book.depth(low), book.take(low)) == (False, 0, [])
    book.rest(low)
    assert book.levels(YES)[0] == [(54 * CENT, 25)]
    sale_of_no = entry("no", SELL, NO, 46, 4)  # the same as a BUY of YES at .54
    assert [match.order_id for match in book.take(entry("x", SELL, YES, 54, 3))] == ["low"]
    book.rest(sale_of_no)
    assert book.levels(YES)[0] == [(54 * CENT, 26)]


def test_a_removed_order_is_gone_for_good(book):
    book.remove("buy no")
    assert book.levels(YES)[1] == [(55 * CENT, 10), (60 * CENT, 5)]
    with pytest.raises(KeyError):
        book.remove("buy no")


def test_a_chain_that_is_away_is_an_error_of_ours():
    async def ask():
        node = VenueNode("http://127.0.0.1:9")
        try:
            await node.block_number()
        finally:
            await node.close()

    with pytest.raises(RpcError, match=r"127\.0\.0\.1:9"):
        asyncio.run(ask())
