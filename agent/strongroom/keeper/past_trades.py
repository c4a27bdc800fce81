"""What the journal says of decisions in open markets, for exit rules and budgets of packs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from strongroom.chain.ids import DecisionId, MarketId, TokenId
from strongroom.chain.orders import Side
from strongroom.journal import Journal
from strongroom.strategy.past import Past, Traded, traded_of


@dataclass
class PastReader:
    """Reads a journal. What is over is kept, as it cannot change; another reader comes to the
    same."""

    journal: Journal
    _last: int = 0  # task that was read
    _decisions: dict[MarketId, list[DecisionId]] = field(default_factory=dict)
    _over: dict[MarketId, tuple[int, Past]] = field(default_factory=dict)  # so many decisions

    def read(self, markets: Iterable[MarketId], now: int) -> Past:
        """Return what decisions in some markets of the vault have come to by now."""
        for number, record in self.journal.decided_after(self._last):
            self._last = number
            for market in {leg.vault_market for leg in record.legs}:
                self._decisions.setdefault(market, []).append(record.id)
        changing = {task.decision for task in self.journal.open_tasks()}
        changing |= {intent.decision for intent in self.journal.signed_until(now)}
        found = Past()
        for market in sorted(markets):
            found = found.joined(self._of(market, changing))
        return found

    def _of(self, market: MarketId, changing: set[DecisionId]) -> Past:
        known, past = self._over.get(market, (0, Past()))
        is_over = True
        for decision in self._decisions.get(market, [])[known:]:
            for each in self._traded(decision):
                past = past.after(each) if each.market == market else past
            is_over = is_over and decision not in changing
            if is_over:
                known += 1
                self._over[market] = known, past
        return past

    def _traded(self, decision: DecisionId) -> Iterator[Traded]:
        sums: dict[tuple[TokenId, Side], tuple[int, int]] = {}
        for intent in self.journal.of_decision(decision):
            tokens, cash = sums.get((intent.token, intent.side), (0, 0))
            for each in self.journal.fills_of(intent.key):
                tokens += each.tokens(intent.side)
                paid = intent.side == Side.BUY
                cash += each.making + each.fee if paid else each.taking - each.fee
            sums[intent.token, intent.side] = tokens, cash
        return traded_of(self.journal.record(decision), sums)
