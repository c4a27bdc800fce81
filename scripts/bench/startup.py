"""How long the command takes to print its help: `python -m scripts.bench.startup`."""

import json
import subprocess
import sys
import time
from statistics import median

ROUNDS = 9
COMMANDS = {"root": (), "keeper_start": ("keeper", "start"), "cosigner": ("cosigner",)}


def milliseconds(*words: str) -> float:
    """Return how long one `strongroom ... --help` takes, in a process of its own."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "strongroom.cli", *words, "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return 1_000 * (time.perf_counter() - started)


def main() -> None:
    """Print the median of some rounds a command, as JSON."""
    figures = {
        f"cli.help_ms.{name}": round(median(milliseconds(*words) for _ in range(ROUNDS)))
        for name, words in COMMANDS.items()
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
