"""What an operator watches beside the ticks: reports, breaker, the executor's money for gas."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from strongroom.chain.accounts import told_address
from strongroom.chain.calls import Ask
from strongroom.chain.rpc import Chain
from strongroom.chain.terms import ordinal
from strongroom.errors import StrongroomError
from strongroom.keeper.configuration import Config
from strongroom.keeper.wiring import connect

EVERY_S = 60.0


@dataclass(frozen=True)
class Watched:
    """The vault and the executor at a moment.

    Attributes:
        last_report: timestamp; None: there was none
        max_report_age_s: after that the vault is stale
        gas_wei: that the executor can pay; None: not known
    """

    last_report: int | None
    max_report_age_s: int
    breaker_tripped: bool
    paused: bool
    winding_down: bool
    gas_wei: int | None


@dataclass
class VaultWatch:
    """Asks once a minute, so that a tick costs no more."""

    chain: Chain
    vault: str
    executor: str  # empty: its keystore does not say who it is
    clock: Callable[[], float] = time.monotonic
    _again: float = float("-inf")
    _known: Watched | None = None

    def look(self) -> Watched | None:
        """Return what was seen last; None: the chain does not say."""
        if self.clock() >= self._again:
            self._again = self.clock() + EVERY_S
            try:
                self._known = self._read()
            except StrongroomError:
                self._known = None
        return self._known

    def _read(self) -> Watched:
        asked: list[tuple[object, ...]] = [("reportCount",), ("lastReport",)]
        asked += [("limit", ordinal("max_report_age_s")), ("breakerTripped",), ("paused",)]
        asked += [("windingDown",)]
        count, last, age, tripped, paused, ending = self.chain.ask(
            [Ask(self.vault, "Vault", str(name), tuple(given)) for name, *given in asked]
        )
        gas = self.chain.balance(self.executor) if self.executor else None
        return Watched(last if count else None, age, tripped, paused, ending, gas)


def watch_of(config: Config) -> VaultWatch:
    """Return the watch of a keeper's vault, on a connection of its own.

    Raises:
        ConfigError: nothing answers, or another chain does.
    """
    return VaultWatch(connect(config), config.vault, told_address(config.keys.executor) or "")
