"""Session keys as the services know them: who may trade for which wallet, until when, and where.

The chain's own list has no scopes (VENUE b: a key's power there ignores them); this is the
registry, which the relayer writes and the CLOB reads.
"""

from collections.abc import Callable
from dataclasses import dataclass

TRADING = "CLOB"
ALL = "ALL"


@dataclass(frozen=True)
class SessionSigner:
    """A key that may act for a wallet.

    Attributes:
        wallet, address: in lower case
        valid_until: timestamp
    """

    wallet: str
    address: str
    scopes: tuple[str, ...]
    valid_until: int


class SessionSigners:
    """The registry."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], SessionSigner] = {}  # wallet, key

    def add(self, signer: SessionSigner) -> None:
        """Let a key act, or change what it may do."""
        self._known[signer.wallet, signer.address] = signer

    def remove(self, wallet: str, address: str) -> None:
        """Let a key act no more."""
        self._known.pop((wallet.lower(), address.lower()), None)

    def of_wallet(self, wallet: str) -> list[SessionSigner]:
        """Return the keys that may act for a wallet now."""
        return [each for each in self._alive() if each.wallet == wallet.lower()]

    def wallet_of(self, address: str) -> str | None:
        """Return the wallet that a key acts for, or None."""
        found = [each.wallet for each in self._alive() if each.address == address.lower()]
        return found[-1] if found else None

    def admits(self, wallet: str, address: str, scope: str) -> bool:
        """Say whether a key may do for a wallet what a scope stands for."""
        signers = self.of_wallet(wallet)
        return any(
            each.address == address.lower() and {scope, ALL} & set(each.scopes) for each in signers
        )

    def _alive(self) -> list[SessionSigner]:
        now = self._clock()
        return [each for each in self._known.values() if now < each.valid_until]
