"""Break the contracts one place at a time and see whether the tests notice: `make mutants`.

Each mutant changes one comparison, arithmetic operator, rounding direction, bound, minimum or
condition of a product contract or module. Packing (shifts and masks) is left alone: an error there
breaks everything at once. All mutants are compiled into one code, where they can be chosen from
(mutant_code); tests/contracts and tests/property judge each on a bare EVM until one fails
(mutant_judge, quick_ape), those first that have killed most mutants of the file. Who survives that,
or cannot be chosen, is compiled alone, and judged by the tests that are left.

Verdicts go to build/mutants.json as they come, and a run goes on where the last one stopped; a file
that has changed since is judged anew. STRONGROOM_TRACE_JUDGE may name one more judge
(tests/property/test_traces.py).

    python -m scripts.dev.mutants --sample 620          a seeded sample (make mutants)
    python -m scripts.dev.mutants --module modules/fees       all of one file
    python -m scripts.dev.mutants --report              what is known so far
"""

import dataclasses
import gc
import hashlib
import io
import json
import os
import pickle
import time
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
from strongroom.chain.artifacts import artifact

from scripts.dev.mutant_code import TRUE, UP, Change, Code, alone, bare, holders, together
from scripts.dev.mutant_judge import DIED, Call, Ran, Tests, forked, use, with_tests

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
TARGET = ROOT / "build" / "mutants.json"
KEPT = ROOT / "build" / "mutants.pickle"
SEED = 15
# What is deployed, the likeliest to show a mistake of a module first.
PIECES = (
    *("VaultDesk", "VaultExits", "Vault", "VaultGovernance", "VaultFactory"),
    *("accounts/PolymarketAccount", "accounts/WalletAccount", "accounts/SafeAccount"),
    *("accounts/PositionAccount", "accounts/FpmmAccount", "accounts/DelegatedAccount"),
    *("accounts/WalletRegistry", "MandateBoard", "PerformanceSplitter", "ProofGate"),
)
MODULES = tuple(sorted(f"modules/{path.stem}" for path in CONTRACTS.glob("modules/*.vy")))
FILES = (*MODULES, *PIECES)
NO_MUTANT = "no mutant: does not compile, or to the same code"
SWAPS = {
    "<=": ("<",),
    "<": ("<=",),
    ">=": (">",),
    ">": (">=",),
    "==": ("!=",),
    "!=": ("==",),
    "+": ("-",),
    "-": ("+",),
    "*": ("//",),
    "//": ("*",),
    "+=": ("-=",),
    "-=": ("+=",),
    "and": ("or",),
    "or": ("and",),
    "not": ("",),
    "min": ("max",),
    "max": ("min",),
}
# Survivors that change nothing anybody could observe: a part of the mutated line -> why.
EQUIVALENT: dict[str, str] = {
    "if free != MAX_LIVE and i + 1 != MAX_LIVE": "the same sixteen places, filled in another order",
    "if free == MAX_LIVE or i + 1 != MAX_LIVE": "the same sixteen places, filled in another order",
    "<= self._epoch_in(places[i])": "no two places of a controller are of one epoch",
    "assert msg.gas >= wallet_part.LEAST_GAS": "one unit of gas more decides nothing",
    "bound // 32 + 1 + CALL_GAS": "one unit of gas more decides nothing",
    "bound // 32 - CALL_GAS": "a call that failed by so little leaves too little for the rest",
    "price >= best": "equal: it writes what is there",
    "price <= best": "equal: it writes what is there",
    "if winding_down or price < mark": "equal: a profit of nothing",
    "if shares != 0 and taken != 0": "a log: only some wei of 18 decimals buy no share at all",
    "return per_share < (assets + 1) * DUST": "equal only by a rounding of 2**-96 a share",
    "* LOSS // units.PRICE + 1 + 1": "2**-96 of a unit a share more: it is rounded up",
    "(assets * LOSS + whole + 1) // whole": "2**-96 of a unit a share more: it is rounded up",
    "(assets * LOSS + whole - 1) // whole + 1": "2**-96 of a unit a share more: it is rounded up",
    "(kept * given // left + 1) >>": "one of the sixteen bits that are cut off",
    "len(owners) == 1 or owners[0] == self": "a guard: a Safe without a transaction had one owner",
    "paused >= block.timestamp": "equal: paused for no second is not longer than the delay",
    "// nav._shares() + 1": "2**-96 of a unit a share",
    "if len(signature) <= LEAST_ORDER": "an envelope of the least length has no keeper's signature",
    '"request too large"': "a guard: no asset has 2**96 units, the transfer fails",
    '"settlement too large"': "a guard: a collapsed price is not dealt at",
    '"exposure too large"': "a guard: no asset has 2**85 units",
}
SLOW = 0.5  # seconds of a test
FIRST = "test_world.py::test_everybody_can_do_what_is_his"  # much in little time
Verdicts = dict[str, str | None]  # by a mutant's key: what killed it


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One changed place of a file; `module` is its path under contracts/, without its ending."""

    module: str
    line: int
    column: int
    old: str
    new: str
    word: str  # the operator, function or statement that it is about

    @property
    def change(self) -> Change:
        """What the compiler makes of it."""
        statement = self.word == "assert"
        place = (
            source(self.module).splitlines()[self.line - 1].index("assert")
            if statement
            else self.column
        )
        new = UP if self.new.endswith(" + 1") else TRUE if statement else self.new
        return Change(self.module, (self.line, place), self.word, new)

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line}:{self.column} {self.old!r} -> {self.new!r}"

    @property
    def key(self) -> str:
        """The name, and which text of the file it is about."""
        return f"{hashlib.sha256(source(self.module).encode()).hexdigest()[:8]} {self.name}"

    @property
    def rank(self) -> str:
        """Its place in the order that samples are taken in."""
        return hashlib.sha256(f"{SEED} {self.name}".encode()).hexdigest()

    def text(self) -> str:
        """Return the module's text with the change."""
        lines = source(self.module).splitlines(keepends=True)
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.column] + self.new + line[self.column + len(self.old) :]
        return "".join(lines)


