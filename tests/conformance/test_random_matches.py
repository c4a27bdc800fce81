"""Random matches: the stand-in, the recordings and a model written from the rules agree."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conformance import exchange_v3, random_matches_v3
from tests.conformance.chain import OK
from tests.conformance.matches import Match, floor_of
from tests.conformance.random_matches import reckoned, scenario
from tests.conformance.reading import Vectors
from tests.seeds import LIVES, SEEDS, enough

FILE, FILE_V3 = "exchange_v2_matches.json.gz", "exchange_v3_matches.json.gz"
RECORDED = Vectors(Path(__file__).parent / "vectors" / FILE).found
RECORDED_V3 = Vectors(Path(__file__).parent / "vectors" / FILE_V3).found
OUTCOMES = ("ok", "error", "orderStatus_after", "events", "delta")


def plain(value: Any) -> Any:
    """Return recorded values so that equal ones compare equal: numbers as numbers, no zeros."""
    if isinstance(value, dict):
        found = {name: plain(each) for name, each in value.items()}
        return {
            name: each for name, each in found.items() if each not in (0, {}) or name == "remaining"
        }
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, str) and value.isdecimal() else value


@pytest.mark.parametrize("field", OUTCOMES)
def test_the_model_gives_what_was_recorded(field):
    for found in RECORDED["scenarios"]:
        for ours, step in zip(reckoned(RECORDED, found)["steps"], found["steps"], strict=True):
            assert plain(ours.get(field)) == plain(step.get(field)), (found["id"], step)


@pytest.fixture(scope="module")
def floor():
    return floor_of(RECORDED)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stand_in_does_what_the_model_says(floor, seed):
    point = floor.chain.evm.snapshot()
    said: Counter[str] = Counter()
    for number in range(LIVES // 10):
        played = reckoned(RECORDED, scenario(RECORDED, number, seed))
        said.update(step.get("error", "ok") for step in played["steps"])
        for field, expected, got in Match(floor, RECORDED, played).play():
            assert expected == got, (number, field)
        floor.chain.evm.revert(point)
    assert enough(said["ok"], LIVES // 60), said
    assert enough(len(said), 10), said


@pytest.mark.parametrize("field", OUTCOMES)
def test_the_model_of_v3_gives_what_was_recorded(field):
    for found in RECORDED_V3["scenarios"]:
        ours = random_matches_v3.reckoned(RECORDED_V3, found)
        for step, recorded in zip(ours["steps"], found["steps"], strict=True):
            assert plain(step.get(field)) == plain(recorded.get(field)), (found["id"], recorded)


@pytest.fixture(scope="module")
def world():
    return exchange_v3.Matches(RECORDED_V3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stand_in_of_v3_does_what_the_model_says(world, seed):
    """Of a call with several faults it is not known which one the exchange names."""
    said: Counter[str] = Counter()
    named: Counter[str] = Counter()
    terms = random_matches_v3.terms(RECORDED_V3)
    for number in range(LIVES // 10):
        asked = random_matches_v3.scenario(RECORDED_V3, number, seed)
        played = random_matches_v3.reckoned(RECORDED_V3, asked)
        said.update(step.get("error", "ok") for step in played["steps"])
        for field, expected, got in exchange_v3.play(world, terms, played):
            if field.endswith("outcome") and OK not in (expected, got):
                named.update(["the same" if expected == got else "another"])
            else:
                assert expected == got, (number, field)
    assert enough(said["ok"], LIVES // 60), said
    assert enough(len(said), 10), said
    assert named["another"] * 20 <= named["the same"] + 20, named
