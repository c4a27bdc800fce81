"""Hedging: what has grown too large is reduced, by the cheaper of two ways; and what depositors
want back is freed.

A position of YES shrinks by selling YES at its bid, or by buying NO at its ask and merging. Both
leave the same; the books say which costs less.
"""

from pydantic.dataclasses import dataclass

from strongroom.chain.order_amounts import fitting
from strongroom.chain.orders import NO, YES, MoveKind, OrderKind, Outcome, Side
from strongroom.chain.units import BPS, MICRO
from strongroom.information.books import Book
from strongroom.information.gamma import Market
from strongroom.strategy.api import PARAMETERS, Leg, Move, Proposal, Rooms
from strongroom.strategy.view import View


@dataclass(frozen=True, config=PARAMETERS)
class Hedge:
    """Parameters.

    Attributes:
        trigger_bps: of NAV; a net position worth more at its bid is reduced to `target_bps`
        max_cost: of a token, below its mid
        for_redemptions: also sell what waiting redemptions lack
    """

    name: str = "hedge"
    trigger_bps: int = 1_000
    target_bps: int = 700
    max_cost: float = 0.02
    for_redemptions: bool = False

    def propose(self, view: View, rooms: Rooms) -> list[Proposal]:
        """Return reductions, the largest first."""
        found = []
        missing = view.vault.owed + view.vault.asked - view.vault.idle
        for market in view.markets.values():
            yes, no = view.held(market)
            net = abs(yes - no)
            outcome = YES if yes > no else NO
            book = view.book(market, outcome)
            if not net or book is None or book.bid is None:
                continue
            worth = net * book.bid // MICRO
            if worth * BPS > view.vault.nav * self.trigger_bps:
                target = view.vault.nav * self.target_bps // BPS
                excess, why = (worth - target) * MICRO // book.bid, "the position is too large"
            elif self.for_redemptions and missing > 0:
                excess, why = min(net, missing * MICRO // book.bid), "redemptions wait for assets"
            else:
                continue
            proposal = self._reduce(view, market, outcome, min(excess, net), why)
            if proposal is not None:
                found.append(proposal)
                missing -= int(proposal.legs[0].size * book.bid // MICRO)
        return sorted(found, key=lambda each: -each.legs[0].size)

    def _reduce(
        self, view: View, market: Market, outcome: Outcome, tokens: int, why: str
    ) -> Proposal | None:
        """Return the cheaper way out of so many tokens, as far as the first level goes."""
        mine, other = view.book(market, outcome), view.book(market, outcome.other)
        mid = mine.mid() if mine is not None else None
        if mine is None or mine.bid is None or mid is None:
            return None
        selling = mine.bid - _fee(market, mine.bid)
        buying = MICRO - other.ask - _fee(market, other.ask) if other and other.ask else 0
        if max(selling, buying) < (mid - self.max_cost) * MICRO:
            return None
        buys = buying > selling and other is not None
        book, price = (other, other.ask) if buys and other is not None else (mine, mine.bid)
        assert price is not None
        side = Side.BUY if buys else Side.SELL
        size = fitting(OrderKind.FAK, side, price, min(tokens, _at_best(book, buys)))
        if size < market.min_size * MICRO:
            return None
        leg = Leg(market, outcome.other if buys else outcome, side, price, size)
        return Proposal(
            self.name,
            (leg,),
            moves=(Move(MoveKind.MERGE, market, size),) if buys else (),
            edge=max(selling, buying) / MICRO - mid,
            chance=1.0,
            cost=min(0.999999, price / MICRO),
            sized=True,
            evidence=frozenset({"position"}),
            numbers={"why": why, "mid": f"{mid:.6f}", "selling": selling, "buying": buying},
        )


def _fee(market: Market, price: int) -> int:
    return int(market.fees.of(price / MICRO) * MICRO) + 1


def _at_best(book: Book, asks: bool) -> int:
    side = book.asks if asks else book.bids
    return side[0].size if side else 0
