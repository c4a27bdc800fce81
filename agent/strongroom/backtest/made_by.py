"""Whose code makes a result: hashes of files and versions of libraries, beside data and parameters.

A version stays the same while code is worked on, and a pack from outside has none of ours.
"""

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, version
from pathlib import Path

from strongroom.chain.ids import canonical, keccak
from strongroom.strategy.api import pack_entries, pack_entry
from strongroom.strategy.pack_code import OURS, libraries, pack_code

ROOT = Path(__file__).parents[1]  # of this package
LIBRARY = "polars"  # beside those that decide


def outside(packs: Iterable[str]) -> list[str]:
    """Return the names of the packs that are not this package's."""
    known = pack_entries()
    names = {each.name for each in known}
    ours = {name for name in names if _package(pack_entry(name, known)) == OURS}
    return sorted(set(packs) - ours)


def made_by(packs: Iterable[str]) -> dict[str, str]:
    """Return by name what a result of these packs follows from, but for data and parameters.

    Raises:
        UnknownPack: a pack is not installed.
        UnclearPack: its package has no hash.
    """
    packs = sorted(packs)
    found = libraries(packs) | {LIBRARY: version(LIBRARY), OURS: _own_code()}
    return found | {f"pack {name}": pack_code(name) for name in outside(packs)}


@lru_cache
def _own_code() -> str:
    """Return the hash of all code of this package: the engine and the keeper make a result, too."""
    files = sorted((str(path.relative_to(ROOT)), path) for path in ROOT.rglob("*.py"))
    return keccak(
        canonical([[name, keccak(path.read_bytes()).hex()] for name, path in files])
    ).hex()


def _package(entry: EntryPoint) -> str:
    return entry.module.partition(".")[0]
