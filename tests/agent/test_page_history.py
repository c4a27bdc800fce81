"""What a page keeps of a vault's history, and where requests stand, by numbers made by hand."""

from types import SimpleNamespace

import pytest
from msgspec import structs
from strongroom.app.gathering import VaultHistory
from strongroom.app.history import QueueState, page_data
from strongroom.audit.auditor import Audit
from strongroom.audit.events import (
    Allocated,
    CallExecuted,
    CallRevoked,
    CallSubmitted,
    CameHome,
    MarketClosed,
    MarketOpened,
    OwnershipTransferred,
)
from strongroom.audit.income import IncomeKind
from strongroom.audit.ledger import Ledger, OpenMarket
from strongroom.audit.permissions import Caps, Limit, MarketClass
from strongroom.audit.queues import KEPT, AuditedEpoch
from strongroom.chain.ids import keccak
from strongroom.chain.terms import TIMELOCKED
from strongroom.chain.units import FIRST_PRICE

from tests.defaults import DAY, UNIT

ANN, BEN, OWNER, REPORTER = ("0x" + letter * 40 for letter in "abef")
MARKET, OTHER = "0x" + "12" * 32, "0x" + "34" * 32
NOW = 1_700_000_000
RESET = keccak(b"resetBreaker()")[:4]


def event(kind, **fields):
    others = {each.name: 0 for each in structs.fields(kind) if each.name not in fields}
    place = {"block": 1, "transaction": "0x1", "index": 0, "address": "0x"}
    return kind(**(others | place | fields))


def hear(history, *events, at=NOW):
    for each in events:
        history.on_event(at, each)


def page(ledger, history=None):
    verdict = SimpleNamespace(to_time=NOW)
    return page_data(history or VaultHistory(), Audit(verdict, ledger), SimpleNamespace())


def ledger_of(**fields):
    """Return a ledger that is fresh, with the limits that the page reads."""
    ledger = Ledger("0xvault", reported_at=NOW - 60, reports=5, **fields)
    ledger.permissions.roles["reporter"] = REPORTER
    ledger.permissions.limits |= {Limit.MAX_REPORT_AGE: DAY, Limit.MAX_PREMIUM_BPS: 1_000}
    return ledger


def test_a_market_that_is_opened_again_has_two_lives():
    """100 out, 70 home, 30 lost; 5 swept later. Then 50 out with another account, 62 home."""
    history = VaultHistory()
    opened = {"market": MARKET, "class_id": 3, "deadline": 9}
    hear(
        history,
        event(MarketOpened, account="0x1", **opened),
        event(Allocated, market=MARKET, assets=100),
        event(CameHome, market=MARKET, account="0x1", assets=70, cost=70),
        event(MarketClosed, market=MARKET, account="0x1", loss=30),
    )
    hear(
        history,
        event(MarketOpened, account="0x2", **opened),
        event(Allocated, market=MARKET, assets=50),
        event(CameHome, market=MARKET, account="0x2", assets=62, cost=50),
        event(CameHome, market=MARKET, account="0x1", assets=5, cost=0),
        event(MarketClosed, market=MARKET, account="0x2", loss=0),
        at=NOW + 1,
    )
    first, second = page(ledger_of(), history).settled
    assert (first.allocated, first.home, first.profit) == (100, 75, -25)
    assert (second.allocated, second.home, second.profit) == (50, 62, 12)
    assert (first.class_id, first.opened, second.opened) == (3, NOW, NOW + 1)


