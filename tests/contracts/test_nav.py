"""NAV: values by hand, bounds, pending reports, payouts in place of marks, staleness."""

from decimal import Decimal

import ape
import pytest
from eth_utils import keccak

from tests.defaults import FOREVER, NO_EVIDENCE, SHARE, UNIT, WAD

EVEN = ("0.4", "0.6", "0.4", "0.6")
DEAD = ("0", "0.1", "0", "1")


@pytest.fixture
def funded(vault, people, invest):
    invest(vault, people.alice, 1_000 * UNIT)
    return vault


def test_complete_sets_count_one_and_the_rest_its_marks(funded, open_market, give_tokens, report):
    market = open_market(funded)
    give_tokens(market, yes=100 * UNIT, no=70 * UNIT)
    report(funded, ("0.333333", "0.5", "0.1", "0.2"))
    # 70 sets at 1, 30 YES at .333333 and .5
    assert funded.bookOf(market.id) == (79_999_990, 85_000_000)
    assert funded.navs() == (1_079_999_990, 1_085_000_000)
    give_tokens(market, no=90 * UNIT)
    report(funded, ("0.333333", "0.5", "0.1", "0.25"))
    assert funded.bookOf(market.id) == (106_000_000, 115_000_000)
    assert funded.markOf(market.id, 0) == (333_333 * 10**12, WAD // 2, WAD // 10, WAD // 4)


def test_value_rounds_down_at_the_bid_and_up_at_the_ask(funded, open_market, give_tokens, report):
    market = open_market(funded)
    give_tokens(market, yes=1)
    report(funded, ("0.5", "0.5", "0.5", "0.5"))
    assert funded.bookOf(market.id) == (0, 1)


def test_budget_moves_at_cost_and_leaves_nav_alone(funded, people, open_market, report):
    market = open_market(funded)
    funded.allocate(market.id, 300 * UNIT, sender=people.keeper)
    assert funded.navs() == (1_000 * UNIT, 1_000 * UNIT)
    assert funded.total_idle() == 700 * UNIT
    assert funded.bookOf(market.id) == (300 * UNIT, 300 * UNIT)
    funded.recall(market.id, 120 * UNIT, sender=people.keeper)
    assert funded.navs() == (1_000 * UNIT, 1_000 * UNIT)
    assert funded.exposureOf(market.id) == 180 * UNIT


def test_recalling_more_than_was_booked_waits_for_the_report(
    funded, people, venue, deployer, open_market, report
):
    market = open_market(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    venue.fund(deployer, market.account, 40 * UNIT)  # as a sale above the book would
    funded.recall(market.id, FOREVER, sender=people.keeper)
    assert funded.total_idle() == 1_040 * UNIT
    assert funded.bookOf(market.id) == (-40 * UNIT, -40 * UNIT)
    assert funded.totalAssets() == 1_000 * UNIT
    assert funded.exposureOf(market.id) == 0
    report(funded, EVEN)
    assert funded.totalAssets() == 1_040 * UNIT


@pytest.mark.parametrize(
    ("quotes", "reason"),
    [
        (("0.5", "1.000001", "0.1", "0.2"), "ask above 1"),
        (("0.5", "0.6", "0.1", "1.1"), "ask above 1"),
        (("0.7", "0.6", "0.1", "0.2"), "bid above ask"),
        (("0.5", "0.6", "0.3", "0.2"), "bid above ask"),
        (("0.6", "0.7", "0.400001", "0.5"), "bids above 1"),
    ],
)
def test_impossible_marks_are_refused(funded, open_market, report, quotes, reason):
    open_market(funded)
    with ape.reverts(reason):
        report(funded, quotes)


def test_marks_must_cover_the_open_markets_in_order(funded, people, open_market, chain):
    first, second = open_market(funded), open_market(funded)
    quote = tuple(int(Decimal(price) * WAD) for price in EVEN)
    chain.pending_timestamp += 61

    def send(*markets):
        marks = [(market, *quote) for market in markets]
        return funded.report(marks, NO_EVIDENCE, sender=people.reporter)

    with ape.reverts("marks missing"):
        send(first.id)
    with ape.reverts("too many marks"):
        send(first.id, second.id, first.id)
    with ape.reverts("mark of another market"):
        send(second.id, first.id)
    send(first.id, second.id)


def test_only_the_reporter_reports_and_not_too_often(funded, people, report):
    with ape.reverts("report too soon"):
        report(funded, after=10)
    with ape.reverts("not the reporter"):
        report(funded, sender=people.keeper)


@pytest.mark.parametrize(("tokens", "settles"), [(300, True), (301, False)])
def test_a_rise_beyond_the_bound_pends(
    funded, people, open_market, give_tokens, report, tokens, settles
):
    """max_up_bps = 3,000: 1,000 may become 1,300 and not one unit more."""
    give_tokens(open_market(funded), yes=tokens * UNIT)
    report(funded, ("1", "1", "0", "0"))
    assert (funded.totalAssets() == 1_300 * UNIT) is settles
    assert (funded.pending_report() == NO_EVIDENCE) is settles


@pytest.mark.parametrize(("bid", "settles"), [("0.4", True), ("0.399999", False)])
def test_a_fall_beyond_the_bound_pends(
    make_vault, people, invest, open_market, give_tokens, report, bid, settles
):
    """max_down_bps = 1,000: 1,200 may become 1,080 and not one unit less."""
    vault = make_vault(max_down_bps=1_000)
    invest(vault, people.alice, 1_000 * UNIT)
    give_tokens(open_market(vault), yes=200 * UNIT)
    report(vault, ("1", "1", "0", "0"))
    report(vault, (bid, "0.5", "0", "0"))
    assert (vault.totalAssets() == 1_080 * UNIT) is settles
    assert (vault.pending_report() == NO_EVIDENCE) is settles


def test_a_spread_beyond_the_bound_pends(funded, open_market, give_tokens, report):
    """max_spread_bps = 2,000."""
    give_tokens(open_market(funded), yes=300 * UNIT)
    report(funded, ("0.1", "0.8", "0", "1"))  # 1,030 to 1,240: 20.4 %
    assert funded.totalAssets() == 1_000 * UNIT
    report(funded, ("0.1", "0.786", "0", "1"))  # 1,030 to 1,235.8: 19.98 %
    assert funded.totalAssets() == 1_030 * UNIT


def test_a_day_moves_no_further_than_its_bound(funded, open_market, give_tokens, report):
    """max_day_up_bps = 5,000 beside 3,000 a report: the day's anchor is 1,000."""
    market = open_market(funded)
    give_tokens(market, yes=290 * UNIT)
    report(funded, ("1", "1", "0", "0"))
    give_tokens(market, yes=215 * UNIT)
    report(funded, ("1", "1", "0", "0"))  # 1,505: pends
    assert funded.totalAssets() == 1_290 * UNIT
    report(funded, ("0.99", "1", "0", "0"))  # 1,499.95
    assert funded.totalAssets() == 1_499_950_000
    give_tokens(market, yes=300 * UNIT)
    report(funded, ("1", "1", "0", "0"), after=86_400)  # a new day: anchor 1,499.95
    assert funded.totalAssets() == 1_805 * UNIT


def _report_hash(market, quotes, evidence=NO_EVIDENCE):
    """keccak chain of docs/contracts/Vault.md over one binary market."""
    bid_yes, ask_yes, bid_no, ask_no = (int(Decimal(price) * WAD) for price in quotes)
    word = bid_yes | ask_yes << 64 | bid_no << 128 | ask_no << 192
    return keccak(evidence + market.id + word.to_bytes(32, "big"))


def test_pending_report_takes_effect_only_after_the_guardian(
    funded, people, open_market, give_tokens, report, fund
):
    market = open_market(funded)
    give_tokens(market, yes=400 * UNIT)
    fund(funded, people.bob)
    funded.requestDeposit(100 * UNIT, people.bob, people.bob, sender=people.bob)
    quotes = ("1", "1", "0", "0")
    report(funded, quotes)
    assert funded.totalAssets() == 1_000 * UNIT
    expected = _report_hash(market, quotes)
    assert funded.pending_report() == expected
    assert funded.maxDeposit(people.bob) == 0
    with ape.reverts("report pending"):
        funded.allocate(market.id, UNIT, sender=people.keeper)
    with ape.reverts("report pending"):
        funded.syncDeposit(UNIT, people.bob, sender=people.bob)
    with ape.reverts("nothing to cancel"):  # nobody backs out once the price is known
        funded.cancelDepositRequest(people.bob, people.bob, sender=people.bob)
    # a request made while the pending price is known waits for a later report
    funded.requestDeposit(50 * UNIT, people.bob, people.bob, sender=people.bob)
    report(funded, quotes)  # repeated, still not confirmed
    assert funded.totalAssets() == 1_000 * UNIT
    with ape.reverts("ownable: caller is not the owner"):
        funded.confirmReport(expected, sender=people.reporter)
    with ape.reverts("not the pending report"):
        funded.confirmReport(NO_EVIDENCE, sender=people.guardian)
    funded.confirmReport(expected, sender=people.guardian)
    report(funded, quotes)
    assert funded.totalAssets() == (1_400 + 100) * UNIT
    assert funded.maxDeposit(people.bob) == 100 * UNIT
    report(funded, quotes)
    assert funded.maxDeposit(people.bob) == 150 * UNIT


def test_confirmation_is_good_for_one_report(funded, people, open_market, give_tokens, report):
    market = open_market(funded)
    give_tokens(market, yes=400 * UNIT)
    high = ("1", "1", "0", "0")
    report(funded, high)
    funded.confirmReport(funded.pending_report(), sender=people.guardian)
    report(funded, ("0.5", "0.6", "0", "1"))  # in bounds: supersedes the pending one
    assert funded.totalAssets() == 1_200 * UNIT
    with ape.reverts("no report pending"):
        funded.confirmReport(_report_hash(market, high), sender=people.guardian)
    give_tokens(market, yes=500 * UNIT)
    for _ in range(2):  # the old confirmation has the same hash and counts no more
        report(funded, high)
        assert funded.totalAssets() == 1_200 * UNIT


@pytest.mark.parametrize(("yes", "no", "value"), [(1, 0, 100), (0, 1, 60), (1, 1, 80), (3, 1, 90)])
def test_payout_replaces_the_marks(
    funded, people, open_market, give_tokens, report, resolve, yes, no, value
):
    market = open_market(funded)
    give_tokens(market, yes=100 * UNIT, no=60 * UNIT)
    report(funded, EVEN)  # 60 sets and 40 YES at .4
    assert funded.totalAssets() == 1_076 * UNIT
    resolve(market, yes, no)
    funded.sync(market.id, sender=people.stranger)
    assert funded.bookOf(market.id) == (value * UNIT, value * UNIT)
    report(funded, ("0.9", "1", "0", "0.1"))  # no report can contradict it
    assert funded.totalAssets() == (1_000 + value) * UNIT
    market.account.redeem(0, sender=people.stranger)
    funded.recall(market.id, FOREVER, sender=people.keeper)
    funded.closeMarket(market.id, sender=people.stranger)
    assert funded.navs() == ((1_000 + value) * UNIT, (1_000 + value) * UNIT)
    assert funded.total_idle() == (1_000 + value) * UNIT
    assert funded.openMarkets() == []


def test_a_resolution_is_no_breach_of_bounds(
    make_vault, people, invest, open_market, give_tokens, report, resolve
):
    vault = make_vault(max_up_bps=100, max_day_up_bps=100, max_down_bps=100, max_day_down_bps=100)
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=500 * UNIT)
    report(vault, DEAD)
    resolve(market, 1, 0)
    report(vault, DEAD)
    assert vault.totalAssets() == 1_500 * UNIT
    anchor, _ = vault.dayAnchor()
    assert anchor == WAD * 3 // 2


def test_closing_unsynced_moves_the_anchor_like_a_sync(
    make_vault, people, invest, open_market, give_tokens, report, resolve
):
    vault = make_vault(max_day_up_bps=100, max_up_bps=100)
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=500 * UNIT)
    report(vault, DEAD)
    resolve(market, 1, 0)
    market.account.redeem(0, sender=people.stranger)
    vault.recall(market.id, FOREVER, sender=people.keeper)
    vault.closeMarket(market.id, sender=people.stranger)
    assert vault.totalAssets() == 1_500 * UNIT
    assert vault.dayAnchor()[0] == WAD * 3 // 2
    report(vault)
    assert vault.pending_report() == NO_EVIDENCE


