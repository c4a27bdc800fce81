"""Lots of shares, by numbers made by hand: the oldest leaves first, unknown is not zero."""

from types import SimpleNamespace

import pytest
from eth_utils import keccak
from strongroom.depositor.lots import MovementKind, ShareMovement, lots_of
from strongroom.depositor.statement import TOKENS, TRANSFER, StatementResult, _paid_in_kind
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


# what an exit in kind paid, by the receipt of its transaction, in the order of VaultExits.vy

VAULT, ASSET, ME, ACCOUNT = ("0x" + each * 40 for each in "abcd")
SIGNATURES = {
    "left": "RedeemedInKind(address,address,uint256,uint256,uint256,uint256,bytes32[])",
    "paid": "PaidInKind(bytes32,uint256,uint256)",
    "claimed": "Withdraw(address,address,address,uint256,uint256)",
}


def word(value):
    return "0x" + (value[2:] if isinstance(value, str) else f"{value:x}").rjust(64, "0")


def said(name, *words):
    return {
        "address": VAULT, "topics": ["0x" + keccak(text=SIGNATURES[name]).hex(), word(7)],
        "data": "0x" + "".join(word(each)[2:] for each in words),
    }  # fmt: skip


def sent(giver, taker, amount, token=ASSET):
    topics = [TRANSFER, word(giver), word(taker)]
    return {"address": token, "topics": topics, "data": word(amount)}


def in_kind(logs, index, assets):
    receipt = {"logs": [each | {"logIndex": hex(n)} for n, each in enumerate(logs)]}
    known = SimpleNamespace(request=lambda method, transaction: receipt)
    vault = SimpleNamespace(address=VAULT, asset=SimpleNamespace(address=ASSET))
    exit_ = SimpleNamespace(transaction="0x1", index=index, args={"receiver": ME, "assets": assets})
    return _paid_in_kind(known, vault, exit_)


def test_a_claim_in_the_transaction_of_an_exit_is_not_of_it():
    """Of a request, 400 were settled, and its rest leaves for 150 of idle and 50 of an account:
    the 400 are the claim's, by its own event."""
    logs = [said("left"), sent(ACCOUNT, ME, 50), sent(VAULT, ME, 150), said("claimed", 400, 1),
            sent(VAULT, ME, 400)]  # fmt: skip
    assert in_kind(logs, 0, 150) == 200


def test_delegated_accounts_pay_before_the_event():
    """Two exits in one transaction: each has what accounts paid before its own event."""
    logs = [sent(ACCOUNT, ME, 30), said("paid", 30, 20), said("left"), sent(VAULT, ME, 5),
            sent(ACCOUNT, ME, 10), said("paid", 10, 10), said("left"), sent(ACCOUNT, ME, 1),
            sent(VAULT, ME, 4)]  # fmt: skip
    assert in_kind(logs, 2, 5) == 35
    assert in_kind(logs, 6, 4) == 15


def test_what_came_with_outcome_tokens_has_no_price():
    to = [TOKENS[0], word(VAULT), word(ACCOUNT), word(ME)]
    token = {"address": "0x" + "e" * 40, "topics": to, "data": word(1)}
    assert in_kind([said("left"), token, sent(VAULT, ME, 5)], 0, 5) is None


@pytest.mark.parametrize(
    ("shares", "written"),
    [
        (1, "0.000000000000000001"),
        (10**31 + 1, "10000000000000.000000000000000001"),
        (123_456_789_012_345_678_901_234_567_890_123, "123456789012345.678901234567890123"),
    ],
)
def test_shares_are_exact_in_a_file_however_many(shares, written):
    lots = lots_of([ShareMovement(0, 1, "0x1", MovementKind.BOUGHT, shares, 10**33 + 1, True)])
    (_, row) = StatementResult("0x1", "0x2", "pUSD", 9, tuple(lots)).as_csv().splitlines()
    assert row.split(",")[4:6] == [written, "1000000000000000000000000000.000001"]
