"""Break the money modules one place at a time and see whether the tests notice: `make mutants`.

Each mutant changes one comparison, arithmetic operator, rounding direction, bound, minimum or
condition of contracts/modules/{fees,requests,exposure,nav}.vy. It is compiled and lives random
lives against the model (tests/property/world.py); those that survive meet the module's behaviour
tests. Packing (shifts and masks) is left alone: an error there breaks everything at once.
"""

import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "build" / "mutants.json"
# The parts of a vault that hold a module's code, the likeliest to fail first.
PARTS = {
    "fees": ("VaultDesk", "VaultGovernance", "Vault"),
    "requests": ("Vault", "VaultDesk", "VaultGovernance"),
    "exposure": ("VaultDesk", "VaultGovernance", "Vault"),
    "nav": ("VaultDesk", "Vault", "VaultGovernance"),
}
NO_MUTANT = "no mutant: does not compile, or to the same code"
BEHAVIOUR = {
    "fees": ("test_fees", "test_factory"),
    "requests": ("test_requests", "test_wind_down"),
    "exposure": ("test_exposure", "test_caps", "test_negative_risk", "test_delegated"),
    "nav": (
        *("test_nav", "test_sync_dealing", "test_negative_risk", "test_wind_down"),
        "test_delegated",
    ),
}
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
LIVES, STEPS = 18, 200  # against the model, per mutant
# Survivors that change nothing anybody could observe: a part of the mutated line -> why.
EQUIVALENT = {
    "if net >= threshold:": "at equality profit and fee are 0",
    "if before == 0 or after < before:": "equality needs an entry that moves no digit of 10**-18",
    "if part <= 0:": "0 truncates to 0 either way",
    "if left <= can_out:": "at equality the part is the whole",
    "if left <= can_in:": "at equality the part is the whole",
    "if self.claims[side][controller][epoch] == 0:": "a finished claim is never read again",
    '"value too large"': "a guard: no real asset has 2**120 units",
    '"request too large"': "a guard: no asset has 2**128 units, the transfer fails",
    '"settlement too large"': "a guard: a collapsed vault has wound down before",
}


@dataclass(frozen=True)
class Mutant:
    """One changed place of a module."""

    module: str
    line: int
    column: int
    old: str
    new: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line}:{self.column} {self.old!r} -> {self.new!r}"

    def text(self) -> str:
        """Return the module's text with the change."""
        lines = source(self.module).splitlines(keepends=True)
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.column] + self.new + line[self.column + len(self.old) :]
        return "".join(lines)


def source(module: str) -> str:
    """Return a module's source text."""
    return (ROOT / "contracts" / "modules" / f"{module}.vy").read_text()


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
            yield Mutant(module, line, column, token.string, new)
        if token.string == "//":
            end = _operand_end(tokens, index + 1)
            if end[0] == line:
                operand = lines[line - 1][column : end[1]]
                yield Mutant(module, line, column, operand, f"{operand} + 1")
        if token.string == "assert" and statement.startswith("assert "):
            end = _condition_end(tokens, index + 1)
            if end[0] == line:
                condition = lines[line - 1][tokens[index + 1].start[1] : end[1]]
                yield Mutant(module, line, tokens[index + 1].start[1], condition, "True")


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


def compile_part(part: str, mutant: Mutant | None = None) -> tuple[str, str] | None:
    """Return creation and runtime code of a part of the vault; None if it does not compile."""
    from vyper.compiler import compile_from_file_input
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.settings import Settings
    from vyper.exceptions import VyperException

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "contracts", Path(folder) / "contracts")
        if mutant:
            path = Path(folder) / "contracts" / "modules" / f"{mutant.module}.vy"
            path.write_text(mutant.text())
        packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
        bundle = FilesystemInputBundle([*packages, Path(folder)])
        try:
            output = compile_from_file_input(
                bundle.load_file(Path("contracts") / f"{part}.vy"),
                input_bundle=bundle,
                output_formats=["bytecode", "bytecode_runtime"],
                settings=Settings(evm_version="cancun"),
                no_bytecode_metadata=True,
            )
        except VyperException:
            return None
        return output["bytecode"], output["bytecode_runtime"]


@cache
def unchanged(part: str) -> tuple[str, str] | None:
    """Return the code of a part without any change."""
    return compile_part(part)


@cache
def _built() -> dict[str, Any]:
    """Return name -> contract type as ape has compiled them."""
    from ethpm_types import ContractType

    manifest = json.loads((ROOT / ".build" / "__local__.json").read_text())
    return {
        name: ContractType.model_validate(plain)
        for name, plain in manifest["contractTypes"].items()
    }


def killed_by_lives(types: dict[str, Any]) -> str | None:
    """Return what killed the mutant in random lives against the model."""
    from tests.property.replay import Replay
    from tests.property.test_random_lives import check_promise_8_liveness

    from tests.property.world import VARIANTS, World

    project: Any = SimpleNamespace(
        **{name: SimpleNamespace(contract_type=type_) for name, type_ in (_built() | types).items()}
    )
    for seed in range(LIVES):
        chance = random.Random(seed)
        try:
            world = World(project, **VARIANTS[seed % len(VARIANTS)])
            for step in range(STEPS):
                world.step(chance)
                if step % 5 == 0:
                    world.compare()
            world.compare()
            Replay(world).check_promise_9_logs_rebuild_the_state()
            check_promise_8_liveness(world)
        except Exception as error:
            return f"life {seed}: {type(error).__name__} {str(error)[:60]}"
    return None


