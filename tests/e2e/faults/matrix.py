"""Play the fault matrix: `make faults`, or `python -m tests.e2e.faults.matrix --of K1,node`.

Each row breaks one thing for a keeper on paper and a live one on the devnet. A row is green where
nothing ends the keeper, each report says what the vault truly has, paper moves nothing that is
real, what is withheld is named, and both go on afterwards: the live one buys what was offered.
Exit 1 on any red row.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from strongroom.chain.units import MICRO
from strongroom.information.gamma import Market

from tests.e2e.faults.rows import Row
from tests.e2e.faults.table import ELSEWHERE, ROWS
from tests.e2e.faults.world import (
    LIVE,
    MODES,
    PAPER,
    TOKENS,
    Seen,
    Unearned,
    World,
    matching,
    world,
)

OF_A_WORLD = 30  # rows: each needs a market, and each market is seen at each tick
HEAD = (
    f"{'row':<14}{'what':<44}{'mode':<6}{'':<6}{'ticks':>5}{'after':>6}{'NAV before':>15}"
    f"{'NAV after':>15}  withheld"
)


@dataclass
class Outcome:
    """What a row has come to in one mode; NAV in micro-units, on paper what it gained or lost."""

    row: Row
    mode: str
    before: int = 0
    after: int = 0
    seen: Seen = field(default_factory=Seen)
    calm_ticks: int = 0
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the outcome as a line of the table."""
        pattern = expected(self.row, self.mode)
        said = matching(pattern, self.seen) if pattern else ""
        shown = said or ("-" if not self.seen.names else f"({self.seen.names[0]})")
        colour = "RED" if self.wrong else "green"
        return (
            f"{self.row.of[:13]:<14}{self.row.name[:43]:<44}{self.mode:<6}{colour:<6}"
            f"{self.seen.ticks:>5}{self.calm_ticks:>6}{self.before / MICRO:>15.6f}"
            f"{self.after / MICRO:>15.6f}  {' '.join(shown.split())[:90]}"
        )


def expected(row: Row, mode: str) -> str:
    """Return the pattern of what a keeper must name."""
    return row.named if mode == LIVE or row.paper is None else row.paper


def play(there: World, row: Row) -> list[Outcome]:
    """Play one row; what goes wrong is in the outcomes, and the world is mended."""
    found = {mode: Outcome(row, mode) for mode in MODES}
    with _noting(found[LIVE]):
        there.use(row.stream)
        there.settle()
        for mode in MODES:
            there.calm(mode)
    market = there.offer()
    found[PAPER].before, found[LIVE].before = there.paper_worth(), there.truth()
    try:
        with row.fault(there):
            if row.restarts:
                there.use(row.stream, anew=True)
            for mode in MODES:
                with _noting(found[mode]):
                    _suffer(there, row, found[mode])
    except Exception as error:  # of the row itself
        found[LIVE].wrong.append(f"the row fails: {error!r}")
    there.mend()
    if has(there, LIVE, market) and not has(there, PAPER, market):  # bought before paper saw it
        there.offer(market)
    for mode in MODES:
        with _noting(found[mode]):
            done = partial(has, there, mode, market) if row.buys else partial(bool, True)
            found[mode].calm_ticks, _ = there.calm(mode, done)
    found[PAPER].after, found[LIVE].after = there.paper_worth(), there.truth()
    return list(found.values())


def has(there: World, mode: str, market: Market) -> bool:
    """Whether a keeper has what was offered of a market, but for what fees leave of it."""
    return there.held(mode, market) >= TOKENS * MICRO * 9 // 10


@contextmanager
def _noting(outcome: Outcome) -> Iterator[None]:
    """Note what ends a keeper, or is not earned."""
    try:
        yield
    except Unearned as error:
        outcome.wrong.append(f"not earned: {error}")
    except AssertionError as error:
        outcome.wrong.append(str(error))
    except Exception as error:  # whatever ends a tick is what is looked for
        where = traceback.extract_tb(error.__traceback__)[-1]
        outcome.wrong.append(f"ended: {error!r} in {where.filename}:{where.lineno}")


def _suffer(there: World, row: Row, outcome: Outcome) -> None:
    """Tick under the fault, and look at what was said."""
    seen, live = outcome.seen, outcome.mode == LIVE
    pattern = expected(row, outcome.mode)
    for number in range(row.ticks):
        said, bitten = len(seen.names), seen.bitten
        there.tick(outcome.mode, seen)
        if row.each and pattern and seen.bitten > bitten and not matching(pattern, seen, said):
            outcome.wrong.append(f"tick {number}: nothing says {pattern!r}: {seen.names[said:]}")
    asked = seen.bitten or not row.bites
    if live and not asked:
        outcome.wrong.append("the fault was not met: the row proves nothing")
    if pattern and asked and not matching(pattern, seen):
        outcome.wrong.append(f"nothing says {pattern!r}: {seen.names[:4]}")
    if live and row.decides is not None and bool(seen.decisions) != row.decides:
        outcome.wrong.append(f"{seen.decisions} decisions")
    if live and row.reports is not None and bool(seen.reports) != row.reports:
        outcome.wrong.append(f"{seen.reports} reports")


def elsewhere(cases: Sequence[str]) -> bool:
    """Run the tests of the cases that no tick can show; print a line for each case."""
    fine = True
    for case in cases:
        test = ELSEWHERE[case]
        network = "foundry" if "integration" in test else "test"
        command = [sys.executable, "-m", "pytest", "-q", test, "--network"]
        if "e2e" in test:
            command.insert(-1, "--disable-isolation")
        done = subprocess.run([*command, f"ethereum:local:{network}"], capture_output=True)
        fine = fine and done.returncode == 0
        print(f"{case:<14}{'RED' if done.returncode else 'green':<6}{test}", flush=True)
        if done.returncode:
            print(done.stdout.decode()[-1_500:])
    return fine


def run(rows: Sequence[Row], folder: Path) -> list[Outcome]:
    """Play rows, each kind of world at once; print the table."""
    outcomes: list[Outcome] = []
    print(HEAD, flush=True)
    for owned in (False, True):
        chosen = [row for row in rows if row.owned == owned]
        for start in range(0, len(chosen), OF_A_WORLD):
            part = chosen[start : start + OF_A_WORLD]
            with world(folder / f"world-{owned}-{start}", len(part) + 2, owned) as there:
                for row in part:
                    for outcome in play(there, row):
                        outcomes.append(outcome)
                        print(outcome.line(), flush=True)
                        for wrong in outcome.wrong:
                            print(f"    {wrong[:600]}", flush=True)
    return outcomes


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what is asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--of", default="", help="cases, switches, parts; commas between them")
    parser.add_argument("--only", default="", help="rows whose text has this")
    chosen = parser.parse_args(arguments)
    of = [each for each in chosen.of.split(",") if each]
    rows = [r for r in ROWS if (not of or r.of in of) and chosen.only in f"{r.of} {r.name}"]
    start, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="strongroom-faults-"))
    try:
        outcomes = run(rows, folder) if rows else []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    cases = [case for case in ELSEWHERE if case in of or not (of or chosen.only)]
    fine = elsewhere(cases)
    red = [each for each in outcomes if each.wrong]
    print(
        f"{len(rows)} rows in {len(MODES)} modes, {len(outcomes) - len(red)} green, {len(red)} red;"
        f" {len(cases)} cases by tests of their own; {time.monotonic() - start:.0f} s"
    )
    return 0 if fine and not red else 1


if __name__ == "__main__":
    sys.exit(main())
