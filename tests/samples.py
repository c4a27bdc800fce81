"""Samples of settled events with a stated edge, from the populations of the verdict's study."""

from dataclasses import replace
from functools import cache, partial
from math import exp, lgamma, log
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
from strongroom.analysis.fair_null import Event, FollowedBet, HeldToken, Joint
from strongroom.backtest.engine import SimulatedFill
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.run import DecidedTrade, OrderCourse, RunResult
from strongroom.backtest.settled_events import events_of
from strongroom.chain.units import DAY, HOUR, MICRO

A_DATE = 9  # events
LINKED = 0.3  # of the events of a date


def dated(number, count):
    """Name the date of an event: some nine to a date, four dates at least."""
    return f"date {number % max(4, count // A_DATE)}"


def uniforms(count, dice, linked=0.0):
    """Return a uniform number an event; those of one date hang together where `linked`."""
    if not linked:
        return dice.random(count)
    common = dice.standard_normal(count)  # by date; there are fewer
    dates = np.arange(count) % max(4, count // A_DATE)
    mixed = np.sqrt(linked) * common[dates] + np.sqrt(1 - linked) * dice.standard_normal(count)
    return np.array([NormalDist().cdf(each) for each in mixed])


def tail(count, dice, edge, low=0.95, high=0.99, linked=0.0):
    """One token an event, bought at low to high."""
    found = []
    for number, u in enumerate(uniforms(count, dice, linked)):
        cost = dice.uniform(low, high)
        lost = u < max(0.0, 1 - cost * (1 + edge))
        gain = 1 / cost - 1
        held = (HeldToken("m", True, 1 / cost, 1.0),)
        profit = -1.0 if lost else gain
        found.append(
            Event(f"e{number}", dated(number, count), 1.0, profit, 1.0, gain, holdings=held)
        )
    return found


def ladder(count, dice, edge, linked=0.0):
    """Nine favourites an event, of nested thresholds of one price: YES below it, NO above."""
    found = []
    for number, u in enumerate(uniforms(count, dice, linked)):
        costs = dice.uniform(0.95, 0.99, 9)
        yes = dice.random(9) < 0.5
        held = tuple(
            HeldToken(f"{place}", bool(side), 1 / cost, 1.0)
            for place, (cost, side) in enumerate(zip(costs, yes, strict=True))
        )
        losing = np.clip(1 - costs * (1 + edge), 0, 1)
        won = np.where(yes, u >= losing, u < 1 - losing)
        profit = float((won / costs).sum() - 9)
        high, low = 1 - losing[~yes], losing[yes]
        states = np.array([0.0, 1.0, *high, *low])[:, None]
        paid = (np.where(yes, states >= losing, states < 1 - losing) / costs).sum(axis=1) - 9
        found.append(
            Event(
                f"e{number}",
                dated(number, count),
                9.0,
                profit,
                float(-paid.min()),
                float(paid.max()),
                Joint.LADDER,
                held,
            )
        )
    return found


def sold(count, dice, edge, low=0.30, high=0.70, linked=0.0):
    """One token an event, sold when it was all but decided: there is no holding to settlement."""
    return [
        replace(event, holdings=())
        for event in tail(count, dice, edge, low=low, high=high, linked=linked)
    ]


def adding(count, dice, edge, more=10):
    """A token at .50, sold before it paid; in two of ten events it falls to .10, and `more` times
    as much is bought there. Else it is worth .60. At an edge each wins so much more often."""
    found = []
    for number in range(count):
        rises = dice.random() < 0.8
        won = dice.random() < (0.6 if rises else 0.1) * (1 + edge)
        stake = 1.0 if rises else 1.0 + more
        best = 1.0 if rises else 1.0 + more * (1 / 0.1 - 1)
        profit = best if won else -stake
        found.append(Event(f"e{number}", dated(number, count), stake, profit, stake, best))
    return found


def making(count, dice, edge):
    """Returns of quoting: t with four degrees, and in two of a hundred events 10 to 49 % lost."""
    found = []
    for number in range(count):
        if dice.random() < 0.02:
            profit = -dice.uniform(0.10, 0.49)
        else:
            profit = 0.012 * dice.standard_t(4) + 0.02 * 0.295 / 0.98
        profit = float(np.clip(profit + edge, -0.5, 0.5))
        found.append(Event(f"e{number}", dated(number, count), 1.0, profit, 0.5, 0.5))
    return found


@cache
def chance_of_more(won, count, price):
    """Return the chance that so many tokens of one price win, or more."""
    whole = lgamma(count + 1)
    return sum(
        exp(whole - lgamma(k + 1) - lgamma(count - k + 1) + k * log(price)
            + (count - k) * log(1 - price))
        for k in range(won, count + 1)
    )  # fmt: skip


def stopping(count, dice, edge, price, a_date=1, linked=0.0):
    """Tokens of one price, by who knows what he has won: he stops as soon as so many have won that
    chance brings it in 2.25 %; `a_date` events a date, which he sees before the next."""
    found, wins = [], 0
    common = dice.standard_normal(count)
    bound = NormalDist().inv_cdf(1 - min(price * (1 + edge), 0.999))
    for number in range(count):
        z = np.sqrt(linked) * common[number // a_date] + np.sqrt(1 - linked) * dice.normal()
        wins += z > bound
        found.append(_token(number, price, z > bound, 1.0, a_date))
        enough = len(found) >= 10 and number // a_date >= 3
        if enough and chance_of_more(int(wins), len(found), price) <= 0.0225:
            break
    return found


def doubling(count, dice, edge, price):
    """Tokens of one price, each on its date; after a loss twice as much, up to 32 fold."""
    found, lost = [], 0
    for number in range(count):
        won = dice.random() < price * (1 + edge)
        found.append(_token(number, price, won, 2.0 ** min(lost, 5), 1))
        lost = 0 if won else lost + 1
    return found


def _token(number, price, won, stake, a_date):
    gain = stake * (1 / price - 1)
    held = (HeldToken("m", True, stake / price, stake),)
    about = stake, gain if won else -stake, stake, gain
    bet = FollowedBet(stake / price, about[1], stake)
    return Event(
        f"e{number}", f"date {number // a_date}", *about, holdings=held, followed=bet
    )  # fmt: skip


def without_holdings(make, *args, **kwargs):
    """Return a sample as if its tokens had been sold when they were all but decided."""
    return [replace(event, holdings=()) for event in make(*args, **kwargs)]


# who follows his results
FOLLOWING = {
    "stops when ahead, .5": partial(stopping, price=0.5),
    "stops when ahead, .8": partial(stopping, price=0.8),
    "stops when ahead, .95": partial(stopping, price=0.95),
    "the same, sold, .5": partial(without_holdings, partial(stopping, price=0.5)),
    "the same, dates linked": partial(stopping, price=0.5, a_date=3, linked=LINKED),
    "doubles after losses, .5": partial(doubling, price=0.5),
}


def one_side_first(count, dice, edge, markets=10):
    """Bids of .48 for YES and for NO in each market of an event, which rest for a day. All YES are
    filled at once. Then all prices rise together, NO is filled, too, and a pair pays .04 more than
    it cost; or they fall to 0. Without an edge they rise in twelve of thirteen events."""
    rises = 0.48 * (1 + edge) / (0.52 - 0.48 * edge)
    outcome = RunResult(
        "n", "pessimistic", 0, 9, 0, {}, (0, 0, 0), True,
        wakes=[SimpleNamespace(time=0, nav_bid=100_000 * MICRO)],
    )  # fmt: skip
    for number in range(count):
        event, up = f"e{number}", dice.random() < rises
        names = tuple(f"{event}-{place}" for place in range(markets))
        day = int(dated(number, count).split()[1])
        outcome.shapes[event] = EventShape(Joint.UNKNOWN, names, 9, day * DAY)
        outcome.settled.append(SimpleNamespace(event=event, rewards=0))
        for name in names:
            outcome.trades += [
                quoted(event, name, yes, 480_000, 100 * MICRO, [hour] if filled else [], float(won))
                for yes, hour, filled, won in ((True, 1, True, up), (False, 10, up, not up))
            ]
    return events_of(outcome)


def quoted(event, market, yes, price, size, hours, won, rested=(0, DAY), side="BUY", decision=""):
    """Return an order, filled in parts of one size, in so many hours.

    Args:
        price: 10**-6
        size: micro-tokens
        rested: seconds; None: it only takes
    """
    tokens = size // max(1, len(hours))
    about = tokens, tokens * price // MICRO, 0, rested is not None
    parts = [SimulatedFill(None, 1_000 * hour * HOUR, *about) for hour in hours]
    return DecidedTrade(
        decision or f"{market} {yes}", "p", 0, event, market, "", yes, side, str(price / MICRO),
        size, sum(each.tokens for each in parts), sum(each.cash for each in parts), 0,
        sum(each.tokens for each in parts if each.maker), 0.0, won, "",
        OrderCourse(tuple(parts), rested and (1_000 * rested[0], 1_000 * rested[1])),
    )  # fmt: skip


POPULATIONS = {
    "tail": tail,
    "tail linked": partial(tail, linked=LINKED),
    "favourites": partial(tail, low=0.70, high=0.95),
    "even": partial(tail, low=0.30, high=0.70),
    "long shots": partial(tail, low=0.03, high=0.10),
    "ladder": ladder,
    "ladder linked": partial(ladder, linked=LINKED),
    "sold linked": partial(sold, linked=LINKED),
    "sold favourites linked": partial(sold, low=0.70, high=0.95, linked=LINKED),
    "adds to losers": adding,
    "adds less": partial(adding, more=3),
    "making": making,
    "one side first": one_side_first,
}
