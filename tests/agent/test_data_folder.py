"""The data folder: one schema, imports at once or not at all, rows in the order of time."""

import csv
import heapq
import json
import re
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from strongroom.analysis.fair_null import Event
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.sweep import jobs_of
from strongroom.backtest.tries import Tried
from strongroom.cli.main import command
from strongroom.data import ordered
from strongroom.data.example_files import EXAMPLE, FileIsThere, write_example
from strongroom.data.folder import PACKAGED, open_folder, packaged
from strongroom.data.importing import NothingToImport, run_import
from strongroom.data.ordered import TableWriter, chunks_of, merged
from strongroom.data.reading import micro, ms_of, time_ms
from strongroom.data.schema import COLUMNS, BadData, Table, checked, schema_of
from strongroom.data.sources.outcomes import take_outcomes
from strongroom.data.sources.prices import take_prices

ROOT = Path(__file__).parents[2]
RAW = ROOT / "tests" / "data" / "ladders"
TYPES = {
    pl.Int64: "integer",
    pl.String: "text",
    pl.Boolean: "true or false",
    pl.List: "list of text",
}


def typed(*words):
    """Type a command; return its output."""
    done = CliRunner().invoke(command, [str(each) for each in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def outcomes_file(folder, text):
    path = folder / "outcomes.csv"
    path.write_text(text)
    return path


def test_the_packaged_ladders_are_an_import_of_the_recorded_files(tmp_path):
    """Byte by byte; and the recorded rows are all there, whatever our importer says."""
    files = RAW / "markets.parquet", RAW / "prices.parquet"
    found = json.loads(
        typed(
            "import", "prices", *files, "--outcomes-from", "last price", "--to", tmp_path, "--json"
        )
    )
    (made,), (kept,) = tmp_path.glob("prices-*"), PACKAGED.glob("prices-*")
    assert made.name == kept.name
    for path in kept.iterdir():
        assert path.read_bytes() == (made / path.name).read_bytes(), path.name
    assert found["kept"] == {"markets": 1_124, "outcomes": 1_082, "quotes": 161_550}
    assert found["read"] == 1_124 + 161_550 and found["dropped"] == {}
    assert found["repaired"] == {"price: none, kept as unknown": 422}
    raw = pl.read_parquet(files[1]).join(pl.read_parquet(files[0]), on="market_id")
    plain = raw.select(
        at_ms=pl.col("ts").dt.epoch("ms"),
        token="yes_token_id",
        price=(pl.col("price") * 1_000_000).round().cast(pl.Int64),
    ).sort("token", "at_ms")
    ours = packaged().table(Table.QUOTES).select("at_ms", "token", "price").collect()
    assert ours["at_ms"].is_sorted()
    assert_frame_equal(ours.sort("token", "at_ms"), plain)


def test_own_ladders_as_the_page_says_in_an_empty_folder(tmp_path, monkeypatch):
    """Import, backtest, report, with what the page names and no more: every price before the
    market's end is played, and named."""
    page = (ROOT / "docs" / "data.md").read_text()
    lines = re.search(r"```\n(strongroom example.*?)```", page, re.S)[1].splitlines()
    monkeypatch.chdir(tmp_path)
    for line in lines[:-1]:
        typed(*line.split()[1:])
    assert lines[-1] == "ls result/report.html"
    out = tmp_path / "result"
    page, found = (out / "report.html").read_text(), json.loads((out / "result.json").read_text())
    rows = list(csv.DictReader((EXAMPLE / "prices.csv").open()))
    before = sum(row["at"] < "2025-12-05T23:59:59Z" for row in rows)
    assert found["summaries"]["pessimistic"]["events_played"] == before and f"{before:,}" in page
    (made,) = (tmp_path / "history").glob("prices-*")
    assert found["data"] == {
        f"{made.name}/{path.name}": sha256(path.read_bytes()).hexdigest()
        for path in made.glob("*.parquet")
    }


def test_the_examples_files_are_written_over_nothing(tmp_path):
    write_example(tmp_path / "own")
    mine = tmp_path / "other" / "prices.csv"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(FileIsThere, match="name another folder"):
        write_example(mine.parent)
    assert [path.name for path in mine.parent.iterdir()] == ["prices.csv"]
    assert mine.read_text() == "mine"


def test_a_backtest_that_trades_nothing_says_so(tmp_path):
    """It once ended where its table was printed."""
    typed(
        "import",
        "prices",
        EXAMPLE / "markets.csv",
        EXAMPLE / "prices.csv",
        "--to",
        tmp_path / "own",
    )
    config = tmp_path / "nothing.toml"
    text = 'name = "nothing"\n[data]\npath = "own"\n[packs.dutch]\nmin_profit = 1_000_000_000\n'
    config.write_text(text)
    said = typed("backtest", config, "--out", tmp_path / "out")
    assert said.count("nothing was") == 6, said  # of the strategy, and less the favourites


def test_the_same_import_again_changes_nothing(tmp_path):
    words = (
        "import",
        "prices",
        EXAMPLE / "markets.csv",
        EXAMPLE / "prices.csv",
        "--to",
        tmp_path,
        "--json",
    )
    first = json.loads(typed(*words))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = json.loads(typed(*words))
    assert again == {**first, "before": True}
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == times


def test_an_import_that_fails_leaves_nothing(tmp_path):
    path = outcomes_file(tmp_path, "market,yes\n0x1,1\n")

    def take(intake):
        take_outcomes(intake, path, "file")
        intake.finish()
        raise RuntimeError("the disk is full")

    for name in (".outcomes-000000000000", ".git"):  # of an import that was killed; of somebody
        (tmp_path / "to" / name).mkdir(parents=True)
    with pytest.raises(RuntimeError):
        run_import("outcomes", [path], {}, tmp_path / "to", take)
    with pytest.raises(BadData, match="holds no imported data"):
        open_folder(tmp_path / "to")
    assert [each.name for each in (tmp_path / "to").iterdir()] == [".git"]


def test_what_cannot_be_kept_is_counted(tmp_path):
    """By hand: seven rows of outcomes, two of them good."""
    rows = ("a,1,2026-01-02T03:04:05Z", "b,0.5,", ",1,", "c,2,", "d,perhaps,", "e,,", "f,-1,")
    path = outcomes_file(tmp_path, "\n".join(("market,yes,resolved_at", *rows)))
    take = lambda intake: take_outcomes(intake, path, "file")  # noqa: E731
    found = run_import("outcomes", [path], {}, tmp_path / "to", take)
    assert (found.read, found.kept) == (7, {"outcomes": 2})
    assert found.dropped == {"outcome: no market": 1, "outcome: no number between 0 and 1": 4}
    rows = open_folder(tmp_path / "to").outcomes().sort("market").rows(named=True)
    assert [(each["market"], each["yes"], each["resolved_ms"]) for each in rows] == [
        ("a", 1_000_000, 1_767_323_045_000),
        ("b", 500_000, None),
    ]
    outcomes_file(tmp_path, "market,yes\nc,2\n")
    with pytest.raises(NothingToImport, match="no number between 0 and 1 1"):
        run_import("outcomes", [path], {}, tmp_path / "to", take)


def test_a_date_alone_is_the_end_of_its_day(tmp_path):
    """At its first moment nothing of the day was over or known. A market that ends on a date was
    over before that day's prices."""
    day, last = 1_770_076_800_000, 1_770_163_199_999  # 2026-02-03, 00:00 and its last millisecond
    told = ["2026-02-03", " 2026-02-03 ", "2026-02-03T00:00:00Z", "2026-02-03 00:00"]
    frame = pl.DataFrame({"text": told, "date": [datetime(2026, 2, 3, tzinfo=UTC).date()] * 4})
    assert time_ms(frame, "text").to_list()[:3] == [last, last, day]
    assert time_ms(frame, "date").to_list() == [last] * 4
    moments = frame.select(text=pl.col("date").cast(pl.Datetime("us")))
    assert time_ms(moments, "text").to_list() == [day] * 4
    assert [ms_of(each) for each in told] == [last, last, day, day]
    assert [ms_of(each, is_from=True) for each in told] == [day] * 4
    markets, prices = tmp_path / "m.csv", tmp_path / "p.csv"
    markets.write_text(
        "market,event,question,ends_at,outcome,resolved_at\na,e,A?,2026-02-03,1,2026-02-04\n"
    )
    prices.write_text("market,at,price\na,2026-02-02,0.5\na,2026-02-03T15:00:00Z,0.6\n")
    run_import(
        "own", [markets, prices], {}, tmp_path / "to",
        lambda intake: take_prices(intake, markets, prices, "own"),
    )  # fmt: skip
    folder = open_folder(tmp_path / "to")
    assert folder.markets()["ends_ms"].to_list() == [last]
    assert folder.outcomes()["resolved_ms"].to_list() == [last + 86_400_000]
    config = parse({"name": "x", "packs": {"tail": {}}, "data": {"path": str(tmp_path / "to")}})
    (batch,) = load_history(config).feed()
    assert list(zip(*batch, strict=True)) == [(day - 1, 0, 500_000), (day + 54_000_000, 0, 600_000)]


def test_half_true_is_no_void(tmp_path):
    """`void` says whether 0.5 was one; both are kept, as docs/data.md says, and pay the same."""
    path = outcomes_file(tmp_path, "market,yes,void\na,0.5,false\nb,0.5,true\nc,0.5,\nd,1,false\n")
    found = run_import(
        "outcomes", [path], {}, tmp_path / "to", lambda intake: take_outcomes(intake, path, "file")
    )
    assert found.dropped == {}
    rows = open_folder(tmp_path / "to").outcomes().sort("market")
    assert rows["yes"].to_list() == [500_000] * 3 + [1_000_000]
    assert rows["void"].to_list() == [False, True, None, False]


def test_dirty_prices_are_counted_by_reason(tmp_path):
    markets, prices = tmp_path / "m.csv", tmp_path / "p.csv"
    markets.write_text(
        "market,event,question,ends_at,outcome\na,e,A?,2026-02-01,1\nb,e,B?,never,0\n"
        "a,e,A again?,2026-02-01,0\nc,e,C?,1770000000,maybe\n"
    )
    prices.write_text(
        "market,time,price,bid,ask,bid_size\na,1769000000,0.5,,,\nb,1769000000,0.5,,,\n"
        "a,soon,0.5,,,\na,1769000001,1.5,,,\na,1769000002,,,,\na,1769000003,,0.4,0.3,\n"
        "a,1769000004,,0.4,0.45,7.25\nzz,1769000005,0.5,,,\n"
    )
    take = lambda intake: take_prices(intake, markets, prices, "file")  # noqa: E731
    found = run_import("prices", [markets, prices], {}, tmp_path / "to", take)
    assert found.read == 4 + 8
    assert found.kept == {"markets": 2, "outcomes": 1, "quotes": 3}
    assert found.dropped == {
        "market: named twice": 1,
        "market: no end": 1,
        "price: its market is not in the list": 2,
        "price: no time": 1,
        "price: not between 0 and 1": 1,
        "quote: bid above ask": 1,
    }
    assert found.repaired == {
        "outcome: no number, taken for unknown": 1,
        "price: none, kept as unknown": 1,
    }
    rows = open_folder(tmp_path / "to").table(Table.QUOTES).collect().rows()
    assert rows[0] == (1_769_000_000_000, "a:yes", 500_000, None, None, None, None)
    assert rows[2] == (1_769_000_004_000, "a:yes", None, 400_000, 450_000, 7_250_000, None)


def prices_of(tmp_path, markets, prices):
    """Import own markets and prices, given as text; return the counts and the folder."""
    one, other = tmp_path / "m.csv", tmp_path / "p.csv"
    one.write_text(markets)
    other.write_text(prices)
    take = lambda intake: take_prices(intake, one, other, "file")  # noqa: E731
    found = run_import("prices", [one, other], {}, tmp_path / "to", take)
    return found, open_folder(tmp_path / "to")


ONE_MARKET = "market,event,question,ends_at,outcome\na,e,A?,2026-02-01,1\n"


def test_times_of_another_unit_are_none(tmp_path):
    """A date without dashes, a spreadsheet's day, minutes and hours since 1970, a blank time of
    Go, years 1969 and 9999, micro- and nanoseconds: each was a time of 1970, or of year 1."""
    other = ("20260101", "46000.5", "29453760", "490896", "0001-01-01T00:00:00Z", "1969-12-31",
             "9999-01-01", "-5", "1e400", "1767225600000000", "1767225600000000000")  # fmt: skip
    rows = "".join(f"a,{each},0.5\n" for each in (*other, "1767225600", "1767225600000"))
    found, folder = prices_of(tmp_path, ONE_MARKET, f"market,at,price\n{rows}")
    assert found.dropped == {"price: no time": len(other)}
    assert folder.table(Table.QUOTES).collect()["at_ms"].to_list() == [1_767_225_600_000] * 2
    assert [ms_of(each) for each in other] == [None] * len(other)


def test_a_market_whose_id_or_token_is_anothers_is_counted(tmp_path):
    """Two rows of one condition id became one market without a word; a token of two markets gave
    both the prices of both."""
    rows = ("a,e,0xc,1,2", "b,e,0xc,3,4", "c,e,0xd,5,6", "d,e,0xe,5,7", "g,e,0xf,9,9", "h,,0x1,,")
    text = "".join(f"{each},q,2026-02-01,1\n" for each in rows)
    names = "market,event,condition_id,yes_token,no_token,question,ends_at,outcome\n"
    found, folder = prices_of(tmp_path, names + text, "market,at,price\na,1767225600,0.5\n")
    assert folder.markets()["venue_id"].to_list() == ["a", "c"]
    assert found.dropped == {
        "market: its id or a token is another's": 3, "market: no event": 1,
    }  # fmt: skip
    assert found.read == 6 + 1 and found.kept == {"markets": 2, "outcomes": 2, "quotes": 1}


def test_terms_that_cannot_be_are_unknown_and_sizes_below_0_are_dropped(tmp_path):
    terms = "tick,min_size,fee_rate\na,e,A?,2026-02-01,0,-5,-0.5\nb,e,B?,2026-02-01,0.01,5,0.04\n"
    prices = "market,at,bid,ask,bid_size\na,1767225600,0.4,0.5,-7\na,1767225600,0.4,0.5,7\n"
    found, folder = prices_of(tmp_path, f"market,event,question,ends_at,{terms}", prices)
    known = folder.markets().sort("market").select("tick", "min_size", "fee_rate").rows()
    assert known == [(None, None, None), (10_000, 5_000_000, 40_000)]
    assert found.repaired == {
        f"market: {each} cannot be that, taken for unknown": 1
        for each in ("tick", "min_size", "fee_rate")
    }
    assert found.dropped == {"quote: a size below 0": 1}


@pytest.mark.parametrize(("at", "price"), [([1_767_225_600], [[0.5]]), ([{"a": 1}], [0.5])])
def test_columns_of_another_kind_end_in_our_own_words(tmp_path, at, price):
    markets, prices = tmp_path / "m.csv", tmp_path / "p.parquet"
    markets.write_text(ONE_MARKET)
    pl.DataFrame({"market": ["a"], "at": at, "price": price}).write_parquet(prices)
    take = lambda intake: take_prices(intake, markets, prices, "file")  # noqa: E731
    with pytest.raises(BadData, match="prices: "):
        run_import("prices", [markets, prices], {}, tmp_path / "to", take)


def test_a_list_of_markets_without_rows_says_so(tmp_path):
    with pytest.raises(BadData, match=r"m\.csv: has no rows"):
        prices_of(tmp_path, "market,event,question,ends_at\n", "market,at,price\n")


def test_what_stands_there_and_cannot_be_read_is_counted(tmp_path):
    """It was unknown without a word. What is blank is unknown, and no fault."""
    markets = "market,event,question,ends_at,outcome,resolved_at\na,e,A?,2026-02-01,1,soon\n"
    prices = "market,at,price,bid,ask,bid_size\na,1767225600,0.5,none,0.6,x\na,1767225600,,0.4, ,\n"
    found, folder = prices_of(tmp_path, markets, prices)
    assert found.repaired == {
        f"{each} cannot be read, taken for unknown": 1
        for each in ("outcome: resolved_at", "quote: bid", "quote: bid_size")
    }
    assert folder.table(Table.QUOTES).collect()["bid"].to_list() == [None, 400_000]
    text = (
        "market,yes,void,disputed,resolved_at\na,1,maybe,?,then\nb,0.5,true,no,2026-01-01\nc,1,,,\n"
    )
    path = outcomes_file(tmp_path, text + "d,1,true,,\n")
    take = lambda intake: take_outcomes(intake, path, "file")  # noqa: E731
    found = run_import("outcomes", [path], {}, tmp_path / "other", take)
    assert found.repaired == {
        f"outcome: {each} cannot be read, taken for unknown": 1
        for each in ("void", "disputed", "resolved_at")
    }
    assert found.kept == {"outcomes": 3}
    assert found.dropped == {"outcome: void, and yes is not 0.5": 1}


def test_two_outcomes_in_one_import_are_refused(tmp_path):
    path = outcomes_file(tmp_path, "market,yes\nm,1\nn,1\nn,1\nm,0\n")
    with pytest.raises(BadData, match=r"1 markets have two different outcomes, e\.g\. m"):
        run_import("one", [path], {}, tmp_path / "to", lambda i: take_outcomes(i, path, "file"))
    assert not list((tmp_path / "to").glob("one-*"))


def test_two_outcomes_of_one_market_are_refused(tmp_path):
    for name, yes in (("one", 1), ("two", 0)):
        path = outcomes_file(tmp_path, f"market,yes\nm,{yes}\n")
        run_import(name, [path], {}, tmp_path / "to", lambda i: take_outcomes(i, path, name))  # noqa: B023
    with pytest.raises(BadData, match=r"two different outcomes, e\.g\. m"):
        open_folder(tmp_path / "to").outcomes()


@pytest.mark.parametrize("broken", ["version", "table", "columns", "plain"])
def test_a_file_of_another_schema_is_refused(tmp_path, broken):
    path = outcomes_file(tmp_path, "market,yes\nm,1\n")
    take = lambda intake: take_outcomes(intake, path, "file")  # noqa: E731
    found = run_import("outcomes", [path], {}, tmp_path / "to", take)
    (file,) = found.folder.glob("*.parquet")
    frame, about = pl.read_parquet(file), {"strongroom_schema": "1", "strongroom_table": "outcomes"}
    if broken == "version":
        about["strongroom_schema"] = "0"
    if broken == "table":
        about["strongroom_table"] = "quotes"
    if broken == "columns":
        frame = frame.rename({"yes": "won"})
    if broken == "plain":
        file.write_text("no Parquet")
    else:
        frame.write_parquet(file, metadata=about)
    with pytest.raises(BadData, match="import it again"):
        open_folder(tmp_path / "to")


def test_no_null_where_something_must_be_known():
    good = {"market": ["m"], "yes": [1], "source": ["file"]}
    assert checked(Table.OUTCOMES, pl.DataFrame(good))["void"].to_list() == [None]
    with pytest.raises(BadData, match="yes may not be missing"):
        checked(Table.OUTCOMES, pl.DataFrame({**good, "yes": [None]}))
    with pytest.raises(BadData, match="unknown columns: won"):
        checked(Table.OUTCOMES, pl.DataFrame({**good, "won": [1]}))


TIMES = st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=4)


@settings(max_examples=100, deadline=None)
@given(TIMES, st.integers(1, 4))
def test_a_merge_is_in_order_and_keeps_the_order_of_equals(streams, size):
    """Against heapq.merge of plain lists, whatever the chunks."""
    labelled = [
        [(time, f"{number}.{place}") for place, time in enumerate(sorted(times))]
        for number, times in enumerate(streams)
    ]

    def chunks(rows):
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield pl.DataFrame(part, schema={"at_ms": pl.Int64, "name": pl.String}, orient="row")

    parts = list(merged([chunks(rows) for rows in labelled]))
    found = [row for part in parts for row in part.rows()]
    expected = list(heapq.merge(*labelled, key=lambda row: row[0]))
    assert [time for time, _ in found] == [time for time, _ in expected]
    assert sorted(found) == sorted(expected)
    for rows in labelled:  # of one stream equals stay as they were
        assert [row for row in found if row in rows] == rows


def test_rows_in_any_order_are_sorted_on_disk(tmp_path, monkeypatch):
    """More runs than one, and files of bounded size."""
    monkeypatch.setattr(ordered, "RUN", 100)
    writer = TableWriter(tmp_path, Table.QUOTES)
    for start in range(0, 1_000, 10):
        times = [(start + n) * 7_919 % 1_000 for n in range(10)]
        rows = pl.DataFrame({"at_ms": times, "token": ["t"] * 10, "price": times})
        writer.add(checked(Table.QUOTES, rows))
    writer.finish()
    files = sorted(tmp_path.glob("*.parquet"))
    assert len(files) > 1 and not list(tmp_path.glob(".run*"))
    found = [each for file in files for part in chunks_of(file) for each in part["price"]]
    assert found == list(range(1_000))


def test_times_and_amounts_as_they_are_written():
    frame = pl.DataFrame(
        {
            "at": ["2025-12-13T17:11:30.721254Z", "2025-12-08T03:13:33.255000+00:00",
                   "2025-12-08 03:13:33", "2025-12-08", "1765163613", "1765163613255",
                   "2025-12-08T04:13:33+0100", "soon", "", "nan"],
            "size": ["0.10999999999999999", "1e3", "-2.5", "", "x", "nan", "inf", "7", "0", " 1"],
        }
    )  # fmt: skip
    assert time_ms(frame, "at").to_list() == [
        1_765_645_890_721, 1_765_163_613_255, 1_765_163_613_000, 1_765_238_399_999,
        1_765_163_613_000, 1_765_163_613_255, 1_765_163_613_000, None, None, None,
    ]  # fmt: skip
    found = micro(frame, "size").to_list()
    assert found[:5] == [110_000, 1_000_000_000, -2_500_000, None, None]
    assert found[5:9] == [None, None, 7_000_000, 0]


def test_the_page_has_the_schema():
    text = (ROOT / "docs" / "data.md").read_text()
    for table in Table:
        part = text.split(f"\n### {table}\n")[1].split("\n### ")[0]
        rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", part, re.M)
        expected = [
            (name, TYPES[column.type.base_type()]
             + ("" if column.nullable else ", never null"), column.says)
            for name, column in COLUMNS[table].items()
        ]  # fmt: skip
        assert rows == expected, table
    assert list(schema_of(Table.QUOTES))[:2] == ["at_ms", "token"]


def test_the_page_lists_every_source():
    text = (ROOT / "docs" / "data.md").read_text()
    listed = re.findall(r"^\| `strongroom import ([\w-]+)` \|", text, re.M)
    group = command.get_command(None, "import")
    assert sorted(listed) == sorted(group.commands)


def test_other_data_is_another_try(tmp_path):
    """Every outcome turned round, in the same place: neither a finished sweep nor the count of
    tries takes it for the same (Q12, Q13)."""
    text = (EXAMPLE / "markets.csv").read_text()
    turned = re.sub(r",([01])$", lambda found: f",{1 - int(found[1])}", text, flags=re.M)
    markets, keys, places = tmp_path / "markets.csv", set(), set()
    for each in (text, turned):
        shutil.rmtree(tmp_path / "own", ignore_errors=True)
        markets.write_text(each)
        typed("import", "prices", markets, EXAMPLE / "prices.csv", "--to", tmp_path / "own")
        data = {"path": str(tmp_path / "own")}
        config = parse({"name": "x", "packs": {"tail": {}}, "data": data})
        (job,) = jobs_of(config)
        keys.add(job.key)
        Tried(tmp_path / "tries", config).keep("realistic", ())
        places = {path.name for path in (tmp_path / "tries").iterdir()}
    assert len(keys) == 2 and len(places) == 2


def test_a_new_name_or_a_row_more_hides_no_try(tmp_path):
    """The same rows under another name are the same data. With one row more the data is another,
    its events are not: what was tried on them counts; on others it does not."""

    def at(place, hours=1):
        data = {"path": str(tmp_path / place)}
        packs = {"tail": {"latest_h": hours}}
        return Tried(tmp_path / "tries", parse({"name": "x", "packs": packs, "data": data}))

    prices = tmp_path / "prices.csv"
    for place, more in (("own", ""), ("more", "aapl-260,2025-12-02T23:30:00Z,0.983\n")):
        prices.write_text((EXAMPLE / "prices.csv").read_text() + more)
        typed("import", "prices", EXAMPLE / "markets.csv", prices, "--to", tmp_path / place)
    one, other = (Event(name, "d", 1.0, 0.1, 1.0, 0.1) for name in "ef")
    at("own").keep("realistic", (one,))
    (folder,) = (tmp_path / "own").glob("prices-*")
    (tmp_path / "moved").mkdir()
    folder.rename(tmp_path / "moved" / "renamed")
    assert at("moved", hours=2).count("realistic") == 2
    assert at("moved").count("realistic") == 1, "the same try again, from another place"
    assert at("more").count("realistic", (one,)) == 2
    assert at("more").count("realistic", (other,)) == at("more").count("realistic") == 1
