"""What a vault has and owes, as plain state: what a checkpoint keeps.

Exact integers throughout. What is kept is holders, open requests, open markets and what waits in
the timelock; of history only an address for each market that there was and a line for each change
of permissions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msgspec import Struct

from strongroom.audit.permissions import Difference, Limit, Permissions
from strongroom.audit.queues import DEPOSITS, AuditedEpoch
from strongroom.chain.ids import MarketId, Question
from strongroom.chain.terms import DELEGATED, VELOCITY_PERIOD_S, VELOCITY_PERIODS
from strongroom.chain.units import BPS, PRICE

LOSS = 96  # bits behind the point of losses a share
DUST_BPS = 10  # of NAV at the bid: what may be written off without the owner


class NotInLedger(Exception):
    """An event is about something that the ledger does not have: a difference, on purpose."""


@dataclass
class OpenMarket:
    """An open market: what it was last booked at, assets; a mark a condition as a report packs
    them, 0 where there is none: of the last report, and the last that there was."""

    account: str
    class_id: int
    question: Question
    conditions: int
    deadline: int
    is_delegated: bool
    exposure: int = 0
    bid: int = 0
    ask: int = 0
    marks: list[int] = field(default_factory=list)
    last_marks: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class MarketAccount:
    """Whose an account is, or was."""

    market: MarketId
    class_id: int


class BookedMarket(Struct, frozen=True, gc=False):
    """A market as a report booked it: assets, and the marks of its conditions, packed."""

    account: str
    exposure: int
    bid: int
    ask: int
    marks: tuple[int, ...]


class BookedReport(Struct, frozen=True):
    """What a report or a settlement dealt at, before it settled.

    Attributes:
        is_settlement: of a flat vault: there is no evidence
        supply: before the fees; `supply_after` with their shares
        price_bid: published, assets per share times 10**36
        room: assets that deposits might still bring in
        books: of the open markets
        silent: markets whose accounts did not answer
    """

    block: int
    time: int
    number: int
    is_settlement: bool
    nav_bid: int
    nav_ask: int
    price_bid: int
    price_ask: int
    room: int
    supply: int
    supply_after: int
    idle: int
    exposure: int
    management: int
    performance: int
    high_water_mark: int
    evidence: str
    books: Mapping[MarketId, BookedMarket]
    silent: tuple[MarketId, ...]


@dataclass
class Ledger:
    """A vault's state after the events so far.

    Attributes:
        decimals: of the asset
        queues: of deposits and redemptions: epoch -> its requests
        line: of both sides: epochs that wait, oldest first
        best: of both sides: best price published while the open epoch has had a request
        order: open markets, as the vault lists them
        halted: markets that are never opened again
        accounts: account -> market, of closed ones too
        unswept: closed accounts that exits in kind visit, as the vault lists them -> conditions
        remains: closed account that holds something -> what it stood for then, assets a share with
            LOSS bits behind the point
        allocated: period -> net allocation
        class_losses: class -> losses, assets a share with LOSS bits behind the point
        losses: of all classes, likewise
        profits: class -> assets that came home above cost, less exposure that never did
        prices: published, assets per share times 10**36
        reference: highest bid published, or the one at the breaker's reset
        base: NAV at the bid after the last settlement
        fees_at: when fees were taken last
        room: assets that deposits may bring in
    """

    vault: str
    decimals: int = 6
    differences: list[Difference] = field(default_factory=list)
    events: int = 0
    block: int = 0
    holders: dict[str, int] = field(default_factory=dict)
    allowances: dict[str, int] = field(default_factory=dict)  # owner and spender
    operators: dict[str, bool] = field(default_factory=dict)  # controller and operator
    supply: int = 0
    idle: int = 0
    claimable: int = 0
    queues: tuple[dict[int, AuditedEpoch], dict[int, AuditedEpoch]] = field(
        default_factory=lambda: ({}, {})
    )
    line: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    open_epoch: list[int] = field(default_factory=lambda: [1, 1])
    best: list[int] = field(default_factory=lambda: [0, 0])
    permissions: Permissions = field(default_factory=Permissions)
    markets: dict[MarketId, OpenMarket] = field(default_factory=dict)
    order: list[MarketId] = field(default_factory=list)
    halted: set[MarketId] = field(default_factory=set)
    closed: int = 0  # markets
    accounts: dict[str, MarketAccount] = field(default_factory=dict)
    unswept: dict[str, int] = field(default_factory=dict)
    remains: dict[str, int] = field(default_factory=dict)
    allocated: dict[int, int] = field(default_factory=dict)
    class_losses: dict[int, int] = field(default_factory=dict)
    losses: int = 0
    profits: dict[int, int] = field(default_factory=dict)
    prices: tuple[int, int] = (0, 0)
    reference: int = 0
    high_water_mark: int = 0
    base: int = 0
    fees_at: int = 0
    room: int = 0
    reports: int = 0
    reported_at: int = 0
    is_winding_down: bool = False

    @property
    def virtual(self) -> int:
        """Shares that nobody holds: shares have 18 decimals always."""
        return int(10 ** (18 - self.decimals))

    @property
    def shares(self) -> int:
        """Supply with the virtual shares."""
        return self.supply + self.virtual

    @property
    def nav(self) -> tuple[int, int]:
        """NAV at the bid and at the ask."""
        bid = ask = exposure = 0
        for each in self.markets.values():
            bid += each.bid
            ask += each.ask
            exposure += each.exposure
        return self.idle + bid, self.idle + max(ask, exposure)

    @property
    def custody(self) -> tuple[int, int, int]:
        """NAV at the bid: idle, in accounts of enforced and of delegated custody."""
        held = [0, 0]
        for each in self.markets.values():
            held[each.is_delegated] += each.bid
        return self.idle, held[0], held[1]

    @property
    def exposure(self) -> int:
        """Of all open markets, at cost."""
        return sum(market.exposure for market in self.markets.values())

    @property
    def conditions(self) -> int:
        """Of all open markets."""
        return sum(market.conditions for market in self.markets.values())

    @property
    def written_off(self) -> int:
        """What closed accounts stood for, until swept, for the shares that there are."""
        return self.for_all(sum(self.remains.values()))

    @property
    def is_flat(self) -> bool:
        """Whether idle is all there is but dust."""
        return not self.order and self.is_dust(sum(self.remains.values()), self.idle)

    @property
    def is_tripped(self) -> bool:
        """Whether the published bid is too far under its highest."""
        left = BPS - self.permissions.limit(Limit.MAX_DRAWDOWN_BPS)
        return self.prices[0] * BPS < self.reference * left

    @property
    def pending_deposits(self) -> int:
        """Assets that wait, or wait to be taken back."""
        return sum(queue.left for queue in self.queues[DEPOSITS].values())

    def is_stale(self, now: int) -> bool:
        """Whether the last report is too old."""
        return now > self.reported_at + self.permissions.limit(Limit.MAX_REPORT_AGE)

    def waiting(self, side: int) -> int:
        """In units of closed epochs that may still be settled."""
        return sum(queue.left for queue in self.queues[side].values() if queue.is_waiting)

    def not_settled(self, side: int) -> int:
        """In units of the open epoch and of those that wait."""
        return sum(queue.left for queue in self.queues[side].values() if not queue.is_back)

    def owed_shares(self) -> int:
        """Shares that the vault holds for others: to redeem, to take back, to claim."""
        deposits, redemptions = self.queues
        claims = sum(queue.due(who)[1] for queue in deposits.values() for who in queue.asked)
        return claims + sum(queue.left for queue in redemptions.values())

    def class_exposure(self, class_id: int) -> int:
        """Of a class's open markets, at cost."""
        return sum(m.exposure for m in self.markets.values() if m.class_id == class_id)

    def question_exposure(self, question: Question) -> int:
        """Of a question's open markets in all classes, at cost."""
        return sum(m.exposure for m in self.markets.values() if m.question == question)

    def losses_of(self, class_id: int | None = None) -> int:
        """Losses as they count against a cap, assets; without a class, of all."""
        per_share = self.losses if class_id is None else self.class_losses.get(class_id, 0)
        return -(-per_share * self.shares >> LOSS)

    @property
    def _most_a_share(self) -> int:
        """The most that a share was ever worth, published or now, LOSS bits behind the point."""
        price = (self.nav[0] + 1) * PRICE // self.shares
        return (max(self.reference, price) << LOSS) // PRICE + 1

    def per_share(self, assets: int) -> int:
        """Return assets a share, LOSS bits behind the point: at most what a share was worth."""
        return min(-(-(assets << LOSS) // self.shares), self._most_a_share)

    def for_all(self, per_share: int) -> int:
        """Return what so much a share is for all shares, assets."""
        return per_share * self.shares >> LOSS

    def is_dust(self, per_share: int, assets: int) -> bool:
        """Whether so much a share may be written off of `assets` without the owner."""
        return per_share * BPS * self.shares <= DUST_BPS * (assets + 1) << LOSS

    def lose(self, class_id: int, assets: int) -> None:
        """Book what a closed market has not returned."""
        if self.supply == 0:
            return  # nobody's
        part, most = self.per_share(assets), self._most_a_share
        lost = self.class_losses.get(class_id, 0)
        self.class_losses[class_id] = max(lost, min(lost + part, most))
        self.losses = max(self.losses, min(self.losses + part, most))

    def pay_off(self, class_id: int, assets: int) -> None:
        """Let losses fall by what came home above cost, or was forgiven."""
        part = (assets << LOSS) // self.shares
        if class_id in self.class_losses:
            self.class_losses[class_id] = max(0, self.class_losses[class_id] - part)
        self.losses = max(0, self.losses - part)

    def recent_allocation(self, now: int) -> int:
        """What the velocity limit counts at a time."""
        oldest = now // VELOCITY_PERIOD_S - VELOCITY_PERIODS
        return sum(net for period, net in self.allocated.items() if period > oldest)

    def market(self, name: MarketId) -> OpenMarket:
        """Return an open market; raises NotInLedger where it is not open."""
        if name not in self.markets:
            raise NotInLedger(f"market {name} is not open")
        return self.markets[name]

    def account(self, address: str) -> MarketAccount:
        """Return whose an account is; raises NotInLedger where it never was a market's."""
        if address not in self.accounts:
            raise NotInLedger(f"account {address} is of no market")
        return self.accounts[address]

    def delegated(self, class_id: int) -> bool:
        """Whether a class's accounts hand assets to a wallet."""
        return self.permissions.class_of(class_id).grade == DELEGATED

    def in_line(self, side: int) -> Iterator[tuple[int, AuditedEpoch]]:
        """Yield the epochs of a side that wait, oldest first."""
        for number in self.line[side]:
            yield number, self.queues[side][number]

    def queue(self, side: int, number: int) -> AuditedEpoch:
        """Return an epoch's requests: none where it is not known."""
        queues = self.queues[side]
        if number not in queues:
            queues[number] = AuditedEpoch()
        return queues[number]
