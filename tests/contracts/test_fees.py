"""Fees, each figure by hand from the formulas of contracts/modules/fees.vy."""

from fractions import Fraction

import ape
import pytest

from tests.defaults import DAY, LIMITS, SHARE, UNIT, WAD, YEAR

EVEN = ("0.5",) * 4

WIDE = {"max_up_bps": 100_000, "max_day_up_bps": 100_000, "max_report_age": 2 * YEAR}


def accrued(vault, receipt):
    (event,) = receipt.decode_logs(vault.FeesAccrued)
    return event


def report_after(report, chain, vault, seconds, *quotes):
    """Report exactly `seconds` after the last report."""
    return report(vault, *quotes, after=vault.lastReport() + seconds - chain.pending_timestamp)


def test_management_fee_of_a_year(make_vault, people, invest, report, chain):
    vault = make_vault(management=200, **WIDE)
    invest(vault, people.alice, 1_000 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, YEAR))
    assert event.management == 20 * UNIT
    assert event.performance == 0
    # shares = 20 * 1000 / 980, rounded down
    assert event.shares == 20_408_163_265_306
    assert vault.balanceOf(people.manager) == event.shares
    assert vault.convertToAssets(event.shares) in (20 * UNIT - 1, 20 * UNIT)
    assert vault.totalAssets() == 1_000 * UNIT


def test_management_fee_of_a_day_rounds_down(make_vault, people, invest, report, chain):
    vault = make_vault(management=200)
    invest(vault, people.alice, 1_000 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, DAY))
    assert event.management == 54_794  # 1000e6 * .02 / 365 = 54,794.52
    assert event.shares == 54_794 * 1_000 * SHARE // (1_000 * UNIT - 54_794)


def test_management_fee_of_thirty_days(make_vault, people, invest, report, chain):
    """The design's figure: 1,643.84 of a million at 2 %."""
    vault = make_vault(management=200, max_report_age=30 * DAY)
    invest(vault, people.alice, 1_000_000 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, 30 * DAY))
    assert event.management == 1_643_835_616  # 1e12 * .02 * 30 / 365 = 1,643,835,616.44


def test_performance_fee_only_on_new_profit(
    make_vault, people, invest, report, open_market, give_tokens
):
    vault = make_vault(performance=2_000, **WIDE)
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=100 * UNIT)
    event = accrued(vault, report(vault, ("1", "1", "0", "0")))
    assert event.performance == 20 * UNIT  # 20 % of 100
    assert event.shares == 20 * UNIT * 1_000 * SHARE // (1_080 * UNIT)
    assert vault.highWaterMark() == WAD * 108 // 100
    assert accrued(vault, report(vault, ("1", "1", "0", "0"))).performance == 0
    # a fall and the way back earn nothing
    assert accrued(vault, report(vault, ("0.5", "1", "0", "0"))).performance == 0
    assert accrued(vault, report(vault, ("1", "1", "0", "0"))).performance == 0
    # only the fee shares' rounding, which is to the holders' good, lifts the mark by a trace
    assert 0 <= vault.highWaterMark() - WAD * 108 // 100 < 10**6
    give_tokens(market, yes=50 * UNIT)
    event = accrued(vault, report(vault, ("1", "1", "0", "0")))
    assert abs(event.performance - 10 * UNIT) <= 1


def test_an_unsold_position_earns_no_fee_on_its_spread(
    make_vault, people, invest, report, open_market, give_tokens
):
    vault = make_vault(performance=2_000, max_spread_bps=10_000)
    invest(vault, people.alice, 1_000 * UNIT)
    give_tokens(open_market(vault), yes=200 * UNIT)
    assert accrued(vault, report(vault, ("0", "0.9", "0", "1"))).performance == 0


def test_both_fees_together(make_vault, people, invest, report, chain, open_market, give_tokens):
    vault = make_vault(management=200, performance=2_000, **WIDE)
    invest(vault, people.alice, 1_000 * UNIT)
    give_tokens(open_market(vault, duration=20 * DAY), yes=300 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, YEAR, ("1", "1", "0", "0")))
    assert event.management == 26 * UNIT  # 2 % of 1,300
    assert event.performance == 54_800_000  # 20 % of 1,300 - 26 - 1,000
    assert event.shares == 80_800_000 * 1_000 * SHARE // 1_219_200_000
    assert vault.highWaterMark() == 1_219_200_000 * 10**24 // (1_000 * SHARE)


