"""Walk-forward: what is judged was not known when it was chosen, and all of it is judged as one."""

from dataclasses import replace

import pytest
from strongroom.analysis.verdict import conclude
from strongroom.backtest.command import BacktestOptions, run_backtest
from strongroom.backtest.config import load, parse, varied
from strongroom.backtest.data import load_history
from strongroom.backtest.run import simulate
from strongroom.backtest.stats import summarise
from strongroom.backtest.tries import Tried
from strongroom.backtest.walk import Fold, walk_forward, weeks_of, whole_of
from strongroom.data.schema import Table
from strongroom.settings import ConfigError

from tests.agent.test_backtest import SMALL
from tests.agent.test_playback import CONFIG, market, outcome, played
from tests.agent.test_verdict import one

DAY_MS = 86_400_000
MONDAY = 20_493 * DAY_MS  # 2026-02-09
TWO_WEEKS = SMALL | {
    "data": {"start": "2025-11-10T00:00:00Z", "end": "2025-11-22T00:00:00Z", "tickers": ["AAPL"]},
    "run": {"every_s": 21_600},
    "people": [{"at_h": 0, "who": "a", "deposit": "5000"}],
    "sweep": {"packs.tail.latest_h": [3, 48]},
}


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    config = parse(TWO_WEEKS)
    return config, walk_forward(config, tmp_path_factory.mktemp("walk"), least=1)


def test_parameters_are_chosen_on_one_part_only(walked, tmp_path):
    """Each fold's best is the best of the weeks before it; and no market is in both parts."""
    config, (fold,) = walked
    assert (fold.chosen_on, fold.judged_on) == ("2025-11-14", "2025-11-21")
    first = varied(config, {"data.end": "2025-11-15T00:00:00Z"})
    chances = {
        hours: summarise(
            simulate(varied(first, {"packs.tail.latest_h": hours}), "pessimistic"), 7, 15_000
        ).conclusion.p_pass
        for hours in (3, 48)
    }
    assert fold.at_choice == min(chances.values())
    with pytest.raises(ConfigError, match="weeks"):
        walk_forward(config, tmp_path, least=5)


def test_a_walk_is_judged_as_one(walked):
    """Twelve parts of one event each, of which none says anything: together they are 12 events. A
    share goes through all of them: 1.01 ** 12."""
    config, (fold,) = walked
    assert whole_of(config, [fold]).conclusion == conclude(fold.afterwards.dated, 7)
    events = [one(str(n), 0.5, n % 3 > 0, date=f"day {n}") for n in range(12)]
    about = {"share_after_fees": 0.01, "staked": 10.0, "profit": 1.0}
    folds = [
        Fold("", "", {}, 1.0, replace(fold.afterwards, dated=(event,), **about)) for event in events
    ]
    whole = whole_of(config, folds)
    assert (whole.conclusion.events, whole.conclusion.dates) == (12, 12)
    assert whole.conclusion.p_pass == conclude(events, 7).p_pass
    assert (whole.staked, whole.profit) == (120, 12)
    assert whole.share_after_fees == pytest.approx(0.126825)


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    """A market ends each day of three weeks and pays a day later; all are quoted from the first
    Monday on, every six hours."""
    folder = tmp_path_factory.mktemp("daily") / "to"
    names = [f"m{day}" for day in range(21)]
    tables = {
        Table.MARKETS: [
            market(name, ends_ms=MONDAY + day * DAY_MS + 3_600_000)
            for day, name in enumerate(names)
        ],
        Table.OUTCOMES: [outcome(name) for name in names],
        Table.QUOTES: [
            {"at_ms": MONDAY + n * DAY_MS // 4, "token": f"{name}:yes", "price": 960_000}
            for n in range(84)
            for name in names
        ],
    }
    played(folder, tables)
    return parse(CONFIG | {"data": {"path": str(folder)}, "resolution": {"delay_s": 86_400}})


def test_a_week_is_one_part_however_many_ends_it_has(daily):
    """Two parts after the first, Monday to Sunday; what ends on a Monday before Sunday's have paid
    belongs to neither."""
    assert [(each.chosen_on, each.judged_on) for each in weeks_of(daily, 1)] == [
        ("2026-02-09 to 2026-02-15", "2026-02-17 to 2026-02-22"),
        ("2026-02-09 to 2026-02-22", "2026-02-24 to 2026-03-01"),
    ]


def test_nothing_is_decided_before_the_earlier_part_had_paid(daily):
    """The second week's markets are quoted in the first already: nobody could have chosen then by
    how that ended. The last of the first week pays on Monday the 16th at one."""
    part, _ = weeks_of(daily, 1)
    second = varied(daily, part.second)
    assert load_history(varied(second, {"data.prices_from": None})).starts_at == MONDAY // 1_000
    seen = []
    simulate(second, on_view=lambda view, _: seen.append(view.now))
    assert min(seen) == (MONDAY + 7 * DAY_MS) // 1_000 + 6 * 3_600


def test_the_command_counts_a_walk_as_a_try_and_says_one_verdict(tmp_path):
    file = tmp_path / "walk.toml"
    file.write_text(
        """
name = "walk"
[data]
start = 2025-11-10T00:00:00Z
end = 2025-12-06T00:00:00Z
tickers = ["AAPL"]
last_h = 60
[packs.tail]
[limits]
category_bps = 9000
[run]
every_s = 86400
[sweep]
"packs.tail.latest_h" = [3]
"""
    )
    record = tmp_path / "tries"
    options = BacktestOptions(file, walk_forward="time", out=tmp_path / "out", record=record)
    made = run_backtest(options)
    found = made.document()
    assert len(found["folds"]) == 1
    assert found["whole"]["verdict"] in ("too few events", "nothing was traded")
    assert found["whole"]["conclusion"]["tries"] == 1
    assert len(list(record.rglob("*.json"))) == 2, "the walk, and the set from which it chose"
    assert run_backtest(options).whole.conclusion.tries == 1, "the same walk again"
    config = load(file)
    set_ = varied(config, {"packs.tail.latest_h": 3})
    assert Tried(record, set_).count("pessimistic") == 2, "the walk; the set itself is this one"
    assert Tried(record, varied(config, {"packs.tail.latest_h": 4})).count("realistic") == 3
