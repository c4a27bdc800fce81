"""An address as somebody typed it."""

import re

from eth_utils.address import to_checksum_address

from strongroom.errors import BadInput


def typed_address(text: str) -> str:
    """Return an address with its checksum (EIP-55); small letters or capitals alone have none.

    Raises:
        BadInput: it is none, or its checksum does not fit: a digit is another one.
    """
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise BadInput(f"{text!r} is not an address: write 0x and 40 hex digits")
    right, digits = to_checksum_address(text), text[2:]
    if digits not in (digits.lower(), digits.upper()) and text != right:
        raise BadInput(f"{text} is mistyped: its capitals are not those of an address")
    return right
