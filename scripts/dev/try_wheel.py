"""Install the wheel in an empty environment and run it: `make trywheel`.

With this Python, or with `--all` for each of 3.11, 3.12 and 3.13 that this machine has: no
dependency may be built from source, and the command must work in an empty folder, where nothing of
the repository is in reach. What npm ships is the repository's own.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
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
    ("demo",),
)


def pythons() -> Iterator[Path]:
    """Yield this Python; with --all, every one that is found on the path or with pyenv."""
    if "--all" not in sys.argv:
        yield Path(sys.executable)
        return
    places = [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    for version in VERSIONS:
        found = shutil.which(f"python{version}", path=os.pathsep.join(places))
        if sys.version.startswith(f"{version}."):
            found = sys.executable
        if found:
            yield Path(found)


def run(*words: str | Path, cwd: Path) -> str:
    """Run a command in a folder with an environment of no variable of ours; return what it says."""
    ours = ("PYTHON", "VIRTUAL_ENV", "STRONGROOM", "PATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    kept["PATH"] = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))
    done = subprocess.run(words, cwd=cwd, env=kept, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_contents(wheel: Path) -> None:
    """Every file of the package and every compiled contract must be inside."""
    package = ROOT / "agent"
    known = run("git", "ls-files", "agent/strongroom", cwd=ROOT).split()
    known += map(str, package.glob("strongroom/chain/artifacts/*.json"))
    wanted = {(ROOT / name).relative_to(package).as_posix() for name in known}
    missing = wanted - set(zipfile.ZipFile(wheel).namelist())
    if missing or not any("artifacts" in name for name in wanted):
        sys.exit(f"{wheel.name} has not: {', '.join(sorted(missing)) or 'compiled contracts'}")


def main() -> None:
    """Try the newest wheel in dist/."""
    wheel = max((ROOT / "dist").glob("strongroom-*.whl"), key=lambda path: path.stat().st_mtime)
    check_contents(wheel)
    for python in pythons():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run(python, "-m", "venv", "environment", cwd=folder)
            programs = folder / "environment" / "bin"
            install = ("install", "-q", "--only-binary=:all:", wheel)
            run(programs / "python", "-m", "pip", *install, cwd=folder)
            empty = folder / "empty"
            empty.mkdir()
            (empty / "node_modules").symlink_to(ROOT / "node_modules")
            (empty / "small.toml").write_text(EXAMPLE.read_text().replace(*SMALL))
            for words in COMMANDS:
                told = run(programs / "strongroom", *words, cwd=empty)
                print(f"{python}: strongroom {' '.join(words)}: {len(told.splitlines())} lines")


if __name__ == "__main__":
    main()
