"""Signatures of the vectors' keys, in the vectors' forms."""

from typing import Any

from eth_keys import keys
from eth_keys.constants import SECPK1_N
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from strongroom.signing.hashing import exchange_order_hash


def address_of(secret: str) -> str:
    """Return the EOA of a vectors' key."""
    return keys.PrivateKey(bytes.fromhex(secret[2:])).public_key.to_checksum_address()


def signed(secret: str, digest: bytes, form: str = "ok") -> bytes:
    """Sign a digest in one of the forms: ok or plain, highs (s mirrored), v01 (v 0 or 1), short or
    compact64 (EIP-2098), long or long66 (one byte too many), bad or bad65, empty."""
    if form == "empty":
        return b""
    if form in ("bad", "bad65"):
        return b"\x11" * 65
    found = keys.PrivateKey(bytes.fromhex(secret[2:])).sign_msg_hash(digest)
    v, r, s = found.vrs
    if form == "highs":
        v, s = 1 - v, SECPK1_N - s
    if form in ("short", "compact64"):
        return r.to_bytes(32, "big") + (s | v << 255).to_bytes(32, "big")
    if form != "v01":
        v += 27
    plain = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
    if form in ("long", "long66"):
        return plain + b"\x00"
    if form not in ("ok", "plain", "highs", "v01"):
        raise ValueError(f"unknown form of a signature: {form!r}")
    return plain


def order_of(recorded: dict[str, Any], **instead: Any) -> OrderV2:
    """Return a recorded order, unsigned, with other fields where they are given."""
    names = "salt maker signer tokenId makerAmount takerAmount side signatureType timestamp"
    fields = {name: recorded[name] for name in (*names.split(), "metadata", "builder")} | instead
    return OrderV2(**fields)


def domain_hash(order: OrderV2, exchange: str, version: str, chain_id: int) -> bytes:
    """Return an order's hash in an exchange's domain."""
    return exchange_order_hash(order, exchange, version, chain_id)
