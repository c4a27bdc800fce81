"""No order that the venue refuses, none worse than asked (cases K15).

The rules are written here from VENUE e1 and from the reports that it names, not from our code; the
amounts are held against both official clients.
"""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polymarket._internal.actions.orders.limit import _compute_limit_order_amounts
from polymarket._internal.actions.orders.market import _compute_market_order_amounts
from py_clob_client_v2.order_builder.builder import ROUNDING_CONFIG, OrderBuilder
from strongroom.chain.ids import decision_id
from strongroom.chain.order_amounts import fitting, step
from strongroom.chain.orders import OrderKind, Side
from strongroom.information.books import Book, Level
from strongroom.signing.order import BadOrder, build_order
from strongroom.strategy.api import make_pack
from strongroom.strategy.view import MarketState, View

from tests.agent.test_decide import NOW, STATE, market, name_of, run

MICRO, TOKEN = 10**6, 77
# VENUE e1: decimals of an order that may rest, by tick: its price, and price times size
CASH = {"0.1": 3, "0.01": 4, "0.005": 5, "0.0025": 6, "0.001": 5, "0.0001": 6}
KINDS = (OrderKind.GTC, OrderKind.POST, OrderKind.FOK, OrderKind.FAK)


def decimals(micro):
    """Return how many decimals an amount of micro-units has."""
    return -Decimal(micro).scaleb(-6).normalize().as_tuple().exponent


def refused(kind, side, making, taking, tick):
    """Say why the venue refuses an order; empty: it does not (VENUE e1)."""
    cash, tokens = (making, taking) if side == Side.BUY else (taking, making)
    price = Fraction(cash, tokens)
    if price % Fraction(tick) or not Fraction(tick) <= price <= 1 - Fraction(tick):
        return f"price {float(price)} is off the tick {tick}"
    if kind in (OrderKind.GTC, OrderKind.POST):
        if decimals(tokens) > 2:
            return f"a size of {decimals(tokens)} decimals"
        return f"cash of {decimals(cash)} decimals" if decimals(cash) > CASH[tick] else ""
    if decimals(making) > 2:
        return f"a maker amount of {decimals(making)} decimals"
    return f"a taker amount of {decimals(taking)} decimals" if decimals(taking) > 4 else ""


ticks = st.sampled_from(list(CASH))


@st.composite
def wishes(draw):
    """A kind, a side, a price on a tick, and a size that somebody would like."""
    tick = draw(ticks)
    price = Decimal(tick) * draw(st.integers(1, int(1 / Decimal(tick)) - 1))
    size = draw(st.integers(1, 10**11))
    return draw(st.sampled_from(KINDS)), draw(st.sampled_from(Side)), price, size, tick


def order_of(kind, side, price, size, tick):
    decision = decision_id({"kind": kind})
    return build_order(
        "0x" + "33" * 20, TOKEN, price, size, Decimal(tick), decision, 1, side, None, kind
    )


@given(wishes())
def test_an_order_of_a_fitting_size_is_taken_and_not_worse_than_asked(wish):
    kind, side, price, size, tick = wish
    micro = int(price * MICRO)
    fits = fitting(kind, side, micro, size)
    lot = step(kind, side, micro)
    assert 0 <= size - fits < lot
    if not fits:
        return
    made = order_of(kind, side, price, fits, tick)
    making, taking = int(made.makerAmount), int(made.takerAmount)
    assert refused(kind, side, making, taking, tick) == ""
    cash, tokens = (making, taking) if side == Side.BUY else (taking, making)
    assert tokens == fits
    assert Fraction(cash, tokens) == Fraction(price)
    with pytest.raises(BadOrder):
        order_of(kind, side, price, fits + 1, tick)


