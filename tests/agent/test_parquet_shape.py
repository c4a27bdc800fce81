"""Files of a few kilobytes that unfold to more than a machine has, and files that are damaged."""

import gzip
import random
from datetime import datetime

import polars as pl
import pytest
from click.testing import CliRunner
from strongroom.backtest.arbitrage_rows import ArbitrageRules
from strongroom.backtest.arbitrage_study import arbitrage_study
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.studies import _prices
from strongroom.cli.main import command
from strongroom.data import parquet_shape, reading
from strongroom.data.folder import open_folder
from strongroom.data.importing import run_import
from strongroom.data.ordered import chunks_of
from strongroom.data.parquet_shape import check_shape, shape_of
from strongroom.data.reading import batches, json_records
from strongroom.data.schema import GROUP, BadData, Table, schema_of, write_table
from strongroom.data.sources.outcomes import take_outcomes
from strongroom.data.sources.tables import take_tables
from strongroom.errors import BadInput
from strongroom.mcp_server.price_history import price_history

from tests.agent.test_playback import END, T, level, market, outcome, quote

OUTCOME = {"market": "m", "yes": 1_000_000, "source": "own"}


def outcomes(rows):
    return pl.DataFrame([OUTCOME], schema=schema_of(Table.OUTCOMES)).select(
        pl.all().repeat_by(rows).explode(empty_as_null=True)
    )


