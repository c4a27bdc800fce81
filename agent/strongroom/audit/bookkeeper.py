"""Keeps a vault's ledger by its events alone and by arithmetic of the auditor's own.

Every event is held against what the ledger says must follow; the first that differs is named by
block, transaction and field.
"""

from collections.abc import Callable, Mapping, Sequence

from strongroom.audit.booking import Booking
from strongroom.audit.budget import BUDGET
from strongroom.audit.dealing import ALWAYS_DUE, DEALING
from strongroom.audit.events import AuditedEvent, FeesSet
from strongroom.audit.governance import Governance
from strongroom.audit.ledger import BookedReport, Ledger, NotInLedger
from strongroom.audit.permissions import Setting
from strongroom.audit.shares import SHARES
from strongroom.audit.transactions import Transaction
from strongroom.chain.units import PRICE, SHARE
from strongroom.errors import Defect

# What is in none of these tables and none of governance's changes nothing that is kept.
_HANDLERS: Mapping[type[AuditedEvent], Callable[[Booking, AuditedEvent], None]] = {
    **SHARES,
    **BUDGET,
    **DEALING,
}


class AuditFailed(Defect):
    """The audit's own code failed while it booked an event; it is no verdict on the vault."""


class Bookkeeper:
    """Books transactions, one after the other."""

    def __init__(
        self, ledger: Ledger, before: Callable[[AuditedEvent], None] | None = None
    ) -> None:
        """Go on from a ledger, which changes as transactions are booked.

        Args:
            before: is called before each event is booked
        """
        self.ledger, self._before = ledger, before
        self._governance = Governance(ledger.permissions, ledger.decimals)
        self._booking = Booking(ledger, self._governance)

    def replaced(self) -> Sequence[Setting]:
        """Return settings that were replaced since this was asked last, with the last block in
        which each must have been as the books had it."""
        before = self._governance.before
        if not before:
            return ()
        found = list(before.values())
        before.clear()
        return found

    def book(self, transaction: Transaction) -> list[BookedReport]:
        """Book one transaction's events; return the reports and settlements in it."""
        ledger, events = self.ledger, transaction.events
        if not ledger.reported_at:
            self._begin(transaction)
        booking, before, due = self._booking, self._before, self._booking.due
        booking.begin(transaction)
        ledger.events += len(events)
        ledger.block = events[-1].block
        for booking.place, event in enumerate(events):
            if before is not None:
                before(event)
            kind = type(event)
            if due or kind in ALWAYS_DUE:
                booking.meet(event)
            else:
                booking.is_due = False
            handler = _HANDLERS.get(kind)
            try:
                if handler is not None:
                    handler(booking, event)
                else:
                    self._govern(booking, event)
            except NotInLedger as missing:
                booking.expect(event, f"{event.name}: of what the ledger knows", "", str(missing))
            except Exception as error:
                raise AuditFailed(
                    f"the audit failed at block {event.block}, {event.name} of {event.transaction} "
                    f"({error!r}): this says nothing of the vault; report it with the block"
                ) from error
        booking.end(events[-1])
        if booking.may_forget:
            self._forget()
        return booking.reports

    def _govern(self, booking: Booking, event: AuditedEvent) -> None:
        if isinstance(event, FeesSet) and self._governance.is_raise(event):
            fresh = not self.ledger.is_stale(booking.now)
            booking.expect(event, "FeesSet: raised while fresh", True, fresh)
        self.ledger.differences += self._governance.take(event, booking.transaction)

    def _begin(self, transaction: Transaction) -> None:
        """A vault is fresh from its deployment on; its first price is of an empty vault."""
        ledger = self.ledger
        ledger.reported_at = ledger.fees_at = transaction.time
        ledger.permissions.born_in = transaction.events[0].transaction
        first = PRICE // ledger.virtual
        ledger.prices, ledger.reference = (first, first), first
        ledger.high_water_mark = SHARE // ledger.virtual

    def _forget(self) -> None:
        """Drop epochs of which nothing can come any more."""
        for side, queues in enumerate(self.ledger.queues):
            line = self.ledger.line[side]
            over = [n for n, queue in queues.items() if not queue.asked and queue.is_over]
            for number in over:
                if number not in line:
                    del queues[number]
