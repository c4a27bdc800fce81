"""The co-signer's messages: requests as JSON, and their authentication.

A request carries a time and an HMAC-SHA256 over time, path and body, with a secret of at least 32
bytes that keeper and co-signer share. Older than half a minute, it counts no more.
"""

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.order_utils.model.side import Side
from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2

from strongroom.signing.order import ExchangeDomain
from strongroom.signing.signers import OrderRequest, TransactionRequest

WINDOW_S = 30
LEAST_SECRET = 32
TIME, CODE = "x-strongroom-time", "x-strongroom-code"


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


def order_to_json(request: OrderRequest) -> bytes:
    """Return an order request's body."""
    order = vars(request.order) | {
        "side": int(request.order.side),
        "signatureType": int(request.order.signatureType),
    }
    return _dump(
        {
            "order": order,
            "domain": vars(request.domain),
            "expiry": request.expiry,
            "epoch": request.epoch,
            "record": request.record,
            "account": request.account,
        }
    )


def order_from_json(body: Mapping[str, Any]) -> OrderRequest:
    """Return the order request of a body.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    fields = dict(body["order"])
    fields["side"] = Side(fields["side"])
    fields["signatureType"] = SignatureTypeV2(fields["signatureType"])
    return OrderRequest(
        OrderV2(**fields),
        ExchangeDomain(**body["domain"]),
        int(body["expiry"]),
        int(body["epoch"]),
        dict(body["record"]),
        str(body["account"]),
    )


def transaction_to_json(request: TransactionRequest) -> bytes:
    """Return a transaction request's body."""
    return _dump(vars(request) | {"data": request.data.hex()})


def transaction_from_json(body: Mapping[str, Any]) -> TransactionRequest:
    """Return the transaction request of a body.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return TransactionRequest(
        str(body["to"]), bytes.fromhex(body["data"]), int(body["operation"]), int(body["nonce"])
    )


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
