"""Accounts on Protocol V2: whole lives, what they refuse, and what the ledger's owner can do.

The protocol's stand-ins give the recorded outcomes of the real code (tests/conformance), so these
tests rest on them. Amounts are worked out by hand.
"""

from contextlib import contextmanager

import pytest
from strongroom.chain.orders import NO, YES

from tests.conformance.chain import refusal
from tests.property.evm import Reverted
from tests.property.positions import PositionWorld, address_of, tokens_of_event
from tests.property.stage import K
from tests.property.world import CENT, DAY, HOUR, UNIT
from tests.signing import SELL

NO_HOOKS = bytes.fromhex("5f5ffd")  # code that reverts whatever it is asked


@pytest.fixture(scope="module")
def built():
    world = PositionWorld()
    return world, world.world.snapshot()


@pytest.fixture
def world(built):
    """The same world, at its start, for every test."""
    made, start = built
    made.world.restore(start)
    return made


@pytest.fixture
def market(world):
    """A binary market with 10,000, and a maker on the other side."""
    question = world.question()
    opened = world.open(question)
    world.trader("maker", [question])
    opened.question = question
    return opened


@contextmanager
def refused(error):
    """Expect one of the venue's four-byte errors."""
    with pytest.raises(Reverted) as found:
        yield
    assert refusal(found.value) == error


def shares_in(world, name):
    return world.world.shares(name)


# a whole life


def test_buys_as_taker_at_the_makers_better_price(world, market):
    yes = market.token(0, YES)
    order = world.own_order(market, yes, 40 * UNIT, 100 * UNIT)  # 100 at 0.40
    offer = world.order_of("maker", yes, 100 * UNIT, 38 * UNIT, SELL)  # at 0.38
    world.match(order, offer, 100 * UNIT, (40 * UNIT, 100 * UNIT), fees=(0, 1 * UNIT))
    # 38 for the tokens, 1 of fee on top; 2 of the order are left
    assert world.cash(market.account.address) == 10 * K - 39 * UNIT
    assert world.held(market.account.address, yes) == 100 * UNIT
    digest = world.exchange.hashOrder((*order[:-1], b""))
    assert world.exchange.getOrderStatus(digest) == (False, 2 * UNIT)


def test_sells_as_maker_and_mints_with_a_buyer_of_the_other_side(world, market):
    account, yes, no = market.account.address, market.token(0, YES), market.token(0, NO)
    world.keep(market.account, "split", 0, 500 * UNIT)
    resting = world.own_order(market, yes, 50 * UNIT, 30 * UNIT, SELL)  # 50 at 0.60
    hit = world.order_of("maker", yes, 30 * UNIT, 50 * UNIT)
    world.match(hit, resting, 50 * UNIT, (30 * UNIT, 50 * UNIT))
    assert world.cash(account) == 10 * K - 500 * UNIT + 30 * UNIT
    assert world.held(account, yes) == 450 * UNIT
    resting = world.own_order(market, no, 45 * UNIT, 100 * UNIT, salt="8")  # 100 NO at 0.45
    hit = world.order_of("maker", yes, 60 * UNIT, 100 * UNIT)  # 100 YES at up to 0.60
    world.match(hit, resting, 45 * UNIT, (60 * UNIT, 100 * UNIT))
    # together 1.05 for a set: the taker keeps what is too much
    assert world.cash(account) == 10 * K - 500 * UNIT + 30 * UNIT - 45 * UNIT
    assert world.held(account, no) == 600 * UNIT


