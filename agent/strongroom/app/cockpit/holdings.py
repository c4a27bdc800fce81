"""What the vault holds: the marks of the last report against the books that the keeper saw last."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from strongroom.chain.ids import ConditionId
from strongroom.chain.rpc import Position
from strongroom.chain.units import MICRO, WAD, format_units
from strongroom.reporting.marks import UNKNOWN, Method, Quote, quote_from_books
from strongroom.reporting.nav import value_of
from strongroom.reporting.seen import NOTHING, Pair
from strongroom.strategy.view import MarketState, VaultState

NONE = "none"
Name = Callable[[ConditionId], str]
Books = Callable[[ConditionId], Pair]


@dataclass(frozen=True)
class HeldRow:
    """One condition that the vault holds, in words; values are at the bid, of the tokens alone.

    Attributes:
        mark: of the last report, bid and ask of YES
        book: what the books come to by the method of marks, bid and ask of YES
        seen_at: the older of the books, timestamp; None: never
        by_mark, by_book: what the tokens are worth
        differs: by_book less by_mark
    """

    condition: ConditionId
    question: str
    place: str  # class and account
    yes: str
    no: str
    mark: str
    book: str
    seen_at: int | None
    by_mark: str
    by_book: str
    differs: str


def held_rows(
    state: VaultState, books: Books, name: Name, method: Method, now: int
) -> Iterator[HeldRow]:
    """Return a row for each condition of which there are tokens.

    Args:
        books: the last ones that were seen of a condition
        name: its question
        now: timestamp of the state
    """
    for market in state.markets.values():
        for condition, (yes, no) in market.positions.items():
            if yes or no:
                yield _row(market, condition, (yes, no), books(condition), name, method, now)


def _row(
    market: MarketState,
    condition: ConditionId,
    tokens: tuple[int, int],
    pair: Pair,
    name: Name,
    method: Method,
    now: int,
) -> HeldRow:
    yes, no = tokens
    wallet = f", wallet {market.wallet}" if market.wallet else ""
    place = f"class {market.class_id}, account {market.account}{wallet}"
    amounts = format_units(yes, 2), format_units(no, 2)
    if condition in market.resolved:
        paid = "resolved: redeemed at its payout"
        words = condition, name(condition), place
        return HeldRow(*words, *amounts, paid, NONE, None, NONE, NONE, NONE)
    mark = _mark_of(market.marks, condition)
    book = None if pair == NOTHING else quote_from_books(pair, abs(yes - no), now, method)
    held = Position(yes, no, 0, 0, 0)
    by_mark, by_book = (
        None if each is None else value_of(0, [held], [each])[0] for each in (mark or UNKNOWN, book)
    )
    differs = None if by_mark is None or by_book is None else by_book - by_mark
    return HeldRow(
        condition,
        name(condition),
        place,
        *amounts,
        "no fresh one: 0 to 1" if mark is None else _quote_words(mark),
        "never seen" if book is None else _quote_words(book),
        min((each.seen_at for each in pair if each is not None), default=None),
        *(NONE if each is None else format_units(each, 2) for each in (by_mark, by_book, differs)),
    )


def _mark_of(marks: Mapping[ConditionId, tuple[int, int]], condition: ConditionId) -> Quote | None:
    found = marks.get(condition)
    return None if found is None else (found[0] * (WAD // MICRO), found[1] * (WAD // MICRO))


def _quote_words(quote: Quote) -> str:
    bid, ask = quote[0] // (WAD // MICRO), -(-quote[1] // (WAD // MICRO))
    return f"{format_units(bid)} to {format_units(ask)}"
