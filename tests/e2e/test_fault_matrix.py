"""A part of the fault matrix, which `make faults` plays whole; and that nothing is left out."""

from pathlib import Path

import pytest
from strongroom.devnet.clob.faults import Faults
from strongroom.devnet.clob.habits import Habits

from tests.e2e.faults.matrix import play
from tests.e2e.faults.soak import eligible
from tests.e2e.faults.table import ELSEWHERE, NOT_THE_KEEPERS, ROWS
from tests.e2e.faults.world import world

PARTS = {  # a row of each kind of fault
    ("K1", "restart; Gamma and books are away"),
    ("K1", "restart, no book was ever seen"),
    ("K4", "fees that are not told"),
    ("K10", "frames that are none"),
    ("K19", "a heartbeat refused, the due id named"),
    ("K21", "all of a batch is refused for haste"),
    ("mode", "disabled"),
    ("freeze_sockets", "a socket only answers pings"),
    ("bursts", "bursts = True"),
    ("/time", "17 answers that are none, in turn"),
    ("POST /order", "17 answers that are none, in turn"),
    ("GET /data/trades", "pages without end"),
    ("node", "down"),
    ("co-signer", "down"),
    ("disk", "the evidence's folder is a file"),
}
PART = [row for row in ROWS if (row.of, row.name) in PARTS]
OF_THE_SWITCH = {"fail_count", "seed"}  # say how often and how, not what goes wrong


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    with world(tmp_path_factory.mktemp("matrix"), len(PART) + 2) as made:
        yield made


@pytest.mark.parametrize("row", PART, ids=lambda row: f"{row.of} {row.name}")
def test_a_fault_is_named_and_passes(there, row):
    assert not [wrong for outcome in play(there, row) for wrong in outcome.wrong]


def test_every_case_switch_and_habit_has_its_row():
    played = {row.of for row in ROWS} | set(ELSEWHERE) | set(NOT_THE_KEEPERS)
    cases = {f"K{number}" for number in range(1, 32)}
    switches = set(Faults.model_fields) - OF_THE_SWITCH
    assert played >= cases | switches | set(Habits.model_fields)
    assert all(Path(test.split("::")[0]).exists() for test in ELSEWHERE.values())


def test_rows_have_names_of_their_own():
    names = [(row.of, row.name) for row in ROWS]
    assert len(names) == len(set(names)) and set(names) >= PARTS


def test_a_soak_meets_every_kind_that_a_keeper_can_meet_in_another_process():
    met = {row.of for row in eligible()}
    assert {row.of for row in ROWS if not row.owned} == met
