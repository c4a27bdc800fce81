"""One HTTP service: what it answers, as JSON; when it may be asked again; how it is.

Whatever comes, bytes that are no JSON and answers without end included, is an answer or an `Away`.
A service that fails is left alone for growing pauses, and one that names a pause
(`Retry-After`, a spent rate limit: VENUE e1) is left alone as long as it asks.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from strongroom.chain.ids import Json, read_json
from strongroom.chain.units import HOUR
from strongroom.errors import Away
from strongroom.foreign_text import page_words

if TYPE_CHECKING:
    import httpx

PAUSES_S = (0.0, 1.0, 5.0, 15.0, 60.0)  # after so many failures in a row; then the last
LONGEST_S = HOUR  # a service that wants more is asked again all the same
MOST_SHOWN = 1_000  # bytes of an answer that words are taken from
REFUSED = 400  # HTTP statuses from here on are no answer


@dataclass(frozen=True)
class Health:
    """How a source is: requests so far, how many failed, and what is wrong now, "" where nothing.

    Attributes:
        wrong: what is wrong, and how long it is left alone
    """

    name: str
    asked: int = 0
    failed: int = 0
    wrong: str = ""


class Endpoint:
    """A service's root URL. Safe between threads."""

    def __init__(
        self,
        name: str,
        url: str,
        away: type[Away],
        timeout_s: float = 10.0,
        transport: "httpx.BaseTransport | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the service's name, its URL, and the error of not having an answer."""
        import httpx

        from strongroom.chain.ending_line import EndingLine
        from strongroom.chain.whole_answers import WholeAnswers

        self.name, self._away, self._clock = name, away, clock
        self._http = httpx.Client(
            base_url=url,
            timeout=timeout_s,
            transport=WholeAnswers(transport or EndingLine(retries=2), reads=False),
        )
        self._lock = threading.Lock()
        self._asked = self._failed = self._in_a_row = 0
        self._wrong, self._again = "", 0.0

    def get(self, path: str, question: Mapping[str, str | int]) -> Json:
        """Return a GET's answer, decoded; raises `away`."""
        return self._ask(self._http.build_request("GET", path, params=dict(question)))

    def post(self, path: str, body: Json, headers: Mapping[str, str] | None = None) -> Json:
        """Return a POST's answer, decoded; raises `away`."""
        return self._ask(self._http.build_request("POST", path, json=body, headers=headers))

    @property
    def health(self) -> Health:
        """How the service is."""
        with self._lock:
            left = self._again - self._clock()
            pause = f"; asked again in {left:.0f} s" if self._wrong and left > 0 else ""
            return Health(self.name, self._asked, self._failed, self._wrong + pause)

    def _ask(self, request: "httpx.Request") -> Json:
        import httpx

        with self._lock:
            left = self._again - self._clock()
            if left > 0:
                raise self._away(f"{self.name}: {self._wrong}; asked again in {left:.0f} s")
            self._asked += 1
        try:
            answer = self._http.send(request)
            if answer.status_code >= REFUSED:
                raise self._refused(f"HTTP {answer.status_code}", pause_of(answer))
            found = _decoded(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            raise self._refused(str(error) or type(error).__name__, None) from error
        with self._lock:
            self._in_a_row, self._wrong = 0, ""
            spent = _spent(answer)
            if spent:
                self._wrong = "its rate limit is spent"
                self._again = self._clock() + min(spent, LONGEST_S)
        return found

    def _refused(self, why: str, pause: float | None) -> Away:
        """Note a failure; return the error that says so."""
        with self._lock:
            self._failed += 1
            if pause is None:
                pause = PAUSES_S[min(self._in_a_row, len(PAUSES_S) - 1)]
            self._in_a_row += 1
            self._wrong, self._again = why, self._clock() + min(pause, LONGEST_S)
        return self._away(f"{self.name}: {why}")


def pause_of(answer: "httpx.Response") -> float | None:
    """Return how many seconds an answer asks to wait; None: it does not say (VENUE e1)."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return _spent(answer)
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, until.timestamp() - _said_at(answer))
    except (ValueError, OverflowError):
        return None


def _spent(answer: "httpx.Response") -> float | None:
    """Return the seconds until a rate limit that is spent begins anew; None: it is not."""
    try:
        if float(answer.headers.get("Poly-RateLimit-Remaining", "1")) > 0:
            return None
        return max(0.0, float(answer.headers["Poly-RateLimit-Reset"]) - _said_at(answer))
    except (KeyError, ValueError):
        return None


def _said_at(answer: "httpx.Response") -> float:
    """Return when the service says that it answered, timestamp; by this clock where it does not."""
    try:
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return datetime.now(UTC).timestamp()


def _decoded(body: bytes) -> Json:
    try:
        return read_json(body)
    except ValueError as error:
        shown = page_words(body[:MOST_SHOWN].decode("utf-8", "replace"))
        raise ValueError(f"the answer is no JSON: {shown!r}") from error
