"""A vault's books, kept by its logs alone and by arithmetic of the auditor's own.

Every log is held against what the books say must follow; the first that differs is named by block,
transaction and field. Exact integers throughout. What is kept does not grow with history: holders,
open requests, open markets and what waits in the timelock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from agent.audit.logs import Event
from agent.ids import keccak

ZERO = "0x" + "00" * 20
VIRTUAL = 10**6  # shares that nobody holds, beside one virtual unit of assets
WAD, E24, BPS = 10**18, 10**24, 10_000
YEAR, DAY, PERIOD = 31_556_952, 86_400, 28_800
LOW64, LOW128 = 2**64 - 1, 2**128 - 1
SIDES = ("deposit", "redeem")
SETTLED_AT_ONCE = 8  # epochs of a side a report settles
WORTHLESS = 10**4  # times the offset's shares for one unit: the vault winds down


class Limit(IntEnum):
    """Limits by the ordinals that LimitSet names them by."""

    MAX_UP = 0
    MAX_DOWN = 1
    MAX_DAY_UP = 2
    MAX_DAY_DOWN = 3
    MAX_SPREAD = 4
    MIN_INTERVAL = 5
    SYNC_AGE = 6
    REPORT_AGE = 7
    ORDER_LIFETIME = 8
    BUY_PRICE = 9
    BAND = 10
    DRAWDOWN = 11
    LIVENESS = 12
    REDEEM_DELAY = 13
    TOTAL_BPS = 14
    TOTAL_CAP = 15
    VELOCITY = 16


@dataclass(frozen=True)
class Difference:
    """Where the chain and the books part."""

    block: int
    transaction: str
    what: str  # event and field, or view
    expected: Any
    found: Any


@dataclass
class Queue:
    """One epoch's requests."""

    asked: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    settled: int = 0  # in units
    earned: int = 0  # out units
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)
    closed: bool = False

    @property
    def total(self) -> int:
        """In units asked for."""
        return sum(self.asked.values())

    def due(self, who: str) -> tuple[int, int]:
        """What `who` can claim, in units and out units."""
        mine, total = self.asked.get(who, 0), self.total
        if not self.closed or not mine:
            return 0, 0
        had = self.taken.get(who, (0, 0))
        return mine * self.settled // total - had[0], mine * self.earned // total - had[1]

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more."""
        return (
            self.closed
            and self.settled == self.total
            and not any(any(self.due(who)) for who in self.asked)
        )


@dataclass
class Market:
    """An open market."""

    account: str
    class_id: int
    conditions: int
    deadline: int
    exposure: int = 0
    bid: int = 0
    spread: int = 0
    marks: tuple[int, ...] = ()


@dataclass
class ClassTerms:
    """A class of markets."""

    grade: int = 1
    max_duration: int = 0
    caps: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class ReportLine:
    """A report that took effect."""

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
    mark: int
    evidence: str
    values: Mapping[str, tuple[int, int]]  # market -> bid, ask


@dataclass
class Ledger:
    """The books. `apply` takes one transaction's events after the other."""

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
    limits: dict[int, int] = field(default_factory=dict)
    rates: tuple[int, int, int] = (0, 0, 0)
    recipients: list[tuple[str, int]] = field(default_factory=list)
    deposit_terms: tuple[int, int] = (0, 0)
    classes: dict[int, ClassTerms] = field(default_factory=dict)
    markets: dict[str, Market] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)  # of open markets, as the vault lists them
    closed: int = 0  # markets
    spent: dict[int, int] = field(default_factory=dict)  # period -> net allocation
    mark: int = WAD  # high-water mark
    anchor: int = WAD
    anchored: int = 0
    reported: int = 0
    pending: str = ""
    confirmed: str = ""
    tripped: bool = False
    reference: int = 0
    paused: bool = False
    winding_down: bool = False
    roles: dict[str, str] = field(default_factory=dict)
    delays: dict[str, int] = field(default_factory=dict)
    submitted: dict[str, tuple[int, str]] = field(default_factory=dict)  # hash -> ready, selector
    reports: list[ReportLine] = field(default_factory=list)
    timeline: list[tuple[int, str]] = field(default_factory=list)  # permissions: block, words
    accounts: dict[str, str] = field(default_factory=dict)  # account -> market, closed ones too
    last: ReportLine | None = None
    keep: int = 10**9  # reports and timeline entries that are kept

    # the loop

    def apply(self, time: int, events: Sequence[Event]) -> None:
        """Book one transaction's events."""
        self.now, self.tx = time, events
        if not self.reported:
            self.reported = self.anchored = time
        self.minted: dict[str, int] = {}
        for event in events:
            self.events += 1
            self.block, self.at = event.block, event
            handler = _HANDLERS.get(event.name)
            if handler is not None:
                handler(self, event.fields)
        self._expect(
            "supply", self.supply, sum(self.holders.values()) if self.minted else self.supply
        )
        for side in (0, 1):
            for number in [n for n, queue in self.queues[side].items() if queue.is_over]:
                del self.queues[side][number]

    def _expect(self, what: str, expected: Any, found: Any) -> None:
        if expected != found:
            self.differences.append(
                Difference(self.at.block, self.at.transaction, what, expected, found)
            )

    def _need(self, what: str, holds: bool, found: Any, bound: Any) -> None:
        if not holds:
            self.differences.append(
                Difference(self.at.block, self.at.transaction, what, f"at most {bound}", found)
            )

    def _has(self, name: str) -> list[Mapping[str, Any]]:
        return [event.fields for event in self.tx if event.name == name]

    # numbers

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
        return sum(queue.total - queue.settled for queue in self.queues[0].values())

    @property
    def waiting(self) -> int:
        """Shares in closed redemption epochs that are not settled."""
        return sum(q.total - q.settled for q in self.queues[1].values() if q.closed)

    def class_exposure(self, class_id: int) -> int:
        """Of a class's open markets, at cost."""
        return sum(m.exposure for m in self.markets.values() if m.class_id == class_id)

    def recent(self) -> int:
        """What the velocity limit counts."""
        return sum(net for period, net in self.spent.items() if period + 4 > self.now // PERIOD)

    # shares

    def _on_transfer(self, it: Mapping[str, Any]) -> None:
        sender, receiver, value = it["sender"], it["receiver"], it["value"]
        if sender == ZERO:
            self.supply += value
            self.minted[receiver] = self.minted.get(receiver, 0) + value
        else:
            left = self.holders.get(sender, 0) - value
            self._need("Transfer.value: a holder's shares", left >= 0, value, left + value)
            self.holders[sender] = left
            if not left:
                del self.holders[sender]
        if receiver == ZERO:
            self.supply -= value
            self.minted[ZERO] = self.minted.get(ZERO, 0) + value
        elif value:
            self.holders[receiver] = self.holders.get(receiver, 0) + value

    # requests

    def _epoch(self, side: int, number: int) -> Queue:
        if not self.open_epoch[side]:
            self.open_epoch[side] = number
        return self.queues[side].setdefault(number, Queue())

    def _ask(self, side: int, it: Mapping[str, Any], amount: int) -> None:
        if self.open_epoch[side]:
            self._expect(f"{self.at.name}.requestId", self.open_epoch[side], it["requestId"])
        queue, who = self._epoch(side, it["requestId"]), it["controller"]
        queue.asked[who] = queue.asked.get(who, 0) + amount
        queue.since[who] = self.now

    def _on_deposit_request(self, it: Mapping[str, Any]) -> None:
        self._ask(0, it, it["assets"])

    def _on_redeem_request(self, it: Mapping[str, Any]) -> None:
        moved = sum(
            each["value"] for each in self._has("Transfer") if each["receiver"] == self.vault
        )
        self._expect("RedeemRequest.shares", moved, it["shares"])
        self._ask(1, it, it["shares"])

    def _cancel(self, side: int, it: Mapping[str, Any], amount: int) -> None:
        queue, who = self._epoch(side, it["requestId"]), it["controller"]
        asked = queue.asked.get(who, 0)
        if not queue.closed:
            self._expect(f"{self.at.name} amount", asked, amount)
            queue.asked.pop(who, None)
            return
        done, earned = asked * queue.settled // queue.total, asked * queue.earned // queue.total
        self._expect(f"{self.at.name} amount", asked - done, amount)
        had = queue.taken.pop(who, (0, 0))
        queue.asked.pop(who, None)
        queue.settled -= done
        queue.earned -= earned
        if side == 1:
            self.claimable -= earned - had[1]

    def _on_deposit_request_cancelled(self, it: Mapping[str, Any]) -> None:
        self._cancel(0, it, it["assets"])

    def _on_redeem_request_cancelled(self, it: Mapping[str, Any]) -> None:
        self._cancel(1, it, it["shares"])

    def _on_deposit(self, it: Mapping[str, Any]) -> None:
        if self.minted.get(it["owner"]) == it["shares"] and not self._has("Reported"):
            self._enter(it["assets"], it["shares"])
        else:
            self._claim(0, it["sender"], it["assets"], it["shares"])

    def _on_withdraw(self, it: Mapping[str, Any]) -> None:
        if self._has("RedeemRequestCancelled"):
            return  # the settled part of a request that left its queue
        if self.minted.get(ZERO) == it["shares"]:
            bid = self.nav[0]
            burned = self.supply + it["shares"]
            worth = it["shares"] * (bid + 1) // (burned + VIRTUAL)
            self._expect("Withdraw.assets", worth, it["assets"])
            self.idle -= it["assets"]
        else:
            self._claim(1, it["owner"], it["shares"], it["assets"])
            self.claimable -= it["assets"]

    def _enter(self, assets: int, shares: int) -> None:
        """A deposit at once, at the ask."""
        bid, ask = self.nav
        before = self.supply - shares
        self._expect("Deposit.shares", assets * (before + VIRTUAL) // (ask + 1), shares)
        self._lift_mark(bid, ask, before, assets, shares)
        self.idle += assets

    def _claim(self, side: int, who: str, amount_in: int, amount_out: int) -> None:
        """A claim takes from the oldest epoch first; by in units or by out units."""
        names = ("Deposit.shares", "Withdraw.assets")
        for by_out in (False, True):
            plan = self._plan(side, who, amount_out if by_out else amount_in, by_out)
            if (sum(p[1] for p in plan), sum(p[2] for p in plan)) == (amount_in, amount_out):
                for queue, some_in, some_out in plan:
                    had = queue.taken.get(who, (0, 0))
                    queue.taken[who] = (had[0] + some_in, had[1] + some_out)
                return
        plan = self._plan(side, who, amount_in, False)
        expected = (sum(p[1] for p in plan), sum(p[2] for p in plan))
        self._expect(names[side], expected, (amount_in, amount_out))

    def _plan(self, side: int, who: str, amount: int, by_out: bool) -> list[tuple[Queue, int, int]]:
        plan, left = [], amount
        for number in sorted(self.queues[side]):
            queue = self.queues[side][number]
            can_in, can_out = queue.due(who)
            if not left:
                break
            if by_out and left < can_out:
                can_in, can_out = -(-can_in * left // can_out), left
            elif not by_out and left < can_in:
                can_in, can_out = left, can_out * left // can_in
            left -= can_out if by_out else can_in
            plan.append((queue, can_in, can_out))
        return plan

    def _on_redeemed_in_kind(self, it: Mapping[str, Any]) -> None:
        shares, whole = it["shares"], it["supply"]
        before = self.supply + shares  # the burn stands before this event
        self._expect("RedeemedInKind.supply", before + VIRTUAL, whole)
        self._expect("RedeemedInKind.assets", self.idle * shares // whole, it["assets"])
        self.idle -= it["assets"]
        for market in self.markets.values():
            part = market.bid * shares
            market.bid -= part // whole if part >= 0 else -(-part // whole)
            market.spread -= market.spread * shares // whole
            if self.classes[market.class_id].grade == 1:
                market.exposure -= market.exposure * shares // whole

    # budget

    def _on_market_opened(self, it: Mapping[str, Any]) -> None:
        kind = self.classes.get(it["class_id"], ClassTerms())
        self._need(
            "MarketOpened.deadline",
            it["deadline"] <= self.now + kind.max_duration,
            it["deadline"],
            self.now + kind.max_duration,
        )
        self.markets[it["market"]] = Market(
            it["account"], it["class_id"], it["conditions"], it["deadline"]
        )
        self.accounts[it["account"]] = it["market"]
        self.order.append(it["market"])

    def _on_allocated(self, it: Mapping[str, Any]) -> None:
        market, assets = self.markets[it["market"]], it["assets"]
        caps = self.classes.get(market.class_id, ClassTerms()).caps
        nav, limits = self.nav[0], self.limits
        self._expect("Allocated.exposure", market.exposure + assets, it["exposure"])
        for what, stake, cap, bps in (
            ("market", market.exposure, caps[0], caps[1]),
            ("class", self.class_exposure(market.class_id), caps[2], caps[3]),
            (
                "total",
                self.exposure,
                limits.get(Limit.TOTAL_CAP, 0),
                limits.get(Limit.TOTAL_BPS, 0),
            ),
        ):
            after = stake + assets
            self._need(f"Allocated.assets: {what} cap", after <= cap, after, cap)
            self._need(
                f"Allocated.assets: {what} cap bps",
                after * BPS <= bps * nav,
                after,
                bps * nav // BPS,
            )
        velocity = limits.get(Limit.VELOCITY, 0)
        recent = self.recent() + assets
        self._need("Allocated.assets: velocity limit", recent <= velocity, recent, velocity)
        owed = 0
        if self.waiting:
            owed = self.waiting * (nav + 1) // (self.supply + VIRTUAL) + 1
        self._need("Allocated.assets: idle", assets + owed <= self.idle, assets, self.idle - owed)
        fresh = self.now - self.reported <= limits.get(Limit.REPORT_AGE, 0)
        dealable = fresh and not (self.pending or self.paused or self.winding_down or self.tripped)
        self._need("Allocated: while NAV is fresh and nothing stopped", dealable, assets, 0)
        self.idle -= assets
        market.exposure += assets
        market.bid += assets
        period = self.now // PERIOD
        self.spent = {old: net for old, net in self.spent.items() if old + 4 > period}
        self.spent[period] = self.spent.get(period, 0) + assets

    def _on_recalled(self, it: Mapping[str, Any]) -> None:
        market, assets = self.markets[it["market"]], it["assets"]
        self._expect("Recalled.exposure", max(0, market.exposure - assets), it["exposure"])
        market.exposure = max(0, market.exposure - assets)
        market.bid -= assets
        self.idle += assets
        left, period = assets, self.now // PERIOD
        for old in range(period, period - 4, -1):
            freed = min(left, self.spent.get(old, 0))
            if freed:
                self.spent[old] -= freed
                left -= freed

    def _on_market_closed(self, it: Mapping[str, Any]) -> None:
        name = it["market"]
        place, last = self.order.index(name), self.order.pop()
        if last != name:
            self.order[place] = last
        del self.markets[name]
        self.closed += 1

    def _on_synced(self, it: Mapping[str, Any]) -> None:
        market, before = self.markets[it["market"]], self.nav[0]
        self._need("Synced.value_ask", it["value_bid"] <= it["value_ask"], it["value_bid"],
                   it["value_ask"])  # fmt: skip
        market.bid, market.spread = it["value_bid"], it["value_ask"] - it["value_bid"]
        if before:
            self.anchor = self.anchor * self.nav[0] // before

    # reports

    def _close_epochs(self) -> None:
        for side in (1,) if self.winding_down else (0, 1):
            number = self.open_epoch[side]
            queue = self.queues[side].get(number)
            if queue is not None and queue.total:
                queue.closed = True
                self.open_epoch[side] = number + 1

    def _on_report_pending(self, it: Mapping[str, Any]) -> None:
        self.confirmed = ""
        if not self.pending:
            self._close_epochs()
        self.pending = it["report_hash"]

    def _on_report_confirmed(self, it: Mapping[str, Any]) -> None:
        self._expect("ReportConfirmed.report_hash", self.pending, it["report_hash"])
        self.confirmed = it["report_hash"]

    def _on_reported(self, it: Mapping[str, Any]) -> None:
        elapsed = self.now - self.reported
        least = self.limits.get(Limit.MIN_INTERVAL, 0)
        self._need("Reported: time since the last one", elapsed >= least, -elapsed, -least)
        values, words = self._values(it)
        bid = self.idle + sum(value[0] for value in values.values())
        ask = bid + sum(value[1] for value in values.values())
        self._expect("Reported.nav_bid", bid, it["nav_bid"])
        self._expect("Reported.nav_ask", ask, it["nav_ask"])
        supply = self.supply
        self._expect("Reported.supply", supply, it["supply"])
        supply = it["supply"]
        confirmed = bool(self.pending) and self.confirmed == self._hash(it, words)
        base = self.nav[0]
        if supply == 0:
            self.anchor, self.anchored = (bid + 1) * WAD, self.now
        elif self.now - self.anchored >= DAY:
            self.anchor, self.anchored = base * E24 // supply, self.now
        if not confirmed:
            self._check_bounds(bid, ask, base, supply)
            self._close_epochs()
        for name, (value, spread) in values.items():
            self.markets[name].bid, self.markets[name].spread = value, spread
        place = 0
        for name in self.order:
            market = self.markets[name]
            market.marks = tuple(words[place : place + market.conditions])
            place += market.conditions
        self.reported, self.pending, self.confirmed = self.now, "", ""
        idle = self.idle
        if supply > (bid + 1) * VIRTUAL * WORTHLESS:
            self._expect("WindDown: a worthless share", 1, len(self._has("WindDown")))
            self.winding_down = True
        fees = (0, 0, 0) if self.winding_down else self._accrue(bid, supply, elapsed)
        self._settle(bid, ask, supply + fees[2])
        self.last = ReportLine(
            self.block, self.now, it["nav_bid"], it["nav_ask"], supply, supply + fees[2], idle,
            self.exposure, fees[0], fees[1], self.mark, it["evidence"],
            {name: (value, value + spread) for name, (value, spread) in values.items()},
        )  # fmt: skip
        if len(self.reports) < self.keep:
            self.reports.append(self.last)

    def _values(self, it: Mapping[str, Any]) -> tuple[dict[str, tuple[int, int]], Sequence[int]]:
        """Each market's value and spread, and the marks: well formed and exclusive."""
        entries, words = it["entries"], it["words"]
        self._expect("Reported.entries: markets", len(self.order), len(entries))
        wanted = sum(self.markets[name].conditions for name in self.order)
        self._expect("Reported.words: conditions", wanted, len(words))
        for word in words:
            bid_yes, ask_yes, bid_no, ask_no = _prices(word)
            fair = bid_yes <= ask_yes <= WAD and bid_no <= ask_no <= WAD and bid_yes + bid_no <= WAD
            self._need("Reported.words: marks", fair, _prices(word), "bid <= ask <= 1, bids <= 1")
        return {
            name: (entry >> 128, entry & LOW128)
            for name, entry in zip(self.order, entries, strict=False)
        }, words

    def _hash(self, it: Mapping[str, Any], words: Sequence[int]) -> str:
        found, place = bytes.fromhex(it["evidence"][2:]), 0
        for name in self.order:
            for word in words[place : place + self.markets[name].conditions]:
                found = keccak(found + bytes.fromhex(name[2:]) + word.to_bytes(32, "big"))
            place += self.markets[name].conditions
        return "0x" + found.hex()

    def _check_bounds(self, bid: int, ask: int, base: int, supply: int) -> None:
        limit = self.limits.get
        widest = bid * limit(Limit.MAX_SPREAD, 0) // BPS
        self._need(
            "Reported: spread",
            (ask - bid) * BPS <= bid * limit(Limit.MAX_SPREAD, 0),
            ask - bid,
            widest,
        )
        if supply == 0:
            return
        share = bid * E24 // supply
        ways = Limit.MAX_UP, Limit.MAX_DOWN, Limit.MAX_DAY_UP, Limit.MAX_DAY_DOWN
        up, down, day_up, day_down = (limit(way, 0) for way in ways)
        for what, new, old, high, low in (
            ("Reported: bound of one report", bid, base, up, down),
            ("Reported: bound of a day", share, self.anchor, day_up, day_down),
        ):
            inside = old * (BPS - min(low, BPS)) <= new * BPS <= old * (BPS + high)
            self._need(what, inside, new, f"{old} - {low} / + {high} bps")

    def _accrue(self, bid: int, supply: int, elapsed: int) -> tuple[int, int, int]:
        """Management fee, performance fee, shares; the high-water mark moves."""
        if supply == 0:
            due, self.mark, self.reference = (0, 0, 0), (bid + 1) * WAD, 0
        else:
            due = self._fees(bid, supply, elapsed)
        logged = self._has("FeesAccrued")
        self._expect("FeesAccrued: logged once", 1, len(logged))
        if logged:
            names = ("management", "performance", "shares")
            for name, expected in zip(names, due, strict=True):
                self._expect(f"FeesAccrued.{name}", expected, logged[0][name])
            self._expect("FeesAccrued.high_water_mark", self.mark, logged[0]["high_water_mark"])
        parts: dict[str, int] = {}
        left = due[2]
        for who, bps in self.recipients:
            part = due[2] * bps // BPS
            parts[who] = parts.get(who, 0) + part
            left -= part
        if left:
            parts[self.recipients[0][0]] += left
        minted: dict[str, int] = {}
        for each in self._has("Transfer"):
            if each["sender"] == ZERO and each["receiver"] != self.vault:
                minted[each["receiver"]] = minted.get(each["receiver"], 0) + each["value"]
        wanted = {who: part for who, part in parts.items() if part}
        self._expect("FeesAccrued.shares: minted to the recipients", wanted, minted)
        if supply:
            self._judge(bid * E24 // (supply + due[2]))
        return due

    def _fees(self, bid: int, supply: int, elapsed: int) -> tuple[int, int, int]:
        yearly, of_profit, hurdle = self.rates
        if hurdle:
            self.mark += -(-self.mark * hurdle * elapsed // (BPS * YEAR))
        management = min(bid, bid * yearly * elapsed // (BPS * YEAR))
        net = bid - management
        start = -(-self.mark * supply // E24)
        performance = max(0, net - start) * of_profit // BPS
        net -= performance
        if not net:
            return 0, 0, 0
        self.mark = max(self.mark, net * E24 // supply)
        return management, performance, (management + performance) * supply // net

    def _judge(self, price: int) -> None:
        if self.reference and price > self.reference:
            self.reference = price if price < self.mark else 0
        kept = BPS - self.limits.get(Limit.DRAWDOWN, 0)
        under = price * BPS < (self.reference or self.mark) * kept
        if under and not self.tripped:
            self._expect("BreakerTripped: logged", 1, len(self._has("BreakerTripped")))
        self.tripped |= under

    def _settle(self, bid: int, ask: int, supply: int) -> None:
        entered = minted = 0
        if not self.winding_down:
            entered, minted = self._settle_side(0, supply + VIRTUAL, ask + 1, None)
        if entered:
            self._lift_mark(bid, ask, supply, entered, minted)
        budget = self.idle + entered
        redeemed, paid = self._settle_side(1, bid + 1, supply + VIRTUAL, budget)
        self.idle = budget - paid
        self.claimable += paid
        expected = (entered, minted, redeemed, paid)
        names = ("deposited_assets", "minted_shares", "redeemed_shares", "paid_assets")
        logged = self._has("Settled")
        found = tuple(logged[0][name] for name in names) if logged else (0, 0, 0, 0)
        for name, one, other in zip(names, expected, found, strict=True):
            self._expect(f"Settled.{name}", one, other)

    def _settle_side(
        self, side: int, numerator: int, denominator: int, budget: int | None
    ) -> tuple[int, int]:
        total_in = total_out = done = 0
        for number in sorted(self.queues[side]):
            queue = self.queues[side][number]
            rest = queue.total - queue.settled
            if not queue.closed or not rest:
                continue
            if done == SETTLED_AT_ONCE:
                break
            done += 1
            take = rest
            if budget is not None and take * numerator // denominator > budget - total_out:
                take = (budget - total_out) * denominator // numerator
            out = take * numerator // denominator
            queue.settled += take
            queue.earned += out
            total_in, total_out = total_in + take, total_out + out
            if take < rest:
                break
        return total_in, total_out

    def _lift_mark(self, bid: int, ask: int, supply: int, assets: int, shares: int) -> None:
        """Entry at the ask lifts the price a share; the mark rises in proportion."""
        if supply == 0:
            self.mark = (bid + 1) * WAD
            return
        before, after = bid * E24 // supply, (bid + assets) * E24 // (supply + shares)
        if ask != bid and before and after > before:
            self.mark = self.mark * after // before + 1

    # permissions and terms

    def _on_limit_set(self, it: Mapping[str, Any]) -> None:
        self.limits[it["limit"]] = it["new_value"]
        self._tell(f"limit {it['limit']} = {it['new_value']}")

    def _on_fees_set(self, it: Mapping[str, Any]) -> None:
        self.rates = (it["management_bps"], it["performance_bps"], it["hurdle_bps"])
        self._tell(f"fees {self.rates} bps")

    def _on_fee_recipients_set(self, it: Mapping[str, Any]) -> None:
        self.recipients = [(str(who).lower(), bps) for who, bps in it["recipients"]]
        self._expect("FeeRecipientsSet: parts", BPS, sum(bps for _, bps in self.recipients))

    def _on_deposit_terms_set(self, it: Mapping[str, Any]) -> None:
        self.deposit_terms = (it["deposit_limit"], it["min_deposit"])

    def _on_class_added(self, it: Mapping[str, Any]) -> None:
        known = self.classes.get(it["class_id"], ClassTerms())
        self.classes[it["class_id"]] = ClassTerms(it["grade"], it["max_duration"], known.caps)
        self._tell(f"class {it['class_id']}: grade {it['grade']}, oracle {it['oracle']}")

    def _on_class_caps_set(self, it: Mapping[str, Any]) -> None:
        names = ("market_cap", "market_cap_bps", "class_cap", "class_cap_bps")
        caps = (it[names[0]], it[names[1]], it[names[2]], it[names[3]])
        self.classes.setdefault(it["class_id"], ClassTerms()).caps = caps
        self._tell(f"caps of class {it['class_id']}: {caps}")

    def _on_role_set(self, it: Mapping[str, Any]) -> None:
        role = _ROLES.get(it["role"], it["role"])
        self.roles[role] = it["account"]
        self._tell(f"{role} is {it['account']}")

    def _on_ownership_transferred(self, it: Mapping[str, Any]) -> None:
        self.roles["owner"] = it["new_owner"]
        self._tell(f"owner is {it['new_owner']}")

    def _on_paused(self, it: Mapping[str, Any]) -> None:
        self.paused = True
        self._tell(f"paused by {it['account']}")

    def _on_unpaused(self, it: Mapping[str, Any]) -> None:
        self.paused = False
        self._tell(f"unpaused by {it['account']}")

    def _on_wind_down(self, it: Mapping[str, Any]) -> None:
        self.winding_down = True
        self._tell(f"wound down by {it['account']}")

    def _on_breaker_tripped(self, it: Mapping[str, Any]) -> None:
        self._expect("BreakerTripped: price under the reference", True, self.tripped)

    def _on_breaker_reset(self, it: Mapping[str, Any]) -> None:
        price = self.nav[0] * E24 // self.supply if self.supply else 0
        self._expect("BreakerReset.price", price, it["price"])
        self.tripped = False
        self.reference = price if 0 < price < self.mark else 0

    def _on_delay_set(self, it: Mapping[str, Any]) -> None:
        self.delays[it["selector"][:10]] = it["delay"]
        self._tell(f"delay of {it['selector'][:10]}: {it['delay']} s")

    def _on_call_submitted(self, it: Mapping[str, Any]) -> None:
        selector = "0x" + bytes(it["call"])[:4].hex()
        delay = self.delays.get(selector, 0)
        self._need("CallSubmitted.delay", it["delay"] >= delay, -it["delay"], -delay)
        self.submitted[it["call_hash"]] = (self.now + it["delay"], selector)
        self._tell(f"submitted {selector}, ready at {self.now + it['delay']}")

    def _on_call_revoked(self, it: Mapping[str, Any]) -> None:
        self.submitted.pop(it["call_hash"], None)

    def _on_call_executed(self, it: Mapping[str, Any]) -> None:
        ready, _ = self.submitted.pop(it["call_hash"], (2**64, ""))
        self._need("CallExecuted: before its delay was over", ready <= self.now, -self.now, -ready)

    def _tell(self, words: str) -> None:
        if len(self.timeline) < self.keep:
            self.timeline.append((self.block, words))


def _prices(word: int) -> tuple[int, int, int, int]:
    return word & LOW64, (word >> 64) & LOW64, (word >> 128) & LOW64, word >> 192


def _topic(text: str) -> str:
    return "0x" + keccak(text.encode()).hex()


_ROLES = {_topic(name): name for name in ("keeper", "reporter", "guardian", "owner")}
_HANDLERS: dict[str, Any] = {}
for _name, _function in list(vars(Ledger).items()):
    if _name.startswith("_on_"):
        _HANDLERS["".join(part.title() for part in _name[4:].split("_"))] = _function


def by_transaction(events: Iterable[Event]) -> list[list[Event]]:
    """Return events in groups of one transaction, in order."""
    groups: list[list[Event]] = []
    for event in events:
        if groups and groups[-1][-1].transaction == event.transaction:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups
