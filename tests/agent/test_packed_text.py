"""CSV that is packed, or is something else by the name of CSV: read right, or refused in words."""

import bz2
import gzip
import lzma
import zipfile
import zlib

import polars as pl
import pytest
from strongroom.backtest.wallet_study import _read
from strongroom.data.importing import run_import
from strongroom.data.reading import MOST_ROW, batches, json_records
from strongroom.data.schema import BadData
from strongroom.data.sources.outcomes import take_outcomes
from strongroom.errors import BadInput
from strongroom.information.recorded_books import COLUMNS, BadRecording, RecordedBook

ROWS = "market,yes\nm0,1\nm1,0\n"
KEPT = ",".join(COLUMNS) + "\n" + "a,book,1,BUY,1,1,1\n" * 99  # as a collector keeps a book
# the same rows
ZSTD = bytes.fromhex(
    "28b52ffd0458a900006d61726b65742c7965730a6d302c310a6d312c300ac3dc3e49"
)  # of ROWS


def zipped(path, text):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", text)
        archive.writestr("b.csv", text)
    return path.read_bytes()


def read(path):
    return [row for part in batches(path, ("market", "yes")) for row in part.rows()]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a"])
def test_gzip_is_read_whatever_the_name(tmp_path, name):
    path = tmp_path / name
    whole = gzip.compress(ROWS.encode()) + gzip.compress(
        b'"m\n2",1\n'
    )  # of two members, as is usual
    path.write_bytes(whole)
    assert read(path) == [("m0", "1"), ("m1", "0"), ("m\n2", "1")]
    done = run_import("own", [path], {}, tmp_path / "to", lambda each: take_outcomes(
        each, path, "own"))  # fmt: skip
    assert done.kept == {"outcomes": 3}


def test_what_is_packed_otherwise_or_is_no_csv_is_named(tmp_path):
    frame, bytes_ = pl.DataFrame({"market": ["m"], "yes": ["1"]}), ROWS.encode()
    frame.write_parquet(tmp_path / "parquet")
    frame.write_ipc(tmp_path / "arrow")
    parquet = (tmp_path / "parquet").read_bytes()
    given = {
        "a ZIP archive: unpack it": zipped(tmp_path / "zip", ROWS),
        "packed by bzip2: unpack it, or pack it by gzip": bz2.compress(bytes_),
        "packed by xz: unpack it": lzma.compress(bytes_),
        "packed by zstd: unpack it": ZSTD,
        "packed by zlib: unpack it": zlib.compress(bytes_),
        "Parquet: name it .parquet": parquet,
        "Parquet: unpack it": gzip.compress(parquet),
        "Arrow: write it as Parquet": (tmp_path / "arrow").read_bytes(),
        "text in UTF-16: write it in UTF-8": ROWS.encode("utf-16"),
    }
    for words, content in given.items():
        for name in ("a.csv", "a.csv.gz"):
            (tmp_path / name).write_bytes(content)
            for reads in (read, lambda path: _read(path, ("market",))):
                with pytest.raises(BadInput, match=f"{name}: is no CSV but {words}"):
                    reads(tmp_path / name)


def test_a_column_that_stands_there_twice_is_not_guessed(tmp_path):
    (tmp_path / "a.csv").write_text("market,yes,yes\nm,1,0\n")
    with pytest.raises(BadData, match="has a column twice: yes"):
        read(tmp_path / "a.csv")


def test_names_of_columns_are_told_as_plain_text(tmp_path):
    (tmp_path / "a.csv").write_text(f"market,\x1b[2J{'x' * 900}\nm,1\n")
    with pytest.raises(BadData) as refused:
        read(tmp_path / "a.csv")
    assert "it has market, ?[2Jxx" in str(refused.value) and len(str(refused.value)) < 500


@pytest.mark.parametrize("cell", ["1", '"1\n', '""'])
def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(tmp_path, cell):
    """A kilobyte a megabyte: 300 of these took four minutes and 1.5 GB."""
    path = tmp_path / "a.csv.gz"
    more = cell[-1:] if '"' not in cell[1:] else cell
    path.write_bytes(gzip.compress(f"market,yes\nm,{cell}".encode() + more.encode() * 3 * MOST_ROW))
    with pytest.raises(BadData, match="has a row of more than 1,048,576 bytes"):
        read(path)
    path.write_bytes(gzip.compress(b"market,yes\n" + b'"a\nb","1"\n' * (MOST_ROW // 5)))
    assert len(read(path)) == MOST_ROW // 5


def hit(packed):
    """Return a gzip file whose packed part was hit."""
    return packed[:15] + bytes([packed[15] ^ 0x55]) + packed[16:]


@pytest.mark.parametrize("damage", [hit, lambda packed: packed[:-20]], ids=["hit", "cut"])
def test_a_damaged_gzip_file_is_refused_in_words(tmp_path, damage):
    for name, text, reads in (
        ("a.csv.gz", ROWS * 99, read),
        ("b.csv.gz", ROWS * 99, lambda path: _read(path, ("market",))),
        ("c.csv.gz", KEPT, lambda path: list(RecordedBook(path, "absolute"))),
        ("d.json.gz", "{}\n" * 99, lambda path: list(json_records(path))),
    ):
        (tmp_path / name).write_bytes(damage(gzip.compress(text.encode())))
        with pytest.raises(BadInput, match="cannot be read"):
            reads(tmp_path / name)


def test_a_collectors_line_without_an_end_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"timestamp,event_type," + b"x" * 3 * MOST_ROW))
    with pytest.raises(BadRecording, match="a line of more than 1,048,576 characters"):
        list(RecordedBook(path, "absolute"))