def test_the_league_counts_what_a_strategist_could_hide():
    """Closed: 100 out, 90 home of which 30 were given: -40. Open: 50 out, worth 20 of 50; another
    stands at its cost only because 7 were given. One above its cost counts not at all."""
    history, ledger = VaultHistory(), ledger_of()
    ledger.permissions.classes[3] = MarketClass()
    ledger.profits[3] = -10
    books = {"0xlost": (100, 0, 0), "0xdown": (50, 50, 20), "0xgiven": (40, 40, 40),
             "0xup": (10, 10, 30)}  # fmt: skip
    for number, (account, (out, exposure, bid)) in enumerate(books.items()):
        name = f"0x{number:064x}"
        opened = {"market": name, "class_id": 3, "deadline": 9, "account": account}
        hear(history, event(MarketOpened, **opened), event(Allocated, market=name, assets=out))
        if exposure:
            ledger.markets[name] = OpenMarket(
                account, 3, "", 1, 0, False, exposure=exposure, bid=bid
            )
            ledger.order.append(name)
    closed = {"market": f"0x{0:064x}", "account": "0xlost"}
    hear(history, event(CameHome, assets=90, cost=90, **closed))
    hear(history, event(MarketClosed, loss=10, **closed))
    for account, amount, kind in (("0xlost", 30, IncomeKind.GIFT), ("0xgiven", 7, IncomeKind.GIFT),
                                  ("0xlost", 5, IncomeKind.REWARD)):  # fmt: skip
        history.income.append(SimpleNamespace(account=account, amount=amount, kind=kind))
    data = page(ledger, history)
    (row,) = data.league
    assert (row.profit, row.gifts, row.below) == (-10, 37, 30)
    assert (row.markets, row.losing, row.staked) == (3, 3, 190)
    assert row.value == pytest.approx((-40 - 30 - 7) / 190)
    assert [each.gifts for each in data.open] == [0, 7, 0]
    assert (data.settled[0].income, data.settled[0].gifts) == (35, 30)


def test_an_announced_call_names_who_announced_it_and_goes_when_made_or_revoked():
    history, ledger = VaultHistory(), ledger_of()
    ledger.permissions.delays = {"0x" + RESET.hex(): 3 * DAY}
    of = {"call": RESET, "delay": 3 * DAY}
    hear(history, event(OwnershipTransferred, new_owner=OWNER))
    for name in ("0xmade", "0xrevoked", "0xstands"):
        hear(history, event(CallSubmitted, call_hash=name, **of), at=NOW - 4 * DAY)
    hear(history, event(CallSubmitted, call_hash="0xold", **of), at=NOW - 11 * DAY)
    hear(history, event(CallExecuted, call_hash="0xmade"))
    hear(history, event(CallRevoked, call_hash="0xrevoked"))
    hear(history, event(OwnershipTransferred, new_owner=BEN))
    (row,) = page(ledger, history).notices
    assert (row.by, row.submitted, row.ready, row.lapses) == (
        OWNER, NOW - 4 * DAY, NOW - DAY, NOW + 6 * DAY)  # fmt: skip
    assert "allocate again after a drawdown" in row.words


def test_a_notice_says_from_what_a_value_changes():
    history, ledger = VaultHistory(), ledger_of()
    ledger.permissions.limits[Limit.TOTAL_CAP] = 300 * UNIT
    set_limit = keccak(b"setLimit(uint256,uint256)")[:4]
    call = set_limit + (17).to_bytes(32, "big") + (500 * UNIT).to_bytes(32, "big")
    hear(history, event(CallSubmitted, call_hash="0x1", call=call))
    (row,) = page(ledger, history).notices
    assert row.words.endswith("from 300.00 to 500.00")


def test_the_shortest_and_the_longest_notice():
    ledger = ledger_of()
    for number, each in enumerate(TIMELOCKED):
        ledger.permissions.delays["0x" + keccak(each.encode())[:4].hex()] = (2 + number) * DAY
    assert page(ledger).delays == (2 * DAY, 12 * DAY)
    assert page(ledger_of()).delays == (0, 0)


