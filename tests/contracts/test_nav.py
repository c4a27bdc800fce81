"""NAV: values by hand, payouts in place of marks, accounts that do not answer, prices."""

import ape
import pytest

from tests.defaults import (
    DAY,
    FIRST,
    FOREVER,
    NO_EVIDENCE,
    PRICE,
    REDEEM,
    SHARE,
    UNIT,
    VIRTUAL,
    WAD,
)
from tests.property.stage import WIDE as UNBOUND
from tests.property.stage import Stage

EVEN = ("0.4", "0.6")
SUPPLY = 1_000 * SHARE
NO_POSITIONS, BURNS_GAS, ONE_TOO_MANY = 1, 2, 4  # moods of a scripted account


@pytest.fixture
def market(funded, script, people, spend):
    """A market whose 200 pUSD were spent."""
    market = script(funded)
    funded.allocate(market.id, 200 * UNIT, sender=people.keeper)
    spend(market, 200 * UNIT)
    return market


def price(nav, supply=SUPPLY):
    return (nav + 1) * PRICE // (supply + VIRTUAL)


def price_up(nav, supply=SUPPLY):
    return -(-(nav + 1) * PRICE // (supply + VIRTUAL))


# values


def test_complete_sets_count_one_and_the_rest_its_marks(funded, market, hold, report):
    hold(market, (100 * UNIT, 70 * UNIT))
    report(funded, ("0.333333", "0.5"))
    # 70 sets at 1, 30 YES at .333333 and .5
    assert funded.bookOf(market.id) == (200 * UNIT, 79_999_990, 85_000_000)
    assert funded.navs() == (879_999_990, 1_000 * UNIT)  # the ask is never below cost
    assert funded.markOf(market.id, 0) == (333_333 * 10**12, WAD // 2, 3)


def test_no_follows_from_the_marks_of_yes(funded, market, hold, report):
    hold(market, (0, 90 * UNIT))
    report(funded, ("0.333333", "0.5"))
    # NO is bid at 1 - .5 and asked at 1 - .333333
    assert funded.bookOf(market.id) == (200 * UNIT, 45_000_000, 60_000_030)


def test_value_rounds_down_at_the_bid_and_up_at_the_ask(funded, market, hold, report):
    for tokens in ((1, 0), (0, 1)):
        hold(market, tokens)
        report(funded, ("0.5", "0.5"))
        assert funded.bookOf(market.id)[1:] == (0, 1)


@pytest.mark.parametrize("mark", ["0.2", "0.200001", "1"])
def test_nothing_counts_above_its_cost_before_it_is_home(funded, market, hold, report, mark):
    hold(market, (1_000 * UNIT, 0))
    report(funded, (mark, "1"))
    assert funded.bookOf(market.id) == (200 * UNIT, 200 * UNIT, 1_000 * UNIT)
    assert funded.navs() == (1_000 * UNIT, 1_800 * UNIT)
    assert funded.prices() == (price(1_000 * UNIT), price_up(1_800 * UNIT))


def test_the_ask_is_the_sum_of_values_or_of_costs(
    funded, market, script, hold, report, people, spend
):
    """150 of 200 in one market, 60 of 100 in the other: who comes pays the cost, 300."""
    second = script(funded)
    funded.allocate(second.id, 100 * UNIT, sender=people.keeper)
    spend(second, 100 * UNIT)
    hold(market, (200 * UNIT, 0))
    hold(second, (100 * UNIT, 0))
    report(funded, ("0.7", "0.75"), ("0.5", "0.6"))
    assert funded.navs() == ((700 + 140 + 50) * UNIT, 1_000 * UNIT)
    report(funded, ("0.7", "0.9"), ("0.5", "1"))  # 180 and 100: still below cost
    assert funded.navs() == (890 * UNIT, 1_000 * UNIT)
    hold(second, (150 * UNIT, 0))
    report(funded, ("0.7", "0.9"), ("0.5", "1"))  # 180 and 150
    assert funded.navs() == ((700 + 140 + 75) * UNIT, 1_030 * UNIT)
    assert funded.custody() == (700 * UNIT, 215 * UNIT, 0)


def test_what_has_no_mark_counts_nothing_at_the_bid_and_one_at_the_ask(
    funded, market, hold, report
):
    for tokens in ((100 * UNIT, 0), (0, 100 * UNIT)):
        hold(market, tokens)
        report(funded, None)
        assert funded.bookOf(market.id) == (200 * UNIT, 0, 100 * UNIT)
    hold(market, (100 * UNIT, 70 * UNIT))
    report(funded, None)
    assert funded.bookOf(market.id) == (200 * UNIT, 70 * UNIT, 100 * UNIT)


def test_a_report_replaces_all_marks(funded, market, hold, report):
    hold(market, (100 * UNIT, 0))
    report(funded, EVEN)
    assert funded.bookOf(market.id)[1:] == (40 * UNIT, 60 * UNIT)
    report(funded, None)
    assert funded.bookOf(market.id)[1:] == (0, 100 * UNIT)
    assert funded.markOf(market.id, 0)[2] == funded.reportCount() - 1  # of the report before
    assert int(funded.orderTerms(0, market.id, 0).lowest_sell) == 0


@pytest.mark.parametrize("pair", [("0.5", "1.000001"), ("0.7", "0.6"), ("1.1", "1.2")])
def test_marks_are_in_order_and_at_most_one(funded, market, report, pair):
    with ape.reverts("marks out of order"):
        report(funded, pair)


def test_marks_of_other_markets_and_conditions_are_ignored(
    funded, market, script, hold, people, chain, report
):
    """Whoever opens or closes a market in front of a report does not refuse it."""
    closed = script(funded)
    hold(closed, (0, 0, 1, 0, 1))
    funded.closeMarket(closed.id, sender=people.stranger)
    hold(market, (100 * UNIT, 0))
    cents = WAD // 100
    marks = [
        (b"\x77" * 32, 0, 50 * cents, 60 * cents),
        (closed.id, 0, 50 * cents, 60 * cents),
        (market.id, 1, 50 * cents, 60 * cents),
        (market.id, 2**255, 50 * cents, 60 * cents),
        (market.id, 0, 10 * cents, 20 * cents),
        (market.id, 0, 40 * cents, 60 * cents),  # the last of two counts
    ]
    late = script(funded)  # opened in front of it: unmarked
    chain.pending_timestamp += 61
    funded.report(marks, NO_EVIDENCE, sender=people.reporter)
    assert funded.bookOf(market.id)[1:] == (40 * UNIT, 60 * UNIT)
    assert funded.markOf(closed.id, 0) == funded.markOf(market.id, 1) == (0, 0, 0)
    assert funded.markOf(late.id, 0) == (0, 0, 0)
    report(funded, None, None)
    assert funded.totalAssets() == 800 * UNIT


def test_the_reported_event_says_books_and_marks(funded, market, script, hold, report):
    script(funded, count=2)
    hold(market, (100 * UNIT, 0))
    receipt = report(funded, EVEN, [None, ("0.1", "0.3")], evidence=b"\x11" * 32)
    (event,) = receipt.decode_logs(funded.Reported)
    assert event.evidence == b"\x11" * 32
    assert list(event.markets) == funded.openMarkets()
    number = funded.reportCount()
    cents = WAD // 100
    assert list(event.words) == [
        40 * cents | 60 * cents << 64 | number << 128,
        0,
        10 * cents | 30 * cents << 64 | number << 128,
    ]
    assert list(event.books) == [200 * UNIT | 40 * UNIT << 85 | 60 * UNIT << 170, 0]
    (dealt,) = receipt.decode_logs(funded.Dealt)
    assert (dealt.nav_bid, dealt.nav_ask, dealt.supply) == (840 * UNIT, 1_000 * UNIT, SUPPLY)
    assert (dealt.bid, dealt.ask) == funded.prices()


# payouts


@pytest.mark.parametrize(
    ("yes", "no", "over", "value"),
    [(1, 0, 1, 100), (0, 1, 1, 60), (1, 1, 2, 80), (3, 1, 4, 90), (2**119, 0, 2**119, 100)],
)
def test_a_payout_replaces_the_marks(funded, market, hold, report, yes, no, over, value):
    hold(market, (100 * UNIT, 60 * UNIT, yes, no, over))
    report(funded, ("0.9", "1"))  # no report can contradict it
    assert funded.bookOf(market.id) == (200 * UNIT, value * UNIT, value * UNIT)


def test_a_payout_of_conditional_tokens_is_read(
    funded, people, open_market, give_tokens, report, resolve
):
    market = open_market(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    market.account.split(0, 100 * UNIT, sender=people.keeper)
    give_tokens(market, yes=50 * UNIT)
    report(funded, EVEN)
    assert funded.bookOf(market.id) == (100 * UNIT, 100 * UNIT, 130 * UNIT)
    resolve(market, 1, 3)
    report(funded, EVEN)
    assert funded.bookOf(market.id) == (100 * UNIT, 100 * UNIT, 112_500_000)
    assert funded.harvest(market.id, sender=people.stranger)
    assert funded.bookOf(market.id) == (100 * UNIT, 100 * UNIT, 100 * UNIT)
    assert funded.totalAssets() == 1_012_500_000
    assert funded.profitOf(0) == 12_500_000


# events of several conditions


@pytest.fixture
def event(funded, script, people, spend):
    """An event of three conditions that 300 were spent on."""
    event = script(funded, count=3)
    funded.allocate(event.id, 300 * UNIT, sender=people.keeper)
    spend(event, 300 * UNIT)
    return event


def test_exclusive_bids_sum_to_one_at_most(funded, event, hold, report):
    third = ("0.333333", "1")
    report(funded, [third, third, ("0.333334", "1")])
    with ape.reverts("exclusive bids above 1"):
        report(funded, [third, third, ("0.333335", "1")])


def test_bids_that_a_payout_contradicts_count_nothing(funded, event, hold, report):
    """A pays; B and C are worthless for certain. The report stands, its bids of YES do not."""
    hold(event, (50 * UNIT, 0, 1, 0, 1), (100 * UNIT, 20 * UNIT), (0, 80 * UNIT))
    quotes = [("1", "1"), ("0.5", "0.52"), ("0.48", "0.6")]
    report(funded, quotes)
    # bid: 50, 20 sets, 80 YES of B at 0, 80 NO of C at 1 - .6; ask: 50, 20, 80 * .52, 80 at 1
    assert funded.bookOf(event.id) == (300 * UNIT, 102 * UNIT, 191_600_000)
    # without the contradiction, B's YES count and C's NO are asked at 1 - .4
    report(funded, [("1", "1"), ("0", "0.52"), ("0", "0.6")])
    assert funded.bookOf(event.id) == (300 * UNIT, 102 * UNIT, 191_600_000)
    hold(event, (50 * UNIT, 0, 0, 1, 1), (100 * UNIT, 20 * UNIT), (0, 80 * UNIT))
    report(funded, [("1", "1"), ("0.5", "0.52"), ("0.4", "0.6")])
    # bid: 0, 20, 80 * .5, 80 * .4; ask: 0, 20, 80 * .52, 80 * .6
    assert funded.bookOf(event.id) == (300 * UNIT, 92 * UNIT, 109_600_000)


def test_beside_contradicted_bids_a_set_counts_once(funded, event, hold, report):
    hold(event, (0, 0, 1, 0, 1), (0, 0), (30 * UNIT, 110 * UNIT))
    report(funded, [("1", "1"), ("0.5", "0.52"), ("0.48", "0.6")])
    # 30 sets of C, and 80 NO: at 1 - .6, and at the ask whole
    assert funded.bookOf(event.id) == (300 * UNIT, 62 * UNIT, 110 * UNIT)


def test_a_split_payout_leaves_room_for_its_rest(funded, event, hold, report):
    """A pays a half: B and C may be bid at a half together, and not above."""
    hold(event, (10 * UNIT, 0, 1, 1, 2), (10 * UNIT, 0), (10 * UNIT, 0))
    report(funded, [None, ("0.25", "1"), ("0.25", "1")])
    assert funded.bookOf(event.id)[1] == 10 * UNIT
    report(funded, [None, ("0.25", "1"), ("0.250001", "1")])
    assert funded.bookOf(event.id)[1] == 5 * UNIT


def test_of_one_condition_nothing_is_exclusive(funded, market, hold, report):
    hold(market, (100 * UNIT, 0))
    report(funded, ("1", "1"))
    assert funded.bookOf(market.id)[1] == 100 * UNIT


# accounts that do not answer

WIDE = 2**120


@pytest.mark.parametrize(
    ("mood", "positions"),
    [
        (NO_POSITIONS, (0, 0)),
        (BURNS_GAS, (0, 0)),
        (ONE_TOO_MANY, (0, 0)),
        (0, (WIDE, 0)),
        (0, (0, WIDE)),
        (0, (0, 0, 0, 0, WIDE)),
        (0, (1, 0, 2, 0, 1)),
        (0, (1, 0, 0, 2, 1)),
    ],
)
def test_an_account_that_does_not_answer_counts_nothing_and_its_cost(
    funded, market, script, hold, report, deployer, mood, positions
):
    other = script(funded)
    hold(market, (150 * UNIT, 0))
    report(funded, ("1", "1"), None)
    market.account.set_mood(mood, sender=deployer)
    hold(market, positions)
    receipt = report(funded, ("1", "1"), None)
    (event,) = receipt.decode_logs(funded.Unanswered)
    assert (event.market, event.account) == (market.id, market.account)
    assert funded.bookOf(market.id) == (200 * UNIT, 0, 200 * UNIT)
    assert funded.totalAssets() == 800 * UNIT
    hold(other, (0, 0))
    market.account.set_mood(0, sender=deployer)
    hold(market, (300 * UNIT, 0))
    report(funded, ("1", "1"), None)
    market.account.set_mood(NO_POSITIONS, sender=deployer)
    report(funded, ("1", "1"), None)
    assert funded.bookOf(market.id) == (200 * UNIT, 0, 300 * UNIT)  # its last value at the ask


def test_collateral_out_of_range_is_no_answer(funded, market, report, deployer):
    market.account.set_away(WIDE, sender=deployer)
    report(funded, EVEN)
    assert funded.bookOf(market.id) == (200 * UNIT, 0, 200 * UNIT)
    market.account.set_away(WIDE - 1, sender=deployer)
    report(funded, EVEN)
    assert funded.bookOf(market.id) == (200 * UNIT, 200 * UNIT, 2**86 - 1)  # more counts as that


def test_no_gas_limit_makes_an_account_fall_silent(funded, market, hold, report, chain, people):
    """The reporter chooses the gas: too little refuses the report, it does not change a value."""
    hold(market, (150 * UNIT, 0))
    seen = set()
    for gas in range(60_000, 400_000, 10_000):
        with chain.isolate():
            chain.pending_timestamp += 61
            mark = (market.id, 0, WAD // 2, WAD // 2)
            try:
                receipt = funded.report([mark], NO_EVIDENCE, gas=gas, sender=people.reporter)
            except ape.exceptions.ApeException as error:
                seen.add("too little gas" if "too little gas" in str(error) else "out of gas")
                continue
            seen.add("reported")
            assert receipt.decode_logs(funded.Unanswered) == []
            assert funded.bookOf(market.id) == (200 * UNIT, 75 * UNIT, 75 * UNIT)
    assert seen == {"out of gas", "too little gas", "reported"}


# who reports, and when


def test_only_the_reporter_reports_and_not_too_often(make_vault, people, report, chain):
    vault = make_vault(min_report_interval=3_600)
    chain.pending_timestamp = vault.lastReport() + 1  # the first comes when it wants
    report(vault, after=0)
    with ape.reverts("not the reporter"):
        report(vault, sender=people.keeper)
    for wait, reason in ((3_599, "report too soon"), (3_600, None)):
        chain.pending_timestamp = vault.lastReport() + wait
        if reason:
            with ape.reverts(reason):
                report(vault, after=0)
        else:
            report(vault, after=0)
    assert vault.reportCount() == 2
    vault.setReporter("0x" + "00" * 20, sender=people.guardian)
    with ape.reverts("not the reporter"):
        report(vault)


def test_reports_go_on_while_paused_and_in_wind_down(funded, people, report):
    count = funded.reportCount()
    funded.pause(sender=people.owner)
    report(funded)
    funded.windDown(sender=people.owner)
    report(funded)
    assert funded.reportCount() == count + 2


def test_anyone_settles_a_flat_vault_and_it_counts_as_a_report(
    funded, market, hold, people, chain, report, spend, venue, deployer
):
    with ape.reverts("not flat"):
        funded.settle(sender=people.stranger)
    funded.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(funded, None)
    venue.fund(deployer, market.account, 200 * UNIT)
    hold(market, (0, 0, 1, 0, 1))
    funded.closeMarket(market.id, sender=people.stranger)
    assert funded.isFlat()
    assert funded.prices()[0] < price(1_000 * UNIT)
    count = funded.reportCount()
    chain.pending_timestamp = funded.lastReport() + 59
    with ape.reverts("report too soon"):
        funded.settle(sender=people.stranger)
    chain.pending_timestamp = funded.lastReport() + 60
    receipt = funded.settle(sender=people.stranger)
    assert funded.reportCount() == count + 1
    assert funded.lastReport() == receipt.timestamp
    assert receipt.decode_logs(funded.Reported) == []
    # idle is all there is, and who asked before the fall gets the worse of the two prices
    assert funded.prices() == (price(1_000 * UNIT), price_up(1_000 * UNIT))
    assert funded.maxRedeem(people.alice) == 100 * SHARE
    assert funded.maxWithdraw(people.alice) == 80 * UNIT


def test_a_fresh_vault_is_priced_at_one_for_one(vault):
    assert vault.prices() == (FIRST, FIRST)
    assert vault.reference() == FIRST
    assert (vault.totalAssets(), vault.reportCount()) == (0, 0)
    assert vault.isFlat()


# budget between reports


def test_budget_moves_at_cost_and_leaves_nav_alone(funded, people, script):
    market = script(funded)
    funded.allocate(market.id, 300 * UNIT, sender=people.keeper)
    assert funded.navs() == (1_000 * UNIT, 1_000 * UNIT)
    assert funded.total_idle() == 700 * UNIT
    assert funded.bookOf(market.id) == (300 * UNIT, 300 * UNIT, 300 * UNIT)
    funded.recall(market.id, 120 * UNIT, sender=people.keeper)
    assert funded.navs() == (1_000 * UNIT, 1_000 * UNIT)
    assert funded.bookOf(market.id) == (180 * UNIT, 180 * UNIT, 180 * UNIT)


def test_what_comes_home_above_cost_is_profit(funded, people, venue, deployer, script, report):
    market = script(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    venue.fund(deployer, market.account, 40 * UNIT)  # as a sale above cost would
    assert funded.totalAssets() == 1_000 * UNIT
    receipt = funded.recall(market.id, FOREVER, sender=people.keeper)
    (event,) = receipt.decode_logs(funded.CameHome)
    assert (event.assets, event.cost, event.exposure) == (140 * UNIT, 100 * UNIT, 0)
    assert funded.bookOf(market.id) == (0, 0, 0)
    assert funded.totalAssets() == 1_040 * UNIT  # now it counts
    assert funded.classBook(0) == (0, 0, 40 * UNIT, False)


def test_a_recall_takes_along_what_was_booked_above_cost(
    funded, market, hold, people, venue, deployer, report
):
    """200 spent for 400 YES, booked at 200 and 360; 100 come home by a sale: cost first."""
    hold(market, (400 * UNIT, 0))
    report(funded, ("0.8", "0.9"))
    assert funded.bookOf(market.id) == (200 * UNIT, 200 * UNIT, 360 * UNIT)
    venue.fund(deployer, market.account, 100 * UNIT)
    funded.recall(market.id, 100 * UNIT, sender=people.guardian)
    assert funded.bookOf(market.id) == (100 * UNIT, 100 * UNIT, 260 * UNIT)
    venue.fund(deployer, market.account, 250 * UNIT)
    funded.recall(market.id, 250 * UNIT, sender=people.owner)  # 100 of cost, 150 of profit
    assert funded.bookOf(market.id) == (0, 0, 10 * UNIT)
    assert funded.totalAssets() == 1_150 * UNIT
    assert funded.profitOf(0) == 150 * UNIT


def test_a_recall_after_a_loss_takes_the_bid_along(
    funded, market, hold, people, venue, deployer, report
):
    """200 spent for tokens that are worth 50: 120 come home, and what is left counts 0."""
    hold(market, (100 * UNIT, 0))
    report(funded, ("0.5", "0.6"))
    assert funded.bookOf(market.id) == (200 * UNIT, 50 * UNIT, 60 * UNIT)
    venue.fund(deployer, market.account, 120 * UNIT)
    funded.recall(market.id, 120 * UNIT, sender=people.keeper)
    assert funded.bookOf(market.id) == (80 * UNIT, 0, 0)
    assert funded.navs() == (920 * UNIT, 1_000 * UNIT)


def test_a_harvest_brings_home_what_is_above_cost(
    funded, people, venue, deployer, script, hold, report
):
    market = script(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    with ape.reverts("no profit there"):
        funded.harvest(market.id, sender=people.stranger)
    hold(market, (30 * UNIT, 0))
    report(funded, ("1", "1"))
    assert funded.bookOf(market.id) == (100 * UNIT, 100 * UNIT, 130 * UNIT)
    venue.fund(deployer, market.account, 30 * UNIT)
    receipt = funded.harvest(market.id, sender=people.stranger)
    (event,) = receipt.decode_logs(funded.CameHome)
    assert (event.assets, event.cost, event.exposure) == (30 * UNIT, 0, 100 * UNIT)
    assert venue.pusd.balanceOf(market.account) == 100 * UNIT
    # the 30 at the ask come off: they were booked there already
    assert funded.bookOf(market.id) == (100 * UNIT, 100 * UNIT, 100 * UNIT)
    assert funded.navs() == (1_030 * UNIT, 1_030 * UNIT)
    with ape.reverts("no profit there"):
        funded.harvest(market.id, sender=people.stranger)


def test_gifts_change_no_price_until_they_are_home(funded, market, hold, report, venue, deployer):
    venue.fund(deployer, funded, 500 * UNIT)
    hold(market, (300 * UNIT, 0))
    report(funded, ("1", "1"))
    before = funded.prices()[0]
    assert before == price(1_000 * UNIT)
    hold(market, (900 * UNIT, 0))
    venue.fund(deployer, market.account, 500 * UNIT)
    report(funded, ("1", "1"))
    assert funded.prices()[0] == before
    assert funded.totalAssets() == 1_000 * UNIT
    assert funded.convertToAssets(SHARE) == UNIT


def test_a_stale_vault_does_not_allocate_but_recalls_and_pays(
    funded, people, script, report, chain
):
    market = script(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    funded.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(funded, EVEN)
    report(funded, EVEN)
    assert funded.freshUntil() == funded.lastReport() + 2 * DAY
    chain.pending_timestamp = funded.freshUntil()
    funded.allocate(market.id, UNIT, sender=people.keeper)
    chain.pending_timestamp = funded.freshUntil() + 1
    with ape.reverts("stale NAV"):
        funded.allocate(market.id, UNIT, sender=people.keeper)
    funded.recall(market.id, UNIT, sender=people.keeper)
    funded.redeem(100 * SHARE, people.alice, sender=people.alice)
    funded.requestRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    funded.cancelRedeemRequest(2, people.alice, people.alice, sender=people.alice)


@pytest.mark.parametrize(("left", "paid"), [(99, 99), (98, 0)])
def test_a_share_worth_a_ten_thousandth_of_its_first_price_is_dealt_at(left, paid):
    """One share of 1.000000 is dealt at while it stands for 99 and one virtual unit."""
    stage = Stage({"alice": UNIT}, **UNBOUND)
    stage.market("A", [50], UNIT - left)
    stage.report(A=[0])
    stage.ask(REDEEM, "alice")
    stage.report(2, A=[0])
    assert stage.world.claimable(REDEEM, "alice")[1] == paid


def test_a_collapsed_price_stops_dealing_and_nothing_else(
    funded, script, people, spend, report, venue, deployer
):
    """1,000 shares that stand for 10 units: no price to deal at, but everything else goes on."""
    market = script(funded)
    funded.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(funded, None)
    funded.allocate(market.id, 900 * UNIT, sender=people.keeper)
    report(funded, None)
    funded.redeem(100 * SHARE, people.alice, sender=people.alice)
    assert funded.total_idle() == 0
    funded.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    spend(market, 900 * UNIT)
    report(funded, None)
    report(funded, None)
    assert funded.totalAssets() == 0
    assert funded.waitingEpochs(REDEEM) == [2]
    assert funded.maxRedeem(people.alice) == 0
    funded.requestRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    funded.cancelRedeemRequest(2, people.alice, people.alice, sender=people.alice)
    venue.fund(deployer, market.account, 90 * UNIT)
    funded.redeemInKind(400 * SHARE, people.alice, [], sender=people.alice)
    assert venue.pusd.balanceOf(market.account) == 50 * UNIT
