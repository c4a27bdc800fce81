"""The events of a ProofGate, a frozen record each."""

from strongroom.audit.events import AuditedEvent
from strongroom.chain.ids import MarketId


class Committed(AuditedEvent, frozen=True, gc=False):
    """Inputs were published for a market: elements of the field."""

    market: MarketId
    reporter: str
    inputs: tuple[int, ...]


class Admitted(AuditedEvent, frozen=True, gc=False):
    """A proof let assets out, for orders of a side at a price (WAD) or below until a time."""

    market: MarketId
    inputs_hash: str
    output: int
    side: int
    price: int
    assets: int
    until: int


GATE_EVENTS: tuple[type[AuditedEvent], ...] = (Committed, Admitted)