@cache
def source(module: str) -> str:
    """Return a module's source text."""
    return (CONTRACTS / f"{module}.vy").read_text()


def mutants_of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    lines = source(module).splitlines()
    tokens = list(tokenize.generate_tokens(io.StringIO(source(module)).readline))
    for index, token in enumerate(tokens):
        if token.type not in (tokenize.OP, tokenize.NAME):
            continue
        line, column = token.start
        statement = lines[line - 1].lstrip()
        if statement.startswith(("log ", "@", "def ")) or not lines[line - 1].startswith(" "):
            continue
        for new in SWAPS.get(token.string, ()):
            follows_value = tokens[index - 1].type in (tokenize.NAME, tokenize.NUMBER) or tokens[
                index - 1
            ].string in (")", "]")
            if token.string in ("+", "-") and not follows_value:
                continue  # a sign
            if token.string in ("min", "max") and tokens[index + 1].string != "(":
                continue
            yield Mutant(module, line, column, token.string, new, token.string)
        if token.string == "//":
            end = _operand_end(tokens, index + 1)
            if end[0] == line:
                operand = lines[line - 1][column : end[1]]
                yield Mutant(module, line, column, operand, f"{operand} + 1", "//")
        if token.string == "assert" and statement.startswith("assert "):
            end = _condition_end(tokens, index + 1)
            if end[0] == line:
                condition = lines[line - 1][tokens[index + 1].start[1] : end[1]]
                yield Mutant(module, line, tokens[index + 1].start[1], condition, "True", "assert")


def _operand_end(tokens: list[tokenize.TokenInfo], index: int) -> tuple[int, int]:
    """Return where the operand that starts at a token ends."""
    depth, end = 0, tokens[index].end
    for token, following in zip(tokens[index:], tokens[index + 1 :], strict=False):
        depth += token.string in ("(", "[")
        depth -= token.string in (")", "]")
        end = token.end
        if depth == 0 and following.string not in ("(", "[", ".") and token.string != ".":
            break
    return end


def _condition_end(tokens: list[tokenize.TokenInfo], index: int) -> tuple[int, int]:
    """Return where an assert's condition ends: before the comma of its reason."""
    depth, end = 0, tokens[index].end
    for token in tokens[index:]:
        if depth == 0 and (token.string == "," or token.type == tokenize.NEWLINE):
            break
        depth += token.string in ("(", "[")
        depth -= token.string in (")", "]")
        end = token.end
    return end


