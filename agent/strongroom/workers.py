"""One function on many tasks: in processes of this machine, or on a Ray cluster. Neither makes a
difference to a result."""

import multiprocessing
import os
import pickle
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.connection import Connection
from queue import Queue
from threading import Thread
from typing import Any, Literal, TypeVar

from strongroom.errors import BadInput, Defect
from strongroom.extras import how_to_install

T = TypeVar("T")
R = TypeVar("R")
KNOCK_S = 5.0
EngineName = Literal["processes", "ray"]
MOST_READY = 2  # items that wait to be sent, beside the one that is on its way
ON_ITS_WAY = 2**20  # bytes of an item that need not wait for whoever receives it


@dataclass(frozen=True)
class WorkerDied:
    """The process that worked on a task ended without a result."""

    why: str


def each_result(
    run: Callable[[T], R],
    tasks: Sequence[T],
    engine: EngineName = "processes",
    workers: int | None = None,
    address: str | None = None,
) -> Iterator[tuple[T, R | WorkerDied]]:
    """Yield each task with its result, as they are finished. A task whose process dies costs itself
    alone. Where the caller stops, what runs is stopped.

    Args:
        run: a function of a module; what it raises is raised here
        workers: processes, or Ray's CPUs on this machine; None: one a CPU
        address: of a Ray cluster; without it Ray starts on this machine

    Raises:
        BadInput: Ray is asked for and not installed, or not at the address.
    """
    if engine == "ray":
        return _by_ray(run, tasks, workers, address)
    return _by_processes(run, tasks, workers)


def _by_processes(
    run: Callable[[T], R], tasks: Sequence[T], workers: int | None
) -> Iterator[tuple[T, R | WorkerDied]]:
    """A process that dies takes its pool along: whatever ran then runs again, alone."""
    waiting, most = deque(tasks), workers or multiprocessing.cpu_count()
    while waiting:
        broken: list[T] = []
        for task, result in _in_pool(run, waiting, most):
            if isinstance(result, WorkerDied):
                broken.append(task)
            else:
                yield task, result
        for task in broken:
            yield from _in_pool(run, deque([task]), 1)


def _in_pool(
    run: Callable[[T], R], waiting: deque[T], most: int
) -> Iterator[tuple[T, R | WorkerDied]]:
    """Take tasks from the queue until it is empty or the pool is broken."""
    context = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(most, mp_context=context, initializer=_end_with_parent)
    is_whole = True
    under_way: dict[Future[R], T] = {}
    try:
        while under_way or (waiting and is_whole):
            while waiting and is_whole and len(under_way) < most:
                try:
                    under_way[pool.submit(run, waiting[0])] = waiting[0]
                except BrokenProcessPool:
                    is_whole = False
                else:
                    waiting.popleft()
            if not under_way:
                return
            finished, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for each in finished:
                task = under_way.pop(each)
                try:
                    result: R | WorkerDied = each.result()
                except BrokenProcessPool as error:
                    is_whole, result = False, WorkerDied(str(error))
                yield task, result
    finally:
        if under_way:
            for process in multiprocessing.active_children():
                process.terminate()
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end with the one that gives it work, also where that is killed: what goes on
    then must find nobody at work."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "it is a worker"
    sentinel = parent.sentinel

    def watch() -> None:
        connection.wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _by_ray(
    run: Callable[[T], R], tasks: Sequence[T], workers: int | None, address: str | None
) -> Iterator[tuple[T, R | WorkerDied]]:
    try:
        import ray
    except ImportError as error:
        raise BadInput(f"ray is not installed: {how_to_install('ray')}") from error
    if not ray.is_initialized():
        try:
            if address is not None:
                _knock(address)
            ray.init(
                address=address,
                num_cpus=None if address else workers,
                include_dashboard=False,
                log_to_driver=False,
            )
        except (OSError, ValueError) as error:
            raise BadInput(
                f"there is no Ray cluster at {address}, or it lets nobody in: start one, or set "
                "Ray's token of this one"
            ) from error
    remote = ray.remote(run)
    under_way = {remote.remote(task): task for task in tasks}
    try:
        while under_way:
            finished, _ = ray.wait(list(under_way), num_returns=1)
            task = under_way.pop(finished[0])
            try:
                result: R | WorkerDied = ray.get(finished[0])
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.RayError as error:
                result = WorkerDied(type(error).__name__)
            yield task, result
    finally:
        for each in under_way:
            ray.cancel(each)


def _knock(address: str) -> None:
    """Raise OSError where nobody listens at HOST:PORT: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_S).close()


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator yields. It runs in a process of its own, at the next items while the
    caller is at this one; the process is forked, so nothing of the iterator needs to be copied.
    What it raises is raised here.

    Raises:
        Defect: the process ended without a word.
    """
    context = multiprocessing.get_context("fork")
    inbox, outbox = context.Pipe(duplex=False)
    with suppress(ImportError, AttributeError, OSError):  # Linux, and within the user's limit
        from fcntl import F_SETPIPE_SZ, fcntl

        fcntl(outbox.fileno(), F_SETPIPE_SZ, ON_ITS_WAY)
    process = context.Process(target=_send_all, args=(items, inbox, outbox), daemon=True)
    process.start()
    outbox.close()
    try:
        while (found := _received(inbox)) is not None:
            if isinstance(found, Exception):
                raise found
            yield found[0]
    finally:
        inbox.close()
        process.kill()
        process.join()


def _received(inbox: Connection) -> Any:
    """Return a pair with the next item, an error, or None at the end."""
    try:
        return pickle.loads(inbox.recv_bytes())
    except EOFError:
        return Defect("the process that reads ahead has ended: try again")


def _send_all(items: Iterator[T], inbox: Connection, outbox: Connection) -> None:
    """Send each item as a pair, an error as such, and None at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever waits for the items ends this process
    inbox.close()
    ready: Queue[bytes | None] = Queue(MOST_READY)
    sender = Thread(target=_send, args=(ready, outbox), daemon=True)
    sender.start()
    try:
        for item in items:
            ready.put(pickle.dumps((item,), pickle.HIGHEST_PROTOCOL))
    except Exception as error:
        ready.put(_packed(error))
    else:
        ready.put(pickle.dumps(None))
    ready.put(None)
    sender.join()


def _packed(error: Exception) -> bytes:
    """Return an error as it is sent; as a Defect where it cannot be."""
    try:
        text = pickle.dumps(error)
        pickle.loads(text)
    except Exception:
        return pickle.dumps(Defect(repr(error)))
    return text


def _send(ready: "Queue[bytes | None]", outbox: Connection) -> None:
    """Send what is ready, until None: whoever reads the items need not wait for it. Where nobody
    receives any more, the process is over."""
    try:
        while (text := ready.get()) is not None:
            outbox.send_bytes(text)
    except OSError:
        os._exit(0)
