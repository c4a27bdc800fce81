"""A vault's books, kept by its logs alone and by arithmetic of the auditor's own.

Every log is held against what the books say must follow; the first that differs is named by block,
transaction and field. Exact integers throughout. What is kept is holders, open requests, open
markets and what waits in the timelock; of history only an address for each market that there was
and a line for each change of permissions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from strongroom.audit.logs import Event
from strongroom.audit.permissions import BPS, ZERO, Difference, Limit, Terms, handlers
from strongroom.audit.queues import Queue, claim_plan, settle
from strongroom.chain.ids import keccak

VIRTUAL = 10**6  # shares that nobody holds, beside one virtual unit of assets
WAD, E24 = 10**18, 10**24
YEAR, DAY, PERIOD = 31_556_952, 86_400, 28_800
LOW64, LOW128 = 2**64 - 1, 2**128 - 1
SIDES = ("deposit", "redeem")
WORTHLESS = 10**4  # times the offset's shares for one unit: the vault winds down


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
    terms: Terms = field(default_factory=Terms)
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
    winding_down: bool = False
    reports: list[ReportLine] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)  # account -> market, closed ones too

    # the loop

    def apply(self, time: int, events: Sequence[Event]) -> None:
        """Book one transaction's events."""
        self.now, self.tx = time, events
        if not self.reported:
            self.reported = self.anchored = time
            self.terms.born = events[0].transaction
        self.minted: dict[str, int] = {}
        for event in events:
            self.events += 1
            self.block, self.at = event.block, event
            handler = _HANDLERS.get(event.name)
            if handler is not None:
                handler(self, event.fields)
            self.differences += self.terms.hear(event, time, events)
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
        return sum(queue.rest for queue in self.queues[0].values())

    @property
    def waiting(self) -> int:
        """Shares in closed redemption epochs that are not settled."""
        return sum(queue.rest for queue in self.queues[1].values() if queue.closed)

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
        back, claimable = queue.leave(who)
        self._expect(f"{self.at.name} amount", back, amount)
        if side == 1:
            self.claimable -= claimable

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
        wanted = (amount_in, amount_out)
        plans = [claim_plan(self.queues[side], who, wanted[by], bool(by)) for by in (0, 1)]
        sums = [(sum(each[1] for each in plan), sum(each[2] for each in plan)) for plan in plans]
        if wanted not in sums:
            self._expect(("Deposit.shares", "Withdraw.assets")[side], sums[0], wanted)
            return
        for queue, some_in, some_out in plans[sums.index(wanted)]:
            queue.take(who, some_in, some_out)

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
            if self.terms.class_of(market.class_id).grade == 1:
                market.exposure -= market.exposure * shares // whole

    # budget

    def _on_market_opened(self, it: Mapping[str, Any]) -> None:
        kind = self.terms.class_of(it["class_id"])
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
        caps, limit = self.terms.class_of(market.class_id).caps, self.terms.limit
        nav = self.nav[0]
        self._expect("Allocated.exposure", market.exposure + assets, it["exposure"])
        for what, stake, cap, bps in (
            ("market", market.exposure, caps[0], caps[1]),
            ("class", self.class_exposure(market.class_id), caps[2], caps[3]),
            ("total", self.exposure, limit(Limit.TOTAL_CAP), limit(Limit.TOTAL_BPS)),
        ):
            after = stake + assets
            self._need(f"Allocated.assets: {what} cap", after <= cap, after, cap)
            self._need(
                f"Allocated.assets: {what} cap bps",
                after * BPS <= bps * nav,
                after,
                bps * nav // BPS,
            )
        velocity = limit(Limit.VELOCITY)
        recent = self.recent() + assets
        self._need("Allocated.assets: velocity limit", recent <= velocity, recent, velocity)
        owed = 0
        if self.waiting:
            owed = self.waiting * (nav + 1) // (self.supply + VIRTUAL) + 1
        self._need("Allocated.assets: idle", assets + owed <= self.idle, assets, self.idle - owed)
        fresh = self.now - self.reported <= limit(Limit.REPORT_AGE)
        stopped = self.pending or self.terms.paused or self.winding_down or self.tripped
        dealable = fresh and not stopped
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
        least = self.terms.limit(Limit.MIN_INTERVAL)
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
        line = ReportLine(
            self.block, self.now, it["nav_bid"], it["nav_ask"], supply, supply + fees[2], idle,
            self.exposure, fees[0], fees[1], self.mark, it["evidence"],
            {name: (value, value + spread) for name, (value, spread) in values.items()},
        )  # fmt: skip
        self.reports.append(line)

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
        limit = self.terms.limit
        widest = bid * limit(Limit.MAX_SPREAD) // BPS
        self._need(
            "Reported: spread",
            (ask - bid) * BPS <= bid * limit(Limit.MAX_SPREAD),
            ask - bid,
            widest,
        )
        if supply == 0:
            return
        share = bid * E24 // supply
        ways = Limit.MAX_UP, Limit.MAX_DOWN, Limit.MAX_DAY_UP, Limit.MAX_DAY_DOWN
        up, down, day_up, day_down = (limit(way) for way in ways)
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
        for who, bps in self.terms.recipients:
            part = due[2] * bps // BPS
            parts[who] = parts.get(who, 0) + part
            left -= part
        if left:
            parts[self.terms.recipients[0][0]] += left
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
        yearly, of_profit, hurdle = self.terms.rates
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
        kept = BPS - self.terms.limit(Limit.DRAWDOWN)
        under = price * BPS < (self.reference or self.mark) * kept
        if under and not self.tripped:
            self._expect("BreakerTripped: logged", 1, len(self._has("BreakerTripped")))
        self.tripped |= under

    def _settle(self, bid: int, ask: int, supply: int) -> None:
        entered = minted = 0
        if not self.winding_down:
            entered, minted = settle(self.queues[0], supply + VIRTUAL, ask + 1, None)
        if entered:
            self._lift_mark(bid, ask, supply, entered, minted)
        budget = self.idle + entered
        redeemed, paid = settle(self.queues[1], bid + 1, supply + VIRTUAL, budget)
        self.idle = budget - paid
        self.claimable += paid
        expected = (entered, minted, redeemed, paid)
        names = ("deposited_assets", "minted_shares", "redeemed_shares", "paid_assets")
        logged = self._has("Settled")
        found = tuple(logged[0][name] for name in names) if logged else (0, 0, 0, 0)
        for name, one, other in zip(names, expected, found, strict=True):
            self._expect(f"Settled.{name}", one, other)

    def _lift_mark(self, bid: int, ask: int, supply: int, assets: int, shares: int) -> None:
        """Entry at the ask lifts the price a share; the mark rises in proportion."""
        if supply == 0:
            self.mark = (bid + 1) * WAD
            return
        before, after = bid * E24 // supply, (bid + assets) * E24 // (supply + shares)
        if ask != bid and before and after > before:
            self.mark = self.mark * after // before + 1

    # stops

    def _on_wind_down(self, it: Mapping[str, Any]) -> None:
        self.winding_down = True
        self.terms.timeline.append((self.block, f"wound down by {it['account']}"))

    def _on_breaker_tripped(self, it: Mapping[str, Any]) -> None:
        self._expect("BreakerTripped: price under the reference", True, self.tripped)

    def _on_breaker_reset(self, it: Mapping[str, Any]) -> None:
        price = self.nav[0] * E24 // self.supply if self.supply else 0
        self._expect("BreakerReset.price", price, it["price"])
        self.tripped = False
        self.reference = price if 0 < price < self.mark else 0


def _prices(word: int) -> tuple[int, int, int, int]:
    return word & LOW64, (word >> 64) & LOW64, (word >> 128) & LOW64, word >> 192


_HANDLERS = handlers(Ledger)


def by_transaction(events: Iterable[Event]) -> list[list[Event]]:
    """Return events in groups of one transaction, in order."""
    groups: list[list[Event]] = []
    for event in events:
        if groups and groups[-1][-1].transaction == event.transaction:
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups
