"""Faults of the program itself: whatever kind of exception leaves whatever part of a tick is a
halt with its kind and place; the other parts and the next ticks go on, and it is said aloud."""

from decimal import InvalidOperation
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from strongroom.chain.failures import ChainAway
from strongroom.chain.ids import canonical
from strongroom.errors import BadInput, Differs
from strongroom.information.endpoint import Health
from strongroom.journal import Journal
from strongroom.keeper.halts import ENDS, Defects, Named
from strongroom.keeper.health import kept_health
from strongroom.keeper.metrics import Metrics
from strongroom.keeper.paper import PaperKeeper
from strongroom.keeper.run import wind_up
from strongroom.keeper.tick import Keeper, Tick
from strongroom.settings import AlreadyRuns
from strongroom.setup import keeper_checks

from tests.agent.test_operations import PARTS, failing, quiet_keeper, state


class Panic(BaseException):
    """As a library of Rust's ends: no Exception."""


KINDS = [
    ValueError, InvalidOperation, ZeroDivisionError, OverflowError, AttributeError, TypeError,
    KeyError, IndexError, RecursionError, RuntimeError, AssertionError, NotImplementedError,
    UnicodeEncodeError, StopIteration, BadInput, Differs, Panic,
]  # fmt: skip
EVERYWHERE = PARTS | {
    "alone": ("", "check_alone"),
    "transactions": ("transactor", "advance"),
    "last report": ("reporter", "follow"),
    "signers": ("", "check_signers"),
    "tasks": ("tasks", "advance"),
    "payouts": ("vault", "payouts"),
    "sweep": ("duties", "sweep"),
    "tidy": ("duties", "tidy"),
    "services": ("desk", "venues"),
}
OF_PAPER = ("clock", "vault", "venue", "look", "alone")
WHOLE = ("clock", "vault", "venue", "alone")  # without which there is no tick


def broken(keeper, part, error):
    """Let a part fail; return what mends it."""
    place, name = EVERYWHERE[part]
    owner = getattr(keeper, place) if place else keeper
    before = getattr(owner, name)
    setattr(owner, name, failing(error))
    return lambda: setattr(owner, name, before)


def made(kind):
    return (
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no") if kind is UnicodeEncodeError else kind()
    )


@pytest.mark.parametrize("part", EVERYWHERE)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_leaves_a_part_is_a_halt_and_the_rest_goes_on(kind, part):
    for keeper_of in (Keeper, PaperKeeper):
        reports, tidied = [], []
        keeper = quiet_keeper(keeper_of, reports, tidied)
        mend = broken(keeper, part, made(kind))
        tick = keeper.tick()
        if keeper_of is PaperKeeper and part not in OF_PAPER:
            assert not tick.halts
            continue
        file = "forecast_record" if part == "payouts" else "tick"
        assert f"{kind.__name__} in keeper/{file}.py:" in tick.halts["defect"]
        assert tick.decisions == 0
        assert isinstance(tick.defect, kind)
        if keeper_of is Keeper and part not in WHOLE:
            assert reports == [] if part in ("look", "reports") else [1]
            assert tidied == ([] if part == "tidy" else [1])
        mend()
        tick = keeper.tick()
        assert not tick.halts and tick.defect is None


@pytest.mark.parametrize(
    ("kind", "halt"),
    [(IntegrityError, "defect"), (DataError, "defect"), (OperationalError, "journal")],
)
def test_a_journal_that_refuses_what_is_written_is_no_journal_that_is_away(kind, halt):
    reports, tidied = [], []
    keeper = quiet_keeper(Keeper, reports, tidied)
    broken(keeper, "orders", kind("INSERT", {}, ValueError("a fill twice")))
    assert set(keeper.tick().halts) == {halt}
    assert (reports, tidied) == (([1], [1]) if halt == "defect" else ([], []))


@pytest.mark.parametrize("kind", ENDS)
def test_what_ends_a_process_ends_a_tick(kind):
    keeper = quiet_keeper(Keeper, [], [])
    broken(keeper, "orders", kind())
    with pytest.raises(kind):
        keeper.tick()


