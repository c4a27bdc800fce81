"""The topics as they are asked for: venues are not asked at every call; what is free is older."""

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping

from strongroom.serve.configuration import FreeSection, Topic
from strongroom.serve.queries import TopicQuery
from strongroom.serve.topics import Reading, TopicSource, TopicUnknown

ALL = TopicQuery()
MOST_KEPT = 1_000  # earlier readings of a topic that tells of now alone


class TopicDesk:
    """Reads topics; safe between threads."""

    def __init__(
        self,
        sources: Mapping[Topic, TopicSource],
        fresh_s: int,
        free: FreeSection,
        clock: Callable[[], float],
    ) -> None:
        self._sources, self._fresh, self._free, self._clock = sources, fresh_s, free, clock
        self._locks = {topic: threading.Lock() for topic in sources}
        self._known: dict[Topic, Reading] = {}
        self._failed: dict[Topic, tuple[int, str]] = {}  # when, and why
        self._earlier: dict[Topic, deque[Reading]] = {
            topic: deque(maxlen=MOST_KEPT) for topic in sources
        }

    @property
    def topics(self) -> tuple[Topic, ...]:
        """What can be asked for."""
        return tuple(self._sources)

    def now(self, topic: Topic, query: TopicQuery = ALL) -> bytes:
        """Return what of a topic is asked for, as JSON; raises TopicUnknown."""
        return _json(query.of(topic, self._reading(topic)).document(topic, "paid"))

    def free(self, topic: Topic, query: TopicQuery = ALL) -> bytes:
        """Return what of that is free, as JSON; raises TopicUnknown."""
        source, until = self._sources[topic], int(self._clock()) - self._free.delay_s
        reading = self._reading(topic)
        if source.lives:
            earlier = [each for each in self._earlier[topic] if each.at <= until]
            if not earlier:
                raise TopicUnknown(
                    f"what is free of {topic} is {self._free.delay_s} s old, and nothing was read "
                    "so long ago: ask again later"
                )
            reading = earlier[-1]
        thin = Reading(reading.at, source.thin(reading.data, until), reading.unknown)
        return _json(query.of(topic, thin).document(topic, "free"))

    def _reading(self, topic: Topic) -> Reading:
        with self._locks[topic]:
            now = int(self._clock())
            known = self._known.get(topic)
            if known is None or known.at + self._fresh <= now:
                known = self._known[topic] = self._read(topic, now)
                if self._sources[topic].lives:
                    self._keep(topic, known)
            return known

    def _read(self, topic: Topic, now: int) -> Reading:
        """Read a topic; where it has just failed it fails again, so that callers do not wait one
        after the other for a venue that does not answer."""
        at, why = self._failed.get(topic, (now - self._fresh, ""))
        if at <= now < at + self._fresh:
            raise TopicUnknown(why)
        try:
            return self._sources[topic].read(now)
        except TopicUnknown as error:
            self._failed[topic] = int(self._clock()), str(error)
            raise

    def _keep(self, topic: Topic, reading: Reading) -> None:
        """Keep a reading for those who pay nothing: as many as the delay needs, evenly apart."""
        kept = self._earlier[topic]
        if not kept or reading.at - kept[-1].at >= self._free.delay_s / (MOST_KEPT - 1):
            kept.append(reading)


def _json(found: object) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()
