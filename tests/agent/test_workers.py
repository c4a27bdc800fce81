"""One function on many tasks, in processes."""

import os
import time

import pytest
from strongroom.errors import BadInput
from strongroom.workers import WorkerDied, each_result


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
