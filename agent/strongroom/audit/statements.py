"""Each depositor's months: what was there, what came in and went out, what was gained."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from strongroom.audit.events import (
    AuditedEvent,
    DepositRequest,
    DepositRequestCancelled,
    RedeemedInKind,
    Withdraw,
)
from strongroom.audit.income import Income
from strongroom.audit.ledger import BookedReport, Ledger


@dataclass(frozen=True)
class Month:
    """A depositor's month up to its last report; assets and shares in base units.

    Attributes:
        shares: held, claimable and waiting to be redeemed
        value: of the shares at the bid, with assets that wait to enter or to be claimed
        gain: of value, beyond what came in and went out; shares sent to others, or from them,
            count as lost and gained
        income: beside trades, that reached the markets' accounts in the month: the depositor's part
            by shares held at the report before, before fees; in the gain once it is home
    """

    month: str  # 2025-12
    time: int  # of its last report
    shares: int
    value: int
    paid_in: int
    paid_out: int
    gain: int
    income: int


@dataclass(frozen=True)
class _Stand:
    """All that a depositor has and ever paid, at a report."""

    time: int = 0
    shares: int = 0
    value: int = 0
    paid_in: int = 0
    paid_out: int = 0
    income: int = 0


class Statements:
    """Gathers every depositor's months; `on_event` and `on_report` go to the auditor. The assets of
    an exit in kind are to be all that came of it, from accounts, too; tokens count as nothing."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._in: dict[str, int] = {}
        self._out: dict[str, int] = {}
        self._months: dict[str, dict[str, _Stand]] = {}
        self._reached: list[Income] = []  # since the last report
        self._before: tuple[dict[str, int], int] = {}, 1  # shares at it, of everybody and in all
        self._income: dict[str, int] = {}

    def on_income(self, income: Income) -> None:
        """Keep what reached an account until the next report."""
        self._reached.append(income)

    def on_event(self, event: AuditedEvent) -> None:
        """Keep what a depositor paid and got."""
        match event:
            case DepositRequest(controller=who, assets=assets):
                self._add(self._in, who, assets)
            case DepositRequestCancelled(controller=who, assets=assets):
                self._add(self._in, who, -assets)
            case Withdraw(owner=who, assets=assets) | RedeemedInKind(owner=who, assets=assets):
                self._add(self._out, who, assets)

    def on_report(self, report: BookedReport, ledger: Ledger) -> None:
        """Take everybody's stand after a report."""
        self._share_income(report.block)
        month = f"{datetime.fromtimestamp(report.time, UTC):%Y-%m}"
        bid, whole = ledger.nav[0], ledger.shares
        deposits, redemptions = ledger.queues
        asked = {who for each in ledger.queues for queue in each.values() for who in queue.asked}
        held: dict[str, int] = {}
        for who in {*ledger.holders, *asked, *self._in, *self._out} - {ledger.vault}:
            shares, assets = ledger.holders.get(who, 0), 0
            for queue in deposits.values():
                shares += queue.due(who)[1]
                assets += queue.waits(who)
            for queue in redemptions.values():
                shares += queue.waits(who)
                assets += queue.due(who)[1]
            value = shares * (bid + 1) // whole + assets
            so_far = (each.get(who, 0) for each in (self._in, self._out, self._income))
            stand = _Stand(report.time, shares, value, *so_far)
            self._months.setdefault(who, {})[month] = stand
            held[who] = shares
        self._before = held, whole

    def of(self, who: str) -> Iterator[Month]:
        """Yield a depositor's months, oldest first."""
        before = _Stand()
        for month, now in self._months.get(who, {}).items():
            paid_in, paid_out = now.paid_in - before.paid_in, now.paid_out - before.paid_out
            gain = now.value - before.value - paid_in + paid_out
            income = now.income - before.income
            yield Month(month, now.time, now.shares, now.value, paid_in, paid_out, gain, income)
            before = now

    @property
    def people(self) -> list[str]:
        """Everybody who ever had something in the vault at a report."""
        return sorted(self._months)

    def _share_income(self, block: int) -> None:
        """Share what came up to a block among those who held shares at the report before; down."""
        came = sum(each.amount for each in self._reached if each.block <= block)
        self._reached = [each for each in self._reached if each.block > block]
        held, whole = self._before
        for who, shares in held.items() if came else ():
            self._add(self._income, who, came * shares // whole)

    def _add(self, totals: dict[str, int], who: str, assets: int) -> None:
        totals[who] = totals.get(who, 0) + assets
