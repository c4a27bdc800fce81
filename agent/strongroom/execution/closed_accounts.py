"""Closed accounts, and what comes to them afterwards: payouts, and late rebates, rewards, returns.

The vault lists closed accounts that hold something. One that was closed empty is on no list, so the
journal remembers it; what reaches it, or its wallet, comes home all the same.
"""

from collections.abc import Callable

from pydantic import TypeAdapter

from strongroom.chain.units import DAY, HOUR
from strongroom.execution.holdings import LeftBehind
from strongroom.execution.vault_reader import VaultReader
from strongroom.journal import Journal
from strongroom.strategy.view import VaultState

# How long closed accounts are watched: rebates and rewards of the last day come after the closing.
WATCHED_S = 30 * DAY
LOOKED_AT_EVERY_S = HOUR  # at those that are on no list
_ACCOUNTS = "accounts"  # of the journal's facts: account -> when it was closed; 0: it is open
_WHEN = TypeAdapter(dict[str, int])


class ClosedAccounts:
    """The closed accounts of one vault that the keeper has opened or traded for."""

    def __init__(self, journal: Journal, vault: VaultReader, now: Callable[[], int]) -> None:
        self._journal, self._vault, self._now = journal, vault, now
        self._again = 0  # timestamp

    def left_behind(
        self, state: VaultState, is_worth: Callable[[LeftBehind], bool]
    ) -> list[LeftBehind]:
        """Return those of which something is worth bringing home.

        Args:
            state: of the vault, now: what is not open any more was closed
        """
        now, late = self._now(), self._late(state)
        looked = now >= self._again
        found = [each for each in self._vault.left_behind(late if looked else ()) if is_worth(each)]
        if looked and not any(each.account in late for each in found):
            self._again = now + LOOKED_AT_EVERY_S  # else what is on its way goes on at once
        return found

    def _late(self, state: VaultState) -> list[str]:
        """Return the accounts that were open once and are not, as long as they are watched."""
        now, known = self._now(), known_accounts(self._journal)
        open_now = {each.account for each in state.markets.values()}
        found = dict.fromkeys(open_now, 0) | {
            account: closed or now
            for account, closed in known.items()
            if account not in open_now and now - (closed or now) <= WATCHED_S
        }
        if found != known:
            self._journal.keep(_ACCOUNTS, _WHEN.dump_json(found).decode())
        return [account for account, closed in found.items() if closed]


def known_accounts(journal: Journal) -> dict[str, int]:
    """Return the accounts that are open, and those that are watched: address -> when it was closed,
    timestamp; 0: it is open."""
    text = journal.fact(_ACCOUNTS)
    return _WHEN.validate_json(text) if text else {}
