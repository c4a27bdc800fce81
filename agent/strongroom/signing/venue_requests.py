"""What the venue's services are sent, and by whose right: orders, batches, proofs of a key.

Bodies are what JSON makes of them, numbers as decimal text where the services want text (VENUE b,
e1). Nothing is sent here.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2

from strongroom.chain.ids import JsonObject, keccak, to_hex
from strongroom.chain.orders import Side
from strongroom.signing.deposit_wallet import WalletBatch
from strongroom.signing.hashing import address_word, word

ATTESTS = b"This message attests that I control the given wallet"
_CLOB_DOMAIN = keccak(b"EIP712Domain(string name,string version,uint256 chainId)")
_CLOB_AUTH = keccak(b"ClobAuth(address address,string timestamp,uint256 nonce,string message)")
_ZERO = "0x" + "00" * 20


@dataclass(frozen=True)
class Credentials:
    """An API key of the CLOB, or of a builder at the relayer."""

    key: str
    secret: str  # base64, URL-safe
    passphrase: str


def clob_auth_digest(address: str, timestamp: int, nonce: int, chain_id: int) -> bytes:
    """Return what an EOA signs to make or derive its API key (L1).

    Args:
        timestamp: seconds
        nonce: of the key, by the EOA's choice
    """
    domain = keccak(_CLOB_DOMAIN + keccak(b"ClobAuthDomain") + keccak(b"1") + word(chain_id))
    time = keccak(str(timestamp).encode())
    struct = keccak(_CLOB_AUTH + address_word(address) + time + word(nonce) + keccak(ATTESTS))
    return keccak(b"\x19\x01" + domain + struct)


def request_proof(secret: str, timestamp: int, method: str, path: str, body: str = "") -> str:
    """Return the HMAC of a request (L2): over time, method, path and body.

    Args:
        secret: base64, URL-safe, with or without its padding
        timestamp: seconds
    """
    key = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
    message = f"{timestamp}{method}{path}{body}".encode()
    return base64.urlsafe_b64encode(hmac.digest(key, message, hashlib.sha256)).decode()


def builder_headers(
    key: Credentials, timestamp: int, method: str, path: str, body: str = ""
) -> Mapping[str, str]:
    """Return the headers by which the relayer knows a builder."""
    return {
        "POLY_BUILDER_API_KEY": key.key,
        "POLY_BUILDER_PASSPHRASE": key.passphrase,
        "POLY_BUILDER_SIGNATURE": request_proof(key.secret, timestamp, method, path, body),
        "POLY_BUILDER_TIMESTAMP": str(timestamp),
    }


def order_body(
    order: OrderV2,
    signature: bytes,
    owner: str,
    kind: str,
    expires: int = 0,
    post_only: bool = False,
) -> JsonObject:
    """Return the body of `POST /order`.

    Args:
        owner: API key
        kind: GTC, GTD, FOK or FAK
        expires: timestamp, seconds; 0: never
        post_only: it is to rest, or not to be taken
    """
    return {
        "deferExec": False,
        "order": {
            "builder": order.builder,
            "expiration": str(expires),
            "maker": order.maker,
            "makerAmount": str(order.makerAmount),
            "metadata": order.metadata,
            "salt": int(order.salt),
            "side": (Side.BUY, Side.SELL)[int(order.side)].value,
            "signature": to_hex(signature),
            "signatureType": int(order.signatureType),
            "signer": order.signer,
            "takerAmount": str(order.takerAmount),
            "timestamp": str(order.timestamp),
            "tokenId": str(order.tokenId),
        },
        "orderType": kind,
        "owner": owner,
        **({"postOnly": True} if post_only else {}),
    }


def wallet_body(batch: WalletBatch, signer: str, factory: str, signature: bytes) -> JsonObject:
    """Return the body of `POST /submit` for a deposit wallet's batch.

    Args:
        signer: the wallet's owner, or a session key
        factory: of deposit wallets
    """
    return {
        "type": "WALLET",
        "from": signer,
        "to": factory,
        "nonce": str(batch.nonce),
        "signature": to_hex(signature),
        "metadata": "",
        "depositWalletParams": {
            "depositWallet": batch.wallet,
            "deadline": str(batch.deadline),
            "calls": [
                {"target": each.target, "value": str(each.value), "data": to_hex(each.data)}
                for each in batch.calls
            ],
        },
    }


def wallet_create_body(owner: str, factory: str) -> JsonObject:
    """Return the body of `POST /submit` that asks for an owner's deposit wallet."""
    return {"type": "WALLET-CREATE", "from": owner, "to": factory, "metadata": ""}


def safe_create_body(owner: str, safe: str, factory: str, signature: bytes) -> JsonObject:
    """Return the body of `POST /submit` that asks for an owner's Safe, for which nobody pays.

    Args:
        safe: where it will be
        factory: of Safes
        signature: of `creation_digest`
    """
    return {
        "type": "SAFE-CREATE",
        "from": owner,
        "to": factory,
        "proxyWallet": safe,
        "data": "0x",
        "signature": to_hex(signature),
        "metadata": "",
        "signatureParams": {"paymentToken": _ZERO, "payment": "0", "paymentReceiver": _ZERO},
    }


def safe_body(
    owner: str, safe: str, to: str, data: bytes, nonce: int, operation: int, signature: bytes
) -> JsonObject:
    """Return the body of `POST /submit` for a transaction of a Safe, without value or refund.

    Args:
        nonce: the Safe's
        operation: 0 call, 1 delegate call (of MultiSend)
        signature: by `safe_signature`
    """
    return {
        "type": "SAFE",
        "from": owner,
        "to": to,
        "proxyWallet": safe,
        "data": to_hex(data),
        "nonce": str(nonce),
        "signature": to_hex(signature),
        "metadata": "",
        "signatureParams": {
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": _ZERO,
            "operation": str(operation),
            "refundReceiver": _ZERO,
            "safeTxnGas": "0",
        },
    }


def safe_signature(signature: bytes) -> bytes:
    """Return an owner's signature of a message's hash as a Safe tells it from one of a plain hash:
    v raised by 4."""
    return signature[:64] + bytes([signature[64] + 4])
