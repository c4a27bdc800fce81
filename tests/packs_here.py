"""The packs of this checkout, where the installed package is older than its pyproject.toml."""

import sys
import tomllib
from pathlib import Path

from strongroom.strategy.api import GROUP, installed

ROOT = Path(__file__).parents[1]


def show_packs(folder, monkeypatch):
    """Put what pyproject.toml names on the path, as an installed package has it."""
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][GROUP]
    about = folder / "strongroom_checkout-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: strongroom-checkout\nVersion: 1.0\n"
    )
    lines = "\n".join(f"{name} = {place}" for name, place in named.items())
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}\n")
    monkeypatch.syspath_prepend(str(folder))
    assert installed().keys() >= named.keys()
    assert str(folder) in sys.path
