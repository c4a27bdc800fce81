"""Attacks that were carried out on the first vault, each written out: who does what, what it
brought then, and what it brings now. The numbers V1 to V32 are those of the list of cases.

They run on the bare EVM against the real bytecode. The exchange of this world is a thief's address:
it may do to an account all that an approval allows.
"""

import pytest
from eth_utils import keccak

from tests.property.evm import Reverted
from tests.property.silence import DEAD
from tests.property.stage import WIDE, K, Stage
from tests.property.world import (
    DAY,
    DEPOSIT,
    HOUR,
    NOBODY,
    REDEEM,
    SHARE,
    UNIT,
    WAD,
    YES,
    ZERO,
    World,
)

DUST = 20  # units that roundings may bring or cost


def refuse(reason, call, *arguments, **more):
    with pytest.raises(Reverted) as error:
        call(*arguments, **more)
    assert str(error.value) == reason


def friends(**terms) -> Stage:
    """Alice holds nine tenths of a million, Bob, who is the reporter's friend, one."""
    return Stage({"alice": 900 * K, "bob": 100 * K}, **terms)


# 1. marks, quantities and payouts that do not belong together


def v1(stage: Stage) -> int:
    """Play V1; return what Bob has of his shares in the end."""
    world = stage.world
    stage.market("E", [0, 0, 0])
    stage.report(E=[(0, 1), 100, (0, 1)])
    start = world.cash("bob")
    stage.ask(REDEEM, "bob")
    world.give("E", 1, YES, 12_000 * K)
    stage.pay("E", 0, False)
    stage.report(3, E=[0, 100, (0, 1)])
    stage.claim("bob")
    return world.cash("bob") - start


def test_v1_marks_for_what_nobody_holds():
    """Then: Bob was paid 999,999 for shares worth 100,000. Now 100,000, and no fee: what is given
    counts at most at cost, which is nothing."""
    stage = friends(fees=(0, 2_000, 0))
    assert v1(stage) <= 100 * K
    assert stage.world.shares("manager") == 0


def test_v1b_the_same_where_one_stolen_safe_keeps_and_reports():
    """Then: the others lost 899,999, with a total cap of 50,000. Now at most the cap."""
    stage = friends(fees=(0, 2_000, 0), total_cap=50 * K, velocity=50 * K)
    world = stage.world
    world.vault.setReporter(world.who["keeper"], sender=world.who["owner"])
    world.who["reporter"] = world.who["keeper"]
    stage.market("A", [50])
    assert stage.grab("A") <= 50 * K
    stage.drain("A")
    before = world.cash("bob")
    got = v1(stage)
    assert world.cash("bob") == before + got
    assert stage.nav >= 900 * K - 50 * K
    assert stage.wealth("alice") >= 900 * K - 50 * K - DUST


def test_v2_what_the_confirmer_saw_is_not_what_is_booked():
    """Then: a confirmed report booked 9,080,000 and paid Bob 799,999. Now there is no confirmation;
    the same beside a true fall brings him nothing."""
    stage = friends(**WIDE)
    world = stage.world
    assert not {"confirmReport", "pending_report", "confirmed_report"} & stage.functions
    stage.market("M", [50], 200 * K)
    stage.market("N", [2])
    stage.report()
    stage.truth["M"] = [20]
    fair = stage.wealth("bob") - world.cash("bob")
    start = world.cash("bob")
    stage.ask(REDEEM, "bob")
    world.give("N", 0, YES, 9_000 * K)  # worth 180,000, a tenth of it Bob's own
    stage.report(3, N=[100])
    stage.claim("bob")
    # handed back: the fall is more than max_down; or paid, at most at the true worth
    assert world.cash("bob") - start <= fair
    assert stage.wealth("bob") - start <= fair + 18 * K + DUST


def test_v3_a_deposit_in_front_of_a_report_after_a_payout():
    """Then: 1,000,000 deposited at a NAV without what no report had marked was worth 1,111,111.
    Now nobody deals at once, and a request pays cost at least."""
    stage = Stage(max_inflow_bps=60_000, **WIDE)
    assert not {"syncDeposit", "syncRedeem", "sync"} & stage.functions
    stage.market("E", [20, 40, 40])
    stage.world.allocate("E", 200 * K)
    stage.buy("E", 1, 200 * K)
    stage.pay("E", 0, False)
    start = stage.world.cash("carol")
    stage.ask(DEPOSIT, "carol", 1_000 * K)
    stage.truth["E"] = [0, 41, 39]
    stage.report(3)
    stage.claim("carol")
    assert stage.wealth("carol") <= start


