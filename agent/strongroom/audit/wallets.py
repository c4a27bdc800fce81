"""Whose a wallet is, as accounts name them one after the other, from when on an account is one, and
what holders' transfers add up to."""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping
from operator import itemgetter

from strongroom.audit.checkpoint import Progress
from strongroom.audit.logs import RawLog
from strongroom.audit.movements import NAMING, Movements, address_in, place_of, topic_of

_NAMING = frozenset(map(topic_of, NAMING))
Place = tuple[int, int]  # block, and log in it
BEFORE: Place = (-1, -1)  # all that happens in a piece of blocks
Before = Callable[[str, str, RawLog], dict[str, int]]  # wallet, account and log -> what it held


def rename(named: dict[str, str], log: RawLog) -> tuple[list[str], str]:
    """Take what an account names; return the wallets that it names no more, and its new one, ""
    where it names none.

    Args:
        named: wallet -> account
    """
    account, wallet = log["address"].lower(), address_in(log, 1)
    left = [each for each, of in named.items() if of == account]
    for old in left:
        del named[old]
    if not int(wallet, 16):
        return left, ""
    named[wallet] = account
    return left, wallet


class AccountsOfHolders:
    """Which account a holder is, or trades for, at each place of a piece of blocks.

    Attributes:
        at_end: wallet -> account, after these blocks
    """

    def __init__(self, wallets: Mapping[str, str], movements: Movements) -> None:
        """Take whose wallets were when the blocks began."""
        self._since: dict[str, Place] = dict.fromkeys(movements.owners, BEFORE)
        self._since |= {account: it.place for account, it in movements.opened.items()}
        self.at_end = dict(wallets)
        self._changes = {each: [(BEFORE, of)] for each, of in wallets.items()}
        naming = [log for log in movements.told if log["topics"][0] in _NAMING]
        for log in sorted(naming, key=place_of):
            left, wallet = rename(self.at_end, log)
            for each in {*left, wallet} - {""}:
                of = self.at_end.get(each, "")
                self._changes.setdefault(each, []).append((place_of(log), of))

    def at(self, holder: str, place: Place) -> str:
        """Return the account that a holder is, or trades for, when the log at a place (block and
        log) is written; "" where it is a stranger then, or an account that is opened later."""
        since = self._since.get(holder)
        if since is not None and since < place:
            return holder
        changes = self._changes.get(holder, [])
        before = bisect_left(changes, place, key=itemgetter(0))
        return changes[before - 1][1] if before else ""


class WalletsOverTime:
    """Whose a wallet is, as accounts name them one after the other, and which accounts are open."""

    def __init__(self, progress: Progress, movements: Movements) -> None:
        """Begin with what was named and opened before these blocks."""
        self._progress, self._opened = progress, movements.opened
        self.named = dict(progress.wallets)
        self._accounts = movements.owners.keys() - movements.opened.keys()
        naming = [(place_of(log), log) for log in movements.told if log["topics"][0] in _NAMING]
        opening = [(it.place, account) for account, it in movements.opened.items()]
        self._coming = deque[tuple[Place, RawLog | str]](
            sorted([*naming, *opening], key=itemgetter(0))
        )

    def until(self, place: Place, before: Before) -> None:
        """Take what accounts have named, and which were opened, until a place.

        Args:
            before: gives what a wallet of an account held when a log named it
        """
        while self._coming and self._coming[0][0] < place:
            _, what = self._coming.popleft()
            if isinstance(what, str):
                self._open(what)
            else:
                self._name(what, before)

    def _open(self, account: str) -> None:
        """Count an account from now on, and what it was given before."""
        self._accounts.add(account)
        if held := self._opened[account].held:
            self._progress.held[account] = dict(held)
            self._progress.changed.add(account)

    def _name(self, log: RawLog, before: Before) -> None:
        left, wallet = rename(self.named, log)
        for old in left:
            self._progress.held.pop(old, None)
        if wallet:
            self._progress.held[wallet] = before(wallet, log["address"].lower(), log)

    def account_of(self, holder: str) -> str:
        """Return the account that a holder is, or trades for; "" where it is a stranger."""
        return holder if holder in self._accounts else self.named.get(holder, "")

    def holders_of(self, account: str) -> list[str]:
        """Return an account and its wallets."""
        return [account, *(each for each, of in self.named.items() if of == account)]


def book(progress: Progress, holder: str, token: str, change: int) -> None:
    """Change what a holder's transfers of a token add up to."""
    progress.changed.add(holder)
    held = progress.held.setdefault(holder, {})
    held[token] = held.get(token, 0) + change
    if not held[token]:
        del held[token]
    if not held:
        del progress.held[holder]
