"""The end of a vault: who may wind it down, and what goes on then."""

from types import SimpleNamespace

import ape
import pytest

from tests.defaults import DAY, FOREVER, SHARE, UNIT

QUOTE = ("0.5", "0.5")


@pytest.fixture(scope="session")
def ending(make_vault, people, invest, open_market, give_tokens):
    """Alice has 600 shares, Bob 200; idle 700, and a market of 100 pUSD, 60 YES, 40 NO."""
    vault = make_vault()
    invest(vault, people.alice, 600 * UNIT)
    invest(vault, people.bob, 200 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    give_tokens(market, yes=60 * UNIT, no=40 * UNIT)
    return SimpleNamespace(vault=vault, market=market)


def test_owner_and_guardian_wind_down_and_nobody_goes_back(make_vault, people):
    for who in (people.owner, people.guardian):
        vault = make_vault()
        for stranger in (people.keeper, people.reporter, people.mallory):
            with ape.reverts("ownable: caller is not the owner"):
                vault.windDown(sender=stranger)
        (event,) = vault.windDown(sender=who).decode_logs(vault.WindDown)
        assert event.account == who
        assert vault.windingDown()
        with ape.reverts("winding down"):
            vault.windDown(sender=who)
        vault.pause(sender=people.owner)
        vault.unpause(sender=people.owner)
        assert vault.windingDown()


def test_anyone_winds_down_once_no_report_came_for_the_liveness_period(funded, people, chain):
    chain.pending_timestamp = funded.lastReport() + 14 * DAY
    with ape.reverts("ownable: caller is not the owner"):
        funded.windDown(sender=people.stranger)
    chain.pending_timestamp = funded.lastReport() + 14 * DAY + 1
    funded.windDown(sender=people.stranger)
    assert funded.windingDown()


def test_a_vault_without_shares_keeps_nobody_waiting(vault, people, chain, fund):
    """V32."""
    fund(vault, people.alice)
    vault.requestDeposit(UNIT, people.alice, people.alice, sender=people.alice)
    chain.pending_timestamp += 100 * DAY
    with ape.reverts("ownable: caller is not the owner"):
        vault.windDown(sender=people.stranger)
    vault.cancelDepositRequest(1, people.alice, people.alice, sender=people.alice)


def test_settling_is_a_sign_of_life(funded, people, chain):
    chain.pending_timestamp = funded.lastReport() + 14 * DAY
    funded.settle(sender=people.stranger)
    chain.pending_timestamp = funded.lastReport() + 14 * DAY
    with ape.reverts("ownable: caller is not the owner"):
        funded.windDown(sender=people.stranger)


def test_nothing_enters_or_takes_risk_in_wind_down(ending, people, fund, chain):
    vault, market = ending.vault, ending.market
    fund(vault, people.carol)
    vault.windDown(sender=people.guardian)
    soon = chain.pending_timestamp + DAY
    refused = [
        lambda: vault.requestDeposit(UNIT, people.carol, people.carol, sender=people.carol),
        lambda: vault.allocate(market.id, UNIT, sender=people.keeper),
        lambda: vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper),
        lambda: market.account.split(0, UNIT, sender=people.keeper),
    ]
    for call in refused:
        with ape.reverts("winding down"):
            call()
    assert int(vault.orderTerms(0, market.id, 0).keeper, 16) == 0  # no order is admitted


def test_anyone_brings_home_what_can_come_home_in_wind_down(ending, people, resolve, chain):
    vault, market, anyone = ending.vault, ending.market, people.stranger
    with ape.reverts("not allowed to halt"):
        market.account.halt(sender=anyone)
    with ape.reverts("not allowed to merge"):
        market.account.merge(0, UNIT, sender=anyone)
    with ape.reverts("not the keeper"):
        vault.recall(market.id, UNIT, sender=anyone)
    vault.windDown(sender=people.owner)
    market.account.halt(sender=anyone)
    assert market.account.halted()
    market.account.merge(0, 40 * UNIT, sender=anyone)
    vault.recall(market.id, FOREVER, sender=anyone)
    assert vault.total_idle() == 840 * UNIT
    resolve(market, 1, 0)
    assert vault.harvest(market.id, sender=anyone)
    assert vault.total_idle() == 860 * UNIT
    vault.closeMarket(market.id, sender=anyone)
    assert (vault.total_idle(), vault.totalAssets()) == (860 * UNIT, 860 * UNIT)
    # flat: anyone settles what is left, in cash
    vault.requestRedeem(200 * SHARE, people.bob, people.bob, sender=people.bob)
    for _ in range(2):
        chain.pending_timestamp += 61
        vault.settle(sender=anyone)
    assert 0 <= 215 * UNIT - vault.maxWithdraw(people.bob) <= 215 * UNIT // 10  # the lower of two
    vault.redeem(200 * SHARE, people.bob, sender=people.bob)


def test_reports_still_settle_redemptions_in_wind_down(ending, people, report):
    vault = ending.vault
    vault.requestRedeem(100 * SHARE, people.bob, people.bob, sender=people.bob)
    vault.windDown(sender=people.owner)
    for _ in range(2):
        report(vault, QUOTE)
    assert vault.maxRedeem(people.bob) == 100 * SHARE
    vault.redeem(100 * SHARE, people.bob, sender=people.bob)


def test_deposits_are_taken_back_in_wind_down_whatever_their_epoch(ending, people, fund, report):
    vault = ending.vault
    fund(vault, people.carol, amount=300 * UNIT)
    vault.requestDeposit(100 * UNIT, people.carol, people.carol, sender=people.carol)
    report(vault, QUOTE)
    vault.requestDeposit(200 * UNIT, people.carol, people.carol, sender=people.carol)
    closed, opened = vault.epochs()[0] - 1, vault.epochs()[0]
    vault.windDown(sender=people.guardian)
    for epoch, amount in ((closed, 100 * UNIT), (opened, 200 * UNIT)):
        receipt = vault.cancelDepositRequest(epoch, people.carol, people.carol, sender=people.carol)
        (event,) = receipt.decode_logs(vault.DepositRequestCancelled)
        assert (event.requestId, event.assets) == (epoch, amount)
    for _ in range(2):
        report(vault, QUOTE)
    assert vault.maxDeposit(people.carol) == 0


def test_a_deposit_is_never_settled_in_wind_down(ending, people, fund, report):
    vault = ending.vault
    fund(vault, people.carol, amount=100 * UNIT)
    vault.requestDeposit(100 * UNIT, people.carol, people.carol, sender=people.carol)
    report(vault, QUOTE)
    vault.windDown(sender=people.guardian)
    for _ in range(3):
        report(vault, QUOTE)
    assert vault.maxDeposit(people.carol) == 0
    epoch = vault.epochs()[0] - 1
    vault.cancelDepositRequest(epoch, people.carol, people.carol, sender=people.carol)
