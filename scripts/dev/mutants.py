"""Break the contracts one place at a time and see whether the tests notice: `make mutants`.

Each mutant changes one comparison, arithmetic operator, rounding direction, bound, minimum or
condition of a product contract or module. The pieces that hold it are compiled and put in place of
the package's, the likeliest first, and the tests of the contracts run on them until one fails.
Packing (shifts and masks) is left alone: an error there breaks everything at once. Verdicts go to
build/mutants.json as they come, and a run goes on where the last one stopped.

    python -m scripts.dev.mutants --sample 600          a seeded sample (make mutants)
    python -m scripts.dev.mutants --module fees         all of one file
    python -m scripts.dev.mutants --report              what is known so far
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

import click

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "contracts"
TARGET = ROOT / "build" / "mutants.json"
ARTIFACTS = Path("agent") / "strongroom" / "chain" / "artifacts"
SEED = 15
# The pieces of a vault and the accounts that hold a file's code, the likeliest to fail first.
VAULT = ("VaultDesk", "VaultExits", "Vault", "VaultGovernance")
ACCOUNTS = ("PolymarketAccount", "DelegatedAccount", "FpmmAccount")
PARTS = {
    "modules/fees": ("VaultDesk", "VaultExits", "VaultGovernance"),
    "modules/requests": ("VaultDesk", "Vault", "VaultExits"),
    "modules/classes": ("VaultDesk", "VaultGovernance", "VaultExits", "Vault"),
    "modules/losses": ("VaultDesk", "VaultExits", "VaultGovernance"),
    "modules/velocity": ("VaultDesk", "VaultExits"),
    "modules/markets": ("VaultDesk", "VaultExits"),
    "modules/exposure": ("VaultDesk", "VaultExits"),
    "modules/nav": ("VaultDesk", "VaultExits", "Vault"),
    "modules/ledger": ("Vault", "VaultDesk", "VaultExits", "VaultGovernance"),
    "modules/limits": ("VaultDesk", "VaultGovernance", "VaultExits"),
    "modules/status": ("VaultDesk", "Vault", "VaultGovernance", "VaultExits"),
    "modules/roles": ("VaultGovernance", "VaultExits"),
    "modules/timelock": ("VaultGovernance", "VaultExits"),
    "modules/core": ("VaultDesk", "VaultExits", "VaultGovernance"),
    "modules/account": ACCOUNTS,
    "modules/orders": ("PolymarketAccount",),
    "Vault": ("Vault",),
    "VaultDesk": ("VaultDesk",),
    "VaultExits": ("VaultExits",),
    "VaultGovernance": ("VaultGovernance",),
    "VaultFactory": ("VaultFactory",),
    "accounts/PolymarketAccount": ("PolymarketAccount",),
    "accounts/DelegatedAccount": ("DelegatedAccount",),
    "accounts/FpmmAccount": ("FpmmAccount",),
    "accounts/WalletRegistry": ("WalletRegistry",),
}
NO_MUTANT = "no mutant: does not compile, or to the same code"
# The unit tests that are about a file, run before all others.
ABOUT = {
    "modules/fees": ("fees",),
    "modules/requests": ("requests",),
    "modules/classes": ("caps", "exposure"),
    "modules/losses": ("exposure", "caps"),
    "modules/velocity": ("caps", "exposure"),
    "modules/markets": ("exposure", "wind_down"),
    "modules/exposure": ("exposure", "caps"),
    "modules/nav": ("nav", "negative_risk"),
    "modules/ledger": ("deposit_terms", "requests"),
    "modules/limits": ("timelock", "caps"),
    "modules/status": ("roles", "account"),
    "modules/roles": ("roles",),
    "modules/timelock": ("timelock",),
    "modules/core": ("fees", "wind_down"),
    "modules/account": ("account", "negative_risk", "delegated"),
    "modules/orders": ("account",),
    "Vault": ("requests", "deposit_terms"),
    "VaultDesk": ("requests", "nav", "caps"),
    "VaultExits": ("wind_down", "exposure", "delegated"),
    "VaultGovernance": ("timelock", "roles"),
    "VaultFactory": ("factory",),
    "accounts/PolymarketAccount": ("account",),
    "accounts/DelegatedAccount": ("delegated",),
    "accounts/FpmmAccount": ("fpmm",),
    "accounts/WalletRegistry": ("delegated",),
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
# Survivors that change nothing anybody could observe: a part of the mutated line -> why.
EQUIVALENT: dict[str, str] = {
    '"request too large"': "a guard: no asset has 2**96 units, the transfer fails",
    '"settlement too large"': "a guard: a collapsed price is not dealt at",
    '"exposure too large"': "a guard: no asset has 2**85 units",
}


@dataclass(frozen=True)
class Mutant:
    """One changed place of a file; `module` is its path under contracts/, without its ending."""

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
    """Return creation and runtime code of a contract; None if it does not compile."""
    from vyper.compiler import compile_from_file_input
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.settings import Settings
    from vyper.exceptions import VyperException

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(CONTRACTS, Path(folder) / "contracts")
        if mutant:
            (Path(folder) / "contracts" / f"{mutant.module}.vy").write_text(mutant.text())
        packages = [Path(entry) for entry in sys.path if entry.endswith("site-packages")]
        bundle = FilesystemInputBundle([*packages, Path(folder)])
        place = "accounts/" if (CONTRACTS / "accounts" / f"{part}.vy").exists() else ""
        try:
            output = compile_from_file_input(
                bundle.load_file(Path("contracts") / f"{place}{part}.vy"),
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
    """Return the code of a contract without any change."""
    return compile_part(part)


@cache
def workshop() -> Path:
    """Return this process's own copy of what the tests need; made once."""
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    for part in ("agent", "tests", "scripts", ".build"):
        shutil.copytree(ROOT / part, folder / part)
    for part in ("contracts", "docs", "node_modules", "deployments"):
        (folder / part).symlink_to(ROOT / part)
    for part in ("ape-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / part, folder / part)
    return folder


def put(codes: dict[str, tuple[str, str]]) -> None:
    """Put changed contracts in place of the package's and of ape's."""
    folder = workshop()
    for path in sorted((ROOT / ARTIFACTS).glob("*.json")):
        plain = json.loads(path.read_text())
        if path.stem in codes:
            plain["creation"], plain["runtime"] = (
                code.removeprefix("0x") for code in codes[path.stem]
            )
        (folder / ARTIFACTS / path.name).write_text(json.dumps(plain))
    manifest = json.loads((ROOT / ".build" / "__local__.json").read_text())
    for name, (creation, runtime) in codes.items():
        contract = manifest["contractTypes"][name]
        contract["deploymentBytecode"]["bytecode"] = creation
        contract["runtimeBytecode"]["bytecode"] = runtime
    (folder / ".build" / "__local__.json").write_text(json.dumps(manifest))


def killed_by_tests(module: str) -> str | None:
    """Return the first test that fails on what lies in the workshop."""
    about = [f"tests/contracts/test_{name}.py" for name in ABOUT[module]]
    options = ["-x", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    options += ["--network", "ethereum:local:test"]
    for name in ("abi", "sources"):  # of the sources, not of the code
        options += ["--deselect", f"tests/contracts/test_{name}.py"]
    folder = workshop()
    for files in (about, ["tests/property", "tests/contracts"]):
        done = subprocess.run(
            ["pytest", *options, *files],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{folder / 'agent'}:{folder}"},
        )
        if done.returncode not in (0, 5):
            lines = done.stdout.splitlines()
            failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
            return failed[0][7:100] if failed else f"pytest: exit {done.returncode}"
    return None


def judge(mutant: Mutant) -> tuple[Mutant, str | None]:
    """Return a mutant and what killed it. Part by part, since compiling takes long."""
    codes: dict[str, tuple[str, str]] = {}
    for part in PARTS[mutant.module]:
        code = compile_part(part, mutant)
        if code is None:
            return mutant, NO_MUTANT
        if code == unchanged(part):
            continue
        codes[part] = code
        put(codes)
        if killer := killed_by_tests(mutant.module):
            return mutant, killer
    return mutant, None if codes else NO_MUTANT


@click.command(help=__doc__)
@click.option("--module", type=click.Choice(list(PARTS)), multiple=True, help="Only these files.")
@click.option("--jobs", default=os.cpu_count(), show_default=True, help="Processes.")
@click.option("--sample", type=int, help="Only so many, drawn with a fixed seed.")
@click.option("--again", is_flag=True, help="Judge the survivors once more.")
@click.option("--list", "only_list", is_flag=True, help="List the mutants and stop.")
@click.option("--report", is_flag=True, help="Print what is known and stop.")
def cli(
    module: tuple[str, ...],
    jobs: int,
    sample: int | None,
    again: bool,
    only_list: bool,
    report: bool,
) -> None:
    every = [mutant for name in module or PARTS for mutant in mutants_of(name)]
    if sample:
        every = random.Random(SEED).sample(every, min(sample, len(every)))
    verdicts: dict[str, str | None] = {}
    if TARGET.exists():
        verdicts = json.loads(TARGET.read_text())
    if report:
        _report([mutant for mutant in every if mutant.name in verdicts], verdicts)
        return
    chosen = [
        mutant
        for mutant in every
        if mutant.name not in verdicts or (again and not verdicts[mutant.name])
    ]
    if only_list:
        for mutant in chosen:
            click.echo(mutant.name)
        click.echo(Counter(mutant.module for mutant in chosen))
        return
    put({})
    for name in ("modules/fees", "modules/timelock"):
        if killed := killed_by_tests(name):
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
    for module in PARTS:
        killed = [bool(verdicts[mutant.name]) for mutant in real if mutant.module == module]
        if killed:
            click.echo(f"{module}: {len(killed)} mutants, {sum(killed) / len(killed):.1%} killed")
    share = 1 - len(survivors) / len(real)
    click.echo(f"all: {len(real)} mutants, {share:.1%} killed")


if __name__ == "__main__":
    cli()
