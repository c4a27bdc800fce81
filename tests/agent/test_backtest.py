"""Backtests: the reference figures of the data, a vault's life over recorded prices, and whether
anything could see the future."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom.analysis.verdict import Conclusion, EdgeTest, VerdictWord
from strongroom.backtest import sweep
from strongroom.backtest.command import BacktestOptions, run_backtest
from strongroom.backtest.config import load, parse, varied
from strongroom.backtest.data import load_history
from strongroom.backtest.honesty import check_honesty
from strongroom.backtest.report import LIMITS
from strongroom.backtest.run import simulate
from strongroom.backtest.settled_events import events_of
from strongroom.backtest.simulated_chain import MANAGER
from strongroom.backtest.simulated_venue import SimulatedSources
from strongroom.backtest.stats import (
    assumed_spread,
    by_event,
    drawdown,
    prices_after_fees,
    share_prices,
    summarise,
    told,
)
from strongroom.backtest.studies import ladder_study, tail_reference
from strongroom.chain.units import BPS, MICRO
from strongroom.cli.backtest import command as cli
from strongroom.data.example_files import EXAMPLE
from strongroom.data.folder import packaged
from strongroom.data.importing import run_import
from strongroom.data.schema import BadData
from strongroom.data.sources.keeper_views import files_of_views, take_views
from strongroom.data.sources.outcomes import take_outcomes
from strongroom.errors import BadInput
from strongroom.information.books import Book, Level, mirror
from strongroom.information.gamma import FeeSchedule
from strongroom.keeper.recording import Recorder
from strongroom.settings import ConfigError
from strongroom.strategy.view import VaultState, View

from tests.agent.market_record import MARKET
from tests.agent.outside_pack import pack_that, write_pack

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
SMALL = {
    "name": "small",
    "data": {
        "start": "2025-12-08T00:00:00Z",
        "end": "2025-12-13T00:00:00Z",
        "tickers": ["AAPL", "NVDA"],
        "last_h": 100,
    },
    "vault": {"limits": {"max_up_bps": 9_000, "max_down_bps": 9_000, "max_premium_bps": 9_000}},
    "people": [
        {"at_h": 0, "who": "alice", "deposit": "20000"},
        {"at_h": 30, "who": "bob", "deposit": "10000"},
        {"at_h": 60, "who": "alice", "redeem_pct": 50},
    ],
    "packs": {"tail": {"wins": 832, "total": 840}},  # of the whole: it trades more
    "limits": {"category_bps": 9_000},
    "run": {"every_s": 3 * 3_600},
}


@pytest.fixture(scope="module")
def config():
    return parse(SMALL)


@pytest.fixture(scope="module")
def history(config):
    return load_history(config)


@pytest.fixture(scope="module")
def outcomes(config, history):
    return {fills: simulate(config, fills, history) for fills in config.fills}


def test_the_reference_figures_of_the_data():
    """shared/data/DATA.md: 840 markets, 99.048 %, 2.477 %, 1.428 %."""
    found = tail_reference(packaged())
    assert found.markets == 840
    assert round(found.won * 100, 3) == 99.048
    assert round(found.mean_return * 100, 3) == 2.477
    assert round(found.mean_return_spread * 100, 3) == 1.428


def test_the_ladders_of_the_data():
    """shared/data/DATA.md has 147,733 pairs, and 30,457, 12,784, 7,895 and 6,310 of them: with the
    three events in which thresholds stand twice, in whatever order. Without these the order says
    nothing."""
    study = ladder_study(packaged())
    assert study.pairs == 145_063
    assert [line.pairs for line in study.lines] == [29_738, 12_416, 7_624, 6_065]
    for line in study.lines:
        assert line.after_costs_later < line.pairs and line.moving <= line.after_costs_later
    assert "no profit can be claimed" in study.verdict


def test_what_went_in_and_out_is_what_is_there(config, history, outcomes):
    """Deposits, payouts and fees add up to the unit's rounding; nothing is locked at the end."""
    for outcome in outcomes.values():
        assert outcome.halts == {} and outcome.refused == 0
        profit = sum(each.got - each.bought for each in outcome.settled)
        put_in = sum(each.put_in for each in outcome.people)
        got_out = sum(each.got_out for each in outcome.people)
        worth = sum(each.worth for each in outcome.people) + outcome.manager
        last = outcome.wakes[-1]
        assert last.exposure == 0 and last.nav_bid == last.idle
        assert put_in == 30_000 * MICRO and got_out > 9_000 * MICRO
        dust = put_in + profit - got_out - last.nav_bid  # of settlements, that nobody can claim
        assert 0 <= dust <= 2
        assert 0 <= last.nav_bid - worth <= 10
        bought = sum(t.cash + t.fee for t in outcome.trades if t.side == "BUY")
        assert bought == sum(each.bought for each in outcome.settled)


