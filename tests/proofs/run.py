"""Prove properties of the compiled contracts: `make prove`.

Symbolic checks: each check is a Vyper contract (checks/) that deploys the product's bytecode and
stand-ins (mocks/), runs it with symbolic arguments, storage and time, and says what must hold.
halmos explores every path. Each check has a twin, compiled with the opposite claim, which must
fail: so it claims something on a path that exists. Mutants are contracts with one place changed,
which must be found. Formula proofs (formulas.py) read the annotated AST of the sources and prove
integer properties with z3. It fails on any error, timeout, bound that was reached, or mutant that
lives.
"""

import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from .proof import Mutant, Proof
from .properties import FORMULAS, PIECES, PROOFS, WRONG_FORMULAS

ROOT = Path(__file__).parents[2]
WORK = ROOT / "build" / "proofs"
TOOLS = ROOT / ".venv-prove" / "bin"
SITE_PACKAGES = Path(click.__file__).parents[1]
CHEATS = "tests/proofs/cheats.vy"
OPPOSITE = "OPPOSITE: constant(bool) = "
IMPORT = re.compile(r"^(?:from ([\w.]+) )?import (\w+)", re.M)
PASS, COUNTEREXAMPLE = 0, 1
LIMIT = 1800  # seconds on the clock that one run may take; prover.py limits those of CPU


@dataclass(frozen=True)
class Run:
    """One check function of one variant of the sources."""

    proof: Proof
    function: str
    change: Mutant | None  # None: the sources as they are

    @property
    def expected(self) -> int:
        """Return the exit code that halmos must give."""
        return PASS if self.change is None else COUNTEREXAMPLE

    @property
    def variant(self) -> str:
        """Return how the variant is named in the output."""
        if self.change is None:
            return "proof"
        return "twin" if self.change.path == CHEATS else f"mutant {self.change}"


@dataclass(frozen=True)
class Outcome:
    """What a run showed."""

    run: Run
    verdict: str  # as expected: proven or found; else what went wrong
    good: bool
    paths: int
    seconds: float  # of CPU
    megabytes: int


def main_sources(path: str, text: dict[str, str]) -> dict[str, str]:
    """Return the sources of which a contract is compiled, by path: itself and its imports."""
    found: dict[str, str] = {}
    waiting = [path]
    while waiting:
        at = waiting.pop()
        if at in found:
            continue
        found[at] = text.get(at) or (ROOT / at).read_text()
        for package, name in IMPORT.findall(found[at]):
            for ending in (".vy", ".vyi"):
                imported = f"{package.replace('.', '/')}/{name}{ending}"
                if (ROOT / imported).exists():
                    waiting.append(imported)
    return found


def tree(path: str, change: Mutant | None) -> tuple[Path, str]:
    """Return a folder with all sources of a contract, and a hash of them."""
    text = {change.path: change.text(ROOT)} if change else {}
    if change:
        cheats = text.get(CHEATS) or (ROOT / CHEATS).read_text()
        text[CHEATS] = cheats.replace(
            "SEARCHING: constant(bool) = False", "SEARCHING: constant(bool) = True"
        )
    sources = main_sources(path, text)
    key = hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()[:24]
    folder = WORK / "sources" / key
    for at, content in sources.items():
        kept(folder / at, content)  # another thread may compile them at this moment
    return folder, key


