"""What a page keeps of a vault's history while the audit goes through it: a line a report, a life a
market's account, what depositors did, and what stands announced."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from strongroom.audit.events import (
    Allocated,
    AuditedEvent,
    CallExecuted,
    CallRevoked,
    CallSubmitted,
    CameHome,
    Deposit,
    DepositRequest,
    DepositRequestCancelled,
    MarketClosed,
    MarketOpened,
    OwnershipTransferred,
    RedeemedInKind,
    RedeemRequest,
    RedeemRequestCancelled,
    Withdraw,
)
from strongroom.audit.income import Income, IncomeKind
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.permissions import ZERO
from strongroom.audit.statements import Statements
from strongroom.chain.ids import MarketId


@dataclass(frozen=True)
class ReportRow:
    """A report, or a settlement of a flat vault.

    Amounts are in base units, prices assets per share times 10**36, both after fees; `exposure` is
    at cost.
    """

    time: int
    block: int
    nav_bid: int
    nav_ask: int
    price_bid: int
    price_ask: int
    supply: int
    exposure: int
    losses: int
    idle: int
    management: int
    performance: int
    evidence: str
    is_settlement: bool


@dataclass(frozen=True)
class MarketLife:
    """The life of a market's account; assets in base units, `closed` None while it is open.

    Attributes:
        home: what has come home, also after it was closed
        profit: of that, above cost, less exposure that never came
    """

    market: MarketId
    class_id: int
    opened: int
    allocated: int = 0
    home: int = 0
    profit: int = 0
    closed: int | None = None


@dataclass(frozen=True)
class Flow:
    """Something that a depositor did; amounts in base units."""

    time: int
    block: int
    who: str
    what: str
    assets: int
    shares: int


class VaultHistory:
    """Gathers; `on_report`, `on_event`, `on_income` and `on_paid` go to the auditor.

    Attributes:
        income: beside trades, oldest first
        lives: by account: a market that is opened again has another
        submitted: hash of an announced call -> its bytes, who announced it, when, its delay
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.reports: list[ReportRow] = []
        self.lives: dict[str, MarketLife] = {}
        self.flows: list[Flow] = []
        self.submitted: dict[str, tuple[bytes, str, int, int]] = {}
        self.statements = Statements()
        self.income: list[Income] = []
        self._accounts: dict[MarketId, str] = {}  # of open markets
        self._owner = ZERO
        self._paid: dict[tuple[int, int], int] = {}  # by accounts, beside the exit at a place

    def on_paid(self, paid: Mapping[tuple[int, int], int]) -> None:
        """Keep what accounts paid beside exits in kind that come next."""
        self._paid.update(paid)

    def on_report(self, report: BookedReport, ledger: Ledger) -> None:
        """Keep a report's line, and everybody's stand."""
        self.statements.on_report(report, ledger)
        self.reports.append(
            ReportRow(
                report.time, report.block, report.nav_bid, report.nav_ask, report.price_bid,
                report.price_ask, report.supply_after, report.exposure, ledger.losses_of(),
                report.idle, report.management, report.performance, report.evidence,
                report.is_settlement,
            )
        )  # fmt: skip

    def on_income(self, income: Income) -> None:
        """Keep an income."""
        self.income.append(income)
        self.statements.on_income(income)

    def income_of(self, account: str) -> int:
        """Return what reached an account beside trades."""
        return sum(each.amount for each in self.income if each.account == account)

    def gifts_of(self, account: str) -> int:
        """Return what somebody gave to an account."""
        return sum(
            each.amount
            for each in self.income
            if each.account == account and each.kind is IncomeKind.GIFT
        )

    def on_event(self, time: int, event: AuditedEvent) -> None:
        """Keep what an event says of markets, depositors and announced calls."""
        if isinstance(event, RedeemedInKind):
            beside = self._paid.pop((event.block, event.index), 0)
            event = structs.replace(event, assets=event.assets + beside)
        self.statements.on_event(event)
        self._market(time, event)
        self._announced(time, event)
        flow = _flow(time, event)
        if flow is not None:
            self.flows.append(flow)

    def _market(self, time: int, event: AuditedEvent) -> None:
        """Keep what a market's account got and gave; of one whose opening a node hides, nothing."""
        lives = self.lives
        if isinstance(event, MarketOpened):
            self._accounts[event.market] = event.account
            lives[event.account] = MarketLife(event.market, event.class_id, time)
            return
        if isinstance(event, Allocated):
            account = self._accounts.get(event.market, "")
        elif isinstance(event, CameHome | MarketClosed):
            account = event.account
        else:
            return
        old = lives.get(account)
        if old is None:
            return
        if isinstance(event, Allocated):
            lives[account] = replace(old, allocated=old.allocated + event.assets)
        elif isinstance(event, CameHome):
            profit = old.profit + event.assets - event.cost
            lives[account] = replace(old, home=old.home + event.assets, profit=profit)
        else:
            lives[account] = replace(old, closed=time, profit=old.profit - event.loss)

    def _announced(self, time: int, event: AuditedEvent) -> None:
        match event:
            case OwnershipTransferred(new_owner=owner):
                self._owner = owner
            case CallSubmitted(call_hash=call_hash):
                self.submitted[call_hash] = (event.call, self._owner, time, event.delay)
            case CallRevoked(call_hash=call_hash) | CallExecuted(call_hash=call_hash):
                self.submitted.pop(call_hash, None)


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
