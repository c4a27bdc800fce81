"""Exposure: caps to the unit, market life cycle, classes."""

import ape
import pytest
from eth_utils import keccak
from strongroom.devnet.contracts import condition_id

from tests.defaults import DAY, FOREVER, SHARE, UNIT, a_class

SET_CLASS_CAPS = keccak(text="setClassCaps(uint256,(uint256,uint256,uint256,uint256))")[:4]

EVEN = ("0.4", "0.6", "0.4", "0.6")


def state(vault, market):
    return vault.navs(), vault.total_idle(), vault.exposureOf(market.id), vault.bookOf(market.id)


def test_one_unit_over_the_cap_in_assets_reverts(vault, people, invest, open_market):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault, cap=300 * UNIT)
    vault.allocate(market.id, 200 * UNIT, sender=people.keeper)
    before = state(vault, market)
    with ape.reverts("market cap"):
        vault.allocate(market.id, 100 * UNIT + 1, sender=people.keeper)
    assert state(vault, market) == before
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    assert vault.exposureOf(market.id) == 300 * UNIT


def test_one_unit_over_the_cap_in_bps_of_nav_reverts(vault, people, invest, open_market):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault, cap_bps=1_500)
    before = state(vault, market)
    with ape.reverts("market cap bps"):
        vault.allocate(market.id, 150 * UNIT + 1, sender=people.keeper)
    assert state(vault, market) == before
    vault.allocate(market.id, 150 * UNIT, sender=people.keeper)
    with ape.reverts("market cap bps"):
        vault.allocate(market.id, 1, sender=people.keeper)


def test_exposure_is_at_cost_and_never_below_zero(
    vault, people, venue, deployer, invest, open_market
):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    vault.recall(market.id, 30 * UNIT, sender=people.keeper)
    assert vault.exposureOf(market.id) == 70 * UNIT
    venue.fund(deployer, market.account, 50 * UNIT)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    assert vault.exposureOf(market.id) == 0
    assert vault.total_idle() == 1_050 * UNIT


def test_idle_bounds_an_allocation(vault, people, invest, open_market, give_tokens, report):
    invest(vault, people.alice, 100 * UNIT)
    first, second = open_market(vault), open_market(vault)
    vault.allocate(first.id, 60 * UNIT, sender=people.keeper)
    give_tokens(first, yes=20 * UNIT, no=20 * UNIT)  # a profit, so that caps in bps do not bind
    report(vault, EVEN, EVEN)
    with ape.reverts("idle too low"):
        vault.allocate(second.id, 40 * UNIT + 1, sender=people.keeper)
    vault.allocate(second.id, 40 * UNIT, sender=people.keeper)


def test_pending_deposits_are_not_idle(
    vault, people, invest, fund, open_market, give_tokens, report
):
    invest(vault, people.alice, 100 * UNIT)
    first, second = open_market(vault), open_market(vault)
    vault.allocate(first.id, 60 * UNIT, sender=people.keeper)
    give_tokens(first, yes=20 * UNIT, no=20 * UNIT)
    report(vault, EVEN, EVEN)
    fund(vault, people.bob)
    vault.requestDeposit(500 * UNIT, people.bob, people.bob, sender=people.bob)
    with ape.reverts("idle too low"):
        vault.allocate(second.id, 40 * UNIT + 1, sender=people.keeper)


def test_only_the_keeper_moves_budget_out(vault, people, invest, open_market):
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    for who in (people.owner, people.guardian, people.reporter, people.mallory):
        with ape.reverts("not the keeper"):
            vault.allocate(market.id, UNIT, sender=who)
        with ape.reverts("not the keeper"):
            vault.openMarket(0, b"\1" * 32, 1, 2**33, sender=who)
    with ape.reverts("not the keeper"):
        vault.recall(market.id, UNIT, sender=people.mallory)
    vault.allocate(market.id, 3 * UNIT, sender=people.keeper)
    for who in (people.keeper, people.guardian, people.owner):
        vault.recall(market.id, UNIT, sender=who)
    assert vault.exposureOf(market.id) == 0


