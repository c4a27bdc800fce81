"""Epochs: which wait, and what a part that is settled gives to whom."""

import ape
import pytest

from tests.contracts.requests_stage import (
    EVEN,
    SUPPLY,
    ask_in,
    ask_out,
    price,
    price_up,
    report_at,
    waits,
)
from tests.defaults import (
    DAY,
    DEPOSIT,
    PRICE,
    REDEEM,
    SHARE,
    UNIT,
    limit,
)

# what waits


def test_a_deposit_waits_while_its_price_is_far_above_the_bid(make_moving, people, report):
    """max_premium 10 %: the price is 1.10 at most, at a bid of 1.00."""
    vault = make_moving(max_premium_bps=1_000)
    ask_in(vault, people.bob, 110 * UNIT)
    report(vault, EVEN)
    report(vault, ("0.5", "0.600001"))
    assert waits(vault, 2)
    with ape.reverts("exceeds claimable"):
        vault.deposit(1, people.bob, sender=people.bob)
    report(vault, ("0.5", "0.6"))  # the higher of two is still above
    assert waits(vault, 2)
    report(vault, ("0.5", "0.6"))
    assert not waits(vault, 2)
    assert vault.maxDeposit(people.bob) == 110 * UNIT
    due = 110 * UNIT * PRICE // price_up(1_100 * UNIT)
    assert due - 1 <= vault.maxMint(people.bob) <= due


def test_a_hidden_loss_makes_deposits_wait(make_moving, people, report):
    """At cost he would pay 1.00 for what is worth .90."""
    vault = make_moving(max_premium_bps=1_000)
    ask_in(vault, people.bob, 110 * UNIT)
    report(vault, ("0.4", "0.5"))
    report(vault, ("0.4", "0.5"))
    assert waits(vault, 2)


