"""Decisions made again in a process of their own: a hostile view costs time and memory there, and
only so much of both."""

import os
import resource
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from strongroom.strategy.again import Again, decide_again


class DecidingProcess:
    """Makes decisions again; ends with the `with` block."""

    def __init__(self, memory: int) -> None:
        """Take the most that the process may have, in bytes."""
        self._memory = memory
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> "DecidingProcess":
        """Begin; the process starts when it is needed."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._end()

    def __call__(
        self, view: bytes, settings: bytes, records: Sequence[bytes], patience_s: float
    ) -> list[Again] | None:
        """Return what comes of each record (strategy/again.py): unknown where the memory is not
        enough; None where the time is not.

        Args:
            patience_s: the start of the process included
        """
        pipe = self._started()
        try:
            pipe.send((view, settings, list(records)))
            if pipe.poll(patience_s):
                found: list[Again] = pipe.recv()
                return found
        except (EOFError, OSError):
            self._end()
            return [Again(None, "deciding ended its process")] * len(records)
        self._end()
        return None

    def _started(self) -> Connection:
        if self._pipe is None:
            context = get_context("spawn")
            self._pipe, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other, self._memory), daemon=True)
            self._process.start()
            other.close()
        return self._pipe

    def _end(self) -> None:
        if self._pipe is not None and self._process is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None


def _serve(pipe: Connection, memory: int) -> None:
    """Decide on what comes until nobody asks any more."""
    _alone()
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    bound = memory if most == resource.RLIM_INFINITY else min(memory, most)
    resource.setrlimit(resource.RLIMIT_AS, (bound, most))
    while True:
        try:
            view, settings, records = pipe.recv()
        except EOFError:
            return
        pipe.send(decide_again(view, settings, records))


def _alone() -> None:
    """Keep what packs print from the audit's own words, and run their sources alone: what a cache
    beside them has, no hash is over."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)
    sys.pycache_prefix, sys.dont_write_bytecode = os.devnull, True  # no folder: nothing is in it
