"""Requests: forward pricing, epochs, partial settlement, claims, cancellation, operators."""

import ape
import pytest

from tests.defaults import SHARE, UNIT

EVEN = ("0.4", "0.6", "0.4", "0.6")


def test_request_waits_for_the_next_report(vault, people, fund, report):
    fund(vault, people.alice)
    report(vault)
    vault.requestDeposit(1_000 * UNIT, people.alice, people.alice, sender=people.alice)
    assert vault.epochs() == (1, 1)
    assert vault.pendingDepositRequest(1, people.alice) == 1_000 * UNIT
    assert vault.claimableDepositRequest(1, people.alice) == 0
    assert vault.totalAssets() == 0
    report(vault)
    assert vault.pendingDepositRequest(1, people.alice) == 0
    assert vault.claimableDepositRequest(1, people.alice) == 1_000 * UNIT
    assert vault.maxDeposit(people.alice) == 1_000 * UNIT
    assert vault.maxMint(people.alice) == 1_000 * SHARE
    assert vault.totalAssets() == 1_000 * UNIT


def test_entry_is_at_the_ask_and_exit_at_the_bid(
    vault, people, fund, invest, report, open_market, give_tokens
):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=100 * UNIT)  # NAV: bid 1,000 + 40, ask 1,000 + 60
    fund(vault, people.bob)
    vault.requestDeposit(1_060 * UNIT, people.bob, people.bob, sender=people.bob)
    vault.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(vault, EVEN)
    # shares = 1060e6 * (1000e12 + 1e6) // (1060e6 + 1); assets = 100e12 * (1040e6 + 1) // (...)
    assert vault.maxMint(people.bob) == 1_060 * UNIT * (1_000 * SHARE + 10**6) // (1_060 * UNIT + 1)
    assert vault.maxMint(people.bob) == 1_000_000_000_056_603
    assert vault.maxWithdraw(people.alice) == 103_999_999
    assert vault.claimable_assets() == 103_999_999
    assert vault.totalAssets() == 1_040 * UNIT + 1_060 * UNIT - 103_999_999


def test_claims_in_parts_by_assets_and_by_shares(vault, people, fund, report):
    fund(vault, people.alice)
    vault.requestDeposit(100 * UNIT, people.alice, people.alice, sender=people.alice)
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


def test_a_claim_spans_epochs_oldest_first(vault, people, fund, report):
    fund(vault, people.alice)
    for amount in (10, 20, 30):
        vault.requestDeposit(amount * UNIT, people.alice, people.alice, sender=people.alice)
        report(vault)
    assert vault.maxDeposit(people.alice) == 60 * UNIT
    vault.deposit(25 * UNIT, people.alice, sender=people.alice)
    left = [vault.claimableDepositRequest(epoch, people.alice) for epoch in (1, 2, 3)]
    assert left == [0, 5 * UNIT, 30 * UNIT]
    vault.deposit(35 * UNIT, people.alice, sender=people.alice)
    assert vault.balanceOf(people.alice) == 60 * SHARE


def test_redemptions_settle_first_in_first_out_and_pro_rata(
    vault, people, invest, report, open_market
):
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 400 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 850 * UNIT, sender=people.keeper)
    vault.requestRedeem(300 * SHARE, people.alice, people.alice, sender=people.alice)
    vault.requestRedeem(100 * SHARE, people.bob, people.bob, sender=people.bob)
    report(vault, EVEN)  # idle 150 for 400 asked: 3/8 each
    assert vault.pendingRedeemRequest(1, people.alice) == 187_500_000_000_000
    assert vault.claimableRedeemRequest(1, people.alice) == 112_500_000_000_000
    assert vault.claimableRedeemRequest(1, people.bob) == 37_500_000_000_000
    assert vault.maxWithdraw(people.alice) == 112_500_000
    assert vault.total_idle() == 0
    vault.redeem(112_500_000_000_000, people.alice, sender=people.alice)

    vault.requestRedeem(200 * SHARE, people.bob, people.bob, sender=people.bob)
    vault.recall(market.id, 300 * UNIT, sender=people.keeper)
    report(vault, EVEN)  # 250 for the first epoch's rest, 50 of 200 for the second
    assert vault.maxRedeem(people.alice) == 187_500_000_000_000
    assert vault.claimableRedeemRequest(1, people.bob) == 100 * SHARE
    assert vault.claimableRedeemRequest(2, people.bob) == 50 * SHARE
    assert vault.pendingRedeemRequest(2, people.bob) == 150 * SHARE
    vault.recall(market.id, 550 * UNIT, sender=people.keeper)
    report(vault, EVEN)
    vault.withdraw(300 * UNIT, people.bob, sender=people.bob)
    vault.redeem(187_500_000_000_000, people.alice, sender=people.alice)
    assert vault.maxRedeem(people.bob) == 0
    assert vault.claimable_assets() == 0
    assert vault.totalAssets() == 400 * UNIT


