"""Many keepers from one folder, each a process of its own with its own file, journal and keys.

What ends is started again, with pauses that grow while it ends soon. One page says how all of them
are. Nothing is shared: a keeper that fails, hangs or fills its memory is no other one's matter.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from strongroom.chain.accounts import told_address
from strongroom.chain.ids import Json
from strongroom.database import SQLITE, parsed
from strongroom.keeper.configuration import Config, in_mode, load
from strongroom.keeper.run import SENDING, apart, journal_of
from strongroom.own_server import LOOPBACK, OwnPages, OwnServer
from strongroom.settings import ConfigError

FILE = "keeper.toml"  # in a folder of each keeper
BACKOFF_S = (1.0, 5.0, 30.0, 120.0, 300.0)  # before each start after an end; then the last
SETTLED_S = 600.0  # who has lived so long begins with the first pause again
LOOK_S = 0.2
END_S = 60.0  # a keeper cancels its resting orders before it ends
ASK_S = 3.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class KeeperFile:
    """One keeper of the folder; its name is its own folder's."""

    name: str
    path: Path
    config: Config

    def command(self, mode: str | None) -> list[str]:
        """Return what starts it."""
        words = [sys.executable, "-m", "strongroom.cli", "keeper", "start", str(self.path)]
        return words if mode is None else [*words, "--mode", mode]


def files_of(folder: Path, mode: str | None) -> list[KeeperFile]:
    """Return the keepers of a folder: NAME/keeper.toml.

    Raises:
        ConfigError: there is none, a file cannot be used, or two share what only one may have.
    """
    found = [
        KeeperFile(path.parent.name, path, in_mode(load(path), mode))
        for path in sorted(folder.glob(f"*/{FILE}"))
    ]
    if not found:
        raise ConfigError(f"{folder} has no NAME/{FILE}: write one folder for each keeper")
    for each in found:
        if not each.config.operations.metrics_port:
            raise ConfigError(f"{each.path}: [operations.metrics_port] name one: it is asked there")
        if each.config.operations.mode == "dry-run":
            raise ConfigError(f"{each.path}: mode dry-run has no health to ask for: use paper")
    first: dict[tuple[str, str], tuple[str, str]] = {}  # kind and value -> whose, and its key
    for each in found:
        for kind, key, value in _own(each.config):
            name, its_key = first.setdefault((kind, value), (each.name, key))
            if name != each.name:
                raise ConfigError(
                    f"[{its_key}] of {name} and [{key}] of {each.name} are the same: give each its "
                    "own"
                )
    return found


def _own(config: Config) -> Iterator[tuple[str, str, str]]:
    """Yield what a keeper shares with no other one: kind, key of the file, value. Two values of a
    kind are apart whatever their keys: one's reporter may be another's keeper.

    Each Safe and wallet is sent for by one alone, which counts its nonces. Each place is one's:
    views that wait to be published are deleted where they are not its own, a log is rotated.
    """
    operations = config.operations
    yield "port", "operations.metrics_port", str(operations.metrics_port)
    yield "place", "journal", _database(config)
    written = apart(config).operations
    places = {"operations.log": written.log, "operations.record": written.record}
    if operations.mode in SENDING:
        yield "account", "safe.address", config.safe.address
        if config.reporter is not None:
            yield "account", "reporter.safe", config.reporter.safe
        for number, wallet in enumerate(config.venue.wallets):
            yield "account", f"venue.wallets.{number}", wallet.address
        if executor := told_address(config.keys.executor):  # empty: the keystore does not say
            yield "sender", "keys.executor", executor
        for number, each in enumerate(config.notify):
            if each.commands:  # what is written to a bot is read once, by whoever asks first
                token = os.environ.get(each.token_env) or each.token_env
                yield "bot", f"notify.{number}", token
        reporting = config.reporting
        places |= {"reporting.evidence": reporting.evidence, "reporting.views": reporting.views}
        for number, store in enumerate(config.evidence.places):
            places[f"evidence.places.{number}"] = store.folder or store.car
    for key, place in places.items():
        if place is not None:
            yield "place", key, str(place.resolve())


def _database(config: Config) -> str:
    """Return the database that a keeper writes, the same by whatever path it is named."""
    url = journal_of(config)
    place = parsed(url)
    on_file = place.get_backend_name() == SQLITE and place.database
    return str(Path(str(place.database)).resolve()) if on_file else url


