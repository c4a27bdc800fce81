"""Requests: the second report after them, the worse of two prices, who asks, bounds."""

import ape
import pytest

from tests.ape_devnet import refused
from tests.contracts.requests_stage import (
    EVEN,
    SUPPLY,
    ask_in,
    ask_out,
    price,
    price_up,
    waits,
)
from tests.defaults import (
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
