"""The command `strongroom`: every error is a sentence and a status; help needs no heavy import."""

import gc
import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy.exc import DatabaseError
from strongroom.cli.boundary import Command, Group
from strongroom.cli.main import ENTRIES, command, main
from strongroom.cosigner.service import door
from strongroom.cosigner.service import load as cosigner_file
from strongroom.errors import Away, BadInput, Defect, Differs, Refused
from strongroom.journal.lock import alone, holder
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


def of_sqlite(code):
    error = sqlite3.DatabaseError("malformed")
    error.sqlite_errorcode = code
    return error


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
        (Defect("the audit failed at block 7"), 3, "the audit failed at block 7\n"),
        (KeyError("x"), 3, "unexpected KeyError: 'x': run again with --debug\n"),
        (click.Abort(), 2, "no answer was typed to the question\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
        (
            of_sqlite(sqlite3.SQLITE_CORRUPT),
            2,
            "a database cannot be used (malformed): restore a keeper's journal from its backup "
            "(strongroom keeper restore); move any other file away, and it begins anew\n",
        ),
        (
            DatabaseError("SELECT 1", (), of_sqlite(sqlite3.SQLITE_FULL)),
            2,
            "a database cannot be used (malformed): free some of its disk\n",
        ),
        (
            of_sqlite(sqlite3.SQLITE_MISUSE),
            3,
            "unexpected DatabaseError: malformed: run again with --debug\n",
        ),
        (KeyboardInterrupt("0x12 was sent"), 130, "stopped: 0x12 was sent\n"),
    ],
)
def test_an_error_is_one_sentence_and_a_status(error, code, words):
    done = ending(error)
    assert (done.exit_code, done.output) == (code, words)


def test_ctrl_c_unwinds_whatever_a_framework_would_do_with_it(monkeypatch):
    """As ape does: a handler of its own that leaves at once."""

    @click.command(cls=Command)
    def waits():
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("approve (0x12) may have been sent") from None

    before = signal.signal(signal.SIGINT, lambda *_: sys.exit(7))
    gc.disable()  # hypothesis listens to it, and what is raised there is lost
    try:
        done = CliRunner().invoke(waits, [])
    finally:
        gc.enable()
        signal.signal(signal.SIGINT, before)
    assert (done.exit_code, done.output) == (130, "stopped: approve (0x12) may have been sent\n")


PATIENCE_S = 5
QUESTIONS = """
import sys, click
from strongroom.cli.boundary import Command
from strongroom.cli.init import _typed
from strongroom.cli.options import asked, typed_passphrase
ask = {"send": lambda: asked(False)("Send it?"), "init": lambda: _typed("A port", ""),
       "key": lambda: typed_passphrase("Passphrase")}[sys.argv[1]]
command = click.command("asks", cls=Command)(lambda: click.echo(f"said {ask()}"))
command([], standalone_mode=True)
"""


@pytest.mark.parametrize(
    ("question", "typed", "code", "words"),
    [
        ("send", "ctrl-c", 130, "stopped: nothing was sent"),
        ("send", "\x04", 2, "not confirmed: nothing was sent (--yes does not ask)"),
        ("send", "n\n", 0, "said False"),
        ("init", "ctrl-c", 130, "stopped: nothing was written"),
        ("init", "\x04", 2, "no answer was typed: nothing was written (each answer is an option"),
        ("key", "ctrl-c", 130, "stopped: Passphrase: none was typed"),
        ("key", "\x04", 2, "Passphrase: none was typed"),
    ],
)
def test_a_question_without_an_answer_ends_by_what_was_pressed(question, typed, code, words):
    """At a terminal of its own, which getpass opens by its name. What is pressed in the moment in
    which the question appears may be lost, as readline looks for signals before it waits: whoever
    sees nothing happen presses again."""
    number, terminal = pty.fork()
    if number == 0:
        os.execv(sys.executable, [sys.executable, "-c", QUESTIONS, question])
    seen = b""
    while not seen.rstrip().endswith(b":"):
        seen += os.read(terminal, 1024)
    keys = b"\x03" if typed == "ctrl-c" else typed.encode()
    os.write(terminal, keys)
    with suppress(OSError):  # the other end is closed
        while True:
            if select.select([terminal], [], [], PATIENCE_S)[0]:
                if not (more := os.read(terminal, 1024)):
                    break
                seen += more
            else:
                os.write(terminal, keys)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == code, seen
    assert words in " ".join(seen.decode().split()), seen


