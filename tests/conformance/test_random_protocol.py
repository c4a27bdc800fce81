"""Random steps in Protocol V2: the stand-ins, the recordings and a model written from the rules
agree."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.chain import OK
from tests.conformance.protocol_v2 import Cases, changes, whole
from tests.conformance.random_protocol import Model, Stopped, can_say, model_of, some_step
from tests.conformance.reading import Vectors
from tests.seeds import LIVES, SEEDS, enough

RECORDED = Vectors(Path(__file__).parent / "vectors" / "protocol_v2_cases.json").found
PREPARED = ("B", "cm", "prepareCondition", ["combo"])
STEPS = 25


def outcome(model: Model, step):
    try:
        model.take(step)
    except Stopped as stopped:
        return str(stopped)
    return OK


def held(model: Model):
    return {name: dict(holds) for name, holds in model.held.items()}


def test_the_model_gives_what_was_recorded():
    known = 0
    for case in RECORDED["cases"]:
        before = [step for step in case["state"] if step[2] != "prepareCondition"]
        prepared = len(before) < len(case["state"]) or "cc" not in str(case["action"])
        if not (prepared and all(map(can_say, (*before, case["action"])))):
            continue
        model = model_of(RECORDED)
        assert [outcome(model, step) for step in before] == [OK] * len(before)
        start = held(model)
        told = OK if case["ok"] else case["error"]
        assert outcome(model, case["action"]) == told, case["id"]
        assert changes(start, held(model)) == whole(case["delta"]), case["id"]
        known += 1
    assert known >= 35


@pytest.fixture(scope="module")
def cases():
    return Cases(RECORDED)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stand_ins_do_what_the_model_says(cases, seed):
    said: Counter[tuple[str, str]] = Counter()
    for number in range(LIVES // 100):
        chance, model = random.Random(f"{seed} protocol {number}"), model_of(RECORDED)
        cases.protocol.chain.evm.revert(cases.start)
        cases.call(*PREPARED)
        for at in range(STEPS):
            step = some_step(chance, model)
            expected = outcome(model, step)
            got = cases.protocol.chain.outcome(lambda step=step: cases.call(*step))
            assert got == expected, (number, at, step)
            said[step[2], got] += 1
        there = {name: holds for name, holds in cases.balances().items() if name in model.held}
        assert there == held(model), number
    assert enough(len(said), 12), said
