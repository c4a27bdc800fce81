"""Install the wheel in empty environments and run it: `make trywheel`.

For each Python of 3.11, 3.12 and 3.13 that this machine has: no dependency may be built from
source, and the command must work in an empty folder, where nothing of the repository is in reach.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
EXAMPLE = ROOT / "docs" / "examples" / "backtest-null.toml"
SMALL = ("markets = 400", "markets = 20")  # of the example, which takes two minutes
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--version",),
    ("--help",),
    ("audit", "--help"),
    ("doctor",),
    ("study", "reference"),
    ("backtest", "small.toml"),
)


def pythons() -> Iterator[Path]:
    """Yield this Python, and the others that are found on the path or with pyenv."""
    places = [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    for version in VERSIONS:
        found = shutil.which(f"python{version}", path=os.pathsep.join(places))
        if sys.version.startswith(f"{version}."):
            found = sys.executable
        if found:
            yield Path(found)


def run(*words: str | Path, cwd: Path) -> str:
    """Run a command in a folder with an environment of no variable of ours; return what it says."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    path = {"PATH": os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin")), "PIP_NO_INPUT": "1"}
    done = subprocess.run(words, cwd=cwd, env=kept | path, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Try the newest wheel in dist/ with each Python."""
    wheel = max((ROOT / "dist").glob("strongroom-*.whl"), key=lambda path: path.stat().st_mtime)
    for python in pythons():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run(python, "-m", "venv", "environment", cwd=folder)
            programs = folder / "environment" / "bin"
            install = ("install", "-q", "--only-binary=:all:", wheel)
            run(programs / "python", "-m", "pip", *install, cwd=folder)
            empty = folder / "empty"
            empty.mkdir()
            (empty / "small.toml").write_text(EXAMPLE.read_text().replace(*SMALL))
            for words in COMMANDS:
                told = run(programs / "strongroom", *words, cwd=empty)
                print(f"{python}: strongroom {' '.join(words)}: {len(told.splitlines())} lines")


if __name__ == "__main__":
    main()
