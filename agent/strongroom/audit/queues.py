"""Requests to deposit and redeem: who asked for what, what was settled of it, what was claimed."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate

SETTLED_AT_ONCE = 8  # epochs of a side a report settles


@dataclass
class Queue:
    """One epoch's requests of a side: units go in (assets or shares), out units are earned."""

    asked: dict[str, int] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)
    settled: int = 0  # in units
    earned: int = 0  # out units
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)
    closed: bool = False

    @property
    def total(self) -> int:
        """In units asked for."""
        return sum(self.asked.values())

    @property
    def rest(self) -> int:
        """In units that wait."""
        return self.total - self.settled

    def due(self, who: str) -> tuple[int, int]:
        """What `who` can claim, in units and out units."""
        mine, total = self.asked.get(who, 0), self.total
        if not self.closed or not mine:
            return 0, 0
        had = self.taken.get(who, (0, 0))
        return mine * self.settled // total - had[0], mine * self.earned // total - had[1]

    def waits(self, who: str) -> int:
        """What of a request is not settled, in units."""
        mine = self.asked.get(who, 0)
        return mine - (mine * self.settled // self.total if mine and self.closed else 0)

    def take(self, who: str, amount_in: int, amount_out: int) -> None:
        """Book a claim."""
        had = self.taken.get(who, (0, 0))
        self.taken[who] = (had[0] + amount_in, had[1] + amount_out)

    def leave(self, who: str) -> tuple[int, int]:
        """Take a request out; return what it gets back, in units, and what of it can be claimed,
        out units."""
        asked = self.asked.get(who, 0)
        if not self.closed:
            self.asked.pop(who, None)
            return asked, 0
        done, earned = asked * self.settled // self.total, asked * self.earned // self.total
        had = self.taken.pop(who, (0, 0))
        self.asked.pop(who, None)
        self.settled -= done
        self.earned -= earned
        return asked - done, earned - had[1]

    @property
    def is_over(self) -> bool:
        """Whether nothing can come of it any more."""
        return (
            self.closed
            and self.settled == self.total
            and not any(any(self.due(who)) for who in self.asked)
        )


def claim_plan(
    queues: Mapping[int, Queue], who: str, amount: int, by_out: bool
) -> list[tuple[Queue, int, int]]:
    """Return from which epochs, oldest first, a claim takes what: in units, out units.

    Args:
        by_out: whether `amount` is of out units
    """
    plan, left = [], amount
    for number in sorted(queues):
        queue = queues[number]
        can_in, can_out = queue.due(who)
        if not left:
            break
        if by_out and left < can_out:
            can_in, can_out = -(-can_in * left // can_out), left
        elif not by_out and left < can_in:
            can_in, can_out = left, can_out * left // can_in
        left -= can_out if by_out else can_in
        plan.append((queue, can_in, can_out))
    return plan


def settle(
    queues: Mapping[int, Queue], numerator: int, denominator: int, budget: int | None
) -> tuple[int, int]:
    """Settle closed epochs, oldest first, at numerator / denominator out units an in unit, as far
    as the budget of out units reaches; return the units settled and the out units.

    From totals: what each epoch would get, and what all up to it would. Epochs whose total is
    within the budget are settled whole; the next gets what its rest of the budget buys.
    """
    closed = [queues[number] for number in sorted(queues)]
    due = [queue for queue in closed if queue.closed and queue.rest][:SETTLED_AT_ONCE]
    out = [queue.rest * numerator // denominator for queue in due]
    totals = list(accumulate(out))
    whole = len(due) if budget is None else bisect_right(totals, budget)
    parts = [(queue.rest, gets) for queue, gets in zip(due[:whole], out, strict=False)]
    if budget is not None and whole < len(due):
        left = budget - (totals[whole - 1] if whole else 0)
        some = left * denominator // numerator
        parts.append((some, some * numerator // denominator))
    for queue, (settled, earned) in zip(due, parts, strict=False):
        queue.settled += settled
        queue.earned += earned
    return sum(settled for settled, _ in parts), sum(earned for _, earned in parts)
