"""`make operate`: start everything that a keeper runs with, go through what an operator goes
through, print what was seen, then stay until Ctrl-C. What was started ends with it."""

import argparse
import signal
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.e2e.operating.parts import Parts, missing
from tests.e2e.operating.rehearsal import rehearse


def main() -> int:
    """Return the exit status."""
    options = argparse.ArgumentParser(prog="make operate", description=__doc__)
    options.add_argument("--stay", action="store_true", help="until Ctrl-C")
    stay = options.parse_args().stay
    if lacking := missing():
        print(f"not installed: {', '.join(lacking)}: apt-get install {' '.join(lacking)}")
        return 2
    stopped = threading.Event()

    def end(*_: object) -> None:
        stopped.set()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    started = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {words}", flush=True)

    try:
        with TemporaryDirectory(prefix="strongroom-operate-") as folder:
            with Parts(Path(folder)) as parts:
                parts.start()
                say("PostgreSQL, chain, venue, co-signer, keeper, Prometheus, Alertmanager run")
                for words in rehearse(parts):
                    say(words)
                if stay:
                    say(f"Prometheus {parts.prometheus}, keeper {parts.keeper}/health, Ctrl-C ends")
                    stopped.wait()
            say("all is ended")
    except KeyboardInterrupt:
        say("all is ended")
    return 0


if __name__ == "__main__":
    sys.exit(main())