def vyper(folder: Path, path: str, formats: str, change: Mutant | None) -> str:
    """Return what the compiler says of a contract whose sources are in a folder."""
    command = ["vyper", "-p", str(folder), "--disable-sys-path", "-p", str(SITE_PACKAGES)]
    done = subprocess.run(
        [*command, "-f", formats, str(folder / path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise click.ClickException(f"{path} does not compile ({change}):\n{done.stderr[-2000:]}")
    return done.stdout.strip()


def kept(target: Path, content: str) -> Path:
    """Write a file at once; two runs may do it at the same time."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}")
    part.write_text(content)
    part.rename(target)
    return target


def compiled(path: str, change: Mutant | None) -> Path:
    """Return the artifact of a contract as halmos reads it, compiled if that has not been done."""
    folder, key = tree(path, change)
    target = WORK / "artifacts" / f"{Path(path).stem}-{key}.json"
    if target.exists():
        return target
    formats = "abi,bytecode,bytecode_runtime,method_identifiers"
    abi, creation, runtime, methods = vyper(folder, path, formats, change).split("\n")
    return kept(target, json.dumps(artifact(path, abi, creation, runtime, methods)))


def syntax(path: str, change: Mutant | None) -> Path:
    """Return the annotated syntax tree of a source, made if that has not been done."""
    folder, key = tree(path, change)
    target = WORK / "artifacts" / f"{Path(path).stem}-{key}.syntax.json"
    return target if target.exists() else kept(target, vyper(folder, path, "annotated_ast", change))


def artifact(path: str, abi: str, creation: str, runtime: str, methods: str) -> dict[str, object]:
    """Return what Foundry would have written of a contract, as far as halmos reads it."""
    node = {
        "nodeType": "ContractDefinition",
        "name": Path(path).stem,
        "contractKind": "contract",
        "abstract": False,
        "nodes": [],
        "src": "0:0:0",
    }
    return {
        "abi": json.loads(abi),
        "bytecode": {"object": creation, "linkReferences": {}},
        "deployedBytecode": {"object": runtime, "linkReferences": {}},
        "methodIdentifiers": {
            signature: f"{int(selector, 16):08x}"
            for signature, selector in json.loads(methods).items()
            if signature != "__default__()"
        },
        "metadata": {"compiler": {"version": "vyper"}, "output": {"devdoc": {"methods": {}}}},
        "id": 0,
        "ast": {"absolutePath": path, "nodes": [node]},
    }


def prepared(run: Run) -> Path:
    """Return the folder in which a run finds its artifacts."""
    key = hashlib.sha256(f"{run.proof.of.contract}{run.function}{run.variant}".encode()).hexdigest()
    folder = WORK / "runs" / key[:16]
    shutil.rmtree(folder, ignore_errors=True)
    check = f"tests/proofs/checks/{run.proof.of.contract}.vy"
    for path in [
        check,
        *(PIECES.get(name, f"tests/proofs/mocks/{name}.vy") for name in run.proof.of.needs),
    ]:
        name = Path(path).stem
        place = folder / "out" / f"{name}.t.sol"
        place.mkdir(parents=True)
        (place / f"{name}.json").symlink_to(compiled(path, run.change))
    return folder


def halmos(run: Run) -> Outcome:
    """Run one check function to its end."""
    folder = prepared(run)
    report = folder / "report.json"
    prover = str(Path(__file__).parent / "prover.py")
    command = [str(TOOLS / "python"), prover, "--root", str(folder), "--storage-layout", "generic"]
    command += ["--solver-command", str(TOOLS / "yices-smt2"), "--solver-threads", "1"]
    command += ["--no-status", "--solver-timeout-assertion", "0", "--json-output", str(report)]
    command += ["--loop", str(run.proof.of.loop), "--contract", run.proof.of.contract]
    command += ["--match-test", rf"^{run.function}\(", *run.proof.of.options]
    if run.expected == COUNTEREXAMPLE:
        command.append("--early-exit")
    path = f"{WORK / 'bin'}:{TOOLS}:{os.environ['PATH']}"
    began = time.monotonic()
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "PATH": path},
            start_new_session=True,
        )
        seconds, megabytes = waited(child, began)
    said = (folder / "log").read_text()
    results = json.loads(report.read_text())["test_results"] if report.exists() else {}
    result = next(iter(results.values()))[0] if results else None
    paths = result["num_paths"][0] if result and result.get("num_paths") else 0
    verdict, good = judged(run, result, said, seconds)
    return Outcome(run, verdict, good, paths, seconds, megabytes)


def waited(child: subprocess.Popen[bytes], began: float) -> tuple[float, int]:
    """Wait for a child, at most LIMIT seconds; return its seconds of CPU and its most MB."""
    done, usage = 0, None
    while not done:
        time.sleep(0.05)
        if time.monotonic() - began > LIMIT:
            os.killpg(child.pid, signal.SIGKILL)  # its solver, too
            _, _, usage = os.wait4(child.pid, 0)
            break
        done, _, usage = os.wait4(child.pid, os.WNOHANG)
    child.returncode = 0
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def judged(
    run: Run, result: dict[str, object] | None, said: str, seconds: float
) -> tuple[str, bool]:
    """Return the verdict on a run in words, and whether it is what was expected."""
    if result is None:
        lines = [line for line in said.splitlines() if line.strip()]
        return (f"no answer in {seconds:.0f} s: {' '.join(lines[-3:])[:300]}", False)
    names = ("passes", "counterexample", "timeout", "stuck", "all paths revert", "exception")
    name = names[int(str(result["exitcode"]))]
    if run.expected == COUNTEREXAMPLE:
        return ("found", True) if name == "counterexample" else (f"NOT FOUND ({name})", False)
    if "not been fully explored" in said:
        return "not fully explored", False
    if name != "passes":
        reasons = re.findall(r"Encountered ([^\n]*\n[^\n]*)", said)
        return f"{name}: {reasons[0][:200] if reasons else ''}", False
    return "proven", True


def runs(proofs: Iterable[Proof], twins: bool, mutants: int | None) -> Iterable[Run]:
    """Yield all runs, with so many mutants of each proof (None: all)."""
    opposite = Mutant(CHEATS, f"{OPPOSITE}False", f"{OPPOSITE}True")
    for proof in proofs:
        for function in proof.functions:
            yield Run(proof, function, None)
        if twins:
            for function in proof.functions:
                yield Run(proof, function, opposite)
        for mutant in proof.mutants[:mutants]:
            yield Run(proof, mutant.by or proof.functions[0], mutant)


def formulas(word: str, change: Mutant | None = None) -> tuple[bool, str]:
    """Prove the formulas of a word, or find a mutant; return whether, and what was said."""
    folder = WORK / "syntax" / hashlib.sha256(str(change).encode()).hexdigest()[:16]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in FORMULAS:
        changed = change if change and change.path == path else None
        (folder / f"{Path(path).stem}.json").symlink_to(syntax(path, changed))
    command = [str(TOOLS / "python"), "-m", "tests.proofs.formulas", str(folder)]
    done = subprocess.run(
        [*command, change.by if change else word],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if change is None:
        return done.returncode == 0, done.stdout + done.stderr
    found = done.returncode == 1 and "'refuted'" in done.stdout
    verdict = "found" if found else f"NOT FOUND\n{done.stdout}{done.stderr}"
    return found, f"    mutant {change!s:86.86} {verdict}\n"


def shown(outcome: Outcome) -> None:
    """Print one line of the table."""
    run = outcome.run
    what = f"{run.proof.name:30} {run.function:34}"
    if run.change is not None:
        what = f"    {run.variant:61.200}"
    cost = f"{outcome.seconds:6.1f} s {outcome.megabytes:5} MB"
    click.echo(f"{what} {outcome.paths:6} paths {cost}  {outcome.verdict}")


def counted(outcomes: list[Outcome], held: list[bool]) -> None:
    """Print how many were as expected; `held`: the formulas, and each mutant of them."""
    click.echo(f"formulas: {'all proven' if held[0] else 'NOT ALL PROVEN'}")
    for kind in ("proof", "twin", "mutant"):
        good = [each.good for each in outcomes if each.run.variant.startswith(kind)]
        good += held[1:] if kind == "mutant" else []
        verdict = "proven" if kind == "proof" else "found"
        click.echo(f"{kind}s: {sum(good)} of {len(good)} {verdict}")


@click.command()
@click.option("--only", default="", help="Run what has this word in its name")
@click.option("--twins/--no-twins", default=True, help="Also the opposite claims, which must fail")
@click.option(
    "--mutants",
    default="first",
    type=click.Choice(["none", "first", "all"]),
    help="Contracts broken on purpose: of each proof none, the first, or all",
)
@click.option("--symbolic/--no-symbolic", default=True, help="Also the bytecode, not only formulas")
@click.option("--workers", default=2, help="How many run at once")
def main(only: str, twins: bool, mutants: str, symbolic: bool, workers: int) -> None:
    """Prove properties of the compiled contracts and of their formulas."""
    began = time.monotonic()
    stub = WORK / "bin" / "forge"  # halmos calls it to compile; that is done
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text("#!/bin/sh\nexit 0\n")
    stub.chmod(0o755)
    chosen = [
        proof for proof in PROOFS if only.lower() in f"{proof.name} {proof.of.contract}".lower()
    ]
    many = {"none": 0, "first": 1, "all": None}[mutants]
    wrong = [
        each
        for claim in dict.fromkeys(each.by for each in WRONG_FORMULAS)
        if only.lower() in claim.lower()
        for each in [mutant for mutant in WRONG_FORMULAS if mutant.by == claim][:many]
    ]
    for each in [*wrong, *(mutant for proof in chosen for mutant in proof.mutants)]:
        each.text(ROOT)  # whose place is gone is told at once
    with ThreadPoolExecutor(workers) as pool:
        read = [pool.submit(formulas, only), *(pool.submit(formulas, "", each) for each in wrong)]
        ran = pool.map(halmos, runs(chosen if symbolic else [], twins, many))
        for reading in read:
            click.echo(reading.result()[1], nl=False)
        outcomes = []
        for outcome in ran:
            shown(outcome)
            outcomes.append(outcome)
    held = [reading.result()[0] for reading in read]
    counted(outcomes, held)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    click.echo(
        f"{time.monotonic() - began:.0f} s on the clock, {used.ru_utime + used.ru_stime:.0f} s of"
        f" CPU, at most {used.ru_maxrss // 1024} MB a process"
    )
    sys.exit(0 if all(held) and all(outcome.good for outcome in outcomes) else 1)


if __name__ == "__main__":
    main()
