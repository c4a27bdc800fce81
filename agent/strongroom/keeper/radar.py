"""One look at every pair of a file: books and rules of both venues, and what the spread is."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from strongroom.analysis.radar import (
    HERE,
    PairSide,
    RoundedFees,
    SettlementTerms,
    Spread,
    SpreadKind,
    radar,
    spread_of,
)
from strongroom.chain.ids import JsonObject
from strongroom.chain.orders import YES
from strongroom.chain.units import MICRO, format_units
from strongroom.errors import Away, BadInput
from strongroom.foreign_text import plain
from strongroom.information.books import Book, BookReader
from strongroom.information.gamma import GammaClient, Market
from strongroom.information.pairs import OURS, Pair, Pairs, VenueTerms, rules_hash
from strongroom.information.reference import Kalshi, Limitless, ReferenceVenue
from strongroom.settings import ConfigError

T = TypeVar("T")


class OurVenue:
    """Our own venue, to be read."""

    def __init__(self, gamma: GammaClient, books: BookReader) -> None:
        self._gamma, self._books = gamma, books

    def market(self, pair: Pair) -> Market:
        """Return a pair's market here; raises GammaAway, BadMarketRecord."""
        return self._gamma.market(pair.condition_id)

    def book(self, market: Market, now: int) -> Book | None:
        """Return the book of a market's YES; None: the venue did not show it. Raises BooksAway."""
        token = market.token_ids[YES]
        return self._books.read([token], now).books.get(token)


@dataclass(frozen=True)
class PairSeen:
    """What was seen of one pair; what was not is None.

    Attributes:
        at: timestamp
        problems: what could not be had, and why
    """

    pair: Pair
    at: int
    market: Market | None
    here: Book | None
    there: Book | None
    their_text: str | None
    they_trade: bool
    problems: tuple[str, ...]


def venues_of(pairs: Pairs) -> dict[str, ReferenceVenue]:
    """Return the other venues that a file names."""
    makes: Mapping[str, Callable[[str], ReferenceVenue]] = {
        "kalshi": Kalshi,
        "limitless": Limitless,
    }
    return {
        name: makes[terms.kind](terms.url) for name, terms in pairs.venues.items() if name != OURS
    }


def look_at(
    pairs: Pairs, ours: OurVenue, others: Mapping[str, ReferenceVenue], now: int
) -> list[PairSeen]:
    """Read both venues for each pair; a pair that fails costs itself."""
    return [_seen(pair, ours, others[pair.venue], now) for pair in pairs.pairs]


def judge_pairs(pairs: Pairs, seen: Sequence[PairSeen]) -> list[Spread]:
    """Return what each pair is worth, what counts first; capital is shared within a venue."""
    counted, rest = [], []
    for each in seen:
        why = _why_not(pairs, each)
        terms = pairs.venues[each.pair.venue]
        if why or each.market is None or each.here is None or each.there is None:
            rest.append(_not_counted(each, why))
            continue
        record = each.pair.adjudication
        assert record is not None and terms.fee_rate is not None
        here = PairSide(each.here, each.market.fees, _micro(each.market.min_size))
        there = PairSide(each.there, RoundedFees(terms.fee_rate, _micro(terms.fee_rounding)))
        settles = SettlementTerms(
            record.same, record.our_void, record.their_void, each.pair.inverse, _lot(pairs, terms)
        )
        counted.append((each.pair.name, each.pair.venue, here, there, settles))
    capital = {name: _micro(terms.capital) for name, terms in pairs.venues.items()}
    capital[HERE] = capital.pop(OURS)
    return [*radar(counted, capital), *rest]


@dataclass(frozen=True)
class RuleTexts:
    """Both rule texts of a pair, to be compared; None: not had."""

    name: str
    ours: str | None
    theirs: str | None
    problems: tuple[str, ...]


def radar_now(pairs: Pairs) -> list[Spread]:
    """Look once; return what each pair is worth."""
    return judge_pairs(pairs, _seen_now(pairs))


def rules_now(pairs: Pairs) -> list[RuleTexts]:
    """Return the rule texts of each pair as they are now."""
    return [
        RuleTexts(
            each.pair.name,
            None if each.market is None else each.market.rules,
            each.their_text,
            each.problems,
        )
        for each in _seen_now(pairs)
    ]


def radar_document(found: Sequence[Spread]) -> JsonObject:
    """Return spreads as JSON takes them: money in units."""
    return {"pairs": [_document(each) for each in found]}


def rules_document(found: Sequence[RuleTexts]) -> JsonObject:
    """Return rule texts and their hashes as JSON takes them."""
    return {
        "pairs": [
            {
                "name": each.name,
                "our_rules": _hashed(each.ours),
                "their_rules": _hashed(each.theirs),
                "problems": list(each.problems),
            }
            for each in found
        ]
    }


