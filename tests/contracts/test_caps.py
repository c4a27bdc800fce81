"""Caps by market, question, class and in total, losses in them, velocity, the breaker."""

import ape
import pytest

from tests.defaults import DAY, FOREVER, MOST, PRICE, SHARE, UNIT, VIRTUAL, a_class, limit

PERIOD = 8 * 3_600
MARKET_CAP = 400 * UNIT


@pytest.fixture(scope="session")
def add_class(people, scripted_implementation):
    def add(vault, keeper=people.keeper, **caps):
        terms = a_class(scripted_implementation, people.oracle, keeper, **caps)
        vault.addClass(terms, sender=people.owner)
        return vault.class_count() - 1

    return add


@pytest.fixture
def two_markets(funded, people, script, add_class):
    """1,000 pUSD, two markets of a class with 400 a market and 500 in all."""
    add_class(funded, cap=MARKET_CAP, class_cap=500 * UNIT)
    return funded, [script(funded) for _ in range(2)]


def state(vault, market):
    return vault.navs(), vault.total_idle(), vault.bookOf(market.id), vault.classBook(0)


def refused(vault, people, market, assets, reason, keeper=None):
    """One unit more is refused and changes nothing; so many go out."""
    before = state(vault, market)
    with ape.reverts(reason):
        vault.allocate(market.id, assets + 1, sender=keeper or people.keeper)
    assert state(vault, market) == before
    if assets:
        vault.allocate(market.id, assets, sender=keeper or people.keeper)


def test_a_market_is_capped_in_assets_and_in_bps_of_nav(two_markets, people):
    vault, (first, second) = two_markets
    vault.allocate(first.id, 100 * UNIT, sender=people.keeper)
    refused(vault, people, first, 300 * UNIT, "market cap")
    vault.setClassCaps(0, (MOST, 500, MOST, 10_000), sender=people.owner)
    refused(vault, people, second, 50 * UNIT, "market cap bps")


def test_the_class_cap_binds_all_its_markets_together(two_markets, people):
    vault, (first, second) = two_markets
    vault.allocate(first.id, 300 * UNIT, sender=people.keeper)
    refused(vault, people, second, 200 * UNIT, "class cap")
    assert vault.classBook(0)[0] == vault.totalExposure() == 500 * UNIT
    vault.recall(first.id, 100 * UNIT, sender=people.keeper)
    assert vault.classBook(0)[0] == 400 * UNIT
    refused(vault, people, second, 100 * UNIT, "class cap")


def test_the_class_cap_in_bps_of_nav(two_markets, people):
    vault, (first, second) = two_markets
    vault.setClassCaps(0, (MOST, 10_000, MOST, 3_000), sender=people.owner)
    vault.allocate(first.id, 200 * UNIT, sender=people.keeper)
    refused(vault, people, second, 100 * UNIT, "class cap bps")


def test_the_total_cap_binds_all_classes(two_markets, people, script, add_class):
    vault, (first, _) = two_markets
    other = script(vault, class_id=add_class(vault))
    vault.setLimit(limit("total_cap"), 350 * UNIT, sender=people.owner)
    vault.allocate(first.id, 300 * UNIT, sender=people.keeper)
    refused(vault, people, other, 50 * UNIT, "total cap")
    vault.setLimit(limit("total_cap"), MOST, sender=people.owner)
    vault.setLimit(limit("total_cap_bps"), 4_000, sender=people.owner)
    refused(vault, people, other, 50 * UNIT, "total cap bps")


def test_the_question_cap_binds_the_same_question_in_all_classes(
    two_markets, people, script, add_class
):
    vault, (first, second) = two_markets
    classes = [add_class(vault, people.carol), add_class(vault, people.carol)]
    same = [
        script(vault, class_id=each, question=first.question, keeper=people.carol)
        for each in classes
    ]
    assert len({first.id, *(each.id for each in same)}) == 3
    assert {bytes(vault.questionOf(each.id)) for each in (first, *same)} == {first.question}
    vault.setLimit(limit("question_cap_bps"), 1_500, sender=people.owner)
    vault.allocate(first.id, 100 * UNIT, sender=people.keeper)
    vault.allocate(same[0].id, 30 * UNIT, sender=people.carol)
    refused(vault, people, same[1], 20 * UNIT, "question cap", people.carol)
    with ape.reverts("question cap"):
        vault.allocate(first.id, 1, sender=people.keeper)
    vault.allocate(second.id, 150 * UNIT, sender=people.keeper)  # another question
    vault.recall(same[0].id, 30 * UNIT, sender=people.carol)
    refused(vault, people, first, 30 * UNIT, "question cap")