def test_a_report_sees_the_last_payout(config, history):
    """A share is worth what the last report says, however rarely there is one."""
    daily = varied(config, {"reports.every_s": 24 * 3_600, "reports.when_asked_s": 24 * 3_600})
    outcome = simulate(daily, "optimistic", history)
    assert outcome.settled and outcome.reports[-1].exposure == 0
    assert outcome.reports[-1].time >= max(each.time for each in outcome.settled)


def test_caps_hold_at_every_hour(outcomes):
    for outcome in outcomes.values():
        assert any(wake.exposure for wake in outcome.wakes)
        for wake in outcome.wakes:
            assert wake.largest <= wake.nav_bid * 1_500 // BPS + 1
            assert wake.exposure <= wake.nav_bid * 6_000 // BPS + 1


def test_nothing_counts_above_its_cost_before_it_is_home(outcomes):
    for outcome in outcomes.values():
        assert any(each.not_home for each in outcome.reports)
        for each in outcome.reports:
            assert each.nav_bid <= each.idle + each.exposure <= each.nav_ask
        for wake in outcome.wakes:
            assert wake.nav_bid <= wake.idle + wake.exposure <= wake.nav_ask


def test_who_leaves_in_kind_takes_the_profit_that_is_not_home(config, history):
    """Alice leaves with everything while positions are open; the tokens she gets pay her what they
    pay in the end, the exit fee stays with bob."""
    people = [*SMALL["people"][:2], {"at_h": 66, "who": "alice", "in_kind_pct": 100}]
    outcome = simulate(parse(SMALL | {"people": people}), "realistic", history)
    alice, bob = outcome.people
    assert alice.worth == alice.waiting == 0 and alice.in_kind > 0
    assert outcome.refused == 0 and outcome.wakes[-1].exposure == 0
    fee = alice.put_in // 200
    assert alice.put_in - 2 * fee < alice.got_out + alice.in_kind < alice.put_in
    assert bob.worth > bob.put_in + fee * 4 // 5 - outcome.manager


def test_no_fill_is_better_than_the_book_of_its_time(config, history, outcomes):
    """Each purchase costs at least the last known price and the half-spread of its assumption."""
    quotes, prices = config.quotes.quotes(), pl.concat(history.tape.middles())
    number = {market.condition_id: place for place, market in enumerate(history.markets)}
    for fills, outcome in outcomes.items():
        half = quotes.under(fills).half_spread
        for trade in outcome.trades:
            if not trade.filled:
                continue
            known = prices.filter(
                (prices["market"] == number[trade.market])
                & (prices["ts"] <= 1_000 * (trade.time + 3_600))
            )["price"].to_list()
            yes = trade.outcome == "Yes"
            lowest = min(price if yes else MICRO - price for price in known[-2:])
            assert trade.cash * MICRO >= trade.filled * (lowest + half)
            assert trade.cash * MICRO <= trade.filled * float(trade.price) * MICRO + MICRO


def test_fees_are_the_difference_between_before_and_after(config, history):
    """Without fees both series are one; with them 2 % a year of some four days is taken."""
    free = varied(config, {"vault.management_bps": 0, "vault.performance_bps": 0})
    outcome = simulate(free, "realistic", history)
    share = share_prices(outcome)
    assert share.before == pytest.approx(share.after) and outcome.manager == 0
    only = varied(config, {"vault.performance_bps": 0})
    taken = simulate(only, "realistic", history)
    share = share_prices(taken)
    first = next(n for n, each in enumerate(taken.reports) if each.supply)  # its fee is from before
    years = (share.times[-1] - taken.reports[first - 1].time) / 31_556_952
    assert share.before[-1] / share.after[-1] - 1 == pytest.approx(0.02 * years, rel=0.02)
    assert taken.manager > 0 and MANAGER not in [person.who for person in taken.people]


