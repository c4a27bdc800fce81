"""What a keeper has recorded (`record` in its file): markets, books and forecasts of its views."""

from collections.abc import Iterator
from pathlib import Path

from polars.exceptions import PolarsError
from pydantic import ValidationError

from strongroom.chain.ids import ConditionId
from strongroom.chain.orders import YES
from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.parquet_shape import check_shape
from strongroom.data.schema import BadData, Table, read_whole
from strongroom.data.sources.market_rows import MS, market_row
from strongroom.foreign_text import plain
from strongroom.information.forecast import Given
from strongroom.information.gamma import Market
from strongroom.keeper.recording import replay
from strongroom.strategy.view import View


def files_of_views(folder: Path) -> list[Path]:
    """Return the files of a recording.

    Raises:
        BadData: there is none.
    """
    found = sorted(folder.glob("*.parquet"))
    if not any(path.name.startswith("views-") for path in found):
        raise BadData(f"{folder}: holds no views: name the folder that the keeper records into")
    return found


def take_views(intake: Intake, folder: Path) -> None:
    """Read a keeper's views; each counts as a row. A book is the one of YES, known at its view.

    Raises:
        BadData: a file of the recording is damaged.
    """
    for path in files_of_views(folder):
        check_shape(path)
    known: dict[ConditionId, Market] = {}
    told: set[tuple[str, str, int]] = set()
    message = 0
    for view in _views(folder):
        intake.read += 1
        for name, market in view.markets.items():
            if known.get(name) != market:
                known[name] = market
                intake.put(Table.MARKETS, market_row(market, view.now * MS))
            book = view.book(market, YES)
            if book is not None:
                message += 1
                levels = (
                    [(each.price, each.size) for each in side] for side in (book.bids, book.asks)
                )
                token = str(market.token_ids[YES])
                intake.put_book(view.now * MS, token, message, *levels)
        for each in (given for some in view.forecasts.values() for given in some):
            key = each.source, each.market, each.frozen_at
            if key not in told:
                told.add(key)
                _put_forecast(intake, each)
        intake.progress("views", intake.read, intake.read)


def _views(folder: Path) -> Iterator[View]:
    try:
        with read_whole(folder):
            yield from replay(folder)
    except (ValidationError, PolarsError, OSError) as error:
        words = plain(str(error).partition("\n")[0])
        raise BadData(f"{folder}: a recording that cannot be read: {words}") from error


def _put_forecast(intake: Intake, given: Given) -> None:
    evidence = given.evidence_at
    intake.put(
        Table.FORECASTS,
        {
            "at_ms": given.frozen_at * MS,
            "source": given.source,
            "market": given.market,
            "chance": round(given.chance * MICRO),
            "evidence_ms": None if evidence is None else evidence * MS,
        },
    )
