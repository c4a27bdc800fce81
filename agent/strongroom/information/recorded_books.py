"""Recorded best prices of a market, as a collector's CSV has them, with all its dirt.

Columns: timestamp, event_type (book, price_change, last_trade_price), price, side, size, best_bid,
best_ask. What is repaired and what is dropped is counted by reason:

- a snapshot (`book`) has the best levels alone: what was told of others before it is forgotten;
- a row without a time has the time of the row before it; before the first time it only sets levels;
- a time before the last one (a restart) is taken as the last one;
- sizes: `absolute` (a level's new size) or `change` (added to it; below 0 it is 0);
- best prices that are missing are unknown: the row changes levels and shows no quote;
- a quote whose level was never told has an unknown size (None), not 0;
- a price is read to the nearest 10**-6 (0.10999999999999999 is 0.11);
- a trade changes no book; a row that is not a row is dropped.
"""

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, TextIO, cast

from strongroom.chain.units import MICRO
from strongroom.errors import BadInput
from strongroom.information.books import Level

Sizes = Literal["absolute", "change"]
COLUMNS = ("timestamp", "event_type", "price", "side", "size", "best_bid", "best_ask")
MOST_LINE = 2**20  # characters: a few kilobytes of a zipped file can be one that fills the memory


class BadRecording(BadInput):
    """A file is no recording of books; the message says what is wrong."""


@dataclass(frozen=True)
class Quote:
    """The best prices at a moment, 10**-6; a size that was never told is None, micro-contracts.

    Attributes:
        at: seconds
    """

    at: float
    bid: int
    ask: int
    bid_size: int | None
    ask_size: int | None

    @property
    def levels(self) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Bids and asks of which the size is known."""
        bid = () if not self.bid_size else (Level(self.bid, self.bid_size),)
        ask = () if not self.ask_size else (Level(self.ask, self.ask_size),)
        return bid, ask


@dataclass
class RecordedBook:
    """A recording: iterate over its quotes; then `counts` has what was repaired and dropped."""

    path: Path
    sizes: Sizes
    counts: Counter[str] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[Quote]:
        """Yield a quote for each row that shows one, in time order.

        Raises:
            BadRecording: see the class.
        """
        self.counts.clear()
        known: dict[tuple[str, int], int] = {}
        last: float | None = None
        before = ""
        for row in self._rows():
            self.counts["rows"] += 1
            if row["event_type"] == "book" != before:
                known.clear()
            before = row["event_type"]
            if before == "last_trade_price":
                self.counts["skipped: a trade"] += 1
                continue
            try:
                at = self._time(row["timestamp"], last)
                self._learn(row, known)
            except (ValueError, ArithmeticError, KeyError, TypeError):
                self.counts["dropped: not a row"] += 1
                continue
            last = at
            quote = self._quote(row, known, at)
            if quote is not None:
                yield quote

    def _rows(self) -> Iterator[Mapping[str, str]]:
        opener = gzip.open if self.path.suffix == ".gz" else open
        try:
            with opener(self.path, "rt", newline="", encoding="utf-8-sig") as file:
                rows = csv.DictReader(_lines(cast(TextIO, file)))
                lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
                if lacking:
                    raise BadRecording(f"{self.path}: lacks columns: {', '.join(lacking)}")
                yield from rows
        except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
            raise BadRecording(f"{self.path}: cannot be read: {error}") from error

    def _time(self, text: str, last: float | None) -> float | None:
        if not text:
            self.counts["repaired: no time"] += 1
            return last
        at = datetime.fromisoformat(text).timestamp()
        if last is not None and at < last:
            self.counts["repaired: time before the last"] += 1
            return last
        return at

    def _learn(self, row: Mapping[str, str], known: dict[tuple[str, int], int]) -> None:
        """Take a level's size; raises where the row has none."""
        if row["event_type"] not in ("book", "price_change") or row["side"] not in ("BUY", "SELL"):
            raise ValueError(row)
        price, size = _price(row["price"]), Decimal(row["size"]) * MICRO
        if price is None or not size.is_finite():
            raise ValueError(row)
        level = row["side"], price
        if self.sizes == "change" and row["event_type"] == "price_change":
            if level not in known:
                self.counts["unknown: a change of a level never told"] += 1
                return
            size += known[level]
        if size < 0:
            self.counts["repaired: size below 0"] += 1
        known[level] = max(0, int(size))

    def _quote(
        self, row: Mapping[str, str], known: Mapping[tuple[str, int], int], at: float | None
    ) -> Quote | None:
        try:
            bid, ask = _price(row["best_bid"]), _price(row["best_ask"])
        except (ArithmeticError, TypeError):
            bid = ask = None
        if bid is None or ask is None:
            self.counts["no quote: best prices missing"] += 1
        elif bid >= ask:
            self.counts["no quote: bid not below ask"] += 1
        elif at is None:
            self.counts["no quote: before the first time"] += 1
        else:
            return Quote(at, bid, ask, known.get(("BUY", bid)), known.get(("SELL", ask)))
        return None


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(MOST_LINE):
        if len(line) == MOST_LINE:
            raise csv.Error(f"a line of more than {MOST_LINE:,} characters")
        yield line


def _price(text: str) -> int | None:
    """Return a price in 10**-6, the nearest one to a float's text; None: missing, or not inside
    (0, 1)."""
    if not text:
        return None
    price = Decimal(text) * MICRO
    return round(price) if price.is_finite() and 0 < price < MICRO else None
