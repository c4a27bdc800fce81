"""A terminal for tests: types the lines of a document as they stand, on one practice vault.

What a reader does beside typing, and so does this terminal:

- a command that runs until Ctrl-C goes to a terminal of its own: what follows waits for its first
  line, and SIGTERM ends it at the end;
- `0x...` after --vault is the address that practice printed first, after --exchange the first
  exchange of the keeper.toml that it wrote; with --file it is the vault that `deploy` made; after
  --board it is what `mandate board` printed;
- `keeper.toml` in paper mode is practice's, beside its live keeper;
- `URL` is practice's node; vault.toml is a plan for its chain, me.json its depositor;
- `exit` is refused, since no redemption waits that long here;
- a question is answered with y;
- `claim` is typed again until the next report has come, `explain` until there is a decision; where
  `cancel` comes after the report that closed the request, the request is typed again before it;
- ports are free ones: what serves gets --port, the metrics' is changed in keeper.toml.
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

from strongroom.chain.anvil import free_port

ROOT = Path(__file__).parents[2]
UNTIL_CTRL_C = (
    "strongroom practice",
    "strongroom cosigner ",
    "strongroom devnet",
    "strongroom keeper ui ",
)
HAS_PORT = ("strongroom practice", "strongroom app ", "strongroom keeper ui ")
NOT_YET = {  # lines that are typed again until this is no longer said
    "strongroom claim ": ("nothing can be claimed yet",),
    "strongroom keeper explain ": ("the journal has no decision yet", "it does not exist yet"),
}
TOO_LATE = "you have no request that can be taken back"  # says `cancel`
PATIENCE_S, LINE_S = 300, 300
ROLES = ("owner", "guardian", "reporter", "fee_recipient")
CAPS = 'total_cap = "50000"\nvelocity = "10000"\n'


def serves(line):
    """Whether a command runs until Ctrl-C."""
    keeper = line.startswith("strongroom keeper start ") and "--ticks" not in line
    app = line.startswith("strongroom app ") and "--static" not in line
    return keeper or app or line.startswith(UNTIL_CTRL_C)


class Terminal:
    """Types lines in a folder; what a line exports, the next ones have."""

    def __init__(self, folder):
        self.folder, self.servers, self.known, self.deployed = folder, [], {}, ""
        self.request = ""  # the last line that asked to deposit or redeem
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("STRONGROOM_")}
        self.environment |= {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "COLUMNS": "100"}

    def type(self, line):
        """Run a line as it stands but for its placeholders; return what it says."""
        if " --file " in line:
            line = line.replace("0x...", self.deployed)
        for words, value in self.known.items():
            line = line.replace(words, value)
        assert "..." not in line, f"nothing says what stands for ... in: {line}"
        if serves(line):
            return self._serve(line)
        asks = line.startswith(("strongroom deposit ", "strongroom redeem "))
        if asks and "--dry-run" not in line:
            self.request = line
        done = self._patiently(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        if line.startswith("strongroom deploy ") and "--dry-run" not in line:
            self.deployed = done.stdout.split()[-1]
        if line.startswith("strongroom mandate board "):
            self.known["--board 0x..."] = f"--board {done.stdout.strip()}"
        return done.stdout + done.stderr

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

    def _patiently(self, line):
        """Run a line, and again while it says that it is too early, or too late."""
        early = [each for start in NOT_YET if line.startswith(start) for each in NOT_YET[start]]
        late = [TOO_LATE] if line.startswith("strongroom cancel ") and self.request else []
        end = time.monotonic() + PATIENCE_S
        while (done := self._run(line)).returncode and any(
            each in done.stderr for each in early + late
        ):
            assert time.monotonic() < end, f"{early + late} for {PATIENCE_S} s: {line}"
            if late:
                asked = self._run(self.request)
                assert asked.returncode == 0, f"{self.request}\n{asked.stdout}{asked.stderr}"
            else:
                time.sleep(2)
        return done

    def _serve(self, line):
        practice = line.startswith("strongroom practice")
        typed = f"{line} --port {free_port()}" if line.startswith(HAS_PORT) else line
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
        return log.read_text()

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


def made_in(folder):
    """Make a terminal in a folder that has the command, the documents and what npm installed."""
    (folder / "bin").mkdir()
    command = folder / "bin" / "strongroom"  # the console script, of this Python
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m strongroom.cli "$@"\n')
    command.chmod(0o755)
    for name in ("docs", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    return Terminal(folder)
