"""A negative-risk event: one market, several exclusive conditions, one cap, one account."""

from decimal import Decimal
from types import SimpleNamespace

import ape
import pytest
from strongroom.devnet.contracts import condition_id, deploy_account_implementation

from tests.ape_devnet import ApeDeployer
from tests.defaults import DAY, NO_EVIDENCE, UNIT, WAD, a_class
from tests.signing import keeper_envelope, make_order, struct

EVENT = b"\xee" * 31 + b"\0"  # a negative-risk market id: the last byte numbers the questions


@pytest.fixture(scope="session")
def event_implementation(deployer, venue):
    return deploy_account_implementation(ApeDeployer(deployer), venue, negative_risk=True)


@pytest.fixture
def event(make_vault, people, invest, event_implementation, venue, deployer, chain):
    """A funded vault with one open event of three outcomes, and its condition ids."""
    vault = make_vault(people.keeper, price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(
        a_class(event_implementation, people.oracle, cap=500 * UNIT), sender=people.owner
    )
    questions = [EVENT[:31] + bytes([i]) for i in range(3)]
    for question in questions:
        venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    vault.openMarket(0, EVENT, 3, chain.pending_timestamp + DAY, sender=people.keeper)
    account = ape.project.PolymarketAccount.at(vault.accountOf(EVENT))
    return SimpleNamespace(
        vault=vault,
        account=account,
        questions=questions,
        conditions=[condition_id(people.oracle.address, question) for question in questions],
    )


@pytest.fixture
def hold(venue, deployer, event):
    """Give the account outcome tokens of a condition."""

    def give(condition, yes=0, no=0):
        most = max(yes, no)
        venue.fund(deployer, deployer, most)
        venue.pusd.approve(venue.neg_risk_adapter, most, sender=deployer)
        venue.neg_risk_adapter.splitPosition(
            venue.pusd, b"\0" * 32, event.conditions[condition], [1, 2], most, sender=deployer
        )
        tokens = event.account.tokenIds()[2 * condition : 2 * condition + 2]
        for token, amount in zip(tokens, (yes, no), strict=True):
            if amount:
                venue.ctf.safeTransferFrom(
                    deployer, event.account, token, amount, b"", sender=deployer
                )

    return give


@pytest.fixture
def report_event(event, people, chain):
    def send(*quotes):
        marks = [(EVENT, *(int(Decimal(price) * WAD) for price in prices)) for prices in quotes]
        chain.pending_timestamp += 61
        return event.vault.report(marks, NO_EVIDENCE, sender=people.reporter)

    return send


def test_event_is_one_market_with_all_its_conditions(event, venue):
    assert event.vault.openMarkets() == [EVENT]
    assert event.vault.marketOf(EVENT) == (0, 3, 0, False)
    assert [bytes(c) for c in event.account.conditions()] == event.conditions
    for i, token in enumerate(event.account.tokenIds()):
        collection = venue.ctf.getCollectionId(b"\0" * 32, event.conditions[i // 2], i % 2 + 1)
        assert venue.ctf.getPositionId(venue.wrapped, collection) == token


def test_event_shares_one_cap(event, people):
    event.vault.allocate(EVENT, 500 * UNIT, sender=people.keeper)
    with ape.reverts("market cap"):
        event.vault.allocate(EVENT, 1, sender=people.keeper)


def test_value_sums_over_conditions_and_payouts_replace_marks_one_by_one(
    event, hold, report_event, venue, people
):
    hold(0, yes=100 * UNIT)
    hold(1, no=50 * UNIT)
    hold(2, yes=30 * UNIT, no=30 * UNIT)
    quotes = [
        ("0.2", "0.3", "0.7", "0.8"),
        ("0.3", "0.4", "0.6", "0.7"),
        ("0.5", "0.6", "0.4", "0.5"),
    ]
    report_event(*quotes)
    # bid .2 * 100 + .6 * 50 + 30 sets; ask .3 * 100 + .7 * 50 + 30
    assert event.vault.bookOf(EVENT) == (80 * UNIT, 95 * UNIT)
    assert event.vault.markOf(EVENT, 1)[2] == 6 * WAD // 10
    venue.ctf.reportPayouts(event.questions[1], [0, 1], sender=people.oracle)
    assert event.account.resolved() == 1
    assert event.account.tradable()
    event.vault.sync(EVENT, sender=people.stranger)
    assert event.vault.bookOf(EVENT) == (100 * UNIT, 110 * UNIT)  # 50 NO pay 50
    event.account.redeem(1, sender=people.stranger)
    report_event(quotes[0], ("0", "0", "0", "0"), quotes[2])
    assert event.vault.bookOf(EVENT) == (100 * UNIT, 110 * UNIT)
    with ape.reverts("market not resolved"):
        event.vault.closeMarket(EVENT, sender=people.stranger)


def test_exclusive_bids_sum_to_one_at_most(event, report_event, people, venue):
    third = ("0.333333", "1", "0", "1")
    report_event(third, third, ("0.333334", "1", "0", "1"))
    with ape.reverts("bids above 1"):
        report_event(third, third, ("0.333335", "1", "0", "1"))
    with ape.reverts("marks missing"):
        report_event(third, third)
    # a condition with a payout no longer counts among the exclusive ones
    venue.ctf.reportPayouts(event.questions[0], [0, 1], sender=people.oracle)
    report_event(("1", "1", "0", "0"), third, ("0.666667", "1", "0", "1"))


def test_signs_for_any_condition_until_that_one_is_resolved(
    event, safe, keeper_owners, people, venue, chain
):
    event.vault.setKeeper(safe, sender=people.owner)

    def ask(token):
        order = make_order(event.account.address, token, 50 * UNIT, 100 * UNIT)
        order_hash = bytes(venue.neg_risk_exchange.hashOrder(struct(order)))
        expiry = chain.pending_timestamp + 300
        return event.account.isValidSignature(
            order_hash,
            keeper_envelope(
                order,
                order_hash,
                event.account.address,
                safe.address,
                keeper_owners[:2],
                expiry,
                0,
                chain.chain_id,
            ),
        )

    tokens = event.account.tokenIds()
    assert all(ask(token) == bytes.fromhex("1626ba7e") for token in tokens)
    assert ask(tokens[0] + 1) == bytes.fromhex("ffffffff")
    venue.ctf.reportPayouts(event.questions[2], [1, 0], sender=people.oracle)
    answers = [ask(token) == bytes.fromhex("1626ba7e") for token in tokens]
    assert answers == [True] * 4 + [False] * 2


def test_event_ids_and_counts_are_checked(event, people, venue, deployer, chain):
    soon = chain.pending_timestamp + DAY
    for count in (0, 33):
        with ape.reverts("bad condition count"):
            event.vault.openMarket(0, b"\xdd" * 31 + b"\0", count, soon, sender=people.keeper)
    with ape.reverts("bad event id"):
        event.vault.openMarket(0, b"\xdd" * 31 + b"\1", 2, soon, sender=people.keeper)
    with ape.reverts("condition not prepared"):
        event.vault.openMarket(0, b"\xdd" * 31 + b"\0", 2, soon, sender=people.keeper)


def test_as_many_conditions_as_a_report_can_mark(event, people, venue, deployer, chain):
    """Two events of 32 outcomes and one of 29 beside the three: a report covers them all."""
    deadline = chain.pending_timestamp + DAY
    quote = (WAD // 40, WAD // 30, 9 * WAD // 10, 19 * WAD // 20)
    marks = [(EVENT, *quote)] * 3
    for name, count in ((b"\xaa", 32), (b"\xbb", 32), (b"\xcc", 29)):
        large = name * 31 + b"\0"
        for i in range(count + 1):
            question = large[:31] + bytes([i])
            venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
        if count == 29:
            with ape.reverts("too many conditions"):
                event.vault.openMarket(0, large, count + 1, deadline, sender=people.keeper)
        event.vault.openMarket(0, large, count, deadline, sender=people.keeper)
        marks += [(large, *quote)] * count
    assert event.vault.open_conditions() == len(marks) == 96
    chain.pending_timestamp += 61
    receipt = event.vault.report(marks, NO_EVIDENCE, sender=people.reporter)
    assert event.vault.markOf(b"\xcc" * 31 + b"\0", 28) == quote
    assert receipt.gas_used < 6_000_000
    account = ape.project.PolymarketAccount.at(event.vault.accountOf(b"\xaa" * 31 + b"\0"))
    assert len(account.tokenIds()) == 64


def test_a_closed_event_makes_room(event, people, venue):
    for question in event.questions:
        venue.ctf.reportPayouts(question, [0, 1], sender=people.oracle)
    event.vault.closeMarket(EVENT, sender=people.stranger)
    assert event.vault.open_conditions() == 0
    assert event.vault.openMarkets() == []


@pytest.fixture
def real_event(make_vault, people, invest, event_implementation, venue, deployer, chain):
    """An event of four questions whose oracle is the negative-risk adapter, 1,000 allocated."""
    market = chain.pending_timestamp.to_bytes(31, "big") + b"\0"
    adapter = venue.neg_risk_adapter
    adapter.prepareMarket(market, 4, sender=deployer)
    vault = make_vault(people.keeper, price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    vault.addClass(a_class(event_implementation, adapter), sender=people.owner)
    vault.openMarket(0, market, 4, chain.pending_timestamp + DAY, sender=people.keeper)
    vault.allocate(market, 1_000 * UNIT, sender=people.keeper)
    account = ape.project.PolymarketAccount.at(vault.accountOf(market))
    return SimpleNamespace(vault=vault, id=market, account=account)


def holdings(account):
    collateral, positions = account.positions()
    return collateral, [(position.yes, position.no) for position in positions]


def test_conversion_turns_no_into_yes_of_the_others_and_collateral(
    real_event, people, venue, deployer
):
    account, vault = real_event.account, real_event.vault
    for condition in (0, 1, 2):
        account.split(condition, 100 * UNIT, sender=people.keeper)
    sets = (100 * UNIT, 100 * UNIT)
    assert holdings(account) == (700 * UNIT, [sets, sets, sets, (0, 0)])
    receipt = account.convertPositions(0b101, 60 * UNIT, sender=people.keeper)
    (event,) = receipt.decode_logs(account.Converted)
    assert (event.index_set, event.amount) == (0b101, 60 * UNIT)
    # NO of 0 and 2 gone; YES of 1 and 3 and once 60 of collateral come
    left = (100 * UNIT, 40 * UNIT)
    converted = [left, (160 * UNIT, 100 * UNIT), left, (60 * UNIT, 0)]
    assert holdings(account) == (760 * UNIT, converted)
    assert not venue.ctf.isApprovedForAll(account, venue.neg_risk_adapter)
    # question 3 wins: 60 YES of 3, 100 NO of 1, 40 NO of 0 and of 2 pay
    for index in range(4):
        question = real_event.id[:31] + bytes([index])
        venue.neg_risk_adapter.reportOutcome(question, index == 3, sender=deployer)
    vault.sync(real_event.id, sender=people.stranger)
    assert vault.bookOf(real_event.id) == (1_000 * UNIT,) * 2
    for index in range(4):
        account.redeem(index, sender=people.stranger)
    assert holdings(account) == (1_000 * UNIT, [(0, 0)] * 4)
    vault.closeMarket(real_event.id, sender=people.stranger)
    assert vault.total_idle() == 10_000 * UNIT


def test_conversion_of_one_needs_no_collateral_and_brings_none(real_event, people):
    account = real_event.account
    account.split(1, 10 * UNIT, sender=people.keeper)
    account.convertPositions(0b10, 10 * UNIT, sender=people.keeper)
    yes = (10 * UNIT, 0)
    assert holdings(account) == (990 * UNIT, [yes, yes, yes, yes])


def test_conversion_is_the_keepers_and_stops_with_trading(real_event, people, chain):
    account = real_event.account
    account.split(0, 10 * UNIT, sender=people.keeper)
    for stranger in (people.guardian, people.owner, people.stranger):
        with ape.reverts("not the keeper"):
            account.convertPositions(1, UNIT, sender=stranger)
    for bad in (0, 0b1111, 0b10000):
        with ape.reverts():
            account.convertPositions(bad, UNIT, sender=people.keeper)
    account.halt(sender=people.guardian)
    with ape.reverts("not tradable"):
        account.convertPositions(1, UNIT, sender=people.keeper)
    account.resume(sender=people.owner)
    chain.pending_timestamp += DAY
    with ape.reverts("not tradable"):
        account.convertPositions(1, UNIT, sender=people.keeper)


def test_binary_markets_convert_nothing(people, open_market, invest, make_vault):
    vault = make_vault(people.keeper)
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    with ape.reverts("not negative risk"):
        market.account.convertPositions(1, UNIT, sender=people.keeper)


def test_conversion_into_foreign_questions_is_refused(
    real_event, people, venue, event_implementation, deployer, chain, invest, make_vault
):
    """An account that covers three of an event's four questions cannot convert."""
    vault = make_vault(people.keeper, price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(a_class(event_implementation, venue.neg_risk_adapter), sender=people.owner)
    vault.openMarket(0, real_event.id, 3, chain.pending_timestamp + DAY, sender=people.keeper)
    vault.allocate(real_event.id, 100 * UNIT, sender=people.keeper)
    account = ape.project.PolymarketAccount.at(vault.accountOf(real_event.id))
    account.split(0, 10 * UNIT, sender=people.keeper)
    with ape.reverts("foreign token"):
        account.convertPositions(1, UNIT, sender=people.keeper)


def test_one_question_of_an_event_is_yes(real_event, venue, deployer):
    first, second = (real_event.id[:31] + bytes([index]) for index in (0, 1))
    venue.neg_risk_adapter.reportOutcome(first, True, sender=deployer)
    with ape.reverts("MarketAlreadyDetermined"):
        venue.neg_risk_adapter.reportOutcome(second, True, sender=deployer)
    venue.neg_risk_adapter.reportOutcome(second, False, sender=deployer)
