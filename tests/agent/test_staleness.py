"""How long a vault was fresh, held against each quarter of a day by itself."""

import random

import pytest
from strongroom.audit.events import Dealt, LimitSet, Reported
from strongroom.audit.permissions import Limit
from strongroom.audit.staleness import Staleness
from strongroom.audit.transactions import ByKind
from strongroom.chain.units import DAY

BORN = 1_700_000_000
UNIT_S = DAY // 4  # events and questions are at multiples of six hours


def event(kind, block, age):
    fields = dict.fromkeys(kind.__struct_fields__, 0) | {"block": block}
    if kind is LimitSet:
        fields |= {"limit": Limit.MAX_REPORT_AGE, "new_value": age}
    return kind(**fields)


def is_stale(events, moment):
    """Say it as docs/contracts/Vault.md does: older than the age. A day is the least here."""
    dealt, age = BORN, 0
    for time, kind, new in events:
        if time <= moment:
            dealt, age = (dealt, new) if kind is LimitSet else (time, age)
    return moment > dealt + max(age, DAY)


def quarter_by_quarter(events, start, now):
    """Return how much of the time was fresh: each quarter of a day by itself, by a second in it."""
    return UNIT_S * sum(not is_stale(events, each + 1) for each in range(start, now, UNIT_S))


@pytest.mark.parametrize("seed", range(40))
def test_fresh_time_is_what_was_fresh_of_each_quarter_of_a_day(seed):
    """Reports, settlements and changes of the age in random order; in pieces of any length. Asked
    from any moment after the last report but one."""
    dice, events, time = random.Random(seed), [], BORN
    for _ in range(dice.randrange(1, 20)):
        time += dice.randrange(0, 20) * UNIT_S
        kind = dice.choice([Reported, Dealt, LimitSet])
        events.append((time, kind, dice.randrange(0, 16) * UNIT_S))
    known, piece, times = Staleness(), [], {0: BORN}
    for block, (at, kind, age) in enumerate(events, 1):
        times[block] = at
        piece.append(event(kind, block, age))
        if dice.random() < 0.4:
            known.take(ByKind(piece), times)
            piece, times = [], {}
    known.take(ByKind(piece), times)
    reports = [at for at, kind, _ in events if kind is Reported]
    first = [BORN, BORN, *reports][-2]
    for _ in range(20):
        start = first + dice.randrange(0, 40) * UNIT_S
        now = max(start, time) + dice.randrange(0, 40) * UNIT_S
        assert known.fresh_seconds(start, now) == quarter_by_quarter(events, start, now)
        assert known.is_stale(now) == is_stale(events, now)
