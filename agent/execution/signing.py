"""The keeper's signature over an order: Safe owners sign for one account, one epoch, one expiry.

Digest: EIP-712 `KeeperOrder` in the account's domain ("Probity Market Account", "1"). The Safe
validates it as EIP-1271 does in Safe 1.4.1: owners sign the `SafeMessage` that wraps the digest.
"""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from agent.execution.orders import ORDER_ABI, order_tuple

_DOMAIN_TYPE = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_SAFE_DOMAIN_TYPE = keccak(text="EIP712Domain(uint256 chainId,address verifyingContract)")
_SAFE_MESSAGE_TYPE = keccak(text="SafeMessage(bytes message)")
_KEEPER_ORDER_TYPE = keccak(text="KeeperOrder(bytes32 orderHash,uint256 expiry,uint256 epoch)")
_NAME = keccak(text="Probity Market Account")
_VERSION = keccak(text="1")


def keeper_order_digest(
    account: str, chain_id: int, order_hash: bytes, expiry: int, epoch: int
) -> bytes:
    """Return the digest that the keeper must validate for `account`.

    Args:
        account: the market account, verifying contract of the domain
        order_hash: EIP-712 hash of the order in the exchange's domain
        expiry: last second at which the signature counts, timestamp
        epoch: the account's epoch
    """
    domain = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [_DOMAIN_TYPE, _NAME, _VERSION, chain_id, account],
        )
    )
    struct = keccak(
        encode(
            ["bytes32", "bytes32", "uint256", "uint256"],
            [_KEEPER_ORDER_TYPE, order_hash, expiry, epoch],
        )
    )
    return keccak(b"\x19\x01" + domain + struct)


def safe_message_hash(safe: str, chain_id: int, digest: bytes) -> bytes:
    """Return what a Safe's owners sign so that its EIP-1271 check accepts `digest`."""
    domain = keccak(encode(["bytes32", "uint256", "address"], [_SAFE_DOMAIN_TYPE, chain_id, safe]))
    struct = keccak(encode(["bytes32", "bytes32"], [_SAFE_MESSAGE_TYPE, keccak(digest)]))
    return keccak(b"\x19\x01" + domain + struct)


def sign_as_owners(owners: Sequence[LocalAccount], message_hash: bytes) -> bytes:
    """Return the owners' signatures, 65 bytes each, in the order of their addresses."""
    ordered = sorted(owners, key=lambda owner: int(owner.address, 16))
    return b"".join(
        bytes(owner.unsafe_sign_hash(Hash32(message_hash)).signature) for owner in ordered
    )


def envelope(order: OrderV2, expiry: int, keeper_signature: bytes) -> bytes:
    """Return the account's EIP-1271 signature bytes: (Order, expiry, keeper_signature)."""
    return encode([ORDER_ABI, "uint256", "bytes"], [order_tuple(order), expiry, keeper_signature])


def sign_order(
    order: OrderV2,
    order_hash: bytes,
    expiry: int,
    epoch: int,
    safe: str,
    chain_id: int,
    owners: Sequence[LocalAccount],
) -> bytes:
    """Sign an order of the account `order.maker` by the Safe's owners.

    Returns:
        The envelope to send with the order.
    """
    account = to_checksum_address(order.maker)
    digest = keeper_order_digest(account, chain_id, order_hash, expiry, epoch)
    return envelope(
        order, expiry, sign_as_owners(owners, safe_message_hash(safe, chain_id, digest))
    )
