"""The events of a run as its verdict needs them: stake, profit, worst and best state, holdings.

All trades of an event are told as shares of NAV when the first of them was decided. What a state
pays follows from the relation that is certified between the event's markets; a void of the whole
event, where each token pays a half, is one of the states, and so is what came.
"""

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from decimal import Decimal
from statistics import median

from strongroom.analysis.fair_null import Event, FollowedBet, HeldToken, Joint
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.run import Conversion, DecidedTrade, RunResult
from strongroom.chain.orders import NO, YES


@dataclass
class _Book:
    """What was bought and sold in one event so far; shares of NAV."""

    shape: EventShape
    held: dict[tuple[str, int], float] = field(default_factory=dict)
    cost: dict[tuple[str, int], float] = field(default_factory=dict)
    spent: float = 0.0
    received: float = 0.0
    worst: float = 0.0
    paid: float = 0.0
    quoted: bool = False

    def take(self, trade: DecidedTrade, nav: float) -> None:
        key = trade.market, YES if trade.yes else NO
        tokens, cash, fee = trade.filled / nav, trade.cash / nav, trade.fee / nav
        self.quoted |= trade.made > 0 or trade.side == "SELL"
        if trade.side == "BUY":
            self.held[key] = self.held.get(key, 0.0) + tokens
            self.cost[key] = self.cost.get(key, 0.0) + cash + fee
            self.spent += cash + fee
            self.paid += tokens * trade.won
        else:
            self.held[key] = self.held.get(key, 0.0) - tokens
            self.received += cash - fee
            self.paid -= tokens * trade.won
        self.worst = max(self.worst, self.spent - self.received - min(self.states()))

    def convert(self, found: Conversion, nav: float) -> None:
        amount = found.amount / nav
        self.quoted = True  # what its tokens cost is not known apart any more
        self.received += (len(found.gone) - 1) * amount
        for outcome, sign, tokens in ((NO, -1, found.gone), (YES, 1, found.come)):
            for market, won in tokens.items():
                self.held[market, outcome] = self.held.get((market, outcome), 0.0) + sign * amount
                self.paid += sign * amount * won

    def states(self) -> list[float]:
        """Return what each final state pays."""
        yes = [self.held.get((market, YES), 0.0) for market in self.shape.markets]
        no = [self.held.get((market, NO), 0.0) for market in self.shape.markets]
        void = (sum(yes) + sum(no)) / 2
        if self.shape.joint == Joint.LADDER:
            rungs = range(len(yes) + 1)
            return [void, *(sum(yes[:rung]) + sum(no[rung:]) for rung in rungs)]
        if self.shape.joint == Joint.EXCLUSIVE:
            none = sum(no)
            return [void, none, *(none + y - n for y, n in zip(yes, no, strict=True))]
        pairs = list(zip(yes, no, strict=True))
        return [sum(min(pair) for pair in pairs), sum(max(pair) for pair in pairs)]

    def copied(self) -> "_Book":
        """Return it as it is now, whatever becomes of it."""
        return replace(self, held=dict(self.held), cost=dict(self.cost))

    @property
    def at_risk(self) -> float:
        """The larger of what may be lost and what may be gained."""
        away = self.spent - self.received
        return max(self.worst, max(self.states()) - away)

    def event(self, name: str, bet: FollowedBet) -> Event:
        """What came is a state, too: a market that paid a part, or was void alone, is no state of
        the relation."""
        away = self.spent - self.received
        profit = self.paid - away
        return Event(
            name,
            self.shape.date,
            self.spent,
            profit,
            max(self.worst, -profit),
            max(max(self.states()) - away, profit),
            self.shape.joint,
            () if self.quoted else self.holdings(),
            bet,
        )

    def holdings(self) -> tuple[HeldToken, ...]:
        """Return what is held to settlement, with what it cost."""
        return tuple(
            HeldToken(market, outcome == YES, tokens, self.cost[market, outcome])
            for market in self.shape.markets
            for outcome in (YES, NO)
            if (tokens := self.held.get((market, outcome), 0.0)) > 0
        )


@dataclass
class _Follower:
    """Somebody who does what is done in an event, up to his limit.

    Attributes:
        limit: of what may be lost or gained, a share of NAV
        begun: the time of the first decision
    """

    book: _Book
    limit: float
    begun: int
    stopped: bool = False

    def take(self, trade: DecidedTrade, nav: float) -> None:
        """Follow a trade, if he could stand all of it: how much of it is filled nobody knows. The
        first decision he follows whatever it is: the limit was made for it."""
        if not self.stopped and trade.time > self.begun:
            whole = self.book.copied()
            whole.take(_filled_whole(trade), nav)
            self.stopped = whole.at_risk > self.limit
        if not self.stopped:
            self.book.take(trade, nav)

    def bet(self) -> FollowedBet:
        """Return what it brought him."""
        book = self.book
        return FollowedBet(self.limit, book.paid + book.received - book.spent, book.spent)


def _filled_whole(trade: DecidedTrade) -> DecidedTrade:
    """Return a trade as if all that was wanted had been filled at its limit."""
    return replace(trade, filled=trade.size, cash=int(trade.size * Decimal(trade.price)), fee=0)


@dataclass
class _Traded:
    """What was done in one event, by the strategy and by who follows it; NAV when it began."""

    book: _Book
    follower: _Follower
    nav: float

    def take(self, trade: DecidedTrade) -> None:
        self.book.take(trade, self.nav)
        self.follower.take(trade, self.nav)


def events_of(outcome: RunResult) -> list[Event]:
    """Return the events that were traded and have paid, in the order of their first trades."""
    settled = {each.event for each in outcome.settled}
    navs = NavPath(outcome)
    found: dict[str, _Traded] = {}
    wanted: dict[tuple[str, int], int] = {}
    for trade in outcome.trades:
        moment = trade.event, trade.time
        wanted[moment] = wanted.get(moment, 0) + trade.size
    for trade in sorted(outcome.trades, key=lambda each: each.time):
        if not trade.filled or trade.event not in settled:
            continue
        if trade.event not in found:
            shape, nav = outcome.shapes[trade.event], navs.at(trade.time)
            # no token loses or gains more than it may pay
            limits = [each.follower.limit for each in found.values()]
            limit = max(wanted[trade.event, trade.time] / nav, median(limits or [0.0]))
            follower = _Follower(_Book(shape), limit, trade.time)
            found[trade.event] = _Traded(_Book(shape), follower, nav)
        found[trade.event].take(trade)
    for market in outcome.settled:
        if market.event in found:
            found[market.event].book.received += market.rewards / found[market.event].nav
    for each in outcome.conversions:
        if each.event in found:
            found[each.event].book.convert(each, found[each.event].nav)
    return [each.book.event(name, each.follower.bet()) for name, each in found.items()]


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
