"""The league table of a vault's strategies: what each has proven, and the interval of its return on
stake. From the chain's settled markets alone: odds by betting, whose worst state is all that was
allocated, as nothing more can be lost.

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
    """A market that is closed, all its lives together: when, what was allocated, what it brought
    above that; assets."""

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
        markets, losing: settled ones with a stake; of them, with a loss
        dates: days on which they were closed
        staked: allocated to them, assets
        value: return on stake, None where nothing was staked
        low, high: between them it lies with 95 % confidence; None where that cannot be said
        words: the verdict
    """

    class_id: int
    profit: int
    markets: int
    losing: int
    dates: int
    staked: int
    value: float | None
    low: float | None
    high: float | None
    words: str


def league(stakes: Sequence[SettledStake], profits: Mapping[int, int]) -> tuple[LeagueRow, ...]:
    """Return a row a class, by proven profit, the largest first.

    Args:
        profits: class -> proven profit, assets
    """
    rows = [
        _row(number, profit, [each for each in stakes if each.class_id == number])
        for number, profit in profits.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.profit, row.class_id)))


def _row(class_id: int, profit: int, stakes: Sequence[SettledStake]) -> LeagueRow:
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
        class_id, profit, len(events), found.losing, found.dates, staked, value, low, high,
        found.word.value,
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
    best = max(it.allocated, it.profit)
    return Event(it.market, day, it.allocated, it.profit, it.allocated, best)
