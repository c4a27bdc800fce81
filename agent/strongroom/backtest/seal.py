"""What a process of packs gives up before code from outside runs in it.

The system refuses every new file, socket and pipe (`RLIMIT_NOFILE`), to compiled code as well, and
a hook tells what was tried. Names say something, too: a link may point to a name that is an
outcome, and a name that one run makes can be found by the next. No hook hears of most functions
that ask for names. So of all that the system offers the harmless ones alone are left, and on Linux
the system itself answers nothing else (system_calls.py).
"""

import os
import posix
import resource
import stat
import sys
import sysconfig
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.machinery import FileFinder
from pathlib import Path
from types import BuiltinFunctionType, ModuleType, SimpleNamespace

from strongroom.backtest.system_calls import give_up_calls

REACHES = frozenset(
    ["ctypes", "fcntl", "mmap", "open", "os", "resource", "shutil", "socket", "sqlite3",
     "subprocess", "syslog"]
)  # fmt: skip
HARMLESS = frozenset(  # of `posix`: the process itself and the pipes that it has
    ["WCOREDUMP", "WEXITSTATUS", "WIFCONTINUED", "WIFEXITED", "WIFSIGNALED", "WIFSTOPPED",
     "WSTOPSIG", "WTERMSIG", "_exit", "_inputhook", "_is_inputhook_installed", "_path_normpath",
     "_path_splitroot", "_path_splitroot_ex", "abort", "close", "closerange", "confstr",
     "cpu_count", "device_encoding", "dup", "dup2", "fspath", "get_blocking",
     "get_inheritable", "getcwd", "getcwdb", "getegid", "geteuid", "getgid", "getgroups", "getpid",
     "getrandom", "getresgid", "getresuid", "getuid", "isatty", "lseek", "major", "makedev",
     "minor", "read", "readv", "register_at_fork", "sched_get_priority_max",
     "sched_get_priority_min", "sched_getaffinity", "sched_yield", "set_blocking",
     "set_inheritable", "strerror", "sysconf", "times", "uname", "urandom",
     "waitstatus_to_exitcode", "write", "writev"]
)  # fmt: skip
UNHEARD = {  # of other modules: what no hook hears of, or what leads to where no hook is
    "_interpreters": ("create", "exec", "run_string"),
    "_multiprocessing": ("SemLock", "sem_unlink"),
    "_posixshmem": ("shm_open", "shm_unlink"),
    "_posixsubprocess": ("fork_exec",),
    "_xxsubinterpreters": ("create", "run_string"),
    "time": ("clock_settime", "clock_settime_ns"),
}
CODE = (".py", ".pyc", ".so")  # refused as well, and told by the import that then fails
INIT = "__init__.py"
INSTALLED = tuple(  # folders of code
    f"{each}{os.sep}"
    for each in {
        *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")),
        str(Path(__file__).parents[1]),
    }
)

Refused = Callable[..., None]


def seal(reached: list[str]) -> None:
    """Open nothing from now on, ask for no name, and note what tries to."""

    def refuse(event: str, about: tuple[object, ...]) -> None:
        if event.partition(".")[0] not in REACHES:
            return
        what = str(about[0]) if about else ""
        listing = event in ("os.listdir", "os.scandir")
        if not listing and not (event in ("open", "os.stat") and what.endswith(CODE)):
            reached.append(f"{event} {what}".strip())
        raise PermissionError(f"a pack of a backtest has its views alone: {event} {what}")

    def refused(event: str, *about: object, **named: object) -> None:
        refuse(event, about or tuple(named.values()))

    os.environ.clear()
    posix.environ.clear()
    os.chdir("/")  # the folder's name may say something, too
    _replace(_unheard(lambda name: partial(refused, f"os.{name}")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    give_up_calls()
    sys.addaudithook(refuse)


def _unheard(refused: Callable[[str], Refused]) -> dict[int, tuple[object, Refused]]:
    """Return what is refused, and what stands there instead, by identity."""
    found: dict[int, tuple[object, Refused]] = {}
    for name, each in vars(posix).items():
        if isinstance(each, BuiltinFunctionType) and name not in HARMLESS:
            found[id(each)] = each, refused(name)
    for module, names in UNHEARD.items():
        try:
            known = vars(import_module(module))
        except ImportError:
            continue
        for name in names:
            if name in known:
                found[id(known[name])] = known[name], refused(name)
    return found


def _replace(instead: Mapping[int, tuple[object, Refused]]) -> None:
    """Put functions in place of others wherever a module has them. Imports go on with the names
    that were in the folders of installed code, so that what is refused to them has its own
    message."""
    known = _names_of_code()
    for module in list(sys.modules.values()):
        held = vars(module) if isinstance(module, ModuleType) else {}
        for name, each in list(held.items()):
            if id(each) in instead:
                held[name] = instead[id(each)][1]
    machinery = vars(import_module("_frozen_importlib_external"))
    machinery["_os"] = SimpleNamespace(**vars(posix) | {"stat": partial(_of_code, known)})
    for name in ("dir_fd", "effective_ids", "fd", "follow_symlinks"):
        getattr(os, f"supports_{name}").clear()  # they hold the true ones


Folders = Mapping[str, tuple[os.stat_result, frozenset[str]]]


def _names_of_code() -> Folders:
    """Return the folders of installed code that imports have looked into, each as it is and the
    names in it; imports forget all others."""
    found = {}
    for folder, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, FileFinder) and f"{folder}{os.sep}".startswith(INSTALLED):
            finder.find_spec("_")  # it reads the names
            place = Path(folder)
            found[folder] = place.stat(), frozenset(each.name for each in place.iterdir())
        else:
            del sys.path_importer_cache[folder]
    return found


def _of_code(known: Folders, path: str) -> os.stat_result:
    """Return what was known of a name among installed code: whether it is a file or a folder."""
    if path in known:
        return known[path][0]
    folder, _, name = path.rpartition(os.sep)
    above, _, inner = folder.rpartition(os.sep)
    there = folder in known and name in known[folder][1]
    if not there and not (name == INIT and above in known and inner in known[above][1]):
        raise FileNotFoundError(f"a pack of a backtest has its views alone: {path}")
    kind = stat.S_IFREG if name.endswith(CODE) else stat.S_IFDIR
    return os.stat_result((kind, *[0] * 9))
