"""What a market's first outcome cost, from the folder of recorded data that the keeper's file
names: one point an interval, so that no answer is long."""

from pathlib import Path

import polars as pl

from strongroom.chain.ids import ConditionId
from strongroom.chain.units import format_units
from strongroom.data.folder import DataFolder, open_folder
from strongroom.data.reading import MS
from strongroom.data.schema import BadData, Table
from strongroom.mcp_server.answers import NotKnown, PastPrice, PricesAnswer
from strongroom.mcp_server.stranger import said

POINTS = 500  # of one answer, at most
UNTIL = 2**33  # seconds; no time is later


def price_history(
    folder: Path | None, market: ConditionId, since: int, until: int, points: int
) -> PricesAnswer | NotKnown:
    """Return the last record of each of so many equal intervals; an interval without one has none.

    Args:
        since, until: timestamps, both included
    """
    if folder is None:
        return NotKnown("the keeper's file names no [mcp.data]")
    if until < since:
        return NotKnown("nothing is between these times: `until` is before `since`")
    try:
        return _prices(open_folder(folder), market, since, until, points)
    except (BadData, OSError):
        return NotKnown("the folder of recorded data cannot be read")


def _prices(
    data: DataFolder, market: ConditionId, since: int, until: int, points: int
) -> PricesAnswer | NotKnown:
    rows = data.table(Table.MARKETS).filter(pl.col("market") == market)
    known = data.read(rows.select("yes_token", "question").head(1)).rows()
    if not known:
        return NotKnown("the folder of recorded data has no market of this id")
    token, question = known[0]
    apart = -(-(until - since + 1) * MS // points)  # up: no interval more than was asked for
    at, first, last = pl.col("at_ms"), since * MS, until * MS + MS - 1
    found = data.read(
        data.table(Table.QUOTES)
        .filter((pl.col("token") == token) & at.is_between(first, last))
        .group_by(((at - first) // apart).alias("interval"))
        .agg(pl.col("at_ms", "price", "bid", "ask").sort_by("at_ms", maintain_order=True).last())
        .sort("at_ms")
    )
    told = tuple(
        PastPrice(each["at_ms"] // MS, *(_units(each[name]) for name in ("price", "bid", "ask")))
        for each in found.iter_rows(named=True)
    )
    return PricesAnswer(market, said(question), told, -(-apart // MS))


def _units(micro: int | None) -> str | NotKnown:
    return NotKnown("not recorded") if micro is None else format_units(micro)
