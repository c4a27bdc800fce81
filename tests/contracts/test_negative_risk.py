"""A negative-risk event: one market, several exclusive conditions, one cap, one account."""

from types import SimpleNamespace

import ape
import pytest
from strongroom.devnet.contracts import (
    condition_id,
    deploy_account_implementation,
    deploy_delegated_implementation,
)

from tests.ape_devnet import ApeDeployer, refused
from tests.defaults import DAY, UNIT, WAD, a_class
from tests.signing import keeper_envelope, make_order, struct

EVENT = b"\xee" * 31 + b"\0"  # a negative-risk market id: the last byte numbers the questions


@pytest.fixture(scope="session")
def event_implementation(deployer, venue):
    return deploy_account_implementation(ApeDeployer(deployer), venue, negative_risk=True)


@pytest.fixture
def event(make_vault, people, invest, event_implementation, venue, deployer, chain):
    """A funded vault with one open event of three outcomes, and its condition ids."""
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(
        a_class(event_implementation, people.oracle, people.keeper, cap=500 * UNIT),
        sender=people.owner,
    )
    questions = [EVENT[:31] + bytes([i]) for i in range(3)]
    for question in questions:
        venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    vault.openMarket(0, EVENT, 3, chain.pending_timestamp + DAY, sender=people.keeper)
    market = bytes(vault.marketId(0, EVENT))
    account = ape.project.PolymarketAccount.at(vault.accountOf(market))
    return SimpleNamespace(
        vault=vault,
        id=market,
        account=account,
        questions=questions,
        conditions=[condition_id(people.oracle.address, question) for question in questions],
    )


@pytest.fixture
def hold_tokens(venue, deployer, event):
    """Give the account outcome tokens of a condition."""

    def give(condition, yes=0, no=0):
        most = max(yes, no)
        venue.fund(deployer, deployer, most)
        venue.pusd.approve(venue.neg_risk_collateral_adapter, most, sender=deployer)
        venue.neg_risk_collateral_adapter.splitPosition(
            venue.pusd, b"\0" * 32, event.conditions[condition], [1, 2], most, sender=deployer
        )
        tokens = event.account.tokenIds()[2 * condition : 2 * condition + 2]
        for token, amount in zip(tokens, (yes, no), strict=True):
            if amount:
                venue.ctf.safeTransferFrom(
                    deployer, event.account, token, amount, b"", sender=deployer
                )

    return give


