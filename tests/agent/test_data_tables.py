"""Own files that have the schema's columns: what does not fit a column is dropped by its name."""

import json

import polars as pl
import pytest
from click.testing import CliRunner
from strongroom.cli.main import command
from strongroom.data.folder import open_folder
from strongroom.data.schema import Table

M = 1_000_000


def typed(to, *files):
    words = ["import", "table", *map(str, files), "--to", str(to), "--json"]
    return CliRunner().invoke(command, words, catch_exceptions=False)


def test_own_books_trades_and_relations(tmp_path):
    books, relations = tmp_path / "books.csv", tmp_path / "relations.csv"
    books.write_text(
        "at_ms,token,message,snapshot,side,price,size\n"
        "2,t,2,false,ask,500000,0\n1,t,1,true,bid,400000,7000000\n1,t,1,true,ask,500000,7000000\n"
        "3,t,3,false,buy,400000,1\n4,t,4,false,bid,1400000,1\n5,t,5,perhaps,bid,400000,1\n"
        "6,,6,true,bid,400000,1\n7,t,7,true,bid,0.4,1\n8,t,8,true,bid,400000,-1\n9,t,9,true,,,\n"
    )
    relations.write_text("kind,members,proof,reviewer\nimplies,a b,,me\nrhymes,a b,,me\n")
    trades = tmp_path / "trades-2026.parquet"
    row = {"at_ms": 1, "token": "t", "side": "BUY", "price": 1, "size": 2, "cash": 3}
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
        (1, "bid", 400_000, 7 * M), (1, "ask", 500_000, 7 * M), (2, "ask", 500_000, 0),
        (9, None, None, None),
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
