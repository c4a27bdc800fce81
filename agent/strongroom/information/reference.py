"""Books and rules of other venues, read as reference prices: Kalshi, Limitless. Nothing is sent.

Each venue's answer becomes a `Book` of YES, as our own venue's is: prices 10**-6, sizes
micro-contracts, a contract paying one unit. An answer that is none is refused by name.

Formats as documented: Kalshi, docs.kalshi.com "Orderbook Responses" (`orderbook_fp`, prices in
dollars) and the older `orderbook` (cents); bids of both outcomes, no asks. Limitless,
api.limitless.exchange, `/markets/{slug}/orderbook`: prices as numbers, sizes in micro-tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import httpx

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import MICRO
from strongroom.errors import Away
from strongroom.information.books import BadBook, Book, Level, parse_level
from strongroom.information.endpoint import Endpoint, Health

CENT = Decimal("0.01")


class ReferenceAway(Away):
    """Another venue does not answer, or not as it documents; the message says what came."""


@dataclass(frozen=True)
class ReferenceRules:
    """What a venue says of one of its markets.

    Attributes:
        text: by which it settles
        trades: whether orders are taken now
    """

    text: str
    trades: bool


class ReferenceVenue(Protocol):
    """Another venue, to be read."""

    @property
    def health(self) -> Health:
        """How the service is."""

    def book(self, market: str, now: int) -> Book:
        """Return the book of YES.

        Raises:
            ReferenceAway: see the class.
        """

    def rules(self, market: str) -> ReferenceRules:
        """Return by what a market settles.

        Raises:
            ReferenceAway: see the class.
        """


class Kalshi:
    """Kalshi's public REST API."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._endpoint = Endpoint("Kalshi", url.rstrip("/"), ReferenceAway, transport=transport)

    @property
    def health(self) -> Health:
        """How the service is."""
        return self._endpoint.health

    def book(self, market: str, now: int) -> Book:
        """Return the book of YES; raises ReferenceAway."""
        answer = self._endpoint.get(f"/markets/{market}/orderbook", {})
        return _read("Kalshi", market, lambda: kalshi_book(answer, now))

    def rules(self, market: str) -> ReferenceRules:
        """Return by what a market settles; raises ReferenceAway."""
        answer = self._endpoint.get(f"/markets/{market}", {})
        found = _object("Kalshi", market, answer, "market")
        text = "\n".join(_text("Kalshi", found, name) for name in _KALSHI_RULES)
        return ReferenceRules(text, found.get("status") == "active")


class Limitless:
    """Limitless' public REST API."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._endpoint = Endpoint("Limitless", url.rstrip("/"), ReferenceAway, transport=transport)

    @property
    def health(self) -> Health:
        """How the service is."""
        return self._endpoint.health

    def book(self, market: str, now: int) -> Book:
        """Return the book of YES; raises ReferenceAway."""
        answer = self._endpoint.get(f"/markets/{market}/orderbook", {})
        return _read("Limitless", market, lambda: limitless_book(answer, now))

    def rules(self, market: str) -> ReferenceRules:
        """Return by what a market settles; raises ReferenceAway."""
        found = _object("Limitless", market, self._endpoint.get(f"/markets/{market}", {}))
        return ReferenceRules(
            _text("Limitless", found, "description"), found.get("status") == "FUNDED"
        )


def kalshi_book(answer: Json, seen_at: int) -> Book:
    """Read an answer of `/markets/{ticker}/orderbook`: an ask of YES is a bid for NO.

    Raises:
        BadBook: it is none. A side that is null is not an empty one.
    """
    if not isinstance(answer, dict):
        raise BadBook(f"no book: {str(answer)[:60]}")
    if "orderbook_fp" in answer:
        sides, names, unit = answer["orderbook_fp"], ("yes_dollars", "no_dollars"), Decimal(1)
    else:
        sides, names, unit = answer.get("orderbook"), ("yes", "no"), CENT
    if not isinstance(sides, dict):
        raise BadBook(f"no book: {str(answer)[:60]}")
    bids, of_no = (_priced(sides.get(name), unit) for name in names)
    asks = [Level(MICRO - each.price, each.size) for each in of_no]
    return _book(bids, asks, seen_at)


def limitless_book(answer: Json, seen_at: int) -> Book:
    """Read an answer of `/markets/{slug}/orderbook`; raises BadBook where it is none."""
    if not isinstance(answer, dict):
        raise BadBook(f"no book: {str(answer)[:60]}")
    bids, asks = (_micro_sized(answer.get(name)) for name in ("bids", "asks"))
    return _book(bids, asks, seen_at)


_KALSHI_RULES = ("rules_primary", "rules_secondary")


def _book(bids: list[Level], asks: list[Level], seen_at: int) -> Book:
    if bids and asks and max(each.price for each in bids) >= min(each.price for each in asks):
        raise BadBook("no book: its bid is not below its ask")
    return Book(
        tuple(sorted(bids, key=lambda level: -level.price)),
        tuple(sorted(asks, key=lambda level: level.price)),
        seen_at,
    )


def _priced(entries: Json, unit: Decimal) -> list[Level]:
    """Read [price, contracts] pairs."""
    if not isinstance(entries, list):
        raise BadBook(f"no book: a side is {str(entries)[:20]!r}")
    found = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != 2:
            raise BadBook(f"no level: {str(entry)[:60]}")
        try:
            price = Decimal(str(entry[0])) * unit
        except ArithmeticError as error:
            raise BadBook(f"no level: {str(entry)[:60]}") from error
        found.append(parse_level({"price": price, "size": entry[1]}))
    return [level for level in found if level.size]


def _micro_sized(entries: Json) -> list[Level]:
    """Read levels with sizes in micro-tokens."""
    if not isinstance(entries, list):
        raise BadBook(f"no book: a side is {str(entries)[:20]!r}")
    found = []
    for entry in entries:
        size = entry.get("size") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(size, int) or isinstance(size, bool):
            raise BadBook(f"no level: {str(entry)[:60]}")
        price = entry.get("price")
        found.append(parse_level({"price": price, "size": Decimal(size) / MICRO}))
    return [level for level in found if level.size]


def _read(venue: str, market: str, read: Callable[[], Book]) -> Book:
    try:
        return read()
    except BadBook as error:
        raise ReferenceAway(f"{venue}: {market}: {error}") from error


def _object(venue: str, market: str, answer: Json, name: str = "") -> JsonObject:
    found = answer.get(name) if name and isinstance(answer, dict) else answer
    if not isinstance(found, dict):
        raise ReferenceAway(f"{venue}: {market}: the answer is {str(answer)[:60]!r}, no market")
    return found


def _text(venue: str, record: JsonObject, name: str) -> str:
    text = record.get(name)
    if not isinstance(text, str):
        raise ReferenceAway(f"{venue}: a market without `{name}`: its rules are not known")
    return text
