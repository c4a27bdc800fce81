"""Weights of the pool: found where they are known, and worth nothing where nothing is known."""

import json
import random
import tomllib
from dataclasses import replace
from math import exp, log

import pytest
from click.testing import CliRunner
from strongroom.analysis.calibration import Forecast, Gate
from strongroom.analysis.fair import logit
from strongroom.analysis.pool_fit import LEAST_EVENTS, fit, fitted, rows_of, walk_forward
from strongroom.cli.main import command
from strongroom.information.forecast import Given
from strongroom.journal import Journal

from tests.agent.test_configuration import written

HOUR = 3_600


def chance_of(odds):
    return 1 / (1 + exp(-odds))


def drawn(count, weights, seed=0, noise=1.0, per_event=1, lag=HOUR):
    """Forecasts of sources, of which the truth is what a pool of these weights says.

    Each source is a noisy word about the market; the truth moves by `weights` of their distance.
    """
    dice, made = random.Random(f"pool {seed}"), {source: [] for source in weights}
    for number in range(count):
        market = chance_of(dice.gauss(0, 1))
        said = {source: chance_of(logit(market) + dice.gauss(0, noise)) for source in weights}
        moved = sum(w * (logit(said[s]) - logit(market)) for s, w in weights.items())
        outcome = float(dice.random() < chance_of(logit(market) + moved))
        at = HOUR * number
        for source, chance in said.items():
            made[source].append(
                Forecast(
                    f"event {number // per_event}", chance, market, outcome, at, at,
                    f"0x{number:064x}", at + lag,
                )
            )  # fmt: skip
    return made


def test_the_weights_that_made_the_truth_are_found():
    made = drawn(8_000, {"able": 0.6, "half": 0.3, "noise": 0.0}, per_event=1)
    found = fit(made).weights
    assert found["able"] == pytest.approx(0.6, abs=0.06)
    assert found["half"] == pytest.approx(0.3, abs=0.06)
    assert found["noise"] == pytest.approx(0.0, abs=0.06)


def loss(weight, rows, ridge):
    """The loss of one source's weight, written anew: by hand, in plain numbers."""
    total = ridge / 2 * weight**2
    counts = {row.event: sum(other.event == row.event for other in rows) for row in rows}
    for row in rows:
        odds = log(row.market / (1 - row.market))
        odds += weight * (log(row.chances["one"] / (1 - row.chances["one"])) - odds)
        p = chance_of(odds)
        entropy = -(row.outcome * log(p) + (1 - row.outcome) * log(1 - p))
        total += entropy / counts[row.event]
    return total


@pytest.mark.parametrize("ridge", [0.5, 3.0])
@pytest.mark.parametrize("truth", [0.5, 0.0, -0.5])
def test_one_weight_is_where_a_grid_finds_the_least_loss(truth, ridge):
    rows, _ = rows_of(drawn(120, {"one": truth}, seed=1, per_event=3))
    rows[0] = replace(rows[0], outcome=0.5)  # void
    (weight,) = fitted(rows, ["one"], ridge)
    best = min((loss(step / 200, rows, ridge), step / 200) for step in range(400))[1]
    assert weight == pytest.approx(best, abs=0.005)
    assert weight >= 0  # who is wrong on purpose says nothing


def test_copies_of_a_market_in_one_event_weigh_no_more_than_one():
    rows, _ = rows_of(drawn(200, {"one": 0.5}))
    copies = [row for row in rows for _ in range(5)]
    assert fitted(copies, ["one"], 1.0) == pytest.approx(fitted(rows, ["one"], 1.0), abs=1e-6)


def test_nobody_known_is_the_market():
    assert fit({}).weights == {} and not fit({}).accepted
    few = fit(drawn(LEAST_EVENTS, {"able": 0.9}))
    assert few.held_out is None and not few.accepted and "earlier outcomes" in few.why


def test_late_evidence_is_left_out_and_counted():
    made = drawn(50, {"one": 0.5})["one"]
    late = [replace(each, evidence_at=each.frozen_at + 1) for each in made[:7]]
    unknown = [replace(each, evidence_at=None) for each in made[7:9]]
    found = fit({"one": late + unknown + made[9:]})
    assert (found.late, found.rows, found.events) == (7, 43, 43)


def test_of_several_sources_the_last_freeze_gives_the_markets_price():
    early = Forecast("e", 0.3, 0.4, 1, 10, 10, "0x01", 99)
    later = Forecast("e", 0.7, 0.6, 1, 20, 20, "0x01", 99)
    ((row,), _) = rows_of({"a": [early], "b": [later]})
    assert (row.market, row.frozen_at, dict(row.chances)) == (0.6, 20, {"a": 0.3, "b": 0.7})
    assert (row.known_at, row.evidence_at) == (99, 20)
    unknown = replace(later, known_at=None, evidence_at=None)
    ((row,), _) = rows_of({"a": [early], "b": [unknown]})
    assert (row.known_at, row.evidence_at) == (None, None)