def test_a_life_from_allocation_to_cash_at_home(world, market):
    account, yes = market.account.address, market.token(0, YES)
    order = world.own_order(market, yes, 4_000 * UNIT, 8_000 * UNIT)  # 8,000 at 0.50
    offer = world.order_of("maker", yes, 8_000 * UNIT, 4_000 * UNIT, SELL)
    world.match(order, offer, 8_000 * UNIT, (4_000 * UNIT, 8_000 * UNIT))
    world.world.wait(HOUR)
    marks = [(market.id, 0, 40 * CENT, 60 * CENT)]
    world.vault.report(marks, bytes(32), sender=world.who["reporter"])
    # 6,000 of cash, 8,000 YES at 0.40 and 0.60; counted at cost at most
    assert world.vault.bookOf(market.id) == (10 * K, 9_200 * UNIT, 10_800 * UNIT)
    world.resolve(market.question, 666_667)  # two thirds to YES
    assert market.account.positions()[1] == ((8_000 * UNIT, 0, 666_667, 333_333, 10**6),)
    assert not market.account.tradable()
    idle = world.vault.total_idle()
    world.vault.harvest(market.id, sender=world.who["mallory"])
    # 8,000 * 0.666667 = 5,333.336; with the 6,000 that is 1,333.336 above cost
    assert world.vault.total_idle() == idle + 1_333_336_000
    assert world.cash(account) == 10 * K
    assert world.held(account, yes) == 0
    world.vault.recall(market.id, 10 * K, sender=world.who["guardian"])
    world.vault.closeMarket(market.id, sender=world.who["mallory"])
    assert market.account.halted()
    assert world.vault.total_idle() == 1_000 * K + 1_333_336_000
    assert world.vault.totalLosses() == 0


def test_each_outcome_is_redeemed_and_rounded_down_by_itself(world, market):
    # 7 YES and 7 NO at a third and two thirds pay 2 and 4 (protocol_v2_cases.json)
    world.keep(market.account, "split", 0, 7)
    world.resolve(market.question, 333_333)
    assert market.account.redeemResolved(sender=world.who["mallory"]) == 6
    assert world.cash(market.account.address) == 10 * K - 7 + 6
    assert market.account.redeemResolved(sender=world.who["mallory"]) == 0


def test_losers_are_burned_so_that_the_market_can_be_closed_by_anyone(world, market):
    no = market.token(0, NO)
    offer = world.order_of("maker", no, 100 * UNIT, 40 * UNIT, SELL)
    order = world.own_order(market, no, 40 * UNIT, 100 * UNIT)
    world.match(order, offer, 100 * UNIT, (40 * UNIT, 100 * UNIT))
    world.resolve(market.question, 10**6)
    point = world.evm.snapshot()
    assert market.account.redeemResolved(sender=world.who["mallory"]) == 0
    assert world.held(market.account.address, no) == 0
    world.evm.revert(point)
    assert market.account.redeem(0, sender=world.who["mallory"]) == 0
    assert world.held(market.account.address, no) == 0
    world.vault.recall(market.id, 10 * K, sender=world.who["guardian"])
    world.vault.closeMarket(market.id, sender=world.who["mallory"])
    # 40 were lost; losses are kept per share and rounded up
    assert 40 * UNIT <= world.vault.totalLosses() <= 40 * UNIT + 1


# what a holder gets


def test_a_holder_leaves_in_kind_with_his_part_of_every_position(world, market):
    yes, no = market.token(0, YES), market.token(0, NO)
    world.keep(market.account, "split", 0, 3_001)
    world.router.split(market.question[:31], 5, sender=address_of("maker"))
    world.manager.unsafeTransferFrom(
        address_of("maker"), market.account.address, yes, 5, sender=address_of("maker")
    )
    world.vault.setLimit(4, 0, sender=world.who["owner"])  # no fee of leaving: easier numbers
    receiver = world.who["a contract without hooks"]
    world.evm.set_code(receiver, NO_HOOKS)
    half = shares_in(world, "alice")  # of two holders alike
    world.vault.redeemInKind(half, receiver, [], sender=world.who["alice"])
    # half of 3,006 YES and of 3,001 NO, rounded down, and half of the cash
    assert world.held(receiver, yes) == 1_503
    assert world.held(receiver, no) == 1_500
    assert world.cash(receiver) == 495 * K + (10 * K - 3_001) // 2 - (990 * K % 2)
    assert world.held(market.account.address, no) == 1_501


def test_a_holder_leaves_an_event_with_his_part_of_every_question_and_other(world):
    market = world.open(world.event(2), 3)
    for condition, amount in enumerate((10, 20, 30)):
        world.keep(market.account, "split", condition, amount * UNIT)
    world.vault.setLimit(4, 0, sender=world.who["owner"])
    alice = world.who["alice"]
    world.vault.redeemInKind(shares_in(world, "alice"), alice, [], sender=alice)
    held = [world.held(alice, token) for token in market.tokens]
    assert held == [amount * UNIT for amount in (5, 5, 10, 10, 15, 15)]


