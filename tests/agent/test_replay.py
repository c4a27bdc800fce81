"""Whether a strategy follows its own results is seen by playing it once more with others; if it
does, the verdict is by a test that holds whenever it stops."""

from dataclasses import replace

import numpy as np
import pytest
from strongroom.analysis.fair_null import FollowedBet, Joint
from strongroom.analysis.verdict import EdgeTest, VerdictWord, conclude
from strongroom.backtest import judging, replay, walk
from strongroom.backtest.command import BacktestOptions, run_backtest
from strongroom.backtest.config import load, parse, varied
from strongroom.backtest.data import load_history
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.judging import judged
from strongroom.backtest.replay import Replay, compared, replayed, with_other_results
from strongroom.backtest.run import DecidedTrade, RunResult, Wake, simulate
from strongroom.backtest.settled_events import events_of
from strongroom.backtest.simulated_chain import ClosedMarket
from strongroom.backtest.stats import summarise
from strongroom.backtest.walk import Fold
from strongroom.chain.units import HOUR, MICRO
from strongroom.data.schema import Table

from tests.agent.outside_pack import pack_that, write_pack
from tests.agent.test_playback import T, market, outcome, played
from tests.agent.test_verdict import one

DAYS = 40
DAY_MS = 24 * HOUR * 1_000
LOST = {2, 7, *range(13, DAYS, 2)}  # eleven of the first thirteen are won
BUYS = """for market in view.markets.values():
    book = view.book(market, YES)
    if book is None or book.ask is None or view.class_of(market) is None:
        continue
    leg = Leg(market, YES, Side.BUY, book.ask, size * MICRO)
    found.append(Proposal("made", (leg,), edge=0.2, chance=0.7, cost=0.5,
                          evidence=frozenset({"daily"})))"""
# a unit a win and a loss is 0.75 % of NAV: nine wins more than losses are +6.95 %
STEADY = "size = 1_000\n"
STOPS = "size = 1_000\nif view.vault.nav > 10_660 * MICRO:\n    return found\n"
EAGER = (
    "size = 1_000\nif view.vault.nav > 10_000 * MICRO and view.now // 86_400 % 2:\n"
    "    return found\n"
)


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    """A market a day, quoted at .50 for six hours, which then ends and pays two hours later."""
    folder = tmp_path_factory.mktemp("daily")
    names = [f"m{day:02}" for day in range(DAYS)]
    tables = {
        Table.MARKETS: [
            market(name, ends_ms=T + day * DAY_MS + 6 * HOUR * 1_000)
            for day, name in enumerate(names)
        ],
        Table.OUTCOMES: [outcome(n, 0 if day in LOST else MICRO) for day, n in enumerate(names)],
        Table.QUOTES: [
            {"at_ms": T + day * DAY_MS + hour * HOUR * 1_000, "token": f"{name}:yes",
             "bid": 490_000, "ask": 500_000, "bid_size": 10**9, "ask_size": 10**9}
            for day, name in enumerate(names)
            for hour in range(0, 6, 2)
        ],
    }  # fmt: skip
    played(folder / "to", tables)
    return folder / "to"


TEXT = """
name = "daily"
fills = ["pessimistic"]
people = [{{at_h = 0, who = "a", deposit = "10000"}}]
[data]
path = "{path}"
[packs.{pack}]
[vault.limits]
max_up_bps = 9000
max_down_bps = 9000
[limits]
category_bps = 9000
group_bps = 9000
daily_loss_bps = 10000
[quotes]
fee_rate = 0
[run]
every_s = 7200
"""


