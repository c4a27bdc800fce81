"""What a page shows of a vault: gathered while its audit runs, then one frozen record, which is
also what data.json holds."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum

from strongroom.app.gathering import Flow, ReportRow, VaultHistory
from strongroom.app.league import ClassProfit, LeagueRow, SettledStake, league
from strongroom.audit.auditor import Audit
from strongroom.audit.contracts import Identity
from strongroom.audit.income import Income
from strongroom.audit.ledger import Ledger, OpenMarket
from strongroom.audit.permissions import ZERO, Limit
from strongroom.audit.queues import DEPOSITS, AuditedEpoch
from strongroom.audit.statements import Month
from strongroom.audit.verdict import Verdict
from strongroom.chain.ids import JsonObject, MarketId, keccak, to_hex
from strongroom.chain.notices import Notice, Present, bound_by, notice_of
from strongroom.chain.terms import TIMELOCKED
from strongroom.chain.units import BPS, WAD
from strongroom.chain.words import mark_of
from strongroom.depositor.requests import has_collapsed

SCHEMA = "strongroom-page/3"
SIDES = ("deposit", "redeem")


class QueueState(StrEnum):
    """Where a request is in its life."""

    OPEN = "open: the next report closes it"
    OPEN_ALONE = "open: it waits for a report, and none comes at present"
    CLOSED = "closed: the next report can deal with it"
    CLOSED_ALONE = "closed: it waits for a report, and none comes at present"
    ENDS = "the vault is winding down and deals with no deposit"
    COLLAPSED = "the price has collapsed: nothing is dealt with until it has recovered"
    NO_ROOM = "left over: no more deposits fit into this day"
    DEAR = "left over: too much of the price is not proven"
    NO_IDLE = "left over: idle assets are used up"
    BACK = "handed back: the price moved too far"


@dataclass(frozen=True)
class Composition:
    """What NAV is made of, assets.

    Attributes:
        home: idle, in the vault itself
        at_cost: of the markets, counted at most at what they cost: what NAV at the bid adds
        opinion: what NAV at the ask adds: profit that is not home, or losses that are not proven
        enforced, delegated: of `at_cost`, by custody
        written_off: what closed accounts stood for that are not swept; counted nowhere
    """

    home: int
    at_cost: int
    opinion: int
    enforced: int
    delegated: int
    exposure: int
    written_off: int


@dataclass(frozen=True)
class SettledRow:
    """A market that is closed, each time it was; assets in base units.

    Attributes:
        home: what has come home of it, also after it was closed
        profit: of that, above cost, less exposure that never came
        income: beside trades, that reached the account; in `profit` once it is home
        gifts: of that, what somebody gave
    """

    market: MarketId
    class_id: int
    opened: int
    closed: int
    allocated: int
    home: int
    profit: int
    income: int
    gifts: int


@dataclass(frozen=True)
class OpenRow:
    """An open market; `marks` are bid and ask of YES a condition, None where there is none; `gifts`
    what somebody gave to its account, assets."""

    market: MarketId
    class_id: int
    exposure: int
    cap: int
    value_bid: int
    value_ask: int
    deadline: int
    marks: tuple[tuple[float, float] | None, ...]
    gifts: int


@dataclass(frozen=True)
class StrategyRow:
    """A class: who trades what budget, at the NAV of now; assets.

    Attributes:
        keeper: zero address: nobody
        cap: of exposure and losses together
        losses: as they count against the cap
        profit: what came home above cost, less exposure that never came
    """

    grade: int
    keeper: str
    exposure: int
    losses: int
    profit: int
    cap: int
    market_cap: int
    is_retired: bool


@dataclass(frozen=True)
class QueueRow:
    """A request that waits; `amount` in assets of a deposit, in shares of a redemption.

    Attributes:
        settled: of the request, in the same unit: what can be claimed or was
        can_be_taken_back: at the audit's last block
    """

    side: str
    epoch: int
    who: str
    amount: int
    since: int
    state: QueueState
    settled: int
    can_be_taken_back: bool


@dataclass(frozen=True)
class NoticeRow:
    """A call that the owner has announced; timestamps."""

    by: str
    submitted: int
    ready: int
    lapses: int
    words: str


@dataclass(frozen=True)
class Terms:
    """On which terms one deposits; assets in base units, times in seconds."""

    management_bps: int
    performance_bps: int
    hurdle_bps: int
    deposit_limit: int
    min_deposit: int
    allow_list: str
    covers_transfers: bool
    max_up_bps: int
    max_down_bps: int
    max_premium_bps: int
    exit_fee_bps: int
    min_report_interval: int
    max_report_age: int
    liveness_period: int


@dataclass(frozen=True)
class Total:
    """All markets' exposure at cost and losses, and their cap at the NAV of now; assets."""

    exposure: int
    losses: int
    cap: int


