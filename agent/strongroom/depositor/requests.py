"""The life of a request, in words: open, closed by a report, dealt with by a later one, left over
by it, or handed back."""

from dataclasses import dataclass
from enum import StrEnum

from strongroom.chain.units import BPS, FIRST_PRICE
from strongroom.depositor.options import RequestKind
from strongroom.depositor.words import say

MOST_WAITING = 8  # epochs of a side; then a report closes none
COLLAPSE = 10**4  # below this part of its first price a share is not dealt in


class RequestStage(StrEnum):
    """How far a request is."""

    OPEN = "open"
    CLOSED = "closed"
    WAITS = "waits"
    HANDED_BACK = "handed back"
    SETTLED = "settled"


SILENT = {  # what is said of them where no report comes
    RequestStage.OPEN: "open_nobody",
    RequestStage.CLOSED: "closed_nobody",
    RequestStage.WAITS: "waits_nobody",
}


def has_collapsed(bid: int) -> bool:
    """Whether a share is worth so little that a vault deals with no request.

    Args:
        bid: assets a share times 1e36
    """
    return bid * COLLAPSE < FIRST_PRICE


@dataclass(frozen=True)
class Dealing:
    """What decides when and at which price requests are dealt with.

    Attributes:
        bid: published last, assets a share times 1e36; likewise ask
        reports: how many there were
        room: what deposits may still bring in, micro-units
        is_stale: the last report is too old to deal at
        winding_down: no deposit is dealt with any more
        crowded: sides of which so many epochs wait that a report closes none
    """

    bid: int
    ask: int
    reports: int
    room: int
    idle: int
    flat: bool
    max_up_bps: int
    max_down_bps: int
    max_premium_bps: int
    is_stale: bool = False
    has_reporter: bool = True
    winding_down: bool = False
    crowded: frozenset[RequestKind] = frozenset()

    @property
    def silence(self) -> str:
        """Why no report comes, as `WORDS` names it; empty: reports come."""
        if not self.has_reporter:
            return "no_reporter"
        return "stale" if self.is_stale else ""

    @property
    def lets_all_back(self) -> bool:
        """Whether also a request that waits for its report can be taken back."""
        return bool(self.silence) or self.winding_down

    @property
    def is_dear(self) -> bool:
        """Whether the ask is so far above the bid that deposits wait."""
        return self.ask * BPS > self.bid * (BPS + self.max_premium_bps)

    @property
    def has_collapsed(self) -> bool:
        """Whether a share is worth so little that no request is dealt with."""
        return has_collapsed(self.bid)

    @property
    def next(self) -> str:
        """What comes next for a new request, as `WORDS` names it; empty: it is dealt with."""
        if self.silence:
            return "next_nobody"
        return "next_collapsed" if self.has_collapsed else ""


@dataclass(frozen=True)
class DepositorRequest:
    """Somebody's request; in micro-units of a deposit, in base units of shares of a redemption.

    Attributes:
        request_id: its epoch
        pending: what no report has dealt with; claimable: what can be claimed of the rest
        anchor: the best price published while it was open, times 1e36; 0 once it waits no more
        closed_by: number of the report that closed it; 0: none yet
    """

    side: RequestKind
    request_id: int
    pending: int
    claimable: int
    anchor: int
    closed_by: int
    handed_back: bool

    def state(self, dealing: Dealing) -> RequestStage:
        """Return how far it is."""
        if not self.closed_by:
            return RequestStage.OPEN
        if not self.pending:
            return RequestStage.SETTLED
        if self.handed_back:
            return RequestStage.HANDED_BACK
        waits = dealing.reports > self.closed_by
        return RequestStage.WAITS if waits else RequestStage.CLOSED

    def can_be_taken_back(self, dealing: Dealing) -> bool:
        """Whether `cancel` would give it back now, wholly or what is left of it."""
        state = self.state(dealing)
        if state is RequestStage.SETTLED:
            return False
        return state is not RequestStage.CLOSED or dealing.lets_all_back

    def words(self, dealing: Dealing, brings: bool = True) -> str:
        """Return where it stands, and what can be done.

        Args:
            brings: a claim of its side takes more than nothing
        """
        cancel = f"`strongroom cancel {self.side} --request {self.request_id}`"
        state = self.state(dealing)
        if state is RequestStage.SETTLED:
            return say("settled" if brings else "settled_nothing")
        if state is RequestStage.HANDED_BACK:
            return say("rose" if self.side is RequestKind.DEPOSIT else "fell", cancel=cancel)
        if dealing.winding_down and self.side is RequestKind.DEPOSIT:
            return say("winding_deposit", stage=state, cancel=cancel)
        if dealing.silence:
            sentence, why = SILENT[state], say(dealing.silence)
            return say(sentence, why=why, cancel=cancel, reason=self._reason(dealing))
        if dealing.has_collapsed and state is not RequestStage.WAITS:
            free = self.can_be_taken_back(dealing)
            return say("collapsed_free" if free else "closed_collapsed", stage=state, cancel=cancel)
        if state is RequestStage.CLOSED and dealing.winding_down:
            return say("closed_winding", cancel=cancel)
        if state is RequestStage.OPEN and self.side in dealing.crowded:
            return say("open_behind", cancel=cancel)
        return say(state, cancel=cancel, reason=self._reason(dealing))

    def _reason(self, dealing: Dealing) -> str:
        if dealing.has_collapsed:
            return say("collapsed")
        if self.side is RequestKind.REDEEM:
            return say("no_idle")
        if dealing.is_dear:
            return say("unproven", percent=f"{dealing.max_premium_bps / 100:g} %")
        return say("no_room")
