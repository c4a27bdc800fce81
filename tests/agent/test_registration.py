"""A test that is registered first: what keeps its test part closed, and what opening it keeps."""

import json
import shutil
import subprocess
from datetime import UTC, datetime

import polars as pl
import pytest
import strongroom.backtest.registration as registration
from click.testing import CliRunner
from strongroom.backtest.config import load, varied
from strongroom.backtest.registration import NotOpened, open_test, opening_of
from strongroom.backtest.tries import Tried
from strongroom.cli.main import command
from strongroom.data.folder import PACKAGED
from strongroom.errors import BadInput

SPLIT, NOW = "2025-12-24", datetime(2026, 1, 31, tzinfo=UTC)
BACKTEST = """
name = "small"
fills = ["pessimistic", "realistic"]
[data]
tickers = ["AAPL"]
[packs.tail]
[sizing]
rule = "tiers"
[limits]
category_bps = 9000
[run]
every_s = 21600
"""


def typed(*words):
    return CliRunner().invoke(command, [*map(str, words)])


def git(folder, *words):
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture
def desk(tmp_path, tmp_path_factory, monkeypatch):
    """A git repository with a registration that is not committed, and data and a record of its
    own."""
    monkeypatch.setenv("STRONGROOM_TRIES", str(tmp_path_factory.mktemp("record")))
    git(tmp_path, "init", "-q")
    (tmp_path / "small.toml").write_text(BACKTEST)
    shutil.copytree(PACKAGED, tmp_path / "data")
    done = typed(
        "study", "register", tmp_path / "small.toml", "--split", SPLIT,
        "--to", tmp_path / "small.json", "--data", tmp_path / "data",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return tmp_path


def refused(desk, *words):
    done = typed("study", "open", desk / "small.json", "--data", desk / "data")
    assert done.exit_code == 2, done.output
    assert all(word in " ".join(done.output.split()) for word in words), done.output
    return True


def test_a_test_part_is_not_opened_before_its_registration_is_committed(desk):
    file = desk / "small.json"
    assert refused(desk, "is not committed to git as it is")
    git(desk, "add", "small.json")
    assert refused(desk, "is not committed to git as it is")
    git(desk, "commit", "-qm", "registered")
    file.write_text(file.read_text().replace('"gap_h": 96', '"gap_h": 95'))
    assert refused(desk, "is not committed to git as it is")
    assert not opening_of(file).exists()
    shutil.rmtree(desk / ".git")
    assert refused(desk, "is not committed to git as it is")


def test_it_is_opened_once_and_kept(desk):
    """Its figures are those of a plain backtest whose numbers were put together by hand."""
    git(desk, "add", "small.json")
    git(desk, "commit", "-qm", "registered")
    opening = open_test(desk / "small.json", NOW, desk / "data")
    kept = json.loads(opening_of(desk / "small.json").read_text())
    log = subprocess.run(
        ["git", "-C", desk, "log", "--format=%H"], capture_output=True, text=True
    ).stdout.split()
    assert kept["commit"] == opening.commit == log[0] and len(log) == 1
    assert kept["opened_at"] == "2026-01-31T00:00:00+00:00" and len(kept["data"]) == 3
    assert refused(desk, "was opened at 2026-01-31", "opened once")
    wins, total = record_by_hand()
    assert (wins, total) == (json.loads((desk / "small.json").read_text())["config"]["packs"][
        "tail"]["wins"], total)  # fmt: skip
    by_hand = BACKTEST.replace('["pessimistic", "realistic"]', '["pessimistic"]')
    by_hand = by_hand.replace("[packs.tail]", f"[packs.tail]\nwins = {wins}\ntotal = {total}")
    by_hand = by_hand.replace("[data]", "[data]\nlast_h = 96\nstart = 2025-12-28T00:00:00Z")
    (desk / "by_hand.toml").write_text(by_hand + "[counted]\ntail = 2025-12-23T23:59:59Z\n")
    done = typed("backtest", desk / "by_hand.toml", "--out", desk / "out", "--json")
    (plain,) = json.loads(done.output)["summaries"].values()
    for name in ("return_on_stake", "share_after_fees", "staked", "profit", "verdict", "markets"):
        assert kept["result"][name] == plain[name], name
    assert plain["staked"] > 0 and "in sample" not in plain["verdict"]


def test_a_copy_under_another_name_is_the_same_test(desk, tmp_path_factory):
    """It was opened again: by the folder's name nobody knew it. Another folder of the file, of the
    data, another name of the test, and another release that registers it: all of one test part."""
    git(desk, "add", "small.json")
    git(desk, "commit", "-qm", "registered")
    record = desk / "tries"
    open_test(desk / "small.json", NOW, desk / "data", record=record)
    other = tmp_path_factory.mktemp("other") / "renamed"
    shutil.copytree(desk, other, ignore=lambda *_: ["tries", "small.opened.json"])
    (other / "data").rename(other / "history")
    (other / "small.json").unlink()
    (other / "small.toml").write_text(BACKTEST.replace('"small"', '"great"'))
    done = typed(
        "study", "register", other / "small.toml", "--split", SPLIT,
        "--to", other / "great.json", "--data", other / "history",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    again = json.loads((other / "great.json").read_text()) | {"code_version": "9.9.9"}
    (other / "great.json").write_text(json.dumps(again))
    git(other, "add", "great.json")
    git(other, "commit", "-qm", "registered")
    with pytest.raises(NotOpened, match=r"was opened at 2026-01-31.*tries/openings.*opened once"):
        open_test(other / "great.json", NOW, other / "history", record=record)
    assert not opening_of(other / "great.json").exists()


def test_one_that_was_broken_off_goes_on_and_another_rule_is_another_test(desk, monkeypatch):
    (desk / "other.toml").write_text(BACKTEST.replace('"tiers"', '"kelly"'))
    words = ("study", "register", desk / "other.toml", "--split", SPLIT, "--data", desk / "data")
    assert typed(*words, "--to", desk / "other.json").exit_code == 0
    git(desk, "add", "small.json", "other.json")
    git(desk, "commit", "-qm", "registered")
    record = desk / "tries"
    with monkeypatch.context() as off, pytest.raises(RuntimeError):
        off.setattr(registration, "simulate", broken_off)
        open_test(desk / "small.json", NOW, desk / "data", record=record)
    assert open_test(desk / "small.json", NOW, desk / "data", record=record).result
    assert open_test(desk / "other.json", NOW, desk / "data", record=record).result
    assert len(list((record / "openings").glob("*.json"))) == 2


def broken_off(*about):
    raise RuntimeError


def test_an_opening_is_a_try_and_tells_of_those_before(desk):
    """Its result was looked at: whoever tries on afterwards is judged by two. A second rule that
    is registered after it is told that the events of its test part were traded before."""
    other = BACKTEST.replace("[packs.tail]", "[packs.tail]\nlatest_h = 12")
    (desk / "other.toml").write_text(other)
    words = ("study", "register", desk / "other.toml", "--split", SPLIT, "--data", desk / "data")
    assert typed(*words, "--to", desk / "other.json").exit_code == 0
    git(desk, "add", "small.json", "other.json")
    git(desk, "commit", "-qm", "registered")
    record = desk / "tries"
    first = open_test(desk / "small.json", NOW, desk / "data", record=record)
    assert first.tried_before == 0
    plain = varied(load(desk / "small.toml"), {"data.path": str(desk / "data")})
    assert Tried(record, plain).count("pessimistic") == 2
    assert Tried(record, plain).count("realistic") == 2, "whatever the fills"
    second = open_test(desk / "other.json", NOW, desk / "data", record=record)
    assert second.tried_before == 1 and Tried(record, plain).count("pessimistic") == 3
    kept = json.loads(opening_of(desk / "other.json").read_text())
    assert kept["tried_before"] == 1


def test_where_tries_cannot_be_kept_nothing_is_opened(desk):
    git(desk, "add", "small.json")
    git(desk, "commit", "-qm", "registered")
    (desk / "tries").write_text("a file")
    with pytest.raises(BadInput, match="the record of tries cannot be written"):
        open_test(desk / "small.json", NOW, desk / "data", record=desk / "tries")
    assert not opening_of(desk / "small.json").exists()


def record_by_hand():
    """Return how the favourites fared whose market had ended and paid, two hours later, before
    the split: the first hourly price between .95 and .99, 96 to 3 hours before the end."""
    tables = {
        name: pl.concat([pl.read_parquet(each) for each in PACKAGED.glob(f"*/{name}-*.parquet")])
        for name in ("markets", "outcomes", "quotes")
    }
    until = int(datetime.fromisoformat(SPLIT + "T00:00+00:00").timestamp()) * 1_000
    known = tables["markets"].join(tables["outcomes"], on="market")
    known = known.filter(pl.col("ends_ms") + 7_200_000 <= until)
    rows = tables["quotes"].join(known, left_on="token", right_on="yes_token").drop_nulls("price")
    seen, wins = set(), 0
    for row in rows.sort("at_ms").iter_rows(named=True):
        hours = (row["ends_ms"] - row["at_ms"]) / 3_600_000
        side = max(row["price"], 1_000_000 - row["price"])
        if 3 <= hours <= 96 and 950_000 <= side < 990_000 and row["market"] not in seen:
            seen.add(row["market"])
            wins += (row["price"] > 500_000) == (row["yes"] == 1_000_000)
    return wins, len(seen)


def turned(desk, before):
    """Turn round the outcomes of markets that ended before the split, or after it."""
    until = int(datetime.fromisoformat(SPLIT + "T00:00+00:00").timestamp()) * 1_000
    (place,) = (desk / "data").glob("*/outcomes-*.parquet")
    (markets,) = (desk / "data").glob("*/markets-*.parquet")
    ends = pl.read_parquet(markets).select("market", "ends_ms")
    rows = pl.read_parquet(place).join(ends, on="market", maintain_order="left")
    chosen = (pl.col("ends_ms") < until) == before
    yes = pl.when(chosen).then(1_000_000 - pl.col("yes")).otherwise("yes").alias("yes")
    meta = pl.read_parquet_metadata(place)
    own = {key: value for key, value in meta.items() if key.startswith("strongroom")}
    rows.with_columns(yes).drop("ends_ms").write_parquet(place, metadata=own)


def test_another_training_part_is_refused_and_the_test_part_is_not_read(desk):
    git(desk, "add", "small.json")
    git(desk, "commit", "-qm", "registered")
    turned(desk, before=False)
    words = ("study", "register", desk / "small.toml", "--split", SPLIT, "--data", desk / "data")
    assert typed(*words, "--to", desk / "other.json").exit_code == 0
    assert (desk / "other.json").read_text() == (desk / "small.json").read_text()
    turned(desk, before=True)
    assert refused(desk, "the training part is not the one that was registered")
    assert typed(*words, "--to", desk / "third.json").exit_code == 0
    assert (desk / "third.json").read_text() != (desk / "small.json").read_text()
    done = typed(*words, "--to", desk / "small.json")
    assert done.exit_code == 2 and "a registration is never changed" in done.output


def test_another_rule_is_refused_and_what_broke_off_goes_on(desk, monkeypatch):
    git(desk, "add", "small.json")
    git(desk, "commit", "-qm", "registered")
    with monkeypatch.context() as patched:
        patched.setattr(registration, "LEVEL", 0.05)
        assert refused(desk, "the verdict's rule is another now")
    with monkeypatch.context() as patched:
        patched.setattr(registration, "simulate", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            open_test(desk / "small.json", NOW, desk / "data")
    kept = json.loads(opening_of(desk / "small.json").read_text())
    assert kept["result"] is None and kept["opened_at"] == "2026-01-31T00:00:00+00:00"
    done = typed("study", "open", desk / "small.json", "--data", desk / "data")
    assert done.exit_code == 0 and "small, registered in " in done.output
    git(desk, "commit", "-q", "--amend", "--allow-empty", "-m", "again")
    assert refused(desk, "opened once")


def test_what_cannot_be_registered(tmp_path):
    (tmp_path / "fair.toml").write_text('name = "f"\n[data]\nkind = "fair"\n[packs.tail]\n')
    to = ("--to", tmp_path / "r.json")
    done = typed("study", "register", tmp_path / "fair.toml", "--split", SPLIT, *to)
    assert done.exit_code == 2 and "has no test part" in done.output
    (tmp_path / "small.toml").write_text(BACKTEST)
    done = typed("study", "register", tmp_path / "small.toml", "--split", "2020-01-01", *to)
    assert done.exit_code == 2 and "no market is left" in done.output
    assert load(tmp_path / "small.toml").data.start is None
    (tmp_path / "r.json").write_text("{}")
    done = typed("study", "open", tmp_path / "r.json")
    assert done.exit_code == 2 and "is no registration" in done.output


def test_relations_are_no_parameter_that_is_counted(desk):
    """Those of the training part would take the place of the test part's."""
    (desk / "both.toml").write_text(f"ladder_relations = true\n{BACKTEST}[packs.bundle]\n")
    words = ("study", "register", desk / "both.toml", "--split", SPLIT, "--data", desk / "data")
    assert typed(*words, "--to", desk / "both.json").exit_code == 0
    config = json.loads((desk / "both.json").read_text())["config"]
    assert config["packs"]["bundle"] == {} and config["counted"].keys() == {"tail"}
