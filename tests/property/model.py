"""An independent model of the vault: plain lists and exact integers, nothing packed.

Written from the design's formulas, not from the contracts: requests are lists that are walked,
epochs are objects, values are recomputed from holdings. `Refused` where the vault must revert.
"""

from dataclasses import dataclass, field

OFFSET = 10**6
SCALE = 10**24
WAD = 10**18
BPS = 10_000
YEAR = 31_556_952
DAY = 86_400
DEPOSIT, REDEEM = 0, 1


class Refused(Exception):
    """The vault must revert."""


def need(condition: bool, reason: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise Refused(reason)


@dataclass
class Epoch:
    """Who asked for how much, how much is settled, who claimed what."""

    asked: dict[str, int] = field(default_factory=dict)
    settled_in: int = 0
    settled_out: int = 0
    claimed_in: dict[str, int] = field(default_factory=dict)
    claimed_out: dict[str, int] = field(default_factory=dict)
    closed: bool = False

    @property
    def total(self) -> int:
        return sum(self.asked.values())

    def claimable(self, who: str) -> tuple[int, int]:
        asked = self.asked.get(who, 0)
        if not self.closed or asked == 0:
            return 0, 0
        return (
            asked * self.settled_in // self.total - self.claimed_in.get(who, 0),
            asked * self.settled_out // self.total - self.claimed_out.get(who, 0),
        )


@dataclass
class Market:
    """An account's holdings, its marks, and what it was last booked at."""

    collateral: int = 0
    yes: int = 0
    no: int = 0
    marks: tuple[int, int, int, int] = (0, 0, 0, 0)
    payout: tuple[int, int] | None = None
    payout_booked: bool = False
    book: tuple[int, int] = (0, 0)
    exposure: int = 0
    closed: bool = False

    def value(self, marks: tuple[int, int, int, int]) -> tuple[int, int]:
        if self.payout is not None:
            yes, no = self.payout
            paid = self.yes * yes // (yes + no) + self.no * no // (yes + no)
            return self.collateral + paid, self.collateral + paid
        pairs = min(self.yes, self.no)
        bid_yes, ask_yes, bid_no, ask_no = marks
        over_yes, over_no = self.yes - pairs, self.no - pairs
        bid = (over_yes * bid_yes + over_no * bid_no) // WAD
        ask = -(-(over_yes * ask_yes + over_no * ask_no) // WAD)
        return self.collateral + pairs + bid, self.collateral + pairs + ask


@dataclass
class Vault:
    """The whole vault; `limits` by name."""

    limits: dict[str, int]
    management: int
    performance: int
    market_cap: int
    market_cap_bps: int
    now: int
    manager: str
    shares: dict[str, int] = field(default_factory=dict)
    epochs: tuple[list[Epoch], list[Epoch]] = field(default_factory=lambda: ([Epoch()], [Epoch()]))
    markets: dict[bytes, Market] = field(default_factory=dict)
    open: list[bytes] = field(default_factory=list)
    idle: int = 0
    claimable: int = 0
    mark: int = WAD
    anchor: int = WAD
    anchored: int = 0
    reported: int = 0
    pending: object = None
    confirmed: object = None
    put_in: int = 0
    got_out: int = 0
    venue: int = 0  # gains less losses that are booked
    last_report: tuple[int, int] = (0, 0)  # NAV at the bid, fees due

    def __post_init__(self) -> None:
        self.anchored = self.reported = self.now

    # views

    @property
    def supply(self) -> int:
        return sum(self.shares.values())

    @property
    def nav(self) -> tuple[int, int]:
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

    def can_claim(self, side: int, who: str) -> tuple[int, int]:
        """All that `who` can claim; the vault's bound of 16 epochs a claim is not reached here."""
        parts = [epoch.claimable(who) for epoch in self.epochs[side]]
        return sum(p[0] for p in parts), sum(p[1] for p in parts)

    # dealing

    def request(self, side: int, who: str, controller: str, amount: int) -> None:
        if side == DEPOSIT:
            need(amount > 0, "below the least deposit")
            self.put_in += amount
        else:
            need(amount > 0, "nothing to redeem")
            self.move(who, "vault", amount)
        asked = self.epochs[side][-1].asked
        asked[controller] = asked.get(controller, 0) + amount

    def cancel(self, side: int, who: str) -> int:
        amount = self.epochs[side][-1].asked.pop(who, 0)
        need(amount > 0, "nothing to cancel")
        if side == DEPOSIT:
            self.got_out += amount
        else:
            self.move("vault", who, amount)
        return amount

    def claim(self, side: int, who: str, amount: int, by_out: bool) -> tuple[int, int]:
        need(self.can_claim(side, who)[by_out] >= amount, "exceeds claimable")
        taken_in = taken_out = 0
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
            epoch.claimed_in[who] = epoch.claimed_in.get(who, 0) + take_in
            epoch.claimed_out[who] = epoch.claimed_out.get(who, 0) + take_out
            taken_in, taken_out = taken_in + take_in, taken_out + take_out
        if side == DEPOSIT:
            self.move("vault", who, taken_out)
        else:
            self.claimable -= taken_out
            self.got_out += taken_out
        return taken_in, taken_out

    def move(self, sender: str, receiver: str, amount: int) -> None:
        need(self.shares.get(sender, 0) >= amount, "erc20: transfer amount exceeds balance")
        self.shares[sender] = self.shares.get(sender, 0) - amount
        self.shares[receiver] = self.shares.get(receiver, 0) + amount

    def sync_deposit(self, who: str, assets: int) -> int:
        need(assets > 0, "below the least deposit")
        self._check_sync()
        bid, ask = self.nav
        supply = self.supply
        shares = assets * (supply + OFFSET) // (ask + 1)
        need(shares > 0, "too few shares out")
        self._keep_mark(bid, ask, supply, assets, shares)
        self.idle += assets
        self.put_in += assets
        self.shares[who] = self.shares.get(who, 0) + shares
        return shares

    def sync_redeem(self, who: str, shares: int) -> int:
        need(shares > 0, "nothing to redeem")
        self._check_sync()
        need(self.waiting_shares == 0, "redemptions wait")
        assets = shares * (self.nav[0] + 1) // (self.supply + OFFSET)
        need(assets <= self.idle, "idle too low")
        need(self.shares.get(who, 0) >= shares, "erc20: burn amount exceeds balance")
        self.shares[who] = self.shares.get(who, 0) - shares
        self.idle -= assets
        self.got_out += assets
        return assets

    def _check_sync(self) -> None:
        self._check_dealable()
        need(self.now - self.reported <= self.limits["sync_max_age"], "stale NAV")
        for market in self.open:
            self.sync(market)

    def _check_dealable(self) -> None:
        need(self.pending is None, "report pending")
        need(self.now - self.reported <= self.limits["max_report_age"], "stale NAV")

    # budget

    def allocate(self, market: bytes, assets: int) -> None:
        self._check_dealable()
        state = self.markets[market]
        need(not state.closed, "market closed")
        need(state.payout is None, "market not tradable")
        exposure = state.exposure + assets
        need(exposure <= self.market_cap, "market cap")
        need(exposure * BPS <= self.market_cap_bps * self.nav[0], "market cap bps")
        owed = 0
        if self.waiting_shares:
            owed = self.waiting_shares * (self.nav[0] + 1) // (self.supply + OFFSET) + 1
        need(self.idle >= assets + owed, "idle too low")
        state.exposure = exposure
        state.collateral += assets
        state.book = (state.book[0] + assets, state.book[1] + assets)
        self.idle -= assets

    def recall(self, market: bytes, assets: int) -> int:
        state = self.markets[market]
        need(not state.closed, "market closed")
        sent = min(assets, state.collateral)
        state.collateral -= sent
        state.exposure = max(0, state.exposure - sent)
        state.book = (state.book[0] - sent, state.book[1] - sent)
        self.idle += sent
        return sent

    def close(self, market: bytes) -> None:
        state = self.markets[market]
        need(not state.closed, "market closed")
        need(state.payout is not None, "market not resolved")
        need(state.yes == 0 and state.no == 0, "tokens not redeemed")
        self.sync(market)
        self.recall(market, state.collateral)
        self.venue -= state.book[0]
        state.book = (0, 0)
        state.exposure = 0
        state.closed = True
        index = self.open.index(market)
        last = self.open.pop()
        if last != market:
            self.open[index] = last

    def sync(self, market: bytes) -> None:
        state = self.markets[market]
        need(not state.closed, "market closed")
        if state.payout is None or state.payout_booked:
            return
        before = self.nav[0]
        value = state.value(state.marks)
        self.venue += value[0] - state.book[0]
        state.book = value
        state.payout_booked = True
        if before:
            self.anchor = self.anchor * self.nav[0] // before

    # reports

    def report(self, marks: dict[bytes, tuple[int, int, int, int]], evidence: bytes) -> str:
        """Take a report; returns "settled" or "pending"."""
        elapsed = self.now - self.reported
        need(elapsed >= self.limits["min_report_interval"], "report too soon")
        for market in self.open:
            self.sync(market)
        base = self.nav[0]
        values = {m: self.markets[m].value(marks[m]) for m in self.open}
        bid = self.idle + sum(value[0] for value in values.values())
        ask = self.idle + sum(value[1] for value in values.values())
        supply = self.supply
        anchor, anchored = self.anchor, self.anchored
        if supply == 0:
            anchor, anchored = (bid + 1) * WAD, self.now
        elif self.now - anchored >= DAY:
            anchor, anchored = base * SCALE // supply, self.now
        for side in (DEPOSIT, REDEEM):
            if self.epochs[side][-1].total:
                self.epochs[side][-1].closed = True
                self.epochs[side].append(Epoch())
        key = (tuple((m, marks[m]) for m in self.open), evidence)
        confirmed = self.confirmed is not None and self.confirmed == key
        self.confirmed = None
        if not confirmed and not self._in_bounds(bid, ask, base, anchor, supply):
            self.pending = key
            return "pending"
        for market in self.open:
            state = self.markets[market]
            self.venue += values[market][0] - state.book[0]
            state.book = values[market]
            state.marks = marks[market]
        self.anchor, self.anchored = anchor, anchored
        self.reported = self.now
        self.pending = None
        self._fees(bid, supply, elapsed)
        self._settle(bid, ask)
        return "settled"

    def _in_bounds(self, bid: int, ask: int, base: int, anchor: int, supply: int) -> bool:
        limits = self.limits
        if (ask - bid) * BPS > bid * limits["max_spread_bps"]:
            return False
        if supply == 0:
            return True
        a_share = bid * SCALE // supply
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
        self.last_report = (bid, 0)
        if supply == 0:
            self.mark = (bid + 1) * WAD
            return
        management = min(bid, bid * self.management * elapsed // (BPS * YEAR))
        left = bid - management
        threshold = -(-self.mark * supply // SCALE)
        performance = max(0, left - threshold) * self.performance // BPS
        left -= performance
        if left == 0:
            return
        minted = (management + performance) * supply // left
        self.shares[self.manager] = self.shares.get(self.manager, 0) + minted
        self.mark = max(self.mark, left * SCALE // supply)
        self.last_report = (bid, management + performance)

    def _keep_mark(self, bid: int, ask: int, supply: int, assets: int, shares: int) -> None:
        if supply == 0:
            self.mark = (bid + 1) * WAD
            return
        before = bid * SCALE // supply
        after = (bid + assets) * SCALE // (supply + shares)
        if ask != bid and before and after > before:
            self.mark = self.mark * after // before + 1

    def _settle(self, bid: int, ask: int) -> None:
        supply = self.supply
        entered, minted = self._settle_side(DEPOSIT, supply + OFFSET, ask + 1, None)
        if entered:
            self._keep_mark(bid, ask, supply, entered, minted)
            self.shares["vault"] = self.shares.get("vault", 0) + minted
            self.idle += entered
        burned, paid = self._settle_side(REDEEM, bid + 1, supply + OFFSET, self.idle)
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
