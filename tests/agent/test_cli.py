"""The command `strongroom`: every error is a sentence and a status; help needs no heavy import."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from strongroom.cli.boundary import Command, Group
from strongroom.cli.main import ENTRIES, command, main
from strongroom.cosigner.service import door
from strongroom.errors import Away, BadInput, Differs, Refused
from strongroom.journal.lock import alone
from strongroom.keeper.configuration import load
from strongroom.keeper.metrics import Metrics, serve
from strongroom.settings import AlreadyRuns, ConfigError, only_one

# What takes long to import. None of it may be there when help is printed.
HEAVY = (
    "ape",
    "web3",
    "eth_account",
    "numpy",
    "polars",
    "pydantic",
    "sqlalchemy",
    "rich",
    "fastapi",
)
MOST_MODULES = 400
RUN = (sys.executable, "-m", "strongroom.cli")


def commands():
    """Return the words of every command, groups' own included."""
    for name in ENTRIES:
        yield (name,)
        found = command.get_command(click.Context(command), name)
        if isinstance(found, click.Group):
            yield from ((name, inside) for inside in found.commands)


@pytest.mark.parametrize("words", [(), *commands()], ids=" ".join)
def test_help_has_an_example_and_imports_nothing_heavy(words):
    code = f"""
import sys, json
from strongroom.cli.main import main
try:
    main({[*words, "--help"]!r})
except SystemExit as end:
    print(json.dumps([end.code, sorted(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *lines, last = done.stdout.splitlines()
    status, modules = json.loads(last)
    assert status == 0 and "Example" in "\n".join(lines)
    assert not set(HEAVY) & set(modules)
    assert len(modules) < MOST_MODULES


def test_a_command_does_what_the_list_says():
    for name, entry in ENTRIES.items():
        found = command.get_command(click.Context(command), name)
        assert found.name == name and entry.does.endswith(".")


def ending(error):
    @click.command(cls=Command)
    def fails():
        raise error

    return CliRunner().invoke(fails, [])


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Away("the node is away: start it"), 2, "the node is away: start it\n"),
        (Refused("the vault is paused"), 2, "the vault is paused\n"),
        (BadInput("no address"), 2, "no address\n"),
        (Differs("1 is not 2"), 1, "1 is not 2\n"),
        (KeyError("x"), 2, "unexpected KeyError: 'x': run again with --debug\n"),
        (click.Abort(), 2, "not confirmed: nothing was sent (--yes does not ask)\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
    ],
)
def test_an_error_is_one_sentence_and_a_status(error, code, words):
    done = ending(error)
    assert (done.exit_code, done.output) == (code, words)


def test_a_traceback_comes_with_debug_only():
    @click.command(cls=Command)
    def fails():
        raise ZeroDivisionError("one by zero")

    group = Group("all", commands={"fails": fails})
    for words in (["--debug", "fails"], ["fails", "--debug"]):
        done = CliRunner().invoke(group, words)
        assert "Traceback" in done.output and "unexpected ZeroDivisionError" in done.output
    assert "Traceback" not in CliRunner().invoke(group, ["fails"]).output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["keper"], "There is no command 'keper': did you mean 'keeper'? (strongroom --help)\n"),
        (["keeper", "start"], "Missing argument 'CONFIG' (strongroom keeper start --help)\n"),
        (["keeper", "start", "no.toml"], "no.toml: cannot be read (No such file or directory)"),
    ],
)
def test_what_is_typed_wrong_is_told(words, told, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and capsys.readouterr().err.startswith(told)


def test_sigterm_ends_what_a_command_started(tmp_path):
    code = f"""
import click, contextlib, pathlib, time
from strongroom.cli.boundary import Command
@contextlib.contextmanager
def started():
    try:
        yield
    finally:
        pathlib.Path({str(tmp_path / "ended")!r}).touch()
@click.command(cls=Command)
def waits():
    with started():
        print("waits", flush=True)
        time.sleep(60)
waits()
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"waits\n"
    process.terminate()
    assert process.wait(10) == 143 and (tmp_path / "ended").exists()


# locks


def test_a_second_process_is_refused_and_a_dead_one_holds_nothing(tmp_path):
    lock = tmp_path / "lock"
    code = f"""
import pathlib, time
from strongroom.settings import only_one
with only_one(pathlib.Path({str(lock)!r}), "a keeper"):
    print("holds", flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"holds\n"
    told = rf"a keeper runs already \(process {process.pid}\)"
    with pytest.raises(AlreadyRuns, match=told), only_one(lock, "a keeper"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    with only_one(lock, "a keeper"):
        assert lock.read_text() == str(os.getpid())
    assert not lock.exists()


def test_one_keeper_a_journal(tmp_path):
    url = f"sqlite:///{tmp_path / 'keeper.db'}"
    told = r"a keeper on the journal .*keeper\.db runs"
    with alone(url), pytest.raises(AlreadyRuns, match=told), alone(url):
        pass
    with alone("sqlite://"), alone("sqlite://"):
        pass


def test_a_second_cosigner_leaves_the_first_its_socket(tmp_path):
    path = tmp_path / "s.sock"
    with door(f"unix:{path}") as listening:
        listening.listen()
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(AlreadyRuns, match="a co-signer on"), door(f"unix:{path}"):
            pass
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert list(tmp_path.iterdir()) == []


def test_a_socket_of_a_dead_cosigner_is_taken_over(tmp_path):
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with door(f"unix:{path}") as listening:
        listening.listen()


def test_ports_in_use_are_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"\[operations.metrics_port\] {port} is in use"):
            serve(Metrics(), port, 1.0)
        told = r"\[listen\] 127.0.0.1:\d+ cannot be opened"
        with pytest.raises(ConfigError, match=told), door(f"127.0.0.1:{port}"):
            pass


# files


def test_an_unknown_key_gets_the_nearest_one(tmp_path):
    text = Path("docs/examples/keeper.toml").read_text()
    file = tmp_path / "keeper.toml"
    for wrong, right, told in (
        ("rpc_ulr", "rpc_url", "[chain.rpc_ulr] unknown key: did you mean 'rpc_url'?"),
        ("adress", "address", "[venue.exchanges.0.adress] unknown key: did you mean 'address'?"),
        ("tick_sec", "tick_s", "[operations.tick_sec] unknown key: did you mean 'tick_s'?"),
        ("zzz", "max_skew_s", "[operations.zzz] unknown key"),
    ):
        file.write_text(text.replace(f"{right} =", f"{wrong} ="))
        with pytest.raises(ConfigError) as refused:
            load(file)
        assert told in str(refused.value)