def test_sync_without_news_revalues_nothing(funded, people, open_market, give_tokens, report):
    market = open_market(funded)
    give_tokens(market, yes=100 * UNIT)
    report(funded, EVEN)
    give_tokens(market, yes=100 * UNIT)
    funded.sync(market.id, sender=people.stranger)
    assert funded.totalAssets() == 1_040 * UNIT
    with ape.reverts("unknown market"):
        funded.sync(b"\1" * 32, sender=people.stranger)


def test_stale_vault_does_not_allocate_but_recalls_and_pays(
    funded, people, open_market, report, chain
):
    market = open_market(funded)
    funded.allocate(market.id, 100 * UNIT, sender=people.keeper)
    funded.requestRedeem(100 * SHARE, people.alice, people.alice, sender=people.alice)
    report(funded, EVEN)
    chain.pending_timestamp += 2 * 86_400 + 1
    with ape.reverts("stale NAV"):
        funded.allocate(market.id, UNIT, sender=people.keeper)
    funded.recall(market.id, UNIT, sender=people.keeper)
    funded.redeem(100 * SHARE, people.alice, sender=people.alice)
    funded.requestRedeem(SHARE, people.alice, people.alice, sender=people.alice)
    funded.cancelRedeemRequest(people.alice, people.alice, sender=people.alice)


def test_a_gift_to_the_vault_changes_no_price(funded, people, venue, deployer, report):
    venue.fund(deployer, funded, 500 * UNIT)
    report(funded)
    assert funded.totalAssets() == 1_000 * UNIT
    assert funded.convertToAssets(SHARE) == UNIT


def test_the_days_bound_itself_is_within_it(
    make_vault, people, invest, open_market, give_tokens, report
):
    """1,000 may become 1,500 on the day, to the unit, and not a unit more."""
    vault = make_vault(max_up_bps=5_000, max_day_up_bps=5_000)
    invest(vault, people.alice, 1_000 * UNIT)
    market = open_market(vault)
    give_tokens(market, yes=500 * UNIT, no=500 * UNIT)  # complete sets
    report(vault, EVEN)
    assert vault.totalAssets() == 1_500 * UNIT
    give_tokens(market, yes=1, no=1)
    report(vault, EVEN)
    assert vault.totalAssets() == 1_500 * UNIT
    assert vault.pending_report() != b"\0" * 32
