"""How often one address may ask for what is free."""

import threading
from collections import OrderedDict
from collections.abc import Callable

MOST_KNOWN = 10_000  # addresses; the one that was quiet longest is forgotten


class RateLimit:
    """A bucket of a minute's requests for each address; safe between threads."""

    def __init__(self, a_minute: int, clock: Callable[[], float]) -> None:
        """Take the limit, and what tells seconds that only grow."""
        self._most, self._clock = float(a_minute), clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, and when

    def wait(self, who: str) -> float:
        """Take one request; return 0, or for how many seconds there is none."""
        now = self._clock()
        with self._lock:
            left, at = self._known.pop(who, (self._most, now))
            left = min(self._most, left + (now - at) * self._most / 60)
            wait = 0.0 if left >= 1 else (1 - left) * 60 / self._most
            self._known[who] = (left if wait else left - 1, now)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return wait