@dataclass
class KeeperProcess:
    """A keeper that is started again when it ends.

    Attributes:
        name: in front of each of its lines
        starts: how often it was started
    """

    name: str
    command: Sequence[str]
    say: Say
    clock: Callable[[], float] = time.monotonic
    starts: int = 0
    ended: str = ""  # how it ended last
    _soon: int = 0  # ends in a row that came soon
    _began: float = 0.0
    _again: float = 0.0
    _over: bool = False
    _process: "subprocess.Popen[str] | None" = field(default=None)

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return self._process is not None

    @property
    def state(self) -> str:
        """Where it stands, for a person."""
        if self.runs:
            return f"running, start {self.starts}"
        if self._over:
            return "ended by itself with status 0: start all of them again to have it back"
        return f"{self.ended}, starts again in {max(0.0, self._again - self.clock()):.0f} s"

    def look(self) -> None:
        """Start it if it is time; see whether it has ended."""
        if self._process is None:
            if not self._over and self.clock() >= self._again:
                self._start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._process, self.ended = None, f"ended with status {code}"
        if code == 0:  # somebody asked this one to end
            self._over = True
            self.say(f"{self.name} has ended")
            return
        if self.clock() - self._began >= SETTLED_S:
            self._soon = 0
        pause = BACKOFF_S[min(self._soon, len(BACKOFF_S) - 1)]
        self._soon += 1
        self._again = self.clock() + pause
        self.say(f"{self.name} {self.ended}, starts again in {pause:g} s")

    def ask_to_end(self) -> None:
        """Send it SIGTERM; it is not started again."""
        self._over = True
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def end(self, within_s: float) -> None:
        """Wait for its end; kill it after so long."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, within_s))
        except subprocess.TimeoutExpired:
            self.say(f"{self.name} does not end and is killed: it goes on from its journal")
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        # a session of its own: Ctrl-C comes to us alone, and we ask each to end
        self._process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True,
        )  # fmt: skip
        self.starts += 1
        self._began = self.clock()
        threading.Thread(target=self._pass_on, args=(self._process,), daemon=True).start()

    def _pass_on(self, process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            self.say(f"{self.name}: {line.rstrip()}")


@dataclass(frozen=True)
class Fleet:
    """The keepers that run, and how each can be asked."""

    processes: Mapping[str, KeeperProcess]
    ports: Mapping[str, int]  # of their own health

    def health(self) -> dict[str, Json]:
        """Return how all of them are: each as it says itself, and what its process does."""
        with ThreadPoolExecutor(max(1, len(self.ports))) as asking:
            answers = dict(zip(self.ports, asking.map(self._ask, self.ports), strict=True))
        return {"well": all(not reasons for reasons in answers.values()), "keepers": {
            name: {
                "well": not reasons,
                "reasons": reasons,
                "process": self.processes[name].state,
                "starts": self.processes[name].starts,
            }
            for name, reasons in answers.items()
        }}  # fmt: skip

    def targets(self) -> list[Json]:
        """Return where each one's metrics are, as Prometheus' `http_sd_configs` reads it."""
        return [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"keeper": name}}
            for name, port in self.ports.items()
        ]

    def _ask(self, name: str) -> dict[str, Json]:
        if not self.processes[name].runs:
            return {"process": self.processes[name].state}
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.ports[name]}/health", timeout=ASK_S)
            found = answer.json()
            reasons = found["reasons"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return {"health": f"it does not answer ({type(error).__name__})"}
        return dict(reasons) if isinstance(reasons, dict) else {"health": "an odd answer"}


def run_many(
    folder: Path, mode: str | None, port: int, say: Say, stopping: threading.Event | None = None
) -> None:
    """Run the keepers of a folder until SIGINT or SIGTERM; all of them end with it.

    Args:
        mode: instead of each file's; None: as the files say
        port: of the page with the health of all
        say: takes a line, of ours or of a keeper

    Raises:
        ConfigError: see `files_of`; or the port is in use. Nothing was started.
    """
    stopped = stopping or threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopped.set())
    files = files_of(folder, mode)
    processes = {each.name: KeeperProcess(each.name, each.command(mode), say) for each in files}
    ports = {each.name: each.config.operations.metrics_port for each in files}
    with _page(Fleet(processes, ports), port):
        say(f"{len(files)} keepers: {', '.join(processes)}; http://127.0.0.1:{port}/health")
        supervise(list(processes.values()), stopped)


def supervise(processes: Sequence[KeeperProcess], stopped: threading.Event) -> None:
    """Look after processes until told to stop; then end them, all at once."""
    try:
        while not stopped.wait(LOOK_S):
            for each in processes:
                each.look()
    finally:
        for each in processes:
            each.ask_to_end()
        deadline = time.monotonic() + END_S
        for each in processes:
            each.end(deadline - time.monotonic())


@contextmanager
def _page(fleet: Fleet, port: int) -> Iterator[None]:
    class Page(OwnPages):
        def page(self) -> None:
            if self.path == "/targets":
                self._tell(200, fleet.targets())
            elif self.path == "/health":
                found = fleet.health()
                self._tell(200 if found["well"] else 503, found)
            else:
                self._tell(404, {"there is": ["/health", "/targets"]})

        def _tell(self, status: int, found: Json) -> None:
            self.answer(status, "application/json", json.dumps(found, indent=1).encode())

    try:
        server = OwnServer((LOOPBACK[0], port), Page)
    except OSError as error:
        raise ConfigError(f"--port {port} is in use: choose another") from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
