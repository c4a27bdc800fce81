"""Every parameter set ever run on the same data is one try, whatever the fills and the command."""

import json

import pytest
from strongroom.analysis.fair_null import Event, HeldToken
from strongroom.analysis.verdict import Tries, conclude
from strongroom.backtest.config import parse, varied
from strongroom.backtest.tries import Tried
from strongroom.backtest.walk import JUDGED

from tests.agent.outside_pack import pack_that, write_pack
from tests.agent.test_backtest import SMALL
from tests.agent.test_verdict import one

WHOLE = parse(SMALL | {"sweep": {"packs.tail.latest_h": [1, 2]}})


def set_of(hours):
    return varied(WHOLE, {"packs.tail.latest_h": hours})


def event(name, stake=1.0):
    return Event(name, "d", stake, 0.1, stake, 0.1)


def test_who_chose_by_kind_fills_has_tried_as_often(tmp_path):
    """Twenty sets under optimistic fills, then the best of them under pessimistic ones."""
    for hours in range(20):
        Tried(tmp_path, set_of(hours)).keep("optimistic", (event(f"e{hours}"),))
    tried = Tried(tmp_path, set_of(7))
    found = tried.others("pessimistic", (event("e7"),))
    assert (found.count, found.lost) == (20, 0)
    names = {each.name for traded in found.kept for each in traded}
    assert names == {f"e{hours}" for hours in range(20) if hours != 7}
    assert tried.count("optimistic", (event("e7"),)) == 20


def test_a_set_is_one_try_under_all_fills_and_its_own_events_count_first(tmp_path):
    for fills in ("pessimistic", "realistic", "optimistic"):
        for hours in (1, 2):
            Tried(tmp_path, set_of(hours)).keep(fills, (event(fills),))
    found = Tried(tmp_path, set_of(1)).others("realistic")
    assert [[each.name for each in traded] for traded in found.kept] == [["realistic"]]


def test_sets_from_which_a_walk_chose_count_for_later_runs_but_not_for_the_walk(tmp_path):
    walk = Tried(tmp_path, WHOLE, "time")
    for hours in (1, 2):
        for events in ((event("a"),), (event("a"), event("b"))):
            walk.keep_choice(JUDGED, set_of(hours), events)
    walk.keep(JUDGED, (event("b"),))
    assert walk.count(JUDGED) == 1
    assert Tried(tmp_path, set_of(3)).count("realistic") == 4, "two sets, the walk, this one"
    assert Tried(tmp_path, set_of(1)).count(JUDGED) == 3, "it is one of the two"
    assert Tried(tmp_path, WHOLE, "event").count(JUDGED) == 4, "another walk"
    kept = Tried(tmp_path, set_of(3)).others(JUDGED).kept
    assert sorted(len(traded) for traded in kept) == [1, 2, 2], "the last part has all"


def test_a_set_that_was_played_by_itself_too_counts_once_and_for_the_walk(tmp_path):
    walk = Tried(tmp_path, WHOLE, "time")
    Tried(tmp_path, set_of(1)).keep("optimistic", (event("alone"),))
    for hours in (1, 2):
        walk.keep_choice(JUDGED, set_of(hours), (event("in the walk"),))
    assert walk.count(JUDGED) == 2, "somebody had tried it before"
    found = Tried(tmp_path, set_of(3)).others(JUDGED)
    assert sorted(each.name for traded in found.kept for each in traded) == ["alone", "in the walk"]


def test_a_pack_from_outside_counts_by_what_it_traded_under_one_assumption(tmp_path, monkeypatch):
    """Two versions of a pack, each under two assumptions, are two tries; not four."""
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "mover", pack_that("pass"))
    tried = Tried(tmp_path / "tries", parse(SMALL | {"packs": {"mover": {}}}))
    for stake in (1.0, 2.0):
        for times, fills in ((1, "pessimistic"), (3, "optimistic")):
            tried.keep(fills, (event("e", times * stake),))
    assert tried.count("pessimistic", (event("e", 1.0),)) == 2
    assert tried.count("pessimistic", (event("e", 9.0),)) == 3, "a third version"
    assert tried.count("realistic", (event("e", 5.0),)) == 2, "one of the two, here for the first"


def test_a_try_that_cannot_be_read_counts_by_its_name(tmp_path):
    Tried(tmp_path, set_of(1)).keep("optimistic", ())
    (path,) = tmp_path.rglob("*.json")
    path.write_text(json.dumps("?"))
    assert Tried(tmp_path, set_of(2)).others("pessimistic") == Tries([], 1)
    assert Tried(tmp_path, set_of(1)).others("pessimistic") == Tries([], 0)


def test_a_try_that_sold_cannot_be_compared_and_counts_in_full():
    """Of fair worlds it has none: p is doubled for it, as for one whose events are lost."""
    this = [one(str(n), 0.5, n % 4 > 0, date=f"day {n}") for n in range(24)]
    sold = [Event(each.name, each.date, 1.0, each.profit, 1.0, 1.0) for each in this]
    held = [Event(*vars(each).values()) for each in this]
    alone, beside, same = (
        conclude(this, 1, Tries(kept), details=False).p_pass for kept in ((), (sold,), (held,))
    )
    assert beside == pytest.approx(2 * alone) and same == pytest.approx(alone, rel=0.05)
    assert all(isinstance(each, HeldToken) for event in held for each in event.holdings)
