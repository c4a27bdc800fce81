"""Books and the market channel: what cannot be read costs itself alone, and is named.

The answers follow VENUE e1 and e4; keeper.md K10 to K14 has the cases.
"""

import json
import threading
import time
from decimal import Decimal

import httpx
import pytest
from strongroom.chain.units import MICRO
from strongroom.information import stream as stream_module
from strongroom.information.books import (
    BadBook,
    BookReader,
    BooksAway,
    Snapshot,
    levels,
    parse_book,
)
from strongroom.information.kept_books import BURST_S, KeptBooks
from strongroom.information.stream import MarketStream
from websockets.sync.server import serve

YES, NO = 7, 8


def entry(token=YES, bids=(("0.40", "20"),), asks=(), **more):
    """A book as `/books` and the channel have it."""
    listed = {"bids": bids, "asks": asks}
    shown = {
        side: [{"price": price, "size": size} for price, size in found]
        for side, found in listed.items()
    }
    return {"asset_id": str(token), "timestamp": "1000", "hash": "h0", **shown, **more}


def change(price, size, hash_, best, side="SELL", token=YES):
    return {
        "asset_id": str(token),
        "price": price,
        "size": size,
        "side": side,
        "hash": hash_,
        "best_bid": best[0],
        "best_ask": best[1],
    }


def reader(answer):
    """A reader of a service that gives one answer: text, or a response."""
    given = answer if isinstance(answer, httpx.Response) else httpx.Response(200, text=answer)
    return BookReader("http://venue.invalid", transport=httpx.MockTransport(lambda request: given))


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


# snapshots by REST


TEN = [entry(token) for token in range(10)]


def with_one(**changed):
    """Ten books of which the fourth is changed; None takes a field out."""
    one = {k: v for k, v in (TEN[3] | changed).items() if v != "gone"}
    return json.dumps([*TEN[:3], one, *TEN[4:]])


ONE_BAD = {
    "no token": ({"asset_id": "gone"}, "an entry without its token"),
    "a token without end": ({"asset_id": float("inf")}, "an entry without its token"),
    "a token beyond 256 bits": ({"asset_id": str(2**256)}, "an entry without its token"),
    "a word for a token": ({"asset_id": "x"}, "an entry without its token"),
    "bids null": ({"bids": None}, "its levels are 'None'"),
    "bids gone": ({"bids": "gone"}, "KeyError('bids')"),
    "bids a text": ({"bids": "none"}, "its levels are 'none'"),
    "a level null": ({"bids": [None]}, "no level"),
    "a price that is none": ({"bids": [{"price": "cheap", "size": "1"}]}, "no level"),
    "a price of 1": ({"bids": [{"price": "1", "size": "1"}]}, "no level"),
    "a price NaN": ({"bids": [{"price": float("nan"), "size": "1"}]}, "no level"),
    "a size below 0": ({"bids": [{"price": "0.5", "size": "-1"}]}, "no level"),
    "a size without end": ({"bids": [{"price": "0.5", "size": "1e999999"}]}, "no level"),
    "a tick of words": ({"tick_size": "small"}, "tick 'small' is not between"),
    "a tick below any price": ({"tick_size": "0.0000001"}, "tick '0.0000001' is not between"),
    "a time of words": ({"timestamp": "noon"}, "no book"),
    "a time without end": ({"timestamp": float("inf")}, "no book"),
    "a time that cannot be kept": ({"timestamp": "9" * 30}, "no book"),
    "a price three times": ({"bids": 3 * [{"price": "0.4", "size": "10"}]}, "a price twice"),
}


@pytest.mark.parametrize(("changed", "words"), ONE_BAD.values(), ids=ONE_BAD)
def test_one_bad_book_of_ten_costs_itself(changed, words):
    found = reader(with_one(**changed)).read(range(10), now=1)
    assert set(found.books) == set(range(10)) - {3}
    (problem,) = found.problems
    assert words in problem


@pytest.mark.parametrize("item", ["null", "7", '"x"', "[]", "{}"])
def test_an_entry_of_another_shape_costs_itself(item):
    found = reader(f"[{json.dumps(TEN[0])}, {item}]").read([0, 1], now=1)
    assert set(found.books) == {0} and len(found.problems) == 1


