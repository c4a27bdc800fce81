"""Mode `ask`: each decision is held for a person's yes, and looked at again before it is sent.

A decision that waits keeps its markets: nothing else is decided there but an exit by another rule.
What was declined or left unanswered is not asked again for a while, and what it would have earned
is kept once its markets have resolved.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from strongroom.chain.ids import ConditionId, Json, MarketId
from strongroom.chain.units import HOUR
from strongroom.execution.interfaces import Listener
from strongroom.journal import Journal
from strongroom.journal.approvals import NotWaiting
from strongroom.journal.rows import AskedDecision
from strongroom.journal.states import ApprovalState
from strongroom.keeper.supposed_fills import fills_of, profit_of
from strongroom.strategy.api import Pack
from strongroom.strategy.decide import Decision
from strongroom.strategy.recheck import recheck
from strongroom.strategy.rules import Rules
from strongroom.strategy.view import View


@dataclass(frozen=True)
class Approvals:
    """What holds decisions back.

    Attributes:
        now: the chain's time, read when something starts: a tick may take longer than a yes counts
        within_s: how long a decision waits for its yes
        again_s: after that, before its markets may be asked about again, if there was no yes
    """

    journal: Journal
    on_event: Listener
    now: Callable[[], int]
    within_s: int = 600
    again_s: int = HOUR

    def asked(self, now: int) -> dict[MarketId, tuple[str, ...]]:
        """Return what waits for an answer, or had a no a while ago, by market: exit rules, "" for
        all else. Whoever says no to a purchase still hears of a stop."""
        book, since = self.journal.approvals, now - self.within_s - self.again_s
        found: dict[MarketId, set[str]] = {}
        for each in (*book.waiting(), *book.not_begun(since)):
            record = self.journal.record(each.decision)
            for leg in record.legs:
                found.setdefault(leg.vault_market, set()).add(record.exit_rule)
        return {market: tuple(sorted(found[market])) for market in sorted(found)}

    def bounded(self, rules: Rules) -> Rules:
        """Return rules that let no more decisions wait at once than a round may have."""
        left = rules.max_decisions - len(self.journal.approvals.waiting())
        return replace(rules, max_decisions=max(0, left))

    def hold(self, decision: Decision, view: View) -> None:
        """Ask for a yes to a decision."""
        record, expires = decision.record, view.now + self.within_s
        fills = fills_of(record, view.markets, view.books)
        self.journal.approvals.hold(decision.id, record, view.now, expires, fills)
        until = f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
        legs = "; ".join(f"{e.side} {e.outcome} at {e.price}" for e in record.legs)
        told: dict[str, Json] = {"question": record.question, "legs": legs, "until": until}
        self.on_event("asked", {"decision": decision.id, **told})

    def expire(self, now: int) -> None:
        """End what has waited too long, approved or not."""
        for each in self.journal.approvals.waiting():
            if now > each.expires:
                approved = each.state == ApprovalState.APPROVED
                why = "approved, and not started in time" if approved else "nobody answered"
                self._end(each, ApprovalState.EXPIRED, why)

    def withdraw(self) -> None:
        """End all that waits: a keeper runs that does not ask."""
        for each in self.journal.approvals.waiting():
            self._end(each, ApprovalState.EXPIRED, "the keeper was started in another mode")

    def carry_out(self, view: View, packs: Sequence[Pack], rules: Rules) -> int:
        """Start what was approved and still stands on this view; return how many.

        Args:
            view: nothing is `asked` in it
        """
        waiting = self.journal.approvals.waiting()
        approved = [each for each in waiting if each.state == ApprovalState.APPROVED]
        records = [self.journal.record(each.decision) for each in approved]
        found, started = recheck(view, packs, rules, records), 0
        for each, record, why in zip(approved, records, found, strict=True):
            if why:
                self._end(each, ApprovalState.STALE, why)
                continue
            try:
                self.journal.approvals.start(each.decision, record, self.now())
            except NotWaiting:
                continue  # the yes was taken back a moment ago, or counts no more
            started += 1
            self.on_event("approved", {"decision": each.decision, "question": record.question})
        return started

    def _end(self, each: AskedDecision, to: ApprovalState, why: str) -> None:
        try:
            self.journal.approvals.end(each.decision, to, why)
        except NotWaiting:
            return  # who answers was quicker
        self.on_event("not_begun", {"decision": each.decision, "state": to, "why": why})


def unscored_conditions(journal: Journal) -> set[ConditionId]:
    """Return the conditions of what did not begin and has no score yet."""
    unscored = journal.approvals.unscored()
    return {fill.condition for each in unscored for fill in each.fills or ()}


def score(journal: Journal, paid: Mapping[ConditionId, Fraction]) -> None:
    """Keep what each decision that did not begin would have earned, where all is resolved.

    Args:
        paid: what YES of resolved conditions was paid
    """
    for each in journal.approvals.unscored():
        profit = profit_of(each.fills or (), paid)
        if profit is not None:
            journal.approvals.score(each.decision, profit)