def show_radar(found: Sequence[Spread]) -> None:
    """Print spreads as a table, as wide as the terminal."""
    from rich import box
    from rich.table import Table

    from strongroom.screen import Screen

    table = Table(box=box.SIMPLE)
    for name in ("pair", "kind", "gap", "profit", "worst", "breaks even at", "why, or legs"):
        table.add_column(name, overflow="fold")
    for each in found:
        legs = [
            f"{venue} {outcome} {format_units(size, 2)} at {format_units(price, 4)}"
            for venue, outcome, price, size in each.legs
        ]
        gap = "-" if each.gap is None else format_units(each.gap, 4)
        money = [format_units(amount) if each.legs else "-" for amount in (each.profit, each.worst)]
        chance = "-" if each.break_even is None else f"{float(each.break_even):.2%}"
        table.add_row(each.name, each.kind, gap, *money, chance, each.why or "; ".join(legs))
    Screen().print(table)


def show_rules(found: Sequence[RuleTexts]) -> None:
    """Print rule texts and their hashes; a text stays behind its bar, and can write no hash."""
    from strongroom.screen import Screen

    console = Screen()
    for each in found:
        console.print(f"{each.name}")
        for name, text in (("our_rules", each.ours), ("their_rules", each.theirs)):
            digest = "not known" if text is None else f'"{rules_hash(text)}"'
            lines = (f"  | {line}" for line in (text or "").splitlines())
            console.print("\n".join((f"{name} = {digest}", *lines, "")))
        for problem in each.problems:
            console.print(plain(f"problem: {problem}"))


def _seen_now(pairs: Pairs) -> list[PairSeen]:
    return look_at(pairs, _our_venue(pairs), venues_of(pairs), int(time.time()))


def _our_venue(pairs: Pairs) -> OurVenue:
    ours = pairs.venues[OURS]
    if not ours.url or not ours.gamma_url:
        raise ConfigError(f"[venues.{OURS}] needs `url` (the CLOB's) and `gamma_url`")
    return OurVenue(GammaClient(ours.gamma_url), BookReader(ours.url))


def _document(spread: Spread) -> JsonObject:
    spent = spread.spent or {}
    chance = spread.break_even
    return {
        "name": spread.name,
        "kind": str(spread.kind),
        "why": spread.why,
        "gap": None if spread.gap is None else format_units(spread.gap, 4),
        "profit": format_units(spread.profit),
        "worst": format_units(spread.worst),
        "break_even": None if chance is None else round(float(chance), 6),
        "spent": {venue: format_units(amount) for venue, amount in spent.items()},
        "legs": [
            {
                "venue": venue,
                "outcome": outcome,
                "price": format_units(price),
                "size": format_units(size),
            }
            for venue, outcome, price, size in spread.legs
        ],
    }


def _hashed(text: str | None) -> JsonObject:
    return {"sha256": None if text is None else rules_hash(text), "text": text}


def _seen(pair: Pair, ours: OurVenue, other: ReferenceVenue, now: int) -> PairSeen:
    problems: list[str] = []
    market = _had(lambda: ours.market(pair), problems)
    here = None if market is None else _had(lambda: ours.book(market, now), problems)
    if market is not None and here is None and not problems:
        problems.append("our venue shows no book")
    there = _had(lambda: other.book(pair.market, now), problems)
    rules = _had(lambda: other.rules(pair.market), problems)
    return PairSeen(
        pair, now, market, here, there,
        None if rules is None else rules.text,
        rules is not None and rules.trades,
        tuple(problems),
    )  # fmt: skip


def _had(read: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return read()
    except (Away, BadInput) as error:
        problems.append(str(error))
        return None


def _why_not(pairs: Pairs, seen: PairSeen) -> str:
    """Return why a pair does not count; "" where it does."""
    if seen.problems:
        return "; ".join(seen.problems)
    assert seen.market is not None
    why = seen.pair.why_not(seen.market.rules, seen.their_text, seen.at)
    if why:
        return why
    if seen.market.closed or not seen.market.accepting or seen.market.barred:
        return "; ".join(seen.market.barred) or "our venue takes no orders for it"
    if not seen.they_trade:
        return f"{seen.pair.venue} takes no orders for it"
    if pairs.venues[seen.pair.venue].fee_rate is None:
        return f"the fees of {seen.pair.venue} are not known: set `fee_rate`"
    return ""


def _not_counted(seen: PairSeen, why: str) -> Spread:
    """Return a pair with its gap, where both books are there, and nothing else."""
    gap = None
    if seen.here is not None and seen.there is not None:
        nothing = RoundedFees(Decimal(0))
        sides = PairSide(seen.here, nothing), PairSide(seen.there, nothing)
        terms = SettlementTerms(False, "unknown", "unknown", seen.pair.inverse)
        gap = spread_of(seen.pair.name, *sides, terms).gap
    return Spread(seen.pair.name, SpreadKind.NOT_COUNTED, why, gap)


def _lot(pairs: Pairs, terms: VenueTerms) -> int:
    """Return the smallest size that is whole at both venues: the larger lot."""
    return max(_micro(pairs.venues[OURS].lot), _micro(terms.lot))


def _micro(units: Decimal) -> int:
    return int(units * MICRO)