def test_what_is_minted_without_a_hook_is_seen(world, market):
    yes = market.token(0, YES)
    world.binary.mintFromBridge(market.account.address, yes, 25 * UNIT, sender=world.who["bridge"])
    assert market.account.positions() == (10 * K, ((25 * UNIT, 0, 0, 0, 0),))


def test_positions_of_other_markets_are_no_part_of_it(world, market):
    other = world.question()
    giver = world.trader("giver", [other])
    stray = int.from_bytes(other, "big")
    world.manager.unsafeTransferFrom(giver, market.account.address, stray, UNIT, sender=giver)
    assert market.account.positions() == (10 * K, ((0, 0, 0, 0, 0),))
    with refused("TransferToNonERC1155ReceiverImplementer"):
        world.manager.safeTransferFrom(
            giver, market.account.address, stray, UNIT, b"", sender=giver
        )


# the switch, and what comes after


def test_a_halt_ends_orders_that_were_approved_before(world, market):
    yes = market.token(0, YES)
    order = world.own_order(market, yes, 40 * UNIT, 100 * UNIT)
    world.exchange.preapproveOrder(order, sender=world.who["operator"])
    market.account.halt(sender=world.who["guardian"])
    bare = (*order[:-1], b"")
    world.exchange.validateOrder(bare)  # the exchange would still take it
    offer = world.order_of("maker", yes, 100 * UNIT, 40 * UNIT, SELL)
    with refused("TransferFromFailed"):
        world.match(bare, offer, 100 * UNIT, (40 * UNIT, 100 * UNIT))
    assert not world.admits(market, order)
    assert world.pusd.allowance(market.account.address, world.exchange.address) == 0
    assert not world.manager.isApprovedForAll(market.account.address, world.exchange.address)


def test_a_halt_in_time_stops_positions_too(world, market):
    yes = market.token(0, YES)
    world.keep(market.account, "split", 0, 500 * UNIT)
    order = world.own_order(market, yes, 50 * UNIT, 30 * UNIT, SELL)
    world.exchange.preapproveOrder(order, sender=world.who["operator"])
    market.account.halt(sender=world.who["guardian"])
    hit = world.order_of("maker", yes, 30 * UNIT, 50 * UNIT)
    with refused("NotOwnerNorApproved"):
        world.match(hit, (*order[:-1], b""), 50 * UNIT, (30 * UNIT, 50 * UNIT))


def test_a_successor_trades_in_another_class_while_the_halted_one_redeems(world, market):
    world.keep(market.account, "split", 0, 500 * UNIT)
    market.account.halt(sender=world.who["guardian"])
    with pytest.raises(Reverted):
        world.open(market.question)
    second = world.add_class(world.binary)
    successor = world.open(market.question, class_id=second)
    assert successor.tokens == market.tokens
    order = world.own_order(successor, market.token(0, YES), 40 * UNIT, 100 * UNIT)
    assert world.admits(successor, order)
    assert not world.admits(market, order)
    world.resolve(market.question, 10**6)
    assert market.account.redeemResolved(sender=world.who["mallory"]) == 500 * UNIT


def test_what_a_closed_account_still_has_comes_home_by_a_sweep(world, market):
    account, yes = market.account.address, market.token(0, YES)
    order = world.own_order(market, yes, 4_000 * UNIT, 8_000 * UNIT)
    offer = world.order_of("maker", yes, 8_000 * UNIT, 4_000 * UNIT, SELL)
    world.match(order, offer, 8_000 * UNIT, (4_000 * UNIT, 8_000 * UNIT))
    world.vault.closeMarket(market.id, sender=world.who["owner"])
    assert world.vault.total_idle() == 996 * K
    assert 4 * K <= world.vault.totalLosses() <= 4 * K + 1
    world.resolve(market.question, 250_000)
    world.vault.sweep(account, sender=world.who["mallory"])
    assert world.vault.total_idle() == 998 * K  # 8,000 at a quarter
    assert 2 * K <= world.vault.totalLosses() <= 2 * K + 2
    assert world.held(account, yes) == 0


