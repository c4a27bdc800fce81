"""A call as a Safe's owners send it: signed by those whose keys are here."""

from collections.abc import Sequence

from strongroom.chain.calls import Ask, Call
from strongroom.chain.contracts import Key
from strongroom.chain.ids import to_bytes
from strongroom.chain.rpc import Chain
from strongroom.errors import Refused
from strongroom.signing.hashing import safe_transaction_hash
from strongroom.signing.keys import sign_as_owners
from strongroom.signing.safe import CALL, Batch, execution


class TooFewOwners(Refused):
    """The Safe needs more owners than have keys here; the message says what to do."""


def by_owners(chain: Chain, safe: str, call: Call, keys: Sequence[Key]) -> Call:
    """Return the Safe's transaction that makes a call, signed.

    Raises:
        TooFewOwners: see the class.
        CallReverted, ChainAway: the address is no Safe, or the node does not answer.
    """
    nonce, threshold = chain.ask([Ask(safe, "Safe", name) for name in ("nonce", "getThreshold")])
    if len(keys) < threshold:
        raise TooFewOwners(
            f"the Safe {safe} needs {threshold} owners: name as many with --account, or send it "
            f"from the Safe's own app (to {call.to}, data {call.data})"
        )
    data = to_bytes(call.data)
    digest = safe_transaction_hash(safe, chain.chain_id, call.to, data, CALL, nonce)
    signatures = sign_as_owners([key.account for key in keys[:threshold]], digest)
    return execution(safe, Batch(call.to, data, CALL), signatures)
