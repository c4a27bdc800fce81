"""The event engine: when orders meet which book, and what is left of it. Numbers by hand."""

from decimal import Decimal
from random import Random

import pytest
from strongroom.backtest.engine import Engine, Listed, Order, OutOfOrder, Print
from strongroom.backtest.quotes import Quotes
from strongroom.chain.orders import NO, YES, OrderKind
from strongroom.chain.units import MICRO
from strongroom.information.books import Book, Level
from strongroom.information.gamma import FeeSchedule

FEES = FeeSchedule(Decimal("0.04"), 1)
END, PAYS = 1_000, 1_200  # ms, timestamp
# at .500: asks .510 x 100, .515 x 100; bids .490, .485
QUOTES = Quotes(
    half_spread=10_000, depth=100 * MICRO, levels=2, impact=5_000, tick=1_000, insert_ms=5,
    print_size=60 * MICRO, cancelled_ahead=50,
)  # fmt: skip


def engine(*events, quotes=QUOTES, **how):
    """Events: (time, price) of one market; `how` it is listed."""
    fills = []
    times, prices = zip(*events, strict=True)
    batch = (list(times), [0] * len(times), list(prices))
    made = Engine([Listed((11, 12), END, PAYS, (1, 0), FEES, **how)], quotes, [batch], fills.append)
    return made, fills


def order(name="o", outcome=YES, buys=True, price=520_000, size=50, kind="FAK", at=10, expires=900):
    return Order(name, 0, outcome, buys, price, size * MICRO, OrderKind(kind), at, expires)


