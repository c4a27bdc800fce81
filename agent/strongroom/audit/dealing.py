"""Reports and settlements: values, fees, prices, and what they settle of the requests that wait."""

from collections.abc import Callable, Mapping, Sequence

from strongroom.audit.booking import Booking
from strongroom.audit.events import (
    AuditedEvent,
    Dealt,
    EpochClosed,
    EpochHandedBack,
    EpochSettled,
    FeesAccrued,
    Reported,
    Transfer,
    Unanswered,
    WindDown,
)
from strongroom.audit.fees import Fees, Rates, fees_due, mark_at_entry
from strongroom.audit.ledger import (
    BookedMarket,
    BookedReport,
    Ledger,
    NotInLedger,
    OpenMarket,
)
from strongroom.audit.permissions import ZERO, Limit, PermissionChange
from strongroom.audit.queues import (
    DEPOSITS,
    MOST_WAITING,
    REDEMPTIONS,
    DealtEpoch,
    settle_deposits,
    settle_redemptions,
)
from strongroom.audit.totals import deposits_wrong, redemptions_wrong
from strongroom.audit.transactions import on
from strongroom.chain.units import BPS, DAY, PRICE, SHARE, WAD

LOW64, LOW85, LOW108 = 2**64 - 1, 2**85 - 1, 2**108 - 1
COLLAPSED = 10**4  # times its first price a share may fall until nothing is dealt any more


# what a report says


def _unanswered(b: Booking, it: Unanswered) -> None:
    b.expect(it, "Unanswered.account", b.ledger.market(it.market).account, it.account)
    b.silent.add(it.market)


def _reported(b: Booking, it: Reported) -> None:
    """Take the books and marks over; they keep to what a report may say."""
    ledger = b.ledger
    b.expect(it, "Reported: one before it is dealt on", None, b.reported and "Reported")
    b.expect(it, "Reported.markets", tuple(ledger.order), it.markets)
    b.expect(it, "Reported.books: markets", len(ledger.order), len(it.books))
    b.expect(it, "Reported.words: conditions", ledger.conditions, len(it.words))
    for word in it.words:
        bid, ask, number = word & LOW64, (word >> 64) & LOW64, word >> 128
        if word:
            b.expect(it, "Reported.words: number of the report", ledger.reports + 1, number)
        b.need(it, "Reported.words: marks", bid <= ask <= WAD, (bid, ask), "bid <= ask <= 1")
    place = 0
    for name, book in zip(ledger.order, it.books, strict=False):
        market = ledger.market(name)
        _take_book(b, it, market, book, name in b.silent)
        market.marks = list(it.words[place : place + market.conditions])
        pairs = zip(market.marks, market.last_marks, strict=False)
        market.last_marks = [new or old for new, old in pairs]
        place += market.conditions
    b.reported = it


def _take_book(b: Booking, it: Reported, market: OpenMarket, book: int, silent: bool) -> None:
    """Nothing counts above its cost at the bid; what does not answer is worth nothing there."""
    exposure, bid, ask = book & LOW85, (book >> 85) & LOW85, book >> 170
    b.expect(it, "Reported.books: exposure", market.exposure, exposure)
    b.need(it, "Reported.books: bid above cost", bid <= market.exposure, bid, market.exposure)
    if silent:
        wanted = (0, max(market.exposure, market.ask))
        b.expect(it, "Reported.books: of an account that does not answer", wanted, (bid, ask))
    market.bid, market.ask = bid, ask


# fees


def _fees_accrued(b: Booking, it: FeesAccrued) -> None:
    """Of a report, a settlement or an exit in kind: the event after it says which."""
    ledger, rates = b.ledger, Rates() if b.ledger.is_winding_down else _rates(b.ledger)
    b.expect(it, "FeesAccrued: one before it is used", None, b.fees)
    supply = ledger.supply - sum(b.minted.values())
    performing = isinstance(b.beside(1), Dealt)
    due = fees_due(
        rates, ledger.high_water_mark, ledger.base, ledger.nav[0], supply, ledger.virtual,
        b.now - ledger.fees_at, b.now - ledger.reported_at if performing else 0, performing,
    )  # fmt: skip
    b.expect(it, "FeesAccrued.management", due.management, it.management)
    b.expect(it, "FeesAccrued.performance", due.performance, it.performance)
    b.expect(it, "FeesAccrued.shares", due.shares, it.shares)
    b.expect(it, "FeesAccrued.high_water_mark", due.mark, it.high_water_mark)
    wanted = _parts(ledger, due.shares)
    b.expect(it, "FeesAccrued.shares: minted to the recipients", wanted, b.minted)
    b.minted, b.fees = {}, due
    ledger.high_water_mark, ledger.fees_at = due.mark, b.now


def _rates(ledger: Ledger) -> Rates:
    return Rates(*ledger.permissions.rates)


