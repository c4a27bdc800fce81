"""What others' data is by the ABI, or one error: the decoder has three of its own for data that is
none, and lets an offset that fits no index through as a fourth."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError


class NotAbi(ValueError):
    """Data is not of the types that it must be."""


def abi_values(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """Return the values that data holds.

    Raises:
        NotAbi: it holds none of these types.
    """
    try:
        return decode(types, data)
    except (DecodingError, ValueError, OverflowError) as error:
        raise NotAbi(f"0x{data.hex()[:40]} is no {', '.join(types)}") from error
