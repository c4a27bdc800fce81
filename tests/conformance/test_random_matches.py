"""Random matches: the stand-in, the recordings and a model written from the rules agree."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.matches import Match, floor_of
from tests.conformance.random_matches import reckoned, scenario
from tests.conformance.reading import Vectors
from tests.seeds import LIVES, SEEDS, enough

FILE = "exchange_v2_matches.json.gz"
RECORDED = Vectors(Path(__file__).parent / "vectors" / FILE).found
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
