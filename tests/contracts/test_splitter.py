"""The performance splitter, each figure by hand: a million at 1.00, a performance fee of 20 %.

The vault counts the price of a share in millionths and leaves one to the virtual shares, so a
profit of 4,000 on a million shares pays the fee of 3,999. What follows reckons with that.
"""

import pytest
from strongroom.chain.artifacts import Artifact
from vyper import compile_code

from tests.property.evm import Reverted
from tests.property.splitting import DELAY, SplitWorld, payouts
from tests.property.world import BPS, DAY, HOUR, REDEEM, UNIT, Kind


@pytest.fixture
def life() -> SplitWorld:
    """Classes 0 and 1 are Ann's and Ben's, for a half and a quarter; class 2 is the manager's."""
    made = SplitWorld(3)
    made.install()
    made.appoint(0, "ann", 5_000)
    made.appoint(1, "ben", 2_500)
    made.report()
    return made


def worth(life: SplitWorld, who: str) -> int:
    """Return what somebody's credit is worth at the bid, in hundredths of a cent, the nearest."""
    return (int(life.vault.convertToAssets(life.credit(who))) + 50) // 100


def refused(reason: str):
    return pytest.raises(Reverted, match=f"^{reason}$")


def test_the_fee_is_shared_by_proven_profit(life):
    life.earn(0, 1_000 * UNIT)
    life.earn(1, 3_000 * UNIT)
    life.report()  # 20 % of 3,999: 799.80, a quarter of it by class 0
    life.split()
    assert worth(life, "ann") == 999_750  # 199.95 / 2
    assert worth(life, "ben") == 1_499_625  # 599.85 / 4
    assert worth(life, "boss") == 5_498_625  # the rest
    assert life.splitter.markOf(0) == 999_750_001  # 3,999 / 4,000 of 1,000, up
    assert life.vault.balanceOf(life.splitter.address) == life.splitter.total_credit()


def test_the_managers_own_class_takes_its_part(life):
    life.earn(0, 1_000 * UNIT)
    life.earn(2, 3_000 * UNIT)
    life.report()
    life.split()
    assert worth(life, "ann") == 999_750
    assert worth(life, "boss") == 7_998_000 - 999_750


def test_a_split_between_profit_and_fee_takes_nothing(life):
    """Who calls early, and as often as he likes, robs nobody."""
    life.earn(0, 1_000 * UNIT)
    for who in ("boss", "mallory", "ben"):
        life.split(by=who)
    assert life.splitter.markOf(0) == 0
    life.report()  # 20 % of 999
    life.split()
    life.split()
    assert worth(life, "ann") == 999_000


def test_another_classes_loss_makes_a_claim_wait(life):
    """The fee is 20 % of what all earned together; the claim is paid as the vault recovers."""
    life.earn(0, 1_000 * UNIT)
    life.lose(1, 600 * UNIT)
    life.report()  # 20 % of 399: 79.80, of the 200.00 that class 0 has earned
    life.split()
    assert worth(life, "ann") == 399_000
    assert worth(life, "ben") == 0
    assert life.splitter.markOf(0) == 399 * UNIT
    life.earn(1, 600 * UNIT)  # back at 0: no profit of class 1
    life.report()
    life.split()
    assert abs(worth(life, "ann") - 999_000) <= 1_000  # of 999 in all, as without the loss
    assert worth(life, "ben") == 0


def test_a_fall_and_the_way_back_earn_nothing(life):
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    before = life.credit("ann")
    life.lose(0, 500 * UNIT)
    life.report()
    life.split()
    life.earn(0, 500 * UNIT)
    life.report()
    life.split()
    assert life.credit("ann") - before < 10**18  # a share at most: the last thousandth of 1,000


def test_forgiven_losses_are_no_profit(life):
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    before, mark = life.credit("ann"), life.splitter.markOf(0)
    life.lose(0, 500 * UNIT)
    life.world.forgive(0, 500 * UNIT)
    life.report()
    life.split()
    assert (life.credit("ann"), life.splitter.markOf(0)) == (before, mark)
    assert life.vault.classBook(0)[1] <= 1  # forgiven indeed; rounded up
    assert life.vault.profitOf(0) == 500 * UNIT


