"""The one schema of recorded data: its tables, their columns, and how they lie in Parquet.

Money, prices and sizes are integers of 10**-6, times are integer milliseconds of UTC, ids and
tokens are text. Null is unknown, never 0. Rows of timed tables are in the order of `at_ms`; what
was seen of a token is kept as it was seen, of NO too. docs/data.md has the same tables.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl
from polars._typing import PolarsDataType

from strongroom.errors import BadInput
from strongroom.foreign_text import plain

VERSION = "1"
_VERSION, _TABLE = "strongroom_schema", "strongroom_table"  # in a file's metadata
GROUP = 65_536  # rows of a row group: what is read at once
MOST = 2**60  # no amount is larger, 10**-6


class BadData(BadInput):
    """A file is not of this schema; the message says what is wrong."""


class OtherType(BadData):
    """A column is of a type that its values cannot be read from."""


class Table(StrEnum):
    """The tables; one or more files each."""

    MARKETS = "markets"
    QUOTES = "quotes"
    BOOKS = "books"
    TRADES = "trades"
    OPERATIONS = "operations"
    FORECASTS = "forecasts"
    OUTCOMES = "outcomes"
    RELATIONS = "relations"
    REWARDS = "rewards"

    @property
    def timed(self) -> bool:
        """Whether its rows have a time, by which they are in order."""
        return "at_ms" in COLUMNS[self]


@dataclass(frozen=True)
class Column:
    """A column: its type, whether it may be null (unknown), and what it says."""

    type: PolarsDataType
    nullable: bool
    says: str


def _required(type_: PolarsDataType, says: str) -> Column:
    return Column(type_, False, says)


def _known(type_: PolarsDataType, says: str) -> Column:
    return Column(type_, True, says)


_LOG = {
    "transaction": _known(pl.String, "its hash"),
    "block": _known(pl.Int64, "its number"),
    "log": _known(pl.Int64, "number of the log in its block"),
}

COLUMNS: Mapping[Table, Mapping[str, Column]] = {
    Table.MARKETS: {
        "market": _required(pl.String, "condition id; of another venue `VENUE:ID`"),
        "venue": _required(pl.String, "polymarket, kalshi ..."),
        "venue_id": _required(pl.String, "the venue's own short id; may be empty"),
        "event": _required(pl.String, "what it is settled together with"),
        "question": _required(pl.String, "as the venue asks it"),
        "yes_name": _required(pl.String, "the first outcome's name"),
        "no_name": _required(pl.String, "the second's"),
        "yes_token": _required(pl.String, "the first outcome's token"),
        "no_token": _required(pl.String, "the second's"),
        "seen_ms": _known(pl.Int64, "when this was so; of several rows the newest counts"),
        "ends_ms": _known(pl.Int64, "the announced end; not the time of resolution"),
        "tick": _known(pl.Int64, "of its prices, 10**-6"),
        "min_size": _known(pl.Int64, "of an order, micro-tokens"),
        "fee_rate": _known(pl.Int64, "of the taker, 10**-6; on size * (p * (1 - p)) ** exponent"),
        "fee_exponent": _known(pl.Int64, "10**-6"),
        "negative_risk": _required(pl.Boolean, "whether its event is a negative-risk one"),
        "event_id": _known(pl.String, "of a negative-risk event"),
        "oracle": _known(pl.String, "address that resolves it"),
        "question_id": _known(pl.String, "under which it does"),
        "category": _required(pl.String, "the venue's; may be empty"),
        "rules": _required(pl.String, "the text by which it resolves; may be empty"),
        "ticker": _required(pl.String, "what a ladder is about, e.g. NVDA; empty: no ladder"),
        "threshold": _known(pl.Int64, "of a ladder: YES is above it; 10**-6 of its unit"),
    },
    Table.QUOTES: {
        "at_ms": _required(pl.Int64, "when it was so"),
        "token": _required(pl.String, "whose price it is"),
        "price": _known(pl.Int64, "the last price, 10**-6; no quote"),
        "bid": _known(pl.Int64, "the best bid, 10**-6"),
        "ask": _known(pl.Int64, "the best ask, 10**-6"),
        "bid_size": _known(pl.Int64, "at the best bid, micro-tokens"),
        "ask_size": _known(pl.Int64, "at the best ask, micro-tokens"),
    },
    Table.BOOKS: {
        "at_ms": _required(pl.Int64, "when it was so"),
        "token": _required(pl.String, "whose book it is"),
        "message": _required(pl.Int64, "rows of one number are one change"),
        "snapshot": _required(pl.Boolean, "the whole book; otherwise levels that have changed"),
        "side": _known(pl.String, "bid or ask; null: the snapshot of an empty book"),
        "price": _known(pl.Int64, "of the level, 10**-6"),
        "size": _known(pl.Int64, "that the level has now, micro-tokens; 0: it is gone"),
    },
    Table.TRADES: {
        "at_ms": _required(pl.Int64, "of the trade, or of its block"),
        "token": _required(pl.String, "what was traded"),
        "side": _required(pl.String, "BUY or SELL, of the wallet; of a print: of who took"),
        "price": _required(pl.Int64, "10**-6, rounded to the nearest"),
        "size": _required(pl.Int64, "micro-tokens"),
        "cash": _required(pl.Int64, "micro-units, without the fee"),
        "fee": _known(pl.Int64, "micro-units or, of a purchase before 2026, micro-tokens"),
        "wallet": _known(pl.String, "whose order was filled"),
        "against": _known(pl.String, "with whom; the exchange, where the order took"),
        **_LOG,
    },
    Table.OPERATIONS: {
        "at_ms": _required(pl.Int64, "of its block"),
        "kind": _required(pl.String, "split, merge, redeem or convert"),
        "wallet": _required(pl.String, "whose tokens"),
        "market": _required(pl.String, "condition; of a conversion the negative-risk event"),
        "amount": _required(pl.Int64, "micro-tokens of each; of a redemption what it paid"),
        "sets": _known(pl.String, "index sets, as the log has them"),
        **_LOG,
    },
    Table.FORECASTS: {
        "at_ms": _required(pl.Int64, "when it was given: nobody knew it before"),
        "source": _required(pl.String, "who says it"),
        "market": _required(pl.String, "of what"),
        "chance": _required(pl.Int64, "of YES, 10**-6"),
        "evidence_ms": _known(pl.Int64, "of the youngest thing it rests on"),
    },
    Table.OUTCOMES: {
        "market": _required(pl.String, "which"),
        "yes": _required(pl.Int64, "what one YES pays, 10**-6; a void: 500,000; so does half true"),
        "void": _known(pl.Boolean, "whether it was void; at 500,000 false says: half true"),
        "resolved_ms": _known(pl.Int64, "when it could be redeemed"),
        "disputed": _known(pl.Boolean, "whether somebody disputed the answer"),
        "source": _required(pl.String, "where that comes from: gamma, ctf, last price ..."),
    },
    Table.RELATIONS: {
        "kind": _required(pl.String, "exclusive, exhaustive, implies or equal"),
        "members": _required(pl.List(pl.String), "markets; the first implies the second"),
        "proof": _required(pl.String, "from the venue's own structure; may be empty"),
        "reviewer": _required(pl.String, "who vouches for it; may be empty"),
        "reviewed_ms": _known(pl.Int64, "when it was vouched for: packs know it from then on"),
    },
    Table.REWARDS: {
        "market": _required(pl.String, "whose resting orders are paid"),
        "pool": _required(pl.String, "which of several that are paid together; may be empty"),
        "seen_ms": _known(pl.Int64, "when this was so; a market's rows of the newest time count"),
        "daily": _known(pl.Int64, "what it pays a day, micro-units; 0: nothing"),
        "max_spread": _known(pl.Int64, "from the midpoint, 10**-6; at it an order scores nothing"),
        "min_size": _known(pl.Int64, "of an order, micro-tokens"),
        "from_ms": _known(pl.Int64, "since when it pays"),
        "until_ms": _known(pl.Int64, "from when on it pays no more"),
    },
}
MAY_BE_EMPTY = ("venue_id", "category", "rules", "ticker", "proof", "reviewer", "pool")  # text
ONE_ROW = {Table.MARKETS: "market", Table.OUTCOMES: "market"}  # whose row a key has


def two_outcomes(rows: pl.DataFrame) -> pl.Series:
    """Return the markets of which outcomes say different things."""
    said = rows.group_by("market", maintain_order=True).agg(pl.col("yes").n_unique())
    return said.filter(pl.col("yes") > 1)["market"]


def schema_of(table: Table) -> pl.Schema:
    """Return a table's columns and types, in order."""
    return pl.Schema({name: column.type for name, column in COLUMNS[table].items()})


