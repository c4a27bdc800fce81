"""Recorded tables as the engine's events: books, quotes and last prices, each by hand."""

import json
import subprocess
import sys
from decimal import Decimal

import polars as pl
import pytest
from strongroom.analysis.fair_null import Joint
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.engine import Order, Print
from strongroom.backtest.event_shapes import shapes_of
from strongroom.backtest.run import assemble
from strongroom.backtest.studies import ladder_study
from strongroom.chain.orders import YES, OrderKind
from strongroom.chain.position_ids import condition_of_event, event_of, position_of
from strongroom.chain.units import MICRO
from strongroom.data import ordered
from strongroom.data.folder import open_folder
from strongroom.data.importing import run_import
from strongroom.data.schema import Table
from strongroom.information.books import Book, Level
from strongroom.settings import ConfigError

T = 1_770_000_000_000
END = T + 3_600_000
CONFIG = {"name": "played", "packs": {"tail": {}}}


def market(name, **more):
    """Return a market's row."""
    return {
        "market": name, "venue": "own", "venue_id": "", "event": name, "question": f"{name}?",
        "yes_name": "Yes", "no_name": "No", "yes_token": f"{name}:yes", "no_token": f"{name}:no",
        "ends_ms": END, "negative_risk": False, "category": "", "rules": "", "ticker": "", **more,
    }  # fmt: skip


def quote(at, token, **known):
    return {"at_ms": T + at, "token": token, **known}


def level(at, token, message, side, price, size, snapshot=False):
    about = {"at_ms": T + at, "token": token, "message": message, "snapshot": snapshot}
    return {**about, "side": side, "price": price, "size": size}


def played(folder, tables, name="one", **data):
    """Import rows and return the history that a backtest plays."""

    def take(intake):
        for table, rows in tables.items():
            for row in rows:
                intake.put(table, row)

    run_import(name, [], {"of": str(tables)}, folder, take)
    return load_history(parse({**CONFIG, "data": {"path": str(folder), **data}}))


def events(history, depth=9 * MICRO):
    return [event for batch in history.feed(depth) for event in zip(*batch, strict=True)]


def outcome(name, yes=MICRO, **more):
    return {"market": name, "yes": yes, "source": "test", **more}


