"""Wallets that trade for accounts: named or prepared, handed their budgets, emptied.

A delegated account names one of the keeper's wallets (lent_wallets.py); a WalletAccount owns its
wallet (owned_wallets.py), a SafeAccount its Safe (owned_safes.py). Tasks and housekeeping ask here
and need not know which it is.
"""

from collections.abc import Iterable, Mapping, Sequence

from strongroom.chain.calls import Ask, Call, make_call
from strongroom.chain.ids import MarketId
from strongroom.chain.orders import Side
from strongroom.chain.rpc import checksum
from strongroom.execution.account_kinds import AccountKind
from strongroom.execution.holdings import Holdings, LeftBehind
from strongroom.execution.lent_wallets import LentWallets
from strongroom.execution.owned_safes import OwnedSafes
from strongroom.execution.owned_wallets import ACCOUNT, OwnedWallets
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.venues.wallets import take_back
from strongroom.journal import Journal
from strongroom.strategy.record import DecisionRecord


class WalletDesk:
    """The wallets of one vault's accounts."""

    def __init__(
        self,
        journal: Journal,
        vault: VaultReader,
        owned: OwnedWallets,
        lent: LentWallets,
        safes: OwnedSafes | None = None,
    ) -> None:
        """Take what looks after each kind of wallet; None: no class has SafeAccounts."""
        self._journal, self._vault = journal, vault
        self._owned, self._lent, self._safes = owned, lent, safes

    def prepare(self, record: DecisionRecord) -> bool:
        """Take the wallets of a decision's accounts as far towards trading as they go now; return
        whether all are there.

        Raises:
            WalletUnusable: one cannot be had.
            NotSigned: a signature is missing.
        """
        ready = [
            self._prepare(market, account)
            for market in self._owning(_traded(record))
            if (account := self._vault.account_of(market)) is not None
        ]
        ready += [self._lend(market) for market in self._delegated(record)]
        return all(ready)

    def hand(self, record: DecisionRecord) -> list[Call]:
        """Return the calls that hand a decision's budgets to wallets, and what it sells."""
        return self._name(self._delegated(record)) + self._fund(record)

    def maker(self, market: MarketId, account: str) -> tuple[str, str]:
        """Return the wallet that is the maker of a market's orders, and the key that signs for it,
        where it does not answer itself; empty: the account is."""
        chain = self._vault.chain
        if not (self._vault.is_delegated(market) or self._vault.owns_wallet(market)):
            return "", ""
        if self._safes is not None and self._vault.kind_of(market) is AccountKind.SAFE:
            safe, key = chain.ask([Ask(account, "SafeAccount", name) for name in ("safe", "key")])
            return ("", "") if int(safe, 16) == 0 else (checksum(safe), checksum(key))
        wallet = chain.ask_one(account, ACCOUNT, "wallet")
        return "" if int(wallet, 16) == 0 else checksum(wallet), ""

    def _prepare(self, market: MarketId, account: str) -> bool:
        if self._safes is not None and self._vault.kind_of(market) is AccountKind.SAFE:
            return self._safes.prepare(account)
        return self._owned.prepare(account)

    def _lend(self, market: MarketId) -> bool:
        """Take a delegated market as far towards a wallet as it goes now; return whether it has one
        or can name it."""
        account = self._vault.account_of(market)
        if account is None or int(self._wallet_of(account), 16):
            return True
        others = {
            other
            for task in self._journal.open_tasks()
            for other in self._journal.record(task.decision).budgets
            if other != market
        }
        waiting = [self._vault.account_of(other) for other in sorted(others)]
        return self._lent.prepare(account, [each for each in waiting if each is not None])

    def _wallet_of(self, account: str) -> str:
        return str(self._vault.chain.ask_one(account, "DelegatedAccount", "wallet"))

    def _delegated(self, record: DecisionRecord) -> list[MarketId]:
        return [each for each in record.budgets if self._vault.is_delegated(each)]

    def fetch(
        self, held: Holdings, collateral: int, tokens: Mapping[int, tuple[int, int]]
    ) -> list[Call] | None:
        """Return the calls that bring collateral and outcome tokens from a market's wallet into its
        account; None: they are on their way, and not there yet.

        Args:
            tokens: place of a condition -> its YES and NO tokens

        Raises:
            NotSigned: a signature is missing.
        """
        if not held.wallet:
            return []
        if held.delegated:
            return take_back(held.account, (collateral, tokens))
        indexed = {
            2 * place + no: amount
            for place, pair in tokens.items()
            for no, amount in enumerate(pair)
        }
        return self._owned.bring_home(held.account, held.wallet_open, collateral, indexed)

    def fetch_closed(self, left: LeftBehind) -> list[Call] | None:
        """Return the calls that bring what the wallet of a closed account holds, collateral and
        resolved tokens, into the account; see fetch."""
        if not left.wallet:
            return []
        pairs = [(at.yes, at.no) if at.resolved else (0, 0) for at in left.away]
        if left.delegated:
            return take_back(left.account, (left.collateral_away, dict(enumerate(pairs))))
        tokens = dict(enumerate(amount for pair in pairs for amount in pair))
        return self._owned.bring_home(left.account, left.is_open, left.collateral_away, tokens)

    def _name(self, markets: Sequence[MarketId]) -> list[Call]:
        """Hand the budgets of delegated accounts out; name a wallet where there is none yet."""
        calls: list[Call] = []
        for held in self._vault.holdings(markets):
            if not held.wallet:
                wallet = self._lent.promised(held.account)
                calls.append(make_call(held.account, "DelegatedAccount", "setWallet", wallet))
            handed = min(held.collateral, held.room_away)
            if handed:
                calls.append(make_call(held.account, "DelegatedAccount", "forward", handed))
        return calls

    def _fund(self, record: DecisionRecord) -> list[Call]:
        """Move budgets, and tokens that are to be sold, into the wallets or Safes that accounts
        own: WalletAccount and SafeAccount have the same functions for it."""
        calls: list[Call] = []
        sold = {leg.token for leg in record.legs if leg.side == Side.SELL}
        for held in self._vault.holdings(self._owning(_traded(record))):
            if held.collateral and held.market in record.budgets:
                calls.append(make_call(held.account, ACCOUNT, "fund", held.collateral))
            inside = [amount for each in held.here for amount in (each.yes, each.no)]
            ids = self._vault.chain.ask_one(held.account, ACCOUNT, "tokenIds")
            for index, (token, amount) in enumerate(zip(ids, inside, strict=True)):
                if amount and token in sold:
                    calls.append(make_call(held.account, ACCOUNT, "fundTokens", index, amount))
        return calls

    def _owning(self, markets: Iterable[MarketId]) -> list[MarketId]:
        return [each for each in markets if self._vault.owns_wallet(each)]


def _traded(record: DecisionRecord) -> list[MarketId]:
    """Return the markets that a decision trades in, each once."""
    named = (*record.budgets, *(leg.vault_market for leg in record.legs))
    return list(dict.fromkeys(named))
