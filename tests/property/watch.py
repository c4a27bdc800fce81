"""Looks at a vault around every act and holds it to DESIGN 6, promise by promise.

What it holds against comes from the promise: balances from the token, prices as they were
published, requests as they were made, the fee formulas of DESIGN 2.4. It has no model of the vault.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.property.evm import Logs
from tests.property.world import (
    BPS,
    DAY,
    DEPOSIT,
    PRICE,
    REDEEM,
    SHARE,
    SIDES,
    VIRTUAL,
    YEAR,
    World,
)

DEALS = ("report", "settle")
NEWS = ("close",)  # moves stored NAV: what a market has not returned is a loss


@dataclass
class Look:
    """A vault before an act."""

    do: str
    nav: int
    supply: int
    prices: tuple[int, int]
    mark: int
    losses: int
    idle: int
    logs: int
    reports: int


@dataclass
class Watch:
    """One vault's promises, act after act."""

    world: World
    gifts: int = 0  # to the vault itself, which it does not see
    dust: int = 0  # units that roundings may have left in the vault
    prices: list[tuple[int, int]] = field(default_factory=list)  # by number of the report
    asked: dict[tuple[int, int], int] = field(default_factory=dict)  # (side, epoch) -> reports then
    begun: dict[tuple[int, int], int] = field(default_factory=dict)  # at the epoch's first request
    closed: dict[tuple[int, int], int] = field(default_factory=dict)  # report that closed the epoch
    room: int = 0  # for deposits, as the last deal left it
    dealt_at: int = 0
    fee_base: int = 0  # NAV at the bid after the last settlement
    fees_at: int = 0
    epochs: set[int] = field(default_factory=set)  # of deposits, with something left
    checks: dict[str, int] = field(default_factory=dict)  # how often each promise was looked at

    def __post_init__(self) -> None:
        self.vault = self.world.vault
        self.logs = Logs(self.vault.address, self.vault.abis)
        self.fees_at = self.dealt_at = self.world.now
        self.prices.append(self.vault.prices())

    def look(self, do: str) -> Look:
        vault = self.vault
        if do == "gift":
            self.gifts -= self._balance()
        return Look(
            do,
            vault.totalAssets(),
            vault.totalSupply(),
            vault.prices(),
            vault.highWaterMark(),
            vault.totalLosses(),
            vault.total_idle(),
            len(self.world.evm.transactions),
            vault.reportCount(),
        )

    def _balance(self) -> int:
        return int(self.world.pusd.balanceOf(self.vault.address))

    def _count(self, promise: str) -> None:
        self.checks[promise] = self.checks.get(promise, 0) + 1

    def compare(self, before: Look) -> None:
        """Hold what an act did to the promises."""
        if before.do == "gift":
            self.gifts += self._balance()
        logs = [log for _, each in self.world.evm.transactions[before.logs :] for log in each]
        events = self.logs.read(logs)
        self._follow(before, events)
        self.promise_1_and_5_value()
        self.promise_2_nothing_above_cost()
        self.promise_3_no_dilution(before, events)
        if before.do == "cancel":
            self.promise_4_no_way_out_of_a_price(before, events)
        if before.do in DEALS:
            self.promise_4_forward_pricing(before, events)
            self.bound_3_of_dealing(before, events)
            self.promise_6_fees(before, events)
            self.fee_base = self.vault.totalAssets()
        else:
            assert self.vault.prices() == before.prices, f"promise 8: {before.do} moved a price"
        if before.do == "redeem_in_kind":
            self.fees_at = self.world.now
        if before.do == "allocate":
            self.promise_7_caps(events)
        self.promise_7_losses(before, events)

    def _follow(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """Take in which requests were made when, and which prices were published."""
        for name, values in events:
            if name in ("DepositRequest", "RedeemRequest"):
                side = DEPOSIT if name == "DepositRequest" else REDEEM
                epoch, amount = values["requestId"], values["shares" if side else "assets"]
                self.asked[side, epoch] = before.reports
                if self.vault.epochOf(side, epoch)[0] == amount:  # nobody else's is in it
                    self.begun[side, epoch] = before.reports
                if side == DEPOSIT:
                    self.epochs.add(values["requestId"])
            elif name == "EpochClosed":
                self.closed[values["side"], values["epoch"]] = before.reports + 1
            elif name in ("EpochSettled", "DepositRequestCancelled", "RedeemRequestCancelled"):
                self.dust += 2
            elif name in ("Deposit", "Withdraw"):
                self.dust += 1
        if before.do in DEALS:
            self.prices.append(self.vault.prices())

    def pending_deposits(self) -> int:
        """Return the assets of deposit requests that are not settled."""
        total = 0
        for epoch in sorted(self.epochs):
            left = self.vault.epochOf(DEPOSIT, epoch)[1]
            total += left
            if not left:
                self.epochs.discard(epoch)
        return total

    def promise_1_and_5_value(self) -> None:
        """The vault holds what it owes; and every unit of it is accounted for, but for gifts and
        what roundings left."""
        self._count("1 and 5")
        owed = self.vault.total_idle() + self.pending_deposits() + self.vault.claimable_assets()
        over = self._balance() - self.gifts - owed
        assert over >= 0, f"promise 1: {-over} are missing"
        assert over <= self.dust, f"promise 5: {over} belong to nobody (dust of {self.dust})"

    def promise_2_nothing_above_cost(self) -> None:
        self._count("2")
        cost = self.vault.total_idle() + self.vault.totalExposure()
        assert self.vault.totalAssets() <= cost, "promise 2: NAV at the bid above idle and cost"

    def promise_3_no_dilution(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """What others do lowers nobody's NAV at the bid per share, fees apart."""
        if before.do in NEWS:
            return
        self._count("3")
        nav, supply = before.nav, before.supply
        if before.do in DEALS:  # from the NAV of the report on, before it settled anything
            (dealt,) = [values for name, values in events if name == "Dealt"]
            nav, supply = dealt["nav_bid"], dealt["supply"]
        else:
            supply += sum(values["shares"] for name, values in events if name == "FeesAccrued")
        if (
            before.do == "redeem_in_kind"
        ):  # who leaves gets nothing of what virtual shares stand for
            after = self.vault.totalAssets(), self.vault.totalSupply()
            assert after[0] * supply >= nav * after[1], f"promise 3: diluted by an exit: {after}"
            return
        after = self.vault.totalAssets() + 1, self.vault.totalSupply() + VIRTUAL
        # published prices have 24 digits and more behind a unit
        assert after[0] * (supply + VIRTUAL) * (SHARE + 1) >= (nav + 1) * after[1] * SHARE, (
            f"promise 3: {before.do} diluted: {nav + 1} / {supply + VIRTUAL} -> {after}"
        )

    def promise_4_forward_pricing(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """Every request is dealt at the worse of two prices, both published after it."""
        self._count("4")
        report = before.reports + 1  # the number of this one
        assert report == len(self.prices) - 1
        (bid, ask), (bid_before, ask_before) = self.prices[report], self.prices[report - 1]
        for name, values in events:
            if name != "EpochSettled":
                continue
            side, taken, given = values["side"], values["taken"], values["given"]
            assert self.asked[side, values["epoch"]] < report - 1, "promise 4: priced too early"
            if side == DEPOSIT:
                assert given * max(ask, ask_before) <= taken * PRICE, "promise 4: too cheap"
            else:
                assert given * PRICE <= taken * min(bid, bid_before), "promise 4: too dear"

    def promise_4_no_way_out_of_a_price(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """What an epoch closed with is not taken back in front of the report that prices it, while
        somebody is there to make one."""
        vault, limits = self.vault, self.world.limits
        stale = self.world.now - vault.lastReport() > limits["max_report_age"]
        if stale or vault.windingDown() or int(vault.reporter(), 16) == 0:
            return
        for name, values in events:
            if name in ("DepositRequestCancelled", "RedeemRequestCancelled"):
                self._count("4, taken back")
                side, epoch = int(name.startswith("Redeem")), values["requestId"]
                closed = self.closed.get((side, epoch))
                back = vault.epochOf(side, epoch)[4]
                assert closed is None or back or before.reports > closed, "promise 4: taken back"

    def bound_3_of_dealing(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """What deals is within its limits of the best price published while its epoch was open, and
        of the bid; what is handed back is not; deposits come in by the room."""
        self._count("bound 3")
        limits = self.world.limits
        (dealt,) = [values for name, values in events if name == "Dealt"]
        day = max(limits["max_inflow_bps"] * dealt["nav_bid"] // BPS, limits["inflow_floor"])
        elapsed, self.dealt_at = self.world.now - self.dealt_at, self.world.now
        self.room = min(day, self.room + day * elapsed // DAY)
        assert dealt["room"] == self.room, "bound 3: another room"
        ((_, fee),) = [event for event in events if event[0] == "FeesAccrued"]
        self.entrants_pay_cost(before, dealt, fee["high_water_mark"])
        (bid, ask), (bid_before, ask_before) = self.prices[-1], self.prices[-2]
        prices = max(ask, ask_before), min(bid, bid_before)
        entered = 0
        for name, values in events:
            if name not in ("EpochSettled", "EpochHandedBack"):
                continue
            side, epoch = values["side"], values["epoch"]
            open = self.prices[self.begun[side, epoch] : self.closed[side, epoch]]
            if side == DEPOSIT:
                anchor = min(each[1] for each in open)
                far = prices[side] * BPS > anchor * (BPS + limits["max_up_bps"])
            else:
                anchor = max(each[0] for each in open)
                far = prices[side] * BPS < anchor * (BPS - limits["max_down_bps"])
            assert far == (name == "EpochHandedBack"), f"bound 3: {name} at {prices[side]}"
            if name == "EpochSettled" and side == DEPOSIT:
                most = bid * (BPS + limits["max_premium_bps"])
                assert prices[side] * BPS <= most, "bound 3: too much premium"
                entered += values["taken"] if values["given"] else 0
        if self.world.open_names() or self.vault.unsweptAccounts():
            assert entered <= self.room, "bound 3: more than the room"
        self.room -= min(self.room, entered)
        assert self.vault.inflowRoom() == self.room, "bound 3: another room is left"

    def entrants_pay_cost(self, before: Look, dealt: Any, mark: int) -> None:
        """The ask is what a share is worth at cost at least, less the performance fee still due."""
        cost = before.idle + self.vault.totalExposure()  # neither fees nor marks move it
        assert dealt["nav_ask"] >= max(cost, dealt["nav_bid"]), "bound 3: an ask below cost"
        price = -(-(dealt["nav_ask"] + 1) * PRICE // (dealt["supply"] + VIRTUAL))
        if not self.vault.windingDown():
            profit = max(0, price - mark * SHARE)
            price -= profit * self.vault.feeRates()[1] // BPS
        assert dealt["ask"] + PRICE // 10**24 >= price, "bound 3: an ask below the value"

    def promise_6_fees(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """The fees are those of DESIGN 2.4, and worth what they say."""
        self._count("6")
        ((_, fee),) = [event for event in events if event[0] == "FeesAccrued"]
        (dealt,) = [values for name, values in events if name == "Dealt"]
        management_rate, performance_rate, hurdle = self.world.vault.feeRates()
        assets, elapsed = dealt["nav_bid"], self.world.now - self.fees_at
        self.fees_at = self.world.now
        if self.vault.windingDown() or before.supply == 0:
            assert fee["shares"] == 0, "promise 6: a fee in wind-down or of nobody"
            return
        management = min(self.fee_base, assets) * management_rate * elapsed // (BPS * YEAR)
        mark = before.mark + -(-before.mark * hurdle * elapsed // (BPS * YEAR))
        price = (assets + 1 - management) * SHARE // (before.supply + VIRTUAL)
        performance = 0
        if price > mark:
            performance = (price - mark) * before.supply // SHARE * performance_rate // BPS
        assert (fee["management"], fee["performance"]) == (management, performance), "promise 6"
        after = (assets + 1) * SHARE // (before.supply + fee["shares"] + VIRTUAL)
        assert fee["high_water_mark"] == max(mark, after), "promise 6: the high-water mark"
        assert self.vault.highWaterMark() >= fee["high_water_mark"], "promise 6: the mark fell"
        taken = management + performance
        supply = before.supply + fee["shares"]
        worth = fee["shares"] * (assets + 1) // (supply + VIRTUAL)
        assert taken - 1 <= worth <= taken, f"promise 6: worth {worth}, due {taken}"

    def promise_7_caps(self, events: list[tuple[str, Any]]) -> None:
        """After an allocation every cap of DESIGN 2.5 holds, and idle covers what is owed."""
        self._count("7")
        vault, limits, nav = self.vault, self.world.limits, self.vault.totalAssets()
        total = vault.totalExposure() + vault.totalLosses()
        assert total <= limits["total_cap"]
        assert total * BPS <= limits["total_cap_bps"] * nav
        day = vault.recentAllocation()
        assert day <= limits["velocity"]
        assert day * BPS <= limits["velocity_bps"] * nav
        (id,) = [values["market"] for name, values in events if name == "Allocated"]
        market = [each for each in self.world.markets.values() if each.id == id][-1]
        same = {m.id for m in self.world.markets.values() if m.question == market.question}
        of_question = sum(vault.bookOf(each)[0] for each in same)
        of_class, losses = vault.classBook(market.class_id)[:2]
        cap, cap_bps, class_cap, class_cap_bps = vault.classOf(market.class_id)[4:8]
        for held, most, part in (
            (vault.bookOf(id)[0], cap, cap_bps),
            (of_class + losses, class_cap, class_cap_bps),
            (of_question, of_question, limits["question_cap_bps"]),
        ):
            assert held <= most and held * BPS <= part * nav, f"promise 7: {held} of {most}, {part}"
        waiting = sum(vault.epochOf(REDEEM, each)[1] for each in vault.waitingEpochs(REDEEM))
        assert vault.total_idle() * PRICE >= waiting * vault.prices()[0], "promise 7: idle too low"
        assert self.world.now - self.dealt_at <= limits["max_report_age"], "promise 7: stale"
        assert not vault.paused() and not vault.windingDown()
        high = max(bid for bid, _ in self.prices)
        assert vault.prices()[0] * BPS >= min(high, vault.reference()) * (
            BPS - limits["max_drawdown_bps"]
        ), "promise 7: a drawdown"

    def promise_7_losses(self, before: Look, events: list[tuple[str, Any]]) -> None:
        """Losses per share fall only by money that came home, or by the owner's act."""
        home = sum(v["assets"] - v["cost"] for name, v in events if name == "CameHome")
        forgiven = sum(v["assets"] for name, v in events if name == "LossesForgiven")
        whole, new = before.supply + VIRTUAL, self.vault.totalSupply() + VIRTUAL
        least = (before.losses - 1 - home - forgiven) * new // whole - 2
        assert self.vault.totalLosses() >= least, "promise 7: losses fell by themselves"

    def everything(self) -> None:
        """What is too much to look at after every act."""
        vault = self.vault
        exposures = [vault.bookOf(market)[0] for market in vault.openMarkets()]
        bids = [vault.bookOf(market)[1] for market in vault.openMarkets()]
        assert sum(exposures) == vault.totalExposure()
        assert sum(bids) + vault.total_idle() == vault.totalAssets()
        classes = range(len(self.world.kinds))
        assert sum(vault.classBook(each)[0] for each in classes) == vault.totalExposure()
        for side in SIDES:
            for who in map(self.world.who.get, ("alice", "bob", "carol", "dave")):
                vault.liveEpochs(side, who)
        self.promise_11_nothing_pays_for_an_order()

    def promise_11_nothing_pays_for_an_order(self) -> None:
        """A halted or closed account has nothing approved to the exchange."""
        world = self.world
        for name, market in world.markets.items():
            if market.is_delegated:
                continue
            account = market.account.address
            try:
                stopped = market.account.halted()
            except Exception:  # an account that is made to fail
                continue
            assert stopped or not world.is_closed(name), "promise 11: closed and not halted"
            if stopped:
                self._count("11")
                assert world.pusd.allowance(account, world.exchange) == 0
                assert not world.tokens_of(market).isApprovedForAll(account, world.exchange)