def test_more_than_is_known_of_a_book_is_no_harm():
    found = reader(json.dumps([entry(3, mood="calm", last_trade_price="")])).read([3], now=1)
    assert found.books[3].bids == levels([(400_000, 20 * MICRO)]) and found.problems == ()


NO_BOOKS = {
    "null": "null",
    "a number": "7",
    "an object": '{"error": "x"}',
    "nothing": "",
    "half of it": json.dumps(TEN)[:200],
    "no text": "<html>",
    "deep": "[" * 100_000,
    "bytes": httpx.Response(200, content=b"\xff\xfe\x00"),
    "500": httpx.Response(500, text="x"),
    "429": httpx.Response(429, headers={"Retry-After": "7"}),
    "not what its header says": httpx.Response(
        200, content=b"zzz", headers={"Content-Encoding": "identity"}
    ),
}


@pytest.mark.parametrize("answer", NO_BOOKS.values(), ids=NO_BOOKS)
def test_an_answer_that_is_no_list_of_books_is_books_away(answer):
    with pytest.raises(BooksAway, match="books: "):
        reader(answer).read([1], now=1)


def test_of_two_requests_the_one_that_is_answered_counts():
    def answer(request):
        asked = [int(each["token_id"]) for each in json.loads(request.content)]
        if 501 in asked:
            return httpx.Response(500)
        return httpx.Response(200, json=[entry(token) for token in asked])

    books = BookReader("http://venue.invalid", transport=httpx.MockTransport(answer))
    found = books.read(range(502), now=1)
    assert set(found.books) == set(range(500))
    assert found.problems == ("books: HTTP 500: 2 books are not known",)


def test_a_reading_has_a_budget_and_what_was_left_out_comes_first():
    """20 s a request: of three the third would begin after 30 s."""
    moments, asked = iter(range(0, 10**6, 20)), []

    def answer(request):
        tokens = [int(each["token_id"]) for each in json.loads(request.content)]
        asked.append(tokens[0])
        return httpx.Response(200, json=[entry(token) for token in tokens])

    books = BookReader("http://venue.invalid", transport=httpx.MockTransport(answer),
                       budget_s=30, clock=lambda: next(moments))  # fmt: skip
    found = books.read(range(1_200), now=1)
    assert asked == [0] and len(found.books) == 500
    assert found.problems == ("books: 30 s are over: 700 books are not known",)
    assert books.read(range(1_200), now=1).books.keys() == set(range(500, 1_000))
    assert books.read(range(300), now=1).books.keys() == set(range(300)), "fewer than before"


def test_a_tick_that_is_not_told_is_unknown():
    assert parse_book(entry(), 1).tick is None
    assert parse_book(entry(tick_size=""), 1).tick is None
    assert parse_book(entry(tick_size="0.001"), 1).tick == Decimal("0.001")


# changes


@pytest.fixture
def books():
    """Asks .50 x 10 and .51 x 300 at 1000 ms."""
    kept = KeptBooks(Clock())
    asks = [("0.50", "10"), ("0.51", "300")]
    kept.snapshot(YES, parse_book(entry(bids=(), asks=asks), 1), 1000)
    return kept


BURST = (
    change("0.50", "0", "h1", ("0", "0.51")),
    change("0.51", "12", "h1", ("0", "0.51")),
)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0, 1), (1, 0, 0)])
def test_one_match_in_two_messages_of_one_hash(books, order):
    for place in order:
        books.change(BURST[place], 1001, 1)
    assert books.get(YES).asks == levels([(510_000, 12 * MICRO)])
    assert books.unsound([YES]) == [] and books.gaps == 0


def test_amid_a_burst_a_book_that_does_not_fit_is_not_given_out(books):
    books.change(BURST[1], 1001, 1)  # our best ask is still .50
    assert books.get(YES) is None and books.unsound([YES]) == []
    books._clock.now = BURST_S + 0.1  # nothing else has come: a message was lost
    assert books.unsound([YES]) == [YES] and books.gaps == 1


def test_a_burst_that_does_not_fit_at_its_end_is_a_gap(books):
    books.change(BURST[1], 1001, 1)
    books.change(change("0.60", "5", "h2", ("0", "0.51")), 1002, 1)
    assert books.unsound([YES]) == [YES] and books.gaps == 1


