"""Keys and orders for the tests, signed by Safe owners or by EOAs."""

from typing import Any

from eth_account import Account
from eth_utils import keccak
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from strongroom.signing.hashing import keeper_order_digest, safe_message_hash
from strongroom.signing.keys import envelope, sign_as_owners
from strongroom.signing.order import order_tuple

BUY, SELL = 0, 1
EOA, POLY_SAFE, POLY_1271 = 0, 2, 3
ZERO32 = "0x" + "00" * 32


def key_of(name: str) -> Any:
    """Return the key that goes by `name`."""
    return Account.from_key(keccak(text=name))


def make_order(
    maker: str, token: int, making: int, taking: int, side: int = BUY, **fields: Any
) -> OrderV2:
    """Return an unsigned order in the client's type; keyword arguments replace fields."""
    values = {
        "salt": "7",
        "maker": maker,
        "signer": maker,
        "tokenId": str(token),
        "makerAmount": str(making),
        "takerAmount": str(taking),
        "side": side,
        "signatureType": POLY_1271,
        "timestamp": "1700000000000",
        "metadata": ZERO32,
        "builder": ZERO32,
    }
    return OrderV2(**(values | fields))


def struct(order: OrderV2, signature: bytes = b"") -> tuple[Any, ...]:
    """Return the order as the exchange takes it."""
    return (*order_tuple(order), signature)


def keeper_envelope(order, order_hash, account, safe, owners, expiry, epoch, chain_id):
    """Sign as the keeper's Safe for `account` (which may differ from the order's maker)."""
    digest = keeper_order_digest(account, chain_id, order_hash, expiry, epoch)
    signature = sign_as_owners(owners, safe_message_hash(safe, chain_id, digest))
    return envelope(order, expiry, signature)


def eoa_signature(order_hash: bytes, account: Any) -> bytes:
    """Sign an order hash as an EOA of ape's test accounts."""
    return bytes(Account.unsafe_sign_hash(order_hash, account.private_key).signature)