def test_allocation_leaves_what_closed_epochs_are_owed(vault, people, invest, report, open_market):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 900 * UNIT, sender=people.keeper)
    vault.requestRedeem(500 * SHARE, people.alice, people.alice, sender=people.alice)
    report(vault, EVEN)  # pays 100, owes 400
    vault.recall(market.id, 450 * UNIT, sender=people.keeper)
    with ape.reverts("idle too low"):
        vault.allocate(market.id, 51 * UNIT, sender=people.keeper)
    vault.allocate(market.id, 49 * UNIT, sender=people.keeper)


def test_cancel_only_while_the_epoch_is_open(vault, people, venue, fund, report):
    fund(vault, people.alice)
    before = venue.pusd.balanceOf(people.alice)
    vault.requestDeposit(100 * UNIT, people.alice, people.alice, sender=people.alice)
    vault.cancelDepositRequest(people.alice, people.alice, sender=people.alice)
    assert venue.pusd.balanceOf(people.alice) == before
    assert vault.pendingDepositRequest(1, people.alice) == 0
    vault.requestDeposit(70 * UNIT, people.alice, people.alice, sender=people.alice)
    report(vault)
    with ape.reverts("nothing to cancel"):
        vault.cancelDepositRequest(people.alice, people.alice, sender=people.alice)
    vault.deposit(70 * UNIT, people.alice, sender=people.alice)
    vault.requestRedeem(30 * SHARE, people.alice, people.alice, sender=people.alice)
    vault.cancelRedeemRequest(people.alice, people.alice, sender=people.alice)
    assert vault.balanceOf(people.alice) == 70 * SHARE
    with ape.reverts("nothing to cancel"):
        vault.cancelRedeemRequest(people.alice, people.alice, sender=people.alice)


def test_cancelled_request_does_not_block_later_ones(vault, people, fund, report):
    fund(vault, people.alice, people.bob)
    vault.requestDeposit(10 * UNIT, people.bob, people.bob, sender=people.bob)
    vault.requestDeposit(10 * UNIT, people.alice, people.alice, sender=people.alice)
    vault.cancelDepositRequest(people.alice, people.alice, sender=people.alice)
    report(vault)
    vault.requestDeposit(5 * UNIT, people.alice, people.alice, sender=people.alice)
    report(vault)
    assert vault.maxDeposit(people.alice) == 5 * UNIT
    vault.deposit(5 * UNIT, people.alice, sender=people.alice)
    assert vault.balanceOf(people.alice) == 5 * SHARE


def test_operator_does_what_the_owner_can_and_a_stranger_nothing(vault, people, fund, report):
    fund(vault, people.alice)
    args = (10 * UNIT, people.alice, people.alice)
    with ape.reverts("not authorised"):
        vault.requestDeposit(*args, sender=people.mallory)
    vault.setOperator(people.bob, True, sender=people.alice)
    vault.requestDeposit(*args, sender=people.bob)
    with ape.reverts("not authorised"):
        vault.cancelDepositRequest(people.alice, people.mallory, sender=people.mallory)
    report(vault)
    with ape.reverts("not authorised"):
        vault.deposit(1, people.mallory, people.alice, sender=people.mallory)
    vault.deposit(10 * UNIT, people.alice, people.alice, sender=people.bob)
    vault.requestRedeem(10 * SHARE, people.alice, people.alice, sender=people.bob)
    report(vault)
    with ape.reverts("not authorised"):
        vault.redeem(1, people.mallory, people.alice, sender=people.mallory)
    vault.redeem(10 * SHARE, people.bob, people.alice, sender=people.bob)
    vault.setOperator(people.bob, False, sender=people.alice)
    with ape.reverts("not authorised"):
        vault.requestDeposit(*args, sender=people.bob)


def test_redeem_request_by_allowance_spends_it(vault, people, invest):
    invest(vault, people.alice, 100 * UNIT)
    with ape.reverts("erc20: insufficient allowance"):
        vault.requestRedeem(SHARE, people.mallory, people.alice, sender=people.mallory)
    vault.approve(people.bob, 3 * SHARE, sender=people.alice)
    vault.requestRedeem(2 * SHARE, people.bob, people.alice, sender=people.bob)
    assert vault.allowance(people.alice, people.bob) == SHARE
    assert vault.pendingRedeemRequest(1, people.bob) == 2 * SHARE