@dataclass(frozen=True)
class PageData:
    """Everything that a page shows."""

    schema: str
    identity: Identity
    terms: Terms
    verdict: Verdict
    composition: Composition
    notices: tuple[NoticeRow, ...]
    delays: tuple[int, int]  # shortest and longest notice of a timelocked function, seconds
    reports: tuple[ReportRow, ...]
    strategies: Mapping[int, StrategyRow]
    league: tuple[LeagueRow, ...]
    total: Total
    open: tuple[OpenRow, ...]
    settled: tuple[SettledRow, ...]
    income: tuple[Income, ...]
    queue: tuple[QueueRow, ...]
    holders: Mapping[str, int]
    flows: tuple[Flow, ...]
    names: Mapping[MarketId, str]  # market -> what the evidence calls it
    months: Mapping[str, tuple[Month, ...]]

    def document(self) -> JsonObject:
        """Return the data as JSON takes it; the verdict as an auditor signs it."""
        return asdict(self) | {"verdict": self.verdict.document()}

    @property
    def people(self) -> list[str]:
        """Everybody who ever was a depositor."""
        return sorted({flow.who for flow in self.flows} | self.months.keys())


def page_data(
    history: VaultHistory,
    audit: Audit,
    identity: Identity,
    name_of: Callable[[MarketId], str | None] = lambda market: None,
) -> PageData:
    """Return everything that a page shows; `name_of` gives a market's name."""
    ledger, now = audit.ledger, audit.verdict.to_time
    strategies, lives = _strategies(ledger), history.lives.values()
    names = {each.market: name for each in lives if (name := name_of(each.market)) is not None}
    return PageData(
        schema=SCHEMA,
        identity=identity,
        terms=_terms(ledger),
        verdict=audit.verdict,
        composition=_composition(ledger),
        notices=_notices(history, ledger, now),
        delays=_delays(ledger),
        reports=tuple(history.reports),
        strategies=strategies,
        league=league(_stakes(history, ledger, now), _profits(history, ledger, strategies)),
        total=_total(ledger),
        open=tuple(_open(history, ledger, strategies)),
        settled=tuple(_settled(history)),
        income=tuple(history.income),
        queue=tuple(_queue(history, ledger, now)),
        holders=dict(sorted(ledger.holders.items(), key=lambda pair: -pair[1])),
        flows=tuple(history.flows),
        names=names,
        months={who: tuple(history.statements.of(who)) for who in history.statements.people},
    )


def _terms(ledger: Ledger) -> Terms:
    permissions = ledger.permissions
    limit = permissions.limit
    return Terms(
        *permissions.rates, *permissions.deposit_terms,
        permissions.allow_list, permissions.covers_transfers,
        limit(Limit.MAX_UP_BPS), limit(Limit.MAX_DOWN_BPS), limit(Limit.MAX_PREMIUM_BPS),
        limit(Limit.EXIT_FEE_BPS), limit(Limit.MIN_REPORT_INTERVAL), limit(Limit.MAX_REPORT_AGE),
        limit(Limit.LIVENESS_PERIOD),
    )  # fmt: skip


def _composition(ledger: Ledger) -> Composition:
    bid, ask = ledger.nav
    home, enforced, delegated = ledger.custody
    return Composition(
        home, bid - home, ask - bid, enforced, delegated, ledger.exposure, ledger.written_off
    )


def _notices(history: VaultHistory, ledger: Ledger, now: int) -> tuple[NoticeRow, ...]:
    """Return the calls that stand submitted and can still be made, the next one first."""
    permissions = ledger.permissions
    classes = permissions.classes.items()
    present = Present(
        limits=permissions.limits,
        rates=permissions.rates,
        caps={number: each.caps.words for number, each in classes},
        keepers={number: each.keeper for number, each in classes},
        roles=permissions.roles,
        delays=permissions.delays,
    )

    def notice(call: bytes, by: str, submitted: int, then: int) -> Notice:
        delays = then, permissions.delays.get("0x" + bound_by(call).hex(), 0)
        return notice_of(call, by, submitted, delays, present)

    found = [notice(*each) for each in history.submitted.values()]
    return tuple(
        NoticeRow(each.by, each.submitted, each.ready, each.lapses, each.words)
        for each in sorted(found, key=lambda each: (each.ready, each.words))
        if not each.has_lapsed(now)
    )


def _delays(ledger: Ledger) -> tuple[int, int]:
    selectors = [to_hex(keccak(each.encode())[:4]) for each in TIMELOCKED]
    delays = [ledger.permissions.delays.get(each, 0) for each in selectors]
    return min(delays), max(delays)


