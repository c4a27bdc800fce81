"""What may become of an order: two axes, the venue's word and the chain's evidence. Pure.

    intent: PLANNED -> SIGNED -> SENT -> ACKED | REFUSED | UNKNOWN -> CLOSED
    venue:  NONE | LIVE | DELAYED | UNMATCHED | MATCHED | CANCELLED | EXPIRED | REJECTED

Each step is written to the journal before what it allows is done, so whatever breaks between two
steps is found again. UNKNOWN is no failure: the order may stand. It ends for certain, because the
account's own signature expires: after that no exchange can fill what was not pre-approved before.
"""

from enum import IntEnum, StrEnum

from strongroom.errors import Differs


class RevealState(IntEnum):
    """What reports have said of a decision."""

    NO = 0
    YES = 1  # its record
    STATED = 2  # that it is withheld, and by when its record comes


class IntentState(StrEnum):
    """How far an order of ours has come."""

    PLANNED = "PLANNED"  # decided; nothing has left this process
    SIGNED = "SIGNED"  # hash and bytes are known
    SENT = "SENT"  # it may have left: the request is under way
    ACKED = "ACKED"  # the venue has it
    REFUSED = "REFUSED"  # the venue has refused it, in words that mean no
    UNKNOWN = "UNKNOWN"  # no answer, or one that says nothing
    CLOSED = "CLOSED"  # nothing can come of it any more


class VenueWord(StrEnum):
    """The venue's last word on it."""

    NONE = "NONE"
    LIVE = "LIVE"
    DELAYED = "DELAYED"
    UNMATCHED = "UNMATCHED"  # a delayed order that found nothing; it rests if its kind does
    MATCHED = "MATCHED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


STEPS: dict[IntentState, frozenset[IntentState]] = {
    IntentState.PLANNED: frozenset({IntentState.SIGNED, IntentState.CLOSED}),
    IntentState.SIGNED: frozenset({IntentState.SENT, IntentState.CLOSED}),
    IntentState.SENT: frozenset(
        {IntentState.ACKED, IntentState.REFUSED, IntentState.UNKNOWN, IntentState.CLOSED}
    ),
    IntentState.UNKNOWN: frozenset(
        {IntentState.SENT, IntentState.ACKED, IntentState.REFUSED, IntentState.CLOSED}
    ),
    IntentState.ACKED: frozenset({IntentState.CLOSED}),
    IntentState.REFUSED: frozenset({IntentState.CLOSED}),
    IntentState.CLOSED: frozenset(),
}
OPEN_STATES = tuple(state for state, following in STEPS.items() if following)
OVER = frozenset({VenueWord.MATCHED, VenueWord.CANCELLED, VenueWord.EXPIRED, VenueWord.REJECTED})
# From SIGNED on until CLOSED the funds of an order are spoken for.
RESERVING = frozenset(
    {
        IntentState.SIGNED,
        IntentState.SENT,
        IntentState.ACKED,
        IntentState.UNKNOWN,
        IntentState.REFUSED,
    }
)


class AnswerKind(StrEnum):
    """What came of a request to the venue about an order, as venues/clob.py reads its texts."""

    ACCEPTED = "ACCEPTED"  # it has the order, or did what was asked
    REFUSED = "REFUSED"  # it says no, in words that mean no
    UNFUNDED = "UNFUNDED"  # no, since it does not see the balance or the allowance (yet)
    SILENT = "SILENT"  # no answer, or one that says nothing about the order
    UNSENT = "UNSENT"  # nothing left: the venue has asked to wait
    UNWANTED = "UNWANTED"  # whatever it says: the keeper wants its end, and sends it no more


class TradeStatus(StrEnum):
    """How far a match has come on its way to the chain, in the venue's words."""

    MATCHED = "MATCHED"
    MINED = "MINED"
    RETRYING = "RETRYING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        """Whether nothing more can come of it."""
        return self in (TradeStatus.CONFIRMED, TradeStatus.FAILED)


class TaskState(StrEnum):
    """Whether a decision is still being carried out."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"


class ApprovalState(StrEnum):
    """What became of a decision that waits for a person's yes."""

    PENDING = "PENDING"  # nobody has answered yet
    APPROVED = "APPROVED"  # a person said yes; the keeper has not gone on yet
    STARTED = "STARTED"  # its task was opened
    DECLINED = "DECLINED"  # a person said no
    EXPIRED = "EXPIRED"  # its time was over before it could begin
    STALE = "STALE"  # approved, but prices or limits no longer allow it


