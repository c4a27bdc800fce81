"""Rewards for resting orders: the venue's own example, minutes by hand, days that are paid."""

from random import Random

import pytest
from strongroom.analysis.rewards import (
    Resting,
    RewardTerms,
    maker_score,
    minute,
    others_at_most,
    sides,
    twice_midpoint,
)
from strongroom.backtest.config import parse
from strongroom.backtest.data import read_hashes
from strongroom.backtest.engine import Engine, Listed, Order
from strongroom.backtest.quotes import Quotes
from strongroom.backtest.reward_pools import RewardPool, pools_of
from strongroom.backtest.run import simulate
from strongroom.backtest.simulated_rewards import SimulatedRewards
from strongroom.backtest.stats import summarise
from strongroom.chain.orders import NO, YES, OrderKind
from strongroom.chain.units import DAY, HOUR, MICRO
from strongroom.data.folder import open_folder
from strongroom.data.importing import run_import
from strongroom.data.schema import Table
from strongroom.information.books import Book, Level

from tests.agent.test_playback import level, market

CENT = MICRO // 100
# a unit a minute, within three cents, from fifty tokens on
TERMS = RewardTerms(daily=1_440 * MICRO, max_spread=3 * CENT, min_size=50 * MICRO)
PAYS = {0: [RewardPool(TERMS)]}


def book(bids, asks):
    return Book(*(tuple(Level(p * CENT, s * MICRO) for p, s in side) for side in (bids, asks)))


def rests(up, cents, size):
    return Resting(up, int(cents * CENT), size * MICRO)


EVEN = book([(49, 100)], [(51, 100)])


def test_a_side_scores_as_in_the_venues_own_example():
    """docs.polymarket.com: 100 bid at .49, 200 at .48 and 100 offered of the other outcome at .51,
    midpoint .50, spread 3 cents: (2/3)**2 * 100 + (1/3)**2 * 200 + (2/3)**2 * 100."""
    offered_no = rests(True, 100 - 51, 100)
    given = [rests(True, 49, 100), rests(True, 48, 200), offered_no]
    one, two = sides(given, CENT * 100, TERMS.max_spread)
    whole = (2 * TERMS.max_spread) ** 2 * MICRO
    assert one / whole == pytest.approx(4 / 9 * 100 + 1 / 9 * 200 + 4 / 9 * 100)
    assert two == 0