def test_no_more_goes_out_than_is_there_and_pending_deposits_are_not(funded, people, fund, script):
    market, second = script(funded), script(funded)
    funded.allocate(market.id, 600 * UNIT, sender=people.keeper)
    funded.redeemInKind(500 * SHARE, people.alice, [market.id], sender=people.alice)
    fund(funded, people.bob)
    funded.requestDeposit(500 * UNIT, people.bob, people.bob, sender=people.bob)
    assert (funded.total_idle(), funded.totalAssets()) == (200 * UNIT, 800 * UNIT)
    refused(funded, people, second, 200 * UNIT, "class cap bps")
    assert funded.total_idle() == 0


# losses count for ever


@pytest.fixture
def lose(people, spend, script):
    """Lose a budget in a market of its own, which is closed then."""

    def all_of_it(vault, assets, class_id=0):
        market = script(vault, class_id=class_id)
        vault.allocate(market.id, assets, sender=people.keeper)
        spend(market, assets)
        vault.closeMarket(market.id, sender=people.keeper)
        return market

    return all_of_it


def test_what_was_lost_is_no_room_again(funded, people, script, lose, add_class, chain):
    """Opening, losing and closing takes at most the total cap, in all (V13)."""
    add_class(funded)
    funded.setLimit(limit("total_cap"), 100 * UNIT, sender=people.owner)
    funded.setLimit(limit("velocity"), 50 * UNIT, sender=people.owner)
    for number in range(2):
        lose(funded, 50 * UNIT - number)  # the first is a unit more than it was, rounded up
        assert 0 <= funded.totalLosses() - 50 * UNIT * (number + 1) <= 2  # up
        assert funded.totalExposure() == 0
        chain.pending_timestamp += 2 * PERIOD * 2
        funded.settle(sender=people.stranger)
    market = script(funded)
    with ape.reverts("total cap"):
        funded.allocate(market.id, 1, sender=people.keeper)
    exposure, losses, profit, retired = funded.classBook(0)
    assert (exposure, profit, retired) == (0, 1 - 100 * UNIT, False)
    assert 0 <= losses - 100 * UNIT <= 2


def test_losses_of_a_class_count_in_its_cap(two_markets, people, spend, script, add_class):
    vault, (first, second) = two_markets
    vault.allocate(first.id, 120 * UNIT, sender=people.keeper)
    spend(first, 100 * UNIT)
    receipt = vault.closeMarket(first.id, sender=people.keeper)
    (closed,) = receipt.decode_logs(vault.MarketClosed)
    assert (closed.loss, closed.written_off, closed.listed) == (100 * UNIT, 0, False)
    assert vault.classBook(0)[0] == 0
    assert 0 <= vault.classBook(0)[1] - 100 * UNIT <= 1
    refused(vault, people, second, 400 * UNIT - 1, "class cap")
    vault.setClassCaps(0, (MOST, 10_000, 450 * UNIT, 10_000), sender=people.owner)
    with ape.reverts("class cap"):
        vault.allocate(second.id, 1, sender=people.keeper)
    other = script(vault, class_id=add_class(vault))
    vault.allocate(other.id, 1, sender=people.keeper)  # another class has its own


