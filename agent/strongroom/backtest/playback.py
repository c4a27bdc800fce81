"""What was recorded, as the engine's events: last prices, quotes, books and trades in the order of
time; of one time the trades first.

A market is played by its books where there are any, else by its quotes, else by its last prices,
else by the prices of its trades. Of a market of which only NO was seen, NO is played, turned round.
Trades of both tokens count, each match once: by the rows of its makers, where they are there.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from itertools import islice
from typing import NamedTuple

import polars as pl

from strongroom.backtest.engine import MS, Batch, Event, Print
from strongroom.chain.units import MICRO
from strongroom.data.folder import DataFolder
from strongroom.data.schema import Table
from strongroom.information.books import Book, Level, mirror

BATCH = 65_536  # events at once
BOOKS = 4_096  # of books, which are larger
Frames = Callable[[], Iterator[pl.DataFrame]]  # ts (ms), market (its number), price
Books = Callable[[int], Iterator[Batch]]  # given what is assumed where a size is unknown


class By(Enum):
    """What a market is played by."""

    BOOKS = "books"
    QUOTES = "quotes"
    PRICES = "prices"
    TRADES = "trades"


class Available(NamedTuple):
    """What there is of a market.

    Attributes:
        token: whose rows are played
        yes: whether that is the first outcome's
        other: the other token; its trades count, too
        traded: whether trades are recorded
    """

    token: str
    yes: bool
    other: str
    by: By
    traded: bool


@dataclass(frozen=True)
class Played:
    """How a market is played.

    Attributes:
        ends_ms: nothing is played from then on
        first_ms: nor before that
    """

    ends_ms: int
    first_ms: int
    found: Available


@dataclass(frozen=True)
class Tape:
    """Prices and books in the order of time; each call begins at the first.

    Attributes:
        prices: the last prices; None: there are none
        books: quotes and books
        trades: recorded trades, with size, up, and whether the price is the market's last price;
            None: there are none
        quoted: whether nothing is played by last prices, around which quotes must be assumed
        change: is applied to each part of the prices and trades
    """

    prices: Frames | None = None
    books: Sequence[Books] = ()
    trades: Frames | None = None
    quoted: bool = False
    change: Callable[[pl.DataFrame], pl.DataFrame] = field(default=lambda frame: frame)

    def feed(self, depth: int) -> Iterator[Batch]:
        """Yield events, a part at a time; `depth` is assumed where a size is unknown."""
        feeds = [each(depth) for each in self.books]
        if self.prices is not None:
            feeds.insert(0, self._price_batches())
        if self.trades is not None:
            feeds.insert(0, self._trade_batches())
        if len(feeds) == 1:
            yield from feeds[0]
            return
        events = heapq.merge(*map(_events, feeds), key=lambda event: event[0])
        while part := list(islice(events, BOOKS)):
            yield _batch(part)

    def middles(self) -> Iterator[pl.DataFrame]:
        """Yield ts, market and price: the last prices, or the middles of books with two sides."""
        if not self.books and self.trades is None and self.prices is not None:
            yield from map(self.change, self.prices())
            return
        for times, numbers, prices in self.feed(MICRO):
            middles = [_middle(each) for each in prices]
            frame = pl.DataFrame(
                {"ts": times, "market": numbers, "price": middles},
                schema={"ts": pl.Int64, "market": pl.Int64, "price": pl.Int64},
            )
            yield frame.drop_nulls("price")

    def _price_batches(self) -> Iterator[Batch]:
        assert self.prices is not None
        for frame in map(self.change, self.prices()):
            for part in frame.iter_slices(BATCH):
                yield part["ts"].to_list(), part["market"].to_list(), part["price"].to_list()

    def _trade_batches(self) -> Iterator[Batch]:
        assert self.trades is not None
        for frame in map(self.change, self.trades()):
            found: list[tuple[int, int, Event]] = []
            rows = frame.select("ts", "market", "price", "size", "up", "last").iter_rows()
            for ts, market, price, size, up, last in rows:
                found.append((ts, market, Print(price, size, up)))
                if last:
                    found.append((ts, market, price))
            if found:
                yield _batch(found)


def _events(batches: Iterator[Batch]) -> Iterator[tuple[int, int, Event]]:
    for batch in batches:
        yield from zip(*batch, strict=True)


def _middle(price: Event) -> int | None:
    if isinstance(price, int):
        return price
    if isinstance(price, Print) or price.bid is None or price.ask is None:
        return None
    return (price.bid + price.ask) // 2


def what_there_is(folder: DataFolder, markets: pl.DataFrame) -> Mapping[str, Available]:
    """Return market -> what there is of it; markets without a row are left out."""
    quoted = pl.col("bid").is_not_null() | pl.col("ask").is_not_null()
    known = folder.table(Table.QUOTES).filter(quoted | pl.col("price").is_not_null())
    quotes = known.group_by("token").agg(quoted.any())
    trades = _tokens(folder, Table.TRADES)
    found = dict.fromkeys(trades, By.TRADES)
    found |= {token: By.QUOTES if is_quoted else By.PRICES
              for token, is_quoted in folder.read(quotes, "streaming").iter_rows()}  # fmt: skip
    found |= dict.fromkeys(_tokens(folder, Table.BOOKS), By.BOOKS)
    best: dict[str, Available] = {}
    for market, *tokens in markets.select("market", "yes_token", "no_token").iter_rows():
        seen = [(list(By).index(found[t]), n, t) for n, t in enumerate(tokens) if t in found]
        if seen:
            _, is_no, token = min(seen)
            traded = any(each in trades for each in tokens)
            best[market] = Available(token, not is_no, tokens[1 - is_no], found[token], traded)
    return best


def _tokens(folder: DataFolder, table: Table) -> set[str]:
    rows = folder.table(table).select(pl.col("token").unique())
    return set(folder.read(rows, "streaming")["token"])


def tape_of(folder: DataFolder, played: Sequence[Played], known_after_s: int) -> Tape:
    """Return what a folder has of markets, by their numbers."""
    table = pl.DataFrame(
        {
            "token": [each.found.token for each in played],
            "market": range(len(played)),
            "ends": [each.ends_ms for each in played],
            "first": [each.first_ms for each in played],
            "yes": [each.found.yes for each in played],
            "by": [each.found.by.value for each in played],
        },
        schema_overrides={"market": pl.Int64},
    )
    of = {by: table.filter(pl.col("by") == by.value).drop("by") for by in By}
    kinds = set(table["by"])
    others = table.with_columns(
        pl.Series("token", [each.found.other for each in played]), yes=~pl.col("yes")
    )
    traded = pl.concat([table, others]).with_columns(
        last=pl.col("by").is_in([By.PRICES.value, By.TRADES.value])
    )

    def rows(kind: Table, of: pl.DataFrame) -> Iterator[pl.DataFrame]:
        known_at = pl.col("at_ms") + known_after_s * MS
        for chunk in folder.chunks(kind):
            part = chunk.join(of, on="token", maintain_order="left")
            yield part.filter(pl.col("at_ms") < pl.col("ends")).with_columns(known_at.alias("ts"))

    def prices() -> Iterator[pl.DataFrame]:
        for part in rows(Table.QUOTES, of[By.PRICES]):
            late = part.drop_nulls("price").filter(pl.col("at_ms") >= pl.col("first"))
            kept = late.select("ts", "market", turned.alias("price"))
            if not kept.is_empty():
                yield kept.sort("ts", "market", maintain_order=True)

    def matches() -> Iterator[pl.DataFrame]:
        yield from map(_told_twice, _whole_times(rows(Table.TRADES, traded)))

    @cache
    def exchanges() -> list[str]:
        return _exchanges(folder, traded["token"], matches())

    def trades() -> Iterator[pl.DataFrame]:
        took = pl.col("against").is_in(exchanges()).fill_null(False)
        is_maker = pl.col("wallet").is_not_null() & pl.col("against").is_not_null() & ~took
        up = (pl.col("side") == "BUY") ^ is_maker ^ ~pl.col("yes")
        for part in matches():
            known = pl.col("at_ms") >= pl.col("first")
            found = part.filter(~(took & pl.col("twice")) & known)
            if not found.is_empty():
                yield found.select("ts", "market", turned.alias("price"), "size", "last", up=up)

    turned = pl.when("yes").then("price").otherwise(MICRO - pl.col("price"))
    books: list[Books] = []
    if By.QUOTES.value in kinds:
        books.append(lambda depth: _quoted(rows(Table.QUOTES, of[By.QUOTES]), depth))
    if By.BOOKS.value in kinds:
        books.append(lambda depth: _rebuilt(rows(Table.BOOKS, of[By.BOOKS])))
    is_traded = any(each.found.traded for each in played)
    return Tape(
        prices if By.PRICES.value in kinds else None,
        books,
        trades if is_traded else None,
        not kinds & {By.PRICES.value, By.TRADES.value},
    )


def _exchanges(folder: DataFolder, tokens: pl.Series, matches: Iterator[pl.DataFrame]) -> list[str]:
    """Return against whom the takers of matches stand: somebody who does not trade himself, and
    against whom a row stands that is told twice."""
    rows = folder.table(Table.TRADES).filter(pl.col("token").is_in(tokens.to_list()))
    wallets = rows.select(against=pl.col("wallet")).unique()
    others = rows.select("against").drop_nulls().unique().join(wallets, on="against", how="anti")
    left, found = set(folder.read(others, "streaming")["against"]), set[str]()
    for part in matches:
        twice = part.filter("twice")["against"].unique()
        found |= left.intersection(twice)
    return sorted(found)


def _whole_times(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the rows so that all of one time come together: a match is of one."""
    held: pl.DataFrame | None = None
    for part in parts:
        if part.is_empty():
            continue
        held = part if held is None else pl.concat([held, part])
        last = held["at_ms"].search_sorted(held["at_ms"][-1], side="left")
        if last:
            yield held[:last]
            held = held[last:]
    if held is not None:
        yield held


