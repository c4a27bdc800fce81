"""What the co-signer reads from the chain by itself, instead of believing the keeper."""

import time
from dataclasses import replace

from strongroom.chain.calls import Ask
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import MarketId, TokenId
from strongroom.chain.rpc import Chain
from strongroom.cosigner.policy import MarketFacts

FRESH_S = 0.25  # of the chain's time
NOWHERE = MarketFacts("0x" + "00" * 20, False, -1, ())


class ChainFacts:
    """Facts of one vault's market accounts. What cannot change is asked for once: an account whose
    market has been opened again has another account since then, and is halted for ever."""

    def __init__(self, chain: Chain, vault: str) -> None:
        self._chain, self._vault = chain, vault
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

    def with_wallet(self, account: str) -> MarketFacts:
        """Return an account's facts, and those of the wallet or Safe that trades for it: one that
        it owns counts once it has adopted it."""
        known = self.of_account(account)
        try:
            wallet = _address(self._chain.ask_one(account, "DelegatedAccount", "wallet"))
        except CallReverted:
            return self._with_safe(account, known)
        try:
            adopted = bool(self._chain.ask_one(account, "WalletAccount", "adopted"))
        except CallReverted:
            return replace(known, wallet=wallet)
        return replace(known, wallet=wallet if adopted else "", owns_wallet=adopted)

    def _with_safe(self, account: str, known: MarketFacts) -> MarketFacts:
        asked = [Ask(account, "SafeAccount", name) for name in ("safe", "key")]
        try:
            safe, key = (_address(each) for each in self._chain.ask(asked))
        except CallReverted:
            return known
        return replace(known, wallet=safe, owns_wallet=bool(safe), signer=key)

    def of_market(self, market: MarketId) -> MarketFacts | None:
        """Return an open market's facts; None where the vault has none (yet)."""
        account = str(self._chain.ask_one(self._vault, "Vault", "accountOf", market))
        return None if int(account, 16) == 0 else self.of_account(account)

    def nonce(self, safe: str) -> int:
        """Return a Safe's next nonce."""
        return int(self._chain.ask_one(safe, "Safe", "nonce"))

    def now(self) -> int:
        """Return the chain's time, at most a moment old."""
        here = time.monotonic()
        if here - self._asked_at > FRESH_S:
            self._time, self._asked_at = self._chain.now(), here
        return self._time

    def _read(self, address: str) -> MarketFacts:
        names = ("market", "vault", "tokenIds")
        try:
            market, vault, tokens = self._chain.ask(
                [Ask(address, "PolymarketAccount", name) for name in names]
            )
        except CallReverted:
            return NOWHERE
        if vault.lower() != self._vault.lower():
            return NOWHERE
        account, (_, class_id, *_) = self._chain.ask(
            [Ask(self._vault, "Vault", name, (market,)) for name in ("accountOf", "marketOf")]
        )
        known = account.lower() == address.lower()
        return MarketFacts(vault, known, class_id, tuple(TokenId(token) for token in tokens))


def _address(found: object) -> str:
    """Return an address, empty for zero's."""
    return "" if int(str(found), 16) == 0 else str(found)
