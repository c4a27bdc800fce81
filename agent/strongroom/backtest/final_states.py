"""What an event may still pay while it goes on: in each final state that its relation allows, a
void of the whole event included, and whichever of the orders that rest are filled.

Whole numbers: a micro-unit is `UNIT` of them, since prices are 10**-6 and a void pays a half.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace

from strongroom.analysis.fair_null import Joint
from strongroom.backtest.event_shapes import EventShape
from strongroom.chain.orders import YES
from strongroom.chain.units import MICRO

UNIT = 2 * MICRO
ALL, HALF = 2, 1  # of what a token pays, in halves


@dataclass
class _State:
    """One end of markets that hang together.

    Attributes:
        pays: market -> halves that its YES pays
        worth: of what is held
        lost, gained: by orders that rest, had those been filled that cost, or bring, something
    """

    pays: Mapping[str, int]
    worth: int = 0
    lost: int = 0
    gained: int = 0

    def of(self, market: str, outcome: int) -> int:
        """Return what a token pays, in halves."""
        yes = self.pays[market]
        return yes if outcome == YES else ALL - yes


class FinalStates:
    """The ends of an event, with what is held and what rests."""

    def __init__(self, shape: EventShape) -> None:
        """Begin with nothing."""
        self._take([[_State(pays) for pays in block] for block in _ends(shape)])

    def _take(self, blocks: list[list[_State]]) -> None:
        self._blocks = blocks
        self._block_of = {market: block for block in blocks for market in block[0].pays}

    def copied(self) -> "FinalStates":
        """Return them as they are now, whatever becomes of these."""
        other = copy(self)
        other._take([[replace(state) for state in block] for block in self._blocks])
        return other

    def hold(self, market: str, outcome: int, tokens: int) -> None:
        """Take tokens; below 0: give them."""
        for state in self._block_of[market]:
            state.worth += tokens * state.of(market, outcome) * MICRO

    def rest(self, market: str, outcome: int, buys: bool, price: int, tokens: int) -> None:
        """Let an order rest, so much more of it; below 0: less.

        Args:
            price: 10**-6
        """
        for state in self._block_of[market]:
            brings = state.of(market, outcome) * MICRO - 2 * price
            brings = brings if buys else -brings
            state.lost += tokens * max(0, -brings)
            state.gained += tokens * max(0, brings)

    def least(self) -> int:
        """Return what the worst of them pays, orders that lose filled."""
        return sum(min(state.worth - state.lost for state in block) for block in self._blocks)

    def most(self) -> int:
        """Return what the best of them pays, orders that gain filled."""
        return sum(max(state.worth + state.gained for state in block) for block in self._blocks)


def _ends(shape: EventShape) -> list[list[dict[str, int]]]:
    """Return, of markets that hang together, what the YES of each pays in each end; a void of one
    alone lies between its two ends."""
    markets = shape.markets
    if shape.joint == Joint.UNKNOWN:
        return [[{market: 0}, {market: ALL}] for market in markets]
    ends = [dict.fromkeys(markets, HALF), dict.fromkeys(markets, 0)]
    for place, winner in enumerate(markets):
        won = markets[: place + 1] if shape.joint == Joint.LADDER else (winner,)
        ends.append(dict.fromkeys(markets, 0) | dict.fromkeys(won, ALL))
    return [ends]
