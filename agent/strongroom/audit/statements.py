"""Each depositor's months: what was there, what came in and went out, what was gained."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from strongroom.audit.ledger import VIRTUAL, Ledger, ReportLine
from strongroom.audit.logs import Event
from strongroom.audit.permissions import ZERO


@dataclass(frozen=True)
class Month:
    """A depositor's month up to its last report; assets and shares in base units.

    Attributes:
        shares: held, claimable and waiting to be redeemed
        value: of the shares at the bid, with assets that wait to enter or to be claimed
        gain: of value, beyond what came in and went out; shares sent to others, or from them,
            count as lost and gained
    """

    month: str  # 2025-12
    time: int  # of its last report
    shares: int
    value: int
    paid_in: int
    paid_out: int
    gain: int


@dataclass(frozen=True)
class _Stand:
    """All that a depositor has and ever paid, at a report."""

    time: int = 0
    shares: int = 0
    value: int = 0
    paid_in: int = 0
    paid_out: int = 0


@dataclass
class Statements:
    """Gathers; `heard` and `reported` go to the auditor."""

    _in: dict[str, int] = field(default_factory=dict)
    _out: dict[str, int] = field(default_factory=dict)
    _months: dict[str, dict[str, _Stand]] = field(default_factory=dict)
    _minted: tuple[str, str, int] = ("", "", 0)  # the last one: transaction, to whom, shares

    def heard(self, event: Event) -> None:
        """Keep what a depositor paid and got."""
        it = event.fields
        if event.name == "Transfer" and it["sender"] == ZERO:
            self._minted = (event.transaction, it["receiver"], it["value"])
        elif event.name == "DepositRequest":
            self._add(self._in, it["controller"], it["assets"])
        elif event.name == "DepositRequestCancelled":
            self._add(self._in, it["controller"], -it["assets"])
        elif event.name == "Deposit":
            if self._minted == (event.transaction, it["owner"], it["shares"]):  # at once
                self._add(self._in, it["owner"], it["assets"])
        elif event.name in ("Withdraw", "RedeemedInKind"):
            self._add(self._out, it["owner"], it["assets"])

    def reported(self, line: ReportLine, books: Ledger) -> None:
        """Take everybody's stand after a report."""
        month = f"{datetime.fromtimestamp(line.time, UTC):%Y-%m}"
        bid, supply = books.nav[0], books.supply
        deposits, redemptions = books.queues
        asked = {who for each in books.queues for queue in each.values() for who in queue.asked}
        for who in {*books.holders, *asked, *self._in, *self._out} - {books.vault}:
            shares, assets = books.holders.get(who, 0), 0
            for queue in deposits.values():
                shares += queue.due(who)[1]
                assets += queue.waits(who)
            for queue in redemptions.values():
                shares += queue.waits(who)
                assets += queue.due(who)[1]
            value = shares * (bid + 1) // (supply + VIRTUAL) + assets
            stand = _Stand(line.time, shares, value, self._in.get(who, 0), self._out.get(who, 0))
            self._months.setdefault(who, {})[month] = stand

    def of(self, who: str) -> Iterator[Month]:
        """Yield a depositor's months, oldest first."""
        before = _Stand()
        for month, now in self._months.get(who, {}).items():
            paid_in, paid_out = now.paid_in - before.paid_in, now.paid_out - before.paid_out
            gain = now.value - before.value - paid_in + paid_out
            yield Month(month, now.time, now.shares, now.value, paid_in, paid_out, gain)
            before = now

    @property
    def people(self) -> list[str]:
        """Everybody who ever had something in the vault at a report."""
        return sorted(self._months)

    def _add(self, totals: dict[str, int], who: str, assets: int) -> None:
        totals[who] = totals.get(who, 0) + assets
