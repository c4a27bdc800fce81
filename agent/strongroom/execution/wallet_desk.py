"""Wallets that trade for accounts: named or prepared, handed their budgets, emptied.

A delegated account names one of the keeper's wallets (venues/wallets.py); a WalletAccount owns its
wallet (owned_wallets.py), a SafeAccount its Safe (owned_safes.py). Tasks and housekeeping ask here
and need not know which it is.
"""

from collections.abc import Iterable, Mapping, Sequence

from strongroom.chain.calls import Ask, Call, make_call
from strongroom.chain.ids import MarketId
from strongroom.chain.orders import Side
from strongroom.chain.rpc import checksum
from strongroom.execution.account_kinds import AccountKind
from strongroom.execution.owned_safes import OwnedSafes
from strongroom.execution.owned_wallets import ACCOUNT, OwnedWallets, WalletUnusable
from strongroom.execution.vault_reader import Holdings, LeftBehind, VaultReader
from strongroom.execution.venues.wallets import take_back
from strongroom.strategy.record import DecisionRecord


class WalletDesk:
    """The wallets of one vault's accounts."""

    def __init__(
        self, vault: VaultReader, owned: OwnedWallets, safes: OwnedSafes | None = None
    ) -> None:
        """Take what looks after wallets, and after Safes; None: no class has SafeAccounts."""
        self._vault, self._owned, self._safes = vault, owned, safes

    def prepare(self, record: DecisionRecord) -> bool:
        """Take the wallets that a decision's accounts own as far towards trading as they go now;
        return whether all are there.

        Raises:
            WalletUnusable: one cannot be had.
            NotSigned: a signature is missing.
        """
        ready = [
            self._prepare(market, account)
            for market in self._owning(_traded(record))
            if (account := self._vault.account_of(market)) is not None
        ]
        return all(ready)

    def hand(self, record: DecisionRecord) -> list[Call]:
        """Return the calls that hand a decision's budgets to wallets, and what it sells.

        Raises:
            WalletUnusable: all wallets serve other markets.
        """
        delegated = [each for each in record.budgets if self._vault.is_delegated(each)]
        return self._name(delegated) + self._fund(record)

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
        taken: set[str] = set()
        for held in self._vault.holdings(markets):
            if not held.wallet:
                wallets = self._vault.wallets
                free = [w for w in wallets.free(held.account) if w.address not in taken]
                if not free:
                    raise WalletUnusable("all wallets serve other markets")
                wallet = free[0].address
                taken.add(wallet)
                calls.append(wallets.consent(free[0], held.account))
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
