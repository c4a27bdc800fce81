"""What recorded markets pay for resting orders: pools, each with its terms and its time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from strongroom.analysis.rewards import RewardTerms
from strongroom.data.folder import DataFolder


@dataclass(frozen=True)
class RewardPool:
    """A pool of a market, paid while it lasts.

    Attributes:
        from_ms, until_ms: between them it is paid; None: that end is not told
    """

    terms: RewardTerms
    from_ms: int | None = None
    until_ms: int | None = None

    def pays_at(self, at_ms: int) -> bool:
        """Whether it is paid then."""
        begun = self.from_ms is None or self.from_ms <= at_ms
        return begun and (self.until_ms is None or at_ms < self.until_ms)


Pools = Mapping[int, Sequence[RewardPool]]  # market's number -> pools; unknown ones are not there


def pools_of(folder: DataFolder, names: Sequence[str]) -> Pools:
    """Return the pools of markets, by their numbers. One that pays nothing has none; a market of
    which a pool lacks its terms is unknown, and is left out."""
    numbers = {name: number for number, name in enumerate(names)}
    found: dict[int, list[RewardPool]] = {}
    unknown: set[int] = set()
    for row in folder.rewards().iter_rows(named=True):
        number = numbers.get(row["market"])
        if number is None:
            continue
        pools = found.setdefault(number, [])
        if row["daily"] == 0:
            continue
        terms = row["daily"], row["max_spread"], row["min_size"]
        if None in terms:
            unknown.add(number)
        else:
            pools.append(RewardPool(RewardTerms(*terms), row["from_ms"], row["until_ms"]))
    return {number: pools for number, pools in found.items() if number not in unknown}
