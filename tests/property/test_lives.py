"""Promises of DESIGN 6 over random lives: nobody is honest, and everything happens.

What a life does is in life.py, what it is held to in watch.py. A life that fails is made shorter
before it is shown; its acts belong into test_regressions.py. STRONGROOM_LIVES lengthens the run,
STRONGROOM_SEED changes it; `make fuzz` does both.
"""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.property.books import check_promise_9_logs_rebuild_the_state
from tests.property.leaving import (
    check_promise_8_everybody_leaves,
    check_promise_11_halted_wallets_come_home,
)
from tests.property.life import WORLDS, Act, Life, begin, shortest
from tests.seeds import LIVES, SEED, dice

STEPS = 160
COUNT = max(len(WORLDS), LIVES // 9)  # of lives, in each of two tests
LOOK = 16  # acts after which everything is looked at


class Failed(AssertionError):
    """A life broke a promise."""


def live(scene: dict[str, Any], chance: random.Random) -> Life:
    """Live a life by chance and hold it to the promises; raise what it broke, shortened."""
    life = Life(**scene)
    begin(life)
    try:
        for step in range(STEPS):
            life.step(chance, late=step > STEPS * 2 // 3)
            if step % LOOK == 0:
                check(life)
        end(life)
    except AssertionError as broken:
        raise Failed(f"{broken}\n{shown(scene, life.acts)}") from broken
    return life


def check(life: Life) -> None:
    assert life.watch
    life.watch.everything()


def end(life: Life) -> None:
    check(life)
    check_promise_9_logs_rebuild_the_state(life.world)
    check_promise_8_everybody_leaves(life)
    check_promise_11_halted_wallets_come_home(life.world)


def replayed(scene: dict[str, Any], acts: Sequence[Act]) -> str:
    """Return what a list of acts breaks; "": nothing."""
    life = Life(**scene)
    try:
        for name, arguments in acts:
            life.act(name, arguments)
        end(life)
    except AssertionError as broken:
        return str(broken)
    return ""


def shown(scene: dict[str, Any], acts: Sequence[Act]) -> str:
    """Return the shortest part of the acts that still breaks something, as calls."""
    short = shortest(acts, lambda some: bool(replayed(scene, some)))
    calls = "\n".join(
        f"    life.do_{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"
        for name, arguments in short
    )
    return f"life = Life(**{scene!r})\n{calls}\n{replayed(scene, short)}"


@pytest.mark.parametrize("part", [0, 1])
def test_promises_over_random_lives(part):
    """1 to 9 and 11; twice, once a core."""
    checks: dict[str, int] = {}
    for number in range(part, 2 * COUNT, 2):
        try:
            life = live(WORLDS[number % len(WORLDS)], dice("life", number))
        except Failed as failed:
            raise AssertionError(f"STRONGROOM_SEED={SEED}, life {number}: {failed}") from None
        assert life.watch
        for promise, count in life.watch.checks.items():
            checks[promise] = checks.get(promise, 0) + count
    for promise, least in {"1 and 5": 3_000, "3": 3_000, "4": 500, "6": 500, "7": 80}.items():
        assert SEED or checks[promise] >= least, checks
