"""The rules of DESIGN 2 in real numbers: what a vault should be worth, whom it should deal with.

A reference for lives that are written as JSON (tests/property/trace.py). It reckons with sixty
digits and rounds nothing but what DESIGN 2.4 rounds, the price of a whole share that fees are
reckoned with; so what a contract rounds shows as a difference of some base units and nothing
larger. It refuses what the rules refuse. Assets are in base units, shares in share-wei, a price is
assets per share-wei, marks are of one token.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from typing import Any

D = Decimal
NONE, ONE = D(0), D(1)
Json = dict[str, Any]
V = D(10**12)  # virtual shares, met by one virtual unit of assets
WAD = D(10**18)
BPS = D(10_000)
DAY = 86_400
YEAR = D(365 * DAY)
PERIOD = 8 * 3_600  # of the rolling day: the present period and three before
SIDES = ("deposit", "redeem")
NOTHING = D("1e-9")  # less than that is what sixty digits left of 0
DUST = D(50)  # units of a token that exits' roundings may have left
DIGITS = Context(prec=60)


class Refused(Exception):
    """The rules do not allow it; nothing has changed."""


def need(allowed: bool, why: str) -> None:
    if not allowed:
        raise Refused(why)


def floor(amount: D) -> D:
    return amount.to_integral_value(ROUND_FLOOR)


@dataclass
class Epoch:
    number: int
    asks: dict[str, D]  # who -> what of his request is left
    anchor: D
    closed_by: int  # number of the report
    returned: bool = False

    @property
    def left(self) -> D:
        return sum(self.asks.values(), D(0))

    def keep_only(self, part: D) -> None:
        """Settle all but `part` of what is left, of each request alike."""
        self.asks = {
            who: amount * part for who, amount in self.asks.items() if amount * part > NOTHING
        }


@dataclass
class Queue:
    """One side's epochs."""

    open: dict[str, D] = field(default_factory=dict)
    best: D = NONE  # published since the open epoch's first request
    closed: list[Epoch] = field(default_factory=list)
    count: int = 0

    def of(self, who: str) -> D:
        asks = [self.open, *(epoch.asks for epoch in self.closed)]
        return sum((each.get(who, D(0)) for each in asks), D(0))


@dataclass
class Market:
    """An account, and what the last report said of it."""

    conditions: list[str]
    kind: str
    question: str
    is_event: bool
    delegated: bool
    cash: D = NONE
    away: D = NONE
    tokens: dict[tuple[str, str], D] = field(default_factory=dict)
    exposure: D = NONE
    bid: D = NONE
    ask: D = NONE
    closed: bool = False
    silent: bool = False
    stood_for: D = NONE  # closed with something inside: what it stood for, per share
    holds: bool = False  # closed with something inside, which still is

    def held(self, condition: str, side: str) -> D:
        return self.tokens.get((condition, side), D(0))


@dataclass
class Class:
    """A strategy's caps, and its losses per share."""

    market_cap: int = 2**200
    market_bps: int = 10_000
    cap_bps: int = 10_000
    lost: D = NONE


