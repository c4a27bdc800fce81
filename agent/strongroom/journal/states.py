"""What may become of an order: two axes, the venue's word and the chain's evidence. Pure.

    intent: PLANNED -> SIGNED -> SENT -> ACKED | REFUSED | UNKNOWN -> CLOSED
    venue:  NONE | LIVE | DELAYED | MATCHED | CANCELLED | EXPIRED | REJECTED

Each step is written to the journal before what it allows is done, so whatever breaks between two
steps is found again. UNKNOWN is no failure: the order may stand. It ends for certain, because the
account's own signature expires: after that no exchange can fill what was not pre-approved before.
"""

from enum import StrEnum


class Intent(StrEnum):
    """How far an order of ours has come."""

    PLANNED = "PLANNED"  # decided; nothing has left this process
    SIGNED = "SIGNED"  # hash and bytes are known
    SENT = "SENT"  # it may have left: the request is under way
    ACKED = "ACKED"  # the venue has it
    REFUSED = "REFUSED"  # the venue has said no, in words that mean no
    UNKNOWN = "UNKNOWN"  # no answer, or one that says nothing
    CLOSED = "CLOSED"  # nothing can come of it any more


class Venue(StrEnum):
    """What the venue last said of it."""

    NONE = "NONE"
    LIVE = "LIVE"
    DELAYED = "DELAYED"
    MATCHED = "MATCHED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


STEPS: dict[Intent, frozenset[Intent]] = {
    Intent.PLANNED: frozenset({Intent.SIGNED, Intent.CLOSED}),
    Intent.SIGNED: frozenset({Intent.SENT, Intent.CLOSED}),
    Intent.SENT: frozenset({Intent.ACKED, Intent.REFUSED, Intent.UNKNOWN, Intent.CLOSED}),
    Intent.UNKNOWN: frozenset({Intent.SENT, Intent.ACKED, Intent.REFUSED, Intent.CLOSED}),
    Intent.ACKED: frozenset({Intent.CLOSED}),
    Intent.REFUSED: frozenset({Intent.CLOSED}),
    Intent.CLOSED: frozenset(),
}
OVER = frozenset({Venue.MATCHED, Venue.CANCELLED, Venue.EXPIRED, Venue.REJECTED})
# From SIGNED on until CLOSED the funds of an order are spoken for.
RESERVING = frozenset({Intent.SIGNED, Intent.SENT, Intent.ACKED, Intent.UNKNOWN, Intent.REFUSED})


class Sending(StrEnum):
    """How far a transaction of the keeper's Safe has come."""

    PLANNED = "PLANNED"  # what it does is known
    SIGNED = "SIGNED"  # the owners' signatures, for one nonce of the Safe
    SENT = "SENT"  # a transaction that carries it may have left
    MINED = "MINED"  # executed, in a block that may still be undone
    DONE = "DONE"  # executed for good
    DROPPED = "DROPPED"  # it was not executed and never will be


SENDING: dict[Sending, frozenset[Sending]] = {
    Sending.PLANNED: frozenset({Sending.SIGNED, Sending.DROPPED}),
    # back to PLANNED: something else has used the Safe's nonce, so these signatures are void
    Sending.SIGNED: frozenset({Sending.SENT, Sending.PLANNED, Sending.MINED, Sending.DROPPED}),
    # SENT again: by another transaction, of a higher fee or another nonce of the executor
    Sending.SENT: frozenset({Sending.SENT, Sending.PLANNED, Sending.MINED, Sending.DROPPED}),
    Sending.MINED: frozenset({Sending.SENT, Sending.DONE}),  # SENT: its block was undone
    Sending.DONE: frozenset(),
    Sending.DROPPED: frozenset(),
}


class IllegalStep(ValueError):
    """The step cannot follow; the journal and the code disagree."""


def check_step(now: Intent, to: Intent) -> None:
    """Refuse a step that the machine does not have.

    Raises:
        IllegalStep: see the class.
    """
    if to not in STEPS[now]:
        raise IllegalStep(f"{now} -> {to}")


def check_sending(now: Sending, to: Sending) -> None:
    """Refuse a step that a transaction cannot take.

    Raises:
        IllegalStep: see the class.
    """
    if to not in SENDING[now]:
        raise IllegalStep(f"{now} -> {to}")


def venue_word(status: str) -> Venue:
    """Return the venue's status in our words; one that we do not know is NONE."""
    known = {
        "LIVE": Venue.LIVE,
        "DELAYED": Venue.DELAYED,
        "UNMATCHED": Venue.LIVE,
        "MATCHED": Venue.MATCHED,
        "CANCELED": Venue.CANCELLED,
        "CANCELLED": Venue.CANCELLED,
        "EXPIRED": Venue.EXPIRED,
        "REJECTED": Venue.REJECTED,
    }
    return known.get(status.upper(), Venue.NONE)
