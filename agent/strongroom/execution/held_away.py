"""What wallets and Safes hold for accounts of a vault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from strongroom.chain.calls import Ask
from strongroom.chain.rpc import checksum
from strongroom.execution.interfaces import ChainReads


@dataclass(frozen=True)
class AwayHoldings:
    """What a wallet holds for an account; outcome tokens YES and NO of each condition in turn."""

    wallet: str
    collateral: int
    tokens: Sequence[int]
    outstanding: int = 0
    is_open: bool = False


class HeldAway:
    """Reads it, a constant number of requests for all accounts of a kind."""

    def __init__(self, chain: ChainReads, when: tuple[int, ...] = ()) -> None:
        """Take the chain, and the block to read at; empty: the newest one."""
        self._chain, self._when = chain, when

    def delegated(self, accounts: Sequence[str]) -> dict[str, AwayHoldings]:
        """Return what is in the wallets of delegated accounts that have one."""
        names = ("wallet", "outstanding", "CTF", "COLLATERAL", "tokenIds")
        found = self._parts_of(accounts, "DelegatedAccount", names)
        named = {
            account: (wallet, ctf, collateral, tokens)
            for account, (wallet, _, ctf, collateral, tokens) in found.items()
            if int(wallet, 16)
        }
        return {
            account: replace(there, outstanding=found[account][1])
            for account, there in self._in_wallets(named).items()
        }

    def owned(self, accounts: Sequence[str]) -> dict[str, AwayHoldings]:
        """Return what is in the wallets that accounts have adopted."""
        names = ("wallet", "adopted", "isOpen", "CTF", "COLLATERAL", "tokenIds")
        found = self._parts_of(accounts, "WalletAccount", names)
        adopted = {
            account: (wallet, ctf, collateral, tokens)
            for account, (wallet, is_adopted, _, ctf, collateral, tokens) in found.items()
            if is_adopted
        }
        return {
            account: replace(there, is_open=found[account][2])
            for account, there in self._in_wallets(adopted).items()
        }

    def in_safes(self, accounts: Sequence[str]) -> dict[str, AwayHoldings]:
        """Return what is in the Safes that accounts have adopted: it moves without the venue."""
        names = ("safe", "CTF", "COLLATERAL", "tokenIds")
        found = self._parts_of(accounts, "SafeAccount", names)
        adopted = {
            account: (safe, ctf, collateral, tokens)
            for account, (safe, ctf, collateral, tokens) in found.items()
            if int(safe, 16)
        }
        return {
            account: replace(there, is_open=True)
            for account, there in self._in_wallets(adopted).items()
        }

    def _parts_of(
        self, accounts: Sequence[str], kind: str, names: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return what accounts answer to functions without arguments."""
        if not accounts:
            return {}
        asked = [Ask(each, kind, name) for each in accounts for name in names]
        found = self._chain.ask(asked, *self._when)
        count = len(names)
        return {
            account: found[count * place : count * (place + 1)]
            for place, account in enumerate(accounts)
        }

    def _in_wallets(
        self, named: Mapping[str, tuple[str, str, str, list[int]]]
    ) -> dict[str, AwayHoldings]:
        """Return what wallets hold, by account.

        Args:
            named: account -> wallet, ConditionalTokens, collateral, token ids
        """
        if not named:
            return {}
        asked = []
        for wallet, ctf, collateral, tokens in named.values():
            asked.append(Ask(collateral, "Erc20", "balanceOf", (wallet,)))
            each = ([wallet] * len(tokens), list(tokens))
            asked.append(Ask(ctf, "ConditionalTokens", "balanceOfBatch", each))
        held = self._chain.ask(asked, *self._when)
        return {
            account: AwayHoldings(str(checksum(wallet)), cash, tokens)
            for (account, (wallet, *_)), cash, tokens in zip(
                named.items(), held[::2], held[1::2], strict=True
            )
        }
