"""Decision records on chain: compressed, as a second call of the transaction that reports.

The call does nothing: it goes to a precompiled contract that gives its data back (SINK). So the
transaction of a report leads to the records, and a Safe of the kind L2 logs them, too, with its
own event. A reader looks for MARK and the report's evidence hash in the transaction's data, however
they are wrapped.
"""

import zlib
from collections.abc import Sequence

from strongroom.chain.calls import Call
from strongroom.chain.ids import canonical, keccak, read_json, to_bytes, to_hex

SINK = "0x0000000000000000000000000000000000000004"  # identity, on every chain of this kind
MARK = keccak(b"strongroom decision records, zlib")
MOST = 24 * 1024  # bytes of a call: some 1,000,000 gas
UNPACKED = 2**20  # bytes of records at most, before compression
# That a report reveals, and as many that it withholds: of its document the audit reads no more.
# Honest ones of 1,000 bytes and up have no more room in it (document_size.py).
MOST_RECORDS = 10_000
_LENGTH = 4  # bytes


def records_call(evidence: str, records: Sequence[bytes]) -> Call | None:
    """Return the call that has a report's records on it; None: they are too large.

    Args:
        evidence: hash of the report's document
        records: canonical JSON each
    """
    plain = b"[" + b",".join(records) + b"]"
    packed = zlib.compress(plain, 9)
    data = MARK + to_bytes(evidence) + len(packed).to_bytes(_LENGTH, "big") + packed
    if len(data) > MOST or len(plain) > UNPACKED:
        return None
    return Call(SINK, to_hex(data), "records")


def is_records(call: Call) -> bool:
    """Whether a call does nothing but carry records of a size that is admitted."""
    data = to_bytes(call.data)
    return call.to.lower() == SINK and data.startswith(MARK) and len(data) <= MOST


def records_in(data: bytes, evidence: str) -> list[bytes]:
    """Return the records that a transaction's data carry for a report; none where there are none
    that can be read. Whether they are the decisions' own, their hashes say."""
    start = MARK + to_bytes(evidence)
    at = data.find(start)
    if at < 0:
        return []
    at += len(start)
    size = int.from_bytes(data[at : at + _LENGTH], "big")
    packed = data[at + _LENGTH : at + _LENGTH + min(size, MOST)]
    try:
        plain = zlib.decompressobj().decompress(packed, UNPACKED)
        found = read_json(plain)
        if not isinstance(found, list) or len(found) > MOST_RECORDS or canonical(found) != plain:
            return []
        return [canonical(each) for each in found]
    except (zlib.error, ValueError):
        return []