@pytest.fixture
def packed(daily, tmp_path, monkeypatch):
    """Return the file of a backtest by a pack of some lines before it buys."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def pack(name, before):
        write_pack(tmp_path, name, pack_that(before + BUYS))
        (tmp_path / "one.toml").write_text(TEXT.format(path=daily, pack=name))
        return tmp_path / "one.toml"

    return pack


FIRST_13 = {"data.end": "2026-02-14T20:00:00Z"}


def test_who_stops_when_he_is_ahead_is_judged_by_a_test_that_holds_then(packed, tmp_path):
    """Eleven of thirteen even bets won is chance in 1.1 %, and would pass; but he would have
    stopped elsewhere had other events been won."""
    file, shown = packed("stops", STOPS), []
    done = run_backtest(BacktestOptions(
        file, out=tmp_path / "out", record=tmp_path / "tries",
        progress=lambda what, done, of: shown.append(what),
    ))  # fmt: skip
    (summary,) = done.result.summaries.values()
    assert conclude(summary.dated, 7).word == VerdictWord.PASSES
    found = summary.conclusion
    assert (found.test, found.events, found.losing) == (EdgeTest.WEALTH, 13, 2)
    assert summary.verdict == "cannot be told from 0; its bets follow its results"
    assert summary.replay.part > 0.2
    assert list(dict.fromkeys(shown)) == ["pessimistic", "pessimistic, other results"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "its bets follow its results" in page and "of its trades are others" in page
    # x = 75 of 150 tokens: wealth is the mean of (1 + l/2)^11 (1 - l/2)^2
    shares = (np.arange(30) + 0.5) / 30
    assert found.odds == pytest.approx(
        np.mean((1 + shares / 2) ** 11 * (1 - shares / 2) ** 2), rel=1e-3
    )


def test_who_bets_the_same_whatever_came_keeps_his_test(packed):
    """The same thirteen bets, by one who would have gone on: sizes are shares of NAV."""
    config = varied(load(packed("steady", STEADY)), FIRST_13)
    history = load_history(config)
    found = judged(config, "pessimistic", history, simulate(config, "pessimistic", history))
    assert (found.conclusion.test, found.conclusion.events) == (EdgeTest.NULL, 13)
    assert found.verdict == "passes" and found.replay.part < 0.001
    assert found.replay.words() == "with other results 100% of its trades are the same"


def test_nothing_is_played_again_where_no_word_asks_for_it(packed, monkeypatch):
    monkeypatch.setattr(judging, "replayed", None)
    config = load(packed("steady", STEADY))
    history = load_history(config)
    found = judged(config, "pessimistic", history, simulate(config, "pessimistic", history))
    assert found.conclusion.word == VerdictWord.UNKNOWN and found.replay is None


def test_who_bets_more_often_after_losses_follows_them(packed):
    config = load(packed("eager", EAGER))
    history = load_history(config)
    first = simulate(config, "pessimistic", history)
    assert replayed(config, "pessimistic", history, first).follows


def test_money_comes_home_turned_round(packed):
    """24 of 40 bets of 0.75 % are won; turned round, 16."""
    config = load(packed("steady", STEADY))
    history = load_history(config)
    events = frozenset(market.event for market in history.markets)
    first, other = (
        simulate(config, "pessimistic", each).wakes[-1].nav_bid
        for each in (history, replace(history, turned=events))
    )
    assert first == pytest.approx(1e10 * 1.0075**24 * 0.9925**16, rel=1e-3)
    assert other == pytest.approx(1e10 * 1.0075**16 * 0.9925**24, rel=1e-3)


def trade(event, time, filled, side="BUY", price="0.5", size=None, yes=True, market=None, won=1.0):
    """Return a decision's fills; `filled` in tokens."""
    return DecidedTrade(
        f"{event} {time}", "p", time, event, market or f"{event} m", "Yes", yes, side, price,
        (filled if size is None else size) * MICRO, filled * MICRO,
        int(filled * float(price) * MICRO), 0, 0, 0.5, won, "",
    )  # fmt: skip


def run_of(*trades, nav=1_000, joint=Joint.LADDER, markets=None):
    """Return a run of trades that have paid; `nav` in units."""
    shapes = {
        each.event: EventShape(joint, tuple(markets or [each.market]), 99, 90) for each in trades
    }
    found = RunResult("r", "pessimistic", 0, 99, 1, shapes, (0, 0, 0), False)
    found.wakes = [Wake(0, nav * MICRO, nav * MICRO, 1, 0, 0, 0)]
    found.trades = list(trades)
    found.settled = [ClosedMarket(99, each.market, each.event, 0, 0, 0, 0) for each in trades]
    return found


def test_an_amount_that_moves_as_nav_does_or_less_is_the_same():
    """Of 100 staked 50 are the same, 30 went elsewhere, and of 20 a half: 40 in 130."""
    first = run_of(trade("a", 1, 100), trade("b", 2, 60), trade("c", 3, 40))
    again = run_of(trade("a", 1, 100), trade("d", 2, 60), trade("c", 3, 20))
    found = compared(first, again)
    assert found.traded == pytest.approx(0.13) and found.moved == pytest.approx(0.07)
    assert found.follows
    richer = run_of(trade("a", 1, 110), trade("b", 2, 60), trade("c", 3, 44), nav=1_100)
    assert compared(first, richer).moved == pytest.approx(0)
    poorer = run_of(trade("a", 1, 110), trade("b", 2, 60), trade("c", 3, 40), nav=900)
    assert compared(first, poorer).moved == pytest.approx(0.055 / 0.9 * (1 - 100 / 110), rel=0.2)


