"""The two queues of requests of the simulated vault: epochs that reports close, settle, hand back.

A request puts `in` units (assets of a deposit, shares of a redemption) into the open epoch of its
side and earns `out` units (the other). All requests of an epoch are settled alike, by two indices:
what of one in unit is left, and what it has earned; of one settled at once everybody gets his part
of what was given. Rounding is against whoever takes; dust stays with the vault.
"""

from dataclasses import dataclass, field

from strongroom.errors import Refused

DEPOSIT, REDEEM = 0, 1
MOST_WAITING = 8  # closed epochs of a side that wait at once
MOST_LIVE = 16  # epochs of a controller, a side
KEPT, EARNED = 112, 96  # bits behind the points of the two indices
MOST_AT_ONCE = 1 << 112  # out units; more are given by the index


class VaultRefused(Refused):
    """The vault must revert."""


def need(condition: bool, reason: str) -> None:
    """Refuse unless the condition holds."""
    if not condition:
        raise VaultRefused(reason)


@dataclass
class Epoch:
    """Who asked for how much, what is left of it, and what it has earned.

    Attributes:
        number: the request id
        anchor: the best price published while it was open: lowest ask, highest bid
        asked: in units of all its requests; left: those not settled
        requests: controller -> in units; those taken back or wholly claimed are gone
        claimed: controller -> in units and out units
        closed_by: number of the report that closed it; 0: open
        handed_back: it never settles; its requests can only be taken back
    """

    number: int
    anchor: int = 0
    asked: int = 0
    left: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    claimed: dict[str, tuple[int, int]] = field(default_factory=dict)
    closed_by: int = 0
    handed_back: bool = False
    kept: int = 1 << KEPT
    earned: int = 0
    whole: int = 0  # out units, if all was settled at once

    def pending(self, who: str) -> int:
        """Return what of who's request is not settled, in units."""
        if self.left == 0:
            return 0
        return self.requests.get(who, 0) * self.kept >> KEPT

    def claimable(self, who: str) -> tuple[int, int]:
        """Return what was settled of who's request and is not claimed: in and out units."""
        asked = self.requests.get(who, 0)
        done_in, done_out = self.claimed.get(who, (0, 0))
        part = asked * self.whole // self.asked if self.whole else asked * self.earned >> EARNED
        return asked - self.pending(who) - done_in, part - done_out

    def settle(self, taken: int, given: int) -> None:
        """Settle in units for out units, all requests pro rata."""
        if taken == self.left and self.kept == 1 << KEPT and given < MOST_AT_ONCE:
            self.whole = given
        else:
            self.earned += (self.kept * given // self.left) >> (KEPT - EARNED)
        if taken != self.left:
            self.kept = self.kept * (self.left - taken) // self.left
        self.left -= taken

    def forget(self, who: str) -> None:
        """Drop who's request: it was taken back, or is claimed."""
        del self.requests[who]
        self.claimed.pop(who, None)


@dataclass
class RequestQueue:
    """The epochs of one side; the last is open."""

    side: int
    epochs: list[Epoch] = field(default_factory=lambda: [Epoch(1)])

    @property
    def open(self) -> Epoch:
        """The epoch that takes requests."""
        return self.epochs[-1]

    @property
    def waiting(self) -> list[Epoch]:
        """The closed epochs of which something may still be settled, oldest first."""
        return [e for e in self.epochs[:-1] if e.left and not e.handed_back]

    @property
    def not_settled(self) -> int:
        """In units of the open epoch and of those that wait."""
        return self.open.left + sum(epoch.left for epoch in self.waiting)

    @property
    def held(self) -> int:
        """In units that lie with the vault, those handed back and not taken yet included."""
        return sum(epoch.left for epoch in self.epochs)

    def live(self, who: str) -> list[Epoch]:
        """Return the epochs in which somebody has something to wait for, claim or take back."""
        return [epoch for epoch in self.epochs if who in epoch.requests]

    def people(self) -> list[str]:
        """Return everybody who has something here, by name."""
        return sorted({who for epoch in self.epochs for who in epoch.requests})

    def request(self, who: str, amount: int, price: int) -> int:
        """Add to who's request in the open epoch; return the request id.

        Args:
            price: published last: the anchor begins with the epoch's first request
        """
        epoch = self.open
        if epoch.asked == 0:
            epoch.anchor = price
        if who not in epoch.requests:
            need(len(self.live(who)) < MOST_LIVE, "sixteen epochs are live")
        epoch.requests[who] = epoch.requests.get(who, 0) + amount
        epoch.asked += amount
        epoch.left += amount
        return epoch.number

    def take_back(
        self, who: str, number: int, anyway: bool, report: int
    ) -> tuple[int, tuple[int, int]]:
        """Take who's request out of an epoch; what was settled of it is claimed.

        Args:
            anyway: nobody is there to settle it, or the call may be made at any time
            report: number of the last report

        Returns:
            the in units freed; in and out units claimed
        """
        need(0 < number <= len(self.epochs), "no such request")
        epoch = self.epochs[number - 1]
        need(who in epoch.requests, "no such request")
        asked, kept = epoch.requests[who], epoch.pending(who)
        if epoch.closed_by:
            may = anyway or epoch.handed_back or report > epoch.closed_by
            need(may, "wait for the next report")
            need(kept != 0, "nothing to take back")
        claimed = epoch.claimable(who)
        epoch.forget(who)
        epoch.asked -= asked
        epoch.left -= epoch.left if epoch.asked == 0 else kept  # of the last one the dust, too
        return kept, claimed

    def close(self, report: int) -> None:
        """Close the open epoch, unless it is empty or eight wait."""
        if self.open.asked and len(self.waiting) < MOST_WAITING:
            self.open.closed_by = report
            self.epochs.append(Epoch(self.open.number + 1))

    def hear(self, price: int) -> None:
        """A price is published while requests wait in the open epoch."""
        if self.open.asked:
            better = min if self.side == DEPOSIT else max
            self.open.anchor = better(self.open.anchor, price)

    def can_claim(self, who: str) -> tuple[int, int]:
        """Return all that `who` can claim: in and out units."""
        parts = [epoch.claimable(who) for epoch in self.live(who) if epoch.closed_by]
        return sum(part[0] for part in parts), sum(part[1] for part in parts)

    def claim(self, who: str, amount: int, by_out: bool) -> tuple[int, int]:
        """Claim in units (out units where `by_out`), oldest epoch first; return both."""
        left, total_in, total_out = amount, 0, 0
        for epoch in self.live(who):
            if left == 0:
                break
            if not epoch.closed_by:
                continue
            can_in, can_out = take_in, take_out = epoch.claimable(who)
            if by_out and left < can_out:
                take_in, take_out = -(-can_in * left // can_out), left
            elif not by_out and left < can_in:
                take_in, take_out = left, can_out * left // can_in
            left -= take_out if by_out else take_in
            total_in, total_out = total_in + take_in, total_out + take_out
            if epoch.pending(who) == 0 and (take_in, take_out) == (can_in, can_out):
                epoch.forget(who)
            else:
                done = epoch.claimed.get(who, (0, 0))
                epoch.claimed[who] = done[0] + take_in, done[1] + take_out
        need(left == 0, "exceeds claimable")
        return total_in, total_out
