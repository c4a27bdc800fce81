"""Order books of Polymarket as pmxt's archive has them: a Parquet file an hour (archive.pmxt.dev).

Two forms, told apart by their columns: from April 2026 one column a field; before it one of JSON.
A `book` row is a whole book, a `price_change` the new size of a level. The time is the one at which
the archive received a row: nobody could have known it before. Built to the documented formats.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from strongroom.chain.ids import Json, read_json
from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake, Row
from strongroom.data.reading import batches, cash_of, micro, micro_of, rows_of, time_ms
from strongroom.data.schema import BadData, Table

OLD = ("timestamp_received", "market_id", "update_type", "data")
NEW = ("timestamp_received", "market", "event_type", "asset_id", "bids", "asks", "price", "size")
_SIDES = {"BUY": "bid", "SELL": "ask"}


def take_pmxt(intake: Intake, paths: Sequence[Path], markets: Sequence[str]) -> None:
    """Read hours in their order.

    Args:
        markets: condition ids; only these are kept, none: all

    Raises:
        BadData: a file is of neither form.
    """
    first, of, wanted = 0, sum(map(rows_of, paths)), [each.lower() for each in markets]
    for path in paths:
        for part in batches(path, ("timestamp_received",)):
            old = "data" in part.columns
            missing = [each for each in (OLD if old else NEW) if each not in part.columns]
            if missing:
                raise BadData(f"{path}: is no hour of pmxt's: it lacks {', '.join(missing)}")
            number = pl.int_range(first, first + len(part), dtype=pl.Int64).alias("message")
            about = _about(part, old).with_columns(number)
            first += len(part)
            if wanted:
                others = ~pl.col("market").is_in(wanted)
                intake.read += (left_out := int(about.select(others.sum()).item()))
                intake.dropped["of a market that is not asked for"] += left_out
                about = about.filter(~others)
            _take_rows(intake, about, old)
            intake.progress("rows", first, of)


def _about(part: pl.DataFrame, old: bool) -> pl.DataFrame:
    """Return the rows with their market, time and kind, and what the kinds need."""
    market, kind = ("market_id", "update_type") if old else ("market", "event_type")
    frame = pl.DataFrame(
        [
            part[market].cast(pl.String).str.to_lowercase().alias("market"),
            time_ms(part, "timestamp_received").alias("at_ms"),
            part[kind].cast(pl.String).alias("kind"),
        ]
    )
    kept = ("data",) if old else ("bids", "asks", "transaction_hash")
    more = [part[each] for each in kept if each in part.columns]
    if not old:
        more += [part["asset_id"].cast(pl.String).alias("token"), part["side"].cast(pl.String)]
        more += [micro(part, "price").alias("price"), micro(part, "size").alias("size")]
    return frame.hstack(more)


def _take_rows(intake: Intake, rows: pl.DataFrame, old: bool) -> None:
    timed = intake.keep(
        rows,
        {
            "no time": pl.col("at_ms").is_null(),
            "tick size changes": pl.col("kind") == "tick_size_change",
            "of an unknown kind": ~pl.col("kind").is_in(
                ["book", "book_snapshot", "price_change", "last_trade_price"]
            ),
        },
    )
    if old:
        for at, message, text in timed.select("at_ms", "message", "data").iter_rows():
            _take_old(intake, at, message, text)
        return
    whole = timed.filter(pl.col("kind") == "book")
    for at, message, token, bids, asks in whole.select(
        "at_ms", "message", "token", "bids", "asks"
    ).iter_rows():
        _take_book(intake, at, message, token, bids, asks)
    _take_changes(intake, timed.filter(pl.col("kind") == "price_change"))
    _take_trades(intake, timed.filter(pl.col("kind") == "last_trade_price"))


def _take_changes(intake: Intake, rows: pl.DataFrame) -> None:
    intake.read -= len(rows)  # they are counted once
    reasons = {
        "change: no token": pl.col("token") == "",
        "change: no side": ~pl.col("side").is_in(list(_SIDES)),
        "change: price not between 0 and 1": ~pl.col("price").is_between(1, MICRO - 1),
        "change: no size": ~(pl.col("size") >= 0),
    }
    kept = intake.keep(rows, reasons).select(
        "at_ms",
        "token",
        "message",
        pl.lit(False).alias("snapshot"),
        pl.col("side").replace_strict(_SIDES, default=None),
        "price",
        "size",
    )
    intake.add(Table.BOOKS, kept)


def _take_trades(intake: Intake, rows: pl.DataFrame) -> None:
    intake.read -= len(rows)
    reasons = {
        "trade: no token": pl.col("token") == "",
        "trade: no side": ~pl.col("side").is_in(list(_SIDES)),
        "trade: price not between 0 and 1": ~pl.col("price").is_between(1, MICRO - 1),
        "trade: no size": ~(pl.col("size") > 0),
    }
    kept = intake.keep(rows, reasons)
    columns = [pl.col(each) for each in ("at_ms", "token", "side", "price", "size")]
    if "transaction_hash" in kept.columns:
        columns.append(pl.col("transaction_hash").alias("transaction"))
    intake.add(Table.TRADES, kept.select(*columns, cash_of().alias("cash")))


def _take_old(intake: Intake, at: int, message: int, text: str | None) -> None:
    try:
        found = read_json(text or "")
    except ValueError:
        found = None
    token = found.get("token_id") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(token, str):
        intake.dropped["no JSON, or no token in it"] += 1
        return
    if "bids" in found or "asks" in found:
        _take_book(intake, at, message, token, found.get("bids"), found.get("asks"))
        return
    side = _SIDES.get(str(found.get("change_side")))
    price, size = micro_of(found.get("change_price")), micro_of(found.get("change_size"))
    if side is None or price is None or size is None or not 0 < price < MICRO or size < 0:
        intake.dropped["change: no side, price or size"] += 1
        return
    row: Row = {
        "at_ms": at, "token": token, "message": message, "snapshot": False, "side": side,
        "price": price, "size": size,
    }  # fmt: skip
    intake.put(Table.BOOKS, row)


def _levels(value: Json) -> list[tuple[int, int]] | None:
    """Return price and size of each level; None: they are none."""
    try:
        listed = read_json(value) if isinstance(value, str) else value
        if not isinstance(listed, list):
            return None
        found = [
            (micro_of(each[0]), micro_of(each[1])) if isinstance(each, list) else (None, None)
            for each in listed
        ]
    except (ValueError, IndexError):
        return None
    known = [(price, size) for price, size in found if price is not None and size is not None]
    good = all(0 < price < MICRO and size >= 0 for price, size in known)
    if not good or len(known) != len(listed):
        return None
    return [level for level in known if level[1]]


def _take_book(intake: Intake, at: int, message: int, token: str, bids: Json, asks: Json) -> None:
    sides = _levels(bids), _levels(asks)
    if sides[0] is None or sides[1] is None:
        intake.dropped["book: a side is no list of levels"] += 1
        return
    intake.put_book(at, token, message, sides[0], sides[1])
