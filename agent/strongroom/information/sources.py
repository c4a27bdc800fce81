"""All sources together: one look at the venue, with what could not be had named."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, runtime_checkable

from strongroom.chain.ids import ConditionId, TokenId
from strongroom.chain.times import is_ahead, is_over
from strongroom.chain.units import HOUR
from strongroom.information.books import Book, BookReader, BooksAway
from strongroom.information.endpoint import Health
from strongroom.information.forecast import BadForecast, Forecaster, ForecasterAway, Given
from strongroom.information.gamma import GammaAway, GammaClient, Market
from strongroom.information.kept_books import KeptBooks
from strongroom.information.stream import MarketStream

TOO_OLD, NOT_LISTED = "its record is too old", "it is not listed"


@dataclass(frozen=True)
class Freshness:
    """How often sources are asked, and how old their answers may be; seconds."""

    markets_every: int = 300
    markets_max_age: int = HOUR
    books_max_age: int = 30
    forecasts_every: int = 900
    max_watched: int = 2_000  # markets


@dataclass(frozen=True)
class Look:
    """What was seen at one moment."""

    at: int
    markets: Mapping[ConditionId, Market]
    books: Mapping[TokenId, Book]
    forecasts: Mapping[ConditionId, Sequence[Given]]
    problems: tuple[str, ...] = ()  # what is missing, and why
    refused: Mapping[str, int] = field(default_factory=dict)  # records and markets, by reason
    health: tuple[Health, ...] = ()  # of each source


@runtime_checkable
class _Watched(Protocol):
    """A source that says how it is."""

    @property
    def health(self) -> Health:
        """How it is."""


@dataclass
class Sources:
    """Where everything comes from.

    Attributes:
        stream: keeps books between snapshots; None: they are read at every look
    """

    gamma: GammaClient
    reader: BookReader
    freshness: Freshness = field(default_factory=Freshness)
    stream: MarketStream | None = None
    kept: KeptBooks | None = None
    forecasters: Sequence[Forecaster] = ()
    dollars: dict[str, Decimal] = field(default_factory=dict)  # spent so far, by forecaster
    _markets: dict[ConditionId, Market] = field(default_factory=dict)
    _markets_at: int = -(10**9)
    _whole_at: int = -(10**9)  # when a listing reached its end
    _barred: Mapping[str, int] = field(default_factory=dict)
    _refused: Mapping[str, int] = field(default_factory=dict)
    _forecasts: dict[ConditionId, list[Given]] = field(default_factory=dict)
    _forecasts_at: int = -(10**9)
    _streams: bool = False

    def look(
        self, now: int, admits: Callable[[Market], bool], always: Iterable[ConditionId]
    ) -> Look:
        """Return what is known now of the markets that are admitted, and of those held.

        Args:
            always: condition ids that are watched in any case
        """
        problems: list[str] = []
        held = set(always)
        self._refresh_markets(now, held, problems)
        watched = {
            name: market
            for name, market in self._markets.items()
            if name in held or (admits(market) and not market.closed)
        }
        if len(watched) > self.freshness.max_watched:
            problems.append(
                f"{len(watched)} markets, only {self.freshness.max_watched} are watched"
            )
            keep = [name for name in watched if name in held]
            keep += [name for name in watched if name not in held]
            watched = {name: watched[name] for name in keep[: self.freshness.max_watched]}
        if gone := sum(NOT_LISTED in market.barred for market in watched.values()):
            problems.append(f"Gamma: {gone} markets that are held are not listed")
        books = self._read_books(now, list(watched.values()), problems)
        self._refresh_forecasts(now, list(watched.values()), problems)
        watched = {name: _as_traded(market, books) for name, market in watched.items()}
        refused = dict(self._refused) | {f"barred: {why}": n for why, n in self._barred.items()}
        return Look(
            now, watched, books, dict(self._forecasts), tuple(problems), refused, self._health()
        )

    def _health(self) -> tuple[Health, ...]:
        sources = (self.gamma, self.reader, self.stream, *self.forecasters)
        return tuple(each.health for each in sources if isinstance(each, _Watched))

    def _refresh_markets(
        self, now: int, held: AbstractSet[ConditionId], problems: list[str]
    ) -> None:
        if not is_over(self._markets_at, self.freshness.markets_every, now):
            return
        try:
            found, bad, gap = self.gamma.open_markets()
        except GammaAway as error:
            problems.append(str(error))
            if is_over(self._whole_at, self.freshness.markets_max_age, now):
                self._markets = self._outlived(held, TOO_OLD)
            return
        self._refused = Counter(each.reason for each in bad)
        self._barred = Counter(why for market in found for why in market.barred)
        first = {each.reason: each for each in reversed(bad)}
        problems += [f"{self._refused[why]} records like {each}" for why, each in first.items()]
        if gap:  # what was not read may still be there: it stays as it was, for a while
            problems.append(gap)
        if not gap:
            self._markets = self._outlived(held, NOT_LISTED)
        elif is_over(self._whole_at, self.freshness.markets_max_age, now):
            self._markets = self._outlived(held, TOO_OLD)
        self._markets |= {market.condition_id: market for market in found}
        self._markets_at = now
        self._whole_at = self._whole_at if gap else now

    def _outlived(self, held: AbstractSet[ConditionId], why: str) -> dict[ConditionId, Market]:
        """Return what is kept of records that Gamma gives no more: what is held goes on being
        marked from its books, and nothing is decided on it."""
        return {
            name: market.barred_for(why) for name, market in self._markets.items() if name in held
        }

    def _read_books(
        self, now: int, markets: Sequence[Market], problems: list[str]
    ) -> dict[TokenId, Book]:
        tokens = [token for market in markets for token in market.token_ids]
        try:
            found = self._snapshot(now, tokens, problems)
        except BooksAway as error:
            problems.append(str(error))
            return {}
        oldest = now - self.freshness.books_max_age
        fresh = {
            token: book
            for token, book in found.items()
            if book.seen_at >= oldest and not is_ahead(book.seen_at, now)
        }
        if len(fresh) < len(tokens):
            problems.append(f"{len(tokens) - len(fresh)} of {len(tokens)} books are missing or old")
        return fresh

    def _snapshot(
        self, now: int, tokens: Sequence[TokenId], problems: list[str]
    ) -> Mapping[TokenId, Book]:
        """Return the books that are kept, or without a stream those that the venue shows."""
        if self.stream is None or self.kept is None:
            return self._read(now, tokens, problems)
        self.stream.follow(tokens)
        problems += self.stream.news()
        if not self._streams:
            found = self._read(now, tokens, problems)  # the stream has only just been opened
            self._streams = True
            return found
        try:  # a book of which nothing is told is proven by a comparison, before it is too old
            self.stream.audit(now, now - self.freshness.books_max_age // 2)
        except BooksAway as error:
            problems.append(str(error))
        kept = {token: self.kept.get(token) for token in tokens}
        return {token: book for token, book in kept.items() if book is not None}

    def _read(
        self, now: int, tokens: Sequence[TokenId], problems: list[str]
    ) -> Mapping[TokenId, Book]:
        found = self.reader.read(tokens, now)
        problems += found.problems
        return found.books

    def _refresh_forecasts(self, now: int, markets: Sequence[Market], problems: list[str]) -> None:
        """Ask the sources. What one has said stays until it says something else of the market, or
        the market is watched no more: its time tells its age."""
        if not is_over(self._forecasts_at, self.freshness.forecasts_every, now):
            return
        self._forecasts_at = now
        watched = {market.condition_id for market in markets}
        said = {
            (each.market, each.source): each
            for found in self._forecasts.values()
            for each in found
            if each.market in watched and not is_ahead(each.frozen_at, now)
        }
        for source in self.forecasters:
            try:
                answers = source.forecast(markets, now)
            except (BadForecast, ForecasterAway) as error:
                problems.append(str(error))
                continue
            except Exception as error:  # a plug-in's defect costs the plug-in, not the tick
                problems.append(f"{source.name} fails: {error!r}")
                continue
            problems += answers.problems
            self.dollars[source.name] = self.dollars.get(source.name, Decimal(0)) + answers.dollars
            said |= {(each.market, each.source): each for each in answers.given}
        self._forecasts = {}
        for each in said.values():
            self._forecasts.setdefault(each.market, []).append(each)

    def close(self) -> None:
        """End the stream."""
        if self.stream is not None:
            self.stream.stop()


def _as_traded(market: Market, books: Mapping[TokenId, Book]) -> Market:
    """Return a market with its books' tick: a listing may be older than a change of it."""
    for token in market.token_ids:
        if token in books:
            market = market.with_tick(books[token].tick)
    return market
