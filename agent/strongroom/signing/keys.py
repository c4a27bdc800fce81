"""The keeper's signature over an order: Safe owners sign for one account, one epoch, one expiry.

Digest: EIP-712 `KeeperOrder` in the account's domain ("Strongroom Market Account", "1"). The Safe
validates it as EIP-1271 does in Safe 1.4.1: owners sign the `SafeMessage` that wraps the digest.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from coincurve import PrivateKey, PublicKey
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.ids import keccak, to_hex
from strongroom.signing.hashing import (
    exchange_domain,
    keeper_order_digest,
    order_words,
    order_words_hash,
    safe_message_hash,
    word,
)
from strongroom.signing.order import ExchangeDomain

_V = tuple(bytes([27 + recovery]) for recovery in range(4))  # the last byte of a signature
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1
_ORDER_WORDS = 11
_AFTER_THE_HEAD = word((_ORDER_WORDS + 2) * 32)  # where an envelope's signature begins


def sign_hash(owner: LocalAccount, message_hash: bytes) -> bytes:
    """Return an owner's signature, 65 bytes: r, s, v (RFC 6979, low s)."""
    signature = _key(owner.key).sign_recoverable(message_hash, hasher=None)
    return signature[:64] + _V[signature[64]]


def signer_of(signature: bytes, message_hash: bytes) -> str:
    """Return whose signature this is; empty: nobody's. Of the two forms of one signature only that
    with the low s counts, and v is 27 or 28."""
    if len(signature) != 65 or signature[64:] not in _V[:2]:
        return ""
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return ""
    plain = signature[:64] + bytes([_V.index(signature[64:])])
    try:
        key = PublicKey.from_signature_and_message(plain, message_hash, hasher=None)
    except ValueError:  # coincurve: the numbers are no signature
        return ""
    return to_checksum_address(to_hex(keccak(key.format(compressed=False)[1:])[-20:]))


def sign_as_owners(owners: Sequence[LocalAccount], message_hash: bytes) -> bytes:
    """Return the owners' signatures as a Safe wants them."""
    return join_signatures((owner.address, sign_hash(owner, message_hash)) for owner in owners)


def join_signatures(signed: Iterable[tuple[str, bytes]]) -> bytes:
    """Return (owner, signature) pairs as a Safe wants them: in the order of the addresses."""
    return b"".join(signature for _, signature in sorted(signed, key=_by_address))


def envelope(order: OrderV2, expiry: int, keeper_signature: bytes) -> bytes:
    """Return the account's EIP-1271 signature bytes: ABI of (Order, expiry, keeper_signature)."""
    return _envelope(order_words(order), expiry, keeper_signature)


def _envelope(words: bytes, expiry: int, keeper_signature: bytes) -> bytes:
    length = len(keeper_signature)
    padding = bytes(-length % 32)
    return b"".join((words, word(expiry), _AFTER_THE_HEAD, word(length), keeper_signature, padding))


def sign_order(
    order: OrderV2,
    domain: ExchangeDomain,
    expiry: int,
    epoch: int,
    safe: str,
    owners: Sequence[LocalAccount],
    account: str = "",
) -> bytes:
    """Sign an order of an account by the Safe's owners.

    Args:
        domain: of the exchange that the order is for
        account: whose order it is, if not `order.maker`'s: the maker is its wallet

    Returns:
        The envelope to send with the order.
    """
    chain_id, words = domain.chain_id, order_words(order)
    order_hash = order_words_hash(words, exchange_domain(domain.address, domain.version, chain_id))
    digest = keeper_order_digest(account or order.maker, chain_id, order_hash, expiry, epoch)
    signed = sign_as_owners(owners, safe_message_hash(safe, chain_id, digest))
    return _envelope(words, expiry, signed)


@lru_cache(64)
def _key(secret: bytes) -> PrivateKey:
    return PrivateKey(bytes(secret))


def _by_address(signed: tuple[str, bytes]) -> int:
    return int(signed[0], 16)