def test_who_follows_goes_as_far_as_his_limit():
    """100 tokens at .50 are his limit. Ten times as many later he leaves out, and all after it."""
    (event,) = events_of(
        run_of(trade("a", 1, 100), trade("a", 2, 1_000, price="0.1"), trade("a", 3, 1, "SELL"))
    )
    assert event.stake == pytest.approx(0.15) and event.profit == pytest.approx(0.9505 - 0.001)
    assert event.followed == FollowedBet(0.1, pytest.approx(0.05), pytest.approx(0.05))


def test_the_limit_is_of_what_was_wanted_not_of_what_came():
    """A small fill of a large order is a small part of the limit: who fills whom is no edge."""
    (event,) = events_of(run_of(trade("a", 1, 10, size=100)))
    assert event.followed.limit == pytest.approx(0.1)
    assert event.followed.profit == pytest.approx(0.005)


def test_a_small_event_has_the_limit_of_the_middle_one_before_it():
    *_, event = events_of(
        run_of(*(trade(str(n), n, tokens) for n, tokens in enumerate((100, 300, 200, 10))))
    )
    assert event.followed.limit == pytest.approx(0.2)


@pytest.mark.parametrize("bought", [("a", "b"), ("a", "b", "c"), ()])
def test_of_exclusive_outcomes_one_wins_in_every_world(bought):
    names, real = ("a", "b", "c"), {"a": 0.0, "b": 1.0, "c": 0.0}
    trades = [trade("e", 1, 10, market=name, price="0.3") for name in bought]
    shape = EventShape(Joint.EXCLUSIVE, names, 99, 90)
    worlds = [replay._drawn(shape, trades, u, real) for u in np.linspace(0.01, 0.99, 50)]
    assert all(sum(each.values()) == 1 for each in worlds)
    winners = [next(name for name in names if each[name]) for each in worlds]
    assert set(winners) == set(names) if len(bought) == 2 else winners
    if not bought:
        assert set(winners) == {"b"}


def test_what_was_held_is_drawn_at_what_it_cost(packed):
    config = load(packed("steady", STEADY))
    history = load_history(config)
    first = simulate(config, "pessimistic", history)
    pays = [with_other_results(history, first, seed).outcomes for seed in range(50)]
    assert np.mean(pays) == pytest.approx(0.5, abs=0.05)
    assert not with_other_results(history, first, 1).turned, "nothing was sold"


def test_parts_of_a_walk_are_played_again_as_one(daily, tmp_path, monkeypatch):
    """Twelve parts of one even bet each, all won: would pass, so all parts are asked."""
    config = parse({"name": "w", "packs": {"tail": {}}, "data": {"path": str(daily)}})
    events = [one(str(n), 0.5, True, date=f"day {n}") for n in range(12)]
    summary = judged_of_nothing(config)
    folds = [
        Fold("", "", {}, 1.0, replace(summary, dated=(event,)), config.model_dump_json())
        for event in events
    ]
    asked = []

    def replayed(known, *_: object):
        asked.append(known)
        return Replay(1.0, 0.2)

    monkeypatch.setattr(walk, "replayed", replayed)
    monkeypatch.setattr(walk, "simulate", lambda *_: None)
    shown = []
    whole = walk.whole_of(config, folds, on_progress=lambda done, of: shown.append((done, of)))
    assert asked == [config] * 12 and shown[-1] == (12, 12)
    assert whole.replay == Replay(12.0, pytest.approx(2.4))
    assert whole.conclusion.test == EdgeTest.WEALTH
    assert whole.verdict.endswith("its bets follow its results")


def judged_of_nothing(config):
    """Return the summary of a run that traded nothing."""
    return summarise(RunResult("r", "pessimistic", 0, 99, 0, {}, (0, 0, 0), True), 1, 0)


def test_parts_add_up():
    found = Replay(0.9, 0.0) + Replay(0.1, 0.1)
    assert found.part == pytest.approx(0.1) and found.follows
    assert found.words() == "with other results 10% of its trades are others: it follows them"