# which orders it signs


def test_admits_an_order_of_its_keeper(world, market):
    assert world.admits(market, world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT))
    assert world.admits(market, world.own_order(market, market.token(0, NO), UNIT, UNIT, SELL))


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "thief"},
        {"lifetime": 301},
        {"lifetime": -1},
        {"epoch": 7},
        {"maker": "0x" + "11" * 20},
        {"signer": "0x" + "11" * 20},
        {"signatureType": 0},
        {"side": 2},
    ],
    ids=lambda wrong: " ".join(wrong),
)
def test_refuses_another_order(world, market, wrong):
    order = world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT, **wrong)
    assert not world.admits(market, order)


def test_refuses_an_order_of_somebody_else_that_it_would_only_sign(world, market):
    account, other = market.account.address, "0x" + "11" * 20
    for maker, signer in ((other, account), (account, other)):
        order = world.own_order(
            market, market.token(0, YES), UNIT, 2 * UNIT, maker=maker, signer=signer
        )
        assert not world.admits(market, order)


@pytest.mark.parametrize(
    ("making", "taking", "side"),
    [(0, UNIT, 0), (UNIT, 0, 0), (UNIT, UNIT, 0), (0, UNIT, SELL)],
    ids=["nothing given", "nothing taken", "at 1.00", "nothing sold"],
)
def test_refuses_amounts_and_prices_out_of_bounds(world, market, making, taking, side):
    order = world.own_order(market, market.token(0, YES), making, taking, side)
    assert not world.admits(market, order)


def test_refuses_tokens_that_are_not_of_this_market(world, market):
    yes = market.token(0, YES)
    other = int.from_bytes(world.question(), "big")
    for token in (other, yes + 2, yes + 256, yes - (1 << 248) + (2 << 248)):
        assert not world.admits(market, world.own_order(market, token, UNIT, 2 * UNIT))


def test_refuses_a_hash_of_another_exchange(world, market):
    order = world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT)
    digest = bytes(world.exchange.hashOrder((*order[:-1], b"")))
    assert bytes(market.account.isValidSignature(digest, order[-1])) == bytes.fromhex("1626ba7e")
    other = bytes([digest[0] ^ 1]) + digest[1:]
    assert bytes(market.account.isValidSignature(other, order[-1])) == b"\xff" * 4


def test_refuses_orders_once_the_question_is_decided_or_the_time_is_over(world, market):
    order = world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT)
    assert world.admits(market, order)
    point = world.evm.snapshot()
    world.resolve(market.question, 500_000)
    assert not world.admits(market, order)
    world.evm.revert(point)
    world.vault.pause(sender=world.who["guardian"])
    assert not world.admits(market, order)
    world.evm.revert(point)
    world.world.wait(300 * DAY - 1)
    assert market.account.tradable()
    world.world.wait(1)
    assert not market.account.tradable()
    late = world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT)
    assert not world.admits(market, late)


def test_a_bumped_epoch_ends_what_was_signed_before(world, market):
    order = world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT)
    world.keep(market.account, "bumpEpoch")
    assert not world.admits(market, order)
    assert world.admits(market, world.own_order(market, market.token(0, YES), UNIT, 2 * UNIT))


# events


def test_an_event_has_its_questions_and_other(world):
    event = world.event(3)
    market = world.open(event, 4)
    assert market.tokens == tokens_of_event(event, 4)
    assert world.vault.questionOf(market.id) == event
    assert market.account.conditions()[3] == event[:29] + b"\0\3\0"


def test_no_of_one_becomes_yes_of_all_others_and_a_row_of_yes_becomes_cash(world):
    market = world.open(world.event(3), 4)
    account = market.account
    world.keep(account, "split", 1, 100 * UNIT)
    world.keep(account, "convertPositions", 1, 60 * UNIT)
    held = [each[:2] for each in account.positions()[1]]
    row = 60 * UNIT
    assert held == [(row, 0), (100 * UNIT, 40 * UNIT), (row, 0), (row, 0)]
    world.keep(account, "mergeEvent", row)
    held = [each[:2] for each in account.positions()[1]]
    assert held == [(0, 0), (40 * UNIT, 40 * UNIT), (0, 0), (0, 0)]
    assert world.cash(account.address) == 10 * K - 40 * UNIT
    world.keep(account, "splitEvent", 5 * UNIT)
    world.keep(account, "merge", 1, 40 * UNIT)
    assert [each[0] for each in account.positions()[1]] == [5 * UNIT] * 4
    assert world.cash(account.address) == 10 * K - 5 * UNIT


