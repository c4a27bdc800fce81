"""What Dutch book and bundle share: from books to a bundle, from a certified plan to a proposal."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import lcm

from strongroom.analysis.bundle import Security
from strongroom.analysis.scan import ArbitrageFinding
from strongroom.chain.ids import TokenId
from strongroom.chain.order_amounts import step
from strongroom.chain.orders import NO, YES, MoveKind, OnFailure, OrderKind, Side
from strongroom.chain.units import LOT, MICRO
from strongroom.information.books import Book, Level
from strongroom.information.gamma import Market
from strongroom.strategy.api import Leg, Move, Proposal
from strongroom.strategy.view import View


def securities_of(view: View, market: Market) -> list[Security]:
    """Return YES and NO of a market with their asks, or nothing where a book is missing.

    Asks alone: one order stands in both tokens' books, as an offer of the one and a bid for the
    other. Who counts both counts it twice; selling is buying the other token and merging.
    """
    books = [view.book(market, outcome) for outcome in (YES, NO)]
    if books[YES] is None or books[NO] is None:
        return []
    return [
        Security(
            market.condition_id,
            outcome == YES,
            asks=book.asks,
            fees=market.fees,
            min_size=least_order(market, book),
        )
        for outcome, book in enumerate(books)
        if book is not None
    ]


def in_whole_lots(securities: Sequence[Security]) -> tuple[list[Security], int]:
    """Return securities as orders can be placed on them, and the lot that fits at all their prices.

    Legs hang together in their sizes, so all are multiples of one lot; what a level offers beyond
    its last whole lot is left there.
    """
    asks = [level.price for security in securities for level in security.asks]
    lot = lcm(LOT, *(step(OrderKind.FAK, Side.BUY, price) for price in asks))
    return [
        replace(
            each,
            asks=tuple(
                Level(level.price, level.size - level.size % lot)
                for level in each.asks
                if level.size >= lot
            ),
            min_size=-(-each.min_size // lot) * lot,
        )
        for each in securities
    ], lot


def least_order(market: Market, book: Book) -> int:
    """Return the least that an order on a book may be for: the market's tokens, and a dollar."""
    least = int(market.min_size * MICRO)
    if book.ask is not None:
        least = max(least, -(-MICRO * MICRO // book.ask))
    return least


def busy(view: View, markets: Iterable[Market]) -> bool:
    """Whether a decision is being carried out in one of the markets, or none may be made."""
    names = (view.market_of(market) for market in markets)
    return any(name is None or name in view.busy or name in view.asked for name in names)


def proposal_of(
    pack: str, finding: ArbitrageFinding, markets: Mapping[str, Market], why: str
) -> Proposal:
    """Return a finding as a proposal: splits, buys, conversions, sales and merges."""
    bundle = finding.bundle
    legs, moves = [], []
    for leg in finding.plan.legs:
        security = bundle.securities[leg.security]
        market = markets[security.market]
        outcome, side = YES if security.yes else NO, Side.BUY if leg.buy else Side.SELL
        legs.append(Leg(market, outcome, side, leg.price, leg.size))
    for number, amount in finding.plan.transforms.items():
        kind = MoveKind(bundle.transforms[number].name.split()[0])
        first = next(
            place
            for place, change in bundle.transforms[number].changes.items()
            if kind != MoveKind.CONVERT or change < 0
        )
        market = markets[bundle.securities[first].market]
        moves.append(Move(kind, market, amount))
    # buys before sales, the scarcest depth first; of one token the best price first: an order at
    # a worse one would take what that is there for
    sizes = Counter[TokenId]()
    for each in legs:
        sizes[_token(each)] += each.size
    places = {token: place for place, token in enumerate(sizes)}
    legs.sort(key=lambda each: each.price if each.buys else -each.price)
    legs.sort(key=lambda each: (not each.buys, sizes[_token(each)], places[_token(each)]))
    profit, spent = finding.certificate.profit, max(1, -finding.certificate.cash)
    return Proposal(
        pack,
        tuple(legs),
        kind=OrderKind.FAK,
        moves=tuple(moves),
        edge=profit / max(1, max(leg.size for leg in legs)),
        chance=1.0,
        cost=min(0.999999, spent / max(1, max(leg.size for leg in legs))),
        sized=True,
        sure=finding.certificate.profit > 0,
        on_failure=OnFailure.UNWIND,
        evidence=frozenset({"certificate"}),
        numbers={
            "profit": profit,
            "states": len(bundle.states),
            "worst_outcome": min(finding.certificate.outcomes),
            "locked": finding.certificate.locked,
            "why": why,
        },
    )


def _token(leg: Leg) -> TokenId:
    return leg.market.token_ids[leg.outcome]


def profit_of(proposal: Proposal) -> int:
    """Return what a certified plan earns in its worst state, micro-units."""
    profit = proposal.numbers["profit"]
    assert isinstance(profit, int), profit
    return profit
