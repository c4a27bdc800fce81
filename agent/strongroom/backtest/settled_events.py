"""The events of a run as its verdict needs them: stake, profit, worst and best state, holdings.

All trades of an event are told as shares of NAV when the first of them was decided. What a state
pays follows from the relation that is certified between the event's markets; a void of the whole
event, where each token pays a half, is one of the states, and so is what came.

The worst and the best are of the whole time: all fills of an event are played in the order of their
times, with the orders that rest meanwhile. Who buys YES at noon and NO at night, or quotes in ten
markets, has had more at risk than is left in the end. Only a set that was bought by one decision,
each leg at once, is looked at when it is whole.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from statistics import median
from typing import Protocol, TypeVar

from strongroom.analysis.fair_null import Event, FollowedBet, HeldToken
from strongroom.backtest.engine import MS
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.final_states import UNIT, FinalStates
from strongroom.backtest.run import Conversion, DecidedTrade, RunResult
from strongroom.chain.orders import NO, YES
from strongroom.chain.units import MICRO


@dataclass(frozen=True)
class _Fill:
    """Tokens that came, or went, micro; money likewise."""

    trade: DecidedTrade
    tokens: int
    cash: int
    fee: int


@dataclass(frozen=True)
class _Rest:
    """An order that begins to stand in the book, or ends; below 0 tokens."""

    trade: DecidedTrade
    tokens: int


_Part = _Fill | _Rest | Conversion


@dataclass
class _Book:
    """What was done in one event so far; micro-units.

    Attributes:
        paid: by all that is held, in the end
        worst, best: the largest loss and gain that there could have been, in parts of `UNIT`
    """

    shape: EventShape
    states: FinalStates = field(init=False)
    held: dict[tuple[str, int], int] = field(default_factory=dict)
    cost: dict[tuple[str, int], int] = field(default_factory=dict)
    spent: int = 0
    received: int = 0
    worst: int = 0
    best: float = -math.inf
    paid: float = 0.0
    quoted: bool = False

    def __post_init__(self) -> None:
        self.states = FinalStates(self.shape)

    def play(self, parts: Sequence[_Part]) -> None:
        """Let something happen, all of it at once."""
        for part in parts:
            if isinstance(part, _Fill):
                self._take(part)
            elif isinstance(part, _Rest):
                self._rest(part)
            else:
                self._convert(part)
        self.look()

    def look(self) -> None:
        """Keep the worst and the best that may come of what is held and rests now."""
        away = (self.spent - self.received) * UNIT
        self.worst = max(self.worst, away - self.states.least())
        self.best = max(self.best, self.states.most() - away)

    def copied(self) -> "_Book":
        """Return it as it is now, whatever becomes of it."""
        other = replace(self, held=dict(self.held), cost=dict(self.cost))
        other.states = self.states.copied()
        return other

    @property
    def at_risk(self) -> float:
        """The larger of what could have been lost and what could have been gained."""
        return max(self.worst, self.best) / UNIT

    @property
    def profit(self) -> float:
        """What it brought in the end."""
        return self.paid - self.spent + self.received

    def _take(self, fill: _Fill) -> None:
        trade = fill.trade
        key = trade.market, YES if trade.yes else NO
        self.quoted |= trade.made > 0 or trade.side == "SELL"
        if trade.side == "BUY":
            self.cost[key] = self.cost.get(key, 0) + fill.cash + fill.fee
            self.spent += fill.cash + fill.fee
            self._hold(key, fill.tokens, trade.won)
        else:
            self.received += fill.cash - fill.fee
            self._hold(key, -fill.tokens, trade.won)

    def _rest(self, step: _Rest) -> None:
        trade = step.trade
        token = trade.market, YES if trade.yes else NO
        price = int(Decimal(trade.price) * MICRO)
        self.states.rest(*token, trade.side == "BUY", price, step.tokens)

    def _convert(self, found: Conversion) -> None:
        self.quoted = True  # what its tokens cost is not known apart any more
        self.received += (len(found.gone) - 1) * found.amount
        for outcome, sign, tokens in ((NO, -1, found.gone), (YES, 1, found.come)):
            for market, won in tokens.items():
                self._hold((market, outcome), sign * found.amount, won)

    def _hold(self, token: tuple[str, int], tokens: int, won: float) -> None:
        self.held[token] = self.held.get(token, 0) + tokens
        self.states.hold(*token, tokens)
        self.paid += tokens * won

    def event(self, name: str, nav: float, bet: FollowedBet) -> Event:
        """What came is a state, too: a market that paid a part, or was void alone, is no state of
        the relation.

        Args:
            nav: micro-units, of which all are told as shares
        """
        profit = self.profit / nav
        return Event(
            name,
            self.shape.date,
            self.spent / nav,
            profit,
            max(self.worst / UNIT / nav, -profit),
            max(self.best / UNIT / nav, profit),
            self.shape.joint,
            () if self.quoted else self._holdings(nav),
            bet,
        )

    def _holdings(self, nav: float) -> tuple[HeldToken, ...]:
        """Return what is held to settlement, with what it cost."""
        return tuple(
            HeldToken(market, outcome == YES, tokens / nav, self.cost[market, outcome] / nav)
            for market in self.shape.markets
            for outcome in (YES, NO)
            if (tokens := self.held.get((market, outcome), 0)) > 0
        )


@dataclass
class _Follower:
    """Somebody who does what is done in an event, up to his limit.

    Attributes:
        nav: when it began
        limit: of what may be lost or gained, a share of it
        begun: the time of the first decision
    """

    book: _Book
    nav: float
    limit: float
    begun: int
    stopped: bool = False

    def take(self, trade: DecidedTrade) -> None:
        """Follow a trade, if he could stand all of it: how much of it is filled nobody knows. The
        first decision he follows whatever it is: the limit was made for it."""
        if not self.stopped and trade.time > self.begun:
            whole = self.book.copied()
            cash = int(trade.size * Decimal(trade.price))
            whole.play([_Fill(trade, trade.size, cash, 0)])
            self.stopped = whole.at_risk / self.nav > self.limit
        if not self.stopped:
            self.book.play([_Fill(trade, trade.filled, trade.cash, trade.fee)])

    def bet(self) -> FollowedBet:
        """Return what it brought him."""
        book, nav = self.book, self.nav
        return FollowedBet(self.limit, book.profit / nav, book.spent / nav)


def events_of(outcome: RunResult) -> list[Event]:
    """Return the events that were traded and have paid, in the order of their first trades."""
    trades = _by_event(sorted(outcome.trades, key=lambda each: each.time))
    conversions = _by_event(outcome.conversions)
    settled = _by_event(outcome.settled)
    navs = NavPath(outcome)
    begun = {
        name: next(each.time for each in own if each.filled)
        for name, own in trades.items()
        if name in settled and any(each.filled for each in own)
    }
    found, limits = [], list[float]()
    for name in sorted(begun, key=lambda name: begun[name]):
        shape, time, own = outcome.shapes[name], begun[name], trades[name]
        nav, book = navs.at(time), _Book(shape)
        for step in _steps(own, conversions.get(name, ())):
            book.play(step)
        book.received += sum(each.rewards for each in settled[name])
        book.look()
        wanted = sum(each.size for each in own if each.time == time)
        # no token loses or gains more than it may pay
        limits.append(max(wanted / nav, median(limits or [0.0])))
        follower = _Follower(_Book(shape), nav, limits[-1], time)
        for trade in own:
            if trade.filled:
                follower.take(trade)
        found.append(book.event(name, nav, follower.bet()))
    return found


class _OfEvent(Protocol):
    @property
    def event(self) -> str: ...


_Told = TypeVar("_Told", bound=_OfEvent)


def _by_event(all_: Iterable[_Told]) -> dict[str, list[_Told]]:
    found: dict[str, list[_Told]] = {}
    for each in all_:
        found.setdefault(each.event, []).append(each)
    return found


def _steps(
    trades: Iterable[DecidedTrade], conversions: Iterable[Conversion]
) -> list[Sequence[_Part]]:
    """Return what was done in an event, in the order of time. A set comes when its last leg is
    there, and what it was bought for is converted with it."""
    timed: list[tuple[int, list[_Part]]] = [(MS * each.time, [each]) for each in conversions]
    decided: dict[str, list[DecidedTrade]] = {}
    for trade in trades:
        decided.setdefault(trade.decision, []).append(trade)
    for legs in decided.values():
        own = [step for leg in legs for step in _of_order(leg)]
        if own and all(_takes(leg) for leg in legs):
            own = [(max(time for time, _ in own), [part for _, parts in own for part in parts])]
        timed += own
    found: list[list[_Part]] = []
    for _, parts in sorted(timed, key=lambda each: each[0]):
        before = found[-1][-1] if found else None
        converts = isinstance(parts[0], Conversion)
        if converts and (
            isinstance(before, Conversion) or (isinstance(before, _Fill) and _takes(before.trade))
        ):
            found[-1] += parts
        else:
            found.append(parts)
    return list(found)


def _takes(trade: DecidedTrade) -> bool:
    """Whether an order buys at once, or not at all."""
    rests = trade.made > 0 or (trade.course is not None and trade.course.rested is not None)
    return trade.side == "BUY" and not rests


def _of_order(trade: DecidedTrade) -> list[tuple[int, list[_Part]]]:
    """Return what became of an order: time in ms, and what was then."""
    course = trade.course
    if course is None:
        at_once = _Fill(trade, trade.filled, trade.cash, trade.fee)
        return [(MS * trade.time, [at_once])] if trade.filled else []
    found: list[tuple[int, list[_Part]]] = [
        (fill.at_ms, [_Fill(trade, fill.tokens, fill.cash, fill.fee)]) for fill in course.fills
    ]
    if course.rested is None:
        return found
    begins, ends = course.rested
    for fill, (_, parts) in zip(course.fills, found, strict=True):
        parts.append(_Rest(trade, -fill.tokens))
    left = trade.size - trade.filled
    return [(begins, [_Rest(trade, trade.size)]), *found, (ends, [_Rest(trade, -left)])]


class NavPath:
    """NAV along a run, micro-units at the bid."""

    def __init__(self, outcome: RunResult) -> None:
        """Take it from the keeper's looks."""
        self._times = [each.time for each in outcome.wakes]
        self._navs = [each.nav_bid for each in outcome.wakes]

    def at(self, time: int) -> float:
        """Return NAV when something was decided: nothing is decided before there is any."""
        place = bisect_right(self._times, time)
        before = next((nav for nav in reversed(self._navs[:place]) if nav), 0)
        return float(before or next(nav for nav in self._navs[place:] if nav))
