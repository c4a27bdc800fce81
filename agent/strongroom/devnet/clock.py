"""A devnet's time, which can run ahead of this machine's: one clock for chain and service."""

import time

from strongroom.chain.contracts import Contracts


class DevnetClock:
    """Seconds since the epoch, as far ahead of this machine as it was set."""

    def __init__(self, chain: Contracts, start: float | None = None) -> None:
        """Start at the chain's time, or at another."""
        self._chain = chain
        self._ahead = (chain.now() if start is None else start) - time.time()

    def __call__(self) -> float:
        """Return the time."""
        return time.time() + self._ahead

    def sleep(self, seconds: int) -> None:
        """Let so much time pass since the newest block, and mine one; more of it on a machine that
        has stood still meanwhile."""
        moment = max(self._chain.now(), int(self())) + seconds
        if moment > self():
            self.advance_to(moment)
        else:
            self._chain.request("evm_mine")

    def advance_to(self, moment: int) -> None:
        """Let it be `moment`, in a new block; back does not go."""
        if moment <= self():
            return
        self._chain.request("evm_setNextBlockTimestamp", moment)
        self._chain.request("evm_mine")
        self._ahead = moment - time.time()