def _told_twice(part: pl.DataFrame) -> pl.DataFrame:
    """Mark the rows (`twice`) against whose wallet another of the same match stands: a match is
    told by the rows of its makers, and the taker's says the same once more."""
    match = ["at_ms", "transaction", "market"]
    makers = part.select(*match, wallet="against", twice=True).drop_nulls("wallet").unique()
    by = [*match, "wallet"]
    told = part.join(makers, on=by, how="left", nulls_equal=True, maintain_order="left")
    return told.with_columns(pl.col("twice").fill_null(False))


def _quoted(parts: Iterator[pl.DataFrame], depth: int) -> Iterator[Batch]:
    """Yield a book of one level a side for each quote."""
    seen = pl.col("bid").is_not_null() | pl.col("ask").is_not_null()
    columns = ("ts", "market", "yes", "bid", "ask", "bid_size", "ask_size")
    for part in parts:
        times: list[int] = []
        numbers: list[int] = []
        books: list[Event] = []
        late = part.filter(seen & (pl.col("at_ms") >= pl.col("first")))
        for ts, market, yes, *quote in late.select(columns).iter_rows():
            bids, asks = (
                () if price is None or size == 0 or not 0 < price < MICRO
                else (Level(price, depth if size is None else size),)
                for price, size in zip(quote[:2], quote[2:], strict=True)
            )  # fmt: skip
            book = Book(bids, asks)
            times.append(ts)
            numbers.append(market)
            books.append(book if yes else mirror(book))
        if times:
            yield times, numbers, books


