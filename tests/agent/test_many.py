"""Many keepers of one folder: real processes that end in every way, a clock that the test moves,
and the page as a scraper and a person read it. A whole keeper: tests/e2e/test_operating.py."""

import os
import signal
import sys
import threading
import time

import httpx
import pytest
from strongroom.chain.anvil import free_port
from strongroom.keeper.configuration import load
from strongroom.keeper.many import (
    BACKOFF_S,
    SETTLED_S,
    Fleet,
    KeeperProcess,
    _page,
    files_of,
    supervise,
)
from strongroom.keeper.metrics import Metrics, serve
from strongroom.settings import ConfigError

from tests.agent.test_configuration import TEXT


def python(code):
    return [sys.executable, "-c", code]


SLEEPS = python("import time; print('here', flush=True); time.sleep(600)")
GENTLE = python(
    "import signal, time, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
    "print('here', flush=True)\nwhile True: time.sleep(0.05)"
)
STUBBORN = python(
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "print('here', flush=True); time.sleep(600)"
)


def until(what, seconds=20):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def process(command, lines, clock=time.monotonic):
    return KeeperProcess("one", command, lines.append, clock)


def ended(this):
    """Wait until its process has ended, and let it be seen."""
    this._process.wait(20)
    this.look()


def test_what_ends_is_started_again_with_growing_pauses():
    now, lines = [1_000.0], []
    this = process(python("raise SystemExit(2)"), lines, lambda: now[0])
    pauses = []
    for number in range(7):
        this.look()
        assert this.starts == number + 1 and this.runs
        ended(this)
        assert not this.runs and "ended with status 2" in this.state
        pause = this._again - now[0]
        pauses.append(pause)
        now[0] += pause - 0.01
        this.look()
        assert not this.runs  # not before its time
        now[0] += 0.02
    assert pauses == [*BACKOFF_S, BACKOFF_S[-1], BACKOFF_S[-1]]
    this.look()
    now[0] += SETTLED_S
    ended(this)
    assert this._again - now[0] == BACKOFF_S[0]  # it had lived


def test_a_kill_is_an_end_and_a_gentle_end_is_none_to_mend():
    lines = []
    killed, gentle = process(SLEEPS, lines), process(GENTLE, lines)
    for this in (killed, gentle):
        this.look()
        until(lambda: lines.count("one: here") >= 1)
        lines.clear()
        pid = this._process.pid
        os.kill(pid, signal.SIGKILL if this is killed else signal.SIGTERM)
        ended(this)
    assert "status -9, starts again in" in killed.state
    gentle.look()
    assert not gentle.runs and "ended by itself" in gentle.state


def test_all_end_with_it_and_one_that_does_not_is_killed(monkeypatch):
    monkeypatch.setattr("strongroom.keeper.many.END_S", 1.0)
    lines, stopped = [], threading.Event()
    all_of_them = [process(command, lines) for command in (GENTLE, STUBBORN, SLEEPS)]
    running = threading.Thread(target=supervise, args=(all_of_them, stopped))
    running.start()
    until(lambda: lines.count("one: here") == 3)
    pids = [each._process.pid for each in all_of_them]
    stopped.set()
    running.join(20)
    assert not running.is_alive() and not any(each.runs for each in all_of_them)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert sum("is killed" in line for line in lines) == 1


def test_one_page_says_how_all_of_them_are():
    lines, metrics = [], Metrics()
    server = serve(metrics, 0, 5.0)
    names = ("well", "deaf", "gone")
    processes = {name: KeeperProcess(name, SLEEPS, lines.append) for name in names}
    for name in ("well", "deaf"):
        processes[name].look()
    ports = {"well": server.server_port, "deaf": free_port(), "gone": free_port()}
    port = free_port()
    with _page(Fleet(processes, ports), port):
        url = f"http://127.0.0.1:{port}"
        ill = httpx.get(f"{url}/health")
        found = ill.json()["keepers"]
        assert ill.status_code == 503 and ill.json()["well"] is False
        assert found["well"]["reasons"] == {"ticks": "no tick has ended yet"}
        assert found["deaf"]["reasons"] == {"health": "it does not answer (ConnectError)"}
        assert "process" in found["gone"]["reasons"] and found["gone"]["starts"] == 0
        assert httpx.get(f"{url}/targets").json()[0] == {
            "targets": [f"127.0.0.1:{server.server_port}"], "labels": {"keeper": "well"},
        }  # fmt: skip
        assert httpx.get(f"{url}/other").status_code == 404
        metrics.ticks = 1
        for name in ("deaf", "gone"):
            del ports[name]
        assert httpx.get(f"{url}/health").json()["well"] is True
        with pytest.raises(ConfigError, match=f"--port {port} is in use"), _page(None, port):
            pass
    for each in processes.values():
        each.ask_to_end()
        each.end(10)
    server.shutdown()


