"""The driver itself: what the world says it does, it does, and a snapshot undoes all of it."""

import pytest

from tests.property.evm import Reverted
from tests.property.silence import DEAD, UNANSWERED
from tests.property.world import CENT, DEPOSIT, HOUR, NO, REDEEM, SHARE, UNIT, YES, World

MILLION = 1_000_000 * UNIT


@pytest.fixture
def world() -> World:
    """Alice holds a million shares at 1; an event, two binary markets on one question, a wallet."""
    world = World()
    world.request(DEPOSIT, "alice", MILLION)
    world.settle()
    world.wait(HOUR)
    world.settle()
    world.claim_all()
    world.open("A")
    world.allocate("A", 100_000 * UNIT)
    world.trade("A", -100_000 * UNIT, {(0, YES): 200_000 * UNIT})
    world.open("E", 1, conditions=3)
    world.allocate("E", 50_000 * UNIT)
    world.trade("E", -50_000 * UNIT, {(1, YES): 100_000 * UNIT})
    world.open("D", 2)
    world.set_wallet("D")
    world.allocate("D", 10_000 * UNIT)
    world.forward("D", 5_000 * UNIT)
    world.trade("D", -1_000 * UNIT, {(0, NO): 2_000 * UNIT})
    world.open("S", 3, like="A")
    world.allocate("S", 10_000 * UNIT)
    return world


def test_everybody_can_do_what_is_his(world):
    assert world.shares("alice") == 1_000_000 * SHARE
    assert world.open_names() == ["A", "E", "D", "S"]
    assert world.held("D").cash == 5_000 * UNIT
    assert world.held("D").away == 4_000 * UNIT
    assert world.held("D").tokens == (0, 2_000 * UNIT)
    world.wait(HOUR)
    world.report({"A": {0: (49 * CENT, 51 * CENT)}, "E": {1: (49 * CENT, 50 * CENT)}})
    # of D's 2,000 NO without a mark nothing at the bid
    assert world.vault.navs() == (MILLION - 4_000 * UNIT, MILLION + 3_000 * UNIT)
    world.leave("alice", 1_000 * SHARE, skip=["E"])
    world.resolve("A", yes=1)
    assert world.harvest("A") > 99_000 * UNIT
    world.close("A")
    assert world.is_closed("A")
    epoch = world.request(REDEEM, "alice", SHARE)
    assert world.pending(REDEEM, "alice") == {epoch: SHARE}
    assert world.cancel_all(REDEEM, "alice") == SHARE


@pytest.mark.parametrize("how", [UNANSWERED, DEAD])
def test_an_account_can_be_made_to_fail(world, how):
    world.make_fail("S", how)
    world.wait(HOUR)
    world.report()
    assert world.vault.bookOf(world.markets["S"].id)[1:] == (0, 10_000 * UNIT)
    world.make_fail("S", 0)
    world.wait(HOUR)
    world.report()
    assert world.vault.bookOf(world.markets["S"].id)[1:] == (10_000 * UNIT, 10_000 * UNIT)


def test_a_point_can_be_restored_again_and_again(world):
    point, navs = world.snapshot(), world.vault.navs()
    for _ in range(3):
        world.wait(HOUR)
        world.report()
        world.open("another")
        world.resolve("A")
        assert world.vault.navs() != navs
        world.restore(point)
        assert world.vault.navs() == navs
        assert world.open_names() == ["A", "E", "D", "S"]
        assert not world.markets["A"].resolved
        with pytest.raises(Reverted, match="report too soon"):
            world.report()


def test_a_timelock_holds_from_the_first_call_after_the_set_up():
    world = World(timelock=3 * 24 * HOUR)
    with pytest.raises(Reverted, match="not submitted"):
        world.set_limit("max_up_bps", 2_000)
    call = world.submit("setLimit", 0, 2_000)
    world.wait(3 * 24 * HOUR)
    world.accept(call)
    assert world.vault.limit(0) == 2_000
