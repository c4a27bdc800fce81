"""Marks from quotes: what a report says one outcome token is worth, bid and ask."""

from dataclasses import dataclass
from decimal import Decimal

from agent.analysis.fpmm import Pool
from agent.information.gamma import NO, YES, Market
from agent.units import MICRO, WAD, wad_down, wad_up


@dataclass(frozen=True)
class Mark:
    """One condition's marks, WAD; the fields of the contract's struct."""

    market: bytes
    bid_yes: int
    ask_yes: int
    bid_no: int
    ask_no: int

    def as_tuple(self) -> tuple[bytes, int, int, int, int]:
        """Return the struct as the contract takes it."""
        return self.market, self.bid_yes, self.ask_yes, self.bid_no, self.ask_no


def resolved_mark(market: bytes) -> Mark:
    """Return a resolved condition's marks: the contract takes the payout instead."""
    return Mark(market, 0, 0, 0, 0)


def mark_from_quotes(market: bytes, quotes: Market | None) -> Mark:
    """Return a condition's marks from its best quotes.

    A missing bid is worth 0 and a missing ask 1, so that no quote never makes a value up: the
    spread widens, entry gets dearer and exit cheaper. Bids round down, asks up.
    """
    if quotes is None:
        return Mark(market, 0, WAD, 0, WAD)
    return Mark(
        market,
        bid_yes=_bid(quotes.bid(YES)),
        ask_yes=_ask(quotes.ask(YES)),
        bid_no=_bid(quotes.bid(NO)),
        ask_no=_ask(quotes.ask(NO)),
    )


def mark_from_pool(market: bytes, pool: Pool, yes: int, no: int) -> Mark:
    """Return a condition's marks from a fixed-product market maker.

    The bid is what selling the whole position brings for each token, the ask what buying as much
    costs: a pool pays less the more it takes. An outcome that is not held is quoted for one token.
    Complete sets are worth 1 without the pool, so a position is what is left of the larger side.

    Args:
        yes: outcome tokens held, base units; likewise no
    """
    pairs = min(yes, no)
    bids, asks = [], []
    for outcome, held in ((YES, yes - pairs), (NO, no - pairs)):
        size = held or MICRO
        bids.append(pool.proceeds(size, outcome) * WAD // size)
        asks.append(min(WAD, -(-pool.cost(size, outcome) * WAD // size)))
    return Mark(market, bids[YES], asks[YES], bids[NO], asks[NO])


def _bid(price: Decimal | None) -> int:
    return 0 if price is None else wad_down(price)


def _ask(price: Decimal | None) -> int:
    return WAD if price is None else wad_up(price)
