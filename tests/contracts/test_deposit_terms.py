"""Who may deposit, how much, and in which assets."""

import ape
import pytest
from strongroom.devnet import contracts as devnet

from tests.defaults import FOREVER, LIMITS, UNIT, UNLIMITED


@pytest.fixture
def allow_list(project, deployer):
    return deployer.deploy(project.AllowList)


def test_an_allow_list_admits_who_gets_the_shares(
    vault, people, fund, report, allow_list, deployer
):
    fund(vault, people.alice, people.bob)
    report(vault)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setAllowList(allow_list, sender=people.guardian)
    with ape.reverts("address has no code"):
        vault.setAllowList(people.alice, sender=people.owner)
    vault.setAllowList(allow_list, sender=people.owner)
    assert vault.allow_list() == allow_list
    assert vault.depositTerms() == (UNLIMITED, 1)
    allow_list.allow(people.alice, sender=deployer)
    vault.requestDeposit(UNIT, people.alice, people.bob, sender=people.bob)
    with ape.reverts("not on the allow-list"):
        vault.requestDeposit(UNIT, people.bob, people.alice, sender=people.alice)
    for _ in range(2):
        report(vault)
    vault.deposit(UNIT, people.alice, sender=people.alice)
    vault.transfer(people.bob, 1, sender=people.alice)  # shares move freely
    vault.setDepositTerms(UNLIMITED, 5, sender=people.owner)  # and the list stays
    with ape.reverts("not on the allow-list"):
        vault.requestDeposit(UNIT, people.bob, people.alice, sender=people.alice)
    vault.setAllowList("0x" + "00" * 20, sender=people.owner)
    vault.requestDeposit(UNIT, people.bob, people.alice, sender=people.alice)
    assert vault.depositTerms() == (UNLIMITED, 5)


def test_an_asset_that_takes_a_fee_of_its_transfers_is_not_taken(
    project, deployer, devnet_deployer, people
):
    """Else what newcomers are credited with would be paid by the others."""
    token = deployer.deploy(project.HostileToken)
    factory = devnet.deploy_vault_factory(devnet_deployer, token)
    roles = (people.owner, people.guardian, people.reporter, people.manager)
    limits = list(LIMITS.values())
    terms = ("Hostile asset", "pBAD", *roles, *(0, 0, 0), UNLIMITED, 1, 0, limits)
    receipt = factory.deploy(terms, b"\0" * 32, sender=deployer)
    address = devnet_deployer.event(receipt, factory, "VaultDeployed").vault
    vault = devnet.vault_at(devnet_deployer, address)
    token.mint(people.alice, 10 * UNIT, sender=deployer)
    token.approve(vault, FOREVER, sender=people.alice)
    token.set_fee(1, sender=deployer)
    with ape.reverts("asset takes a fee"):
        vault.requestDeposit(UNIT, people.alice, people.alice, sender=people.alice)
    assert token.balanceOf(vault) == 0
    token.set_fee(0, sender=deployer)
    vault.requestDeposit(UNIT, people.alice, people.alice, sender=people.alice)
    assert token.balanceOf(vault) == UNIT