def test_a_level_that_changes_back_or_is_told_again_late_is_a_gap(books):
    """12, 300, 12 within a millisecond, the first and the last of one hash: either the level has
    changed back, or the venue has repeated itself. Only a snapshot can say."""
    for size, hash_ in (("12", "h1"), ("300", "h0"), ("12", "h1")):
        books.change(change("0.51", size, hash_, ("0", "0.50")), 1001, 1)
    assert books.get(YES) is None and books.unsound([YES]) == [YES] and books.gaps == 1


@pytest.mark.parametrize("best", ["1e999999999", "NaN", 1e999, [], "9" * 99])
def test_best_prices_that_are_no_numbers_are_no_change(books, best):
    with pytest.raises(BadBook):
        books.change(change("0.51", "12", "h1", ("0", best)), 1001, 1)


def test_levels_are_compared_not_hashes(books):
    theirs = parse_book(entry(bids=(), asks=[("0.50", "10"), ("0.51", "12")]), 5)
    assert theirs.hash == books.get(YES).hash
    assert not books.compare(YES, theirs)
    assert books.get(YES).asks == theirs.asks and books.gaps == 1


def test_a_snapshot_older_than_our_book_says_nothing(books):
    books.change(change("0.50", "4", "h1", ("0", "0.50")), 1005, 1)
    assert books.compare(YES, parse_book(entry(asks=[("0.50", "10")]), 5))
    assert books.get(YES).asks[0].size == 4 * MICRO


def test_a_change_that_a_snapshot_holds_already_is_no_gap(books):
    """The clock of this machine is no part of it: both times are the venue's."""
    books.change(change("0.52", "4", "h", ("0", "0.50")), 999, 1)
    assert books.get(YES).asks[-1].price == 510_000 and books.gaps == 0


def test_a_book_is_as_of_the_venues_time_or_of_a_comparison(books):
    books.change(change("0.50", "4", "h1", ("0", "0.50")), 60_000, seen_at=100)  # 40 s on its way
    assert books.get(YES).seen_at == 60
    shown = entry(bids=(), asks=[("0.50", "4"), ("0.51", "300")], timestamp="60000")
    assert books.compare(YES, parse_book(shown, 130))
    assert books.get(YES).seen_at == 130
    assert books.unproven([YES, NO], 130, 131) == []
    assert books.unproven([YES, NO], 131, 131) == [YES]


# the channel


class Shelf:
    """A service of snapshots: what it has, and how often it was asked."""

    def __init__(self, *tokens):
        self.tokens, self.asked = tokens, []

    def read(self, tokens, now):
        self.asked.append(tuple(tokens))
        return Snapshot({t: parse_book(entry(t), now) for t in tokens if t in self.tokens})


FRAMES = {
    "a word of error": ("INVALID OPERATION", "the frame 'INVALID OPERATION'"),
    "empty": ("", "an empty frame"),
    "null": ("null", "a message 'NoneType'"),
    "a text": ('"sorry"', "a message 'str'"),
    "a number": ("7", "a message 'int'"),
    "a list in a list": ("[[]]", "a message 'list'"),
    "deep": ("[" * 100_000, "the frame '[[["),
    "half a frame": ('{"event_type": "book"', "the frame"),
    "bids null": (json.dumps(entry(event_type="book") | {"bids": None}), "its levels are 'None'"),
    "no time": (json.dumps({"event_type": "price_change", "price_changes": [BURST[0]]}), "change"),
    "as before September 2025": (
        json.dumps({"event_type": "price_change", "asset_id": "7", "timestamp": "1001",
                    "hash": "h1", "changes": [{"price": ".5", "side": "SELL", "size": "0"}]}),
        "a message 'price_change': 'price_changes'",
    ),
    "a tick of null": (
        json.dumps({"event_type": "tick_size_change", "asset_id": "7", "new_tick_size": None}),
        "tick 'None' is not between",
    ),
}  # fmt: skip


