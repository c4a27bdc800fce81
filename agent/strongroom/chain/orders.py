"""The words of an order, the same in every package: outcome, side, kind.

Their values are the venue's own, and what stands in records and in the journal.
"""

from enum import IntEnum, StrEnum


class Outcome(IntEnum):
    """Which of a binary market's two tokens; the value is its place in every pair."""

    YES = 0
    NO = 1

    @property
    def other(self) -> "Outcome":
        """The other one."""
        return Outcome(1 - self)


YES, NO = Outcome.YES, Outcome.NO


class Side(StrEnum):
    """Whether an order takes tokens or gives them."""

    BUY = "BUY"
    SELL = "SELL"


class OrderKind(StrEnum):
    """How an order is carried out."""

    GTC = "GTC"  # rests until it is filled, cancelled or expired
    POST = "POST"  # the same, but never takes from the book
    FOK = "FOK"  # all of it at once, or nothing
    FAK = "FAK"  # what is there at once; the rest is cancelled
    POOL = "POOL"  # no order: a trade with a pool, by the keeper's Safe

    @property
    def rests(self) -> bool:
        """Whether it may stand in the book."""
        return self in _RESTING


_RESTING = (OrderKind.GTC, OrderKind.POST)


class MoveKind(StrEnum):
    """A change of holdings at no price."""

    SPLIT = "split"
    MERGE = "merge"
    CONVERT = "convert"


class OnFailure(StrEnum):
    """What becomes of the legs that were filled when a later one is not."""

    UNWIND = "unwind"  # what is too much is sold again
    HOLD = "hold"