def test_v4_marks_that_a_payout_contradicts():
    """Then: NAV 1,025,000 of a true 900,000. Now 900,000: what the payout leaves."""
    stage = Stage(**WIDE)
    stage.market("E", [20, 40, 40])
    stage.world.allocate("E", 100 * K)
    stage.buy("E", 1, 100 * K)
    stage.report()
    stage.pay("E", 0, True)
    stage.report(E=[100, (50, 52), (48, 50)])
    assert stage.world.vault.totalAssets() == 900 * K


def test_v5_sure_losers_given_between_reports():
    """Then: a share's value rose from 1.00 to 1.76 in one transaction. Now it stands."""
    stage = Stage(**WIDE)
    world = stage.world
    stage.market("E", [40, 38, 18], 100 * K)
    stage.report()
    before = world.vault.prices(), world.vault.convertToAssets(SHARE), world.vault.navs()
    stage.pay("E", 0, True)
    world.give("E", 1, YES, 2_000 * K)
    assert (world.vault.prices(), world.vault.convertToAssets(SHARE), world.vault.navs()) == before
    assert "sync" not in stage.functions


def test_v6_honest_reports_after_a_gift_of_losers():
    """Then: 12 of 13 reports pended, and with them dealing, allocations and the price band. Now
    none is refused, and budget moves."""
    stage = Stage(**WIDE)
    stage.market("E", [40, 1, 18], 100 * K)
    stage.report()
    stage.world.give("E", 1, YES, 500 * K)
    for _ in range(13):
        stage.report(hours=2, E=[40, (0, 1), 18])
        stage.world.allocate("E", UNIT)