@pytest.fixture
def channel(monkeypatch):
    """A real websocket server that sends what it is given to each connection."""
    monkeypatch.setattr(stream_module, "BACK_OFF_S", (0.02,))
    frames, connections = [], []

    def talk(socket):
        connections.append(socket)
        socket.recv()
        for frame in frames:
            socket.send(frame)
        for _ in socket:
            socket.send("PONG")

    server = serve(talk, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.frames, server.connections = frames, connections
    server.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    yield server
    server.shutdown()


def wait(until):
    deadline = time.monotonic() + 20
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("frame", "words"), FRAMES.values(), ids=FRAMES)
def test_a_frame_that_cannot_be_read_is_skipped_counted_and_told_once(channel, frame, words):
    last = json.dumps(entry(event_type="book", bids=[("0.45", "3")], timestamp="2000"))
    channel.frames += [json.dumps(entry(event_type="book")), frame, frame, last]
    kept = KeptBooks()
    stream = MarketStream(channel.url, Shelf(YES), kept)
    stream.follow([YES])
    if frame == "INVALID OPERATION":  # nothing comes any more: the connection is made new
        wait(lambda: len(channel.connections) > 1)
    else:
        wait(lambda: (book := kept.get(YES)) is not None and book.bid == 450_000)
        assert stream.reconnects == 0
        assert sum(stream.skipped.values()) == 2
    told = [each for each in stream.news() if "skipped" in each]
    assert len(told) == 1 and words in told[0]
    stream.stop()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_died_is_seen_told_and_replaced(channel, monkeypatch):
    """Whatever ends it: here what no code can foresee."""
    channel.frames.append(json.dumps(entry(event_type="book")))
    stream = MarketStream(channel.url, Shelf(YES), KeptBooks())
    stop = threading.Event()

    def die(*_):
        stop.set()
        raise SystemExit

    with monkeypatch.context() as broken:
        broken.setattr(stream, "_take_frame", die)
        stream.follow([YES])
        wait(stop.is_set)
        wait(lambda: not stream._shards[0].thread.is_alive())
    stream.follow([YES])  # the next look, of the same tokens
    wait(lambda: stream._books.get(YES) is not None)
    assert stream.restarts == 1
    assert stream.news() == ["stream: a thread of 1 books died, begun anew"]
    stream.stop()


def test_a_book_that_cannot_be_had_is_asked_for_in_growing_pauses():
    """50 messages a second for 10 s, of a token whose book is there."""
    clock, shelf = Clock(), Shelf(YES)
    stream = MarketStream("ws://nowhere", shelf, KeptBooks(), stopwatch=clock)
    for each in range(500):
        clock.now = each / 50
        stream.heal([YES, NO], 1)
    assert shelf.asked == [(YES, NO), (NO,), (NO,), (NO,)]  # at 0, 1, 3 and 7 s
    assert stream.news() == ["stream: 1 books cannot be had (8: the venue has none)"]


def test_a_book_that_never_fits_is_asked_for_in_growing_pauses_and_named():
    """50 changes a second for 10 s, each with best prices that the book does not have: the venue
    shows the book each time, and the next change belies it (the kind of K11)."""
    clock, shelf = Clock(), Shelf(YES)
    stream = MarketStream("ws://nowhere", shelf, KeptBooks(clock), lambda: 1, clock)
    for each in range(500):
        clock.now = each / 50
        told = change("0.30", str(each + 1), f"h{each}", ("0.41", "1"), "BUY")
        stream.take(
            {"event_type": "price_change", "timestamp": 1_001 + each, "price_changes": [told]}, 1
        )
        stream.heal([YES], 1)
    assert len(shelf.asked) == 4  # at 0, 1, 3 and 7 s
    assert "1 books (7): what the channel tells of them never fits" in " ".join(stream.news())
    assert stream.health.wrong == "1 books never fit what the channel tells of them"
    clock.now = 40.0  # sound for longer than it was asked for in pauses
    assert stream.health.wrong == ""
    stream._books.distrust(YES)
    stream.heal([YES], 1)
    assert len(shelf.asked) == 5 and stream._books.get(YES) is not None, "at once"


