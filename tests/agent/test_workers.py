"""One function on many tasks, in processes."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from strongroom.errors import BadInput, Defect
from strongroom.workers import MOST_READY, WorkerDied, each_result, one_ahead

ROOT = Path(__file__).parents[2]


def squared(number):
    return number * number


def dying(number):
    if number == 3:
        os._exit(9)
    time.sleep(0.05)
    return number


def failing(number):
    raise BadInput(f"not {number}")


def test_every_task_has_its_result():
    assert dict(each_result(squared, range(9), workers=2)) == {n: n * n for n in range(9)}
    assert list(each_result(squared, [], workers=2)) == []


def test_a_process_that_dies_costs_its_task_alone():
    found = dict(each_result(dying, range(8), workers=3))
    assert isinstance(found.pop(3), WorkerDied)
    assert found == {n: n for n in range(8) if n != 3}


def test_what_a_task_raises_is_raised():
    with pytest.raises(BadInput, match="not 5"):
        list(each_result(failing, [5], workers=1))


def test_an_address_without_a_cluster_is_said_at_once(monkeypatch):
    """Ray itself waits for minutes, and warns."""

    class Ray(SimpleNamespace):
        is_initialized = staticmethod(lambda: False)
        init = staticmethod(lambda **_: pytest.fail("it waits"))

    monkeypatch.setitem(sys.modules, "ray", Ray())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        for each in (address, f"ray://{address}"):
            with pytest.raises(BadInput, match=f"no Ray cluster at {each}, or"):
                list(each_result(squared, [1], "ray", address=each))


def waiting(folder):
    (folder / str(os.getpid())).touch()
    time.sleep(600)


KILLED = """
import pathlib, sys
from strongroom.workers import each_result
from tests.agent.test_workers import waiting
if __name__ == "__main__":
    list(each_result(waiting, [pathlib.Path(sys.argv[1])] * 2, workers=2))
"""


def test_workers_end_with_whoever_gives_them_work_even_if_that_is_killed(tmp_path):
    """Else the next run would find them at work in its folder."""
    script, work = tmp_path / "killed.py", tmp_path / "work"
    script.write_text(KILLED)
    work.mkdir()
    there = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "agent")])}
    run = subprocess.Popen([sys.executable, script, work], env=there)
    until(lambda: len(list(work.iterdir())) == 2)
    run.kill()
    run.wait()
    for each in work.iterdir():
        until(lambda process=int(each.name): not is_alive(process))


def is_alive(process):
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


def until(is_so, patience_s=60):
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def counted(end, error=None):
    """Yield numbers, then raise; says in which process."""
    for number in range(end):
        yield number, os.getpid()
    if error is not None:
        raise error


def test_one_ahead_yields_the_same_from_another_process():
    found = list(one_ahead(counted(50)))
    assert [number for number, _ in found] == list(range(50))
    assert {process for _, process in found}.isdisjoint({os.getpid()})
    assert list(one_ahead(iter(()))) == []


def test_what_is_raised_ahead_is_raised_here_behind_what_came_before():
    items = one_ahead(counted(2, BadInput("not so")))
    assert [next(items)[0], next(items)[0]] == [0, 1]
    with pytest.raises(BadInput, match="not so"):
        next(items)


class Unsendable(Exception):
    """Cannot be made of its own words."""

    def __init__(self, one, two):
        super().__init__(one)
        self.two = two


def test_an_error_that_cannot_be_sent_is_told():
    with pytest.raises(Defect, match="Unsendable"):
        list(one_ahead(counted(0, Unsendable("a", "b"))))


def test_an_error_that_cannot_even_be_packed_is_told(capfd):
    """The process died with a traceback of its own, beside the command's words."""
    error = BadInput("locked")
    error.lock = threading.Lock()
    with pytest.raises(Defect, match="locked"):
        list(one_ahead(counted(0, error)))
    assert capfd.readouterr().err == ""


def test_a_reader_that_dies_is_no_end():
    def dying_soon():
        yield 1
        os._exit(9)

    with pytest.raises(Defect, match="reads ahead has ended"):
        list(one_ahead(dying_soon()))


def test_a_reader_is_no_further_ahead_than_it_may_be(tmp_path):
    """Of items that nobody takes it makes those that may be ready, and the next."""

    def marked():
        for number in range(100):
            (tmp_path / str(number)).touch()
            yield bytes(2**20)

    items = one_ahead(marked())
    for taken in range(1, 20):
        next(items)
        assert len(list(tmp_path.iterdir())) <= taken + MOST_READY + 2
    items.close()


def test_a_reader_ends_with_whoever_reads():
    items = one_ahead(counted(10**9))
    process = next(items)[1]
    items.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
