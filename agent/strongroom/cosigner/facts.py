"""What the co-signer reads from the chain by itself, instead of believing the keeper."""

import time

from web3.exceptions import BadFunctionCallOutput, ContractLogicError

from strongroom.chain.rpc import Chain
from strongroom.cosigner.policy import MarketFacts

FRESH_S = 0.25  # of the chain's time
NOWHERE = MarketFacts("0x" + "00" * 20, False, -1, ())


class ChainFacts:
    """Facts of one vault's market accounts. What cannot change is asked for once."""

    def __init__(self, chain: Chain, vault: str) -> None:
        self._chain, self._address = chain, vault
        self._vault = chain.contract(vault, "Vault")
        self._known: dict[str, MarketFacts] = {}
        self._time, self._asked_at = 0, -1.0

    def of_account(self, account: str) -> MarketFacts:
        """Return an account's facts; of an address that is none, those of nobody's."""
        key = account.lower()
        if key not in self._known:
            found = self._read(account)
            if not found.is_the_vaults:
                return found
            self._known[key] = found
        return self._known[key]

    def wallet_of(self, account: str) -> str:
        """Return the wallet that a delegated account has named; empty: none, or not delegated."""
        named = self._chain.contract(account, "DelegatedAccount").functions
        try:
            wallet: str = named.wallet().call()
        except (BadFunctionCallOutput, ContractLogicError):
            return ""
        return "" if int(wallet, 16) == 0 else wallet

    def of_market(self, market: bytes) -> MarketFacts | None:
        """Return an open market's facts; None where the vault has none (yet)."""
        account = self._vault.functions.accountOf(market).call()
        return None if int(account, 16) == 0 else self.of_account(account)

    def now(self) -> int:
        """Return the chain's time, at most a moment old."""
        here = time.monotonic()
        if here - self._asked_at > FRESH_S:
            self._time, self._asked_at = self._chain.now(), here
        return self._time

    def _read(self, address: str) -> MarketFacts:
        account = self._chain.contract(address, "PolymarketAccount").functions
        try:
            market = account.market().call()
            vault = account.vault().call()
            tokens = tuple(account.tokenIds().call())
        except (BadFunctionCallOutput, ContractLogicError):
            return NOWHERE
        if vault.lower() != self._address.lower():
            return NOWHERE
        known = self._vault.functions.accountOf(market).call().lower() == address.lower()
        class_id = self._vault.functions.marketOf(market).call()[0]
        return MarketFacts(vault, known, class_id, tokens)
