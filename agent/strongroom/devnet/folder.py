"""The folder that a devnet works in: one process at a time, and nobody else's files are deleted."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from strongroom.chain.anvil import check_port
from strongroom.errors import Refused

LOCK = ".strongroom"  # stays in the folder and says whose it is
NO_PORTS: Mapping[int, str] = MappingProxyType({})


class FolderTaken(Refused):
    """A process works in the folder, or it is not a devnet's; nothing was touched."""


@contextmanager
def claimed(folder: Path, what: str, ports: Mapping[int, str] = NO_PORTS) -> Iterator[Path]:
    """Empty a devnet's folder and keep others out of it while the block runs; yield it.

    Args:
        what: runs there: "practice", "demo" ...
        ports: that must be free, and the options that name others; 0 is always

    Raises:
        FolderTaken: see the class.
        PortTaken: something listens on one of them; nothing was touched.
    """
    lock = folder / LOCK
    if folder.exists() and any(folder.iterdir()) and not lock.exists():
        raise FolderTaken(
            f"{folder} has files that no {what} has written: name another folder, or delete it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTaken(_who(lock, what, folder)) from None
        for port, option in ports.items():
            if port:
                check_port(port, option)
        _empty(folder)
        held.truncate(0)
        held.write(json.dumps({"process": os.getpid(), "ports": [*ports]}))
        held.flush()
        yield folder


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.name == LOCK:
            continue
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def _who(lock: Path, what: str, folder: Path) -> str:
    try:
        found = json.loads(lock.read_text())
        ports = "".join(f", port {each}" for each in found["ports"])
        process = f"pid {found['process']}{ports}"
    except (ValueError, KeyError, TypeError):
        process = "a process that is starting"
    return f"a {what} is already running in {folder}, {process}: end it first; nothing was touched"