def shown(fills):
    return [(fill.at_ms, fill.tokens // MICRO, fill.cash, fill.fee, fill.maker) for fill in fills]


def test_an_order_is_matched_at_its_time_against_the_book_of_then():
    """Sent at 1 with latency 5 while the price is .5; at 4 it moves to .6: nothing at .52."""
    made, fills = engine((1, 500_000), (4, 600_000), (9, 500_000))
    made.advance(1)
    sent = order(at=6)
    made.send(sent)
    made.advance(5)
    assert (fills, sent.state) == ([], "DELAYED")
    made.advance(8)
    assert (fills, sent.state) == ([], "CANCELLED"), "what comes at 9 is not known at 6"


def test_a_taker_walks_the_ladder_and_pays_the_fee_of_each_level():
    made, fills = engine((1, 500_000))
    made.send(order(size=150, at=3))
    made.advance(10)
    # 100 at .510, fee .04 * .51 * .49 = .009996 each; 50 at .515, .04 * .515 * .485 = .0099910
    first, second = (3, 100, 51_000_000, 999_600, False), (3, 50, 25_750_000, 499_550, False)
    assert shown(fills) == [first, second]


def test_what_was_taken_is_gone_until_the_price_changes():
    made, fills = engine((1, 500_000), (50, 501_000))
    made.send(order("a", size=150, at=3))
    made.advance(5)
    assert made.book(0, YES).asks == (Level(515_000, 50 * MICRO),)
    assert made.book(0, NO).bids == (Level(485_000, 50 * MICRO),), "the same offer, seen from NO"
    second = order("b", size=150, at=6)
    made.send(second)
    made.advance(20)
    assert second.filled == 50 * MICRO and second.state == "MATCHED"
    made.advance(50)
    assert [each.size for each in made.book(0, YES).asks] == [100 * MICRO] * 2
    assert sum(fill.tokens for fill in fills) == 200 * MICRO


def test_buying_no_takes_the_bids_of_yes():
    made, fills = engine((1, 500_000))
    made.send(order(outcome=NO, price=515_000, size=120, at=2))
    made.send(order("s", outcome=NO, buys=False, price=480_000, size=30, at=2))
    made.advance(3)
    # bids of YES .490 and .485 are offers of NO at .510 and .515
    assert [(each.tokens // MICRO, each.cash) for each in fills[:2]] == [
        (100, 51_000_000), (20, 10_300_000)]  # fmt: skip
    assert (fills[2].cash, fills[2].order.buys) == (30 * 490_000, False)


def test_all_or_nothing_and_post_only():
    made, fills = engine((1, 500_000))
    whole, post = (
        order("w", size=201, kind="FOK", at=2),
        order("p", price=510_000, kind="POST", at=2),
    )
    made.send(whole)
    made.send(post)
    made.advance(3)
    assert (whole.state, post.state, fills) == ("CANCELLED", "REJECTED", [])
    made.send(order("w2", size=200, kind="FOK", at=4))
    made.advance(5)
    assert sum(fill.tokens for fill in fills) == 200 * MICRO


@pytest.mark.parametrize(
    ("cancelled", "filled"),
    # 100 stand at .490 before us; .480 passes us by; each print is 60
    [(0, (0, 20, 50)), (50, (10, 50, 50)), (100, (50, 50, 50))],
)
def test_a_resting_order_waits_its_turn(cancelled, filled):
    """Prints at our price eat the queue first; how much of it cancels is the assumption."""
    quotes = Quotes(**vars(QUOTES) | {"cancelled_ahead": cancelled})
    prints = (20, 490_000), (25, 500_000), (30, 490_000), (40, 480_000)
    made, fills = engine((1, 500_000), *prints, quotes=quotes)
    resting = order(price=490_000, kind="POST", at=3)
    made.send(resting)
    made.advance(10)
    assert resting.state == "LIVE" and resting.ahead == 100 * MICRO
    for time, expected in zip((20, 30, 40), filled, strict=True):
        made.advance(time)
        assert resting.filled == expected * MICRO, time
    assert resting.state == "MATCHED"
    assert all(fill.maker and fill.fee == 0 for fill in fills)
    assert sum(fill.cash for fill in fills) == 50 * 490_000


def test_a_resting_order_ends_with_its_time_or_the_markets():
    made, fills = engine((1, 500_000), (60, 480_000))
    resting, gone = order(price=490_000, kind="POST", at=3, expires=50), order("c", price=490_000,
                    kind="POST", at=3)  # fmt: skip
    made.send(resting)
    made.send(gone)
    made.advance(30)
    made.cancel(gone, made.now)
    made.advance(70)
    assert (resting.state, gone.state, fills) == ("EXPIRED", "CANCELLED", [])
    late = order("l", at=END)
    made.send(late)
    made.advance(END + 1)
    assert late.state == "CANCELLED", "nothing is matched after the end"


@pytest.mark.parametrize(
    ("kind", "state"), [("GTC", "EXPIRED"), ("POST", "EXPIRED"), ("FAK", "MATCHED")]
)
def test_an_order_that_ends_on_its_way_is_never_matched(kind, state):
    """Sent at 3, there at 300, over at 50; one that never rests has no end of its own."""
    made, fills = engine((1, 500_000), (400, 480_000))
    price = 520_000 if kind != "POST" else 490_000
    sent = order(kind=kind, price=price, at=300, expires=50)
    made.send(sent)
    made.advance(500)
    assert sent.state == state and bool(fills) == (state == "MATCHED")


def test_at_one_time_prices_come_first_then_orders_and_cancels_as_they_were_sent():
    """No latency: at 10 the price moves to .6 and a trade is recorded; orders that arrive at 10
    meet .6 and not the trade; a cancel that arrives then ends what the trade has left."""
    made, fills = engine(
        (1, 500_000), (10, 600_000), (10, Print(490_000, 30 * MICRO, up=False)), (20, 601_000),
        traded=True,
    )  # fmt: skip
    early = order("e", price=490_000, kind="POST", at=2)
    made.send(early)
    made.advance(5)
    early.ahead = 0  # nobody stands before it
    taker, post = order("t", price=520_000, at=10), order("p", price=490_000, kind="POST", at=10)
    made.send(taker)
    made.send(post)
    made.cancel(early, 10)
    made.advance(10)
    assert (taker.state, taker.filled) == ("CANCELLED", 0), "the price of .5 is gone"
    assert (early.state, early.filled) == ("CANCELLED", 30 * MICRO)
    assert (post.state, post.filled) == ("LIVE", 0), "it came after the trade"
    assert [fill.order.id for fill in fills] == ["e"]


def test_a_level_that_is_told_twice_at_one_time_is_there_once():
    """Two equal snapshots at 20, the second after an order has taken all of the first."""
    book = Book((Level(490_000, 100 * MICRO),), (Level(510_000, 100 * MICRO),))
    again = Book((Level(490_000, 100 * MICRO),), (Level(510_000, 100 * MICRO),))
    made, fills = engine((1, book), (20, again), (20, again), (30, again))
    for name, at in (("a", 5), ("b", 20), ("c", 25), ("d", 30)):
        made.send(order(name, size=100, at=at))
    made.advance(40)
    assert sum(fill.tokens for fill in fills) == 100 * MICRO


def test_recorded_books_are_taken_as_they_are():
    book = Book((Level(400_000, 7 * MICRO),), (Level(450_000, 3 * MICRO),))
    thinner = Book((Level(400_000, 7 * MICRO),), (Level(430_000, 2 * MICRO),))
    made, fills = engine((1, book), (30, thinner))
    made.send(order(price=460_000, at=2))
    resting = order("r", price=440_000, kind="GTC", at=3)
    made.send(resting)
    made.advance(10)
    assert [(fill.tokens, fill.cash) for fill in fills] == [(3 * MICRO, 1_350_000)]
    made.advance(30)
    assert resting.filled == 2 * MICRO, "an offer came down to our price"


def test_the_same_price_again_is_the_same_offer():
    """Q1: for a day 400 tokens stand up to the limit and 10,000 are wanted each hour."""
    made, fills = engine(*((hour, 500_000) for hour in range(1, 25)))
    quotes = Quotes(half_spread=10_000, depth=200 * MICRO, levels=2, impact=5_000)
    made.quotes, made._books = quotes, type(made._books)(quotes)
    for hour in range(1, 25):
        made.advance(hour)
        made.send(order(f"o{hour}", size=10_000, at=hour))
    made.advance(30)
    assert sum(fill.tokens for fill in fills) == 400 * MICRO


def a_book(bid=(400_000, 100), ask=(450_000, 100)):
    return Book(*((Level(price, size * MICRO),) for price, size in (bid, ask)))


def test_a_level_that_is_recorded_again_is_the_same_offer():
    """Q2: the same snapshot each second, 100 offered, five orders of 100."""
    books = [(second, a_book((400_000, 100 + second))) for second in range(1, 6)]
    made, fills = engine(*books, (6, a_book(ask=(450_000, 101))))
    for second in range(1, 6):
        made.advance(second)
        made.send(order(f"o{second}", price=460_000, size=100, at=second))
    made.advance(5)
    assert sum(fill.tokens for fill in fills) == 100 * MICRO
    made.send(order("again", price=460_000, size=100, at=6))
    made.advance(7)
    assert fills[-1].tokens == 100 * MICRO, "a snapshot that differs there is a new offer"


def test_an_offer_that_crosses_a_resting_order_is_there_once():
    """Q3: an offer of 10 that crosses it stands in three snapshots; a second order gets nothing."""
    crossing = [(time, a_book((380_000, time), (390_000, 10))) for time in (20, 30, 40)]
    made, fills = engine((1, a_book()), *crossing)
    for name in ("a", "b"):
        made.send(order(name, price=400_000, kind="POST", at=2))
    made.advance(50)
    assert [(fill.order.id, fill.tokens) for fill in fills] == [("a", 10 * MICRO)]


def test_a_print_is_shared_by_all_orders():
    """Q4 and Q5: one print of 60 beyond the price of three orders, and of one of a million."""
    made, fills = engine((1, 500_000), (20, 489_000), (30, 489_000))
    for name, size in (("a", 50), ("b", 1_000_000), ("c", 50)):
        made.send(order(name, price=490_000, size=size, kind="POST", at=2))
    made.advance(40)
    assert [(fill.order.id, fill.tokens // MICRO) for fill in fills] == [("a", 50), ("b", 10)]


@pytest.mark.parametrize(("traded", "filled"), [(0, 0), (50, 15), (100, 40)])
def test_size_that_goes_from_a_recorded_level_moves_the_queue(traded, filled):
    """Q6: 100 stand before us; 90 of 100 go, then 50 of 60. Whether they traded is assumed; that no
    more than 10 stand before us after the first is known."""
    quotes = Quotes(**vars(QUOTES) | {"traded_of_gone": traded})
    sizes = ((1, 100), (20, 10), (30, 60), (40, 10))
    made, fills = engine(*((at, a_book((400_000, size))) for at, size in sizes), quotes=quotes)
    made.send(order(price=400_000, size=50, kind="POST", at=2))
    made.advance(50)
    assert sum(fill.tokens for fill in fills) == filled * MICRO


@pytest.mark.parametrize("traded", [50, 100])
def test_size_that_goes_is_shared_by_all_orders_of_its_level(traded):
    """Six bids of 30 where 90 of 100 go, four that buy YES and two that sell NO: 45, or all 90, go
    to the oldest. One a tick higher has a level of its own, of which 20 of 20 go."""
    quotes = Quotes(**vars(QUOTES) | {"traded_of_gone": traded})
    ask, low = (Level(510_000, 100 * MICRO),), 490_000
    books = [
        (at, Book(tuple(Level(p, size * MICRO) for p, size in bids if size), ask))
        for at, bids in (
            (1, ((500_000, 0), (low, 0))),
            (30, ((500_000, 20), (low, 100))),
            (40, ((500_000, 0), (low, 10))),
        )
    ]
    made, fills = engine(*books, quotes=quotes)
    about = [(f"b{n}", YES, True, low) for n in range(4)]
    about += [(f"s{n}", NO, False, MICRO - low) for n in range(2)] + [("h", YES, True, 500_000)]
    for name, outcome, buys, price in about:
        made.send(order(name, outcome, buys, price, size=30, kind="POST", at=3))
    made.advance(50)
    found = [(fill.order.id, fill.tokens // MICRO) for fill in fills]
    highest = ("h", 20 * traded // 100)
    assert found == [highest, ("b0", 30), *([("b1", 15)] if traded == 50 else
                                            [("b1", 30), ("b2", 30)])]  # fmt: skip


def test_what_its_account_does_not_cover_ends_an_order():
    """Two bids of 50; the account of the first covers 20 of them. The second gets what is over of a
    print of 60, and the offers that cross; a taker gets as much; all or nothing gets nothing."""
    crossing = Book((), (Level(485_000, 100 * MICRO),))
    made, fills = engine((1, 500_000), (20, 489_000), (30, 500_000), (40, crossing))
    made.covers = lambda fill: min(fill.tokens, (50 if fill.order.id == "b" else 20) * MICRO)
    first, second = (order(name, price=490_000, kind="POST", at=2) for name in "ab")
    whole, taker = order("w", kind="FOK", at=31), order("t", kind="GTC", at=32)
    crossed, last = (order(name, price=485_000, kind="POST", at=33) for name in "cd")
    for each in (first, second, whole, taker, crossed, last):
        made.send(each)
    made.advance(50)
    assert [(fill.order.id, fill.tokens // MICRO) for fill in fills] == [
        ("a", 20), ("b", 40), ("t", 20), ("b", 10), ("c", 20), ("d", 20),
    ]  # fmt: skip
    assert [each.state for each in (first, second, whole, taker, crossed)] == [
        "CANCELLED", "MATCHED", "CANCELLED", "CANCELLED", "CANCELLED"]  # fmt: skip
    assert made.book(0, YES).asks == (Level(485_000, 50 * MICRO),)


def test_events_out_of_order_are_refused():
    made, _ = engine((5, 500_000), (4, 500_000))
    with pytest.raises(OutOfOrder):
        made.advance(10)


def test_quotes_round_against_the_trader_and_stay_inside():
    book = QUOTES.book(500_500)
    assert (book.bid, book.ask) == (490_000, 511_000)
    assert QUOTES.book(3_000).bids == () and QUOTES.book(996_000).asks == ()
    worse, better = QUOTES.under("pessimistic"), QUOTES.under("optimistic")
    assert worse.book(500_000).ask == 515_000 and better.book(500_000).ask == 500_000
    assert (worse.depth, worse.insert_ms, better.insert_ms) == (50 * MICRO, 25, 0)


def trade(price, size, up=False):
    return Print(price, size * MICRO, up)


@pytest.mark.parametrize(
    "quotes", [QUOTES, QUOTES.under("pessimistic"), QUOTES.under("optimistic")]
)
def test_a_recorded_trade_bounds_the_fills(quotes):
    """Q4, trades given: a bid of a million beyond which 100 trade gets 100; a new last price is no
    trade then, and one in the other direction fills nobody."""
    trades = (20, trade(489_000, 100)), (30, trade(480_000, 50, up=True))
    seen = sorted(((1, 600_000), (21, 489_000), (40, 480_000), *trades), key=lambda each: each[0])
    made, fills = engine(*seen, quotes=quotes, traded=True)
    made.send(order(price=490_000, size=1_000_000, kind="POST", at=2))
    made.advance(50)
    assert shown(fills) == [(20, 100, 49_000_000, 0, True)]


def test_a_recorded_trade_is_shared_the_oldest_first():
    """Q5, trades given: three bids of 100 at one price behind 30, prints of 100 and 150 there."""
    made, fills = engine((1, a_book((400_000, 30))), (20, trade(400_000, 100)),
                         (30, trade(400_000, 150)), traded=True)  # fmt: skip
    for name in "abc":
        made.send(order(name, price=400_000, size=100, kind="POST", at=2))
    made.advance(25)
    assert [(fill.order.id, fill.tokens // MICRO) for fill in fills] == [("a", 70)]
    made.advance(50)
    assert [(fill.order.id, fill.tokens // MICRO) for fill in fills[1:]] == [
        ("a", 30),
        ("b", 100),
        ("c", 20),
    ]


@pytest.mark.parametrize(("cancelled", "filled"), [(0, 20), (50, 35), (100, 50)])
def test_recorded_trades_move_the_queue_and_the_rest_that_goes_was_cancelled(cancelled, filled):
    """Q6, trades given: 100 before us, 100 more come behind. 40 trade and 40 go: 60 before us. Then
    30 go untraded: before us or behind us, that is assumed (60, 45, 30). Then 80 trade: we get what
    is over."""
    quotes = Quotes(**vars(QUOTES) | {"cancelled_ahead": cancelled})
    level = 400_000
    made, fills = engine(
        (1, a_book((level, 100))), (5, a_book((level, 200))),
        (20, trade(level, 40)), (20, a_book((level, 160))),
        (30, a_book((level, 130))), (40, trade(level, 80)), quotes=quotes, traded=True,
    )  # fmt: skip
    made.send(order(price=level, size=50, kind="POST", at=2))
    made.advance(39)
    assert fills == []
    made.advance(50)
    assert sum(fill.tokens for fill in fills) == filled * MICRO


def test_best_prices_say_nothing_of_the_levels_behind_them():
    """A bid at .40 behind 100. The best bid rises to .41: what stands at .40 is not shown, it has
    not gone. An order that comes then waits for all that nobody sees, until its level shows."""
    made, fills = engine(
        (1, a_book((400_000, 100))), (20, a_book((410_000, 50))), (30, a_book((400_000, 30))),
        (40, trade(400_000, 40)), traded=True, best_only=True,
    )  # fmt: skip
    first, late = (
        order(name, price=400_000, size=50, kind="POST", at=at)
        for name, at in (("a", 2), ("b", 25))
    )
    made.send(first)
    made.send(late)
    made.advance(29)
    assert fills == [] and first.ahead == 100 * MICRO and late.ahead > 10**15
    made.advance(50)
    assert [(fill.order.id, fill.tokens // MICRO) for fill in fills] == [("a", 10)]
    assert late.ahead == 0 and late.filled == 0


def test_an_offer_that_better_ones_hide_is_the_same_when_it_shows_again():
    """Q2, of best prices: 100 at .45 are taken, .44 shows for a moment, then .45 x 100 again; a
    size that differs is a new offer."""
    books = [a_book(ask=(price, size)) for price, size in
             ((450_000, 100), (440_000, 5), (450_000, 100), (450_000, 101))]  # fmt: skip
    made, fills = engine(*zip((1, 10, 20, 30), books, strict=True), best_only=True)
    for at in (2, 22, 32):
        made.advance(at)
        made.send(order(f"o{at}", price=450_000, size=100, at=at))
    made.advance(40)
    assert [(fill.at_ms, fill.tokens // MICRO) for fill in fills] == [(2, 100), (32, 100)]


def test_a_cancel_takes_its_time_and_the_order_may_be_filled_until_then():
    made, fills = engine((1, 500_000), (20, 480_000), (40, 470_000))
    for name, at in (("late", 30), ("in time", 20)):
        sent = order(name, price=490_000, size=100, kind="POST", at=2)
        made.send(sent)
        made.advance(10)
        made.cancel(sent, at)
    assert made.pending
    made.advance(50)
    assert [(fill.order.id, fill.tokens // MICRO) for fill in fills] == [("late", 60)]
    assert sent.state == "CANCELLED" and not made.pending


def test_a_maker_is_paid_his_part_of_the_takers_fee():
    """50 at .49: .04 * .49 * .51 * 50 = .4998; a quarter of that less a millionth: .124949."""
    quotes = Quotes(**vars(QUOTES) | {"rebate_bps": 2_500})
    made, fills = engine((1, 500_000), (20, 480_000), quotes=quotes)
    made.send(order(price=490_000, kind="POST", at=2))
    made.advance(30)
    assert shown(fills) == [(20, 50, 24_500_000, -124_949, True)]
    assert quotes.under("pessimistic").rebate_bps == 0


@pytest.mark.parametrize(("bounce", "mean"), [(0, 0), (12_000, 11_000), (20_000, 15_000)])
def test_a_maker_earns_no_more_than_its_spread_and_not_more_with_size(bounce, mean):
    """Q7: 20,000 steps of a price that is the exact chance, seen with a bounce; a maker quotes .015
    around it each time. Without a bounce nothing is filled: a step is .004. A small one fills when
    the chance moves against us, .015 less .004 a token; a large one either way, .015. A hundred
    times the size earns no more: a print carries 60 tokens."""
    quotes, half = QUOTES.under("pessimistic"), 15_000

    def played(size):
        dice, fair, found = Random(7), 500_000, []
        prices = []
        for _ in range(20_000):
            fair = min(max(fair + dice.choice((-4_000, 4_000)), 300_000), 700_000)
            prices.append((fair, fair + dice.choice((-bounce, bounce))))
        made, fills = engine(*((n, seen) for n, (_, seen) in enumerate(prices)), quotes=quotes)
        made.listed[0] = Listed((11, 12), 10**9, 10**9, (1, 0))
        for now, (chance, _) in enumerate(prices[:-1]):
            made.advance(now)
            for buys, limit in ((True, chance - half), (False, chance + half)):
                made.send(
                    order(
                        f"{now}{buys}",
                        buys=buys,
                        price=limit,
                        size=size,
                        kind="POST",
                        at=now,
                        expires=now + 1,
                    )
                )
        made.advance(len(prices))
        for fill in fills:
            worth, sign = prices[fill.at_ms][0] * fill.tokens // MICRO, 1 if fill.order.buys else -1
            found.append((sign * (worth - fill.cash), fill.tokens))
        return found

    small, large = played(60), played(6_000)
    assert sum(won for won, _ in large) == sum(won for won, _ in small)
    tokens = sum(tokens for _, tokens in small)
    assert bool(tokens) == bool(mean)
    if tokens:
        assert sum(won for won, _ in small) * MICRO / tokens == pytest.approx(mean, abs=150)
