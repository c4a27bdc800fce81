"""The venue's two protocols, and which of them an exchange is of: the one place where a market's
record decides how it is held, traded and signed for.
"""

from enum import StrEnum

from strongroom.errors import BadInput


class UnknownProtocol(BadInput):
    """Nothing here holds or signs for it; the message names it."""


class Protocol(StrEnum):
    """Which contracts hold a market's tokens; the values are those of Gamma's `version`."""

    V1 = "v1"  # ConditionalTokens, Exchange V2; ids in `clobTokenIds`
    V2 = "v2"  # PositionManager, Exchange V3; ids in `positionIds`


def protocol_of(version: object) -> Protocol:
    """Return the protocol that a record's `version` names; raises UnknownProtocol."""
    for each in Protocol:
        if version == each.value:
            return each
    known = ", ".join(Protocol)
    raise UnknownProtocol(f"version {version!r} is none of {known}: such markets are left alone")


def protocol_of_exchange(version: str) -> Protocol:
    """Return the protocol whose orders an exchange with this version in its EIP-712 domain takes;
    raises UnknownProtocol."""
    found = {"1": Protocol.V1, "2": Protocol.V1, "3": Protocol.V2}.get(version)
    if found is None:
        raise UnknownProtocol(f"no exchange has version {version!r}: those of the venue have 2, 3")
    return found
