"""Signs of life: a key that has sent one and then falls silent loses its orders (VENUE e1)."""

import uuid
from collections.abc import Callable

from strongroom.devnet.clob.errors import BAD_HEARTBEAT, Refusal

SILENCE_S = 10.0


class Heartbeats:
    """The chains of ids, one a key: each request names the id that the answer before gave."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due: dict[str, tuple[str, float]] = {}  # key -> the id that is due, until when

    def beat(self, key: str, heartbeat_id: str) -> str:
        """Note that a key's owner is alive; return the next id.

        Raises:
            Refusal: 400, another id is due; the body names it.
        """
        known = self._due.get(key)
        if known is not None and known[0] != heartbeat_id:
            refusal = Refusal(400, BAD_HEARTBEAT)
            refusal.body = {"error_msg": BAD_HEARTBEAT, "heartbeat_id": known[0]}
            raise refusal
        new = str(uuid.uuid4())
        self._due[key] = (new, self._clock() + SILENCE_S)
        return new

    def fallen_silent(self) -> list[str]:
        """Return the keys whose time is over, each once."""
        now = self._clock()
        over = [key for key, (_, due) in self._due.items() if due < now]
        for key in over:
            del self._due[key]
        return over
