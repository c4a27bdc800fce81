"""Content ids and CAR files, held against what the IPLD project's own library writes and reads.

The constants were printed by `@ipld/car` 5, `@ipld/dag-cbor` 9 and `multiformats` 13 (npm) from the
same documents; no code of ours has made them.
"""

import hashlib
import io

import pytest
from strongroom.chain.car import (
    BadCar,
    blocks,
    content_id,
    content_id_text,
    header,
    root_of,
    section_head,
    varint,
)
from strongroom.chain.ids import keccak

DOCUMENTS = (b'{"vault":"0xab","decisions":[]}', b"second document")
VAULT = "0x" + "ab" * 20
IDS = (
    "bafkrwid5lc6u3p2lbzgwzxqx5hyjgq2romb3wxvppljzr7mcctyj4ytn3m",
    "bafkrwibgcftc7c74vqifb4rheiobqdvsavo67xx7o4zqycbjoeuie2pcym",
)
ROOT = "bafyrwialmda5swd7pd4hvvtok6ojd57immlalzcd275udtdawgnk5edfte"
FILE = "ac2699f482fe8fc9652234746b61610414ae5456136488e0c262fa0d9798d9b9"  # its SHA-256
# of a file with two roots: a raw block under SHA-256, and a content id of version 0
OTHER = bytes.fromhex(
    "61a265726f6f747382d82a58250001551220dd81beb5ea9962c9d23d373c5cc8dce869c298c23bed684a88cd"
    "a479d6011599d82a58230012205e3aeb120dfc28a04fbd9ebae9c09a16d7119b9031c317e106bf52065ed965"
    "4f6776657273696f6e014301551220dd81beb5ea9962c9d23d373c5cc8dce869c298c23bed684a88cda479d6"
    "0115997b227661756c74223a2230786162222c226465636973696f6e73223a5b5d7d3112205e3aeb120dfc28"
    "a04fbd9ebae9c09a16d7119b9031c317e106bf52065ed9654f7365636f6e6420646f63756d656e74"
)


def car(documents=DOCUMENTS):
    """Return a CAR file as the publisher writes one."""
    digests = [keccak(each) for each in documents]
    root, text = root_of({"vault": VAULT}, digests)
    parts = [header(root), section_head(root, len(text)), text]
    for digest, each in zip(digests, documents, strict=True):
        parts += [section_head(content_id(digest), len(each)), each]
    return b"".join(parts)


def read(data):
    return [data[each.offset : each.offset + each.size] for each in blocks(io.BytesIO(data))]


def test_ids_and_file_are_those_of_the_reference_library():
    digests = [keccak(each) for each in DOCUMENTS]
    assert tuple(content_id_text(content_id(each)) for each in digests) == IDS
    assert content_id_text(root_of({"vault": VAULT}, digests)[0]) == ROOT
    assert hashlib.sha256(car()).hexdigest() == FILE


def test_blocks_of_other_writers_are_found():
    assert read(OTHER) == list(DOCUMENTS)
    assert read(car())[1:] == list(DOCUMENTS)


def test_numbers_have_seven_bits_a_byte():
    """Examples of the multiformats' unsigned-varint specification."""
    known = {1: "01", 127: "7f", 128: "8001", 255: "ff01", 300: "ac02", 16_384: "808001"}
    assert {number: varint(number).hex() for number in known} == known


@pytest.mark.parametrize("data", [
    b"", b"\x00", b"\xff" * 100, b"{}", b"\x05abcde", varint(2**62) + b"x",
    bytes.fromhex("0aa16776657273696f6e02") + b"\x00" * 40,  # how version 2 begins
    car()[:-1], car()[:200], car() + b"\x05", car() + b"\x00\x00", car() + b"\xff" * 12,
    header(content_id(keccak(b""))) + varint(40) + b"\x01\x55\x1b\xff\x7f" + b"x" * 40,
])  # fmt: skip
def test_what_is_no_car_is_refused(data):
    with pytest.raises(BadCar):
        read(data)