def test_a_binary_market_has_no_row_and_no_conversion(world, market):
    world.keep(market.account, "split", 0, UNIT)
    for function, arguments in (
        ("convertPositions", (0, UNIT)),
        ("mergeEvent", (UNIT,)),
        ("splitEvent", (UNIT,)),
    ):
        with pytest.raises(Reverted, match="not negative risk"):
            world.keep(market.account, function, *arguments)


def test_a_market_over_a_part_of_its_event_lets_no_foreign_position_in(world):
    market = world.open(world.event(3), 2)
    world.keep(market.account, "split", 0, UNIT)
    for function, arguments in (
        ("convertPositions", (0, UNIT)),
        ("mergeEvent", (UNIT,)),
        ("splitEvent", (UNIT,)),
    ):
        with pytest.raises(Reverted, match="not the whole event"):
            world.keep(market.account, function, *arguments)


def test_results_that_follow_are_seen_and_paid(world):
    event = world.event(3)
    market = world.open(event, 4)
    account = market.account
    for condition in range(4):
        world.keep(account, "split", condition, 10 * UNIT)
    world.resolve(event, 10**6, condition=2)  # the others and Other are NO without a report
    assert account.resolved() == 4
    paid = [(each[2], each[3]) for each in account.positions()[1]]
    assert paid == [(0, 10**6), (0, 10**6), (10**6, 0), (0, 10**6)]
    assert account.redeemResolved(sender=world.who["mallory"]) == 40 * UNIT
    assert world.cash(account.address) == 10 * K


def test_other_wins_when_all_questions_are_no(world):
    event = world.event(2)
    market = world.open(event, 3)
    other = market.token(2, YES)
    world.keep(market.account, "splitEvent", 10 * UNIT)
    order = world.own_order(market, other, UNIT, 2 * UNIT)
    world.resolve(event, 0, condition=0)
    assert world.admits(market, order)
    world.resolve(event, 0, condition=1)
    assert not world.admits(market, order)
    assert market.account.redeemResolved(sender=world.who["mallory"]) == 10 * UNIT


def test_the_largest_event_is_valued_within_the_gas_of_a_report(world):
    event = world.event(31)
    market = world.open(event, 32)
    for condition in range(32):
        world.keep(market.account, "split", condition, UNIT)
    world.resolve(event, 0, condition=5)
    world.world.wait(HOUR)
    world.vault.report([], bytes(32), sender=world.who["reporter"])
    # complete sets at 1 and the decided one at its payout: all of the cost
    assert world.vault.bookOf(market.id) == (10 * K, 10 * K, 10 * K)


# ids


def words(module, arity=0, rest=0):
    """Return an id as a vault takes it, of a hash of ones."""
    number = module << 248 | (2**128 - 1) << 120 | arity << 104 | rest
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(
    ("question", "count", "reason"),
    [
        (words(3), 1, "unknown module"),
        (words(0), 1, "unknown module"),
        (words(255), 1, "unknown module"),
        (words(1, arity=1), 1, "bad question id"),
        (words(1, rest=1), 1, "bad question id"),  # an outcome
        (words(1, rest=1 << 8), 1, "bad question id"),  # an index
        (words(1, rest=1 << 24), 1, "bad question id"),  # another chain's
        (words(1, rest=1 << 40), 1, "bad question id"),  # reserved bits
        (words(1, rest=1 << 103), 1, "bad question id"),
        (words(1), 0, "bad condition count"),
        (words(1), 2, "bad condition count"),
        (words(2, arity=3, rest=1 << 8), 1, "bad question id"),  # a question, not its event
        (words(2, arity=0), 1, "bad event id"),
        (words(2, arity=1), 1, "bad event id"),
        (words(2, arity=3), 0, "bad condition count"),
        (words(2, arity=3), 5, "bad condition count"),  # beyond Other
        (words(2, arity=100), 33, "bad condition count"),
    ],
)
def test_refuses_ids_that_name_no_question(world, question, count, reason):
    if reason == "unknown module":
        class_id = world.binary_class
    else:
        class_id = world.binary_class if question[0] == 1 else world.event_class
    with pytest.raises(Reverted, match=reason):
        world.open(question, count, class_id=class_id)


