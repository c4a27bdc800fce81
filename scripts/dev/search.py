"""Search attacks on the compiled vault: `make search`, or python -m scripts.dev.search --steps N.

Each coalition plays each scene (tests/search): random sequences of steps, the best changed step by
step; a quarter of the steps go to sequences played eight times in a row, the best once first. Steps
are those that the contracts accept; what they refuse is counted apart. Exit 1 if a coalition takes
more than its bound, breaks a promise besides, or, where all are played, a move was never accepted.
"""

import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from tests.search.arena import SCENES, UNIT
from tests.search.attacker import COALITIONS, Attacker, Bound, Found, scenes
from tests.search.machine import COMPILED, compiled
from tests.search.moves import MOVES

PAGE = Path("docs") / "security.md"
BEGIN, END = "<!-- search: begin -->", "<!-- search: end -->"
LOOPS = (1, 8)
SHARE = {1: 0.75, 8: 0.25}  # of the steps


@dataclass(frozen=True)
class Cell:
    """One coalition in one scene."""

    members: tuple[str, ...]
    scene: str
    found: dict[int, Found]  # by how often a sequence is played

    @property
    def faults(self) -> list[Found]:
        return [each for each in self.found.values() if each.broken or each.above]

    @property
    def most(self) -> Found:
        return max(self.found.values(), key=lambda each: each.taken)

    @property
    def bound(self) -> Bound:
        """Of a play as long as the one that took most."""
        return self.most.bound

    @property
    def steps(self) -> int:
        return sum(each.steps for each in self.found.values())

    @property
    def refused(self) -> int:
        return sum(each.refused.total() for each in self.found.values())


def search(members: tuple[str, ...], scene: str, steps: int, seed: int, file: Path) -> Cell:
    """Search one cell."""
    found: dict[int, Found] = {}
    for loops in LOOPS:
        attacker = Attacker(scene, members, seed, loops, contracts=compiled(file))
        first = found[LOOPS[0]].genes if found else []
        result = attacker.search(max(1, int(steps * SHARE[loops])), first=first)
        if result.above:
            result.genes = attacker.least(result.genes)
        found[loops] = result
    return Cell(members, scene, found)


def _assets(amount: int) -> str:
    return f"{amount // UNIT:,}"


HEAD = f"{'coalition':46} {'scene':12} {'value':>9} {'room':>9} {'(3)':>7} {'fees':>7} {'bound':>9}"
HEAD += f" {'once':>9} {'x 8':>9} {'steps':>10} {'refused':>10}"


def _row(cell: Cell) -> str:
    bound = cell.bound
    once, often = (cell.found[loops].taken for loops in LOOPS)
    numbers = (bound.value, bound.room, bound.dealers, bound.fees, bound.total, once, often)
    widths = (9, 9, 7, 7, 9, 9, 9)
    text = " ".join(f"{_assets(n):>{w}}" for n, w in zip(numbers, widths, strict=True))
    row = f"{', '.join(cell.members):46} {cell.scene:12} {text}"
    return f"{row} {cell.steps:>10,} {cell.refused:>10,}"


def _nearest(cells: list[Cell]) -> Cell:
    """Return the cell of a coalition in which it came nearest to its bound."""
    return max(cells, key=lambda each: each.most.taken / max(1, each.bound.total))


def _moves(done: list[Cell]) -> tuple[list[str], list[str]]:
    """Return how often each move was accepted and refused, the seldomest accepted first, and the
    moves of the coalitions played that never were."""
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for found in (each for cell in done for each in cell.found.values()):
        accepted += found.accepted
        refused += found.refused
    tried = [name for name in MOVES if accepted[name] or refused[name]]
    lines = [
        f"{name:18} {accepted[name]:>10,} {refused[name]:>10,}"
        for name in sorted(tried, key=lambda name: accepted[name])
    ]
    return lines, [name for name in tried if not accepted[name]]


def _table(done: list[Cell]) -> list[str]:
    """Return the table of docs/security.md: for each coalition the scene of the nearest."""
    heads = ("coalition", "scene", "value", "room", "(3)", "fees", "bound", "once", "x 8", "steps")
    heads += ("refused",)
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for members in dict.fromkeys(each.members for each in done):
        own = [each for each in done if each.members == members]
        cell = _nearest(own)
        bound, found = cell.bound, cell.found
        numbers = (bound.value, bound.room, bound.dealers, bound.fees, bound.total)
        taken = (found[loops].taken for loops in LOOPS)
        steps = [sum(each.steps for each in own), sum(each.refused for each in own)]
        cells = [", ".join(members), cell.scene, *map(_assets, (*numbers, *taken))]
        cells += [f"{count:,}" for count in steps]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _write(lines: list[str]) -> None:
    """Put the table into docs/security.md, between its marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text("\n".join([before + BEGIN, *lines, END]) + after)


@click.command()
@click.option("--steps", default=400_000, help="accepted ones, in all")
@click.option("--seed", default=1)
@click.option("--jobs", default=2, help="processes")
@click.option("--only", default="", help="of the coalitions those with this name in them")
@click.option("--scene", type=click.Choice(list(SCENES)), help="only this one")
@click.option("--docs", is_flag=True, help="Write the table into docs/security.md at the end.")
@click.option("--compiled", "file", type=Path, default=COMPILED, help="what ape has compiled")
def main(
    steps: int, seed: int, jobs: int, only: str, scene: str | None, docs: bool, file: Path
) -> None:
    """Search what each coalition takes, against its bound."""
    cells = [
        (members, each)
        for members in COALITIONS
        for each in scenes(members)
        if only in ", ".join(members) and scene in (None, each)
    ]
    begun = time.monotonic()
    click.echo(HEAD)
    done: list[Cell] = []
    with ProcessPoolExecutor(jobs) as pool:
        tasks = [
            pool.submit(search, members, each, steps // len(cells), seed, file)
            for members, each in cells
        ]
        for task in tasks:
            cell = task.result()
            done.append(cell)
            click.echo(_row(cell))
            for fault in cell.faults:
                click.echo(f"  FAULT {fault.broken or 'above the bound'}")
                for gene in fault.genes:
                    click.echo(f"    {' '.join(map(str, gene))}")
    lines, never = _moves(done)
    if scene or only:  # what has no place there is tried elsewhere
        never = []
    click.echo("\n".join([f"{'move':18} {'accepted':>10} {'refused':>10}", *lines]))
    counted, refused = sum(cell.steps for cell in done), sum(cell.refused for cell in done)
    seconds = time.monotonic() - begun
    faults = sum(len(cell.faults) for cell in done)
    told = (
        f"{counted:,} accepted steps, {refused:,} refused, seed {seed}, {seconds:,.0f} s, "
        f"{counted / seconds:,.0f} a second; {faults} faults"
    )
    if never:
        told += f"; never accepted: {', '.join(never)}"
    click.echo(told)
    if docs:
        _write([*_table(done), "", told])
    sys.exit(1 if faults or never else 0)


if __name__ == "__main__":
    main()
