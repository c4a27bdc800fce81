"""Information-driven: forecasts of graduated sources, pooled with the market, against its asks."""

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache

from pydantic.dataclasses import dataclass

from strongroom.analysis.fair import Diverges, ForecastPool, check_divergence
from strongroom.chain.orders import NO, YES, Outcome, Side
from strongroom.chain.units import DAY, MICRO
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.strategy.api import PARAMETERS, Leg, Proposal, Rooms
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class Informed:
    """Parameters.

    Attributes:
        weights: source -> its weight in the pool of analysis/fair.py; a
            source without one, or with 0, has not graduated and moves nothing
        margin: taken off the fair value: the error that is still in it
        max_age_s: of a forecast
        low, high: prices of a token between which it is bought at all
        reasons: market -> why fair value may be far from the market's
    """

    name: str = "informed"
    weights: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.02
    max_age_s: int = DAY
    low: float = 0.0
    high: float = 1.0
    reasons: Mapping[str, str] = field(default_factory=dict)

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return what the pool finds cheap, the best first."""
        found = []
        for name in view.forecasts:
            market = view.markets.get(name)
            if market is None or view.class_of(market) is None:
                continue
            proposal = self._proposal(view, market)
            if proposal is not None:
                found.append(proposal)
        return sorted(found, key=lambda each: -each.edge)

    def chance(self, view: View, market: Market, outcome: Outcome) -> float | None:
        """Return the pooled chance of an outcome; None without a source, or where it is so far
        from the market that one of them misreads the question."""
        found = self.fair(view, market)
        if found is None or self._misreads(market, found[1], found[0]):
            return None
        return found[1] if outcome == YES else 1 - found[1]

    def _misreads(self, market: Market, fair: float, mid: float) -> bool:
        try:
            check_divergence(fair, mid, self.reasons.get(market.condition_id, ""))
        except Diverges:
            return True
        return False

    def fair(self, view: View, market: Market) -> tuple[float, float, list[str]] | None:
        """Return market's mid, fair value and the sources behind it; None without a source."""
        book = view.book(market, YES)
        mid = book.mid() if book is not None else None
        if mid is None:
            return None
        given = {
            each.source: each.chance
            for each in view.forecasts.get(market.condition_id, ())
            if view.now - each.frozen_at <= self.max_age_s
            and (each.evidence_at is None or each.evidence_at <= each.frozen_at)
            and self.weights.get(each.source, 0.0) > 0
        }
        if not given:
            return None
        pool = _pool(tuple([self.weights[source] for source in given]))
        return mid, pool.combine(mid, list(given.values())), sorted(given)

    def _proposal(self, view: View, market: Market) -> Proposal | None:
        found = self.fair(view, market)
        if found is None:
            return None
        mid, fair, sources = found
        if self._misreads(market, fair, mid):
            return None
        for outcome, chance in ((YES, fair - self.margin), (NO, 1 - fair - self.margin)):
            book = view.book(market, outcome)
            ask = None if book is None else book.ask
            if book is None or ask is None or not self.low <= ask / MICRO <= self.high:
                continue
            limit, size, cost = worth(book, market, chance)
            if size:
                return Proposal(
                    self.name,
                    (Leg(market, outcome, Side.BUY, limit, size),),
                    edge=chance - cost,
                    chance=chance,
                    cost=cost,
                    evidence=frozenset(f"forecast {source}" for source in sources),
                    numbers={
                        "market": f"{mid:.6f}",
                        "fair": f"{fair:.6f}",
                        "sources": sources,
                        "margin": str(self.margin),
                    },
                )
        return None


@lru_cache(256)  # one for all markets of the same sources
def _pool(weights: tuple[float, ...]) -> ForecastPool:
    return ForecastPool(weights=weights)


def worth(book: Book, market: Market, chance: float, most: int = MICRO) -> tuple[int, int, float]:
    """Return the highest price below `chance` after fees, what is on offer to it, and its cost.

    Args:
        most: no higher price, 10**-6
    """
    limit, size, cost = 0, 0, 1.0
    for level in book.asks:
        p = level.price / MICRO
        each = p + market.fees.of(p)
        if each >= chance or level.price > most:
            break
        limit, size, cost = level.price, size + level.size, each
    return limit, size, cost
