"""Recorded views: packs of many, the oldest go, and whatever breaks, replay gives them again."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from strongroom.information.books import Book, Level
from strongroom.keeper.recording import Recorder, replay

from tests.agent.test_decide import NOW, TAIL, market, view

TIMES = range(NOW, NOW + 25)
OTHER = (market(2), Book(bids=(Level(100_000, 5),)))


def views():
    """Yield 25 views: other markets from the eighth on, none at the twelfth."""
    for number, at in enumerate(TIMES):
        one = view(TAIL) if number < 8 else view(TAIL, OTHER)
        yield replace(one, now=at, **({"markets": {}, "books": {}} if number == 12 else {}))


def files(folder):
    return sorted(path.name for path in folder.glob("*.parquet"))


def record(folder, seen, **settings):
    recorder = Recorder(folder, "salt", pack=10, **settings)
    for each in seen:
        recorder.see(each)


def test_many_views_become_packs_and_come_back_in_order(tmp_path):
    record(tmp_path, views())
    assert list(replay(tmp_path)) == list(views())
    packs = [name for name in files(tmp_path) if name.count("-") == 2]
    assert len(packs) == 6 and len(files(tmp_path)) == 6 + 5 * 2 + 1, (
        "five views, their markets once"
    )


def test_a_restart_in_between_changes_nothing(tmp_path):
    seen = list(views())
    for start, end in ((0, 3), (3, 12), (12, 13), (13, 25)):
        record(tmp_path, seen[start:end])
    assert list(replay(tmp_path)) == seen


def test_the_oldest_packs_go_and_the_newest_stay(tmp_path):
    """A folder stays flat, and what is left can be read without what is gone."""
    seen = [replace(each, now=NOW + at) for at in range(8) for each in [*views()][13:23]]
    record(tmp_path, seen, most_mb=0)
    assert list(replay(tmp_path)) == seen[-10:]
    assert len(files(tmp_path)) == 3
    record(tmp_path, list(views())[:3], most_mb=0)
    assert [each.now for each in replay(tmp_path)][-3:] == list(TIMES)[:3], "numbers go on"


class Died(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", range(1, 42))
def test_whatever_dies_while_it_packs_no_view_is_lost_or_doubled(tmp_path, monkeypatch, step):
    """The process ends before one of the steps by which ten views become one pack."""
    seen = list(views())
    record(tmp_path, seen[:9])
    left = iter(range(step))

    def dying(name):
        done = getattr(Path, name)

        def act(self, *given, **more):
            if next(left, None) is None:
                raise Died
            return done(self, *given, **more)

        return act

    recorder = Recorder(tmp_path, "salt", pack=10)
    with monkeypatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(Path, name, dying(name))
        with suppress(Died):
            recorder.see(seen[9])
    back = list(replay(tmp_path))
    assert back in (seen[:9], seen[:10])
    record(tmp_path, seen[len(back) :])
    assert list(replay(tmp_path)) == seen
    assert not list(tmp_path.glob(".*.parquet"))


def test_a_full_disk_is_told_once_and_stops_nothing(tmp_path, monkeypatch):
    told, seen = [], list(views())
    recorder = Recorder(tmp_path, "salt", on_event=lambda event, fields: told.append(event))
    recorder.see(seen[0])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda self, to: (_ for _ in ()).throw(OSError(28, "full")))
        recorder.see(seen[1])
        recorder.see(seen[2])
    recorder.see(seen[3])
    assert told == ["not_recorded"] and list(replay(tmp_path)) == [seen[0], seen[3]]