def test_drawdowns_by_hand():
    day = 86_400
    fall = drawdown([0, day, 2 * day, 5 * day, 6 * day], [1.0, 2.0, 1.5, 1.8, 2.5])
    assert (fall.deepest, fall.longest_days) == (0.25, 4.0)


def test_fees_of_a_share_by_hand():
    """2 % of a year's 1, and 20 % of what is left of the profit of .1: .1 - .02 - .016."""
    year = 365 * 86_400
    assert prices_after_fees([0, year], [1.0, 1.1], (200, 2_000, 0))[-1] - 1 == pytest.approx(
        0.064, abs=1e-6
    )
    assert prices_after_fees([0, year], [1.0, 0.9], (200, 2_000, 0))[-1] - 1 == pytest.approx(
        -0.118, abs=1e-6
    )
    assert prices_after_fees([0, year], [1.0, 1.1], (0, 0, 0))[-1] - 1 == pytest.approx(
        0.1, abs=1e-6
    )


def test_only_pessimistic_fills_pass_and_only_as_far_as_quotes_hold():
    passes = Conclusion(VerdictWord.PASSES, EdgeTest.NULL)
    words = [told(passes, fills, True) for fills in ("pessimistic", "realistic", "optimistic")]
    assert words == [
        "passes, if the assumed quotes hold",
        *["above 0 on kinder fills: no pass"] * 2,
    ]
    recorded = [told(passes, fills, False) for fills in ("pessimistic", "realistic", "optimistic")]
    assert recorded == ["passes", *["above 0 on kinder fills: no pass"] * 2]


def test_events_of_a_run_add_up_to_its_money(outcomes):
    """Worst and best states bound what came; a ladder's favourites cannot all be lost at once."""
    outcome = outcomes["realistic"]
    events, money = events_of(outcome), by_event(outcome)
    assert {each.name for each in events} == set(money)
    for each in events:
        nav = each.stake and money[each.name][0] / each.stake
        assert each.profit * nav == pytest.approx(money[each.name][1], abs=1e-4)
        assert -each.worst - 1e-12 <= each.profit <= each.best + 1e-12
        assert 0 < each.worst <= each.stake + 1e-12
        assert sum(held.cost for held in each.holdings) == pytest.approx(each.stake)


def test_profit_by_event_is_the_settled_markets(outcomes):
    outcome = outcomes["realistic"]
    total = sum(profit for _, profit in by_event(outcome).values())
    assert total == pytest.approx(sum(s.got - s.bought for s in outcome.settled) / MICRO)


# the future


@settings(max_examples=3)
@given(part=st.floats(0.15, 0.9))
def test_another_future_changes_no_decision_before_it(config, history, part):
    at = int(history.starts_at + part * (history.ends_at - history.starts_at))
    (found,) = check_honesty(config, history, [at])
    assert found.changed is None


def test_a_look_ahead_in_the_simulation_is_caught(config, history, monkeypatch):
    """Planted where views are made: a market's volume tells how it ends."""
    real = SimulatedSources.look

    def look(self, now, admits, always):
        seen = real(self, now, admits, always)
        payouts = zip(self._world.markets, self._world.engine.listed, strict=True)
        won = {each.condition_id for each, listed in payouts if listed.payout == (1, 0)}
        return replace(seen, markets={
            name: replace(each, volume=Decimal(10**6 if name in won else 0))
            for name, each in seen.markets.items()
        })  # fmt: skip

    monkeypatch.setattr(SimulatedSources, "look", look)
    at = (history.starts_at + history.ends_at) // 2
    choosy = varied(config, {"packs.tail.min_volume": 1})
    (found,) = check_honesty(choosy, history, [at])
    assert found.before > 0 and found.changed is not None and found.changed <= at


PROPHET = pack_that(
    """for name, yes in self.known.items():
    market = view.markets.get(name)
    if market is None or view.class_of(market) is None:
        continue
    outcome = YES if yes else NO
    book = view.book(market, outcome)
    if book is not None and book.ask is not None:
        leg, cost = Leg(market, outcome, Side.BUY, book.ask, book.asks[0].size), book.ask / MICRO
        found.append(Proposal("made", (leg,), edge=0.999 - cost, chance=0.999, cost=cost,
                              evidence=frozenset({"hindsight"})))""",
    parameters="known: dict[str, int] = field(default_factory=dict)",
)


