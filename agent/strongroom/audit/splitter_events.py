"""The events of a PerformanceSplitter, a frozen record each; those of its owner are a vault's own
(events.py)."""

from strongroom.audit.events import AuditedEvent, OwnershipTransferred, OwnershipTransferStarted


class StrategistAnnounced(AuditedEvent, frozen=True, gc=False):
    """Who will earn by a class, his part in bps, from when on."""

    class_id: int
    strategist: str
    part_bps: int
    ready_at: int


class StrategistSet(AuditedEvent, frozen=True, gc=False):
    """Who earns by a class from now on, above which mark (assets)."""

    class_id: int
    strategist: str
    part_bps: int
    mark: int


class Split(AuditedEvent, frozen=True, gc=False):
    """Shares were split: `due` would have paid for all profit, `rest` is the manager's."""

    manager: str
    received: int
    profit: int
    rate_bps: int
    due: int
    rest: int


class Credited(AuditedEvent, frozen=True, gc=False):
    """A class's profit above its mark (assets), what of it was paid for, the class's fee and the
    strategist's part of that (shares), the mark after it."""

    class_id: int
    strategist: str
    profit: int
    paid: int
    fee: int
    shares: int
    mark: int


class Withdrawn(AuditedEvent, frozen=True, gc=False):
    """Credited shares went to a receiver."""

    account: str
    receiver: str
    shares: int


SPLITTER_EVENTS: tuple[type[AuditedEvent], ...] = (
    *(OwnershipTransferred, OwnershipTransferStarted, StrategistAnnounced, StrategistSet),
    *(Split, Credited, Withdrawn),
)