# judging


@dataclasses.dataclass(frozen=True)
class Ground:
    """What all verdicts stand on; it takes minutes and is kept in build/.

    Attributes:
        digest: of the contracts and tests that it is about
        holders: the contracts whose code holds a line, by module and line
        codes: of contracts with all mutants in them
        dear: tests that fail where code is larger: they judge mutants that are alone
        seconds: that each test takes
    """

    digest: str
    holders: dict[tuple[str, int], list[str]]
    codes: dict[str, Code]
    dear: frozenset[str]
    seconds: dict[str, float]


def ground(tests: Tests, every: list[Mutant]) -> Ground:
    """Compile everything, and see that the unchanged contracts pass."""
    digest = hashlib.sha256()
    for folder in ("contracts", "tests/contracts", "tests/property"):
        for path in sorted((ROOT / folder).rglob("*.*y*")):
            if path.suffix in (".py", ".vy", ".vyi"):
                digest.update(path.read_bytes())
    if KEPT.exists():
        kept = pickle.loads(KEPT.read_bytes())
        if kept.digest == digest.hexdigest():
            return kept  # type: ignore[no-any-return]
    changes = {number: mutant.change for number, mutant in enumerate(every, start=1)}
    codes = dict(zip(PIECES, _compiled(changes), strict=True))
    calls = [(run, (tests, some, 0, tests.names, False)) for some in ({}, codes)]
    answers = dict(forked(calls, 2))
    if failed := [each.name for each in answers[0] if each.failed]:
        raise click.ClickException(f"the unchanged contracts fail: {failed}")
    dear = frozenset(each.name for each in answers[1] if each.failed)
    seconds = {each.name: each.seconds for each in answers[0]}
    found = Ground(digest.hexdigest(), holders(PIECES), codes, dear, seconds)
    KEPT.write_bytes(pickle.dumps(found))
    return found


def run(
    tests: Tests, codes: dict[str, Code], number: int, names: list[str], stop: bool
) -> list[Ran]:
    """Run tests on changed contracts, in a process of its own."""
    use(codes, number)
    return tests.run(names, stop)


class Judges:
    """Judge mutants by the tests: all in one code first, then, alone, who survived that.

    Args:
        slow: whether the slow tests judge, too
    """

    def __init__(self, tests: Tests, every: list[Mutant], verdicts: Verdicts, slow: bool) -> None:
        self._tests, self._slow = tests, slow
        self._ground = ground(tests, every)
        self._numbers = {mutant: number for number, mutant in enumerate(every, start=1)}
        self._kills: Counter[tuple[str, str]] = Counter()
        for key, killer in verdicts.items():
            self.count(key.split()[1].partition(":")[0], killer)

    def count(self, module: str, killer: str | None) -> None:
        """Note what killed a mutant of a module."""
        if killer:
            self._kills[module, killer] += 1
            self._kills["", killer] += 1

    def call(self, mutant: Mutant) -> Call:
        """Return the call that judges a mutant: the tests that have killed most mutants, above all
        of its module, come first, the slow ones last."""
        seconds = self._ground.seconds

        def rank(name: str) -> tuple[bool, int]:
            kills = 10 * self._kills[mutant.module, name] + self._kills["", name]
            return seconds[name] > SLOW, -kills - 20 * name.endswith(FIRST)

        names = [name for name in self._tests.names if self._slow or seconds[name] <= SLOW]
        return self._verdict, (mutant, sorted(names, key=rank))

    def _verdict(self, mutant: Mutant, names: list[str]) -> str | None:
        number, codes = self._numbers[mutant], self._ground.codes
        pieces = self._ground.holders.get((mutant.module, mutant.line), [])
        if pieces and all(number in codes[piece].numbers for piece in pieces):
            quick = [name for name in names if name not in self._ground.dear]
            if killer := self._killer(codes, number, quick):
                return killer
            names = [name for name in names if name in self._ground.dear]
        changed = {}
        for piece in pieces:
            code = alone(piece, mutant.module, mutant.text())
            if code is None:
                return NO_MUTANT
            if not is_packaged(piece, code):
                changed[piece] = code
        return self._killer(changed, 0, names) if changed else NO_MUTANT

    def _killer(self, codes: dict[str, Code], number: int, names: list[str]) -> str | None:
        if not names:
            return None
        ((_, ran),) = forked([(run, (self._tests, codes, number, names, True))], 1)
        if ran == DIED:
            return DIED
        return ran[-1].name if ran[-1].failed else None