def test_the_null_forecaster_earns_minus_its_costs(tmp_path, monkeypatch):
    """On prices that are the exact chance, an old price is worth nothing: its profit is minus the
    costs, within three standard errors. Hindsight on the same prices is told apart."""
    null = load(EXAMPLES / "backtest-null.toml")
    small = varied(null, {"data.markets": 100, "run.every_s": 14_400})
    history, half_spread = load_history(small), small.quotes.quotes().half_spread

    def judged(config):
        found = summarise(simulate(config, "realistic", history), 1, half_spread)
        bounds = found.conclusion.bounds
        return found, (bounds.high - bounds.low) / (2 * 1.96)

    found, error = judged(small)
    assert found.markets >= 60 and 0.02 < found.costs < 0.15
    assert abs(found.return_on_stake + found.costs) < 3 * error
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "prophet", PROPHET)
    ends = zip(history.markets, history.outcomes, strict=True)
    known = {market.condition_id: int(outcome) for market, outcome in ends}
    knowing, error = judged(small.model_copy(update={"packs": {"prophet": {"known": known}}}))
    assert knowing.return_on_stake + knowing.costs > 6 * error


# sweeps, files, errors


def test_a_sweep_is_the_same_in_processes_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    swept = parse(SMALL | {"sweep": {"packs.tail.earliest_h": [12, 90], "limits.event_bps": [500]}})
    jobs = sweep.jobs_of(varied(swept, {"run.every_s": 21_600}).model_copy(
        update={"sweep": swept.sweep}))  # fmt: skip
    assert [job.changes["packs.tail.earliest_h"] for job in jobs] == [12, 90]
    told = []
    rows = sweep.run_jobs(jobs, tmp_path / "a", workers=2, on_row=told.append)
    assert sorted(told, key=rows.index) == rows, "a try is known as soon as it is there"
    alone = [sweep.run_one(job.config, job.fills) for job in jobs]
    assert [row.summary for row in rows] == alone
    assert rows[0].summary != rows[1].summary

    def never(*_: object):
        raise AssertionError("finished ones are not run again")

    monkeypatch.setattr(sweep, "run_one", never)
    again = []
    assert sweep.run_jobs(jobs, tmp_path / "a", on_row=again.append) == rows == again


def test_ray_without_ray_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    jobs = sweep.jobs_of(parse(SMALL | {"sweep": {"packs.tail.latest_h": [3]}}))
    with pytest.raises(BadInput, match="pip install"):
        sweep.run_jobs(jobs, tmp_path, engine="ray")


