"""An independent model of the vault: plain lists and exact integers, nothing packed.

Written from the design's formulas, not from the contracts: sums are summed, queues are walked. What
an account holds is not the vault's to know: values, and what comes home, come in as arguments.
`VaultRefused` where the vault must revert. Who may call what is not modelled.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from strongroom.backtest.simulated_requests import DEPOSIT, REDEEM, RequestQueue, need
from strongroom.chain.terms import VELOCITY_PERIOD_S, VELOCITY_PERIODS, Limits
from strongroom.chain.units import BPS, DAY, PRICE, SHARE, VIRTUAL_SHARES, YEAR

LOSS = 96  # bits behind the point of losses per share
COLLAPSE = 10**4  # below this part of its first price a share is not dealt in
DUST_BPS = 10  # of idle: what closed accounts may have left in a flat vault

Name = TypeVar("Name", bound=Hashable)  # of a market
Value = tuple[int, int]  # what an account holds, at the bid and at the ask
Pay = Callable[[Name, int, int], int]  # market, part of supply -> collateral that left


@dataclass
class VaultMarket:
    """What the vault keeps of a market; `bid` is at most the exposure."""

    kind: int
    question: Hashable
    delegated: bool = False
    exposure: int = 0
    bid: int = 0
    ask: int = 0
    closed: bool = False
    halted: bool = False  # before it was closed


@dataclass(frozen=True)
class Caps:
    """Caps of one class: of a market and of all, assets and bps of NAV at the bid."""

    market: int
    market_bps: int
    all: int
    all_bps: int


@dataclass
class VaultClass:
    """A strategy: its caps, what it has lost (per share) and earned."""

    caps: Caps
    losses: int = 0
    profit: int = 0
    retired: bool = False


@dataclass(frozen=True)
class Remains:
    """What a closed account left behind: whose it is, and what it stood for then, per share."""

    kind: int
    stood_for: int


@dataclass(frozen=True)
class DealingFigures:
    """What a report or a settlement dealt at, after fees and before settlement.

    Attributes:
        management: fee taken with it, assets, and performance
        minted: shares for them
        mark: the high-water mark then
    """

    nav_bid: int
    nav_ask: int
    supply: int
    bid: int
    ask: int
    room: int
    management: int
    performance: int
    minted: int
    mark: int


@dataclass
class Vault(Generic[Name]):
    """The whole vault; `classes` by id, amounts in assets, prices times 1e36.

    Attributes:
        rates: management, performance and hurdle, bps
        recipients: who, bps
        unswept: closed account -> what it left behind
        periods: [period, net allocation], oldest first; at least those that count
        mark: the high-water mark, assets for one share
        base: NAV at the bid after the last settlement
        room: what deposits may still bring in
    """

    limits: Limits
    rates: tuple[int, int, int]
    recipients: list[tuple[str, int]]
    now: int
    classes: list[VaultClass] = field(default_factory=list)
    shares: dict[str, int] = field(default_factory=dict)
    queues: tuple[RequestQueue, RequestQueue] = field(
        default_factory=lambda: (RequestQueue(DEPOSIT), RequestQueue(REDEEM))
    )
    markets: dict[Name, VaultMarket] = field(default_factory=dict)
    open: list[Name] = field(default_factory=list)
    unswept: dict[Hashable, Remains] = field(default_factory=dict)
    periods: list[list[int]] = field(default_factory=list)
    idle: int = 0
    claimable: int = 0
    losses: int = 0  # per share, as the classes'
    mark: int = SHARE // VIRTUAL_SHARES
    base: int = 0
    room: int = 0
    bid_price: int = PRICE // VIRTUAL_SHARES
    ask_price: int = PRICE // VIRTUAL_SHARES
    reference: int = PRICE // VIRTUAL_SHARES
    reported: int = 0
    reports: int = 0
    charged: int = 0  # when fees were taken last
    has_reporter: bool = True
    put_in: int = 0
    got_out: int = 0
    last: DealingFigures | None = None

    def __post_init__(self) -> None:
        """Begin now."""
        self.reported = self.charged = self.now

    # views

    @property
    def supply(self) -> int:
        """All shares."""
        return sum(self.shares.values())

    @property
    def exposure(self) -> int:
        """Budget at cost in all open markets."""
        return sum(self.markets[market].exposure for market in self.open)

    @property
    def nav(self) -> Value:
        """NAV at the bid, nothing above its cost, and at the ask, nothing below it."""
        ask = sum(self.markets[market].ask for market in self.open)
        bid = sum(self.markets[market].bid for market in self.open)
        return self.idle + bid, self.idle + max(ask, self.exposure)

    @property
    def is_flat(self) -> bool:
        """Whether idle is all there is, but for dust."""
        left = sum(each.stood_for for each in self.unswept.values())
        whole = self.supply + VIRTUAL_SHARES
        return not self.open and left * BPS * whole <= DUST_BPS * (self.idle + 1) << LOSS

    @property
    def is_stale(self) -> bool:
        """Whether the last report is too old."""
        return self.now > self.reported + self.limits.max_report_age_s

    @property
    def breaker_tripped(self) -> bool:
        """Whether the published bid is so far under its highest that no budget goes out."""
        return self.bid_price * BPS < self.reference * (BPS - self.limits.max_drawdown_bps)

    @property
    def recent_allocation(self) -> int:
        """What the velocity limit counts."""
        return sum(net for _, net in self._recent_periods())

    def _recent_periods(self) -> list[list[int]]:
        oldest = self.now // VELOCITY_PERIOD_S - VELOCITY_PERIODS
        return [each for each in self.periods if each[0] > oldest]

    @property
    def total_losses(self) -> int:
        """Losses of all classes, assets."""
        return self._in_assets(self.losses)

    def class_exposure(self, kind: int) -> int:
        """Return the exposure of a class's open markets."""
        return sum(self.markets[m].exposure for m in self.open if self.markets[m].kind == kind)

    def class_losses(self, kind: int) -> int:
        """Return what a class has lost, assets."""
        return self._in_assets(self.classes[kind].losses)

    @property
    def _most_per_share(self) -> int:
        """The most that a share was ever worth, published or now."""
        price = (self.nav[0] + 1) * PRICE // (self.supply + VIRTUAL_SHARES)
        return (max(self.reference, price) << LOSS) // PRICE + 1

    def _per_share(self, assets: int) -> int:
        """Return assets per share: rounded up, at most what a share was ever worth."""
        part = -(-(assets << LOSS) // (self.supply + VIRTUAL_SHARES))
        return min(part, self._most_per_share)

    def _in_assets(self, per_share: int) -> int:
        return -(-per_share * (self.supply + VIRTUAL_SHARES) >> LOSS)

    # requests

    def request(self, side: int, who: str, controller: str, amount: int) -> int:
        """Ask to deposit assets or to redeem shares; return the request id."""
        if side == DEPOSIT:
            need(amount > 0, "below the least deposit")
            self.put_in += amount
        else:
            need(amount > 0, "nothing to redeem")
            self.move(who, "vault", amount)
        price = self.ask_price if side == DEPOSIT else self.bid_price
        return self.queues[side].request(controller, amount, price)

    def cancel(self, side: int, who: str, number: int) -> int:
        """Take a request back; return its in units."""
        anyway = self.is_stale or not self.has_reporter
        freed, claimed = self.queues[side].take_back(who, number, anyway, self.reports)
        self._hand_out(side, who, claimed[1])
        if side == DEPOSIT:
            self.got_out += freed
        else:
            self.move("vault", who, freed)
        return freed

    def claim(self, side: int, who: str, amount: int, by_out: bool) -> tuple[int, int]:
        """Claim what is settled; return in and out units."""
        found = self.queues[side].claim(who, amount, by_out)
        self._hand_out(side, who, found[1])
        return found

    def _hand_out(self, side: int, who: str, amount: int) -> None:
        if side == DEPOSIT:
            self.move("vault", who, amount)
        else:
            self.claimable -= amount
            self.got_out += amount

    def move(self, sender: str, receiver: str, amount: int) -> None:
        """Move shares."""
        need(self.shares.get(sender, 0) >= amount, "erc20: transfer amount exceeds balance")
        self.shares[sender] = self.shares.get(sender, 0) - amount
        self.shares[receiver] = self.shares.get(receiver, 0) + amount

    def mint(self, who: str, amount: int) -> None:
        """Make shares."""
        self.shares[who] = self.shares.get(who, 0) + amount

    def burn(self, who: str, amount: int) -> None:
        """End shares."""
        need(self.shares.get(who, 0) >= amount, "erc20: burn amount exceeds balance")
        self.shares[who] -= amount

    # budget

    def open_market(
        self, market: Name, kind: int, question: Hashable = None, delegated: bool = False
    ) -> None:
        """Open a market of a class, or open it again once it is closed."""
        need(not self.classes[kind].retired, "class retired")
        known = self.markets.get(market)
        need(known is None or known.closed, "market open")
        need(known is None or not known.halted, "market was halted")
        self.markets[market] = VaultMarket(kind, question or market, delegated)
        self.open.append(market)

    def allocate(self, market: Name, assets: int, tradable: bool) -> None:
        """Move idle assets into a market's account, within every cap."""
        state = self._open(market)
        need(assets != 0, "nothing to allocate")
        need(not self.is_stale, "stale NAV")
        need(tradable, "market not tradable")
        need(not self.breaker_tripped, "drawdown")
        need(not self.classes[state.kind].retired, "class retired")
        for reason, room in self.rooms(market).items():
            need(assets <= room, reason)
        owed = -(-sum(e.left for e in self.queues[REDEEM].waiting) * self.bid_price // PRICE)
        need(self.idle >= assets + owed, "idle too low")
        state.exposure += assets
        state.bid += assets
        state.ask += assets
        self.idle -= assets
        self.periods = [*self._recent_periods(), [self.now // VELOCITY_PERIOD_S, assets]]

    def rooms(self, market: Name) -> dict[str, int]:
        """Return what each cap still lets into a market, by the reason it refuses with."""
        state, nav, limits = self.markets[market], self.nav[0], self.limits
        kind, caps = state.kind, self.classes[state.kind].caps
        asked = sum(
            each.exposure for m in self.open if (each := self.markets[m]).question == state.question
        )
        of_class = self.class_exposure(kind) + self.class_losses(kind)
        total, day = self.exposure + self.total_losses, self.recent_allocation
        return {
            "market cap": caps.market - state.exposure,
            "market cap bps": caps.market_bps * nav // BPS - state.exposure,
            "question cap": limits.question_cap_bps * nav // BPS - asked,
            "class cap": caps.all - of_class,
            "class cap bps": caps.all_bps * nav // BPS - of_class,
            "total cap": limits.total_cap - total,
            "total cap bps": limits.total_cap_bps * nav // BPS - total,
            "velocity": limits.velocity - day,
            "velocity bps": limits.velocity_bps * nav // BPS - day,
        }

    def recall(self, market: Name, assets: int) -> None:
        """Collateral has come from a market's account; above cost it is profit."""
        state = self._open(market)
        need(assets != 0, "nothing there")
        self._come_home(state, assets, min(assets, state.exposure))

    def harvest(self, market: Name, held: int) -> int:
        """Bring home what an account holds above cost; return it."""
        state = self._open(market)
        need(held > state.exposure, "no profit there")
        self._come_home(state, held - state.exposure, 0)
        return held - state.exposure

    def close(
        self,
        market: Name,
        account: Hashable,
        assets: int,
        stood_for: int | None = None,
        halted: bool = False,
    ) -> None:
        """End a market: what its account holds comes home, what is lacking is a loss.

        Args:
            assets: that came home
            stood_for: what its tokens and wallet stand for; None: it is empty
            halted: it had been halted before
        """
        state = self._open(market)
        if assets:
            self._come_home(state, assets, min(assets, state.exposure))
        if stood_for is not None:
            self.unswept[account] = Remains(state.kind, self._per_share(stood_for))
        self._lose(self.classes[state.kind], state.exposure)
        state.exposure = state.bid = state.ask = 0
        state.closed, state.halted = True, halted
        last = self.open.pop()
        if last != market:
            self.open[self.open.index(market)] = last

    def _lose(self, kind: VaultClass, assets: int) -> None:
        """Book what did not come home; without shares it is nobody's loss."""
        if self.supply:
            part, most = self._per_share(assets), self._most_per_share
            kind.losses = max(kind.losses, min(kind.losses + part, most))
            self.losses = max(self.losses, min(self.losses + part, most))
        kind.profit -= assets

    def sweep(self, account: Hashable, kind: int, assets: int, emptied: bool, paid: bool) -> None:
        """A closed account's money came home.

        Args:
            paid: every condition is resolved, nothing is away
        """
        if assets:
            self.idle += assets
            self._earn(kind, assets)
        if emptied:
            self.unswept.pop(account, None)
        elif paid and account in self.unswept:
            self.unswept[account] = Remains(kind, 0)

    def forgive(self, kind: int, assets: int) -> None:
        """Let losses of a class and of the vault count no more."""
        part = (assets << LOSS) // (self.supply + VIRTUAL_SHARES)
        self.classes[kind].losses -= min(self.classes[kind].losses, part)
        self.losses -= min(self.losses, part)

    def _open(self, market: Name) -> VaultMarket:
        need(market in self.markets, "unknown market")
        need(not self.markets[market].closed, "market closed")
        return self.markets[market]

    def _come_home(self, state: VaultMarket, assets: int, cost: int) -> None:
        """Cost leaves at cost; profit takes along what was booked above cost."""
        self.idle += assets
        state.exposure -= cost
        state.bid -= min(state.bid, cost)
        rest = min(max(0, state.ask - cost), state.exposure)
        state.ask = max(max(0, state.ask - assets), rest)
        left = cost  # frees as much of the rolling day, the latest first
        for entry in reversed(self._recent_periods()):
            freed = min(left, entry[1])
            entry[1] -= freed
            left -= freed
        self._earn(state.kind, assets - cost)

    def _earn(self, kind: int, profit: int) -> None:
        self.classes[kind].profit += profit
        self.forgive(kind, profit)

    # reports

    def report(self, values: Mapping[Name, Value | None]) -> DealingFigures:
        """Book what the accounts hold, and deal; None: an account does not answer."""
        self._check_interval()
        for market in self.open:
            state, value = self.markets[market], values[market]
            if value is None:
                state.bid, state.ask = 0, max(state.exposure, state.ask)
            else:
                state.bid, state.ask = min(value[0], state.exposure), value[1]
        return self._deal()

    def settle(self) -> DealingFigures:
        """Deal while nothing but idle is there."""
        need(self.is_flat, "not flat")
        self._check_interval()
        return self._deal()

    def _check_interval(self) -> None:
        due = self.reported + self.limits.min_report_interval_s
        need(self.reports == 0 or self.now >= due, "report too soon")

    def _deal(self) -> DealingFigures:
        """Take fees, settle what an earlier report closed, close the open epochs, publish."""
        limits, (nav_bid, nav_ask) = self.limits, self.nav
        before = self.supply
        management, performance = self._charge(performing=True)
        supply = self.supply
        whole = supply + VIRTUAL_SHARES
        bid = (nav_bid + 1) * PRICE // whole
        ask = max(bid, self._net(-(-(nav_ask + 1) * PRICE // whole)))
        day = max(limits.max_inflow_bps * nav_bid // BPS, limits.inflow_floor)
        self.room = min(day, self.room + day * (self.now - self.reported) // DAY)
        minted = supply - before
        prices = supply, bid, ask, self.room
        due = management, performance, minted, self.mark
        self.last = DealingFigures(nav_bid, nav_ask, *prices, *due)
        if supply <= (nav_bid + 1) * VIRTUAL_SHARES * COLLAPSE:
            free = self.is_flat and not self.unswept
            self._settle_deposits(max(ask, self.ask_price), bid, free)
            self._settle_redemptions(min(bid, self.bid_price))
        self.reports += 1
        self.reported = self.now
        for queue, price in zip(self.queues, (ask, bid), strict=True):
            queue.close(self.reports)
            queue.hear(price)
        self.bid_price, self.ask_price = bid, ask
        self.reference = max(self.reference, bid)
        self.base = self.nav[0]
        return self.last

    def _net(self, price: int) -> int:
        """Return what a share is worth after the fee that is still due."""
        mark = self.mark * PRICE // SHARE
        if price <= mark:
            return price
        return price - (price - mark) * self.rates[1] // BPS

    def _settle_deposits(self, price: int, bid: int, flat: bool) -> None:
        dear = price * BPS > bid * (BPS + self.limits.max_premium_bps)
        supply = self.supply
        for epoch in self.queues[DEPOSIT].waiting:
            if price * BPS > epoch.anchor * (BPS + self.limits.max_up_bps):
                epoch.handed_back = True
                continue
            taken = 0 if dear else epoch.left if flat else min(epoch.left, self.room)
            if taken == 0:
                continue
            shares = taken * PRICE // price
            epoch.settle(taken, shares)
            self.idle += taken
            if shares:
                self.room -= min(self.room, taken)
                entered = (supply * self.mark + taken * SHARE) // (supply + shares)
                self.mark = max(self.mark, entered)
                supply += shares
                self.mint("vault", shares)

    def _settle_redemptions(self, price: int) -> None:
        for epoch in self.queues[REDEEM].waiting:
            if price * BPS < epoch.anchor * (BPS - self.limits.max_down_bps):
                epoch.handed_back = True
                continue
            taken = epoch.left
            if taken * price // PRICE > self.idle:
                taken = self.idle * PRICE // price
            if taken == 0:
                continue
            paid = taken * price // PRICE
            epoch.settle(taken, paid)
            self.burn("vault", taken)
            self.idle -= paid
            self.claimable += paid

    # fees

    def _charge(self, performing: bool) -> tuple[int, int]:
        """Take the fees of the time since, as shares; return both in assets."""
        management_bps, performance_bps, hurdle_bps = self.rates
        assets, supply, elapsed = self.nav[0], self.supply, self.now - self.charged
        self.charged = self.now
        if supply == 0:
            self.mark = (assets + 1) * SHARE // VIRTUAL_SHARES
            return 0, 0
        whole = supply + VIRTUAL_SHARES
        lifting = self.now - self.reported if performing else 0
        self.mark += -(-self.mark * hurdle_bps * lifting // (BPS * YEAR))
        management = min(self.base, assets) * management_bps * elapsed // (BPS * YEAR)
        management = min(management, assets)
        performance = 0
        if performing:
            price = (assets + 1 - management) * SHARE // whole
            profit = max(0, price - self.mark) * supply // SHARE
            performance = profit * performance_bps // BPS
        taken = min(management + performance, assets)
        minted = taken * whole // (assets + 1 - taken)
        if performing:
            self.mark = max(self.mark, (assets + 1) * SHARE // (whole + minted))
        parts = [minted * bps // BPS for _, bps in self.recipients]
        for (who, _), part in zip(self.recipients, parts, strict=True):
            self.mint(who, part)
        self.mint(self.recipients[0][0], minted - sum(parts))
        return management, performance

    # leaving

    def leave_in_kind(
        self, owner: str, shares: int, skip: Collection[Name], pay: Pay[Name]
    ) -> tuple[int, int]:
        """Burn shares for their part of everything.

        Args:
            pay: lets an account pay its part; is called for what is not skipped

        Returns:
            the part of the shares that was paid for, and the supply of which it is a part
        """
        need(shares > 0, "nothing to redeem")
        self._charge(performing=False)
        supply = self.supply
        self.burn(owner, shares)
        part = shares - -(-shares * self.limits.exit_fee_bps // BPS)
        assets = self.idle * part // supply
        self.idle -= assets
        self.got_out += assets
        for market in [each for each in self.open if each not in skip]:
            state, paid = self.markets[market], pay(market, part, supply)
            gone = [n * part // supply for n in (state.exposure, state.bid, state.ask)]
            if state.delegated:  # of it only collateral leaves
                gone = [min(paid, each) for each in gone]
            state.exposure -= gone[0]
            state.bid = min(state.bid - gone[1], state.exposure)
            state.ask -= gone[2]
        return part, supply
