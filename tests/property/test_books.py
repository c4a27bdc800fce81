"""What a vault writes into its books, case by case, with numbers by hand."""

import pytest

from tests.property.evm import Logs, Reverted
from tests.property.stage import WIDE, K, Stage
from tests.property.world import DEPOSIT, NO, REDEEM, UNIT, YES


def test_who_leaves_in_kind_takes_his_part_of_a_value_below_cost():
    """200,000 were spent at 50; marked at 25 they are worth 100,000. Half of the shares leave."""
    stage = Stage(exit_fee_bps=0, **WIDE)
    world, market = stage.world, stage.market("A", [50], 200 * K)
    stage.truth["A"] = [25]
    stage.report()
    assert world.vault.bookOf(market.id) == (200 * K, 100 * K, 100 * K)
    world.leave("bob", world.shares("bob"))
    assert world.vault.bookOf(market.id) == (100 * K, 50 * K, 50 * K)
    assert world.vault.navs() == (450 * K, 500 * K)


def test_entrants_of_two_epochs_carry_each_his_own_mark():
    """1,000,000 shares at 1.00, an ask of 1.05: 100,000 enter at it, then 200,000, by one report.
    (1,000,000 * 1.00 + 105,000) / 1,100,000 is 1.004545, and with 210,000 of 1,300,000 1.011538."""
    stage = Stage({"alice": 1_000 * K}, max_inflow_bps=0, inflow_floor=0, **WIDE)
    world = stage.world
    stage.market("A", [50], 100 * K)
    stage.truth["A"] = [75]
    stage.report()
    stage.ask(DEPOSIT, "bob", 105 * K)
    stage.report()
    stage.ask(DEPOSIT, "carol", 210 * K)
    stage.report()
    assert len(world.vault.waitingEpochs(DEPOSIT)) == 2
    assert world.vault.highWaterMark() == 1_000_000
    world.set_limit("inflow_floor", 10_000 * K)
    stage.report()
    assert world.vault.waitingEpochs(DEPOSIT) == ()
    assert world.vault.highWaterMark() == 1_011_538


@pytest.mark.parametrize(("settled", "claims"), [(False, 0), (True, 1)])
def test_a_request_that_leaves_in_kind_claims_what_was_settled_of_it(settled, claims):
    """Of her 500,000 shares idle has paid 300,000, or nothing yet."""
    stage = Stage({"alice": 500 * K}, **WIDE)
    world = stage.world
    stage.market("A", [50], 200 * K)
    stage.report()
    epoch = stage.ask(REDEEM, "alice")
    if settled:
        stage.report(2)
        assert world.claimable(REDEEM, "alice")[1] == 300 * K - 1  # down
    before = len(world.evm.transactions)
    world.leave_queue(epoch, "alice")
    logs = [log for _, each in world.evm.transactions[before:] for log in each]
    names = [name for name, _ in Logs(world.vault.address, world.vault.abis).read(logs)]
    assert names.count("Withdraw") == claims


def test_where_a_payout_leaves_no_room_for_bids_of_yes_a_no_asks_one():
    """100,000 NO of the second outcome, bought at 60. The first is paid while the other two are
    marked 50 to 52 and 48 to 50: at the bid a NO counts 48; at the ask 1, as YES may be worth 0."""
    stage = Stage(**WIDE)
    world, market = stage.world, stage.market("E", [20, 40, 40])
    world.allocate("E", 60 * K)
    world.trade("E", -60 * K, {(1, NO): 100 * K})
    stage.report()
    stage.pay("E", 0, True)
    stage.report(E=[100, (50, 52), (48, 50)])
    assert world.vault.bookOf(market.id) == (60 * K, 48 * K, 100 * K)
    assert world.vault.navs() == (988 * K, 1_040 * K)


def test_what_stands_for_something_is_not_closed_without_a_place_in_the_list():
    """32 accounts with junk have them all; the guardian may write off 100 of 1,000,000, but where
    nobody who leaves in kind would visit it. One is swept, and there is a place."""
    stage = Stage()
    world = stage.world
    for number in range(32):
        name = f"junk {number}"
        stage.market(name, [1])
        world.give(name, 0, YES, 1)
        world.close(name, by="guardian")
    stage.market("A", [1], 100 * UNIT)
    with pytest.raises(Reverted, match="too many unswept accounts"):
        world.close("A", by="guardian")
    world.resolve("junk 7", yes=0)
    world.sweep("junk 7")
    world.close("A", by="guardian")
    listed = [each.lower() for each in world.vault.unsweptAccounts()]
    assert world.markets["A"].account.address.lower() in listed and len(listed) == 32