def test_the_apps_port_is_tried_before_anything_is_asked_or_written(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        typed = ["app", "--vault", "0x" + "12" * 20, "--rpc", "http://127.0.0.1:9", "--out"]
        ends = [
            CliRunner().invoke(command, [*words, str(tmp_path / "app"), "--port", str(port)])
            for words in (typed, ["demo", "--app", "--folder"])
        ]
    for done in ends:
        told = f"port {port} is in use: name another one with --port\n"
        assert (done.exit_code, done.output) == (2, told)
    assert not (tmp_path / "app").exists()


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


VAULT = "0x00000000000000000000000000000000000000aa"
AUDIT = f"audit --vault {VAULT} --rpc http://127.0.0.1:9"
NULL = "backtest docs/examples/backtest-null.toml"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("devnet --port 99999999", "Invalid value for '--port': 99999999 is not in the range"),
        ("devnet --clob-port -1", "Invalid value for '--clob-port': -1 is not in the range"),
        ("devnet --port 8080", "two ports are the same: name another for one of them"),
        ("devnet --markets -1", "Invalid value for '--markets': -1 is not in the range x>=1"),
        ("practice --port 70000", "Invalid value for '--port': 70000 is not in the range"),
        ("practice --seconds nan", "Invalid value for '--seconds': nan is no number"),
        ("week --hours -3", "Invalid value for '--hours': -3 is not in the range 1<=x<=122"),
        ("week --hours 0", "Invalid value for '--hours': 0 is not in the range 1<=x<=122"),
        ("week --tickers ZZZ", "no ladder of 'ZZZ' is recorded: choose from AAPL, "),
        ("study reference --spread nan", "Invalid value for '--spread': nan is no number"),
        ("study ladders --half-spread -1", "Invalid value for '--half-spread': -1.0 is not in the"),
        ("study ladders --fee-rate inf", "Invalid value for '--fee-rate': inf is not in the range"),
        ("init --rpc ftp://node", "--rpc: must begin with http:// or https://"),
        ("init --answers nowhere.toml", "nowhere.toml: cannot be read (No such file or directory)"),
        (f"{NULL} --engine ray", "--engine ray is of a sweep: add --sweep"),
        (f"{NULL} --sweep --ray-address a", "--ray-address is of ray: add --engine ray"),
        (f"{NULL} --workers 2", "--workers is of a sweep: add --sweep or --walk-forward"),
        (f"{NULL} --sweep --walk-forward time", "--sweep and --walk-forward: choose one"),
        (f"{NULL} --sweep --honesty", "--honesty checks one run: leave out the sweep"),
        ("audit --vault 0x1", "Invalid value for '--vault': '0x1' is not an address: write"),
        (f"{AUDIT} --exchange 0x12", "Invalid value for '--exchange': '0x12' is not an address"),
        (f"{AUDIT} --exchange {VAULT}", "--exchange is the vault itself: name the exchange"),
        (f"{AUDIT} --from-block -5", "Invalid value for '--from-block': -5 is not in the range"),
        (f"{AUDIT} --replay -2", "Invalid value for '--replay': -2 is not in the range x>=-1"),
        (f"{AUDIT} --at-block 5", "--at-block is of a what-if: add --what-if or --what-if-cap"),
        (f"{AUDIT} --what-if-cap 0:-5", "'0:-5': give a class and a cap in units, e.g. 0:250.00"),
        (f"{AUDIT} --what-if-cap 0:inf", "'0:inf': give a class and a cap in units, e.g."),
        ("page --vault 0x1", "Invalid value for '--vault': '0x1' is not an address: write"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_one_sentence(typed, told, capsys):
    with pytest.raises(SystemExit) as ended:
        main(typed.split())
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith(told) and len(said.splitlines()) == 1


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["study", "--help"]], ids=" ".join)
def test_what_cannot_be_printed_is_one_sentence(words):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*RUN, *words], stdout=full, stderr=subprocess.PIPE, text=True)
    told = "what is printed cannot be used (No space left on device): name another place\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_file_that_cannot_be_written_is_named():
    done = ending(PermissionError(13, "Permission denied", "/root/x"))
    told = "/root/x cannot be used (Permission denied): name another place\n"
    assert (done.exit_code, done.output) == (2, told)


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
    told = rf"a keeper is already running, pid {process.pid}: end it first"
    with pytest.raises(AlreadyRuns, match=told), only_one(lock, "a keeper"):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    with only_one(lock, "a keeper"):
        assert lock.read_text() == str(os.getpid())
    assert not lock.exists()


