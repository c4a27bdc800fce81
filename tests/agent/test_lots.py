"""Lots of shares, by numbers made by hand: the oldest leaves first, unknown is not zero."""

import pytest
from strongroom.depositor.lots import MovementKind, ShareMovement, lots_of
from strongroom.depositor.statement import StatementResult
from strongroom.errors import Differs

from tests.defaults import SHARE, UNIT

DAY = 86_400
START = 1_700_006_400  # 2023-11-15 00:00


def move(day, kind, shares, assets=None, comes=False):
    paid = None if assets is None else assets * UNIT
    return ShareMovement(START + day * DAY, day, f"0x{day}", kind, shares * SHARE, paid, comes)


def bought(day, shares, assets):
    return move(day, MovementKind.BOUGHT, shares, assets, True)


def told(lots):
    return [
        (lot.shares // SHARE, lot.cost and lot.cost / UNIT, lot.gain and lot.gain / UNIT)
        for lot in lots
    ]


def test_the_oldest_lot_leaves_first_and_in_parts():
    """1,000 for 1,000 and 400 for 500; 1,200 leave for 1,440: the whole first lot at 1.2 a share
    gains 200, and half of the second one, which cost 250, loses 10."""
    sold = move(3, MovementKind.REDEEMED, 1_200, 1_440)
    lots = lots_of([bought(1, 1_000, 1_000), bought(2, 400, 500), sold])
    assert told(lots) == [(1_000, 1_000, 200), (200, 250, -10), (200, 250, None)]
    assert [each.left for each in lots] == [sold, sold, None]
    assert sum(each.proceeds for each in lots[:2]) == 1_440 * UNIT


def test_thirds_lose_no_unit():
    three = [move(2 + n, MovementKind.REDEEMED, 1, 1) for n in range(3)]
    lots = lots_of([bought(1, 3, 10), *three])
    assert [each.cost for each in lots] == [3_333_333, 3_333_333, 3_333_334]


def test_what_is_not_known_stays_unknown():
    """Shares from somebody else have no known cost; shares sent away, and shares that left for
    outcome tokens, no known proceeds."""
    lots = lots_of(
        [move(1, MovementKind.RECEIVED, 10, comes=True), bought(2, 10, 20),
         move(3, MovementKind.REDEEMED, 5, 7), move(4, MovementKind.SENT, 5),
         move(5, MovementKind.IN_KIND, 4)]
    )  # fmt: skip
    assert told(lots) == [(5, None, None), (5, None, None), (4, 8, None), (6, 12, None)]
    result = StatementResult("0x1", "0x2", "pUSD", 9, tuple(lots))
    assert result.as_csv().splitlines()[1:] == [
        "2023-11-16 00:00,1,received,0x1,5,,pUSD,2023-11-18 00:00,3,redeemed,0x3,7,",
        "2023-11-16 00:00,1,received,0x1,5,,pUSD,2023-11-19 00:00,4,sent,0x4,,",
        "2023-11-17 00:00,2,bought,0x2,4,8,pUSD,2023-11-20 00:00,5,left in kind,0x5,,",
        "2023-11-17 00:00,2,bought,0x2,6,12,pUSD,,,,,,",
    ]
    words = result.lines()
    assert words[-2:] == [
        "3 left, gain 0.00 pUSD, of 0 that are known",
        "1 are there: 6.000000 shares, cost 12.00 pUSD",
    ]
    assert "cost not known; sent 2023-11-19 00:00 UTC, got not known, gain not known" in words[2]


def test_more_that_left_than_came_is_a_history_with_a_hole():
    with pytest.raises(Differs, match="use an archive node"):
        lots_of([bought(1, 10, 10), move(2, MovementKind.SENT, 11)])
