"""Market making: a band around fair value, moved against the inventory, on both tokens.

Both quotes are purchases (YES below fair, NO below one less fair), so they need collateral alone;
what fills on both sides is a complete set that merges at once. Rebates count as nothing.
"""

from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime
from math import exp, log

from pydantic.dataclasses import dataclass

from strongroom.analysis.screen import Criteria, screen
from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import NO, YES, OrderKind, Side
from strongroom.chain.units import DAY, MICRO
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.strategy.api import PARAMETERS, Leg, Proposal, Rooms
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class Maker:
    """Parameters.

    Attributes:
        markets: condition ids to quote in; empty: every market that passes the screen
        half_spread: at least what adverse selection costs (measure it: markouts), in price
        size: tokens a quote
        aversion, sigma: reservation = logit(fair) - aversion * inventory * sigma**2 * days left
        max_inventory: tokens of one side, beyond which only the other is quoted
        stop_h: hours before the end, from which nothing is quoted
        tolerance: how far a quote may be from where it should be before it is replaced
    """

    name: str = "maker"
    markets: Sequence[ConditionId] = field(default_factory=tuple)
    half_spread: float = 0.015
    size: int = 50
    aversion: float = 0.0005
    sigma: float = 1.0
    max_inventory: int = 500
    stop_h: float = 12
    tolerance: float = 0.01

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return a pair of quotes a market."""
        now = datetime.fromtimestamp(view.now, UTC)
        if self.markets:
            chosen = [view.markets[name] for name in self.markets if name in view.markets]
        else:
            chosen = list(screen(view.markets.values(), Criteria(), now).accepted)
        found = []
        for market in chosen:
            if market.end is None or view.class_of(market) is None:
                continue
            days = (market.end - now).total_seconds() / DAY
            if days * 24 <= self.stop_h:
                continue
            book = view.book(market, YES)
            mid = book.mid() if book is not None else None
            if mid is not None and (legs := self.quotes(view, market, mid, days)):
                found.append(
                    Proposal(
                        self.name,
                        legs,
                        kind=OrderKind.POST,
                        edge=self.half_spread,
                        chance=0.5,
                        cost=0.5,
                        resting=True,
                        evidence=frozenset({"spread"}),
                        numbers={
                            "half_spread": str(self.half_spread),
                            "mid": f"{mid:.6f}",
                            "token": str(market.token_ids[YES]),
                            "tolerance": str(self.tolerance),
                        },
                    )
                )
        return found

    def quotes(self, view: View, market: Market, mid: float, days: float) -> tuple[Leg, ...]:
        """Return where the quotes should stand now."""
        if not 0.02 < mid < 0.98:
            return ()
        yes, no = view.held(market)
        inventory = (yes - no) / MICRO
        odds = log(mid / (1 - mid)) - self.aversion * inventory * self.sigma**2 * max(days, 0.0)
        fair = 1 / (1 + exp(-odds))
        legs = []
        for outcome, worth, skip in (
            (YES, fair, inventory >= self.max_inventory),
            (NO, 1 - fair, -inventory >= self.max_inventory),
        ):
            price = _price(worth - self.half_spread, market, view.book(market, outcome))
            if price is not None and not skip:
                legs.append(Leg(market, outcome, Side.BUY, price, self.size * MICRO))
        return tuple(legs)


def _price(wanted: float, market: Market, book: Book | None) -> int | None:
    """Return the tick at or below `wanted` that takes nothing from the book, 10**-6."""
    tick = int(market.tick * MICRO)
    price = int(wanted * MICRO) // tick * tick
    if book is not None and book.ask is not None:
        price = min(price, book.ask - tick)
    return price if tick <= price <= MICRO - tick else None
