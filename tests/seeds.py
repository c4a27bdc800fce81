"""Where chance comes from: fixed seeds in `make test`, fresh ones in `make fuzz`.

The seed of a run is STRONGROOM_SEED; STRONGROOM_LIVES and STRONGROOM_SEEDS lengthen it. Hypothesis
draws its examples from the seed that its own option gives (`--hypothesis-seed`), without one from
each test's source.
"""

import os
import random

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

SEED = int(os.environ.get("STRONGROOM_SEED", "0"))
LIVES = int(os.environ.get("STRONGROOM_LIVES", "700"))
SEEDS = range(SEED, SEED + int(os.environ.get("STRONGROOM_SEEDS", "8")))


def dice(*name: object) -> random.Random:
    """Return the chance of this name in this run."""
    return random.Random(f"{SEED} {name}")


def fix_hypothesis() -> None:
    """Let examples depend on the test alone: not on earlier runs, on the machine's speed, or on
    other modules.

    Hypothesis mixes the constants of all imported modules of the project into what it draws, so an
    edit elsewhere, or the order in which tests run, would change every example. There is no
    setting for it; where a new version finds them elsewhere, this fails instead of doing nothing.
    """
    nothing = providers.Constants()
    assert callable(providers._get_local_constants)
    providers._get_local_constants = lambda: nothing
    settings.register_profile(
        "strongroom",
        derandomize=SEED == 0,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )
    settings.load_profile("strongroom")


def enough(count: int, least: int) -> bool:
    """Say whether a random test has checked what it is there for often enough. The fixed lives have
    been seen to; a fresh one may spend its time elsewhere."""
    return count >= least or SEED != 0
