"""The keeper as a silverback bot: a tick a block on a practice, as docs/agent.md has it; in one
process, and as a cluster of runner and worker over Redis."""

import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from strongroom.chain.anvil import free_port

from tests.e2e.clob_orders import PATIENCE_S

SILVERBACK = shutil.which("silverback", path=str(Path(sys.executable).parent))
STRONGROOM = (sys.executable, "-m", "strongroom.cli")
CLUSTER = {  # as docs/agent.md has it
    "BROKER_CLASS": "taskiq_redis:ListQueueBroker",
    "BROKER_KWARGS": '{"url": "redis://127.0.0.1:PORT", "socket_timeout": null}',
    "RESULT_BACKEND_CLASS": "taskiq_redis:RedisAsyncResultBackend",
    "RESULT_BACKEND_KWARGS": '{"redis_url": "redis://127.0.0.1:PORT"}',
}

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


@contextmanager
def practising(tmp_path, monkeypatch):
    """Run a practice with its co-signer until the block ends; yield what commands it."""
    folder, port = tmp_path / "practice", free_port()
    practice = (*STRONGROOM, "practice", "--port", str(port), "--folder", str(folder))
    with running(tmp_path / "practice.log", "Ctrl-C ends it", *practice):
        for line in (folder / "environment.sh").read_text().splitlines():
            name, _, value = line.removeprefix("export ").partition("=")
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STRONGROOM_CONFIG", str(folder / "keeper.toml"))
        cosigner = (*STRONGROOM, "cosigner", str(folder / "cosigner.toml"))
        with running(tmp_path / "cosigner.log", "listening", *cosigner):
            yield "keeper", "--network", f"http://127.0.0.1:{port}"


def wait_for_ticks(log, count):
    """Wait until the bot has done some ticks."""
    deadline = time.monotonic() + PATIENCE_S
    while len(ticked(log)) < count:
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def assert_one_tick_a_block(log):
    blocks = ticked(log)
    assert len(set(blocks)) == len(blocks), "each block is one tick"


def test_a_tick_a_block(tmp_path, monkeypatch):
    log = tmp_path / "bot.log"
    with (
        practising(tmp_path, monkeypatch) as bot,
        running(log, "Metrics collected", SILVERBACK, "run", *bot),
    ):
        wait_for_ticks(log, 4)
    assert_one_tick_a_block(log)
    for event in ("started", "stopped"):
        assert f'"event": "{event}"' in plain(log), "it logs as `keeper start` does"
    assert "Timed out" not in plain(log)


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs Debian's redis-server")
@pytest.mark.skipif(find_spec("taskiq_redis") is None, reason="needs taskiq-redis")
def test_a_worker_ticks_once_for_each_block_that_a_runner_tells_it_of(tmp_path, monkeypatch):
    """The worker alone holds the journal: a second one is refused it, and the first goes on."""
    port = str(free_port())
    for name, value in CLUSTER.items():
        monkeypatch.setenv(f"SILVERBACK_{name}", value.replace("PORT", port))
    redis = ("redis-server", "--port", port, "--save", "", "--dir", str(tmp_path))
    worker, runner, second = (tmp_path / f"{name}.log" for name in ("worker", "runner", "second"))
    with (
        running(tmp_path / "redis.log", "Ready to accept", *redis),
        practising(tmp_path, monkeypatch) as bot,
        running(worker, '"event": "started"', SILVERBACK, "worker", *bot) as works,
    ):
        with running(runner, "Metrics collected", SILVERBACK, "run", *bot):
            wait_for_ticks(worker, 3)
            with second.open("wb") as target:
                again = (SILVERBACK, "worker", *bot)
                ended = subprocess.run(again, stdout=target, stderr=target, timeout=PATIENCE_S)
            assert ended.returncode
            wait_for_ticks(worker, len(ticked(worker)) + 2)
        works.send_signal(signal.SIGINT)
        works.wait(PATIENCE_S)
    assert_one_tick_a_block(worker)
    assert '"event"' not in plain(runner), "the runner is no keeper"
    assert '"event": "stopped"' in plain(worker), "it gives the journal back"
    assert "AlreadyRuns" in plain(second)
