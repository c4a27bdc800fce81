"""Imports of public formats: real recordings where there are some, else built to the documented
format and said so. Counts are held against the raw rows, read by other means."""

import csv
import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.cli.main import command
from strongroom.data.folder import open_folder
from strongroom.data.schema import BadData, Table

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "agent" / "strongroom" / "devnet" / "data"
RADAR = ROOT / "docs" / "examples" / "radar"
RECORDINGS = (
    (RADAR / "polymarket_nba_mvp_luka_yes.csv.gz", "absolute"),
    (RADAR / "kalshi_nba_mvp_luka.csv.gz", "change"),
    (ROOT / "tests" / "data" / "books" / "kalshi_nba_atl_2026-01-07_win.csv.gz", "change"),
)
M = 1_000_000


def imported(to, source, *words):
    """Import; return the counts. Nothing may be lost: a row is kept, or dropped for a reason."""
    typed = ["import", source, *words, "--to", to, "--json"]
    done = CliRunner().invoke(command, list(map(str, typed)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def refused(to, source, *words):
    typed = ["import", source, *words, "--to", to]
    done = CliRunner().invoke(command, list(map(str, typed)))
    assert done.exit_code == 2
    return done.stderr if done.stderr_bytes else done.output


def rows(to, table):
    return open_folder(to).table(table).collect().rows(named=True)


def written(path, found):
    path.write_text(found if isinstance(found, str) else json.dumps(found))
    return path


# Gamma: two recorded pages


def records(name):
    return json.loads(gzip.decompress((PAGES / name).read_bytes()))


def test_gamma_markets_and_results(tmp_path):
    name = "gamma_markets_mixed_2026-01.json.gz"
    found, raw = imported(tmp_path, "gamma", PAGES / name), records(name)
    ids = {each["conditionId"] for each in raw}
    assert found["read"] == len(raw) == 600 and found["kept"]["markets"] == len(ids) == 596
    assert found["dropped"] == {"market: told twice, the newest counts": 600 - 596}
    known = {each["market"]: each for each in rows(tmp_path, Table.MARKETS)}
    for each in raw:
        row = known[each["conditionId"]]
        assert [row["yes_token"], row["no_token"]] == json.loads(each["clobTokenIds"])
        assert row["question"] == each["question"] and row["venue_id"] == each["id"]
        tick = each.get("orderPriceMinTickSize")
        assert row["tick"] == (None if tick is None else round(tick * M))
        assert (row["oracle"] is None) == (not each.get("resolvedBy"))
        assert row["negative_risk"] == bool(each.get("negRisk"))
    results = {each["market"]: each for each in rows(tmp_path, Table.OUTCOMES)}
    paid = {'["1", "0"]': M, '["0", "1"]': 0, '["0.5", "0.5"]': M // 2}
    for each in raw:
        done = each["closed"] and each.get("umaResolutionStatus") == "resolved"
        yes = paid.get(each["outcomePrices"]) if done else None
        row = results.get(each["conditionId"])
        assert (None if row is None else row["yes"]) == yes
        if row is not None:
            closed = datetime.fromisoformat(each["closedTime"]).timestamp()
            assert row["resolved_ms"] >= closed * 1_000 - 1
            assert row["void"] == (yes == M // 2)
    # one half is a void, the others at odd prices are no payout
    assert sum(each["void"] for each in results.values()) == 1
    assert found["repaired"]["result: resolved, at prices that are no payout: unknown"] > 0


def test_gamma_quotes_of_open_markets(tmp_path):
    name = "gamma_markets_open_2026-02-13.json.gz"
    found, raw = imported(tmp_path, "gamma", PAGES / name), records(name)
    quotes = {each["token"]: each for each in rows(tmp_path, Table.QUOTES)}
    assert (found["kept"]["markets"], found["kept"]["quotes"]) == (200, 200)
    for each in raw:
        row = quotes[json.loads(each["clobTokenIds"])[0]]
        for side in ("bid", "ask"):
            told = each.get(f"best{side.title()}")
            assert row[side] == (None if told is None else round(told * M))
        assert row["bid_size"] is None and row["ask_size"] is None  # nobody said


def test_gamma_prices_that_are_none_are_left_out_and_counted(tmp_path):
    """They were kept as they came: a last price of 1.7 was played."""
    (one, *_) = records("gamma_markets_open_2026-02-13.json.gz")
    prices = {"bestBid": 0.4, "bestAsk": 0.5, "lastTradePrice": 0.45}
    odd = [
        {}, {"lastTradePrice": 1.7}, {"lastTradePrice": -0.01}, {"bestBid": -0.4},
        {"bestAsk": 50}, {"lastTradePrice": 0}, {"lastTradePrice": 1}, {"lastTradePrice": 1.000001},
    ]  # fmt: skip
    found, kept = [], []
    for number, each in enumerate(odd):
        page = written(tmp_path / f"{number}.json", [{**one, **prices, **each}])
        found.append(imported(tmp_path / f"to{number}", "gamma", page)["repaired"])
        (row,) = rows(tmp_path / f"to{number}", Table.QUOTES)
        kept.append((row["bid"], row["ask"], row["price"]))
    usual = (400_000, 500_000, 450_000)
    none = (*usual[:2], None)
    assert kept == [
        usual, none, none, (None, *usual[1:]), (400_000, None, 450_000),
        (*usual[:2], 0), (*usual[:2], M), none,
    ]  # fmt: skip
    told = "quote: {} not between 0 and 1, left out"
    names = [None, "last price", "last price", "bid", "ask", None, None, "last price"]
    for name, counts in zip(names, found, strict=True):
        about = {each: count for each, count in counts.items() if each.startswith("quote")}
        assert about == ({} if name is None else {told.format(name): 1})


def test_gamma_tells_what_resting_orders_are_paid(tmp_path):
    """The oracle is the order service's own list of the same days (`/sampling-markets`): spread in
    cents, least size, and the daily rate, which is the sum of what Gamma lists as pools."""
    found = imported(tmp_path, "gamma", *sorted(PAGES.glob("gamma_markets_*.json.gz")))
    at_the_clob = {
        "0x1fad72fae204143ff1c3035e99e7c0f65ea8d5cd9bd1070987bd1a3316f772be": (4, 20, 35_000),
        "0xfd94efe3bbd624fb6577ad51cf5639dcbbcd0eb5a6f03543d98a8e4fe58af27a": (3, 100, 35_000),
        "0x49686d26fb712515cd5e12c23f0a1c7e10214c7faa3cb0a730aabe0c33694082": (1, 50, 35_000),
    }
    pools = {}
    for row in open_folder(tmp_path).rewards().iter_rows(named=True):
        pools.setdefault(row["market"], []).append(row)
    for market, (daily, least, spread) in at_the_clob.items():
        assert sum(row["daily"] for row in pools[market]) == daily * M
        assert {(row["min_size"], row["max_spread"]) for row in pools[market]} == {
            (least * M, spread)
        }
        assert all(row["until_ms"] == 16_756_675_200_000 for row in pools[market]), "2500-12-31"
    (first, second) = pools["0x1fad72fae204143ff1c3035e99e7c0f65ea8d5cd9bd1070987bd1a3316f772be"]
    assert first["pool"] != second["pool"] and first["from_ms"] == 1_746_144_000_000  # 2025-05-02
    newest = {}
    for path in sorted(PAGES.glob("gamma_markets_*.json.gz")):
        for each in records(path.name):
            known = newest.get(each["conditionId"])
            if known is None or known["updatedAt"] <= each["updatedAt"]:
                newest[each["conditionId"]] = each
    for name, each in newest.items():
        rows_ = pools.get(name, [])
        if "clobRewards" in each:
            assert [row["daily"] for row in rows_] == [
                pool["rewardsDailyRate"] * M for pool in each["clobRewards"]
            ]
        elif each["rewardsMinSize"]:  # an offer, and nobody says how much: not 0
            assert [row["daily"] for row in rows_] == [None]
        else:  # a closed market says 0 whatever it paid
            assert [row["daily"] for row in rows_] == ([] if each["closed"] else [0])
    closed = "rewards: closed, what it paid before is not told: unknown"
    assert found["repaired"][closed] == sum(
        each["closed"] and not each["rewardsMinSize"] for each in newest.values()
    )


@pytest.mark.parametrize(
    ("about", "kept"),
    [
        ({"clobRewards": None}, [None]),
        ({"clobRewards": []}, [None]),
        ({"clobRewards": [{"id": "1", "rewardsDailyRate": 5, "assetAddress": "0x" + 40 * "1"}]},
         [None]),  # in another coin
        ({"clobRewards": ["x"]}, [None]),
        ({"rewardsMinSize": None}, []),
        ({"rewardsMaxSpread": -1}, []),
        ({"rewardsMinSize": 0}, [0]),
    ],
)  # fmt: skip
def test_gamma_rewards_that_are_not_told(tmp_path, about, kept):
    page = records("gamma_markets_open_2026-02-13.json.gz")
    paying = next(each for each in page if each.get("clobRewards"))
    path = written(tmp_path / "a.json", [{**paying, **about}])
    found = imported(tmp_path / "to", "gamma", path)
    told = [row["daily"] for row in rows(tmp_path / "to", Table.REWARDS)]
    assert told == kept and (kept == [0]) == (found["repaired"] == {})


def test_gamma_pages_in_other_shapes(tmp_path):
    """An object around the list, a record a line, and records that are none."""
    one, two = records("gamma_markets_open_2026-02-13.json.gz")[:2]
    whole = written(tmp_path / "a.json", {"markets": [one, 7], "next_cursor": "x"})
    lines = written(tmp_path / "b.json", f"{json.dumps(two)}\nno json\n{{}}\n")
    found = imported(tmp_path / "to", "gamma", whole, lines)
    assert (found["read"], found["kept"]["markets"]) == (5, 2)
    assert sum(found["dropped"].values()) == 3 and found["dropped"]["market: no record"] == 2
    bad = written(tmp_path / "c.json", "[1, 2")
    assert "give JSON" in refused(tmp_path / "to", "gamma", bad)


# The CLOB's price history, to the documented format


def test_price_histories(tmp_path):
    points = [{"t": 1_770_000_000, "p": 0.031}, {"t": 1_770_003_600, "p": 1.2},
              {"t": None, "p": 0.5}, {"p": 0.5}, 7]  # fmt: skip
    one = written(tmp_path / "123.json", {"history": points})
    both = written(tmp_path / "both.json", {"45": {"history": points[:1]}, "46": {"history": []}})
    found = imported(tmp_path / "to", "clob", one, both)
    assert (found["read"], found["kept"]) == (6, {"quotes": 2})
    assert found["dropped"] == {"price: no time": 3, "price: not between 0 and 1": 1}
    kept = rows(tmp_path / "to", Table.QUOTES)
    assert [(each["at_ms"], each["token"], each["price"]) for each in kept] == [
        (1_770_000_000_000, "123", 31_000), (1_770_000_000_000, "45", 31_000),
    ]  # fmt: skip
    nameless = written(tmp_path / "history.json", {"history": points})
    assert "name the file TOKEN.json" in refused(tmp_path / "to", "clob", nameless)


# Recorded best prices of two venues, with all their dirt


def inside(text):
    return bool(text) and 0 < Decimal(text) < 1


@pytest.mark.parametrize("path, sizes", RECORDINGS, ids=lambda each: Path(each).stem)
def test_recorded_books_lose_nothing(tmp_path, path, sizes):
    found = imported(tmp_path, "books", path, "--token", "t", "--sizes", sizes)
    with gzip.open(path, "rt") as file:
        raw = list(csv.DictReader(file))
    trades = [each for each in raw if each["event_type"] == "last_trade_price"]
    events = [each for each in raw if each["event_type"] != "last_trade_price"]
    assert found["read"] == len(raw)
    assert sum(found["kept"].values()) + sum(found["dropped"].values()) == len(raw)
    assert found["kept"].get("trades", 0) == len(trades)
    no_time = sum(not each["timestamp"] for each in events)
    assert found["repaired"].get("no time", 0) == no_time
    unknown = sum(not all(map(inside, (each["best_bid"], each["best_ask"]))) for each in events)
    reasons = ("no quote: best prices missing", "not a row")
    assert sum(found["dropped"].get(each, 0) for each in reasons) == unknown
    quotes = rows(tmp_path, Table.QUOTES)
    times = [each["at_ms"] for each in quotes]
    assert times == sorted(times)
    told = {(each["best_bid"], each["best_ask"]) for each in events}
    cents = {(round(Decimal(b) * M), round(Decimal(a) * M)) for b, a in told if b and a}
    assert {(each["bid"], each["ask"]) for each in quotes} <= cents
    assert all(each["bid"] < each["ask"] for each in quotes)
    if trades:
        spoken = sorted(
            (round(Decimal(t["price"]) * M), round(Decimal(t["size"]) * M)) for t in trades
        )
        kept = rows(tmp_path, Table.TRADES)
        assert sorted((each["price"], each["size"]) for each in kept) == spoken


def test_a_recorded_book_is_a_history(tmp_path):
    """Its market comes from elsewhere; both sides play at their recorded prices."""
    path, sizes = RECORDINGS[2]
    imported(tmp_path / "to", "books", path, "--token", "atl:yes", "--sizes", sizes)
    markets = written(tmp_path / "m.csv", "market,event,question,ends_at,outcome\n"
                                          "atl,nba,Does ATL win?,2026-01-09,1\n")  # fmt: skip
    imported(tmp_path / "to", "markets", markets)
    config = parse({"name": "x", "packs": {}, "data": {"path": str(tmp_path / "to")}})
    history = load_history(config)
    played = [event for batch in history.feed(M) for event in zip(*batch, strict=True)]
    recorded = [len(rows(tmp_path / "to", table)) for table in (Table.QUOTES, Table.TRADES)]
    assert history.books and recorded == [284, 56] and len(played) == sum(recorded)


# Kalshi, to the documented formats (docs.kalshi.com)


def test_kalshi_markets_candles_and_books(tmp_path):
    market = {
        "ticker": "KXTEMP-26JAN01-T50", "event_ticker": "KXTEMP-26JAN01", "title": "Above 50?",
        "status": "finalized", "result": "yes", "close_time": "2026-01-01T20:00:00Z",
        "expected_expiration_time": "2026-01-02T15:00:00Z", "can_close_early": True,
        "settlement_ts": "2026-01-01T20:30:00Z", "strike_type": "greater", "floor_strike": 50.5,
        "tick_size": 1,
    }  # fmt: skip
    void = market | {"ticker": "KXTEMP-26JAN01-T60", "result": "", "settlement_value": 37,
                     "can_close_early": False, "floor_strike": 60}  # fmt: skip
    unknown = market | {"ticker": "KXTEMP-26JAN01-T70", "result": "", "status": "settled"}
    page = written(tmp_path / "m.json", {"markets": [market, void, unknown, {"title": "?"}]})
    candle = {
        "end_period_ts": 1_767_290_400,
        "price": {"close": None, "close_dollars": None},
        "yes_bid": {"close": 41, "close_dollars": "0.4150"},
        "yes_ask": {"close": 45},
    }
    empty = {"end_period_ts": 1_767_294_000, "price": {}, "yes_bid": {"close": 0},
             "yes_ask": {"close": 100}}  # fmt: skip
    bad = [
        {"end_period_ts": 1_767_290_400, "price": {}},
        {"yes_bid": {"close": 4}},
        {**candle, "yes_ask": {"close": 40}},
    ]
    candles = {"ticker": "KXTEMP-26JAN01-T50", "candlesticks": [candle, empty, *bad]}
    first = written(tmp_path / "c.json", json.dumps(candles, indent=2))
    about = {"at": "2026-01-01T18:00:00Z", "ticker": "KXTEMP-26JAN01-T60"}
    new = {
        **about,
        "orderbook_fp": {"yes_dollars": [["0.3", "10"]], "no_dollars": [["0.6", "2.5"]]},
    }
    old = {**about, "at": 1_767_290_401, "orderbook": {"yes": [[31, 4]], "no": []}}
    told = (new, old, {**new, "at": ""}, {**new, "orderbook_fp": 1})
    lines = written(tmp_path / "b.json", "\n".join(map(json.dumps, told)))
    found = imported(tmp_path / "to", "kalshi", page, first, lines)
    assert found["kept"] == {"markets": 3, "outcomes": 2, "quotes": 2, "books": 3}
    assert found["read"] == 4 + 5 + 4
    assert found["dropped"] == {
        "market: no ticker, or no event": 1, "candle: no price": 1, "candle: no time": 1,
        "candle: bid above ask": 1, "book: no time, or no ticker": 1, "book: it is none": 1,
    }  # fmt: skip
    assert found["repaired"] == {"result: settled, and nothing says at what: unknown": 1}
    early, late, _ = rows(tmp_path / "to", Table.MARKETS)
    # what closed early was not known to do so
    assert early["ends_ms"] == 1_767_366_000_000 and late["ends_ms"] == 1_767_297_600_000
    assert (early["threshold"], early["tick"]) == (50_500_000, 10_000)
    outcomes = rows(tmp_path / "to", Table.OUTCOMES)
    assert [(each["yes"], each["resolved_ms"]) for each in outcomes] == [
        (M, 1_767_299_400_000), (370_000, 1_767_299_400_000),
    ]  # fmt: skip
    quotes = rows(tmp_path / "to", Table.QUOTES)
    assert [(each["price"], each["bid"], each["ask"]) for each in quotes] == [
        (None, 415_000, 450_000), (None, 0, M),
    ]  # fmt: skip
    levels = [
        (e["message"], e["side"], e["price"], e["size"]) for e in rows(tmp_path / "to", Table.BOOKS)
    ]
    assert levels == [
        (1, "bid", 300_000, 10 * M), (1, "ask", 400_000, 2_500_000), (2, "bid", 310_000, 4 * M),
    ]  # fmt: skip


# pmxt's hours, to the documented formats


NOW = datetime(2026, 4, 22, 16, tzinfo=UTC)


def new_hour(path, events):
    """Write an hour in the form since April 2026."""
    blank = {"bids": None, "asks": None, "price": None, "size": None, "side": "",
             "transaction_hash": None}  # fmt: skip
    frame = pl.DataFrame(
        [
            {**blank, "timestamp_received": NOW + timedelta(milliseconds=at), "market": b"0xAB",
             "asset_id": "77", "event_type": kind, **more}
            for at, kind, more in events
        ],
        schema_overrides={"price": pl.Decimal(9, 4), "size": pl.Decimal(18, 6)},
    )  # fmt: skip
    frame.write_parquet(path)
    return path


def test_hours_of_pmxt(tmp_path):
    """A book and changes of one millisecond stay in the order in which they came."""
    book = {"bids": '[["0.01","5"],["0.4","2.5"]]', "asks": '[["0.99","1"],["0.45","3"]]'}
    change = {"price": Decimal("0.41"), "size": Decimal("7"), "side": "BUY"}
    gone = {"price": Decimal("0.45"), "size": Decimal(0), "side": "SELL"}
    hour = new_hour(
        tmp_path / "hour.parquet",
        [
            (1, "price_change", change),
            (5, "book", book),
            (5, "price_change", gone),
            (6, "last_trade_price", {**change, "transaction_hash": "0x1"}),
            (6, "tick_size_change", {}),
            (7, "book", {**book, "bids": "no list"}),
            (8, "price_change", {**change, "side": ""}),
            (9, "price_change", {**change, "market": b"0xother"}),
            (9, "news", {}),
        ],
    )  # fmt: skip
    found = imported(tmp_path / "to", "pmxt", hour, "--market", "0xab")
    assert found["read"] == 9 and found["kept"] == {"books": 1 + 4 + 1, "trades": 1}
    assert found["dropped"] == {
        "of a market that is not asked for": 1, "tick size changes": 1, "of an unknown kind": 1,
        "book: a side is no list of levels": 1, "change: no side": 1,
    }  # fmt: skip
    levels = [
        (e["message"], e["snapshot"], e["side"], e["price"], e["size"])
        for e in rows(tmp_path / "to", "books")
    ]
    assert levels == [
        (0, False, "bid", 410_000, 7 * M),
        (1, True, "bid", 10_000, 5 * M), (1, True, "bid", 400_000, 2_500_000),
        (1, True, "ask", 990_000, M), (1, True, "ask", 450_000, 3 * M),
        (2, False, "ask", 450_000, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("price", "size"),
    [("0.97", "9600000.000001"), ("0.999", "900000000.5"), ("0.01", "0.000050"), ("0.5", "3")],
)
def test_a_print_of_more_than_nine_million_tokens_has_its_cash(tmp_path, price, size):
    """The product of two amounts of 10**-6 has more than 64 bits from 9.2 million on."""
    price, size = Decimal(price), Decimal(size)
    told = {"price": price, "size": size, "side": "BUY", "transaction_hash": "0x1"}
    hour = new_hour(tmp_path / "hour.parquet", [(6, "last_trade_price", told)])
    imported(tmp_path / "to", "pmxt", hour, "--market", "0xab")
    (row,) = rows(tmp_path / "to", Table.TRADES)
    assert (row["price"], row["size"]) == (price * M, size * M)
    assert row["cash"] == round(price * size * M)


def test_fills_of_the_subgraph_have_their_price_whatever_their_size(tmp_path):
    path, cash = tmp_path / "fills.parquet", 20_000_000 * M
    row = {
        "timestamp": 1_770_000_000, "maker": "0xA", "taker": "0xB", "makerAssetId": "0",
        "takerAssetId": "77", "makerAmountFilled": cash, "takerAmountFilled": 2 * cash,
        "transactionHash": "0x1",
    }  # fmt: skip
    pl.DataFrame([row]).write_parquet(path)
    imported(tmp_path / "to", "logs", path)
    (found,) = rows(tmp_path / "to", Table.TRADES)
    assert (found["price"], found["size"], found["cash"]) == (500_000, 2 * cash, cash)


def test_older_hours_of_pmxt_say_the_same(tmp_path):
    about = {"token_id": "77", "market_id": "0xab", "side": "YES"}
    texts = [
        {**about, "bids": [["0.01", "5"]], "asks": []},
        {**about, "change_price": "0.047", "change_size": "42.6", "change_side": "SELL"},
        {**about, "change_price": "1.5", "change_size": "42.6", "change_side": "SELL"},
        {"no": "token"},
    ]
    frame = pl.DataFrame(
        {
            "timestamp_received": [NOW + timedelta(milliseconds=n) for n in range(5)],
            "timestamp_created_at": [NOW] * 5,
            "market_id": ["0xab"] * 5,
            "update_type": ["book_snapshot", *["price_change"] * 4],
            "data": [*map(json.dumps, texts), "no json"],
        }
    )
    frame.write_parquet(tmp_path / "old.parquet")
    found = imported(tmp_path / "to", "pmxt", tmp_path / "old.parquet")
    assert found["kept"] == {"books": 2} and found["read"] == 5
    assert found["dropped"] == {
        "change: no side, price or size": 1,
        "no JSON, or no token in it": 2,
    }
    (_, change) = rows(tmp_path / "to", Table.BOOKS)
    assert (change["side"], change["price"], change["size"]) == ("ask", 47_000, 42_600_000)
    pl.DataFrame({"timestamp_received": [NOW]}).write_parquet(tmp_path / "bad.parquet")
    assert "no hour of pmxt's" in refused(tmp_path / "to", "pmxt", tmp_path / "bad.parquet")
    with pytest.raises(BadData):
        open_folder(tmp_path)


def test_books_whose_bid_is_above_their_ask_are_counted(tmp_path):
    crossed = {"bids": '[["0.6","5"],["0.1","5"]]', "asks": '[["0.7","1"],["0.4","1"]]'}
    touching = {"bids": '[["0.4","5"]]', "asks": '[["0.4","1"]]'}
    hour = new_hour(tmp_path / "hour.parquet", [(1, "book", crossed), (2, "book", touching)])
    found = imported(tmp_path / "to", "pmxt", hour)
    assert found["read"] == 2 and found["kept"] == {"books": 2}
    assert found["dropped"] == {"book: bid above ask": 1}


def test_one_huge_value_ends_no_import(tmp_path):
    """It ended it in an error of polars's own."""
    record = records("gamma_markets_open_2026-02-13.json.gz")[0]
    huge = dict.fromkeys(("orderMinSize", "rewardsMinSize", "lastTradePrice"), 1e30)
    page = written(tmp_path / "g.json", [{**record, **huge}])
    found = imported(tmp_path / "gamma", "gamma", page)
    assert found["repaired"]["markets: min_size cannot be that, taken for unknown"] == 1
    assert found["repaired"]["rewards: no terms: unknown"] == 1
    assert rows(tmp_path / "gamma", Table.MARKETS)[0]["min_size"] is None
    about = {"ticker": "T", "event_ticker": "E", "strike_type": "greater", "floor_strike": 1e30}
    (tmp_path / "k").mkdir()
    page = written(tmp_path / "k" / "m.json", {"markets": [about]})
    levels = {"yes_dollars": [["0.3", "1e30"]], "no_dollars": [["0.6", "2.5"]]}
    book = {"at": "2026-01-01T18:00:00Z", "ticker": "T", "orderbook_fp": levels}
    lines = written(tmp_path / "k" / "b.json", book)
    found = imported(tmp_path / "kalshi", "kalshi", page, lines)
    assert found["repaired"] == {"market: floor_strike cannot be read, taken for unknown": 1}
    assert found["dropped"] == {"book: it is none": 1}
    huge, empty = ({"bids": each, "asks": "[]"} for each in ('[["0.3","1e30"]]', "[]"))
    hour = new_hour(tmp_path / "h.parquet", [(1, "book", huge), (2, "book", empty)])
    found = imported(tmp_path / "pmxt", "pmxt", hour)
    assert found["dropped"] == {"book: a side is no list of levels": 1}
