"""Everything that a keeper runs with, as processes: what deploy/compose.yaml starts as containers.

The chain, the venue and the vault are a practice's. PostgreSQL, Prometheus and Alertmanager are
Debian's; their configuration is deploy/'s, with this machine's ports and shorter times.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import tomli_w
import yaml
from strongroom.chain.anvil import free_port
from strongroom.devnet.operator_files import PASSPHRASE, PASSPHRASES

from tests.postgres_server import fresh_database, postgres_server

DEPLOY = Path(__file__).parents[3] / "deploy"
NEEDS = {
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "initdb": "postgresql",
}  # program -> Debian package
PATIENCE_S = 180.0  # on a busy machine
SHORT = "3s"  # how long an alert's reason must last here


def missing() -> list[str]:
    """Return the Debian packages that are not installed."""
    return [package for program, package in NEEDS.items() if shutil.which(program) is None]


@dataclass
class Ear:
    """A webhook that keeps what Alertmanager tells it."""

    heard: list[tuple[str, dict]] = field(default_factory=list)  # path and alert
    said: list[str] = field(default_factory=list)  # by the keeper itself

    def start(self) -> str:
        """Listen; return the URL."""
        heard, said = self.heard, self.said

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                heard.extend((self.path, each) for each in body.get("alerts", ()))
                said.extend([body["text"]] if "text" in body else ())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def told(self, name: str, status: str, path: str = "/person") -> dict | None:
        """Return the alert of a name with a status that came to a path, or None."""
        for where, alert in self.heard:
            if (where, alert["labels"]["alertname"], alert["status"]) == (path, name, status):
                return alert
        return None


def wait(what: str, until: Callable[[], object], patience_s: float = PATIENCE_S) -> object:
    """Wait until something holds; return it."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            if found := until():
                return found
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not within {patience_s:.0f} s: {what}")


class Parts:
    """Starts, asks and ends them. `with Parts(folder) as parts: parts.start()`"""

    def __init__(self, folder: Path) -> None:
        self.folder, self.practice = folder, folder / "practice"
        self.ear, self.running = Ear(), {}
        self.metrics_port, self.prometheus_port, self.alerts_port = (free_port() for _ in range(3))
        self.prometheus = f"http://127.0.0.1:{self.prometheus_port}"
        self.keeper = f"http://127.0.0.1:{self.metrics_port}"
        self.config = self.practice / "keeper.toml"
        self._stack = ExitStack()

    def __enter__(self) -> "Parts":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self.running)):
            self.end(name)
        self._stack.close()

    def start(self) -> None:
        """Start all of them."""
        server = self._stack.enter_context(postgres_server())
        self.run("practice", self.command("practice", "--port", "0", "--folder", self.practice))
        wait("practice", lambda: "Ctrl-C" in self.log("practice"))
        hook = self.ear.start()
        self._stack.callback(self.ear.server.shutdown)
        self._configure_keeper(fresh_database(server, "keeper"), f"{hook}/keeper")
        self.run_cosigner()
        self.run_keeper()
        self._watch(hook)
        wait("the keeper's first tick", lambda: httpx.get(f"{self.keeper}/health").json()["well"])

    def run_cosigner(self) -> None:
        """Start the co-signer; it listens."""
        self.run("cosigner", self.command("cosigner", self.practice / "cosigner.toml"))
        wait("co-signer", lambda: "listening on" in self.log("cosigner"))

    def run_keeper(self) -> None:
        """Start the keeper, live."""
        self.run("keeper", self.command("keeper", "start", self.config, "--mode", "live"))

    def run_all(self, port: int) -> None:
        """Start the keepers of the folder on paper: there is the practice's."""
        words = ("keeper", "start-all", self.folder, "--mode", "paper", "--port", port)
        self.run("keepers", self.command(*words))

    def command(self, *words: object) -> list[str]:
        """Return a command of ours."""
        return [sys.executable, "-m", "strongroom.cli", *map(str, words)]

    def typed(self, *words: object) -> subprocess.CompletedProcess:
        """Run a command of ours to its end."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self._environment(),
            timeout=PATIENCE_S,
        )  # fmt: skip

    def run(self, name: str, command: list[str]) -> None:
        """Start a process; its words go to a file of its name."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                command, stdout=log, stderr=log, env=self._environment(), start_new_session=True
            )

    def end(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        """End a process that was started here; return its exit code."""
        process = self.running.pop(name)
        process.send_signal(how)
        try:
            return process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(60)

    def log(self, name: str) -> str:
        """Return what a process has written; it must be running."""
        text = (self.folder / f"{name}.log").read_text()
        assert self.running[name].poll() is None, f"{name} has ended:\n{text[-2_000:]}"
        return text

    def ask(self, query: str) -> list[dict]:
        """Return what Prometheus answers to a query."""
        asked = httpx.get(f"{self.prometheus}/api/v1/query", params={"query": query})
        if asked.status_code == 503:  # it has just started
            asked.raise_for_status()
        answer = asked.json()
        assert answer["status"] == "success", f"{query}: {answer}"
        return answer["data"]["result"]

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **dict.fromkeys(PASSPHRASES, PASSPHRASE), "PYTHONUNBUFFERED": "1"}

    def _configure_keeper(self, journal: str, hook: str) -> None:
        settings = tomllib.loads(self.config.read_text())
        settings["journal"] = journal
        settings["reporting"]["every_s"] = 30
        settings["notify"] = [{"kind": "webhook", "url": hook}]
        settings["operations"] |= {"metrics_port": self.metrics_port, "mode": "live"}
        self.config.write_text(tomli_w.dumps(settings))

    def _watch(self, hook: str) -> None:
        """Start Alertmanager and Prometheus with deploy/'s files."""
        rules = yaml.safe_load((DEPLOY / "rules.yml").read_text())
        for rule in rules["groups"][0]["rules"]:
            if "for" in rule:
                rule["for"] = SHORT
        scraped = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
        scraped["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        scraped["scrape_configs"][0]["static_configs"] = [
            {"targets": [f"127.0.0.1:{self.metrics_port}"]}
        ]
        scraped["alerting"]["alertmanagers"][0]["static_configs"] = [
            {"targets": [f"127.0.0.1:{self.alerts_port}"]}
        ]
        told = yaml.safe_load((DEPLOY / "alertmanager.yml").read_text())
        told["route"] |= {"group_wait": "0s", "group_interval": "1s"}
        for receiver in told["receivers"]:
            receiver["webhook_configs"][0]["url"] = f"{hook}/{receiver['name']}"
        for name, text in (("rules", rules), ("prometheus", scraped), ("alertmanager", told)):
            (self.folder / f"{name}.yml").write_text(yaml.safe_dump(text))
        self.run("alertmanager", [
            "prometheus-alertmanager", f"--config.file={self.folder}/alertmanager.yml",
            f"--storage.path={self.folder}/alerts", "--cluster.listen-address=",
            f"--web.listen-address=127.0.0.1:{self.alerts_port}",
        ])  # fmt: skip
        self.run("prometheus", [
            "prometheus", f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/numbers",
            f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
        ])  # fmt: skip
        wait("a scrape", lambda: self.ask('up{job="strongroom"} == 1'))