def test_a_defect_is_counted_while_it_runs_and_told_once():
    told = []
    keeper = quiet_keeper(Keeper, [], [])
    keeper._defects.on_event = lambda event, fields: told.append((event, fields))
    mend = broken(keeper, "orders", ZeroDivisionError("by nothing"))
    said = [keeper.tick().halts["defect"] for _ in range(3)]
    assert "running" not in said[0] and "(2 ticks running)" in said[1] and "(3 ticks" in said[2]
    broken(keeper, "tidy", KeyError("gone"))
    both = keeper.tick()
    assert "by nothing (4 ticks running)" in both.halts["defect"]
    assert "KeyError" in both.halts["defect"] and isinstance(both.defect, KeyError)
    (health,) = [each for each in keeper.health if each.name == "ticks"]
    assert (health.asked, health.failed) == (4, 4) and "by nothing" in health.wrong
    mend()
    assert "by nothing" not in keeper.tick().halts["defect"]
    (first, second) = told
    assert first[0] == second[0] == "defect" and "fail" in first[1]["way"]


def test_its_place_is_the_last_one_in_the_package_and_the_way_goes_on():
    told, halts = [], {}
    with Named(halts, Defects(lambda event, fields: told.append(fields))):
        canonical(object())  # Python's own JSON raises it
    assert "TypeError in chain/ids.py:" in halts["defect"] and "canonical" in halts["defect"]
    assert "/json/" in told[0]["way"].split(" > ")[-1]


def test_who_cannot_be_told_ends_nothing():
    keeper = quiet_keeper(Keeper, [], [])
    keeper.on_event = keeper._defects.on_event = failing(OSError("no space left"))
    broken(keeper, "orders", ValueError("odd"))
    halts = keeper.tick().halts
    assert "ValueError" in halts["defect"] and "no space left" in halts["disk"]
    told = []
    keeper.on_event = lambda event, fields: told.append(fields["what"])
    keeper.tick()
    assert told == ["defect"], "what nobody heard is told again"


def test_the_health_of_ticks_is_kept_where_others_read_it(tmp_path):
    keeper = quiet_keeper(Keeper, [], [])
    journal = Journal(f"sqlite:///{tmp_path / 'keeper.db'}")
    keeper._kept_health.journal = journal
    keeper.tick()
    assert [(each.name, each.wrong) for each in kept_health(journal).sources] == [("ticks", "")]
    broken(keeper, "clock", ValueError("odd \ud800\0"))
    keeper.tick()
    assert "odd \ufffd\ufffd" in kept_health(journal).sources[0].wrong
    keeper._kept_health.see = failing(TypeError("cannot be kept"))
    assert "cannot be kept" in keeper.tick().halts["defect"]
    del keeper._kept_health.see
    keeper.check_alone = failing(AlreadyRuns("another"))
    keeper._kept_health.journal = None  # another keeper's by now: nothing is written
    assert keeper.tick().halts == {"journal": "another"}


@pytest.mark.parametrize(
    ("wrong", "state", "words"),
    [("", "ok", "no defect"), ("KeyError in x.py:1 f: 'a' (7 ticks running)", "wrong", "7 ticks")],
)
def test_the_doctor_says_it(monkeypatch, tmp_path, wrong, state, words):
    journal = Journal(f"sqlite:///{tmp_path / 'keeper.db'}")
    monkeypatch.setattr("strongroom.setup.keeper_checks.load", lambda path: None)
    monkeypatch.setattr("strongroom.keeper.status.open_journal", lambda config: journal)
    assert keeper_checks.tick_check(tmp_path).state == "note"
    keeper = quiet_keeper(Keeper, [], [])
    keeper._kept_health.journal = journal
    keeper._kept_health.see(1_000, [Health("Gamma", 1, 1, "away"), Health("ticks", 9, 7, wrong)])
    found = keeper_checks.tick_check(tmp_path)
    assert found.state == state and words in found.found and "Gamma" not in found.found


def test_metrics_of_a_journal_that_is_gone_since_end_nothing():
    lost = SimpleNamespace(open=failing(OperationalError("s", {}, Exception("gone"))))
    there = SimpleNamespace(journal=lost, refused={}, health=())
    Metrics().observe(there, Tick(1_700, {}, 0, state()), 0.1)


def test_one_order_that_cannot_be_taken_out_leaves_no_other_there():
    keeper, cancelled = quiet_keeper(Keeper, [], []), []

    def cancel(key):
        if key == 1:
            raise ValueError("odd")
        if key == 3:
            raise ChainAway("gone")
        cancelled.append(key)

    keeper.desk.cancel = cancel
    keeper.journal.open = lambda: [SimpleNamespace(key=number) for number in range(5)]
    wind_up(keeper)
    assert cancelled == [0, 2], "who is away would keep each of the others waiting"
