"""Markets and their budget: what is allocated, what comes home, what is lost, within which caps."""

from collections.abc import Callable, Mapping

from strongroom.audit.booking import Booking
from strongroom.audit.events import (
    Allocated,
    AuditedEvent,
    BreakerReset,
    CameHome,
    LossesForgiven,
    MarketClosed,
    MarketOpened,
    Swept,
)
from strongroom.audit.governance import CLOSE_MARKET, FORGIVE_LOSSES, RESET_BREAKER
from strongroom.audit.ledger import MarketAccount, OpenMarket
from strongroom.audit.permissions import Limit, PermissionChange
from strongroom.audit.queues import REDEMPTIONS
from strongroom.audit.transactions import on
from strongroom.chain.ids import keccak, market_of, to_bytes, to_hex
from strongroom.chain.terms import VELOCITY_PERIOD_S, VELOCITY_PERIODS
from strongroom.chain.units import BPS, PRICE

MOST_MARKETS, MOST_CONDITIONS = 128, 192  # open, or closed and not swept
MOST_OF_ONE = 32  # conditions
MOST_UNSWEPT, MOST_UNSWEPT_CONDITIONS = 32, 48  # closed accounts that exits in kind visit


def _market_opened(b: Booking, it: MarketOpened) -> None:
    ledger, name, terms = b.ledger, it.market, b.ledger.permissions.class_of(it.class_id)
    b.expect(it, "MarketOpened.market", market_of(it.class_id, it.question), name)
    b.expect(it, "MarketOpened.question", True, it.question in _questions(it, terms.oracle))
    b.expect(it, "MarketOpened: while closed", False, name in ledger.markets)
    b.expect(it, "MarketOpened: halted before", False, name in ledger.halted)
    latest = b.now + terms.max_duration
    b.need(it, "MarketOpened.deadline", b.now < it.deadline <= latest, it.deadline, latest)
    _check_active(b, it, it.class_id)
    no_marks = [0] * min(it.conditions, MOST_OF_ONE)
    ledger.markets[name] = OpenMarket(
        it.account, it.class_id, it.question, it.conditions, it.deadline,
        ledger.delegated(it.class_id), marks=no_marks, last_marks=[*no_marks],
    )  # fmt: skip
    ledger.accounts[it.account] = MarketAccount(name, it.class_id)
    ledger.order.append(name)
    for what, count, most in (
        ("markets", len(ledger.order) + len(ledger.unswept), MOST_MARKETS),
        ("conditions", ledger.conditions + sum(ledger.unswept.values()), MOST_CONDITIONS),
        ("conditions of one", it.conditions, MOST_OF_ONE),
    ):
        b.need(it, f"MarketOpened: {what}", count <= most, count, most)


def _questions(it: MarketOpened, oracle: str) -> tuple[str, ...]:
    """Return what can be bet on by a question id: its condition, or an event of several."""
    two = (2).to_bytes(32, "big")
    condition = to_hex(keccak(to_bytes(oracle) + to_bytes(it.question_id) + two))
    is_event = it.question_id.endswith("00")
    return (*([condition] if it.conditions == 1 else []), *([it.question_id] if is_event else []))


def _check_active(b: Booking, it: AuditedEvent, class_id: int) -> None:
    ledger, terms = b.ledger, b.ledger.permissions.class_of(class_id)
    known = class_id in ledger.permissions.classes and not terms.is_retired
    b.expect(it, f"{it.name}: of an active class", True, known)
    stopped = ledger.permissions.is_paused or ledger.is_winding_down
    b.expect(it, f"{it.name}: while nothing stops", False, stopped)


# out


def _allocated(b: Booking, it: Allocated) -> None:
    ledger, market, assets = b.ledger, b.ledger.market(it.market), it.assets
    b.expect(it, "Allocated.exposure", market.exposure + assets, it.exposure)
    _check_caps(b, it, market)
    _check_velocity(b, it)
    _check_dealable(b, it, market)
    ledger.idle -= assets
    market.exposure += assets
    market.bid += assets
    market.ask += assets
    period = b.now // VELOCITY_PERIOD_S
    ledger.allocated = {
        old: net for old, net in ledger.allocated.items() if old + VELOCITY_PERIODS > period
    }
    ledger.allocated[period] = ledger.allocated.get(period, 0) + assets


