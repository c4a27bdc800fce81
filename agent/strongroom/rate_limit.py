"""How often a client or an address may ask, and how often it is told that it may not."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

MINUTE = 60.0  # seconds
MOST_KNOWN = 10_000  # names; the one that was quiet longest is forgotten
V6_HOST_BITS = 64  # of an address: whoever has a network of his own has 2**64 of them


class RateLimit:
    """A bucket of a minute's requests for each name: what is not used adds up to one minute's. Safe
    between threads."""

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
            left = min(self._most, left + max(0.0, now - at) * self._most / MINUTE)
            wait = 0.0 if left >= 1 else (1 - left) * MINUTE / self._most
            self._known[who] = (left if wait else left - 1, now)
            if len(self._known) > MOST_KNOWN:
                self._known.popitem(last=False)
        return wait

    def give_back(self, who: str) -> None:
        """Take one request back: it was worth its work."""
        with self._lock:
            if who in self._known:
                left, at = self._known[who]
                self._known[who] = min(self._most, left + 1), at


def network_of(host: str) -> str:
    """Return what an address is counted under: itself, or of IPv6 its network."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> V6_HOST_BITS << V6_HOST_BITS))


@dataclass
class RefusalCount:
    """Refusals by name, of which a log has a line a minute: whoever is refused pushes nobody else's
    lines out of it."""

    clock: Callable[[], float]
    _known: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def add(self, who: str) -> int:
        """Count one; return how many a line tells of now, 0: the line comes later."""
        now = self.clock()
        count, told_at = self._known.pop(who, (0, float("-inf")))
        is_due = now - told_at >= MINUTE
        self._known[who] = (0, now) if is_due else (count + 1, told_at)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return count + 1 if is_due else 0