def test_a_gift_is_the_managers_once_all_are_paid(life):
    life.gift(10**18)
    life.split()
    assert (life.credit("boss"), life.credit("ann")) == (10**18, 0)


def test_a_gift_pays_what_waits_and_no_more(life):
    life.earn(0, 1_000 * UNIT)
    life.lose(1, 1_000 * UNIT)
    life.report()
    life.split()
    assert life.received == 0  # no fee: nothing was earned together
    life.gift(1_000 * 10**18)
    life.split()
    assert worth(life, "ann") == 1_000_000
    assert worth(life, "boss") == 9_000_000
    life.gift(10**18)
    life.split()
    assert worth(life, "ann") == 1_000_000


def test_a_gift_of_dust_costs_a_claim_at_most_a_unit(life):
    life.earn(0, 1_000 * UNIT)
    life.lose(1, 1_000 * UNIT)
    life.report()
    for _ in range(5):
        life.gift(1)
        life.split()
    assert life.splitter.markOf(0) == 5  # millionths of a unit of the asset
    assert life.credit("boss") == 5


def test_the_management_fee_is_the_managers_where_no_claim_waits():
    life = SplitWorld(2, fees=(200, 2_000, 0))
    life.install()
    life.appoint(0, "ann", BPS)
    life.report(24)
    life.earn(0, 1_000 * UNIT)
    life.report(24)
    life.split()
    # 20 % of 1,000, all of it: the management fee fills what the performance fee lacks
    assert worth(life, "ann") == 2_000_000
    both = int(life.vault.convertToAssets(life.received)) // 100
    assert abs(worth(life, "boss") - (both - 2_000_000)) <= 1


def test_nothing_for_the_past_of_a_class():
    life = SplitWorld(2)
    life.earn(0, 5_000 * UNIT)
    life.lose(1, 1_000 * UNIT)
    life.report()
    life.install()
    assert [life.splitter.markOf(each) for each in (0, 1)] == [5_000 * UNIT, 0]
    life.appoint(0, "ann", 5_000)
    life.report()
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    # 3,999 of the 4,000 above the vault's mark were told before: 1,000 or 1,001 now
    assert abs(worth(life, "ann") - 1_000_000) <= 1_000


def test_who_comes_after_another_must_win_back_what_was_lost(life):
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    life.lose(0, 800 * UNIT)
    life.report()
    life.appoint(0, "cem", BPS)
    life.report()
    assert life.splitter.markOf(0) == 999 * UNIT
    life.earn(0, 700 * UNIT)
    life.gift(10**21)
    life.split()
    assert life.credit("cem") == 0


def test_what_was_credited_stays_his_and_what_waits_is_split_first(life):
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.splitter.announce(0, life.who["cem"], BPS, sender=life.who["boss"])
    life.world.wait(DELAY)
    life._follow()
    life.splitter.appoint(0, sender=life.who["cem"])
    assert worth(life, "ann") == 999_000
    credit = life.credit("ann")
    life.report()
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.splitter.split(sender=life.who["mallory"])
    assert life.credit("ann") == credit
    assert abs(worth(life, "cem") - 2_000_000) <= 3_000


def test_another_part_of_the_same_strategist_moves_no_mark(life):
    life.earn(0, 1_000 * UNIT)
    life.appoint(0, "ann", 1_000)  # the fee comes later: at the new part
    assert life.splitter.markOf(0) == 0
    life.report()
    life.split()
    assert worth(life, "ann") == 199_800


def test_a_class_that_is_added_later_starts_at_nothing(life):
    number = life.world.add_class(Kind("binary", "keeper 3"))
    life.appoint(number, "cem", BPS)
    life.report()
    life.earn(number, 1_000 * UNIT)
    life.report()
    life.split()
    assert worth(life, "cem") == 1_998_000


def test_a_rate_that_falls_between_fee_and_split_takes_nothing(life):
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.vault.setFees(0, 0, 0, sender=life.who["owner"])
    life.split(by="boss")
    assert worth(life, "ann") == 999_000


def test_profit_made_without_a_fee_is_never_claimed(life):
    life.vault.setFees(0, 0, 0, sender=life.who["owner"])
    life.split()
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    assert life.splitter.markOf(0) == 1_000 * UNIT
    life.vault.setFees(0, 2_000, 0, sender=life.who["owner"])
    life.gift(10**21)
    life.split()
    assert life.credit("ann") == 0


