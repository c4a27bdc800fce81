"""Packages of strategists, each a distribution of its own: sources, wheel, installation in a folder
of the test's."""

import subprocess
import sys
from pathlib import Path

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"

[project.entry-points."strongroom.strategies"]
{name} = "{name}:Made"

[tool.setuptools]
py-modules = ["{name}"]
"""

SOURCE = '''
"""Buys YES where it costs from {low} to {high}."""

from dataclasses import dataclass

from strongroom.strategy import YES, Leg, Proposal, Side


@dataclass(frozen=True)
class Made:
    name: str = "{name}"

    def propose(self, view, rooms):
        found = []
        for market in view.markets.values():
            book = view.book(market, YES)
            if book is not None and book.ask is not None and {low} <= book.ask <= {high}:
                leg = Leg(market, YES, Side.BUY, book.ask, book.asks[0].size)
                found.append(Proposal(self.name, (leg,), edge=0.01, chance=0.5, cost=0.5))
        return found
'''


def built(folder: Path, name: str, low: int, high: int) -> Path:
    """Write a strategist's sources and return the wheel that is built of them."""
    sources, wheels = folder / name, folder / "wheels"
    sources.mkdir(parents=True)
    (sources / "pyproject.toml").write_text(PROJECT.format(name=name))
    (sources / f"{name}.py").write_text(SOURCE.format(name=name, low=low, high=high))
    _pip("wheel", "--no-build-isolation", "--wheel-dir", str(wheels), str(sources))
    (wheel,) = wheels.glob(f"{name}-*.whl")
    return wheel


def installed(wheels: list[Path], folder: Path) -> Path:
    """Install wheels in a folder and return it."""
    _pip("install", "--target", str(folder), *map(str, wheels))
    return folder


def _pip(what: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", what, "--no-index", "--no-deps", *arguments]
    subprocess.run(command, check=True, capture_output=True)