def test_a_price_is_known_from_its_millisecond_on(tmp_path):
    rows = [quote(0, "m:yes", price=500_000), quote(1, "m:yes", price=510_000),
            quote(999, "m:yes", price=520_000), quote(1_000, "m:yes", price=530_000)]  # fmt: skip
    history = played(
        tmp_path,
        {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")], Table.QUOTES: rows},
    )
    assert events(history) == [
        (T, 0, 500_000), (T + 1, 0, 510_000), (T + 999, 0, 520_000), (T + 1_000, 0, 530_000),
    ]  # fmt: skip
    assert not history.books and history.starts_at == T // 1_000


def test_books_are_rebuilt_from_snapshots_and_changes(tmp_path):
    """A change before the first snapshot shows nothing; size 0 takes a level away; a message of two
    rows is one event; an empty snapshot is an empty book."""
    rows = [
        level(0, "m:yes", 1, "bid", 300_000, MICRO),
        level(1_000, "m:yes", 2, "bid", 400_000, 2 * MICRO, snapshot=True),
        level(1_000, "m:yes", 2, "bid", 410_000, 3 * MICRO, snapshot=True),
        level(1_000, "m:yes", 2, "ask", 450_000, 4 * MICRO, snapshot=True),
        level(2_000, "m:yes", 3, "bid", 410_000, 0),
        level(2_000, "m:yes", 3, "ask", 440_000, MICRO),
        {"at_ms": T + 3_000, "token": "m:yes", "message": 4, "snapshot": True},
    ]
    history = played(
        tmp_path,
        {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")], Table.BOOKS: rows},
    )
    bids, asks = (
        (Level(410_000, 3 * MICRO), Level(400_000, 2 * MICRO)),
        (Level(450_000, 4 * MICRO),),
    )
    assert events(history) == [
        (T + 1_000, 0, Book(bids, asks)),
        (T + 2_000, 0, Book(bids[1:], (Level(440_000, MICRO), *asks))),
        (T + 3_000, 0, Book()),
    ]
    assert history.books and history.last_prices(0) == [{0: 420_000}]


def test_a_book_whose_bid_is_above_its_ask_is_not_shown(tmp_path):
    """A change crosses it until the next tells that the ask is gone; at its end it is crossed."""
    rows = [
        level(1_000, "m:yes", 1, "bid", 400_000, MICRO, snapshot=True),
        level(1_000, "m:yes", 1, "ask", 500_000, MICRO, snapshot=True),
        level(2_000, "m:yes", 2, "bid", 550_000, MICRO),
        level(3_000, "m:yes", 3, "ask", 500_000, 0),
        level(4_000, "m:yes", 4, "ask", 500_000, MICRO),
    ]
    history = played(
        tmp_path,
        {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")], Table.BOOKS: rows},
    )
    low, high = Level(400_000, MICRO), Level(550_000, MICRO)
    assert [book for _, _, book in events(history)] == [
        Book((low,), (Level(500_000, MICRO),)), Book((high, low), ()),
    ]  # fmt: skip


def test_no_is_turned_round_and_sizes_that_are_unknown_are_assumed(tmp_path):
    rows = [quote(0, "m:no", bid=200_000, ask=300_000, ask_size=5 * MICRO),
            quote(1_000, "m:no", bid=250_000, bid_size=0)]  # fmt: skip
    history = played(
        tmp_path,
        {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")], Table.QUOTES: rows},
    )
    assert [event[2] for event in events(history)] == [
        Book((Level(700_000, 5 * MICRO),), (Level(800_000, 9 * MICRO),)),
        Book(),
    ]


def test_books_come_before_quotes_and_quotes_before_prices(tmp_path):
    """Three markets, each with all that is known of it, in one order of time."""
    tables = {
        Table.MARKETS: [market(name) for name in ("a", "b", "c", "without price")],
        Table.OUTCOMES: [outcome(name) for name in ("a", "b", "c", "without price")],
        Table.QUOTES: [
            quote(0, "a:yes", price=100_000, bid=90_000, bid_size=MICRO),
            quote(1_000, "b:yes", price=200_000),
            quote(2_000, "b:yes", bid=190_000, bid_size=MICRO),
            quote(3_000, "c:yes", price=300_000),
        ],
        Table.BOOKS: [level(2_000, "a:yes", 1, "bid", 80_000, MICRO, snapshot=True)],
    }
    history = played(tmp_path, tables)
    assert [m.question for m in history.markets] == ["a?", "b?", "c?"] and not history.books
    assert sorted(events(history), key=lambda event: event[:2]) == [
        (T + 2_000, 0, Book((Level(80_000, MICRO),))),
        (T + 2_000, 1, Book((Level(190_000, MICRO),))),
        (T + 3_000, 2, 300_000),
    ]


def test_a_void_pays_half_and_a_known_resolution_replaces_the_assumed_delay(tmp_path):
    names = ("late", "early", "unknown")
    tables = {
        Table.MARKETS: [market(name) for name in names],
        Table.OUTCOMES: [
            outcome("late", MICRO // 2, void=True, resolved_ms=END + 90_000_500),
            outcome("early", 0, resolved_ms=END - 60_000),
            outcome("unknown", 250_000),
        ],
        Table.QUOTES: [
            quote(0, f"{n}:yes", price=MICRO // 2) for n in ("late", "early", "unknown")
        ],
    }
    late, early, unknown = played(tmp_path, tables).listed
    end = END // 1_000
    assert (late.payout, late.ends_ms, late.pays_at) == ((1, 1), END, end + 90_001)
    assert (early.payout, early.ends_ms, early.pays_at) == ((0, 1), END - 60_000, end - 60)
    assert (unknown.payout, unknown.pays_at) == ((1, 3), end + 7_200)


def test_the_newest_description_counts_and_what_it_lacks_is_assumed(tmp_path):
    tables = {
        Table.MARKETS: [
            market("m", seen_ms=2, question="new?", tick=10_000, fee_rate=0, fee_exponent=MICRO),
            market("m", seen_ms=1, question="old?"),
            market("n"),
        ],
        Table.OUTCOMES: [outcome("m"), outcome("n")],
        Table.QUOTES: [quote(0, "m:yes", price=1), quote(0, "n:yes", price=1)],
    }
    new, other = played(tmp_path, tables).markets
    if new.question == "n?":
        new, other = other, new
    assert (new.question, str(new.tick), new.fees.rate) == ("new?", "0.01", 0)
    assert (str(other.tick), str(other.fees.rate)) == ("0.001", "0.04")


def test_relations_that_the_data_has_are_handed_on(tmp_path):
    """Of markets that are all there; a ladder's follow from its thresholds."""
    ladder = {"event": "e", "ticker": "X"}
    tables = {
        Table.MARKETS: [
            market("a", threshold=2 * MICRO, **ladder),
            market("b", threshold=MICRO, **ladder),
        ],
        Table.OUTCOMES: [outcome("a"), outcome("b")],
        Table.QUOTES: [quote(0, "a:yes", price=1), quote(0, "b:yes", price=1)],
        Table.RELATIONS: [
            {"kind": "equal", "members": ["a", "b"], "proof": "", "reviewer": "somebody"},
            {"kind": "equal", "members": ["a", "zz"], "proof": "", "reviewer": "somebody"},
        ],
    }  # fmt: skip
    history = played(tmp_path, tables)
    high, low = history.markets
    found = [*history.ladder_relations(), *history.vouched]
    assert [(each.relation["kind"], each.relation["members"], each.since_ms) for each in found] == [
        ("implies", [high.condition_id, low.condition_id], 0),
        ("equal", [high.condition_id, low.condition_id], None),
    ]


def test_without_a_price_or_an_outcome_nothing_runs(tmp_path):
    with pytest.raises(ConfigError, match="import prices, books or trades"):
        played(tmp_path, {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")]})
    with pytest.raises(ConfigError, match="import outcomes"):
        played(
            tmp_path / "b",
            {Table.MARKETS: [market("m")], Table.QUOTES: [quote(0, "m:yes", price=1)]},
        )


def test_a_tick_that_the_venue_does_not_have_is_refused_by_name(tmp_path):
    """Each order was refused, and the result said that nothing was traded."""
    names = {"known": 10_000, "fine": 2_500, "unknown": None, "other": 20_000}
    tables = {
        Table.MARKETS: [market(name, tick=tick) for name, tick in names.items()],
        Table.OUTCOMES: [outcome(name) for name in names],
        Table.QUOTES: [quote(0, f"{name}:yes", price=500_000) for name in names],
    }
    with pytest.raises(ConfigError, match=r"in 1 markets for their tick, e.g. other: 0.02: give"):
        played(tmp_path, tables)


def test_several_imports_are_one_history(tmp_path):
    """Prices of one market in two imports that overlap in time are played in one order."""
    tables = {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")]}
    for name, times in (("one", (0, 4_000, 8_000)), ("two", (2_000, 6_000))):
        rows = [quote(at, "m:yes", price=at + 1) for at in times]
        history = played(tmp_path, {**tables, Table.QUOTES: rows}, name)
    assert [price for _, _, price in events(history)] == [1, 2_001, 4_001, 6_001, 8_001]
    assert isinstance(pl.concat(history.tape.middles()), pl.DataFrame)


def test_what_two_imports_bring_counts_once(tmp_path):
    """Two recordings overlap. Their common trade is one, the two alike ones in one second of the
    first are two; a price that differs is another one."""
    trade = {"token": "m:yes", "side": "BUY", "price": 500_000, "size": MICRO, "cash": 500_000}
    first = [quote(0, "m:yes", price=1), quote(1_000, "m:yes", price=2)]
    second = [quote(1_000, "m:yes", price=2), quote(1_000, "m:yes", price=3)]
    log = {"transaction": "0x1", "block": 7}
    for name, quotes, trades in (
        ("one", first, [{**trade, **log, "log": 3}, {**trade, "price": 4}, {**trade, "price": 4}]),
        ("two", second, [{**trade, **log}, {**trade, "price": 4}]),
    ):
        tables = {
            Table.MARKETS: [market("m")],
            Table.OUTCOMES: [outcome("m")],
            Table.QUOTES: quotes,
            Table.TRADES: [{"at_ms": T, **each} for each in trades],
        }
        history = played(tmp_path, tables, name)
    assert [price for at, _, price in events(history) if at > T] == [2, 3]
    found = pl.concat(open_folder(tmp_path).chunks(Table.TRADES))
    assert found["price"].to_list() == [500_000, 4, 4]


def books(*messages, token="m:yes", at=0):
    """Rows of messages (number, bids, asks) that are snapshots; levels are (price, size)."""
    return [
        level(at, token, number, side, price, size * MICRO, snapshot=True)
        for number, bids, asks in messages
        for side, levels in (("bid", bids), ("ask", asks))
        for price, size in levels
    ]


def overlapping(folder, *imports):
    """Return the books that several imports of one market play."""
    for number, rows in enumerate(imports):
        about = {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")]} if not number else {}
        history = played(folder, {**about, Table.BOOKS: rows}, f"of-{number}")
    return [book for _, _, book in events(history)]


def test_a_message_that_two_imports_tell_is_whole(tmp_path):
    """The top of a book and two levels of it, of one millisecond, each by its own numbers; then a
    snapshot of other levels with the same number, and one that both have."""
    low, high, deep = (490_000, 100), (510_000, 100), ((300_000, 700), (800_000, 700))
    lower, upper = (480_000, 70), (500_000, 70)
    first = books((1, [low], [high])) + books((2, [low], [high]), (3, [low], [high]), at=9)
    second = books((2, [low, deep[0]], [high, deep[1]]), (3, [lower], [upper])) + books(
        (7, [low], [high]), at=9
    )

    def book(*sides):
        return Book(*(tuple(Level(price, size * MICRO) for price, size in side) for side in sides))

    top = book([low], [high])
    found = overlapping(tmp_path / "one", first, second)
    assert found == [book([low, deep[0]], [high, deep[1]]), book([lower], [upper]), *[top] * 3]
    assert overlapping(tmp_path / "other", second, first) == found


def test_changes_that_two_imports_tell_keep_their_order(tmp_path):
    """Three changes of a level within one millisecond. One recorder has all of them, the other
    lacks the first, or the last two: what is left in the end is the last."""
    start = level(0, "m:yes", 1, "bid", 400_000, MICRO, snapshot=True)
    changes = [level(5, "m:yes", n, "bid", 400_000, n * MICRO) for n in (4, 5, 6)]
    for part in (changes[1:], changes[:1], changes[1:2]):
        again = [{**row, "message": n} for n, row in enumerate(part)]
        for order in (([start, *changes], again), ([*again, start], changes)):
            folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
            sizes = [book.bids[0].size // MICRO for book in overlapping(folder, *order)]
            assert sizes == [1, 4, 5, 6]


def test_rows_of_two_markets_that_alternate_in_one_message_are_two_books(tmp_path):
    rows = [
        level(0, f"{name}:yes", 1, side, price, MICRO, snapshot=True)
        for side, prices in (("bid", (490_000, 290_000)), ("ask", (510_000, 310_000)))
        for name, price in zip("mn", prices, strict=True)
    ]
    tables = {
        Table.MARKETS: [market("m"), market("n")],
        Table.OUTCOMES: [outcome("m"), outcome("n")],
        Table.BOOKS: rows,
    }
    assert [(number, book.bid, book.ask) for _, number, book in events(played(tmp_path, tables))
            ] == [(0, 490_000, 510_000), (1, 290_000, 310_000)]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"kind": "fair", "path": "x", "tickers": ["NVDA"]}, "path, tickers"),
        ({"kind": "fair", "start": "2025-01-01T00:00:00Z"}, "start"),
        ({"markets": 3}, "markets"),
    ],
)
def test_what_the_other_kind_of_data_reads_is_refused(data, named):
    with pytest.raises(ConfigError, match=f"does not read {named}:"):
        parse({**CONFIG, "data": data})


def test_an_event_in_which_a_threshold_stands_twice_is_no_ladder(tmp_path):
    """Nobody knows which of them are right: no relation, and no pair of the study."""
    names = {"a": ("e", 1), "b": ("e", 1), "c": ("e", 2), "d": ("f", 1), "g": ("f", 2)}
    tables = {
        Table.MARKETS: [
            market(name, event=event, ticker="X", threshold=threshold * MICRO)
            for name, (event, threshold) in names.items()
        ],
        Table.OUTCOMES: [outcome(name) for name in names],
        Table.QUOTES: [quote(0, f"{name}:yes", price=500_000) for name in names],
    }
    history = played(tmp_path, tables)
    assert [(history.markets[low].question, history.markets[high].question)
            for low, high in history.rungs()] == [("d?", "g?")]  # fmt: skip
    assert ladder_study(open_folder(tmp_path)).pairs == 1


def test_a_ladder_is_of_one_ticker_and_one_end(tmp_path):
    """AAA above 100 says nothing of BBB above 200, nor of AAA a day later; what is no ticker says
    nothing at all. Without a ladder an event's markets are of unknown relation."""
    abouts = {
        "one": (("AAA", 0), (" aaa", 0)), "two": (("AAA", 0), ("BBB", 0)),
        "none": (("", 0), (" ", 0)), "half": (("AAA", 0), ("", 0)),
        "later": (("AAA", 0), ("AAA", 1)),
    }  # fmt: skip
    rows = [
        market(f"{event}{n}", event=event, ticker=ticker, threshold=(n + 1) * MICRO,
               ends_ms=END + days * 86_400_000)
        for event, about in abouts.items() for n, (ticker, days) in enumerate(about)
    ]  # fmt: skip
    names = [row["market"] for row in rows]
    tables = {
        Table.MARKETS: rows,
        Table.OUTCOMES: [outcome(name) for name in names],
        Table.QUOTES: [quote(0, f"{name}:yes", price=500_000) for name in names],
    }
    history = played(tmp_path, tables)
    assert [(history.markets[low].question, history.markets[high].question)
            for low, high in history.rungs()] == [("one0?", "one1?")]  # fmt: skip
    assert {event: shape.joint for event, shape in shapes_of(history).items()} == {
        event: Joint.LADDER if event == "one" else Joint.UNKNOWN for event in abouts
    }
    assert ladder_study(open_folder(tmp_path)).pairs == 1


@pytest.mark.parametrize(("paid", "joint"), [
    ((1, 1, 0), Joint.LADDER), ((1, 0.5, 0.5), Joint.LADDER), ((0, 0, 0), Joint.LADDER),
    ((0, 1, 0), Joint.UNKNOWN), ((0.4, 0.6, 0), Joint.UNKNOWN),
])  # fmt: skip
def test_a_ladder_whose_outcomes_cannot_be_so_is_none(tmp_path, paid, joint):
    """Above the higher threshold pays no more than above the lower."""
    tables = {
        Table.MARKETS: [
            market(f"m{n}", event="e", ticker="X", threshold=(n + 1) * MICRO) for n in range(3)
        ],
        Table.OUTCOMES: [outcome(f"m{n}", yes=int(yes * MICRO)) for n, yes in enumerate(paid)],
        Table.QUOTES: [quote(0, f"m{n}:yes", price=500_000) for n in range(3)],
    }
    assert [each.joint for each in shapes_of(played(tmp_path, tables)).values()] == [joint]


@pytest.mark.parametrize(("ids", "paid", "joint"), [
    ("aa", (1, 0), Joint.EXCLUSIVE), ("aa", (0, 0), Joint.EXCLUSIVE),
    ("aa", (1, 1), Joint.UNKNOWN),  # two winners of one event
    ("ab", (1, 0), Joint.UNKNOWN),  # two events of one name
])  # fmt: skip
def test_exclusive_are_the_outcomes_of_one_negative_risk_event(tmp_path, ids, paid, joint):
    tables = {
        Table.MARKETS: [
            market(f"m{n}", event="e", negative_risk=True, event_id=f"0x{each * 64}")
            for n, each in enumerate(ids)
        ],
        Table.OUTCOMES: [outcome(f"m{n}", yes=yes * MICRO) for n, yes in enumerate(paid)],
        Table.QUOTES: [quote(0, f"m{n}:yes", price=500_000) for n in range(2)],
    }
    assert [each.joint for each in shapes_of(played(tmp_path, tables)).values()] == [joint]


def test_a_token_of_two_markets_is_refused(tmp_path):
    tables = {
        Table.MARKETS: [market("m"), market("n", no_token="m:yes")],
        Table.OUTCOMES: [outcome("m"), outcome("n")],
        Table.QUOTES: [quote(0, f"{name}:yes", price=500_000) for name in "mn"],
    }
    with pytest.raises(ConfigError, match="markets m and n have one token, m:yes"):
        played(tmp_path, tables)


def test_trades_are_played_each_match_once(tmp_path):
    """A match by hand: the taker buys 3 YES at .6, 2 of a wallet that sells, 1 minted with a wallet
    that buys NO at .4. The taker's row, against the exchange, says the same once more. A print has
    no wallet. Trades come before books of the same time."""
    row = {"size": MICRO, "cash": 1, "wallet": "0xa", "against": "0xt"}
    trades = [
        {**row, "token": "m:yes", "side": "SELL", "price": 600_000, "size": 2 * MICRO},
        {**row, "token": "m:no", "side": "BUY", "price": 400_000, "wallet": "0xb"},
        {**row, "token": "m:yes", "side": "BUY", "price": 600_000, "size": 3 * MICRO,
         "wallet": "0xt", "against": "0xe"},
        {"token": "m:yes", "side": "SELL", "price": 590_000, "size": MICRO, "cash": 1},
        {"token": "m:no", "side": "SELL", "price": 380_000, "size": MICRO, "cash": 1},
    ]  # fmt: skip
    tables = {
        Table.MARKETS: [market("m"), market("n")],
        Table.OUTCOMES: [outcome("m"), outcome("n")],
        Table.BOOKS: [level(0, "m:yes", 1, "bid", 400_000, MICRO, snapshot=True)],
        Table.TRADES: [{"at_ms": T, **each} for each in trades]
        + [
            {"at_ms": T + 5, "token": "n:no", "side": "BUY", "price": 700_000, "size": 1, "cash": 1}
        ],
    }
    history = played(tmp_path, tables)
    assert events(history) == [
        (T, 0, Print(600_000, 2 * MICRO, True)),
        (T, 0, Print(600_000, MICRO, True)),
        (T, 0, Print(590_000, MICRO, False)),
        (T, 0, Print(620_000, MICRO, True)),
        (T, 0, Book((Level(400_000, MICRO),))),
        (T + 5, 1, Print(300_000, 1, False)),
        (T + 5, 1, 300_000),  # nothing else says where it is
    ]
    assert [each.traded for each in history.listed] == [True, True] and not history.books
    assert history.last_prices(0) == [{1: 300_000}]


def test_trades_of_which_one_side_is_told_are_played(tmp_path, monkeypatch):
    """Makers alone are played, whoever took; takers alone by their own side, where the exchange is
    known from a match that has both. Rows of a match may lie in two parts."""
    monkeypatch.setattr(ordered, "GROUP", 2)
    row = {"token": "m:yes", "side": "BUY", "price": 500_000, "size": MICRO, "cash": 500_000}
    makers = [
        {**row, "at_ms": T + n, "wallet": ("0xm", "0xt0")[n % 2], "against": f"0xt{n % 3}"}
        for n in range(6)
    ]
    about = {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")]}
    sold = Print(500_000, MICRO, False)
    history = played(tmp_path / "makers", {**about, Table.TRADES: makers})
    assert [each for _, _, each in events(history) if isinstance(each, Print)] == [sold] * 6
    match = {"at_ms": T + 9, "transaction": "0x1"}
    both = [{**row, **match, "wallet": name, "against": "0xt9"} for name in ("0xm", "0xt0", "0xt1")]
    taker = {**row, **match, "wallet": "0xt9", "against": "0xe", "side": "SELL"}
    alone = {**row, "at_ms": T + 10, "transaction": "0x2", "wallet": "0xt5", "against": "0xe"}
    rows = [*makers, taker, *both, alone]
    history = played(tmp_path / "both", {**about, Table.TRADES: rows})
    assert [each for _, _, each in events(history) if isinstance(each, Print)] == [
        *[sold] * 9, Print(500_000, MICRO, True),
    ]  # fmt: skip


def test_the_venue_is_known_late_and_hears_late(tmp_path):
    """A second and a half from the venue, two there: a price of T is known at T + 2 s; what is sent
    at T + 3 s meets the price of T + 5 s, and its fill is known at T + 7 s."""
    rows = [quote(at, "m:yes", price=price) for at, price in
            ((0, 500_000), (5_000, 600_000), (5_001, 400_000))]  # fmt: skip
    tables = {Table.MARKETS: [market("m")], Table.OUTCOMES: [outcome("m")], Table.QUOTES: rows}
    history = played(tmp_path / "data", tables)
    config = parse({**CONFIG, "quotes": {"feed_ms": 1_500, "insert_ms": 2_000}})
    world, second = assemble(config, "realistic", history, tmp_path).world, T // 1_000
    seen = []
    for now in range(second, second + 8):
        world.at(now)
        seen.append(world.engine.price[0])
        if now == second + 3:
            at = 1_000 * now + world.engine.quotes.insert_ms
            order = Order("o", 0, YES, True, 620_000, MICRO, OrderKind.FAK, at, 1_000 * now + 9_000)
            fills = []
            world.engine.filled, world.engine.covers = fills.append, lambda fill: fill.tokens
            world.engine.send(order)
    assert seen == [None, None, *[500_000] * 5, 400_000]
    (fill,) = fills
    assert (world.now, fill.at_ms, fill.cash) == (second + 7, T + 5_000, 610_000)


def test_events_of_the_newer_protocol_are_left_out(tmp_path):
    """A conversion there gives the other YES and "Other", which has no market (VENUE d3)."""
    condition = condition_of_event(event_of(2, b"e"), 0)
    tokens = {
        f"{name}_token": str(position_of(condition, n)) for n, name in enumerate(("yes", "no"))
    }
    rows = [market("m", **tokens, negative_risk=True, event_id="0x" + "ab" * 32), market("n")]
    tables = {
        Table.MARKETS: rows,
        Table.OUTCOMES: [outcome("m"), outcome("n")],
        Table.QUOTES: [quote(0, token, price=1) for token in (tokens["yes_token"], "n:yes")],
    }
    assert [each.question for each in played(tmp_path / "a", tables).markets] == ["n?"]
    alone = {**tables, Table.MARKETS: rows[:1], Table.OUTCOMES: [outcome("m")]}
    with pytest.raises(ConfigError, match="Protocol V2"):
        played(tmp_path / "b", alone)


PLAYS = """
import json, re, sys
from pathlib import Path
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.learned import learning_of
config = parse(json.loads(sys.argv[1]))
history = load_history(config)
count = sum(len(times) for times, _, _ in history.feed())
learning_of(config, history, lambda: 2**40).changes()
history.last_prices(3, 24)
most = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())  # of this alone
print(json.dumps([count, int(most[1])]))
"""


def test_memory_does_not_grow_with_the_history(tmp_path):
    """Q22: of a million and a half prices, 131 bytes each once, all are played, learned from and
    judged in 100 MB more than of a tenth; read whole they would take 180."""
    used = []
    for count in (150_000, 1_500_000):
        places = pl.int_range(count, eager=True)
        quotes = pl.DataFrame(
            {"at_ms": T + places, "token": "m:yes", "price": 400_000 + 1_000 * (places % 90)}
        )

        def take(intake, quotes=quotes):
            intake.put(Table.MARKETS, market("m"))
            intake.put(Table.OUTCOMES, outcome("m"))
            intake.add(Table.QUOTES, quotes)

        folder = tmp_path / str(count)
        run_import("one", [], {}, folder, take)
        told = json.dumps({**CONFIG, "data": {"path": str(folder)}})
        ran = subprocess.run([sys.executable, "-c", PLAYS, told], capture_output=True, check=True)
        played_, most = json.loads(ran.stdout)
        assert played_ == count
        used.append(most / 1_024)
    assert used[1] - used[0] < 100, used


def test_nothing_is_played_after_a_market_was_resolved(tmp_path):
    """Announced for an hour from T, resolved after 20 minutes: the price that stands from then on
    tells how it went. Half an hour before its announced end it was over; an hour before it was
    not. That it would end early nobody knew."""
    rows = [quote(at * 60_000, f"{name}:yes", price=price)
            for name in ("early", "late") for at, price in ((0, 500_000), (19, 700_000),
            (20, 960_000), (40, 970_000))]  # fmt: skip
    early = outcome("early", resolved_ms=T + 20 * 60_000)
    history = played(
        tmp_path,
        {
            Table.MARKETS: [market("early"), market("late")],
            Table.OUTCOMES: [early, outcome("late")],
            Table.QUOTES: rows,
        },
    )
    seen = [(at - T) // 60_000 for at, number, _ in events(history) if number == 0]
    assert seen == [0, 19]
    assert [(at - T) // 60_000 for at, n, _ in events(history) if n == 1] == [0, 19, 20, 40]
    assert history.last_prices(1, 0) == [{0: 500_000, 1: 500_000}, {1: 970_000}]


def test_what_the_first_said_of_the_end_counts(tmp_path):
    """The end was moved forward when the result was near, and the tick made finer: nobody knew."""
    told = [
        market("m", seen_ms=T + 9, ends_ms=T + 60_000, tick=1_000, rules="it won", question="new?"),
        market("m", seen_ms=T - 9, ends_ms=None, tick=10_000, rules="as it is asked"),
        market("m", seen_ms=T - 5, ends_ms=END, tick=10_000, rules="other"),
    ]
    rows = [quote(0, "m:yes", price=500_000)]
    tables = {Table.MARKETS: told, Table.OUTCOMES: [outcome("m")], Table.QUOTES: rows}
    (found,) = played(tmp_path, tables).markets
    assert (found.end.timestamp() * 1_000, found.tick) == (END, Decimal("0.01"))
    assert (found.rules, found.question) == ("as it is asked", "new?")


def test_a_payout_that_waits_makes_no_other_date(tmp_path):
    """Three events end together; one waits four days for its payout. They are decided on one day:
    seven Fridays of the recorded ladders counted as thirteen dates."""
    names = ("one", "two", "slow")
    history = played(
        tmp_path,
        {
            Table.MARKETS: [market(name) for name in names],
            Table.OUTCOMES: [
                outcome("one", resolved_ms=END + 1), outcome("two"),
                outcome("slow", resolved_ms=END + 4 * 86_400_000),
            ],
            Table.QUOTES: [quote(0, f"{name}:yes", price=500_000) for name in names],
        },
    )  # fmt: skip
    shapes = shapes_of(history)
    assert {each.date for each in shapes.values()} == {"2026-02-02"}
    assert shapes["slow"].paid_at == END // 1_000 + 4 * 86_400