@pytest.mark.parametrize("splits", [1, 2, 5])
def test_a_rate_that_is_put_down_and_up_again_wipes_out_no_claim(life, splits):
    """The owner could do it in one transaction, with the rise announced beforehand."""
    life.earn(0, 1_000 * UNIT)
    life.lose(1, 1_000 * UNIT)
    life.report()
    life.split()  # no fee: nothing was earned together; Ann's claim waits
    life.set_rate(0)
    for _ in range(splits):
        life.split(by="boss")
    life.set_rate(2_000)
    assert life.splitter.claimOf(0) == (0, 1_000 * UNIT, 1_000 * UNIT * 2_000)
    life.earn(1, 1_000 * UNIT)
    life.earn(2, 1_000 * UNIT)
    life.report()  # 20 % of 1,999, half of it Ann's class's
    life.split()
    assert worth(life, "ann") == 999_500
    life.gift(10**21)
    life.split()
    assert abs(worth(life, "ann") - 1_000_000) <= 1


def test_a_rate_that_rises_makes_no_waiting_claim_larger(life):
    life.earn(0, 1_000 * UNIT)
    life.lose(1, 1_000 * UNIT)
    life.report()
    life.split()
    life.set_rate(5_000)
    life.gift(10**21)
    life.split()
    assert worth(life, "ann") == 1_000_000  # 20 % of 1,000, her half
    life.earn(0, 1_000 * UNIT)
    life.gift(10**21)
    life.split()
    # and 50 % of the next, which has made the first hundred dearer by a thousandth
    assert abs(worth(life, "ann") - 3_501_000) <= 1


def test_profits_of_two_rates_are_owed_each_at_its_own(life):
    life.earn(0, 1_000 * UNIT)
    life.lose(1, 5_000 * UNIT)
    life.report()
    life.split()
    life.set_rate(0)
    life.split()
    life.earn(0, 1_000 * UNIT)  # while there is no fee
    life.split()
    assert life.splitter.claimOf(0) == (0, 2_000 * UNIT, 1_000 * UNIT * 2_000)
    life.lose(0, 500 * UNIT)
    life.split()
    assert life.splitter.claimOf(0) == (0, 1_500 * UNIT, 750 * UNIT * 2_000)
    life.earn(0, 500 * UNIT)  # still none
    life.gift(10**21)
    life.split()
    assert life.splitter.claimOf(0) == (2_000 * UNIT, 2_000 * UNIT, 0)
    assert worth(life, "ann") == 750_000


def test_whose_profit_is_home_first_moves_time_and_no_money(life):
    """In a shortfall Ben may bring his profit home just before the split; Ann's claim waits."""
    point = life.world.snapshot()
    found = []
    for first in (False, True):
        life.world.restore(point)
        life.splitter.split(sender=life.who["mallory"])
        life.world.wait(HOUR)
        earn(life, 0, "a")
        life.world.report()
        if not first:
            life.splitter.split(sender=life.who["mallory"])
        earn(life, 1, "b")
        if first:
            life.splitter.split(sender=life.who["ben"])
        life.world.wait(HOUR)
        life.world.report()
        life.splitter.split(sender=life.who["mallory"])
        found.append((worth(life, "ann"), worth(life, "ben")))
    for one, other in zip(*found, strict=True):
        assert abs(one - other) <= 1_000, found


def earn(life: SplitWorld, number: int, name: str) -> None:
    life.world.open(name, number)
    life.world.give_cash(name, 1_000 * UNIT)
    life.world.harvest(name)


