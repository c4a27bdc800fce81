"""Books kept by the market channel: gaps, doubles, wrong order and dead sockets are found."""

import time
from types import SimpleNamespace

import pytest
from strongroom.information.books import BookReader
from strongroom.information.kept_books import KeptBooks
from strongroom.information.stream import MarketStream

from tests.e2e.clob_orders import PATIENCE_S, order


@pytest.fixture
def place(server, listing):
    books, reader = KeptBooks(), BookReader(server.url)
    stream = MarketStream(f"{server.url.replace('http', 'ws')}/ws/market", reader, books)
    tokens = [int(token) for token in listing.token_ids]
    yield SimpleNamespace(books=books, reader=reader, stream=stream, listing=listing, tokens=tokens)
    stream.stop()


def wait(until):
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def same(place):
    """Whether the kept books are the venue's."""
    theirs = place.reader.read(place.tokens, int(time.time())).books
    for token, book in theirs.items():
        kept = place.books.get(token)
        if kept is None or (kept.bids, kept.asks) != (book.bids, book.asks):
            return False
    return True


def trade(traders, listing, rounds=12):
    """Change the book in many ways."""
    yes, no = listing.token_ids
    for number in range(rounds):
        price = 0.30 + 0.01 * (number % 7)
        order(traders.alice, yes, "BUY", price, 20 + number)
        order(traders.bob, no, "BUY", 0.50 - 0.01 * (number % 5), 15 + number)
    order(traders.bob, no, "BUY", 0.70, 30)  # takes some of Alice's


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"duplicate_messages": 1.0},
        {"swap_messages": 0.5, "seed": 5},
        {"drop_sockets": 4},
        {"duplicate_messages": 0.5, "swap_messages": 0.3, "drop_sockets": 2, "seed": 9},
    ],
    ids=["well", "doubled", "reordered", "dropped", "all"],
)
def test_kept_books_end_as_the_venues(place, traders, faults, fault):
    place.stream.follow(place.tokens)
    wait(lambda: same(place))
    faults(**fault)
    trade(traders, place.listing)
    faults()
    wait(lambda: same(place))
    assert place.stream.audit(int(time.time())) == 0
    if "drop_sockets" in fault:
        assert place.stream.reconnects >= 1


def test_a_frozen_socket_is_found_by_comparison_and_made_new(place, traders, faults):
    """It answers pings and tells nothing of what changes."""
    place.stream.follow(place.tokens)
    wait(lambda: same(place))
    assert place.stream.audit(int(time.time())) == 0
    yes, _ = place.tokens
    faults(freeze_sockets=1)
    order(traders.alice, str(yes), "BUY", 0.40, 20)
    time.sleep(0.3)
    assert not same(place)
    assert place.stream.audit(int(time.time())) > 0
    order(traders.alice, str(yes), "BUY", 0.41, 20)
    wait(lambda: place.stream.reconnects and same(place))
    wait(lambda: place.books.get(yes).bid == 410_000)


def test_bursts_and_empty_frames_cost_nothing(place, traders, habits):
    habits(bursts=True, empty_frames=0.5, unknown_events=0.5)
    place.stream.follow(place.tokens)
    wait(lambda: same(place))
    trade(traders, place.listing)
    wait(lambda: same(place))
    assert (place.books.gaps, place.stream.reconnects) == (0, 0)
    assert place.stream.skipped["an empty frame"] > 0


def test_a_change_that_was_missed_is_found_by_the_best_prices(place, traders):
    """A level vanishes from our book as if its message had been lost."""
    place.stream.follow(place.tokens)
    yes, _ = place.tokens
    order(traders.alice, str(yes), "BUY", 0.40, 20)
    wait(lambda: same(place) and place.books.get(yes).bid == 400_000)
    kept = place.books._kept[yes]
    kept.book = type(kept.book)((), kept.book.asks, kept.book.seen_at, kept.book.hash)
    order(traders.alice, str(yes), "BUY", 0.35, 10)  # the message says that the best bid is .40
    wait(lambda: place.books.gaps > 0)
    wait(lambda: same(place))


def test_a_lost_level_behind_the_best_is_found_by_the_comparison(place, traders):
    place.stream.follow(place.tokens)
    yes, _ = place.tokens
    order(traders.alice, str(yes), "BUY", 0.40, 20)
    order(traders.alice, str(yes), "BUY", 0.30, 20)
    wait(lambda: same(place) and len(place.books.get(yes).bids) == 2)
    kept = place.books._kept[yes]
    bids = kept.book.bids[:1]
    kept.book = type(kept.book)(bids, kept.book.asks, kept.book.seen_at, "lost")
    assert place.stream.audit(int(time.time())) == 1
    assert same(place)


def test_a_book_of_a_dead_connection_is_not_given_out(place, server):
    place.stream.follow(place.tokens)
    wait(lambda: same(place))
    place.stream.stop()
    assert all(place.books.get(token) is None for token in place.tokens)
