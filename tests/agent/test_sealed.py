"""Packs of a backtest decide where the future is not: leaks of every kind, planted."""

import os
import pickle
import posix
import re
import resource
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strongroom.backtest import deciding
from strongroom.backtest.config import parse
from strongroom.backtest.data import load_history
from strongroom.backtest.deciding import PackFailed, ReachesOut, SealedDecisions, _Sent
from strongroom.backtest.honesty import with_other_future
from strongroom.backtest.run import simulate
from strongroom.backtest.sealed import Seen
from strongroom.data.folder import packaged
from strongroom.settings import ConfigError
from strongroom.strategy.api import make_pack
from strongroom.strategy.decide import decide

from tests.agent.outside_pack import pack_that, write_pack
from tests.agent.test_backtest import SMALL
from tests.agent.test_decide import SALT, market, quote, rules, view

SEEN = view((market(1), quote("0.40", "0.41", 120)), (market(2), quote("0.965", "0.967", 1_000)))
(OUTCOMES,) = map(str, packaged().path.rglob("outcomes-*.parquet"))
DAY_OF_TWO = SMALL | {"run": {"every_s": 6 * 3_600}}


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Ask a pack of some lines what it decides on a view; ends its process."""
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def ask(does, before="", parameters=""):
        name = f"outside{len(made)}"
        write_pack(tmp_path, name, pack_that(does, before, parameters))
        made.append(SealedDecisions({name: {}}))
        return made[-1](SEEN, (), rules(), SALT)

    yield ask
    for each in made:
        each.close()


READ = f"Path({OUTCOMES!r}).read_bytes()"
SILENT = "try:\n    {}\nexcept Exception:\n    pass"


@pytest.mark.parametrize(
    "line",
    [
        READ,
        f"os.open({OUTCOMES!r}, os.O_RDONLY)",
        "import socket; socket.socket()",
        "import subprocess; subprocess.run(['cat', '/dev/null'])",
        "os.system('true')",
        "os.fork()",
        "import ctypes; ctypes.CDLL(None)",
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
        "open(f'/proc/{os.getppid()}/mem', 'rb')",
        "os.stat('/')",
        "os.path.exists('/won')",
        "Path('/won').is_dir()",
        "os.path.islink(path='/won')",
        "os.readlink('/won')",
        "os.access('/', os.R_OK)",
        "os.mknod('/won')",
        "os.mkfifo('/won')",
        "os.mkdir('/won')",
        "os.symlink('1', '/won')",
        "import posix; posix.stat('/')",
        "os.path.samefile('/', '/won')",
        "import shutil; shutil.disk_usage('/')",
        "os.setpriority(os.PRIO_PROCESS, 1, 7)",
        "os.sched_setaffinity(1, [0])",
        "os.kill(1, 0)",
        "import fcntl; fcntl.fcntl(0, fcntl.F_GETFL)",
        "import fcntl; fcntl.flock(0, fcntl.LOCK_SH)",
        "import mmap; mmap.mmap(-1, 1)",
        "import resource; resource.prlimit(1, resource.RLIMIT_NOFILE)",
        "from multiprocessing.shared_memory import SharedMemory; SharedMemory('won')",
        "import _multiprocessing; _multiprocessing.SemLock(0, 1, 1, '/won', False)",
        "import _posixshmem; _posixshmem.shm_unlink('/won')",
        "import _multiprocessing; _multiprocessing.sem_unlink('/won')",
        "import _posixsubprocess; _posixsubprocess.fork_exec()",
        "import time; time.clock_settime(time.CLOCK_REALTIME, 0)",
        "import syslog; syslog.syslog('won')",
    ],
)
def test_a_pack_that_reaches_out_of_its_view_is_found(asked, line):
    """Q10 (a): outcomes by file, sockets, processes; also where it keeps silent about what was
    refused."""
    with pytest.raises(ReachesOut, match="reaches out of its view"):
        asked(SILENT.format(line))


LEFT = (  # what a function of the system may still say: of the process itself, and of its pipes
    "WCOREDUMP WEXITSTATUS WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WSTOPSIG WTERMSIG _exit "
    "_inputhook _is_inputhook_installed _path_normpath _path_splitroot _path_splitroot_ex abort "
    "close closerange confstr cpu_count device_encoding dup dup2 fspath get_blocking "
    "get_inheritable getcwd getcwdb getegid geteuid getgid getgroups getpid getrandom getresgid "
    "getresuid getuid isatty lseek major makedev minor read readv register_at_fork "
    "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_yield set_blocking "
    "set_inheritable strerror sysconf times uname urandom waitstatus_to_exitcode write writev"
)


def test_every_other_function_of_the_system_is_refused_there(asked):
    """By the list of what this Python has, each called, whatever it needs."""
    others = [
        name
        for name in dir(posix)
        if type(getattr(posix, name)) is type(posix.stat) and name not in LEFT.split()
    ]
    assert len(others) > 100
    call = SILENT.format("getattr({module}, name)()").replace("\n", "\n    ")
    with pytest.raises(ReachesOut) as found:
        asked(
            f"import posix\nfor name in {others}:\n    "
            + call.format(module="posix")
            + f"\nfor name in {[each for each in others if hasattr(os, each)]}:\n    "
            + call.format(module="os")
        )
    told = Counter(re.findall(r"os\.(\w+)", str(found.value)))
    unnamed = {name for name in others if name in ("listdir", "scandir")}
    assert {name for name in others if told[name] < 1 + hasattr(os, name)} == unnamed


def test_no_module_holds_a_function_that_was_replaced(asked):
    """Not under another name either, nor that of Python's imports."""
    asked(
        f"left = {LEFT.split()}\n"
        "import importlib, types\n"
        "held = [*sys.modules.values(), importlib._bootstrap_external._os]\n"
        "found = [(getattr(module, '__name__', ''), name) for module in held\n"
        "         for name, each in getattr(module, '__dict__', {}).items()\n"
        "         if isinstance(each, types.BuiltinFunctionType)\n"
        "         and each.__module__ == 'posix' and each.__name__ not in left]\n"
        "assert not found, found"
    )


