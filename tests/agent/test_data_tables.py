"""Own files that have the schema's columns: what does not fit a column is dropped by its name."""

import json

import polars as pl
import pytest
from click.testing import CliRunner
from strongroom.cli.main import command
from strongroom.data.folder import open_folder
from strongroom.data.schema import Table

M = 1_000_000
T = 1_770_000_000_000  # ms; its last digit is the row's


def typed(to, *files):
    words = ["import", "table", *map(str, files), "--to", str(to), "--json"]
    return CliRunner().invoke(command, words, catch_exceptions=False)


def test_own_books_trades_and_relations(tmp_path):
    books, relations = tmp_path / "books.csv", tmp_path / "relations.csv"
    rows = (
        "2,t,2,false,ask,500000,0", "1,t,1,true,bid,400000,7000000",
        "1,t,1,true,ask,500000,7000000", "3,t,3,false,buy,400000,1", "4,t,4,false,bid,1400000,1",
        "5,t,5,perhaps,bid,400000,1", "6,,6,true,bid,400000,1", "7,t,7,true,bid,0.4,1",
        "8,t,8,true,bid,400000,-1", "9,t,9,true,,,",
    )  # fmt: skip
    books.write_text(
        "at_ms,token,message,snapshot,side,price,size\n"
        + "".join(f"{T // 10}{each}\n" for each in rows)
    )
    relations.write_text("kind,members,proof,reviewer\nimplies,a b,,me\nrhymes,a b,,me\n")
    trades = tmp_path / "trades-2026.parquet"
    row = {"at_ms": T, "token": "t", "side": "BUY", "price": 1, "size": 2, "cash": 3}
    pl.DataFrame([row, {**row, "side": "hold"}]).write_parquet(trades)
    done = typed(tmp_path / "to", books, relations, trades)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["read"] == 14 and found["kept"] == {"books": 4, "relations": 1, "trades": 1}
    assert found["dropped"] == {
        "books: side is not one of bid, ask": 1,
        "books: price is not between 0 and 1": 1,
        "books: snapshot is none": 1,
        "books: token is missing": 1,
        "books: price is none": 1,
        "books: size is below 0": 1,
        "relations: kind is not one of exclusive, exhaustive, implies, equal": 1,
        "trades: side is not one of BUY, SELL": 1,
    }
    folder = open_folder(tmp_path / "to")
    kept = folder.table(Table.BOOKS).collect().select("at_ms", "side", "price", "size").rows()
    assert kept == [
        (T + 1, "bid", 400_000, 7 * M), (T + 1, "ask", 500_000, 7 * M), (T + 2, "ask", 500_000, 0),
        (T + 9, None, None, None),
    ]  # fmt: skip
    assert folder.table(Table.RELATIONS).collect()["members"].to_list() == [["a", "b"]]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("prices.csv", "a\n1\n", "'prices' is no table"),
        ("quotes.csv", "at_ms,token,cents\n1,t,1\n", "quotes has no columns cents"),
        ("quotes.csv", "at_ms,price\n1,1\n", "lacks the column token"),
    ],
)
def test_a_file_that_is_no_table_says_so(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    done = typed(tmp_path / "to", tmp_path / name)
    assert done.exit_code == 2 and words in done.output
    assert not list((tmp_path / "to").glob("*"))


def test_values_that_cannot_be_together_are_dropped_by_their_reason(tmp_path):
    """Seconds for milliseconds stood in 1970; a level without a price ended the backtest; a
    forecast that rests on what came later shows the future."""
    about = "market,venue,event,question,yes_name,no_name"
    files = {
        "quotes": f"at_ms,token,bid,ask\n{T},t,6,5\n{T // 1_000},t,1,2\n{T},t,5,5\n",
        "books": "at_ms,token,message,snapshot,side,price,size\n"
        f"{T},t,1,true,ask,,5\n{T},t,1,true,bid,5,\n{T},t,1,true,bid,0,5\n{T},t,1,true,bid,5,5\n",
        "forecasts": f"at_ms,source,market,chance,evidence_ms\n{T},s,m,5,{T + 1}\n{T},s,m,5,{T}\n",
        "outcomes": f"market,yes,resolved_ms,source,void\nm,1,0,f,\nm,1,-62135596800000,f,\n"
        f"m,1,{T},f,\nm,1,{T},f,true\n",
        "trades": f"at_ms,token,side,price,size,cash\n{T},t,BUY,5,0,0\n{T},t,BUY,5,1,0\n",
        "relations": "kind,members\nequal,a\nequal,a a\nimplies,a b c\nimplies,a b\n",
        "rewards": "market,max_spread\nm,-1\nm,1\n",
        "markets": f"{about},yes_token,no_token,negative_risk,tick\nm,v,e,q,Y,N,1,1,false,1\n"
        "m,v,e,q,Y,N,1,2,false,0\nm,v,e,q,Y,N,1,2,false,1\n",
    }
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    done = typed(tmp_path / "to", *(tmp_path / f"{name}.csv" for name in files))
    found = json.loads(done.output)
    assert found["kept"] == dict.fromkeys(files, 1)
    assert found["dropped"] == {
        "quotes: bid above ask": 1,
        "quotes: at_ms is no time in milliseconds": 1,
        "books: a level without price or size": 2,
        "books: a level at 0 or 1": 1,
        "forecasts: rests on what came later": 1,
        "outcomes: resolved_ms is no time in milliseconds": 2,
        "outcomes: void, and yes is not 0.5": 1,
        "trades: of no tokens": 1,
        "relations: too few members, or one twice": 2,
        "relations: implies is of two": 1,
        "rewards: max_spread is below 0": 1,
        "markets: its two tokens are one": 1,
        "markets: tick is not between 0 and 1": 1,
    }


@pytest.mark.parametrize("kind", [pl.Float32, pl.Float64, pl.Decimal(20, 2)])
def test_units_are_not_cut_to_integers(tmp_path, kind):
    """Prices in units were 0 millionths, and their rows counted as kept."""
    path = tmp_path / "quotes.parquet"
    prices = pl.Series([0.55, 550_000, 1, None, 0.9], dtype=pl.Float64).cast(kind)
    pl.DataFrame({"at_ms": [T] * 5, "token": ["t"] * 5, "price": prices}).write_parquet(path)
    found = json.loads(typed(tmp_path / "to", path).output)
    assert found["dropped"] == {"quotes: price is none": 2} and found["read"] == 5
    kept = open_folder(tmp_path / "to").table(Table.QUOTES).collect()["price"].to_list()
    assert kept == [550_000, 1, None]


def test_truth_and_what_is_no_number_are_no_integers(tmp_path):
    outcomes, trades = tmp_path / "outcomes.parquet", tmp_path / "trades.parquet"
    pl.DataFrame({"market": ["a"], "yes": [True], "source": ["s"]}).write_parquet(outcomes)
    row = {"at_ms": T, "token": "t", "side": "BUY", "price": 1.0, "size": 2.0, "cash": 3}
    wrong = [{**row, "size": each} for each in (float("nan"), float("inf"), 1e30)]
    pl.DataFrame([row, *wrong]).write_parquet(trades)
    found = json.loads(typed(tmp_path / "to", outcomes, trades).output)
    assert found["kept"] == {"trades": 1}
    assert found["dropped"] == {"outcomes: yes is none": 1, "trades: size is none": 3}


def test_a_book_whose_bid_is_above_its_ask_is_dropped_whole(tmp_path):
    """It was kept, and traded as free money. Equal prices, and levels that are gone or are dropped
    themselves, are no reason."""
    rows = (
        f"{T},t,1,true,bid,500000,1", f"{T},t,1,true,ask,400000,1", f"{T},t,1,true,bid,300000,1",
        f"{T},t,2,true,bid,400000,1", f"{T},t,2,true,ask,400000,1",
        f"{T},t,3,false,bid,500000,0", f"{T},t,3,false,ask,400000,1",
        f"{T},u,1,true,bid,1400000,1", f"{T},u,1,true,ask,600000,1",
    )  # fmt: skip
    path = tmp_path / "books.csv"
    names = "at_ms,token,message,snapshot,side,price,size"
    path.write_text("\n".join((names, *rows)) + "\n")
    found = json.loads(typed(tmp_path / "to", path).output)
    assert found["read"] == 9 and found["kept"] == {"books": 5}
    assert found["dropped"] == {
        "books: bid above ask": 3, "books: price is not between 0 and 1": 1,
    }  # fmt: skip
