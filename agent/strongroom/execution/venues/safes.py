"""Keys of the Safes that accounts own (SafeAccount): one a market, none of them on disk.

The venue makes a Safe for a key, and goes on taking the key's orders when the Safe is the account's
(signature type 2). A key follows from one secret and its account's address, so it is the same after
a restart, and never another account's.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from eth_account import Account
from eth_account.signers.local import LocalAccount
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.ids import to_bytes
from strongroom.execution.interfaces import OrderVenue
from strongroom.execution.venues.clob import LateVenue
from strongroom.signing.keys import sign_hash
from strongroom.signing.order import ExchangeDomain, order_hash

_PURPOSE = b"key of a market's Safe"


@dataclass(frozen=True)
class TradedSafe:
    """A Safe, the key that trades it, and the venue's service under that key."""

    address: str
    owner: LocalAccount
    venue: OrderVenue

    def sign(self, order: OrderV2, domain: ExchangeDomain) -> bytes:
        """Return the signature of an order whose maker is the Safe."""
        return sign_hash(self.owner, order_hash(order, domain))


class SafeKeys:
    """The keys of one keeper's SafeAccounts."""

    def __init__(
        self, secret: LocalAccount, log_in: Callable[[LocalAccount, str], OrderVenue]
    ) -> None:
        """Take the secret, and what logs a key in with its Safe; it raises VenueAway."""
        self._secret, self._log_in = secret, log_in
        self._known: dict[str, TradedSafe] = {}  # by account

    def key_of(self, account: str) -> LocalAccount:
        """Return the key that trades for an account."""
        made = hmac.digest(bytes(self._secret.key), _PURPOSE + to_bytes(account), sha256)
        key: LocalAccount = Account.from_key(made)
        return key

    def traded(self, account: str, safe: str) -> TradedSafe:
        """Return the Safe of an account, ready to trade."""
        if account not in self._known:
            key = self.key_of(account)
            venue = LateVenue(lambda: self._log_in(key, safe))
            self._known[account] = TradedSafe(safe, key, venue)
        return self._known[account]
