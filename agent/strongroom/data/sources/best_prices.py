"""Recorded best prices and trades of one book, as a collector's CSV has them, with all its dirt:
what is repaired and what is dropped, `information/recorded_books.py` says, and counts."""

from pathlib import Path

import polars as pl

from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.reading import batches, cash_of, micro, time_ms
from strongroom.data.schema import Table
from strongroom.information.recorded_books import COLUMNS, RecordedBook, Sizes

TRADE = "skipped: a trade"  # changes no book
SHOWN = ("repaired", "unknown")  # what counts begin with where the row shows a quote nevertheless


def take_best_prices(intake: Intake, path: Path, token: str, sizes: Sizes) -> None:
    """Read a recording as quotes and trades of a token.

    Args:
        sizes: whether a row has a level's new size, or its change

    Raises:
        BadRecording: it is none.
    """
    recording = RecordedBook(path, sizes)
    for quote in recording:
        intake.put(
            Table.QUOTES,
            {
                "at_ms": round(quote.at * 1_000),
                "token": token,
                "bid": quote.bid,
                "ask": quote.ask,
                "bid_size": quote.bid_size,
                "ask_size": quote.ask_size,
            },
        )
        intake.progress(path.name, recording.counts["rows"], recording.counts["rows"])
    trades = recording.counts.pop(TRADE, 0)
    intake.read = recording.counts.pop("rows", 0) - trades
    for reason, count in recording.counts.items():
        if reason.startswith(SHOWN):
            intake.repaired[reason.removeprefix("repaired: ")] += count
        else:
            intake.dropped[reason.removeprefix("dropped: ")] += count
    if trades:
        _take_trades(intake, path, token)


def _take_trades(intake: Intake, path: Path, token: str) -> None:
    """Keep the prints; nobody says whose they were."""
    for part in batches(path, COLUMNS):
        prints = part.filter(pl.col("event_type") == "last_trade_price")
        frame = prints.select("side").with_columns(
            time_ms(prints, "timestamp").alias("at_ms"),
            micro(prints, "price").alias("price"),
            micro(prints, "size").alias("size"),
        )
        reasons = {
            "trade: no time": pl.col("at_ms").is_null(),
            "trade: price not between 0 and 1": ~pl.col("price").is_between(1, MICRO - 1),
            "trade: no size": ~(pl.col("size") > 0),
            "trade: no side": ~pl.col("side").is_in(["BUY", "SELL"]),
        }
        kept = intake.keep(frame, reasons).with_columns(token=pl.lit(token))
        intake.add(Table.TRADES, kept.with_columns(cash_of().alias("cash")))
