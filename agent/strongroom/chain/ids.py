"""Identities that follow from content: decisions, intents, evidence."""

import json
from typing import Any

import sha3


def keccak(data: bytes) -> bytes:
    """Return keccak-256."""
    return sha3.keccak_256(data).digest()  # type: ignore[no-any-return]


def canonical(value: Any) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def decision_id(record: Any) -> bytes:
    """Return keccak of a decision record's canonical JSON; an order's signed `metadata`."""
    return keccak(canonical(record))


def intent_key(decision: bytes, leg: int, attempt: int) -> bytes:
    """Return what makes an intent's order its own: the decision, the leg, the attempt."""
    return keccak(decision + leg.to_bytes(4, "big") + attempt.to_bytes(4, "big"))
