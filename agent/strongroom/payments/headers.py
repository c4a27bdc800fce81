"""x402's headers: base64 of JSON, by the package's own models. What comes is read with care: a text
of many brackets ends a process that reads it with Python's JSON."""

import binascii
from base64 import b64decode
from typing import TypeVar

from pydantic import BaseModel

from strongroom.chain.ids import read_json
from strongroom.errors import BadInput

VERSION = 2
M = TypeVar("M", bound=BaseModel)


class BadHeader(BadInput):
    """A header of x402 cannot be read."""


def decoded(model: type[M], text: str) -> M:
    """Return what a header holds.

    Raises:
        BadHeader: it is no such thing, or of another version of x402.
    """
    try:
        found = read_json(b64decode(text, validate=True))
        if isinstance(found, dict) and found.get("x402Version", VERSION) != VERSION:
            raise BadHeader("only version 2 of x402 is understood: use a client of that version")
        return model.model_validate(found)
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, BadHeader):
            raise
        raise BadHeader("the header is not of x402: send what its client makes") from error
