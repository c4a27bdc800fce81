"""Requests: the second report after them, the worse of two prices, epochs, claims, taking back."""

import ape
import pytest

from tests.ape_devnet import refused
from tests.defaults import (
    DAY,
    DEPOSIT,
    FIRST,
    FOREVER,
    MOST,
    PRICE,
    REDEEM,
    SHARE,
    UNIT,
    VIRTUAL,
    ZERO,
    limit,
)
from tests.property.stage import WIDE, K, Stage

EVEN = ("0.5", "0.5")
SUPPLY = 1_000 * SHARE
# Limits as a vault gets them, where the fixtures' would not bind.
DEALING = {
    "max_up_bps": 1_000,
    "max_down_bps": 1_000,
    "max_premium_bps": 1_000,
    "max_inflow_bps": 1_000,
    "inflow_floor": 0,
}


def price(nav, supply=SUPPLY):
    return (nav + 1) * PRICE // (supply + VIRTUAL)


def price_up(nav, supply=SUPPLY):
    return -(-(nav + 1) * PRICE // (supply + VIRTUAL))


@pytest.fixture(scope="session")
def make_moving(make_vault, people, invest, script, hold, spend, report, fund):
    """A vault of Alice's 1,000, half of it spent for 1,000 YES. Bob has pUSD.

    At a mark m up to .5 NAV is 500 + 1,000 m at the bid; from .5 on it is that at the ask.
    """

    def make(**limits):
        vault = make_vault(**limits)
        invest(vault, people.alice, 1_000 * UNIT)
        market = script(vault)
        vault.allocate(market.id, 500 * UNIT, sender=people.keeper)
        spend(market, 500 * UNIT)
        hold(market, (1_000 * UNIT, 0))
        fund(vault, people.bob)
        report(vault, EVEN)
        assert vault.prices() == (price(1_000 * UNIT), price_up(1_000 * UNIT))
        return vault

    return make


@pytest.fixture(scope="session")
def moving(make_moving):
    return make_moving()


@pytest.fixture(scope="session")
def bound(make_moving):
    """The same with the limits that a vault gets by default."""
    return make_moving(**DEALING)


def ask_in(vault, who, amount, controller=None):
    vault.requestDeposit(amount, controller or who, who, sender=who)


def ask_out(vault, who, amount, controller=None):
    vault.requestRedeem(amount, controller or who, who, sender=who)


# two reports, and the worse of two prices


def test_a_request_waits_for_the_second_report(vault, people, fund, report):
    fund(vault, people.alice)
    report(vault)
    vault.requestDeposit(1_000 * UNIT, people.alice, people.alice, sender=people.alice)
    assert vault.epochs() == (1, 1)
    assert vault.epochOf(DEPOSIT, 1) == (1_000 * UNIT, 1_000 * UNIT, FIRST, 0, False)
    report(vault)  # closes its epoch
    assert vault.epochs() == (2, 1)
    assert vault.epochOf(DEPOSIT, 1) == (1_000 * UNIT, 1_000 * UNIT, FIRST, 2, False)
    assert vault.waitingEpochs(DEPOSIT) == [1]
    assert vault.pendingDepositRequest(1, people.alice) == 1_000 * UNIT
    assert vault.claimableDepositRequest(1, people.alice) == 0
    assert vault.totalAssets() == 0
    report(vault)  # settles it
    assert vault.pendingDepositRequest(1, people.alice) == 0
    assert vault.claimableDepositRequest(1, people.alice) == 1_000 * UNIT
    assert vault.maxDeposit(people.alice) == 1_000 * UNIT
    assert vault.maxMint(people.alice) == 1_000 * SHARE
    assert vault.totalAssets() == 1_000 * UNIT
    assert vault.epochOf(DEPOSIT, 1) == (1_000 * UNIT, 0, 0, 2, False)
    assert vault.waitingEpochs(DEPOSIT) == []
    assert vault.liveEpochs(DEPOSIT, people.alice) == [1]
    vault.deposit(1_000 * UNIT, people.alice, sender=people.alice)
    assert vault.liveEpochs(DEPOSIT, people.alice) == []


@pytest.mark.parametrize("marks", [("0.6", "0.5"), ("0.5", "0.6")])
def test_who_comes_pays_the_higher_of_two_asks(moving, people, report, marks):
    ask_in(moving, people.bob, 1_100 * UNIT)
    for mark in marks:
        report(moving, ("0.5", mark))
    # 1,000 idle and spent, 100 more at the ask: one share is 1.1
    shares = 1_100 * UNIT * PRICE // price_up(1_100 * UNIT)
    assert shares == 1_000_000_000_090_909_090_826
    assert moving.maxMint(people.bob) == shares
    assert moving.totalAssets() == 2_100 * UNIT


@pytest.mark.parametrize("marks", [("0.4", "0.5"), ("0.5", "0.4")])
def test_who_leaves_gets_the_lower_of_two_bids(moving, people, report, marks):
    ask_out(moving, people.alice, 100 * SHARE)
    for mark in marks:
        report(moving, (mark, "0.5"))
    assert moving.maxWithdraw(people.alice) == 90 * UNIT
    assert moving.claimable_assets() == 90 * UNIT
    assert moving.total_idle() == 410 * UNIT
    assert moving.totalSupply() == 900 * SHARE


def test_a_lie_that_holds_for_one_report_costs_who_deals_on_it(moving, people, report, venue):
    """Bob comes low and leaves high, by the report of one moment each: he loses both times."""
    before = venue.pusd.balanceOf(people.bob)
    ask_in(moving, people.bob, 400 * UNIT)
    for mark in ("0.1", "0.5"):
        report(moving, (mark, mark))
    shares = moving.maxMint(people.bob)
    moving.mint(shares, people.bob, sender=people.bob)
    ask_out(moving, people.bob, shares)
    for mark in ("0.9", "0.5"):
        report(moving, (mark, mark))
    moving.redeem(shares, people.bob, sender=people.bob)
    assert venue.pusd.balanceOf(people.bob) <= before


def test_the_ask_is_net_of_the_fee_that_is_still_due(make_moving, people, report):
    """20 % of what the ask is above the mark of 1.00 will be a fee once it is home."""
    vault = make_moving(performance=2_000)
    report(vault, ("0.5", "0.6"))
    gross = price_up(1_100 * UNIT)
    mark = UNIT * SHARE
    assert vault.prices() == (price(1_000 * UNIT), gross - (gross - mark) * 2_000 // 10_000)
    vault.windDown(sender=people.owner)  # no fees any more
    report(vault, ("0.5", "0.6"))
    assert vault.prices()[1] == gross


# what is handed back


def waits(vault, epoch, side=DEPOSIT):
    return epoch in vault.waitingEpochs(side)


@pytest.mark.parametrize(("mark", "back"), [("0.6", False), ("0.600000001", True)])
def test_a_deposit_dearer_than_its_anchor_admits_is_handed_back(
    make_moving, people, report, mark, back
):
    """max_up 10 %: from 1.00 to 1.10 and not a unit more."""
    vault = make_moving(max_up_bps=1_000)
    ask_in(vault, people.bob, 100 * UNIT)
    report(vault, EVEN)
    receipt = report(vault, ("0.5", mark))
    events = receipt.decode_logs(vault.EpochHandedBack)
    assert len(events) == back
    assert vault.epochOf(DEPOSIT, 1)[4] is False
    assert vault.epochOf(DEPOSIT, 2)[4] is back
    assert not waits(vault, 2)
    if back:
        asked = price_up(1_100_000_001)
        assert (events[0].side, events[0].epoch, events[0].price) == (DEPOSIT, 2, asked)
        report(vault, EVEN)  # whatever comes, it settles no more
        assert vault.maxDeposit(people.bob) == 0
        assert vault.pendingDepositRequest(2, people.bob) == 100 * UNIT
        vault.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
        assert vault.epochOf(DEPOSIT, 2) == (0, 0, 0, 4, True)


@pytest.mark.parametrize(("mark", "back"), [("0.4", False), ("0.399999999", True)])
def test_a_redemption_cheaper_than_its_anchor_admits_is_handed_back(
    make_moving, people, report, mark, back
):
    vault = make_moving(max_down_bps=1_000)
    ask_out(vault, people.alice, 100 * SHARE)
    report(vault, EVEN)
    receipt = report(vault, (mark, "0.5"))
    assert len(receipt.decode_logs(vault.EpochHandedBack)) == back
    assert vault.epochOf(REDEEM, 1)[4] is back
    assert vault.maxRedeem(people.alice) == (0 if back else 100 * SHARE)
    if back:
        report(vault, EVEN)
        assert vault.maxRedeem(people.alice) == 0
        vault.cancelRedeemRequest(1, people.alice, people.alice, sender=people.alice)
        assert vault.balanceOf(people.alice) == 1_000 * SHARE


def test_what_was_handed_back_holds_up_nothing(make_moving, people, report):
    """Neither the deposit limit, nor idle for allocations, nor one of the eight places."""
    vault = make_moving(max_down_bps=1_000)
    ask_out(vault, people.alice, 400 * SHARE)
    report(vault, EVEN)
    (market,) = vault.openMarkets()
    with ape.reverts("idle too low"):
        vault.allocate(market, 101 * UNIT, sender=people.keeper)
    report(vault, ("0.3", "0.5"))
    assert vault.epochOf(REDEEM, 1)[4]
    vault.allocate(market, 300 * UNIT, sender=people.keeper)


def test_the_anchor_is_the_best_price_from_the_first_request_on(make_moving, people, report):
    """Prices published before anybody asked, and while the epoch was emptied, are not counted."""
    vault = make_moving()
    report(vault, ("0.5", "0.6"))
    ask_in(vault, people.bob, 100 * UNIT)
    assert vault.epochOf(DEPOSIT, 2)[2] == price_up(1_100 * UNIT)
    vault.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    report(vault, ("0.5", "0.7"))
    ask_in(vault, people.bob, 100 * UNIT)
    assert vault.epochOf(DEPOSIT, 2)[2] == price_up(1_200 * UNIT)
    report(vault, ("0.5", "0.6"))  # it is published when the epoch is closed
    assert vault.epochOf(DEPOSIT, 2)[2] == price_up(1_200 * UNIT)
    ask_out(vault, people.alice, SHARE)
    report(vault, ("0.1", "0.6"))
    assert vault.epochOf(REDEEM, 1)[2] == price(1_000 * UNIT)


def test_an_epoch_that_moves_up_in_the_line_keeps_its_anchor(make_moving, people, report):
    vault = make_moving(max_up_bps=1_000, max_premium_bps=1_000)
    ask_in(vault, people.bob, 100 * UNIT)
    report(vault, ("0.3", "0.55"))
    ask_in(vault, people.bob, 100 * UNIT)
    report(vault, ("0.3", "0.55"))  # too much opinion: both wait
    assert vault.waitingEpochs(DEPOSIT) == [2, 3]
    anchors = [vault.epochOf(DEPOSIT, epoch)[2] for epoch in (2, 3)]
    assert anchors == [price_up(1_000 * UNIT), price_up(1_050 * UNIT)]
    report(vault, ("0.3", "0.62"))  # a tenth above the first's anchor, not the second's
    assert vault.waitingEpochs(DEPOSIT) == [3]
    assert vault.epochOf(DEPOSIT, 3)[2] == anchors[1] and vault.epochOf(DEPOSIT, 2)[2] == 0
    report(vault, ("0.3", "0.65"))
    assert vault.waitingEpochs(DEPOSIT) == [3]
    report(vault, ("0.3", "0.66"))
    assert vault.waitingEpochs(DEPOSIT) == [] and vault.epochOf(DEPOSIT, 3)[4]


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


@pytest.fixture
def roomy(make_moving, report, chain):
    """10 % of NAV a day, nothing used or filled up yet."""
    vault = make_moving(max_inflow_bps=1_000, inflow_floor=0)
    vault.setLimit(limit("max_inflow_bps"), 0, sender=ape.accounts.test_accounts[1])
    report(vault, EVEN)
    assert vault.inflowRoom() == 0
    vault.setLimit(limit("max_inflow_bps"), 1_000, sender=ape.accounts.test_accounts[1])
    return vault


def report_at(report, chain, vault, seconds, *quotes):
    """Report exactly `seconds` after the last report."""
    return report(vault, *quotes, after=vault.lastReport() + seconds - chain.pending_timestamp)


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


# taking back


def test_what_is_open_can_be_taken_back(vault, people, venue, fund, report, invest):
    fund(vault, people.alice)
    before = venue.pusd.balanceOf(people.alice)
    ask_in(vault, people.alice, 100 * UNIT)
    ask_in(vault, people.alice, 50 * UNIT)
    receipt = vault.cancelDepositRequest(1, people.alice, people.alice, sender=people.alice)
    (event,) = receipt.decode_logs(vault.DepositRequestCancelled)
    assert (event.controller, event.receiver, event.requestId, event.assets) == (
        *(people.alice, people.alice, 1, 150 * UNIT),
    )
    assert venue.pusd.balanceOf(people.alice) == before
    assert vault.pendingDepositRequest(1, people.alice) == 0
    with ape.reverts("no such request"):
        vault.cancelDepositRequest(1, people.alice, people.alice, sender=people.alice)
    report(vault)
    assert vault.epochs() == (1, 1)  # an empty epoch is not closed
    invest(vault, people.alice, 70 * UNIT)
    ask_out(vault, people.alice, 30 * SHARE)
    vault.cancelRedeemRequest(1, people.alice, people.bob, sender=people.alice)
    assert vault.balanceOf(people.bob) == 30 * SHARE
    with ape.reverts("no such request"):
        vault.cancelRedeemRequest(1, people.alice, people.alice, sender=people.alice)


def test_what_is_closed_waits_for_one_more_report(make_moving, people, report):
    vault = make_moving(max_premium_bps=0)
    ask_in(vault, people.bob, 100 * UNIT)
    ask_out(vault, people.alice, 600 * SHARE)
    report(vault, ("0.5", "0.6"))
    with ape.reverts("wait for the next report"):
        vault.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    with ape.reverts("wait for the next report"):
        vault.cancelRedeemRequest(1, people.alice, people.alice, sender=people.alice)
    report(vault, ("0.5", "0.6"))  # the one waits for its price, the other is paid in part
    vault.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    vault.cancelRedeemRequest(1, people.alice, people.alice, sender=people.alice)
    assert 0 <= 500 * SHARE - vault.balanceOf(people.alice) <= 1  # settled in parts: rounded down


def test_what_is_settled_is_not_taken_back(moving, people, report):
    ask_in(moving, people.bob, 100 * UNIT)
    report(moving, EVEN)
    report(moving, EVEN)
    with ape.reverts("nothing to take back"):
        moving.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    moving.deposit(100 * UNIT, people.bob, sender=people.bob)
    with ape.reverts("no such request"):
        moving.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)


@pytest.mark.parametrize("how", ["no reporter", "stale", "winding down"])
def test_what_nobody_will_settle_is_taken_back_at_once(moving, people, report, chain, how):
    ask_in(moving, people.bob, 100 * UNIT)
    ask_out(moving, people.alice, SHARE)
    report(moving, EVEN)
    if how == "no reporter":
        moving.setReporter(ZERO, sender=people.guardian)
    elif how == "stale":
        chain.pending_timestamp = moving.freshUntil()
        with ape.reverts("wait for the next report"):
            moving.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
        chain.pending_timestamp = moving.freshUntil() + 1
    else:
        moving.windDown(sender=people.guardian)
    moving.cancelDepositRequest(2, people.bob, people.bob, sender=people.bob)
    moving.cancelRedeemRequest(1, people.alice, people.alice, sender=people.alice)


def test_taking_back_a_partly_settled_deposit_claims_the_rest(roomy, people, report, chain):
    vault = roomy
    ask_in(vault, people.bob, 200 * UNIT)
    report_at(report, chain, vault, 60, EVEN)
    report_at(report, chain, vault, DAY, EVEN)
    receipt = vault.cancelDepositRequest(2, people.bob, people.carol, sender=people.bob)
    (event,) = receipt.decode_logs(vault.Deposit)
    assert (event.sender, event.owner, event.assets) == (people.bob, people.carol, 100 * UNIT)
    assert vault.balanceOf(people.carol) == event.shares
    assert abs(event.shares - 100 * SHARE) < 10**12


def test_only_the_controller_and_its_operator_take_back(moving, people):
    ask_in(moving, people.bob, 100 * UNIT)
    ask_out(moving, people.alice, SHARE)
    for who in (people.mallory, people.owner, people.guardian):
        with ape.reverts("not authorised"):
            moving.cancelDepositRequest(2, people.bob, who, sender=who)
        with ape.reverts("not authorised"):
            moving.cancelRedeemRequest(1, people.alice, who, sender=who)
    moving.setOperator(people.carol, True, sender=people.bob)
    with ape.reverts():
        moving.cancelDepositRequest(2, people.bob, ZERO, sender=people.carol)
    moving.cancelDepositRequest(2, people.bob, people.bob, sender=people.carol)


def test_a_cancelled_request_does_not_hold_up_later_ones(vault, people, fund, report):
    fund(vault, people.alice, people.bob)
    ask_in(vault, people.bob, 10 * UNIT)
    ask_in(vault, people.alice, 10 * UNIT)
    taken = vault.cancelDepositRequest(1, people.alice, people.alice, sender=people.alice)
    assert taken.decode_logs(vault.Deposit) == []  # nothing of it was settled
    report(vault)
    ask_in(vault, people.alice, 5 * UNIT)
    report(vault)
    report(vault)
    assert vault.maxDeposit(people.alice) == 5 * UNIT
    vault.deposit(5 * UNIT, people.alice, sender=people.alice)
    assert vault.balanceOf(people.alice) == 5 * SHARE


# bounds


def test_sixteen_epochs_of_a_controller_live_at_once(vault, people, fund, report):
    fund(vault, people.alice, people.bob)
    for number in range(16):
        ask_in(vault, people.alice, UNIT + number)
        report(vault)
    with ape.reverts("sixteen epochs are live"):
        ask_in(vault, people.alice, UNIT)
    assert vault.liveEpochs(DEPOSIT, people.alice) == list(range(1, 17))
    ask_in(vault, people.bob, UNIT)  # others' own
    vault.deposit(UNIT, people.alice, sender=people.alice)  # the oldest is claimed whole
    ask_in(vault, people.alice, UNIT)
    assert vault.liveEpochs(DEPOSIT, people.alice) == list(range(2, 18))
    report(vault)
    report(vault)
    whole = sum(UNIT + number for number in range(1, 16)) + UNIT
    assert vault.maxDeposit(people.alice) == whole
    vault.deposit(whole, people.alice, sender=people.alice)
    assert vault.liveEpochs(DEPOSIT, people.alice) == []


def test_eight_epochs_of_a_side_wait_and_the_ninth_stays_open(make_moving, people, report):
    """What is asked meanwhile joins it, and its anchor is the best price that it has seen."""
    vault = make_moving(max_premium_bps=0)
    ask_out(vault, people.alice, 600 * SHARE)  # more than is idle: a side of its own
    for number in range(8):
        ask_in(vault, people.bob, UNIT + number)
        report(vault, ("0.5", "0.6"))
    assert vault.waitingEpochs(DEPOSIT) == list(range(2, 10))
    ask_in(vault, people.bob, 50 * UNIT)
    for mark in ("0.58", "0.57", "0.6"):
        report(vault, ("0.5", mark))
    assert vault.epochs()[0] == 10
    supply = vault.totalSupply()
    assert supply == 500 * SHARE
    assert vault.epochOf(DEPOSIT, 10)[:3] == (
        *(50 * UNIT, 50 * UNIT, price_up(570 * UNIT, supply)),
    )
    vault.setLimit(limit("max_premium_bps"), 10_000, sender=people.owner)
    report(vault, ("0.5", "0.6"))
    assert vault.waitingEpochs(DEPOSIT) == [10]
    assert vault.maxDeposit(people.bob) == 8 * UNIT + 28


def test_a_redemption_that_stays_open_is_anchored_at_the_highest_bid_it_has_seen():
    """Nothing is idle, eight epochs wait, the ninth sees marks of 40, 45 and 42: of 2,000,000 YES,
    which cost 1,000,000, the best bid is 900,000."""
    stage = Stage({"alice": 1_000 * K}, **WIDE)
    vault = stage.world.vault
    stage.market("A", [50], 1_000 * K)
    stage.report(A=[40])
    for _ in range(8):
        stage.ask(REDEEM, "alice", SHARE)
        stage.report(A=[40])
    assert len(vault.waitingEpochs(REDEEM)) == 8
    ninth = stage.ask(REDEEM, "alice", SHARE)
    for cents in (40, 45, 42):
        stage.report(A=[cents])
    assert vault.epochs()[1] == ninth
    assert vault.epochOf(REDEEM, ninth)[2] == price(900 * K, vault.totalSupply())


# claims


def test_claims_in_parts_by_assets_and_by_shares(vault, people, fund, report):
    fund(vault, people.alice)
    ask_in(vault, people.alice, 100 * UNIT)
    report(vault)
    report(vault)
    vault.deposit(30 * UNIT, people.alice, sender=people.alice)
    vault.mint(20 * SHARE, people.bob, sender=people.alice)
    assert vault.maxDeposit(people.alice) == 50 * UNIT
    with ape.reverts("exceeds claimable"):
        vault.deposit(50 * UNIT + 1, people.alice, sender=people.alice)
    vault.deposit(50 * UNIT, people.alice, sender=people.alice)
    assert (vault.balanceOf(people.alice), vault.balanceOf(people.bob)) == (80 * SHARE, 20 * SHARE)
    assert vault.maxDeposit(people.alice) == 0
    with ape.reverts("exceeds claimable"):
        vault.mint(1, people.alice, sender=people.alice)
    vault.deposit(0, people.alice, sender=people.alice)  # nothing, and nothing happens


def test_a_claim_spans_epochs_oldest_first(vault, people, fund, report):
    fund(vault, people.alice)
    for amount in (10, 20, 30):
        ask_in(vault, people.alice, amount * UNIT)
        report(vault)
    report(vault)
    assert vault.maxDeposit(people.alice) == 60 * UNIT
    vault.deposit(25 * UNIT, people.alice, sender=people.alice)
    left = [vault.claimableDepositRequest(epoch, people.alice) for epoch in (1, 2, 3)]
    assert left == [0, 5 * UNIT, 30 * UNIT]
    assert vault.liveEpochs(DEPOSIT, people.alice) == [2, 3]
    vault.deposit(35 * UNIT, people.alice, sender=people.alice)
    assert vault.balanceOf(people.alice) == 60 * SHARE


def test_claims_round_against_who_claims(moving, people, report):
    """A share costs 1.1: a claim by shares takes assets rounded up, one by assets gives shares
    rounded down, and all of them together no more than was settled."""
    ask_in(moving, people.bob, 1_000)
    for _ in range(2):
        report(moving, ("0.5", "0.6"))
    whole = moving.maxMint(people.bob)
    assert whole == 1_000 * PRICE // price_up(1_100 * UNIT)
    moving.mint(1, people.bob, sender=people.bob)
    assert moving.maxDeposit(people.bob) == 999
    moving.deposit(1, people.bob, sender=people.bob)
    assert moving.balanceOf(people.bob) == 1 + (whole - 1) // 999
    moving.mint(moving.maxMint(people.bob), people.bob, sender=people.bob)
    assert moving.balanceOf(people.bob) == whole
    assert moving.maxDeposit(people.bob) == 0


# who asks


def test_operators_ask_and_claim_for_others(vault, people, fund, report, venue):
    fund(vault, people.alice)
    with ape.reverts("not authorised"):
        vault.requestDeposit(UNIT, people.bob, people.alice, sender=people.bob)
    vault.setOperator(people.bob, True, sender=people.alice)
    vault.requestDeposit(10 * UNIT, people.alice, people.alice, sender=people.bob)
    report(vault)
    report(vault)
    with ape.reverts("not authorised"):
        vault.deposit(UNIT, people.mallory, people.alice, sender=people.mallory)
    vault.deposit(10 * UNIT, people.alice, people.alice, sender=people.bob)
    vault.requestRedeem(4 * SHARE, people.alice, people.alice, sender=people.bob)
    vault.setOperator(people.bob, False, sender=people.alice)
    with ape.reverts("erc20: insufficient allowance"):
        vault.requestRedeem(SHARE, people.alice, people.alice, sender=people.bob)
    report(vault)
    report(vault)
    before = venue.pusd.balanceOf(people.carol)
    owed = vault.maxWithdraw(people.alice)
    assert 0 <= 4 * UNIT - owed <= 1
    vault.withdraw(owed, people.carol, people.alice, sender=people.alice)
    assert venue.pusd.balanceOf(people.carol) == before + owed
    assert vault.maxRedeem(people.alice) == 0


def test_a_router_deposits_for_another_from_the_least_deposit_on(make_vault, people, fund, report):
    vault = make_vault(least=10 * UNIT)
    fund(vault, people.bob)
    with ape.reverts("below the least deposit"):
        vault.requestDeposit(10 * UNIT - 1, people.alice, people.bob, sender=people.bob)
    vault.requestDeposit(10 * UNIT, people.alice, people.bob, sender=people.bob)
    with ape.reverts("not authorised"):
        vault.cancelDepositRequest(1, people.alice, people.bob, sender=people.bob)
    report(vault)
    report(vault)
    vault.deposit(10 * UNIT, people.alice, sender=people.alice)


def test_a_redemption_for_another_needs_his_word(funded, people):
    """Else sixteen of a stranger's share-wei would shut him out."""
    with ape.reverts("not authorised"):
        funded.requestRedeem(SHARE, people.bob, people.alice, sender=people.alice)
    funded.setOperator(people.alice, True, sender=people.bob)
    funded.requestRedeem(SHARE, people.bob, people.alice, sender=people.alice)
    assert funded.pendingRedeemRequest(1, people.bob) == SHARE
    funded.approve(people.carol, SHARE, sender=people.alice)
    funded.requestRedeem(SHARE, people.alice, people.alice, sender=people.carol)
    assert funded.allowance(people.alice, people.carol) == 0
    with ape.reverts("not authorised"):
        funded.requestRedeem(SHARE, people.carol, people.alice, sender=people.mallory)


def test_an_addition_to_a_request_joins_the_open_epoch(funded, people, report, script):
    """Nobody's clock starts anew: there is none."""
    market = script(funded)
    funded.allocate(market.id, 1_000 * UNIT, sender=people.keeper)
    ask_out(funded, people.alice, 80 * SHARE)
    report(funded, EVEN)
    ask_out(funded, people.alice, 1)
    assert funded.pendingRedeemRequest(1, people.alice) == 80 * SHARE
    assert funded.pendingRedeemRequest(2, people.alice) == 1
    report(funded, EVEN)
    funded.cancelRedeemRequest(1, people.alice, people.alice, sender=people.alice)


def test_deposit_terms_bind(make_vault, people, fund, report):
    vault = make_vault(limit=100 * UNIT, least=10 * UNIT)
    fund(vault, people.alice)
    with ape.reverts("deposit limit"):
        ask_in(vault, people.alice, 100 * UNIT + 1)
    ask_in(vault, people.alice, 60 * UNIT)
    with ape.reverts("deposit limit"):
        ask_in(vault, people.alice, 40 * UNIT + 1)
    report(vault)
    with ape.reverts("deposit limit"):
        ask_in(vault, people.alice, 40 * UNIT + 1)
    ask_in(vault, people.alice, 40 * UNIT)


def test_amounts_that_no_word_holds_are_refused(vault, people, venue, deployer):
    venue.fund(deployer, people.alice, 2**96)
    venue.pusd.approve(vault, FOREVER, sender=people.alice)
    with ape.reverts("request too large"):
        ask_in(vault, people.alice, 2**96)
    ask_in(vault, people.alice, MOST)
    with ape.reverts("request too large"):
        ask_in(vault, people.alice, 1)


def test_more_than_the_balance_cannot_be_requested(funded, people, venue):
    with ape.reverts("erc20: transfer amount exceeds balance"):
        ask_out(funded, people.alice, 1_000 * SHARE + 1)
    venue.pusd.approve(funded, 1, sender=people.stranger)
    with refused("InsufficientBalance"):
        ask_in(funded, people.stranger, 1)


def test_zero_requests_and_nobody_as_controller_are_refused(vault, people, fund):
    fund(vault, people.alice)
    with ape.reverts("below the least deposit"):
        ask_in(vault, people.alice, 0)
    with ape.reverts("nothing to redeem"):
        ask_out(vault, people.alice, 0)
    with ape.reverts("no controller"):
        vault.requestDeposit(1, ZERO, people.alice, sender=people.alice)
    with ape.reverts("no receiver"):
        vault.withdraw(0, ZERO, sender=people.alice)


# the standards


@pytest.mark.parametrize("name", ["Deposit", "Mint", "Redeem", "Withdraw"])
def test_previews_of_asynchronous_flows_revert(vault, name):
    with ape.reverts("asynchronous"):
        getattr(vault, f"preview{name}")(1)


def test_interfaces_of_the_standards(vault, venue, people):
    for interface in ("01ffc9a7", "e3bc4e65", "ce3bbe50", "620ee8e4", "2f0a18c5", "f815c03d"):
        assert vault.supportsInterface(bytes.fromhex(interface))
    assert not vault.supportsInterface(b"\xff\xff\xff\xff")
    assert vault.share() == vault.address
    assert vault.vault(venue.pusd) == vault.address
    assert vault.vault(people.alice) == ZERO
    assert vault.asset() == venue.pusd.address
    assert vault.decimals() == 18


def test_conversions_are_at_the_bid_and_round_down(moving, report):
    report(moving, ("0.4", "0.9"))
    assert moving.totalAssets() == 900 * UNIT
    whole = SUPPLY + VIRTUAL
    assert moving.convertToAssets(7 * SHARE) == 7 * SHARE * (900 * UNIT + 1) // whole
    assert moving.convertToShares(7 * UNIT) == 7 * UNIT * whole // (900 * UNIT + 1)


def test_unknown_epochs_and_controllers_have_nothing(vault, people):
    assert vault.epochOf(DEPOSIT, 9) == (0, 0, 0, 0, False)
    assert vault.liveEpochs(REDEEM, people.alice) == vault.waitingEpochs(REDEEM) == []
    names = ("maxDeposit", "maxMint", "maxRedeem", "maxWithdraw")
    assert [getattr(vault, name)(people.alice) for name in names] == [0] * 4
    for name in ("pendingDepositRequest", "claimableRedeemRequest"):
        assert getattr(vault, name)(3, people.alice) == 0