class Reference:
    """One vault by the rules."""

    def __init__(self, life: Json) -> None:
        self.rules = dict(life["rules"])
        self.classes = {name: Class(**terms) for name, terms in life.get("classes", {}).items()}
        self.money = {who: D(amount) for who, amount in life.get("cash", {}).items()}
        self.start = self.now = life["start"]
        self.shares: dict[str, D] = {}
        self.markets: dict[str, Market] = {}
        self.payouts: dict[str, D] = {}  # condition -> what YES pays
        self.queues = {side: Queue() for side in SIDES}
        self.idle = self.supply = self.lost = D(0)
        self.bid = self.ask = self.reference = 1 / V
        self.mark = WAD / V  # high-water mark, of a whole share
        self.base = D(0)  # NAV at the bid after the last settlement
        self.fees_at = self.reported_at = self.now
        self.reports = 0
        self.room = D(0)
        self.periods: dict[int, D] = {}
        self.paused = self.winding_down = False
        self.has_reporter = True
        self.settled: list[Json] = []

    # value

    def open_markets(self) -> list[Market]:
        return [market for market in self.markets.values() if not market.closed]

    def exposures(self, kind: str = "", question: str = "") -> D:
        return sum(
            (
                market.exposure
                for market in self.open_markets()
                if kind in ("", market.kind) and question in ("", market.question)
            ),
            D(0),
        )

    @property
    def nav_bid(self) -> D:
        return self.idle + sum((market.bid for market in self.open_markets()), D(0))

    @property
    def nav_ask(self) -> D:
        asks = sum((market.ask for market in self.open_markets()), D(0))
        return self.idle + max(asks, self.exposures())

    def price(self, nav: D) -> D:
        return (nav + 1) / (self.supply + V)

    def worth(self, condition: str, side: str, amount: D) -> D:
        yes = self.payouts[condition]
        return amount * (yes if side == "YES" else 1 - yes)

    def value(self, market: Market, marks: dict[str, tuple[D, D]]) -> tuple[D, D]:
        """Return what there is at the bid and at the ask; unmarked: 0 and 1."""
        bid = ask = market.cash + market.away
        for condition in market.conditions:
            yes, no = market.held(condition, "YES"), market.held(condition, "NO")
            if condition in self.payouts:
                paid = self.worth(condition, "YES", yes) + self.worth(condition, "NO", no)
                bid, ask = bid + paid, ask + paid
                continue
            low, high = marks.get(condition, (D(0), D(1)))
            sets = min(yes, no)
            bid += sets + (yes - sets) * low + (no - sets) * (1 - high)
            ask += sets + (yes - sets) * high + (no - sets) * (1 - low)
        return bid, ask

    def checked(self, market: Market, marks: Json) -> dict[str, tuple[D, D]]:
        """Return a market's marks; of an event whose payout they contradict, bids of 0."""
        good = {c: (D(low) / WAD, D(high) / WAD) for c, (low, high) in marks.items()}
        need(all(0 <= low <= high <= 1 for low, high in good.values()), "marks out of order")
        bids = [self.payouts.get(c, good.get(c, (D(0), D(1)))[0]) for c in market.conditions]
        if market.is_event and sum(bids) > 1:
            need(any(c in self.payouts for c in market.conditions), "exclusive bids above 1")
            good = {c: (D(0), high) for c, (_, high) in good.items()}
        return good

    def stood_for(self) -> D:
        return sum((market.stood_for for market in self.markets.values()), D(0))

    def per_share(self, amount: D) -> D:
        """Return an amount per share, at most what a share was ever worth."""
        return min(amount / (self.supply + V), self.best_price())

    def best_price(self) -> D:
        return max(self.reference, self.price(self.nav_bid))

    def is_dust(self, per_share: D, assets: D) -> bool:
        """Return whether it is a thousandth at most."""
        return per_share * 1_000 <= (assets + 1) / (self.supply + V)

    def is_flat(self) -> bool:
        return not self.open_markets() and self.is_dust(self.stood_for(), self.idle)

    # reports

    def report(self, marks: Json) -> None:
        need(self.has_reporter, "not the reporter")
        self._check_interval()
        checked = {
            name: self.checked(market, marks.get(name, {}))
            for name, market in self.markets.items()
            if not market.closed
        }
        for name, good in checked.items():
            market = self.markets[name]
            if market.silent:
                market.bid, market.ask = D(0), max(market.exposure, market.ask)
                continue
            bid, market.ask = self.value(market, good)
            market.bid = min(bid, market.exposure)
        self._deal(self.is_flat())

    def settle(self) -> None:
        need(self.is_flat(), "not flat")
        self._check_interval()
        self._deal(True)

    def _check_interval(self) -> None:
        waited = self.now - self.reported_at >= self.rules["min_report_interval"]
        need(self.reports == 0 or waited, "too soon")

    def _deal(self, flat: bool) -> None:
        self.settled = []
        self._take_fees(performing=True)
        nav_bid = self.nav_bid
        bid, ask = self.price(nav_bid), self.price(self.nav_ask)
        if not self.winding_down and ask * WAD > self.mark:
            ask -= (ask - self.mark / WAD) * self.rules["performance"] / BPS
            ask = max(ask, bid)  # which it is, but for the mark's rounding
        day = max(nav_bid * self.rules["max_inflow"] / BPS, D(self.rules["inflow_floor"]))
        self.room = min(day, self.room + day * (self.now - self.reported_at) / DAY)
        self.reports += 1
        self.reported_at = self.now
        if not self.winding_down:
            free = flat and not any(market.holds for market in self.markets.values())
            self._settle_deposits(bid, max(ask, self.ask), free)
        self._settle_redemptions(min(bid, self.bid))
        self._close_epochs()
        deposits, redemptions = self.queues.values()
        deposits.best, redemptions.best = min(deposits.best, ask), max(redemptions.best, bid)
        self.bid, self.ask, self.reference = bid, ask, max(self.reference, bid)
        self.base = self.nav_bid

    def _settle_deposits(self, bid: D, price: D, flat: bool) -> None:
        dear = price > bid * (1 + self.rules["max_premium"] / BPS)
        for epoch in self.queues["deposit"].closed:
            if epoch.returned or not epoch.asks:
                continue
            if price > epoch.anchor * (1 + self.rules["max_up"] / BPS):
                epoch.returned = True
                self._note("deposit", epoch, back=True)
                continue
            left = epoch.left
            taken = D(0) if dear else left if flat else min(left, self.room)
            if taken <= NOTHING:
                continue
            minted = taken / price
            for who, amount in epoch.asks.items():
                self._give(self.shares, who, minted * amount / left)
            epoch.keep_only(1 - taken / left)
            self.room = max(D(0), self.room - taken)
            own = (self.supply * self.mark + taken * WAD) / (self.supply + minted)
            self.mark = max(self.mark, floor(own))
            self.supply += minted
            self.idle += taken
            self._note("deposit", epoch, taken, minted)

    def _settle_redemptions(self, price: D) -> None:
        for epoch in self.queues["redeem"].closed:
            if epoch.returned or not epoch.asks:
                continue
            if price < epoch.anchor * (1 - self.rules["max_down"] / BPS):
                epoch.returned = True
                self._note("redeem", epoch, back=True)
                continue
            left = epoch.left
            taken = min(left, self.idle / price)
            if taken <= NOTHING:
                continue
            for who, amount in epoch.asks.items():
                self._give(self.money, who, taken * price * amount / left)
            epoch.keep_only(1 - taken / left)
            self.idle -= taken * price
            self.supply -= taken
            self._note("redeem", epoch, taken, taken * price)

    def _note(
        self, side: str, epoch: Epoch, took: D = NONE, gave: D = NONE, back: bool = False
    ) -> None:
        self.settled.append(
            {"queue": side, "epoch": epoch.number, "took": took, "gave": gave, "back": back}
        )

    def _close_epochs(self) -> None:
        for queue in self.queues.values():
            queue.closed = [epoch for epoch in queue.closed if epoch.asks]
            waiting = sum(not epoch.returned for epoch in queue.closed)
            if queue.open and waiting < 8:
                queue.count += 1
                queue.closed.append(Epoch(queue.count, queue.open, queue.best, self.reports))
                queue.open = {}

    @staticmethod
    def _give(purse: dict[str, D], who: str, amount: D) -> None:
        purse[who] = purse.get(who, D(0)) + amount

    def _take_fees(self, performing: bool) -> None:
        """Mint what is due on NAV at the bid; in wind-down nothing is."""
        assets, elapsed, self.fees_at = self.nav_bid, self.now - self.fees_at, self.now
        if self.supply <= NOTHING:
            self.mark = floor((assets + 1) * WAD / V)
            return
        due = D(0)
        if not self.winding_down:
            due = min(self.base, assets) * self.rules["management"] / BPS * elapsed / YEAR
            price = floor((assets + 1 - due) * WAD / (self.supply + V))
            if performing and price > self.mark:
                due += (price - self.mark) * self.supply / WAD * self.rules["performance"] / BPS
        minted = due * (self.supply + V) / (assets + 1 - due)
        self._give(self.shares, "fee", minted)
        self.supply += minted
        if performing:
            self.mark = max(self.mark, floor(self.price(assets) * WAD))

    # requests

    def request(self, queue: str, who: str, amount: int) -> None:
        purse = self.money if queue == "deposit" else self.shares
        need(amount > 0, "nothing")
        need(queue == "redeem" or not (self.paused or self.winding_down), "stopped")
        need(purse.get(who, D(0)) >= amount, "not enough")
        side = self.queues[queue]
        if not side.open:
            side.best = self.ask if queue == "deposit" else self.bid
        self._give(purse, who, D(-amount))
        self._give(side.open, who, D(amount))

    def cancel(self, queue: str, who: str) -> None:
        stale = self.now - self.reported_at > self.rules["max_report_age"]
        anyway = stale or self.winding_down or not self.has_reporter
        side = self.queues[queue]
        back = side.open.pop(who, D(0))
        for epoch in side.closed:
            if anyway or epoch.returned or self.reports > epoch.closed_by:
                back += epoch.asks.pop(who, D(0))
        need(back > 0, "nothing to take back")
        self._give(self.money if queue == "deposit" else self.shares, who, back)

    # leaving in kind

    def redeem_in_kind(
        self, who: str, shares: int = 0, skip: Iterable[str] = (), queued: bool = False
    ) -> None:
        queue = self.queues["redeem"]
        amount = queue.of(who) if queued else D(shares)
        need(amount > 0, "nothing")
        need(queued or self.shares.get(who, D(0)) >= amount, "not enough")
        self._take_fees(performing=False)
        if queued:
            for asks in (queue.open, *(epoch.asks for epoch in queue.closed)):
                asks.pop(who, None)
        else:
            self._give(self.shares, who, -amount)
        stays = 1 - amount * (1 - self.rules["exit_fee"] / BPS) / self.supply
        self._give(self.money, who, self.idle * (1 - stays))
        self.idle *= stays
        for name, market in self.markets.items():
            if name not in skip:
                self._leave_market(market, who, stays)
        self.supply -= amount

    def _leave_market(self, market: Market, who: str, stays: D) -> None:
        paid = market.cash * (1 - stays)
        market.cash -= paid
        self._give(self.money, who, paid)
        if market.delegated:  # at most his part of the cost: what is above it was no cost
            market.exposure -= min(paid, market.exposure * (1 - stays))
            market.bid -= min(paid, market.bid * (1 - stays))
            market.ask -= min(paid, market.ask * (1 - stays))
            return
        market.tokens = {key: amount * stays for key, amount in market.tokens.items()}
        market.exposure *= stays
        market.bid, market.ask = market.bid * stays, market.ask * stays

    # budget

    def allocate(self, market: str, amount: int) -> None:
        target, rules, nav = self.markets[market], self.rules, self.nav_bid
        kind = self.classes[target.kind]
        whole = self.supply + V
        owed = sum((e.left for e in self.queues["redeem"].closed if not e.returned), D(0))
        need(not target.closed and amount > 0, "not open")
        need(not (self.paused or self.winding_down), "stopped")
        need(self.now - self.reported_at <= rules["max_report_age"], "stale")
        need(self.bid >= self.reference * (1 - rules["max_drawdown"] / BPS), "drawdown")
        of_market = target.exposure + amount
        need(of_market <= min(D(kind.market_cap), kind.market_bps / BPS * nav), "market cap")
        asked = self.exposures(question=target.question) + amount
        need(asked <= rules["question_cap"] / BPS * nav, "question cap")
        of_class = self.exposures(kind=target.kind) + amount + kind.lost * whole
        need(of_class <= kind.cap_bps / BPS * nav, "class cap")
        total = self.exposures() + amount + self.lost * whole
        need(total <= min(D(rules["total_cap_assets"]), rules["total_cap"] / BPS * nav), "total")
        day = self._of_the_day() + amount
        need(day <= min(D(rules["velocity_assets"]), rules["velocity"] / BPS * nav), "velocity")
        need(self.idle >= amount + owed * self.bid, "idle")
        self.idle -= amount
        target.cash += amount
        target.exposure += amount
        target.bid += amount
        target.ask += amount
        period = self.now // PERIOD
        self.periods[period] = self.periods.get(period, D(0)) + amount

    def _of_the_day(self) -> D:
        last = self.now // PERIOD
        return sum((x for number, x in self.periods.items() if number > last - 4), D(0))

    def _come_home(self, market: Market, amount: D, cost: D) -> None:
        """`cost` of what comes is what had been sent; the rest is profit and pays off losses."""
        market.cash -= amount
        self.idle += amount
        market.exposure -= cost
        if not market.closed:
            market.bid = max(D(0), market.bid - cost)
            at_cost = min(max(D(0), market.ask - cost), market.exposure)
            market.ask = max(market.ask - amount, at_cost, D(0))
        left = cost
        for period in range(self.now // PERIOD, self.now // PERIOD - 4, -1):
            freed = min(left, self.periods.get(period, D(0)))
            self.periods[period] = self.periods.get(period, D(0)) - freed
            left -= freed
        self._pay_off(market.kind, amount - cost)

    def _pay_off(self, kind: str, amount: D) -> None:
        part = amount / (self.supply + V)
        self.lost = max(D(0), self.lost - part)
        self.classes[kind].lost = max(D(0), self.classes[kind].lost - part)

    def recall(self, market: str, amount: int) -> None:
        source = self.markets[market]
        comes = min(D(amount), source.cash)
        need(not source.closed and comes > 0, "nothing there")
        self._come_home(source, comes, min(comes, source.exposure))

    def redeem(self, market: str) -> None:
        source = self.markets[market]
        for condition in source.conditions:
            if condition in self.payouts:
                for side in ("YES", "NO"):
                    got = self.worth(condition, side, source.tokens.pop((condition, side), D(0)))
                    if source.delegated:
                        source.away += got
                    else:
                        source.cash += got

    def harvest(self, market: str) -> None:
        source = self.markets[market]
        need(not source.closed, "closed")
        self.redeem(market)
        need(source.cash > source.exposure, "no profit there")
        self._come_home(source, source.cash - source.exposure, D(0))

    def close(self, market: str, by: str = "anyone") -> None:
        source = self.markets[market]
        need(not source.closed, "closed")
        self.redeem(market)
        off = max(D(0), max(source.exposure, source.ask) - source.cash)
        written_off = self.stood_for() + self.per_share(off)
        empty = source.away < 1 and not any(x > DUST for x in source.tokens.values())
        resolved = all(condition in self.payouts for condition in source.conditions)
        need(
            by == "owner"
            or (by == "guardian" and self.is_dust(written_off, self.nav_bid))
            or (empty and (resolved or by == "keeper")),
            "not to be closed",
        )
        self._come_home(source, source.cash, min(source.cash, source.exposure))
        source.stood_for = D(0) if empty else self.per_share(off)
        part = self.per_share(source.exposure) if self.supply else D(0)  # nobody's loss
        most, kind = self.best_price(), self.classes[source.kind]
        self.lost = max(self.lost, min(self.lost + part, most))
        kind.lost = max(kind.lost, min(kind.lost + part, most))
        source.closed, source.exposure = True, D(0)
        source.bid = source.ask = D(0)
        source.holds = not empty

    def sweep(self, market: str) -> None:
        source = self.markets[market]
        need(source.closed, "not closed")
        self.redeem(market)
        resolved = all(condition in self.payouts for condition in source.conditions)
        if resolved and source.away < 1:  # a payout is rounded down
            source.stood_for = D(0)
        if source.away < 1 and not self._holds_open_tokens(source):
            source.stood_for, source.holds = D(0), False
        self._come_home(source, source.cash, D(0))

    def _holds_open_tokens(self, source: Market) -> bool:
        return any(
            amount > DUST for (c, _), amount in source.tokens.items() if c not in self.payouts
        )

    # replaying a life

    def do(self, act: Json) -> None:
        """Do one act of a life."""
        self.now = self.start + act.get("at", self.now - self.start)
        name = act["do"]
        known = {key: value for key, value in act.items() if key not in NOT_ARGUMENTS}
        if name in CALLS:
            getattr(self, name)(**known)
        else:
            getattr(self, f"_do_{name}")(known)

    def _do_open(self, act: Json) -> None:
        need(act["market"] not in self.markets, "market known")
        self.markets[act["market"]] = Market(
            act["conditions"],
            act["class"],
            act.get("question", act["market"]),
            act.get("event", False),
            act.get("delegated", False),
        )

    def _do_wind_down(self, act: Json) -> None:
        silent = self.now - self.reported_at > self.rules["liveness"]
        need(act.get("by", "anyone") != "anyone" or (self.supply > 0 and silent), "alive")
        self.winding_down = True

    def _do_forgive(self, act: Json) -> None:
        self._pay_off(act["class"], D(act["amount"]))

    def _do_pause(self, act: Json) -> None:
        self.paused = act["value"]

    def _do_reporter(self, act: Json) -> None:
        self.has_reporter = act["value"]

    def _do_rules(self, act: Json) -> None:
        self.rules |= act["set"]

    def _do_class(self, act: Json) -> None:
        for name, value in act["set"].items():
            setattr(self.classes[act["class"]], name, value)

    def _do_transfer(self, act: Json) -> None:
        need(self.shares.get(act["from"], D(0)) >= act["amount"], "not enough")
        self._give(self.shares, act["from"], D(-act["amount"]))
        self._give(self.shares, act["to"], D(act["amount"]))

    def _do_fund(self, act: Json) -> None:
        self._give(self.money, act["who"], D(act["amount"]))

    def _do_payout(self, act: Json) -> None:
        self.payouts[act["condition"]] = D(act["yes"]) / D(act["of"])

    def _do_wait(self, act: Json) -> None:
        self.now += act.get("seconds", 0)

    def _do_venue(self, act: Json) -> None:
        market = self.markets[act["market"]]
        market.cash += act.get("cash", 0)
        market.away += act.get("away", 0)
        market.silent = act.get("silent", market.silent)
        for condition, side, amount in act.get("tokens", ()):
            market.tokens[condition, side] = market.held(condition, side) + amount

    def shows(self) -> dict[str, D]:
        return {
            "idle": self.idle,
            "nav_bid": self.nav_bid,
            "nav_ask": self.nav_ask,
            "supply": self.supply,
            "losses": self.lost * (self.supply + V),
            "hwm": self.mark,
        }


CALLS = {"report", "settle", "request", "cancel", "redeem_in_kind", "allocate"}
CALLS |= {"recall", "redeem", "harvest", "close", "sweep"}
NOT_ARGUMENTS = {"do", "at", "shows", "refused"}


def difference(life: Json, per_act: D = ONE) -> str:
    """Return the first figure of a life in which it differs from the rules; "": none does.

    Args:
        per_act: base units that an act's rounding may add to a figure
    """
    with localcontext(DIGITS):
        reference = Reference(life)
        for number, act in enumerate(life["acts"]):
            refused = ""
            before = _state(reference)
            try:
                reference.do(act)
            except Refused as why:
                refused = str(why)
                vars(reference).update(before)
            where = f"act {number}, { ({k: v for k, v in act.items() if k != 'shows'}) }"
            if bool(refused) != bool(act.get("refused")):
                return f"{where}: {'refused' if act.get('refused') else 'done'}, by the rules " + (
                    f"it is refused: {refused}" if refused else "it is done"
                )
            steps = life.get("tolerance", {}).get("shares", 0)
            said = _differs(act.get("shows", {}), reference, 10 + per_act * number, steps)
            if said and not refused:
                return f"{where}: {said}"
    return ""


def _state(reference: Reference) -> Json:
    """Return what a refused act must leave as it was: copies of what acts change first."""
    kept = dict(vars(reference))
    kept["markets"] = {
        name: Market(**{**vars(market), "tokens": dict(market.tokens)})
        for name, market in reference.markets.items()
    }
    kept["queues"] = {
        side: Queue(
            dict(queue.open),
            queue.best,
            [Epoch(**{**vars(epoch), "asks": dict(epoch.asks)}) for epoch in queue.closed],
            queue.count,
        )
        for side, queue in reference.queues.items()
    }
    kept["shares"], kept["money"] = dict(reference.shares), dict(reference.money)
    return kept


def _differs(shows: Json, reference: Reference, units: D, steps: int) -> str:
    price = (reference.nav_bid + 1) * V / (reference.supply + V)
    units *= max(price, 1)  # a share's dust is worth its price
    have = reference.shows()
    for name, want in shows.items():
        if name == "settled":
            if said := _settled_differ(want, reference.settled, units, units * V + steps):
                return said
            continue
        most = units * V + steps if name == "supply" else units
        if abs(want - have[name]) > most:
            return f"{name} is {want}, by the rules {have[name]:.3f}"
    return ""


def _settled_differ(want: list[Json], have: list[Json], assets: D, shares: D) -> str:
    mine = {(each["queue"], each["epoch"]): each for each in have}
    theirs = {(each["queue"], each["epoch"]): each for each in want}
    for key in sorted(mine.keys() | theirs.keys()):
        side, _ = key
        nothing = {"took": 0, "gave": 0, "back": False}
        one, other = theirs.get(key, nothing), mine.get(key, nothing)
        if one["back"] != other["back"]:
            return f"{key} handed back: {one['back']}, by the rules {other['back']}"
        for what in ("took", "gave"):
            in_shares = (side == "deposit") == (what == "gave")
            if abs(one[what] - other[what]) > (shares if in_shares else assets):
                return f"{key} {what} {one[what]}, by the rules {other[what]:.3f}"
    return ""
