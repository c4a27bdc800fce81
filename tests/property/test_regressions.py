"""Sequences that once broke a promise, shrunk."""

import pytest

from tests.property.evm import Reverted
from tests.property.silence import UNANSWERED
from tests.property.world import (
    DEPOSIT,
    HOUR,
    REDEEM,
    SHARE,
    UNIT,
    VIRTUAL,
    WAD,
    YES,
    World,
)

K = 1_000 * UNIT


def held_by(*people: str, assets: int = 500 * K, **terms) -> World:
    """Return a world whose shares these people hold, each for `assets`."""
    world = World(**terms)
    for who in people:
        world.request(DEPOSIT, who, assets)
    world.settle()
    world.wait(HOUR)
    world.settle()
    world.claim_all(*people)
    return world


def delegated(**terms) -> World:
    """Return a world of Alice's and Bob's, 500,000 each: 100,000 in a delegated account, and
    150,000 lost."""
    open_wide = {"question_cap_bps": 10_000, "velocity": 2**96 - 1, "velocity_bps": 10_000}
    world = held_by("alice", "bob", fees=(0, 0, 0), exit_fee_bps=0, **open_wide, **terms)
    world.open("lost")
    world.allocate("lost", 150 * K)
    world.trade("lost", -150 * K, to="mallory")
    world.close("lost", by="keeper")
    assert abs(world.vault.totalLosses() - 150 * K) <= 1
    world.open("D", 2)
    world.set_wallet("D")
    world.allocate("D", 100 * K)
    return world


def test_a_gift_that_leaves_with_its_giver_pays_off_no_loss():
    """Bob gives 40,000 to a delegated account and leaves in kind with half of it. What he took
    beyond his part of the cost was taken for cost come home, and the whole gift for profit: 40,000
    of losses were paid off with 20,000."""
    world = delegated()
    world.give_cash("D", 40 * K, by="bob")
    world.leave("bob", world.shares("bob"))
    assert world.vault.bookOf(world.markets["D"].id)[0] == 50 * K
    assert abs(world.vault.totalLosses() - 75 * K) <= 2
    assert world.harvest("D") == 20 * K
    assert abs(world.vault.totalLosses() - 55 * K) <= 2


def test_an_exit_from_a_delegated_account_with_more_than_its_cost_dilutes_nobody():
    """Alice's NAV at the bid per share fell by Bob's part of what was above cost."""
    world = delegated()
    world.give_cash("D", 40 * K)
    before = world.vault.totalAssets() * SHARE // world.vault.totalSupply()
    world.leave("bob", world.shares("bob"))
    assert world.vault.totalAssets() * SHARE // world.vault.totalSupply() >= before


def test_nobody_enters_below_the_bid():
    """The high-water mark is a whole share's price in base units. What the price is above it by
    that rounding counted as profit with a fee due, so that the ask was below the bid."""
    world = held_by("alice", assets=1_000 * K + 777_777, fees=(0, 5_000, 0))
    world.open("A")
    world.allocate("A", 10 * K)
    world.give_cash("A", 3_333_333)
    world.harvest("A")
    world.recall("A")
    world.close("A", by="keeper")
    world.wait(HOUR)
    world.settle()
    bid, ask = world.vault.prices()
    assert bid <= ask <= bid + 1
    world.request(DEPOSIT, "bob", 10**6 * K)
    before = world.vault.totalAssets() + 1, world.vault.totalSupply() + VIRTUAL
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    after = world.vault.totalAssets() + 1, world.vault.totalSupply() + VIRTUAL
    assert after[0] * before[1] * (SHARE + 1) >= before[0] * after[1] * SHARE


def test_the_owner_closes_a_market_whose_account_does_not_answer():
    """It redeems what is resolved, but says nothing of its positions."""
    world = held_by("alice")
    world.open("S", 3)
    world.allocate("S", 10 * K)
    world.make_fail("S", UNANSWERED)
    world.close("S", by="owner")
    assert world.open_names() == []
    world.make_fail("S", 0)
    world.sweep("S")
    assert world.vault.totalLosses() == 0


@pytest.mark.parametrize("seconds", [0, HOUR])
def test_a_request_is_not_settled_by_the_report_after_the_one_that_closed_another(seconds):
    """Two requests of one person in two epochs: each is dealt by the second report after it."""
    world = held_by("alice")
    world.wait(HOUR)
    first = world.request(REDEEM, "alice", SHARE)
    world.settle()
    world.wait(seconds)
    second = world.request(REDEEM, "alice", SHARE)
    assert second == first + 1
    world.wait(HOUR)
    world.settle()
    assert world.claimable(REDEEM, "alice")[0] == SHARE
    assert world.pending(REDEEM, "alice") == {second: SHARE}


@pytest.mark.parametrize("how", ["sweep", "close"])
def test_no_gas_is_so_little_that_a_call_works_by_half(how):
    """A wallet that estimates gas finds the least with which a call succeeds: once too little for
    the redeeming inside, whose failure is tolerated, and nothing came home."""
    world = World()
    world.request(DEPOSIT, "alice", 100_000 * UNIT)
    for _ in range(2):
        world.settle()
        world.wait(HOUR)
    world.open("A")
    world.allocate("A", 10_000 * UNIT)
    world.trade("A", cash=-10_000 * UNIT, tokens={(0, YES): 20_000 * UNIT})
    if how == "sweep":
        world.close("A", by="owner")
        world.resolve("A")
        call, argument = world.vault.sweep, world.markets["A"].account.address
    else:
        world.resolve("A")
        call, argument = world.vault.closeMarket, world.markets["A"].id
    idle, worked = world.vault.total_idle(), 0
    for gas in range(100_000, 1_500_000, 25_000):
        point = world.snapshot()
        try:
            call(argument, sender=world.who["owner"], gas=gas)
        except (Reverted, RuntimeError):
            world.restore(point)
            continue
        assert world.vault.total_idle() == idle + 20_000 * UNIT
        assert world.markets["A"].account.halted()
        worked += 1
        world.restore(point)
    assert worked


