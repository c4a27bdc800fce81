"""A filter of system calls, for good: the system itself refuses what is not needed to compute, to
compiled code and to whoever finds a true function among Python's objects.

Linux has such filters (seccomp(2)), programs for the kernel's small machine; no privilege is needed
to give something up. Elsewhere, and on processors that are not in the table, nothing is filtered.
Numbers: the kernel's unistd.h of each processor.
"""

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Mapping, Sequence

# name: its number on x86_64 and on aarch64; None: it has none there
CALLS: Mapping[str, tuple[int, int | None]] = {
    "brk": (12, 214), "clock_getres": (229, 114), "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115), "close": (3, 57), "dup": (32, 23), "dup2": (33, None),
    "exit": (60, 93), "exit_group": (231, 94), "fcntl": (72, 25), "fstat": (5, 80),
    "futex": (202, 98), "get_mempolicy": (239, 236), "getcpu": (309, 168), "getcwd": (79, 17),
    "getegid": (108, 177), "geteuid": (107, 175), "getgid": (104, 176), "getgroups": (115, 158),
    "getpid": (39, 172), "getrandom": (318, 278), "getresgid": (120, 150),
    "getresuid": (118, 148), "getrlimit": (97, 163), "getrusage": (98, 165),
    "gettid": (186, 178), "gettimeofday": (96, 169), "getuid": (102, 174), "ioctl": (16, 29),
    "lseek": (8, 62), "madvise": (28, 233), "membarrier": (324, 283), "mincore": (27, 232),
    "mlock": (149, 228), "mmap": (9, 222), "mprotect": (10, 226), "mremap": (25, 216),
    "munlock": (150, 229), "munmap": (11, 215), "nanosleep": (35, 101), "poll": (7, None),
    "ppoll": (271, 73), "pselect6": (270, 72), "read": (0, 63), "readv": (19, 65),
    "restart_syscall": (219, 128), "rseq": (334, 293), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124), "select": (23, None), "set_robust_list": (273, 99),
    "sigaltstack": (131, 132), "sysinfo": (99, 179), "time": (201, None), "times": (100, 153),
    "uname": (63, 160), "write": (1, 64), "writev": (20, 66),
}  # fmt: skip
CLONE, CLONE3, PRCTL, PRLIMIT, TGKILL, SECCOMP = (
    (56, 220), (435, 435), (157, 167), (302, 261), (234, 131), (317, 277),
)  # fmt: skip
PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # place, the audit's number
A_THREAD = 0x10000  # of clone: a thread, no process
NAMES = (15, 16)  # of prctl: set and get a thread's name
NO_NEW_PRIVILEGES, SET_FILTER, ALL_THREADS = 38, 1, 1

LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # of the kernel's machine
ALLOWED, REFUSED = 0x7FFF0000, 0x50000  # with an error's number
NUMBER_AT, PROCESSOR_AT, ARGUMENTS_AT = 0, 4, 16  # in what a filter is shown, bytes

Step = tuple[int, int, int, int]  # code, steps to jump where it is so, and where not, value


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_ushort),
        ("so", ctypes.c_ubyte),
        ("otherwise", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Step)))


def give_up_calls() -> bool:
    """Refuse this process, in all its threads, what is not in the table. A refused call fails with
    EPERM. Return whether the system took it."""
    about = PROCESSORS.get(platform.machine())
    if sys.platform != "linux" or about is None:
        return False
    place, processor = about
    steps = filter_of(place, processor, os.getpid())
    program = _Program(len(steps), (_Step * len(steps))(*(_Step(*each) for each in steps)))
    libc = ctypes.CDLL(None)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        return False
    taken: int = libc.syscall(SECCOMP[place], SET_FILTER, ALL_THREADS, ctypes.byref(program))
    return taken == 0


def filter_of(place: int, processor: int, own: int) -> Sequence[Step]:
    """Return the filter's steps.

    Args:
        place: of the processor's numbers in the table
        processor: as the kernel's audit numbers it
        own: this process, the only one that may be signalled
    """
    refused, allowed = (RETURN, 0, 0, REFUSED | errno.EPERM), (RETURN, 0, 0, ALLOWED)
    steps = [
        (LOAD, 0, 0, PROCESSOR_AT),
        (EQUAL, 1, 0, processor),
        refused,
        (LOAD, 0, 0, NUMBER_AT),
    ]
    for number in (numbers[place] for numbers in CALLS.values()):
        if number is not None:
            steps += [(EQUAL, 0, 1, number), allowed]
    # the C library asks for the older one then, whose flags can be seen
    steps += [(EQUAL, 0, 1, CLONE3[place]), (RETURN, 0, 0, REFUSED | errno.ENOSYS)]
    steps += _where(CLONE[place], [_argument(0), (ANY_BIT, 0, 1, A_THREAD), allowed, refused])
    named = [(EQUAL, 1, 0, NAMES[0]), (EQUAL, 0, 1, NAMES[1]), allowed, refused]
    steps += _where(PRCTL[place], [_argument(0), *named])
    to_ask = [
        step
        for part in (_argument(0), _argument(2), _argument(2, high=True))
        for step in (part, (EQUAL, 1, 0, 0), refused)
    ]
    steps += _where(PRLIMIT[place], [*to_ask, allowed])
    steps += _where(TGKILL[place], [_argument(0), (EQUAL, 0, 1, own), allowed, refused])
    return [*steps, refused]


def _argument(number: int, high: bool = False) -> Step:
    return LOAD, 0, 0, ARGUMENTS_AT + 8 * number + 4 * high


def _where(number: int, steps: Sequence[Step]) -> Sequence[Step]:
    """Take these steps at a call; they end in an answer."""
    return [(EQUAL, 0, len(steps), number), *steps]
