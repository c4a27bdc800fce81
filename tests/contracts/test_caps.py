"""Caps by class and in total, the velocity limit, and the drawdown breaker."""

import ape
import pytest

from tests.defaults import DAY, FOREVER, UNIT, WAD, a_class, limit

EVEN = ("0.5",) * 4
PERIOD = 8 * 3_600
WIDE = 2**96 - 1


@pytest.fixture
def two_classes(vault, people, invest, open_market, implementation):
    """1,000 pUSD, two markets of class 0 and a second class that nothing is in."""
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(
        a_class(implementation, people.oracle, cap=400 * UNIT, class_cap=500 * UNIT),
        sender=people.owner,
    )
    return vault, [open_market(vault) for _ in range(2)]


def test_the_class_cap_binds_all_its_markets_together(two_classes, people):
    vault, (first, second) = two_classes
    vault.allocate(first.id, 300 * UNIT, sender=people.keeper)
    with ape.reverts("class cap"):
        vault.allocate(second.id, 200 * UNIT + 1, sender=people.keeper)
    vault.allocate(second.id, 200 * UNIT, sender=people.keeper)
    assert vault.classExposureOf(0) == vault.total_exposure() == 500 * UNIT
    vault.recall(first.id, 100 * UNIT, sender=people.keeper)
    assert vault.classExposureOf(0) == 400 * UNIT
    vault.allocate(second.id, 100 * UNIT, sender=people.keeper)


def test_class_and_total_caps_in_bps_of_nav(two_classes, people):
    vault, (first, second) = two_classes
    vault.setClassCaps(0, (WIDE, 10_000, WIDE, 3_000), sender=people.owner)
    with ape.reverts("class cap bps"):
        vault.allocate(first.id, 300 * UNIT + 1, sender=people.keeper)
    vault.allocate(first.id, 200 * UNIT, sender=people.keeper)
    with ape.reverts("class cap bps"):
        vault.allocate(second.id, 100 * UNIT + 1, sender=people.keeper)
    vault.setLimit(limit("total_cap_bps"), 2_500, sender=people.owner)
    with ape.reverts("total cap bps"):
        vault.allocate(second.id, 50 * UNIT + 1, sender=people.keeper)
    vault.allocate(second.id, 50 * UNIT, sender=people.keeper)


def test_the_total_cap_in_assets(two_classes, people):
    vault, (first, second) = two_classes
    vault.setLimit(limit("total_cap"), 350 * UNIT, sender=people.owner)
    vault.allocate(first.id, 300 * UNIT, sender=people.keeper)
    with ape.reverts("total cap"):
        vault.allocate(second.id, 50 * UNIT + 1, sender=people.keeper)
    vault.allocate(second.id, 50 * UNIT, sender=people.keeper)


def test_closing_a_market_frees_its_class_and_the_total(two_classes, people, resolve):
    vault, (first, second) = two_classes
    vault.allocate(first.id, 300 * UNIT, sender=people.keeper)
    vault.allocate(second.id, 200 * UNIT, sender=people.keeper)
    resolve(first, 1, 0)
    vault.closeMarket(first.id, sender=people.stranger)
    assert vault.classExposureOf(0) == vault.total_exposure() == 200 * UNIT


def test_no_market_is_opened_in_a_class_without_a_cap(two_classes, people, open_market):
    vault, _ = two_classes
    vault.setClassCaps(0, (0, 0, 0, 0), sender=people.guardian)
    with ape.reverts("class closed"):
        open_market(vault)


def test_owner_and_guardian_close_an_empty_market_that_never_resolves(
    two_classes, people, give_tokens
):
    vault, (first, second) = two_classes
    vault.allocate(first.id, 100 * UNIT, sender=people.keeper)
    give_tokens(second, yes=1)
    for who in (people.keeper, people.stranger):
        with ape.reverts("market not resolved"):
            vault.closeMarket(first.id, sender=who)
    vault.closeMarket(first.id, sender=people.guardian)
    assert vault.total_idle() == 1_000 * UNIT
    with ape.reverts("tokens not redeemed"):
        vault.closeMarket(second.id, sender=people.owner)


# velocity


