"""How a payment is bound to what it buys: x402's `exact` binds payee, amount and token alone.

A buyer of ours makes the authorization's nonce from the method, the path with its query, and a salt
of his own, and sends the salt beside it. Whoever has the payment can check what it was signed for,
and nobody can use it for something else without being seen.
"""

from strongroom.chain.ids import keccak, to_hex

EXTENSION = "strongroom-binding"  # of x402's `extensions`; holds `salt`
_PAYMENT, _REFUND = "strongroom-payment-1", "strongroom-refund-1"


def bound_nonce(method: str, resource: str, salt: str) -> str:
    """Return the nonce (0x..., 32 bytes) of a payment for a resource.

    Args:
        resource: path and query, as they are sent: no blanks, no ends of lines
        salt: any text without ends of lines; two purchases of one resource need two
    """
    return _hash(_PAYMENT, method.upper(), resource, salt)


def refund_nonce(network: str, asset: str, payer: str, nonce: str) -> str:
    """Return the nonce (0x..., 32 bytes) of the refund of a payment: the token takes it once."""
    return _hash(_REFUND, network, asset.lower(), payer.lower(), nonce.lower())


def _hash(*parts: str) -> str:
    return to_hex(keccak("\n".join(parts).encode()))