def killed_by_tests(mutant: Mutant, types: dict[str, Any]) -> str | None:
    """Return what killed the mutant in its module's behaviour tests."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("agent", "contracts", "tests", "scripts", "docs"):
            shutil.copytree(ROOT / part, folder / part)
        for part in ("ape-config.yaml", "pyproject.toml"):
            shutil.copy(ROOT / part, folder / part)
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
        shutil.copytree(ROOT / ".build", folder / ".build")
        path = folder / ".build" / "__local__.json"
        manifest = json.loads(path.read_text())
        for part, type_ in types.items():
            manifest["contractTypes"][part] = json.loads(type_.model_dump_json())
        path.write_text(json.dumps(manifest))
        files = [f"tests/contracts/{test}.py" for test in BEHAVIOUR[mutant.module]]
        files += [f"tests/property/{name}.py" for name in ("test_regressions", "test_attacks")]
        command = ["pytest", "-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, "--network", "ethereum:local:test", *files],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(folder)},
        )
        if done.returncode == 0:
            return None
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
        return failed[0][7:90] if failed else f"pytest: exit {done.returncode}"


def judge(mutant: Mutant) -> tuple[Mutant, str | None]:
    """Return a mutant and what killed it. Part by part, since compiling takes longest."""
    types: dict[str, Any] = {}
    for part in PARTS[mutant.module]:
        code = compile_part(part, mutant)
        if code is None:
            return mutant, NO_MUTANT
        if code == unchanged(part):
            continue
        types[part] = _built()[part].model_copy(deep=True)
        types[part].deployment_bytecode.bytecode, types[part].runtime_bytecode.bytecode = code
        if killer := killed_by_lives(types):
            return mutant, killer
    if not types:
        return mutant, NO_MUTANT
    return mutant, killed_by_tests(mutant, types)


@click.command()
@click.option("--module", type=click.Choice(list(BEHAVIOUR)), multiple=True, help="Only these.")
@click.option("--jobs", default=os.cpu_count(), show_default=True, help="Processes.")
@click.option("--list", "only_list", is_flag=True, help="List the mutants and stop.")
@click.option("--limit", type=int, help="Only so many, drawn at random.")
@click.option("--again", is_flag=True, help="Only those that no run before has killed.")
def cli(
    module: tuple[str, ...], jobs: int, only_list: bool, limit: int | None, again: bool
) -> None:
    """Mutate the money modules; list the mutants that no test kills.

    The verdicts go to build/mutants.json as they come; --again goes on from there.

    Example: python -m scripts.dev.mutants --module fees
    """
    verdicts: dict[str, str | None] = {}
    if again and TARGET.exists():
        verdicts = json.loads(TARGET.read_text())
    every = [mutant for name in module or BEHAVIOUR for mutant in mutants_of(name)]
    chosen = [mutant for mutant in every if not verdicts.get(mutant.name)]
    if limit:
        chosen = random.Random(0).sample(chosen, min(limit, len(chosen)))
    if only_list:
        for mutant in chosen:
            click.echo(mutant.name)
        click.echo(Counter(mutant.module for mutant in chosen))
        return
    if killed := killed_by_lives({}):
        raise click.ClickException(f"the unchanged contracts fail: {killed}")
    TARGET.parent.mkdir(exist_ok=True)
    with ProcessPoolExecutor(jobs) as pool:
        futures = [pool.submit(judge, mutant) for mutant in chosen]
        for number, future in enumerate(as_completed(futures), start=1):
            mutant, killer = future.result()
            verdicts[mutant.name] = killer
            TARGET.write_text(json.dumps(verdicts, indent=2) + "\n")
            state = f"killed by {killer}" if killer else "SURVIVES"
            click.echo(f"{number}/{len(chosen)} {mutant.name}: {state}")
    _report([mutant for mutant in every if mutant.name in verdicts], verdicts)


def _report(judged: list[Mutant], verdicts: dict[str, str | None]) -> None:
    """Print the survivors, each with why nothing can kill it, and the share killed."""
    real = [mutant for mutant in judged if verdicts[mutant.name] != NO_MUTANT]
    survivors = [mutant for mutant in real if not verdicts[mutant.name]]
    for mutant in survivors:
        line = mutant.text().splitlines()[mutant.line - 1].strip()
        reason = next((why for part, why in EQUIVALENT.items() if part in line), "NO REASON")
        click.echo(f"survives: {mutant.name}: {line}\n    {reason}")
    for module in BEHAVIOUR:
        killed = [bool(verdicts[mutant.name]) for mutant in real if mutant.module == module]
        if killed:
            click.echo(f"{module}: {len(killed)} mutants, {sum(killed) / len(killed):.1%} killed")
    share = 1 - len(survivors) / len(real)
    click.echo(f"all: {len(real)} mutants, {share:.1%} killed")


if __name__ == "__main__":
    cli()