def test_the_command_writes_a_page_that_needs_nothing_else(tmp_path):
    """Q26: more capital and the look-ahead check tell how far they are, too."""
    text = (EXAMPLES / "backtest-tail.toml").read_text()
    text = text.replace('"pessimistic", "realistic", "optimistic"', '"realistic"')
    text = text.replace('kind = "recorded"', 'tickers = ["AAPL"]\nlast_h = 60\n'
                        "start = 2025-12-08T00:00:00Z\nend = 2025-12-20T00:00:00Z")  # fmt: skip
    path = tmp_path / "one.toml"
    text = text.replace("every_s = 3600", "every_s = 21600").replace("[10, 100]", "[10]")
    path.write_text(text)
    shown = {}
    done = run_backtest(BacktestOptions(
        path, honesty=True, out=tmp_path / "out", record=tmp_path / "tries",
        progress=lambda what, done, of: shown.setdefault(what, []).append(done / of),
    ))  # fmt: skip
    assert list(shown) == ["realistic", "10 times the deposits", "look-ahead"]
    assert all(each == sorted(each) and each[-1] == 1 for each in shown.values())
    found = done.document()
    assert found["summaries"]["realistic"]["markets"] >= 1 and found["tries_on_this_data"] == 1
    assert len(found["data"]) == 3 and [row["capital"] for row in found["capacity"]] == [
        120_000,
        1_200_000,
    ]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "http" not in page.replace("http-equiv", ""), "no outside request"
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"share.svg", "result.json", "trades-realistic.csv", "reports-realistic.csv"} <= names
    rows = (tmp_path / "out" / "trades-realistic.csv").read_text().splitlines()
    assert rows[0].startswith("decision,pack,time") and len(rows) > 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fills": ["hopeful"]}, "fills"),
        ({"data": {"tickers": ["NONE"]}}, "no market is left"),
        ({"fills": []}, "fills"),
        ({"quotes": {"tick": 0.0000001}}, "tick"),
        ({"quotes": {"depth": 0.0000001}}, "depth"),
        ({"sweep": {"packs.tail.low": []}}, "packs.tail.low"),
        ({"vault": {"limits": {"max_hope": 1}}}, r"\[vault.limits\] max_hope: no such limit"),
        ({"vault": {"limits": {"velocity": 1}}}, r"velocity: give it in \[vault\]"),
        ({"packs": {"noise": {}}}, "noise"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_file_says_where(change, message):
    with pytest.raises(ConfigError, match=message):
        simulate(parse(SMALL | change), "realistic")


def test_the_examples_are_read():
    for path in sorted(EXAMPLES.glob("backtest-*.toml")):
        assert load(path).packs
    with pytest.raises(ConfigError, match="unknown section"):
        varied(parse(SMALL), {"nowhere.low": 1})


@pytest.mark.parametrize(("result", "paid"), [("1", 80), ("0.5", 40), ("0", 0)])
def test_recorded_books_are_filled_as_they_were(tmp_path, result, paid):
    """Two views of one market: .960 x 30 and .970 x 40 are on offer, then .965 x 10. The tail rule
    takes what is there, at those prices, and the market pays; a void half (Q8). Nothing is called a
    cost that was not assumed, and the words are those of books (Q19, Q20)."""
    end = datetime.fromtimestamp(1_770_000_000, UTC) + timedelta(hours=40)
    name = "0x" + "09" * 32
    market = replace(MARKET, condition_id=name, token_ids=(18, 19), end=end, event="one",
                     fees=FeeSchedule(), tick=Decimal("0.001"),
                     best_bid=Decimal("0.95"), best_ask=Decimal("0.96"))  # fmt: skip
    recorder = Recorder(tmp_path / "views", "salt")
    offers = [((960_000, 30), (970_000, 40)), ((965_000, 10),)]
    for number, asks in enumerate(offers):
        yes = Book((Level(950_000, 50 * MICRO),),
                   tuple(Level(price, size * MICRO) for price, size in asks),
                   tick=market.tick)  # fmt: skip
        books = {18: yes, 19: mirror(yes)}
        now = 1_770_000_000 + number * 4 * 3_600
        state = VaultState("0x" + "aa" * 20, *[0] * 16, False, False)
        recorder.see(View(now, state, {market.condition_id: market}, books))
    to, told = tmp_path / "history", tmp_path / "outcomes.csv"
    told.write_text(f"market,yes\n{market.condition_id},{result}\n")
    views = files_of_views(tmp_path / "views")
    run_import("keeper", views, {}, to, lambda intake: take_views(intake, tmp_path / "views"))
    config = parse(SMALL | {"data": {"path": str(to)}, "people": SMALL["people"][:1],
                            "run": {"every_s": 3_600}})  # fmt: skip
    with pytest.raises(ConfigError, match="import outcomes"):
        load_history(config)
    run_import("outcomes", [told], {}, to, lambda intake: take_outcomes(intake, told, "file"))
    outcome = simulate(config, "realistic")
    filled = [each for each in outcome.trades if each.filled]
    assert sum(each.filled for each in filled) == 80 * MICRO
    assert sum(each.cash for each in filled) == 30 * 960_000 + 40 * 970_000 + 10 * 965_000
    assert [each.got for each in outcome.settled] == [paid * MICRO]
    found = summarise(outcome, 1, assumed_spread(config, "realistic", outcome.recorded))
    assert found.costs == 0 and found.profit == pytest.approx(paid - 77.25)
    assert found.conclusion.losing == (paid < 80) and LIMITS[outcome.recorded].startswith(
        "Recorded"
    )
    history = load_history(config)
    with pytest.raises(ConfigError, match="recorded books"):
        check_honesty(config, history, [history.starts_at])
    with pytest.raises(BadData, match="holds no imported data"):
        load_history(parse(SMALL | {"data": {"path": str(tmp_path / "nowhere")}}))


def test_a_leg_whose_market_was_closed_is_held(tmp_path):
    """Its task once ended the whole run: the documented example, with its look-ahead check."""
    path = EXAMPLE / "quick.toml"
    options = ["--out", str(tmp_path / "out"), "--json", "--honesty"]
    done = CliRunner().invoke(cli, [str(path), *options])
    assert done.exit_code == 0, done.output