def test_what_is_followed_no_more_is_forgotten_and_what_nobody_asked_for_not_kept(monkeypatch):
    monkeypatch.setattr(MarketStream, "_run", lambda self, shard: shard.stopped.wait())
    kept = KeptBooks()
    stream = MarketStream("ws://nowhere", Shelf(YES, NO), kept, lambda: 1)
    for tokens in ([YES], [NO]):
        stream.follow(tokens)
        stream.heal(tokens, 1)
    stream.take([entry(token, event_type="book") for token in (YES, NO, 9)], 1)
    assert list(kept._kept) == list(stream._healed) == [NO]
    assert stream.news() == ["stream: skipped a message 'book': of a token that nobody asked for"]
    stream.stop()
    assert not kept._kept


def test_what_changes_while_a_book_is_read_anew_is_no_gap():
    """The snapshot takes two seconds; the venue's change of the second between arrives after it."""
    clock = iter([100.0, 102.0])

    class Slow(Shelf):
        def read(self, tokens, now):
            shown = entry(YES, timestamp="", hash="first")
            return Snapshot({token: parse_book(shown, now) for token in tokens})

    books = KeptBooks()
    stream = MarketStream("ws://nowhere", Slow(), books, clock=lambda: next(clock))
    stream.heal([YES], 100)
    books.change(change("0.41", "5", "second", ("0.41", "1"), "BUY"), 101_000, 102)
    assert books.gaps == 0
    assert books.get(YES).bids == levels([(410_000, 5 * MICRO), (400_000, 20 * MICRO)])


def test_a_frozen_connection_is_found_by_comparison_and_made_new(channel):
    """It answers pings, so it lives; but the books change, and it says nothing (VENUE e4)."""
    channel.frames.append(json.dumps(entry(event_type="book")))
    shelf, kept = Shelf(YES), KeptBooks()
    stream = MarketStream(channel.url, shelf, kept, clock=lambda: 1)
    stream.follow([YES])
    wait(lambda: stream._shards[0].heard)
    assert stream.audit(5) == 0  # the same levels
    assert kept.get(YES).seen_at == 5
    assert stream.audit(6, since=5) == 0 and len(shelf.asked) <= 2  # proven at 5: not asked again
    shelf.read = lambda tokens, now: Snapshot(
        {YES: parse_book(entry(bids=[("0.10", "1")], timestamp="9000"), now)}
    )
    assert stream.audit(20) == 1
    assert "frozen while 1 books changed" in stream.news()[-1]
    wait(lambda: len(channel.connections) == 2)
    stream.stop()


def test_connections_whose_tokens_stay_are_kept(channel, monkeypatch):
    monkeypatch.setattr(stream_module, "SHARD", 4)
    stream = MarketStream(channel.url, Shelf(), KeptBooks())
    stream.follow(range(8))
    first, second = stream._shards
    stream.follow(range(7))  # one token less: its connection is made new
    assert stream._shards[0] is first and second.stopped.is_set()
    assert [shard.tokens for shard in stream._shards] == [(0, 1, 2, 3), (4, 5, 6)]
    stream.follow(range(9))
    assert stream._shards[0] is first
    assert [shard.tokens for shard in stream._shards[2:]] == [(7, 8)]
    stream.follow(range(10))  # small connections are put together
    assert [shard.tokens for shard in stream._shards[2:]] == [(7, 8, 9)]
    stream.stop()


def test_whoever_looks_waits_for_no_thread(monkeypatch):
    """The thread stands still: first no book was ever told, then the connection is known to be
    frozen while books change at each look."""
    shown = iter(("0.10", "0.20", "0.30"))

    def read(tokens, now):
        books = entry(bids=[(next(shown), "1")], timestamp=str(now * 1000))
        return Snapshot({YES: parse_book(books, now)})

    shelf, kept, stopwatch = Shelf(YES), KeptBooks(), Clock()
    shelf.read = read
    monkeypatch.setattr(MarketStream, "_run", lambda self, shard: shard.stopped.wait())
    stream = MarketStream("ws://nowhere", shelf, kept, lambda: 1, stopwatch)
    stream.follow([YES])
    stream.audit(1, since=0)
    assert kept.get(YES).bid == 100_000
    assert stream.audit(20, since=10) == 1
    assert kept.get(YES).bid == 200_000
    stopwatch.now = 5.0  # the next look
    stream.audit(21, since=10)
    assert kept.get(YES).bid == 300_000
    stream.stop()