def test_credits_are_withdrawn_to_anybody_and_redeemed_at_the_vault(life):
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    shares = life.credit("ann")
    ann, other = life.who["ann"], life.who["bob"]
    life.splitter.withdraw(shares // 2, other, sender=ann)
    life.splitter.withdraw(shares - shares // 2, ann, sender=ann)
    assert (life.world.shares("bob"), life.world.shares("ann")) == (
        shares // 2,
        shares - shares // 2,
    )
    assert life.credit("ann") == 0
    life.world.request(REDEEM, "ann", life.world.shares("ann"))
    for _ in range(2):
        life.report()
    life.world.claim_all("ann")
    assert abs(life.world.cash("ann") - 49_950_000) < 100  # half of 99.90
    with refused("more than credited"):
        life.splitter.withdraw(1, ann, sender=ann)


def test_an_allow_list_locks_no_credit_in(life):
    """Where it covers transfers, Ann is not on it: her credit leaves in kind, as any holder can."""
    life.earn(0, 1_000 * UNIT)
    life.report()
    life.split()
    name = life.market(1)
    life.world.allocate(name, 100_000 * UNIT)
    life.world.trade(name, -60_000 * UNIT)  # for tokens that are in the account, or not
    vault, ann, owner = life.vault, life.who["ann"], life.who["owner"]
    vault.setAllowList(vault.address, True, sender=owner)  # one that does not even answer
    shares, supply = life.credit("ann"), int(vault.totalSupply())
    with pytest.raises(Reverted):
        life.splitter.withdraw(shares, ann, sender=ann)
    with refused("more than credited"):
        life.splitter.withdrawInKind(shares + 1, ann, [], sender=ann)
    with refused("no receiver"):
        life.splitter.withdrawInKind(shares, life.splitter.address, [], sender=ann)
    others = life.credit("boss")
    life.splitter.withdrawInKind(shares // 2, ann, [], sender=ann)
    # 49.975 of 1,000,800 in shares, less the exit fee of a half per cent: all but the 60,000 lost
    part = 940_800 * UNIT * (shares // 2) // supply * 995 // 1_000
    assert abs(life.world.cash("ann") - part) <= part // 1_000
    life.splitter.withdrawInKind(
        shares - shares // 2, ann, [life.world.markets[name].id], sender=ann
    )
    assert (life.credit("ann"), life.credit("boss")) == (0, others)
    assert life.splitter.total_credit() <= vault.balanceOf(life.splitter.address)
    vault.setAllowList("0x" + "00" * 20, False, sender=owner)
    life.received = int(vault.balanceOf(life.splitter.address))
    life.splitter.split(sender=ann)
    books = payouts(life)
    assert books.differences == [] and books.total_credit == life.received


def test_a_withdrawal_goes_to_somebody(life):
    life.gift(100)
    life.split()
    boss = life.who["boss"]
    for receiver in (life.vault.address, life.splitter.address, "0x" + "00" * 20):
        with refused("no receiver"):
            life.splitter.withdraw(1, receiver, sender=boss)
    with refused("nothing to withdraw"):
        life.splitter.withdraw(0, boss, sender=boss)
    with refused("more than credited"):
        life.splitter.withdraw(101, boss, sender=boss)
    life.splitter.withdraw(100, boss, sender=boss)
    assert life.splitter.total_credit() == 0


def test_only_the_owner_announces_and_only_what_can_be(life):
    boss, ann, nobody = life.who["boss"], life.who["ann"], "0x" + "00" * 20
    with refused("ownable: caller is not the owner"):
        life.splitter.announce(0, ann, BPS, sender=ann)
    with refused("unknown class"):
        life.splitter.announce(3, ann, BPS, sender=boss)
    with refused("bad fee part"):
        life.splitter.announce(0, ann, BPS + 1, sender=boss)
    with refused("part of nobody"):
        life.splitter.announce(0, nobody, 1, sender=boss)


def test_a_change_holds_after_its_delay_and_once(life):
    boss, cem = life.who["boss"], life.who["cem"]
    with refused("not announced"):
        life.splitter.appoint(0, sender=boss)
    life.splitter.announce(0, cem, BPS, sender=boss)
    life.world.wait(DELAY - 1)
    with refused("still waiting"):
        life.splitter.appoint(0, sender=boss)
    life.world.wait(1)
    life.splitter.appoint(0, sender=life.who["mallory"])
    assert life.splitter.strategistOf(0)[1] == BPS
    with refused("not announced"):
        life.splitter.appoint(0, sender=boss)
    life.splitter.announce(0, "0x" + "00" * 20, 0, sender=boss)
    life.splitter.announce(0, cem, 1, sender=boss)  # takes the place of the first
    life.world.wait(DELAY)
    life.splitter.appoint(0, sender=boss)
    assert life.splitter.strategistOf(0)[1] == 1


def test_an_announcement_lapses_a_week_after_its_delay(life):
    """Or one that is never made would let the owner replace a strategist at any moment."""
    boss, cem = life.who["boss"], life.who["cem"]
    for late in (0, 1):
        life.splitter.announce(0, cem, BPS, sender=boss)
        life.world.wait(DELAY + 7 * DAY + late)
        if late:
            with refused("announced too long ago"):
                life.splitter.appoint(0, sender=boss)
        else:
            life.splitter.appoint(0, sender=boss)
    life.splitter.announce(0, cem, 1, sender=boss)  # a new one holds after a new delay
    with refused("still waiting"):
        life.splitter.appoint(0, sender=boss)


def test_ownership_moves_in_two_steps_and_credits_stay(life):
    boss, heir = life.who["boss"], life.who["heir"]
    life.gift(100)
    life.split()
    with refused("ownable: caller is not the owner"):
        life.splitter.transferOwnership(heir, sender=heir)
    life.splitter.transferOwnership(heir, sender=boss)
    with refused("not the pending owner"):
        life.splitter.acceptOwnership(sender=boss)
    life.splitter.acceptOwnership(sender=heir)
    life.world.transfer("alice", "splitter", 50)
    life.splitter.split(sender=boss)
    assert (life.credit("boss"), life.credit("heir")) == (100, 50)


def test_it_is_made_for_a_vault_and_an_owner():
    life = SplitWorld(1)
    code, evm = life.world.contract("PerformanceSplitter"), life.world.evm
    boss = life.who["boss"]
    for arguments in (
        (life.who["alice"], boss, DELAY),
        (life.vault.address, "0x" + "00" * 20, DELAY),
        (life.vault.address, boss, 90 * DAY + 1),
    ):
        with pytest.raises(RuntimeError):
            evm.deploy(code, *arguments)
    assert evm.deploy(code, life.vault.address, boss, 90 * DAY).DELAY() == 90 * DAY


HOSTILE = """
# pragma version 0.4.3
interface ISplitter:
    def split(): nonpayable
    def withdraw(shares: uint256, receiver: address): nonpayable
    def appoint(class_id: uint256): nonpayable
how: public(uint256)
balances: uint256
@external
def set(how: uint256, balance: uint256):
    self.how = how
    self.balances = balance
@external
@view
def class_count() -> uint256:
    return 1
@external
@view
def profitOf(class_id: uint256) -> int256:
    return -1
@external
@view
def feeRates() -> (uint256, uint256, uint256):
    return 0, 2000, 0
@external
@view
def convertToShares(assets: uint256) -> uint256:
    return assets
@external
@view
def balanceOf(who: address) -> uint256:
    return self.balances
@external
def transfer(to: address, shares: uint256) -> bool:
    if self.how == 1:
        extcall ISplitter(msg.sender).split()
    if self.how == 2:
        extcall ISplitter(msg.sender).withdraw(1, to)
    if self.how == 3:
        extcall ISplitter(msg.sender).appoint(0)
    return self.how != 4
"""


@pytest.mark.parametrize("how", [1, 2, 3, 4])
def test_a_vault_that_calls_back_gets_nowhere(how):
    """The vault is trusted; the lock holds all the same. 4: a transfer that says it failed."""
    found = compile_code(HOSTILE, output_formats=["abi", "bytecode"])
    life = SplitWorld(1)
    evm, boss = life.world.evm, life.who["boss"]
    hostile = evm.deploy(Artifact("Hostile", found["abi"], bytes.fromhex(found["bytecode"][2:])))
    splitter = evm.deploy(life.world.contract("PerformanceSplitter"), hostile.address, boss, DELAY)
    hostile.set(how, 100, sender=boss)
    splitter.split(sender=boss)
    splitter.announce(0, boss, 1, sender=boss)
    life.world.wait(DELAY)
    with pytest.raises(Reverted, match="transfer failed" if how == 4 else None):
        splitter.withdraw(10, boss, sender=boss)
    hostile.set(0, 100, sender=boss)
    splitter.withdraw(10, boss, sender=boss)
    assert splitter.creditOf(boss) == 90
