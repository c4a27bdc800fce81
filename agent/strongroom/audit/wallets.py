"""Whose a wallet is, as accounts name them one after the other, and what holders' transfers add up
to."""

from collections.abc import Callable

from strongroom.audit.checkpoint import Progress
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import NAMING, Movements, address_in, place_of, topic_of

_NAMING = frozenset(map(topic_of, NAMING))


class WalletsOverTime:
    """Whose a wallet is, as accounts name them one after the other."""

    def __init__(self, progress: Progress, movements: Movements) -> None:
        """Begin with what was named before these blocks."""
        self._progress, self._movements = progress, movements
        self.named = dict(progress.wallets)
        naming = [log for log in movements.told if log["topics"][0] in _NAMING]
        self._coming = sorted(naming, key=place_of)

    def until(
        self, place: tuple[int, int], before: Callable[[str, str, int], dict[str, int]]
    ) -> None:
        """Take what accounts have named until a place.

        Args:
            before: gives what a wallet of an account held before a block
        """
        while self._coming and place_of(self._coming[0]) < place:
            log = self._coming.pop(0)
            account, wallet = log["address"].lower(), address_in(log, 1)
            for old in [each for each, of in self.named.items() if of == account]:
                del self.named[old]
                self._progress.held.pop(old, None)
            if int(wallet, 16):
                self.named[wallet] = account
                self._progress.held[wallet] = before(wallet, account, place_of(log)[0])
                self._book_earlier(wallet, log)

    def _book_earlier(self, wallet: str, naming: RawLog) -> None:
        """Count what reached or left a wallet in the block before the transaction that names it."""
        block, transaction = place_of(naming)[0], naming["transactionHash"]
        for move in self._movements.moved:
            if move.transaction == transaction:
                return
            if move.place[0] == block:
                for holder, sign in ((move.sender, -1), (move.receiver, 1)):
                    if holder == wallet:
                        book(self._progress, holder, move.token, sign * move.amount)

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