@pytest.mark.parametrize("path", ["/", "/won", "{here}", "{here}/won", "/usr/lib/../../won"])
def test_imports_say_nothing_of_names_but_those_of_installed_code(asked, tmp_path, path):
    (tmp_path / "won").mkdir()
    asked(
        "import importlib.util\n"
        "from importlib.machinery import PathFinder, SourceFileLoader\n"
        f"path = {path.format(here=tmp_path)!r}\n"
        "try:\n"
        "    SourceFileLoader('won', path).path_stats(path)\n"
        "except FileNotFoundError as error:\n"
        "    assert 'its views alone' in str(error)\n"
        "else:\n"
        "    assert False\n"
        "assert PathFinder.find_spec('won', [path]) is None\n"
        "assert not importlib._bootstrap_external._path_isdir(path)"
    )


def test_it_stands_in_no_folder_and_its_files_are_pipes_of_its_own(asked):
    """A folder's name says something; where a log of several runs ends, one tells the other."""
    asked(
        "import errno\n"
        "assert os.getcwd() == '/' == str(Path().absolute())\n"
        "for each in range(4):\n"
        "    try:\n"
        "        os.lseek(each, 0, os.SEEK_CUR)\n"
        "    except OSError as error:\n"
        "        assert error.errno == errno.ESPIPE\n"
        "    else:\n"
        "        assert False"
    )


def test_what_packs_print_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "prints", pack_that("print('it rains'); sys.stdout.flush()"))
    apart = SealedDecisions({"prints": {}})
    apart(SEEN, (), rules(), SALT)
    apart.close()
    assert capsys.readouterr().err == "it rains\n"


def test_the_environment_is_empty_there(asked, monkeypatch):
    """It could say what came, as names of files could; the sets of what a function can do hold the
    functions."""
    monkeypatch.setenv("WON", "1")
    asked(
        "import posix\n"
        "assert not os.environ and not posix.environ and os.getenv('WON') is None\n"
        "assert not os.supports_fd and not os.supports_follow_symlinks"
    )


def test_what_a_pack_reads_when_it_is_loaded_is_found_too(asked):
    with pytest.raises(ReachesOut, match=r"outcomes-\d+\.parquet"):
        asked("pass", before=SILENT.format(f"KNOWN = {READ}"))