def _check_caps(b: Booking, it: Allocated, market: OpenMarket) -> None:
    """What may be out: of one market, one question, one class, and in all; losses count."""
    ledger, limit = b.ledger, b.ledger.permissions.limit
    number, caps = market.class_id, ledger.permissions.class_of(market.class_id).caps
    of_class = ledger.class_exposure(number) + ledger.losses_of(number)
    total = ledger.exposure + ledger.losses_of()
    on_question = ledger.question_exposure(market.question)
    for what, stake, cap, bps in (
        ("market", market.exposure, caps.market, caps.market_bps),
        ("question", on_question, None, limit(Limit.QUESTION_CAP_BPS)),
        ("class", of_class, caps.of_class, caps.of_class_bps),
        ("total", total, limit(Limit.TOTAL_CAP), limit(Limit.TOTAL_CAP_BPS)),
    ):
        _check_cap(b, it, f"{what} cap", stake + it.assets, cap, bps)


def _check_velocity(b: Booking, it: Allocated) -> None:
    limit, day = b.ledger.permissions.limit, b.ledger.recent_allocation(b.now) + it.assets
    _check_cap(b, it, "velocity", day, limit(Limit.VELOCITY), limit(Limit.VELOCITY_BPS))


def _check_cap(b: Booking, it: Allocated, what: str, after: int, cap: int | None, bps: int) -> None:
    """Assets within a cap in assets, and within one in bps of NAV at the bid."""
    nav = b.ledger.nav[0]
    if cap is not None:
        b.need(it, f"Allocated.assets: {what}", after <= cap, after, cap)
    what = f"Allocated.assets: {what} bps"
    b.need(it, what, after * BPS <= bps * nav, after, bps * nav // BPS)


def _check_dealable(b: Booking, it: Allocated, market: OpenMarket) -> None:
    """What is owed to those who leave stays idle; nothing is bought on old news."""
    ledger = b.ledger
    owed = -(-ledger.waiting(REDEMPTIONS) * ledger.prices[0] // PRICE)
    free = ledger.idle - owed
    b.need(it, "Allocated.assets: idle", it.assets <= free, it.assets, free)
    b.expect(it, "Allocated: while stale", False, ledger.is_stale(b.now))
    b.expect(it, "Allocated: in a drawdown", False, ledger.is_tripped)
    b.need(it, "Allocated: before the deadline", b.now < market.deadline, b.now, market.deadline)
    _check_active(b, it, market.class_id)


# home


def _came_home(b: Booking, it: CameHome) -> None:
    """Cost leaves the book at cost; profit takes along what was booked above it."""
    ledger, account = b.ledger, b.ledger.account(it.account)
    b.expect(it, "CameHome.market", account.market, it.market)
    market = ledger.markets.get(it.market)
    exposure = market.exposure if market is not None else 0
    is_open = market is not None and market.account == it.account
    stood = max(market.exposure, market.ask) if market is not None else 0
    b.before_home = (stood, ledger.nav[0])
    # a recall brings cost home first; a harvest and a sweep leave it as it is
    costs = {0, min(it.assets, exposure)} if is_open else {0}
    b.expect(it, "CameHome.cost", True, it.cost in costs)
    left = exposure - it.cost
    b.expect(it, "CameHome.exposure", left, it.exposure)
    ledger.idle += it.assets
    if market is not None and is_open:
        market.exposure = left
        market.bid -= min(market.bid, it.cost)
        market.ask = max(market.ask - it.assets, min(max(market.ask - it.cost, 0), left), 0)
    _credit(b, it.cost)
    profit = it.assets - it.cost
    ledger.pay_off(account.class_id, profit)
    ledger.profits[account.class_id] = ledger.profits.get(account.class_id, 0) + profit


def _credit(b: Booking, assets: int) -> None:
    """Cost that is home frees the day's allocation, the latest first."""
    left, allocated, period = assets, b.ledger.allocated, b.now // VELOCITY_PERIOD_S
    for old in range(period, period - VELOCITY_PERIODS, -1):
        freed = min(left, allocated.get(old, 0))
        if freed:
            allocated[old] -= freed
            left -= freed


def _market_closed(b: Booking, it: MarketClosed) -> None:
    ledger, market = b.ledger, b.ledger.market(it.market)
    b.expect(it, "MarketClosed.account", market.account, it.account)
    b.expect(it, "MarketClosed.loss", market.exposure, it.loss)
    _check_written_off(b, it, market)
    stood_for = ledger.per_share(it.written_off)
    ledger.lose(market.class_id, market.exposure)
    ledger.profits[market.class_id] = ledger.profits.get(market.class_id, 0) - market.exposure
    place, last = ledger.order.index(it.market), ledger.order.pop()
    if last != it.market:
        ledger.order[place] = last
    del ledger.markets[it.market]
    ledger.closed += 1
    if it.halted:
        ledger.halted.add(it.market)
    conditions = sum(ledger.unswept.values()) + market.conditions
    room = len(ledger.unswept) < MOST_UNSWEPT and conditions <= MOST_UNSWEPT_CONDITIONS
    b.expect(it, "MarketClosed.listed", it.holds and room, it.listed)
    if it.holds:
        ledger.remains[it.account] = stood_for
    if it.listed:
        ledger.unswept[it.account] = market.conditions


def _check_written_off(b: Booking, it: MarketClosed, market: OpenMarket) -> None:
    """What is written off is the larger of cost and value at the ask, less what came home with the
    closing; above dust only the owner may, and only announced."""
    if not it.holds:
        b.expect(it, "MarketClosed.written_off", 0, it.written_off)
        return
    fits, nav, before = {max(market.exposure, market.ask)}, b.ledger.nav[0], b.beside(-1)
    if isinstance(before, CameHome) and before.account == it.account:
        stood, was = b.before_home
        fits, nav = {*fits, max(0, stood - before.assets)}, max(nav, was)
    written_off = sum(b.ledger.remains.values()) + b.ledger.per_share(it.written_off)
    announced = not b.ledger.is_dust(written_off, nav)
    if announced or (it.written_off and not it.listed):
        b.announced(it, CLOSE_MARKET, to_bytes(it.market))
    b.need(it, "MarketClosed.written_off", it.written_off in fits, it.written_off, sorted(fits))


def _swept(b: Booking, it: Swept) -> None:
    ledger, account = b.ledger, it.account
    was = ledger.for_all(ledger.remains.get(account, 0))
    open_ones = {market.account for market in ledger.markets.values()}
    b.expect(it, "Swept.account: closed", True, account in ledger.accounts.keys() - open_ones)
    b.expect(it, "Swept.remains", 0 if it.emptied else was, it.remains)
    if not it.emptied:
        return
    ledger.remains.pop(account, None)
    if account in ledger.unswept:
        order = list(ledger.unswept)
        place, last = order.index(account), order.pop()
        if last != account:
            order[place] = last
        ledger.unswept = {each: ledger.unswept[each] for each in order}


# by the owner


def _losses_forgiven(b: Booking, it: LossesForgiven) -> None:
    b.announced(it, FORGIVE_LOSSES, it.class_id, it.assets)
    known = it.class_id in b.ledger.permissions.classes
    b.expect(it, "LossesForgiven.class_id: a class", True, known)
    b.ledger.pay_off(it.class_id, it.assets)
    words = f"losses of class {it.class_id} forgiven: {it.assets}"
    b.ledger.permissions.timeline.append(PermissionChange(it.block, words))


def _breaker_reset(b: Booking, it: BreakerReset) -> None:
    b.announced(it, RESET_BREAKER)
    b.expect(it, "BreakerReset.reference", b.ledger.prices[0], it.reference)
    b.ledger.reference = b.ledger.prices[0]
    words = "drawdown counts from the present price on"
    b.ledger.permissions.timeline.append(PermissionChange(it.block, words))


BUDGET: Mapping[type[AuditedEvent], Callable[[Booking, AuditedEvent], None]] = dict(
    (
        on(MarketOpened, _market_opened),
        on(Allocated, _allocated),
        on(CameHome, _came_home),
        on(MarketClosed, _market_closed),
        on(Swept, _swept),
        on(LossesForgiven, _losses_forgiven),
        on(BreakerReset, _breaker_reset),
    )
)
