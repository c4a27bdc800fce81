"""What events would have brought had every token been worth what it cost: the fair-price null.

No edge means that a token wins as often as it costs, fees and spread included. Inside an event one
uniform number decides all tokens, by the relation that is certified between its markets, so that
each token's chance is exact and what they do together is as bad as it can be. Between events of one
resolution date a Gaussian factor may be added.

Amounts are shares of NAV when they were decided, so that growth makes no weights.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
DRAWS = 4_000  # at least
EQUAL = 1e-12  # two sums of money that differ by less are the same


_GRID = np.linspace(-8, 8, 8_001)
_NORMAL = np.array([NormalDist().cdf(x) for x in _GRID])  # linear between: to 10**-7


class Joint(StrEnum):
    """How the markets of one event hang together."""

    LADDER = "ladder"  # thresholds of one price: YES above 5 implies YES above 4
    EXCLUSIVE = "exclusive"  # at most one resolves YES
    UNKNOWN = "unknown"  # all win together, or lose


@dataclass(frozen=True)
class HeldToken:
    """A token held to settlement.

    Attributes:
        market: of which it is the YES or the NO; a ladder's markets in the order of thresholds
        tokens: what it pays if it wins, a share of NAV
        cost: of all of it, fees included; at most `tokens` in a sane market
    """

    market: str
    yes: bool
    tokens: float
    cost: float

    @property
    def loses(self) -> float:
        """The chance that it loses if its price was right."""
        return min(max(1 - self.cost / self.tokens, 0.0), 1.0)


@dataclass(frozen=True)
class FollowedBet:
    """What was done in an event, as far as a limit allows that was known before it; shares of NAV.

    Attributes:
        profit: of that part, in [-limit, limit]
        stake: of that part
    """

    limit: float
    profit: float
    stake: float


@dataclass(frozen=True)
class Event:
    """The venue's event with all that was done in it, settled; shares of NAV at the decision.

    Attributes:
        date: on which it was decided; events of one date may hang together
        stake: money paid for tokens, fees included
        profit: at settlement, all costs paid
        worst: the largest loss over every final state, a positive number, of all that was at risk
            at any time
        best: the largest profit, likewise
        holdings: what was held to settlement; empty where something was sold or quoted
        followed: the bet that somebody could have made who knew no more; None: all of it, with the
            larger of worst and best as its limit
    """

    name: str
    date: str
    stake: float
    profit: float
    worst: float
    best: float
    joint: Joint = Joint.UNKNOWN
    holdings: tuple[HeldToken, ...] = ()
    followed: FollowedBet | None = None

    @property
    def bet(self) -> FollowedBet:
        """The bet of a reader who follows."""
        return self.followed or FollowedBet(max(self.worst, self.best), self.profit, self.stake)

    @property
    def proved(self) -> bool:
        """Whether nothing could be lost: that needs no test."""
        return self.worst <= EQUAL


@dataclass(frozen=True)
class Worlds:
    """Draws that decide events, the same for all who ask.

    Attributes:
        rows: of each event
        uniforms, voids: (events, draws), uniform on (0, 1)
    """

    rows: Mapping[str, int]
    uniforms: Array
    voids: Array

    @property
    def draws(self) -> int:
        """How many worlds."""
        return self.uniforms.shape[1]


def worlds(events: Sequence[Event], seed: int, draws: int = DRAWS, factor: float = 0.0) -> Worlds:
    """Draw worlds for events.

    Args:
        factor: correlation of events that are resolved on one date, [0, 1)
    """
    dice = np.random.default_rng(seed)
    dates = dict(sorted((event.name, event.date) for event in events))
    voids = dice.random((len(dates), draws), dtype=np.float32).astype(np.float64)
    rows = {name: row for row, name in enumerate(dates)}
    if not factor:
        return Worlds(rows, dice.random((len(dates), draws)), voids)
    every = sorted(set(dates.values()))
    common = dice.standard_normal((len(every), draws))
    own = dice.standard_normal((len(dates), draws))
    of_date = common[[every.index(date) for date in dates.values()]]
    mixed = np.sqrt(factor) * of_date + np.sqrt(1 - factor) * own
    return Worlds(rows, np.interp(mixed, _GRID, _NORMAL), voids)


def profits(events: Sequence[Event], drawn: Worlds, tilt: float = 1.0, void: float = 0.0) -> Array:
    """Return each event's profit in each world, (events, draws).

    Args:
        events: with holdings
        tilt: factor on each chance to lose; 1: prices are right
        void: chance that an event is void and each token pays a half; prices know of it
    """
    found = np.empty((len(events), drawn.draws))
    for place, event in enumerate(events):
        row, cost = drawn.rows[event.name], sum(each.cost for each in event.holdings)
        if len(event.holdings) == 1 and event.joint != Joint.EXCLUSIVE and not void:
            brought = found[place]
            brought[:] = _wins_alone(event, tilt, drawn.uniforms[row])
            brought *= event.holdings[0].tokens
            brought -= cost
            continue
        won = _wins(event, _losing(event.holdings, tilt, void), drawn.uniforms[row])
        tokens = np.array([each.tokens for each in event.holdings])
        won *= tokens[:, None]
        found[place] = (won[0] if len(won) == 1 else won.sum(axis=0)) - cost  # not @: threads wait
        if void:
            found[place][drawn.voids[row] < void] = tokens.sum() / 2 - cost
    return found


def _losing(held: Sequence[HeldToken], tilt: float, void: float) -> Array:
    """The chances to lose where the event is not void."""
    fair = 1 - (1 - np.array([each.loses for each in held]) - void / 2) / (1 - void)
    return np.clip(tilt * fair, 0.0, 1.0)


def _wins_alone(event: Event, tilt: float, u: Array) -> npt.NDArray[np.bool_]:
    """Return whether the only holding of an event that is never void wins, as `_wins` does."""
    (held,) = event.holdings
    losing = min(max(tilt * (1 - (1 - held.loses)), 0.0), 1.0)
    return u >= losing if event.joint == Joint.LADDER and held.yes else u < 1 - losing


def _wins(event: Event, losing: Array, u: Array) -> Array:
    """Return whether each holding wins in each world, (holdings, draws), 1 or 0."""
    if event.joint == Joint.EXCLUSIVE:
        return _of_one_winner(event.holdings, losing, u)
    if event.joint == Joint.LADDER:
        yes = np.array([each.yes for each in event.holdings])[:, None]
        return np.where(yes, u >= losing[:, None], u < 1 - losing[:, None]).astype(np.float64)
    return (u < 1 - losing[:, None]).astype(np.float64)


def _of_one_winner(held: Sequence[HeldToken], losing: Array, u: Array) -> Array:
    """Lay the outcomes end to end on (0, 1); NO wins outside its own."""
    own = np.where([each.yes for each in held], 1 - losing, losing)
    widths: dict[str, float] = {}
    for each, width in zip(held, own, strict=True):
        widths[each.market] = max(widths.get(each.market, 0.0), float(width))
    whole = max(sum(widths.values()), 1.0)
    starts, start = {}, 0.0
    for market, width in widths.items():
        starts[market] = start
        start += width / whole
    first = np.array([starts[each.market] for each in held])[:, None]
    inside = (u >= first) & (u < first + own[:, None] / whole)
    yes = np.array([each.yes for each in held])[:, None]
    return np.where(yes, inside, ~inside).astype(np.float64)


def winners(event: Event, u: float) -> list[bool]:
    """Return whether each holding of an event wins in a fair world.

    Args:
        u: uniform on (0, 1)
    """
    won = _wins(event, _losing(event.holdings, 1.0, 0.0), np.array([u]))
    return [bool(each) for each in won[:, 0]]


def totals(events: Sequence[Event], drawn: Worlds, tilt: float = 1.0, void: float = 0.0) -> Array:
    """Return the profit of all events in each world, (draws,)."""
    found: Array = profits(events, drawn, tilt, void).sum(axis=0)
    return found


def at_least(simulated: Array, observed: float) -> float:
    """Return p of "no edge": how often worlds bring what was seen, or more, it counted."""
    return float(1 + np.sum(simulated >= observed - EQUAL)) / (1 + len(simulated))


def at_most(simulated: Array, observed: float) -> float:
    """Return the mirror: how often worlds bring what was seen, or less."""
    return float(1 + np.sum(simulated <= observed + EQUAL)) / (1 + len(simulated))


def expected_losing(simulated: Array) -> float:
    """Return how many events lose money if prices are right; simulated profits (events, draws)."""
    return float(np.mean(simulated < -EQUAL, axis=1).sum())


def smallest(
    tries: Sequence[Sequence[Event]],
    this: Sequence[Event],
    seed: int,
    draws: int,
    factor: float,
) -> float:
    """Return p of `this` with all tries in mind: the part of worlds, the one that was seen counted,
    in which the smallest p of all tries is no larger (Westfall, Young 1993).

    Args:
        tries: `this` among them; one set of worlds serves all
    """
    every = {event.name: event for events in tries for event in events}
    drawn = worlds(list(every.values()), seed, draws, factor)
    best = np.ones(draws + 1)
    alone = 1.0
    for events in tries:
        observed = sum(event.profit for event in events)
        ranked = _ranks(np.append(totals(events, drawn), observed))
        best = np.minimum(best, ranked)
        if events is this:
            alone = float(ranked[-1])
    return float(np.mean(best <= alone + EQUAL))


def _ranks(values: Array) -> Array:
    """Return for each value the part of all values that are as large, or larger."""
    rounded = np.round(values, 11)
    order = np.sort(rounded)
    return (len(values) - np.searchsorted(order, rounded, side="left")) / len(values)


def tilted(
    events: Sequence[Event], drawn: Worlds, holds: Callable[[Array], bool], low: float, high: float
) -> float:
    """Return the tilt at which `holds` turns from true at `low` to false at `high`, above 0."""
    for _ in range(24):
        middle = math.sqrt(low * high)
        if holds(totals(events, drawn, middle)):
            low = middle
        else:
            high = middle
    return math.sqrt(low * high)


def mean_return(events: Sequence[Event], tilt: float) -> float:
    """Return the expected return on stake where each chance to lose is tilted."""
    gain = sum(
        each.tokens * (1 - min(tilt * each.loses, 1.0)) - each.cost
        for event in events
        for each in event.holdings
    )
    return gain / sum(event.stake for event in events)
