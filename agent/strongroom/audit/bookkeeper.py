"""Keeps a vault's ledger by its events alone and by arithmetic of the auditor's own.

Every event is held against what the ledger says must follow; the first that differs is named by
block, transaction and field.
"""

from collections.abc import Callable, Mapping

from strongroom.audit.events import (
    Allocated,
    AuditedEvent,
    BreakerReset,
    BreakerTripped,
    Deposit,
    DepositRequest,
    DepositRequestCancelled,
    FeesAccrued,
    MarketClosed,
    MarketOpened,
    Recalled,
    RedeemedInKind,
    RedeemRequest,
    RedeemRequestCancelled,
    ReportConfirmed,
    Reported,
    ReportPending,
    Settled,
    Synced,
    Transaction,
    Transfer,
    WindDown,
    Withdraw,
    on,
)
from strongroom.audit.governance import Governance
from strongroom.audit.ledger import BookedReport, Ledger, OpenMarket
from strongroom.audit.permissions import ZERO, Limit, PermissionChange, difference
from strongroom.audit.queues import Queue, claim_plan, settle
from strongroom.chain.ids import MarketId, keccak
from strongroom.chain.terms import VELOCITY_PERIOD_S, VELOCITY_PERIODS
from strongroom.chain.units import BPS, DAY, SHARE_PRICE, VIRTUAL_SHARES, WAD, YEAR

LOW64, LOW128 = 2**64 - 1, 2**128 - 1
DEPOSITS, REDEMPTIONS = 0, 1
WORTHLESS = 10**4  # times the offset's shares for one unit: the vault winds down

Values = Mapping[MarketId, tuple[int, int]]  # market -> value at the bid, spread