class _Side:
    """One side of a book; its levels are put in order once a change."""

    def __init__(self, asks: bool) -> None:
        self._asks, self._sizes = asks, dict[int, int]()
        self._ordered: tuple[Level, ...] | None = ()

    def set(self, price: int, size: int) -> None:
        """Take a level's new size; 0: it is gone."""
        self._ordered = None
        if size:
            self._sizes[price] = size
        else:
            self._sizes.pop(price, None)

    @property
    def levels(self) -> tuple[Level, ...]:
        """Best first."""
        if self._ordered is None:
            prices = sorted(self._sizes, reverse=not self._asks)
            self._ordered = tuple(Level(price, self._sizes[price]) for price in prices)
        return self._ordered


Sides = tuple[_Side, _Side]  # bids and asks
Shown = tuple[int, bool]  # ts, whether it is YES's
_COLUMNS = ("at_ms", "first", "ts", "market", "yes", "message", "snapshot", "side", "price", "size")


def _rebuilt(parts: Iterator[pl.DataFrame]) -> Iterator[Batch]:
    """Yield a market's book after each message; rows of several markets may alternate in one.
    Changes before a market's first snapshot show no book: nobody knows the other levels. Nor is one
    shown while its bid is above its ask: a level that is gone was not told yet, and nobody could
    have traded it."""
    known: dict[int, Sides] = {}
    last: tuple[int, int] | None = None
    shown: dict[int, Shown | None] = {}  # of a message that may go on
    found: list[tuple[int, int, Event]] = []
    rows = (row for part in parts for row in part.select(_COLUMNS).iter_rows())
    for at, first, ts, market, yes, message, snapshot, side, price, size in rows:
        if (at, message) != last:
            found += _shown(known, shown)
            if len(found) >= BOOKS:
                yield _batch(found)
                found = []
            last, shown = (at, message), {}
        if market not in shown:
            if snapshot:
                known[market] = _Side(asks=False), _Side(asks=True)
            shown[market] = (ts, yes) if market in known and at >= first else None
        if market in known and side is not None:
            known[market][side == "ask"].set(price, size)
    found += _shown(known, shown)
    if found:
        yield _batch(found)


def _shown(
    known: Mapping[int, Sides], shown: Mapping[int, Shown | None]
) -> list[tuple[int, int, Event]]:
    """Return the books to show."""
    found: list[tuple[int, int, Event]] = []
    for market, how in shown.items():
        if how is None:
            continue
        ts, yes = how
        bids, asks = (side.levels for side in known[market])
        if not (bids and asks and bids[0].price > asks[0].price):
            book = Book(bids, asks)
            found.append((ts, market, book if yes else mirror(book)))
    return found


def _batch(events: Sequence[tuple[int, int, Event]]) -> Batch:
    times, numbers, prices = zip(*events, strict=True)
    return times, numbers, prices
