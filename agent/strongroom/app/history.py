"""What a page shows of a vault: gathered while its audit runs, then one frozen record, which is
also what data.json holds."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace

from strongroom.audit.auditor import Audit
from strongroom.audit.contracts import Identity
from strongroom.audit.events import (
    Allocated,
    AuditedEvent,
    CameHome,
    Deposit,
    DepositRequest,
    DepositRequestCancelled,
    MarketClosed,
    MarketOpened,
    RedeemedInKind,
    RedeemRequest,
    RedeemRequestCancelled,
    Withdraw,
)
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.permissions import Limit
from strongroom.audit.statements import Month, Statements
from strongroom.audit.verdict import Verdict
from strongroom.chain.ids import JsonObject, MarketId
from strongroom.chain.units import BPS, VIRTUAL_SHARES, WAD

SCHEMA = "strongroom-page/2"
SIDES = ("deposit", "redeem")
MARK = 2**64 - 1  # of a packed price


@dataclass(frozen=True)
class ReportRow:
    """A report; amounts in base units, the price a share in units, after fees."""

    time: int
    block: int
    nav_bid: int
    nav_ask: int
    supply: int
    share_price: float
    exposure: int
    idle: int
    management: int
    performance: int
    evidence: str


@dataclass(frozen=True)
class MarketLife:
    """A market's whole life; assets in base units, `closed` None while it is open. What comes home
    later counts, too."""

    market: MarketId
    account: str
    class_id: int
    opened: int
    deadline: int
    allocated: int = 0
    recalled: int = 0
    closed: int | None = None


@dataclass(frozen=True)
class SettledRow:
    """A market that is closed; assets in base units."""

    market: MarketId
    opened: int
    closed: int
    allocated: int
    recalled: int
    profit: int


@dataclass(frozen=True)
class OpenRow:
    """An open market; `marks` are YES bid, ask, NO bid, ask a condition."""

    market: MarketId
    class_id: int
    exposure: int
    cap: int
    value_bid: int
    value_ask: int
    deadline: int
    marks: tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class ClassRow:
    """A class's exposure at cost, and its caps at the NAV of now; assets."""

    grade: int
    exposure: int
    cap: int
    market_cap: int


@dataclass(frozen=True)
class QueueRow:
    """A request that waits; `amount` in assets of a deposit, in shares of a redemption."""

    side: str
    epoch: int
    who: str
    amount: int
    since: int
    closed: bool
    settled: int
    total: int


@dataclass(frozen=True)
class Flow:
    """Something that a depositor did; amounts in base units."""

    time: int
    block: int
    who: str
    what: str
    assets: int
    shares: int


@dataclass(frozen=True)
class Terms:
    """On which terms one deposits; assets in base units, times in seconds."""

    management_bps: int
    performance_bps: int
    hurdle_bps: int
    deposit_limit: int
    min_deposit: int
    allow_list: str
    exit_fee_bps: int
    max_report_age: int


@dataclass(frozen=True)
class Total:
    """All markets' exposure at cost, and its cap at the NAV of now; assets."""

    exposure: int
    cap: int


@dataclass(frozen=True)
class PageData:
    """Everything that a page shows."""

    schema: str
    identity: Identity
    terms: Terms
    verdict: Verdict
    reports: tuple[ReportRow, ...]
    classes: Mapping[int, ClassRow]
    total: Total
    open: tuple[OpenRow, ...]
    settled: tuple[SettledRow, ...]
    queue: tuple[QueueRow, ...]
    holders: Mapping[str, int]
    flows: tuple[Flow, ...]
    names: Mapping[MarketId, str]  # market -> what the evidence calls it
    months: Mapping[str, tuple[Month, ...]]

    def document(self) -> JsonObject:
        """Return the data as JSON takes it."""
        return asdict(self)

    @property
    def people(self) -> list[str]:
        """Everybody who ever was a depositor."""
        return sorted({flow.who for flow in self.flows} | self.months.keys())


