"""Markets whose accounts hold what a test says (contracts/devnet/hostile/ScriptedAccount.vy)."""

from types import SimpleNamespace

import ape
import pytest
from strongroom.chain.artifacts import artifact

from tests.contracts.requests_stage import EVEN, price, price_up
from tests.defaults import DAY, MOST, UNIT, a_class, limit


@pytest.fixture(scope="session")
def scripted_implementation(deployer, venue):
    return deployer.deploy(ape.project.ScriptedAccount, venue.pusd, 1)


@pytest.fixture(scope="session")
def scripted_delegated(deployer, venue):
    return deployer.deploy(ape.project.ScriptedAccount, venue.pusd, 2)


@pytest.fixture(scope="session")
def script(people, scripted_implementation, devnet_deployer, chain, number):
    """Open a market of a vault's class 0 (added when missing) or another, with an account that
    holds what a test says."""

    def open_(vault, *, count=1, class_id=0, question=b"", keeper=people.keeper):
        if vault.class_count() == 0:
            terms = a_class(scripted_implementation, people.oracle, keeper, cap=MOST)
            vault.addClass(terms, sender=people.owner)
        question = question or next(number).to_bytes(32, "big")
        deadline = chain.pending_timestamp + 30 * DAY
        vault.openMarket(class_id, question, count, deadline, sender=keeper)
        market = bytes(vault.marketId(class_id, question))
        account = devnet_deployer.contract(vault.accountOf(market), artifact("ScriptedAccount"))
        return SimpleNamespace(id=market, account=account, question=question)

    return open_


@pytest.fixture(scope="session")
def hold(deployer):
    """Let an account hold (YES, NO) of each condition; payouts of YES, of NO, over what follow."""

    def set_(market, *positions):
        whole = [(*each, *(0, 0, 0)[len(each) - 2 :]) for each in positions]
        market.account.set_positions(whole, sender=deployer)

    return set_


@pytest.fixture(scope="session")
def spend(deployer):
    """Let an account pay for something that it does not hold (any more)."""

    def pay(market, assets):
        market.account.spend(deployer, assets, sender=deployer)

    return pay


@pytest.fixture(scope="session")
def funded(make_vault, people, invest):
    """1,000 pUSD of Alice's, all idle, one pUSD a share."""
    vault = make_vault()
    invest(vault, people.alice, 1_000 * UNIT)
    return vault


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


@pytest.fixture
def roomy(make_moving, report, chain):
    """10 % of NAV a day, nothing used or filled up yet."""
    vault = make_moving(max_inflow_bps=1_000, inflow_floor=0)
    vault.setLimit(limit("max_inflow_bps"), 0, sender=ape.accounts.test_accounts[1])
    report(vault, EVEN)
    assert vault.inflowRoom() == 0
    vault.setLimit(limit("max_inflow_bps"), 1_000, sender=ape.accounts.test_accounts[1])
    return vault
