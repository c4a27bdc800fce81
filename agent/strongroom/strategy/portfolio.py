"""What the whole book admits: caps by event, category, group and in total, a daily loss stop, and
rest after a loss. The smallest room wins, and its name is reported.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from strongroom.chain.units import BPS, HOUR, PRICE, VIRTUAL_SHARES
from strongroom.errors import BadInput

EVENT_BPS = 1_500  # of NAV: no event above 15 %


@dataclass(frozen=True)
class PortfolioLimits:
    """Shares of NAV in bps; a category or group without a cap of its own has the default."""

    event_bps: int = EVENT_BPS
    category_bps: int = 3_000
    group_bps: int = 3_000
    total_bps: int = 8_000
    categories: Mapping[str, int] = field(default_factory=dict)
    daily_loss_bps: int = 300
    cooldown_s: int = HOUR

    def __post_init__(self) -> None:
        """Refuse an event cap above the ceiling, and shares that are none.

        Raises:
            BadInput: see above.
        """
        if not 0 < self.event_bps <= EVENT_BPS:
            raise BadInput(f"event_bps {self.event_bps} is not within (0, {EVENT_BPS}]")
        shares = (self.category_bps, self.group_bps, self.total_bps, *self.categories.values())
        if not all(0 < share <= BPS for share in shares):
            raise BadInput(f"shares {shares} are not within (0, {BPS}]")


@dataclass(frozen=True)
class Stake:
    """What is at stake in one market, at cost, orders under way included; micro-units."""

    event: str
    category: str
    assets: int
    groups: frozenset[str] = frozenset()  # of markets that move together


class Staked:
    """What is at stake in all, added up once by all that limits go by: a round asks for many
    rooms."""

    def __init__(self, stakes: Iterable[Stake] = ()) -> None:
        """Add them up."""
        self.total = 0
        self.by_event, self.by_category, self.by_group = (
            Counter[str](),
            Counter[str](),
            Counter[str](),
        )
        for each in stakes:
            self.add(each)

    def add(self, stake: Stake) -> None:
        """Take one more."""
        self.total += stake.assets
        self.by_event[stake.event] += stake.assets
        self.by_category[stake.category] += stake.assets
        for group in stake.groups:
            self.by_group[group] += stake.assets


@dataclass(frozen=True)
class Room:
    """How much more may be staked, and what bounds it."""

    assets: int
    binding: str


@dataclass(frozen=True)
class Day:
    """What the day has brought a share so far, so that deposits and redemptions, which move NAV
    and leave a share as it is, bring nothing; prices as of `share_price`."""

    opening: int
    price: int
    last_loss_at: int | None = None  # timestamp of the last position closed at a loss

    def with_loss(self, at: int | None) -> "Day":
        """Return the day after another loss; None: there was none."""
        known = [each for each in (self.last_loss_at, at) if each is not None]
        return replace(self, last_loss_at=max(known, default=None))


def share_price(nav: int, supply: int) -> int:
    """Return what a share is worth, assets a share times `PRICE`, as the vault itself reckons it.

    Args:
        nav: at the bid, micro-units
        supply: shares
    """
    return (nav + 1) * PRICE // (supply + VIRTUAL_SHARES)


def room(limits: PortfolioLimits, nav: int, staked: Staked, new: Stake, day: Day, now: int) -> Room:
    """Return how much may still be staked on `new` (its own assets do not count)."""
    lost = day.opening - day.price
    if lost * BPS > day.opening * limits.daily_loss_bps:
        return Room(0, "daily loss")
    # what is decided on was seen when the tick began: a loss of the same tick may be later
    if day.last_loss_at is not None and max(0, now - day.last_loss_at) < limits.cooldown_s:
        return Room(0, "cooldown")
    category_bps = limits.categories.get(new.category, limits.category_bps)
    rooms = {
        f"event {new.event}": limits.event_bps * nav // BPS - staked.by_event[new.event],
        f"category {new.category}": category_bps * nav // BPS - staked.by_category[new.category],
        "total": limits.total_bps * nav // BPS - staked.total,
    }
    for group in sorted(new.groups):
        rooms[f"group {group}"] = limits.group_bps * nav // BPS - staked.by_group[group]
    binding = min(rooms, key=rooms.__getitem__)
    return Room(max(0, rooms[binding]), binding)
