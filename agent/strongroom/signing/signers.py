"""Who signs for the keeper's or the reporter's Safe: keys in this process, or one key here and the
co-signer's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.errors import Away, Refused, StrongroomError
from strongroom.signing.hashing import (
    keeper_order_digest,
    safe_message_hash,
    safe_transaction_hash,
)
from strongroom.signing.keys import join_signatures, sign_hash
from strongroom.signing.order import ExchangeDomain, order_hash


class NotSigned(StrongroomError):
    """The signatures cannot be had; nothing has left. The message says why."""


class CosignerAway(NotSigned, Away):
    """The co-signer does not answer: start it, or wait."""


class CosignerRefused(NotSigned, Refused):
    """The co-signer's policy does not admit it."""


@dataclass(frozen=True)
class SafeAddress:
    """A Safe on a chain."""

    address: str
    chain_id: int


@dataclass(frozen=True)
class OrderRequest:
    """An order to be signed, with what a co-signer must know to judge it.

    Attributes:
        record: canonical JSON of the decision that the order's metadata commits to
        account: of the market, where a wallet is the order's maker. Of a delegated account's the
            wallet's key signs for the venue, and the Safe's signature is the admission alone
    """

    order: OrderV2
    domain: ExchangeDomain
    expiry: int
    epoch: int
    record: bytes
    account: str = ""

    @property
    def market_account(self) -> str:
        """The market's account."""
        return self.account or self.order.maker

    def message_hash(self, safe: SafeAddress) -> bytes:
        """Return what the Safe's owners sign."""
        digest = keeper_order_digest(
            self.market_account,
            safe.chain_id,
            order_hash(self.order, self.domain),
            self.expiry,
            self.epoch,
        )
        return safe_message_hash(safe.address, safe.chain_id, digest)


@dataclass(frozen=True)
class TransactionRequest:
    """A Safe transaction to be signed: value 0, no refund, no gas limit.

    Attributes:
        operation: 0 call, 1 delegate call to MultiSendCallOnly
        safe: whose it is, for a co-signer of several; empty: the keeper's
    """

    to: str
    data: bytes
    operation: int
    nonce: int
    safe: str = ""

    def transaction_hash(self, safe: SafeAddress) -> bytes:
        """Return what the Safe's owners sign."""
        return safe_transaction_hash(
            safe.address, safe.chain_id, self.to, self.data, self.operation, self.nonce
        )


class Signers(Protocol):
    """Enough of the Safe's owners."""

    safe: SafeAddress

    def check(self) -> None:
        """Say whether signatures could be had; raises NotSigned."""

    def sign_order(self, request: OrderRequest) -> bytes:
        """Return the Safe's signature.

        Raises:
            NotSigned: see the class.
        """

    def sign_transaction(self, request: TransactionRequest) -> bytes:
        """Return the Safe's signature.

        Raises:
            NotSigned: see the class.
        """

    def witness(self, digest: bytes) -> bytes:
        """Return the signature of one owner whose key is here, 65 bytes: of a batch that the chain
        admits without it, for a relayer that wants a signature (VENUE a4, g)."""


class Cosigner(Protocol):
    """Another owner's process."""

    @property
    def address(self) -> str:
        """The owner."""

    def check(self) -> None:
        """Say whether it answers; raises NotSigned."""

    def sign_order(self, request: OrderRequest) -> bytes:
        """Return its signature; raises NotSigned."""

    def sign_transaction(self, request: TransactionRequest) -> bytes:
        """Return its signature; raises NotSigned."""


class OwnKeys:
    """All signatures from keys in this process."""

    def __init__(self, safe: str, chain_id: int, owners: Sequence[LocalAccount]) -> None:
        self.safe = SafeAddress(to_checksum_address(safe), chain_id)
        self._owners = owners

    def check(self) -> None:
        """All keys are here."""

    def sign_order(self, request: OrderRequest) -> bytes:
        """Sign as all owners."""
        return self._sign(request.message_hash(self.safe))

    def sign_transaction(self, request: TransactionRequest) -> bytes:
        """Sign as all owners."""
        return self._sign(request.transaction_hash(self.safe))

    def witness(self, digest: bytes) -> bytes:
        """Sign as the first owner."""
        return sign_hash(self._owners[0], digest)

    def _sign(self, digest: bytes) -> bytes:
        return join_signatures((owner.address, sign_hash(owner, digest)) for owner in self._owners)


class WithCosigner:
    """One owner's key in this process, another's behind the co-signer's policy."""

    def __init__(self, safe: str, chain_id: int, owner: LocalAccount, cosigner: Cosigner) -> None:
        self.safe = SafeAddress(to_checksum_address(safe), chain_id)
        self._owner, self._cosigner = owner, cosigner

    def check(self) -> None:
        """Ask whether the co-signer is there; raises NotSigned."""
        self._cosigner.check()

    def sign_order(self, request: OrderRequest) -> bytes:
        """Ask the co-signer first, then sign: without it nothing is signed.

        Raises:
            NotSigned: it is away, or refuses.
        """
        theirs = self._cosigner.sign_order(request)
        return self._join(theirs, request.message_hash(self.safe))

    def sign_transaction(self, request: TransactionRequest) -> bytes:
        """Ask the co-signer first, then sign.

        Raises:
            NotSigned: it is away, or refuses.
        """
        theirs = self._cosigner.sign_transaction(request)
        return self._join(theirs, request.transaction_hash(self.safe))

    def witness(self, digest: bytes) -> bytes:
        """Sign as the owner whose key is here."""
        return sign_hash(self._owner, digest)

    def _join(self, theirs: bytes, digest: bytes) -> bytes:
        mine = sign_hash(self._owner, digest)
        return join_signatures(((self._owner.address, mine), (self._cosigner.address, theirs)))