def folder_of(tmp_path, **changes):
    """A folder of keepers: name -> pairs of old and new text."""
    for number, (name, pairs) in enumerate(changes.items()):
        text = TEXT.replace("metrics_port = 9100", f"metrics_port = {9_200 + number}")
        text = text.replace('mode = "paper"', 'mode = "live"', 1)
        for key, at in (("safe", 7), ("address", 2)):  # the reporter's Safe, the keeper's
            text = text.replace(f'{key} = "0x{at:040x}"', f'{key} = "0x{at * 16 + number:040x}"', 1)
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / name).mkdir()
        (tmp_path / name / "keeper.toml").write_text(text)
        (tmp_path / name / "executor.json").write_text(f'{{"address": "{number + 1:040x}"}}')
    return tmp_path


def test_the_folder_has_one_folder_for_each_keeper(tmp_path):
    found = files_of(folder_of(tmp_path, a=(), b=()), "ask")
    assert [each.name for each in found] == ["a", "b"]
    assert found[0].config.operations.mode == "ask"
    assert found[1].command("ask")[-4:] == ["start", str(found[1].path), "--mode", "ask"]
    assert found[1].command(None)[-1] == str(found[1].path)


SAME = {
    "one port": (
        "metrics_port = 9201",
        "metrics_port = 9200",
        r"\[operations.metrics_port\] of a and \[operations.metrics_port\] of b are the same",
    ),
    "no port": ("metrics_port = 9201", "metrics_port = 0", "name one: it is asked there"),
    "one journal": (
        '"sqlite:///keeper.db"',
        '"sqlite:///../a/keeper.db"',
        r"\[journal\] of a and \[journal\] of b",
    ),
    "one Safe": (f"0x{0x21:040x}", f"0x{0x20:040x}", r"\[safe.address\] of a and \[safe.address\]"),
    "one reporter": (
        f"0x{0x71:040x}",
        f"0x{0x70:040x}",
        r"\[reporter.safe\] of a and \[reporter.s",
    ),
    "the other's Safe reports": (
        f"0x{0x71:040x}",
        f"0x{0x20:040x}",
        r"\[safe.address\] of a and \[reporter.safe\] of b are the same: give each its own",
    ),
    "one evidence": (
        'evidence = "evidence"',
        'evidence = "../a/evidence"',
        r"\[reporting.evidence\] of a and \[reporting.evidence\] of b",
    ),
    "one log": ('"keeper.log"', '"../b/../a/keeper.log"', r"\[operations.log\] of a and"),
    "views among records": (
        'views = "unpublished"',
        'views = "../a/views"',
        r"\[operations.record\] of a and \[reporting.views\] of b",
    ),
    "one executor": (
        'executor = "executor.json"',
        'executor = "../a/executor.json"',
        r"executor\]",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_what_only_one_may_have_is_refused_before_any_starts(tmp_path, case):
    old, new, told = SAME[case]
    folder = folder_of(tmp_path, a=(), b=[(old, new)])
    with pytest.raises(ConfigError, match=told):
        files_of(folder, None)


@pytest.mark.parametrize("apart", [False, True])
def test_two_that_take_commands_have_a_bot_each(tmp_path, monkeypatch, apart):
    """A message to a bot is read once, by whoever asks first."""
    monkeypatch.setenv("BOT_A", "12:one")
    monkeypatch.setenv("BOT_B", "12:two" if apart else "12:one")
    folder = folder_of(tmp_path, a=(), b=())
    for name in "ab":
        path = folder / name / "keeper.toml"
        path.write_text(path.read_text() + (
            '\n[[notify]]\nkind = "telegram"\nurl = "https://x"\n'
            f'token_env = "BOT_{name.upper()}"\nchat = "7"\ncommands = true\n'
        ))  # fmt: skip
    if apart:
        assert len(files_of(folder, None)) == 2
        return
    with pytest.raises(ConfigError, match=r"\[notify.1\] of a and \[notify.1\] of b are the same"):
        files_of(folder, None)


def test_paper_may_share_a_safe_and_an_empty_folder_is_named(tmp_path):
    pair = (f"0x{0x21:040x}", f"0x{0x20:040x}")
    folder = folder_of(tmp_path, a=(), b=[pair])
    assert len(files_of(folder, "paper")) == 2
    assert load(folder / "a" / "keeper.toml").safe.address.endswith("20")
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match=r"has no NAME/keeper.toml"):
        files_of(tmp_path / "none", None)
