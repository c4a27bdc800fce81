"""Requests to deposit and redeem: who asked for what, what was settled of it, what was claimed.

All requests of an epoch are dealt with alike, by two fractions of the whole epoch: what of one in
unit is left, and what it has earned. Both are kept in fixed point, as an auditor must who follows
the vault to the unit; what is rounded away stays with the vault. Of an epoch that is settled at
once everybody gets his part of what was given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from strongroom.chain.units import BPS, PRICE

KEPT, EARNED = 112, 96  # bits behind the point of the two fractions
MOST_AT_ONCE = 1 << 112  # out units; more are given by the fraction
MOST_WAITING = 8  # epochs of a side at once
MOST_LIVE = 16  # epochs of a side a controller
DEPOSITS, REDEMPTIONS = 0, 1
NOTHING = (0, 0)  # claimed so far
Standing = tuple[int, int, int]  # what waits; what can be claimed, in units and out units


@dataclass
class AuditedEpoch:
    """One epoch's requests of a side: units go in (assets or shares), out units are earned.

    Attributes:
        asked: of requests that were neither taken back nor claimed to the end, in units
        taken: controller -> claimed so far, in units and out units
        total: of all requests that were not taken back, in units
        left: of them, what is not settled; dust included
        anchor: best price published while the epoch was open
        closed_by: number of the report that closed it; 0: it is open
        whole: out units, if all was settled at once; else 0
        given: out units of all settlements
        claimed: out units of all claims
        settlements: what waited of all, what was taken of it and given for it, each time
    """

    asked: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)
    total: int = 0
    left: int = 0
    kept: int = 1 << KEPT
    earned: int = 0
    whole: int = 0
    anchor: int = 0
    closed_by: int = 0
    is_back: bool = False
    given: int = 0
    claimed: int = 0
    settlements: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def is_closed(self) -> bool:
        """Whether a report has closed it."""
        return self.closed_by != 0

    @property
    def is_waiting(self) -> bool:
        """Whether a report may settle it."""
        return self.is_closed and not self.is_back

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more."""
        return self.closed_by != 0 and not self.left and not self.asked

    def ask(self, who: str, amount: int, now: int) -> None:
        """Add to a request of the open epoch."""
        self.asked[who] = self.asked.get(who, 0) + amount
        self.since[who] = now
        self.total += amount
        self.left += amount

    def settle(self, taken: int, given: int) -> None:
        """Settle in units of all requests alike for out units."""
        if taken == self.left and self.kept == 1 << KEPT and given < MOST_AT_ONCE:
            self.whole = given
        else:
            self.earned += (self.kept * given // self.left) >> (KEPT - EARNED)
        if taken != self.left:
            self.kept = self.kept * (self.left - taken) // self.left
        self.settlements.append((self.left, taken, given))
        self.left -= taken
        self.given += given

    def waits(self, who: str) -> int:
        """What of a request is not settled, in units."""
        mine = self.asked.get(who, 0)
        if not self.closed_by:
            return mine
        return mine * self.kept >> KEPT if self.left else 0

    def standing(self, who: str) -> Standing:
        """Return how `who` stands in it."""
        mine = self.asked.get(who, 0)
        if not self.closed_by or not mine:
            return mine, 0, 0
        had = self.taken.get(who, NOTHING)
        part = mine * self.whole // self.total if self.whole else mine * self.earned >> EARNED
        waits = mine * self.kept >> KEPT if self.left else 0
        return waits, mine - waits - had[0], part - had[1]

    def due(self, who: str) -> tuple[int, int]:
        """What `who` can claim, in units and out units."""
        return self.standing(who)[1:]

    def take(self, who: str, standing: Standing, amount_in: int, amount_out: int) -> None:
        """Book a claim of who stands so; a request of which nothing more can come is forgotten."""
        self.claimed += amount_out
        if standing == (0, amount_in, amount_out):
            self._forget(who)
        elif amount_in or amount_out:
            had = self.taken.get(who, NOTHING)
            self.taken[who] = (had[0] + amount_in, had[1] + amount_out)

    def leave(self, who: str) -> tuple[int, int, int]:
        """Take a request out; return what of it is left, and what of it is claimed with that: in
        units, in units and out units."""
        mine, back, can = self.asked.get(who, 0), self.waits(who), self.due(who)
        self._forget(who)
        self.total -= mine
        if not self.is_closed:
            self.left -= mine
            return mine, 0, 0
        self.left -= back if self.total else self.left  # with the last one dust leaves the line
        self.claimed += can[1]
        return back, *can

    def _forget(self, who: str) -> None:
        self.asked.pop(who, None)
        self.since.pop(who, None)
        self.taken.pop(who, None)


Epochs = Mapping[int, AuditedEpoch]  # by number


def live_epochs(queues: Epochs, who: str) -> list[int]:
    """Return the epochs in which somebody has a request, oldest first."""
    return sorted([number for number, queue in queues.items() if who in queue.asked])


Planned = tuple[AuditedEpoch, Standing, int, int]  # how one stands in it; in units, out units


def claim_plan(queues: Epochs, who: str, amount: int, by_out: bool) -> list[Planned]:
    """Return from which epochs, oldest first, a claim takes what.

    Args:
        by_out: whether `amount` is of out units
    """
    plan, left = [], amount
    for number in live_epochs(queues, who):
        if not left:
            break
        queue = queues[number]
        standing = _, can_in, can_out = queue.standing(who)
        if by_out and left < can_out:
            can_in, can_out = -(-can_in * left // can_out), left
        elif not by_out and left < can_in:
            can_in, can_out = left, can_out * left // can_in
        left -= can_out if by_out else can_in
        plan.append((queue, standing, can_in, can_out))
    return plan


class DealtEpoch(Struct, frozen=True, gc=False):
    """What a report did with an epoch: it settled so much for so much, or handed it back."""

    epoch: int
    is_back: bool
    taken: int = 0
    given: int = 0
    left: int = 0


def settle_deposits(
    line: Sequence[tuple[int, AuditedEpoch]], price: int, max_up: int, room: int | None
) -> list[DealtEpoch]:
    """Settle deposit epochs, oldest first, at assets per share, as far as the room reaches.

    Args:
        max_up: bps that the price may be above an epoch's anchor
        room: assets; None: as much as there is
    """
    found, left = [], room
    for number, queue in line:
        if not queue.left:
            continue
        if price * BPS > queue.anchor * (BPS + max_up):
            queue.is_back = True
            found.append(DealtEpoch(number, True))
            continue
        taken = queue.left if left is None else min(queue.left, left)
        if taken:
            shares = taken * PRICE // price
            queue.settle(taken, shares)
            if left is not None and shares:
                left -= taken
            found.append(DealtEpoch(number, False, taken, shares, queue.left))
    return found


def settle_redemptions(
    line: Sequence[tuple[int, AuditedEpoch]], price: int, max_down: int, idle: int
) -> list[DealtEpoch]:
    """Pay redemption epochs, oldest first, at assets per share, as far as idle assets reach.

    Args:
        max_down: bps that the price may be below an epoch's anchor
    """
    found, left = [], idle
    for number, queue in line:
        if not queue.left:
            continue
        if price * BPS < queue.anchor * (BPS - max_down):
            queue.is_back = True
            found.append(DealtEpoch(number, True))
            continue
        taken = queue.left
        if taken * price // PRICE > left:
            taken = left * PRICE // price
        if taken:
            paid = taken * price // PRICE
            queue.settle(taken, paid)
            left -= paid
            found.append(DealtEpoch(number, False, taken, paid, queue.left))
    return found
