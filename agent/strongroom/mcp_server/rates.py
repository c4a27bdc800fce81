"""How often each client may ask."""

from collections.abc import Callable
from dataclasses import dataclass, field

MINUTE = 60.0  # seconds
MOST_CLIENTS = 10_000  # that are remembered


@dataclass
class CallRates:
    """So many calls a minute for each name: what is not used adds up to one minute's."""

    a_minute: int
    clock: Callable[[], float]
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)  # calls, by when

    def take(self, name: str) -> bool:
        """Take one call; False: there is none left."""
        now = self.clock()
        left, since = self._left.get(name, (float(self.a_minute), now))
        left = min(float(self.a_minute), left + max(0.0, now - since) * self.a_minute / MINUTE)
        may = left >= 1
        if len(self._left) >= MOST_CLIENTS and name not in self._left:
            self._left.clear()
        self._left[name] = (left - 1 if may else left), now
        return may