@pytest.mark.parametrize("name", ["Deposit", "Mint", "Redeem", "Withdraw"])
def test_previews_of_asynchronous_flows_revert(vault, name):
    with ape.reverts("asynchronous"):
        getattr(vault, f"preview{name}")(1)


def test_deposit_terms_bind(make_vault, people, fund, report):
    vault = make_vault(limit=100 * UNIT, least=10 * UNIT)
    fund(vault, people.alice)
    with ape.reverts("below the least deposit"):
        vault.requestDeposit(10 * UNIT - 1, people.alice, people.alice, sender=people.alice)
    with ape.reverts("deposit limit"):
        vault.requestDeposit(100 * UNIT + 1, people.alice, people.alice, sender=people.alice)
    vault.requestDeposit(60 * UNIT, people.alice, people.alice, sender=people.alice)
    with ape.reverts("deposit limit"):
        vault.requestDeposit(40 * UNIT + 1, people.alice, people.alice, sender=people.alice)
    report(vault)
    vault.requestDeposit(40 * UNIT, people.alice, people.alice, sender=people.alice)


def test_more_than_the_balance_cannot_be_requested(vault, people, fund, invest, venue):
    invest(vault, people.alice, 10 * UNIT)
    with ape.reverts("erc20: transfer amount exceeds balance"):
        vault.requestRedeem(10 * SHARE + 1, people.alice, people.alice, sender=people.alice)
    venue.pusd.approve(vault, 1, sender=people.stranger)
    with ape.reverts("erc20: transfer amount exceeds balance"):
        vault.requestDeposit(1, people.stranger, people.stranger, sender=people.stranger)


def test_zero_requests_and_nobody_as_controller_are_refused(vault, people, fund):
    fund(vault, people.alice)
    zero = "0x" + "00" * 20
    with ape.reverts("below the least deposit"):
        vault.requestDeposit(0, people.alice, people.alice, sender=people.alice)
    with ape.reverts("nothing to redeem"):
        vault.requestRedeem(0, people.alice, people.alice, sender=people.alice)
    with ape.reverts("no controller"):
        vault.requestDeposit(1, zero, people.alice, sender=people.alice)


def test_interfaces_of_the_standards(vault, venue, people):
    for interface in ("01ffc9a7", "e3bc4e65", "ce3bbe50", "620ee8e4", "2f0a18c5", "f815c03d"):
        assert vault.supportsInterface(bytes.fromhex(interface))
    assert not vault.supportsInterface(b"\xff\xff\xff\xff")
    assert vault.share() == vault.address
    assert vault.vault(venue.pusd) == vault.address
    assert int(vault.vault(people.alice), 16) == 0
    assert vault.asset() == venue.pusd.address
    assert vault.decimals() == 12


def test_epochs_show_what_was_asked_and_what_is_settled(vault, people, fund, report):
    fund(vault, people.alice, people.bob)
    vault.requestDeposit(30 * UNIT, people.alice, people.alice, sender=people.alice)
    assert vault.epochs() == (1, 1)
    assert vault.epochOf(0, 1) == (30 * UNIT, 0, 0)  # open
    report(vault)
    vault.requestDeposit(20 * UNIT, people.bob, people.bob, sender=people.bob)
    assert vault.epochs() == (2, 1)
    assert vault.epochOf(0, 1) == (30 * UNIT, 30 * UNIT, 30 * SHARE)
    assert vault.epochOf(0, 2) == (20 * UNIT, 0, 0)
    assert vault.epochOf(0, 3) == (0, 0, 0)


def test_idle_that_is_just_enough_settles_an_epoch_whole(
    vault, people, invest, open_market, report
):
    """Not a share of it stays behind, though what idle buys back rounds to fewer shares."""
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    shares = 123_456_789_012_345
    vault.requestRedeem(shares, people.alice, people.alice, sender=people.alice)
    supply = 1_000 * SHARE + 10**6
    due = shares * (1_000 * UNIT + 1) // supply
    assert due * supply // (1_000 * UNIT + 1) < shares
    vault.allocate(market.id, 1_000 * UNIT - due, sender=people.keeper)
    assert vault.total_idle() == due
    report(vault, ("0.5", "0.5", "0.5", "0.5"))
    assert vault.maxRedeem(people.alice) == shares
    assert vault.maxWithdraw(people.alice) == due
    assert vault.total_idle() == 0