def test_deposits_enter_as_far_as_the_room_reaches(roomy, people, report, chain, fund):
    """A day's room is 10 % of NAV at the bid, filled by the second, one day's worth at most."""
    vault = roomy
    fund(vault, people.carol)
    ask_in(vault, people.bob, 200 * UNIT)
    ask_in(vault, people.carol, 100 * UNIT)
    report_at(report, chain, vault, DAY // 4, EVEN)
    assert vault.inflowRoom() == 25 * UNIT
    report_at(report, chain, vault, DAY // 8, EVEN)  # 12.5 more: both get an eighth of theirs
    assert vault.claimableDepositRequest(2, people.bob) == 25 * UNIT
    assert vault.claimableDepositRequest(2, people.carol) == 12_500_000
    assert vault.pendingDepositRequest(2, people.bob) == 175 * UNIT
    assert vault.inflowRoom() == 0
    assert vault.epochOf(DEPOSIT, 2)[:2] == (300 * UNIT, 262_500_000)
    report_at(report, chain, vault, 2 * DAY, EVEN)  # a day's worth of 1,037.5, not two
    assert vault.epochOf(DEPOSIT, 2)[1] == 262_500_000 - 103_750_000
    report_at(report, chain, vault, DAY, EVEN)
    report_at(report, chain, vault, DAY, EVEN)
    assert vault.maxDeposit(people.bob) == 200 * UNIT
    assert vault.maxDeposit(people.carol) == 100 * UNIT
    for who, amount in ((people.bob, 200), (people.carol, 100)):
        vault.deposit(amount * UNIT, who, sender=who)
        assert abs(vault.balanceOf(who) - amount * SHARE) < 10**12


def test_the_room_has_an_absolute_floor(make_moving, people, report, chain):
    vault = make_moving(max_inflow_bps=1, inflow_floor=40 * UNIT)
    report_at(report, chain, vault, 2 * DAY, EVEN)
    assert vault.inflowRoom() == 40 * UNIT
    ask_in(vault, people.bob, 100 * UNIT)
    for left in (100, 60, 20, 0):
        report_at(report, chain, vault, DAY, EVEN)
        assert left * UNIT - 1 <= vault.pendingDepositRequest(2, people.bob) <= left * UNIT


def test_a_flat_vault_takes_all_and_uses_its_room_up(make_vault, people, invest, fund, report):
    vault = make_vault(max_inflow_bps=1_000, inflow_floor=500 * UNIT)
    assert vault.inflowRoom() == 0
    invest(vault, people.alice, 10_000 * UNIT)
    assert vault.balanceOf(people.alice) == 10_000 * SHARE
    assert vault.inflowRoom() == 0


def test_an_older_epoch_comes_first(roomy, people, report, chain, fund):
    vault = roomy
    ask_in(vault, people.bob, 60 * UNIT)
    report_at(report, chain, vault, 60, EVEN)
    ask_in(vault, people.bob, 60 * UNIT)
    report_at(report, chain, vault, DAY, EVEN)  # 100 of room: 60 of the first, the second waits
    assert vault.waitingEpochs(DEPOSIT) == [3]
    assert vault.claimableDepositRequest(2, people.bob) == 60 * UNIT
    report_at(report, chain, vault, 60, EVEN)  # 40 are left of it
    room = 40 * UNIT + 106 * UNIT * 60 // DAY
    assert room <= vault.claimableDepositRequest(3, people.bob) <= room + 1


def test_redemptions_settle_first_in_first_out_and_pro_rata(vault, people, invest, report, script):
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 400 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 850 * UNIT, sender=people.keeper)
    ask_out(vault, people.alice, 300 * SHARE)
    ask_out(vault, people.bob, 100 * SHARE)
    report(vault, EVEN)
    ask_out(vault, people.bob, 200 * SHARE)
    receipt = report(vault, EVEN)  # idle 150 for 400 asked: 3/8 each
    (event,) = receipt.decode_logs(vault.EpochSettled)
    assert (event.side, event.epoch, event.taken, event.given, event.left) == (
        *(REDEEM, 1, 150 * SHARE, 150 * UNIT, 250 * SHARE),
    )
    assert vault.pendingRedeemRequest(1, people.alice) == 187_500_000_000_000_000_000
    assert vault.claimableRedeemRequest(1, people.alice) == 112_500_000_000_000_000_000
    assert vault.claimableRedeemRequest(1, people.bob) == 37_500_000_000_000_000_000
    assert vault.maxWithdraw(people.alice) == 112_500_000 - 1  # down
    assert vault.total_idle() == 0
    vault.redeem(vault.maxRedeem(people.alice), people.alice, sender=people.alice)
    vault.recall(market.id, 300 * UNIT, sender=people.keeper)
    report(vault, EVEN)  # 250 for the first epoch's rest, 50 of 200 for the second
    assert vault.maxRedeem(people.alice) == 187_500_000_000_000_000_000
    assert vault.claimableRedeemRequest(1, people.bob) == 100 * SHARE
    assert vault.claimableRedeemRequest(2, people.bob) == 50 * SHARE
    assert vault.pendingRedeemRequest(2, people.bob) == 150 * SHARE
    vault.recall(market.id, 550 * UNIT, sender=people.keeper)
    report(vault, EVEN)
    vault.redeem(300 * SHARE, people.bob, sender=people.bob)
    vault.redeem(187_500_000_000_000_000_000, people.alice, sender=people.alice)
    assert vault.maxRedeem(people.bob) == 0
    assert vault.claimable_assets() <= 4  # what rounding left
    assert vault.totalAssets() == 400 * UNIT


def test_an_allocation_leaves_what_closed_epochs_are_owed(funded, people, report, script):
    market = script(funded)
    funded.allocate(market.id, 900 * UNIT, sender=people.keeper)
    ask_out(funded, people.alice, 500 * SHARE)
    report(funded, EVEN)
    report(funded, EVEN)  # pays 100, owes 400
    funded.recall(market.id, 450 * UNIT, sender=people.keeper)
    with ape.reverts("idle too low"):
        funded.allocate(market.id, 50 * UNIT + 1, sender=people.keeper)
    funded.allocate(market.id, 50 * UNIT, sender=people.keeper)


def test_idle_that_is_just_enough_settles_an_epoch_whole(funded, people, report, script):
    market = script(funded)
    shares = 123_456_789_012_345_678_901
    ask_out(funded, people.alice, shares)
    due = shares * price(1_000 * UNIT) // PRICE
    funded.allocate(market.id, 1_000 * UNIT - due, sender=people.keeper)
    report(funded, EVEN)
    report(funded, EVEN)
    assert funded.maxRedeem(people.alice) == shares
    assert funded.maxWithdraw(people.alice) == due
    assert funded.total_idle() == 0


# indices of an epoch that is settled in parts


def test_parts_add_up_to_the_whole_and_dust_stays(make_moving, people, report, chain, accounts):
    """Seven requests of odd amounts, settled in five odd parts: nobody gets more than his part,
    all together at most what was settled, and the rounding is a unit a request."""
    vault = make_moving(max_inflow_bps=0, inflow_floor=1_234_567, max_report_age=90 * DAY)
    people7 = accounts[13:20]
    amounts = [1_000_003, 7, 333_333, 2_222_222, 1, 999_999, 1_700_001]
    for who, amount in zip(people7, amounts, strict=True):
        vault.requestDeposit(amount, who, people.bob, sender=people.bob)
    for _ in range(6):
        report_at(report, chain, vault, DAY - 777, EVEN)
        word = vault.epochOf(DEPOSIT, 2)
        pending = [vault.pendingDepositRequest(2, who) for who in people7]
        claimable = [vault.claimableDepositRequest(2, who) for who in people7]
        assert [a + b for a, b in zip(pending, claimable, strict=True)] == amounts
        assert 0 <= word[1] - sum(pending) <= 7
    report_at(report, chain, vault, DAY, EVEN)
    assert vault.epochOf(DEPOSIT, 2)[1] == 0
    minted = vault.totalSupply() - 1_000 * SHARE
    shares = [vault.maxMint(who) for who in people7]
    whole = sum(amounts)
    for share, amount in zip(shares, amounts, strict=True):
        fair = minted * amount // whole
        assert fair - 20 <= share <= fair
    for who, amount, share in zip(people7, amounts, shares, strict=True):
        vault.mint(share, who, sender=who)
        assert vault.maxDeposit(who) == vault.maxMint(who) == 0
        assert vault.balanceOf(who) == share
        assert vault.liveEpochs(DEPOSIT, who) == []
        assert amount
    assert 0 <= vault.balanceOf(vault) <= 7 * 20


def test_who_leaves_a_partly_settled_epoch_changes_nothing_for_the_others(
    vault, people, invest, report, script, venue
):
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 400 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 900 * UNIT, sender=people.keeper)
    ask_out(vault, people.alice, 300 * SHARE)
    ask_out(vault, people.bob, 100 * SHARE)
    report(vault, EVEN)
    report(vault, EVEN)  # a quarter
    assert vault.maxRedeem(people.bob) == 25 * SHARE
    vault.redeem(10 * SHARE, people.bob, sender=people.bob)
    before = venue.pusd.balanceOf(people.bob)
    receipt = vault.cancelRedeemRequest(1, people.bob, people.bob, sender=people.bob)
    (back,) = receipt.decode_logs(vault.RedeemRequestCancelled)
    assert (back.controller, back.requestId, back.shares) == (people.bob, 1, 75 * SHARE)
    (paid,) = receipt.decode_logs(vault.Withdraw)  # what was settled of it is claimed
    assert (paid.assets, paid.shares) == (15 * UNIT, 15 * SHARE)
    assert venue.pusd.balanceOf(people.bob) == before + paid.assets
    assert vault.liveEpochs(REDEEM, people.bob) == []
    assert vault.epochOf(REDEEM, 1)[:2] == (300 * SHARE, 225 * SHARE)
    assert vault.maxRedeem(people.alice) == 75 * SHARE
    vault.recall(market.id, 225 * UNIT, sender=people.keeper)
    report(vault, EVEN)
    assert vault.maxRedeem(people.alice) == 300 * SHARE
    assert 0 <= 300 * UNIT - vault.maxWithdraw(people.alice) <= 1
    vault.redeem(300 * SHARE, people.alice, sender=people.alice)
    assert vault.claimable_assets() <= 2
    assert vault.totalSupply() == 675 * SHARE


