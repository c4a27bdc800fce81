"""Signal following: others' positions as a factor of confidence. It never makes a trade."""

from collections.abc import Sequence
from dataclasses import field

from pydantic.dataclasses import dataclass

from strongroom.chain.orders import YES
from strongroom.chain.units import HOUR
from strongroom.strategy.api import PARAMETERS, Proposal, Rooms
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class Signal:
    """Parameters.

    Attributes:
        sources: whose forecasts count as signals, e.g. a feed of what skilled wallets hold
        least: how far such a forecast must be beyond the price that is paid
        max_age_s: of a signal
    """

    name: str = "signal"
    sources: Sequence[str] = field(default_factory=tuple)
    least: float = 0.02
    max_age_s: int = HOUR

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return nothing."""
        return []

    def lift(self, view: View, proposal: Proposal) -> int:
        """Lift a proposal by one tier when a signal agrees with its first leg."""
        leg = proposal.legs[0]
        for each in view.forecasts.get(leg.market.condition_id, ()):
            if each.source not in self.sources or view.now - each.frozen_at > self.max_age_s:
                continue
            chance = each.chance if leg.outcome == YES else 1 - each.chance
            if leg.buys and chance >= proposal.cost + self.least:
                return 1
        return 0
