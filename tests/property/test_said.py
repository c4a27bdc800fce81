"""What docs/security.md and the contracts' pages say of cases that one would not expect, with their
numbers: each test fails when its sentence is false."""

from typing import Any

import pytest

from tests.property.evm import Reverted
from tests.property.stage import WIDE, K, Stage
from tests.property.world import DAY, DEPOSIT, HOUR, NO, PRICE, UNIT, YES


def refuses(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(Reverted) as refused:
        call(*arguments, **more)
    return str(refused.value)


# Bound 3: what dealing can cost


@pytest.mark.parametrize(
    ("price", "takes_back", "gain"), [(60, False, 5_915), (40, False, -7_230), (40, True, 0)]
)
def test_what_the_room_left_over_is_a_choice_at_prices_that_are_known(price, takes_back, gain):
    """Alice has 1,000,000, of it 400,000 in tokens at 50. Bob asked for 10,000,000 and has entered
    with the first day's room at the truth. A day later a report of honest marks is on its way when
    the price moves: he leaves the rest where it is when it rose, takes it back when it fell."""
    stage = Stage({"alice": 1_000 * K}, **WIDE)
    world = stage.world
    stage.market("A", [50], 400 * K)
    stage.report(hours=24, A=[(50, 51)])
    epoch = stage.ask(DEPOSIT, "bob", 10_000 * K)
    stage.report(hours=24, A=[(50, 51)])
    # what no report has left over cannot be taken back: the first price is nobody's choice
    assert "wait for the next report" in refuses(world.cancel, DEPOSIT, epoch, "bob")
    stage.report(hours=24, A=[(50, 51)])
    stage.claim("bob")
    world.wait(DAY)
    on_its_way = stage.marks(A=[(50, 51)])
    stage.truth["A"] = [price]
    before = stage.wealth("bob")
    if takes_back:
        world.cancel(DEPOSIT, epoch, "bob")
    world.report(on_its_way)
    stage.claim("bob")
    assert (stage.wealth("bob") - before) // UNIT in (gain, gain - 1)


def test_a_full_room_and_its_refill_come_in_within_24_hours():
    """NAV 1,000,000 at the bid, 100,000 of profit hidden: the full room takes 9,090.91 of it, with
    a report an hour 17,724.96 in a day, of 215,435 that came in."""
    stage = Stage({"alice": 1_000 * K}, **WIDE)
    world = stage.world
    stage.market("A", [50], 100 * K)
    stage.report(2, hours=24)
    assert world.vault.inflowRoom() == 100 * K
    stage.truth["A"] = [100]
    alice = stage.wealth("alice")
    stage.ask(DEPOSIT, "bob", 1_000 * K)
    stage.report(A=[50])
    lost, entered = [], []
    for _ in range(25):
        stage.report(A=[50])
        stage.claim("bob")
        lost.append(alice - stage.wealth("alice"))
        entered.append(1_000 * K - sum(world.pending(DEPOSIT, "bob").values()))
    assert entered[0] // UNIT == 100_000 and entered[-1] // UNIT == 215_435
    assert lost[0] * 100 // UNIT == 909_090 and lost[-1] * 100 // UNIT == 1_772_496
    assert lost[-1] <= 100 * K * entered[-1] // (1_000 * K + entered[-1]) + 10


def test_the_anchor_is_the_lowest_ask_while_the_epoch_was_open():
    """He asked at 1.00 and his epoch closed there. A loss proven since brought the ask to 0.80, a
    profit home to 1.06: he is dealt at 1.06, which 0.80 and max_up would not admit."""
    stage = Stage({"alice": 1_000 * K}, max_inflow_bps=0, inflow_floor=0, **WIDE)
    world = stage.world
    stage.market("A", [50], 200 * K)
    stage.market("B", [50])
    stage.report()
    epoch = stage.ask(DEPOSIT, "bob", 10 * K)
    assert world.vault.prices()[1] * 100 // (PRICE // 10**12) == 100
    stage.report()
    stage.truth["A"] = [0]
    stage.pay("A", 0, False)
    world.close("A")
    stage.report(3)
    assert world.vault.prices()[1] * 100 // (PRICE // 10**12) == 80
    assert world.vault.epochOf(DEPOSIT, epoch)[2] * 100 // (PRICE // 10**12) == 100
    world.give_cash("B", 260 * K)
    world.harvest("B")
    world.set_limit("inflow_floor", 10**6 * UNIT)
    world.set_limit("max_inflow_bps", 10_000)
    stage.report(30)
    assets, shares = world.claimable(DEPOSIT, "bob")
    assert assets == 10 * K
    assert assets * 10**14 // shares in (105, 106)


# Bound 5: strangers


def test_worthless_tokens_keep_a_market_open_until_a_mark_of_nothing_or_a_payout():
    """1,001 tokens are 1,001 at the ask where there is no mark, and 200,000 are 2,000 at a cent:
    more than 0.1 % of 1,000,000. An honest mark of 0 ends it for the guardian, a payout for all."""
    stage = Stage({"alice": 1_000 * K})
    world = stage.world
    for name in ("unmarked", "at a cent", "paid"):
        stage.market(name, [0])
    world.give("unmarked", 0, YES, 1_001 * UNIT)
    for name in ("at a cent", "paid"):
        world.give(name, 0, YES, 200 * K)
    at_a_cent: list[tuple[int, int]] = [(0, 1)]
    world.wait(HOUR)
    marks = stage.marks(**{"at a cent": at_a_cent, "paid": at_a_cent})
    del marks["unmarked"]
    world.report(marks)
    for name in ("unmarked", "at a cent", "paid"):
        for by in ("guardian", "keeper", "mallory"):
            assert "not to be closed" in refuses(world.close, name, by=by)
    stage.report()  # marks of 0, which is the truth
    world.close("unmarked", by="guardian")
    world.close("at a cent", by="guardian")
    stage.pay("paid", 0, False)
    world.close("paid", by="mallory")
    assert world.vault.isFlat() and world.vault.totalLosses() == 0


def test_a_settlement_of_a_flat_vault_does_what_the_report_behind_it_would_have_done():
    """A stranger closes the last market and settles in front of a report, which then comes too
    soon, once: prices, shares and what waits are what they had been by the report."""
    stage = Stage({"alice": 1_000 * K})
    world = stage.world
    stage.market("A", [50], 100 * K)
    epoch = stage.ask(DEPOSIT, "bob", 10 * K)
    stage.report()
    stage.pay("A", 0, True)
    world.wait(HOUR)
    world.close("A", by="mallory")

    def state() -> tuple[Any, ...]:
        vault = world.vault
        return (
            *(vault.prices(), vault.navs(), vault.totalSupply(), vault.inflowRoom()),
            *(vault.epochOf(DEPOSIT, epoch), world.claimable(DEPOSIT, "bob"), vault.reportCount()),
        )

    point = world.snapshot()
    world.report({})
    reported = state()
    world.restore(point)
    world.settle("mallory")
    assert "report too soon" in refuses(world.report, {})
    assert state() == reported and reported[-2][0] == 10 * K
    world.wait(HOUR)
    world.report({})


# Delegated accounts


def test_away_is_all_that_a_wallet_holds_and_anyone_takes_it_back_once_resolved():
    """50,000 handed out; the wallet holds 30,000 and 80,000 YES: 110,000 are away. While the market
    runs only keeper, guardian and owner take back; once it is resolved anybody does."""
    stage = Stage({"alice": 1_000 * K})
    world = stage.world
    stage.market("D", [50], 50 * K, spend=False, class_id=2)
    account = world.markets["D"].account
    world.set_wallet("D")
    world.forward("D", 50 * K)
    world.trade("D", -20 * K, {(0, YES): 80 * K})
    assert account.outstanding() == 50 * K and account.away() == 110 * K
    assert "not allowed to take back" in refuses(world.take_back, "D", K, by="mallory")
    assert world.take_back("D", K, by="guardian") == K
    stage.pay("D", 0, False)
    assert account.away() == 29 * K  # its YES are worth nothing
    assert "not to be closed" in refuses(world.close, "D", by="mallory")
    assert world.take_back("D", by="mallory") == 29 * K
    assert account.away() == 0
    world.give("D", 0, NO, 5 * K, to=world.markets["D"].wallet)
    assert account.away() == 5 * K and account.outstanding() == 20 * K
    account.takeBackTokens(1, 5 * K, sender=world.who["mallory"])
    world.close("D", by="mallory")
    account.releaseWallet(sender=world.who["mallory"])
