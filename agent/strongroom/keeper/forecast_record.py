"""What sources have forecast and what became of it, kept in the journal and learned from the chain;
and whose forecasts may move money."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.analysis.calibration import Gate
from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import YES
from strongroom.chain.times import is_over
from strongroom.execution.vault_reader import VaultReader
from strongroom.information.forecast import Given
from strongroom.information.sources import Look
from strongroom.journal import Journal
from strongroom.keeper.approving import score, unscored_conditions
from strongroom.strategy.view import VaultState

OUTCOMES_EVERY_S = 600  # the chain is asked what became of forecast markets


@dataclass
class ForecastRecord:
    """The record of a vault's forecasters.

    Attributes:
        signals: sources that lift, and never move money by themselves
    """

    journal: Journal
    vault: VaultReader
    gate: Gate
    signals: Sequence[str] = ()
    _judged: dict[str, tuple[int, bool, str]] = field(default_factory=dict)
    _outcomes_at: float = float("-inf")
    _kept: set[tuple[str, ConditionId]] = field(default_factory=set)  # source and market

    def keep(self, look: Look) -> None:
        """Keep the first forecast of each source on each market, with the market's middle."""
        for name, given in look.forecasts.items():
            market = look.markets.get(name)
            book = look.books.get(market.token_ids[YES]) if market is not None else None
            mid = book.mid() if book is not None else None
            if market is not None and mid is not None:
                for each in given:
                    if (each.source, name) not in self._kept:  # the first is kept
                        self.journal.forecast(each, market.event or name, mid)
                        self._kept.add((each.source, name))

    def resolve(self, state: VaultState, now: int) -> None:
        """Learn from the chain what became of each market that was forecast, or that a decision
        without a yes was about, held or not: whoever holds nothing yet could never graduate
        otherwise."""
        resolved = [market for market, each in state.markets.items() if each.resolved]
        for held in self.vault.holdings(resolved) if resolved else ():
            for condition, position in held.positions.items():
                if position.resolved:
                    outcome = position.payout_yes / position.payout_denominator
                    self.journal.resolve(condition, outcome, now)
        if not is_over(self._outcomes_at, OUTCOMES_EVERY_S, now):
            return
        self._outcomes_at = now
        open_ = unscored_conditions(self.journal) | set(self.journal.unresolved())
        paid = self.vault.payouts(sorted(open_))
        for condition, part in paid.items():
            self.journal.resolve(condition, float(part), now)
        score(self.journal, paid)

    def usable(self, look: Look) -> dict[ConditionId, list[Given]]:
        """Return the forecasts whose sources have graduated, and the signals."""
        known = {name for name, (passed, _) in self.graduates().items() if passed}
        known |= set(self.signals)
        usable = {
            market: [each for each in given if each.source in known]
            for market, given in look.forecasts.items()
        }
        return {market: given for market, given in usable.items() if given}

    def graduates(self) -> dict[str, tuple[bool, str]]:
        """Return which forecasters may move money, and why (not)."""
        records = self.journal.resolved_forecasts()
        for source, known in records.items():
            judged = self._judged.get(source)
            if judged is None or judged[0] != len(known):
                self._judged[source] = (len(known), *self.gate.judge(known))
        return {source: self._judged[source][1:] for source in records}