@pytest.mark.parametrize(
    ("ours", "earned"),
    [
        ([(True, 49, 100), (False, 51, 100)], MICRO // 2),  # as much as all others
        ([(True, 49, 100)], MICRO // 4),  # a side alone: a third, to the others' three
        ([(True, 49, 300)], MICRO // 2),
        ([(True, 49, 100), (False, 51, 200)], MICRO // 2),  # the smaller side
        ([(True, 49, 49), (False, 51, 49)], 0),  # too small
        ([(True, 47, 100), (False, 53, 100)], 0),  # at the widest spread
        ([(True, 48, 400), (False, 52, 400)], MICRO // 2),  # a quarter of the score a token
    ],
)
def test_a_minute_is_shared_by_score(ours, earned):
    assert minute(TERMS, EVEN, [rests(*each) for each in ours]) == earned


def test_near_certainty_both_sides_are_needed():
    certain = book([(94, 100)], [(96, 100)])
    assert minute(TERMS, certain, [rests(True, 94, 100)]) == 0
    both = [rests(True, 94, 100), rests(False, 96, 100)]
    assert minute(TERMS, certain, both) == MICRO // 2
    at_the_border = book([(89, 100)], [(91, 100)])
    assert minute(TERMS, at_the_border, [rests(True, 89, 100)]) == MICRO // 4


def test_the_midpoint_is_of_prices_with_enough_behind_them():
    thin = book([(50, 10), (46, 100)], [(52, 100)])
    assert twice_midpoint(thin, [], 50 * MICRO) == 98 * CENT
    assert twice_midpoint(thin, [rests(True, 50, 40)], 50 * MICRO) == 102 * CENT, "ours with it"
    assert twice_midpoint(book([], [(52, 100)]), [], 50 * MICRO) is None
    assert minute(TERMS, book([], [(52, 100)]), [rests(False, 52, 100)]) == 0


def test_no_split_of_a_book_among_makers_scores_more_than_is_assumed():
    dice = Random(5)
    for twice_mid in (100 * CENT, 190 * CENT):
        for _ in range(2_000):
            makers = [
                (dice.choice((0, dice.randrange(100))), dice.choice((0, dice.randrange(100))))
                for _ in range(dice.randrange(1, 6))
            ]
            whole = sum(a for a, _ in makers), sum(b for _, b in makers)
            scored = sum(maker_score(each, twice_mid) for each in makers)
            assert scored <= others_at_most(whole, twice_mid)
    # and some split has it: one with 2 a side, another with the 5 that are left
    split = maker_score((2, 2), 100 * CENT) + maker_score((5, 0), 100 * CENT)
    assert others_at_most((7, 2), 100 * CENT) == split == 11


# days


def venue(*events, best_only=False):
    """One market whose books are seen at minutes."""
    times, seen = zip(*events, strict=True)
    listed = Listed((11, 12), 9 * DAY * 1_000, 9 * DAY, (1, 0), best_only=best_only)
    batch = ([minute_ * 60_000 for minute_ in times], [0] * len(times), list(seen))
    return Engine([listed], Quotes(insert_ms=0, cancel_ms=0), [batch])


def sent(engine, name, outcome, price, size=100):
    kind, over = OrderKind.GTC, 8 * DAY * 1_000
    order = Order(name, 0, outcome, True, price * CENT, size * MICRO, kind, engine.now, over)
    engine.send(order)
    return order


OWNERS = {"yes": "market", "no": "market"}


def quoting(engine):
    """Bid for both outcomes at .49, from the first minute on."""
    engine.advance(60_000)
    return sent(engine, "yes", YES, 49), sent(engine, "no", NO, 49)


def test_what_rests_earns_by_the_minute_and_is_paid_when_the_day_is_over():
    engine, rewards = venue((1, EVEN)), SimulatedRewards(PAYS)
    quoting(engine)
    rewards.watch(engine, 31 * 60_000 + 59_999, OWNERS)
    assert rewards.earned == {(0, "market"): 30 * MICRO // 2}, "minutes 2 to 31"
    assert rewards.due(DAY - 1) == {}
    assert rewards.due(DAY) == {"market": 15 * MICRO} and rewards.due(DAY) == {}


def test_the_minute_that_ends_at_midnight_is_of_the_day_before():
    engine, rewards = venue((1, EVEN)), SimulatedRewards(PAYS)
    quoting(engine)
    rewards.watch(engine, (DAY + 60) * 1_000, OWNERS)
    assert rewards.earned == {(0, "market"): 1_439 * MICRO // 2, (1, "market"): MICRO // 2}


def test_less_than_a_unit_a_day_is_not_paid():
    engine, rewards = venue((1, EVEN)), SimulatedRewards(PAYS)
    quoting(engine)
    rewards.watch(engine, 2 * 60_000, OWNERS)
    assert rewards.due(DAY) == {} and not rewards.earned


def test_an_order_that_is_over_earns_no_more():
    engine, rewards = venue((1, EVEN)), SimulatedRewards(PAYS)
    one, two = quoting(engine)
    rewards.watch(engine, 5 * 60_000, OWNERS)
    engine.cancel(one, engine.now)
    rewards.watch(engine, 6 * 60_000, OWNERS)
    engine.cancel(two, engine.now)
    rewards.watch(engine, 60 * 60_000, OWNERS)
    assert rewards.earned == {(0, "market"): 4 * MICRO // 2 + MICRO // 4}


@pytest.mark.parametrize("seen", ["a last price", "best prices"])
def test_where_the_others_are_not_known_nothing_is_earned(seen):
    engine = venue((1, 500_000)) if seen == "a last price" else venue((1, EVEN), best_only=True)
    rewards = SimulatedRewards(PAYS)
    quoting(engine)
    rewards.watch(engine, 600 * 60_000, OWNERS)
    assert not rewards.earned


@pytest.mark.parametrize(
    ("pools", "minutes"),
    [
        ([RewardPool(TERMS), RewardPool(TERMS)], 2 * 30),  # paid together
        ([RewardPool(TERMS, until_ms=11 * 60_000)], 10),  # minutes 2 to 11
        ([RewardPool(TERMS, from_ms=11 * 60_000)], 20),
        ([RewardPool(TERMS, 11 * 60_000, 21 * 60_000), RewardPool(TERMS, 30 * 60_000)], 11),
        ([], 0),
        (None, 0),  # unknown
    ],
)
def test_a_pool_pays_while_it_lasts(pools, minutes):
    engine = venue((1, EVEN))
    rewards = SimulatedRewards({} if pools is None else {0: pools})
    quoting(engine)
    rewards.watch(engine, 31 * 60_000, OWNERS)
    assert sum(rewards.earned.values()) == minutes * MICRO // 2


def told(name, **more):
    about = {"market": name, "pool": "", "seen_ms": 2, "daily": 9, "max_spread": 8, "min_size": 7}
    return {**about, **more}


def test_the_newest_description_counts_and_unknown_is_not_none(tmp_path):
    """Two imports have the same page; one of them an older one, too."""
    page = [
        told("two", pool="a"), told("two", pool="b", from_ms=3, until_ms=4),
        told("none", daily=0), told("none", seen_ms=1),
        told("no rate", daily=None), told("half", pool="a"), told("half", pool="b", min_size=None),
        told("timeless", seen_ms=None), told("another"),
    ]  # fmt: skip
    for name, rows in (("one", page), ("other", [*page, told("two", seen_ms=1, pool="c")])):

        def take(intake, rows=rows):
            for row in rows:
                intake.put(Table.REWARDS, row)

        run_import(name, [], {}, tmp_path, take)
    names = ["never told", "two", "none", "no rate", "half", "timeless"]
    terms = RewardTerms(9, 8, 7)
    assert pools_of(open_folder(tmp_path), names) == {
        1: [RewardPool(terms), RewardPool(terms, 3, 4)], 2: [], 5: [RewardPool(terms)],
    }  # fmt: skip


# a whole backtest

START = 1_770_000_000_000 // (DAY * 1_000) * DAY * 1_000
QUOTING = {
    "name": "quoting",
    "packs": {"maker": {"half_spread": 0.01, "size": 100, "markets": []}},
    "vault": {"limits": {"max_order_lifetime_s": 10_800, "max_up_bps": 9000}},
    "limits": {"category_bps": 9000},
    "execution": {"order_lifetime_s": 7_500, "resting_s": 7_200},
}
PAYING = {"market": "m", "pool": "", "daily": 144 * MICRO, "max_spread": 3 * CENT,
          "min_size": 50 * MICRO}  # fmt: skip


def recorded(folder, *pools):
    """Three days of a book that does not move, recorded each hour."""

    def take(intake):
        intake.put(Table.MARKETS, market("m", ends_ms=START + 3 * DAY * 1_000, question="Rain?"))
        intake.put(Table.OUTCOMES, {"market": "m", "yes": MICRO, "source": "test"})
        for hour in range(72):
            for side, price in (("bid", 49), ("ask", 51)):
                row = level(0, "m:yes", hour, side, price * CENT, 1_000 * MICRO, snapshot=True)
                intake.put(Table.BOOKS, row | {"at_ms": START + hour * HOUR * 1_000})
        for pool in pools:
            intake.put(Table.REWARDS, pool)

    run_import("one", [], {}, folder, take)


def test_a_maker_is_paid_by_the_day_in_kinder_fills_alone(tmp_path):
    """A quote of a hundred beside a thousand a side that never trades: what the vault has more in
    the end is what the minutes came to: an eleventh of a tenth of a unit each at the most."""
    recorded(tmp_path / "plain")
    recorded(tmp_path / "paid", PAYING)
    plain, paid = (
        parse(QUOTING | {"data": {"path": str(tmp_path / name)}}) for name in ("plain", "paid")
    )
    without, with_them = simulate(plain, "realistic"), simulate(paid, "realistic")
    assert (without.rewards_unknown, with_them.rewards_unknown) == (1, 0)
    assert summarise(without, 1, 0).rewards_unknown == 1 and read_hashes(plain) != read_hashes(paid)
    assert with_them.trades and not any(each.filled for each in with_them.trades)
    (settled,) = with_them.settled
    assert settled.rewards > 2 * MICRO and settled.got == settled.rewards
    assert settled.rewards <= 2 * 1_440 * MICRO // 10 // 11
    assert with_them.wakes[-1].nav_bid - without.wakes[-1].nav_bid == settled.rewards
    assert [each.rewards for each in simulate(paid, "pessimistic").settled] == [0]