def test_event_is_one_market_with_all_its_conditions(event, venue):
    assert event.vault.openMarkets() == [event.id]
    assert event.vault.marketOf(event.id) == (event.account, 0, 3, False)
    assert bytes(event.vault.questionOf(event.id)) == bytes(event.account.question()) == EVENT
    assert [bytes(c) for c in event.account.conditions()] == event.conditions
    for i, token in enumerate(event.account.tokenIds()):
        collection = venue.ctf.getCollectionId(b"\0" * 32, event.conditions[i // 2], i % 2 + 1)
        assert venue.ctf.getPositionId(venue.wrapped, collection) == token


def test_event_shares_one_cap(event, people):
    event.vault.allocate(event.id, 500 * UNIT, sender=people.keeper)
    with ape.reverts("market cap"):
        event.vault.allocate(event.id, 1, sender=people.keeper)


def test_value_sums_over_conditions_and_payouts_replace_marks_one_by_one(
    event, hold_tokens, report, venue, people
):
    vault = event.vault
    vault.allocate(event.id, 200 * UNIT, sender=people.keeper)
    event.account.split(0, 200 * UNIT, sender=people.keeper)
    hold_tokens(1, no=50 * UNIT)
    hold_tokens(2, yes=30 * UNIT)
    # 200 sets, 50 NO at 1 - .4 and 30 YES at .5; asked at 1 - .3 and .6
    report(vault, [("0.2", "0.3"), ("0.3", "0.4"), ("0.5", "0.6")])
    assert vault.bookOf(event.id) == (200 * UNIT, 200 * UNIT, (200 + 35 + 18) * UNIT)
    assert vault.markOf(event.id, 1) == (3 * WAD // 10, 4 * WAD // 10, 3)
    venue.ctf.reportPayouts(event.questions[1], [0, 1], sender=people.oracle)
    assert event.account.resolved() == 1
    assert event.account.tradable()
    report(vault, [("0.2", "0.3"), None, ("0.5", "0.6")])
    assert vault.bookOf(event.id) == (200 * UNIT, 200 * UNIT, (200 + 50 + 18) * UNIT)
    event.account.redeem(1, sender=people.stranger)
    report(vault, [("0.2", "0.3"), ("1", "1"), ("0.5", "0.6")])
    assert vault.bookOf(event.id) == (200 * UNIT, 200 * UNIT, (200 + 50 + 18) * UNIT)
    with ape.reverts("not to be closed"):
        vault.closeMarket(event.id, sender=people.stranger)


def test_signs_for_any_condition_until_that_one_is_resolved(
    event, safe, keeper_owners, people, venue, chain
):
    event.vault.setKeeper(0, safe, sender=people.owner)

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


def test_the_dearest_account_answers_within_its_gas(
    event, make_vault, people, invest, venue, deployer, chain, report
):
    """32 resolved conditions, an account and its wallet: what a report lets it burn is enough."""
    registry = deployer.deploy(ape.project.WalletRegistry, venue.pusd)
    kind = deploy_delegated_implementation(ApeDeployer(deployer), venue, registry, True)
    vault = make_vault()
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(a_class(kind, people.oracle, people.keeper, grade=2), sender=people.owner)
    wide = b"\xaa" * 31 + b"\0"
    questions = [wide[:31] + bytes([i]) for i in range(32)]
    for question in questions:
        venue.ctf.prepareCondition(people.oracle, question, 2, sender=deployer)
    vault.openMarket(0, wide, 32, chain.pending_timestamp + DAY, sender=people.keeper)
    market = bytes(vault.marketId(0, wide))
    account = ape.project.DelegatedAccount.at(vault.accountOf(market))
    venue.pusd.approve(account, 2**256 - 1, sender=people.trader)
    account.setWallet(people.trader, sender=people.keeper)
    vault.allocate(market, 100 * UNIT, sender=people.keeper)
    account.forward(40 * UNIT, sender=people.keeper)
    for question in questions:
        venue.ctf.reportPayouts(question, [1, 1], sender=people.oracle)
    receipt = report(vault, [None] * 32)
    assert receipt.decode_logs(vault.Unanswered) == []
    assert vault.bookOf(market) == (100 * UNIT,) * 3
    burnt = account.positions.estimate_gas_cost() - 21_000
    assert burnt < 0.9 * (60_000 + 32 * 30_000)


def test_a_closed_event_makes_room(event, people, venue):
    for question in event.questions:
        venue.ctf.reportPayouts(question, [0, 1], sender=people.oracle)
    event.vault.closeMarket(event.id, sender=people.stranger)
    assert event.vault.open_conditions() == 0
    assert event.vault.openMarkets() == []


@pytest.fixture
def real_event(make_vault, people, invest, event_implementation, venue, deployer, chain):
    """An event of four questions whose oracle is the negative-risk adapter, 1,000 allocated."""
    market = chain.pending_timestamp.to_bytes(31, "big") + b"\0"
    adapter = venue.neg_risk_adapter
    adapter.prepareRecordedMarket(market, 0, 4, sender=deployer)
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 10_000 * UNIT)
    vault.addClass(a_class(event_implementation, adapter, people.keeper), sender=people.owner)
    vault.openMarket(0, market, 4, chain.pending_timestamp + DAY, sender=people.keeper)
    id_ = bytes(vault.marketId(0, market))
    vault.allocate(id_, 1_000 * UNIT, sender=people.keeper)
    account = ape.project.PolymarketAccount.at(vault.accountOf(id_))
    return SimpleNamespace(vault=vault, id=id_, event=market, account=account)


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
    assert not venue.ctf.isApprovedForAll(account, venue.neg_risk_collateral_adapter)
    # question 3 wins: 60 YES of 3, 100 NO of 1, 40 NO of 0 and of 2 pay
    for index in range(4):
        question = real_event.event[:31] + bytes([index])
        venue.neg_risk_adapter.reportOutcome(question, index == 3, sender=deployer)
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


def test_conversion_of_all_questions_pays_all_sets_but_one(real_event, people):
    """V38: NO of all four questions, of which three at least come true."""
    account = real_event.account
    for condition in range(4):
        account.split(condition, 10 * UNIT, sender=people.keeper)
    account.convertPositions(0b1111, 10 * UNIT, sender=people.keeper)
    assert holdings(account) == (990 * UNIT, [(10 * UNIT, 0)] * 4)


def test_a_question_that_is_added_later_ends_conversions(real_event, people, venue, deployer):
    """Its YES would come, which is foreign to the account; splits and merges go on."""
    account = real_event.account
    account.split(0, 10 * UNIT, sender=people.keeper)
    account.convertPositions(1, UNIT, sender=people.keeper)
    venue.neg_risk_adapter.prepareQuestion(real_event.event, b"", sender=deployer)
    with ape.reverts("foreign token"):
        account.convertPositions(1, UNIT, sender=people.keeper)
    account.merge(0, 9 * UNIT, sender=people.keeper)


def test_a_fee_is_taken_from_what_a_conversion_gives(
    make_vault, people, invest, event_implementation, venue, deployer, chain
):
    """2 % of 33.000033, floor, of each YES and of each set of collateral."""
    market = chain.pending_timestamp.to_bytes(31, "big") + b"\0"
    adapter = venue.neg_risk_adapter
    adapter.prepareRecordedMarket(market, 200, 3, sender=deployer)
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(a_class(event_implementation, adapter, people.keeper), sender=people.owner)
    vault.openMarket(0, market, 3, chain.pending_timestamp + DAY, sender=people.keeper)
    id_ = vault.marketId(0, market)
    vault.allocate(id_, 200 * UNIT, sender=people.keeper)
    account = ape.project.PolymarketAccount.at(vault.accountOf(id_))
    for condition in (0, 1):
        account.split(condition, 100 * UNIT, sender=people.keeper)
    account.convertPositions(0b11, 33_000_033, sender=people.keeper)
    left = (100 * UNIT, 100 * UNIT - 33_000_033)
    assert holdings(account) == (32_340_033, [left, left, (32_340_033, 0)])


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


def test_nothing_is_converted_after_the_deadline(real_event, people, chain):
    chain.pending_timestamp += DAY
    with ape.reverts("not tradable"):
        real_event.account.convertPositions(1, UNIT, sender=people.keeper)


def test_binary_markets_convert_nothing(people, open_market, invest, make_vault):
    vault = make_vault()
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    with ape.reverts("not negative risk"):
        market.account.convertPositions(1, UNIT, sender=people.keeper)


def test_conversion_into_foreign_questions_is_refused(
    real_event, people, venue, event_implementation, deployer, chain, invest, make_vault
):
    """An account that covers three of an event's four questions cannot convert."""
    vault = make_vault(price_band_bps=0)
    invest(vault, people.alice, 1_000 * UNIT)
    vault.addClass(
        a_class(event_implementation, venue.neg_risk_adapter, people.keeper), sender=people.owner
    )
    vault.openMarket(0, real_event.event, 3, chain.pending_timestamp + DAY, sender=people.keeper)
    market = vault.marketId(0, real_event.event)
    vault.allocate(market, 100 * UNIT, sender=people.keeper)
    account = ape.project.PolymarketAccount.at(vault.accountOf(market))
    account.split(0, 10 * UNIT, sender=people.keeper)
    with ape.reverts("foreign token"):
        account.convertPositions(1, UNIT, sender=people.keeper)


def test_one_question_of_an_event_is_yes(real_event, venue, deployer):
    first, second = (real_event.event[:31] + bytes([index]) for index in (0, 1))
    venue.neg_risk_adapter.reportOutcome(first, True, sender=deployer)
    with refused("MarketAlreadyDetermined"):
        venue.neg_risk_adapter.reportOutcome(second, True, sender=deployer)
    venue.neg_risk_adapter.reportOutcome(second, False, sender=deployer)