def test_v7_a_gift_of_half_the_vault():
    """Then: the honest report pended; allocations and deposits stopped, the band was off. Now all
    goes on."""
    stage = Stage({"alice": K}, **WIDE)
    market = stage.market("A", [50])
    stage.world.give("A", 0, YES, 500 * UNIT)
    stage.report()
    stage.world.allocate("A", 100 * UNIT)
    terms = stage.world.vault.orderTerms(0, market.id, 0)
    assert terms[2:] == (55 * WAD // 100, 45 * WAD // 100)


def test_v8_the_first_report_after_a_payout():
    """Then: pending, though honest. Now it stands, and deals."""
    stage = Stage(**WIDE)
    stage.market("E", [20, 40, 40])
    stage.world.allocate("E", 200 * K)
    stage.buy("E", 1, 200 * K)
    stage.pay("E", 0, False)
    stage.truth["E"] = [0, 50, 50]
    stage.report()
    assert stage.world.vault.totalAssets() == 1_000 * K


def test_v9_unchanged_marks_after_a_fall():
    """Then: 23 of 23 unchanged reports pended within the day. Now each stands."""
    stage = Stage(**WIDE)
    stage.market("A", [50], 400 * K)
    stage.report()
    stage.truth["A"] = [30]
    stage.report(24)
    assert stage.world.vault.reportCount() == 2 + 25


def test_v10_a_market_closed_in_front_of_a_report():
    """Then: "mark of another market". Now marks of closed markets are ignored."""
    stage = Stage(**WIDE)
    stage.market("A", [50], 100 * K)
    stage.market("B", [50], 100 * K)
    stage.report()
    stage.pay("A", 0, True)
    prepared = stage.marks(A=[50], B=[10])
    stage.world.wait(HOUR)
    stage.world.harvest("A")
    stage.world.close("A")
    stage.world.report(prepared)
    assert stage.world.vault.bookOf(stage.world.markets["B"].id)[1] == 20 * K


def test_v11_a_market_opened_in_front_of_a_report():
    """Then: "marks missing". Now what has no mark counts 0 at the bid and 1 at the ask."""
    stage = Stage()
    stage.market("A", [50], 100 * K)
    prepared = stage.marks()
    stage.market("B", [50], 50 * K)
    stage.world.wait(HOUR)
    stage.world.report(prepared)
    assert stage.world.vault.navs() == (950 * K, 1_050 * K)


def test_v12_an_empty_report_with_no_evidence():
    """Then: the second call took effect unconfirmed. Now nothing is ever confirmed."""
    stage = Stage({"alice": K})
    for _ in range(2):
        stage.world.wait(HOUR)
        stage.world.vault.report([], ZERO, sender=stage.world.who["reporter"])
    assert stage.world.vault.totalAssets() == K
    assert "confirmReport" not in stage.functions


# 2. what a stolen keeper can lose


@pytest.mark.parametrize(("total", "day"), [(100 * K, 50 * K), (20 * K, 20 * K)])
def test_v13_a_market_lost_and_closed_every_day_for_a_month(total, day):
    """Then: 250,000 (300,000 without a breaker) of a bound of 100,000; 140,000 of 20,000. Now the
    bound: losses count for ever."""
    stage = Stage(max_drawdown_bps=10_000, total_cap=total, velocity=day)
    taken = 0
    for number in range(30):
        name = f"M{number}"
        stage.market(name, [1])
        stage.grab(name)
        taken += stage.drain(name)
        stage.report()
        stage.pay(name, 0, False)
        stage.world.close(name)
        stage.report(hours=23)
    assert total * 99 // 100 <= taken <= total
    assert 1_000 * K - stage.nav <= total


def test_v14_six_markets_in_one_block_with_safe_defaults():
    """Then: 900,000 of 1,000,000. Now a day's velocity, 200,000."""
    stage = Stage()
    taken = 0
    for name in "ABCDEF":
        stage.market(name, [50])
        stage.grab(name)
        taken += stage.drain(name)
    assert 199 * K <= taken <= 200 * K


def test_v15_junk_markets_with_a_token_in_each():
    """Then: neither guardian nor owner could close one. Now the guardian closes all 64, and the
    vault is flat."""
    stage = Stage()
    world = stage.world
    for number in range(64):
        stage.market(f"J{number}", [1])
        world.give(f"J{number}", 0, YES, 1)
    world.vault.setKeeper(0, NOBODY, sender=world.who["guardian"])
    for name in list(world.markets):
        world.close(name, by="guardian")
    assert world.open_names() == []
    assert world.vault.isFlat()
    world.wait(HOUR)
    world.settle()


def test_v16_an_event_opened_with_one_condition():
    """Then: "market known" for ever. Now it is closed and opened again, whole."""
    stage = Stage()
    world = stage.world
    event = world.prepare(world.kinds[1], 4)
    rival = world.who["rival"]
    id = world.vault.openMarket(1, event, 1, world.now + DAY, sender=rival)
    world.vault.closeMarket(id, sender=rival)
    assert world.vault.openMarket(1, event, 4, world.now + DAY, sender=rival) == id
    assert world.vault.marketOf(id)[2:] == (4, False)


def test_v17_no_fresh_mark_no_order():
    """Then: without a fresh mark buys up to .99 and sales from 0. Now no order at all."""
    stage = Stage(price_band_bps=200, max_report_age=HOUR)
    vault, keeper = stage.world.vault, stage.world.who["keeper"].lower()
    marked = stage.market("A", [50])
    stage.report(A=[(50, 51)])
    unmarked = stage.market("B", [50])
    admitted = vault.orderTerms(0, marked.id, 0)
    assert (admitted[0], *admitted[2:]) == (keeper, 53 * WAD // 100, 48 * WAD // 100)
    assert vault.orderTerms(0, unmarked.id, 0)[0] == NOBODY
    stage.world.wait(HOUR + 1)
    assert vault.orderTerms(0, marked.id, 0)[0] == NOBODY


# 3. a reporter within his bounds, and who sees a report first


def swings(stage: Stage, days: int, lies: tuple[int, ...], assets: int) -> int:
    """Bob comes at the low marks and leaves at the high ones, day after day; return his gain."""
    world = stage.world
    start = stage.wealth("bob")
    for _ in range(days):
        for number, cents in enumerate(lies):
            if number == 0:
                stage.ask(DEPOSIT, "bob", assets)
            elif number == len(lies) // 2 and world.shares("bob"):
                stage.ask(REDEEM, "bob")
            stage.report(hours=24 // len(lies), A=[cents])
            stage.claim("bob")
        world.cancel_all(DEPOSIT, "bob")
    return stage.wealth("bob") - start


@pytest.mark.parametrize(
    ("cents", "cost", "days", "lies"),
    [(5, 150, 3, (3, 3, 8, 8)), (5, 150, 3, (3, 7, 5)), (50, 300, 14, (46, 46, 54, 54))],
)
def test_v18_marks_low_for_entry_and_high_for_exit(cents, cost, days, lies):
    """Then: +233,486 in three days at 5 cents, +372,711 in two weeks at 50. Now a lie that lasts
    two reports pays its price, too: nothing."""
    stage = Stage({"alice": 1_000 * K}, max_inflow_bps=60_000, **WIDE)
    stage.market("A", [cents], cost * K)
    stage.report()
    assert swings(stage, days, lies, 1_000 * K) <= DUST


def test_v18c_fees_on_a_profit_that_never_was():
    """Then: 422,274 of fee shares were redeemed. Now none: what is not home pays no fee."""
    stage = Stage({"alice": 1_000 * K}, fees=(0, 2_000, 0), **WIDE)
    stage.market("A", [1], 20 * K)
    for cents in range(2, 60):
        stage.report(hours=4, A=[cents])
    assert stage.world.shares("manager") == 0


def test_v19_a_request_in_front_of_a_report_that_was_seen():
    """Then: 1,000,000 became 1,035,856. Now the report that he saw does not price him; and what
    stands cannot be taken back in front of a report that is dear."""
    stage = Stage({"alice": 1_000 * K}, max_inflow_bps=60_000, **WIDE)
    world = stage.world
    stage.market("A", [50], 400 * K)
    stage.report()
    seen = stage.marks()
    stage.truth["A"] = [60]
    start = stage.wealth("bob")
    epoch = stage.ask(DEPOSIT, "bob", 1_000 * K)
    world.wait(HOUR)
    world.report(seen)
    refuse("wait for the next report", world.cancel, DEPOSIT, epoch, "bob")
    stage.report(24)
    stage.claim("bob")
    assert stage.wealth("bob") <= start


def test_v20_nobody_deals_at_a_known_price():
    """Then: +35,946 by dealing at once around a report. Now there is no such function."""
    assert not {"syncDeposit", "syncRedeem"} & Stage().functions


def test_v21a_taken_back_once_nobody_reports():
    """Then: Bob was held for 14 days. Now he takes his request back as soon as nobody is there to
    settle it."""
    stage = Stage({"alice": 1_000 * K}, **WIDE)
    world = stage.world
    stage.market("A", [50], 150 * K)
    stage.report()
    epoch = stage.ask(DEPOSIT, "bob", 500 * K)
    stage.report(A=[5])
    refuse("wait for the next report", world.cancel, DEPOSIT, epoch, "bob")
    world.vault.setReporter(NOBODY, sender=world.who["guardian"])
    assert world.cancel(DEPOSIT, epoch, "bob") == 500 * K


def test_v21b_nobody_is_dealt_with_at_another_worlds_price():
    """Then: settled at the top, 500,000 were worth 470,543. Now the epoch is handed back, or waits,
    and Bob takes his money."""
    stage = Stage({"alice": 1_000 * K}, **WIDE)
    stage.market("A", [5], 150 * K)
    stage.report()
    start = stage.wealth("bob")
    stage.ask(DEPOSIT, "bob", 500 * K)
    stage.report(72, A=[60])
    stage.world.cancel_all(DEPOSIT, "bob")
    assert stage.wealth("bob") == start


def test_v22_a_low_lie_in_wind_down():
    """Then: Alice was paid 455,000 of 500,000. Now at most max_down under what she asked at; she is
    handed back here, and can leave in kind at any time, with all but the exit fee."""
    stage = Stage(**WIDE)
    world = stage.world
    stage.market("A", [50], 300 * K)
    stage.report()
    world.wind_down()
    start = stage.wealth("alice")
    epoch = stage.ask(REDEEM, "alice")
    point = world.snapshot()
    stage.report(3, A=[20])
    stage.claim("alice")
    assert start - stage.wealth("alice") <= 50 * K
    world.restore(point)
    world.leave_queue(epoch, "alice")
    assert start - stage.wealth("alice") <= 500 * K * 50 // 10_000 + DUST


# 4. exit


def test_v23_nobody_restarts_her_clock():
    """Then: a share-wei a day kept Alice in for 13 of 13 days. Now there is no clock: she leaves
    whenever she likes, and nobody adds to her request."""
    stage = Stage(**WIDE)
    world = stage.world
    stage.market("A", [50], 300 * K)
    world.transfer("bob", "mallory", 100)
    epoch = stage.ask(REDEEM, "alice")
    for _ in range(13):
        world.wait(DAY)
        refuse("not authorised", world.request, REDEEM, "mallory", 1, controller="alice")
    start = stage.wealth("alice")
    world.leave_queue(epoch, "alice")
    assert start - stage.wealth("alice") <= 500 * K * 50 // 10_000 + DUST


def test_v24_out_before_a_hostile_owners_class():
    """Then: as shipped, Alice got 277,704 of 500,000, 14 days later. Now 497,500 at once, three
    days before his class can be added: all but the exit fee."""
    stage = Stage(timelock=3 * DAY)
    world = stage.world
    for name in "ABCD":
        stage.market(name, [50])
        stage.grab(name)
    evil = world.class_terms(world.kinds[2])
    call = world.submit("addClass", evil)
    epoch = stage.ask(REDEEM, "alice")
    refuse("timelocked", world.accept, call)
    start = stage.wealth("alice")
    world.leave_queue(epoch, "alice")
    assert start - stage.wealth("alice") <= 2_500 * UNIT + DUST
    assert world.pending(REDEEM, "alice") == {}
    world.wait(3 * DAY - 1)
    refuse("timelocked", world.accept, call)


def test_v25_no_call_stands_matured_for_ever():
    """Then: on 28 of 40 days a call could be made without further notice. Now it lapses after a
    week and can be announced again only after another full delay: 21 of 40 days, each week of them
    after a fresh notice of three days; what stands is said before a deposit."""
    stage = Stage(timelock=3 * DAY)
    world = stage.world
    matured = 0
    call = world.submit("setKeeper", 0, world.who["mallory"])
    announced = world.now
    for _ in range(40):
        world.wait(DAY)
        age = world.now - announced
        if 3 * DAY <= age < 10 * DAY:
            matured += 1
        elif age >= 10 * DAY:
            point = world.snapshot()
            try:
                if world.vault.submittedAt(keccak(call)):
                    world.revoke(call, by="owner")
                world.submit("setKeeper", 0, world.who["mallory"])
                announced = world.now
            except Reverted as reverted:
                assert str(reverted) in ("wait another delay", "submitted already")
                world.restore(point)
                if world.vault.submittedAt(keccak(call)):
                    world.revoke(call, by="owner")
    assert matured == 21
    world = Stage(timelock=3 * DAY).world
    call = world.submit("setKeeper", 0, world.who["mallory"])
    world.wait(9 * DAY)
    world.revoke(call, by="owner")
    refuse("wait another delay", world.submit, "setKeeper", 0, world.who["mallory"])


def test_v26_an_account_that_reverts_holds_nobody():
    """Then: nobody could leave in kind. Now she names it and leaves with the rest; what it holds
    is the others'."""
    stage = Stage()
    world = stage.world
    stage.market("A", [50], 100 * K, class_id=3)
    stage.market("B", [50], 50 * K)
    world.make_fail("A", DEAD)
    world.wind_down()
    with pytest.raises(Reverted):
        world.leave("alice", world.shares("alice"))
    start = stage.wealth("alice")
    world.leave("alice", world.shares("alice"), skip=["A"])
    assert start - stage.wealth("alice") <= 50 * K + 2_500 * UNIT + DUST
    assert stage.worth("A") == 100 * K
    world.make_fail("A", 0)
    stage.pay("A", 0, True)
    world.redeem("A")
    assert world.recall("A") == 200 * K


def test_v27_what_reaches_a_closed_account_comes_home():
    """Then: 75 of 75 stayed for ever. Now all of it comes home; and it trades no more."""
    stage = Stage()
    world = stage.world
    stage.market("A", [50], 100 * K)
    stage.pay("A", 0, True)
    world.close("A")
    idle = world.vault.total_idle()
    world.give_cash("A", 50 * UNIT)
    world.give("A", 0, YES, 25 * UNIT)
    assert world.sweep("A") == 75 * UNIT
    assert world.vault.total_idle() == idle + 75 * UNIT
    world.give_cash("A", UNIT)
    refuse("InsufficientAllowance", world.trade, "A", -UNIT)


def test_v28_the_guardian_closes_no_market_with_budget_away():
    """Then: NAV 10,000 fell to 6,000 at his word, and what came back was out of reach. Now he
    cannot; where the owner does, what comes back is the holders'."""
    stage = Stage({"alice": 10 * K}, **WIDE)
    world = stage.world
    stage.market("D", [50], class_id=2)
    world.set_wallet("D")
    world.allocate("D", 4 * K)
    world.forward("D", 4 * K)
    refuse("not to be closed", world.close, "D", "guardian")
    world.close("D", by="owner")
    assert abs(world.vault.totalLosses() - 4 * K) <= 1
    world.take_back("D", by="mallory")
    assert world.sweep("D") == 4 * K
    assert world.vault.total_idle() == 10 * K
    assert world.vault.totalLosses() <= 1


# 5. halt, registry, small ones


def test_v29_a_halt_is_final():
    """Then: an order approved before the halt was filled after the resume: 990 of 1,000. Now there
    is no resume, and nothing gives the allowance back."""
    stage = Stage()
    world = stage.world
    market = stage.market("A", [50], 1_000 * UNIT, spend=False)
    world.vault.setKeeper(0, NOBODY, sender=world.who["guardian"])
    world.halt("A")
    world.pause()
    world.wait(10 * DAY)
    world.vault.setKeeper(0, world.who["keeper"], sender=world.who["owner"])
    world.unpause()
    refuse("InsufficientAllowance", world.trade, "A", -990 * UNIT)
    names = {entry["name"] for entry in market.account.abis[0] if entry["type"] == "function"}
    assert not {"resume", "unhalt"} & names
    refuse("not the vault", market.account.initialize, sender=world.who["keeper"])
    world.recall("A")
    world.close("A", by="keeper")
    refuse("market was halted", world.open, "A again", like="A")


def test_v30_a_wallet_is_bound_by_its_own_consent():
    """Then: a stranger bound any wallet by a token of his own. Now only to the collateral of all
    vaults, and only with the wallet's allowance."""
    stage = Stage()
    world = stage.world
    wallet, mallory = world.who["some wallet"], world.who["mallory"]
    assert world.registry.COLLATERAL() == world.pusd.address.lower()
    refuse("wallet does not consent", world.registry.bind, wallet, sender=mallory)
    stage.market("D", [50], class_id=2)
    world.set_wallet("D", "some wallet")
    refuse("wallet serves another", world.registry.bind, wallet, sender=mallory)


def test_v31_a_deposit_limit_filled_and_taken_back():
    """Then and now: who asks for all that the limit admits keeps others out while he waits, and
    takes it back for nothing. It costs them nothing but time, his capital is bound meanwhile, and
    the owner may raise the limit; docs/security.md says so."""
    stage = Stage({"alice": 10 * K}, deposit_limit=20 * K)
    world = stage.world
    epoch = stage.ask(DEPOSIT, "dave", 10 * K)
    refuse("deposit limit", world.request, DEPOSIT, "carol", 1)
    world.cancel(DEPOSIT, epoch, "dave")
    stage.ask(DEPOSIT, "carol", 1)
    world.vault.setDepositTerms(40 * K, 1, sender=world.who["owner"])
    stage.ask(DEPOSIT, "dave", 10 * K)


def test_v32_a_fresh_vault_is_not_wound_down_by_strangers():
    """Then: any stranger could, after the liveness period. Now only where somebody holds shares."""
    world = World()
    world.wait(15 * DAY)
    refuse("ownable: caller is not the owner", world.wind_down, "mallory")
    world.request(DEPOSIT, "alice", UNIT)
    for _ in range(2):
        world.settle()
        world.wait(HOUR)
    refuse("ownable: caller is not the owner", world.wind_down, "mallory")
    world.wait(14 * DAY + 1)
    world.wind_down("mallory")


def test_the_first_depositor_cannot_inflate_the_price():
    """Alice buys a unit's worth of shares, then gives so much that Bob's deposit should round to
    nothing. A gift to the vault is never seen; one to an account is, once it is home: Bob is handed
    back, or gets what he pays for."""
    stage = Stage({"alice": 1}, max_up_bps=65_535, max_premium_bps=65_535)
    world = stage.world
    world.pay("alice", "the vault", 10 * K)
    stage.market("A", [50])
    world.give_cash("A", 10 * K)
    world.harvest("A")
    start = stage.wealth("bob")
    stage.ask(DEPOSIT, "bob", K)
    stage.report(4)
    world.cancel_all(DEPOSIT, "bob")
    stage.claim("bob")
    assert stage.wealth("bob") >= start - K // 100