@pytest.mark.parametrize("in_kind", [False, True])
def test_a_settled_part_worth_nothing_is_told_all_the_same(
    vault, people, invest, report, script, in_kind
):
    """A quarter of 10**12 share-wei is less than a unit: whoever rebuilds the claims from logs must
    hear that these shares are gone."""
    invest(vault, people.alice, 1_000 * UNIT)
    vault.transfer(people.bob, 10**12, sender=people.alice)
    market = script(vault)
    vault.allocate(market.id, 900 * UNIT, sender=people.keeper)
    ask_out(vault, people.alice, 400 * SHARE - 10**12)
    ask_out(vault, people.bob, 10**12)
    report(vault, EVEN)
    report(vault, EVEN)  # a quarter
    assert (vault.maxRedeem(people.bob), vault.maxWithdraw(people.bob)) == (10**12 // 4, 0)
    if in_kind:
        receipt = vault.redeemRequestInKind(1, people.bob, people.bob, [], sender=people.bob)
    else:
        receipt = vault.cancelRedeemRequest(1, people.bob, people.bob, sender=people.bob)
    (told,) = receipt.decode_logs(vault.Withdraw)
    assert (told.assets, told.shares) == (0, 10**12 // 4)
    assert vault.liveEpochs(REDEEM, people.bob) == []


def test_the_last_one_to_leave_an_epoch_leaves_no_one_waiting(
    vault, people, invest, report, script
):
    """What rounding left of an emptied epoch is dust: it is owed to nobody and holds up nothing."""
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 400 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 1_000 * UNIT - 7, sender=people.keeper)
    ask_out(vault, people.alice, 3 * SHARE)
    ask_out(vault, people.bob, 4 * SHARE + 1)
    report(vault, EVEN)
    report(vault, EVEN)
    assert vault.waitingEpochs(REDEEM) == [1]
    for who in (people.alice, people.bob):
        vault.cancelRedeemRequest(1, who, who, sender=who)
    assert vault.epochOf(REDEEM, 1)[:2] == (0, 0)
    assert vault.balanceOf(vault) <= 2
    vault.recall(market.id, 100 * UNIT, sender=people.keeper)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)  # nothing is owed
    report(vault, EVEN)
    assert vault.waitingEpochs(REDEEM) == []