@pytest.mark.parametrize("where", ["before", "does"])
def test_compiled_code_opens_nothing_either(asked, where):
    """Polars opens files by itself, where no hook of Python hears of it: the system refuses."""
    lines = f"import polars\npolars.read_parquet({OUTCOMES!r})"
    with pytest.raises(PackFailed, match=r"refused there|os error (1|24)\b"):
        asked(**{"does": "pass", where: lines})


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such filter")
def test_a_true_function_that_somebody_kept_gets_no_answer(asked, tmp_path):
    """Where Python has lost track of it; compiled code asks the same way."""
    (tmp_path / "keeps.py").write_text(
        "import os\nKEPT = [os.stat, os.readlink, os.mkfifo, os.getppid, os.nice]\n"
    )
    asked(
        "import errno, keeps\n"
        "for each, name in zip(keeps.KEPT, ('/', '/proc/self', '/won', None, 1)):\n"
        "    try:\n"
        "        got = each() if name is None else each(name)\n"
        "    except OSError as error:\n"
        "        assert error.errno == errno.EPERM\n"
        "    else:\n"
        "        assert got == -1, got  # of a call that has no errors"
    )


@pytest.mark.parametrize("name", ["xml.dom.pulldom", "strongroom.devnet.week", "wsgiref.util"])
def test_an_import_that_comes_late_is_named(asked, name):
    """Of a module that is installed, within a function that nobody could read before."""
    with pytest.raises(PackFailed, match=r"its views alone: open .*\.py"):
        asked(f"__import__({name!r}, fromlist=['x'])")
    with pytest.raises(PackFailed, match="ModuleNotFoundError: No module named 'no_such_thing'"):
        asked("__import__('no_such_thing')")


def test_our_own_functions_read_no_history_there(asked):
    with pytest.raises(ReachesOut, match=r"os\.stat .*packaged"):
        asked(
            "from strongroom.backtest.config import parse\n"
            "from strongroom.backtest.data import load_history\n"
            "load_history(parse({'name': 'x', 'packs': {}}))"
        )


def test_nothing_of_a_history_is_in_the_process(asked):
    """No object of the module that has it, though that can be imported; no file but the pipes."""
    asked(
        "from strongroom.backtest import data, engine\n"
        "kinds = (data.PriceHistory, engine.Engine, engine.Listed)\n"
        "assert not [each for each in gc.get_objects() if isinstance(each, kinds)]\n"
        "def is_open(number):\n"
        "    try:\n"
        "        return os.get_blocking(number)\n"
        "    except OSError:\n"
        "        return False\n"
        "assert [each for each in range(256) if is_open(each)] == [0, 1, 2, 3]"
    )


def test_a_pack_that_fails_is_named_with_its_lines(asked):
    with pytest.raises(PackFailed, match=r"(?s)line 19, in propose\n *1 / 0.*division by zero"):
        asked("1 / 0")


@pytest.mark.parametrize("where", ["before", "does"])
def test_a_pack_that_ends_the_process_is_named_with_its_lines(asked, where):
    with pytest.raises(PackFailed, match=r"(?s)a pack fails:.*sys.exit\(0\)\n.*SystemExit: 0"):
        asked(**{"does": "pass", where: "sys.exit(0)"})
    with pytest.raises(PackFailed, match="ended with 7: a pack ended it, or"):
        asked(**{"does": "pass", where: "os._exit(7)"})


def test_packs_from_outside_decide_there(asked):
    """Modules of their own, imports within functions, values of a class: as anywhere."""
    found = asked(
        "import statistics\n"
        "from outside0 import deep\n"
        "assert deep.Made is type(self) and statistics.fmean([1, 3]) == 2\n"
        "for each in view.markets.values():\n"
        "    book = view.book(each, YES)\n"
        "    leg = Leg(each, YES, Side.BUY, book.ask, 10 * MICRO)\n"
        "    found.append(Proposal('made', (leg,), edge=0.05, chance=0.99, cost=0.9,\n"
        "                          evidence=frozenset({'a', 'b'})))\n"
    )
    assert len(found.decisions) == 2


