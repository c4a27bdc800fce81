"""Run the tests of the contracts on changed ones: in forks of one process that collected them."""

import importlib
import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pyrevm
import pytest
from _pytest.runner import runtestprotocol

from scripts.dev import quick_ape
from scripts.dev.mutant_code import Code

ROOT = Path(__file__).parents[2]
FOLDERS = ("contracts", "property")
DIED = "its judge died"
SECONDS = 900  # of a processor, for one mutant
ROOM = 2**17  # bytes of code that a contract may have here
# Tests of the sources, or of how the compiler lays out storage: they see no changed code.
BLIND = (
    *("test_abi.py", "test_sources.py"),
    *(
        f"test_composition.py::test_{name}"
        for name in (
            "each_part_of_a_vault_initialises_the_core_and_has_no_storage_of_its_own",
            "the_parts_of_a_vault_share_one_storage_layout",
            "the_order_of_the_core_is_the_order_of_the_slots",
            "the_size_is_that_of_the_code_on_the_chain",
        )
    ),
)
Call = tuple[Callable[..., Any], tuple[Any, ...]]
_changed: dict[str, Any] = {}  # contracts in place of the package's, by name
_number = 0  # which mutant the code of all of them does; 0: none


def use(codes: Mapping[str, Code], number: int = 0) -> None:
    """Put changed contracts in place of the package's, and let them do what a mutant does."""
    from strongroom.chain import artifacts

    global _number
    _number = number
    _changed.clear()
    quick_ape.forget()
    for piece, code in codes.items():
        plain = artifacts.artifact(piece.rpartition("/")[2])
        _changed[plain.name] = replace(plain, creation=code.creation, runtime=code.runtime)


def _prepare() -> None:
    """Let everything that follows see the changed contracts."""
    from strongroom.chain import artifacts

    plain, block, config = artifacts.artifact, pyrevm.BlockEnv, pyrevm.CfgEnv

    def block_env(**values: Any) -> Any:
        return block(prevrandao=_number.to_bytes(32, "big"), **values)

    artifacts.artifact = lambda name: _changed.get(name) or plain(name)  # type: ignore[assignment]
    pyrevm.BlockEnv = block_env
    pyrevm.CfgEnv = lambda **values: config(**{"limit_contract_code_size": ROOM, **values})
    quick_ape.install()


@dataclass(frozen=True)
class Ran:
    """How a test ended."""

    name: str
    failed: bool
    seconds: float


class Tests:
    """The tests of the contracts, in a pytest session that has collected them."""

    def __init__(self, items: list[pytest.Item]) -> None:
        self._items = {item.nodeid: item for item in items}
        self.names = list(self._items)
        self._run_one_that_needs_the_venue_alone()

    def _run_one_that_needs_the_venue_alone(self) -> None:
        """It is deployed once for all forks; nothing of the vault is."""
        ours = {"factory", "implementation", "make_vault", "vault", "registry"}
        items = list(self._items.values())
        for item in items:
            names = set(item.fixturenames)  # type: ignore[attr-defined]
            if "venue" in names and not names & ours and "test_exchange" in item.nodeid:
                runtestprotocol(item, log=False, nextitem=items[0])
                return

    def run(self, names: list[str], stop: bool) -> list[Ran]:
        """Run tests, up to the first that fails if told so."""
        ran = []
        items = [self._items[name] for name in names]
        for item, following in zip(items, [*items[1:], *items[-1:]], strict=True):
            start = time.process_time()
            reports = runtestprotocol(item, log=False, nextitem=following)
            failed = any(report.failed for report in reports)
            ran.append(Ran(item.nodeid, failed, time.process_time() - start))
            if failed and stop:
                break
        return ran


class _Loop:
    """Does something else with the tests than to run them."""

    def __init__(self, work: Callable[[Tests], None]) -> None:
        self._work = work

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._work(Tests(session.items))
        return True


def with_tests(work: Callable[[Tests], None]) -> None:
    """Collect the tests and let `work` run them, in forks."""
    _prepare()
    importlib.import_module("tests.conftest")
    options = [
        "-q",
        "--tb=short",
        "-s",
        "-p",
        "no:xdist",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:ape_test",
    ]
    options += ["-p", "scripts.dev.quick_ape", "-W", "ignore", f"--rootdir={ROOT}"]
    for name in BLIND:
        options += ["--deselect", f"tests/contracts/{name}"]
    code = pytest.main([*options, *(f"tests/{each}" for each in FOLDERS)], plugins=[_Loop(work)])
    if code not in (0, 5):
        raise RuntimeError(f"pytest ends with {code!r}")


def forked(calls: Iterable[Call], jobs: int) -> Iterator[tuple[int, Any]]:
    """Make calls in forks of this process, so many at a time; yield number and answer as they
    come, DIED where there is none. A call is taken when its turn comes."""
    fork = multiprocessing.get_context("fork")
    left, running = enumerate(calls), dict[Any, tuple[int, Any]]()
    while True:
        while len(running) < jobs and (following := next(left, None)):
            number, call = following
            mine, its = fork.Pipe(duplex=False)
            process = fork.Process(target=_answer, args=(its, *call))
            process.start()
            its.close()
            running[mine] = number, process
        if not running:
            return
        for ready in wait(list(running)):
            number, process = running.pop(ready)
            try:
                answer = ready.recv()  # type: ignore[union-attr]
            except EOFError:
                answer = DIED
            process.join()
            yield number, answer


def _answer(to: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Send a function's answer; what it prints is not shown, and its time is limited."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    to.send(function(*arguments))