def test_a_profit_that_comes_home_pays_losses_off(
    funded, people, script, lose, venue, deployer, add_class
):
    add_class(funded)
    add_class(funded)
    lose(funded, 100 * UNIT)
    lose(funded, 50 * UNIT, class_id=1)
    market = script(funded)
    venue.fund(deployer, market.account, 30 * UNIT)
    funded.harvest(market.id, sender=people.stranger)
    for losses, exact in ((funded.classBook(0)[1], 70), (funded.totalLosses(), 120)):
        assert exact * UNIT <= losses <= exact * UNIT + 3  # rounded against the keeper
    assert 0 <= funded.classBook(1)[1] - 50 * UNIT <= 1
    venue.fund(deployer, market.account, 500 * UNIT)
    funded.harvest(market.id, sender=people.stranger)
    assert funded.classBook(0)[1] == funded.totalLosses() == 0  # never below 0
    assert 0 <= funded.classBook(1)[1] - 50 * UNIT <= 1
    assert funded.profitOf(0) == 430 * UNIT
    assert funded.profitOf(1) == -50 * UNIT


def test_losses_are_kept_per_share(funded, people, lose, add_class, invest):
    """Who comes in between does not make them smaller for the holders, nor who leaves: they scale
    with the shares, so that a gift pays off only what it would have without them."""
    add_class(funded)
    lose(funded, 100 * UNIT)
    invest(funded, people.bob, 900 * UNIT)  # at .90: as many shares again
    assert abs(funded.balanceOf(people.bob) - 1_000 * SHARE) < 10**13
    assert abs(funded.totalLosses() - 200 * UNIT) <= 2
    funded.redeemInKind(funded.balanceOf(people.bob), people.bob, [], sender=people.bob)
    assert 0 <= funded.totalLosses() - 100 * UNIT <= 2


def test_the_owner_forgives_losses_and_nobody_else(funded, people, lose, add_class):
    add_class(funded)
    lose(funded, 100 * UNIT)
    for who in (people.guardian, people.keeper):
        with ape.reverts("ownable: caller is not the owner"):
            funded.forgiveLosses(0, UNIT, sender=who)
    with ape.reverts("unknown class"):
        funded.forgiveLosses(1, UNIT, sender=people.owner)
    (event,) = funded.forgiveLosses(0, 60 * UNIT, sender=people.owner).decode_logs(
        funded.LossesForgiven
    )
    assert (event.class_id, event.assets) == (0, 60 * UNIT)
    assert 40 * UNIT <= funded.totalLosses() <= 40 * UNIT + 2
    assert funded.profitOf(0) == -100 * UNIT  # the record stays
    funded.forgiveLosses(0, MOST, sender=people.owner)
    assert funded.totalLosses() == funded.classBook(0)[1] == 0


# classes: keepers, retiring


