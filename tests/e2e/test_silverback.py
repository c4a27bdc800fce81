"""The keeper as a silverback bot: a tick a block on a practice, as docs/agent.md has it."""

import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from strongroom.chain.anvil import free_port

from tests.e2e.clob_orders import PATIENCE_S

SILVERBACK = shutil.which("silverback", path=str(Path(sys.executable).parent))
STRONGROOM = (sys.executable, "-m", "strongroom.cli")
PORT = free_port()

pytestmark = pytest.mark.skipif(SILVERBACK is None, reason="needs the extra silverback")


@contextmanager
def running(log, words, *command):
    """Run a command until the block ends; wait until it has said some words."""
    with log.open("wb") as target, subprocess.Popen(command, stdout=target, stderr=target) as made:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while words not in log.read_text():
                assert made.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield made
        finally:
            made.terminate()
            made.wait(PATIENCE_S)


def plain(log):
    """Return what a log says, without its colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", log.read_text())


def ticked(log):
    """Return the blocks on which the bot has done a tick."""
    return re.findall(r"SUCCESS: .*on_block\[block=(0x\w+)\]", plain(log))


def test_a_tick_a_block(tmp_path, monkeypatch):
    folder = tmp_path / "practice"
    practice = (*STRONGROOM, "practice", "--port", str(PORT), "--folder", str(folder))
    with running(tmp_path / "practice.log", "Ctrl-C ends it", *practice):
        for line in (folder / "environment.sh").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STRONGROOM_CONFIG", str(folder / "keeper.toml"))
        cosigner = (*STRONGROOM, "cosigner", str(folder / "cosigner.toml"))
        bot = (SILVERBACK, "run", "keeper", "--network", f"http://127.0.0.1:{PORT}")
        log = tmp_path / "bot.log"
        with (
            running(tmp_path / "cosigner.log", "listening", *cosigner),
            running(log, "Metrics collected", *bot),
        ):
            deadline = time.monotonic() + PATIENCE_S
            while len(ticked(log)) < 4:
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
    blocks = ticked(log)
    assert len(set(blocks)) == len(blocks), "each block is one tick"
    for event in ("started", "stopped"):
        assert f'"event": "{event}"' in plain(log), "it logs as `keeper start` does"
    assert "Timed out" not in plain(log) and re.search(r"SUCCESS: .*on_shutdown", plain(log))
