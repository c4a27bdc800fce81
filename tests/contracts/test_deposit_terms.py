"""Who may deposit, how much, and in which assets."""

import ape
import pytest
from strongroom.devnet import contracts as devnet

from tests.defaults import FOREVER, LIMITS, UNIT, UNLIMITED

DAY = 86_400
NOBODY = "0x" + "00" * 20


@pytest.fixture
def allow_list(project, deployer):
    return deployer.deploy(project.AllowList)


def test_an_allow_list_admits_who_gets_the_shares(
    vault, people, fund, report, allow_list, deployer
):
    fund(vault, people.alice, people.bob)
    report(vault)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setAllowList(allow_list, False, sender=people.guardian)
    with ape.reverts("address has no code"):
        vault.setAllowList(people.alice, False, sender=people.owner)
    with ape.reverts("no allow-list"):
        vault.setAllowList(NOBODY, True, sender=people.owner)
    vault.setAllowList(allow_list, False, sender=people.owner)
    assert vault.allow_list() == allow_list and not vault.coversTransfers()
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
    vault.setAllowList(NOBODY, False, sender=people.owner)
    vault.requestDeposit(UNIT, people.bob, people.alice, sender=people.alice)
    assert vault.depositTerms() == (UNLIMITED, 5)


def test_a_list_that_covers_transfers_is_asked_wherever_shares_change_hands(
    vault, people, fund, report, allow_list, deployer
):
    """By a transfer, by a claim or a cancelled redemption for another, by a redemption in another's
    name. What somebody has or waits for himself is his, listed or not."""
    alice, bob, eve = people.alice, people.bob, people.stranger
    fund(vault, alice, bob)
    report(vault)
    for _ in range(2):
        vault.requestDeposit(100 * UNIT, alice, alice, sender=alice)
        report(vault)
    report(vault)
    shares = vault.maxMint(alice) // 4
    vault.mint(shares, alice, sender=alice)
    vault.approve(bob, FOREVER, sender=alice)
    vault.setOperator(bob, True, sender=alice)
    vault.setOperator(alice, True, sender=eve)
    vault.setAllowList(allow_list, True, sender=people.owner)
    assert vault.coversTransfers() and vault.depositTerms() == (UNLIMITED, 1)
    allow_list.allow(bob, sender=deployer)  # alice, who holds, and eve are not on it
    epoch = vault.epochs()[1]
    vault.requestRedeem(10, alice, alice, sender=alice)
    refused = (
        lambda: vault.transfer(eve, 1, sender=alice),
        lambda: vault.transferFrom(alice, eve, 1, sender=bob),
        lambda: vault.deposit(UNIT, eve, sender=alice),
        lambda: vault.mint(1, eve, alice, sender=bob),
        lambda: vault.requestRedeem(1, eve, alice, sender=alice),
        lambda: vault.cancelRedeemRequest(epoch, alice, eve, sender=alice),
    )
    for deal in refused:
        with ape.reverts("not on the allow-list"):
            deal()
    vault.transfer(bob, 1, sender=alice)
    vault.transferFrom(alice, bob, 1, sender=bob)
    vault.deposit(UNIT, bob, sender=alice)
    assert vault.balanceOf(bob) > 2
    vault.deposit(UNIT, alice, sender=alice)
    vault.cancelRedeemRequest(epoch, alice, alice, sender=alice)
    vault.requestRedeem(10, alice, alice, sender=alice)
    vault.redeemRequestInKind(epoch, alice, eve, [], sender=alice)
    vault.redeemInKind(10, alice, [], sender=alice)
    vault.setDepositTerms(UNLIMITED, 5, sender=people.owner)
    assert vault.coversTransfers() and vault.allow_list() == allow_list
    vault.setAllowList(allow_list, False, sender=people.owner)
    vault.transfer(eve, 1, sender=alice)
    vault.setAllowList(NOBODY, False, sender=people.owner)
    assert not vault.coversTransfers()
    vault.transfer(eve, 1, sender=alice)


def test_a_list_whose_contract_fails_holds_up_nobodys_own_shares(
    vault, people, fund, report, allow_list, deployer
):
    """The vault itself stands for a list that does not answer."""
    fund(vault, people.alice)
    report(vault)
    vault.requestDeposit(100 * UNIT, people.alice, people.alice, sender=people.alice)
    for _ in range(2):
        report(vault)
    vault.setAllowList(vault, True, sender=people.owner)
    vault.deposit(50 * UNIT, people.alice, sender=people.alice)
    with ape.reverts():
        vault.transfer(people.bob, 1, sender=people.alice)
    with ape.reverts():
        vault.deposit(UNIT, people.bob, sender=people.alice)
    epoch = vault.epochs()[1]
    vault.requestRedeem(10, people.alice, people.alice, sender=people.alice)
    vault.cancelRedeemRequest(epoch, people.alice, people.alice, sender=people.alice)
    vault.redeemInKind(10, people.alice, [], sender=people.alice)


def test_a_list_for_transfers_is_announced_and_taken_back_at_once(vault, people, allow_list, chain):
    """Shares that cannot be given on are a right less; a list for deposits alone takes none."""
    selector = vault.setAllowList.encode_input(allow_list, True)[:4]
    vault.increaseDelay(selector, DAY, sender=people.owner)
    vault.setAllowList(allow_list, False, sender=people.owner)
    with ape.reverts("not submitted"):
        vault.setAllowList(allow_list, True, sender=people.owner)
    vault.submit(vault.setAllowList.encode_input(allow_list, True), sender=people.owner)
    with ape.reverts("timelocked"):
        vault.setAllowList(allow_list, True, sender=people.owner)
    chain.pending_timestamp += DAY
    vault.setAllowList(allow_list, True, sender=people.owner)
    with ape.reverts("not submitted"):  # another list, of which nobody was told
        vault.setAllowList(vault, True, sender=people.owner)
    vault.setAllowList(allow_list, False, sender=people.owner)
    vault.abdicate(selector, sender=people.owner)
    with ape.reverts("abdicated"):
        vault.setAllowList(allow_list, True, sender=people.owner)
    vault.setAllowList(NOBODY, False, sender=people.owner)


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
