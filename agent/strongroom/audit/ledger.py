"""What a vault has and owes, as plain state: what a checkpoint keeps.

Exact integers throughout. What is kept is holders, open requests, open markets and what waits in
the timelock; of history only an address for each market that there was and a line for each change
of permissions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.audit.permissions import Difference, Permissions
from strongroom.audit.queues import Queue
from strongroom.chain.ids import MarketId
from strongroom.chain.terms import VELOCITY_PERIOD_S, VELOCITY_PERIODS
from strongroom.chain.units import WAD


@dataclass
class OpenMarket:
    """An open market: assets; marks a condition as the report packs them."""

    account: str
    class_id: int
    conditions: int
    deadline: int
    exposure: int = 0
    bid: int = 0
    spread: int = 0
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class BookedReport:
    """A report that took effect; `values` are market -> value at the bid and at the ask."""

    block: int
    time: int
    nav_bid: int
    nav_ask: int
    supply: int
    supply_after: int
    idle: int
    exposure: int
    management: int
    performance: int
    high_water_mark: int
    evidence: str
    values: Mapping[MarketId, tuple[int, int]]


@dataclass
class Ledger:
    """A vault's state after the events so far."""

    vault: str
    differences: list[Difference] = field(default_factory=list)
    events: int = 0
    block: int = 0
    holders: dict[str, int] = field(default_factory=dict)
    supply: int = 0
    idle: int = 0
    claimable: int = 0
    queues: tuple[dict[int, Queue], dict[int, Queue]] = field(default_factory=lambda: ({}, {}))
    open_epoch: list[int] = field(default_factory=lambda: [0, 0])
    permissions: Permissions = field(default_factory=Permissions)
    markets: dict[MarketId, OpenMarket] = field(default_factory=dict)
    order: list[MarketId] = field(default_factory=list)  # of open markets, as the vault lists them
    closed: int = 0  # markets
    allocated: dict[int, int] = field(default_factory=dict)  # period -> net allocation
    high_water_mark: int = WAD
    day_anchor: int = WAD
    anchored_at: int = 0
    reported_at: int = 0
    pending: str = ""  # report's hash
    confirmed: str = ""  # report's hash
    is_tripped: bool = False
    reference: int = 0
    is_winding_down: bool = False
    accounts: dict[str, MarketId] = field(
        default_factory=dict
    )  # account -> market, closed ones too

    @property
    def nav(self) -> tuple[int, int]:
        """NAV at the bid and at the ask."""
        bid = self.idle + sum(market.bid for market in self.markets.values())
        return bid, bid + sum(market.spread for market in self.markets.values())

    @property
    def exposure(self) -> int:
        """Of all open markets, at cost."""
        return sum(market.exposure for market in self.markets.values())

    @property
    def pending_deposits(self) -> int:
        """Assets that wait for a report."""
        return sum(queue.rest for queue in self.queues[0].values())

    @property
    def waiting(self) -> int:
        """Shares in closed redemption epochs that are not settled."""
        return sum(queue.rest for queue in self.queues[1].values() if queue.closed)

    def class_exposure(self, class_id: int) -> int:
        """Of a class's open markets, at cost."""
        return sum(m.exposure for m in self.markets.values() if m.class_id == class_id)

    def recent_allocation(self, now: int) -> int:
        """What the velocity limit counts at a time."""
        oldest = now // VELOCITY_PERIOD_S - VELOCITY_PERIODS
        return sum(net for period, net in self.allocated.items() if period > oldest)
