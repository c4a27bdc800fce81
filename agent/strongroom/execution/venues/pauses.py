"""How long the venue asks to be left alone, from the headers that the official client drops.

Limits are counted by signer, orders apart from cancels (VENUE e1); so are the pauses kept here.
"""

import time
from collections.abc import Callable
from contextlib import suppress

import httpx
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.endpoints import POST_ORDER
from py_clob_client_v2.http_helpers import helpers

from strongroom.chain.ids import read_json
from strongroom.chain.outside import number
from strongroom.information.endpoint import LONGEST_S, pause_of

BUSY = 429
SIGNER = "POLY_ADDRESS"
_until: dict[tuple[str, str, str], float] = {}  # host, signer, path -> by the monotonic clock


def order_pause(client: ClobClient) -> Callable[[], float]:
    """Return what says how many seconds a client must still wait with its next order; 0: none."""
    hooks = helpers._http_client.event_hooks
    if _note not in hooks["response"]:
        helpers._http_client.event_hooks = hooks | {"response": [*hooks["response"], _note]}
    place = (httpx.URL(client.host).netloc.decode(), client.signer.address().lower(), POST_ORDER)
    return lambda: max(0.0, _until.get(place, 0.0) - time.monotonic())


def _note(answer: httpx.Response) -> None:
    """Keep what an answer asks for."""
    pause = pause_of(answer)
    if pause is None and answer.status_code == BUSY:
        pause = _told_in_body(answer)
    asked = answer.request
    place = (asked.url.netloc.decode(), asked.headers.get(SIGNER, "").lower(), asked.url.path)
    if pause is None:
        _until.pop(place, None)
    else:
        _until[place] = time.monotonic() + min(pause, LONGEST_S)


def _told_in_body(answer: httpx.Response) -> float | None:
    with suppress(httpx.HTTPError, ValueError, TypeError, LookupError):
        told = read_json(answer.read())["retry_after_seconds"]  # type: ignore[index, call-overload]
        return max(0.0, float(number(told)))
    return None
