"""Fees, each figure by hand from the formulas of the design: management on what was there before,
performance on what is home, entrants with their own mark."""

from fractions import Fraction

import ape
import pytest

from tests.defaults import DAY, SHARE, UNIT, VIRTUAL, YEAR

YEARS = {"max_report_age": 90 * DAY}


@pytest.fixture
def earn(script, people, venue, deployer):
    """Bring a profit home, or lose something, in a market of the vault's own."""

    def come_home(vault, profit):
        market = script(vault)
        if profit > 0:
            venue.fund(deployer, market.account, profit)
            vault.harvest(market.id, sender=people.stranger)
        else:
            vault.allocate(market.id, -profit, sender=people.keeper)
            market.account.spend(deployer, -profit, sender=deployer)
        vault.closeMarket(market.id, sender=people.keeper)

    return come_home


def accrued(vault, receipt):
    (event,) = receipt.decode_logs(vault.FeesAccrued)
    return event


def report_after(report, chain, vault, seconds, *quotes):
    """Report exactly `seconds` after the last report."""
    return report(vault, *quotes, after=vault.lastReport() + seconds - chain.pending_timestamp)


def mark_of(assets, supply):
    return (assets + 1) * SHARE // (supply + VIRTUAL)


def test_the_vector_of_the_design(make_vault, people, invest, report, chain, earn):
    """A 1,200,000, S 1,000,000, HWM 1, A_prev 1,000,000, 30 days, 2/20."""
    vault = make_vault(management=200, performance=2_000)
    invest(vault, people.alice, 1_000_000 * UNIT)
    assert vault.highWaterMark() == UNIT
    earn(vault, 200_000 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, 30 * DAY))
    assert event.management == 1_643_835_616  # 1e12 * .02 * 30 / 365 = 1,643,835,616.44
    # one share 1.198356: 20 % of .198356 on a million shares
    assert event.performance == 39_671_200_000
    taken = event.management + event.performance
    left = 1_200_000 * UNIT + 1 - taken
    assert event.shares == taken * (1_000_000 * SHARE + VIRTUAL) // left
    assert event.high_water_mark == vault.highWaterMark() == 1_158_684
    assert vault.balanceOf(people.manager) == event.shares
    worth = Fraction(event.shares * (1_200_000 * UNIT), vault.totalSupply())
    assert -1 < taken - worth < 2


def test_management_fee_of_a_year(make_vault, people, invest, report, chain):
    vault = make_vault(management=200, **YEARS)
    invest(vault, people.alice, 1_000 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, YEAR))
    assert (event.management, event.performance) == (20 * UNIT, 0)
    assert event.shares == 20 * UNIT * (1_000 * SHARE + VIRTUAL) // (980 * UNIT + 1)
    assert vault.convertToAssets(event.shares) in (20 * UNIT - 1, 20 * UNIT)
    assert vault.totalAssets() == 1_000 * UNIT


def test_management_fee_of_a_day_rounds_down(make_vault, people, invest, report, chain):
    vault = make_vault(management=200)
    invest(vault, people.alice, 1_000 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, DAY))
    assert event.management == 54_794  # 1000e6 * .02 / 365 = 54,794.52


def test_no_management_fee_on_what_came_since_nor_on_what_is_gone(
    make_vault, people, invest, report, chain, earn
):
    """On the smaller of what there was after the last settlement and what there is now."""
    vault = make_vault(management=200, **YEARS)
    invest(vault, people.alice, 1_000 * UNIT)
    earn(vault, 500 * UNIT)
    assert accrued(vault, report_after(report, chain, vault, YEAR)).management == 20 * UNIT
    earn(vault, -700 * UNIT)
    assert accrued(vault, report_after(report, chain, vault, YEAR)).management == 16 * UNIT