def test_the_pack_of_the_documents_decides_there(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", Path("docs/packs-api.md").read_text(), re.S)
    monkeypatch.syspath_prepend(str(tmp_path))
    write_pack(tmp_path, "cheap", code.replace("class Cheap", "class Made"))
    apart = SealedDecisions({"cheap": {"limit": 500_000}})
    try:
        found = apart(SEEN, (), rules(), SALT)
        assert {each.pack for each in found.passed} == {"cheap"}  # proposed, without evidence
    finally:
        apart.close()


PACKS = {"tail": {}, "dutch": {}, "hedge": {}, "informed": {}, "signal": {}}


def test_the_same_decisions_as_here():
    """Twice: what came before goes there once. The last view has other books and a market less."""
    packs = [make_pack(name, own) for name, own in PACKS.items()]
    later = view((market(2), quote("0.955", "0.957", 800)))
    apart = SealedDecisions(PACKS)
    try:
        for seen in (SEEN, replace(SEEN, now=SEEN.now + 60), later, SEEN):
            here = decide(seen, packs, rules(), SALT)
            assert apart(seen, (), rules(), SALT) == here and here.decisions
    finally:
        apart.close()


def test_markets_and_books_arrive_as_they_are_whatever_was_sent_before():
    """A market changes, comes back as it was, and changes again; so do its books."""
    first, other = market(1), (market(2), quote("0.96", "0.97"))
    raised = replace(first, best_bid=Decimal("0.42"), closed=True)
    low, high = quote("0.40", "0.44"), quote("0.50", "0.54")
    seen = [
        view((first, low), other),
        view((raised, high), other),
        view((first, low), other),
        view((replace(raised, tick=Decimal("0.1")), low), other),
    ]
    sent = _Sent()
    for each in seen * 2:
        assert pickle.loads(sent.dumps(Seen(each, {}))).view == each


def test_numbers_are_taken_anew_once_too_many_are_kept(monkeypatch):
    monkeypatch.setattr(deciding, "MOST_KEPT", 3)
    sent, changed = _Sent(), replace(market(1), best_bid=Decimal("0.42"))
    views = [view((first, quote("0.40", f"0.4{n}")), (market(2), quote("0.96", "0.97")))
             for n in range(4, 8) for first in (market(1), changed)]  # fmt: skip
    for each in views * 2:
        assert pickle.loads(sent.dumps(Seen(each, {}))).view == each


def test_of_a_market_that_has_changed_the_change_alone_is_sent():
    book, long = quote("0.96", "0.97"), market(1, rules="word " * 1_000)
    changed, sent = replace(long, best_bid=Decimal("0.42")), _Sent()
    whole, change = (len(sent.dumps(Seen(view((each, book)), {}))) for each in (long, changed))
    assert whole > 5_000 > change


def test_packs_that_are_not_there_or_do_not_fit_are_refused():
    for packs, why in (({"tale": {}}, "no pack 'tale'"), ({"tail": {"hihg": 1}}, "hihg")):
        apart = SealedDecisions(packs)
        with pytest.raises(ConfigError, match=why):
            apart(SEEN, (), rules(), SALT)
        apart.close()


def test_no_file_is_opened_below_the_limit():
    """The promise that the seal rests on is the system's: checked without our code."""
    lines = "import os, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)); os.close(0)\n"
    code = lines + "try: os.open('/dev/null', os.O_RDONLY)\nexcept OSError as e: print(e.errno)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "24"
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 0 and os.getpid()


# what they are handed


@settings(max_examples=3, deadline=None)
@given(part=st.floats(0.2, 0.9))
def test_what_packs_are_handed_is_the_same_under_another_future(part):
    """Every view up to a moment, whole: outcomes, payouts and their times, later prices differ."""
    config = parse(DAY_OF_TWO)
    history = load_history(config)
    at = int(history.starts_at + part * (history.ends_at - history.starts_at))
    handed = []
    for known in (history, with_other_future(history, at, 7)):
        views = []
        simulate(
            config, "realistic", known, on_view=lambda seen, _, views=views: views.append(seen)
        )
        handed.append([each for each in views if each.now <= at])
    assert len(handed[0]) > 3 and handed[0] == handed[1]
