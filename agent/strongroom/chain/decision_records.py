"""Decision records on chain: compressed, as a second call of the transaction that reports.

The call does nothing: it goes to a precompiled contract that gives its data back (SINK). So the
transaction of a report leads to the records, and a Safe of the kind L2 logs them, too, with its
own event. A reader looks for MARK and the report's evidence hash in the transaction's data, however
they are wrapped.
"""

import zlib
from collections.abc import Sequence

from strongroom.chain.calls import Call
from strongroom.chain.document_size import LARGEST, MOST_OF_RECORDS, DocumentSize, size_of
from strongroom.chain.ids import canonical, keccak, read_json, to_bytes, to_hex

SINK = "0x0000000000000000000000000000000000000004"  # identity, on every chain of this kind
MARK = keccak(b"strongroom decision records, zlib")
MOST = 24 * 1024  # bytes of a call: some 1,000,000 gas
UNPACKED = 2**20  # bytes of records at most, before compression
# That a report reveals, and as many that it withholds: of its document the audit reads no more.
# Honest ones of 1,000 bytes and up have no more room in it (document_size.py).
MOST_RECORDS = 10_000
_LENGTH = 4  # bytes
_PART = 2**16  # bytes that are unpacked at once
_EACH = 2**12  # bytes that trying one place counts for at least: a transaction has very many


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
    that can be read. Whether they are the decisions' own, their hashes say.

    Whoever carries a Safe's signed report to the chain may put something of his own in front of the
    records, or behind: so each place is read at which some may begin, as long as all that is
    unpacked is no larger than a document, what ends in a fault included. Of these lists as many
    are parsed as a document may have records.
    """
    start, found, left, end = MARK + to_bytes(evidence), dict[bytes, None](), LARGEST, 0
    parsed = DocumentSize()
    while left > 0 and (at := data.find(start, end)) >= 0:
        end = at + len(start)
        size = int.from_bytes(data[end : end + _LENGTH], "big")
        plain, is_whole = _unpacked(data[end + _LENGTH : end + _LENGTH + min(size, MOST)])
        left -= max(len(plain), _EACH)
        more = parsed + size_of(plain)
        if is_whole and more.is_within(MOST_OF_RECORDS):
            parsed = more
            found |= dict.fromkeys(_listed(plain))
    return list(found)[:MOST_RECORDS]


def _unpacked(packed: bytes) -> tuple[bytes, bool]:
    """Return what comes out, up to UNPACKED, and whether it did so without a fault."""
    stream, plain = zlib.decompressobj(), bytearray()
    try:
        while packed and (room := UNPACKED - len(plain)) > 0:
            plain += stream.decompress(packed, min(room, _PART))
            packed = stream.unconsumed_tail
    except zlib.error:
        return bytes(plain), False
    return bytes(plain), True


def _listed(plain: bytes) -> list[bytes]:
    """Return the records of an unpacked list; none where it is not one of ours."""
    try:
        found = read_json(plain)
        if not isinstance(found, list) or len(found) > MOST_RECORDS or canonical(found) != plain:
            return []
        return [canonical(each) for each in found]
    except ValueError:
        return []
