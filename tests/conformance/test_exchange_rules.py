"""What the venue's exchange does and a guess would not (VENUE c): numbers by hand, no recording."""

from pathlib import Path
from typing import Any

import pytest
from eth_utils import keccak
from strongroom.signing.order import order_tuple

from tests.conformance.chain import OK
from tests.conformance.matches import Floor, floor_of
from tests.conformance.reading import Vectors
from tests.conformance.signing import domain_hash, signed
from tests.property.evm import Reverted
from tests.signing import BUY, EOA, SELL, make_order

RECORDED = Vectors(Path(__file__).parent / "vectors" / "exchange_v2_matches.json.gz").found
UNIT = 1_000_000
NOT_CROSSING = bytes.fromhex("7f9a6f46")  # first four bytes of keccak("NotCrossing()")


@pytest.fixture(scope="module")
def built() -> Floor:
    return floor_of(RECORDED)


@pytest.fixture
def floor(built):
    """Everybody has 2,000 pUSD and 1,000 of YES and NO, all approved."""
    point = built.chain.evm.snapshot()
    yield built
    built.chain.evm.revert(point)


def order(
    floor: Floor, who: str, token: str, making: int, taking: int, side: int
) -> tuple[Any, ...]:
    """Return a signed order of an EOA; amounts in whole tokens."""
    made = make_order(
        floor.who[who], floor.tokens[token], making * UNIT, taking * UNIT, side, signatureType=EOA
    )
    digest = domain_hash(made, floor.exchange.address, "2", RECORDED["chainId"])
    return (*order_tuple(made), signed(RECORDED["keys"][who], digest))


def match(
    floor: Floor,
    taker: tuple[Any, ...],
    *makers: tuple[Any, ...],
    fill: int = -1,
    fills: list[int] | None = None,
    fee: int = 0,
    condition: str = "c1",
) -> str:
    """Match in full unless told otherwise; return "ok" or the error's name."""
    return floor.chain.outcome(
        lambda: floor.exchange.matchOrders(
            floor.conditions[condition],
            taker,
            list(makers),
            taker[4] if fill < 0 else fill,
            [maker[4] for maker in makers] if fills is None else fills,
            fee,
            [0] * len(makers),
            sender=floor.who["op"],
        )
    )


def status(floor: Floor, struct: tuple[Any, ...]) -> tuple[bool, int]:
    filled, remaining = floor.exchange.orderStatus(floor.exchange.hashOrder(struct))
    return bool(filled), int(remaining)


def test_v33_a_better_price_leaves_the_rest_of_the_order_open(floor):
    """BUY 100 at .50 meets an ask of 100 at .40: 40 given, 100 got, 10 left and not filled."""
    bid, ask = order(floor, "A", "yes", 50, 100, BUY), order(floor, "B", "yes", 100, 40, SELL)
    assert match(floor, bid, ask) == OK
    _, taker, matched = floor.chain.events(of=[floor.exchange])
    assert (taker.name, taker.args[5:7]) == ("OrderFilled", (40 * UNIT, 100 * UNIT))
    assert (matched.name, matched.args[4:6]) == ("OrdersMatched", (40 * UNIT, 100 * UNIT))
    assert status(floor, bid) == (False, 10 * UNIT)
    assert floor.balance("A", "pUSD") == 1_960 * UNIT
    assert match(floor, bid, order(floor, "D", "yes", 20, 10, SELL)) == OK
    assert status(floor, bid) == (True, 0)


def test_v34_the_announced_fill_may_exceed_what_is_left(floor):
    """10 are left, 50 are announced, 8 are executed."""
    bid = order(floor, "A", "yes", 50, 100, BUY)
    match(floor, bid, order(floor, "B", "yes", 100, 40, SELL))
    assert match(floor, bid, order(floor, "D", "yes", 20, 8, SELL), fill=50 * UNIT) == OK
    assert status(floor, bid) == (False, 2 * UNIT)


def test_v35_a_fill_of_nothing_is_taken_and_leaves_the_order_open(floor):
    bid, ask = order(floor, "A", "yes", 50, 100, BUY), order(floor, "B", "yes", 100, 40, SELL)
    before = floor.balances(("pUSD", "yes"))
    assert match(floor, bid, ask, fill=0, fills=[0]) == OK
    assert floor.balances(("pUSD", "yes")) == before
    assert status(floor, bid) == (False, 50 * UNIT)
    assert status(floor, ask) == (False, 100 * UNIT)


def test_v36_the_condition_of_another_market_is_refused(floor):
    bid, ask = order(floor, "A", "yes", 50, 100, BUY), order(floor, "B", "yes", 100, 40, SELL)
    assert match(floor, bid, ask, condition="c2") == "MismatchedTokenIds"