@pytest.mark.parametrize("how", ["halted", "resolved", "ended"])
def test_no_budget_for_a_market_that_cannot_trade(
    vault, people, invest, open_market, resolve, report, chain, how
):
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault, duration=DAY)
    if how == "halted":
        market.account.halt(sender=people.guardian)
    elif how == "resolved":
        resolve(market, 1, 0)
    else:
        chain.pending_timestamp += DAY
    report(vault, EVEN)
    with ape.reverts("market not tradable"):
        vault.allocate(market.id, UNIT, sender=people.keeper)


def test_a_market_is_of_its_class_or_not_at_all(
    vault, people, venue, deployer, implementation, open_market, chain
):
    market = open_market(vault)
    soon = chain.pending_timestamp + DAY
    with ape.reverts("market known"):
        vault.openMarket(0, market.question, 1, soon, sender=people.keeper)
    with ape.reverts("unknown class"):
        vault.openMarket(1, market.question, 1, soon, sender=people.keeper)
    with ape.reverts("condition not prepared"):
        vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper)
    # prepared, but at another oracle or with another number of outcomes
    venue.ctf.prepareCondition(people.mallory, b"\7" * 32, 2, sender=deployer)
    venue.ctf.prepareCondition(people.oracle, b"\7" * 32, 3, sender=deployer)
    with ape.reverts("condition not prepared"):
        vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper)
    with ape.reverts("bad condition count"):
        vault.openMarket(0, market.question, 2, soon, sender=people.keeper)
    venue.ctf.prepareCondition(people.oracle, b"\7" * 32, 2, sender=deployer)
    with ape.reverts("deadline passed"):
        vault.openMarket(0, b"\7" * 32, 1, 1, sender=people.keeper)
    with ape.reverts("deadline too far"):
        vault.openMarket(0, b"\7" * 32, 1, soon + 61 * DAY, sender=people.keeper)
    vault.openMarket(0, b"\7" * 32, 1, soon, sender=people.keeper)
    assert vault.openMarkets()[1] == condition_id(people.oracle.address, b"\7" * 32)


def test_caps_go_down_at_once_and_not_up(vault, people, invest, open_market):
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault, cap=300 * UNIT, cap_bps=5_000)
    vault.allocate(market.id, 200 * UNIT, sender=people.keeper)
    wide = 2**96 - 1, 10_000
    vault.increaseDelay(SET_CLASS_CAPS, DAY, sender=people.owner)
    for raised in (
        (300 * UNIT + 1, 5_000, *wide),
        (300 * UNIT, 5_001, *wide),
    ):
        with ape.reverts("not submitted"):
            vault.setClassCaps(0, raised, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setClassCaps(0, (1, 1, 1, 1), sender=people.keeper)
    with ape.reverts("unknown class"):
        vault.setClassCaps(1, (1, 1, 1, 1), sender=people.owner)
    vault.setClassCaps(0, (100 * UNIT, 5_000, *wide), sender=people.guardian)
    with ape.reverts("market cap"):
        vault.allocate(market.id, 1, sender=people.keeper)
    vault.recall(market.id, 150 * UNIT, sender=people.keeper)
    vault.allocate(market.id, 50 * UNIT, sender=people.keeper)


@pytest.mark.parametrize("which", range(4))
def test_each_cap_alone_goes_down_at_once_and_not_up(vault, people, implementation, which):
    caps = (300 * UNIT, 5_000, 600 * UNIT, 6_000)
    vault.addClass(
        a_class(
            implementation,
            people.oracle,
            cap=caps[0],
            cap_bps=caps[1],
            class_cap=caps[2],
            class_cap_bps=caps[3],
        ),
        sender=people.owner,
    )
    vault.increaseDelay(SET_CLASS_CAPS, DAY, sender=people.owner)

    def changed(by):
        return tuple(cap + by * (place == which) for place, cap in enumerate(caps))

    with ape.reverts("not submitted"):
        vault.setClassCaps(0, changed(1), sender=people.owner)
    vault.setClassCaps(0, caps, sender=people.owner)  # as they are: nothing to wait for
    vault.setClassCaps(0, changed(-1), sender=people.owner)
    assert tuple(vault.classOf(0))[3:7] == changed(-1)


def test_deadlines_are_after_now_and_within_the_class(
    vault, people, implementation, venue, deployer, chain
):
    vault.addClass(a_class(implementation, people.oracle, duration=DAY), sender=people.owner)
    for question in (b"\x61" * 32, b"\x62" * 32):
        venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)

    def open_at(now, question, deadline):
        chain.pending_timestamp = now
        vault.openMarket(0, question, 1, deadline, sender=people.keeper)

    now = chain.pending_timestamp + 100
    with ape.reverts("deadline passed"):
        open_at(now, b"\x61" * 32, now)
    with ape.reverts("deadline too far"):
        open_at(now + 10, b"\x61" * 32, now + 10 + DAY + 1)
    open_at(now + 20, b"\x61" * 32, now + 20 + DAY)
    open_at(now + 30, b"\x62" * 32, now + 31)


