"""Whose a wallet is, as accounts name them one after the other, and what holders' transfers add up
to."""

from collections.abc import Callable

from strongroom.audit.checkpoint import Progress
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import NAMING, Movements, address_in, place_of, topic_of

_NAMING = frozenset(map(topic_of, NAMING))
Before = Callable[[str, str, RawLog], dict[str, int]]  # wallet, account and log -> what it held


class WalletsOverTime:
    """Whose a wallet is, as accounts name them one after the other."""

    def __init__(self, progress: Progress, movements: Movements) -> None:
        """Begin with what was named before these blocks."""
        self._progress, self._movements = progress, movements
        self.named = dict(progress.wallets)
        naming = [log for log in movements.told if log["topics"][0] in _NAMING]
        self._coming = sorted(naming, key=place_of)

    def until(self, place: tuple[int, int], before: Before) -> None:
        """Take what accounts have named until a place.

        Args:
            before: gives what a wallet of an account held when a log named it
        """
        while self._coming and place_of(self._coming[0]) < place:
            log = self._coming.pop(0)
            account, wallet = log["address"].lower(), address_in(log, 1)
            for old in [each for each, of in self.named.items() if of == account]:
                del self.named[old]
                self._progress.held.pop(old, None)
            if int(wallet, 16):
                self.named[wallet] = account
                self._progress.held[wallet] = before(wallet, account, log)

    def account_of(self, holder: str) -> str:
        """Return the account that a holder is, or trades for; "" where it is a stranger."""
        return holder if holder in self._movements.owners else self.named.get(holder, "")

    def holders_of(self, account: str) -> list[str]:
        """Return an account and its wallets."""
        return [account, *(each for each, of in self.named.items() if of == account)]


def book(progress: Progress, holder: str, token: str, change: int) -> None:
    """Change what a holder's transfers of a token add up to."""
    held = progress.held.setdefault(holder, {})
    held[token] = held.get(token, 0) + change
    if not held[token]:
        del held[token]
    if not held:
        del progress.held[holder]
