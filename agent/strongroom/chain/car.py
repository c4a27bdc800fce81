"""Content ids and CAR files, as IPFS has them: as much as evidence documents need.

A document is one raw block under keccak-256, the hash that a report commits to. So whoever knows
the report's hash knows the content id. Sources: the multiformats tables (CIDv1, multihash 0x1b),
the CARv1 and DAG-CBOR specifications of IPLD.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from strongroom.chain.ids import keccak
from strongroom.errors import BadInput

RAW, DAG_CBOR = 0x55, 0x71  # codecs of a block
_KECCAK_256 = 0x1B  # of the multihash table
_SHA2_256 = 0x12
_CID_TAG = b"\xd8\x2a"  # CBOR's tag 42: a content id
_UNSIGNED, _BYTES, _TEXT, _LIST, _MAP = 0x00, 0x40, 0x60, 0x80, 0xA0  # CBOR's major types
_VERSION_1 = b"\x67version\x01"  # in a header
LONGEST_HEADER = 2**20  # bytes
LONGEST_DIGEST = 128  # of a content id
VARINT_BYTES = 9  # at most, as the multiformats have it


class BadCar(BadInput):
    """The file is no CAR of version 1."""


@dataclass(frozen=True)
class CarBlock:
    """Where a block's bytes lie in a file."""

    offset: int
    size: int


def content_id(digest: bytes, codec: int = RAW) -> bytes:
    """Return the CIDv1 of what has this keccak-256."""
    return varint(1) + varint(codec) + varint(_KECCAK_256) + varint(len(digest)) + digest


def content_id_text(identity: bytes) -> str:
    """Return a content id as text: base32 in lower case, b..."""
    return "b" + base64.b32encode(identity).decode().lower().rstrip("=")


def varint(number: int) -> bytes:
    """Return a number in parts of seven bits, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(found) + bytes([number])


def listing(fields: Mapping[str, str], documents: Iterable[bytes]) -> bytes:
    """Return the DAG-CBOR block that leads to documents.

    Args:
        fields: of text, put beside `documents`
        documents: content ids
    """
    entries = {name: _text(value) for name, value in fields.items()}
    links = [_link(each) for each in documents]
    entries["documents"] = _head(_LIST, len(links)) + b"".join(links)
    ordered = sorted(entries, key=lambda name: (len(name), name))  # as DAG-CBOR orders keys
    return _head(_MAP, len(entries)) + b"".join(_text(name) + entries[name] for name in ordered)


def header(root: bytes) -> bytes:
    """Return how a CAR begins whose one root is this content id."""
    roots = _text("roots") + _head(_LIST, 1) + _link(root)
    text = _head(_MAP, 2) + roots + _text("version") + _head(_UNSIGNED, 1)
    return varint(len(text)) + text


def section_head(identity: bytes, size: int) -> bytes:
    """Return what stands before a block's bytes."""
    return varint(len(identity) + size) + identity


def root_of(fields: Mapping[str, str], digests: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Return the content id and the bytes of the block that leads to documents."""
    text = listing(fields, map(content_id, digests))
    return content_id(keccak(text), DAG_CBOR), text


def blocks(file: BinaryIO) -> Iterator[CarBlock]:
    """Yield where a CAR's blocks lie, without reading them. The file must be seekable.

    Raises:
        BadCar: it is none of version 1, or ends within a block.
    """
    size = _number(file)
    text = file.read(size) if size is not None and size <= LONGEST_HEADER else b""
    if len(text) != size or _VERSION_1 not in text:
        raise BadCar("it does not begin as a CAR of version 1")
    end = file.seek(0, 2)
    file.seek(len(varint(size)) + size)
    while (size := _number(file)) is not None:
        start = file.tell()
        offset = start + _identity_length(file)
        if not offset <= start + size <= end:
            raise BadCar(f"its section at byte {start} does not end")
        yield CarBlock(offset, start + size - offset)
        file.seek(start + size)


def _identity_length(file: BinaryIO) -> int:
    """Return how many bytes the content id has that begins here."""
    start = file.tell()
    if _next(file) == _SHA2_256:  # version 0: a bare multihash
        _next(file)
    else:
        _next(file)  # codec
        _next(file)  # hash function
    digest = 32 if file.tell() == start + 2 else _next(file)
    if digest > LONGEST_DIGEST:
        raise BadCar(f"its content id at byte {start} is none")
    return file.tell() - start + digest


def _next(file: BinaryIO) -> int:
    found = _number(file)
    if found is None:
        raise BadCar("it ends within a content id")
    return found


def _number(file: BinaryIO) -> int | None:
    """Read a varint; None at the end of the file."""
    found = 0
    for place in range(VARINT_BYTES):
        part = file.read(1)
        if not part:
            if place:
                break
            return None
        found |= (part[0] & 0x7F) << (7 * place)
        if not part[0] & 0x80:
            return found
    raise BadCar("one of its lengths does not end")


def _head(kind: int, number: int) -> bytes:
    """Return the head of a CBOR item, as short as it can be."""
    if number < 24:
        return bytes([kind | number])
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << (8 * size):
            return bytes([kind | extra]) + number.to_bytes(size, "big")
    raise ValueError(number)


def _text(text: str) -> bytes:
    data = text.encode()
    return _head(_TEXT, len(data)) + data


def _link(identity: bytes) -> bytes:
    data = b"\x00" + identity
    return _CID_TAG + _head(_BYTES, len(data)) + data
