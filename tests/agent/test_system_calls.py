"""What a process can still ask of the system after it has given up the rest."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from strongroom.backtest.system_calls import (
    ALLOWED,
    ANY_BIT,
    CALLS,
    CLONE,
    CLONE3,
    EQUAL,
    LOAD,
    PRCTL,
    PRLIMIT,
    PROCESSORS,
    SECCOMP,
    TGKILL,
    filter_of,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such filter")
OWN = 4_242
EPERM, ENOSYS = 0x50001, 0x50026

REFUSED = [
    "os.stat('/')", "os.readlink('/proc/self')", "os.statvfs('/')",
    "os.listdir('/')", "os.open('/dev/null', 0)", "os.mkdir('/won')", "os.symlink('1', '/won')",
    "os.link('/won', '/one')", "os.unlink('/won')", "os.rename('/won', '/one')",
    "os.mkfifo('/won')", "os.chmod('/won', 0)", "os.utime('/won')", "os.truncate('/won', 0)",
    "os.getxattr('/', 'user.won')", "os.chdir('/')", "os.fork()", "os.pipe()",
    "os.memfd_create('won')", "os.eventfd(1)", "os.pidfd_open(1)", "os.kill(os.getppid(), 0)",
    "os.kill(os.getpid(), 0)", "os.setpriority(0, 0, 19)", "os.nice(1)", "os.getpgid(0)",
    "os.setsid()", "os.sched_setaffinity(0, [0])", "os.execv('/bin/true', ['true'])",
    "os.posix_spawn('/bin/true', ['true'], {})", "socket.socket()", "socket.socketpair()",
    "time.clock_settime(0, 0)",
    "resource.prlimit(0, resource.RLIMIT_CORE, (0, 0))", "open('/dev/null')",
    "SharedMemory('won', create=True, size=1)",
]  # fmt: skip
ANSWERED = [
    "1 / (not os.access('/', 0))", "os.urandom(4)", "os.getpid()", "os.write(2, b'')",
    "time.sleep(0.001)", "time.time()",
    "mmap.mmap(-1, 10**6)", "len(bytes(10**8))", "os.getcwd()", "os.cpu_count()",
    "resource.getrlimit(resource.RLIMIT_CORE)", "resource.getrusage(0)", "os.times()",
    "list(ThreadPoolExecutor(8).map(abs, range(99)))", "os.sched_getaffinity(0)", "gc.collect()",
    "np.linalg.solve(np.eye(200) * 2, np.ones(200)).sum()",
    "pl.Series(range(10**6)).sort(multithreaded=True).sum()",
    "Highs().run()", "os.uname().sysname",
]  # fmt: skip
SCRIPT = """
import gc, json, mmap, os, resource, socket, sys, time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.shared_memory import SharedMemory
import numpy as np
import polars as pl
from highspy import Highs
from strongroom.backtest.system_calls import give_up_calls
Highs().run()
assert give_up_calls()
found = {}
for line in json.loads(sys.argv[1]):
    try:
        eval(line)
        found[line] = 0
    except Exception as error:
        found[line] = getattr(error, "errno", repr(error))
print(json.dumps(found))
"""


@linux
def test_what_could_tell_or_be_told_is_refused_by_the_system():
    """The true functions, after the filter alone: names, files, processes, ranks, clocks, limits;
    what computes goes on, with threads that begin later."""
    lines = json.dumps([*REFUSED, *ANSWERED])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, lines], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert {each: found[each] for each in REFUSED} == dict.fromkeys(REFUSED, 1)
    assert {each: found[each] for each in ANSWERED} == dict.fromkeys(ANSWERED, 0)


def answer(place, call, *arguments, processor=None):
    """Run the filter as the kernel's machine does."""
    own = list(PROCESSORS.values())[place][1]
    steps = filter_of(place, own, OWN)
    shown = {0: call, 4: own if processor is None else processor}
    for number, value in enumerate(arguments):
        shown[16 + 8 * number], shown[20 + 8 * number] = value & 0xFFFFFFFF, value >> 32
    at = held = 0
    while True:
        code, so, otherwise, value = steps[at]
        at += 1
        if code == LOAD:
            held = shown.get(value, 0)
        elif code == EQUAL:
            at += so if held == value else otherwise
        elif code == ANY_BIT:
            at += so if held & value else otherwise
        else:
            return value


@pytest.mark.parametrize("place", [0, 1])
def test_the_filter_answers_by_number_and_arguments(place):
    known = {numbers[place] for numbers in CALLS.values()} - {None}
    special = {each[place] for each in (CLONE, CLONE3, PRCTL, PRLIMIT, TGKILL)}
    for call in range(600):
        if call not in special:
            assert answer(place, call) == (ALLOWED if call in known else EPERM), call
    assert answer(place, 0x40000000 | CALLS["read"][0]) == EPERM  # x32's numbers
    assert answer(place, CALLS["read"][place], processor=0x40000003) == EPERM  # 32 bits'
    assert answer(place, CLONE[place], 0x3D0F00) == ALLOWED
    assert answer(place, CLONE[place], 0x1200011) == EPERM  # fork
    assert answer(place, CLONE3[place]) == ENOSYS
    assert [answer(place, PRCTL[place], each) for each in (15, 16, 38, 22)] == [
        ALLOWED, ALLOWED, EPERM, EPERM,
    ]  # fmt: skip
    assert answer(place, PRLIMIT[place], 0, 7, 0) == ALLOWED
    assert answer(place, PRLIMIT[place], 0, 7, 0x7F0000000000) == EPERM
    assert answer(place, PRLIMIT[place], 0, 7, 0x1000) == EPERM
    assert answer(place, PRLIMIT[place], 1, 7, 0) == EPERM
    assert answer(place, TGKILL[place], OWN, OWN, 6) == ALLOWED
    assert answer(place, TGKILL[place], 1, 1, 6) == EPERM


@pytest.mark.parametrize(
    ("place", "header"),
    [
        (0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (1, "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_the_kernels(place, header):
    if not Path(header).exists():
        pytest.skip("the kernel's headers are not here")
    text = Path(header).read_text()
    kernels = {
        name: int(number)
        for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", text)
    }
    ours = {name: numbers[place] for name, numbers in CALLS.items()}
    ours |= {"clone": CLONE[place], "clone3": CLONE3[place], "prctl": PRCTL[place]}
    ours |= {"prlimit64": PRLIMIT[place], "tgkill": TGKILL[place], "seccomp": SECCOMP[place]}
    for name, number in ours.items():
        assert kernels.get(name) == number, name
