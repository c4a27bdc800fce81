"""Whose code decides: a hash over a package's files, and what else a decision may depend on.

A hash is the keccak of the canonical JSON of all files, each a path and the keccak of its bytes.
Nothing is imported for it: code that is not the one that was named is never run.
"""

import platform
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path

from strongroom.chain.ids import canonical, keccak, to_hex
from strongroom.strategy.api import GROUP, UnknownPack

OURS = "strongroom"
# What decides in this package; what these import lies in these, too (tests/agent/test_decide_again)
DECIDING = ("errors.py", "chain/*.py", "information/*.py", "analysis/*.py", "strategy/**/*.py")
LIBRARIES = ("highspy", "numpy", "pydantic")


@lru_cache
def code_hash(package: str) -> str:
    """Return the hash of a package: of ours, what decides; of others, all files that are no caches.

    Args:
        package: the first part of a module's name

    Raises:
        UnknownPack: it is not installed.
    """
    try:
        spec = find_spec(package)
    except ValueError:  # a module without one
        spec = None
    if spec is None:
        raise UnknownPack(f"no package {package!r} is installed")
    files: list[tuple[str, str]] = []
    for folder in spec.submodule_search_locations or ():
        files += [(path.relative_to(folder).as_posix(), _hash(path)) for path in _files(folder)]
    if not files and spec.origin is not None:  # one module alone
        files = [(Path(spec.origin).name, _hash(Path(spec.origin)))]
    return to_hex(keccak(canonical(sorted(files))))


def pack_code(name: str) -> str:
    """Return the hash of the package that has an installed pack.

    Raises:
        UnknownPack: none of this name is installed.
    """
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return code_hash(entry.module.partition(".")[0])
    raise UnknownPack(f"no pack {name!r} is installed")


def libraries() -> dict[str, str]:
    """Return what else may move a number: versions by name, and the machine."""
    found = {"python": ".".join(platform.python_version_tuple()[:2]), "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _files(folder: str) -> Iterator[Path]:
    root = Path(folder)
    patterns = DECIDING if root.name == OURS else ("**/*",)
    for path in {path for pattern in patterns for path in root.glob(pattern)}:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def _hash(path: Path) -> str:
    return to_hex(keccak(path.read_bytes()))
