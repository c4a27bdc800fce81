"""The co-signer's messages: requests as JSON, and their authentication.

A request carries a time and an HMAC-SHA256 over time, path and body, with a secret of at least 32
bytes that keeper and co-signer share. Older than half a minute, it counts no more.
"""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
from pydantic import BaseModel, ConfigDict

from strongroom.chain.ids import to_bytes, to_hex
from strongroom.errors import BadInput
from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import OrderRequest, TransactionRequest

WINDOW_S = 30
LEAST_SECRET = 32
TIME, CODE = "x-strongroom-time", "x-strongroom-code"


class BadSecret(BadInput):
    """What keeper and co-signer share is too short."""


def check_secret(secret: bytes) -> bytes:
    """Return a secret that is long enough.

    Raises:
        BadSecret: see the class.
    """
    if len(secret) < LEAST_SECRET:
        raise BadSecret(f"the co-signer's secret needs {LEAST_SECRET} bytes at least")
    return secret


def code(secret: bytes, time: int, path: str, body: bytes) -> str:
    """Return what proves that a request is the keeper's."""
    return hmac.new(secret, f"{time}{path}".encode() + body, sha256).hexdigest()


def is_authentic(
    secret: bytes, headers: Mapping[str, str], path: str, body: bytes, now: float
) -> bool:
    """Whether a request is the keeper's, and of now."""
    try:
        time = int(headers.get(TIME, ""))
    except ValueError:
        return False
    proof = headers.get(CODE, "")
    expected = code(secret, time, path, body)
    return abs(now - time) <= WINDOW_S and hmac.compare_digest(expected, proof)


class _OrderBody(BaseModel):
    """An order request in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order: dict[str, str | int]  # the official client's fields
    domain: ExchangeDomain
    expiry: int
    epoch: int
    record: str  # the decision's canonical JSON
    account: str


class _TransactionBody(BaseModel):
    """A transaction request in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str
    data: str  # 0x...
    operation: int
    nonce: int
    safe: str = ""  # empty: the keeper's


def order_to_json(request: OrderRequest) -> bytes:
    """Return an order request's body."""
    order = vars(request.order) | {
        "side": int(request.order.side),
        "signatureType": int(request.order.signatureType),
    }
    return json.dumps(
        {
            "order": order,
            "domain": vars(request.domain),
            "expiry": request.expiry,
            "epoch": request.epoch,
            "record": request.record.decode(),
            "account": request.account,
        },
        separators=(",", ":"),
    ).encode()


def order_from_json(body: bytes) -> OrderRequest:
    """Return the order request of a body.

    Raises:
        TypeError, ValueError: it is none.
    """
    found = _OrderBody.model_validate_json(body)
    fields = found.order | {
        "side": Side(found.order["side"]),
        "signatureType": SignatureTypeV2(found.order["signatureType"]),
    }
    order = OrderV2(**fields)
    return OrderRequest(
        order, found.domain, found.expiry, found.epoch, found.record.encode(), found.account
    )


def transaction_to_json(request: TransactionRequest) -> bytes:
    """Return a transaction request's body."""
    body = vars(request) | {"data": to_hex(request.data)}
    return json.dumps(body, separators=(",", ":")).encode()


def transaction_from_json(body: bytes) -> TransactionRequest:
    """Return the transaction request of a body.

    Raises:
        ValueError: it is none.
    """
    found = _TransactionBody.model_validate_json(body)
    return TransactionRequest(
        found.to, to_bytes(found.data), found.operation, found.nonce, found.safe
    )
