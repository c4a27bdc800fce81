"""Sequences that once broke a promise, shrunk."""

import pytest
from eth_utils import keccak

from tests.property.evm import Reverted
from tests.property.silence import DEAD, UNANSWERED
from tests.property.world import (
    DEPOSIT,
    HOUR,
    NOBODY,
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


def burner(implementation: str, gas: int) -> bytes:
    """Return the code of an account that burns so much in redeemResolved, and then, as in all else,
    does what an implementation does."""
    selector, amount = keccak(text="redeemResolved()")[:4].hex(), gas.to_bytes(3, "big").hex()
    burns = f"60003560e01c63{selector}1415601f575a62{amount}90035b5a811060175750"
    passes = f"5b3660006000376000600036600073{implementation[2:]}5af4"
    return bytes.fromhex(burns + passes + "3d600060003e6051573d6000fd5b3d6000f3")


@pytest.mark.parametrize(("conditions", "burns"), [(1, 350_000), (8, 3_470_000)])
def test_an_account_that_needs_its_gas_gets_it_or_nothing_happens(conditions, burns):
    """It redeems with nearly all that a call inside is given. Whoever sends a little less than that
    brings nothing home by half."""
    world = held_by("alice")
    world.open("A", int(conditions > 1), conditions)
    world.allocate("A", 10 * K)
    world.trade("A", -10 * K, {(0, YES): 20 * K})
    world.close("A", by="owner")
    world.resolve("A")
    implementation = world.implementations["event" if conditions > 1 else "binary"]
    copy = world.who["a copy"]
    world.evm.set_code(copy, world.evm.code(implementation))
    world.evm.set_code(implementation, burner(copy, burns))
    idle, worked = world.vault.total_idle(), 0
    need = 200_000 + 470_000 * conditions
    for gas in range(need, need * 5 // 4, need // 400):
        point = world.snapshot()
        try:
            world.vault.sweep(world.markets["A"].account.address, sender=world.who["bob"], gas=gas)
        except (Reverted, RuntimeError):
            continue
        finally:
            came = world.vault.total_idle() - idle
            world.restore(point)
        assert came == 20 * K, gas
        worked += 1
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


@pytest.mark.parametrize("crowd", [0, 32])
def test_a_closed_account_that_holds_something_keeps_the_inflow_room_shut(crowd):
    """Guardian and friend, without the reporter: tokens bought since the last report stand in no
    book, so the market was closed as worthless, the vault was flat, and 20,000,000 entered at cost:
    222,222 of a profit of 233,333. Then the same with a list that junk had filled, so that the
    account was on no list: 177,666."""
    world = held_by("alice", assets=1_000 * K, total_cap=2**96 - 1, velocity=2**96 - 1)
    world.open("A")
    junk = [f"junk {number}" for number in range(crowd)]
    for name in junk:
        world.open(name)
    world.allocate("A", 100 * K)
    world.wait(HOUR)
    world.report({"A": {0: (WAD // 4, WAD // 4)}})
    world.trade("A", cash=-100 * K, tokens={(0, YES): 400 * K})
    world.trade("A", cash=100 * K, tokens={(0, YES): -166_667 * UNIT})
    world.recall("A", by="guardian")
    for name in junk:
        world.give(name, 0, YES, 1)
        world.close(name, by="guardian")
    world.close("A", by="guardian")
    for name in junk:
        world.resolve(name)
        world.sweep(name)
    assert world.vault.isFlat() and len(world.vault.unsweptAccounts()) == (not junk)
    world.request(DEPOSIT, "mallory", 20_000 * K)
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    entered = world.claimable(DEPOSIT, "mallory")[0]
    assert entered <= world.vault.totalAssets() // 10  # a day's room
    world.resolve("A")
    world.sweep("A")
    assert world.vault.unsweptAccounts() == ()
    world.wait(HOUR)
    world.settle()
    world.request(DEPOSIT, "bob", 20_000 * K)
    for _ in range(2):  # nothing is held any more: the door is open
        world.wait(HOUR)
        world.settle()
    assert world.pending(DEPOSIT, "bob") == {}


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


@pytest.mark.parametrize(("limit", "values"), [
    ("max_down_bps", (0, 2_000)), ("max_report_age", (0, HOUR, 90 * 24 * HOUR))])  # fmt: skip
def test_what_lets_requests_go_is_timelocked_both_ways(limit, values):
    """A smaller fall that redemptions bear hands them back; a vault that is stale lets
    everybody take his request back in front of the report that prices it: both counted as safer."""
    world = World(timelock=3 * 24 * HOUR)
    for value in values:
        with pytest.raises(Reverted, match="not submitted"):
            world.set_limit(limit, value)


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


def test_paying_and_leaving_leave_a_flat_vault_flat():
    """What was written off was an amount: idle shrank as holders were paid, the rest was more than
    dust of it, and the last could not be paid in cash."""
    world = held_by("alice", "bob", "carol", assets=400 * K, fees=(0, 0, 0))
    world.open("A")
    world.allocate("A", 1_100 * UNIT)
    world.trade("A", cash=-1_100 * UNIT, tokens={(0, YES): 2_200 * UNIT})
    world.close("A", by="guardian")
    world.wind_down()
    assert world.vault.writtenOff() == 1_100 * UNIT
    world.request(REDEEM, "alice", world.shares("alice"))
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    world.leave("carol", world.shares("carol"))
    # 400,000 of 1,200,000 shares are left
    assert world.vault.writtenOff() == 1_100 * UNIT // 3
    world.request(REDEEM, "bob", world.shares("bob"))
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    assert (
        world.claimable(REDEEM, "bob")[0]
        == world.vault.totalSupply() + world.claimable(REDEEM, "bob")[0]
    )


def test_losses_stay_in_proportion_when_nearly_all_have_left():
    """Everybody leaves in cash after the mark-down, one share-wei stays, the market pays nothing:
    per share of nearly none the loss of 100,000 was 10 ** 17 for the next 1,000,000, and only as
    much forgiven let budget go out again. A share loses at most what it was worth: 1.00."""
    world = held_by("alice", assets=1_000 * K, fees=(0, 0, 0))
    world.open("A")
    world.allocate("A", 100 * K)
    world.trade("A", cash=-100 * K, tokens={(0, YES): 200 * K})
    world.transfer("alice", "mallory", 1)
    for _ in range(2):
        world.wait(HOUR)
        world.report({"A": {0: (0, 0)}})
    world.request(REDEEM, "alice", world.shares("alice"))
    for _ in range(2):
        world.wait(HOUR)
        world.report({"A": {0: (0, 0)}})
    assert world.vault.totalSupply() == 1
    world.resolve("A", yes=0)
    world.close("A")
    world.request(DEPOSIT, "bob", 1_000 * K)
    for _ in range(2):
        world.wait(HOUR)
        world.settle()
    losses = world.vault.totalLosses()
    assert 1_000 * K <= losses <= 1_000 * K + 10
    world.open("B")
    with pytest.raises(Reverted, match="class cap"):
        world.allocate("B", 1)  # still the safe side: losses of all that there is
    world.forgive(0, losses)
    world.allocate("B", 100 * K)


def test_the_owner_closes_a_market_whose_account_answers_nothing():
    """Its code is gone, so that each call succeeds and says nothing."""
    world = held_by("alice")
    world.open("S", 3)
    world.allocate("S", 10 * K)
    world.evm.set_code(world.implementations["shaky"], b"\x00")
    world.close("S", by="owner")
    assert world.open_names() == []
    assert 10 * K <= world.vault.totalLosses() <= 10 * K + 1  # up


@pytest.mark.parametrize("gas", [5_000_000, 16_777_216, 3 * 10**9])
def test_the_owner_closes_a_market_whose_account_burns_its_gas(gas):
    """Each call inside got all but an eighth of what was there: no gas was enough."""
    world = held_by("alice")
    world.open("S", 3)
    world.allocate("S", 10 * K)
    world.make_fail("S", DEAD)
    market = world.markets["S"]
    world.vault.closeMarket(market.id, sender=world.who["owner"], gas=gas)
    assert world.open_names() == []
    assert 10 * K <= world.vault.totalLosses() <= 10 * K + 1  # up
    world.make_fail("S", 0)
    assert world.sweep("S") == 10 * K
    assert world.vault.totalLosses() <= 1


def test_the_owner_closes_a_market_when_the_list_is_full():
    """Two events of 32 conditions with tokens inside: the second fits no list of 48, and nobody
    could close it. It is on no list, and counts all the same: the vault is not flat."""
    world = held_by("alice", assets=1_000 * K)
    for name in ("first", "second"):
        world.open(name, 1, 32)
        world.allocate(name, 50 * K)
        world.trade(name, cash=-50 * K, tokens={(0, YES): 100 * K})
        with pytest.raises(Reverted, match="not to be closed"):
            world.close(name, by="guardian")
        world.close(name, by="owner")
    listed = [each.lower() for each in world.vault.unsweptAccounts()]
    assert listed == [world.markets["first"].account.address.lower()]
    assert world.vault.writtenOff() == 100 * K
    assert not world.vault.isFlat()
    for name in ("first", "second"):
        world.resolve(name)
        assert world.sweep(name) == 100 * K
    assert world.vault.writtenOff() == 0
    assert world.vault.isFlat()


def test_open_and_unswept_accounts_share_their_places():
    """128 open markets of 192 conditions, and 32 closed accounts of 48 on top: an exit in kind
    visits all of them, and took 19.4 million gas."""
    world = held_by("alice", assets=1_000 * K)
    for number in range(3):
        world.open(f"E{number}", 1, 32)
    world.give("E0", 0, YES, 1)
    world.close("E0", by="guardian")  # 32 conditions wait, 64 are open
    for number in range(3, 6):
        world.open(f"E{number}", 1, 32)
    with pytest.raises(Reverted, match="too many conditions"):
        world.open("one more")
    for condition in range(32):
        world.resolve("E0", condition, yes=0)
    world.sweep("E0")
    world.open("E6", 1, 32)


def test_open_and_unswept_accounts_are_128():
    world = held_by("alice", assets=1_000 * K)
    world.open("junk")
    world.give("junk", 0, YES, 1)
    world.close("junk", by="guardian")
    for number in range(127):
        world.open(f"A{number}")
    with pytest.raises(Reverted, match="too many markets"):
        world.open("one more")
    world.resolve("junk")
    world.sweep("junk")
    world.open("one more")


def test_a_closed_account_that_could_not_be_halted_is_never_paid_from_again():
    """The owner closes an account that fails for a moment; it comes back, approved at the exchange
    and not halted: nobody could stop it, and its keeper's signatures counted."""
    world = held_by("alice")
    world.open("S", 3)
    world.allocate("S", 10 * K)
    market, implementation = world.markets["S"], world.implementations["shaky"]
    code = world.evm.code(implementation)
    world.evm.set_code(implementation, bytes.fromhex("60006000fd"))
    world.close("S", by="owner")
    world.evm.set_code(implementation, code)
    assert not market.account.halted()
    assert world.vault.orderTerms(3, market.id, 0)[0] == NOBODY
    world.sweep("S")
    assert market.account.halted()
    world.give_cash("S", K)
    with pytest.raises(Reverted, match="InsufficientAllowance"):
        world.trade("S", cash=-K)


def test_dust_that_enters_does_not_lift_the_high_water_mark():
    """Each entry rounded the mark up by a unit: two units of deposits an hour lifted it by 0.9 % a
    year, and the performance fee of a slow profit was gone."""
    world = held_by("alice", assets=1_000 * K, fees=(0, 2_000, 0))
    world.open("A")
    world.allocate("A", UNIT)
    mark = world.vault.highWaterMark()
    for _ in range(10):
        world.give_cash("A", UNIT // 2)  # less than a unit of the mark: no fee
        world.harvest("A")
        world.request(DEPOSIT, "mallory", 2)
        world.wait(HOUR)
        world.report({"A": {0: (0, 0)}})
    # 5 of 1,000,000 earned: a price of 1.000005, of which the fee is 20 %
    assert world.vault.highWaterMark() <= mark + 5
    assert world.vault.balanceOf(world.who["manager"]) > 0


def test_an_asset_of_many_decimals_is_refused():
    """Of 18 there is one virtual share alone: when the last holder had left in kind, who came next
    lost his deposit to rounding."""
    world = World()
    asset = world.who["asset"]
    for decimals in range(20):
        world.evm.set_code(asset, bytes.fromhex(f"60{decimals:02x}60005260206000f3"))
        if decimals <= 12:
            world.evm.deploy(world.contract("VaultGovernance"), asset)
            continue
        with pytest.raises(RuntimeError, match=b"asset decimals".hex()):
            world.evm.deploy(world.contract("VaultGovernance"), asset)


@pytest.mark.parametrize("tokens", [0, 5 * UNIT])
def test_collateral_that_stays_with_a_failing_account_counts_as_left_behind(tokens):
    """The owner closed an account that does not pay: its 10,000 counted as home, the vault as flat.
    A deposit without limit then bought half of what came back later."""
    world = held_by("alice")
    world.open("S", 3)
    world.allocate("S", 10 * K)
    if tokens:
        world.give("S", 0, YES, tokens)
    market, implementation = world.markets["S"], world.implementations["shaky"]
    code = world.evm.code(implementation)
    world.evm.set_code(implementation, bytes.fromhex("60006000fd"))
    world.close("S", by="owner")
    assert world.vault.remainsOf(market.account.address) == (True, 10 * K)
    assert world.vault.unsweptAccounts() == (market.account.address.lower(),)
    world.request(DEPOSIT, "bob", 490 * K)
    with pytest.raises(Reverted, match="not flat"):
        world.settle("bob")
    world.evm.set_code(implementation, code)
    world.sweep("S")
    assert world.vault.remainsOf(market.account.address) == (True, 10 * K if tokens else 0)