def test_a_question_is_opened_in_the_class_of_its_module_alone(world):
    with pytest.raises(Reverted, match="not the question's module"):
        world.open(world.question(), class_id=world.event_class)
    with pytest.raises(Reverted, match="not the question's module"):
        world.open(world.event(3), 4, class_id=world.binary_class)


# who may call


def test_strangers_and_keepers_of_others_change_nothing(world, market):
    world.keep(market.account, "split", 0, 10 * UNIT)
    thief, account = world.who["mallory"], market.account
    calls = [
        ("split", (0, UNIT), "not the keeper"),
        ("splitEvent", (UNIT,), "not the keeper"),
        ("convertPositions", (0, UNIT), "not the keeper"),
        ("merge", (0, UNIT), "not allowed to merge"),
        ("mergeEvent", (UNIT,), "not allowed to merge"),
        ("halt", (), "not allowed to halt"),
        ("bumpEpoch", (), "not the keeper"),
        ("recall", (UNIT,), "not the vault"),
        ("initialize", (), "not the vault"),
        ("payInKind", (thief, 1, 1), "not the vault"),
        ("redeem", (0,), "not resolved"),
    ]
    for function, arguments, reason in calls:
        with pytest.raises(Reverted, match=reason):
            getattr(account, function)(*arguments, sender=thief)
    assert account.positions() == (10 * K - 10 * UNIT, ((10 * UNIT, 10 * UNIT, 0, 0, 0),))


def test_the_guardian_makes_it_safer_and_nothing_else(world, market):
    world.keep(market.account, "split", 0, 10 * UNIT)
    market.account.merge(0, 4 * UNIT, sender=world.who["guardian"])
    assert world.cash(market.account.address) == 10 * K - 6 * UNIT
    with pytest.raises(Reverted, match="not the keeper"):
        market.account.split(0, UNIT, sender=world.who["guardian"])


def test_nothing_is_left_approved_to_a_module(world, market):
    world.keep(market.account, "split", 0, 10 * UNIT)
    world.keep(market.account, "merge", 0, 10 * UNIT)
    for module in (world.binary, world.events, world.router):
        assert world.pusd.allowance(market.account.address, module.address) == 0
        assert not world.manager.isApprovedForAll(market.account.address, module.address)


# what the ledger's owner can do, and what bounds it


def test_a_removed_module_ends_results_and_leaves_the_way_out_in_kind(world, market):
    yes = market.token(0, YES)
    world.keep(market.account, "split", 0, 10 * UNIT)
    world.resolve(market.question, 10**6)
    world.manager.removeModule(1, sender=world.admin)
    assert market.account.positions()[1] == ((10 * UNIT, 10 * UNIT, 0, 0, 0),)
    assert market.account.redeemResolved(sender=world.who["mallory"]) == 0
    half = shares_in(world, "alice")
    world.vault.redeemInKind(half, world.who["alice"], [], sender=world.who["alice"])
    assert world.held(world.who["alice"], yes) > 0


def test_the_class_cap_is_all_that_an_owner_of_the_ledger_can_take(world):
    class_id = world.add_class(world.binary, class_cap=15 * K)
    first = world.open(world.question(), class_id=class_id)
    second = world.open(world.question(), cash=5 * K, class_id=class_id)
    with pytest.raises(Reverted):
        world.open(world.question(), cash=1, class_id=class_id)
    code = world.evm.code(world.exchange.address)
    world.evm.set_code(world.exchange.address, b"")  # upgraded to what takes all that it may
    for market in (first, second):
        account = market.account.address
        taken = (account, world.who["thief"], world.cash(account))
        world.pusd.transferFrom(*taken, sender=world.exchange.address)
    world.evm.set_code(world.exchange.address, code)  # going back does not bring it back
    for market in (first, second):
        world.vault.closeMarket(market.id, sender=world.who["owner"])
    assert world.cash(world.who["thief"]) == 15 * K
    assert world.vault.total_idle() == 985 * K
    with pytest.raises(Reverted):
        world.open(world.question(), cash=1, class_id=class_id)


