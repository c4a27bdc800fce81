"""Price histories of Polymarket's CLOB (`/prices-history`): {"history": [{"t": 1, "p": 0.5}]}, t
in seconds.

The answer does not name its token: the file's name does (TOKEN.json), or the object above it:
{TOKEN: {"history": [...]}}. One price an interval is a last price, and no quote.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from strongroom.chain.ids import Json, JsonObject
from strongroom.chain.units import MICRO
from strongroom.data.importing import Intake
from strongroom.data.reading import json_records, micro_of, ms_of
from strongroom.data.schema import BadData, Table


def take_price_history(intake: Intake, paths: Sequence[Path]) -> None:
    """Read histories; a point is a row.

    Raises:
        BadData: a file cannot be read, or does not say whose history it has.
    """
    for done, path in enumerate(paths):
        for found in json_records(path):
            if not isinstance(found, dict):
                raise BadData(f"{path}: is no price history: give what /prices-history answers")
            for token, points in _histories(path, found):
                for point in points:
                    _take_point(intake, token, point)
        intake.progress("files", done + 1, len(paths))


def _histories(path: Path, found: JsonObject) -> Iterator[tuple[str, Sequence[Json]]]:
    alone = found.get("history")
    named = {path.name.split(".")[0]: found} if isinstance(alone, list) else found
    for token, each in named.items():
        points = each.get("history") if isinstance(each, dict) else None
        if not isinstance(points, list) or not token.isdecimal():
            raise BadData(
                f"{path}: {token[:40]!r} is no token with a history: name the file TOKEN.json"
            )
        yield token, points


def _take_point(intake: Intake, token: str, point: Json) -> None:
    intake.read += 1
    known = point if isinstance(point, dict) else {}
    at, price = ms_of(known.get("t")), micro_of(known.get("p"))
    if at is None:
        intake.dropped["price: no time"] += 1
    elif price is None or not 0 <= price <= MICRO:
        intake.dropped["price: not between 0 and 1"] += 1
    else:
        intake.put(Table.QUOTES, {"at_ms": at, "token": token, "price": price})
