"""An independent model of the vault: plain lists and exact integers, nothing packed.

Written from the design's formulas, not from the contracts: requests are lists that are walked,
epochs are objects, sums are summed. What an account holds is not the vault's to know: values come
in as arguments. `VaultRefused` where the vault must revert. The property tests hold the contracts
against it, step by step and to the unit; so a backtest's vault is the contracts' vault.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from strongroom.chain.terms import VELOCITY_PERIOD_S
from strongroom.chain.units import BPS, DAY, SHARE_PRICE, VIRTUAL_SHARES, WAD, YEAR
from strongroom.errors import Refused

DEPOSIT, REDEEM = 0, 1

Name = TypeVar("Name", bound=Hashable)  # of a market
Marks = tuple[int, int, int, int]
Value = tuple[int, int]  # at the bid and at the ask


class VaultRefused(Refused):
    """The vault must revert."""


def need(condition: bool, reason: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise VaultRefused(reason)


@dataclass
class Epoch:
    """Who asked for how much and when, how much is settled, who claimed what."""

    asked: dict[str, int] = field(default_factory=dict)
    asked_at: dict[str, int] = field(default_factory=dict)
    settled_in: int = 0
    settled_out: int = 0
    claimed_in: dict[str, int] = field(default_factory=dict)
    claimed_out: dict[str, int] = field(default_factory=dict)
    closed: bool = False

    @property
    def total(self) -> int:
        return sum(self.asked.values())

    def waits(self, who: str) -> bool:
        """Whether a part of who's request is not settled."""
        settled = self.closed and self.settled_in == self.total
        return self.asked.get(who, 0) != 0 and not settled

    def entitled(self, who: str) -> tuple[int, int]:
        asked = self.asked.get(who, 0)
        if not self.closed or asked == 0:
            return 0, 0
        return asked * self.settled_in // self.total, asked * self.settled_out // self.total

    def claimable(self, who: str) -> tuple[int, int]:
        part_in, part_out = self.entitled(who)
        return part_in - self.claimed_in.get(who, 0), part_out - self.claimed_out.get(who, 0)


@dataclass
class VaultMarket:
    """What the vault keeps of a market."""

    kind: int = 0
    book: Value = (0, 0)
    marks: Marks = (0, 0, 0, 0)
    payout_booked: bool = False
    exposure: int = 0
    closed: bool = False


@dataclass
class Caps:
    """Caps of one class, or in total (then without a market's)."""

    market: int
    market_bps: int
    all: int
    all_bps: int


