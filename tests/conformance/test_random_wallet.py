"""Random actions of a deposit wallet: the stand-in, the recordings and a model written from the
rules agree."""

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.conformance.chain import OK
from tests.conformance.deposit_wallet import Played, Stage
from tests.conformance.random_wallet import CALLS, Wallet, some_action
from tests.conformance.reading import Vectors
from tests.seeds import LIVES, SEEDS, enough

RECORDED = Vectors(Path(__file__).parent / "vectors" / "deposit_wallet_matrix.json").found
ORDER = next(case["concrete"]["order"] for case in RECORDED["cases"] if "order" in case["concrete"])
KNOWN = ("pause", "withdrawERC20", "unpause", "authorizeSessionSigner", "cancelOwnershipHandover")
WAITS = (1, 599, 999, 1_000, 1_001, 3_600, 3_601)
STEPS = 30


def model_of(case, now):
    return Wallet(case["owner"], now, RECORDED["timelockDelay"])


def as_action(step, owner):
    """Return a step of a case's state as an action; None: the model does not know it."""
    if step in ("pause", "unpause"):
        return {"do": "direct", "caller": owner, "fn": step}
    if step == "complete":
        return {"do": "complete", "signer": "pend"}
    if step not in CALLS:
        return None
    return {"do": "batch", "calls": [step], "sig": {"form": "direct", "signer": owner}}


def knows(action):
    """Say whether the model can do a recorded action."""
    sig = action.get("sig", {})
    if action["do"] == "direct":
        return action["fn"] in KNOWN and "norec" not in action["args"]
    if action["do"] == "factory" or sig.get("form") == "empty" or "kind" in sig:
        return False
    plain = action.get("caller", "anyone") in ("anyone", "op", "thief")
    calls = set(action.get("calls", ()))
    return plain and calls <= set(CALLS) and not {"probe", "gasprice"} & set(action)


def test_the_model_gives_what_was_recorded():
    said = Counter()
    for case in RECORDED["cases"]:
        states = [step for step in case["state"] if not step.startswith("wait ")]
        states = [as_action(step, case["owner"]) for step in states]
        if None in states or not knows(case["action"]):
            continue
        wallet = model_of(case, 1)
        for step in case["state"]:
            if step.startswith("wait "):
                wallet.now += int(step[5:])
            else:
                assert wallet.act(as_action(step, case["owner"])) == OK, case["id"]
        told = OK if case["ok"] else case["error"]
        assert wallet.act(case["action"]) == told, case["id"]
        assert wallet.returned == case.get("returns"), case["id"]
        said[case["action"]["do"]] += 1
    assert said.total() >= 70, said


@pytest.fixture(scope="module")
def stage():
    return Stage(RECORDED)


def shown(wallet):
    """Return a model's state as a stage shows it."""
    return {
        "nonce": wallet.nonce,
        "paused_for": wallet.now - wallet.paused if wallet.paused else None,
        "ses_until": wallet.session,
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stand_in_does_what_the_model_says(stage, seed):
    point, said = stage.evm.snapshot(), Counter()
    people = {
        address.lower(): name for name, address in stage.at.items() if str(address)[:2] == "0x"
    }
    for number in range(LIVES // 50):
        chance = random.Random(f"{seed} wallet {number}")
        case = {"wallet": "AB"[number % 2], "owner": ("own", "cown")[number % 2]}
        wallet = model_of(case, stage.evm.time)
        for at in range(STEPS):
            if chance.random() < 0.25:
                seconds = chance.choice(WAITS)
                stage.evm.wait(seconds)
                wallet.now += seconds
            action = some_action(chance, wallet)
            played = Played(
                stage, RECORDED, {**case, "action": action, "concrete": {"order": ORDER}}
            )
            expected, got = wallet.act(action), played.act()
            assert (got, played.returned) == (expected, wallet.returned), (number, at, action)
            there = played._state()
            assert {name: there[name] for name in shown(wallet)} == shown(wallet), (at, action)
            assert people[there["owner"]] == wallet.owner, (number, at, action)
            said[action["do"], got, played.returned] += 1
        stage.evm.revert(point)
    assert enough(len(said), 16), said
