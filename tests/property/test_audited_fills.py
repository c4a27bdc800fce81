"""Fills of real accounts, held against what real reports reveal; each verdict by hand."""

import pytest

from tests.property.evidence_life import BUY, EvidenceLife
from tests.property.world import DAY, HOUR, NO, UNIT

NOTHING = "OrderFilled.metadata: no revealed record has this id, of account "


@pytest.fixture
def life(tmp_path):
    """Return a life whose market "m" has a wallet with 1,000 units."""
    found = EvidenceLife(tmp_path)
    found.open("m")
    return found


def settle(life, seconds):
    """Let a flat vault deal without a report."""
    life.world.wait(seconds)
    life.world.settle()
    life.mine()


def a_second_later(life):
    life.world.wait(1)
    life.mine()


def test_no_fill_waits_for_its_decision_longer_than_two_reports_may_take(life):
    """A report is old after two days in this vault, and none comes: it goes on by settlements."""
    block = life.trade("m", BUY, 990 * UNIT, 1_000 * UNIT, place=NO)
    account = life.world.markets["m"].account.address.lower()
    life.end("m")
    settle(life, 4 * DAY)
    verdict = life.audit().verdict
    assert verdict.is_clean and verdict.checked.fills_waiting == 1
    assert "fills whose decisions nobody has seen yet: 1" in verdict.words
    a_second_later(life)
    assert life.told() == [(block, NOTHING + account, "a decision", "none")]
    verdict = life.audit().verdict
    assert verdict.checked.fills_waiting == 0 and "nobody has seen yet" not in verdict.words


def test_the_limit_at_a_fills_block_counts(life):
    """Before the next fill the limit becomes three days, by a checkpoint's way, too."""
    world = life.world
    first = life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    world.set_limit("max_report_age", 3 * DAY)
    life.mine()
    second = life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    life.end("m")
    settle(life, 5 * DAY)
    assert [each[0] for each in life.told()] == [first]
    settle(life, DAY + 1)
    assert [each[0] for each in life.told()] == [first, second]


def test_a_report_that_becomes_old_within_the_hour_is_waited_for_all_the_same(tmp_path):
    """Some vaults admit one report a day: two of them may take two days."""
    life = EvidenceLife(tmp_path)
    life.world.set_limit("max_report_age", HOUR)
    life.open("m")
    life.trade("m", BUY, 10 * UNIT, 20 * UNIT)
    life.end("m")
    settle(life, 2 * DAY)
    assert life.audit().verdict.checked.fills_waiting == 1
    a_second_later(life)
    assert [each[1].partition(",")[0] for each in life.told()] == [NOTHING.partition(",")[0]]