class Bookkeeper:
    """Books transactions, one after the other."""

    def __init__(self, ledger: Ledger) -> None:
        """Go on from a ledger, which changes as transactions are booked."""
        self.ledger = ledger
        self._governance = Governance(ledger.permissions)
        self._transaction = Transaction(0, ())
        self._minted: dict[str, int] = {}  # so far in the transaction; burned: under ZERO
        self._reports: list[BookedReport] = []  # of the transaction

    def book(self, transaction: Transaction) -> list[BookedReport]:
        """Book one transaction's events; return the reports that took effect in it.

        Raises:
            KeyError, ValueError, IndexError, ZeroDivisionError: an event is of something that the
                ledger does not know.
        """
        ledger, events = self.ledger, transaction.events
        self._transaction, self._minted, self._reports = transaction, {}, []
        if not ledger.reported_at:
            ledger.reported_at = ledger.anchored_at = transaction.time
            ledger.permissions.born_in = events[0].transaction
        for event in events:
            ledger.events += 1
            ledger.block = event.block
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                handler(self, event)
            else:
                ledger.differences += self._governance.take(event, transaction)
        if self._minted:
            self._expect(events[-1], "supply", ledger.supply, sum(ledger.holders.values()))
        for queues in ledger.queues:
            for number in [number for number, queue in queues.items() if queue.is_over]:
                del queues[number]
        return self._reports

    @property
    def _now(self) -> int:
        return self._transaction.time

    def _expect(self, at: AuditedEvent, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.ledger.differences.append(difference(at, what, expected, found))

    def _need(self, at: AuditedEvent, what: str, holds: bool, found: object, bound: object) -> None:
        if not holds:
            self.ledger.differences.append(difference(at, what, f"at most {bound}", found))

    # shares

    def _transfer(self, it: Transfer) -> None:
        ledger, sender, receiver, value = self.ledger, it.sender, it.receiver, it.value
        if sender == ZERO:
            ledger.supply += value
            self._minted[receiver] = self._minted.get(receiver, 0) + value
        else:
            left = ledger.holders.get(sender, 0) - value
            self._need(it, "Transfer.value: a holder's shares", left >= 0, value, left + value)
            ledger.holders[sender] = left
            if not left:
                del ledger.holders[sender]
        if receiver == ZERO:
            ledger.supply -= value
            self._minted[ZERO] = self._minted.get(ZERO, 0) + value
        elif value:
            ledger.holders[receiver] = ledger.holders.get(receiver, 0) + value

    # requests

    def _epoch(self, side: int, number: int) -> Queue:
        if not self.ledger.open_epoch[side]:
            self.ledger.open_epoch[side] = number
        return self.ledger.queues[side].setdefault(number, Queue())

    def _requested(self, it: DepositRequest | RedeemRequest, side: int, amount: int) -> None:
        number = self.ledger.open_epoch[side]
        if number:
            self._expect(it, f"{it.name}.requestId", number, it.request_id)
        queue, who = self._epoch(side, it.request_id), it.controller
        queue.asked[who] = queue.asked.get(who, 0) + amount
        queue.since[who] = self._now

    def _deposit_request(self, it: DepositRequest) -> None:
        self._requested(it, DEPOSITS, it.assets)

    def _redeem_request(self, it: RedeemRequest) -> None:
        to_vault = (e for e in self._transaction.of(Transfer) if e.receiver == self.ledger.vault)
        self._expect(it, "RedeemRequest.shares", sum(each.value for each in to_vault), it.shares)
        self._requested(it, REDEMPTIONS, it.shares)

    def _deposit_request_cancelled(self, it: DepositRequestCancelled) -> None:
        back, _ = self._epoch(DEPOSITS, it.request_id).leave(it.controller)
        self._expect(it, "DepositRequestCancelled amount", back, it.assets)

    def _redeem_request_cancelled(self, it: RedeemRequestCancelled) -> None:
        back, claimable = self._epoch(REDEMPTIONS, it.request_id).leave(it.controller)
        self._expect(it, "RedeemRequestCancelled amount", back, it.shares)
        self.ledger.claimable -= claimable

    def _deposit(self, it: Deposit) -> None:
        if self._minted.get(it.owner) == it.shares and not self._transaction.of(Reported):
            self._enter(it)
        else:
            self._claim(it, DEPOSITS, it.sender, (it.assets, it.shares))

    def _withdraw(self, it: Withdraw) -> None:
        ledger = self.ledger
        if self._transaction.of(RedeemRequestCancelled):
            return  # the settled part of a request that left its queue
        if self._minted.get(ZERO) == it.shares:
            burned = ledger.supply + it.shares
            worth = it.shares * (ledger.nav[0] + 1) // (burned + VIRTUAL_SHARES)
            self._expect(it, "Withdraw.assets", worth, it.assets)
            ledger.idle -= it.assets
        else:
            self._claim(it, REDEMPTIONS, it.owner, (it.shares, it.assets))
            ledger.claimable -= it.assets

    def _enter(self, it: Deposit) -> None:
        """A deposit at once, at the ask."""
        ledger, (bid, ask) = self.ledger, self.ledger.nav
        before = ledger.supply - it.shares
        price = max(ask, 0) + 1  # below nothing only after a difference that stands already
        self._expect(
            it, "Deposit.shares", it.assets * (before + VIRTUAL_SHARES) // price, it.shares
        )
        self._lift_mark(bid, ask, before, it.assets, it.shares)
        ledger.idle += it.assets

    def _claim(self, it: AuditedEvent, side: int, who: str, wanted: tuple[int, int]) -> None:
        """A claim takes from the oldest epoch first; by in units or by out units."""
        queues = self.ledger.queues[side]
        plans = [claim_plan(queues, who, wanted[by], bool(by)) for by in (0, 1)]
        sums = [(sum(each[1] for each in plan), sum(each[2] for each in plan)) for plan in plans]
        if wanted not in sums:
            self._expect(it, ("Deposit.shares", "Withdraw.assets")[side], sums[0], wanted)
            return
        for queue, some_in, some_out in plans[sums.index(wanted)]:
            queue.take(who, some_in, some_out)

    def _redeemed_in_kind(self, it: RedeemedInKind) -> None:
        ledger, shares, whole = self.ledger, it.shares, it.supply
        before = ledger.supply + shares  # the burn stands before this event
        self._expect(it, "RedeemedInKind.supply", before + VIRTUAL_SHARES, whole)
        self._expect(it, "RedeemedInKind.assets", ledger.idle * shares // whole, it.assets)
        ledger.idle -= it.assets
        for market in ledger.markets.values():
            part = market.bid * shares
            market.bid -= part // whole if part >= 0 else -(-part // whole)
            market.spread -= market.spread * shares // whole
            if ledger.permissions.class_of(market.class_id).grade == 1:
                market.exposure -= market.exposure * shares // whole

    # budget

    def _market_opened(self, it: MarketOpened) -> None:
        ledger, market = self.ledger, it.market
        latest = self._now + ledger.permissions.class_of(it.class_id).max_duration
        self._need(it, "MarketOpened.deadline", it.deadline <= latest, it.deadline, latest)
        ledger.markets[market] = OpenMarket(it.account, it.class_id, it.conditions, it.deadline)
        ledger.accounts[it.account] = market
        ledger.order.append(market)

    def _allocated(self, it: Allocated) -> None:
        ledger, market, assets = self.ledger, self.ledger.markets[it.market], it.assets
        self._expect(it, "Allocated.exposure", market.exposure + assets, it.exposure)
        self._check_caps(it, market)
        self._check_dealable(it)
        ledger.idle -= assets
        market.exposure += assets
        market.bid += assets
        period = self._now // VELOCITY_PERIOD_S
        ledger.allocated = {
            old: net for old, net in ledger.allocated.items() if old + VELOCITY_PERIODS > period
        }
        ledger.allocated[period] = ledger.allocated.get(period, 0) + assets

    def _check_caps(self, it: Allocated, market: OpenMarket) -> None:
        """A market's, its class's and all markets' exposure, and what a day may allocate."""
        ledger, limit = self.ledger, self.ledger.permissions.limit
        caps, nav = ledger.permissions.class_of(market.class_id).caps, ledger.nav[0]
        for what, stake, cap, bps in (
            ("market", market.exposure, caps.market, caps.market_bps),
            ("class", ledger.class_exposure(market.class_id), caps.of_class, caps.of_class_bps),
            ("total", ledger.exposure, limit(Limit.TOTAL_CAP), limit(Limit.TOTAL_CAP_BPS)),
        ):
            after, most = stake + it.assets, bps * nav // BPS
            self._need(it, f"Allocated.assets: {what} cap", after <= cap, after, cap)
            holds = after * BPS <= bps * nav
            self._need(it, f"Allocated.assets: {what} cap bps", holds, after, most)
        velocity = limit(Limit.VELOCITY_LIMIT)
        recent = ledger.recent_allocation(self._now) + it.assets
        self._need(it, "Allocated.assets: velocity limit", recent <= velocity, recent, velocity)

    def _check_dealable(self, it: Allocated) -> None:
        """What is owed to those who leave stays idle; nothing is bought while NAV is old."""
        ledger, owed = self.ledger, 0
        if ledger.waiting:
            owed = ledger.waiting * (ledger.nav[0] + 1) // (ledger.supply + VIRTUAL_SHARES) + 1
        free = ledger.idle - owed
        self._need(it, "Allocated.assets: idle", it.assets <= free, it.assets, free)
        oldest = ledger.permissions.limit(Limit.MAX_REPORT_AGE)
        fresh = self._now - ledger.reported_at <= oldest
        stopped = (
            ledger.pending
            or ledger.permissions.is_paused
            or ledger.is_winding_down
            or ledger.is_tripped
        )
        what = "Allocated: while NAV is fresh and nothing stopped"
        self._need(it, what, fresh and not stopped, it.assets, 0)

    def _recalled(self, it: Recalled) -> None:
        ledger, market, assets = self.ledger, self.ledger.markets[it.market], it.assets
        left_at_cost = max(0, market.exposure - assets)
        self._expect(it, "Recalled.exposure", left_at_cost, it.exposure)
        market.exposure = left_at_cost
        market.bid -= assets
        ledger.idle += assets
        left, period = assets, self._now // VELOCITY_PERIOD_S
        for old in range(period, period - VELOCITY_PERIODS, -1):
            freed = min(left, ledger.allocated.get(old, 0))
            if freed:
                ledger.allocated[old] -= freed
                left -= freed

    def _market_closed(self, it: MarketClosed) -> None:
        ledger = self.ledger
        place, last = ledger.order.index(it.market), ledger.order.pop()
        if last != it.market:
            ledger.order[place] = last
        del ledger.markets[it.market]
        ledger.closed += 1

    def _synced(self, it: Synced) -> None:
        ledger, bid, ask = self.ledger, it.value_bid, it.value_ask
        market, before = ledger.markets[it.market], ledger.nav[0]
        self._need(it, "Synced.value_ask", bid <= ask, bid, ask)
        market.bid, market.spread = bid, ask - bid
        if before:
            ledger.day_anchor = ledger.day_anchor * ledger.nav[0] // before

    # reports

    def _close_epochs(self) -> None:
        ledger = self.ledger
        for side in (REDEMPTIONS,) if ledger.is_winding_down else (DEPOSITS, REDEMPTIONS):
            number = ledger.open_epoch[side]
            queue = ledger.queues[side].get(number)
            if queue is not None and queue.total:
                queue.closed = True
                ledger.open_epoch[side] = number + 1

    def _report_pending(self, it: ReportPending) -> None:
        self.ledger.confirmed = ""
        if not self.ledger.pending:
            self._close_epochs()
        self.ledger.pending = it.report_hash

    def _report_confirmed(self, it: ReportConfirmed) -> None:
        self._expect(it, "ReportConfirmed.report_hash", self.ledger.pending, it.report_hash)
        self.ledger.confirmed = it.report_hash

    def _reported(self, it: Reported) -> None:
        """Value, judge, take over the marks, accrue fees, settle."""
        ledger, now = self.ledger, self._now
        elapsed = now - ledger.reported_at
        least = ledger.permissions.limit(Limit.MIN_REPORT_INTERVAL)
        what = "Reported: time since the last one"
        self._need(it, what, elapsed >= least, -elapsed, -least)
        values = self._values(it)
        bid = ledger.idle + sum(value for value, _ in values.values())
        ask = bid + sum(spread for _, spread in values.values())
        self._expect(it, "Reported.nav_bid", bid, it.nav_bid)
        self._expect(it, "Reported.nav_ask", ask, it.nav_ask)
        self._expect(it, "Reported.supply", ledger.supply, it.supply)
        self._judge_report(it, bid, ask)
        self._take_marks(it, values)
        ledger.reported_at, ledger.pending, ledger.confirmed = now, "", ""
        idle = ledger.idle
        if it.supply > (bid + 1) * VIRTUAL_SHARES * WORTHLESS:
            logged = len(self._transaction.of(WindDown))
            self._expect(it, "WindDown: a worthless share", 1, logged)
            ledger.is_winding_down = True
        fees = (0, 0, 0) if ledger.is_winding_down else self._accrue(it, bid, elapsed)
        self._settle(it, bid, ask, it.supply + fees[2])
        self._reports.append(
            BookedReport(
                it.block, now, bid, ask, it.supply, it.supply + fees[2], idle, ledger.exposure,
                fees[0], fees[1], ledger.high_water_mark, it.evidence,
                {name: (value, value + spread) for name, (value, spread) in values.items()},
            )
        )  # fmt: skip

    def _values(self, it: Reported) -> Values:
        """Each market's value and spread; the marks are well formed and exclusive."""
        ledger = self.ledger
        self._expect(it, "Reported.entries: markets", len(ledger.order), len(it.entries))
        wanted = sum(ledger.markets[name].conditions for name in ledger.order)
        self._expect(it, "Reported.words: conditions", wanted, len(it.words))
        for word in it.words:
            bid_yes, ask_yes, bid_no, ask_no = prices = _prices(word)
            fair = bid_yes <= ask_yes <= WAD and bid_no <= ask_no <= WAD and bid_yes + bid_no <= WAD
            self._need(it, "Reported.words: marks", fair, prices, "bid <= ask <= 1, bids <= 1")
        return {
            name: (entry >> 128, entry & LOW128)
            for name, entry in zip(ledger.order, it.entries, strict=False)
        }

    def _judge_report(self, it: Reported, bid: int, ask: int) -> None:
        """A report that nobody confirmed keeps to the bounds; a new day has a new anchor."""
        ledger, base = self.ledger, self.ledger.nav[0]
        confirmed = bool(ledger.pending) and ledger.confirmed == self._report_hash(it)
        if it.supply == 0:
            ledger.day_anchor, ledger.anchored_at = (bid + 1) * WAD, self._now
        elif self._now - ledger.anchored_at >= DAY:
            ledger.day_anchor, ledger.anchored_at = base * SHARE_PRICE // it.supply, self._now
        if not confirmed:
            self._check_bounds(it, bid, ask, base)
            self._close_epochs()

    def _take_marks(self, it: Reported, values: Values) -> None:
        ledger, place = self.ledger, 0
        for name, (value, spread) in values.items():
            ledger.markets[name].bid, ledger.markets[name].spread = value, spread
        for name in ledger.order:
            market = ledger.markets[name]
            market.marks = it.words[place : place + market.conditions]
            place += market.conditions

    def _report_hash(self, it: Reported) -> str:
        found, place = bytes.fromhex(it.evidence[2:]), 0
        for name in self.ledger.order:
            conditions = self.ledger.markets[name].conditions
            for word in it.words[place : place + conditions]:
                found = keccak(found + bytes.fromhex(name[2:]) + word.to_bytes(32, "big"))
            place += conditions
        return "0x" + found.hex()

    def _check_bounds(self, it: Reported, bid: int, ask: int, base: int) -> None:
        limit, anchor = self.ledger.permissions.limit, self.ledger.day_anchor
        most = bid * limit(Limit.MAX_SPREAD_BPS)
        spread = ask - bid
        self._need(it, "Reported: spread", spread * BPS <= most, spread, most // BPS)
        if it.supply == 0:
            return
        share = bid * SHARE_PRICE // it.supply
        up, down = limit(Limit.MAX_UP_BPS), limit(Limit.MAX_DOWN_BPS)
        day_up, day_down = limit(Limit.MAX_DAY_UP_BPS), limit(Limit.MAX_DAY_DOWN_BPS)
        for what, new, old, high, low in (
            ("Reported: bound of one report", bid, base, up, down),
            ("Reported: bound of a day", share, anchor, day_up, day_down),
        ):
            inside = old * (BPS - min(low, BPS)) <= new * BPS <= old * (BPS + high)
            self._need(it, what, inside, new, f"{old} - {low} / + {high} bps")

    # fees

    def _accrue(self, it: Reported, bid: int, elapsed: int) -> tuple[int, int, int]:
        """Management fee, performance fee, shares; the high-water mark moves."""
        ledger, due = self.ledger, (0, 0, 0)
        if it.supply == 0:
            ledger.high_water_mark, ledger.reference = (bid + 1) * WAD, 0
        else:
            due = self._fees(bid, it.supply, elapsed)
        logged = self._transaction.of(FeesAccrued)
        self._expect(it, "FeesAccrued: logged once", 1, len(logged))
        for fee in logged[:1]:
            self._expect(it, "FeesAccrued.management", due[0], fee.management)
            self._expect(it, "FeesAccrued.performance", due[1], fee.performance)
            self._expect(it, "FeesAccrued.shares", due[2], fee.shares)
            what = "FeesAccrued.high_water_mark"
            self._expect(it, what, ledger.high_water_mark, fee.high_water_mark)
        self._check_recipients(it, due[2])
        if it.supply:
            self._judge_price(it, bid * SHARE_PRICE // (it.supply + due[2]))
        return due

    def _check_recipients(self, it: Reported, shares: int) -> None:
        """Each recipient got its part of the shares, the first what rounding left."""
        recipients, parts, left = self.ledger.permissions.recipients, dict[str, int](), shares
        for who, bps in recipients:
            part = shares * bps // BPS
            parts[who] = parts.get(who, 0) + part
            left -= part
        if left:
            parts[recipients[0][0]] += left
        minted: dict[str, int] = {}
        for each in self._transaction.of(Transfer):
            if each.sender == ZERO and each.receiver != self.ledger.vault:
                minted[each.receiver] = minted.get(each.receiver, 0) + each.value
        wanted = {who: part for who, part in parts.items() if part}
        self._expect(it, "FeesAccrued.shares: minted to the recipients", wanted, minted)

    def _fees(self, bid: int, supply: int, elapsed: int) -> tuple[int, int, int]:
        ledger = self.ledger
        yearly, of_profit, hurdle = ledger.permissions.rates
        if hurdle:
            ledger.high_water_mark += -(-ledger.high_water_mark * hurdle * elapsed // (BPS * YEAR))
        management = min(bid, bid * yearly * elapsed // (BPS * YEAR))
        net = bid - management
        start = -(-ledger.high_water_mark * supply // SHARE_PRICE)
        performance = max(0, net - start) * of_profit // BPS
        net -= performance
        if not net:
            return 0, 0, 0
        ledger.high_water_mark = max(ledger.high_water_mark, net * SHARE_PRICE // supply)
        return management, performance, (management + performance) * supply // net

    def _judge_price(self, it: AuditedEvent, price: int) -> None:
        """The breaker: how far NAV a share is under its reference."""
        ledger = self.ledger
        if ledger.reference and price > ledger.reference:
            ledger.reference = price if price < ledger.high_water_mark else 0
        left = BPS - ledger.permissions.limit(Limit.MAX_DRAWDOWN_BPS)
        under = price * BPS < (ledger.reference or ledger.high_water_mark) * left
        if under and not ledger.is_tripped:
            logged = len(self._transaction.of(BreakerTripped))
            self._expect(it, "BreakerTripped: logged", 1, logged)
        ledger.is_tripped |= under

    def _settle(self, it: AuditedEvent, bid: int, ask: int, supply: int) -> None:
        ledger, entered, minted = self.ledger, 0, 0
        deposits, redemptions = ledger.queues
        if not ledger.is_winding_down:
            entered, minted = settle(deposits, supply + VIRTUAL_SHARES, ask + 1, None)
        if entered:
            self._lift_mark(bid, ask, supply, entered, minted)
        budget = ledger.idle + entered
        redeemed, paid = settle(redemptions, bid + 1, supply + VIRTUAL_SHARES, budget)
        ledger.idle = budget - paid
        ledger.claimable += paid
        logged = self._transaction.of(Settled)
        found = logged[0] if logged else Settled(0, "", 0, "", 0, 0, 0, 0)
        for name, one, other in (
            ("deposited_assets", entered, found.deposited_assets),
            ("minted_shares", minted, found.minted_shares),
            ("redeemed_shares", redeemed, found.redeemed_shares),
            ("paid_assets", paid, found.paid_assets),
        ):
            self._expect(it, f"Settled.{name}", one, other)

    def _lift_mark(self, bid: int, ask: int, supply: int, assets: int, shares: int) -> None:
        """Entry at the ask lifts the price a share; the mark rises in proportion."""
        ledger = self.ledger
        if supply == 0:
            ledger.high_water_mark = (bid + 1) * WAD
            return
        before, after = (
            bid * SHARE_PRICE // supply,
            (bid + assets) * SHARE_PRICE // (supply + shares),
        )
        if ask != bid and before and after > before:
            ledger.high_water_mark = ledger.high_water_mark * after // before + 1

    # stops

    def _wind_down(self, it: WindDown) -> None:
        self.ledger.is_winding_down = True
        words = f"wound down by {it.account}"
        self.ledger.permissions.timeline.append(PermissionChange(it.block, words))

    def _breaker_tripped(self, it: BreakerTripped) -> None:
        what = "BreakerTripped: price under the reference"
        self._expect(it, what, True, self.ledger.is_tripped)

    def _breaker_reset(self, it: BreakerReset) -> None:
        ledger = self.ledger
        price = ledger.nav[0] * SHARE_PRICE // ledger.supply if ledger.supply else 0
        self._expect(it, "BreakerReset.price", price, it.price)
        ledger.is_tripped = False
        ledger.reference = price if 0 < price < ledger.high_water_mark else 0


def _prices(word: int) -> tuple[int, int, int, int]:
    """Return a condition's prices: YES bid and ask, NO bid and ask; WAD."""
    return word & LOW64, (word >> 64) & LOW64, (word >> 128) & LOW64, word >> 192


# What is in neither table changes no balance and no permission: approvals, operators.
_HANDLERS: Mapping[type[AuditedEvent], Callable[[Bookkeeper, AuditedEvent], None]] = dict(
    (
        on(Transfer, Bookkeeper._transfer),
        on(DepositRequest, Bookkeeper._deposit_request),
        on(RedeemRequest, Bookkeeper._redeem_request),
        on(DepositRequestCancelled, Bookkeeper._deposit_request_cancelled),
        on(RedeemRequestCancelled, Bookkeeper._redeem_request_cancelled),
        on(Deposit, Bookkeeper._deposit),
        on(Withdraw, Bookkeeper._withdraw),
        on(RedeemedInKind, Bookkeeper._redeemed_in_kind),
        on(MarketOpened, Bookkeeper._market_opened),
        on(Allocated, Bookkeeper._allocated),
        on(Recalled, Bookkeeper._recalled),
        on(MarketClosed, Bookkeeper._market_closed),
        on(Synced, Bookkeeper._synced),
        on(ReportPending, Bookkeeper._report_pending),
        on(ReportConfirmed, Bookkeeper._report_confirmed),
        on(Reported, Bookkeeper._reported),
        on(WindDown, Bookkeeper._wind_down),
        on(BreakerTripped, Bookkeeper._breaker_tripped),
        on(BreakerReset, Bookkeeper._breaker_reset),
    )
)