def reported(history, *asks):
    for ask in asks:
        history.reports.append(SimpleNamespace(price_ask=ask * FIRST_PRICE // 100))


def request(closed_by=0, is_back=False, left=100):
    """Return an epoch in which Ann asked for 100."""
    return AuditedEpoch(
        asked={ANN: 100}, since={ANN: NOW - 9}, total=100, left=left, closed_by=closed_by,
        kept=(left << KEPT) // 100, is_back=is_back,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("side", "queue", "asks", "state", "free"),
    [
        (0, request(), (100,), QueueState.OPEN, True),
        (1, request(closed_by=5), (100,), QueueState.CLOSED, False),
        (0, request(closed_by=4), (100, 109), QueueState.NO_ROOM, True),
        (0, request(closed_by=4), (111, 100), QueueState.DEAR, True),
        (0, request(closed_by=3), (111, 100, 100), QueueState.NO_ROOM, True),
        (1, request(closed_by=4), (100, 100), QueueState.NO_IDLE, True),
        (0, request(closed_by=4, is_back=True), (100, 100), QueueState.BACK, True),
    ],
)
def test_where_a_request_stands(side, queue, asks, state, free):
    history, ledger = VaultHistory(), ledger_of(prices=(FIRST_PRICE, FIRST_PRICE))
    reported(history, *asks)
    ledger.queues[side][7] = queue
    (row,) = page(ledger, history).queue
    assert (row.side, row.epoch, row.who) == (("deposit", "redeem")[side], 7, ANN)
    assert (row.state, row.can_be_taken_back) == (state, free)


def test_a_partly_settled_request_shows_what_waits():
    ledger = ledger_of()
    ledger.queues[1][2] = request(closed_by=4, left=25)
    (row,) = page(ledger).queue
    assert (row.amount, row.settled) == (25, 75)


OPEN, CLOSED, LEFT = request(), request(closed_by=5), request(closed_by=4)


@pytest.mark.parametrize(
    ("what", "side", "queue", "state", "free"),
    [
        *(
            (what, side, queue, state, True)
            for what in ("no reporter", "stale")
            for side in (0, 1)
            for queue, state in ((OPEN, QueueState.OPEN_ALONE), (CLOSED, QueueState.CLOSED_ALONE))
        ),
        *(("winding down", 0, queue, QueueState.ENDS, True) for queue in (OPEN, CLOSED, LEFT)),
        ("winding down", 1, OPEN, QueueState.OPEN, True),
        ("winding down", 1, CLOSED, QueueState.CLOSED, True),
        ("collapsed", 0, OPEN, QueueState.COLLAPSED, True),
        ("collapsed", 0, CLOSED, QueueState.COLLAPSED, False),
        ("collapsed", 1, LEFT, QueueState.COLLAPSED, True),
        ("collapsed", 1, request(closed_by=4, is_back=True), QueueState.BACK, True),
    ],
)
def test_no_report_is_promised_where_none_deals(what, side, queue, state, free):
    ledger = ledger_of(prices=(FIRST_PRICE, FIRST_PRICE))
    ledger.queues[side][2] = queue
    if what == "no reporter":
        ledger.permissions.roles["reporter"] = "0x" + "00" * 20
    elif what == "stale":
        ledger.reported_at = NOW - DAY - 1
    elif what == "collapsed":
        ledger.prices = (FIRST_PRICE // 10_001, FIRST_PRICE)
    else:
        ledger.is_winding_down = True
    (row,) = page(ledger).queue
    assert (row.state, row.can_be_taken_back) == (state, free)


def test_what_nav_is_made_of_and_what_a_strategy_may_do():
    """Idle 500; one market cost 300, worth 200 at the bid and 350 at the ask; a delegated one cost
    100, worth 100 at both. NAV 800 / 950. A cap of 90 % of NAV binds at 720, one of 150 at 150. A
    loss of 30 is kept per share, rounded up, and read rounded up: 31."""
    ledger = ledger_of(idle=500, supply=10**18)
    ledger.markets = {
        MARKET: OpenMarket(
            ANN,
            0,
            MARKET,
            2,
            9,
            False,
            300,
            200,
            350,
            [0, 5 * 10**17 | 6 * 10**17 << 64 | 5 << 128],
        ),
        OTHER: OpenMarket(BEN, 1, OTHER, 1, 9, True, 100, 100, 100, [0]),
    }
    ledger.order = [MARKET, OTHER]
    caps = Caps(150, 9_000, 10**9, 9_000)
    ledger.permissions.classes = {
        0: MarketClass(keeper=ANN, caps=caps), 1: MarketClass(grade=2, is_retired=True),
    }  # fmt: skip
    ledger.permissions.limits |= {Limit.TOTAL_CAP: 10**9, Limit.TOTAL_CAP_BPS: 5_000}
    ledger.lose(0, 30)
    ledger.profits[0] = -30
    ledger.remains = {BEN: ledger.per_share(7)}
    found = page(ledger)
    made = found.composition
    assert (made.home, made.at_cost, made.opinion) == (500, 300, 150)
    assert (made.enforced, made.delegated, made.exposure, made.written_off) == (200, 100, 400, 7)
    first, second = found.strategies[0], found.strategies[1]
    assert (first.keeper, first.exposure, first.losses, first.profit) == (ANN, 300, 31, -30)
    assert (first.cap, first.market_cap, first.is_retired) == (720, 150, False)
    assert (second.grade, second.cap, second.is_retired) == (2, 0, True)
    assert (found.total.exposure, found.total.losses, found.total.cap) == (400, 31, 400)
    assert found.open[0].marks == (None, (0.5, 0.6)) and found.open[1].marks == (None,)
