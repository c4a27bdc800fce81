"""Python's search for cycles that nothing refers to, while a run lasts.

What was there before stays to the end, and what a look leaves is no cycles: to go through both
again and again takes a twentieth of a run's time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 50_000, 20, 100  # as of `gc.set_threshold`


def collect_seldom() -> None:
    """Leave out what is there, and look at what comes less often, from now on."""
    gc.freeze()
    gc.set_threshold(*SELDOM)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Collect seldom as long as it lasts."""
    often = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.set_threshold(*often)
        gc.unfreeze()