# what thieves get: the table of docs/contracts/PositionAccount.md


def test_a_stolen_keeper_loses_the_budget_of_his_markets_and_nothing_else(world, market):
    """He buys from himself at the highest price, as often as there is money."""
    yes, account = market.token(0, YES), market.account.address
    making, taking = 9_900 * UNIT, 10_000 * UNIT  # 0.99, the most that the vault admits
    order = world.own_order(market, yes, making, taking)
    offer = world.order_of("maker", yes, taking, making, SELL)
    world.match(order, offer, taking, (making, taking))
    assert world.cash(account) == 100 * UNIT
    dearer = world.own_order(market, yes, 100 * UNIT, 101 * UNIT, salt="8")
    assert not world.admits(market, dearer)
    with pytest.raises(Reverted, match="market cap bps"):
        world.keep(world.vault, "allocate", market.id, 10**9 * K)
    assert world.vault.total_idle() == 990 * K
    assert world.vault.totalExposure() == 10 * K


def test_a_hostile_operator_gets_the_order_s_limit_and_the_capped_fee(world, market):
    """He fills what the keeper signed, once, from himself, and takes the highest fee."""
    yes, account = market.token(0, YES), market.account.address
    order = world.own_order(market, yes, 40 * UNIT, 100 * UNIT)
    offer = world.order_of("maker", yes, 100 * UNIT, 40 * UNIT, SELL)
    greedy = (order, offer, 100 * UNIT, (40 * UNIT, 100 * UNIT))
    with refused("FeeExceedsMaxRate"):
        world.match(*greedy, fees=(0, 2 * UNIT + 1))
    world.match(*greedy, fees=(0, 2 * UNIT))  # 5 % of 40
    assert world.cash(account) == 10 * K - 42 * UNIT
    assert world.held(account, yes) == 100 * UNIT
    with refused("OrderAlreadyFilled"):
        world.match(*greedy)
    dearer = world.order_of("maker", yes, 100 * UNIT, 41 * UNIT, SELL)
    fresh = world.own_order(market, yes, 40 * UNIT, 100 * UNIT, salt="8")
    with refused("NotCrossing"):
        world.match(fresh, dearer, 100 * UNIT, (40 * UNIT, 100 * UNIT))


def test_keeper_and_operator_together_get_the_budget_too(world, market):
    """The fee on top comes out of the same balance, so the sum is the same."""
    yes, account = market.token(0, YES), market.account.address

    def take(making, taking, salt):
        order = world.own_order(market, yes, making, taking, salt=salt)
        offer = world.order_of("maker", yes, taking, making, SELL)
        fee = making * 5 // 100
        world.match(order, offer, taking, (making, taking), fees=(0, fee))
        return fee

    with refused("TransferFromFailed"):  # 9,600 and 480 of fee are more than there is
        take(9_600 * UNIT, 9_700 * UNIT, "8")
    making = 9_500 * UNIT
    fee = take(making, 9_600 * UNIT, "9")  # 475
    assert world.cash(account) == 10 * K - making - fee
    assert world.vault.total_idle() == 990 * K


def test_a_halt_leaves_all_of_them_nothing(world, market):
    yes = market.token(0, YES)
    order = world.own_order(market, yes, 40 * UNIT, 100 * UNIT)
    offer = world.order_of("maker", yes, 100 * UNIT, 40 * UNIT, SELL)
    world.exchange.preapproveOrder(order, sender=world.who["operator"])
    market.account.halt(sender=world.who["guardian"])
    for each in (order, (*order[:-1], b"")):
        with pytest.raises(Reverted):
            world.match(each, offer, 100 * UNIT, (40 * UNIT, 100 * UNIT))
    world.vault.recall(market.id, 10 * K, sender=world.who["guardian"])
    assert world.vault.total_idle() == 1_000 * K