def test_a_deposit_that_settles_pays_from_then_on(make_vault, people, invest, report, chain, fund):
    vault = make_vault(management=200, **YEARS)
    invest(vault, people.alice, 1_000 * UNIT)
    fund(vault, people.bob)
    vault.requestDeposit(1_000 * UNIT, people.bob, people.bob, sender=people.bob)
    report(vault)
    assert accrued(vault, report_after(report, chain, vault, YEAR)).management == 20 * UNIT
    assert vault.totalAssets() == 2_000 * UNIT
    assert accrued(vault, report_after(report, chain, vault, YEAR)).management == 40 * UNIT


def test_performance_fee_only_on_new_profit_that_is_home(
    make_vault, people, invest, report, script, hold, earn
):
    vault = make_vault(performance=2_000)
    invest(vault, people.alice, 1_000 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    hold(market, (500 * UNIT, 0))
    event = accrued(vault, report(vault, ("1", "1")))  # an opinion, not a profit
    assert (event.performance, event.shares) == (0, 0)
    earn(vault, 100 * UNIT)
    event = accrued(vault, report(vault, ("1", "1")))
    # pps 1.0999999999.. is 1.099999 in whole units: 20 % of .099999 on a thousand shares
    assert event.performance == 19_999_800
    assert vault.highWaterMark() == 1_080_000
    assert accrued(vault, report(vault, ("1", "1"))).performance == 0
    earn(vault, -50 * UNIT)  # a fall and the way back earn nothing
    assert accrued(vault, report(vault, ("1", "1"))).performance == 0
    earn(vault, 50 * UNIT)
    assert accrued(vault, report(vault, ("1", "1"))).performance == 0
    assert vault.highWaterMark() == 1_080_000
    earn(vault, 50 * UNIT)
    event = accrued(vault, report(vault, ("1", "1")))
    assert abs(event.performance - 10 * UNIT) <= 300  # the mark counts in millionths of a share


def test_entrants_carry_their_own_mark_and_nobody_elses(
    make_vault, people, invest, fund, report, script, hold, spend
):
    """Bob comes at 1.10, the ask; the bid is 1.00. The mark is the mean of what all paid, and no
    fee is due on the 100 that he brought above the bid."""
    vault = make_vault(performance=2_000)
    invest(vault, people.alice, 1_000 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    spend(market, 100 * UNIT)
    hold(market, (1_000 * UNIT, 0))
    fund(vault, people.bob)
    quote = ("0.1", "0.225")  # ask 1,125; net of a fifth of what is above the mark: 1,100
    report(vault, quote)
    vault.requestDeposit(1_100 * UNIT, people.bob, people.bob, sender=people.bob)
    report(vault, quote)
    event = accrued(vault, report(vault, quote))
    assert event.performance == 0
    minted = vault.maxMint(people.bob)
    assert abs(minted - 1_000 * SHARE) < 10**13
    assert vault.totalAssets() == 2_100 * UNIT
    # (1,000 * 1.00 + 1,100) / 2,000, down: the price is a hair below 1.10
    assert vault.highWaterMark() == 1_049_999
    event = accrued(vault, report(vault, quote))
    assert (event.performance, event.shares) == (0, 0)


def test_each_epoch_of_entrants_is_averaged_over_all_shares_before_it(
    make_vault, people, invest, fund, report, script, hold, spend
):
    """Two epochs wait while the premium is too high, and enter at one report, at 1.20: 100 shares
    beside 1,000 at 1.00, then 200 beside 1,100."""
    vault = make_vault(max_premium_bps=2_100)
    invest(vault, people.alice, 1_000 * UNIT)
    market = script(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    spend(market, 100 * UNIT)
    hold(market, (1_000 * UNIT, 0))
    fund(vault, people.bob)
    high, quote = ("0.1", "0.5"), ("0.1", "0.3")  # ask 1,400 and 1,200, bid 1,000
    for assets in (120 * UNIT, 240 * UNIT):
        vault.requestDeposit(assets, people.bob, people.bob, sender=people.bob)
        report(vault, high)
    report(vault, quote)  # the dearer of two prices is still the last report's
    assert vault.waitingEpochs(0) == [2, 3]
    report(vault, quote)
    assert vault.waitingEpochs(0) == []
    assert abs(vault.maxMint(people.bob) - 300 * SHARE) < 10**13
    # (1,000 * 1.00 + 120) / 1,100, down; then with 240 over 1,300, down
    assert vault.highWaterMark() == 1_046_153


def test_who_comes_below_the_mark_leaves_it(make_vault, people, invest, fund, report, earn, script):
    vault = make_vault(performance=2_000)
    invest(vault, people.alice, 1_000 * UNIT)
    earn(vault, -500 * UNIT)
    report(vault)
    invest(vault, people.bob, 500 * UNIT)
    assert abs(vault.balanceOf(people.bob) - 1_000 * SHARE) < 10**13
    assert vault.highWaterMark() == UNIT


def test_the_mark_is_the_price_where_there_are_no_shares(make_vault, people, invest, report, earn):
    vault = make_vault(performance=2_000)
    invest(vault, people.alice, 100 * UNIT)
    earn(vault, 100 * UNIT)
    report(vault)
    assert vault.highWaterMark() == 1_800_000  # 180 of 200 is Alice's
    for person in (people.alice, people.manager):
        vault.requestRedeem(vault.balanceOf(person), person, person, sender=person)
    for _ in range(3):
        report(vault)
    assert vault.totalSupply() == 0
    left = vault.totalAssets()
    assert left < 3  # rounding
    assert vault.highWaterMark() == mark_of(left, 0) == (left + 1) * UNIT
    invest(vault, people.bob, 50 * UNIT)
    assert vault.balanceOf(people.bob) == 50 * UNIT * SHARE // ((left + 1) * UNIT)
    assert accrued(vault, report(vault)).performance <= 1


def test_who_leaves_in_kind_pays_the_management_fee_of_the_time_since(
    make_vault, people, invest, chain, report
):
    vault = make_vault(management=200, performance=2_000, **YEARS)
    invest(vault, people.alice, 1_000 * UNIT)
    since = vault.lastReport()
    chain.pending_timestamp = since + YEAR // 2
    receipt = vault.redeemInKind(500 * SHARE, people.alice, [], sender=people.alice)
    event = accrued(vault, receipt)
    assert (event.management, event.performance) == (10 * UNIT, 0)
    (left,) = receipt.decode_logs(vault.RedeemedInKind)
    assert left.supply == 1_000 * SHARE + event.shares
    assert left.assets == 1_000 * UNIT * 500 * SHARE // left.supply
    # and the report afterwards takes the rest of the year's alone, on what is left
    event = accrued(vault, report_after(report, chain, vault, YEAR))
    half = YEAR - YEAR // 2
    assert event.management == (1_000 * UNIT - left.assets) * 200 * half // (10_000 * YEAR)


def test_rates_change_at_once_only_downwards(make_vault, people, chain):
    vault = make_vault(management=200, performance=2_000, hurdle=300, timelock=DAY)
    for raised in ((201, 2_000, 300), (200, 2_001, 300), (200, 2_000, 299)):
        with ape.reverts("not submitted"):
            vault.setFees(*raised, sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setFees(0, 0, 0, sender=people.guardian)
    for same_or_less in ((200, 1_000, 300), (100, 1_000, 300), (100, 0, 300), (100, 0, 400)):
        vault.setFees(*same_or_less, sender=people.owner)
        assert vault.feeRates() == same_or_less
    with ape.reverts("not submitted"):
        vault.setFees(100, 0, 399, sender=people.owner)
    vault.submit(vault.setFees.encode_input(150, 0, 400), sender=people.owner)
    chain.pending_timestamp += DAY
    vault.setFees(150, 0, 400, sender=people.owner)
    assert vault.feeRates() == (150, 0, 400)


def test_rates_are_not_raised_while_stale(make_vault, people, chain, report):
    """The next report charges the new rate for the time since the last: that must be short."""
    vault = make_vault(management=200, timelock=DAY, max_report_age=DAY)
    vault.submit(vault.setFees.encode_input(500, 0, 0), sender=people.owner)
    chain.pending_timestamp += DAY + 2
    with ape.reverts("stale NAV"):
        vault.setFees(500, 0, 0, sender=people.owner)
    report(vault)
    vault.setFees(500, 0, 0, sender=people.owner)
    assert vault.feeRates() == (500, 0, 0)


def test_a_hurdle_lifts_the_mark_with_time(make_vault, people, invest, report, chain, earn):
    """At 10 % a year, half a year's 4 % is no profit; what is above the hurdle is."""
    vault = make_vault(performance=2_000, hurdle=1_000, **YEARS)
    invest(vault, people.alice, 1_000 * UNIT)
    before = vault.highWaterMark()
    earn(vault, 40 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, YEAR // 2))
    assert event.performance == 0
    lifted = before + -(-before * 1_000 * (YEAR // 2) // (10_000 * YEAR))  # up
    assert vault.highWaterMark() == lifted
    earn(vault, 70 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, YEAR // 2))
    # 1,110 against 1,000 * 1.05 * 1.05 = 1,102.5: 20 % of 7.5
    assert abs(event.performance - 1_500_000) < 1_000


def test_fee_shares_are_split_among_recipients(make_vault, people, invest, report, chain):
    vault = make_vault(management=500, **YEARS)
    parts = [(people.bob, 3_333), (people.carol, 3_333), (people.manager, 3_334)]
    with ape.reverts("fee parts do not sum to 100 %"):
        vault.setFeeRecipients(parts[:2], sender=people.owner)
    with ape.reverts("bad fee part"):
        vault.setFeeRecipients([*parts, (people.alice, 0)], sender=people.owner)
    with ape.reverts("no fee recipient"):
        vault.setFeeRecipients([("0x" + "00" * 20, 10_000)], sender=people.owner)
    with ape.reverts("ownable: caller is not the owner"):
        vault.setFeeRecipients(parts, sender=people.manager)
    vault.setFeeRecipients(parts, sender=people.owner)
    assert [tuple(r) for r in vault.feeRecipients()] == [(p.address, bps) for p, bps in parts]
    invest(vault, people.alice, 1_000 * UNIT)
    minted = accrued(vault, report_after(report, chain, vault, YEAR)).shares
    held = [vault.balanceOf(person) for person, _ in parts]
    assert sum(held) == minted
    assert held[1:] == [minted * 3_333 // 10_000, minted * 3_334 // 10_000]
    assert 0 <= held[0] - minted * 3_333 // 10_000 <= 2  # what rounding left


@pytest.mark.parametrize("rates", [(501, 0), (0, 5_001)])
def test_rates_above_the_caps_cannot_be_deployed(make_vault, rates):
    with ape.reverts():
        make_vault(management=rates[0], performance=rates[1])


def test_no_fee_on_an_empty_vault_nor_in_wind_down(make_vault, people, invest, report, chain):
    vault = make_vault(management=500, performance=5_000)
    event = accrued(vault, report_after(report, chain, vault, YEAR))
    assert (event.management, event.performance, event.shares) == (0, 0, 0)
    invest(vault, people.alice, 100 * UNIT)
    vault.windDown(sender=people.owner)
    event = accrued(vault, report_after(report, chain, vault, YEAR))
    assert (event.management, event.performance, event.shares) == (0, 0, 0)
    assert vault.balanceOf(people.manager) < SHARE // 10**6  # of the minutes before


def test_fee_value_is_within_a_unit_of_the_formula(make_vault, people, invest, report, chain, earn):
    """Promise 6, over a path of reports with odd numbers."""
    vault = make_vault(management=137, performance=1_733, **YEARS)
    invest(vault, people.alice, 1_234_567_891)
    for step, profit in enumerate((7_777_777, -2_345_678, 77_777_777, 1, 123_456), start=1):
        earn(vault, profit)
        before = vault.balanceOf(people.manager)
        event = accrued(vault, report_after(report, chain, vault, 12_345 * step))
        minted = vault.balanceOf(people.manager) - before
        value = Fraction(minted * vault.totalAssets(), vault.totalSupply())
        assert -1 < event.management + event.performance - value < 2
