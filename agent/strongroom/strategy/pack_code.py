"""Whose code decides: a hash over a package's files, and what else a decision may depend on.

A hash is the keccak of the canonical JSON of all files, each a path and the keccak of its bytes.
Nothing is imported for it: code that is not the one that was named is never run. A package of which
not all can be seen (a link to a folder, an archive, a finder of its own) has no hash.
"""

import os
import platform
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

from strongroom.chain.ids import canonical, keccak, to_hex
from strongroom.strategy.api import UnclearPack, UnknownPack, pack_entry

OURS = "strongroom"
# What decides in this package; what these import lies in these, too (tests/agent/test_decide_again)
DECIDING = (
    "errors.py", "foreign_text.py", "chain/*.py", "information/*.py", "analysis/*.py",
    "strategy/**/*.py",
)  # fmt: skip
LIBRARIES = ("highspy", "numpy", "pydantic")
CACHE = "__pycache__"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # that a requirement begins with


@lru_cache
def code_hash(package: str) -> str:
    """Return the hash of a package: of ours, what decides; of others, all files that are no caches.

    Args:
        package: the first part of a module's name

    Raises:
        UnknownPack: it is not installed.
        UnclearPack: it has something that cannot be read as a file.
    """
    try:
        spec = find_spec(package)
    except ValueError:  # a module without one
        spec = None
    if spec is None:
        raise UnknownPack(f"no package {package!r} is installed")
    files: list[tuple[str, str]] = []
    try:
        # the first of several folders is asked for a module first: which one it is counts, too
        for place, folder in enumerate(spec.submodule_search_locations or ()):
            for path in _files(Path(folder)):
                name = path.relative_to(folder).as_posix()
                files.append((f"{place}:{name}" if place else name, _hash(path)))
        if not files and spec.origin is not None:  # one module alone
            files = [(Path(spec.origin).name, _hash(Path(spec.origin)))]
    except OSError as error:
        raise UnclearPack(f"package {package!r} cannot be read ({error.strerror})") from error
    if not files:
        raise UnclearPack(f"package {package!r} has no files to be seen: install it as a wheel")
    return to_hex(keccak(canonical(sorted(files))))


def pack_code(name: str) -> str:
    """Return the hash of the package that has an installed pack.

    Raises:
        UnknownPack: none of this name is installed.
        UnclearPack: several are, or its package has no hash.
    """
    return code_hash(pack_entry(name).module.partition(".")[0])


def libraries(packs: Iterable[str] = ()) -> dict[str, str]:
    """Return what else may move a number: versions by name, and the machine.

    Args:
        packs: names; of those of others the versions of what they require count, too

    Raises:
        UnknownPack: see `pack_entry`.
    """
    found = {"python": ".".join(platform.python_version_tuple()[:2]), "machine": platform.machine()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    for pack in packs:
        found |= _required(pack_entry(pack).dist)
    return found


def _required(pack: Distribution | None) -> dict[str, str]:
    """Return the versions of a pack's distribution and of all that it requires, but for what only
    we require, and for what is not here."""
    found: dict[str, str] = {}
    todo = [] if pack is None else [pack]
    while todo:
        it = todo.pop()
        name = re.sub(r"[-_.]+", "-", it.name).lower()
        if name in found or name == OURS:
            continue
        found[name] = it.version
        for text in it.requires or ():
            wanted, _, marker = text.partition(";")
            named = _NAME.match(wanted.strip())
            if named is not None and "extra" not in marker:
                with suppress(PackageNotFoundError):  # of another system
                    todo.append(distribution(named[0]))
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files that count; raises UnclearPack."""
    if folder.name == OURS:
        found = {path for pattern in DECIDING for path in folder.glob(pattern)}
        yield from (path for path in found if path.is_file() and CACHE not in path.parts)
        return
    for place, inside, names in os.walk(folder, onerror=_raise):
        here = Path(place)
        for name in inside:
            if (here / name).is_symlink():
                raise UnclearPack(f"{here / name} is a link to a folder: put the folder there")
        for name in names:
            is_cached = here.name == CACHE and ".pyc" in name
            if (here / name).is_file() and not is_cached:
                yield here / name


def _raise(error: OSError) -> None:
    raise error


def _hash(path: Path) -> str:
    return to_hex(keccak(path.read_bytes()))
