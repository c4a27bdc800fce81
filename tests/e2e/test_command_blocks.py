"""The command blocks of README and docs, typed as they stand, on one practice vault.

A block without a language is typed: README first, then docs/ by name, line after line, in bash, in
a folder that has `docs` and `node_modules`. A block that cannot run here (another network, a key, a
tool that is not installed) is marked `text` in the document; NOT_TYPED says why.

What a reader does beside typing, and so do these tests:

- a command that runs until Ctrl-C goes to a terminal of its own: what follows waits for its first
  line, and SIGTERM ends it at the end;
- `0x...` after --vault is the address that practice printed first, after --exchange the first
  exchange of the keeper.toml that it wrote; with --file it is the vault that `deploy` made;
- `keeper.toml` in paper mode is practice's, beside its live keeper;
- `URL` is practice's node; vault.toml is a plan for its chain, me.json its depositor;
- `exit` is refused, since no redemption waits that long here;
- a question is answered with y;
- a line that stands in two documents is typed once;
- `claim` is typed again until the next report has come;
- the Python block of docs/devnet.md runs at the end, with the devnet that was typed, at its ports;
- ports are free ones: practice, devnet and app get --port, the metrics' is changed in keeper.toml.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from strongroom.chain.anvil import free_port

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.M | re.S)
OURS = ("strongroom ", "make ", "ape ", "pip ", "silverback ", "source ", "export ", "python ")
TOO_LONG = "minutes of both cores; tests/agent/test_backtest.py does the same with less data"
AS_IN_README = "the practice's own runs already, from README's line"
AS_ASKED = "a decision has to wait: tests/e2e/test_keeper_ask.py has the commands"
RESTORES = "no keeper may run: tests/e2e/test_keeper_restore.py has the commands"
PLACES = "places have to be there: tests/e2e/test_evidence_places.py has the command"
NOT_TYPED = {  # and why
    "make demo": "a target of its own in CI",
    "make test": "this test is part of it",
    "make wheel": "builds beside others' tests: see `make trywheel`",
    "make operate": "minutes: tests/e2e/test_operating.py has its steps",
    "pip install dist/strongroom-": "needs the built file and an index: see `make trywheel`",
    "silverback run keeper": "silverback is an extra; tests/e2e/test_silverback.py has the bot",
    "strongroom backtest docs/examples/backtest-tail.toml --honesty": TOO_LONG,
    "strongroom import gamma gamma-": "a reader's own files, gigabytes of them",
    "strongroom import logs order-filled-": "a reader's own files, gigabytes of them",
    "strongroom study arbitrage history": "needs those files, or a cluster",
    "strongroom study open registered/tail.json": "opened once, after the commit before it",
    "strongroom backtest docs/examples/backtest-sweep.toml": TOO_LONG,
    "strongroom cosigner cosigner.toml": AS_IN_README,
    "strongroom keeper start keeper.toml --mode ask": AS_ASKED,
    "strongroom keeper pending keeper.toml": AS_ASKED,
    "strongroom keeper publish keeper.toml": PLACES,
    "strongroom keeper approve keeper.toml": AS_ASKED,
    "strongroom keeper start-all vaults": "further vaults: tests/e2e/test_operating.py has it",
    "strongroom keeper backup keeper.toml": RESTORES,
    "strongroom keeper restore keeper.toml": RESTORES,
    "strongroom keeper compare keeper.toml": RESTORES,
    "strongroom keeper start keeper.toml --mode live": AS_IN_README,
    "strongroom keeper ui keeper.toml": "its keeper has run: tests/e2e/test_cockpit.py has it",
    "strongroom init keeper": "a public venue's chain: tests/e2e/test_init.py has the command",
    "strongroom doctor keeper": "the folder of that line: tests/e2e/test_init.py has the command",
    "strongroom venue probe": "a real account: tests/e2e/test_venue_probe.py has the command",
}
UNTIL_CTRL_C = ("strongroom practice", "strongroom cosigner ", "strongroom devnet")
CLAIM_S, LINE_S = 300, 300
ROLES = ("owner", "guardian", "reporter", "fee_recipient")
CAPS = 'total_cap = "50000"\nvelocity = "10000"\n'


def blocks(language):
    """Return (document, text) for each block of a language."""
    return [
        (path.relative_to(ROOT), block)
        for path in DOCUMENTS
        for marked, block in BLOCK.findall(path.read_text())
        if marked == language
    ]


def lines(language):
    """Return (document, command) for each line of the blocks of a language."""
    return [
        (path, line.strip())
        for path, block in blocks(language)
        for line in block.splitlines()
        if line.strip()
    ]


def serves(line):
    """Whether a command runs until Ctrl-C."""
    keeper = line.startswith("strongroom keeper start ") and "--ticks" not in line
    app = line.startswith("strongroom app ") and "--static" not in line
    return keeper or app or line.startswith(UNTIL_CTRL_C)


class Terminal:
    """Types lines in a folder; what a line exports, the next ones have."""

    def __init__(self, folder):
        self.folder, self.servers, self.known, self.deployed = folder, [], {}, ""
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("STRONGROOM_")}
        self.environment |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "COLUMNS": "100"}

    def type(self, line):
        """Run a line as it stands but for its placeholders."""
        if " --file " in line:
            line = line.replace("0x...", self.deployed)
        for words, value in self.known.items():
            line = line.replace(words, value)
        assert "..." not in line, f"nothing says what stands for ... in: {line}"
        if serves(line):
            self._serve(line)
        elif line.startswith("strongroom claim "):
            self._claim(line)
        else:
            done = self._run(line)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            if line.startswith("strongroom deploy ") and "--dry-run" not in line:
                self.deployed = done.stdout.split()[-1]

    def run_python(self, code):
        """Run a block of Python in the folder."""
        done = subprocess.run(
            [sys.executable, "-c", code], **self._here(), capture_output=True, timeout=LINE_S
        )
        assert done.returncode == 0, done.stderr

    def _run(self, line):
        """Run a line in bash; keep what it exported."""
        kept = self.folder / "kept"
        done = subprocess.run(
            ["bash", "-c", f"{line}\nstatus=$?; env -0 > {shlex.quote(str(kept))}; exit $status"],
            **self._here(), input="y\n", capture_output=True, timeout=LINE_S,
        )  # fmt: skip
        assert "Traceback" not in done.stdout + done.stderr, f"{line}\n{done.stderr}"
        pairs = (each.split("=", 1) for each in kept.read_text().split("\0") if "=" in each)
        self.environment = dict(pairs)
        return done

    def _here(self):
        return {"cwd": self.folder, "env": self.environment, "text": True}

    def _claim(self, line):
        end = time.monotonic() + CLAIM_S
        while (done := self._run(line)).returncode:
            assert "nothing can be claimed yet" in done.stderr, done.stderr
            assert time.monotonic() < end, f"no report within {CLAIM_S} s: {line}"
            time.sleep(2)

    def _serve(self, line):
        practice = line.startswith("strongroom practice")
        has_port = line.startswith(("strongroom practice", "strongroom app "))
        typed = f"{line} --port {free_port()}" if has_port else line
        if line.startswith("strongroom devnet"):
            typed = f"{line} --port {free_port()} --clob-port {free_port()}"
        log = self.folder / f"{len(self.servers)}.log"
        with log.open("w") as file:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {typed}"], **self._here(), stdout=file, stderr=file
            )
        self.servers.append((line, server, log))
        end = time.monotonic() + LINE_S
        while "Ctrl-C ends it" not in log.read_text() and (practice or "\n" not in log.read_text()):
            assert server.poll() is None and time.monotonic() < end, f"{line}\n{log.read_text()}"
            time.sleep(0.2)
        if practice:
            self._read_practice(log)

    def _read_practice(self, log):
        """Learn the placeholders from what practice printed and wrote; free the metrics' port."""
        path = self.folder / "build" / "practice" / "keeper.toml"
        text = path.read_text()
        (port,) = re.findall(r"^metrics_port = \d+$", text, re.M)
        path.write_text(text.replace(port, f"metrics_port = {free_port()}"))
        self.known[" keeper.toml --mode paper"] = f" {path} --mode paper"
        vault, person = re.findall(r"^(?:vault )?(0x[0-9a-fA-F]{40}) ", log.read_text(), re.M)
        self.known["--vault 0x..."] = f"--vault {vault}"
        self._write_plan(path.parent, person)
        exchanges = text[text.index("exchanges") :]
        exchange = re.findall(r"0x[0-9a-fA-F]{40}", exchanges)[0]
        self.known["--exchange 0x..."] = f"--exchange {exchange}"

    def _write_plan(self, practice, person):
        """Write a plan for practice's chain, its depositor in every role, and their keystore."""
        purse = json.loads((practice / "practice.json").read_text())
        roles = "".join(f'{role} = "{person}"\n' for role in ROLES)
        (self.folder / "vault.toml").write_text(
            f'asset = "{purse["pusd"]}"\n[vault]\nname = "Typed"\nsymbol = "TYPED"\n{roles}{CAPS}'
        )
        shutil.copy(practice / "bob.json", self.folder / "me.json")
        self.known["--rpc URL"] = f"--rpc {purse['rpc_url']}"

    def end(self):
        """End what serves, newest first; return the exit statuses."""
        statuses = {}
        for line, server, _ in reversed(self.servers):
            server.terminate()
            statuses[line] = server.wait(60)
        return statuses


