"""Wallets that the venue admits, for delegated accounts: each trades one market at a time.

The key here is a session key that the wallet's owner has let act for it, best, or the owner's own.
It signs orders (ERC-7739), which have no expiry on chain; and batches of calls, by which the wallet
lets the market's account take everything back. Deposit wallets only (signature type 3).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.calls import Ask, Call, make_call
from strongroom.execution.interfaces import ChainReads, OrderVenue
from strongroom.signing.deposit_wallet import (
    WalletBatch,
    nested_digest,
    order_signature,
    session_signature,
)
from strongroom.signing.hashing import ORDER_TYPE, exchange_domain, order_struct_hash
from strongroom.signing.keys import sign_hash
from strongroom.signing.order import ExchangeDomain


@dataclass(frozen=True)
class VenueWallet:
    """A deposit wallet, a key that may act for it, and the venue's service under that key.

    Attributes:
        by_session: whether it is a session key, not the owner's
    """

    address: str
    key: LocalAccount
    venue: OrderVenue
    by_session: bool = True

    def sign(self, order: OrderV2, domain: ExchangeDomain) -> bytes:
        """Return the signature of an order whose maker is the wallet."""
        where = exchange_domain(domain.address, domain.version, domain.chain_id)
        contents = order_struct_hash(order)
        digest = nested_digest(self.address, domain.chain_id, where, contents, ORDER_TYPE)
        return self._in_name(order_signature(order, where, sign_hash(self.key, digest)))

    def sign_batch(self, batch: WalletBatch, chain_id: int) -> bytes:
        """Return the signature of a batch of the wallet's."""
        return self._in_name(sign_hash(self.key, batch.digest(chain_id)))

    def _in_name(self, signature: bytes) -> bytes:
        return session_signature(self.key.address, signature) if self.by_session else signature


class Wallets:
    """The wallets of one vault."""

    def __init__(self, chain: ChainReads, wallets: Iterable[VenueWallet]) -> None:
        """Take the wallets."""
        self._chain = chain
        self._wallets = {each.address.lower(): each for each in wallets}

    def of(self, address: str) -> VenueWallet | None:
        """Return the wallet at an address; None: it is none of them."""
        return self._wallets.get(address.lower())

    def all(self) -> list[VenueWallet]:
        """Return the wallets."""
        return list(self._wallets.values())

    def free(self, account: str) -> list[VenueWallet]:
        """Return those that serve no account yet, as a delegated account's registry knows them, and
        for which the key here still acts."""
        known = self.all()
        registry = self._chain.ask_one(account, "DelegatedAccount", "REGISTRY")
        asked = [Ask(registry, "WalletRegistry", "accountOf", (each.address,)) for each in known]
        asked += [
            Ask(each.address, "DepositWallet", "sessionSignerAuthorizedUntil", (each.key.address,))
            for each in known
        ]
        found, now = self._chain.ask(asked), self._chain.now()
        return [
            wallet
            for wallet, by, until in zip(known, found, found[len(known) :], strict=False)
            if int(by, 16) == 0 and (not wallet.by_session or now < until)
        ]


def take_back(account: str, away: tuple[int, Mapping[int, tuple[int, int]]]) -> list[Call]:
    """Return the calls that bring collateral and outcome tokens from a wallet into its account.

    Args:
        away: collateral (0: leave it), and of each condition's place its YES and NO tokens
    """
    collateral, tokens = away
    calls = [
        make_call(account, "DelegatedAccount", "takeBackTokens", 2 * place + no, amount)
        for place, pair in tokens.items()
        for no, amount in enumerate(pair)
        if amount
    ]
    if collateral:
        calls.append(make_call(account, "DelegatedAccount", "takeBack", collateral))
    return calls
