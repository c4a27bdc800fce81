"""Own files that have a table's columns already (docs/data.md): CSV or Parquet, named by the table,
e.g. quotes.csv or trades-2026.parquet. Lists are words with spaces between them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.reading import FIRST_MS, LAST_MS, batches, rows_of
from strongroom.data.schema import COLUMNS, MAY_BE_EMPTY, BadData, Column, Table

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_CHANCES = ("price", "bid", "ask", "yes", "chance")
_AMOUNTS = (
    "size",
    "bid_size",
    "ask_size",
    "cash",
    "min_size",
    "fee_rate",
    "fee_exponent",
    "daily",
    "max_spread",
)
_WORDS: Mapping[Table, Mapping[str, Sequence[str]]] = {
    Table.BOOKS: {"side": ("bid", "ask")},
    Table.TRADES: {"side": ("BUY", "SELL")},
    Table.RELATIONS: {"kind": ("exclusive", "exhaustive", "implies", "equal")},
}
_LEVEL = pl.col("side").is_not_null()
_COUNT = pl.col("members").list.len()
_THERE = (pl.col("size") > 0) & pl.col("price").is_between(1, MICRO - 1)
_BEST_BID = pl.col("price").filter(_THERE & (pl.col("side") == "bid")).max()
_BEST_ASK = pl.col("price").filter(_THERE & (pl.col("side") == "ask")).min()
_TOGETHER: Mapping[Table, Mapping[str, pl.Expr]] = {  # what columns cannot say together
    Table.MARKETS: {
        "tick is not between 0 and 1": ~pl.col("tick").is_between(1, MICRO - 1),
        "its two tokens are one": pl.col("yes_token") == pl.col("no_token"),
    },
    Table.QUOTES: {"bid above ask": pl.col("bid") > pl.col("ask")},
    Table.BOOKS: {
        "a level without price or size": _LEVEL
        & (pl.col("price").is_null() | pl.col("size").is_null()),
        "a level at 0 or 1": _LEVEL & ~pl.col("price").is_between(1, MICRO - 1),
        "bid above ask": (_BEST_BID > _BEST_ASK).over("at_ms", "token", "message"),
    },
    Table.TRADES: {"of no tokens": pl.col("size") == 0},
    Table.FORECASTS: {"rests on what came later": pl.col("evidence_ms") > pl.col("at_ms")},
    Table.OUTCOMES: {"void, and yes is not 0.5": pl.col("void") & (pl.col("yes") != MICRO // 2)},
    Table.RELATIONS: {
        "too few members, or one twice": (_COUNT < 2)
        | (pl.col("members").list.n_unique() < _COUNT),
        "implies is of two": (pl.col("kind") == "implies") & (_COUNT != 2),
    },
}


def take_tables(intake: Intake, paths: Sequence[Path]) -> None:
    """Read files of tables; a row with a value that is none of its column is dropped, and one whose
    values cannot be together.

    Raises:
        BadData: a file is named by no table, cannot be read, or has unknown columns.
    """
    for path in paths:
        table = _table_of(path)
        done, of = 0, rows_of(path)
        for part in batches(path, ()):
            unknown = [name for name in part.columns if name not in COLUMNS[table]]
            if unknown:
                words = ", ".join(unknown)
                raise BadData(f"{path}: {table} has no columns {words}: see docs/data.md")
            _take_part(intake, table, part)
            done += len(part)
            intake.progress(path.name, done, max(of, done))


def _table_of(path: Path) -> Table:
    word = path.name.split(".")[0].split("-")[0]
    try:
        return Table(word)
    except ValueError:
        known = ", ".join(table.value for table in Table)
        raise BadData(f"{path}: {word!r} is no table: name the file by one of {known}") from None


def _take_part(intake: Intake, table: Table, part: pl.DataFrame) -> None:
    reasons: dict[str, pl.Expr] = {}
    empty = [each for each in MAY_BE_EMPTY if each in COLUMNS[table]]
    blank = [pl.lit("").alias(each) for each in empty if each not in part.columns]
    part = part.with_columns(*blank, pl.col(set(empty) & set(part.columns)).fill_null(""))
    frame = part
    for name, column in COLUMNS[table].items():
        if name not in part.columns:
            if not column.nullable:
                raise BadData(f"{table}: lacks the column {name}: see docs/data.md")
            continue
        text = pl.col(f"_{name}")
        given = part[name].cast(pl.String) if part[name].dtype != pl.List(pl.String) else None
        frame = frame.with_columns(_typed(part[name], column).alias(name))
        if given is not None:
            frame = frame.with_columns(given.alias(f"_{name}"))
            unread = (text.fill_null("") != "") & pl.col(name).is_null()
            reasons[f"{table}: {name} is none"] = unread
        if not column.nullable:
            reasons[f"{table}: {name} is missing"] = pl.col(name).is_null()
        if name.endswith("_ms"):
            reasons[f"{table}: {name} is no time in milliseconds"] = _outside(
                name, FIRST_MS, LAST_MS
            )
        elif name in _CHANCES:
            reasons[f"{table}: {name} is not between 0 and 1"] = _outside(name, 0, MICRO)
        elif name in _AMOUNTS:
            reasons[f"{table}: {name} is below 0"] = _outside(name, 0, None)
        if words := _WORDS.get(table, {}).get(name):
            other = pl.col(name).is_not_null() & ~pl.col(name).is_in(words)
            reasons[f"{table}: {name} is not one of {', '.join(words)}"] = other
    whole = frame.with_columns(
        pl.lit(None, column.type).alias(name)
        for name, column in COLUMNS[table].items()
        if name not in frame.columns
    )
    for reason, speaks in _TOGETHER.get(table, {}).items():
        reasons[f"{table}: {reason}"] = speaks.fill_null(False)
    kept = intake.keep(whole, reasons)
    intake.add(table, kept.select(part.columns))


def _typed(values: pl.Series, column: Column) -> pl.Series:
    """Return a column in its type; what cannot be read is null."""
    if values.dtype == column.type:
        return values
    text = values.cast(pl.String)
    if column.type == pl.Boolean:
        return text.str.to_lowercase().replace_strict(_BOOLEANS, default=None)
    if column.type == pl.List(pl.String):
        return text.str.split(" ")
    if column.type == pl.String:
        return text
    if values.dtype == pl.Boolean:
        return pl.Series(values.name, [None] * len(values), pl.Int64)
    if values.dtype.is_float() or values.dtype.is_decimal():  # units for millionths, say
        return values.set(values != values.round(), None).cast(pl.Int64, strict=False)
    return values.cast(pl.Int64, strict=False)


def _outside(name: str, least: int, most: int | None) -> pl.Expr:
    below = pl.col(name) < least
    return (below if most is None else below | (pl.col(name) > most)).fill_null(False)
