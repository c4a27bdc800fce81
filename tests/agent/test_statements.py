"""Months of depositors, by numbers made by hand."""

from datetime import UTC, datetime
from types import SimpleNamespace

from msgspec import structs
from strongroom.audit.events import Deposit, DepositRequest, DepositRequestCancelled, Withdraw
from strongroom.audit.queues import AuditedEpoch
from strongroom.audit.statements import Statements

from tests.defaults import SHARE, UNIT, VIRTUAL

ANN, BEN, MANAGER, VAULT = "0xaa", "0xbb", "0xff", "0xvault"


def books(nav, holders, deposits=None, redemptions=None):
    """Return what a statement reads of the books; nav in units, holders in shares."""
    return SimpleNamespace(
        vault=VAULT,
        nav=(nav * UNIT, nav * UNIT),
        shares=sum(holders.values()) * SHARE + VIRTUAL,
        holders={who: amount * SHARE for who, amount in holders.items()},
        queues=(deposits or {}, redemptions or {}),
    )


def hear(statements, kind, transaction="0x1", **fields):
    others = {each.name: "" for each in structs.fields(kind) if each.name not in fields}
    place = {"block": 1, "transaction": transaction, "index": 0, "address": VAULT}
    statements.on_event(kind(**(others | place | fields)))


def at(month, day):
    time = datetime(2026, month, day, tzinfo=UTC)
    return SimpleNamespace(time=int(time.timestamp()), block=100 * month + day)


def epoch(asked, settled=0, given=0, **fields):
    """Return a closed epoch of Ann's, of which something is settled."""
    found = AuditedEpoch(closed_by=1, **fields)
    found.ask(ANN, asked, 0)
    if settled:
        found.settle(settled, given)
    return found


def test_months_of_two_depositors():
    """Ann asks for 1,000 and has it; Ben enters with 500 when a share is 1.25; Ann asks to redeem
    400, gets 300 of them at 1.5 as 450, and takes 200 of that."""
    statements = Statements()
    hear(statements, DepositRequest, controller=ANN, assets=1_000 * UNIT)
    statements.on_report(at(1, 10), books(0, {}, {1: epoch(1_000 * UNIT)}))
    done = epoch(1_000 * UNIT, 1_000 * UNIT, 1_000 * SHARE)
    statements.on_report(at(1, 31), books(1_000, {VAULT: 1_000}, {1: done}))

    hear(statements, Deposit, sender=ANN, owner=ANN, assets=1_000 * UNIT, shares=1_000 * SHARE)
    hear(statements, DepositRequest, controller=BEN, assets=500 * UNIT)
    hear(statements, Deposit, sender=BEN, owner=BEN, assets=500 * UNIT, shares=400 * SHARE)
    statements.on_report(at(2, 20), books(1_750, {ANN: 1_000, BEN: 400}))
    redeemed = epoch(400 * SHARE, 300 * SHARE, 450 * UNIT)
    redeemed.take(ANN, redeemed.standing(ANN), 133 * SHARE, 200 * UNIT)
    hear(statements, Withdraw, owner=ANN, assets=200 * UNIT, shares=133 * SHARE)
    statements.on_report(
        at(3, 5), books(1_650, {ANN: 600, BEN: 400, VAULT: 100}, {}, {2: redeemed})
    )

    assert statements.people == [ANN, BEN]
    jan, feb, mar = statements.of(ANN)
    assert (jan.month, jan.shares, jan.paid_in, jan.paid_out) == (
        "2026-01", 1_000 * SHARE, 1_000 * UNIT, 0)  # fmt: skip
    assert abs(jan.gain) <= 1 and abs(jan.value - 1_000 * UNIT) <= 1
    assert (feb.paid_in, feb.paid_out) == (0, 0) and abs(feb.gain - 250 * UNIT) <= 1
    assert mar.paid_out == 200 * UNIT
    assert 0 <= 700 * SHARE - mar.shares <= 1  # a part of a share-wei stays with the vault
    assert abs(mar.value - (700 * UNIT * 3 // 2 + 250 * UNIT)) <= 2
    assert abs(mar.gain - 250 * UNIT) <= 2  # 1.25 to 1.5 on a thousand shares
    first, second = statements.of(BEN)
    assert (first.month, first.paid_in) == ("2026-02", 500 * UNIT) and abs(first.gain) <= 1
    assert abs(second.gain - 100 * UNIT) <= 1


def test_a_request_that_is_taken_back_leaves_nothing():
    statements = Statements()
    hear(statements, DepositRequest, controller=ANN, assets=70 * UNIT)
    hear(statements, DepositRequestCancelled, controller=ANN, assets=70 * UNIT)
    statements.on_report(at(1, 10), books(0, {MANAGER: 1}))
    (month,) = statements.of(ANN)
    assert (month.value, month.paid_in, month.gain) == (0, 0, 0)


def test_income_is_shared_by_who_held_before_it_came():
    """Ann has 600 of 1,000 shares at the first report, the manager 400. Then 10 come, and Ben
    enters; at the next report the 10 are Ann's and the manager's. What comes later waits."""
    statements = Statements()
    statements.on_report(at(1, 10), books(1_000, {ANN: 600, MANAGER: 400}))
    for block, amount in ((111, 7), (120, 3), (121, 50)):
        statements.on_income(SimpleNamespace(block=block, amount=amount * UNIT))
    statements.on_report(at(1, 20), books(2_000, {ANN: 600, MANAGER: 400, BEN: 1_000}))
    (jan,) = statements.of(ANN)
    assert 0 <= 6 * UNIT - jan.income <= 1
    assert [each.income for each in statements.of(BEN)] == [0]
    statements.on_report(at(2, 1), books(2_000, {ANN: 600, MANAGER: 400, BEN: 1_000}))
    jan, feb = statements.of(ANN)
    assert 0 <= 15 * UNIT - feb.income <= 1
    assert 0 <= 6 * UNIT - jan.income <= 1
    (_, ben) = statements.of(BEN)
    assert 0 <= 25 * UNIT - ben.income <= 1
