"""Synchronous dealing: only while fresh, at the dual price, never around a payout."""

import ape
import pytest

from tests.defaults import FOREVER, SHARE, UNIT, limit

EVEN = ("0.4", "0.6", "0.4", "0.6")


def test_off_by_default_limit_zero(make_vault, people, fund, report):
    vault = make_vault(sync_max_age=0)
    fund(vault, people.alice)
    report(vault)
    with ape.reverts("sync dealing off"):
        vault.syncDeposit(UNIT, people.alice, sender=people.alice)


def test_in_at_the_ask_out_at_the_bid(
    vault, people, venue, invest, open_market, give_tokens, report, fund
):
    invest(vault, people.alice, 1_000 * UNIT)
    give_tokens(open_market(vault), yes=500 * UNIT)
    report(vault, EVEN)  # bid 1,200, ask 1,300
    fund(vault, people.bob)
    vault.syncDeposit(130 * UNIT, people.bob, sender=people.bob)
    shares = vault.balanceOf(people.bob)
    assert shares == 130 * UNIT * (1_000 * SHARE + 10**6) // (1_300 * UNIT + 1)
    assert shares == 100_000_000_023_076
    assert vault.totalAssets() == 1_330 * UNIT
    before = venue.pusd.balanceOf(people.bob)
    vault.syncRedeem(shares, people.bob, people.bob, sender=people.bob)
    paid = venue.pusd.balanceOf(people.bob) - before
    # 1,330 / 1,100.000000023076 a share at the bid: less than was put in
    assert paid == shares * (1_330 * UNIT + 1) // (1_000 * SHARE + shares + 10**6)
    assert paid == 120_909_090
    assert vault.claimable_assets() == 0


def test_minimum_out_protects(vault, people, fund, report):
    fund(vault, people.alice)
    report(vault)
    with ape.reverts("too few shares out"):
        vault.syncDeposit(UNIT, people.alice, SHARE + 1, sender=people.alice)
    vault.syncDeposit(UNIT, people.alice, SHARE, sender=people.alice)
    with ape.reverts("too few assets out"):
        vault.syncRedeem(SHARE, people.alice, people.alice, UNIT + 1, sender=people.alice)
    vault.syncRedeem(SHARE, people.alice, people.alice, UNIT, sender=people.alice)
    assert vault.totalSupply() == 0


def test_stale_paused_or_pending_vault_does_not_deal(vault, people, fund, invest, report, chain):
    invest(vault, people.alice, 100 * UNIT)
    chain.pending_timestamp += 3_600
    with ape.reverts("stale NAV"):
        vault.syncDeposit(UNIT, people.alice, sender=people.alice)
    with ape.reverts("stale NAV"):
        vault.syncRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    report(vault)
    vault.pause(sender=people.guardian)
    with ape.reverts("paused"):
        vault.syncDeposit(UNIT, people.alice, sender=people.alice)


def test_redeem_reaches_no_further_than_idle(vault, people, invest, open_market, report):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 600 * UNIT, sender=people.keeper)
    with ape.reverts("idle too low"):
        vault.syncRedeem(401 * SHARE, people.alice, people.alice, sender=people.alice)
    vault.syncRedeem(400 * SHARE, people.alice, people.alice, sender=people.alice)
    vault.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(vault, EVEN)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    with ape.reverts("redemptions wait"):
        vault.syncRedeem(SHARE, people.alice, people.alice, sender=people.alice)


@pytest.mark.parametrize(("yes", "no", "value"), [(1, 0, 1_100), (0, 1, 1_000), (1, 1, 1_050)])
def test_payout_on_chain_is_booked_before_anybody_deals(
    vault, people, invest, fund, open_market, give_tokens, report, resolve, yes, no, value
):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=100 * UNIT)
    report(vault, EVEN)
    resolve(market, yes, no)
    fund(vault, people.bob)
    assert vault.totalAssets() == 1_040 * UNIT
    vault.syncDeposit(100 * UNIT, people.bob, sender=people.bob)
    shares = vault.balanceOf(people.bob)
    assert shares == 100 * UNIT * (1_000 * SHARE + 10**6) // (value * UNIT + 1)
    assert vault.totalAssets() == (value + 100) * UNIT


def test_shares_need_an_owner_or_allowance(vault, people, invest, report):
    invest(vault, people.alice, 100 * UNIT)
    with ape.reverts("erc20: insufficient allowance"):
        vault.syncRedeem(SHARE, people.mallory, people.alice, sender=people.mallory)
    vault.approve(people.bob, SHARE, sender=people.alice)
    vault.syncRedeem(SHARE, people.bob, people.alice, sender=people.bob)
    assert vault.allowance(people.alice, people.bob) == 0


def test_tightening_the_age_switches_it_off(vault, people, fund, report):
    fund(vault, people.alice)
    report(vault)
    vault.setLimit(limit("sync_max_age"), 0, sender=people.owner)
    with ape.reverts("sync dealing off"):
        vault.syncDeposit(UNIT, people.alice, sender=people.alice)


def test_first_depositor_cannot_inflate_the_price(vault, people, fund, report, venue, deployer):
    """A gift to the vault changes no price; a gift to an account is lost to the giver."""
    fund(vault, people.mallory, people.alice)
    report(vault)
    vault.syncDeposit(1, people.mallory, sender=people.mallory)
    venue.pusd.transfer(vault, 10_000 * UNIT, sender=people.mallory)
    assert vault.totalAssets() == 1
    vault.syncDeposit(5_000 * UNIT, people.alice, sender=people.alice)
    assert vault.convertToAssets(vault.balanceOf(people.alice)) >= 5_000 * UNIT - 1