def test_an_epoch_that_is_settled_at_once_is_parted_exactly(moving, people, report, accounts):
    """What was given stands in the epoch's own word: no unit is lost to an index."""
    amounts = dict(zip(accounts[13:18], (3, 1_000_000, 7 * UNIT, 1, 123_456_789), strict=True))
    for who, amount in amounts.items():
        moving.requestDeposit(amount, who, people.bob, sender=people.bob)
    for _ in range(2):
        report(moving, ("0.5", "0.6"))
    whole = sum(amounts.values())
    given = whole * PRICE // price_up(1_100 * UNIT)
    assert moving.totalSupply() == SUPPLY + given
    for who, amount in amounts.items():
        assert moving.maxMint(who) == amount * given // whole
        assert moving.claimableDepositRequest(2, who) == amount
        half = amount // 2
        moving.deposit(half, who, sender=who)
        moving.deposit(amount - half, who, sender=who)
        assert moving.balanceOf(who) == amount * given // whole
        assert moving.liveEpochs(DEPOSIT, who) == []
    assert 0 <= moving.balanceOf(moving) <= len(amounts)
    assert moving.epochOf(DEPOSIT, 2)[:2] == (whole, 0)


def test_a_place_that_was_left_is_taken_again(make_moving, people, report):
    """Requests lie in any order; the oldest is claimed first all the same."""
    vault = make_moving(max_premium_bps=0)
    for number in range(4):  # 2, 3, 4, 5 wait
        ask_in(vault, people.bob, (number + 1) * UNIT)
        report(vault, ("0.5", "0.6"))
    vault.cancelDepositRequest(3, people.bob, people.bob, sender=people.bob)
    vault.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    ask_in(vault, people.bob, 10 * UNIT)  # 6, in the first place
    ask_in(vault, people.bob, UNIT)
    assert vault.liveEpochs(DEPOSIT, people.bob) == [4, 5, 6]
    assert vault.pendingDepositRequest(6, people.bob) == 11 * UNIT
    vault.setLimit(limit("max_premium_bps"), 10_000, sender=people.owner)
    for _ in range(2):
        report(vault, ("0.5", "0.6"))
    vault.deposit(5 * UNIT, people.bob, sender=people.bob)
    left = [vault.claimableDepositRequest(epoch, people.bob) for epoch in (4, 5, 6)]
    assert left == [0, 2 * UNIT, 11 * UNIT]
    assert vault.liveEpochs(DEPOSIT, people.bob) == [5, 6]
    vault.deposit(13 * UNIT, people.bob, sender=people.bob)
    assert vault.liveEpochs(DEPOSIT, people.bob) == []
