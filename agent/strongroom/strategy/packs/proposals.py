"""What clients propose: a purchase each, bounded by what the operator lets each of them commit.

A client says at which chance he holds an outcome and what he would pay. What of that the books
offer below the chance is proposed like any pack's trade, so each limit of vault and portfolio has
the last word. A later statement of a lower chance buys nothing, and lets exit rules sell.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal

from pydantic import Field
from pydantic.dataclasses import dataclass

from strongroom.analysis.fair import Diverges, check_divergence
from strongroom.chain.orders import YES, Outcome, Side
from strongroom.chain.units import MICRO
from strongroom.information.client_trades import ClientTrade
from strongroom.information.gamma import Market
from strongroom.strategy.api import PARAMETERS, Leg, Proposal, Rooms
from strongroom.strategy.packs.informed import worth
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class ClientLimits:
    """What a client's proposals may commit, fees included, units of the asset: each of them, and
    all of 24 hours."""

    each: Decimal = Field(gt=0)
    day: Decimal = Field(gt=0)


@dataclass(frozen=True, config=PARAMETERS)
class Proposals:
    """Parameters.

    Attributes:
        clients: whose proposals count
    """

    name: str = "proposals"
    clients: Mapping[str, ClientLimits] = field(default_factory=dict)

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return what clients propose and the books offer, the oldest first."""
        found, committed = [], Counter[str]()
        for trade in view.client_trades:
            limits = self.clients.get(trade.client)
            if limits is None or trade.good_until <= view.now:
                continue
            left = int(limits.day * MICRO) - trade.spent - committed[trade.client]
            proposal = self._proposal(view, trade, min(int(limits.each * MICRO), left))
            if proposal is not None:
                found.append(proposal)
                committed[trade.client] += committed_by(proposal)
        return found

    def chance(self, view: View, market: Market, outcome: Outcome) -> float | None:
        """Return the highest chance of an outcome among the newest statements of each client, so
        that no client sells what another still believes in; None without one. A statement so far
        from the market that it misreads the question does not count."""
        newest: dict[str, ClientTrade] = {}
        for each in sorted(view.client_trades, key=lambda each: (each.made_at, each.id)):
            counts = each.client in self.clients and each.good_until > view.now
            if counts and each.market == market.condition_id:
                newest[each.client] = each
        said = [each for each in newest.values() if not _misreads(view, market, each)]
        chances = [
            each.chance / MICRO if each.outcome == outcome else 1 - each.chance / MICRO
            for each in said
        ]
        return max(chances, default=None)

    def _proposal(self, view: View, trade: ClientTrade, room: int) -> Proposal | None:
        market = view.markets.get(trade.market)
        if market is None or view.class_of(market) is None or _misreads(view, market, trade):
            return None
        book = view.book(market, trade.outcome)
        if book is None:
            return None
        chance = trade.chance / MICRO
        limit, offered, cost = worth(book, market, chance, trade.price)
        if not offered:
            return None
        each = limit + market.fees.most_up_to(MICRO, limit)  # of one token
        size = min(offered, trade.size, max(0, room) * MICRO // each)
        if not size:
            return None
        return Proposal(
            self.name,
            (Leg(market, trade.outcome, Side.BUY, limit, size),),
            edge=chance - cost,
            chance=chance,
            cost=cost,
            evidence=frozenset({f"client {trade.client}"}),
            numbers={
                "proposal": trade.id,
                "client": trade.client,
                "reasons": trade.reasons,
                "each": each,
            },
        )


def committed_by(proposal: Proposal) -> int:
    """Return what a proposal may cost with fees, micro-units, up."""
    each = proposal.numbers["each"]
    assert isinstance(each, int)
    return -(-proposal.legs[0].size * each // MICRO)


def _misreads(view: View, market: Market, trade: ClientTrade) -> bool:
    """Whether a chance cannot be held against the market, or is too far from it."""
    book = view.book(market, YES)
    mid = None if book is None else book.mid()
    if mid is None:
        return True
    chance = trade.chance / MICRO
    try:
        check_divergence(chance if trade.outcome == YES else 1 - chance, mid, "")
    except Diverges:
        return True
    return False