def _parts(ledger: Ledger, shares: int) -> dict[str, int]:
    """Each recipient's part of the shares; the first gets what rounding left."""
    recipients, parts, left = ledger.permissions.recipients, dict[str, int](), shares
    for who, bps in recipients:
        part = shares * bps // BPS
        parts[who] = parts.get(who, 0) + part
        left -= part
    if left and not recipients:
        raise NotInLedger("nobody is known to receive fees")
    if left:
        parts[recipients[0][0]] += left
    return {who: part for who, part in parts.items() if part}


# dealing


def _dealt(b: Booking, it: Dealt) -> None:
    """Prices after fees and before settlement; then what settles, and what closes."""
    ledger, report = b.ledger, b.reported
    if report is None:
        b.expect(it, "Dealt: settled while the vault is flat", True, ledger.is_flat)
    _check_interval(b, it)
    b.expect(it, "FeesAccrued: logged before dealing", True, b.fees is not None)
    fees = b.fees or Fees(0, 0, 0, ledger.high_water_mark)
    nav = ledger.nav
    prices, room = _published(b, it, nav), _room(b, nav[0])
    b.expect(it, "Dealt.room", room, it.room)
    b.reports.append(_booked(b, it, report, fees, nav, prices, room))
    b.reported, b.fees, b.silent, b.may_forget = None, None, set(), True
    _settle(b, nav[0], prices, room)


def _check_interval(b: Booking, it: Dealt) -> None:
    """Reports keep their distance; the first may come at once."""
    elapsed = b.now - b.ledger.reported_at
    least = b.ledger.permissions.limit(Limit.MIN_REPORT_INTERVAL)
    what = "Dealt: time since the last report"
    b.need(it, what, not b.ledger.reports or elapsed >= least, -elapsed, -least)