APPROVAL_STEPS: dict[ApprovalState, frozenset[ApprovalState]] = {
    ApprovalState.PENDING: frozenset(
        {ApprovalState.APPROVED, ApprovalState.DECLINED, ApprovalState.EXPIRED}
    ),
    # DECLINED: the person thinks again, before the keeper has gone on
    ApprovalState.APPROVED: frozenset(
        {
            ApprovalState.STARTED,
            ApprovalState.DECLINED,
            ApprovalState.EXPIRED,
            ApprovalState.STALE,
        }
    ),
    ApprovalState.STARTED: frozenset(),
    ApprovalState.DECLINED: frozenset(),
    ApprovalState.EXPIRED: frozenset(),
    ApprovalState.STALE: frozenset(),
}


class TransactionState(StrEnum):
    """How far a transaction of the keeper's Safe has come."""

    PLANNED = "PLANNED"  # what it does is known
    SIGNED = "SIGNED"  # the owners' signatures, for one nonce of the Safe
    SENT = "SENT"  # a transaction that carries it may have left
    MINED = "MINED"  # executed, in a block that may still be undone
    DONE = "DONE"  # executed for good
    DROPPED = "DROPPED"  # it was not executed and never will be


TRANSACTION_STEPS: dict[TransactionState, frozenset[TransactionState]] = {
    TransactionState.PLANNED: frozenset({TransactionState.SIGNED, TransactionState.DROPPED}),
    # back to PLANNED: something else has used the Safe's nonce, so these signatures are void
    TransactionState.SIGNED: frozenset(
        {
            TransactionState.SENT,
            TransactionState.PLANNED,
            TransactionState.MINED,
            TransactionState.DROPPED,
        }
    ),
    # SENT again: by another transaction, of a higher fee or another nonce of the executor
    TransactionState.SENT: frozenset(
        {
            TransactionState.SENT,
            TransactionState.PLANNED,
            TransactionState.MINED,
            TransactionState.DROPPED,
        }
    ),
    TransactionState.MINED: frozenset(
        {TransactionState.SENT, TransactionState.DONE}
    ),  # SENT: its block was undone
    TransactionState.DONE: frozenset(),
    TransactionState.DROPPED: frozenset(),
}

TRANSACTION_OVER = frozenset({TransactionState.DONE, TransactionState.DROPPED})


class IllegalStep(Differs):
    """The step cannot follow; the journal and the code disagree."""


def check_step(now: IntentState, to: IntentState) -> None:
    """Refuse a step that the machine does not have.

    Raises:
        IllegalStep: see the class.
    """
    if to not in STEPS[now]:
        raise IllegalStep(f"{now} -> {to}")


def check_transaction_step(now: TransactionState, to: TransactionState) -> None:
    """Refuse a step that a transaction cannot take.

    Raises:
        IllegalStep: see the class.
    """
    if to not in TRANSACTION_STEPS[now]:
        raise IllegalStep(f"{now} -> {to}")


# by the stem that a status begins with: an end names its reason, in words that are not all known
_STEMS = {
    "LIVE": VenueWord.LIVE,
    "DELAYED": VenueWord.DELAYED,
    "UNMATCHED": VenueWord.UNMATCHED,
    "MATCHED": VenueWord.MATCHED,
    "CANCELED_EXPIRED": VenueWord.EXPIRED,
    "CANCELED": VenueWord.CANCELLED,
    "CANCELLED": VenueWord.CANCELLED,
    "EXPIRED": VenueWord.EXPIRED,
    "REJECTED": VenueWord.REJECTED,
    "INVALID": VenueWord.REJECTED,
}


def venue_word(status: str) -> VenueWord:
    """Return the venue's status of an order in our words; one that we do not know is NONE.

    REST puts `ORDER_STATUS_` before it, and ends have a reason behind them (VENUE e1).
    """
    word = status.upper().removeprefix("ORDER_STATUS_")
    return next((ours for stem, ours in _STEMS.items() if word.startswith(stem)), VenueWord.NONE)


def trade_status(status: str) -> TradeStatus:
    """Return the venue's word for a match; one that we do not know has not ended."""
    word = status.upper().removeprefix("TRADE_STATUS_")
    return TradeStatus(word) if word in TradeStatus.__members__ else TradeStatus.MATCHED
