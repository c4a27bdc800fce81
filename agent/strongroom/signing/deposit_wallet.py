"""What a deposit wallet's owner or session key signs: batches, handovers, orders (VENUE a)."""

from collections.abc import Sequence
from dataclasses import dataclass

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.ids import keccak, to_bytes
from strongroom.signing.hashing import (
    ORDER_TYPE,
    address_word,
    domain_separator,
    order_struct_hash,
    word,
)

SESSION_MAGIC = to_bytes("0x" + "6492" * 16)  # ends the envelope of a session key's signature
SECP256K1 = 0  # an envelope's kind
_CALL_TYPE = b"Call(address target,uint256 value,bytes data)"
BATCH_TYPE = b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE
_CALL = keccak(_CALL_TYPE)
_BATCH = keccak(BATCH_TYPE)
HANDOVER_TYPE = b"OwnershipHandover(address newOwner,uint256 nonce)"
_HANDOVER = keccak(HANDOVER_TYPE)
_PERSONAL_SIGN = keccak(b"PersonalSign(bytes prefixed)")
_NAME = keccak(b"DepositWallet")
_VERSION = keccak(b"1")


@dataclass(frozen=True)
class WalletCall:
    """One call of a batch; `value` is native coin of the wallet's own, wei."""

    target: str
    value: int
    data: bytes


@dataclass(frozen=True)
class WalletBatch:
    """Calls that a wallet makes, once, if its owner or a session key signs them.

    Attributes:
        nonce: the wallet's `nonce()`
        deadline: last second at which the batch passes, timestamp
    """

    wallet: str
    nonce: int
    deadline: int
    calls: Sequence[WalletCall]

    def struct_hash(self) -> bytes:
        """Return the batch's EIP-712 struct hash."""
        hashes = b"".join(
            keccak(_CALL + address_word(each.target) + word(each.value) + keccak(each.data))
            for each in self.calls
        )
        head = _BATCH + address_word(self.wallet) + word(self.nonce) + word(self.deadline)
        return keccak(head + keccak(hashes))

    def digest(self, chain_id: int) -> bytes:
        """Return what the owner signs."""
        domain = wallet_domain(self.wallet, chain_id)
        return keccak(b"\x19\x01" + domain + self.struct_hash())

    def argument(self) -> tuple[str, int, int, list[tuple[str, int, bytes]]]:
        """Return the batch as the factory's `proxy` takes it."""
        calls = [(each.target, each.value, each.data) for each in self.calls]
        return self.wallet, self.nonce, self.deadline, calls


def wallet_domain(wallet: str, chain_id: int) -> bytes:
    """Return the EIP-712 domain separator of a deposit wallet."""
    return domain_separator("DepositWallet", "1", chain_id, wallet)


def handover_digest(wallet: str, chain_id: int, new_owner: str, nonce: int) -> bytes:
    """Return what the pending owner signs to become the owner.

    Args:
        nonce: the wallet's `pendingOwnerNonce()`
    """
    struct = keccak(_HANDOVER + address_word(new_owner) + word(nonce))
    return keccak(b"\x19\x01" + wallet_domain(wallet, chain_id) + struct)


def nested_digest(
    wallet: str, chain_id: int, domain: bytes, contents: bytes, contents_type: bytes
) -> bytes:
    """Return what is signed for a struct of another contract: ERC-7739's TypedDataSign.

    Args:
        domain: domain separator of the contract that the struct is for
        contents: the struct's hash
        contents_type: its EIP-712 type, "Order(uint256 salt,...)"
    """
    name = contents_type[: contents_type.index(b"(")]
    nested_type = keccak(
        b"TypedDataSign(" + name + b" contents,string name,string version,uint256 chainId,"
        b"address verifyingContract,bytes32 salt)" + contents_type
    )
    fields = contents + _NAME + _VERSION + word(chain_id) + address_word(wallet) + word(0)
    return keccak(b"\x19\x01" + domain + keccak(nested_type + fields))


def personal_digest(wallet: str, chain_id: int, digest: bytes) -> bytes:
    """Return what is signed for any other digest: ERC-7739's PersonalSign."""
    struct = keccak(_PERSONAL_SIGN + digest)
    return keccak(b"\x19\x01" + wallet_domain(wallet, chain_id) + struct)


def nested_signature(inner: bytes, domain: bytes, contents: bytes, contents_type: bytes) -> bytes:
    """Return a signature of `nested_digest` as the wallet reads it, what was signed behind it."""
    return inner + domain + contents + contents_type + len(contents_type).to_bytes(2, "big")


def order_signature(order: OrderV2, domain: bytes, inner: bytes) -> bytes:
    """Return the signature of a wallet's order, as the exchange passes it on to the wallet.

    Args:
        domain: the exchange's domain separator
        inner: a signature of the order's `nested_digest`, or what the owner reads if it is a
            contract: of a WalletAccount, its envelope
    """
    return nested_signature(inner, domain, order_struct_hash(order), ORDER_TYPE)


def session_signature(key: str, inner: bytes) -> bytes:
    """Return a session key's signature in its envelope."""
    padded = inner + bytes(-len(inner) % 32)
    head = address_word(key) + word(SECP256K1) + word(96) + word(len(inner))
    return head + padded + SESSION_MAGIC
