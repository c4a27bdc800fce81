"""Look-aheads of every kind, planted in the simulation: the check finds each. What packs could
reach by themselves, test_sealed.py plants."""

from dataclasses import replace
from decimal import Decimal

import pytest
from click.testing import CliRunner
from strongroom.backtest import honesty, learned, run
from strongroom.backtest.config import parse, varied
from strongroom.backtest.data import load_history
from strongroom.backtest.honesty import check_honesty
from strongroom.backtest.simulated_venue import SimulatedSources
from strongroom.chain.units import HOUR, MICRO
from strongroom.cli.main import command
from strongroom.data.schema import Table

from tests.agent.test_backtest import SMALL
from tests.agent.test_playback import market, outcome, played, quote


@pytest.fixture(scope="module")
def config():
    return parse(SMALL | {"run": {"every_s": 6 * HOUR}})


@pytest.fixture(scope="module")
def history(config):
    return load_history(config)


def found_in(config, history):
    at = (history.starts_at + history.ends_at) // 2
    (found,) = check_honesty(config, history, [at])
    return found.changed is not None and found.changed <= at


def volume_that_tells(tell):
    """A market's volume is a million where what only the future knows is true."""
    real = SimulatedSources.look

    def look(self, now, admits, always):
        seen, world = real(self, now, admits, always), self._world
        places = {each.condition_id: n for n, each in enumerate(world.markets)}
        told = {
            name: replace(each, volume=Decimal(MICRO * tell(world, places[name])))
            for name, each in seen.markets.items()
        }
        return replace(seen, markets=told)

    return look


def won(world, number):
    return world.engine.listed[number].payout == (1, 0)


def paid_in_time(world, number):
    listed = world.engine.listed[number]
    return listed.pays_at * 1_000 - listed.ends_ms < 7_201_000


@pytest.mark.parametrize("tell", [won, paid_in_time])
def test_outcomes_and_the_time_of_resolution_are_found(config, history, monkeypatch, tell):
    """Q10 (c), and a void that is known by its late payout."""
    monkeypatch.setattr(SimulatedSources, "look", volume_that_tells(tell))
    assert found_in(varied(config, {"packs.tail.min_volume": 1}), history)


def test_the_outcomes_of_the_history_are_found(config, history, monkeypatch):
    """Q10 (b): a parameter is chosen by the last market's outcome."""
    real = run.learning_of

    def learning(config, known, clock):
        made, low = real(config, known, clock), "0.95" if known.outcomes[-1] else "0.98"
        made.changes = lambda: {"tail": {"low": low}}
        return made

    monkeypatch.setattr(run, "learning_of", learning)
    assert found_in(config, history)


def test_a_prior_that_knows_the_whole_is_found(config, monkeypatch):
    """Q11: the record counts what has not been paid yet, of weeks too that are not played."""
    own = {"data.start": "2025-12-27T00:00:00Z", "data.end": "2026-01-03T00:00:00Z"}
    learning = varied(config, {"packs.tail": {}, **own})
    assert not found_in(learning, load_history(learning))

    def at(self, now):
        self.total += len(self.paid)
        self.wins += sum(won for _, won in self.paid)
        self.paid.clear()
        return self

    monkeypatch.setattr(learned.LearnedRecord, "at", at)
    assert found_in(learning, load_history(learning))


def test_books_cannot_be_checked_and_nothing_runs_before_that_is_said(tmp_path, monkeypatch):
    """Q14: all simulations once ran first, and their results were thrown away."""
    tables = {
        Table.MARKETS: [market("m")],
        Table.OUTCOMES: [outcome("m")],
        Table.QUOTES: [quote(0, "m:yes", bid=400_000, ask=410_000)],
    }
    played(tmp_path / "to", tables)
    file = tmp_path / "books.toml"
    file.write_text('name = "books"\n[data]\npath = "to"\n[packs.tail]\n')

    def never(*_: object, **__: object):
        raise AssertionError("this runs before the refusal")

    monkeypatch.setattr(run, "simulate", never)
    monkeypatch.setattr(honesty, "simulate", never)
    typed = ["backtest", str(file), "--honesty", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(command, typed)
    assert done.exit_code == 2 and "cannot check recorded books" in done.output
    assert not (tmp_path / "out").exists()
