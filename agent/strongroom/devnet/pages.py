"""Cursors of the venue's keyset pages: opaque, and good for the question alone that they answer."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from strongroom.chain.ids import Json
from strongroom.errors import BadInput

Record = TypeVar("Record")
FINGERPRINT = 12  # characters of a question's hash inside its cursors


class BadCursor(BadInput):
    """The cursor is none, or belongs to another question."""


def after(
    records: Sequence[Record],
    name: Callable[[Record], str],
    question: Mapping[str, Json],
    cursor: str | None,
    limit: int,
) -> tuple[list[Record], str | None]:
    """Return the records after the one that a cursor names, and the cursor of what follows.

    Args:
        name: of a record, its own
        question: all that selects and orders records
        cursor: None or empty: from the beginning

    Returns:
        At most `limit` records; the next cursor, None where nothing follows.

    Raises:
        BadCursor: see the class.
    """
    start = 0
    if cursor:
        last = _last(cursor, question)
        places = [place for place, each in enumerate(records) if name(each) == last]
        if not places:
            raise BadCursor("invalid cursor")
        start = places[0] + 1
    chosen = list(records[start : start + limit])
    if start + limit >= len(records):
        return chosen, None
    text = json.dumps([_fingerprint(question), name(chosen[-1])])
    return chosen, base64.urlsafe_b64encode(text.encode()).decode()


def _last(cursor: str, question: Mapping[str, Json]) -> str:
    try:
        fingerprint, last = json.loads(base64.b64decode(cursor, b"-_", validate=True))
    except (ValueError, TypeError) as error:
        raise BadCursor("invalid cursor") from error
    if fingerprint != _fingerprint(question):
        raise BadCursor("invalid cursor")
    return str(last)


def _fingerprint(question: Mapping[str, Json]) -> str:
    text = json.dumps(question, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT]
