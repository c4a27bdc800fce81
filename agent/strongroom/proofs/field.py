"""Numbers as a proof has them: elements of the scalar field of BN254, in fixed point.

x stands for x / 2 ** bits; a negative -x for FIELD - x. The upper half of the field is negative.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from eth_abi.abi import encode

from strongroom.chain.ids import keccak, to_hex
from strongroom.errors import BadInput

FIELD = 21888242871839275222246405745257275088548364400416034343698204186575808495617
MOST = 2**40  # of a number that is put in, so that no sum of a forecaster comes near half the field


def to_element(value: Decimal, bits: int) -> int:
    """Return a number as an element: the nearest one, halves away from zero.

    Raises:
        BadInput: no finite number, or too large.
    """
    if not value.is_finite() or abs(value) > MOST:
        raise BadInput(f"{value} is no input: give a number of at most {MOST}")
    return int((value * 2**bits).to_integral_value(ROUND_HALF_UP)) % FIELD


def to_number(element: int, bits: int) -> Fraction:
    """Return the number that an element stands for, exactly.

    Raises:
        BadInput: it is no element.
    """
    if not 0 <= element < FIELD:
        raise BadInput(f"{element} is no element of the field: the proof's file is damaged")
    signed = element if element <= FIELD // 2 else element - FIELD
    return Fraction(signed, 2**bits)


def little_endian(text: str) -> int:
    """Return the element in ezkl's hex text, lowest byte first.

    Raises:
        BadInput: it is none.
    """
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no element of the field: make the proof anew") from error
    found = int.from_bytes(data, "little")
    if len(data) != 32 or found >= FIELD:
        raise BadInput(f"{text!r} is no element of the field: make the proof anew")
    return found


def inputs_hash(inputs: Sequence[int]) -> str:
    """Return the hash under which a gate keeps committed inputs."""
    return to_hex(keccak(encode(["uint256[]"], [list(inputs)])))
