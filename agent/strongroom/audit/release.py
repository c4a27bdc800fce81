"""Which audit this is: what another one has found or let pass is no verdict of this one."""

from functools import cache
from importlib.metadata import version
from pathlib import Path

from strongroom.chain.ids import canonical, keccak


@cache
def release() -> str:
    """Return the package's version, with the hash of the audit's own files: between two versions
    code changes, too."""
    files = [
        (path.name, keccak(path.read_bytes()).hex()) for path in Path(__file__).parent.glob("*.py")
    ]
    return f"{version('strongroom')} {keccak(canonical(sorted(files))).hex()}"
