"""Safes that accounts own (SafeAccount): made, handed over, approved.

The venue's relayer makes the Safe of a key that trades for one account alone. One transaction of
the keeper's Safe carries in what the key has signed, by which the Safe is the account's, and gives
the exchange its approvals. From then on the account moves what the Safe holds at once and without
the venue, and the key signs orders, nothing else. So there is nothing to bring home in steps.
"""

from dataclasses import dataclass, replace

from strongroom.chain.calls import Ask, make_call
from strongroom.chain.failures import CallReverted
from strongroom.chain.ids import to_bytes, transaction_key
from strongroom.chain.rpc import checksum
from strongroom.chain.units import MAX_UINT256
from strongroom.execution.interfaces import ChainReads, RelayState, SafeSender
from strongroom.execution.relaying import Relaying, WalletUnusable
from strongroom.execution.venues.safes import SafeKeys
from strongroom.journal.states import TransactionState
from strongroom.signing.hashing import safe_transaction_hash
from strongroom.signing.keys import sign_hash
from strongroom.signing.safe import DELEGATE_CALL, creation_digest

ACCOUNT = "SafeAccount"


@dataclass(frozen=True)
class _Safe:
    """An account's Safe, as the chain has it.

    Attributes:
        key: that it was, or will be, made for
        adopted: whether it is the account's
        made: whether the venue has made it
        approved: whether the account's exchange may move all that it holds
    """

    account: str
    address: str
    key: str
    factory: str
    code: str  # of the account, which hands the Safe over
    exchange: str
    tokens: str
    collateral: str
    adopted: bool
    made: bool = False
    approved: bool = False


class OwnedSafes:
    """The Safes of one vault's SafeAccounts."""

    def __init__(
        self, chain: ChainReads, transactor: SafeSender, relaying: Relaying, keys: SafeKeys
    ) -> None:
        """Take the keeper's Safe, the way to the relayer, and the keys."""
        self._chain, self._transactor = chain, transactor
        self._relaying, self._keys = relaying, keys

    def prepare(self, account: str) -> bool:
        """Take an account's Safe as far towards trading as it goes now: made by the venue, handed
        over, open to the exchange. Return whether it is there.

        Raises:
            WalletUnusable: relayer or account refuses, or the key is not ours.
            NotSigned: a signature is missing.
        """
        safe = self._look(account)
        if safe.adopted and safe.approved:
            return True
        if not safe.made:
            self._make(safe)
            return False
        purpose = f"safe {safe.address}"
        if self._transactor.carries(purpose):
            self._transactor.advance()
            return False
        calls = [make_call(account, ACCOUNT, "approveExchange")]
        if not safe.adopted:
            calls.insert(0, make_call(account, ACCOUNT, "adopt", safe.key, self._hand_over(safe)))
        key = transaction_key(f"{purpose} {self._chain.now()}".encode())
        state, why = self._transactor.run(key, purpose, calls)
        if state == TransactionState.DROPPED:
            raise WalletUnusable(why)
        return False

    def _make(self, safe: _Safe) -> None:
        """Let the venue make the Safe, once."""
        key = self._keys.key_of(safe.account)
        signature = sign_hash(key, creation_digest(safe.factory, self._chain.chain_id))
        asked = (safe.key, safe.address, safe.factory, signature)
        state, why = self._relaying.once(
            f"safe {safe.address}", lambda relayer: relayer.make_safe(*asked)
        )
        if state is RelayState.FAILED:
            raise WalletUnusable(f"the relayer made no Safe: {why}")

    def _hand_over(self, safe: _Safe) -> bytes:
        """Return what the key signs so that the Safe is the account's: its only transaction."""
        call = make_call(safe.code, ACCOUNT, "handOver", safe.key, safe.account)
        digest = safe_transaction_hash(
            safe.address, self._chain.chain_id, call.to, to_bytes(call.data), DELEGATE_CALL, 0
        )
        return sign_hash(self._keys.key_of(safe.account), digest)

    def _look(self, account: str) -> _Safe:
        mine = self._keys.key_of(account).address
        names = ("SAFE_FACTORY", "CODE", "EXCHANGE", "CTF", "COLLATERAL", "safe", "key")
        asked = [Ask(account, ACCOUNT, "safeOf", (mine,))]
        found = self._chain.ask(asked + [Ask(account, ACCOUNT, name) for name in names])
        *addresses, adopted, key = (str(checksum(each)) for each in found)
        address, factory, code, exchange, tokens, collateral = addresses
        is_adopted = int(adopted, 16) != 0
        if is_adopted and key != mine:
            raise WalletUnusable(f"the Safe of account {account} is traded by {key}, not by us")
        safe = _Safe(
            account, address, mine, factory, code, exchange, tokens, collateral, is_adopted
        )
        try:
            self._chain.ask([Ask(address, "Safe", "nonce")])
        except CallReverted:
            return safe
        allowance, approved = self._chain.ask(
            [
                Ask(collateral, "Erc20", "allowance", (address, exchange)),
                Ask(tokens, "ConditionalTokens", "isApprovedForAll", (address, exchange)),
            ]
        )
        ready = allowance > MAX_UINT256 // 2 and approved
        return replace(safe, made=True, approved=ready)
