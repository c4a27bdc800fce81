"""What is taken of a request: claims, and what is taken back."""

import ape
import pytest

from tests.contracts.requests_stage import (
    EVEN,
    ask_in,
    ask_out,
    price_up,
    report_at,
)
from tests.defaults import (
    DAY,
    DEPOSIT,
    PRICE,
    SHARE,
    UNIT,
    ZERO,
)

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
