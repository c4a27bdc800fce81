"""Random walks over ramps and adapters: the stand-ins, the recordings and a model written from the
rules agree."""

from collections import Counter
from pathlib import Path

import pytest

from tests.conformance import random_walks, walks
from tests.conformance.reading import Vectors
from tests.seeds import LIVES, SEEDS, enough

RECORDED = Vectors(Path(__file__).parent / "vectors" / "adapters_walks.json").found


def test_the_model_gives_what_was_recorded():
    for found in RECORDED["walks"]:
        steps = random_walks.reckoned(RECORDED, found)["steps"]
        for number, (ours, step) in enumerate(zip(steps, found["steps"], strict=True)):
            told = (step["ok"], step.get("error"), step["delta"])
            assert (ours["ok"], ours.get("error"), ours["delta"]) == told, (found["id"], number)


@pytest.fixture(scope="module")
def counter():
    return walks.Counter(RECORDED)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stand_ins_do_what_the_model_says(counter, seed):
    point = counter.chain.evm.snapshot()
    said: Counter[tuple[str, str]] = Counter()
    for number in range(LIVES // 60):
        played = random_walks.reckoned(RECORDED, random_walks.walk(RECORDED, number, seed))
        said.update((step["do"], step.get("error", "ok")) for step in played["steps"])
        for field, expected, got in walks.go(counter, played):
            assert expected == got, (number, field)
        counter.chain.evm.revert(point)
    assert enough(len(said), 12), said