@pytest.fixture
def paced(make_vault, people, invest, open_market, chain):
    """At most 100 pUSD a rolling day; time stands at the start of a period."""
    vault = make_vault(velocity_limit=100 * UNIT, max_report_age=30 * DAY)
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    chain.pending_timestamp = (chain.pending_timestamp // PERIOD + 1) * PERIOD
    chain.mine()
    return vault, market


def test_the_velocity_limit_binds_a_rolling_day(paced, people, chain):
    vault, market = paced
    start = chain.blocks.head.timestamp
    vault.allocate(market.id, 70 * UNIT, sender=people.keeper)
    with ape.reverts("velocity limit"):
        vault.allocate(market.id, 30 * UNIT + 1, sender=people.keeper)
    chain.pending_timestamp = start + 2 * PERIOD
    vault.allocate(market.id, 30 * UNIT, sender=people.keeper)
    for later in (DAY - 1, DAY, 4 * PERIOD - 1):  # 24 hours at least, 32 at most
        chain.pending_timestamp = start + later
        with ape.reverts("velocity limit"):
            vault.allocate(market.id, 1, sender=people.keeper)
    chain.pending_timestamp = start + 4 * PERIOD
    assert vault.recentAllocation() == 100 * UNIT  # as of the last block
    vault.allocate(market.id, 70 * UNIT, sender=people.keeper)
    with ape.reverts("velocity limit"):
        vault.allocate(market.id, 1, sender=people.keeper)
    assert vault.recentAllocation() == 100 * UNIT


def test_recalls_free_the_latest_allocation_first(paced, people, chain):
    vault, market = paced
    start = chain.blocks.head.timestamp
    vault.allocate(market.id, 60 * UNIT, sender=people.keeper)
    chain.pending_timestamp = start + PERIOD
    vault.allocate(market.id, 40 * UNIT, sender=people.keeper)
    vault.recall(market.id, 50 * UNIT, sender=people.keeper)  # 40 of the second, 10 of the first
    assert vault.recentAllocation() == 50 * UNIT
    vault.allocate(market.id, 50 * UNIT, sender=people.keeper)
    chain.pending_timestamp = start + 4 * PERIOD  # the first period's 50 fall out
    chain.mine()
    assert vault.recentAllocation() == 50 * UNIT


def test_a_recall_of_profits_frees_no_more_than_was_allocated(paced, people, give_tokens):
    vault, market = paced
    vault.allocate(market.id, 50 * UNIT, sender=people.keeper)
    give_tokens(market, yes=80 * UNIT, no=80 * UNIT)
    market.account.merge(0, 80 * UNIT, sender=people.keeper)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    assert vault.recentAllocation() == 0
    assert vault.total_exposure() == 0
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    with ape.reverts("velocity limit"):
        vault.allocate(market.id, 1, sender=people.keeper)


# the breaker


@pytest.fixture
def falling(make_vault, people, invest, open_market, give_tokens, report):
    """1,000 pUSD idle and 1,000 YES; at most 20 % under the mark. NAV per share by the price."""
    vault = make_vault(
        max_drawdown_bps=2_000,
        max_up_bps=100_000,
        max_day_up_bps=100_000,
        max_down_bps=10_000,
        max_day_down_bps=10_000,
        max_report_age=30 * DAY,
    )
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=1_000 * UNIT)

    def at(price):
        report(vault, (price, price, "0", "0"))

    at("1")  # the mark: 2 per share
    assert vault.highWaterMark() == 2 * WAD
    return vault, market, at


def test_a_drawdown_stops_allocation_until_the_owner_resets(falling, people):
    vault, market, at = falling
    at("0.6")  # 1.6: exactly 20 % under
    vault.allocate(market.id, UNIT, sender=people.keeper)
    at("0.599")
    assert vault.breakerTripped()
    with ape.reverts("drawdown"):
        vault.allocate(market.id, UNIT, sender=people.keeper)
    at("1")  # back up does not help: the owner must look
    with ape.reverts("drawdown"):
        vault.allocate(market.id, UNIT, sender=people.keeper)
    vault.recall(market.id, UNIT, sender=people.keeper)  # safer still goes
    for who in (people.guardian, people.keeper):
        with ape.reverts("ownable: caller is not the owner"):
            vault.resetBreaker(sender=who)
    vault.resetBreaker(sender=people.owner)
    vault.allocate(market.id, UNIT, sender=people.keeper)


def test_after_a_reset_the_drawdown_counts_from_there(falling, people):
    vault, market, at = falling
    at("0.5")
    vault.resetBreaker(sender=people.owner)
    at("0.2")  # 1.2 of 1.5: exactly 20 %
    vault.allocate(market.id, UNIT, sender=people.keeper)
    at("0.9")  # the reference follows up to 1.9
    at("0.52")  # 1.52: exactly 20 %
    vault.allocate(market.id, UNIT, sender=people.keeper)
    at("0.519")
    with ape.reverts("drawdown"):
        vault.allocate(market.id, UNIT, sender=people.keeper)


def test_a_payout_since_the_last_report_counts(falling, people, resolve, open_market):
    vault, market, _ = falling
    other = open_market(vault)
    resolve(market, 0, 1)
    vault.sync(market.id, sender=people.stranger)
    assert not vault.breakerTripped()  # no report yet
    with ape.reverts("drawdown"):
        vault.allocate(other.id, UNIT, sender=people.keeper)
