"""What clients propose, for the keeper: which of it a decision sees, and what they are told of it.

A proposal is decided on at most once: the journal says which ones were, in the same transaction as
the decision. So a keeper that dies in between neither doubles nor loses one.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from strongroom.chain.orders import Side
from strongroom.chain.units import DAY, MICRO
from strongroom.execution.interfaces import Listener
from strongroom.information.client_trades import ClientTrade, TradeQueue, TradeState
from strongroom.journal import Journal
from strongroom.strategy.decide import Round
from strongroom.strategy.record import DecisionRecord
from strongroom.strategy.view import View

PAGE = 50  # tasks at once
AT_ONCE = 50  # proposals that a view has
NOT_FITTING = "market, book, price or the client's own limit"
BARRED = "no order is placed in this market"
OTHER = "a limit of the keeper"
# What stands against a proposal, by the name of the rule alone: no amount, and no word of others.
LINES = (
    "market cap", "question cap", "class cap", "class retired", "total cap", "velocity", "idle",
    "not admitted", "not tradable", "open markets", "wallets", "budget of proposals", "event",
    "category", "group", "total", "daily loss", "cooldown", "depth", "a task is open",
    "a person was asked", "a decision on this market", "an exit rule has sold it",
    "an order needs a fresh mark", "enough for one round", "no exchange of its kind", "exposure",
)  # fmt: skip


def policy_line(why: str) -> str:
    """Return which rule stands against a proposal, and no more than that."""
    rule = re.sub(r"^needs (more than the |\d+, )", "", why)
    return next((line for line in LINES if rule.startswith(line)), OTHER)


@dataclass(frozen=True)
class ClientDesk:
    """The queue, beside the journal."""

    queue: TradeQueue
    journal: Journal
    on_event: Listener = lambda event, fields: None

    def waiting(self, now: int) -> tuple[ClientTrade, ...]:
        """Return what waits for a decision, with what each client has committed lately. A folder
        that cannot be read has none, and the log says so."""
        decided, spent = set[str](), Counter[str]()
        for record in self._lately(now):
            decided.add(str(record.numbers["proposal"]))
            if record.time > now - DAY:
                spent[str(record.numbers["client"])] += committed(record)
        try:
            open_ = [each for each in self.queue.read(now) if each.id not in decided]
        except OSError as error:
            self.on_event("proposals_away", {"why": str(error)})
            return ()
        return tuple(replace(each, spent=spent[each.client]) for each in open_[:AT_ONCE])

    def tell(self, view: View, found: Round) -> None:
        """Say how each proposal of a view stands after a round. What cannot be written costs the
        client his answer, and no decision; the log says so."""
        try:
            self._tell(view, found)
        except OSError as error:
            self.on_event("proposals_away", {"why": str(error)})

    def _tell(self, view: View, found: Round) -> None:
        decided = {
            str(each.record.numbers["proposal"]): each.id
            for each in found.decisions
            if "proposal" in each.record.numbers
        }
        passed = {each.proposal: each.why for each in found.passed if each.proposal}
        for trade in view.client_trades:
            market = view.markets.get(trade.market)
            if trade.id in decided:
                state = TradeState("decided", "", decided[trade.id])
            elif market is not None and market.barred:
                state = TradeState("waiting", BARRED)
            else:
                why = passed.get(trade.id)
                state = TradeState("waiting", NOT_FITTING if why is None else policy_line(why))
            self.queue.answer(trade.id, state)
        self.queue.tidy(view.now)

    def _lately(self, now: int) -> Iterator[DecisionRecord]:
        """Yield the decisions on proposals of the time in which one may wait."""
        before: int | None = None
        while tasks := self.journal.newest_tasks(PAGE, before):
            for task in tasks:
                before = task.number
                if task.time < now - 2 * DAY:
                    return
                record = self.journal.record(task.decision)
                if "proposal" in record.numbers:
                    yield record


def committed(record: DecisionRecord) -> int:
    """Return what a decision on a proposal may cost with fees, micro-units, up."""
    each = record.numbers.get("each")
    if not isinstance(each, int):
        return 0
    return sum(-(-leg.size * each // MICRO) for leg in record.legs if leg.side == Side.BUY)
