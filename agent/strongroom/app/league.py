"""The league table of a vault's strategies: what each has proven, and the interval of its return on
stake. From the chain alone: odds by betting, whose worst state is all that was allocated, as
nothing more can be lost.

What a strategist could arrange counts against him: an open market that stands below its cost counts
as if it were closed at the bid, one above it not at all, and what somebody gave is taken off.

What a market could have brought at most is not in the vault's logs. Where some brought more than
was allocated, the upper end would rest on outcomes that came by chance: it is left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.analysis.fair_null import Event
from strongroom.analysis.verdict import VerdictWord, conclude, odds_bounds


@dataclass(frozen=True)
class SettledStake:
    """A market that is closed, or open and below its cost: when, what was allocated, what it
    brought above that and above what was given; assets."""

    market: str
    class_id: int
    closed: int
    allocated: int
    profit: int


@dataclass(frozen=True)
class LeagueRow:
    """A strategy's record.

    Attributes:
        profit: proven, assets: of closed and of open markets
        gifts: what was given to the class's accounts, assets
        below: what open markets stand below their cost at the bid, assets
        markets, losing: with a stake, settled or below their cost; of them, with a loss
        dates: days on which they were closed, or stood so
        staked: allocated to them, assets
        value: return on stake, None where nothing was staked
        low, high: between them it lies with 95 % confidence; None where that cannot be said
        words: the verdict
    """

    class_id: int
    profit: int
    gifts: int
    below: int
    markets: int
    losing: int
    dates: int
    staked: int
    value: float | None
    low: float | None
    high: float | None
    words: str


@dataclass(frozen=True)
class ClassProfit:
    """What a class has proven, what of it was given, and what its open markets stand below their
    cost; assets."""

    proven: int
    gifts: int = 0
    below: int = 0

    @property
    def left(self) -> int:
        """Proven, less the others."""
        return self.proven - self.gifts - self.below


def league(
    stakes: Sequence[SettledStake], profits: Mapping[int, ClassProfit]
) -> tuple[LeagueRow, ...]:
    """Return a row a class, by what is left of its profit, the largest first."""
    ordered = sorted(profits, key=lambda number: (-profits[number].left, number))
    return tuple(
        _row(number, profits[number], [each for each in stakes if each.class_id == number])
        for number in ordered
    )


def _row(class_id: int, profit: ClassProfit, stakes: Sequence[SettledStake]) -> LeagueRow:
    events = [_event(each) for each in _by_market(stakes)]
    found = conclude(events, seed=0, details=False)
    low = high = None
    if found.word not in (VerdictWord.NOTHING, VerdictWord.TOO_FEW):
        bounds = odds_bounds(events)
        low = bounds.low
        high = bounds.high if all(each.profit <= each.stake for each in events) else None
    staked = sum(each.allocated for each in stakes)
    value = found.value if events else None
    return LeagueRow(
        class_id, profit.proven, profit.gifts, profit.below, len(events), found.losing,
        found.dates, staked, value, low, high, found.word.value,
    )  # fmt: skip


def _by_market(stakes: Sequence[SettledStake]) -> list[SettledStake]:
    """Return one a market: opened again, it is the same question."""
    found: dict[str, SettledStake] = {}
    for each in stakes:
        old = found.get(each.market)
        allocated, profit = each.allocated, each.profit
        if old is not None:
            allocated, profit = allocated + old.allocated, profit + old.profit
        found[each.market] = SettledStake(
            each.market, each.class_id, each.closed, allocated, profit
        )
    return [each for each in found.values() if each.allocated]


def _event(it: SettledStake) -> Event:
    day = datetime.fromtimestamp(it.closed, UTC).date().isoformat()
    profit = max(it.profit, -it.allocated)  # a gift that was lost, too, is no loss of the stake
    best = max(it.allocated, profit)
    return Event(it.market, day, it.allocated, profit, it.allocated, best)
