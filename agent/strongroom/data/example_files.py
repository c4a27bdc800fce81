"""A small ladder's files, to begin with: markets and prices as `strongroom import prices` takes
them, and a backtest of both."""

from importlib.resources import files
from pathlib import Path

from strongroom.errors import BadInput

EXAMPLE = Path(str(files("strongroom"))) / "data" / "example"
NAMES = ("markets.csv", "prices.csv", "quick.toml")


class FileIsThere(BadInput):
    """A file would be written over another one."""


def write_example(folder: Path) -> list[Path]:
    """Write the files into a folder; return them.

    Raises:
        FileIsThere: one of them is there already; nothing was written.
    """
    found = [folder / name for name in NAMES]
    for path in found:
        if path.exists():
            raise FileIsThere(f"{path} is there already: name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        path.write_bytes((EXAMPLE / path.name).read_bytes())
    return found