def _published(b: Booking, it: Dealt, nav: tuple[int, int]) -> tuple[int, int]:
    """Return the bid and the ask of a share: of what leavers get, of what entrants pay."""
    ledger, (bid, ask) = b.ledger, nav
    b.expect(it, "Dealt.nav_bid", bid, it.nav_bid)
    b.expect(it, "Dealt.nav_ask", ask, it.nav_ask)
    b.expect(it, "Dealt.supply", ledger.supply, it.supply)
    low = (bid + 1) * PRICE // ledger.shares
    high = -(-(ask + 1) * PRICE // ledger.shares)
    mark = ledger.high_water_mark * SHARE
    if high > mark and not ledger.is_winding_down:
        high = max(low, high - (high - mark) * _rates(ledger).performance // BPS)
    b.expect(it, "Dealt.bid", low, it.bid)
    b.expect(it, "Dealt.ask", high, it.ask)
    return low, high


def _room(b: Booking, nav_bid: int) -> int:
    """Return how many assets deposits may bring in: it fills in a day."""
    ledger, limit = b.ledger, b.ledger.permissions.limit
    day = max(limit(Limit.MAX_INFLOW_BPS) * nav_bid // BPS, limit(Limit.INFLOW_FLOOR))
    return min(day, ledger.room + day * (b.now - ledger.reported_at) // DAY)


def _booked(
    b: Booking, it: Dealt, report: Reported | None, fees: Fees, nav: tuple[int, int],
    prices: tuple[int, int], room: int,
) -> BookedReport:  # fmt: skip
    ledger = b.ledger
    return BookedReport(
        block=it.block,
        time=b.now,
        number=ledger.reports + 1,
        is_settlement=report is None,
        nav_bid=nav[0],
        nav_ask=nav[1],
        price_bid=prices[0],
        price_ask=prices[1],
        room=room,
        supply=ledger.supply - fees.shares,
        supply_after=ledger.supply,
        idle=ledger.idle,
        exposure=ledger.exposure,
        management=fees.management,
        performance=fees.performance,
        high_water_mark=ledger.high_water_mark,
        evidence="" if report is None else report.evidence,
        books={
            name: BookedMarket(each.account, each.exposure, each.bid, each.ask, tuple(each.marks))
            for name, each in ledger.markets.items()
        },
        silent=tuple(name for name in ledger.order if name in b.silent),
    )


# settlement


def _settle(b: Booking, nav_bid: int, prices: tuple[int, int], room: int) -> None:
    """Settle what an earlier report closed, at the worse of two prices; close, publish."""
    ledger, (bid, ask) = b.ledger, prices
    is_flat, supply = ledger.is_flat, ledger.supply
    if supply <= (nav_bid + 1) * ledger.virtual * COLLAPSED:
        if not ledger.is_winding_down:
            room = _settle_deposits(b, prices, room, is_flat and not ledger.remains)
        _settle_redemptions(b, min(bid, ledger.prices[0]))
    ledger.reports += 1
    ledger.reported_at = b.now
    for side, price in ((DEPOSITS, ask), (REDEMPTIONS, bid)):
        _close(b, side, price)
    ledger.prices = prices
    ledger.reference = max(ledger.reference, bid)
    ledger.base, ledger.room = min(ledger.nav[0], LOW108), min(room, LOW108)


def _settle_deposits(b: Booking, prices: tuple[int, int], room: int, is_flat: bool) -> int:
    """Return the room that is left; too much opinion in the price, and all wait."""
    ledger, limit = b.ledger, b.ledger.permissions.limit
    price = max(prices[1], ledger.prices[1])
    dear = price * BPS > prices[0] * (BPS + limit(Limit.MAX_PREMIUM_BPS))
    reach = 0 if dear else None if is_flat else room
    line = list(ledger.in_line(DEPOSITS))
    waited = {number: queue.left for number, queue in line}
    found = settle_deposits(line, price, limit(Limit.MAX_UP_BPS), reach)
    for words in deposits_wrong(waited, price, reach, found):
        b.expect(b.transaction.events[b.place], "Dealt: deposits, from totals", "", words)
    minted, supply = 0, ledger.supply
    for each in found:
        ledger.idle += each.taken
        if each.given:
            room -= min(room, each.taken)
            ledger.high_water_mark = mark_at_entry(
                ledger.high_water_mark, supply + minted, each.taken, each.given
            )
            minted += each.given
    _tell(b, DEPOSITS, price, found)
    if minted:
        why = "minted to depositors"
        b.follows(Transfer, why, sender=ZERO, receiver=ledger.vault, value=minted)
    return room


def _settle_redemptions(b: Booking, price: int) -> None:
    ledger = b.ledger
    max_down = b.ledger.permissions.limit(Limit.MAX_DOWN_BPS)
    line = list(ledger.in_line(REDEMPTIONS))
    waited = {number: queue.left for number, queue in line}
    found = settle_redemptions(line, price, max_down, ledger.idle)
    for words in redemptions_wrong(waited, price, ledger.idle, found):
        b.expect(b.transaction.events[b.place], "Dealt: redemptions, from totals", "", words)
    _tell(b, REDEMPTIONS, price, found)
    burned, paid = sum(each.taken for each in found), sum(each.given for each in found)
    ledger.idle -= paid
    ledger.claimable += paid
    if burned:
        why = "burned of redeemers"
        b.follows(Transfer, why, sender=ledger.vault, receiver=ZERO, value=burned)


def _tell(b: Booking, side: int, price: int, found: Sequence[DealtEpoch]) -> None:
    """Say which events must follow; what is done with leaves the line."""
    for each in found:
        if each.is_back:
            b.follows(EpochHandedBack, side=side, epoch=each.epoch, price=price)
        else:
            b.follows(
                EpochSettled, side=side, epoch=each.epoch, taken=each.taken, given=each.given,
                left=each.left,
            )  # fmt: skip
    line = b.ledger.line[side]
    line[:] = [
        number for number, queue in b.ledger.in_line(side) if queue.left and queue.is_waiting
    ]


def _close(b: Booking, side: int, price: int) -> None:
    """Close the open epoch, unless it is empty or eight wait; else its anchor may get better."""
    ledger, number = b.ledger, b.ledger.open_epoch[side]
    queue = ledger.queues[side].get(number)
    if queue is None or not queue.total:
        return
    if len(ledger.line[side]) >= MOST_WAITING:
        ledger.best[side] = (min, max)[side](ledger.best[side], price)
        return
    queue.closed_by, queue.anchor = ledger.reports, ledger.best[side]
    ledger.line[side].append(number)
    ledger.open_epoch[side] = number + 1
    b.follows(EpochClosed, side=side, epoch=number, amount=queue.total, anchor=queue.anchor)


def _always_due(b: Booking, it: AuditedEvent) -> None:
    """What was settled, handed back or closed was booked when it was dealt."""


def _wind_down(b: Booking, it: WindDown) -> None:
    """By owner or guardian; by anyone once there are shares and nobody reports."""
    ledger, roles = b.ledger, b.ledger.permissions.roles
    silent = b.now - ledger.reported_at > ledger.permissions.limit(Limit.LIVENESS_PERIOD)
    may = it.account in (roles.get("owner"), roles.get("guardian")) or (silent and ledger.supply)
    b.expect(it, "WindDown.account: may", True, bool(may))
    b.expect(it, "WindDown: once", False, ledger.is_winding_down)
    ledger.is_winding_down = True
    words = f"wound down by {it.account}"
    ledger.permissions.timeline.append(PermissionChange(it.block, words))


DEALING: Mapping[type[AuditedEvent], Callable[[Booking, AuditedEvent], None]] = dict(
    (
        on(Unanswered, _unanswered),
        on(Reported, _reported),
        on(FeesAccrued, _fees_accrued),
        on(Dealt, _dealt),
        on(EpochClosed, _always_due),
        on(EpochSettled, _always_due),
        on(EpochHandedBack, _always_due),
        on(WindDown, _wind_down),
    )
)
ALWAYS_DUE = frozenset((EpochClosed, EpochSettled, EpochHandedBack))
