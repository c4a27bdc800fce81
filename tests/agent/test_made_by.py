"""Which code made a result: a changed pack or engine gets no result of the old one."""

import shutil

import pytest
from strongroom.analysis.fair_null import Event
from strongroom.backtest import made_by as code
from strongroom.backtest.config import parse
from strongroom.backtest.sweep import _Ordered, _summary_of, jobs_of
from strongroom.backtest.tries import Tried
from strongroom.settings import ConfigError
from strongroom.strategy.pack_code import code_hash

from tests.agent.outside_pack import pack_that, write_pack

BACKTEST = {"name": "x", "data": {"tickers": ["AAPL"]}}


def key_of(packs):
    """Return a job's key as a new process would."""
    code_hash.cache_clear()
    (job,) = jobs_of(parse(BACKTEST | {"packs": packs}))
    return job.key


def test_a_changed_pack_gets_no_result_of_the_old_one(tmp_path, monkeypatch):
    """The package's version is that of strongroom: it says nothing of a pack from outside."""
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "mover", pack_that("pass"))
    source = tmp_path / "mover" / "deep.py"
    before, tail, text = key_of({"mover": {}}), key_of({"tail": {}}), source.read_text()
    source.write_text(text.replace("pass", "found.clear()"))
    assert key_of({"mover": {}}) != before and key_of({"tail": {}}) == tail
    source.write_text(text)
    assert key_of({"mover": {}}) == before


@pytest.mark.parametrize("file", ["backtest/engine.py", "execution/order_desk.py", "workers.py"])
def test_changed_code_of_ours_gets_none_either(tmp_path, monkeypatch, file):
    """Engine and keeper make a result as the packs do."""
    copy = tmp_path / "strongroom"
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(code.ROOT, copy, ignore=caches)
    whole = code._own_code.__wrapped__()
    monkeypatch.setattr(code, "ROOT", copy)
    assert code._own_code.__wrapped__() == whole, "wherever it lies"
    (copy / file).write_text((copy / file).read_text() + "\n")
    assert code._own_code.__wrapped__() != whole


def test_a_worker_that_has_other_code_gives_no_result():
    (job,) = jobs_of(parse(BACKTEST | {"packs": {"tail": {}}}))
    with pytest.raises(ConfigError, match="a worker has other code, libraries or data"):
        _summary_of(_Ordered(job, "0" * 32))


def test_a_pack_from_outside_that_trades_otherwise_is_another_try(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "mover", pack_that("pass"))
    first, second = (Event("e", "d", stake, 0.1, stake, 0.1) for stake in (1.0, 2.0))
    counts = {}
    for pack in ("mover", "tail"):
        tried = Tried(tmp_path / pack, parse(BACKTEST | {"packs": {pack: {}}}))
        for event in (first, first, second):
            tried.keep("pessimistic", (event,))
        counts[pack] = tried.count("pessimistic", (second,))
    assert counts == {"mover": 2, "tail": 1}