def test_a_retired_class_is_worked_off(funded, people, script, venue, deployer):
    market = script(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    with ape.reverts("ownable: caller is not the owner"):
        funded.retireClass(0, sender=people.keeper)
    with ape.reverts("unknown class"):
        funded.retireClass(1, sender=people.owner)
    funded.retireClass(0, sender=people.guardian)
    assert funded.classBook(0)[3]
    with ape.reverts("class retired"):
        funded.retireClass(0, sender=people.owner)
    with ape.reverts("class retired"):
        script(funded)
    with ape.reverts("class retired"):
        funded.allocate(market.id, 1, sender=people.keeper)
    funded.setKeeper(0, people.carol, sender=people.owner)  # and stays retired
    with ape.reverts("class retired"):
        funded.allocate(market.id, 1, sender=people.carol)
    funded.recall(market.id, 40 * UNIT, sender=people.carol)
    venue.fund(deployer, market.account, 10 * UNIT)
    funded.harvest(market.id, sender=people.stranger)
    funded.closeMarket(market.id, sender=people.carol)
    assert funded.total_idle() == 1_010 * UNIT


# velocity


@pytest.fixture
def paced(make_vault, people, invest, script, chain):
    """At most 100 pUSD a rolling day; time stands at the start of a period."""
    vault = make_vault(velocity=100 * UNIT, max_report_age=30 * DAY)
    invest(vault, people.alice, 1_000 * UNIT)
    market = script(vault)
    chain.pending_timestamp = (chain.pending_timestamp // PERIOD + 1) * PERIOD
    chain.mine()
    return vault, market


def test_the_velocity_limit_binds_a_rolling_day(paced, people, chain):
    vault, market = paced
    start = chain.blocks.head.timestamp
    vault.allocate(market.id, 70 * UNIT, sender=people.keeper)
    with ape.reverts("velocity"):
        vault.allocate(market.id, 30 * UNIT + 1, sender=people.keeper)
    chain.pending_timestamp = start + 2 * PERIOD
    vault.allocate(market.id, 30 * UNIT, sender=people.keeper)
    for later in (DAY - 1, DAY, 4 * PERIOD - 1):  # 24 hours at least, 32 at most
        chain.pending_timestamp = start + later
        with ape.reverts("velocity"):
            vault.allocate(market.id, 1, sender=people.keeper)
    chain.pending_timestamp = start + 4 * PERIOD
    assert vault.recentAllocation() == 100 * UNIT  # as of the last block
    vault.allocate(market.id, 70 * UNIT, sender=people.keeper)
    with ape.reverts("velocity"):
        vault.allocate(market.id, 1, sender=people.keeper)
    assert vault.recentAllocation() == 100 * UNIT


def test_the_velocity_limit_in_bps_of_nav(paced, people):
    vault, market = paced
    vault.setLimit(limit("velocity_bps"), 600, sender=people.owner)
    refused(vault, people, market, 60 * UNIT, "velocity bps")


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


def test_a_recall_frees_no_more_than_was_allocated(paced, people, venue, deployer, chain):
    """Neither a profit, nor what went out days ago: the day is never negative."""
    vault, market = paced
    vault.allocate(market.id, 50 * UNIT, sender=people.keeper)
    venue.fund(deployer, market.account, 80 * UNIT)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    assert (vault.recentAllocation(), vault.totalExposure()) == (0, 0)
    refused(vault, people, market, 100 * UNIT, "velocity")
    chain.pending_timestamp += 2 * DAY
    vault.recall(market.id, 100 * UNIT, sender=people.keeper)
    refused(vault, people, market, 100 * UNIT, "velocity")


def test_what_leaves_in_kind_is_no_credit(paced, people):
    vault, market = paced
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    vault.redeemInKind(500 * SHARE, people.alice, [], sender=people.alice)
    assert vault.totalExposure() == 50 * UNIT
    with ape.reverts("velocity"):
        vault.allocate(market.id, 1, sender=people.keeper)


# the breaker


@pytest.fixture
def falling(make_vault, people, invest, script, spend, hold, report):
    """1,000 pUSD, half of it spent for 1,000 YES; at most 20 % under the highest bid."""
    vault = make_vault(max_drawdown_bps=2_000)
    invest(vault, people.alice, 1_000 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 500 * UNIT, sender=people.keeper)
    spend(market, 500 * UNIT)
    hold(market, (1_000 * UNIT, 0))
    return vault, market, lambda mark: report(vault, (mark, "0.9"))


def test_a_drawdown_stops_allocation_until_the_bid_is_back(falling, people):
    vault, market, at = falling
    assert vault.reference() == (1_000 * UNIT + 1) * PRICE // (1_000 * SHARE + VIRTUAL)
    at("0.300001")  # .800001: just within 20 %
    vault.allocate(market.id, UNIT, sender=people.keeper)
    at("0.29")
    assert vault.breakerTripped()
    with ape.reverts("drawdown"):
        vault.allocate(market.id, UNIT, sender=people.keeper)
    vault.recall(market.id, UNIT, sender=people.keeper)  # safer still goes
    at("0.5")
    assert not vault.breakerTripped()
    vault.allocate(market.id, UNIT, sender=people.keeper)


def test_after_a_reset_the_drawdown_counts_from_there(falling, people, venue, deployer):
    vault, market, at = falling
    at("0.2")  # .70
    for who in (people.guardian, people.keeper):
        with ape.reverts("ownable: caller is not the owner"):
            vault.resetBreaker(sender=who)
    (event,) = vault.resetBreaker(sender=people.owner).decode_logs(vault.BreakerReset)
    assert event.reference == vault.reference() == vault.prices()[0]
    vault.allocate(market.id, UNIT, sender=people.keeper)
    at("0.06")  # .56 of .70 and the unit that went in
    assert not vault.breakerTripped()
    at("0.05")
    assert vault.breakerTripped()
    at("0.4")  # .90: the reference follows
    assert vault.reference() == vault.prices()[0]
    at("0.21")
    assert vault.breakerTripped()
