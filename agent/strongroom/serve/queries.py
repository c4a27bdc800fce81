"""What of a topic is asked for, by a query that is read strictly: each name once, plain numbers and
ids, nothing else. An answer is bounded, and says what it leaves out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from strongroom.chain.ids import Json
from strongroom.errors import BadInput
from strongroom.serve.configuration import Topic
from strongroom.serve.topics import Reading, TopicUnknown, time_of

LONGEST = 500  # letters of a query
MOST = 5_000  # lines of an answer
NAMES: Mapping[Topic, tuple[str, ...]] = {
    "nav": ("from", "to"), "signals": ("from", "to"), "curves": ("market",),
}  # fmt: skip
_TIME = re.compile(r"0|[1-9][0-9]{0,10}", re.ASCII)  # a timestamp, seconds
_MARKET = re.compile(r"0x[0-9a-f]{64}", re.ASCII)


class BadQuery(BadInput):
    """A query is none of this topic's; the message says what may be asked."""


@dataclass(frozen=True)
class TopicQuery:
    """What is asked for.

    Attributes:
        since, until: of lines with a time, both included; None: no bound
        market: of a curve; "": all
    """

    since: int | None = None
    until: int | None = None
    market: str = ""

    def of(self, topic: Topic, reading: Reading) -> Reading:
        """Return what of a reading was asked for.

        Raises:
            TopicUnknown: nothing of it.
        """
        if topic == "curves":
            return self._curve(reading)
        if "from" not in NAMES.get(topic, ()):
            return reading
        lines = reading.data if isinstance(reading.data, list) else []
        kept = [
            each
            for each in lines
            if isinstance(each, dict)
            and (self.since is None or time_of(each) >= self.since)
            and (self.until is None or time_of(each) <= self.until)
        ]
        asked = self.since is not None or self.until is not None
        if asked and not kept:
            raise TopicUnknown(f"nothing of {topic} is between these times")
        if not asked and len(lines) <= MOST:
            return reading
        left_out = len(kept) - MOST
        if left_out <= 0:
            return replace(reading, data=list[Json](kept))
        first = time_of(kept[left_out])
        told = f"{left_out} older lines are left out: ask for those to {first}"
        return replace(reading, data=list[Json](kept[left_out:]), unknown=(*reading.unknown, told))

    def _curve(self, reading: Reading) -> Reading:
        if not self.market:
            return reading
        found: list[Json] = []
        for curve in reading.data if isinstance(reading.data, list) else []:
            points = curve.get("points") if isinstance(curve, dict) else None
            kept = [
                each
                for each in (points if isinstance(points, list) else [])
                if isinstance(each, dict) and each.get("market") == self.market
            ]
            if kept and isinstance(curve, dict):
                found.append({"name": curve.get("name"), "points": list[Json](kept)})
        if not found:
            raise TopicUnknown("no curve here has this market")
        told = tuple(each for each in reading.unknown if each.startswith(self.market))
        return replace(reading, data=found, unknown=told)


def read_query(topic: Topic, text: str) -> TopicQuery:
    """Return what a query asks for.

    Args:
        text: what stands behind the question mark; "": nothing, which asks for all

    Raises:
        BadQuery: see the class.
    """
    names = NAMES.get(topic, ())
    if not text:
        return TopicQuery()
    if not names:
        raise BadQuery(f"{topic} takes no query: leave out what stands behind the question mark")
    given: dict[str, str] = {}
    for part in text[: LONGEST + 1].split("&"):
        name, _, value = part.partition("=")
        if name not in names or name in given or len(text) > LONGEST:
            raise BadQuery(f"{topic} takes {' and '.join(names)}, each once: ask by these alone")
        given[name] = value
    for name, value in given.items():
        rule = _MARKET if name == "market" else _TIME
        if rule.fullmatch(value) is None:
            what = "0x and 64 digits in lower case" if name == "market" else "seconds since 1970"
            raise BadQuery(f"{name} is no such thing: give {what}")
    since, until = (int(given[each]) if each in given else None for each in ("from", "to"))
    if since is not None and until is not None and until < since:
        raise BadQuery("`to` is before `from`: nothing is between them")
    return TopicQuery(since, until, given.get("market", ""))
