"""The events of a run as its verdict needs them: stake, profit, worst and best state, holdings.

All trades of an event are told as shares of NAV when the first of them was decided. What a state
pays follows from the relation that is certified between the event's markets; a void of the whole
event, where each token pays a half, is one of the states, and so is what came.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.analysis.fair_null import Event, HeldToken, Joint
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

    def event(self, name: str) -> Event:
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
        )

    def holdings(self) -> tuple[HeldToken, ...]:
        """Return what is held to settlement, with what it cost."""
        return tuple(
            HeldToken(market, outcome == YES, tokens, self.cost[market, outcome])
            for market in self.shape.markets
            for outcome in (YES, NO)
            if (tokens := self.held.get((market, outcome), 0.0)) > 0
        )


def events_of(outcome: RunResult) -> list[Event]:
    """Return the events that were traded and have paid, in the order of their first trades."""
    settled = {each.event for each in outcome.settled}
    times = [each.time for each in outcome.wakes]
    navs = [each.nav_bid for each in outcome.wakes]
    books: dict[str, _Book] = {}
    scales: dict[str, float] = {}
    for trade in sorted(outcome.trades, key=lambda each: each.time):
        if not trade.filled or trade.event not in settled:
            continue
        if trade.event not in books:
            books[trade.event] = _Book(outcome.shapes[trade.event])
            scales[trade.event] = _nav_at(trade.time, times, navs)
        books[trade.event].take(trade, scales[trade.event])
    for market in outcome.settled:
        if market.event in books:
            books[market.event].received += market.rewards / scales[market.event]
    for each in outcome.conversions:
        if each.event in books:
            books[each.event].convert(each, scales[each.event])
    return [book.event(name) for name, book in books.items()]


def _nav_at(time: int, times: Sequence[int], navs: Sequence[int]) -> float:
    """Return NAV when something was decided: nothing is decided before there is any."""
    place = bisect_right(times, time)
    before = next((nav for nav in reversed(navs[:place]) if nav), 0)
    return float(before or next(nav for nav in navs[place:] if nav))