class VaultHistory:
    """Gathers; `on_report` and `on_event` go to the auditor."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.reports: list[ReportRow] = []
        self.lives: dict[str, MarketLife] = {}  # by account: a market may be opened again
        self._account: dict[MarketId, str] = {}  # its last one
        self.flows: list[Flow] = []
        self.statements = Statements()

    def on_report(self, report: BookedReport, ledger: Ledger) -> None:
        """Keep a report's line, and everybody's stand."""
        self.statements.on_report(report, ledger)
        supply = report.supply_after
        price = report.nav_bid * VIRTUAL_SHARES / supply if supply else 1.0
        self.reports.append(
            ReportRow(
                report.time, report.block, report.nav_bid, report.nav_ask, supply,
                round(price, 9), report.exposure, report.idle, report.management,
                report.performance, report.evidence,
            )
        )  # fmt: skip

    def on_event(self, time: int, event: AuditedEvent) -> None:
        """Keep what an event says of markets and depositors."""
        self.statements.on_event(event)
        self._market(time, event)
        flow = _flow(time, event)
        if flow is not None:
            self.flows.append(flow)

    def _market(self, time: int, event: AuditedEvent) -> None:
        lives = self.lives
        match event:
            case MarketOpened(market=name, account=account):
                self._account[name] = account
                lives[account] = MarketLife(name, account, event.class_id, time, event.deadline)
            case Allocated(market=name, assets=assets):
                account = self._account[name]
                lives[account] = replace(
                    lives[account], allocated=lives[account].allocated + assets
                )
            case CameHome(account=account, assets=assets):
                recalled = lives[account].recalled + assets
                lives[account] = replace(lives[account], recalled=recalled)
            case MarketClosed(account=account):
                lives[account] = replace(lives[account], closed=time)


def _flow(time: int, event: AuditedEvent) -> Flow | None:
    """Return what a depositor did by an event."""

    def flow(who: str, what: str, assets: int, shares: int) -> Flow:
        return Flow(time, event.block, who, what, assets, shares)

    match event:
        case DepositRequest(controller=who, assets=assets):
            return flow(who, "asks to deposit", assets, 0)
        case DepositRequestCancelled(controller=who, assets=assets):
            return flow(who, "takes a deposit back", assets, 0)
        case RedeemRequest(controller=who, shares=shares):
            return flow(who, "asks to redeem", 0, shares)
        case RedeemRequestCancelled(controller=who, shares=shares):
            return flow(who, "takes a redemption back", 0, shares)
        case Deposit(owner=who, assets=assets, shares=shares):
            return flow(who, "gets shares", assets, shares)
        case Withdraw(owner=who, assets=assets, shares=shares):
            return flow(who, "gets assets", assets, shares)
        case RedeemedInKind(owner=who, assets=assets, shares=shares):
            return flow(who, "leaves in kind", assets, shares)
    return None


def page_data(
    history: VaultHistory,
    audit: Audit,
    identity: Identity,
    name_of: Callable[[MarketId], str | None] = lambda market: None,
) -> PageData:
    """Return everything that a page shows; `name_of` gives a market's name."""
    ledger = audit.ledger
    classes = _classes(ledger)
    markets = {life.market for life in history.lives.values()}
    names = {market: name for market in markets if (name := name_of(market)) is not None}
    return PageData(
        schema=SCHEMA,
        identity=identity,
        terms=_terms(ledger),
        verdict=audit.verdict,
        reports=tuple(history.reports),
        classes=classes,
        total=_total(ledger),
        open=tuple(_open(ledger, classes)),
        settled=tuple(_settled(history)),
        queue=tuple(_queue(ledger)),
        holders=dict(sorted(ledger.holders.items(), key=lambda pair: -pair[1])),
        flows=tuple(history.flows),
        names=names,
        months={who: tuple(history.statements.of(who)) for who in history.statements.people},
    )


def _terms(ledger: Ledger) -> Terms:
    permissions = ledger.permissions
    management, performance, hurdle = permissions.rates
    deposit_limit, min_deposit = permissions.deposit_terms
    return Terms(
        management, performance, hurdle, deposit_limit, min_deposit, permissions.allow_list,
        permissions.limit(Limit.EXIT_FEE_BPS), permissions.limit(Limit.MAX_REPORT_AGE),
    )  # fmt: skip


def _classes(ledger: Ledger) -> dict[int, ClassRow]:
    nav = ledger.nav[0]
    return {
        number: ClassRow(
            each.grade,
            ledger.class_exposure(number),
            min(each.caps.of_class, each.caps.of_class_bps * nav // BPS),
            min(each.caps.market, each.caps.market_bps * nav // BPS),
        )
        for number, each in ledger.permissions.classes.items()
    }


def _total(ledger: Ledger) -> Total:
    limit = ledger.permissions.limit
    part = limit(Limit.TOTAL_CAP_BPS) * ledger.nav[0] // BPS
    return Total(ledger.exposure, min(limit(Limit.TOTAL_CAP), part))


def _open(ledger: Ledger, classes: Mapping[int, ClassRow]) -> list[OpenRow]:
    found = []
    for name in ledger.order:
        market = ledger.markets[name]
        row = classes.get(market.class_id)
        found.append(
            OpenRow(
                name, market.class_id, market.exposure, row.market_cap if row is not None else 0,
                market.bid, market.ask, market.deadline,
                tuple(_mark(word) for word in market.marks),
            )
        )  # fmt: skip
    return found


def _mark(word: int) -> tuple[float, float, float, float]:
    """Return bid and ask of YES, and of NO, which follow; without a mark it may be anything."""
    bid, ask = (word & MARK, (word >> 64) & MARK) if word else (0, WAD)
    return bid / WAD, ask / WAD, (WAD - ask) / WAD, (WAD - bid) / WAD


def _settled(history: VaultHistory) -> list[SettledRow]:
    found = [
        SettledRow(
            each.market, each.opened, each.closed, each.allocated, each.recalled,
            each.recalled - each.allocated,
        )
        for each in history.lives.values()
        if each.closed is not None
    ]  # fmt: skip
    return sorted(found, key=lambda each: each.closed)


def _queue(ledger: Ledger) -> list[QueueRow]:
    found = []
    for side, queues in zip(SIDES, ledger.queues, strict=True):
        for number, queue in queues.items():
            settled = queue.total - queue.left
            found += [
                QueueRow(
                    side,
                    number,
                    who,
                    amount,
                    queue.since[who],
                    queue.is_closed,
                    settled,
                    queue.total,
                )
                for who, amount in queue.asked.items()
                if queue.left
            ]
    return found
