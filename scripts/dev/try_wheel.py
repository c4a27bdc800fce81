"""Install the wheel in an empty environment and run it: `make trywheel`.

With this Python, or with `--all` for each of 3.11, 3.12 and 3.13 that this machine has: no
dependency may be built from source, and the command must work in an empty folder, where nothing of
the repository is in reach. What npm ships is the repository's own.
"""

import json
import os
import re
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
    ("study", "reference", "--json"),
    ("study", "ladders", "--json"),
    ("example", "own"),
    ("import", "prices", "own/markets.csv", "own/prices.csv", "--to", "history"),
    ("backtest", "own/quick.toml", "--data", "history", "--out", "result"),
    ("backtest", "small.toml"),
    ("backtest", "small.toml", "--json"),
    ("demo",),
    ("demo", "--json"),
)


def pythons() -> Iterator[Path]:
    """Yield this Python; with --all, every one that is found on the path or with pyenv."""
    if "--all" not in sys.argv:
        yield Path(sys.executable)
        return
    # pyenv's own first: its shims on the path refuse every version but the chosen one
    places = [*map(str, Path.home().glob(".pyenv/versions/*/bin")), *os.get_exec_path()]
    for version in VERSIONS:
        found = shutil.which(f"python{version}", path=os.pathsep.join(places))
        if sys.version.startswith(f"{version}."):
            found = sys.executable
        if found:
            yield Path(found)


def environment() -> dict[str, str]:
    """Return an environment without a variable of ours."""
    ours = ("PYTHON", "VIRTUAL_ENV", "STRONGROOM", "PATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PATH": os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))}


def run(*words: str | Path, cwd: Path) -> str:
    """Run a command in a folder; return what it says, which is JSON where that was asked for."""
    done = subprocess.run(words, cwd=cwd, env=environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout}{done.stderr}")
    if "--json" in words:
        json.loads(done.stdout)
    return done.stdout


def audit(program: Path, cwd: Path) -> str:
    """Write the app of a practice's vault, and audit it; return what the audit says as JSON."""
    typed = (program, "practice", "--port", "0")
    practice = subprocess.Popen(
        typed, cwd=cwd, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        told = ""
        assert practice.stdout is not None
        while not (line := practice.stdout.readline()).startswith("Ctrl-C"):
            told += line
            if not line:
                sys.exit(f"practice: {practice.wait()}\n{told}")
        node = re.search(
            r"STRONGROOM_RPC_URL=(\S+)", (cwd / "build/practice/environment.sh").read_text()
        )
        vault = re.search(r"0x[0-9a-fA-F]{40}", told)
        assert node and vault
        place = ("--vault", vault[0], "--rpc", node[1])
        run(program, "app", *place, "--static", cwd=cwd)
        return run(program, "audit", *place, "--json", cwd=cwd)
    finally:
        practice.terminate()
        practice.wait()


def check_contents(wheel: Path) -> None:
    """Every file of the package, every compiled contract and the app's script must be inside."""
    package = ROOT / "agent"
    known = run("git", "ls-files", "agent/strongroom", cwd=ROOT).split()
    made = ("strongroom/chain/artifacts/*.json", "strongroom/app/static/*")
    known += [str(path) for each in made for path in package.glob(each)]
    wanted = {(ROOT / name).relative_to(package).as_posix() for name in known}
    missing = wanted - set(zipfile.ZipFile(wheel).namelist())
    parts = ("artifacts", "static")
    missing |= {part for part in parts if not any(part in each for each in wanted)}
    if missing:
        sys.exit(f"{wheel.name} has not: {', '.join(sorted(missing))}")


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
            told = audit(programs / "strongroom", empty)
            print(f"{python}: strongroom app, audit --json: {len(told.splitlines())} lines")


if __name__ == "__main__":
    main()