def test_v37_a_takers_fee_is_judged_by_what_was_executed(floor):
    """5 % of 40 executed are 2; of 50 announced they would be 2.5."""
    bid, ask = order(floor, "A", "yes", 50, 100, BUY), order(floor, "B", "yes", 100, 40, SELL)
    assert match(floor, bid, ask, fee=2 * UNIT + 1) == "FeeExceedsMaxRate"
    assert match(floor, bid, ask, fee=2 * UNIT) == OK
    assert floor.balance("fee", "pUSD") == 2 * UNIT


def test_v38_no_of_all_questions_pays_all_sets_but_one(floor):
    """Three questions: 30 of NO each give 60 pUSD, and nothing else."""
    chain, evm, who = floor.chain, floor.chain.evm, floor.who["A"]
    usdc = floor.exchange.getCtfCollateral()
    wrapped = chain.deploy("WrappedCollateral", usdc)
    owner = evm.deployer
    tokens = (floor.ctf.address, usdc, wrapped.address, evm.nobody)
    ledger = chain.deploy("NegRiskAdapter", *tokens)
    wrapped.transfer_ownership(ledger.address, sender=owner)
    parts = (floor.ctf.address, floor.pusd.address, usdc, ledger.address)
    front = chain.deploy("NegRiskCollateralAdapter", *parts)
    floor.pusd.addWrapper(front.address, sender=floor.pusd.owner())
    market = ledger.prepareMarket(0, b"event", sender=who)
    floor.pusd.approve(front.address, 2**256 - 1, sender=who)
    floor.ctf.setApprovalForAll(front.address, True, sender=who)
    for _ in range(3):
        question = ledger.prepareQuestion(market, b"", sender=who)
        condition = ledger.getConditionId(question)
        split = (floor.pusd.address, bytes(32), condition, [1, 2], 30 * UNIT)
        front.splitPosition(*split, sender=who)
    before = floor.balance("A", "pUSD")
    front.convertPositions(market, 0b111, 30 * UNIT, sender=who)
    assert floor.balance("A", "pUSD") - before == 60 * UNIT
    assert floor.ctf.balanceOf(who, ledger.getPositionId(question, False)) == 0
    assert floor.ctf.balanceOf(who, ledger.getPositionId(question, True)) == 30 * UNIT


def test_v39_a_refusal_is_four_bytes(floor):
    bid, ask = order(floor, "A", "yes", 50, 100, BUY), order(floor, "B", "yes", 100, 51, SELL)
    orders = (bid, [ask], bid[4], [ask[4]], 0, [0])
    with pytest.raises(Reverted) as refused:
        floor.exchange.matchOrders(floor.conditions["c1"], *orders, sender=floor.who["op"])
    assert refused.value.data == NOT_CROSSING == keccak(text="NotCrossing()")[:4]
    assert str(refused.value) == "NotCrossing"


def test_roles_are_given_and_taken_as_on_the_venue(floor):
    exchange, chain = floor.exchange, floor.chain
    admin, other, stranger = floor.operator, floor.who["A"], floor.who["B"]

    def outcome(function: str, *arguments: Any, sender: str) -> str:
        return chain.outcome(lambda: getattr(exchange, function)(*arguments, sender=sender))

    assert outcome("removeAdmin", admin, sender=admin) == "LastAdmin"
    assert outcome("addAdmin", admin, sender=admin) == "AlreadyAdmin"
    assert outcome("addAdmin", other, sender=stranger) == "NotAdmin"
    assert outcome("addAdmin", other, sender=admin) == OK
    assert outcome("removeAdmin", admin, sender=other) == OK
    assert outcome("addOperator", stranger, sender=admin) == "NotAdmin"
    assert outcome("addOperator", stranger, sender=other) == OK
    assert outcome("addOperator", stranger, sender=other) == "AlreadyOperator"
    assert outcome("renounceOperatorRole", sender=stranger) == OK
    assert outcome("removeOperator", stranger, sender=other) == "NotOperator"
    assert outcome("setMaxFeeRate", 10_000, sender=other) == "MaxFeeRateExceedsCeiling"
    assert outcome("setUserPauseBlockInterval", 302_401, sender=other) == "ExceedsMaxPauseInterval"
    assert outcome("setUserPauseBlockInterval", 302_400, sender=other) == OK


def test_amounts_beyond_256_bits_are_a_panic(floor):
    huge = 2**250 // UNIT
    bid, ask = order(floor, "A", "yes", huge, huge, BUY), order(floor, "B", "yes", huge, 1, SELL)
    assert match(floor, bid, ask, fill=0, fills=[0]) == "Panic 0x11"