def test_a_market_closes_only_resolved_and_redeemed(
    vault, people, invest, open_market, give_tokens, resolve, report
):
    invest(vault, people.alice, 1_000 * UNIT)
    markets = [open_market(vault) for _ in range(3)]
    vault.allocate(markets[0].id, 10 * UNIT, sender=people.keeper)
    with ape.reverts("market not resolved"):
        vault.closeMarket(markets[0].id, sender=people.stranger)
    give_tokens(markets[0], no=UNIT)
    resolve(markets[0], 1, 0)
    with ape.reverts("tokens not redeemed"):
        vault.closeMarket(markets[0].id, sender=people.stranger)
    markets[0].account.redeem(0, sender=people.stranger)
    vault.closeMarket(markets[0].id, sender=people.stranger)
    assert vault.total_idle() == 1_000 * UNIT  # the budget came back with it
    assert vault.exposureOf(markets[0].id) == 0
    assert vault.openMarkets() == [markets[2].id, markets[1].id]
    for again in (vault.allocate, vault.recall):
        with ape.reverts("market closed"):
            again(markets[0].id, 1, sender=people.keeper)
    resolve(markets[2], 0, 1)
    vault.closeMarket(markets[2].id, sender=people.stranger)
    assert vault.openMarkets() == [markets[1].id]
    report(vault, EVEN)
    assert vault.totalSupply() == 1_000 * SHARE


def test_unknown_markets_are_named_so(vault, people, report):
    report(vault)
    for call in (vault.allocate, vault.recall):
        with ape.reverts("unknown market"):
            call(b"\1" * 32, 1, sender=people.keeper)
    with ape.reverts("unknown market"):
        vault.closeMarket(b"\1" * 32, sender=people.keeper)
    assert int(vault.accountOf(b"\1" * 32), 16) == 0


def test_class_parameters_are_validated(vault, people, implementation):
    good = a_class(implementation, people.oracle, cap=UNIT)
    zero = "0x" + "00" * 20
    for bad, reason in (
        ((people.alice, *good[1:]), "implementation has no code"),
        ((good[0], zero, *good[2:]), "no oracle"),
        (a_class(*good[:2], grade=2), "custody grade differs"),
        (a_class(*good[:2], cap_bps=10_001), "cap above 100 %"),
        (a_class(*good[:2], class_cap_bps=10_001), "cap above 100 %"),
        (a_class(*good[:2], class_cap=2**96), "amount too large"),
    ):
        with ape.reverts(reason):
            vault.addClass(bad, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.addClass(good, sender=people.keeper)
    vault.addClass(good, sender=people.owner)
    assert vault.class_count() == 1
    assert tuple(vault.classOf(0)) == tuple(getattr(part, "address", part) for part in good)