@pytest.mark.parametrize("rows", [0, 1, 999, 1_000, 2_500])
def test_a_shape_is_what_was_written(tmp_path, rows):
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {"n": pl.int_range(rows, eager=True), "t": ["x"] * rows, "b": [True] * rows}
    )
    frame.write_parquet(path, row_group_size=1_000, compression="uncompressed")
    found = shape_of(path)
    assert found.rows == rows and found.size == path.stat().st_size
    assert [group.rows for group in found.groups if group.rows] == (
        [1_000] * (rows // 1_000) + [rows % 1_000] * bool(rows % 1_000)
    )
    assert all(group.columns == 3 for group in found.groups)
    assert sum(group.size for group in found.groups) < found.size, "what is not packed is in it"
    assert sum(group.size for group in found.groups) >= 8 * rows or rows < 2


def test_the_texts_size_is_that_without_compression(tmp_path):
    """Five million letters in a few hundred bytes."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"t": ["x" * 5_000_000]}).write_parquet(path)
    (group,) = shape_of(path).groups
    assert path.stat().st_size < 5_000 and 5_000_000 < group.in_memory < 5_001_000


def test_a_row_group_that_fills_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "prices.parquet"
    bits = (pl.int_range(1_000_000, eager=True).hash(1) % 4).cast(pl.Int8)
    bits.alias("yes").to_frame().write_parquet(path, row_group_size=1_000_000)
    assert path.stat().st_size < 300_000, "two bits a value"
    assert check_shape(path).rows == 1_000_000
    monkeypatch.setattr(parquet_shape, "MOST_AT_ONCE", 7_999_999)
    with pytest.raises(BadData, match="smaller row groups"):
        next(batches(path, ()))


def test_a_dictionarys_text_counts_for_each_row(tmp_path):
    """One text of 2 MiB for 2,000 rows takes some kilobytes, and 4 GB where it is read."""
    frame = pl.DataFrame({"n": pl.int_range(2_000, eager=True)}).with_columns(
        market=pl.Series(["x" * 2**21], dtype=pl.Categorical).new_from_index(0, 2_000)
    )
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    assert path.stat().st_size < 2**16
    with pytest.raises(BadData, match=r"a row group takes 3\.9 GiB of memory, allowed 1"):
        check_shape(path)
    few = tmp_path / "few.parquet"
    frame.head(100).write_parquet(few)
    assert check_shape(few).rows == 100


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_csv_of_very_many_columns_is_refused(tmp_path, pack):
    path = tmp_path / "a.csv"
    for more, right in ((198, True), (199, False), (99_999, False)):
        path.write_bytes(pack(b"market,at" + b",c" * more + b"\n" + b"m,1" + b"," * more + b"\n"))
        if right:
            reading.check_text(path)
            continue
        with pytest.raises(BadData, match=f"has {more + 2:,} columns, allowed 200"):
            reading.check_text(path)


def test_a_billion_equal_rows_are_refused(tmp_path):
    """Here a million in some kilobytes; 161,550 hourly prices take one row a byte."""
    path = tmp_path / "outcomes.parquet"
    outcomes(1_000_000).write_parquet(path)
    assert path.stat().st_size < 20_000
    with pytest.raises(BadData, match="1,000,000 rows in"):
        run_import("table", [path], {}, tmp_path / "to", lambda each: take_tables(each, [path]))


def test_a_data_folder_holds_what_an_import_writes_and_no_more(tmp_path):
    (tmp_path / "own-1").mkdir()
    (tmp_path / "own-1" / "import.json").write_text("{}")
    path = tmp_path / "own-1" / "outcomes-00000.parquet"
    write_table(path, Table.OUTCOMES, outcomes(100_000))
    with pytest.raises(BadData, match="a name of its own"):
        open_folder(tmp_path)
    meta = pl.read_parquet_metadata(path)
    kept = {key: meta[key] for key in ("strongroom_schema", "strongroom_table")}
    numbered = outcomes(GROUP + 1).with_columns(
        market=pl.format("{}", pl.int_range(pl.len()).hash(1))
    )
    numbered.write_parquet(path, row_group_size=GROUP + 1, metadata=kept)
    with pytest.raises(BadData, match="row groups of more than 65,536 rows"):
        open_folder(tmp_path)
    write_table(path, Table.OUTCOMES, numbered)
    assert open_folder(tmp_path).files(Table.OUTCOMES) == [path]


def test_damaged_footers_are_refused_in_words(tmp_path):
    """2,000 flipped, cut and lengthened ones, and lists in lists without an end."""
    whole, path, draw = tmp_path / "whole.parquet", tmp_path / "a.parquet", random.Random(5)
    pl.DataFrame({"n": range(100), "t": ["x"] * 100}).write_parquet(whole, row_group_size=10)
    data = whole.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    refused = 0
    for number in range(2_000):
        bad = bytearray(data)
        for _ in range(draw.randrange(1, 4)):
            bad[len(data) - 8 - draw.randrange(length)] = draw.randrange(256)
        if number % 10 == 0:
            bad = bad[: draw.randrange(len(bad))]
        if number % 11 == 0:
            bad[-8:-4] = draw.randrange(2**32).to_bytes(4, "little")
        path.write_bytes(bad)
        try:
            check_shape(path)
        except BadData:
            refused += 1
    assert refused > 200
    for footer in (b"\x49" + b"\x99" * 5_000, b"\x4c" + b"\x1c" * 5_000, b"\x49\xf9" + b"\xff" * 9):
        path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
        with pytest.raises(BadData):
            check_shape(path)
    for short in (b"", b"PAR1", b"PAR1PAR1", b"x" * 100):
        path.write_bytes(short)
        with pytest.raises(BadData):
            check_shape(path)


def varint(number):
    """Return a count as the footer has it: zigzag, seven bits a byte, the lowest first."""
    number, out = 2 * number, b""
    while number > 127:
        number, out = number >> 7, out + bytes([number & 127 | 128])
    return out + bytes([number])


def with_footer(data, changes):
    """Return a file whose footer has other counts of as many bytes."""
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    for before, after in changes.items():
        assert varint(before) in footer and len(varint(before)) == len(varint(after))
        footer = footer.replace(varint(before), varint(after))
    return data[: -8 - length] + footer + data[-8:]


def three_groups(path, **options):
    pl.DataFrame({"n": range(3_000), "t": [f"x{each}" for each in range(3_000)]}).write_parquet(
        path, row_group_size=1_000, **options
    )
    return path.read_bytes()


def test_a_footer_that_says_less_than_the_pages_hold_is_refused(tmp_path):
    """A reader believes it, and leaves out a row of each thousand: polars reads 2,997 of 3,000."""
    path = tmp_path / "a.parquet"
    whole = three_groups(path)
    assert check_shape(path).rows == 3_000
    path.write_bytes(with_footer(whole, {1_000: 999, 3_000: 2_997}))
    assert len(pl.read_parquet(path)) == 2_997
    with pytest.raises(BadData, match="999 rows by its footer, and a column of it 1,000 values"):
        next(batches(path, ("n",)))
    path.write_bytes(with_footer(whole, {1_000: 1_001, 3_000: 3_003}))
    with pytest.raises(BadData, match="1,001 rows by its footer, and a column of it 1,000 values"):
        check_shape(path)


def test_sizes_are_those_of_the_pages_where_the_footer_says_less(tmp_path):
    """Five million letters that the footer calls five hundred thousand: the page says it all."""
    path = tmp_path / "a.parquet"
    pl.DataFrame({"t": ["x" * 5_000_000]}).write_parquet(path, statistics=False)
    (honest,) = shape_of(path).groups
    path.write_bytes(with_footer(path.read_bytes(), {honest.size: 2_000_000}))
    (group,) = shape_of(path).groups
    assert 5_000_000 < group.in_memory <= honest.size < 5_001_000


# A file of pyarrow 26 without rows: of a column there is a dictionary, and no page of data.
EMPTY = bytes.fromhex(
    "504152311504150015024c15001500120000001504192c35001806736368656d611502001504250218016e00"
    "1600191c191c26001c1504192500061918016e15021600161c161e26002608291c150415001502000000161c"
    "16002608161e002820706172717565742d6370702d6172726f772076657273696f6e2032362e302e31191c1c"
    "0000007400000050415231"
)


def test_a_file_without_rows_may_have_no_pages(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(EMPTY)
    assert check_shape(path).rows == 0 == len(next(batches(path, ("n",)), ()))


@pytest.mark.parametrize("packed", ["zstd", "snappy", "uncompressed"])
def test_of_a_damaged_file_all_rows_come_or_none_is_believed(tmp_path, packed):
    """80 files that were hit anywhere. Of some polars ends early without a word, of some it gives
    up with a panic: that is no exception of Python's."""
    chance, whole, refused = random.Random(3), tmp_path / "whole.parquet", 0
    rows = {"n": range(300), "t": [f"x{each % 50}" for each in range(300)], "l": [["a"]] * 300}
    pl.DataFrame(rows).write_parquet(whole, row_group_size=100, compression=packed)
    for number in range(80):
        bad, path = bytearray(whole.read_bytes()), tmp_path / f"{number}.parquet"
        for _ in range(chance.randrange(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        path.write_bytes(bad)
        for reads in (lambda each: batches(each, ()), chunks_of):
            try:
                check_shape(path)
                assert sum(len(part) for part in reads(path)) == 300
            except (BadData, pl.exceptions.PolarsError):
                refused += 1
    assert 80 < refused < 160


def test_rows_that_do_not_come_are_missed(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    three_groups(path)
    fewer = pl.scan_parquet(path).slice(0, 2_999)
    monkeypatch.setattr(reading, "scan", lambda _: fewer)
    with pytest.raises(BadData, match="2,999 of 3,000 rows can be read"):
        list(batches(path, ("n",)))


def test_lists_have_other_counts_than_rows(tmp_path):
    path = tmp_path / "a.parquet"
    lists = [["a", "b", "c"]] * 500 + [[]] * 300 + [None] * 200
    pl.DataFrame({"l": lists, "n": range(1_000)}).write_parquet(path)
    assert check_shape(path).rows == 1_000


def test_dates_of_no_calendar_end_no_process(tmp_path):
    """Polars holds them and panics where they become text: that is no exception of Python's."""
    path = tmp_path / "outcomes.parquet"
    odd = pl.Series("market", [2**62, 0]).cast(pl.Datetime("ms"))
    pl.DataFrame([odd, pl.Series("yes", [1, 0])]).write_parquet(path)
    with pytest.raises(BadData, match="dates of no calendar"):
        run_import("own", [path], {}, tmp_path, lambda each: take_outcomes(each, path, "own"))
    good = pl.DataFrame({"market": [datetime(2025, 1, 1)], "yes": [1]})
    good.cast({"market": pl.Datetime("ms")}).write_parquet(path)
    done = run_import("own", [path], {}, tmp_path, lambda each: take_outcomes(each, path, "own"))
    assert done.kept == {"outcomes": 1}


def test_structures_are_no_amounts(tmp_path):
    path = tmp_path / "outcomes.parquet"
    pl.DataFrame({"market": ["a"], "yes": [{"a": 1}]}).write_parquet(path)
    with pytest.raises(
        BadData, match=r"own: a column is of another type .yes has lists or structures"
    ):
        run_import("own", [path], {}, tmp_path, lambda each: take_outcomes(each, path, "own"))


@pytest.mark.parametrize("before", ["", "[", "{}\n{}\n", "[\n\n"])
def test_a_zipped_record_without_an_end_is_refused(tmp_path, monkeypatch, before):
    monkeypatch.setattr(reading, "MOST_TEXT", 100_000)
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress((before + " " * 200_000 + "1").encode()))
    with pytest.raises(BadData, match="characters in one record"):
        list(json_records(path))


# data folders with a damaged file


def whole_folder(to):
    """A folder with rows in every table."""
    markets = [market(name, event="e", ticker="T", threshold=n) for n, name in enumerate("abc")]
    trade = {"token": "a:yes", "side": "BUY", "price": 500_000, "size": 10**6, "cash": 500_000}
    merge = {"kind": "merge", "market": "a"}
    equal = {"kind": "equal", "members": ["a", "b"], "reviewer": ""}
    number = range(200)
    odd = [7**n % 9_973 for n in number]  # what is packed well has few bytes to hit
    many = {
        Table.QUOTES: [quote(n * 9_000, f"{'abc'[n % 3]}:yes", price=odd[n]) for n in number],
        Table.BOOKS: [level(n * 900, "b:yes", n, "bid", n + 1, odd[n]) for n in number],
        Table.TRADES: [
            {**trade, "at_ms": T + n * 9_000, "wallet": f"0x{n}", "transaction": f"0x{odd[n]}"}
            for n in number
        ],
        Table.OPERATIONS: [
            {**merge, "at_ms": T + n, "wallet": f"0x{n}", "amount": odd[n]} for n in number
        ],
        Table.FORECASTS: [
            {"at_ms": T + n, "source": f"s{n % 3}", "market": "a", "chance": odd[n]} for n in number
        ],
        Table.RELATIONS: [{**equal, "proof": f"{7**n}"} for n in number[:60]],
        Table.REWARDS: [
            {"market": "a", "pool": f"{7**n}", "seen_ms": T, "daily": odd[n]} for n in number[:60]
        ],
    }
    tables = {Table.MARKETS: markets, Table.OUTCOMES: [outcome(name) for name in "abc"], **many}

    def take(intake):
        for table, rows in tables.items():
            for row in rows:
                intake.put(table, row)

    run_import("whole", [], {}, to, take)
    return to


def read_all(folder):
    """Read a folder in every way."""
    config = parse({"name": "x", "packs": {"bundle": {}}, "data": {"path": str(folder)}})
    history = load_history(config)
    for _ in history.feed():
        pass
    for each in history.forecasts():
        each.forecast(history.markets, END // 1_000)
    data = open_folder(folder)
    _prices(data)
    arbitrage_study(folder, ArbitrageRules(), workers=1)
    price_history(folder, "a", 0, END // 1_000, 5)


@pytest.mark.parametrize("table", list(Table))
def test_a_damaged_table_is_named_and_no_traceback(tmp_path, table):
    """15 files of each table that were hit anywhere; polars' words and panics ended the command."""
    chance, told = random.Random(table.value), 0
    whole = whole_folder(tmp_path / "whole")
    read_all(whole)
    (path,) = whole.glob(f"*/{table}-*.parquet")
    good = path.read_bytes()
    for _ in range(15):
        bad = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        path.write_bytes(bad)
        try:
            read_all(whole)
        except BadInput as error:
            told += path.name in str(error)
    assert told > 2


@pytest.mark.parametrize("source", ["forecasts", "prices", "table"])
def test_an_input_that_ends_early_is_named(tmp_path, source):
    """Its type was blamed."""
    path, markets = tmp_path / "quotes.parquet", tmp_path / "markets.csv"
    rows = [quote(n, "a:yes", price=n) for n in range(100)]
    pl.DataFrame(rows).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-30])
    markets.write_text("market,event,question,ends_at\na,e,A?,2026-02-01\n")
    paths = (markets, path) if source == "prices" else (path,)
    more = ["--source", "me"] if source == "forecasts" else []
    words = ["import", source, *map(str, paths), *more, "--to", str(tmp_path / "to")]
    done = CliRunner().invoke(command, words)
    said = " ".join(done.output.split())
    assert done.exit_code == 2 and "quotes.parquet: " in said and "another type" not in said
