"""Orders: exact integers, one decision one hash, refusals."""

from decimal import Decimal

import pytest
from eth_utils import keccak
from strongroom.chain.ids import decision_id, to_bytes, to_hex
from strongroom.signing.order import (
    BadOrder,
    ExchangeDomain,
    build_order,
    order_hash,
    order_tuple,
)

DOMAIN = ExchangeDomain("0x" + "22" * 20, "2", 137)
ACCOUNT = "0x" + "33" * 20
DECISION = decision_id({"b": 1, "a": "x"})


def buy(price="0.978", tokens=306_740_000, tick="0.001", decision=DECISION, time=1_700_000_000_000):
    return build_order(ACCOUNT, 77, Decimal(price), tokens, Decimal(tick), decision, time)


def test_amounts_are_exact():
    order = buy()
    assert (order.makerAmount, order.takerAmount) == ("299991720", "306740000")
    assert order.maker == order.signer == ACCOUNT
    assert (int(order.side), int(order.signatureType)) == (0, 3)
    assert order.metadata == DECISION


def test_decision_is_the_hash_of_canonical_json():
    assert to_hex(keccak(text='{"a":"x","b":1}')) == DECISION
    assert decision_id({"a": "x", "b": 1}) == DECISION


def test_one_decision_one_order_hash():
    assert order_hash(buy(), DOMAIN) == order_hash(buy(), DOMAIN)
    other = decision_id({"a": "y"})
    assert order_hash(buy(decision=other), DOMAIN) != order_hash(buy(), DOMAIN)
    v3 = ExchangeDomain(DOMAIN.address, "3", 137)
    assert order_hash(buy(), v3) != order_hash(buy(), DOMAIN)
    assert int(buy().salt) < 2**53


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"price": "0.9785"}, "not a multiple of the tick"),
        ({"price": "0"}, "not a multiple of the tick"),
        ({"price": "1"}, "not a multiple of the tick"),
        ({"tokens": 0}, "not a positive multiple"),
        ({"tokens": -10_000}, "not a positive multiple"),
        ({"tokens": 12_345}, "not a positive multiple"),
    ],
)
def test_orders_that_the_venue_would_refuse_are_not_built(change, message):
    with pytest.raises(BadOrder, match=message):
        buy(**change)


def test_order_tuple_has_the_structs_order():
    fields = order_tuple(buy())
    assert fields[0] == int.from_bytes(to_bytes(DECISION)[:8], "big") % 2**53
    assert fields[1:8] == (ACCOUNT, ACCOUNT, 77, 299_991_720, 306_740_000, 0, 3)
    assert fields[8:] == (1_700_000_000_000, to_bytes(DECISION), bytes(32))
