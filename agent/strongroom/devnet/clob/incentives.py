"""What the venue pays makers beside trades: a part of takers' fees, and rewards for resting orders.

Both are reckoned by the UTC day and paid after it in pUSD, rebates and rewards from an address each
(VENUE c, e1). Left out: categories, spreads and scores of the venue's reward formula: here a market
pays `REWARD_RATE` a day, by the size of what rests when it is looked at.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from strongroom.chain.ids import JsonObject
from strongroom.chain.units import BPS, MICRO
from strongroom.devnet.clob.orders import LiveOrder, decimal
from strongroom.devnet.clob.trades import Trade

REBATE_BPS = 2_500  # of the taker's fee, as Gamma's feeSchedule says
REWARD_RATE = 24 * MICRO  # of a market and a day
LOOKS = 24  # a day


class IncentiveKind(StrEnum):
    """What is paid for."""

    REBATE = "rebate"
    REWARD = "reward"


@dataclass(frozen=True)
class Incentive:
    """What a maker has earned in a market on a day, micro-units of pUSD."""

    kind: IncentiveKind
    day: str  # 2025-12-12
    maker: str
    condition_id: str
    amount: int

    def as_rebate(self, asset: str) -> JsonObject:
        """Return it as `/rebates/current` shows it."""
        return {
            "date": self.day,
            "condition_id": self.condition_id,
            "asset_address": asset,
            "maker_address": self.maker,
            "rebated_fees_usdc": decimal(self.amount),
        }

    def as_earning(self, asset: str) -> JsonObject:
        """Return it as `/rewards/user` shows it."""
        moment = datetime.fromisoformat(self.day).replace(tzinfo=UTC)
        return {
            "date": int(moment.timestamp() * 1_000),
            "condition_id": self.condition_id,
            "asset_address": asset,
            "maker_address": self.maker,
            "earnings": decimal(self.amount),
            "asset_rate": "1",
        }


class Incentives:
    """The days' books."""

    def __init__(self) -> None:
        """Begin with nothing earned."""
        self._rewards: dict[tuple[str, str, str], int] = defaultdict(int)  # day, maker, market
        self._paid: dict[tuple[IncentiveKind, str, str, str], int] = defaultdict(int)

    def look(self, resting: Iterable[LiveOrder], now: float) -> None:
        """Reward what rests at this moment."""
        markets: dict[str, list[LiveOrder]] = defaultdict(list)
        for order in resting:
            markets[order.listing.condition_id].append(order)
        for condition, orders in markets.items():
            whole = sum(each.entry().size for each in orders)
            for each in orders:
                part = REWARD_RATE * each.entry().size // (whole * LOOKS)
                self._rewards[day_of(now), each.order.maker, condition] += part

    def earned(self, kind: IncentiveKind, trades: Iterable[Trade]) -> list[Incentive]:
        """Return what was earned on all days, by maker and market."""
        found = self._rewards if kind is IncentiveKind.REWARD else _rebates(trades)
        return [Incentive(kind, *name, amount) for name, amount in found.items() if amount]

    def pay(self, kind: IncentiveKind, trades: Iterable[Trade], until: str) -> list[Incentive]:
        """Return what was earned before a day and not paid yet: whoever asks pays it."""
        due = []
        for each in self.earned(kind, trades):
            name = kind, each.day, each.maker, each.condition_id
            if each.day < until and each.amount > self._paid[name]:
                left = each.amount - self._paid[name]
                self._paid[name] = each.amount
                due.append(Incentive(kind, each.day, each.maker, each.condition_id, left))
        return due


def _rebates(trades: Iterable[Trade]) -> dict[tuple[str, str, str], int]:
    """Return the makers' part of takers' fees, by day, maker and market."""
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    for trade in trades:
        if trade.status != "CONFIRMED":
            continue
        pool, day = trade.fee * REBATE_BPS // BPS, day_of(trade.matched_at)
        for fill in trade.makers:
            name = day, fill.order.order.maker, trade.taker.listing.condition_id
            found[name] += pool * fill.size // trade.size
    return found


def day_of(moment: float) -> str:
    """Return the UTC day of a timestamp."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"
