"""What orders would have been filled with, and what that has come to: for paper, and for decisions
that no person said yes to. Filled from the books that the decision saw, level by level.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor

from strongroom.chain.ids import ConditionId, TokenId
from strongroom.chain.orders import YES, Outcome, Side
from strongroom.chain.units import MICRO
from strongroom.information.books import Book
from strongroom.information.gamma import FeeSchedule, Market
from strongroom.journal import SupposedFill
from strongroom.strategy.record import DecidedLeg, DecisionRecord


def fills_of(
    record: DecisionRecord,
    markets: Mapping[ConditionId, Market],
    books: Mapping[TokenId, Book],
) -> list[SupposedFill] | None:
    """Return what a decision's orders would be filled with by these books, pessimistically; None:
    they rest, and nobody can say where in the queue they would stand."""
    if record.resting:
        return None
    found = []
    taken: dict[tuple[TokenId, Side], int] = {}  # by earlier legs
    for leg in record.legs:
        market, book, place = markets[leg.condition], books.get(leg.token), (leg.token, leg.side)
        gone = taken.get(place, 0)
        size, cash = sweep(book, leg, market.fees, gone) if book is not None else (0, 0)
        taken[place] = gone + size
        if size:
            outcome = Outcome(market.token_ids.index(leg.token))
            fill = SupposedFill(leg.vault_market, leg.condition, outcome, leg.side, size, cash)
            found.append(fill)
    return found


def profit_of(fills: Sequence[SupposedFill], paid: Mapping[ConditionId, Fraction]) -> int | None:
    """Return what fills have come to once their markets have resolved, micro-units, rounded down;
    None: one has not. Splits, merges and conversions are worth the same before and after.

    Args:
        paid: what YES of resolved conditions was paid
    """
    profit = 0
    for fill in fills:
        yes = paid.get(fill.condition)
        if yes is None:
            return None
        value = fill.size * (yes if fill.outcome == YES else 1 - yes)
        buys = fill.side == Side.BUY
        profit += floor(value) - fill.cash if buys else fill.cash - ceil(value)
    return profit


def sweep(book: Book, leg: DecidedLeg, fees: FeeSchedule, gone: int = 0) -> tuple[int, int]:
    """Return tokens and cash (paid with fees, or received after them) of a marketable order.

    Args:
        gone: micro-tokens of the best levels that are no longer there
    """
    limit, left, cash = round(leg.price * MICRO), leg.size, 0
    buys = leg.side == Side.BUY
    for level in book.asks if buys else book.bids:
        if left == 0 or (level.price > limit if buys else level.price < limit):
            break
        missing = min(gone, level.size)
        gone -= missing
        take = min(left, level.size - missing)
        fee = fees.most(take, level.price)
        if buys:
            cash += -(-take * level.price // MICRO) + fee
        else:
            cash += take * level.price // MICRO - fee
        left -= take
    return leg.size - left, cash
