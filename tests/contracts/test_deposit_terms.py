"""Who may deposit, how much, and in which assets."""

import ape
import pytest

from tests.defaults import UNIT, UNLIMITED


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
