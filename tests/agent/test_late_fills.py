"""Fills long after their decision: each is named by itself, so that what the others add up to can
be forgotten, and nothing slips through where it was.

The decision buys 10 tokens at 0.50 at most: 5 units of cash, and one base unit of rounding.
"""

from dataclasses import replace

from strongroom.audit.checkpoint import Progress
from strongroom.audit.ledger import Ledger
from strongroom.chain.ids import canonical
from strongroom.chain.units import DAY, HOUR

from tests.agent.test_late_reveal import BORN, VAULT, fill, named, record, reported

__all__ = ["reported"]  # the fixture
SIXTY_DAYS = BORN + 60 * DAY
TWICE = ("OrderFilled: size of all its fills", "at most 5000001", "10000000")
LATE = ("OrderFilled: time", "by 2024-01-13 22:13:20 UTC", "2024-01-13 22:13:21 UTC")


def decision(number=0):
    text = record(0) | {"question": f"Will it? {number}"}
    return named(canonical(text)), text


def joined(joiner, *fills):
    """Join fills, each in a piece of its own; return what differs, and the progress."""
    progress = Progress(Ledger(VAULT, 6), 0)
    for each in fills:
        progress.unjoined.append(each)
        joiner.join_again(progress)
        joiner.forget(progress, each.time)
    found = [(each.what, each.expected, each.found) for each in progress.ledger.differences]
    return found, progress


def test_the_last_day_for_a_fill_counts_with_the_first(reported):
    """Whole at once, and again 60 days after the decision, with 59 of them without a fill."""
    name, text = decision()
    first = replace(fill(name), time=BORN + HOUR)
    found, _ = joined(reported(({}, [text])), first, replace(fill(name), time=SIXTY_DAYS))
    assert found == [TWICE]


def test_a_fill_later_than_that_is_a_difference_by_itself(reported):
    name, text = decision()
    late = replace(fill(name), time=SIXTY_DAYS + 1)
    assert joined(reported(({}, [text])), late)[0] == [LATE]
    first = replace(fill(name), time=BORN + HOUR)
    assert joined(reported(({}, [text])), first, late)[0] == [LATE]


def test_small_fills_at_long_intervals_do_not_add_up_unseen(reported):
    """A fill every 50 days: none is 60 days after the one before."""
    name, text = decision()
    fills = [replace(fill(name), time=BORN + HOUR + days * DAY) for days in (0, 50, 100, 150)]
    what = [each[0] for each in joined(reported(({}, [text])), *fills)[0]]
    assert what == [TWICE[0], LATE[0], LATE[0]]


def test_fills_that_waited_are_added_up_before_anything_is_forgotten(reported):
    """Both were there long before a report revealed their decision."""
    name, text = decision()
    progress = Progress(Ledger(VAULT, 6), 0)
    progress.unjoined = [replace(fill(name), time=BORN + hours * HOUR) for hours in (2, 1)]
    joiner = reported(({}, [text]))
    joiner.join_again(progress)
    joiner.forget(progress, BORN + 365 * DAY)
    (found,) = progress.ledger.differences
    assert (found.what, found.expected, found.found) == TWICE
    assert progress.filled == {}


def test_what_is_remembered_does_not_grow_with_the_number_of_decisions(reported):
    """A decision a day for 200 days, filled within the hour: of 60 days and this one."""
    texts = [record(0) | {"time": BORN + day * DAY} for day in range(200)]
    joiner = reported(({}, texts))
    kept = []
    progress = Progress(Ledger(VAULT, 6), 0)
    for day, text in enumerate(texts):
        now = BORN + day * DAY + HOUR
        progress.unjoined.append(replace(fill(named(canonical(text))), time=now))
        joiner.join_again(progress)
        joiner.forget(progress, now)
        kept.append(len(progress.filled))
    assert progress.ledger.differences == [] and progress.joined == 200
    assert max(kept) == kept[-1] == 60


def test_very_many_fills_without_a_decision_are_counted_and_a_thousand_named(reported):
    progress, joiner = Progress(Ledger(VAULT, 6), 0), reported(({}, []), ({}, []), ({}, []))
    progress.unjoined = [replace(fill("0x" + "77" * 32), time=BORN + HOUR)] * 1_002
    joiner.join_again(progress)
    found = joiner.unrevealed(progress, BORN + 9 * DAY).differences
    assert len(found) == 1_001 and found[-1].what == "OrderFilled.metadata: more fills"
    assert found[-1].found == "2"