@given(wishes())
def test_both_official_clients_make_the_same_amounts_of_it(wish):
    kind, side, price, size, tick = wish
    fits = fitting(kind, side, int(price * MICRO), size)
    if not fits:
        return
    made = order_of(kind, side, price, fits, tick)
    ours = int(made.makerAmount), int(made.takerAmount)
    builder = OrderBuilder.__new__(OrderBuilder)
    if kind.rests:
        exact = Decimal(fits) / MICRO
        named = {"price": price, "size": exact, "side": side, "tick_size": Decimal(tick)}
        assert _compute_limit_order_amounts(**named) == ours
        theirs = builder.get_order_amounts
    else:
        exact = Decimal(ours[0]) / MICRO
        named = {"price": price, "amount": exact, "side": side, "tick_size": Decimal(tick)}
        assert _compute_market_order_amounts(**named) == ours
        theirs = builder.get_market_order_amounts
    _, *amounts = theirs(side, float(exact), float(price), ROUNDING_CONFIG[tick])
    # it reckons in floats, which lose the last digits of large products
    if exact < 10**4:
        assert tuple(amounts) == pytest.approx(ours, rel=0, abs=100)


def test_the_step_is_the_smallest_at_which_all_fits():
    """By hand: .97 is whole cents for whole tokens; .978 for 5 of them; .5 for a fiftieth."""
    for kind, side, price, expected in (
        (OrderKind.FAK, Side.BUY, 970_000, MICRO),
        (OrderKind.FOK, Side.BUY, 978_000, 5 * MICRO),
        (OrderKind.FAK, Side.BUY, 977_000, 10 * MICRO),
        (OrderKind.FAK, Side.BUY, 500_000, MICRO // 50),
        (OrderKind.FAK, Side.SELL, 970_000, MICRO // 100),
        (OrderKind.FAK, Side.SELL, 977_000, MICRO // 10),
        (OrderKind.FAK, Side.SELL, 977_300, MICRO),
        (OrderKind.GTC, Side.BUY, 977_300, MICRO // 100),
        (OrderKind.POOL, Side.BUY, 977_300, MICRO // 100),
    ):
        assert step(kind, side, price) == expected, (kind, side, price)
    # K15: 10.37 tokens at .96 were 9.9552
    assert fitting(OrderKind.FAK, Side.BUY, 960_000, 10_370_000) == 10_250_000  # 9.84


LADDER = st.lists(st.tuples(st.integers(1, 999), st.integers(1, 10**9)), min_size=1, max_size=5)


def a_book(levels, grid):
    """A book that offers at ticks, the cheapest first."""
    found = {price * grid // 1_000 or 1: size for price, size in levels}
    asks = tuple(Level(price * MICRO // grid, found[price]) for price in sorted(found))
    return Book(bids=(Level(MICRO // grid, MICRO),), asks=asks, seen_at=NOW)


@settings(max_examples=100)
@given(st.data())
def test_whatever_the_books_each_decided_leg_is_an_order_that_the_venue_takes(data):
    """Dutch books, ladders, tails, hedges and quotes: none worse than the book that it saw."""
    tick = data.draw(st.sampled_from(["0.01", "0.001"]))
    grid = int(1 / Decimal(tick))
    markets = [replace(market(number), tick=Decimal(tick)) for number in (1, 2)]
    books = {token: a_book(data.draw(LADDER), grid) for each in markets for token in each.token_ids}
    names = [each.condition_id for each in markets]
    relation = {"kind": "implies", "members": names, "reviewer": "test"}
    held = {name_of(each): position(each, data.draw(st.integers(0, 10**11))) for each in markets}
    seen = View(NOW, replace(STATE, markets=held), dict(zip(names, markets, strict=True)), books)
    packs = (make_pack("bundle", {"relations": [relation]}), "dutch", "tail", "hedge",
             make_pack("maker", {"markets": names}))  # fmt: skip
    for decision in run(seen, *packs).decisions:
        for leg in decision.record.legs:
            made = order_of(leg.kind, leg.side, leg.price, leg.size, tick)
            making, taking = int(made.makerAmount), int(made.takerAmount)
            assert refused(leg.kind, leg.side, making, taking, tick) == ""
            paid = Fraction(making, taking) if leg.side == Side.BUY else Fraction(taking, making)
            assert paid == Fraction(leg.price)
            if not leg.kind.rests and leg.side == Side.BUY:
                offered = [each.price for each in books[leg.token].asks]
                assert leg.price * MICRO in offered
        if decision.record.sure:
            assert decision.record.numbers["profit"] > 0


def position(each, yes):
    """A market of the vault that holds some YES."""
    return MarketState(
        "0x" + "bb" * 20, 0, 0, 0, 0, {each.condition_id: (yes, 0)}, each.question_key
    )
