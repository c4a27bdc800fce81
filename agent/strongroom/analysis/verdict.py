"""What may be concluded from settled events: most win a little and few lose a lot.

Where every position was held to settlement the fair-price null decides (fair_null.py), elsewhere
odds by betting (odds.py), which must also stand where events of one date hang together
(fair_bets.py). Both take the bets as they were made. Where these follow earlier results, whoever
stops when he is ahead would pass by that; then the wealth of a reader decides who bets on each
event what he can know before it, and never needs to know when it ends.
Which of the three follows from what was done, never from what it shows.
A sample that has not met its rare loss looks riskless to a bootstrap: neither of these asks it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property

import numpy as np

from strongroom.analysis.fair_bets import fair_sums
from strongroom.analysis.fair_null import (
    DRAWS,
    EQUAL,
    Array,
    Event,
    Worlds,
    at_least,
    at_most,
    expected_losing,
    mean_return,
    profits,
    smallest,
    tilted,
    totals,
    worlds,
)
from strongroom.analysis.odds import log_odds, log_wealth

LEVEL = 0.025  # one-sided
ODDS = 39  # against 1, for a verdict
WEALTH = 40  # of a reader who began with 1: 1 / LEVEL, at any time (Ville's inequality)
FACTOR = 0.3  # correlation of one date's events
LEAST_EVENTS = 10
LEAST_DATES = 4
NO_EDGE, POWER_AT = 0.0, 0.01  # returns on stake for which it is told how often such samples pass
TILTS = (1e-4, 1e4)  # of chances to lose: from none to all
REDRAWN, REDRAWN_WORLDS = 200, 400  # samples for the power of odds, and fair worlds of each


class VerdictWord(StrEnum):
    """The verdict."""

    NOTHING = "nothing was traded"
    TOO_FEW = "too few events"
    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "cannot be told from 0"


class EdgeTest(StrEnum):
    """What the word follows from."""

    NULL = "fair-price null"
    ODDS = "odds by betting"
    WEALTH = "wealth of who follows"


@dataclass(frozen=True)
class ReturnBounds:
    """Two returns on stake between which the truth lies with 95 % confidence."""

    low: float
    high: float


@dataclass(frozen=True)
class Conclusion:
    """The word, and everything that it must not be told without.

    Attributes:
        value: return on stake
        p_pass, p_fail: of the null; of odds the larger of 1 / (1 + odds), which is no chance, and
            the part of fair worlds, linked by dates, that bring as much; and their mirrors; of
            wealth likewise with 1 / wealth
        p_alone: p_pass before tries count
        p_apart: p_alone where events of a date do not hang together
        odds: that were bet to, or the wealth; None for the null
        losing: events that lost money
        losing_expected: were prices right; None where it cannot be told
        worst: largest worst state of an event, part of all stakes
        proved: events with a profit in every state, and that profit: proved, not tested
        bounds: None where there are too few events
        error, power: part of such samples that would pass at a true return of NO_EDGE, of POWER_AT;
            None where there are too few events: none would
    """

    word: VerdictWord
    test: EdgeTest
    events: int = 0
    dates: int = 0
    value: float = 0.0
    p_pass: float = 1.0
    p_fail: float = 1.0
    p_alone: float = 1.0
    p_apart: float | None = None
    odds: float | None = None
    losing: int = 0
    losing_expected: float | None = None
    worst: float = 0.0
    tries: int = 1
    proved: tuple[int, float] = (0, 0.0)
    bounds: ReturnBounds | None = None
    error: float | None = None
    power: float | None = None


@dataclass(frozen=True)
class Tries:
    """What else was tried on the same data.

    Attributes:
        kept: the events of each, this run's not among them
        lost: how many more there were whose events were not kept
    """

    kept: Sequence[Sequence[Event]] = ()
    lost: int = 0

    @property
    def count(self) -> int:
        """All tries, this one included."""
        return 1 + len(self.kept) + self.lost


NO_TRIES = Tries()


@dataclass
class _Null:
    """The fair-price null over a sample, with events of one date apart and hanging together; what
    is safer counts."""

    events: Sequence[Event]
    tries: Tries
    seed: int
    drawn: Worlds = field(init=False)  # a date's events hang together
    apart: Array = field(init=False)  # profits in fair worlds, (events, draws)
    fair: tuple[Array, Array] = field(init=False)  # their sums, apart and together

    def __post_init__(self) -> None:
        self.draws = max(DRAWS, 40 * self.tries.count)
        self.drawn = worlds(self.events, self.seed, self.draws, FACTOR)
        self.apart = profits(self.events, worlds(self.events, self.seed, self.draws))
        self.fair = self.apart.sum(axis=0), totals(self.events, self.drawn)

    def could_pass(self) -> bool:
        """Whether each event's best state would pass."""
        return self._at_least(_sum(self.events, "best")) <= LEVEL

    def measured(self, verdict: Conclusion) -> Conclusion:
        profit = _sum(self.events, "profit")
        alone = self._at_least(profit)
        return replace(
            verdict,
            p_pass=self._corrected(alone),
            p_fail=max(at_most(each, profit) for each in self.fair),
            p_alone=alone,
            p_apart=at_least(self.fair[0], profit),
            losing_expected=expected_losing(self.apart),
        )

    def _at_least(self, profit: float) -> float:
        return max(at_least(each, profit) for each in self.fair)

    def _corrected(self, alone: float) -> float:
        """Return p with all tries in mind. What a try sold has no fair worlds: it counts like one
        whose events were not kept."""
        together, others = alone, [each for each in self.tries.kept if _are_held(each)]
        if others:
            about = [*others, self.events], self.events, self.seed, self.draws
            together = max(smallest(*about, factor) for factor in (0.0, FACTOR))
        return min(1.0, together * (self.tries.count - len(others)))

    def bounds(self) -> ReturnBounds:
        """The tilts of all chances to lose that the sample does not refuse, as returns."""
        profit = _sum(self.events, "profit")
        refused_high = tilted(  # so many losses that this much profit is a wonder
            self.events, self.drawn, lambda all_: at_least(all_, profit) > LEVEL, *TILTS
        )
        refused_low = tilted(  # so few losses that this little profit is
            self.events, self.drawn, lambda all_: at_most(all_, profit) <= LEVEL, *TILTS
        )
        if at_most(totals(self.events, self.drawn, 0.0), profit) > LEVEL:
            refused_low = 0.0
        return ReturnBounds(
            mean_return(self.events, refused_high), mean_return(self.events, refused_low)
        )

    def passing(self, returns: Sequence[float]) -> list[float]:
        """Redraw outcomes, linked by their dates, with the tilts that make the mean so much; all
        that a pass asks for, but tries, is asked of each sample."""
        wanted = max(float(np.sort(each)[int(len(each) * (1 - LEVEL))]) for each in self.fair)
        other = worlds(self.events, self.seed + 1, self.draws, FACTOR)
        found = []
        for mean in returns:
            if mean_return(self.events, 0.0) < mean:
                found.append(0.0)
                continue
            brought, best = _with_best(self.events, other, self._tilt(mean))
            passes = (brought > wanted + EQUAL) & (brought > 0) & (brought - best > 0)
            found.append(float(np.mean(passes)))
        return found

    def _tilt(self, mean: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if mean_return(self.events, middle) > mean else (low, middle)
        return low


@dataclass(frozen=True)
class _Bets:
    """Events as bets.

    Attributes:
        scale: what each could move: odds take all events for alike
        gained, worst, best: what it brought, could lose and could gain, in money
        followed: what the bet of a reader brought, by its limit, in [-1, 1]
    """

    scale: Array
    gained: Array
    worst: Array
    best: Array
    followed: Array

    @property
    def x(self) -> Array:
        """What each brought, by what it could move, in [-1, 1]."""
        return np.clip(self.gained / self.scale, -1.0, 1.0)

    @property
    def mirrored(self) -> "_Bets":
        """The bets of the other side."""
        return _Bets(self.scale, -self.gained, self.best, self.worst, -self.followed)


@dataclass
class _Odds:
    """Odds by betting over a sample, and how rare it is where events of one date hang together;
    what is safer counts."""

    events: Sequence[Event]
    tries: Tries
    seed: int
    draws: int = 0

    @cached_property
    def uniforms(self) -> Array:
        """Of each event, in fair worlds that dates link; (events, draws)."""
        draws = self.draws or max(DRAWS, 40 * self.tries.count)
        drawn = worlds(self.events, self.seed, draws, FACTOR)
        return drawn.uniforms[[drawn.rows[event.name] for event in self.events]]

    def could_pass(self) -> bool:
        """Whether each event's best state would pass."""
        return self._is_proof(self._bets(_column(self.events, "best")))

    def _evidence(self, bets: _Bets) -> tuple[float, float]:
        """Return the odds, and the bound of chance that they are."""
        odds = _exp(log_odds(bets.x))
        return odds, 1 / (1 + odds)

    def _bets(self, profits: Array, shift: float = 0.0) -> _Bets:
        """Return the events as bets, each had it brought so much.

        Args:
            shift: return on stake that counts as none
        """
        stakes = _column(self.events, "stake")
        worst = np.maximum(_column(self.events, "worst") + shift * stakes, 0.0)
        best = np.maximum(_column(self.events, "best") - shift * stakes, 0.0)
        scale = np.maximum(worst, best)
        scale = np.maximum(scale, np.median(scale))
        scale = np.where(scale > 0, scale, np.inf)
        gained = profits - shift * stakes
        return _Bets(scale, gained, worst, best, self._followed(profits, shift))

    def _followed(self, profits: Array, shift: float) -> Array:
        limit, brought, stake = (
            np.array([getattr(event.bet, what) for event in self.events], dtype=np.float64)
            for what in ("limit", "profit", "stake")
        )
        moved = profits - _column(self.events, "profit")  # 0, but where it is asked what could be
        limit = np.where(limit > 0, limit + abs(shift) * stake, np.inf)
        found: Array = np.clip((brought + moved - shift * stake) / limit, -1.0, 1.0)
        return found

    def _rare(self, bets: _Bets) -> float:
        """Return how often fair bets, linked by their dates, bring as much, or more: in money and
        by x, and the larger counts. By x alone whoever adds to losers has an edge: what was lost
        then was much, and is one loss."""
        found = []
        for gained, unit in ((bets.gained, 1.0), (bets.x, bets.scale)):
            sums = fair_sums(self.uniforms, gained, bets.worst / unit, bets.best / unit)
            found.append(at_least(sums, float(gained.sum())))
        return max(found)

    def _is_proof(self, bets: _Bets) -> bool:
        """Whether bets pass, tries apart."""
        return self._evidence(bets)[1] <= LEVEL and self._rare(bets) <= LEVEL

    def measured(self, verdict: Conclusion) -> Conclusion:
        bets = self._bets(_column(self.events, "profit"))
        odds, apart = self._evidence(bets)
        alone = max(apart, self._rare(bets))
        against = bets.mirrored
        return replace(
            verdict,
            odds=odds,
            p_alone=alone,
            p_apart=apart,
            p_pass=min(1.0, self.tries.count * alone),
            p_fail=max(self._evidence(against)[1], self._rare(against)),
        )

    def bounds(self) -> ReturnBounds:
        profits = _column(self.events, "profit")
        stakes = _column(self.events, "stake")
        staked = stakes > 0
        least = -float(np.max(_column(self.events, "worst")[staked] / stakes[staked]))
        most = float(np.max(_column(self.events, "best")[staked] / stakes[staked]))
        low = _falls(lambda t: self._is_proof(self._bets(profits, t)), least, most)
        high = _falls(lambda t: not self._is_proof(self._bets(profits, t).mirrored), least, most)
        return ReturnBounds(low, high)

    def passing(self, returns: Sequence[float]) -> list[float]:
        """Draw whole dates again, each event shifted so that the mean is so much; all that a pass
        asks for, but tries, is asked of each sample."""
        return [self._passing(mean) for mean in returns]

    def _passing(self, mean: float) -> float:
        dice, value = np.random.default_rng(self.seed), _value(self.events)
        dates: dict[str, list[Event]] = {}
        for each in self.events:
            dates.setdefault(each.date, []).append(_shifted(each, mean - value))
        groups, passed = list(dates.values()), 0
        for _ in range(REDRAWN):
            drawn = [
                _again(each, place)
                for place, group in enumerate(dice.integers(0, len(groups), len(groups)))
                for each in groups[group]
            ]
            brought = _column(drawn, "profit")
            if brought.sum() - max(brought.max(), 0.0) > 0:
                again = type(self)(drawn, NO_TRIES, self.seed, REDRAWN_WORLDS)
                passed += again._is_proof(again._bets(brought))
        return passed / REDRAWN


class _Wealth(_Odds):
    """The wealth of who follows: he puts the same share of it on each event, as far as its limit
    allows, which was known before. At fair prices it is 1 or less on average, whenever the strategy
    stops and however it sizes by what it has won; so it is ever 40 or more in 2.5 % at most."""

    def _evidence(self, bets: _Bets) -> tuple[float, float]:
        wealth = _exp(log_wealth(bets.followed))
        return wealth, min(1.0, 1 / wealth)


def conclude(
    events: Sequence[Event],
    seed: int,
    tries: Tries = NO_TRIES,
    details: bool = True,
    adaptive: bool = False,
) -> Conclusion:
    """Return the verdict on settled events.

    Args:
        events: each with a stake; holdings in all of them: every position was held to settlement
        tries: other parameters on the same data, failed ones too
        details: without, bounds, error and power are left out: they take most of the time
        adaptive: whether what was bet follows what came of earlier bets
    """
    staked = [event for event in events if event.stake > 0]
    traded = [event for event in staked if not event.proved]
    proved = [event for event in staked if event.proved]
    held = EdgeTest.NULL if _are_held(traded) else EdgeTest.ODDS
    test = EdgeTest.WEALTH if adaptive else held
    apart = len(proved), sum(event.profit for event in proved)
    if not traded:
        word = VerdictWord.TOO_FEW if proved else VerdictWord.NOTHING
        return Conclusion(word, test, tries=tries.count, proved=apart)
    judge = _JUDGES[test](traded, tries, seed)
    found = judge.measured(replace(_counted(traded, test, tries), proved=apart))
    word = _word(traded, found, judge)
    if word == VerdictWord.TOO_FEW or not details:
        return replace(found, word=word)
    error, power = judge.passing((NO_EDGE, POWER_AT))
    return replace(found, word=word, bounds=judge.bounds(), error=error, power=power)


def odds_bounds(events: Sequence[Event]) -> ReturnBounds:
    """Return the returns on stake that odds by betting do not refuse; without error and power.

    Args:
        events: each with a stake and a worst state above 0
    """
    return _Odds(events, NO_TRIES, 0).bounds()


def _are_held(events: Sequence[Event]) -> bool:
    """Whether all that may be lost was held to settlement."""
    return all(event.holdings for event in events if event.worst > EQUAL)


def _counted(traded: Sequence[Event], test: EdgeTest, tries: Tries) -> Conclusion:
    return Conclusion(
        VerdictWord.UNKNOWN,
        test,
        events=len(traded),
        dates=len({event.date for event in traded}),
        value=_value(traded),
        losing=sum(event.profit < -EQUAL for event in traded),
        worst=max(event.worst for event in traded) / _sum(traded, "stake"),
        tries=tries.count,
    )


_JUDGES: Mapping[EdgeTest, Callable[[Sequence[Event], Tries, int], _Null | _Odds]] = {
    EdgeTest.NULL: _Null,
    EdgeTest.ODDS: _Odds,
    EdgeTest.WEALTH: _Wealth,
}


def _word(traded: Sequence[Event], found: Conclusion, judge: _Null | _Odds) -> VerdictWord:
    if found.events < LEAST_EVENTS or found.dates < LEAST_DATES:
        return VerdictWord.TOO_FEW
    all_ = [event.profit for event in traded]
    passing, failing = found.p_pass <= LEVEL, found.p_fail <= LEVEL
    if failing and found.value < 0 and sum(all_) - min(all_) < 0:
        return VerdictWord.FAILS
    if not judge.could_pass():
        return VerdictWord.TOO_FEW
    if passing and found.value > 0 and sum(all_) - max(all_) > 0:
        return VerdictWord.PASSES
    return VerdictWord.UNKNOWN


def _with_best(events: Sequence[Event], drawn: Worlds, tilt: float) -> tuple[Array, Array]:
    """Return the sum of the profits in each world, and the best event's part of it."""
    each = profits(events, drawn, tilt)
    return each.sum(axis=0), each.max(axis=0)


def _sum(events: Sequence[Event], what: str) -> float:
    return float(_column(events, what).sum())


def _column(events: Sequence[Event], what: str) -> Array:
    return np.array([getattr(event, what) for event in events], dtype=np.float64)


def _value(events: Sequence[Event]) -> float:
    return _sum(events, "profit") / _sum(events, "stake")


def _shifted(event: Event, by: float) -> Event:
    """Return an event with another return on its stake, within its states."""
    bet = event.bet
    return replace(
        event,
        profit=min(max(event.profit + by * event.stake, -event.worst), event.best),
        followed=replace(bet, profit=bet.profit + by * bet.stake),
    )


def _again(event: Event, place: int) -> Event:
    """Return an event as another one, of another date."""
    return replace(event, name=f"{place} {event.name}", date=str(place))


def _exp(log: float) -> float:
    return math.exp(min(log, 700.0))


def _falls(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return where `holds` turns from true to false; an end where it does not."""
    if not holds(low):
        return low
    if holds(high):
        return high
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2