def _compiled(changes: dict[int, Change]) -> list[Code]:
    calls = [(together, (piece, changes)) for piece in PIECES]
    return [code for _, code in sorted(forked(calls, 2), key=lambda answer: answer[0])]


def is_packaged(piece: str, code: Code) -> bool:
    """Say whether code is the package's own."""
    plain = artifact(piece.rpartition("/")[2])
    return plain.runtime == code.runtime and bare(plain.creation) == bare(code.creation)


@click.command(help=__doc__)
@click.option("--module", type=click.Choice(FILES), multiple=True, help="Only these files.")
@click.option("--jobs", default=os.cpu_count(), show_default=True, help="Processes.")
@click.option("--sample", type=int, help="Only so many, drawn with a fixed seed.")
@click.option("--again", is_flag=True, help="Judge the survivors once more.")
@click.option("--quick", is_flag=True, help="Without the slow tests: then judge --again.")
@click.option("--list", "only_list", is_flag=True, help="List the mutants and stop.")
@click.option("--report", is_flag=True, help="Print what is known and stop.")
def main(
    module: tuple[str, ...],
    jobs: int,
    sample: int | None,
    again: bool,
    quick: bool,
    only_list: bool,
    report: bool,
) -> None:
    verdicts: Verdicts = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    every = [mutant for name in FILES for mutant in mutants_of(name)]
    every = sorted(every, key=lambda mutant: mutant.rank)[:sample]
    every = [mutant for mutant in every if not module or mutant.module in module]
    if report:
        _report([mutant for mutant in every if mutant.key in verdicts], verdicts)
        return
    chosen = [
        mutant
        for mutant in every
        if mutant.key not in verdicts or (again and not verdicts[mutant.key])
    ]
    if only_list:
        for mutant in chosen:
            click.echo(mutant.name)
        click.echo(Counter(mutant.module for mutant in chosen))
        return
    _run(chosen, verdicts, jobs, slow=not quick)
    _report([mutant for mutant in every if mutant.key in verdicts], verdicts)


def _run(chosen: list[Mutant], verdicts: Verdicts, jobs: int, slow: bool) -> None:
    """Judge mutants and write the verdicts down as they come."""
    every = [mutant for name in FILES for mutant in mutants_of(name)]
    TARGET.parent.mkdir(exist_ok=True)

    def work(tests: Tests) -> None:
        judges = Judges(tests, every, verdicts, slow)
        gc.collect()
        gc.freeze()
        start = time.monotonic()
        answers = forked(map(judges.call, chosen), jobs)
        for done, (number, killer) in enumerate(answers, start=1):
            mutant = chosen[number]
            state = f"killed by {killer}" if killer else "SURVIVES"
            pace = (time.monotonic() - start) / done
            click.echo(f"{done}/{len(chosen)} {pace:.1f} s each; {mutant.name}: {state}")
            if killer == DIED:
                continue
            verdicts[mutant.key] = killer
            judges.count(mutant.module, killer)
            TARGET.write_text(json.dumps(verdicts, indent=1) + "\n")

    with_tests(work)


def _report(judged: list[Mutant], verdicts: Verdicts) -> None:
    """Print the survivors, each with why nothing can kill it, and the share killed."""
    real = [mutant for mutant in judged if verdicts[mutant.key] != NO_MUTANT]
    survivors = [mutant for mutant in real if not verdicts[mutant.key]]
    for mutant in survivors:
        line = mutant.text().splitlines()[mutant.line - 1].strip()
        reason = next((why for part, why in EQUIVALENT.items() if part in line), "NO REASON")
        click.echo(f"survives: {mutant.name}: {line}\n    {reason}")
    for module in FILES:
        killed = [bool(verdicts[mutant.key]) for mutant in real if mutant.module == module]
        if killed:
            click.echo(f"{module}: {len(killed)} mutants, {sum(killed) / len(killed):.1%} killed")
    if real:
        share = 1 - len(survivors) / len(real)
        click.echo(f"all: {len(real)} mutants, {share:.1%} killed")


if __name__ == "__main__":
    main()
