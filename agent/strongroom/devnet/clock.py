"""A devnet's time, which can run ahead of this machine's: one clock for chain and service."""

import time
from collections.abc import Callable
from typing import Any


class DevnetClock:
    """Seconds since the epoch, as far ahead of this machine as it was told."""

    def __init__(self, request: Callable[[str, list[Any]], Any], start: float) -> None:
        """Take the chain's JSON-RPC and its time now."""
        self._request = request
        self._ahead = start - time.time()

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self._ahead

    def advance_to(self, moment: int) -> None:
        """Let it be `moment`, in a new block; back does not go."""
        if moment <= self():
            return
        self._request("evm_setNextBlockTimestamp", [moment])
        self._request("evm_mine", [])
        self._ahead = moment - time.time()