# walk-forward


def test_skill_is_shown_on_later_rows_and_noise_is_not():
    able = fit(drawn(1_000, {"able": 0.8, "noise": 0.0}, seed=2))
    assert able.accepted and "not checked" not in able.why, able.why
    assert able.held_out.brier < able.held_out.market_brier
    low, high = able.ranges["able"]
    assert 0.3 < low <= high < 1.3
    for seed in range(5):
        noise = fit(drawn(1_000, {"noise": 0.0}, seed=seed))
        assert not noise.accepted and "not above 0" in noise.why


def test_no_outcome_of_later_moves_an_earlier_forecast():
    """Turn every outcome round that was not known when the fold before it began."""
    rows, _ = rows_of(drawn(400, {"able": 0.8}, lag=50 * HOUR))
    made = walk_forward(rows, 1.0).forecasts
    turn = rows[200].frozen_at
    turned = [replace(row, outcome=1 - row.outcome) if row.known_at > turn else row for row in rows]
    again = walk_forward(turned, 1.0).forecasts
    earlier = [each.chance for each in made if each.frozen_at <= turn]
    assert earlier and earlier == [each.chance for each in again if each.frozen_at <= turn]
    later = [each.chance for each in made if each.frozen_at > turn + 100 * HOUR]
    assert later != [each.chance for each in again if each.frozen_at > turn + 100 * HOUR]


def test_an_outcome_of_which_the_time_is_unknown_trains_nothing():
    rows, _ = rows_of(drawn(400, {"able": 0.8}))
    unknown = [replace(row, known_at=None) for row in rows]
    assert walk_forward(unknown, 1.0).forecasts == ()
    # nor does one of the fold's own event
    one = [replace(row, event="all") for row in rows]
    assert walk_forward(one, 1.0).forecasts == ()


def test_a_source_that_was_good_once_is_not_accepted_for_what_fits_all():
    good, bad = drawn(500, {"one": 0.8}, seed=3)["one"], drawn(500, {"one": -0.8}, seed=4)["one"]
    shifted = [
        replace(
            each, frozen_at=each.frozen_at + 500 * HOUR, evidence_at=0,
            known_at=each.known_at + 500 * HOUR, event=f"b {each.event}",
            condition=f"0x{number + 500:064x}",
        )
        for number, each in enumerate(bad)
    ]  # fmt: skip
    found = fit({"one": good + shifted})
    assert not found.accepted and found.held_out.advantage < 0


# the command


@pytest.fixture
def kept(tmp_path):
    """A keeper's file, and a journal with forecasts of a source with skill and of a signal."""
    path = written(tmp_path)
    path.write_text(
        path.read_text()
        + '\n[[forecasters]]\nkind = "csv"\nname = "loud"\npath = "x.csv"\nsignal = true\n'
    )
    journal = Journal(f"sqlite:///{tmp_path / 'keeper.db'}")
    for source, forecasts in drawn(250, {"able": 1.0, "loud": 0.0}, seed=6, noise=1.5).items():
        for each in forecasts:
            given = Given(source, each.condition, each.chance, each.frozen_at, each.evidence_at)
            journal.forecast(given, each.event, each.market)
    for each in forecasts:
        journal.resolve(each.condition, each.outcome, each.known_at)
        journal.resolve(each.condition, each.outcome, each.known_at + 9)  # learnt once
    return path


def test_the_command_prints_the_section_only_where_it_is_worth_it(kept, monkeypatch):
    def said(*more):
        done = CliRunner().invoke(command, ["keeper", "fit", str(kept), *more])
        assert done.exit_code == 0, done.output
        return done.output

    text = said()
    assert "250 markets of 250 events" in text and "loud" not in text
    section = tomllib.loads(text[text.index("[packs.informed.weights]") :])
    weights = section["packs"]["informed"]["weights"]
    data = json.loads(said("--json"))
    assert weights == {"able": pytest.approx(data["weights"]["able"], abs=5e-4)}
    assert data["accepted"] and 0.5 < weights["able"] < 1.3
    assert data["held_out"]["brier"] < data["held_out"]["market_brier"]
    assert float(json.loads(said("--json", "--ridge", "500"))["weights"]["able"]) < weights["able"]
    monkeypatch.setattr(Gate, "judge", lambda self, forecasts: (False, "not above 0"))
    text = said()
    assert "Leave the weights as they are." in text and "[packs.informed" not in text
