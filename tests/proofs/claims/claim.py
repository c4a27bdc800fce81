"""A claim on formulas, and how the paths of a source are put to it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import z3

from ..reading import Way

Build = Callable[[Path], list[tuple[list[Any], Any]]]


@dataclass(frozen=True)
class Claim:
    """A property of formulas, and a wrong neighbour, which must be refuted on one path at least.

    Each builds, of the folder of ASTs, for every path its conditions and what must follow.
    """

    name: str
    build: Build
    wrong: Build


def numbers(names: str) -> dict[str, Any]:
    """Return integers by their names."""
    return {name: z3.Int(name) for name in names.split()}


def unsigned(n: dict[str, Any]) -> list[Any]:
    """Return that none of the numbers is below 0."""
    return [each >= 0 for each in n.values()]


def possible(ways: list[Way]) -> list[Way]:
    """Return the paths that may be taken, as far as is seen without solving."""
    return [way for way in ways if not z3.is_false(z3.simplify(z3.And(*way.conditions)))]
