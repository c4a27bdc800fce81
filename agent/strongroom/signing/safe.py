"""Calls of a Safe: several as one (MultiSendCallOnly), the calls that execute them, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from strongroom.chain.calls import Call, make_call
from strongroom.chain.ids import keccak, to_bytes, to_hex
from strongroom.errors import BadInput
from strongroom.signing.hashing import address_word, word

CALL, DELEGATE_CALL = 0, 1
_FACTORY_DOMAIN = keccak(b"EIP712Domain(string name,uint256 chainId,address verifyingContract)")
_FACTORY_NAME = keccak(b"Polymarket Contract Proxy Factory")
_CREATION = keccak(b"CreateProxy(address paymentToken,uint256 payment,address paymentReceiver)")
MULTI_SEND = keccak(b"multiSend(bytes)")[:4]
ZERO_ADDRESS = "0x" + "00" * 20


class NotABatch(BadInput):
    """The data are no plain MultiSend of calls without value."""


@dataclass(frozen=True)
class Batch:
    """What a Safe transaction carries."""

    to: str
    data: bytes
    operation: int


def batch(calls: Sequence[Call], multi_send: str) -> Batch:
    """Return one call as itself, several as one MultiSend: all of them or none."""
    if len(calls) == 1:
        return Batch(to_checksum_address(calls[0].to), to_bytes(calls[0].data), CALL)
    data = MULTI_SEND + encode(["bytes"], [b"".join(map(_packed, calls))])
    return Batch(to_checksum_address(multi_send), data, DELEGATE_CALL)


def unbatch(sent: Batch, multi_send: str) -> list[Call]:
    """Return the calls of a Safe transaction; the inverse of `batch`.

    Raises:
        NotABatch: a delegate call elsewhere than `multi_send`, or data that `batch` would not make.
    """
    if sent.operation == CALL:
        return [Call(sent.to, to_hex(sent.data))]
    if sent.operation != DELEGATE_CALL or sent.to.lower() != multi_send.lower():
        raise NotABatch(f"delegate call to {sent.to}")
    try:
        calls = _unpack(sent.data)
    except (DecodingError, IndexError, ValueError) as error:
        raise NotABatch(f"no MultiSend: {error}") from error
    if len(calls) < 2 or batch(calls, multi_send) != sent:
        raise NotABatch("the data hold more than plain calls without value")
    return calls


def _packed(call: Call) -> bytes:
    """Return a call without value as MultiSend reads it: what it is, to whom, value, data."""
    to, data = to_bytes(to_checksum_address(call.to)), to_bytes(call.data)
    return bytes([CALL]) + to + word(0) + word(len(data)) + data


def _unpack(data: bytes) -> list[Call]:
    length = int.from_bytes(data[36:68], "big")
    packed, calls = data[68 : 68 + length], []
    while packed:
        size = int.from_bytes(packed[53:85], "big")
        calls.append(
            Call(to_checksum_address(to_hex(packed[1:21])), to_hex(packed[85 : 85 + size]))
        )
        packed = packed[85 + size :]
    return calls


def execution(safe: str, sent: Batch, signatures: bytes) -> Call:
    """Return the call of a Safe's `execTransaction`: no value, no refund, no gas limit."""
    about = (sent.to, 0, sent.data, sent.operation, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
    return make_call(safe, "Safe", "execTransaction", *about, signatures)


def creation_digest(factory: str, chain_id: int) -> bytes:
    """Return what a key signs so that the venue's factory makes its Safe, for which nobody pays."""
    place = word(chain_id) + address_word(factory)
    return keccak(
        b"\x19\x01"
        + keccak(_FACTORY_DOMAIN + _FACTORY_NAME + place)
        + keccak(_CREATION + bytes(3 * 32))
    )
