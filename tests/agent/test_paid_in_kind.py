"""What accounts paid beside exits in kind, by logs made by hand in the contracts' order: delegated
accounts, the exit's event, the others, the vault last."""

from types import SimpleNamespace

from strongroom.audit.events import PaidInKind, RedeemedInKind
from strongroom.audit.in_kind import paid_in_kind
from strongroom.audit.movements import Moved, Movements
from strongroom.audit.transactions import ByKind

VAULT, ANN, BEN = "0xvault", "0xaa", "0xbb"
ENFORCED, DELEGATED, WALLET = "0xe1", "0xd1", "0xw1"
OWNERS = {ENFORCED: ("0xm1", 0), DELEGATED: ("0xm2", 1), WALLET: ("0xm3", 0)}


def event(kind, index, **fields):
    return kind(block=9, transaction="0x1", index=index, address=VAULT, **fields)


def left(index, receiver):
    return event(
        RedeemedInKind, index, owner=ANN, receiver=receiver, shares=1, part=1, supply=2, assets=5,
        skipped=(),
    )  # fmt: skip


def paid(index, market, assets):
    fields = dict.fromkeys(PaidInKind.__struct_fields__, 0)
    fields |= {"market": market, "assets": assets, "block": 9, "transaction": "0x1"}
    return PaidInKind(**(fields | {"index": index, "address": VAULT}))


def move(index, sender, receiver, amount, token="", transaction="0x1"):
    return Moved((9, index), transaction, token, sender, receiver, amount)


def found(events, moves):
    movements = Movements(OWNERS, moved=moves)
    holders = SimpleNamespace(at=lambda who, _: who if who in OWNERS else "")
    return paid_in_kind(movements, ByKind(events), holders)


def test_two_exits_of_one_transaction_to_one_receiver_have_each_their_own():
    events = [paid(2, "0xm2", 30), left(3, ANN), paid(8, "0xm2", 20), left(9, ANN)]
    moves = [
        move(1, DELEGATED, ANN, 30), move(4, ENFORCED, ANN, 7), move(5, ENFORCED, ANN, 8, "token"),
        move(6, WALLET, ANN, 2), move(7, DELEGATED, ANN, 20), move(10, ENFORCED, ANN, 6),
        move(11, VAULT, ANN, 5),
    ]  # fmt: skip
    assert found(events, moves) == {(9, 3): 30 + 7 + 2, (9, 9): 20 + 6}


def test_what_goes_elsewhere_or_at_another_time_is_of_no_exit():
    moves = [
        move(1, ENFORCED, ANN, 1), move(4, ENFORCED, BEN, 2), move(5, ANN, ENFORCED, 3),
        move(6, ENFORCED, ANN, 4, transaction="0x2"),
    ]  # fmt: skip
    assert found([left(3, ANN)], moves) == {}
    assert found([], moves) == {}