@pytest.fixture
def terminal(tmp_path):
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "strongroom"  # the console script, of this Python
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m strongroom.cli "$@"\n')
    command.chmod(0o755)
    for name in ("docs", "node_modules"):
        (tmp_path / name).symlink_to(ROOT / name)
    made = Terminal(tmp_path)
    yield made
    made.end()


def test_every_command_block_runs(terminal):
    typed: dict[str, Path] = {}
    for document, line in lines(""):
        typed.setdefault(line, document)
    assert len(typed) > 25
    for line, document in typed.items():
        started = time.monotonic()
        terminal.type(line)
        print(f"{time.monotonic() - started:6.1f} s  {document}: {line}")
    (client,) = (code for path, code in blocks("python") if path.name == "devnet.md")
    terminal.run_python(client)
    live = next(log for line, _, log in terminal.servers if "--mode live" in line)
    assert '"event": "task_closed"' in live.read_text()  # the keeper traded meanwhile
    ended = terminal.end()
    assert set(ended.values()) <= {0, 143}, ended


def test_what_cannot_run_here_is_marked_and_has_its_reason():
    marked = [line for _, line in lines("text") if line.startswith(OURS)]
    assert [line for line in marked if not line.startswith(tuple(NOT_TYPED))] == []
    assert [
        start for start in NOT_TYPED if not any(each.startswith(start) for each in marked)
    ] == []
    assert len(marked) == 30
    other = {marked for path in DOCUMENTS for marked, _ in BLOCK.findall(path.read_text())}
    assert other <= {"", "text", "python"}