@dataclass
class Vault(Generic[Name]):
    """The whole vault; `limits` by name, `classes` by id."""

    limits: dict[str, int]
    rates: tuple[int, int, int]  # management, performance, hurdle
    recipients: list[tuple[str, int]]  # who, bps
    now: int
    classes: list[Caps] = field(default_factory=list)
    shares: dict[str, int] = field(default_factory=dict)
    epochs: tuple[list[Epoch], list[Epoch]] = field(default_factory=lambda: ([Epoch()], [Epoch()]))
    markets: dict[Name, VaultMarket] = field(default_factory=dict)
    open: list[Name] = field(default_factory=list)
    allocations: list[list[int]] = field(default_factory=list)  # [period, net], oldest first
    idle: int = 0
    claimable: int = 0
    mark: int = WAD
    anchor: int = WAD
    anchored: int = 0
    reported: int = 0
    pending: object = None
    confirmed: object = None
    tripped: bool = False
    reference: int | None = None  # of the breaker, after a reset
    winding_down: bool = False
    put_in: int = 0
    got_out: int = 0
    venue: int = 0  # gains less losses that are booked
    last_fees: int = 0
    last_nav: int = 0

    def __post_init__(self) -> None:
        self.anchored = self.reported = self.now

    # views

    @property
    def supply(self) -> int:
        return sum(self.shares.values())

    @property
    def nav(self) -> Value:
        return (
            self.idle + sum(self.markets[m].book[0] for m in self.open),
            self.idle + sum(self.markets[m].book[1] for m in self.open),
        )

    @property
    def pending_deposits(self) -> int:
        return sum(e.total - e.settled_in for e in self.epochs[DEPOSIT])

    @property
    def waiting_shares(self) -> int:
        return sum(e.total - e.settled_in for e in self.epochs[REDEEM] if e.closed)

    @property
    def exposure(self) -> int:
        return sum(self.markets[m].exposure for m in self.open)

    def class_exposure(self, kind: int) -> int:
        return sum(self.markets[m].exposure for m in self.open if self.markets[m].kind == kind)

    @property
    def recent_allocation(self) -> int:
        return sum(
            net for period, net in self.allocations if period + 4 > self.now // VELOCITY_PERIOD_S
        )

    def can_claim(self, side: int, who: str) -> tuple[int, int]:
        """All that `who` can claim; the vault's bound of 16 epochs a claim is not reached here."""
        parts = [epoch.claimable(who) for epoch in self.epochs[side]]
        return sum(p[0] for p in parts), sum(p[1] for p in parts)

    # dealing

    def request(self, side: int, who: str, controller: str, amount: int) -> None:
        if side == DEPOSIT:
            need(not self.winding_down, "winding down")
            need(amount > 0, "below the least deposit")
            self.put_in += amount
        else:
            need(amount > 0, "nothing to redeem")
            self.move(who, "vault", amount)
        epoch = self.epochs[side][-1]
        epoch.asked[controller] = epoch.asked.get(controller, 0) + amount
        epoch.asked_at[controller] = self.now

    def cancel(self, side: int, who: str) -> int:
        if self.winding_down:
            amount, _ = self._leave(side, who, self.now)
        else:
            amount = self.epochs[side][-1].asked.pop(who, 0)
            need(amount > 0, "nothing to cancel")
        if side == DEPOSIT:
            self.got_out += amount
        else:
            self.move("vault", who, amount)
        return amount

    def _leave(self, side: int, who: str, latest: int) -> tuple[int, int]:
        """Take the oldest request that still waits out of its epoch; pay what was settled of it.

        Returns the in units freed and the out units paid.
        """
        for epoch in self.epochs[side]:
            if not epoch.waits(who):
                continue
            need(epoch.asked_at[who] <= latest, "request not overdue")
            rest_in, rest_out = epoch.claimable(who)
            self.take(side, who, [(epoch, rest_in, rest_out)])
            done_in, done_out = epoch.entitled(who)
            left = epoch.asked.pop(who) - done_in
            epoch.settled_in -= done_in
            epoch.settled_out -= done_out
            epoch.claimed_in.pop(who, None)
            epoch.claimed_out.pop(who, None)
            return left, rest_out
        raise VaultRefused("nothing to cancel")

    def claim(self, side: int, who: str, amount: int, by_out: bool) -> tuple[int, int]:
        need(self.can_claim(side, who)[by_out] >= amount, "exceeds claimable")
        return self.take(side, who, self.plan_claim(side, who, amount, by_out))

    def plan_claim(
        self, side: int, who: str, amount: int, by_out: bool
    ) -> list[tuple[Epoch, int, int]]:
        """Return what a claim takes out of which epoch, oldest first: in units and out units."""
        plan = []
        left = amount
        for epoch in self.epochs[side]:
            can_in, can_out = epoch.claimable(who)
            if left == 0:
                break
            take_in, take_out = can_in, can_out
            if by_out and left < can_out:
                take_in, take_out = -(-can_in * left // can_out), left
            elif not by_out and left < can_in:
                take_in, take_out = left, can_out * left // can_in
            left -= take_out if by_out else take_in
            plan.append((epoch, take_in, take_out))
        return plan

    def take(self, side: int, who: str, plan: list[tuple[Epoch, int, int]]) -> tuple[int, int]:
        for epoch, amount_in, amount_out in plan:
            epoch.claimed_in[who] = epoch.claimed_in.get(who, 0) + amount_in
            epoch.claimed_out[who] = epoch.claimed_out.get(who, 0) + amount_out
        total_in, total_out = sum(p[1] for p in plan), sum(p[2] for p in plan)
        if side == DEPOSIT:
            self.move("vault", who, total_out)
        else:
            self.claimable -= total_out
            self.got_out += total_out
        return total_in, total_out

    def move(self, sender: str, receiver: str, amount: int) -> None:
        need(self.shares.get(sender, 0) >= amount, "erc20: transfer amount exceeds balance")
        self.shares[sender] = self.shares.get(sender, 0) - amount
        self.shares[receiver] = self.shares.get(receiver, 0) + amount

    def mint(self, who: str, amount: int) -> None:
        self.shares[who] = self.shares.get(who, 0) + amount

    def burn(self, who: str, amount: int) -> None:
        need(self.shares.get(who, 0) >= amount, "erc20: burn amount exceeds balance")
        self.shares[who] -= amount

    def _check_dealable(self) -> None:
        need(not self.winding_down, "winding down")
        need(self.pending is None, "report pending")
        need(self.now - self.reported <= self.limits["max_report_age"], "stale NAV")

    # budget

    def open_market(self, market: Name, kind: int) -> None:
        need(not self.winding_down, "winding down")
        self.markets[market] = VaultMarket(kind)
        self.open.append(market)

    def allocate(self, market: Name, assets: int, tradable: bool) -> None:
        need(not self.winding_down, "winding down")
        self._check_dealable()
        state = self.markets[market]
        need(not state.closed, "market closed")
        need(tradable, "market not tradable")
        nav = self.nav[0]
        if self.supply:
            need(not self.tripped, "drawdown")
            need(not self._is_drawdown(nav * SHARE_PRICE // self.supply, self.mark), "drawdown")
        caps, limits = self.classes[state.kind], self.limits
        for reason, exposure, cap, bps in (
            ("market cap", state.exposure, caps.market, caps.market_bps),
            ("class cap", self.class_exposure(state.kind), caps.all, caps.all_bps),
            ("total cap", self.exposure, limits["total_cap"], limits["total_cap_bps"]),
        ):
            need(exposure + assets <= cap, reason)
            need((exposure + assets) * BPS <= bps * nav, reason + " bps")
        need(self.recent_allocation + assets <= limits["velocity_limit"], "velocity limit")
        owed = 0
        if self.waiting_shares:
            owed = self.waiting_shares * (nav + 1) // (self.supply + VIRTUAL_SHARES) + 1
        need(self.idle >= assets + owed, "idle too low")
        state.exposure += assets
        self.allocations.append([self.now // VELOCITY_PERIOD_S, assets])
        state.book = (state.book[0] + assets, state.book[1] + assets)
        self.idle -= assets

    def room(self, market: Name) -> int:
        """Return the most that the caps let into a market."""
        state, nav, limits = self.markets[market], self.nav[0], self.limits
        caps, of_class = self.classes[state.kind], self.class_exposure(state.kind)
        rooms = (
            caps.market - state.exposure,
            caps.market_bps * nav // BPS - state.exposure,
            caps.all - of_class,
            caps.all_bps * nav // BPS - of_class,
            limits["total_cap"] - self.exposure,
            limits["total_cap_bps"] * nav // BPS - self.exposure,
            limits["velocity_limit"] - self.recent_allocation,
        )
        return max(0, min(rooms))

    def recall(self, market: Name, assets: int) -> None:
        """Budget `assets` has come back from the market's account."""
        state = self.markets[market]
        need(not state.closed, "market closed")
        state.exposure = max(0, state.exposure - assets)
        left = assets
        for entry in reversed(self.allocations):
            if entry[0] + 4 > self.now // VELOCITY_PERIOD_S:
                freed = min(left, entry[1])
                entry[1] -= freed
                left -= freed
        state.book = (state.book[0] - assets, state.book[1] - assets)
        self.idle += assets

    def close(self, market: Name) -> None:
        """The market is resolved and empty."""
        state = self.markets[market]
        self.venue -= state.book[0]
        state.book = (0, 0)
        state.exposure = 0
        state.closed = True
        index = self.open.index(market)
        last = self.open.pop()
        if last != market:
            self.open[index] = last

    def sync(self, market: Name, value: Value) -> None:
        """Book a payout: the account is worth `value` now."""
        state = self.markets[market]
        before = self.nav[0]
        self.venue += value[0] - state.book[0]
        state.book = value
        state.payout_booked = True
        if before:
            self.anchor = self.anchor * self.nav[0] // before

    # reports

    def report(
        self,
        values: dict[Name, Value],
        marks: dict[Name, Marks],
        key: object,
        payouts: dict[Name, Value],
    ) -> str:
        """Take a report; `key` names it. Returns "settled" or "pending"."""
        elapsed = self.now - self.reported
        need(elapsed >= self.limits["min_report_interval"], "report too soon")
        for market, value in payouts.items():
            self.sync(market, value)
        base = self.nav[0]
        bid = self.idle + sum(value[0] for value in values.values())
        ask = self.idle + sum(value[1] for value in values.values())
        supply = self.supply
        anchor, anchored = self.anchor, self.anchored
        if supply == 0:
            anchor, anchored = (bid + 1) * WAD, self.now
        elif self.now - anchored >= DAY:
            anchor, anchored = base * SHARE_PRICE // supply, self.now
        confirmed = self.pending is not None and self.confirmed == key
        self.confirmed = None
        in_bounds = self._in_bounds(bid, ask, base, anchor, supply)
        if not confirmed and not in_bounds:
            self.put_aside(key)
            return "pending"
        if not confirmed:  # a confirmed one was known when the open epochs' requests were made
            self._close_epochs()
        for market in self.open:
            state = self.markets[market]
            self.venue += values[market][0] - state.book[0]
            state.book = values[market]
            state.marks = marks[market]
        self.anchor, self.anchored = anchor, anchored
        self.reported = self.now
        self.pending = None
        self.winding_down |= supply > (bid + 1) * VIRTUAL_SHARES * 10**4
        self.last_fees, self.last_nav = 0, bid
        if not self.winding_down:
            self._fees(bid, supply, elapsed)
        self._settle(bid, ask)
        return "settled"

    def put_aside(self, key: object) -> None:
        """A report outside its bounds: known from now on, but of no effect."""
        self.confirmed = None
        if self.pending is None:
            self._close_epochs()
        self.pending = key

    def _close_epochs(self) -> None:
        for side in (REDEEM,) if self.winding_down else (DEPOSIT, REDEEM):
            if self.epochs[side][-1].total:
                self.epochs[side][-1].closed = True
                self.epochs[side].append(Epoch())

    def _in_bounds(self, bid: int, ask: int, base: int, anchor: int, supply: int) -> bool:
        limits = self.limits
        if (ask - bid) * BPS > bid * limits["max_spread_bps"]:
            return False
        if supply == 0:
            return True
        a_share = bid * SHARE_PRICE // supply
        return (
            base * (BPS - limits["max_down_bps"])
            <= bid * BPS
            <= base * (BPS + limits["max_up_bps"])
        ) and (
            anchor * (BPS - limits["max_day_down_bps"])
            <= a_share * BPS
            <= anchor * (BPS + limits["max_day_up_bps"])
        )

    def _fees(self, bid: int, supply: int, elapsed: int) -> None:
        if supply == 0:
            self.mark = (bid + 1) * WAD
            self.reference = None
            return
        management_bps, performance_bps, hurdle_bps = self.rates
        management = min(bid, bid * management_bps * elapsed // (BPS * YEAR))
        left = bid - management
        self.mark = -(-self.mark * (BPS * YEAR + hurdle_bps * elapsed) // (BPS * YEAR))
        threshold = -(-self.mark * supply // SHARE_PRICE)
        performance = max(0, left - threshold) * performance_bps // BPS
        left -= performance
        minted = 0
        if left:
            minted = (management + performance) * supply // left
            self.mark = max(self.mark, left * SHARE_PRICE // supply)
            self.last_fees = management + performance
        parts = [minted * bps // BPS for _, bps in self.recipients]
        for (who, _), part in zip(self.recipients, parts, strict=True):
            self.mint(who, part)
        self.mint(self.recipients[0][0], minted - sum(parts))
        price = bid * SHARE_PRICE // (supply + minted)
        if self.reference is not None and price > self.reference:
            self.reference = price if price < self.mark else None
        self.tripped |= self._is_drawdown(price, self.mark)

    def _is_drawdown(self, price: int, mark: int) -> bool:
        reference = mark if self.reference is None else self.reference
        return price * BPS < reference * (BPS - self.limits["max_drawdown_bps"])

    def _keep_mark(self, bid: int, ask: int, supply: int, assets: int, shares: int) -> None:
        if supply == 0:
            self.mark = (bid + 1) * WAD
            return
        before = bid * SHARE_PRICE // supply
        after = (bid + assets) * SHARE_PRICE // (supply + shares)
        if ask != bid and before and after > before:
            self.mark = self.mark * after // before + 1

    def _settle(self, bid: int, ask: int) -> None:
        supply = self.supply
        if not self.winding_down:
            entered, minted = self._settle_side(DEPOSIT, supply + VIRTUAL_SHARES, ask + 1, None)
            if entered:
                self._keep_mark(bid, ask, supply, entered, minted)
                self.mint("vault", minted)
                self.idle += entered
        burned, paid = self._settle_side(REDEEM, bid + 1, supply + VIRTUAL_SHARES, self.idle)
        self.shares["vault"] = self.shares.get("vault", 0) - burned
        self.idle -= paid
        self.claimable += paid

    def _settle_side(
        self, side: int, numerator: int, denominator: int, budget: int | None
    ) -> tuple[int, int]:
        total_in = total_out = rounds = 0
        for epoch in self.epochs[side]:
            rest = epoch.total - epoch.settled_in
            if not epoch.closed or rest == 0:
                continue
            if rounds == 8:
                break
            rounds += 1
            take = rest
            if budget is not None and rest * numerator // denominator > budget - total_out:
                take = (budget - total_out) * denominator // numerator
            out = take * numerator // denominator
            epoch.settled_in += take
            epoch.settled_out += out
            total_in, total_out = total_in + take, total_out + out
            if take < rest:
                break
        return total_in, total_out