def test_entry_at_the_ask_is_no_performance(
    make_vault, people, invest, fund, report, open_market, give_tokens
):
    """The bid price a share rises when somebody enters at the ask; the mark rises with it."""
    vault = make_vault(performance=2_000)
    invest(vault, people.alice, 1_000 * UNIT)
    give_tokens(open_market(vault), yes=200 * UNIT)
    quotes = ("0", "0.5", "0", "1")  # bid 1,000, ask 1,100
    fund(vault, people.bob)
    vault.requestDeposit(1_100 * UNIT, people.bob, people.bob, sender=people.bob)
    report(vault, quotes)
    # 2,100 for 2,000 shares: 1.05
    assert abs(vault.highWaterMark() - WAD * 105 // 100) < 10**10
    event = accrued(vault, report(vault, quotes))
    assert (event.performance, event.shares) == (0, 0)


def test_mark_starts_anew_when_the_vault_is_refilled(
    make_vault, people, invest, fund, report, open_market, give_tokens, resolve
):
    vault = make_vault(performance=2_000, **WIDE)
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=100 * UNIT)
    report(vault, ("1", "1", "0", "0"))
    resolve(market, 1, 0)
    market.account.redeem(0, sender=people.stranger)
    vault.recall(market.id, 10**30, sender=people.keeper)
    vault.closeMarket(market.id, sender=people.keeper)
    for person in (people.alice, people.manager):
        vault.requestRedeem(vault.balanceOf(person), person, person, sender=person)
    report(vault)
    assert vault.totalSupply() == 0
    left = vault.totalAssets()
    assert left < 3  # rounding
    report(vault)
    assert vault.highWaterMark() == (left + 1) * WAD
    fund(vault, people.bob)
    vault.syncDeposit(50 * UNIT, people.bob, sender=people.bob)
    event = accrued(vault, report(vault))
    assert event.performance <= 1


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


def test_hurdle_lifts_the_mark_with_time(
    make_vault, people, invest, report, chain, open_market, give_tokens
):
    """At 10 % a year, half a year's 4 % is no profit; 6 % is 1 % above the hurdle."""
    vault = make_vault(performance=2_000, hurdle=1_000, **WIDE)
    invest(vault, people.alice, 1_000 * UNIT)
    start = vault.lastReport()
    market = open_market(vault)
    give_tokens(market, yes=40 * UNIT, no=40 * UNIT)  # complete sets: 40 for certain
    event = accrued(vault, report_after(report, chain, vault, YEAR // 2, EVEN))
    assert event.performance == 0
    half = WAD * 1_000 * (vault.lastReport() - start) // (10_000 * YEAR)
    assert 0 <= vault.highWaterMark() - (WAD + half) <= 1  # up
    give_tokens(market, yes=70 * UNIT, no=70 * UNIT)
    event = accrued(vault, report_after(report, chain, vault, YEAR // 2, EVEN))
    # 1110 against 1000 * 1.05 * 1.05 = 1102.5: 20 % of 7.5
    assert event.performance == 1_500_000


def test_fee_shares_are_split_among_recipients(make_vault, people, invest, report, chain):
    vault = make_vault(management=500)
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


def test_no_fee_on_an_empty_vault(make_vault, people, report, chain):
    vault = make_vault(management=500, performance=5_000, max_report_age=LIMITS["max_report_age"])
    event = accrued(vault, report_after(report, chain, vault, YEAR))
    assert (event.management, event.performance, event.shares) == (0, 0, 0)
    assert vault.totalSupply() == 0


def test_fee_value_is_within_a_unit_of_the_formula(
    make_vault, people, invest, report, chain, open_market, give_tokens
):
    """Promise 6, over a path of reports with odd numbers."""
    vault = make_vault(management=137, performance=1_733, **WIDE)
    invest(vault, people.alice, 1_234_567_891)
    market = open_market(vault)
    for step, price in enumerate(("0.123457", "0.345679", "0.2", "0.777777"), start=1):
        give_tokens(market, yes=77_777_777)
        before = vault.balanceOf(people.manager)
        event = accrued(
            vault, report_after(report, chain, vault, 12_345 * step, (price, price, "0", "1"))
        )
        minted = vault.balanceOf(people.manager) - before
        value = Fraction(minted * vault.totalAssets(), vault.totalSupply())
        assert 0 <= event.management + event.performance - value < 2