def test_what_a_wallet_gained_keeps_its_market_open():
    """Its cost was back, so nothing counted as away: a stranger closed the market, entered at cost
    and took 200,000 of a profit of 400,000 when the wallet's tokens came home."""
    world = held_by("alice", assets=1_000 * K)
    world.open("D", 2)
    world.set_wallet("D")
    world.allocate("D", 100 * K)
    world.forward("D", 100 * K)
    world.trade("D", cash=-100 * K, tokens={(0, YES): 600 * K})
    world.trade("D", cash=100 * K, tokens={(0, YES): -200 * K})
    world.take_back("D")
    world.resolve("D")
    with pytest.raises(Reverted, match="not to be closed"):
        world.close("D")
    world.redeem("D")  # the wallet's owner turns them into collateral
    with pytest.raises(Reverted, match="not to be closed"):
        world.close("D")
    world.take_back("D", by="mallory")  # resolved: anyone brings it home
    world.close("D")
    assert world.vault.total_idle() == 1_400 * K


def test_a_closed_account_that_holds_something_keeps_the_inflow_room_shut():
    """Guardian and friend, without the reporter: tokens bought since the last report stand in no
    book, so the market was closed as worthless, the vault was flat, and 20,000,000 entered at cost:
    222,222 of a profit of 233,333."""
    world = held_by("alice", assets=1_000 * K, total_cap=2**96 - 1, velocity=2**96 - 1)
    world.open("A")
    world.allocate("A", 100 * K)
    world.wait(HOUR)
    world.report({"A": {0: (WAD // 4, WAD // 4)}})
    world.trade("A", cash=-100 * K, tokens={(0, YES): 400 * K})
    world.trade("A", cash=100 * K, tokens={(0, YES): -166_667 * UNIT})
    world.recall("A", by="guardian")
    world.close("A", by="guardian")
    assert world.vault.isFlat() and world.vault.unsweptAccounts()
    world.request(DEPOSIT, "mallory", 20_000 * K)
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    entered = world.claimable(DEPOSIT, "mallory")[0]
    assert entered <= world.vault.totalAssets() // 10  # a day's room
    world.resolve("A")
    world.sweep("A")
    assert world.vault.unsweptAccounts() == ()


def test_small_exits_do_not_lift_the_hurdle():
    """Each lift is rounded up to a unit of the mark: 3,000 exits of a share-wei lifted it by 0.3 %
    in 100 minutes, and the performance fee was gone."""
    world = held_by("alice", "mallory", fees=(0, 2_000, 500))
    mark = world.vault.highWaterMark()
    for _ in range(50):
        world.wait(2)
        world.leave("mallory", 1)
    assert world.vault.highWaterMark() == mark
    world.wait(365 * 24 * HOUR)
    world.settle()
    assert 1_049_000 <= world.vault.highWaterMark() <= 1_051_000


def test_a_loss_without_holders_is_nobodys():
    """Per share of none it was astronomic: losses of 0.75 became 750,000,000,000 when the next
    depositor came, and no budget could go out."""
    world = held_by("alice", assets=K, exit_fee_bps=0)
    world.open("A")
    world.allocate("A", 100 * UNIT)
    world.trade("A", cash=-100 * UNIT)
    world.give("A", 0, YES, UNIT)
    world.leave("alice", world.shares("alice"), skip=["A"])
    assert world.vault.totalSupply() == 0
    world.resolve("A", yes=0)
    world.close("A")
    assert world.vault.totalLosses() == 0
    world.request(DEPOSIT, "bob", 1_000 * K)
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    assert world.vault.totalLosses() == 0


def test_junk_that_stands_for_nothing_keeps_no_market_open():
    """The list of unswept accounts filled with junk, and neither guardian nor owner could close."""
    world = held_by("alice", assets=1_000 * K)
    for number in range(34):
        name = f"junk {number}"
        world.open(name)
        world.give(name, 0, YES, 1)
        world.close(name, by="guardian")
    assert world.open_names() == []
    assert len(world.vault.unsweptAccounts()) == 32


def test_redemptions_are_not_shut_at_once():
    """A smaller fall that redemptions bear hands them back: it counted as safer."""
    world = World(timelock=3 * 24 * HOUR)
    for value in (0, 2_000):
        with pytest.raises(Reverted, match="not submitted"):
            world.set_limit("max_down_bps", value)


def test_small_write_offs_count_together():
    """99 markets of 900 each were closed as dust of 1,000,000, at once 89,100."""
    world = held_by("alice", assets=1_000 * K)
    for name in ("A", "B"):
        world.open(name)
        world.allocate(name, 900 * UNIT)
        world.trade(name, cash=-900 * UNIT, tokens={(0, YES): 1_800 * UNIT})
    world.close("A", by="guardian")
    with pytest.raises(Reverted, match="not to be closed"):
        world.close("B", by="guardian")
