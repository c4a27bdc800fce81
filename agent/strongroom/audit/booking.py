"""One transaction while it is booked: what differs, and which events must still follow.

A vault's call logs its events in a fixed order, and nothing comes between them. So an event that
calls for others names them with all their fields; what comes instead, or never, is a difference.
"""

from collections import deque
from collections.abc import Collection

from msgspec import Struct

from strongroom.audit.events import AuditedEvent, PaidInKind, Reported
from strongroom.audit.fees import Fees
from strongroom.audit.governance import Governance
from strongroom.audit.ledger import BookedReport, Ledger
from strongroom.audit.permissions import difference
from strongroom.audit.transactions import Transaction
from strongroom.chain.ids import MarketId

Kind = type[AuditedEvent]


class Due(Struct, frozen=True, gc=False):
    """An event that must follow, and the fields that it must have."""

    kind: Kind
    fields: Collection[tuple[str, object]]
    why: str


class Booking:
    """A transaction, the ledger that it changes, and what its events have said so far. After its
    end it begins anew with the next one: what none has said needs no forgetting.

    Attributes:
        due: events that must follow, in order
        may_forget: whether an epoch may be over
        now: time of the block
        is_due: whether the event at hand is one that had to follow
        minted: account -> shares that nothing explains yet
        burned: (holder, shares) that nothing explains yet
        leaving: controller and shares of a request that leaves in kind
        parting: controller, shares and assets of what was settled of it: paid at the end
        fees: as they must be, of the fee event that was not used yet
        reported: the report that was not dealt on yet
        silent: markets of it that did not answer
        paid: what delegated accounts paid in kind to whoever leaves
        before_home: before the last assets came home: what their market stood for, NAV at the bid
    """

    place: int
    is_due: bool
    may_forget: bool
    transaction: Transaction
    now: int
    leaving: tuple[str, int] | None
    parting: tuple[str, int, int] | None
    fees: Fees | None
    reported: Reported | None
    before_home: tuple[int, int]
    reports: list[BookedReport]
    minted: dict[str, int]
    burned: list[tuple[str, int]]
    silent: set[MarketId]
    paid: list[PaidInKind]

    def __init__(self, ledger: Ledger, governance: Governance) -> None:
        """Take what transactions change."""
        self.ledger, self.governance = ledger, governance
        self.due: deque[Due] = deque()
        self._forget()

    def begin(self, transaction: Transaction) -> None:
        """Begin with nothing said."""
        self.transaction, self.now, self.place = transaction, transaction.time, 0
        self.is_due = self.may_forget = False
        self.before_home, self.reports = (0, 0), []

    def _forget(self) -> None:
        """Forget what events have said that others must explain."""
        self.leaving = self.parting = self.fees = self.reported = None
        self.minted, self.burned, self.silent, self.paid = {}, [], set(), []

    def beside(self, steps: int) -> AuditedEvent | None:
        """Return the event so many steps further in the transaction, if there is one."""
        events, place = self.transaction.events, self.place + steps
        return events[place] if 0 <= place < len(events) else None

    def expect(self, at: AuditedEvent, what: str, expected: object, found: object) -> None:
        """Note a difference unless two values are equal."""
        if expected != found:
            self.ledger.differences.append(difference(at, what, expected, found))

    def need(self, at: AuditedEvent, what: str, holds: bool, found: object, bound: object) -> None:
        """Note a difference unless a bound holds."""
        if not holds:
            self.ledger.differences.append(difference(at, what, f"at most {bound}", found))

    def announced(self, at: AuditedEvent, signature: str, *arguments: object) -> None:
        """Note a difference unless a call was announced in time, where it has a delay."""
        found = self.governance.announced(at, self.transaction, signature, *arguments)
        self.ledger.differences += found

    def follows(self, kind: Kind, why: str = "", **fields: object) -> None:
        """Expect an event after those that are expected already."""
        self.due.append(Due(kind, fields.items(), why))

    def meet(self, event: AuditedEvent) -> None:
        """Hold an event against what must follow, where something must or the event stands only
        where it had to."""
        coming = self.due
        self.is_due = False
        if not coming or coming[0].kind is not type(event):
            kinds = [due.kind for due in coming]
            if type(event) not in kinds:
                wanted = kinds[0].__name__ if kinds else "none"
                self.expect(event, f"{event.name}: logged here", wanted, event.name)
                return
            for _ in range(kinds.index(type(event))):
                self._miss(event, coming.popleft())
        self.is_due = True
        due = coming.popleft()
        for name, value in due.fields:
            found = getattr(event, name)
            if found != value:
                why = f": {due.why}" if due.why else ""
                self.expect(event, f"{event.name}.{name}{why}", value, found)
                return

    def end(self, last: AuditedEvent) -> None:
        """Note what should have followed, and what nothing explained."""
        while self.due:
            self._miss(last, self.due.popleft())
        if (
            self.minted or self.burned or self.silent or self.paid or self.fees or self.reported
            or self.leaving or self.parting
        ):  # fmt: skip
            self._name_unexplained(last)
            self._forget()

    def _name_unexplained(self, last: AuditedEvent) -> None:
        if self.minted:
            self.expect(last, "Transfer.value: minted for nothing", {}, self.minted)
        if self.burned:
            self.expect(last, "Transfer.value: burned for nothing", [], self.burned)
        if self.fees is not None:
            self.expect(last, "FeesAccrued: of a report, a settlement or an exit", "one", "none")
        if self.reported is not None:
            self.expect(last, "Reported: dealt on", "Dealt", "nothing")
        if self.leaving is not None:
            self.expect(last, "RedeemedInKind: logged", self.leaving, "nothing")
        if self.parting is not None:
            self.expect(last, "Withdraw: logged", self.parting, "nothing")
        if self.paid:
            self.expect(last, "PaidInKind: to whoever leaves", "RedeemedInKind", "nothing")

    def _miss(self, at: AuditedEvent, due: Due) -> None:
        self.expect(at, f"{due.kind.__name__}: logged", dict(due.fields), "nothing")
