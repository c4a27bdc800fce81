"""A strategy pack that somebody else wrote, as it is installed: a package with an entry point."""

HEAD = """
import gc, os, sys
from dataclasses import field
from pathlib import Path
from pydantic.dataclasses import dataclass
from strongroom.chain.orders import NO, YES, Side
from strongroom.chain.units import MICRO
from strongroom.strategy.api import PARAMETERS, Leg, Proposal
"""


def write_pack(folder, name, source):
    """Write the package of a pack to a folder that is on the path, or will be."""
    package, about = folder / name, folder / f"{name}-1.0.dist-info"
    package.mkdir()
    about.mkdir()
    (package / "__init__.py").write_text("")
    (package / "deep.py").write_text(HEAD + source)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    entry = f"[strongroom.strategies]\n{name} = {name}.deep:Made\n"
    (about / "entry_points.txt").write_text(entry)


def pack_that(does, before="", parameters=""):
    """Return the source of a pack that does something with its view, and proposes what it finds.

    Args:
        does: the lines of a function of `self`, `view` and `found`
        before: lines of the module
        parameters: lines of the class
    """
    lines = "\n".join(f"        {line}" for line in does.splitlines())
    fields = "\n".join(f"    {line}" for line in parameters.splitlines())
    return f"""
{before}

@dataclass(frozen=True, config=PARAMETERS)
class Made:
    name: str = "made"
{fields}

    def propose(self, view, rooms):
        found = []
{lines}
        return found
"""
