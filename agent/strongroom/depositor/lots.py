"""Lots of shares: what was got, when and for what, and which of them left. Pure.

The oldest lot leaves first. What no event tells, the cost of shares that somebody else sent for
instance, is None: it is not zero.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from strongroom.errors import Differs


class MovementKind(StrEnum):
    """How shares came or left."""

    BOUGHT = "bought"
    RECEIVED = "received"
    FEE = "fee shares"
    REDEEMED = "redeemed"
    IN_KIND = "left in kind"
    SENT = "sent"


@dataclass(frozen=True)
class ShareMovement:
    """Shares that came to an account or left it.

    Attributes:
        shares: base units
        assets: paid for them or got for them, micro-units; None: not known
        comes: else they leave
    """

    time: int
    block: int
    transaction: str
    kind: MovementKind
    shares: int
    assets: int | None
    comes: bool


@dataclass(frozen=True)
class TaxLot:
    """A part of what came at once, all of it still there or all of it gone.

    Attributes:
        shares: base units
        cost: micro-units, down; None: not known
        left: how they left; None: they are there
        proceeds: micro-units; None: not known, or they are there
    """

    came: ShareMovement
    shares: int
    cost: int | None
    left: ShareMovement | None = None
    proceeds: int | None = None

    @property
    def gain(self) -> int | None:
        """Proceeds less cost, micro-units; None: one of them is not known."""
        if self.proceeds is None or self.cost is None:
            return None
        return self.proceeds - self.cost


def lots_of(movements: Sequence[ShareMovement]) -> list[TaxLot]:
    """Return the lots of an account's movements, which are in their order: first those that left,
    then those that are there.

    A lot that leaves in parts is several: each has its part of the cost, rounded down, and the last
    one has the rest. Likewise what was got for several lots at once.

    Raises:
        Differs: more left than ever came: the movements are not all.
    """
    there: deque[TaxLot] = deque()
    gone: list[TaxLot] = []
    for each in movements:
        if each.comes:
            there.append(TaxLot(each, each.shares, each.assets))
        else:
            gone += _leaving(there, each)
    return [*gone, *there]


def _leaving(there: deque[TaxLot], move: ShareMovement) -> Iterator[TaxLot]:
    """Take the shares of a movement from the oldest lots; yield what of each left."""
    left, due = move.shares, move.assets
    while left:
        if not there:
            raise Differs(
                f"more shares left than came by block {move.block}: this node does not show the "
                "whole history of the account: use an archive node"
            )
        lot = there.popleft()
        part = min(left, lot.shares)
        cost = None if lot.cost is None else lot.cost * part // lot.shares
        if part < lot.shares:
            rest = None if lot.cost is None or cost is None else lot.cost - cost
            there.appendleft(TaxLot(lot.came, lot.shares - part, rest))
        proceeds = None if due is None else due * part // left
        yield TaxLot(lot.came, part, cost, move, proceeds)
        left -= part
        due = None if due is None or proceeds is None else due - proceeds
