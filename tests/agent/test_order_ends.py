"""A leg that rests and then takes, at a venue that tells late and a chain that is seen late.

The venue matches, counts, lists the trade and sends it to the chain one after the other, and a
trade may fail on its way (VENUE e1). Each answer may be missing, an order may be found late, and
one that is sent again may be refused. Whatever comes of it, nothing may
reach the chain once an order counts as over, and the leg must not buy more than it was to.
"""

import random
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from strongroom.chain.calls import DecodedLog, Head
from strongroom.execution.interfaces import VenueAnswer, VenueTrade
from strongroom.execution.order_desk import Desk
from strongroom.journal.states import AnswerKind, IntentState, TradeStatus, VenueWord

from tests.agent.test_plan_exits import LEGS, MICRO, PLAN
from tests.agent.test_plan_legs import Run

LIFETIME_S, TICK_S, WORLDS = 300, 5, 60
REST = replace(LEGS[0], size=100 * MICRO, rest_at=LEGS[0].price - Decimal("0.01"), rest_s=60)
RECORD = replace(PLAN, legs=(REST,), budgets={})
SILENT = VenueAnswer(AnswerKind.SILENT)
REFUSED = VenueAnswer(AnswerKind.REFUSED, VenueWord.REJECTED)
UNFUNDED = VenueAnswer(AnswerKind.UNFUNDED, VenueWord.REJECTED)


@dataclass
class Match:
    """Tokens, and when they are matched, listed, mined, and told to have ended."""

    size: int
    at: int
    listed: int
    mined: int | None  # None: it fails
    ended: int


@dataclass
class Resting:
    """An order as the venue has it."""

    size: int
    price: Decimal
    rests: bool
    shown: int = 0  # when the venue finds it by its name
    matches: list[Match] = field(default_factory=list)
    cancelled: bool = False


class World:
    """A venue and a chain; the keeper's node shows blocks `lag` seconds late."""

    def __init__(self, seed, start):
        self.dice, self.time, self.orders = random.Random(seed), start, {}
        self.lag, self.deaf = self.dice.choice((0, 4, 15)), self.dice.choice((0, 0.2, 0.5))

    # the chain

    def now(self, depth=0):
        return self.time - self.lag

    def head(self):
        return Head(self.now(), self.now())

    def matches(self, name):
        return self.orders[name].matches if name in self.orders else []

    def seen(self, name):
        return [
            each for each in self.matches(name)
            if each.mined is not None and each.mined <= self.now()
        ]  # fmt: skip

    def logs(self, *_, matching):
        name = matching["orderHash"]
        return [
            DecodedLog(f"0x{each.mined}{place}", place, each.mined,
                       {"makerAmountFilled": int(each.size * self.orders[name].price),
                        "takerAmountFilled": each.size, "fee": 0})
            for place, each in enumerate(self.seen(name))
        ]  # fmt: skip

    def at_head(self, asked):
        found = []
        for each in asked:
            order = self.orders.get(each.arguments[0])
            if order is None:
                found.append((False, 0))
                continue
            left = order.size - sum(match.size for match in self.seen(each.arguments[0]))
            found.append((left == 0, int(left * order.price) if left < order.size else 0))
        return self.head(), found

    # the venue

    trouble = ""

    def place(self, order, signature, kind, expiry):
        if self.dice.random() < self.deaf:
            return SILENT  # it never came
        cash, tokens = int(order.makerAmount), int(order.takerAmount)
        price, name = Decimal(cash) / tokens, signature.decode()
        if name in self.orders:  # it may not know it again, and count what it keeps for it
            return self.dice.choice((VenueAnswer(AnswerKind.ACCEPTED), REFUSED, UNFUNDED))
        if self.dice.random() < 0.1:
            return REFUSED
        shown = self.time + self.dice.choice((0, 0, 20, 400))
        taken = self.orders[name] = Resting(tokens, price, kind.rests, shown)
        left, at = tokens, self.time
        while left and self.dice.random() < 0.7:
            at += self.dice.randrange(40) if kind.rests else 0
            size = self.dice.choice((left, MICRO * self.dice.randrange(1, left // MICRO + 1)))
            left -= size
            listed, mined = at + self.dice.randrange(12), at + self.dice.randrange(30)
            fails = self.dice.random() < 0.2 or mined > expiry
            ended = max(listed, mined) + self.dice.randrange(10)
            taken.matches.append(Match(size, at, listed, None if fails else mined, ended))
        if self.dice.random() < self.deaf:
            return SILENT  # only the answer is lost
        return VenueAnswer(AnswerKind.ACCEPTED, self.word(taken))

    def matched(self, order):
        return sum(each.size for each in order.matches if each.at <= self.time)

    def word(self, order):
        if self.matched(order) == order.size or (not order.rests and order.matches):
            return VenueWord.MATCHED
        if order.cancelled or not order.rests:
            return VenueWord.CANCELLED
        return VenueWord.LIVE

    def look(self, name):
        if self.dice.random() < self.deaf:
            return SILENT
        order = self.orders.get(name)
        if order is None or self.time < order.shown:
            return VenueAnswer(AnswerKind.REFUSED)
        matched = self.matched(order) if self.dice.random() > self.deaf else None
        return VenueAnswer(AnswerKind.ACCEPTED, self.word(order), matched=matched)

    def cancel(self, name):
        order = self.orders.get(name)
        if self.dice.random() < self.deaf:
            return SILENT
        if order is None or self.word(order) is not VenueWord.LIVE:
            return VenueAnswer(AnswerKind.REFUSED)
        order.cancelled = True
        order.matches = [each for each in order.matches if each.at <= self.time]
        return VenueAnswer(AnswerKind.ACCEPTED, VenueWord.CANCELLED)

    def trades(self, name, condition):
        if self.dice.random() < self.deaf:
            return None
        found = {}
        for place, each in enumerate(self.matches(name)):
            ends = TradeStatus.FAILED if each.mined is None else TradeStatus.CONFIRMED
            if each.listed <= self.time:
                status = ends if each.ended <= self.time else TradeStatus.MATCHED
                found[f"{name} {place}"] = VenueTrade(status, each.size)
        return found

    def refresh_funds(self, token=None):
        """Nothing is cached."""


class Signed(Desk):
    """A desk whose signatures are names."""

    def _sign(self, intent):
        expiry = self._chain.now() + LIFETIME_S
        self._journal.sign(intent.key, intent.key, intent.key.encode(), expiry, 1)


def play(seed):
    """Carry the decision out in one world; return the world, the journal, and what was told."""
    world, told = World(seed, RECORD.time + 1), []

    def desk(journal):
        return Signed(
            journal, world, world, None, (), LIFETIME_S, on_event=lambda *event: told.append(event)
        )

    run = Run(RECORD, desk=desk)
    last = 0
    for second in range(1, 8 * LIFETIME_S, TICK_S):
        world.time = RECORD.time + second
        run.desk.recover()
        run.go(second)
        last = last or (second if run.ends else 0)
        if last and second > last + 60:  # whatever is still on its way has come by then
            break
    return world, run, told


@pytest.mark.parametrize("seed", range(WORLDS))
def test_nothing_comes_after_the_end_and_no_more_is_bought_than_was_decided(seed):
    world, run, told = play(seed)
    assert told == [] and len(run.ends) == 1
    bought = 0
    for name, order in world.orders.items():
        intent = run.journal.get(name)
        mined = sum(each.size for each in order.matches if each.mined is not None)
        assert (intent.state, intent.filled) == (IntentState.CLOSED, mined)
        bought += mined
    assert bought <= REST.size