def test_one_keeper_a_journal(tmp_path):
    url = f"sqlite:///{tmp_path / 'keeper.db'}"
    told = rf"a keeper on the journal .*keeper\.db is already running, pid {os.getpid()}"
    with alone(url), pytest.raises(AlreadyRuns, match=told), alone(url):
        pass
    with alone("sqlite://"), alone("sqlite://"):
        pass
    assert holder("sqlite://") is None


def test_who_holds_a_journal_can_be_asked_without_touching_it(tmp_path):
    url = f"sqlite:///{tmp_path / 'keeper.db'}"
    assert holder(url) is None and list(tmp_path.iterdir()) == []
    with alone(url):
        assert [holder(url), holder(url)] == [f"pid {os.getpid()}"] * 2
        with pytest.raises(AlreadyRuns), alone(url):
            pass
    assert holder(url) is None


def test_a_journal_by_another_name_is_the_same_one(tmp_path):
    (tmp_path / "keeper.db").touch()
    (tmp_path / "other.db").symlink_to(tmp_path / "keeper.db")
    (tmp_path / "folder").symlink_to(tmp_path)
    with alone(f"sqlite:///{tmp_path / 'keeper.db'}"):
        for name in ("other.db", "folder/keeper.db", "folder/other.db"):
            with pytest.raises(AlreadyRuns), alone(f"sqlite:///{tmp_path / name}"):
                pass


def test_a_journal_of_two_names_is_refused(tmp_path):
    """SQLite keeps a log beside each name of a file: two hard links destroy it."""
    (tmp_path / "keeper.db").touch()
    (tmp_path / "other.db").hardlink_to(tmp_path / "keeper.db")
    for name in ("keeper.db", "other.db"):
        with pytest.raises(ConfigError, match="2 names"), alone(f"sqlite:///{tmp_path / name}"):
            pass
    (tmp_path / "other.db").unlink()
    with alone(f"sqlite:///{tmp_path / 'keeper.db'}"):
        pass


def test_a_journal_by_a_uri_of_sqlites_own_is_refused(tmp_path):
    url = f"sqlite:///file:{tmp_path / 'keeper.db'}?uri=true"
    with pytest.raises(ConfigError, match="is not a database: use sqlite:///"), alone(url):
        pass


def test_a_lock_that_was_removed_is_taken_again(tmp_path):
    url, lock = f"sqlite:///{tmp_path / 'keeper.db'}", tmp_path / "keeper.db.lock"
    with alone(url) as check:
        check()
        lock.unlink()
        check()
        with pytest.raises(AlreadyRuns), alone(url):
            pass
    assert not lock.exists()


def test_a_lock_that_another_has_meanwhile_stops_the_first_and_stays_the_others(tmp_path):
    url, lock = f"sqlite:///{tmp_path / 'keeper.db'}", tmp_path / "keeper.db.lock"
    with ExitStack() as second:
        with alone(url) as check:
            lock.unlink()
            check_second = second.enter_context(alone(url))
            with pytest.raises(AlreadyRuns, match="is already running, pid"):
                check()
        check_second()
        with pytest.raises(AlreadyRuns), alone(url):
            pass
    assert not lock.exists()


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


def test_a_file_of_another_kind_is_one_sentence():
    keeper, cosigner = (Path("docs/examples") / f"{each}.toml" for each in ("keeper", "cosigner"))
    for read, file, words in (
        (load, cosigner, "it has listen, rpc_url, keystore, and no vault, classes, chain"),
        (cosigner_file, keeper, "it has vault, classes, journal, and no listen, rpc_url, keystore"),
    ):
        with pytest.raises(ConfigError) as refused:
            read(file)
        assert str(refused.value) == (
            f"{file}: a file of another kind: {words}: name the right one"
        )


def test_four_misspelt_sections_make_no_file_of_another_kind(tmp_path):
    text = Path("docs/examples/keeper.toml").read_text()
    file = tmp_path / "keeper.toml"
    for right in ("chain", "venue", "operations", "reporting"):
        text = re.sub(rf"^(\[+){right}([].])", rf"\g<1>{right}s\2", text, flags=re.MULTILINE)
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(file)
    for right in ("chain", "venue", "operations"):
        assert f"[{right}s] unknown key: did you mean '{right}'?" in str(refused.value)


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