def _cap(ledger: Ledger, assets: int, bps: int) -> int:
    return min(assets, bps * ledger.nav[0] // BPS)


def _strategies(ledger: Ledger) -> dict[int, StrategyRow]:
    return {
        number: StrategyRow(
            each.grade, each.keeper, ledger.class_exposure(number), ledger.losses_of(number),
            ledger.profits.get(number, 0),
            _cap(ledger, each.caps.of_class, each.caps.of_class_bps),
            _cap(ledger, each.caps.market, each.caps.market_bps), each.is_retired,
        )
        for number, each in ledger.permissions.classes.items()
    }  # fmt: skip


def _total(ledger: Ledger) -> Total:
    limit = ledger.permissions.limit
    cap = _cap(ledger, limit(Limit.TOTAL_CAP), limit(Limit.TOTAL_CAP_BPS))
    return Total(ledger.exposure, ledger.losses_of(), cap)


def _open(
    history: VaultHistory, ledger: Ledger, strategies: Mapping[int, StrategyRow]
) -> list[OpenRow]:
    found = []
    for name in ledger.order:
        market = ledger.markets[name]
        row = strategies.get(market.class_id)
        found.append(
            OpenRow(
                name, market.class_id, market.exposure, row.market_cap if row is not None else 0,
                market.bid, market.ask, market.deadline,
                tuple(_mark(word) for word in market.marks), history.gifts_of(market.account),
            )
        )  # fmt: skip
    return found


def _mark(word: int) -> tuple[float, float] | None:
    if not word:
        return None
    mark = mark_of(word)
    return mark.bid / WAD, mark.ask / WAD


def _settled(history: VaultHistory) -> list[SettledRow]:
    found = [
        SettledRow(
            each.market, each.class_id, each.opened, each.closed, each.allocated, each.home,
            each.profit, history.income_of(account), history.gifts_of(account),
        )
        for account, each in history.lives.items()
        if each.closed is not None
    ]  # fmt: skip
    return sorted(found, key=lambda each: each.closed)


def _stakes(history: VaultHistory, ledger: Ledger, now: int) -> list[SettledStake]:
    """Return what the league counts: see league.py."""
    found = []
    for account, each in history.lives.items():
        profit = each.profit - history.gifts_of(account)
        if each.closed is None:
            profit -= _below(ledger.markets.get(each.market))
            if profit >= 0:
                continue
        closed = now if each.closed is None else each.closed
        found.append(SettledStake(each.market, each.class_id, closed, each.allocated, profit))
    return sorted(found, key=lambda each: each.closed)


def _profits(
    history: VaultHistory, ledger: Ledger, strategies: Mapping[int, StrategyRow]
) -> dict[int, ClassProfit]:
    gifts, below = Counter[int](), Counter[int]()
    for account, life in history.lives.items():
        gifts[life.class_id] += history.gifts_of(account)
    for market in ledger.markets.values():
        below[market.class_id] += _below(market)
    return {
        number: ClassProfit(each.profit, gifts[number], below[number])
        for number, each in strategies.items()
    }


def _below(market: OpenMarket | None) -> int:
    """Return what an open market stands below its cost at the bid, assets."""
    return 0 if market is None else max(0, market.exposure - market.bid)


def _queue(history: VaultHistory, ledger: Ledger, now: int) -> list[QueueRow]:
    """Return what waits, or waits to be taken back."""
    alone = ledger.permissions.roles.get("reporter", ZERO) == ZERO or ledger.is_stale(now)
    at_once = alone or ledger.is_winding_down
    found = []
    for number, side in enumerate(SIDES):
        for epoch, queue in ledger.queues[number].items():
            state = _state(queue, number, history, ledger, alone)
            waits = queue.is_closed and not queue.is_back and queue.closed_by >= ledger.reports
            free = not waits or at_once
            found += [
                QueueRow(side, epoch, who, left, queue.since[who], state, asked - left, free)
                for who, asked in queue.asked.items()
                if (left := queue.waits(who))
            ]
    return found


def _state(
    queue: AuditedEpoch, side: int, history: VaultHistory, ledger: Ledger, alone: bool
) -> QueueState:
    """Return where a request is; `alone`: no report comes."""
    if queue.is_closed and queue.is_back:
        return QueueState.BACK
    if ledger.is_winding_down and side == DEPOSITS:
        return QueueState.ENDS
    if ledger.reports and has_collapsed(ledger.prices[0]):
        return QueueState.COLLAPSED
    if not queue.is_closed:
        return QueueState.OPEN_ALONE if alone else QueueState.OPEN
    if queue.closed_by >= ledger.reports:
        return QueueState.CLOSED_ALONE if alone else QueueState.CLOSED
    if side != DEPOSITS:
        return QueueState.NO_IDLE
    asks = [each.price_ask for each in history.reports[-2:]]
    most = ledger.prices[0] * (BPS + ledger.permissions.limit(Limit.MAX_PREMIUM_BPS))
    return QueueState.DEAR if max(asks, default=0) * BPS > most else QueueState.NO_ROOM