@contextmanager
def read_whole(path: Path) -> Iterator[None]:
    """Say in words that polars gives up on what it reads: that is no exception of Python's, and
    would end the process.

    Raises:
        BadData: it does.
    """
    try:
        yield
    except pl.exceptions.PanicException as error:
        raise BadData(f"{path}: polars gives up on it: it is damaged: import it again") from error


@contextmanager
def read_again(path: Path) -> Iterator[None]:
    """Say in words that what an import has written cannot be read any more.

    Raises:
        BadData: so it is.
    """
    try:
        with read_whole(path):
            yield
    except (pl.exceptions.PolarsError, OSError) as error:
        words = plain(str(error).partition("\n")[0])
        raise BadData(f"{path}: is damaged ({words}): import it again") from error


def checked(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the table's columns and types; columns that are not there are null.

    Raises:
        BadData: a column is missing, unknown, of another type, or null where it may not be.
    """
    columns = COLUMNS[table]
    unknown = [name for name in frame.columns if name not in columns]
    if unknown:
        raise BadData(f"{table}: unknown columns: {', '.join(unknown)}: see docs/data.md")
    missing = [pl.lit(None).alias(name) for name in columns if name not in frame.columns]
    try:
        frame = frame.with_columns(missing).select(list(columns)).cast(schema_of(table))
    except pl.exceptions.PolarsError as error:
        raise BadData(f"{table}: {str(error).partition(chr(10))[0]}: see docs/data.md") from error
    for name, column in columns.items():
        if not column.nullable and frame[name].null_count():
            raise BadData(f"{table}: {name} may not be missing or empty: see docs/data.md")
    return frame


def write_table(path: Path, table: Table, frame: pl.DataFrame) -> None:
    """Write rows of a table into a file of this schema."""
    frame.write_parquet(
        path,
        compression="zstd",
        row_group_size=GROUP,
        metadata={_VERSION: VERSION, _TABLE: table.value},
    )


def check_file(path: Path, table: Table) -> None:
    """Say whether a file is of this schema and table.

    Raises:
        BadData: it is not; or its version is another.
    """
    try:
        with read_whole(path):
            found = pl.read_parquet_metadata(path)
            types = pl.read_parquet_schema(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadData(f"{path}: is no Parquet file: import it again") from error
    if found.get(_VERSION) != VERSION or found.get(_TABLE) != table:
        says = f"schema {found.get(_VERSION)}, table {found.get(_TABLE)}"
        raise BadData(
            f"{path}: {says}; this program reads schema {VERSION}, table {table}: import it again"
        )
    if types != dict(schema_of(table)):
        raise BadData(f"{path}: its columns are not those of {table}: import it again")
