"""Does a strategy follow its own results? It is played once more in a world with the same prices,
books and markets, in which its events came out otherwise: what was held pays as if it had been
drawn at what it cost, and what was sold before brings home the opposite in half of the events.

A strategy that goes by prices alone orders the same there, as shares of NAV. One that stops when it
is ahead, or bets more after losses, does not; nor one whose record is learned from outcomes, or
that is held up by a stop after losses. Their bets cannot be taken as given (analysis/verdict.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random

from strongroom.analysis.fair_null import Event, HeldToken, Joint, winners
from strongroom.backtest.config import BacktestConfig
from strongroom.backtest.data import PriceHistory
from strongroom.backtest.event_shapes import EventShape
from strongroom.backtest.quotes import Fills
from strongroom.backtest.run import DecidedTrade, RunResult, simulate
from strongroom.backtest.settled_events import NavPath
from strongroom.chain.ids import ConditionId

SAME = 0.05  # of all that was traded may go elsewhere: rounding, and caps that bind

OnTime = Callable[[int, int], None]


@dataclass(frozen=True)
class Replay:
    """What was ordered otherwise when the results were others; shares of NAV, added up.

    Attributes:
        traded: in either world, the larger of both for each token
        moved: of that, in one alone
    """

    traded: float
    moved: float

    @property
    def part(self) -> float:
        """The part of all trades that follows results."""
        return self.moved / self.traded if self.traded else 0.0

    @property
    def follows(self) -> bool:
        """Whether the strategy follows its own results."""
        return self.part > SAME

    def words(self) -> str:
        """Return what was found."""
        if self.follows:
            return f"with other results {self.part:.0%} of its trades are others: it follows them"
        return f"with other results {1 - self.part:.0%} of its trades are the same"

    def __add__(self, other: "Replay") -> "Replay":
        return Replay(self.traded + other.traded, self.moved + other.moved)


NOTHING = Replay(0.0, 0.0)


def replayed(
    config: BacktestConfig,
    fills: Fills,
    history: PriceHistory,
    first: RunResult,
    on_time: OnTime = lambda now, end: None,
) -> Replay:
    """Play a configuration once more with other results; compare what it orders.

    Args:
        first: how it was played on this history
        on_time: is called with the time that is played, and the last
    """
    other = with_other_results(history, first, config.run.seed)
    return compared(first, simulate(config, fills, other, on_time))


def with_other_results(history: PriceHistory, first: RunResult, seed: int) -> PriceHistory:
    """Return a history in which the traded events pay as drawn at what was paid for them, and those
    in which something was sold come home turned round, each second on average."""
    dice, pays, turned = Random(seed), dict[ConditionId, bool](), set[str]()
    trades: dict[str, list[DecidedTrade]] = {}
    for each in first.trades:
        if each.filled:
            trades.setdefault(each.event, []).append(each)
    real = {
        market.condition_id: outcome
        for market, outcome in zip(history.markets, history.outcomes, strict=True)
    }
    for event in sorted(trades):
        pays |= _drawn(first.shapes[event], trades[event], dice.random(), real)
        turns = dice.random() < 0.5
        if turns and any(each.side == "SELL" for each in trades[event]):
            turned.add(event)
    return replace(_paying(history, pays), turned=frozenset(turned))


def _paying(history: PriceHistory, pays: Mapping[ConditionId, bool]) -> PriceHistory:
    """Return a history in which markets pay YES, or NO; what is learned knows it so, too."""
    listed, outcomes = list(history.listed), list(history.outcomes)
    for number, market in enumerate(history.markets):
        yes = pays.get(market.condition_id)
        if yes is not None:
            listed[number] = replace(listed[number], payout=(int(yes), int(not yes)))
            outcomes[number] = int(yes)
    return replace(
        history,
        listed=listed,
        outcomes=outcomes,
        as_played=lambda other: _paying(history.as_played(other), pays),
    )


def _drawn(
    shape: EventShape,
    trades: list[DecidedTrade],
    u: float,
    real: Mapping[ConditionId, float],
) -> dict[ConditionId, bool]:
    """Return which of an event's markets pay YES: those that were bought as one number says, by
    what they cost; of exclusive outcomes one wins, of markets that were left alone what is real."""
    bought: dict[tuple[str, bool], tuple[int, int]] = {}
    for each in trades:
        if each.side == "BUY":
            tokens, cost = bought.get((each.market, each.yes), (0, 0))
            bought[each.market, each.yes] = tokens + each.filled, cost + each.cash + each.fee
    place = {market: number for number, market in enumerate(shape.markets)}
    held = tuple(
        HeldToken(market, yes, tokens, cost)
        for (market, yes), (tokens, cost) in sorted(bought.items(), key=lambda b: place[b[0][0]])
    )
    drawn = Event("", "", 1.0, 0.0, 1.0, 1.0, shape.joint, held)
    pays = {
        ConditionId(token.market): won == token.yes
        for token, won in zip(held, winners(drawn, u) if held else (), strict=True)
    }
    return _one_winner(shape, pays, real) if shape.joint == Joint.EXCLUSIVE else pays


def _one_winner(
    shape: EventShape, pays: Mapping[ConditionId, bool], real: Mapping[ConditionId, float]
) -> dict[ConditionId, bool]:
    """Return what each of an event's outcomes pays, of which one wins."""
    names = [ConditionId(market) for market in shape.markets]
    winner = next((name for name in names if pays.get(name)), None)
    if winner is None:
        left = [name for name in names if name not in pays] or names
        winner = max(left, key=lambda name: real[name])
    return {name: name == winner for name in names}


def compared(first: RunResult, again: RunResult) -> Replay:
    """Return how much of what was traded went elsewhere. An amount that moved as NAV did, or less,
    is the same: sizes are shares of NAV, or what there was to buy."""
    one, other = _traded(first), _traded(again)
    traded = moved = 0.0
    for key in sorted(one.keys() | other.keys()):
        a, b = one.get(key, _NONE), other.get(key, _NONE)
        worth = max(a.worth, b.worth)
        traded += worth
        if not a.tokens or not b.tokens:
            moved += worth
            continue
        low, high = sorted((1.0, b.nav / a.nav))
        ratio = b.tokens / a.tokens
        moved += worth * (1 - min(ratio / low, high / ratio, 1.0))
    return Replay(traded, moved)


@dataclass(frozen=True)
class _Amount:
    """What was traded of a token on one side: micro-tokens, a share of NAV, NAV at the first."""

    tokens: int
    worth: float
    nav: float


_NONE = _Amount(0, 0.0, 1.0)


def _traded(outcome: RunResult) -> dict[tuple[str, bool, str], _Amount]:
    found: dict[tuple[str, bool, str], _Amount] = {}
    navs = NavPath(outcome)
    for each in sorted(outcome.trades, key=lambda trade: trade.time):
        if not each.filled:
            continue
        key = each.market, each.yes, each.side
        known = found.get(key) or _Amount(0, 0.0, navs.at(each.time))
        worth = known.worth + each.cash / known.nav
        found[key] = _Amount(known.tokens + each.filled, worth, known.nav)
    return found
